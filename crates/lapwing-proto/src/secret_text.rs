//! Tokens and client secrets: text that must cross the wire and show up nowhere else.
//!
//! [`SecretText`] itself has no serde; a field that goes on the wire says so by `#[serde(with = "secret_text")]`.

use core::fmt;

use serde::{Deserializer, Serializer, de};
use zeroize::Zeroizing;

/// A bearer token or client secret, wiped when dropped.
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes ownership of `text`, which must have been built in a buffer of its final capacity.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The only way to the clear text, so that a search for this name lists every use.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText(redacted)")
    }
}

/// Writes the clear text: for `#[serde(with = "secret_text")]` alone.
///
/// # Errors
/// Those of the serialiser.
pub fn serialize<S: Serializer>(secret: &SecretText, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

/// Reads a secret: for `#[serde(with = "secret_text")]` alone.
///
/// # Errors
/// If the value is no text.
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SecretText, D::Error> {
    deserializer.deserialize_str(Text)
}

struct Text;

impl de::Visitor<'_> for Text {
    type Value = SecretText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<SecretText, E> {
        Ok(SecretText::new(text.to_owned()))
    }

    fn visit_string<E: de::Error>(self, text: String) -> Result<SecretText, E> {
        Ok(SecretText::new(text))
    }
}

/// The same for a secret that may be left out: `#[serde(with = "secret_text::option")]`.
pub mod option {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::SecretText;

    #[derive(Deserialize)]
    struct Present(#[serde(with = "super")] SecretText);

    /// Writes the clear text, or nothing.
    ///
    /// # Errors
    /// Those of the serialiser.
    pub fn serialize<S: Serializer>(secret: &Option<SecretText>, serializer: S) -> Result<S::Ok, S::Error> {
        match secret {
            Some(secret) => super::serialize(secret, serializer),
            None => serializer.serialize_none(),
        }
    }

    /// Reads a secret, or nothing.
    ///
    /// # Errors
    /// If the value is no text.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SecretText>, D::Error> {
        Ok(Option::<Present>::deserialize(deserializer)?.map(|Present(secret)| secret))
    }
}
