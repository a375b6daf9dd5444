//! Who this host is in its directory: a few lines of configuration, a key and two certificates.
//!
//! | file | mode | holds |
//! |---|---|---|
//! | `/etc/lapwing/agent.toml` | 0644 | server, tenant, device id, group of local administrators, proxy |
//! | `/etc/lapwing/proxy-credentials` | 0640 | user and password for the proxy, if it asks for them; nothing here writes it |
//! | `/var/lib/lapwing/device.key` | 0600 | the device's private key, PKCS#8 in PEM |
//! | `/var/lib/lapwing/device.crt` | 0600 | its certificate |
//! | `/var/lib/lapwing/renewal.key` | 0600 | the key of its next certificate, while that is asked for: [`renewal`] |
//! | `/var/lib/lapwing/machine-id` | 0600 | the machine on which the identity was used first: [`machine`] |
//! | `/var/lib/lapwing/authority.crt` | 0600 | the one authority that the server's certificate must lead to, if pinned |
//!
//! The files in `/var/lib/lapwing` belong to the owner of that folder, the user `lapwing`, whoever wrote them.
//! `agent.toml` is written last: while it is not there, the host is not enrolled.
//!
//! All functions here block on the disk.

pub mod files;
mod key;
pub mod machine;
mod proxy;
pub mod renewal;

use core::{str::Utf8Error, time::Duration};
use std::{
    io,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lapwing_core::{
    management::CertificateLife,
    types::{DeviceId, FileTime, GuidError, TenantId},
};
use x509_parser::prelude::{ASN1Time, FromDer as _, X509Certificate};

use crate::transport::{
    CertificateDer, CertificateDigest, ClientCertificate, Dialer, HttpsUrl, Limits, PrivateKeyDer, Proxy,
    ProxyCredentialsError, ProxyError, TransportError, Trust, UrlError,
};

pub use self::{
    files::Root,
    key::{DeviceKey, KeyError},
};

/// This host as a member of a tenant.
#[derive(Debug)]
pub struct Identity {
    /// The configuration's part.
    pub settings: AgentSettings,
    /// The device's key.
    pub key: DeviceKey,
    /// The device's certificate.
    pub certificate: CertificateDer<'static>,
    /// The authority that the server's certificate must lead to; without one the host's trust store decides.
    pub authority: Option<CertificateDer<'static>>,
}

/// `/etc/lapwing/agent.toml`, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentSettings {
    /// The server's origin; `https://enterpriseregistration.windows.net` for Entra ID.
    pub server: HttpsUrl,
    /// The tenant.
    pub tenant: TenantId,
    /// The device's id there.
    pub device: DeviceId,
    /// The local group that may ask for rotations beside root.
    pub admin_group: Option<String>,
    /// The proxy that every connection goes through.
    pub proxy: Option<Proxy>,
}

/// Why an identity cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// There is no `agent.toml`.
    #[error("this host is not enrolled: there is no {}", path.display())]
    NotEnrolled {
        /// Where it would be.
        path: PathBuf,
    },
    /// The identity is that of another machine.
    #[error("this may be a copy of the host that enrolled: {} has another machine id", path.display())]
    OtherMachine {
        /// Where that is written down.
        path: PathBuf,
    },
    /// A file holds a secret, and others may read or change it.
    #[error("{} holds a secret, and others than root and its group may read or write it", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("{} cannot be written", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The configuration is not TOML, or has members that it cannot have.
    #[error("{} is not valid", path.display())]
    Settings {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: SettingsError,
    },
    /// A key or certificate is damaged.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: KeyError,
    },
}

