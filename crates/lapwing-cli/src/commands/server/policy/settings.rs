//! Settings as the command line gives them, held against the CSP's own table before anything is sent.

use lapwing_core::{
    csp::{Tree, VALUE_LEN_MAX},
    policy::{Kind, PolicyRoot, Setting},
};
use lapwing_proto::graph::{CatalogError, read_settings, write_settings};
use serde_json::Value;

use crate::failure::{Code, Failure};

/// What is wrong with one setting.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
enum SettingError {
    #[error("{0:?} is not NAME=VALUE")]
    Shape(String),
    #[error("{name} is no setting of the LAPS CSP{}", hint.map(|hint| format!("; is {hint} meant?")).unwrap_or_default())]
    Unknown { name: String, hint: Option<&'static str> },
    #[error("{0} has no node in the LAPS CSP; set it on the host, in /etc/lapwing/policy.toml")]
    LocalOnly(Setting),
    #[error("{setting} cannot be {value:?}; it takes {takes}")]
    Value { setting: Setting, value: String, takes: String },
    #[error("{0} is given twice; leave one out")]
    Twice(Setting),
}

/// All that is wrong, as a chain, so that a failure prints one line for each.
#[derive(Debug, thiserror::Error)]
#[error("{first}")]
struct Faults {
    first: SettingError,
    #[source]
    next: Option<Box<Self>>,
}

#[derive(Debug, thiserror::Error)]
#[error("these settings are no LAPS policy")]
struct NoPolicy {
    #[source]
    why: Faults,
}

#[derive(Debug, thiserror::Error)]
#[error("these settings do not fit together")]
struct DoNotFit(#[source] CatalogError);

fn find(name: &str) -> Result<Setting, SettingError> {
    let known = Setting::ALL.iter().copied().find(|setting| setting.name().eq_ignore_ascii_case(name));
    match known {
        Some(setting) if setting.has_csp_node() => Ok(setting),
        Some(setting) => Err(SettingError::LocalOnly(setting)),
        None => {
            Err(SettingError::Unknown { name: name.to_owned(), hint: PolicyRoot::Csp.nearest_name(name) })
        }
    }
}

/// One `NAME=VALUE`, with the value as the CSP takes it.
fn parse(text: &str) -> Result<(Setting, String), SettingError> {
    let (name, value) = text.split_once('=').ok_or_else(|| SettingError::Shape(text.to_owned()))?;
    let setting = find(name.trim())?;
    let (value, takes) = match setting.kind() {
        Kind::Integer { allowed, .. } => {
            let number = value.trim().parse::<u16>().ok().filter(|number| allowed.contains(*number));
            (number.map(|number| number.to_string()).ok_or(value), allowed.to_string())
        }
        Kind::Boolean { .. } => {
            let known = ["true", "false"].into_iter().find(|known| known.eq_ignore_ascii_case(value.trim()));
            (known.map(str::to_owned).ok_or(value), "true or false".to_owned())
        }
        Kind::Text { .. } => {
            let fits = value.len() <= VALUE_LEN_MAX;
            (fits.then(|| value.to_owned()).ok_or(value), format!("at most {VALUE_LEN_MAX} bytes"))
        }
    };
    match value {
        Ok(value) => Ok((setting, value)),
        Err(value) => Err(SettingError::Value { setting, value: value.to_owned(), takes }),
    }
}

/// The settings of `current`, changed as the command line says.
///
/// # Errors
/// Tells everything that is wrong at once; nothing was sent.
pub(super) fn changed(current: &[Value], set: &[String], unset: &[String]) -> Result<Vec<Value>, Failure> {
    let tree = read_settings(current).map_err(|error| not_laps(&error))?;
    let mut values: Vec<(Setting, String)> =
        tree.values().map(|(setting, data)| (setting, data.to_owned())).collect();
    let (mut given, mut errors) = (Vec::new(), Vec::new());
    for text in unset {
        match find(text.trim()) {
            Ok(setting) => values.retain(|(known, _)| *known != setting),
            Err(error) => errors.push(error),
        }
    }
    for text in set {
        match parse(text) {
            Ok((setting, _)) if given.contains(&setting) => errors.push(SettingError::Twice(setting)),
            Ok((setting, value)) => {
                given.push(setting);
                values.retain(|(known, _)| *known != setting);
                values.push((setting, value));
            }
            Err(error) => errors.push(error),
        }
    }
    if let Some(why) = chain(errors) {
        let next_step = "correct these; nothing was sent";
        return Err(Failure::new(Code::Usage, NoPolicy { why }, next_step));
    }
    let defect = |setting| {
        Failure::new(Code::Failed, format!("{setting} cannot be set"), "report this: it is a defect")
    };
    let tree = Tree::holding(values).map_err(defect)?;
    write_settings(&tree).map_err(|error| {
        let next_step = format!("{}; nothing was sent", error.next_step());
        Failure::new(Code::Usage, DoNotFit(error), next_step)
    })
}

/// What is wrong with a policy in a file, or one that a server gives.
pub(super) fn not_laps(error: &CatalogError) -> Failure {
    Failure::new(Code::Failed, error.to_string(), format!("{}; nothing was sent", error.next_step()))
}

fn chain(errors: Vec<SettingError>) -> Option<Faults> {
    let link = |next: Option<Box<Faults>>, first| Some(Box::new(Faults { first, next }));
    errors.into_iter().rev().fold(None, link).map(|faults| *faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn report(set: &[&str], unset: &[&str]) -> String {
        changed(&[], &texts(set), &texts(unset)).unwrap_err().report()
    }

    #[test]
    fn every_setting_of_the_csp_can_be_given_and_comes_back_as_it_is() {
        let given = texts(&[
            "BackupDirectory=2",
            "passwordagedays=20",
            "PasswordComplexity=6",
            "PassphraseLength=5",
            "PasswordLength=20",
            "AdministratorAccountName=admin",
            "PasswordExpirationProtectionEnabled=TRUE",
            "ADPasswordEncryptionEnabled=true",
            "ADPasswordEncryptionPrincipal=EXAMPLE\\helpdesk",
            "ADEncryptedPasswordHistorySize=3",
            "PostAuthenticationActions=11",
            "PostAuthenticationResetDelay=4",
            "AutomaticAccountManagementEnabled=true",
            "AutomaticAccountManagementTarget=1",
            "AutomaticAccountManagementNameOrPrefix=adm",
            "AutomaticAccountManagementEnableAccount=false",
            "AutomaticAccountManagementRandomizeName=true",
        ]);
        let nodes = Setting::ALL.iter().filter(|setting| setting.has_csp_node()).count();
        assert_eq!(given.len(), nodes, "one is not tried");
        let written = changed(&[], &given, &[]).unwrap();
        let tree = read_settings(&written).unwrap();
        assert_eq!(tree.values().count(), nodes);
        assert_eq!(tree.value(Setting::PasswordExpirationProtectionEnabled), Some("true"));
        assert_eq!(changed(&written, &[], &[]).unwrap(), written);
    }

    #[test]
    fn an_edit_keeps_what_it_does_not_name() {
        let written = changed(&[], &texts(&["BackupDirectory=1", "PasswordLength=20"]), &[]).unwrap();
        let edited = changed(&written, &texts(&["PasswordLength=30", "PasswordAgeDays=9"]), &[]).unwrap();
        let tree = read_settings(&edited).unwrap();
        let values: Vec<_> = tree.values().collect();
        assert_eq!(
            values,
            [
                (Setting::BackupDirectory, "1"),
                (Setting::PasswordAgeDays, "9"),
                (Setting::PasswordLength, "30"),
            ]
        );
        let unset = changed(&edited, &[], &texts(&["PasswordLength", "PasswordAgeDays"])).unwrap();
        assert_eq!(read_settings(&unset).unwrap().values().count(), 1);
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let set = [
            "PasswordLength=7",
            "PasswordLenght=20",
            "BackupDirectory",
            "ActivationGraceMinutes=5",
            "PasswordComplexity=4",
            "PasswordComplexity=5",
            "ADPasswordEncryptionEnabled=1",
        ];
        insta::assert_snapshot!(report(&set, &["Nothing"]));
    }

    #[test]
    fn a_setting_without_its_parent_is_refused_by_name() {
        insta::assert_snapshot!(report(&["PasswordComplexity=4", "PassphraseLength=5"], &[]));
    }
}
