//! The whole life of a device at the real `lapwing-server`.

use std::sync::Arc;

use aws_lc_rs::{
    digest,
    signature::{ED25519, UnparsedPublicKey},
};
use hpke::{Deserializable as _, Kem as _, OpModeS, Serializable as _, aead::AesGcm256, kdf::HkdfSha256};
use lapwing_client::{
    CallError,
    cloud::{self, Enrolment, Material, NewDevice, Session, Store, StoreOutcome},
    graph::{Administrator, Profile},
    identity::{Identity, Root, renewal},
    transport::Limits,
};
use lapwing_core::{
    binding::{ReceiptClaims, SealBinding},
    types::{AccountName, DirectoryId, FileTime, Guid, PasswordVersion},
};
use lapwing_proto::{
    admin::{Credentials, DevicePatch, EnrolmentTokenRequest},
    register::{Announcement, Condition, EnrolmentToken, HeldVersion, SealedUpload},
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng as _};

use crate::server::Server;

type X25519 = hpke::kem::X25519HkdfSha256;

async fn administrator(server: &Server) -> Administrator {
    let credentials: Credentials = toml::from_str(&server.profile()).unwrap();
    Administrator::open(&Profile::try_from(credentials).unwrap(), Limits::default()).await.unwrap()
}

async fn token(administrator: &mut Administrator, uses: u32) -> EnrolmentToken {
    let request = EnrolmentTokenRequest { description: "a test".to_owned(), uses, hours: 1 };
    administrator.create_enrolment_token(&request).await.unwrap().token.expose_secret().parse().unwrap()
}

const WEB: NewDevice<'static> = NewDevice { display_name: "web-01", os_version: "Debian" };

/// A device that joined, was saved and was read again.
struct Device {
    identity: Arc<Identity>,
    announcement: Announcement,
    account: AccountName,
    folder: tempfile::TempDir,
}

impl Device {
    async fn enrol(token: &EnrolmentToken) -> Self {
        let Enrolment { identity, announcement } =
            cloud::enrol(token, WEB, None, Limits::default()).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let root = Root::at(folder.path().to_owned());
        identity.save(&root).unwrap();
        Self {
            identity: Arc::new(Identity::load(&root).unwrap()),
            announcement,
            account: "lapadmin".parse().unwrap(),
            folder,
        }
    }

    async fn session(&self) -> Session {
        Session::open(Arc::clone(&self.identity), Limits::default()).await.unwrap()
    }

    /// A store as the root half prepares it.
    fn sealed(&self, version: u8, condition: Condition, in_force: Option<u8>) -> SealedUpload {
        let settings = &self.identity.settings;
        let version = version_of(version);
        let binding =
            SealBinding { tenant: settings.tenant, device: settings.device, version, account: &self.account };
        let key =
            <X25519 as hpke::Kem>::PublicKey::from_bytes(&self.announcement.seal_key.public_key).unwrap();
        let (encapsulated, ciphertext) = hpke::single_shot_seal_with_rng::<AesGcm256, HkdfSha256, X25519>(
            &OpModeS::Base,
            &key,
            &binding.to_bytes(),
            password_of(version).as_bytes(),
            &[],
            &mut ChaCha20Rng::from_seed([7; 32]),
        )
        .unwrap();
        SealedUpload {
            instance: None,
            version,
            condition,
            in_force: in_force.map(version_of),
            expiry: expiry(),
            sealed: [encapsulated.to_bytes().as_slice(), &ciphertext].concat(),
        }
    }

    async fn store(&self, upload: &SealedUpload) -> StoreOutcome {
        let store = Store { account: &self.account, material: Material::Sealed(upload) };
        self.session().await.store(&store, Guid::from_bytes([1; 16])).await
    }

