//! Passwords and passphrases, drawn by the rules of complexity 1 to 8. "Windows LAPS passwords and
//! passphrases".
//!
//! INVARIANT: every password that the rules allow is drawn with the same chance, and one that is thrown away is wiped.

mod draw;
mod words;

use core::mem;

use rand_core::CryptoRng;
use zeroize::{Zeroize, Zeroizing};

use self::draw::choose;
pub use self::words::{
    WORD_LEN_MAX, WORD_LEN_MIN, WORD_LIST_BYTES_MAX, WORDS_MAX, WORDS_MIN, WordList, WordListError,
};
use crate::{
    policy::{PassphraseLength, PasswordComplexity, PasswordLength},
    secret::Password,
};

/// How many whole passwords are drawn before the random source is given up as stuck.
///
/// The strictest rules (8 characters of complexity 5) accept more than two draws in five, so a sound source reaches this
/// limit with a chance below 2^-128.
pub const ATTEMPTS_MAX: usize = 256;

const CAPITALS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
const SMALL: &str = "abcdefghijklmnopqrstuvwxyz";
const DIGITS: &str = "0123456789";
const SYMBOLS: &str = ",.-+;!#&@{}[]$/()%";

/// Complexity 5, as its explicit list has it: Microsoft's prose forgets that `-`, `$` and `/` are left out too.
/// "Windows LAPS passwords and passphrases", Password character sets.
const READABLE: &[&str] = &["ABCDEFGHJKLMNPRSTUVWXYZ", "abcdefghijkmnpqrstuvwxyz", "23456789", "!#%+@:=?*"];

/// What a password is drawn from, and how much of it.
#[derive(Debug, Clone)]
pub struct Rules(Kind);

#[derive(Debug, Clone)]
enum Kind {
    /// Characters of these classes, at least one of each.
    Characters { classes: &'static [&'static str], length: PasswordLength },
    /// Words of this list.
    Words { list: WordList, length: PassphraseLength },
}

impl Rules {
    /// The rules that policy asks for; of the two lengths the one that belongs to `complexity` counts.
    #[must_use]
    pub fn new(
        complexity: PasswordComplexity,
        password: PasswordLength,
        passphrase: PassphraseLength,
    ) -> Self {
        let characters = |classes| Self(Kind::Characters { classes, length: password });
        match complexity {
            PasswordComplexity::Capitals => characters(&[CAPITALS]),
            PasswordComplexity::Letters => characters(&[CAPITALS, SMALL]),
            PasswordComplexity::LettersDigits => characters(&[CAPITALS, SMALL, DIGITS]),
            PasswordComplexity::LettersDigitsSymbols => characters(&[CAPITALS, SMALL, DIGITS, SYMBOLS]),
            PasswordComplexity::Readable => characters(READABLE),
            PasswordComplexity::LongWords => Self::from_words(WordList::eff_long(), passphrase),
            PasswordComplexity::ShortWords => Self::from_words(WordList::eff_short(), passphrase),
            PasswordComplexity::ShortWordsUniquePrefix => {
                Self::from_words(WordList::eff_short_unique_prefix(), passphrase)
            }
        }
    }

    /// Passphrases from any list, so also from an operator's own.
    #[must_use]
    pub const fn from_words(list: WordList, length: PassphraseLength) -> Self {
        Self(Kind::Words { list, length })
    }

    /// The logarithm to base 2 of how many passwords the alphabet or list can make, as Microsoft states it.
    ///
    /// To ask for a character of each class leaves a little less: up to 0.5 bits at 14 characters, 1.3 at 8.
    #[must_use]
    pub fn entropy_bits(&self) -> f64 {
        let (choices, length) = match &self.0 {
            Kind::Characters { classes, length } => {
                (classes.iter().map(|class| class.len()).sum(), length.characters())
            }
            Kind::Words { list, length } => (list.words().len(), length.words()),
        };
        f64::from(u32::try_from(choices).unwrap_or(u32::MAX)).log2() * f64::from(length)
    }

    /// The length in bytes that no password of these rules exceeds.
    #[must_use]
    pub fn len_max(&self) -> usize {
        match &self.0 {
            Kind::Characters { length, .. } => usize::from(length.characters()),
            Kind::Words { list, length } => list.word_len_max() * usize::from(length.words()),
        }
    }
}

/// Why no password was drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GenerateError {
    /// Draws that a sound source makes with a chance below 2^-128.
    #[error("the random source is stuck: what it returns repeats itself")]
    RandomSourceStuck,
}

impl GenerateError {
    /// What the operator can do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::RandomSourceStuck => "check the kernel's random source; no password was changed",
        }
    }
}

/// Draws one password.
///
/// # Errors
/// [`GenerateError::RandomSourceStuck`], which a sound source never causes.
pub fn generate(rules: &Rules, rng: &mut impl CryptoRng) -> Result<Password, GenerateError> {
    // Of full capacity, for a buffer that grows leaves copies behind.
    let mut text = Zeroizing::new(String::with_capacity(rules.len_max()));
    match &rules.0 {
        Kind::Characters { classes, length } => {
            draw_characters(&mut text, classes, length.characters(), rng)?
        }
        Kind::Words { list, length } => draw_words(&mut text, list, length.words(), rng)?,
    }
    Ok(Password::new(mem::take(&mut *text)))
}

/// Draws whole passwords until one has a character of each class.
///
/// To throw away the whole draw is what keeps the chances equal: each string over the alphabet is equally likely, so
/// each of those kept is. To draw one character of each class first and shuffle would prefer passwords with few
/// characters of the small classes, and to mend a draw would prefer those that many failed draws can be mended to.
fn draw_characters(
    text: &mut String,
    classes: &[&str],
    length: u16,
    rng: &mut impl CryptoRng,
) -> Result<(), GenerateError> {
    let alphabet: Vec<char> = classes.concat().chars().collect();
    for _ in 0..ATTEMPTS_MAX {
        for _ in 0..length {
            text.push(*choose(&alphabet, rng)?);
        }
        if classes.iter().all(|class| text.contains(|c| class.contains(c))) {
            return Ok(());
        }
        // Wipes and empties the buffer, but keeps its capacity.
        text.zeroize();
    }
    Err(GenerateError::RandomSourceStuck)
}

/// Draws words and joins them without a separator, the first letter of each as a capital.
///
/// The words of a list have no capitals, so no two draws of words look alike.
fn draw_words(
    text: &mut String,
    list: &WordList,
    length: u16,
    rng: &mut impl CryptoRng,
) -> Result<(), GenerateError> {
    for _ in 0..length {
        let mut letters = choose(list.words(), rng)?.chars();
        text.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        text.push_str(letters.as_str());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
