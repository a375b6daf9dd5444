//! `[active_directory]` in `/etc/lapwing/agent.toml`: what this host cannot find out by itself. All of it is optional.

use core::str::Utf8Error;

use lapwing_proto::ad::dns::{DnsName, DnsNameError, SiteName};

use super::{
    channel::Protection,
    locate::{KeyService, KeyServiceError, Place},
};

/// The table, understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AdSettings {
    /// The domain, where the keytab's is not the one.
    pub domain: Option<DnsName>,
    /// The site, where the domain does not know this host's subnet.
    pub site: Option<SiteName>,
    /// The controllers, where DNS does not name them.
    pub controllers: Vec<Place>,
    /// How connections are protected.
    pub protection: Protection,
    /// Who gives group keys, where neither DNS nor the controllers tell.
    pub kds: Vec<KeyService>,
}

/// What is wrong with the table.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AdSettingsError {
    /// Not text, and so not TOML.
    #[error(transparent)]
    Text(#[from] Utf8Error),
    /// Not TOML, or a member is unknown or of the wrong type.
    #[error(transparent)]
    Toml(#[from] Box<toml::de::Error>),
    /// A member is no name.
    #[error("{value:?} cannot be the {member}")]
    Name {
        /// Which member.
        member: &'static str,
        /// What it holds.
        value: String,
        /// Why not.
        source: DnsNameError,
    },
    /// One that is to give group keys cannot be asked.
    #[error("{value:?} cannot be one of the kds")]
    KeyService {
        /// What was named.
        value: String,
        /// Why not.
        source: KeyServiceError,
    },
}

impl AdSettingsError {
    /// What to do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        "correct [active_directory] in /etc/lapwing/agent.toml"
    }
}

/// The file as far as it is about this.
#[derive(serde::Deserialize)]
struct File {
    #[serde(default)]
    active_directory: Table,
}

#[derive(Default, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    domain: Option<String>,
    site: Option<String>,
    #[serde(default)]
    controllers: Vec<String>,
    #[serde(default)]
    ldaps: bool,
    #[serde(default)]
    kds: Vec<String>,
}

impl AdSettings {
    /// Reads the table of a whole `agent.toml`; without one everything is found out.
    ///
    /// # Errors
    /// [`AdSettingsError`] if it holds what it cannot.
    pub fn parse(agent_toml: &[u8]) -> Result<Self, AdSettingsError> {
        let File { active_directory: table } =
            toml::from_str(str::from_utf8(agent_toml)?).map_err(Box::new)?;
        let wrong = |member: &'static str, value: &str| {
            let value = value.to_owned();
            move |source| AdSettingsError::Name { member, value, source }
        };
        let domain = table.domain.map(|name| DnsName::parse(&name).map_err(wrong("domain", &name)));
        let site = table.site.map(|name| SiteName::parse(&name).map_err(wrong("site", &name)));
        let controllers =
            table.controllers.iter().map(|name| name.parse().map_err(wrong("controllers", name)));
        let kds = table.kds.iter().map(|service| {
            let wrong = |source| AdSettingsError::KeyService { value: service.clone(), source };
            service.parse().map_err(wrong)
        });
        Ok(Self {
            domain: domain.transpose()?,
            site: site.transpose()?,
            controllers: controllers.collect::<Result<_, _>>()?,
            protection: if table.ldaps { Protection::Tls } else { Protection::Sealed },
            kds: kds.collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_may_be_left_out_and_everything_may_be_said() {
        assert_eq!(
            AdSettings::parse(b"server = \"https://lapwing.example\"").unwrap(),
            AdSettings::default()
        );
        let all = br#"
            [active_directory]
            domain = "Example.com"
            site = "Hill"
            controllers = ["dc1.example.com", "10.0.0.2", "fd00::2"]
            ldaps = true
            kds = ["dc1.example.com:49700"]
        "#;
        let expected = AdSettings {
            domain: Some(DnsName::parse("example.com").unwrap()),
            site: Some(SiteName::parse("Hill").unwrap()),
            controllers: vec![
                Place::Name(DnsName::parse("dc1.example.com").unwrap()),
                Place::Address("10.0.0.2".parse().unwrap()),
                Place::Address("fd00::2".parse().unwrap()),
            ],
            protection: Protection::Tls,
            kds: vec![KeyService { name: DnsName::parse("dc1.example.com").unwrap(), port: 49_700 }],
        };
        assert_eq!(AdSettings::parse(all).unwrap(), expected);
    }

    #[test]
    fn what_cannot_be_is_refused_with_its_member() {
        for (line, expected) in [
            ("domain = \"a b\"", "\"a b\" cannot be the domain"),
            ("site = \"a.b\"", "\"a.b\" cannot be the site"),
            ("controllers = [\"dc1\", \"\"]", "\"\" cannot be the controllers"),
            ("ldaps = \"yes\"", "invalid type"),
            ("kdc = \"dc1\"", "unknown field"),
            ("kds = [\"dc1\"]", "\"dc1\" cannot be one of the kds"),
            ("kds = [\"dc1:0\"]", "\"dc1:0\" cannot be one of the kds"),
            ("kds = [\"a b:1\"]", "\"a b:1\" cannot be one of the kds"),
            ("kds = [\"10.0.0.2:1\"]", "\"10.0.0.2:1\" cannot be one of the kds"),
        ] {
            let error = AdSettings::parse(format!("[active_directory]\n{line}").as_bytes()).unwrap_err();
            assert!(error.to_string().contains(expected), "{line}: {error}");
        }
        assert!(matches!(AdSettings::parse(b"\xff"), Err(AdSettingsError::Text(_))));
    }
}
