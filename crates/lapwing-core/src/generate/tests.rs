//! Rules, entropies, and whether the draws are as likely as they should be.

use std::collections::BTreeMap;

use rand_chacha::ChaCha20Rng;
use rand_core::{Infallible, Rng, SeedableRng, TryCryptoRng, TryRng};

use super::*;
use crate::secret::PASSWORD_LEN_MAX;

fn rules(complexity: PasswordComplexity, characters: i64, words: i64) -> Rules {
    Rules::new(
        complexity,
        PasswordLength::parse(characters).unwrap(),
        PassphraseLength::parse(words).unwrap(),
    )
}

fn rng(seed: u64) -> ChaCha20Rng {
    ChaCha20Rng::seed_from_u64(seed)
}

/// The classes of complexity 1 to 5, written out again from "Windows LAPS passwords and
/// passphrases", Password character sets.
fn classes_of(complexity: PasswordComplexity) -> Vec<&'static str> {
    let full =
        ["ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz", "0123456789", ",.-+;!#&@{}[]$/()%"];
    match complexity.number() {
        number @ 1..=4 => full[..usize::from(number)].to_vec(),
        5 => vec!["ABCDEFGHJKLMNPRSTUVWXYZ", "abcdefghijkmnpqrstuvwxyz", "23456789", "!#%+@:=?*"],
        number => panic!("complexity {number} has no classes"),
    }
}

/// The words of complexity 6 to 8 with their places in the list.
fn words_of(complexity: PasswordComplexity) -> BTreeMap<&'static str, usize> {
    let text = match complexity.number() {
        6 => include_str!("../../wordlists/eff_long.txt"),
        7 => include_str!("../../wordlists/eff_short.txt"),
        8 => include_str!("../../wordlists/eff_short_unique_prefix.txt"),
        number => panic!("complexity {number} has no words"),
    };
    text.lines().zip(0..).collect()
}

/// Cuts a passphrase before each capital.
fn words_in(passphrase: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for letter in passphrase.chars() {
        if letter.is_ascii_uppercase() {
            words.push(letter.to_ascii_lowercase().into());
        } else {
            words.last_mut().unwrap().push(letter);
        }
    }
    words
}

#[test]
fn two_thousand_passwords_of_each_complexity_keep_their_rules() {
    let mut rng = rng(1);
    for &complexity in PasswordComplexity::ALL {
        let list = if complexity.is_passphrase() { words_of(complexity) } else { BTreeMap::new() };
        let classes = if complexity.is_passphrase() { Vec::new() } else { classes_of(complexity) };
        for n in 0..2_000 {
            let (characters, words) = (8 + n % 57, 3 + n % 8);
            let rules = rules(complexity, characters, words);
            let password = generate(&rules, &mut rng).unwrap();
            let text = password.expose_secret();
            assert!(text.len() <= rules.len_max() && rules.len_max() <= PASSWORD_LEN_MAX);
            if complexity.is_passphrase() {
                let found = words_in(text);
                assert_eq!(found.len(), usize::try_from(words).unwrap());
                assert!(found.iter().all(|word| list.contains_key(word.as_str())), "{found:?}");
            } else {
                assert_eq!(text.chars().count(), usize::try_from(characters).unwrap());
                assert!(text.chars().all(|c| classes.iter().any(|class| class.contains(c))), "{text}");
                assert!(classes.iter().all(|class| text.contains(|c| class.contains(c))), "{text}");
            }
        }
    }
}

#[test]
fn complexity_5_has_sixty_four_characters_that_do_not_look_alike() {
    let alphabet = READABLE.concat();
    assert_eq!(alphabet.len(), 64);
    assert!(!alphabet.contains(|c| "IOQlo01,.&{}[]();-$/".contains(c)));
}

