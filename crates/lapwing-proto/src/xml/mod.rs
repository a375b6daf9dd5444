//! XML as the management protocols write it: read into a small tree whose size is bounded first, written compactly.
//!
//! Only what [XML 1.0] needs for SyncML, SOAP and provisioning documents: UTF-8, elements, attributes, text, CDATA,
//! the five entities and character references. Names are compared without prefix and case: devices and published
//! examples differ in both.
//!
//! INVARIANT: no document type, no entity of a document's own and no processing instruction is ever followed, and no
//! error repeats the input.

mod read;
mod write;

pub use read::{ATTRIBUTES_MAX, DEPTH_MAX, ELEMENTS_MAX, MESSAGE_LEN_MAX, NAME_LEN_MAX, XmlError};

pub(crate) use read::{Element, parse};
pub(crate) use write::{Writer, escaped_len};

/// XML 1.0 section 2.2: what a document may hold, even as a reference.
const fn is_allowed(c: char) -> bool {
    !matches!(c, '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' | '\u{fffe}' | '\u{ffff}')
}

#[cfg(test)]
mod tests;
