//! Reading JSON from strangers: length and depth are bounded before anything is built, and errors repeat no input.

use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

/// The longest message read by [`parse`], in bytes: a Graph page of 999 devices stays well below it.
pub const MESSAGE_LEN_MAX: usize = 4 << 20;
/// The longest message read by [`parse_tolerant`], in bytes.
pub const TOLERANT_LEN_MAX: usize = 64 << 10;
/// How many objects and arrays may enclose a value.
pub const DEPTH_MAX: usize = 16;

/// Why bytes are not the message expected. Says where, never what: the input may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// Longer than any honest message.
    #[error("the message has {len} bytes, more than {max}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
        /// The most allowed.
        max: usize,
    },
    /// Nested deeper than any honest message.
    #[error("the message nests deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// Not JSON.
    #[error("the message is not JSON (line {line}, column {column})")]
    Malformed {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// JSON, but a member is missing, doubled or of the wrong type.
    #[error("the message has not the members expected (line {line}, column {column})")]
    Unexpected {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
}

impl From<serde_json::Error> for JsonError {
    /// Drops the message, which quotes the value that did not fit.
    fn from(error: serde_json::Error) -> Self {
        let (line, column) = (error.line(), error.column());
        if error.is_data() { Self::Unexpected { line, column } } else { Self::Malformed { line, column } }
    }
}

/// Reads one message of standard JSON; unknown members are passed over.
///
/// # Errors
/// [`JsonError`] if it is too long, too deep or not what `T` expects.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    check_len(bytes, MESSAGE_LEN_MAX)?;
    let mut depth = Depth::default();
    let mut cursor = Cursor { rest: bytes };
    while let Some(token) = cursor.next_token() {
        depth.enter(token)?;
    }
    Ok(serde_json::from_slice(bytes)?)
}

/// Reads one message as Windows devices may write it: member names in any case, integers also as `0x…`.
/// `T` names its members in lower case.
///
/// # Errors
/// [`JsonError`] if it is too long, too deep or not what `T` expects.
pub fn parse_tolerant<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, JsonError> {
    check_len(bytes, TOLERANT_LEN_MAX)?;
    Ok(serde_json::from_slice(&to_standard(bytes)?)?)
}

fn check_len(bytes: &[u8], max: usize) -> Result<(), JsonError> {
    if bytes.len() <= max { Ok(()) } else { Err(JsonError::TooLong { len: bytes.len(), max }) }
}

/// Rewrites the liberties of Windows into standard JSON; what is malformed stays so, for the real parser to find.
fn to_standard(bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>, JsonError> {
    // No token at most doubles: `0x` and 16 digits become 20 digits. So the buffer never grows and leaves no copy.
    let mut out = Zeroizing::new(Vec::with_capacity(bytes.len().saturating_mul(2)));
    let mut depth = Depth::default();
    let mut cursor = Cursor { rest: bytes };
    while let Some(token) = cursor.next_token() {
        depth.enter(token)?;
        match token {
            Token::Text(text) if cursor.is_before_colon() && !text.contains(&b'\\') => {
                out.extend(text.iter().map(u8::to_ascii_lowercase));
            }
            Token::Text(text) => out.extend_from_slice(text),
            Token::Word(word) => match hex_literal(word) {
                Some(number) => out.extend_from_slice(number.to_string().as_bytes()),
                None => out.extend_from_slice(word),
            },
            Token::Other(byte) => out.push(byte),
        }
    }
    Ok(out)
}

fn hex_literal(word: &[u8]) -> Option<u64> {
    let digits = word.strip_prefix(b"0x").or_else(|| word.strip_prefix(b"0X"))?;
    // `from_str_radix` takes a sign, JSON's hexadecimal does not.
    let digits = digits.iter().all(u8::is_ascii_hexdigit).then_some(digits)?;
    u64::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()
}

#[derive(Clone, Copy)]
enum Token<'a> {
    /// A text with its quotes.
    Text(&'a [u8]),
    /// A run of letters and digits.
    Word(&'a [u8]),
    /// A bracket, sign, blank or anything else.
    Other(u8),
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn next_token(&mut self) -> Option<Token<'a>> {
        let &first = self.rest.first()?;
        let len = match first {
            b'"' => text_len(self.rest),
            _ if first.is_ascii_alphanumeric() => {
                self.rest.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count()
            }
            _ => 1,
        };
        let (token, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(match first {
            b'"' => Token::Text(token),
            _ if first.is_ascii_alphanumeric() => Token::Word(token),
            _ => Token::Other(first),
        })
    }

    fn is_before_colon(&self) -> bool {
        self.rest.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b':')
    }
}

/// The length of the text at the start, quotes included; an open text reaches to the end.
fn text_len(bytes: &[u8]) -> usize {
    let mut escaped = false;
    for (at, &byte) in bytes.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at.saturating_add(1),
            _ => {}
        }
    }
    bytes.len()
}