#[test]
fn the_entropy_is_the_published_one() {
    // "Windows LAPS passwords and passphrases" at 14 characters, to the digits it prints, and at 6 words; our short
    // lists have 20 words more than those of Windows, hence 62.0 and not 61.9.
    for (number, bits, digits) in [
        (1, 66.0, 0),
        (2, 80.0, 0),
        (3, 83.0, 0),
        (4, 88.5, 1),
        (5, 84.0, 0),
        (6, 77.5, 1),
        (7, 62.0, 1),
        (8, 62.0, 1),
    ] {
        let entropy = rules(PasswordComplexity::parse(number).unwrap(), 14, 6).entropy_bits();
        assert_eq!(format!("{entropy:.digits$}"), format!("{bits:.digits$}"), "complexity {number}");
    }
}

#[test]
fn to_ask_for_each_class_costs_no_more_entropy_than_documented() {
    for (length, bits_max) in [(8, 1.3), (14, 0.5)] {
        for &complexity in PasswordComplexity::ALL.iter().filter(|complexity| !complexity.is_passphrase()) {
            let accepted = accepted_share(complexity, length);
            assert!(-accepted.log2() <= bits_max, "{complexity:?} at {length}: {accepted}");
            let failures = (1.0 - accepted).log2() * f64::from(u32::try_from(ATTEMPTS_MAX).unwrap());
            assert!(failures < -128.0, "{complexity:?} at {length}: 2^{failures}");
        }
    }
}

#[test]
fn an_own_list_is_drawn_from() {
    let text: String = (b'a'..=b'z')
        .flat_map(|a| (b'a'..=b'z').map(move |b| (a, b)))
        .flat_map(|(a, b)| {
            ["plover", "curlew"].map(|bird| format!("{bird}{}{}\n", char::from(a), char::from(b)))
        })
        .collect();
    let rules = Rules::from_words(
        WordList::parse(&"birds".parse().unwrap(), &text).unwrap(),
        PassphraseLength::parse(3).unwrap(),
    );
    let password = generate(&rules, &mut rng(2)).unwrap();
    let words = words_in(password.expose_secret());
    assert_eq!(words.len(), 3);
    assert!(words.iter().all(|word| word.starts_with("plover") || word.starts_with("curlew")));
    assert_eq!(rules.entropy_bits(), 3.0 * f64::log2(1_352.0));
}

/// A random source that is none.
struct Stuck(u8);

impl TryRng for Stuck {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes([self.0; 4]))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes([self.0; 8]))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill(self.0);
        Ok(())
    }
}

impl TryCryptoRng for Stuck {}

#[test]
fn a_stuck_random_source_ends_in_an_error() {
    let default = rules(PasswordComplexity::LettersDigitsSymbols, 14, 6);
    // Ones number no character, so that each single draw is rejected; zeros make passwords of one character.
    for byte in [0xff, 0x00] {
        assert_eq!(generate(&default, &mut Stuck(byte)).unwrap_err(), GenerateError::RandomSourceStuck);
    }
}

// From here on: Pearson's chi-square test. Over n independent draws into cells of expected counts E, the statistic
// X² = Σ (O − E)² / E follows the χ² distribution with k = cells − 1 degrees of freedom as soon as no E is small (5 is
// the usual bound).
//
// By Wilson and Hilferty (1931) the cube root of X²/k is nearly normal, with mean 1 − 2/(9k) and variance 2/(9k). So
// the critical value that X² exceeds with the chance of a standard normal deviate above z is
//     k · (1 − 2/(9k) + z · √(2/(9k)))³.
// We reject on both sides, since draws that are too even are not random either, at z = ±5: a chance of 5.7·10⁻⁷. The
// upper value is 78.2 for 26 letters, 136.3 for 64 characters, 158.9 for 80, and 8414.6 for 7,776 words. About 150 such tests
// run here, so that a fair generator would fail any of them for one choice of seeds in ten thousand.
const CRITICAL_DEVIATE: f64 = 5.0;

fn critical_value(cells: usize, deviate: f64) -> f64 {
    let k = as_f64(cells - 1);
    let variance = 2.0 / (9.0 * k);
    k * (1.0 - variance + deviate * variance.sqrt()).powi(3)
}

