//! Entries as `ldbsearch` writes them: LDIF. RFC 2849.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lapwing_client::ad::Entry;
use lapwing_core::secret::SecretBytes;
use zeroize::Zeroizing;

/// Reads entries; none if it is not LDIF. A key may be among the values, so that every copy is wiped.
pub(super) fn read(text: &str) -> Option<Vec<Entry>> {
    // Only ever shorter than what was folded.
    let mut unfolded = Zeroizing::new(String::with_capacity(text.len()));
    for line in text.split_inclusive('\n') {
        match line.strip_prefix(' ') {
            Some(rest) => {
                let end = unfolded.trim_end_matches(['\r', '\n']).len();
                unfolded.truncate(end);
                unfolded.push_str(rest);
            }
            None => unfolded.push_str(line),
        }
    }
    let mut entries: Vec<(String, Vec<(String, SecretBytes)>)> = Vec::new();
    for line in unfolded.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (attribute, value) = value(line)?;
        if attribute == "dn" {
            entries.push((String::from_utf8(value.expose_secret().to_vec()).ok()?, Vec::new()));
        } else if let Some((_, values)) = entries.last_mut() {
            values.push((attribute.to_owned(), value));
        } else {
            return None;
        }
    }
    Some(entries.into_iter().map(|(name, values)| Entry::new(name, values)).collect())
}

fn value(line: &str) -> Option<(&str, SecretBytes)> {
    let (attribute, value) = line.split_once(':')?;
    let bytes = match value.strip_prefix(':') {
        Some(digits) => STANDARD.decode(digits.trim_start_matches(' ')).ok()?,
        None => value.trim_start_matches(' ').as_bytes().to_vec(),
    };
    Some((attribute, SecretBytes::new(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_with_folded_lines_bytes_and_several_values() {
        let text = "# record 1\ndn: CN=a,\n DC=b\nname: a\nmember: one\nmember:: dHdv\nother:: AP\n 8=\nempty:\n\n\
            # record 2\ndn:: Q0495A==\nname: b\n\n# returned 2 records\n";
        // The second name is no text.
        assert!(read(text).is_none());
        let entries = read(&text.replace("Q0495A==", "Q049Yg==")).unwrap();
        let [first, second] = entries.as_slice() else { panic!("{entries:?}") };
        assert_eq!((first.name.as_str(), second.name.as_str()), ("CN=a,DC=b", "CN=b"));
        assert_eq!(first.texts("MEMBER").collect::<Vec<_>>(), ["one", "two"]);
        assert_eq!((first.value("other"), first.text("empty")), (Some(&[0, 0xff][..]), Some("")));
        assert_eq!(second.text("name"), Some("b"));
    }

    #[test]
    fn what_is_no_ldif_is_refused() {
        for text in ["name: a\n", "dn: a\nname\n", "dn: a\nname:: !\n"] {
            assert!(read(text).is_none(), "{text:?}");
        }
        assert_eq!(read("# nothing\n").map(|entries| entries.len()), Some(0));
    }
}
