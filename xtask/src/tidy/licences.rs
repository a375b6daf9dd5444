//! The licences of what we depend on: those that let anyone use Lapwing under either of its own.

use anyhow::{Context as _, Result, bail};

use super::workspace::Workspace;

/// SPDX identifiers of licences that ask for no more than notice.
const ALLOWED: [&str; 13] = [
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Dependencies whose licence expression cannot be met by the allowed licences alone.
pub(super) fn faults(workspace: &Workspace) -> Vec<String> {
    workspace
        .foreign()
        .filter_map(|package| {
            let licence = package.license.as_deref().unwrap_or("");
            let why = match is_allowed(licence) {
                Ok(true) => return None,
                Ok(false) => "is not among the allowed".to_owned(),
                Err(error) => format!("is not understood: {error}"),
            };
            Some(format!(
                "{} {}: its licence `{licence}` {why}; see tidy/licences.rs",
                package.name, package.version
            ))
        })
        .collect()
}

/// Whether the expression can be met. SPDX Specification, annex "SPDX license expressions"; `/` is Cargo's old `OR`.
fn is_allowed(expression: &str) -> Result<bool> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    let allowed = either(&mut words)?;
    match words.next() {
        None => Ok(allowed),
        Some(word) => bail!("`{word}` is out of place"),
    }
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn either(words: &mut Words<'_>) -> Result<bool> {
    let mut allowed = both(words)?;
    while words.next_if_eq(&"OR").is_some() {
        allowed |= both(words)?;
    }
    Ok(allowed)
}

fn both(words: &mut Words<'_>) -> Result<bool> {
    let mut allowed = one(words)?;
    while words.next_if_eq(&"AND").is_some() {
        allowed &= one(words)?;
    }
    Ok(allowed)
}

fn one(words: &mut Words<'_>) -> Result<bool> {
    let word = words.next().context("it ends too soon")?;
    if word == "(" {
        let allowed = either(words)?;
        words.next_if_eq(&")").context("a parenthesis stays open")?;
        return Ok(allowed);
    }
    // An exception only gives more than the licence before it.
    if words.next_if_eq(&"WITH").is_some() {
        words.next().context("`WITH` has no exception after it")?;
    }
    Ok(ALLOWED.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_allowed_when_one_choice_is_allowed_whole() {
        for (expression, allowed) in [
            ("MIT", true),
            ("GPL-3.0-only", false),
            ("GPL-3.0-only OR MIT", true),
            ("GPL-3.0-only AND MIT", false),
            ("MIT/Apache-2.0", true),
            ("(MIT OR GPL-2.0-only) AND Unicode-3.0", true),
            ("MIT OR Apache-2.0 AND GPL-2.0-only", true),
            ("Apache-2.0 WITH LLVM-exception", true),
        ] {
            assert_eq!(is_allowed(expression).unwrap(), allowed, "{expression}");
        }
    }

    #[test]
    fn a_broken_expression_is_not_taken_for_a_licence() {
        for expression in ["", "MIT Apache-2.0", "(MIT", "MIT OR", "MIT WITH"] {
            assert!(is_allowed(expression).is_err(), "{expression}");
        }
    }
}
