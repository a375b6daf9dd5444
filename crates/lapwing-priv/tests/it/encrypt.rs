//! Passwords encrypted for Active Directory, opened with the domain's root key.

use base64::{Engine, prelude::BASE64_STANDARD};
use lapwing_core::{
    local::root_half::{Encrypt, Fault, Material, Prepare, Prepared, Request, SecretText},
    types::{FileTime, Sid},
};
use lapwing_dpapi::{
    Interval, RootKey, descriptor,
    gkdi::{DomainNames, Name, Share},
    laps::{EncryptedPassword, decode_text},
    unprotect_offline,
};
use rand_chacha::{ChaCha20Rng, rand_core::SeedableRng};

use crate::world::{ACCOUNT, DIRECTORY, RECORD, World, of_version, opens, prepare};

const DECRYPTOR: &str = "S-1-5-21-1-2-3-512";

/// A domain that gives group keys.
struct Domain(RootKey);

impl Domain {
    fn new() -> Self {
        Self(RootKey::generate(&mut ChaCha20Rng::seed_from_u64(7)))
    }

    /// What a host is given that may encrypt to `sid` and not decrypt.
    fn encrypt_to(&self, sid: &str) -> Encrypt {
        let descriptor = descriptor::security_descriptor(&sid.parse::<Sid>().unwrap());
        let interval = Interval::at("2026-11-22T01:30:00Z".parse::<FileTime>().unwrap());
        let name = || Name::new("corp.example").unwrap();
        let names = DomainNames { domain: name(), forest: name() };
        let envelope = self.0.envelope(&descriptor, interval, Share::Public, true, names).unwrap();
        let text = BASE64_STANDARD.encode(envelope.to_bytes().expose_secret());
        Encrypt { to: sid.to_owned(), group_key: SecretText(text.into()) }
    }

    /// The JSON within what a directory would store, and its time.
    fn open(&self, prepared: &Prepared) -> (serde_json::Value, FileTime) {
        let value = EncryptedPassword::parse(&stored(prepared)).unwrap();
        assert_eq!(value.blob.sid.to_string(), DECRYPTOR);
        let plain = decode_text(&unprotect_offline(&value.blob, &self.0).unwrap()).unwrap();
        (serde_json::from_slice(plain.expose_secret()).unwrap(), value.updated)
    }
}

fn stored(prepared: &Prepared) -> Vec<u8> {
    let Material::Sealed(text) = &prepared.material else { panic!("{prepared:?}") };
    BASE64_STANDARD.decode(text).unwrap()
}

fn asked(encrypt: Encrypt) -> Request {
    Request::Prepare(Prepare { encrypt: Some(encrypt), ..prepare() })
}

fn world(rest: &str) -> World {
    let world = World::with_directory(&format!("id = '{DIRECTORY}'\nrecord = '{RECORD}'\n{rest}"));
    world.begin();
    world
}

#[test]
fn what_is_stored_holds_the_password_in_windows_form_and_is_the_same_each_time() {
    let (domain, world) = (Domain::new(), world(""));
    let prepared: Prepared = world.call(&asked(domain.encrypt_to(DECRYPTOR))).unwrap();
    let again: Prepared = world.call(&Request::Ciphertext(of_version(&prepared.version))).unwrap();
    assert_eq!(stored(&again), stored(&prepared));
    let (value, updated) = domain.open(&prepared);
    assert_eq!((&value["n"], &value["t"]), (&ACCOUNT.into(), &format!("{:x}", updated.ticks()).into()));
    let journal = world.state();
    let encrypted_to = journal.candidates[0].encrypted_to.as_ref().unwrap();
    assert_eq!((&*encrypted_to.principal, &encrypted_to.updated), (DECRYPTOR, &updated.to_string()));
    // The domain signs nothing: its word in an authenticated connection is all there is.
    world.commit(&prepared.version).unwrap();
    assert!(opens(value["p"].as_str().unwrap(), &world.field()));
    assert_eq!(world.state().current.unwrap().encrypted_to.unwrap().principal, DECRYPTOR);
}

#[test]
fn what_root_or_sense_does_not_allow_is_refused_before_a_password_is_drawn() {
    let domain = Domain::new();
    let encrypt = || domain.encrypt_to(DECRYPTOR);
    let text = |text: &str| SecretText(text.to_owned().into());
    let cut = || {
        let whole = BASE64_STANDARD.decode(&*encrypt().group_key.0).unwrap();
        text(&BASE64_STANDARD.encode(&whole[..whole.len() - 1]))
    };
    for (rest, request, fault) in [
        ("", Request::Prepare(prepare()), Fault::DirectoryNotListed),
        ("decryptors = ['S-1-5-32-544']", asked(encrypt()), Fault::DirectoryNotListed),
        ("", asked(Encrypt { to: "Domain Admins".to_owned(), ..encrypt() }), Fault::GroupKey),
        ("", asked(Encrypt { group_key: text("no Base64"), ..encrypt() }), Fault::GroupKey),
        ("", asked(Encrypt { group_key: cut(), ..encrypt() }), Fault::GroupKey),
    ] {
        let world = world(rest);
        let refused = world.call::<Prepared>(&request).unwrap_err();
        assert_eq!(refused, fault, "{rest} {request:?}");
        assert!(world.state().candidates.is_empty());
    }
}
