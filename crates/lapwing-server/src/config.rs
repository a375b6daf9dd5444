//! `server.toml`: what the operator decides. Written by `setup`, edited by hand.

use core::num::NonZeroU32;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

/// The file as text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// What clients call this server: `https://host` or `https://host:port`.
    pub(crate) url: String,
    /// Where it listens; by default on all addresses at the URL's port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) listen: Option<SocketAddr>,
    /// What devices call it where they show their certificates; by default the URL's host at another port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) device_url: Option<String>,
    /// Where it listens for devices; by default on the addresses of `listen` at the port of the devices' URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) device_listen: Option<SocketAddr>,
    /// A certificate chain in PEM, instead of one of the server's own authority.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) certificate: Option<PathBuf>,
    /// Its private key in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) key: Option<PathBuf>,
    /// Whether devices are offered our extension. Without it this server is to them what Entra ID is: passwords arrive
    /// in clear text inside TLS, and no version is compared or told.
    #[serde(default = "yes")]
    pub(crate) extension: bool,
    #[serde(default)]
    pub(crate) limits: Limits,
}

const fn yes() -> bool {
    true
}

/// How often one address or device may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Limits {
    /// Requests at once from one address.
    pub(crate) address_burst: u32,
    /// Requests a second from one address after that.
    pub(crate) address_per_second: u32,
    /// Stores at once of one device.
    pub(crate) device_burst: u32,
    /// Stores an hour of one device after that.
    pub(crate) device_per_hour: u32,
    /// Connections at once, of all addresses; those of devices apart.
    pub(crate) connections: u32,
    /// Connections of devices at once; each device that waits to be woken has one.
    pub(crate) device_connections: u32,
    /// Devices that are woken a second when many are.
    pub(crate) wake_ups_per_second: NonZeroU32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            address_burst: 2000,
            address_per_second: 200,
            device_burst: 30,
            device_per_hour: 120,
            connections: 4096,
            device_connections: 20_000,
            wake_ups_per_second: NonZeroU32::new(100).unwrap_or(NonZeroU32::MIN),
        }
    }
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("the URL {0:?} is not of the form https://host or https://host:port")]
    Url(String),
    #[error("{path} cannot be read")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{path} is malformed")]
    Malformed { path: PathBuf, source: toml::de::Error },
    #[error("a certificate needs its key and a key its certificate")]
    HalfIdentity,
    #[error("devices need an address of their own, and {0:?} is everybody's")]
    SharedUrl(String),
}

/// The devices' port where everybody's is the one of HTTPS.
const DEVICE_PORT_DEFAULT: u16 = 8443;
const HTTPS_PORT: u16 = 443;

/// The parts of the server's URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin {
    /// A DNS name or an address, without brackets.
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
}

impl Origin {
    /// Reads `https://host[:port]`.
    pub(crate) fn parse(url: &str) -> Result<Self, ConfigError> {
        let error = || ConfigError::Url(url.to_owned());
        let authority = url.strip_prefix("https://").ok_or_else(error)?.trim_end_matches('/');
        let (host, port) = match authority.strip_prefix('[') {
            Some(v6) => {
                let (host, rest) = v6.split_once(']').ok_or_else(error)?;
                host.parse::<std::net::Ipv6Addr>().map_err(|_| error())?;
                (host, rest.strip_prefix(':').or_else(|| (!rest.is_empty()).then_some(rest)))
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            },
        };
        let port = port.map(|port| port.parse().map_err(|_| error())).transpose()?;
        let is_host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
        if host.is_empty() || !host.chars().all(is_host) {
            return Err(error());
        }
        Ok(Self { host: host.to_ascii_lowercase(), port })
    }

    /// The port that its URL means; 0 stands for "the one bound".
    pub(crate) fn port(&self) -> u16 {
        self.port.unwrap_or(HTTPS_PORT)
    }

    /// Where devices are asked for certificates, if nothing else is configured.
    fn of_devices(&self) -> Self {
        let port = match self.port() {
            0 => 0,
            HTTPS_PORT => DEVICE_PORT_DEFAULT,
            port => port.checked_add(1).unwrap_or(DEVICE_PORT_DEFAULT),
        };
        Self { host: self.host.clone(), port: Some(port) }
    }

    /// The URL with `port`, which replaces the one configured (0 stands for "the one bound").
    pub(crate) fn url_with_port(&self, port: u16) -> String {
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        if port == HTTPS_PORT { format!("https://{host}") } else { format!("https://{host}:{port}") }
    }

    /// What stands after `urn:ms-drs:` in the audience of device tokens.
    pub(crate) fn resource(&self) -> String {
        format!("urn:ms-drs:{}", self.host)
    }
}

impl Config {
    pub(crate) fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        let config: Self = toml::from_str(&text)
            .map_err(|source| ConfigError::Malformed { path: path.to_owned(), source })?;
        if config.certificate.is_some() != config.key.is_some() {
            return Err(ConfigError::HalfIdentity);
        }
        config.origins()?;
        Ok(config)
    }

    /// What everybody and what devices call this server.
    pub(crate) fn origins(&self) -> Result<(Origin, Origin), ConfigError> {
        let origin = Origin::parse(&self.url)?;
        let of_devices = match &self.device_url {
            Some(url) => Origin::parse(url)?,
            None => origin.of_devices(),
        };
        if origin.host == of_devices.host && origin.port() == of_devices.port() && origin.port() != 0 {
            return Err(ConfigError::SharedUrl(self.url.clone()));
        }
        Ok((origin, of_devices))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_host_and_perhaps_a_port() {
        let table = [
            ("https://laps.example", "laps.example", None),
            ("https://Laps.Example:8443/", "laps.example", Some(8443)),
            ("https://127.0.0.1:0", "127.0.0.1", Some(0)),
            ("https://[::1]:8443", "::1", Some(8443)),
            ("https://[::1]", "::1", None),
        ];
        for (url, host, port) in table {
            assert_eq!(Origin::parse(url).unwrap(), Origin { host: host.to_owned(), port }, "{url}");
        }
        for url in [
            "http://a",
            "https://",
            "https://a:b",
            "https://a/b",
            "https://[::1",
            "https://[x]",
            "https://a b",
        ] {
            assert!(Origin::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn devices_have_a_port_of_their_own() {
        let origins = |lines: &str| toml::from_str::<Config>(lines).unwrap().origins();
        let table = [
            ("url = 'https://h'", "https://h:8443"),
            ("url = 'https://h:443'", "https://h:8443"),
            ("url = 'https://h:8443'", "https://h:8444"),
            ("url = 'https://h:65535'", "https://h:8443"),
            ("url = 'https://h:0'", "https://h:0"),
            ("url = 'https://h'\ndevice_url = 'https://devices.h'", "https://devices.h"),
        ];
        for (lines, url) in table {
            let (_, of_devices) = origins(lines).unwrap();
            assert_eq!(of_devices.url_with_port(of_devices.port()), url, "{lines}");
        }
        let shared = origins("url = 'https://h'\ndevice_url = 'https://H:443'");
        assert!(matches!(shared, Err(ConfigError::SharedUrl(_))), "{shared:?}");
    }

    #[test]
    fn the_standard_port_is_left_out() {
        let origin = Origin::parse("https://[::1]:0").unwrap();
        assert_eq!(origin.url_with_port(443), "https://[::1]");
        assert_eq!(origin.url_with_port(8443), "https://[::1]:8443");
    }
}
