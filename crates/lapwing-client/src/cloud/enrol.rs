//! Joining a tenant with an enrolment token. [MS-DVRJ]; docs/protocol.md, "Enrolment token".

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hyper::Method;
use lapwing_core::types::DeviceId;
use lapwing_proto::{
    register::{
        Announcement, CSR_SUBJECT, CertificateRequest, EnrolmentToken, IssuedCertificate, JOIN_TYPE_JOIN,
        JoinAnswer, JoinAttributes, JoinRequest, Nonce, OID_JOIN_NONCE,
    },
    secret_text::SecretText,
};

use super::{Directory, wire};
use crate::{
    caller::{Call, Caller},
    identity::{AgentSettings, DeviceKey, Identity, KeyError},
    refusal::CallError,
    transport::{
        CertificateDer, CertificateDigest, Connection, Dialer, HttpsUrl, Limits, Proxy, Trust, UrlError,
    },
};

/// What a host says of itself when it joins.
#[derive(Debug, Clone, Copy)]
pub struct NewDevice<'a> {
    /// Its name, as administrators will look for it.
    pub display_name: &'a str,
    /// The version of its operating system.
    pub os_version: &'a str,
}

/// A host that has joined; nothing is on disk yet.
#[derive(Debug)]
pub struct Enrolment {
    /// What to save.
    pub identity: Identity,
    /// What to pin: the server's keys, as announced over the connection that the token vouches for.
    pub announcement: Announcement,
}

/// Why a host could not join.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EnrolError {
    /// A call failed; the join may have been carried out if it was sent.
    #[error("this host could not join")]
    Call(#[from] CallError),
    /// The token's address is none.
    #[error("the enrolment token names no server")]
    Address(#[from] UrlError),
    /// The server is not a `lapwing-server`: it announces no keys to pin.
    #[error("{server} does not announce the service that an enrolment token is for")]
    NotLapwing {
        /// Its address.
        server: HttpsUrl,
    },
    /// A key could not be made, or the certificate that came back is not for it.
    #[error("the device's key or certificate cannot be used")]
    Key(#[from] KeyError),
}

impl EnrolError {
    /// What to do about it.
    #[must_use]
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::Call(CallError::Refused(refusal)) if matches!(refusal.status, 401 | 403) => {
                "ask for a new enrolment token: this one is used up, over or revoked"
            }
            Self::Call(error) => error.next_step(),
            Self::Address(_) => "ask for a new enrolment token",
            Self::NotLapwing { .. } => "check that the token is from this server, and the server's version",
            Self::Key(error) => error.next_step(),
        }
    }
}

/// Draws a key, joins, through `proxy` if there is one, and returns what to save and to pin.
///
/// # Errors
/// [`EnrolError`].
pub async fn enrol(
    token: &EnrolmentToken,
    device: NewDevice<'_>,
    proxy: Option<Proxy>,
    limits: Limits,
) -> Result<Enrolment, EnrolError> {
    let server: HttpsUrl = token.server.parse()?;
    let trust = token.authority.map_or(Trust::System, |digest| Trust::Pinned(CertificateDigest(digest)));
    let mut caller =
        Caller::new(Dialer::new(trust, None, limits).map_err(CallError::from)?.through(proxy.clone()));
    let directory = Directory::discover(&mut caller, &server, token.tenant).await?;
    let authority =
        token.authority.and_then(|digest| authority(caller.connection(), CertificateDigest(digest)));
    let Some(announcement) = directory.announcement.clone() else {
        return Err(EnrolError::NotLapwing { server });
    };
    let key = DeviceKey::generate()?;
    let request = join_request(&mut caller, &directory, &key, device).await?;
    let bearer = SecretText::new(token.bearer().to_string());
    let url = directory.join.join(&format!("?api-version={}", wire::JOIN_VERSION))?;
    let call = Call::new("let this device join", Method::POST, &url).bearer(&bearer).json(&request)?;
    let answer: JoinAnswer = caller.read(call).await?;
    let certificate = issued(&answer.certificate, &key)?;
    let identity = Identity {
        settings: AgentSettings {
            server,
            tenant: token.tenant,
            device: device_id(&certificate)?,
            admin_group: None,
            proxy,
        },
        key,
        certificate,
        authority,
    };
    Ok(Enrolment { identity, announcement })
}

async fn join_request(
    caller: &mut Caller,
    directory: &Directory,
    key: &DeviceKey,
    device: NewDevice<'_>,
) -> Result<JoinRequest, EnrolError> {
    let nonce = match &directory.nonce {
        Some(endpoint) => {
            let url = endpoint.join(&format!("?api-version={}", wire::NONCE_VERSION))?;
            let answer: Nonce = caller.read(Call::new("give a nonce", Method::GET, &url)).await?;
            Some((OID_JOIN_NONCE, answer.value.into_bytes()))
        }
        None => None,
    };
    Ok(JoinRequest {
        certificate_request: CertificateRequest {
            kind: "pkcs10".to_owned(),
            data: STANDARD.encode(key.certificate_request(CSR_SUBJECT, nonce)?),
        },
        transport_key: STANDARD.encode(key.public_blob()?.to_bytes()),
        target_domain: String::new(),
        device_type: wire::DEVICE_TYPE.to_owned(),
        os_version: device.os_version.to_owned(),
        device_display_name: device.display_name.to_owned(),
        join_type: JOIN_TYPE_JOIN,
        attributes: JoinAttributes::default(),
    })
}

