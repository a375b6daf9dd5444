//! `$filter`, as far as consoles use it: comparisons, `startswith`, `and`, `or`, `not`. OData 4.01 part 2, 5.1.1.
//!
//! All comparisons are of lower-case texts: names compare without case, and times print so that their order as text
//! is their order in time.

use lapwing_core::types::FileTime;

/// How deep parentheses and negations may nest.
pub(crate) const DEPTH_MAX: usize = 16;

/// What a filter may look at.
pub(crate) trait Fields {
    /// The properties, in lower case.
    const NAMES: &'static [&'static str];

    /// The lower-case text of the property at this place of [`Self::NAMES`].
    fn field(&self, at: usize) -> String;
}

/// A filter, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Filter {
    Compare { field: usize, operator: Operator, value: String },
    StartsWith { field: usize, prefix: String },
    Not(Box<Self>),
    And(Vec<Self>),
    Or(Vec<Self>),
}

/// How two texts are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// Why a text is not a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Invalid filter clause: {0}")]
pub(crate) struct FilterError(&'static str);

impl Filter {
    /// Reads a filter over the properties in `names`.
    pub(crate) fn parse(text: &str, names: &[&str]) -> Result<Self, FilterError> {
        let tokens = tokenise(text)?;
        let mut parser = Parser { tokens: &tokens, names, depth: 0 };
        let filter = parser.any()?;
        if parser.tokens.is_empty() { Ok(filter) } else { Err(FilterError("something follows its end")) }
    }

    /// Whether it lets `item` through.
    pub(crate) fn matches<T: Fields>(&self, item: &T) -> bool {
        match self {
            Self::Compare { field, operator, value } => operator.holds(&item.field(*field), value),
            Self::StartsWith { field, prefix } => item.field(*field).starts_with(prefix.as_str()),
            Self::Not(inner) => !inner.matches(item),
            Self::And(all) => all.iter().all(|filter| filter.matches(item)),
            Self::Or(any) => any.iter().any(|filter| filter.matches(item)),
        }
    }

    /// What everything that it lets through has in common, as far as an index can tell.
    pub(crate) fn demands(&self) -> Vec<Demand<'_>> {
        match self {
            Self::Compare { field, operator: Operator::Equal, value } => {
                vec![Demand { field: *field, text: value, is_whole: true }]
            }
            Self::StartsWith { field, prefix } => {
                vec![Demand { field: *field, text: prefix, is_whole: false }]
            }
            Self::And(all) => all.iter().flat_map(Self::demands).collect(),
            Self::Compare { .. } | Self::Not(_) | Self::Or(_) => Vec::new(),
        }
    }
}

/// One property's text, or its start, in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Demand<'a> {
    pub(crate) field: usize,
    pub(crate) text: &'a str,
    /// Whether it is the whole text.
    pub(crate) is_whole: bool,
}

impl Operator {
    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "eq" => Self::Equal,
            "ne" => Self::NotEqual,
            "lt" => Self::Less,
            "le" => Self::LessOrEqual,
            "gt" => Self::Greater,
            "ge" => Self::GreaterOrEqual,
            _ => return None,
        })
    }

    fn holds(self, left: &str, right: &str) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// A name, keyword, number, time or GUID, in lower case.
    Word(String),
    /// A quoted text, in lower case.
    Text(String),
    Open,
    Close,
    Comma,
}

fn tokenise(text: &str) -> Result<Vec<Token>, FilterError> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        tokens.push(match c {
            c if c.is_whitespace() => continue,
            '(' => Token::Open,
            ')' => Token::Close,
            ',' => Token::Comma,
            '\'' => {
                let mut value = String::new();
                loop {
                    match chars.next() {
                        // A quote within a text is doubled.
                        Some('\'') if chars.next_if_eq(&'\'').is_some() => value.push('\''),
                        Some('\'') => break,
                        Some(c) => value.extend(c.to_lowercase()),
                        None => return Err(FilterError("a text has no end")),
                    }
                }
                Token::Text(value)
            }
            c => {
                let mut word = c.to_lowercase().to_string();
                while let Some(c) =
                    chars.next_if(|c| !c.is_whitespace() && !matches!(c, '(' | ')' | ',' | '\''))
                {
                    word.extend(c.to_lowercase());
                }
                Token::Word(word)
            }
        });
    }
    Ok(tokens)
}

struct Parser<'a> {
    tokens: &'a [Token],
    names: &'a [&'a str],
    depth: usize,
}

