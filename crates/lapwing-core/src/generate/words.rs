//! Word lists: the three of the Electronic Frontier Foundation, and operators' own.
//!
//! INVARIANT: the words of a list are distinct and without capitals, and ten of them fit into a password.

use core::fmt;
use std::{borrow::Cow, collections::BTreeMap};

use crate::{policy::WordListName, secret::PASSWORD_LEN_MAX};

/// The shortest word, in letters: shorter ones are easier to guess letter by letter than word by word.
pub const WORD_LEN_MIN: usize = 3;
/// The longest word, in letters.
pub const WORD_LEN_MAX: usize = 32;
/// The fewest words of a list: as many as the short lists of Windows have, so that an own list is never weaker.
pub const WORDS_MIN: usize = 1_276;
/// The most words of a list.
pub const WORDS_MAX: usize = 65_536;
/// The largest text of a list, in bytes: one of the most and longest words, and as much again for notes.
pub const WORD_LIST_BYTES_MAX: usize = 4 << 20;

/// The most words of a passphrase. "Configure policy settings for Windows LAPS", PassphraseLength.
const PASSPHRASE_WORDS_MAX: usize = 10;
const _: () = assert!(PASSPHRASE_WORDS_MAX * WORD_LEN_MAX <= PASSWORD_LEN_MAX, "a passphrase would not fit");

/// Words to draw from.
#[derive(Clone, PartialEq, Eq)]
pub struct WordList(Vec<Cow<'static, str>>);

/// Why a text is not a word list.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WordListError {
    /// More than [`WORD_LIST_BYTES_MAX`].
    #[error("word list {} has {bytes} bytes; at most {WORD_LIST_BYTES_MAX} are read", list.as_str())]
    TextTooLong {
        /// The name of the list.
        list: WordListName,
        /// The length of its text.
        bytes: usize,
    },
    /// A line is not a word.
    #[error(
        "line {line} of word list {} is not a word: {text:?}; expected {WORD_LEN_MIN} to {WORD_LEN_MAX} small letters a to z, with single hyphens between them",
        list.as_str()
    )]
    NotAWord {
        /// The name of the list.
        list: WordListName,
        /// The line, counted from 1.
        line: usize,
        /// What stands there, shortened if long.
        text: String,
    },
    /// A word stands there twice, and would be drawn twice as often.
    #[error("line {line} of word list {} repeats {word:?} of line {first_line}", list.as_str())]
    Repeated {
        /// The name of the list.
        list: WordListName,
        /// The second line, counted from 1.
        line: usize,
        /// The word.
        word: String,
        /// The first line, counted from 1.
        first_line: usize,
    },
    /// Fewer than [`WORDS_MIN`] or more than [`WORDS_MAX`].
    #[error("word list {} has {words} words; it takes {WORDS_MIN} to {WORDS_MAX}", list.as_str())]
    WrongCount {
        /// The name of the list.
        list: WordListName,
        /// How many words it has.
        words: usize,
    },
}

impl WordListError {
    /// What the operator can do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::TextTooLong { .. } => "shorten the list",
            Self::NotAWord { .. } => "correct or remove that line; a line of notes begins with #",
            Self::Repeated { .. } => "remove that line",
            Self::WrongCount { .. } => {
                "add or remove words; a passphrase from a shorter list is too easy to guess"
            }
        }
    }
}

impl WordList {
    /// EFF's long list of 7,776 words.
    #[must_use]
    pub fn eff_long() -> Self {
        Self::built_in(include_str!("../../wordlists/eff_long.txt"))
    }

    // DEVIATION(3): the two short lists of Windows lack 20 words of EFF's.
    /// EFF's first short list: 1,296 words of at most five letters.
    #[must_use]
    pub fn eff_short() -> Self {
        Self::built_in(include_str!("../../wordlists/eff_short.txt"))
    }

    /// EFF's second short list: 1,296 words that differ in their first three letters.
    #[must_use]
    pub fn eff_short_unique_prefix() -> Self {
        Self::built_in(include_str!("../../wordlists/eff_short_unique_prefix.txt"))
    }

    /// Takes a file of this crate as it is; a test holds each against [`WordList::parse`].
    fn built_in(text: &'static str) -> Self {
        Self(text.lines().map(Cow::Borrowed).collect())
    }

