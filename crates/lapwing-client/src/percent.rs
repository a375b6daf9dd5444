//! Percent-encoding. RFC 3986 section 2.1: everything but the unreserved characters is written as `%XX`.

use lapwing_core::secret::SecretBytes;

/// A form body: `name=value&…`.
pub(crate) fn form(fields: &[(&str, &str)]) -> SecretBytes {
    SecretBytes::new(form_text(fields).into_bytes())
}

/// Built in one buffer of its largest size, as it may hold secrets.
fn form_text(fields: &[(&str, &str)]) -> String {
    let size = fields.iter().map(|(name, value)| 3 * (name.len() + value.len()) + 2).sum();
    let mut body = String::with_capacity(size);
    for (name, value) in fields {
        if !body.is_empty() {
            body.push('&');
        }
        push(&mut body, name);
        body.push('=');
        push(&mut body, value);
    }
    body
}

/// One part of a query or path.
pub(crate) fn encode(text: &str) -> String {
    let mut encoded = String::with_capacity(3 * text.len());
    push(&mut encoded, text);
    encoded
}

fn push(to: &mut String, text: &str) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            to.push(byte.into());
        } else {
            let [high, low] = [byte >> 4, byte & 15].map(|digit| DIGITS[usize::from(digit)].into());
            to.extend(['%', high, low]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_but_unreserved_characters_are_encoded() {
        assert_eq!(encode("aZ09-._~"), "aZ09-._~");
        assert_eq!(encode("displayName eq 'ö&+/'"), "displayName%20eq%20%27%C3%B6%26%2B%2F%27");
    }

    #[test]
    fn a_form_never_outgrows_its_buffer() {
        let body = form(&[("grant_type", "srv_challenge"), ("ä", "=&=")]);
        assert_eq!(body.expose_secret(), b"grant_type=srv_challenge&%C3%A4=%3D%26%3D");
        // Growing would have doubled it.
        assert_eq!(form_text(&[("=", "===="), ("=", "==")]).capacity(), 3 * 8 + 2 * 2);
    }
}
