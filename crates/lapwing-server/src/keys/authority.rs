//! The server's own certificate authority: its TLS certificate and those of the devices.
//!
//! INVARIANT: a device certificate is good for client authentication alone, the TLS certificate for server
//! authentication alone, so that no device can pass for the server.

use core::time::Duration;
use std::{collections::BTreeSet, time::SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use lapwing_core::{
    management::CERTIFICATE_LIFE,
    types::{DeviceId, FileTime, Guid, TenantId},
};
use lapwing_proto::register::{
    JOIN_TYPE_JOINED, OID_DEVICE_ID, OID_JOIN_TYPE, OID_OBJECT_ID, OID_REGION, OID_TENANT_ID, guid_extension,
};
use rand_core::CryptoRng;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SerialNumber, SubjectPublicKeyInfo,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::prelude::{ASN1Time, FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use super::KeyError;

/// The issuer's name in every device certificate of Entra ID.
const ISSUER_NAME: &str = "MS-Organization-Access";
const DAY: Duration = Duration::from_secs(86_400);
const AUTHORITY_LIFE: Duration = Duration::from_secs(25 * 365 * 86_400);
/// How long a device's certificate lasts where nobody is there to renew it: as Entra ID's.
const UNRENEWED_LIFE: Duration = Duration::from_secs(10 * 365 * 86_400);
/// How long a TLS certificate lasts; it is renewed after two thirds of this.
pub(crate) const TLS_LIFE: Duration = Duration::from_secs(90 * 86_400);

/// The authority.
#[derive(Debug)]
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: CertificateDer<'static>,
    /// What it signs ends with it.
    ends: FileTime,
}

/// For how long a device's certificate is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeviceLife {
    /// The device renews it by itself.
    Renewed,
    /// To the device this server is what Entra ID is, and no client of Entra ID's renews.
    Unrenewed,
}

/// A certificate with its private key and chain.
pub(crate) struct TlsIdentity {
    pub(crate) chain: Vec<CertificateDer<'static>>,
    pub(crate) key: PrivateKeyDer<'static>,
}

/// What a device certificate says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeviceNames {
    pub(crate) tenant: TenantId,
    pub(crate) device: DeviceId,
    pub(crate) joined_by: Guid,
}

impl Authority {
    /// Makes an authority: its certificate in DER and its private key in PKCS#8.
    pub(crate) fn generate(
        tenant_name: &str,
        now: FileTime,
        rng: &mut impl CryptoRng,
    ) -> Result<(Vec<u8>, Zeroizing<Vec<u8>>), KeyError> {
        let key = KeyPair::generate()?;
        let mut params = params(now, AUTHORITY_LIFE, rng);
        params.distinguished_name.push(DnType::CommonName, ISSUER_NAME);
        params.distinguished_name.push(DnType::OrganizationName, tenant_name);
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let certificate = params.self_signed(&key)?;
        Ok((certificate.der().to_vec(), Zeroizing::new(key.serialize_der())))
    }

    pub(crate) fn open(certificate: &[u8], pkcs8: &[u8]) -> Result<Self, KeyError> {
        let key = KeyPair::try_from(&PrivatePkcs8KeyDer::from(pkcs8))?;
        let certificate = CertificateDer::from(certificate.to_vec());
        let (_, parsed) = X509Certificate::from_der(&certificate)
            .map_err(|_| KeyError::Malformed("authority's certificate"))?;
        let ends = told_time(parsed.validity().not_after);
        let ends = ends.ok_or(KeyError::Malformed("authority's certificate"))?;
        Ok(Self { issuer: Issuer::from_ca_cert_der(&certificate, key)?, certificate, ends })
    }

    pub(crate) const fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// SHA-256 of the certificate, which enrolment tokens name.
    pub(crate) fn digest(&self) -> [u8; 32] {
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(digest(&SHA256, &self.certificate).as_ref());
        sha256
    }

    /// A certificate for this server's own TLS under each of its names, with a key of its own.
    pub(crate) fn issue_tls(
        &self,
        hosts: &BTreeSet<String>,
        now: FileTime,
        rng: &mut impl CryptoRng,
    ) -> Result<TlsIdentity, KeyError> {
        let key = KeyPair::generate()?;
        let names = CertificateParams::new(hosts.iter().cloned().collect::<Vec<_>>())?.subject_alt_names;
        let mut params = params(now, TLS_LIFE, rng);
        params.subject_alt_names = names;
        if let Some(host) = hosts.first() {
            params.distinguished_name.push(DnType::CommonName, host);
        }
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let leaf = params.signed_by(&key, &self.issuer)?;
        Ok(TlsIdentity {
            chain: vec![leaf.der().clone(), self.certificate.clone()],
            key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
        })
    }

