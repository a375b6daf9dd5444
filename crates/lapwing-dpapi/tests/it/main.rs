//! The Python package dpapi-ng, an implementation by others, opens what we protect, and we open what it protects.
#![expect(clippy::unwrap_used, reason = "that is how a test fails")]

mod python;

use lapwing_core::{secret::SecretBytes, types::Guid};
use lapwing_dpapi::{
    Blob, Hash, Interval, Placement, RootKey,
    descriptor::security_descriptor,
    gkdi::{DomainNames, KdfParameters, Name, SecretAgreement, Share},
    key_file, protect, unprotect_offline,
};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

/// Each way: of the pair that Windows takes by itself, and of every other.
const OF_DEFAULT: usize = 1000;
const OF_OTHERS: usize = 100;

/// A root key of each pair, and how many blobs are made with it.
fn root_keys(rng: &mut ChaCha20Rng) -> Vec<(RootKey, usize)> {
    let agreements = [SecretAgreement::windows_default(), SecretAgreement::P256, SecretAgreement::P384];
    let pairs =
        Hash::ALL.into_iter().flat_map(|hash| agreements.iter().map(move |agreement| (hash, agreement)));
    pairs
        .map(|(hash, agreement)| {
            let is_default = hash == Hash::Sha512 && *agreement == SecretAgreement::windows_default();
            let mut data = [0; 64];
            rng.fill_bytes(&mut data);
            let key = RootKey::new(Guid::random(rng), KdfParameters::new(hash), agreement.clone(), &data);
            (key.unwrap(), if is_default { OF_DEFAULT } else { OF_OTHERS })
        })
        .collect()
}

/// What one blob is of. Of four, three are protected with a public key.
struct Case<'a> {
    root_key: &'a RootKey,
    sid: String,
    interval: [i32; 3],
    share: Share,
    placement: Placement,
    plain: Vec<u8>,
}

impl<'a> Case<'a> {
    fn draw(root_key: &'a RootKey, rng: &mut ChaCha20Rng) -> Self {
        let mut below = |bound: u32| rng.next_u32() % bound;
        let sid = format!("S-1-5-21-{}-{}-{}-{}", below(u32::MAX), below(u32::MAX), below(9), below(2000));
        let interval = [360 + below(5), below(32), below(32)].map(u32::cast_signed);
        let share = if below(4) == 0 { Share::Seed } else { Share::Public };
        let placement = if below(2) == 0 { Placement::Inside } else { Placement::Appended };
        let mut plain = vec![0; usize::try_from(below(300)).unwrap()];
        rng.fill_bytes(&mut plain);
        Self { root_key, sid, interval, share, placement, plain }
    }

    fn protect(&self, rng: &mut ChaCha20Rng) -> Blob {
        let sid = self.sid.parse().unwrap();
        let [l0, l1, l2] = self.interval;
        let name = || Name::new("lab.example").unwrap();
        let names = DomainNames { domain: name(), forest: name() };
        let interval = Interval::new(l0, l1, l2).unwrap();
        let key = self.root_key.envelope(&security_descriptor(&sid), interval, self.share, true, names);
        protect(&SecretBytes::new(self.plain.clone()), &sid, &key.unwrap(), self.placement, rng).unwrap()
    }

    fn to_json(&self) -> Value {
        json!({
            "id": self.root_key.id().to_string(),
            "sid": self.sid,
            "interval": self.interval,
            "public": self.share == Share::Public,
            "plain": hex(&self.plain),
        })
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(digits: &Value) -> Vec<u8> {
    let digits = digits.as_str().unwrap().as_bytes();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.as_chunks::<2>().0.iter().map(byte).collect()
}

#[test]
fn each_opens_what_the_other_protects() {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let root_keys = root_keys(&mut rng);
    let mut cases = || -> Vec<Case<'_>> {
        let of_key = root_keys.iter().flat_map(|(key, count)| (0..*count).map(move |_| key));
        of_key.map(|key| Case::draw(key, &mut rng)).collect()
    };
    let (ours, theirs) = (cases(), cases());
    let files = root_keys
        .iter()
        .map(|(key, _)| serde_json::from_slice::<Value>(key_file::write(key).expose_secret()).unwrap());
    let given = json!({
        "root_keys": files.collect::<Vec<_>>(),
        "open": ours.iter().map(|case| hex(&case.protect(&mut rng).to_bytes())).collect::<Vec<_>>(),
        "make": theirs.iter().map(Case::to_json).collect::<Vec<_>>(),
    });
    let answer = python::run(&given);

    let opened = answer["opened"].as_array().unwrap();
    assert_eq!(opened.len(), OF_DEFAULT + 11 * OF_OTHERS);
    for (case, opened) in ours.iter().zip(opened) {
        assert_eq!(unhex(opened), case.plain, "{}", case.to_json());
    }
    let made = answer["made"].as_array().unwrap();
    assert_eq!(made.len(), opened.len());
    for (case, made) in theirs.iter().zip(made) {
        let blob = Blob::parse(&unhex(made)).unwrap();
        assert_eq!(
            (blob.sid.to_string(), blob.key_identifier.interval.indexes()),
            (case.sid.clone(), case.interval)
        );
        let opened = unprotect_offline(&blob, case.root_key).unwrap();
        assert_eq!(opened.expose_secret(), case.plain, "{}", case.to_json());
    }
    // Some shared secrets begin with a zero byte, which one implementation strips: of ours, and of theirs.
    let [of_ours, of_all] = [0, 1].map(|at| answer["leading_zeros"][at].as_u64().unwrap());
    assert!(0 < of_ours && of_ours < of_all, "{of_ours} and {of_all}");
}
