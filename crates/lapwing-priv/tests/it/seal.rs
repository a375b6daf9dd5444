//! Sealed passwords and signed receipts, judged by other code.

use base64::{Engine, prelude::BASE64_STANDARD};
use ed25519_dalek::{Signer, SigningKey};
use hpke::{
    Deserializable, Kem, OpModeR, Serializable, aead::AesGcm256, kdf::HkdfSha256, kem::X25519HkdfSha256,
};
use lapwing_core::{
    binding::{ReceiptClaims, SealBinding},
    local::root_half::{Committed, Fault, Material, Prepare, Prepared, Request},
    types::{AccountName, DeviceId, TenantId},
};
use sha2::{Digest, Sha256};

use crate::world::{ACCOUNT, EXPIRY, World, commit_request, of_version, opens, prepare, run};

const TENANT: &str = "f3531ec6-6330-4f8e-8d39-7a671fbac605";
const DEVICE: &str = "0b3c2a10-1111-4222-8333-444455556666";

/// The directory's side.
struct Server {
    seal_key: <X25519HkdfSha256 as Kem>::PrivateKey,
    receipt_key: SigningKey,
}

impl Server {
    fn new() -> (Self, World) {
        let seal_key = <X25519HkdfSha256 as Kem>::derive_keypair(&[7; 32]).0;
        let server = Self { seal_key, receipt_key: SigningKey::from_bytes(&[9; 32]) };
        let world = World::with_directory(&server.lines());
        world.begin();
        (server, world)
    }

    fn lines(&self) -> String {
        let seal_key = BASE64_STANDARD.encode(X25519HkdfSha256::sk_to_pk(&self.seal_key).to_bytes());
        let receipt_key = BASE64_STANDARD.encode(self.receipt_key.verifying_key().as_bytes());
        format!(
            "id = 'lapwing:{TENANT}'\nrecord = '{DEVICE}'\nseal_key = '{seal_key}'\nreceipt_key = '{receipt_key}'\n"
        )
    }

    fn info(prepared: &Prepared) -> Vec<u8> {
        let account: AccountName = ACCOUNT.parse().unwrap();
        let (tenant, device) = (TENANT.parse().unwrap(), DEVICE.parse().unwrap());
        SealBinding { tenant, device, version: prepared.version.parse().unwrap(), account: &account }
            .to_bytes()
    }

    fn open(&self, prepared: &Prepared) -> String {
        let sealed = sealed(prepared);
        let (encapsulated, ciphertext) = sealed.split_at(32);
        let password = hpke::single_shot_open::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.seal_key,
            &<X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(encapsulated).unwrap(),
            &Self::info(prepared),
            ciphertext,
            &[],
        );
        String::from_utf8(password.unwrap()).unwrap()
    }

    fn receipt(&self, prepared: &Prepared, change: impl FnOnce(&mut ReceiptClaims)) -> String {
        let mut claims = ReceiptClaims {
            tenant: TENANT.parse().unwrap(),
            device: DEVICE.parse().unwrap(),
            version: prepared.version.parse().unwrap(),
            expiry: EXPIRY.parse().unwrap(),
            sealed_sha256: Sha256::digest(sealed(prepared)).into(),
        };
        change(&mut claims);
        BASE64_STANDARD.encode(self.receipt_key.sign(&claims.to_bytes()).to_bytes())
    }
}

fn sealed(prepared: &Prepared) -> Vec<u8> {
    match &prepared.material {
        Material::Sealed(sealed) => BASE64_STANDARD.decode(sealed).unwrap(),
        Material::Clear(_) => panic!("the password is not sealed"),
    }
}

fn request() -> Prepare {
    Prepare { directory: format!("lapwing:{TENANT}"), record: DEVICE.to_owned(), ..prepare() }
}

fn prepare_sealed(world: &World) -> Prepared {
    world.call(&Request::Prepare(request())).unwrap()
}

fn commit(world: &World, version: &str, receipt: Option<String>) -> Result<Committed, Fault> {
    world.call(&commit_request(version, receipt))
}