    /// A device certificate as Entra ID issues it, for the key in `spki` (DER).
    pub(crate) fn issue_device(
        &self,
        names: &DeviceNames,
        spki: &[u8],
        life: DeviceLife,
        now: FileTime,
        rng: &mut impl CryptoRng,
    ) -> Result<CertificateDer<'static>, KeyError> {
        let key = SubjectPublicKeyInfo::from_der(spki)?;
        let life = match life {
            DeviceLife::Renewed => CERTIFICATE_LIFE,
            DeviceLife::Unrenewed => UNRENEWED_LIFE,
        };
        let mut params = params(now, life.min(self.ends.saturating_since(now)), rng);
        params.distinguished_name.push(DnType::CommonName, names.device.to_string());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.custom_extensions = vec![
            CustomExtension::from_oid_content(OID_DEVICE_ID, guid_extension(names.device.0)),
            CustomExtension::from_oid_content(OID_OBJECT_ID, guid_extension(names.joined_by)),
            CustomExtension::from_oid_content(OID_TENANT_ID, guid_extension(names.tenant.0)),
            CustomExtension::from_oid_content(OID_JOIN_TYPE, text_extension(JOIN_TYPE_JOINED)),
            CustomExtension::from_oid_content(OID_REGION, text_extension("EU")),
        ];
        Ok(params.signed_by(&key, &self.issuer)?.der().clone())
    }
}

/// A time in a certificate; none before 1970.
pub(crate) fn told_time(time: ASN1Time) -> Option<FileTime> {
    FileTime::from_unix(Duration::from_secs(time.timestamp().try_into().ok()?)).ok()
}

/// An OCTET STRING of a short text.
fn text_extension(text: &str) -> Vec<u8> {
    [&[0x04, u8::try_from(text.len()).unwrap_or(u8::MAX)], text.as_bytes()].concat()
}

fn params(now: FileTime, life: Duration, rng: &mut impl CryptoRng) -> CertificateParams {
    let since_unix = now.since_unix();
    let mut serial = [0; 16];
    rng.fill_bytes(&mut serial);
    serial[0] &= 0x7f;
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    // A day back: the devices' clocks are not ours.
    params.not_before = (SystemTime::UNIX_EPOCH + since_unix.saturating_sub(DAY)).into();
    params.not_after = (SystemTime::UNIX_EPOCH + since_unix + life).into();
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    params.use_authority_key_identifier_extension = true;
    params
}

#[cfg(test)]
mod tests {
    use lapwing_proto::register::parse_guid_extension;
    use rand_chacha::ChaCha20Rng;
    use rand_core::SeedableRng as _;
    use rcgen::PublicKeyData as _;

    use super::*;

    #[test]
    fn a_device_certificate_has_the_extensions_of_entra_and_no_server_purpose() {
        let mut rng = ChaCha20Rng::seed_from_u64(3);
        let now = "2026-05-06T07:08:09Z".parse().unwrap();
        let (certificate, key) = Authority::generate("Example", now, &mut rng).unwrap();
        let authority = Authority::open(&certificate, &key).unwrap();
        let names = DeviceNames {
            tenant: TenantId(Guid::from_bytes([1; 16])),
            device: DeviceId(Guid::from_bytes([2; 16])),
            joined_by: Guid::from_bytes([3; 16]),
        };
        let spki = KeyPair::generate().unwrap().subject_public_key_info();
        let der = authority.issue_device(&names, &spki, DeviceLife::Renewed, now, &mut rng).unwrap();
        let (_, device) = X509Certificate::from_der(&der).unwrap();
        let (_, issuer) = X509Certificate::from_der(authority.certificate()).unwrap();
        assert!(device.verify_signature(Some(issuer.public_key())).is_ok());
        assert_eq!(device.subject().to_string(), format!("CN={}", names.device));
        let guid = |oid: &str| {
            let found = device.extensions().iter().find(|e| e.oid.to_id_string() == oid).unwrap();
            parse_guid_extension(found.value).unwrap()
        };
        assert_eq!(guid("1.2.840.113556.1.5.284.2"), names.device.0);
        assert_eq!(guid("1.2.840.113556.1.5.284.3"), names.joined_by);
        assert_eq!(guid("1.2.840.113556.1.5.284.5"), names.tenant.0);
        let purposes = device.extended_key_usage().unwrap().unwrap().value;
        assert!(purposes.client_auth && !purposes.server_auth);
        let ends = |der: &[u8]| {
            let (_, certificate) = X509Certificate::from_der(der).unwrap();
            certificate.validity().not_after.timestamp()
        };
        let begun = i64::try_from(now.since_unix().as_secs()).unwrap();
        let days = |der: &[u8]| (ends(der) - begun) / 86_400;
        assert_eq!(days(&der), 365);
        let unrenewed = authority.issue_device(&names, &spki, DeviceLife::Unrenewed, now, &mut rng).unwrap();
        assert_eq!(days(&unrenewed), 3650);
        let late = now.saturating_add(AUTHORITY_LIFE - Duration::from_secs(40 * 86_400));
        let der = authority.issue_device(&names, &spki, DeviceLife::Renewed, late, &mut rng).unwrap();
        assert_eq!(ends(&der), ends(authority.certificate()), "it ends with what signs it");
    }
}
