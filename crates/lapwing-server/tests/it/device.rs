//! A device with a real key: joins, gets tokens, seals and stores, and checks receipts.

use std::sync::OnceLock;

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeyPair as RsaKeyPair,
    signature::{ED25519, RSA_PKCS1_SHA256, UnparsedPublicKey},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use hpke::{
    Deserializable as _, Kem, OpModeS, Serializable as _, aead::AesGcm256, kdf::HkdfSha256,
    kem::X25519HkdfSha256, single_shot_seal_with_rng,
};
use lapwing_core::{
    binding::{ReceiptClaims, SealBinding},
    types::{AccountName, DeviceId, FileTime, PasswordVersion, TenantId},
};
use lapwing_proto::{
    json,
    jwt::{self, CertificateChain, Header},
    register::{
        Announcement, CSR_SUBJECT, CertificateRequest, ChallengeAnswer, Condition, DeviceTokenAnswer,
        DeviceTokenClaims, Discovery, EnrolmentToken, JoinAnswer, JoinAttributes, JoinRequest, LapwingUpload,
        Nonce, OID_JOIN_NONCE, SealedUpload, StateAnswer, StoreAnswer,
    },
};
use rand_core::UnwrapErr;
use rcgen::{CertificateParams, CustomExtension, DistinguishedName, DnType, KeyPair, PKCS_RSA_SHA256};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};

use crate::harness::{Answer, ClientIdentity, Request, Server};

/// One key for all devices of a test process: making one takes most of a second.
pub(crate) fn key() -> &'static KeyPair {
    static KEY: OnceLock<KeyPair> = OnceLock::new();
    KEY.get_or_init(|| KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap())
}

pub(crate) fn rng() -> UnwrapErr<getrandom::SysRng> {
    UnwrapErr(getrandom::SysRng)
}

pub(crate) struct Device {
    pub(crate) id: DeviceId,
    pub(crate) tenant: TenantId,
    pub(crate) certificate: Vec<u8>,
    pub(crate) announcement: Announcement,
    resource: String,
    pub(crate) token: String,
}

pub(crate) fn enrolment_token(server: &Server, uses: u32) -> EnrolmentToken {
    let body = serde_json::json!({ "description": "test", "uses": uses, "hours": 1 }).to_string();
    let answer =
        server.post(&server.admin_path("enrolmentTokens"), Some(&server.admin_token()), body.as_bytes());
    assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
    answer.json()["token"].as_str().unwrap().parse().unwrap()
}

pub(crate) fn discover(server: &Server) -> Discovery {
    let path = server.tenant_path("Discover?api-version=1.9");
    let answer = server.send(&Request { method: "GET", path: &path, ..Request::default() });
    assert_eq!(answer.status, 200);
    json::parse(&answer.body).unwrap()
}

/// The body of a join; the key signs the nonce.
pub(crate) fn join_body(nonce: Option<&str>, name: &str, subject: &str) -> Vec<u8> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, subject);
    if let Some(nonce) = nonce {
        params.custom_extensions =
            vec![CustomExtension::from_oid_content(OID_JOIN_NONCE, nonce.as_bytes().to_vec())];
    }
    let csr = params.serialize_request(key()).unwrap();
    let request = JoinRequest {
        certificate_request: CertificateRequest {
            kind: "pkcs10".to_owned(),
            data: STANDARD.encode(csr.der()),
        },
        transport_key: String::new(),
        target_domain: "laps.example".to_owned(),
        device_type: "Linux".to_owned(),
        os_version: "6.1".to_owned(),
        device_display_name: name.to_owned(),
        join_type: 0,
        attributes: JoinAttributes::default(),
    };
    serde_json::to_vec(&request).unwrap()
}

impl Device {
    pub(crate) fn join(server: &Server, name: &str) -> Self {
        let token = enrolment_token(server, 1);
        let discovery = discover(server);
        let nonce_path = format!("/EnrollmentServer/nonce/{}/?api-version=1.0", server.admin.tenant);
        let nonce = server.send(&Request { method: "GET", path: &nonce_path, ..Request::default() });
        let nonce: Nonce = json::parse(&nonce.body).unwrap();
        let body = join_body(Some(&nonce.value), name, CSR_SUBJECT);
        let answer = server.post("/EnrollmentServer/device/?api-version=2.0", Some(&token.bearer()), &body);
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        let answer: JoinAnswer = json::parse(&answer.body).unwrap();
        let certificate = STANDARD.decode(answer.certificate.raw_body).unwrap();
        let (_, parsed) = x509_parser::parse_x509_certificate(&certificate).unwrap();
        let id = parsed.subject().iter_common_name().next().unwrap().as_str().unwrap().parse().unwrap();
        let mut device = Self {
            id,
            tenant: token.tenant,
            certificate,
            announcement: discovery.lapwing_service.unwrap().parse().unwrap(),
            resource: discovery.device_management_service.device_management_resource_id,
            token: String::new(),
        };
        device.token = device.new_token(server);
        device
    }

