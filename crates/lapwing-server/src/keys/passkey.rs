//! What an authenticator signs for this server. Web Authentication Level 2, sections 5.8.1, 6.1, 7.1 and 7.2, with
//! ES256 and RS256 and without attestation: whose device it is does not matter, as the operator has signed in to add it.

use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, digest},
    signature::{
        ECDSA_P256_SHA256_ASN1, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey, VerificationAlgorithm,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use lapwing_proto::json;
use serde::Deserialize;

/// What precedes an uncompressed point of P-256 in a SubjectPublicKeyInfo. RFC 5480 section 2.
const SPKI_HEAD: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86,
    0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];
const POINT_LEN: usize = 65;
/// What precedes an RSAPublicKey of 2048 bits, with the exponent that all use, in one. RFC 3279 section 2.3.1.
const RSA_SPKI_HEAD: [u8; 24] = [
    0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
    0x05, 0x00, 0x03, 0x82, 0x01, 0x0f, 0x00,
];
const RSA_LEN: usize = 270;
const RP_ID_HASH_LEN: usize = 32;
const AAGUID_LEN: usize = 16;
/// Somebody was there. Section 6.1.
const USER_PRESENT: u8 = 1;
const ATTESTED: u8 = 1 << 6;
pub(crate) const CREDENTIAL_ID_LEN_MAX: usize = 1023;
pub(crate) const CHALLENGE_LEN: usize = 32;

/// The answer is not one of this authenticator to this challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the passkey's answer is not one to this question")]
pub(crate) struct PasskeyError;

/// Who asks, and what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    /// The server's origin, as browsers write it.
    pub(crate) origin: &'a str,
    /// Its host.
    pub(crate) host: &'a str,
    pub(crate) challenge: &'a [u8],
}

/// The collected client data. Section 5.8.1.
#[derive(Deserialize)]
struct ClientData {
    #[serde(rename = "type")]
    kind: String,
    challenge: String,
    origin: String,
    #[serde(default, rename = "crossOrigin")]
    cross_origin: bool,
}

/// A passkey that was just made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewPasskey {
    pub(crate) id: Vec<u8>,
    /// An uncompressed point of P-256, or an RSAPublicKey of 2048 bits (RFC 8017 appendix A.1.1).
    pub(crate) public_key: Vec<u8>,
    pub(crate) counter: u32,
}

fn key_of(spki: &[u8]) -> Option<&[u8]> {
    let point = spki.strip_prefix(&SPKI_HEAD).filter(|point| point.len() == POINT_LEN);
    point.or_else(|| spki.strip_prefix(&RSA_SPKI_HEAD).filter(|key| key.len() == RSA_LEN))
}

fn algorithm_of(public_key: &[u8]) -> &'static dyn VerificationAlgorithm {
    if public_key.len() == POINT_LEN { &ECDSA_P256_SHA256_ASN1 } else { &RSA_PKCS1_2048_8192_SHA256 }
}

