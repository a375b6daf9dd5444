//! Where the files of a Group Policy object are. [MS-GPOL] 2.2.4, `gPCFileSysPath`.
//!
//! The path comes from the directory and goes to a program with a command language of its own, so only the one form that
//! Windows writes is taken, and what is asked for is written anew from its parts.

use core::{fmt, str::FromStr};

use lapwing_core::types::Guid;

use crate::ad::dns::DnsName;

/// The folder of one object: `\\domain\SysVol\domain\Policies\{GUID}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFolder {
    /// The folder within the share that is named for the domain.
    domain: DnsName,
    /// The object's name, as it stands in the path.
    name: String,
    guid: Guid,
}

/// A file of an object, of its half for computers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyFile {
    /// `GPT.INI`, with the version of what lies there.
    Version,
    /// `Machine\Registry.pol`.
    Registry,
}

/// A path that is not of the form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(r"{0:?} is not of the form \\domain\sysvol\domain\Policies\{{GUID}}")]
pub struct PolicyFolderError(String);

impl PolicyFolder {
    /// The object that this is the folder of.
    #[must_use]
    pub const fn guid(&self) -> Guid {
        self.guid
    }

    /// The path of a file within the share: letters, digits, `.-_{}` and slashes.
    #[must_use]
    pub fn file(&self, file: PolicyFile) -> String {
        format!("{}/Policies/{}/{file}", self.domain, self.name)
    }
}

impl fmt::Display for PolicyFile {
    /// As Windows writes it; servers know no case here.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Version => "GPT.INI",
            Self::Registry => "Machine/Registry.pol",
        })
    }
}

impl FromStr for PolicyFolder {
    type Err = PolicyFolderError;

    fn from_str(path: &str) -> Result<Self, PolicyFolderError> {
        let error = || PolicyFolderError(path.chars().take(160).collect());
        let bare = path.strip_prefix(r"\\").ok_or_else(error)?;
        let mut parts = bare.split('\\');
        let [Some(server), Some(share), Some(domain), Some(policies), Some(name), None] =
            core::array::from_fn(|_| parts.next())
        else {
            return Err(error());
        };
        let guid = name.parse().map_err(|_not_a_guid| error())?;
        let domain = DnsName::parse(domain).map_err(|_not_a_name| error())?;
        let is_of_the_form = DnsName::parse(server).is_ok()
            && share.eq_ignore_ascii_case("sysvol")
            && policies.eq_ignore_ascii_case("policies")
            && name.starts_with('{');
        is_of_the_form.then(|| Self { domain, name: name.to_owned(), guid }).ok_or_else(error)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PATH: &str = r"\\corp.example\SysVol\corp.example\Policies\{31B2F340-016D-11D2-945F-00C04FB984F9}";

    #[test]
    fn the_form_of_windows_and_of_samba_is_taken() {
        for path in [PATH.to_owned(), PATH.replace("SysVol", "sysvol").replace("Policies", "POLICIES")] {
            let folder: PolicyFolder = path.parse().unwrap();
            let below = "corp.example/Policies/{31B2F340-016D-11D2-945F-00C04FB984F9}";
            assert_eq!(folder.file(PolicyFile::Registry), format!("{below}/Machine/Registry.pol"));
            assert_eq!(folder.file(PolicyFile::Version), format!("{below}/GPT.INI"));
            assert_eq!(folder.guid(), "31b2f340-016d-11d2-945f-00c04fb984f9".parse().unwrap());
        }
    }

    #[test]
    fn nothing_that_a_command_language_could_mean_gets_through() {
        let odd = [
            PATH.replacen("corp.example", "corp.example;", 2),
            PATH.replace(r"\corp.example\Pol", "\\corp.example\";rm x;\"\\Pol"),
            PATH.replace(r"\corp.example\Pol", "\\corp\nexample\\Pol"),
            PATH.replace(r"\corp.example\Pol", r"\..\Pol"),
            PATH.replace(r"\corp.example\Pol", r"\corp..example\Pol"),
            PATH.replace(r"\Policies", r"\Policies\.."),
            PATH.replace('\\', "/"),
            PATH.replace("SysVol", "C$"),
            PATH.replace("Policies", "scripts"),
            PATH.replace(['{', '}'], ""),
            format!(r"{PATH}\Machine"),
            format!("{PATH} "),
            PATH.trim_start_matches('\\').to_owned(),
            String::new(),
        ];
        for path in odd {
            assert!(path.parse::<PolicyFolder>().is_err(), "{path:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_taken_asks_for_plain_signs_alone(at in 0..PATH.len(), sign: char) {
            let mut path = PATH.to_owned();
            path.replace_range(at..=at, sign.encode_utf8(&mut [0; 4]));
            if let Ok(folder) = path.parse::<PolicyFolder>() {
                let asked = folder.file(PolicyFile::Registry);
                prop_assert!(asked.bytes().all(|b| b.is_ascii_alphanumeric() || b"./{}-_".contains(&b)), "{asked}");
                prop_assert!(!asked.contains(".."), "{asked}");
            }
        }

        #[test]
        fn arbitrary_text_never_panics(path: String) {
            prop_assert!(path.parse::<PolicyFolder>().is_err());
        }
    }
}
