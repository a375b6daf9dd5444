//! A tree to bytes, without a tree: elements in the order in which they are written, nothing between them.

use super::is_allowed;

/// Builds a document.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    out: String,
}

impl Writer {
    /// An element with what `content` writes into it.
    pub(crate) fn element(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.element_with(name, &[], content);
    }

    pub(crate) fn element_with(
        &mut self,
        name: &str,
        attributes: &[(&str, &str)],
        content: impl FnOnce(&mut Self),
    ) {
        self.begin(name, attributes);
        content(self);
        self.end(name);
    }

    /// The start of an element whose end is written by [`Self::end`].
    pub(crate) fn begin(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.open(name, attributes);
        self.out.push('>');
    }

    pub(crate) fn end(&mut self, name: &str) {
        for part in ["</", name, ">"] {
            self.out.push_str(part);
        }
    }

    /// An element with text.
    pub(crate) fn text(&mut self, name: &str, text: &str) {
        self.text_with(name, &[], text);
    }

    pub(crate) fn text_with(&mut self, name: &str, attributes: &[(&str, &str)], text: &str) {
        self.element_with(name, attributes, |writer| writer.push(text));
    }

    /// An element with text, if there is one.
    pub(crate) fn optional(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    pub(crate) fn empty(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.open(name, attributes);
        self.out.push_str("/>");
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.out.into_bytes()
    }

    fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.out.push('<');
        self.out.push_str(name);
        for (name, value) in attributes {
            for part in [" ", name, "=\""] {
                self.out.push_str(part);
            }
            self.push(value);
            self.out.push('"');
        }
    }

    fn push(&mut self, text: &str) {
        for c in text.chars() {
            match escape(c) {
                Some(escaped) => self.out.push_str(escaped),
                None => self.out.push(c),
            }
        }
    }
}

/// How many bytes a text has once it is written.
pub(crate) fn escaped_len(c: char) -> usize {
    escape(c).map_or(c.len_utf8(), str::len)
}

/// The same in text and attributes. A bare carriage return would be read as a line feed, other blanks in an attribute as
/// a space. What XML cannot hold at all is replaced.
fn escape(c: char) -> Option<&'static str> {
    Some(match c {
        '<' => "&lt;",
        '>' => "&gt;",
        '&' => "&amp;",
        '"' => "&quot;",
        '\t' => "&#9;",
        '\n' => "&#10;",
        '\r' => "&#13;",
        c if !is_allowed(c) => "\u{fffd}",
        _ => return None,
    })
}