/// Whether counts are what independent draws with these chances give.
fn looks_drawn(counts: &[usize], chances: &[f64]) -> bool {
    let n = as_f64(counts.iter().sum());
    assert!(counts.len() == chances.len() && (chances.iter().sum::<f64>() - 1.0).abs() < 1e-9);
    assert!(chances.iter().all(|chance| n * chance >= 5.0), "too few draws for the test");
    let statistic: f64 = counts
        .iter()
        .zip(chances)
        .map(|(&count, chance)| (as_f64(count) - n * chance).powi(2) / (n * chance))
        .sum();
    let limits =
        critical_value(counts.len(), -CRITICAL_DEVIATE)..=critical_value(counts.len(), CRITICAL_DEVIATE);
    limits.contains(&statistic)
}

fn as_f64(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap())
}

fn uniform(cells: usize) -> Vec<f64> {
    vec![1.0 / as_f64(cells); cells]
}

/// Draws `n` times and counts.
fn tally(cells: usize, n: usize, mut draw: impl FnMut() -> usize) -> Vec<usize> {
    let mut counts = vec![0; cells];
    for _ in 0..n {
        counts[draw()] += 1;
    }
    counts
}

/// The share of all strings of `length` that contain each of `required` classes, by inclusion and exclusion.
fn share_with_all(alphabet: usize, required: &[usize], length: i32) -> f64 {
    (0..1_u32 << required.len())
        .map(|absent| {
            let size: usize = required
                .iter()
                .enumerate()
                .filter(|(at, _)| absent >> at & 1 == 1)
                .map(|(_, size)| size)
                .sum();
            let sign = if absent.count_ones() % 2 == 0 { 1.0 } else { -1.0 };
            sign * (as_f64(alphabet - size) / as_f64(alphabet)).powi(length)
        })
        .sum()
}

fn sizes_of(complexity: PasswordComplexity) -> Vec<usize> {
    classes_of(complexity).iter().map(|class| class.len()).collect()
}

fn accepted_share(complexity: PasswordComplexity, length: i32) -> f64 {
    let sizes = sizes_of(complexity);
    share_with_all(sizes.iter().sum(), &sizes, length)
}

/// The chance of each character to stand at any one position when all passwords that keep the rules are equally likely:
/// with this character here, the other positions need only the other classes.
fn chances_at_a_position(complexity: PasswordComplexity, length: i32) -> Vec<f64> {
    let sizes = sizes_of(complexity);
    let alphabet = sizes.iter().sum();
    let all = accepted_share(complexity, length);
    let of_class = |class: usize| {
        let others: Vec<usize> = [&sizes[..class], &sizes[class + 1..]].concat();
        share_with_all(alphabet, &others, length - 1) / all / as_f64(alphabet)
    };
    sizes.iter().enumerate().flat_map(|(class, &size)| vec![of_class(class); size]).collect()
}

/// Whether at each position every character is as likely as in a uniform choice among all passwords of the rules. The
/// passwords are independent, so the characters at one position are.
fn positions_look_drawn(
    complexity: PasswordComplexity,
    length: usize,
    mut draw: impl FnMut() -> String,
) -> bool {
    let alphabet = classes_of(complexity).concat();
    let mut counts = vec![vec![0; alphabet.len()]; length];
    for _ in 0..10_000 {
        for (position, c) in draw().chars().enumerate() {
            counts[position][alphabet.find(c).unwrap()] += 1;
        }
    }
    let chances = chances_at_a_position(complexity, i32::try_from(length).unwrap());
    counts.iter().all(|counts| looks_drawn(counts, &chances))
}

/// Enough draws to expose a draw by remainder, for a small alphabet and for a long list.
fn draws(cells: usize) -> usize {
    if cells < 100 { cells * 500 } else { cells * 50 }
}

