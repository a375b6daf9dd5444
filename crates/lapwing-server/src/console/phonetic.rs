//! A password to be read aloud: a word for each character. ICAO Annex 10, volume II, 5.2.1.3 for the letters.

const LETTERS: [&str; 26] = [
    "Alfa", "Bravo", "Charlie", "Delta", "Echo", "Foxtrot", "Golf", "Hotel", "India", "Juliett", "Kilo",
    "Lima", "Mike", "November", "Oscar", "Papa", "Quebec", "Romeo", "Sierra", "Tango", "Uniform", "Victor",
    "Whiskey", "X-ray", "Yankee", "Zulu",
];
const DIGITS: [&str; 10] = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];

/// A character and what to say for it: capitals in capitals.
pub(super) struct Spelled {
    pub(super) character: char,
    pub(super) word: String,
}

pub(super) fn spell(text: &str) -> Vec<Spelled> {
    text.chars().map(|character| Spelled { character, word: word(character) }).collect()
}

fn word(character: char) -> String {
    let at = |first: u8| usize::try_from(u32::from(character).saturating_sub(u32::from(first))).unwrap_or(0);
    let letter = |first| LETTERS.get(at(first)).copied().unwrap_or_default();
    match character {
        'A'..='Z' => format!("capital {}", letter(b'A').to_uppercase()),
        'a'..='z' => letter(b'a').to_lowercase(),
        '0'..='9' => DIGITS.get(at(b'0')).copied().unwrap_or_default().to_owned(),
        _ => symbol(character).map_or_else(|| format!("U+{:04X}", u32::from(character)), str::to_owned),
    }
}

const fn symbol(character: char) -> Option<&'static str> {
    Some(match character {
        ' ' => "space",
        '!' => "exclamation mark",
        '"' => "double quote",
        '#' => "hash",
        '$' => "dollar",
        '%' => "percent",
        '&' => "ampersand",
        '\'' => "single quote",
        '(' => "open parenthesis",
        ')' => "close parenthesis",
        '*' => "asterisk",
        '+' => "plus",
        ',' => "comma",
        '-' => "hyphen",
        '.' => "full stop",
        '/' => "slash",
        ':' => "colon",
        ';' => "semicolon",
        '<' => "less than",
        '=' => "equals",
        '>' => "greater than",
        '?' => "question mark",
        '@' => "at",
        '[' => "open bracket",
        '\\' => "backslash",
        ']' => "close bracket",
        '^' => "caret",
        '_' => "underscore",
        '`' => "backtick",
        '{' => "open brace",
        '|' => "pipe",
        '}' => "close brace",
        '~' => "tilde",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_character_has_a_word_of_its_own() {
        let words: Vec<String> = spell("aZ0 9é").into_iter().map(|spelled| spelled.word).collect();
        assert_eq!(words, ["alfa", "capital ZULU", "zero", "space", "nine", "U+00E9"]);
        let all: std::collections::BTreeSet<String> = (' '..='~').map(word).collect();
        assert_eq!(all.len(), ('~' as usize) - (' ' as usize) + 1);
        assert!(!all.iter().any(|word| word.is_empty() || word.starts_with("U+")));
    }
}
