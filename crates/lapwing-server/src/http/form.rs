//! The members of a form. RFC 6749 appendix B; HTML, "URL-encoded form data".

use std::borrow::Cow;

use zeroize::Zeroizing;

/// Names and values in the order they came; values may be secrets and are wiped.
pub(crate) struct Form(Vec<(String, Zeroizing<String>)>);

impl Form {
    pub(crate) fn parse(body: &[u8]) -> Self {
        let member = |(name, value): (Cow<'_, str>, Cow<'_, str>)| {
            (name.into_owned(), Zeroizing::new(value.into_owned()))
        };
        Self(form_urlencoded::parse(body).map(member).collect())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Every value of that name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(found, _)| found == name).map(|(_, value)| value.as_str())
    }
}
