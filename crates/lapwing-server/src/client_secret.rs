//! Drawing a client and its secret; the database keeps the secret's SHA-256, which is enough for 256 random bits.

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use lapwing_core::types::{FileTime, Guid};
use lapwing_proto::secret_text::SecretText;
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{rules::access::Role, store::ClientRow};

const SECRET_LEN: usize = 32;

/// A client that was just drawn, and its secret.
pub(crate) fn draw(
    display_name: &str,
    roles: Vec<Role>,
    now: FileTime,
    rng: &mut impl CryptoRng,
) -> (ClientRow, SecretText) {
    let mut bytes = Zeroizing::new([0; SECRET_LEN]);
    rng.fill_bytes(&mut *bytes);
    let secret = SecretText::new(URL_SAFE_NO_PAD.encode(*bytes));
    let mut secret_sha256 = [0; 32];
    secret_sha256.copy_from_slice(digest(&SHA256, secret.expose_secret().as_bytes()).as_ref());
    let client = ClientRow {
        id: Guid::random(rng),
        secret_sha256,
        display_name: display_name.chars().filter(|c| !c.is_control()).take(256).collect(),
        roles,
        created: now,
        enabled: true,
    };
    (client, secret)
}
