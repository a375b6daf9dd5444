//! The commands for Active Directory, one file each, and what they share: whom they ask and as whom ([`DomainArgs`]), the
//! controller that answers ([`Session`]), and how its refusals are told.

pub(crate) mod add_kds_root_key;
mod backup;
mod computer;
pub(crate) mod export_kds_root_key;
pub(crate) mod find_ad_extended_rights;
pub(crate) mod get_ad_password;
pub(crate) mod get_kds_root_key;
mod ldif;
pub(crate) mod list_ad_permissions;
mod opener;
mod permissions;
pub(crate) mod report_ad;
pub(crate) mod revoke_ad_permission;
mod session;
pub(crate) mod set_ad_auditing;
pub(crate) mod set_ad_computer_self_permission;
pub(crate) mod set_ad_password_expiration_time;
pub(crate) mod set_ad_read_password_permission;
pub(crate) mod set_ad_reset_password_permission;
pub(crate) mod update_ad_schema;

use std::borrow::Cow;

use lapwing_client::ad::{AdError, ConnectError, KerberosError};
use lapwing_proto::ad::refusal::AdRefusal;

pub(crate) use self::session::{DomainArgs, Session};
use crate::{
    failure::{Code, Failure},
    output,
    terminal::{self, Otherwise},
};

impl From<AdError> for Failure {
    fn from(error: AdError) -> Self {
        let code = code_of(&error);
        let next_step = match error.refusal() {
            Some(refusal) => next_step_of(refusal),
            None => error.next_step(),
        };
        Self::new(code, error, next_step)
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        let next_step = match error.refused().and_then(AdError::refusal) {
            Some(refusal) => next_step_of(refusal),
            None => error.next_step(),
        };
        let code = error.refused().map_or(Code::Unreachable, code_of);
        Self::new(code, error, next_step)
    }
}

impl From<KerberosError> for Failure {
    fn from(error: KerberosError) -> Self {
        let next_step = error.next_step();
        Self::new(code_of_kerberos(&error), error, next_step)
    }
}

/// A failure whose next step, where the directory says no to the right itself, is that of the command.
fn refused(error: AdError, next_step: impl Into<Cow<'static, str>>) -> Failure {
    match error.refusal() {
        Some(AdRefusal::NoRight) => Failure::new(Code::Refused, error, next_step),
        _ => error.into(),
    }
}

fn code_of(error: &AdError) -> Code {
    match error {
        AdError::Kerberos { source, .. } => code_of_kerberos(source),
        AdError::Refused { refusal, .. } => match refusal {
            AdRefusal::NoRight | AdRefusal::InvalidCredentials => Code::Refused,
            AdRefusal::NoSuchObject => Code::NotFound,
            AdRefusal::Busy => Code::Unreachable,
            _ => Code::Failed,
        },
        AdError::Unreachable { .. }
        | AdError::TimedOut { .. }
        | AdError::Closed { .. }
        | AdError::Tls { .. } => Code::Unreachable,
        _ => Code::Failed,
    }
}

const fn code_of_kerberos(error: &KerberosError) -> Code {
    match error {
        KerberosError::Unreachable(_) | KerberosError::TimedOut(_) => Code::Unreachable,
        KerberosError::Other(_) => Code::Failed,
        _ => Code::Refused,
    }
}

/// What an administrator does about a refusal; those of [`AdRefusal::next_step`] are for a device.
const fn next_step_of(refusal: AdRefusal) -> &'static str {
    match refusal {
        AdRefusal::InvalidCredentials => "check the account and its password",
        AdRefusal::NoRight => "use an account that may, by another ticket or --user",
        AdRefusal::ReadOnly => {
            "if that belongs to another domain, name it with --domain; if the controller is a read-only one, name another with --server"
        }
        AdRefusal::NoSuchObject => "check the name",
        AdRefusal::Overtaken | AdRefusal::Busy => "run the command again",
        // sizeLimitExceeded and adminLimitExceeded.
        AdRefusal::Other(4 | 11) => "ask for less, or have the controller's limits on answers raised",
        AdRefusal::NotProtected
        | AdRefusal::NotInSchema
        | AdRefusal::NotOnComputer
        | AdRefusal::BadValue
        | AdRefusal::Unwilling
        | AdRefusal::Other(_) => refusal.next_step(),
    }
}

/// How a change is made.
#[derive(Debug, clap::Args)]
pub(crate) struct Caution {
    /// Only tell what would be changed
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Make the change without a question
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) yes: bool,
}

impl Caution {
    /// Asks whether to make the change that was just shown; false if showing it was all.
    pub(crate) fn is_agreed(&self, question: &str) -> Result<bool, Failure> {
        if self.yes || self.dry_run {
            return Ok(self.yes);
        }
        let otherwise = Otherwise {
            refused: "nothing was changed",
            undone: "nothing is changed",
            next_step: "see what would be changed with --dry-run, then add --yes",
        };
        terminal::must_agree(&output::shown(question), &otherwise).map(|()| true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: u32) -> AdError {
        let refusal = AdRefusal::from_result_code(code).unwrap();
        AdError::Refused { peer: "dc1.example.com".to_owned(), refusal, code, diagnostic: String::new() }
    }

    #[test]
    fn each_refusal_tells_an_administrator_what_to_do() {
        for (code, exit, next) in [
            (4, Code::Failed, "ask for less"),
            (10, Code::Failed, "--domain"),
            (11, Code::Failed, "ask for less"),
            (32, Code::NotFound, "check the name"),
            (49, Code::Refused, "password"),
            (50, Code::Refused, "--user"),
            (51, Code::Unreachable, "again"),
            (53, Code::Failed, "log of the domain controller"),
            (65, Code::Failed, "update-ad-schema"),
            (80, Code::Failed, "RFC 4511"),
        ] {
            let failure = Failure::from(refusal(code));
            assert_eq!(failure.code, exit, "{code}");
            let report = failure.report();
            assert!(report.contains(&format!("(LDAP result {code})")) && report.contains(next), "{report}");
        }
        // A device's advice is for no administrator.
        assert!(!Failure::from(refusal(50)).report().contains("self-permission"));
    }

    #[test]
    fn a_command_says_itself_who_may_and_nothing_of_other_refusals() {
        assert!(refused(refusal(50), "ask Ann").report().contains("next: ask Ann"));
        assert!(!refused(refusal(51), "ask Ann").report().contains("Ann"));
    }
}