    /// Whether the receipt is the pinned key's signature for this upload.
    fn vouches(&self, upload: &SealedUpload, held: &HeldVersion) -> bool {
        let mut sealed_sha256 = [0; 32];
        sealed_sha256.copy_from_slice(digest::digest(&digest::SHA256, &upload.sealed).as_ref());
        let settings = &self.identity.settings;
        let claims = ReceiptClaims {
            tenant: settings.tenant,
            device: settings.device,
            version: upload.version,
            expiry: upload.expiry,
            sealed_sha256,
        };
        UnparsedPublicKey::new(&ED25519, self.announcement.receipt_key.public_key)
            .verify(&claims.to_bytes(), &held.receipt)
            .is_ok()
    }
}

fn version_of(byte: u8) -> PasswordVersion {
    PasswordVersion(Guid::from_bytes([byte; 16]))
}

fn password_of(version: PasswordVersion) -> String {
    format!("pässwörd of {version}")
}

fn expiry() -> FileTime {
    "2126-12-01T00:00:00Z".parse().unwrap()
}

fn stored(outcome: StoreOutcome) -> HeldVersion {
    match outcome {
        StoreOutcome::Stored(Some(held)) => held,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_device_joins_stores_asks_and_leaves() {
    let server = Server::start();
    let mut administrator = administrator(&server).await;
    let device = Device::enrol(&token(&mut administrator, 1).await).await;
    let settings = &device.identity.settings;
    let mut session = device.session().await;
    assert_eq!(*session.directory(), DirectoryId::LapwingServer(settings.tenant));
    assert_eq!(session.announcement(), Some(&device.announcement));
    assert_eq!(session.state(Guid::from_bytes([1; 16])).await.unwrap().version, None);

    let first = device.sealed(1, Condition::Absent, None);
    let held = stored(device.store(&first).await);
    assert_eq!((held.version, held.expiry), (first.version, first.expiry));
    assert!(device.vouches(&first, &held));
    // A repeat, after an answer that was lost: the same success.
    assert_eq!(stored(device.store(&first).await), held);

    let late = device.sealed(2, Condition::Absent, Some(1));
    let outcome = device.store(&late).await;
    assert!(
        matches!(outcome, StoreOutcome::VersionMismatch { current: Some(current) } if current == first.version),
        "{outcome:?}"
    );
    let second = device.sealed(2, Condition::Holds(first.version), Some(1));
    let held = stored(device.store(&second).await);
    assert!(device.vouches(&second, &held) && !device.vouches(&first, &held));

    let state = device.session().await.state(Guid::from_bytes([1; 16])).await.unwrap();
    assert_eq!((state.version, state.expiry), (Some(second.version), Some(second.expiry)));
    assert_eq!((state.account.as_ref(), state.receipt), (Some(&device.account), Some(held.receipt)));

    let read = administrator.credentials(settings.device, true, Guid::from_bytes([1; 16])).await.unwrap();
    assert_eq!(read.device_name.as_deref(), Some("web-01"));
    let credentials = read.credentials.unwrap();
    let mut passwords: Vec<_> =
        credentials.iter().map(|c| c.password().unwrap().expose_secret().to_owned()).collect();
    passwords.sort();
    assert_eq!(passwords, [password_of(first.version), password_of(second.version)]);

    cloud::leave(&device.identity, Limits::default()).await.unwrap();
    let error = Session::open(Arc::clone(&device.identity), Limits::default()).await.unwrap_err();
    assert!(matches!(error, CallError::Refused(_)), "{error:?}");
    assert!(administrator.verify_audit().await.unwrap().intact);
}

#[tokio::test]
async fn a_token_is_good_for_as_many_devices_as_it_says() {
    let server = Server::start();
    let mut administrator = administrator(&server).await;
    let token = token(&mut administrator, 2).await;
    let (one, two) = (Device::enrol(&token).await, Device::enrol(&token).await);
    assert_ne!(one.identity.settings.device, two.identity.settings.device);
    let error = cloud::enrol(&token, WEB, None, Limits::default()).await.unwrap_err();
    assert!(error.next_step().contains("new enrolment token"), "{error:?}");
    let devices = administrator.devices_named("web-01").await.unwrap();
    assert_eq!(devices.len(), 2);
}

#[tokio::test]
async fn a_token_that_names_another_authority_enrols_nothing() {
    let server = Server::start();
    let mut administrator = administrator(&server).await;
    let mut token = token(&mut administrator, 1).await;
    token.authority = Some([7; 32]);
    let error = cloud::enrol(&token, WEB, None, Limits::default()).await.unwrap_err();
    let cloud::EnrolError::Call(CallError::Transport(error)) = error else { panic!("{error:?}") };
    assert!(!error.sent());
    assert_eq!(administrator.enrolment_tokens().await.unwrap()[0].uses_left, 1);
}

#[tokio::test]
async fn a_disabled_device_is_refused_and_told_so() {
    let server = Server::start();
    let mut administrator = administrator(&server).await;
    let device = Device::enrol(&token(&mut administrator, 1).await).await;
    let mut session = device.session().await;
    let id = device.identity.settings.device.0;
    administrator.patch_device(id, &DevicePatch { enabled: false }).await.unwrap();
    let upload = device.sealed(1, Condition::Absent, None);
    let store = Store { account: &device.account, material: Material::Sealed(&upload) };
    let outcome = session.store(&store, Guid::from_bytes([1; 16])).await;
    assert!(matches!(&outcome, StoreOutcome::Refused(refusal) if refusal.status == 403), "{outcome:?}");
    administrator.patch_device(id, &DevicePatch { enabled: true }).await.unwrap();
    stored(device.store(&upload).await);
}

#[tokio::test]
async fn a_seal_to_another_key_is_refused_and_not_stored() {
    let server = Server::start();
    let mut administrator = administrator(&server).await;
    let mut device = Device::enrol(&token(&mut administrator, 1).await).await;
    let (_, other) = X25519::derive_keypair(&[7; 32]);
    device.announcement.seal_key.public_key.copy_from_slice(&other.to_bytes());
    let outcome = device.store(&device.sealed(1, Condition::Absent, None)).await;
    assert!(
        matches!(&outcome, StoreOutcome::Refused(refusal) if refusal.code == "error_seal_invalid"),
        "{outcome:?}"
    );
    assert_eq!(device.session().await.state(Guid::from_bytes([1; 16])).await.unwrap().version, None);
}

#[tokio::test]
async fn a_certificate_is_renewed_with_a_key_that_is_on_the_disk_before_anybody_is_asked() {
    let server = Server::start();
    let mut administrator = administrator(&server).await;
    let device = Device::enrol(&token(&mut administrator, 1).await).await;
    let root = Root::at(device.folder.path().to_owned());
    let service = cloud::management(&device.identity, Limits::default()).await.unwrap().unwrap();
    let life = device.identity.certificate_life().unwrap();
    assert_eq!(life.ends.saturating_since(life.begins).as_secs() / 86_400, 366, "a year, and a day before");

    let key = renewal::key_for_renewal(&root).unwrap();
    // An answer that was lost is asked for again.
    for _ in 0..2 {
        drop(cloud::renew(&device.identity, &service, &key, Limits::default()).await.unwrap());
    }
    drop(device.session().await);
    let key = renewal::key_for_renewal(&root).unwrap();
    let certificate = cloud::renew(&device.identity, &service, &key, Limits::default()).await.unwrap();
    renewal::take(&root, &device.identity.certificate, &certificate).unwrap();
    let renewed = Device { identity: Arc::new(Identity::load(&root).unwrap()), ..device };
    assert_eq!(renewed.identity.certificate, certificate);
    let before = renewed.identity.settings.device;
    stored(renewed.store(&renewed.sealed(1, Condition::Absent, None)).await);
    let devices = administrator.devices_named("web-01").await.unwrap();
    assert_eq!(devices.len(), 1);
    assert_eq!(devices[0].device_id, before.to_string());
}