impl<'a> Parser<'a> {
    fn next(&mut self) -> Option<&'a Token> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first)
    }

    fn next_word_is(&mut self, keyword: &str) -> bool {
        let found = matches!(self.tokens.first(), Some(Token::Word(word)) if word == keyword);
        if found {
            self.next();
        }
        found
    }

    fn expect(&mut self, token: &Token) -> Result<(), FilterError> {
        if self.next() == Some(token) {
            Ok(())
        } else {
            Err(FilterError("a parenthesis or comma is missing"))
        }
    }

    fn any(&mut self) -> Result<Filter, FilterError> {
        let mut parts = vec![self.all()?];
        while self.next_word_is("or") {
            parts.push(self.all()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::Or(parts) })
    }

    fn all(&mut self) -> Result<Filter, FilterError> {
        let mut parts = vec![self.one()?];
        while self.next_word_is("and") {
            parts.push(self.one()?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Filter::And(parts) })
    }

    fn one(&mut self) -> Result<Filter, FilterError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(FilterError("it nests too deep"));
        }
        let filter = self.one_within_depth()?;
        self.depth -= 1;
        Ok(filter)
    }

    fn one_within_depth(&mut self) -> Result<Filter, FilterError> {
        if self.next_word_is("not") {
            return Ok(Filter::Not(Box::new(self.one()?)));
        }
        if self.next_word_is("startswith") {
            self.expect(&Token::Open)?;
            let field = self.field()?;
            self.expect(&Token::Comma)?;
            let prefix = self.value()?;
            self.expect(&Token::Close)?;
            return Ok(Filter::StartsWith { field, prefix });
        }
        if self.tokens.first() == Some(&Token::Open) {
            self.next();
            let inner = self.any()?;
            self.expect(&Token::Close)?;
            return Ok(inner);
        }
        let field = self.field()?;
        let operator = match self.next() {
            Some(Token::Word(word)) => Operator::parse(word),
            Some(Token::Text(_) | Token::Open | Token::Close | Token::Comma) | None => None,
        };
        let operator = operator.ok_or(FilterError("an operator is missing or not supported"))?;
        Ok(Filter::Compare { field, operator, value: self.value()? })
    }

    fn field(&mut self) -> Result<usize, FilterError> {
        let Some(Token::Word(name)) = self.next() else {
            return Err(FilterError("a property is missing"));
        };
        let at = self.names.iter().position(|known| known == name);
        at.ok_or(FilterError("a property is unknown or cannot be filtered"))
    }

    fn value(&mut self) -> Result<String, FilterError> {
        match self.next() {
            Some(Token::Text(text)) => Ok(text.clone()),
            // A time without fraction must compare equal to the same one with seven digits.
            Some(Token::Word(word)) => Ok(word
                .parse::<FileTime>()
                .map_or_else(|_| word.clone(), |time| time.to_string().to_lowercase())),
            Some(Token::Open | Token::Close | Token::Comma) | None => Err(FilterError("a value is missing")),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct Item(&'static str, &'static str);

    impl Fields for Item {
        const NAMES: &'static [&'static str] = &["devicename", "lastbackupdatetime"];

        fn field(&self, at: usize) -> String {
            [self.0, self.1][at].to_lowercase()
        }
    }

    const ITEM: Item = Item("PC-O'Neil", "2026-05-06T07:08:09.0000000Z");

    fn matches(text: &str) -> bool {
        Filter::parse(text, Item::NAMES).unwrap().matches(&ITEM)
    }

    #[test]
    fn filters_of_real_tools_are_understood() {
        for text in [
            "deviceName eq 'PC-O''Neil'",
            "DeviceName eq 'pc-o''neil'",
            "startswith(deviceName,'PC-')",
            "startsWith( deviceName , 'pc' ) and lastBackupDateTime ge 2026-05-06T07:08:09Z",
            "lastBackupDateTime le 2026-05-06T07:08:09.0000000Z",
            "deviceName eq 'x' or (deviceName ne 'y' and not (deviceName eq 'z'))",
            // `and` binds stronger than `or`.
            "deviceName ne 'x' or deviceName eq 'y' and deviceName eq 'z'",
        ] {
            assert!(matches(text), "{text}");
        }
        for text in
            ["deviceName eq 'pc'", "lastBackupDateTime gt 2026-05-06T07:08:09Z", "startswith(deviceName,'x')"]
        {
            assert!(!matches(text), "{text}");
        }
    }

    #[test]
    fn a_filter_demands_what_holds_for_all_that_it_lets_through() {
        let demands = |text: &str| -> Vec<(usize, String, bool)> {
            let filter = Filter::parse(text, Item::NAMES).unwrap();
            filter.demands().iter().map(|d| (d.field, d.text.to_owned(), d.is_whole)).collect()
        };
        assert_eq!(demands("deviceName eq 'PC-1'"), [(0, "pc-1".to_owned(), true)]);
        let both = demands("lastBackupDateTime ge 2026-05-06T07:08:09Z and startswith(deviceName,'PC')");
        assert_eq!(both, [(0, "pc".to_owned(), false)]);
        for text in [
            "deviceName ne 'x'",
            "not (deviceName eq 'x')",
            "deviceName eq 'x' or deviceName eq 'y'",
            "deviceName gt 'x'",
        ] {
            assert_eq!(demands(text), [], "{text}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for text in [
            "",
            "deviceName",
            "deviceName eq",
            "deviceName like 'x'",
            "password eq 'x'",
            "deviceName eq 'x",
            "(deviceName eq 'x'",
            "deviceName eq 'x' deviceName eq 'y'",
            "startswith(deviceName 'x')",
            "endswith(deviceName,'x')",
        ] {
            assert!(Filter::parse(text, Item::NAMES).is_err(), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |n: usize| format!("{}deviceName eq 'x'{}", "(".repeat(n), ")".repeat(n));
        assert!(Filter::parse(&nested(DEPTH_MAX - 1), Item::NAMES).is_ok());
        assert!(Filter::parse(&nested(DEPTH_MAX), Item::NAMES).is_err());
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text: String, near in r"(deviceName|eq|and|or|not|startswith|\(|\)|,|'| ){0,40}") {
            drop(Filter::parse(&text, Item::NAMES));
            drop(Filter::parse(&near, Item::NAMES));
        }

        #[test]
        fn every_name_is_found_by_itself(name in "[a-z' ]{1,20}") {
            struct Named(String);
            impl Fields for Named {
                const NAMES: &'static [&'static str] = &["devicename"];
                fn field(&self, _at: usize) -> String { self.0.clone() }
            }
            let filter = format!("deviceName eq '{}'", name.replace('\'', "''"));
            prop_assert!(Filter::parse(&filter, Named::NAMES).unwrap().matches(&Named(name)));
        }
    }
}