    /// Reads an operator's own list: one word a line; empty lines and those that begin with `#` are notes.
    ///
    /// Words are ASCII, whatever the language: a letter with an accent has several encodings, and no key on some of the
    /// keyboards at which the password will be typed.
    ///
    /// # Errors
    /// [`WordListError`] names the first line that is wrong, or the limit that is not kept.
    pub fn parse(name: &WordListName, text: &str) -> Result<Self, WordListError> {
        // DEVIATION(4): Windows takes no list but its own.
        let list = || name.clone();
        if text.len() > WORD_LIST_BYTES_MAX {
            return Err(WordListError::TextTooLong { list: list(), bytes: text.len() });
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut words = Vec::new();
        let mut first_lines = BTreeMap::new();
        for (line, word) in (1..).zip(text.lines()) {
            if word.is_empty() || word.starts_with('#') {
                continue;
            }
            if !is_word(word) {
                let text = word.chars().take(64).collect();
                return Err(WordListError::NotAWord { list: list(), line, text });
            }
            if let Some(first_line) = first_lines.insert(word, line) {
                let word = word.to_owned();
                return Err(WordListError::Repeated { list: list(), line, word, first_line });
            }
            words.push(Cow::Owned(word.to_owned()));
        }
        if !(WORDS_MIN..=WORDS_MAX).contains(&words.len()) {
            return Err(WordListError::WrongCount { list: list(), words: words.len() });
        }
        Ok(Self(words))
    }

    /// The words, in the order of the list.
    #[must_use]
    pub fn words(&self) -> &[Cow<'static, str>] {
        &self.0
    }

    /// The length of the longest word, in bytes.
    pub(super) fn word_len_max(&self) -> usize {
        self.0.iter().map(|word| word.len()).max().unwrap_or(0)
    }
}

fn is_word(text: &str) -> bool {
    (WORD_LEN_MIN..=WORD_LEN_MAX).contains(&text.len())
        && text.split('-').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase()))
}

impl fmt::Debug for WordList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WordList({} words)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// `count` distinct words, one a line.
    fn list_of(count: usize) -> String {
        let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).unwrap());
        (0..count)
            .map(|n| ['w', letter(n / 17_576), letter(n / 676), letter(n / 26), letter(n), '\n'])
            .collect::<Vec<_>>()
            .concat()
            .iter()
            .collect()
    }

    fn own() -> WordListName {
        "own".parse().unwrap()
    }

    fn parse(text: &str) -> Result<WordList, WordListError> {
        WordList::parse(&own(), text)
    }

    #[test]
    fn the_built_in_lists_keep_the_rules_of_own_lists() {
        for (list, text, words) in [
            (WordList::eff_long(), include_str!("../../wordlists/eff_long.txt"), 7_776),
            (WordList::eff_short(), include_str!("../../wordlists/eff_short.txt"), 1_296),
            (
                WordList::eff_short_unique_prefix(),
                include_str!("../../wordlists/eff_short_unique_prefix.txt"),
                1_296,
            ),
        ] {
            assert_eq!(parse(text).unwrap(), list);
            assert_eq!(list.words().len(), words, "{list:?}");
        }
    }

    #[test]
    fn the_short_lists_are_what_complexity_7_and_8_ask_for() {
        assert_eq!(WordList::eff_short().word_len_max(), 5);
        let list = WordList::eff_short_unique_prefix();
        let prefixes: std::collections::BTreeSet<_> = list.words().iter().map(|word| &word[..3]).collect();
        assert_eq!(prefixes.len(), list.words().len());
    }

    #[test]
    fn a_list_may_have_notes_a_byte_order_mark_and_windows_line_ends() {
        let text = format!("\u{feff}# By someone, CC BY 4.0\n\n{}", list_of(WORDS_MIN)).replace('\n', "\r\n");
        let list = parse(&text).unwrap();
        assert_eq!(list.words().len(), WORDS_MIN);
        assert_eq!(list.words()[27], "waabb");
    }

    #[test]
    fn a_list_has_neither_too_few_nor_too_many_words() {
        for (words, fits) in
            [(0, false), (WORDS_MIN - 1, false), (WORDS_MIN, true), (WORDS_MAX, true), (WORDS_MAX + 1, false)]
        {
            let parsed = parse(&list_of(words));
            let error = WordListError::WrongCount { list: own(), words };
            assert_eq!(parsed.err(), (!fits).then_some(error), "{words} words");
        }
    }

    #[test]
    fn a_text_over_the_limit_is_not_read() {
        let notes =
            |bytes: usize| "#".repeat(bytes - list_of(WORDS_MIN).len() - 1) + "\n" + &list_of(WORDS_MIN);
        assert!(parse(&notes(WORD_LIST_BYTES_MAX)).is_ok());
        let error = parse(&notes(WORD_LIST_BYTES_MAX + 1)).unwrap_err();
        assert!(
            matches!(error, WordListError::TextTooLong { bytes, .. } if bytes == WORD_LIST_BYTES_MAX + 1)
        );
    }

    #[test]
    fn a_bad_word_is_named_with_its_line() {
        let longest = "a".repeat(WORD_LEN_MAX);
        for word in [
            "ab",
            "Word",
            "two words",
            " word",
            "word ",
            "wörd",
            "word1",
            "-word",
            "word-",
            "wo--rd",
            "a\u{0}b",
            "wo\u{301}rd",
        ]
        .into_iter()
        .chain([format!("{longest}a").as_str()])
        {
            let error = parse(&format!("word\n{word}\n{}", list_of(WORDS_MIN))).unwrap_err();
            assert_eq!(error, WordListError::NotAWord { list: own(), line: 2, text: word.to_owned() });
        }
        for word in ["abc", "t-shirt", &longest] {
            assert!(parse(&format!("{word}\n{}", list_of(WORDS_MIN))).is_ok(), "{word}");
        }
    }

    #[test]
    fn a_repeated_word_is_named_with_both_lines() {
        let error = parse("# Notes\nlapwing\nplover\nlapwing\n").unwrap_err();
        assert_eq!(error.to_string(), r#"line 4 of word list own repeats "lapwing" of line 2"#);
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text: String) {
            drop(parse(&text));
        }
    }
}
