//! A password as Windows LAPS writes it. [MS-ADA2], msLAPS-Password.

use zeroize::Zeroizing;

use crate::{
    secret::{Password, SecretBytes},
    types::{AccountName, FileTime},
};

/// The value of `msLAPS-Password`, which is also what every encrypted password holds: the account, when the password was set,
/// the password; no blanks. Characters beyond ASCII are escaped, for the attribute's syntax (2.5.5.5) has none.
#[must_use]
pub fn password_value(account: &AccountName, updated: FileTime, password: &Password) -> SecretBytes {
    let (name, password) = (account.as_str(), password.expose_secret());
    // A unit of UTF-16 takes six characters at most, and a text has no more of them than bytes. So it never grows.
    let mut out = Zeroizing::new(String::with_capacity(64 + 6 * (name.len() + password.len())));
    out.push_str("{\"n\":\"");
    escape(&mut out, name);
    out.push_str("\",\"t\":\"");
    out.push_str(&format!("{:x}", updated.ticks()));
    out.push_str("\",\"p\":\"");
    escape(&mut out, password);
    out.push_str("\"}");
    SecretBytes::new(core::mem::take(&mut *out).into_bytes())
}

/// RFC 8259 section 7.
fn escape(out: &mut String, text: &str) {
    for sign in text.chars() {
        if matches!(sign, '"' | '\\') {
            out.extend(['\\', sign]);
        } else if matches!(sign, ' '..='~') {
            out.push(sign);
        } else {
            let mut units = [0; 2];
            for unit in sign.encode_utf16(&mut units) {
                out.push_str("\\u");
                let nibbles = [*unit >> 12, *unit >> 8, *unit >> 4, *unit].map(|nibble| nibble & 0xf);
                out.extend(nibbles.into_iter().filter_map(|nibble| char::from_digit(nibble.into(), 16)));
            }
        }
    }
}