impl Question<'_> {
    /// Reads a new passkey: its authenticator data, and its key as a SubjectPublicKeyInfo.
    pub(crate) fn register(
        &self,
        client_data: &[u8],
        authenticator_data: &[u8],
        spki: &[u8],
    ) -> Result<NewPasskey, PasskeyError> {
        self.check_client_data(client_data, "webauthn.create")?;
        let (flags, counter, rest) = self.check_authenticator_data(authenticator_data)?;
        if flags & ATTESTED == 0 {
            return Err(PasskeyError);
        }
        let (_, rest) = rest.split_at_checked(AAGUID_LEN).ok_or(PasskeyError)?;
        let (len, rest) = rest.split_first_chunk().ok_or(PasskeyError)?;
        let len = usize::from(u16::from_be_bytes(*len));
        let (id, _) = rest.split_at_checked(len).ok_or(PasskeyError)?;
        let public_key = key_of(spki).ok_or(PasskeyError)?;
        if !(1..=CREDENTIAL_ID_LEN_MAX).contains(&len) {
            return Err(PasskeyError);
        }
        Ok(NewPasskey { id: id.to_vec(), public_key: public_key.to_vec(), counter })
    }

    /// Checks an answer by the passkey's key, and returns its counter.
    pub(crate) fn verify(
        &self,
        public_key: &[u8],
        client_data: &[u8],
        authenticator_data: &[u8],
        signature: &[u8],
    ) -> Result<u32, PasskeyError> {
        self.check_client_data(client_data, "webauthn.get")?;
        let (_, counter, _) = self.check_authenticator_data(authenticator_data)?;
        let hash = digest(&SHA256, client_data);
        let message = [authenticator_data, hash.as_ref()].concat();
        UnparsedPublicKey::new(algorithm_of(public_key), public_key)
            .verify(&message, signature)
            .map_err(|_| PasskeyError)?;
        Ok(counter)
    }

    fn check_client_data(&self, client_data: &[u8], kind: &str) -> Result<(), PasskeyError> {
        let found: ClientData = json::parse(client_data).map_err(|_| PasskeyError)?;
        let challenge = URL_SAFE_NO_PAD.decode(&found.challenge).map_err(|_| PasskeyError)?;
        let is_ours = found.kind == kind
            && found.origin == self.origin
            && !found.cross_origin
            && self.challenge.len() == CHALLENGE_LEN
            && verify_slices_are_equal(&challenge, self.challenge).is_ok();
        if is_ours { Ok(()) } else { Err(PasskeyError) }
    }

    /// The flags, the counter, and what follows them.
    fn check_authenticator_data<'a>(&self, data: &'a [u8]) -> Result<(u8, u32, &'a [u8]), PasskeyError> {
        let (host, rest) = data.split_first_chunk::<RP_ID_HASH_LEN>().ok_or(PasskeyError)?;
        let (&[flags], rest) = rest.split_first_chunk::<1>().ok_or(PasskeyError)?;
        let (counter, rest) = rest.split_first_chunk().ok_or(PasskeyError)?;
        let is_ours = digest(&SHA256, self.host.as_bytes()).as_ref() == host && flags & USER_PRESENT != 0;
        if is_ours { Ok((flags, u32::from_be_bytes(*counter), rest)) } else { Err(PasskeyError) }
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        rand::SystemRandom,
        rsa,
        signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256},
    };

    use super::*;

    const CHALLENGE: [u8; CHALLENGE_LEN] = [7; CHALLENGE_LEN];
    const ASKED: Question<'static> =
        Question { origin: "https://laps.example:8443", host: "laps.example", challenge: &CHALLENGE };

    fn client_data(kind: &str, question: &Question<'_>) -> Vec<u8> {
        let challenge = URL_SAFE_NO_PAD.encode(question.challenge);
        format!(r#"{{"type":"{kind}","challenge":"{challenge}","origin":"{}","more":[1]}}"#, question.origin)
            .into_bytes()
    }

    fn authenticator_data(host: &str, flags: u8, counter: u32, rest: &[u8]) -> Vec<u8> {
        let host = digest(&SHA256, host.as_bytes());
        [host.as_ref(), &[flags], &counter.to_be_bytes(), rest].concat()
    }

    fn key() -> EcdsaKeyPair {
        EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap()
    }

    fn sign(key: &EcdsaKeyPair, client_data: &[u8], data: &[u8]) -> Vec<u8> {
        let message = [data, digest(&SHA256, client_data).as_ref()].concat();
        key.sign(&SystemRandom::new(), &message).unwrap().as_ref().to_vec()
    }

    #[test]
    fn an_answer_is_good_for_its_key_question_and_place_alone() {
        let (key, stranger) = (key(), key());
        let point = key.public_key().as_ref();
        let verify = |asked: &Question<'_>, kind: &str, host: &str, flags: u8, signer: &EcdsaKeyPair| {
            let (client_data, data) = (client_data(kind, asked), authenticator_data(host, flags, 9, &[]));
            ASKED.verify(point, &client_data, &data, &sign(signer, &client_data, &data))
        };
        assert_eq!(verify(&ASKED, "webauthn.get", "laps.example", 5, &key), Ok(9));
        for (asked, kind, host, flags, signer) in [
            (Question { challenge: &[8; CHALLENGE_LEN], ..ASKED }, "webauthn.get", "laps.example", 5, &key),
            (Question { origin: "https://laps.example", ..ASKED }, "webauthn.get", "laps.example", 5, &key),
            (ASKED, "webauthn.create", "laps.example", 5, &key),
            (ASKED, "webauthn.get", "evil.example", 5, &key),
            (ASKED, "webauthn.get", "laps.example", 4, &key),
            (ASKED, "webauthn.get", "laps.example", 5, &stranger),
        ] {
            assert_eq!(
                verify(&asked, kind, host, flags, signer),
                Err(PasskeyError),
                "{asked:?} {kind} {host}"
            );
        }
        let (client_data, data) =
            (client_data("webauthn.get", &ASKED), authenticator_data("laps.example", 1, 9, &[]));
        let signature = sign(&key, &client_data, &data);
        let more = authenticator_data("laps.example", 1, 10, &[]);
        assert_eq!(ASKED.verify(point, &client_data, &more, &signature), Err(PasskeyError));
        let unasked = Question { challenge: &[], ..ASKED };
        assert_eq!(unasked.verify(point, &client_data, &data, &signature), Err(PasskeyError));
    }

    #[test]
    fn a_key_of_windows_hello_is_rsa() {
        let key = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap();
        let spki = [&RSA_SPKI_HEAD[..], key.public_key().as_ref()].concat();
        let public_key = key_of(&spki).unwrap();
        let (client_data, data) =
            (client_data("webauthn.get", &ASKED), authenticator_data("laps.example", 1, 0, &[]));
        let message = [&data[..], digest(&SHA256, &client_data).as_ref()].concat();
        let mut signature = vec![0; key.public_modulus_len()];
        key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), &message, &mut signature).unwrap();
        assert_eq!(ASKED.verify(public_key, &client_data, &data, &signature), Ok(0));
        signature[9] ^= 1;
        assert_eq!(ASKED.verify(public_key, &client_data, &data, &signature), Err(PasskeyError));
    }

    #[test]
    fn a_new_passkey_is_read_whole_or_not_at_all() {
        let key = key();
        let spki = [&SPKI_HEAD[..], key.public_key().as_ref()].concat();
        let client_data = client_data("webauthn.create", &ASKED);
        let rest = [&[0; AAGUID_LEN][..], &[0, 4], b"idid", b"cose"].concat();
        let data = authenticator_data("laps.example", USER_PRESENT | ATTESTED, 0, &rest);
        let made = ASKED.register(&client_data, &data, &spki).unwrap();
        assert_eq!((made.id.as_slice(), made.counter), (&b"idid"[..], 0));
        assert_eq!(made.public_key, key.public_key().as_ref());
        for len in 0..data.len() - b"cose".len() {
            assert_eq!(ASKED.register(&client_data, &data[..len], &spki), Err(PasskeyError), "{len}");
        }
        assert_eq!(ASKED.register(&client_data, &data, &spki[1..]), Err(PasskeyError));
        let unattested = authenticator_data("laps.example", USER_PRESENT, 0, &rest);
        assert_eq!(ASKED.register(&client_data, &unattested, &spki), Err(PasskeyError));
    }
}