/// The pinned authority's certificate, which the server sent with its chain.
fn authority(connection: Option<&Connection>, digest: CertificateDigest) -> Option<CertificateDer<'static>> {
    connection?.peer_chain().iter().find(|certificate| CertificateDigest::of(certificate) == digest).cloned()
}

/// The certificate of an answer, if it is for `key`.
pub(super) fn issued(
    answer: &IssuedCertificate,
    key: &DeviceKey,
) -> Result<CertificateDer<'static>, KeyError> {
    let der = STANDARD
        .decode(&answer.raw_body)
        .map_err(|_| KeyError::Certificate("that the server issued is not Base64"))?;
    let certificate = CertificateDer::from(der);
    key.fits(&certificate)?;
    Ok(certificate)
}

/// The device id: the subject's common name. [MS-DVRJ].
pub(super) fn device_id(certificate: &CertificateDer<'_>) -> Result<DeviceId, KeyError> {
    /// An attribute of type commonName, 2.5.4.3.
    const COMMON_NAME: [u8; 5] = [0x06, 0x03, 0x55, 0x04, 0x03];
    /// A GUID as printed; a length below 128 is one byte in DER.
    const GUID_TEXT_LEN: u8 = 36;
    let unnamed = || KeyError::Certificate("that the server issued names no device");
    let parsed = webpki::EndEntityCert::try_from(certificate).map_err(|_| unnamed())?;
    let subject = parsed.subject();
    let at = subject.windows(COMMON_NAME.len()).position(|part| part == COMMON_NAME).ok_or_else(unnamed)?;
    match subject.get(at.saturating_add(COMMON_NAME.len())..) {
        // UTF8String or PrintableString.
        Some([0x0c | 0x13, GUID_TEXT_LEN, text @ ..]) => text
            .get(..usize::from(GUID_TEXT_LEN))
            .and_then(|text| core::str::from_utf8(text).ok())
            .and_then(|text| text.parse().ok())
            .ok_or_else(unnamed),
        _ => Err(unnamed()),
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, KeyPair};

    use super::*;

    const DEVICE: &str = "0b3c2a10-1111-4222-8333-444455556666";

    /// What a server that issues for `key` under `common_name` answers.
    fn answer(key: &KeyPair, common_name: Option<&str>) -> IssuedCertificate {
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name = rcgen::DistinguishedName::new();
        parameters.distinguished_name.push(DnType::OrganizationName, "ours");
        if let Some(name) = common_name {
            parameters.distinguished_name.push(DnType::CommonName, name);
        }
        let certificate = parameters.self_signed(key).unwrap();
        IssuedCertificate { thumbprint: String::new(), raw_body: STANDARD.encode(certificate.der()) }
    }

    fn pair(key: &DeviceKey) -> KeyPair {
        key.for_requests().unwrap()
    }

    #[test]
    fn the_device_id_is_the_common_name() {
        let key = DeviceKey::generate().unwrap();
        let certificate = issued(&answer(&pair(&key), Some(DEVICE)), &key).unwrap();
        assert_eq!(device_id(&certificate).unwrap().to_string(), DEVICE);
    }

    #[test]
    fn a_certificate_that_names_no_device_is_refused() {
        let key = DeviceKey::generate().unwrap();
        for name in [None, Some("laps.example"), Some("0b3c2a10-1111-4222-8333-44445555666g")] {
            let certificate = issued(&answer(&pair(&key), name), &key).unwrap();
            assert!(matches!(device_id(&certificate), Err(KeyError::Certificate(_))), "{name:?}");
        }
    }

    #[test]
    fn a_certificate_for_another_key_is_refused() {
        let (key, other) = (DeviceKey::generate().unwrap(), DeviceKey::generate().unwrap());
        let error = issued(&answer(&pair(&other), Some(DEVICE)), &key).unwrap_err();
        assert!(error.to_string().ends_with("is for another key"), "{error}");
        let mut damaged = answer(&pair(&key), Some(DEVICE));
        damaged.raw_body.replace_range(..4, "AAAA");
        assert!(issued(&damaged, &key).is_err());
    }

    #[test]
    fn the_request_carries_the_subject_and_the_nonce_that_servers_ask_for() {
        let key = DeviceKey::generate().unwrap();
        let nonce = b"opaque".to_vec();
        let request = key.certificate_request(CSR_SUBJECT, Some((OID_JOIN_NONCE, nonce))).unwrap();
        // 1.2.840.113556.1.5.284.2.1 in DER.
        let oid = [0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x14, 0x01, 0x05, 0x82, 0x1c, 0x02, 0x01];
        for part in [CSR_SUBJECT.as_bytes(), &oid[2..], b"opaque"] {
            assert!(request.windows(part.len()).any(|window| window == part), "{part:x?}");
        }
    }
}
