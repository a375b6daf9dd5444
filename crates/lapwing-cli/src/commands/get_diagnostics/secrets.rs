//! Looks for what must not leave this host.

use std::fs;

use lapwing_client::identity::Root;
use zeroize::Zeroizing;

/// The beginnings of hashes. crypt(5).
const HASHES: [&[u8]; 6] = [b"$y$", b"$gy$", b"$7$", b"$6$", b"$5$", b"$2b$"];
/// The shortest text of this host's own that is looked for: shorter ones could stand anywhere by chance.
const KNOWN_LEN_MIN: usize = 13;

/// The hashes of this host's accounts, and its own key.
pub(super) fn of_this_host(root: &Root) -> Vec<Zeroizing<Vec<u8>>> {
    let read = |path| Zeroizing::new(fs::read(path).unwrap_or_default());
    let (shadow, key) = (read(root.path("/etc/shadow")), read(root.device_key()));
    let fields =
        shadow.split(|byte| *byte == b'\n').filter_map(|line| line.split(|byte| *byte == b':').nth(1));
    let lines = key.split(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"-----"));
    fields
        .chain(lines)
        .filter(|text| text.len() >= KNOWN_LEN_MIN)
        .map(|text| Zeroizing::new(text.to_vec()))
        .collect()
}

/// What of it stands in a file.
pub(super) fn find(content: &[u8], known: &[Zeroizing<Vec<u8>>]) -> Option<&'static str> {
    let holds = |text: &[u8]| content.windows(text.len()).any(|window| window == text);
    let holds_hash = |start: &[u8]| {
        let follows = |at: usize| content.get(at + start.len()..at + start.len() + 8);
        let is_hash =
            |rest: &[u8]| rest.iter().all(|byte| byte.is_ascii_alphanumeric() || b"./$=".contains(byte));
        content
            .windows(start.len())
            .enumerate()
            .any(|(at, window)| window == start && follows(at).is_some_and(is_hash))
    };
    if known.iter().any(|text| holds(text)) {
        Some("a password's hash or a key of this host")
    } else if HASHES.into_iter().any(holds_hash) {
        Some("a password's hash")
    } else if holds(b"PRIVATE KEY-----") {
        Some("a private key")
    } else if holds(br#""p":""#) || holds(br#"\"p\":\""#) {
        Some("a password of Windows LAPS' form")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_of_every_kind_are_found_and_nothing_else() {
        let known = [Zeroizing::new(b"0123456789abcdef".to_vec())];
        let found = |text: &str| find(text.as_bytes(), &known);
        for secret in [
            "x:0123456789abcdef:",
            "lapadmin:$y$j9T$abcdefgh$:",
            "$6$rounds=5000$salt",
            "-----BEGIN PRIVATE KEY-----",
            r#"{"n":"a","t":"1","p":"x"}"#,
            r#"{"MESSAGE":"{\"p\":\"x\"}"}"#,
        ] {
            assert!(found(secret).is_some(), "{secret}");
        }
        for harmless in
            ["", "costs $5$ or $6$", "-----BEGIN CERTIFICATE-----", r#"{"path":"x"}"#, "0123456789abcde"]
        {
            assert_eq!(found(harmless), None, "{harmless}");
        }
    }
}