#[derive(Default)]
struct Depth(usize);

impl Depth {
    fn enter(&mut self, token: Token<'_>) -> Result<(), JsonError> {
        match token {
            Token::Other(b'{' | b'[') => self.0 = self.0.saturating_add(1),
            Token::Other(b'}' | b']') => self.0 = self.0.saturating_sub(1),
            Token::Other(_) | Token::Text(_) | Token::Word(_) => {}
        }
        if self.0 <= DEPTH_MAX { Ok(()) } else { Err(JsonError::TooDeep) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;
    use serde_json::Value;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Sample {
        number: u64,
        text: String,
    }

    #[test]
    fn hexadecimal_numbers_and_any_case_are_read() {
        let read: Sample =
            parse_tolerant(br#"{"NUMBER" : 0xFfFfFfFfFfFfFfFf,"Text":"0xA: \"NUMBER\":","More":[0X1]}"#)
                .unwrap();
        assert_eq!(read, Sample { number: u64::MAX, text: "0xA: \"NUMBER\":".to_owned() });
    }

    #[test]
    fn what_is_no_number_stays_malformed() {
        for text in ["0x", "0xg", "0x10000000000000000", "0x+1", "00x1"] {
            let body = format!(r#"{{"number":{text},"text":""}}"#);
            assert!(parse_tolerant::<Sample>(body.as_bytes()).is_err(), "{text}");
        }
    }

    #[test]
    fn length_and_depth_are_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse::<Value>(nested(DEPTH_MAX).as_bytes()).is_ok());
        assert_eq!(parse::<Value>(nested(DEPTH_MAX + 1).as_bytes()), Err(JsonError::TooDeep));
        assert_eq!(parse_tolerant::<Value>(nested(DEPTH_MAX + 1).as_bytes()), Err(JsonError::TooDeep));
        let text = |len: usize| format!("\"{}\"", "a".repeat(len - 2));
        assert!(parse_tolerant::<Value>(text(TOLERANT_LEN_MAX).as_bytes()).is_ok());
        assert!(parse_tolerant::<Value>(text(TOLERANT_LEN_MAX + 1).as_bytes()).is_err());
        assert!(parse::<Value>(text(MESSAGE_LEN_MAX).as_bytes()).is_ok());
        assert!(parse::<Value>(text(MESSAGE_LEN_MAX + 1).as_bytes()).is_err());
    }

    #[test]
    fn an_error_repeats_no_input() {
        let error = parse_tolerant::<Sample>(br#"{"number":"hunter2"}"#).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, text in r#"[{}\[\]":,0-9xA-F\\ ]{0,64}"#) {
            drop(parse::<Value>(&bytes));
            drop(parse_tolerant::<Value>(&bytes));
            drop(parse_tolerant::<Value>(text.as_bytes()));
        }

        #[test]
        fn standard_json_means_the_same_in_both(number: u64, text: String) {
            let body = serde_json::json!({ "number": number, "text": text }).to_string();
            prop_assert_eq!(
                parse_tolerant::<Sample>(body.as_bytes()).unwrap(),
                parse::<Sample>(body.as_bytes()).unwrap()
            );
        }
    }
}
