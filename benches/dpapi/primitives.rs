//! The primitives that one protection and one opening call, alone and by the crates that have them.

use std::hint::black_box;

use aes_gcm::{Aes256Gcm, KeyInit as _, aead::AeadInOut as _};
use aes_kw::KwAes256;
use anyhow::{Result, anyhow};
use crypto_bigint::{
    Odd, U2048,
    modular::{FixedMontyForm, FixedMontyParams},
};
use hmac::{Hmac, Mac as _, digest::Digest as _};
use lapwing_dpapi::gkdi::DhParameters;
use sha2::{Sha256, Sha512};

/// The length of the order of the generator's subgroup, modulo which exponents count, in bits. RFC 5114 section 2.3.
const EXPONENT_BITS: u32 = 256;
/// The length of what an exponent is blinded with, in bits.
const BLIND_BITS: u32 = 64;

/// Numbers as large as those of real keys.
pub(crate) struct Primitives {
    base: FixedMontyForm<{ U2048::LIMBS }>,
    exponent: U2048,
    plain: Vec<u8>,
}

impl Primitives {
    pub(crate) fn new(plain: &[u8]) -> Self {
        // Behind its length, its magic and the length of a number. [MS-GKDI] 2.2.2.
        let modulus = U2048::from_be_slice(&DhParameters::rfc5114().to_bytes()[12..268]);
        let modulus = Odd::new(modulus).expect("a prime is odd");
        let params = FixedMontyParams::new_vartime(modulus);
        let base = FixedMontyForm::new(&U2048::from_be_slice(&[0x35; 256]), &params);
        let mut exponent = [0; 256];
        exponent[216..].fill(0xa7);
        Self { base, exponent: U2048::from_be_slice(&exponent), plain: plain.to_vec() }
    }

    /// Two powers, a digest, a code, a key wrapped and a text encrypted.
    pub(crate) fn protect(&self) -> Result<()> {
        self.power(EXPONENT_BITS);
        self.power(EXPONENT_BITS);
        derive(1);
        black_box(KwAes256::new(&[7; 32].into()).wrap_key(&[7; 32], &mut [0; 40]).is_ok());
        black_box(encrypt(&self.plain)?);
        Ok(())
    }

    /// A power of a blinded exponent; a digest, codes, a key unwrapped and a text decrypted.
    pub(crate) fn unprotect(&self) -> Result<()> {
        self.power(EXPONENT_BITS + BLIND_BITS);
        derive(3);
        black_box(KwAes256::new(&[7; 32].into()).unwrap_key(&[7; 40], &mut [0; 32]).is_err());
        // In counter mode this is the same work.
        black_box(encrypt(&self.plain)?);
        Ok(())
    }

    fn power(&self, bits: u32) {
        black_box(self.base.pow_amm_bounded_exp(&self.exponent, bits).retrieve());
    }
}

fn derive(codes: u32) {
    black_box(Sha256::digest([7; 256]));
    for _ in 0..codes {
        let mut code =
            <Hmac<Sha512> as hmac::KeyInit>::new_from_slice(&[7; 64]).expect("a key of any length");
        code.update(&[7; 64]);
        black_box(code.finalize());
    }
}

fn encrypt(plain: &[u8]) -> Result<Vec<u8>> {
    let mut text = plain.to_vec();
    let tag = Aes256Gcm::new(&[7; 32].into())
        .encrypt_inout_detached(&[7; 12].into(), &[], text.as_mut_slice().into())
        .map_err(|_| anyhow!("the text is too long"))?;
    black_box(tag);
    Ok(text)
}
