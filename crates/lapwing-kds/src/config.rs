//! `kds.toml`: what the administrator decides. Without the file everything is as it is on a controller of Samba's.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// Where it is looked for.
pub(crate) const PATH: &str = "/etc/lapwing/kds.toml";

/// Outside the ports that the system gives to connections of its own, and those that Samba gives to its services.
pub(crate) const PORT: u16 = 14_135;

/// The file as text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    /// Where it listens; port 0 takes a free one.
    pub(crate) listen: SocketAddr,
    /// The keys of the controller's own names. Root's alone.
    pub(crate) keytab: PathBuf,
    /// The socket of Samba's directory that gives every right. Root's alone.
    pub(crate) ldapi: PathBuf,
    /// An address of this host whose port 135 is free, on which to tell where this service listens.
    pub(crate) endpoint_mapper: Option<Ipv4Addr>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), PORT),
            keytab: "/var/lib/samba/private/secrets.keytab".into(),
            ldapi: "/var/lib/samba/private/ldap_priv/ldapi".into(),
            endpoint_mapper: None,
        }
    }
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("cannot read {}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} is not valid", path.display())]
    Malformed { path: PathBuf, source: Box<toml::de::Error> },
}

impl Config {
    /// Reads this file, or the usual one if it is there.
    pub(crate) fn read(path: Option<&Path>) -> Result<Self, ConfigError> {
        let file = path.unwrap_or(Path::new(PATH));
        match std::fs::read_to_string(file) {
            Ok(text) => toml::from_str(&text)
                .map_err(|source| ConfigError::Malformed { path: file.to_owned(), source: source.into() }),
            Err(error) if path.is_none() && error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(ConfigError::Unreadable { path: file.to_owned(), source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_as_on_a_controller_of_sambas() {
        assert_eq!(toml::from_str::<Config>("").unwrap(), Config::default());
        let config: Config =
            toml::from_str("listen = \"192.0.2.1:14135\"\nendpoint_mapper = \"192.0.2.2\"").unwrap();
        assert_eq!(config.listen, "192.0.2.1:14135".parse().unwrap());
        assert_eq!(config.endpoint_mapper, Some(Ipv4Addr::new(192, 0, 2, 2)));
        assert_eq!(config.keytab, Config::default().keytab);
        for wrong in ["port = 1", "listen = \"dc1\"", "endpoint_mapper = \"::1\""] {
            toml::from_str::<Config>(wrong).unwrap_err();
        }
    }

    #[test]
    fn a_file_that_was_named_must_be_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("kds.toml");
        assert!(matches!(Config::read(Some(&path)), Err(ConfigError::Unreadable { .. })));
        std::fs::write(&path, "keytab = \"/k\"").unwrap();
        assert_eq!(Config::read(Some(&path)).unwrap().keytab, Path::new("/k"));
    }
}