#[test]
fn the_critical_values_are_those_of_the_printed_tables() {
    // α = 0.001 has z = 3.0902; the tables give 52.620 for 25 degrees of freedom and 149.449 for 100.
    for (cells, printed) in [(26, 52.620), (101, 149.449)] {
        let critical = critical_value(cells, 3.0902);
        assert!((critical / printed - 1.0).abs() < 0.003, "{critical} for {printed}");
    }
    for (cells, stated) in [(26, 78.2), (64, 136.3), (80, 158.9), (7_776, 8_414.6)] {
        let critical = critical_value(cells, CRITICAL_DEVIATE);
        assert!((critical / stated - 1.0).abs() < 0.001, "{critical} for {stated}");
    }
}

#[test]
fn each_item_is_drawn_with_the_same_chance() {
    let mut rng = rng(3);
    for cells in [2, 3, 26, 52, 62, 64, 65, 80, 1_296, 7_776] {
        let items: Vec<usize> = (0..cells).collect();
        let counts = tally(cells, draws(cells), || *choose(&items, &mut rng).unwrap());
        assert!(looks_drawn(&counts, &uniform(cells)), "{cells} items");
    }
}

#[test]
fn each_character_is_as_likely_at_each_position_as_the_rules_imply() {
    let mut rng = rng(4);
    for &complexity in PasswordComplexity::ALL.iter().filter(|complexity| !complexity.is_passphrase()) {
        for length in [8, 14] {
            let rules = rules(complexity, i64::try_from(length).unwrap(), 6);
            let draw = || generate(&rules, &mut rng).unwrap().expose_secret().to_owned();
            assert!(positions_look_drawn(complexity, length, draw), "{complexity:?} at {length}");
        }
    }
}

#[test]
fn each_word_is_equally_likely_at_each_position() {
    let mut rng = rng(5);
    for &complexity in PasswordComplexity::ALL.iter().filter(|complexity| complexity.is_passphrase()) {
        let list = words_of(complexity);
        let rules = rules(complexity, 14, 6);
        let mut counts = vec![vec![0; list.len()]; 6];
        for _ in 0..list.len() * 6 {
            let password = generate(&rules, &mut rng).unwrap();
            for (position, word) in words_in(password.expose_secret()).iter().enumerate() {
                counts[position][list[word.as_str()]] += 1;
            }
        }
        for counts in counts {
            assert!(looks_drawn(&counts, &uniform(list.len())), "{complexity:?}");
        }
    }
}

#[test]
fn the_same_test_rejects_a_draw_by_remainder() {
    let mut rng = rng(6);
    let byte = tally(80, draws(80), || usize::try_from(rng.next_u32() % 256 % 80).unwrap());
    assert!(!looks_drawn(&byte, &uniform(80)));
    let word = tally(7_776, draws(7_776), || usize::try_from(rng.next_u32() % 65_536 % 7_776).unwrap());
    assert!(!looks_drawn(&word, &uniform(7_776)));
}

#[test]
fn the_same_test_rejects_draws_that_are_too_even() {
    let mut next = 0;
    let counts = tally(80, draws(80), || {
        next += 1;
        next % 80
    });
    assert!(!looks_drawn(&counts, &uniform(80)));
}

#[test]
fn the_same_test_rejects_one_of_each_class_and_a_shuffle() {
    let mut rng = rng(7);
    let complexity = PasswordComplexity::Readable;
    let classes = classes_of(complexity);
    let alphabet: Vec<char> = classes.concat().chars().collect();
    let draw = || {
        let mut pool: Vec<char> = (0..14)
            .map(|position| match classes.get(position) {
                Some(class) => *choose(&class.chars().collect::<Vec<_>>(), &mut rng).unwrap(),
                None => *choose(&alphabet, &mut rng).unwrap(),
            })
            .collect();
        // Fisher and Yates, with fair draws: what is wrong here is the pool.
        for last in (1..pool.len()).rev() {
            let other = *choose(&(0..=last).collect::<Vec<_>>(), &mut rng).unwrap();
            pool.swap(last, other);
        }
        pool.into_iter().collect()
    };
    assert!(!positions_look_drawn(complexity, 14, draw));
}
