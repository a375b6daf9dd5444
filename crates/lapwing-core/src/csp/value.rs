//! From what was sent for a leaf to the policy's value.

use crate::policy::{Kind, RawValue, Setting};

/// Whether two values of a leaf mean the same, however they are written; a leaf that is not there has none.
#[must_use]
pub fn mean_the_same(setting: Setting, one: Option<&str>, other: Option<&str>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => {
            one == other || parse(setting, one).is_some_and(|one| Some(one) == parse(setting, other))
        }
        (one, other) => one.is_none() && other.is_none(),
    }
}

/// The value of `data`, or none if it is not of the setting's type.
///
/// White space around a number or a truth is a document's indentation and counts for nothing; 1 and 0 are truths too, as
/// in XML Schema Part 2 section 3.2.2.
pub(super) fn parse(setting: Setting, data: &str) -> Option<RawValue> {
    match setting.kind() {
        Kind::Integer { .. } => {
            let number: i32 = data.trim().parse().ok()?;
            Some(RawValue::Integer(number.into()))
        }
        Kind::Boolean { .. } => match data.trim() {
            "1" => Some(RawValue::Boolean(true)),
            "0" => Some(RawValue::Boolean(false)),
            word if word.eq_ignore_ascii_case("true") => Some(RawValue::Boolean(true)),
            word if word.eq_ignore_ascii_case("false") => Some(RawValue::Boolean(false)),
            _ => None,
        },
        Kind::Text { .. } => Some(RawValue::Text(data.to_owned())),
    }
}
