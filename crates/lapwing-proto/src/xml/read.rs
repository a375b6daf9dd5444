//! Bytes to a bounded tree.

use quick_xml::{
    Reader, XmlVersion,
    escape::resolve_predefined_entity,
    events::{BytesRef, BytesStart, Event},
};

use super::is_allowed;

/// The longest document, in bytes; also the longest message that Windows announces to take.
pub const MESSAGE_LEN_MAX: usize = 512 << 10;
/// How many elements may enclose another.
pub const DEPTH_MAX: usize = 16;
/// The elements of one document.
pub const ELEMENTS_MAX: usize = 16_384;
/// The attributes of one element, declarations of namespaces included.
pub const ATTRIBUTES_MAX: usize = 32;
/// The longest name of an element or attribute without its prefix, in bytes.
pub const NAME_LEN_MAX: usize = 128;

/// Why bytes are not a document that we read. Says where, never what: the input may hold a credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum XmlError {
    /// Longer than any honest message.
    #[error("the document has {0} bytes, more than {MESSAGE_LEN_MAX}")]
    TooLong(usize),
    /// Nested deeper than any honest message.
    #[error("the document nests deeper than {DEPTH_MAX} levels")]
    TooDeep,
    /// More elements or attributes, or a longer name, than any honest message has.
    #[error("the document has too many elements or attributes, or too long a name (byte {at})")]
    TooMany {
        /// Where, counted from 0.
        at: u64,
    },
    /// A document type, a processing instruction, or an entity that XML itself does not name.
    #[error("the document has a document type, a processing instruction or an entity of its own (byte {at})")]
    Forbidden {
        /// Where, counted from 0.
        at: u64,
    },
    /// Not XML in UTF-8.
    #[error("the document is not XML in UTF-8 (byte {at})")]
    Malformed {
        /// Where, counted from 0.
        at: u64,
    },
}

/// One element, by its local name.
#[derive(Debug, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    attributes: Vec<(String, String)>,
    /// All text directly inside it, as it stands.
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

impl Element {
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    /// The first child of that name.
    pub(crate) fn child(&self, name: &str) -> Option<&Self> {
        self.children_named(name).next()
    }

    pub(crate) fn children_named(&self, name: &str) -> impl Iterator<Item = &Self> {
        self.children.iter().filter(move |child| child.is(name))
    }

    /// The element at the end of a path of first children.
    pub(crate) fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |element, name| element.child(name))
    }

    /// The text of the first child of that name, without blanks around it.
    pub(crate) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(Self::trimmed)
    }

    pub(crate) fn trimmed(&self) -> &str {
        self.text.trim()
    }

    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        let (_, value) = self.attributes.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(value)
    }
}

/// Reads a whole document; comments are passed over.
pub(crate) fn parse(bytes: &[u8]) -> Result<Element, XmlError> {
    if bytes.len() > MESSAGE_LEN_MAX {
        return Err(XmlError::TooLong(bytes.len()));
    }
    let text = core::str::from_utf8(bytes).map_err(|error| malformed_at(error.valid_up_to()))?;
    if let Some((at, _)) = text.char_indices().find(|(_, c)| !is_allowed(*c)) {
        return Err(malformed_at(at));
    }
    let mut tree = Tree { reader: Reader::from_str(text), open: Vec::new(), root: None, elements: 0 };
    while tree.step()? {}
    match tree.root {
        Some(root) if tree.open.is_empty() => Ok(root),
        _ => Err(malformed_at(bytes.len())),
    }
}

fn malformed_at(at: usize) -> XmlError {
    XmlError::Malformed { at: u64::try_from(at).unwrap_or(u64::MAX) }
}

struct Tree<'a> {
    reader: Reader<&'a [u8]>,
    open: Vec<Element>,
    root: Option<Element>,
    elements: usize,
}

impl Tree<'_> {
    /// Takes one event; false at the end.
    fn step(&mut self) -> Result<bool, XmlError> {
        let at = self.reader.buffer_position();
        let event = self.reader.read_event().map_err(|_| XmlError::Malformed { at })?;
        match event {
            Event::Start(start) => {
                let element = self.element(&start)?;
                self.open.push(element);
            }
            Event::Empty(start) => {
                let element = self.element(&start)?;
                self.close(element)?;
            }
            Event::End(_) => {
                let element = self.open.pop().ok_or(XmlError::Malformed { at })?;
                self.close(element)?;
            }
            Event::Text(text) => self.text(&text.xml10_content())?,
            Event::CData(text) => self.text(&text.xml10_content())?,
            Event::GeneralRef(reference) => self.reference(&reference, at)?,
            Event::Decl(_) if self.open.is_empty() && self.root.is_none() => {}
            Event::DocType(_) | Event::PI(_) | Event::Decl(_) => return Err(XmlError::Forbidden { at }),
            Event::Comment(_) => {}
            Event::Eof => return Ok(false),
        }
        Ok(true)
    }

    fn element(&mut self, start: &BytesStart<'_>) -> Result<Element, XmlError> {
        let at = self.reader.buffer_position();
        self.elements = self.elements.saturating_add(1);
        if self.open.len() >= DEPTH_MAX {
            return Err(XmlError::TooDeep);
        }
        if self.elements > ELEMENTS_MAX {
            return Err(XmlError::TooMany { at });
        }
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            // Before the parser compares the next one with all of them.
            if attributes.len() >= ATTRIBUTES_MAX {
                return Err(XmlError::TooMany { at });
            }
            let attribute = attribute.map_err(|_| XmlError::Malformed { at })?;
            let value = attribute.normalized_value(XmlVersion::Explicit1_0);
            let value = value.map_err(|_| XmlError::Forbidden { at })?.into_owned();
            if !value.chars().all(is_allowed) {
                return Err(XmlError::Malformed { at });
            }
            attributes.push((name(attribute.key.local_name().into_inner(), at)?, value));
        }
        let name = name(start.local_name().into_inner(), at)?;
        Ok(Element { name, attributes, ..Element::default() })
    }

    fn close(&mut self, element: Element) -> Result<(), XmlError> {
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None if self.root.is_none() => self.root = Some(element),
            None => return Err(XmlError::Malformed { at: self.reader.buffer_position() }),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), XmlError> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            // A byte order mark is no text.
            None if text.trim_start_matches('\u{feff}').trim().is_empty() => {}
            None => return Err(XmlError::Malformed { at: self.reader.buffer_position() }),
        }
        Ok(())
    }

    fn reference(&mut self, reference: &BytesRef<'_>, at: u64) -> Result<(), XmlError> {
        let character = reference.resolve_char_ref().map_err(|_| XmlError::Malformed { at })?;
        match (character, resolve_predefined_entity(reference)) {
            (Some(c), _) if is_allowed(c) => self.text(c.encode_utf8(&mut [0; 4])),
            (Some(_), _) => Err(XmlError::Malformed { at }),
            (None, Some(text)) => self.text(text),
            (None, None) => Err(XmlError::Forbidden { at }),
        }
    }
}

fn name(text: &str, at: u64) -> Result<String, XmlError> {
    if text.len() <= NAME_LEN_MAX { Ok(text.to_owned()) } else { Err(XmlError::TooMany { at }) }
}