#[test]
fn the_password_sealed_to_the_server_opens_the_account() {
    let (server, world) = Server::new();
    let prepared = prepare_sealed(&world);
    let password = server.open(&prepared);
    let receipt = server.receipt(&prepared, |_| ());
    commit(&world, &prepared.version, Some(receipt)).unwrap();
    assert!(opens(&password, &world.field()));
    assert!(!world.log().contains(&password));
}

#[test]
fn another_implementation_opens_the_seal() {
    let (server, world) = Server::new();
    let prepared = prepare_sealed(&world);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let lines =
        [&server.seal_key.to_bytes()[..], &sealed(&prepared), &Server::info(&prepared)].map(hex).join("\n");
    // Debian's, for it has the package python3-cryptography.
    let password = run("/usr/bin/python3", &["-c", include_str!("open_seal.py")], &lines);
    assert_eq!(password.len(), 14);
    assert!(opens(&password, &world.journalled_hash(&prepared.version)));
}

#[test]
fn the_ciphertext_is_handed_out_again_byte_for_byte() {
    let (_, world) = Server::new();
    let prepared = prepare_sealed(&world);
    let again: Prepared = world.call(&Request::Ciphertext(of_version(&prepared.version))).unwrap();
    assert_eq!((sealed(&again), again.expiry), (sealed(&prepared), prepared.expiry));

    let clear_text = World::new();
    clear_text.begin();
    let version = clear_text.prepare().unwrap().version;
    let refused: Result<Prepared, _> = clear_text.call(&Request::Ciphertext(of_version(&version)));
    assert_eq!(refused.err(), Some(Fault::UnknownVersion));
}

#[test]
fn without_a_receipt_for_exactly_this_store_nothing_is_committed() {
    let (server, world) = Server::new();
    let shadow = world.read("etc/shadow");
    let (prepared, other) = (prepare_sealed(&world), prepare_sealed(&world));
    let stranger =
        Server { receipt_key: SigningKey::from_bytes(&[10; 32]), seal_key: server.seal_key.clone() };
    let guid = "99999999-9999-4999-8999-999999999999";
    let forged = [
        None,
        Some(String::new()),
        Some("no Base64".to_owned()),
        Some(BASE64_STANDARD.encode([0; 64])),
        Some(stranger.receipt(&prepared, |_| ())),
        Some(server.receipt(&other, |_| ())),
        Some(server.receipt(&prepared, |claims| claims.tenant = guid.parse::<TenantId>().unwrap())),
        Some(server.receipt(&prepared, |claims| claims.device = guid.parse::<DeviceId>().unwrap())),
        Some(server.receipt(&prepared, |claims| claims.expiry = "2998-01-01T00:00:00Z".parse().unwrap())),
        Some(server.receipt(&prepared, |claims| claims.sealed_sha256[0] ^= 1)),
    ];
    for (number, receipt) in forged.into_iter().enumerate() {
        let refused = commit(&world, &prepared.version, receipt);
        assert_eq!(refused.err(), Some(Fault::ReceiptInvalid), "case {number}");
    }
    assert_eq!(world.read("etc/shadow"), shadow);
    assert!(world.state().candidates.iter().all(|candidate| !candidate.recorded));
    assert!(world.log().contains("EVENT_ID=30015"));
}

#[test]
fn a_candidate_prepared_under_another_kind_of_pinning_cannot_be_committed() {
    let (server, world) = Server::new();
    let managed = world.read("etc/lapwing/managed.toml");
    let pins: Vec<_> = managed.lines().filter(|line| line.contains("_key")).collect();
    let unpinned = managed.replace(pins[0], "clear_text = true").replace(pins[1], "");
    let sealed = prepare_sealed(&world);
    world.write("etc/lapwing/managed.toml", &unpinned);
    let clear = prepare_sealed(&world);
    assert_eq!(commit(&world, &sealed.version, None).err(), Some(Fault::ReceiptInvalid));
    world.write("etc/lapwing/managed.toml", &managed);
    assert_eq!(commit(&world, &clear.version, None).err(), Some(Fault::ReceiptInvalid));
    let receipt = server.receipt(&sealed, |_| ());
    commit(&world, &sealed.version, Some(receipt)).unwrap();
}
