//! `lapwing unprotect`: opens what DPAPI-NG has protected, with a root key and without a domain. No cmdlet does this.

use std::{
    fs::File,
    io::{self, IsTerminal as _, Read as _, Write as _},
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lapwing_core::secret::SecretBytes;
use lapwing_dpapi::{
    Blob,
    blob::{BLOB_LEN_MAX, BlobError},
    laps::{self, EncryptedPassword, PREFIX_LEN},
};
use lapwing_proto::ad::value::ClearPassword;
use zeroize::Zeroizing;

use crate::{
    failure::{Code, Failure},
    output,
    root_keys::{RootKeys, Unreadable},
};

/// The longest value that is read, in bytes: one of the longest blobs in hexadecimal, in lines.
const VALUE_LEN_MAX: usize = 3 * (PREFIX_LEN + BLOB_LEN_MAX);

/// Opens what was protected for a user or group of a domain, with the domain's root key alone
///
/// No domain controller is asked, so it works on any machine. A value of msLAPS-EncryptedPassword gives its JSON, with the
/// account, the time and the password; anything else the bytes that were protected. They are shown on a terminal; anywhere
/// else only with --as-plain-text.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lapwing unprotect --root-key root.json value.bin
  lapwing unprotect --root-key root.json - --as-plain-text <value.b64 | jq -r .p
  lapwing unprotect --root-key old.json --root-key new.json value.hex")]
pub(crate) struct Args {
    /// A file with the value, - for standard input, or the value itself: in bytes (not as the value itself),
    /// hexadecimal or Base64
    #[arg(value_name = "VALUE")]
    value: String,

    /// The file of a root key (docs/key-file.md), once for each; nobody else may be able to read it
    #[arg(long, required = true, value_name = "FILE")]
    root_key: Vec<PathBuf>,

    /// Print what was protected although standard output is not a terminal
    #[arg(long)]
    as_plain_text: bool,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    if !args.as_plain_text && !output::is_terminal() {
        return Err(Failure::new(
            Code::Usage,
            "standard output is not a terminal, so nothing was opened",
            "add --as-plain-text to write it there",
        ));
    }
    let keys = RootKeys::read(&args.root_key)?;
    let blob = parse(&bytes_of(read(&args.value)?)).map_err(|error| {
        Failure::new(Code::Failed, error, "check that it is the whole value, and one that a SID protects")
    })?;
    let plain = keys.open(&blob).map_err(|error| {
        let next_step = error.next_step();
        Failure::new(Code::Failed, error, next_step)
    })?;
    match laps_text(&plain) {
        Some(text) => print_text(&text),
        None => print_bytes(&plain),
    }
}

/// The JSON of a password, if that is what was protected.
fn laps_text(plain: &SecretBytes) -> Option<SecretBytes> {
    let text = laps::decode_text(plain).ok()?;
    ClearPassword::parse(text.expose_secret()).is_ok().then_some(text)
}

fn print_text(text: &SecretBytes) -> Result<(), Failure> {
    let text = str::from_utf8(text.expose_secret()).unwrap_or_default();
    // Whoever wrote it chose every character.
    if output::is_terminal() {
        output::print(&Zeroizing::new(output::shown(text)))
    } else {
        output::print(text)
    }
}

fn print_bytes(bytes: &SecretBytes) -> Result<(), Failure> {
    let mut out = io::stdout();
    if out.is_terminal() {
        let what = format!(
            "what was protected is {} bytes, and not a password of LAPS",
            bytes.expose_secret().len()
        );
        return Err(Failure::new(Code::Refused, what, "write it to a file, with --as-plain-text"));
    }
    out.write_all(bytes.expose_secret())
        .and_then(|()| out.flush())
        .map_err(|error| Failure::new(Code::Failed, error, "check where the output goes"))
}

fn read(value: &str) -> Result<Vec<u8>, Failure> {
    let limit = u64::try_from(VALUE_LEN_MAX + 1).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let read = if value == "-" {
        io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        match File::open(Path::new(value)) {
            Ok(file) => file.take(limit).read_to_end(&mut bytes),
            // No file of that name: then it may be the value.
            Err(error) if error.kind() != io::ErrorKind::PermissionDenied && decode(value).is_some() => {
                bytes = value.as_bytes().to_vec();
                Ok(bytes.len())
            }
            Err(error) => Err(error),
        }
    };
    read.map_err(|source| {
        let code = if source.kind() == io::ErrorKind::NotFound { Code::NotFound } else { Code::Failed };
        let what = format!(
            "the value {} cannot be read",
            output::shown(&value.chars().take(80).collect::<String>())
        );
        Failure::new(
            code,
            Unreadable { what, source },
            "name a file, -, or give the value in hexadecimal or Base64",
        )
    })?;
    if bytes.len() > VALUE_LEN_MAX {
        let what = format!("the value has more than {VALUE_LEN_MAX} bytes");
        return Err(Failure::new(Code::Failed, what, "give one value, and nothing else"));
    }
    Ok(bytes)
}

/// What was read, or what it is the text of.
fn bytes_of(read: Vec<u8>) -> Vec<u8> {
    str::from_utf8(&read).ok().and_then(decode).unwrap_or(read)
}

/// Hexadecimal or Base64, in lines or as a line of LDIF; none if it is neither.
fn decode(text: &str) -> Option<Vec<u8>> {
    let value = text.rsplit_once("::").map_or(text, |(_, value)| value);
    let digits: String = value.chars().filter(|sign| !sign.is_ascii_whitespace()).collect();
    let hexadecimal = digits.strip_prefix("0x").unwrap_or(&digits);
    if digits.is_empty() { None } else { unhex(hexadecimal).or_else(|| STANDARD.decode(&digits).ok()) }
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        digits.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    let digits = digits?;
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    Some(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// A blob, with or without what LAPS writes before it.
fn parse(bytes: &[u8]) -> Result<Blob, BlobError> {
    match EncryptedPassword::parse(bytes) {
        Ok(read) => Ok(read.blob),
        // That of the form which it most likely has is told.
        Err(laps::EncryptedPasswordError::Blob(error)) => Blob::parse(bytes).map_err(|_| error),
        Err(_) => Blob::parse(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_read_in_every_spelling() {
        for text in ["0aFF", "0x0aff", "0A\n ff\n", "Cv8=", "msLAPS-EncryptedPassword:: Cv\n 8=\n"] {
            assert_eq!(bytes_of(text.as_bytes().to_vec()), [0x0a, 0xff], "{text:?}");
        }
        // Neither is as it is: an odd digit, other signs, nothing, no text.
        for bytes in [&b"0af"[..], b"!", b"", b"\n", b"\x30\x82\xff"] {
            assert_eq!(bytes_of(bytes.to_vec()), bytes, "{bytes:?}");
        }
    }
}