/// What is wrong with `agent.toml`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// Not text, and so not TOML.
    #[error(transparent)]
    Text(#[from] Utf8Error),
    /// Not TOML, or a member is missing, unknown or of the wrong type.
    #[error(transparent)]
    Toml(#[from] Box<toml::de::Error>),
    /// Not TOML, found when it was to be changed.
    #[error(transparent)]
    Edit(#[from] Box<toml_edit::TomlError>),
    /// The tenant or the device is no GUID.
    #[error(transparent)]
    Guid(#[from] GuidError),
    /// The server's address is none.
    #[error(transparent)]
    Url(#[from] UrlError),
    /// The proxy is none.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// What the proxy is to be told is no user and password.
    #[error(transparent)]
    ProxyCredentials(#[from] ProxyCredentialsError),
}

impl IdentityError {
    /// What to do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::NotEnrolled { .. } => "run `lapwing enrol` with an enrolment token of the server",
            Self::OtherMachine { .. } => {
                "on a copy run `lapwing generalize`, then `lapwing enrol` with a new enrolment token; if this is the same machine with a new id, run `lapwing adopt`"
            }
            Self::Unreadable { .. } => "run this as root, or as the user `lapwing`",
            Self::Unwritable { .. } => {
                "run this as root, and check that the file system is not read-only or full"
            }
            Self::Exposed { .. } => "run `chown root:lapwing` and `chmod 640` on it",
            Self::Settings { .. } => "correct the line, or run `lapwing enrol` again",
            Self::Damaged { .. } => "run `lapwing enrol` again with a new enrolment token",
        }
    }
}

impl Identity {
    /// Reads the identity under `root`.
    ///
    /// # Errors
    /// [`IdentityError::NotEnrolled`] if there is none, others if a file is unreadable or damaged.
    pub fn load(root: &Root) -> Result<Self, IdentityError> {
        let settings = AgentSettings::load(root)?;
        machine::check(root)?;
        let authority = root.authority();
        let (certificate, key) = Self::read_pair(root)?;
        Ok(Self {
            settings,
            key,
            certificate,
            authority: match files::read_if_there(&authority)? {
                Some(pem) => Some(key::certificate_from_pem(&pem).map_err(damaged(&authority))?),
                None => None,
            },
        })
    }

    /// The certificate with its key. Another program may renew it meanwhile: then the second look sees one of both.
    fn read_pair(root: &Root) -> Result<(CertificateDer<'static>, DeviceKey), IdentityError> {
        let read = || {
            let certificate = Self::read_certificate(root)?;
            let key = renewal::key_of(root, &certificate)?;
            Ok((certificate, key))
        };
        read().or_else(|_: IdentityError| read())
    }

    fn read_certificate(root: &Root) -> Result<CertificateDer<'static>, IdentityError> {
        let path = root.device_certificate();
        key::certificate_from_pem(&files::read(&path)?).map_err(damaged(&path))
    }

    /// From when to when the certificate is in force.
    ///
    /// # Errors
    /// [`KeyError::Certificate`] if it does not say so.
    pub fn certificate_life(&self) -> Result<CertificateLife, KeyError> {
        let malformed = || KeyError::Certificate("is malformed");
        let (_, parsed) = X509Certificate::from_der(&self.certificate).map_err(|_| malformed())?;
        let time = |time: ASN1Time| {
            let seconds = u64::try_from(time.timestamp()).ok()?;
            FileTime::from_unix(Duration::from_secs(seconds)).ok()
        };
        let validity = parsed.validity();
        let life = time(validity.not_before).zip(time(validity.not_after));
        life.map(|(begins, ends)| CertificateLife { begins, ends }).ok_or_else(malformed)
    }

    /// When this host asks for its next certificate; drawn from the certificate, so that it is the same each time.
    ///
    /// # Errors
    /// As [`Self::certificate_life`].
    pub fn renewal_due(&self) -> Result<FileTime, KeyError> {
        let [spread, ..] = CertificateDigest::of(&self.certificate).0;
        Ok(self.certificate_life()?.renewal_due(spread))
    }

    /// Writes the identity under `root`, replacing one that is there, of which no policy is left; other lines of `agent.toml`
    /// stay.
    ///
    /// # Errors
    /// [`IdentityError`] if a file cannot be written; then `agent.toml` is as it was.
    pub fn save(&self, root: &Root) -> Result<(), IdentityError> {
        // What came from an earlier enrolment says nothing here.
        files::remove(&root.csp())?;
        files::remove(&root.machine())?;
        files::remove(&root.renewal_key())?;
        files::replace_private(&root.device_key(), self.key.to_pem().expose_secret())?;
        files::replace_private(&root.device_certificate(), certificate_to_pem(&self.certificate).as_bytes())?;
        match &self.authority {
            Some(authority) => {
                files::replace_private(&root.authority(), certificate_to_pem(authority).as_bytes())?;
            }
            None => files::remove(&root.authority())?,
        }
        self.settings.save(root)
    }

    /// Removes the identity under `root`, and the policy that came with it: `agent.toml` loses the enrolment's lines, the
    /// other files go.
    ///
    /// # Errors
    /// [`IdentityError`] if a file cannot be written or removed.
    pub fn remove(root: &Root) -> Result<(), IdentityError> {
        files::remove(&root.csp())?;
        AgentSettings::clear(root)?;
        files::remove(&root.renewal_key())?;
        files::remove(&root.device_key())?;
        files::remove(&root.device_certificate())?;
        files::remove(&root.machine())?;
        files::remove(&root.authority())
    }

    /// What the server's certificate must lead to.
    fn trust(&self) -> Trust {
        self.authority.clone().map_or(Trust::System, Trust::Authority)
    }

    /// What connections to the directory are opened with.
    pub(crate) fn dialer(
        &self,
        client: Option<ClientCertificate>,
        limits: Limits,
    ) -> Result<Dialer, TransportError> {
        Ok(Dialer::new(self.trust(), client, limits)?.through(self.settings.proxy.clone()))
    }

    /// The certificate to show in TLS.
    pub(crate) fn client_certificate(&self) -> ClientCertificate {
        ClientCertificate {
            chain: vec![self.certificate.clone()],
            key: PrivateKeyDer::Pkcs8(self.key.expose_pkcs8().to_vec().into()),
        }
    }
}

/// The file as it stands; its members are the only ones it may have.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct SettingsFile {
    server: String,
    tenant: String,
    device: String,
    admin_group: Option<String>,
    proxy: Option<String>,
    no_proxy: Option<Vec<String>>,
    /// For [`crate::ad::AdSettings`], which judges it.
    #[serde(rename = "active_directory")]
    _active_directory: Option<serde::de::IgnoredAny>,
}

/// The members that an enrolment writes, and leaving removes.
const ENROLMENT_MEMBERS: [&str; 3] = ["server", "tenant", "device"];

impl AgentSettings {
    /// Reads `agent.toml` under `root`.
    ///
    /// # Errors
    /// [`IdentityError::NotEnrolled`] if it is not there or names no server, others if it is unreadable or not valid.
    pub fn load(root: &Root) -> Result<Self, IdentityError> {
        let path = root.agent_settings();
        match files::read_if_there(&path)?.map(|bytes| Self::parse(&bytes)) {
            Some(Ok(Some(settings))) => {
                Ok(Self { proxy: proxy::with_credentials(root, settings.proxy)?, ..settings })
            }
            Some(Err(source)) => Err(IdentityError::Settings { path, source }),
            Some(Ok(None)) | None => Err(IdentityError::NotEnrolled { path }),
        }
    }

    /// The proxy that `agent.toml` under `root` names, enrolled or not.
    ///
    /// # Errors
    /// [`IdentityError`] if the file is unreadable or names something else.
    pub fn load_proxy(root: &Root) -> Result<Option<Proxy>, IdentityError> {
        #[derive(serde::Deserialize)]
        struct ProxyAlone {
            proxy: Option<String>,
            no_proxy: Option<Vec<String>>,
        }
        let path = root.agent_settings();
        let parse = |bytes: Vec<u8>| -> Result<_, SettingsError> {
            let file: ProxyAlone = toml::from_str(str::from_utf8(&bytes)?).map_err(Box::new)?;
            Ok(proxy::parse(file.proxy, file.no_proxy)?)
        };
        let Some(bytes) = files::read_if_there(&path)? else { return Ok(None) };
        let proxy = parse(bytes).map_err(|source| IdentityError::Settings { path, source })?;
        proxy::with_credentials(root, proxy)
    }

    /// None if it holds none of the enrolment's members.
    fn parse(bytes: &[u8]) -> Result<Option<Self>, SettingsError> {
        let text = str::from_utf8(bytes)?;
        let table: toml::Table = toml::from_str(text).map_err(Box::new)?;
        if ENROLMENT_MEMBERS.iter().all(|member| !table.contains_key(*member)) {
            return Ok(None);
        }
        let file: SettingsFile = toml::from_str(text).map_err(Box::new)?;
        Ok(Some(Self {
            server: file.server.parse()?,
            tenant: file.tenant.parse()?,
            device: file.device.parse()?,
            admin_group: file.admin_group,
            proxy: proxy::parse(file.proxy, file.no_proxy)?,
        }))
    }

    fn save(&self, root: &Root) -> Result<(), IdentityError> {
        edit(root, |document| {
            document["server"] = toml_edit::value(self.server.to_string().trim_end_matches('/'));
            document["tenant"] = toml_edit::value(self.tenant.to_string());
            document["device"] = toml_edit::value(self.device.to_string());
            if let Some(group) = &self.admin_group {
                document["admin_group"] = toml_edit::value(group);
            }
            if let Some(proxy) = &self.proxy {
                document["proxy"] = toml_edit::value(proxy.to_string());
            }
        })
    }

    fn clear(root: &Root) -> Result<(), IdentityError> {
        edit(root, |document| {
            for member in ENROLMENT_MEMBERS {
                document.remove(member);
            }
        })
    }
}

fn edit(root: &Root, change: impl FnOnce(&mut toml_edit::DocumentMut)) -> Result<(), IdentityError> {
    let path = root.agent_settings();
    let bytes = files::read_if_there(&path)?.unwrap_or_default();
    let mut document =
        parse(&bytes).map_err(|source| IdentityError::Settings { path: path.clone(), source })?;
    change(&mut document);
    files::replace_public(&path, document.to_string().as_bytes())
}

fn parse(bytes: &[u8]) -> Result<toml_edit::DocumentMut, SettingsError> {
    Ok(str::from_utf8(bytes)?.parse().map_err(Box::new)?)
}

fn damaged(path: &Path) -> impl FnOnce(KeyError) -> IdentityError {
    let path = path.to_owned();
    move |source| IdentityError::Damaged { path, source }
}

/// RFC 7468 section 5.
fn certificate_to_pem(certificate: &CertificateDer<'_>) -> String {
    key::to_pem("CERTIFICATE", &STANDARD.encode(certificate))
}

#[cfg(test)]
mod tests;