    pub(crate) fn nonce(&self, server: &Server) -> String {
        let answer = server.post("/common/oauth2/token", None, b"grant_type=srv_challenge");
        json::parse::<ChallengeAnswer>(&answer.body).unwrap().nonce
    }

    /// The signed request for a token.
    pub(crate) fn token_request(&self, nonce: &str, as_array: bool) -> String {
        let leaf = STANDARD.encode(&self.certificate);
        let header = Header {
            alg: "RS256".to_owned(),
            typ: Some("JWT".to_owned()),
            kid: None,
            x5c: Some(if as_array {
                CertificateChain::Many(vec![leaf])
            } else {
                CertificateChain::One(leaf)
            }),
        };
        let claims = DeviceTokenClaims::new(&self.resource, nonce, "6.1");
        let input = jwt::signing_input(&header, &claims).unwrap();
        let key = RsaKeyPair::from_pkcs8(&key().serialize_der()).unwrap();
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), input.as_bytes(), &mut signature).unwrap();
        jwt::join(&input, &signature)
    }

    pub(crate) fn ask_token(&self, server: &Server, request: &str) -> Answer {
        let form = format!(
            "windows_api_version=2.2&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&request={request}"
        );
        server.post(&server.tenant_path("oauth2/token"), None, form.as_bytes())
    }

    pub(crate) fn new_token(&self, server: &Server) -> String {
        let answer = self.ask_token(server, &self.token_request(&self.nonce(server), true));
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        let answer: DeviceTokenAnswer = json::parse(&answer.body).unwrap();
        answer.access_token.expose_secret().to_owned()
    }

    /// With a token of a server that was started anew, perhaps at another port.
    pub(crate) fn renewed(self, server: &Server) -> Self {
        Self { token: self.new_token(server), ..self }
    }

    pub(crate) fn upload_path(&self) -> String {
        format!("/manage/{}/lapsdevicepasswordupdate/{}?api-version=1.0", self.tenant, self.id)
    }

    pub(crate) fn identity(&self) -> ClientIdentity {
        let key = PrivatePkcs8KeyDer::from(key().serialize_der());
        (CertificateDer::from(self.certificate.clone()), key.into())
    }

    /// An upload with the extension.
    pub(crate) fn seal(
        &self,
        password: &str,
        version: PasswordVersion,
        condition: Condition,
        in_force: Option<PasswordVersion>,
    ) -> SealedUpload {
        let account = account();
        let binding = SealBinding { tenant: self.tenant, device: self.id, version, account: &account };
        let public =
            <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(&self.announcement.seal_key.public_key).unwrap();
        let (key, ciphertext) = single_shot_seal_with_rng::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &public,
            &binding.to_bytes(),
            password.as_bytes(),
            b"",
            &mut rng(),
        )
        .unwrap();
        SealedUpload {
            instance: None,
            version,
            condition,
            in_force,
            expiry: "2036-12-01T00:00:00Z".parse().unwrap(),
            sealed: [&key.to_bytes()[..], &ciphertext].concat(),
        }
    }

    /// The body of a store.
    pub(crate) fn upload_body(&self, upload: &SealedUpload) -> Vec<u8> {
        LapwingUpload { account: &account(), members: upload }.to_json().to_vec()
    }

    pub(crate) fn store(&self, server: &Server, upload: &SealedUpload) -> Answer {
        server.post(&self.upload_path(), Some(&self.token), &self.upload_body(upload))
    }

    /// Stores, and checks that the server vouches for exactly this.
    pub(crate) fn store_and_check(&self, server: &Server, upload: &SealedUpload) {
        let answer = self.store(server, upload);
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        let held = StoreAnswer::parse(&answer.body).unwrap();
        assert_eq!(held.version, upload.version);
        self.check_receipt(upload, held.expiry, &held.receipt);
    }

    pub(crate) fn check_receipt(&self, upload: &SealedUpload, expiry: FileTime, receipt: &[u8; 64]) {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &upload.sealed);
        let claims = ReceiptClaims {
            tenant: self.tenant,
            device: self.id,
            version: upload.version,
            expiry,
            sealed_sha256: digest.as_ref().try_into().unwrap(),
        };
        UnparsedPublicKey::new(&ED25519, self.announcement.receipt_key.public_key)
            .verify(&claims.to_bytes(), receipt)
            .expect("the receipt is good");
    }

    pub(crate) fn state(&self, server: &Server) -> lapwing_proto::register::HeldState {
        let answer = server.get(&self.upload_path(), &self.token);
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        StateAnswer::parse(&answer.body).unwrap()
    }
}

pub(crate) fn account() -> AccountName {
    "lapadmin".parse().unwrap()
}

pub(crate) fn version() -> PasswordVersion {
    PasswordVersion::random(&mut rng())
}
