//! Security descriptors in the form in which a directory keeps them. [MS-DTYP] 2.4.6.
//!
//! INVARIANT: what was read and not changed is written as the very same bytes: the order of the parts, the space between
//! and behind them, and entries of types that nobody here knows. An edit changes what it is about and the offsets.

mod access;
mod ace;
mod acl;
mod layout;
mod mask;

#[cfg(test)]
mod tests;

pub use access::{Breadth, Conditions, Grant, Holder, Reach, Subject};
pub use ace::{Ace, AceBody, AceFlags, AceKind};
pub use acl::Acl;
pub use mask::AccessMask;

use self::layout::{Part, Segment, in_order};
use super::Sid;

/// The longest descriptor, in bytes: what `nTSecurityDescriptor` takes. [MS-ADA3], its rangeUpper.
pub const DESCRIPTOR_LEN_MAX: usize = 132_096;

/// A self-relative security descriptor. [MS-DTYP] 2.4.6.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityDescriptor {
    /// The resource manager's byte, kept as it is.
    sbz1: u8,
    control: u16,
    /// Everything behind the header, in its order.
    segments: Vec<Segment>,
}

/// The list that says who may do what, as far as the descriptor has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dacl<'a> {
    /// The descriptor was read without it.
    Absent,
    /// There is none, and everyone may do everything.
    Null,
    /// This one.
    Present(&'a Acl),
}

/// Why bytes are not a security descriptor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DescriptorError {
    /// Longer than a directory keeps them.
    #[error("the security descriptor has {len} bytes, more than {DESCRIPTOR_LEN_MAX}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// Not of the form that the specification gives.
    #[error("the security descriptor is malformed: {0}")]
    Malformed(&'static str),
}

/// Why a descriptor cannot be changed as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EditError {
    /// There is no list to change.
    #[error("the security descriptor came without its list of permissions")]
    Absent,
    /// A grant would take from everyone what they have.
    #[error("the security descriptor has no list of permissions, so that everyone may do everything")]
    Null,
    /// A list cannot be longer.
    #[error("the list of permissions has no room for another entry")]
    Full,
}

impl EditError {
    /// What to do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::Absent => "read the object with an account that may read its permissions",
            Self::Null => "give the object a list of permissions first, in its security settings",
            Self::Full => {
                "remove permissions that are no longer needed, or grant to one group in place of many users"
            }
        }
    }
}

/// Revision, Sbz1, control and four offsets. [MS-DTYP] 2.4.6.
const HEADER_LEN: usize = 20;
/// The bits of `Control`. [MS-DTYP] 2.4.6.
const DACL_PRESENT: u16 = 0x0004;
const SACL_PRESENT: u16 = 0x0010;
const SELF_RELATIVE: u16 = 0x8000;

impl SecurityDescriptor {
    /// Reads a descriptor. Parts that overlap are refused, but for an owner and a group that are one.
    ///
    /// # Errors
    /// [`DescriptorError`] if it is too long or malformed.
    pub fn parse(bytes: &[u8]) -> Result<Self, DescriptorError> {
        use DescriptorError::Malformed;
        if bytes.len() > DESCRIPTOR_LEN_MAX {
            return Err(DescriptorError::TooLong { len: bytes.len() });
        }
        let (&[revision, sbz1, c0, c1], offsets) =
            bytes.split_first_chunk().ok_or(Malformed("it ends within its header"))?;
        let (offsets, _) = offsets.split_first_chunk::<16>().ok_or(Malformed("it ends within its header"))?;
        let control = u16::from_le_bytes([c0, c1]);
        if revision != 1 || control & SELF_RELATIVE == 0 {
            return Err(Malformed("it is not of revision 1 and self-relative"));
        }
        let mut spans = Vec::with_capacity(4);
        let parts = [Part::Owner, Part::Group, Part::Sacl, Part::Dacl];
        for (part, offset) in parts.into_iter().zip(offsets.as_chunks().0) {
            let offset = u32::from_le_bytes(*offset);
            if offset == 0 {
                continue;
            }
            if !part.may_be_present(control) {
                return Err(Malformed("it points at a list that it says it has not"));
            }
            let start = usize::try_from(offset).map_err(|_| Malformed("an offset lies behind the end"))?;
            let rest = bytes.get(start..).ok_or(Malformed("an offset lies behind the end"))?;
            spans.push((start, part.read(rest)?));
        }
        Ok(Self { sbz1, control, segments: in_order(bytes, spans)? })
    }

    /// The bytes: those that were read, but for what was changed.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let (mut owner, mut group, mut sacl, mut dacl) = (0, 0, 0, 0);
        let mut body = Vec::new();
        for segment in &self.segments {
            // Two lists of at most 65535 bytes, and no more than a descriptor's length beside them.
            let offset = u32::try_from(HEADER_LEN + body.len()).unwrap_or(u32::MAX);
            match segment {
                Segment::Gap(bytes) => body.extend(bytes),
                Segment::Sid { sid, is_owner, is_group } => {
                    if *is_owner {
                        owner = offset;
                    }
                    if *is_group {
                        group = offset;
                    }
                    body.extend(sid.to_bytes());
                }
                Segment::Sacl(acl) => {
                    sacl = offset;
                    acl.write_to(&mut body);
                }
                Segment::Dacl(acl) => {
                    dacl = offset;
                    acl.write_to(&mut body);
                }
            }
        }
        let mut bytes = Vec::with_capacity(HEADER_LEN + body.len());
        bytes.extend([1, self.sbz1]);
        bytes.extend(self.control.to_le_bytes());
        bytes.extend([owner, group, sacl, dacl].into_iter().flat_map(u32::to_le_bytes));
        bytes.extend(body);
        bytes
    }

    /// Whether it is nothing but its parts: no bytes lie between them, behind them, or behind a list's last entry.
    #[must_use]
    pub fn is_packed(&self) -> bool {
        self.segments.iter().all(|segment| match segment {
            Segment::Gap(_) => false,
            Segment::Sid { .. } => true,
            Segment::Sacl(acl) | Segment::Dacl(acl) => acl.is_packed(),
        })
    }

    /// The owner, if the descriptor was read with it.
    #[must_use]
    pub fn owner(&self) -> Option<&Sid> {
        self.segments.iter().find_map(|segment| match segment {
            Segment::Sid { sid, is_owner: true, .. } => Some(sid),
            Segment::Sid { .. } | Segment::Gap(_) | Segment::Sacl(_) | Segment::Dacl(_) => None,
        })
    }

    /// Who may do what.
    #[must_use]
    pub fn dacl(&self) -> Dacl<'_> {
        let found = self.segments.iter().find_map(|segment| match segment {
            Segment::Dacl(acl) => Some(acl),
            Segment::Gap(_) | Segment::Sid { .. } | Segment::Sacl(_) => None,
        });
        match found {
            Some(acl) => Dacl::Present(acl),
            None if self.control & DACL_PRESENT != 0 => Dacl::Null,
            None => Dacl::Absent,
        }
    }

    /// Who may do what, to be changed.
    ///
    /// # Errors
    /// [`EditError`] if there is no list: one that is made of nothing would take everyone's rights away.
    pub fn dacl_mut(&mut self) -> Result<&mut Acl, EditError> {
        let missing = if self.control & DACL_PRESENT != 0 { EditError::Null } else { EditError::Absent };
        let found = self.segments.iter_mut().find_map(|segment| match segment {
            Segment::Dacl(acl) => Some(acl),
            Segment::Gap(_) | Segment::Sid { .. } | Segment::Sacl(_) => None,
        });
        found.ok_or(missing)
    }

    /// What is recorded, if the descriptor was read with it.
    #[must_use]
    pub fn sacl(&self) -> Option<&Acl> {
        self.segments.iter().find_map(|segment| match segment {
            Segment::Sacl(acl) => Some(acl),
            Segment::Gap(_) | Segment::Sid { .. } | Segment::Dacl(_) => None,
        })
    }

    /// Changes what is recorded. A descriptor without such a list gets one if the change leaves any entry in it.
    ///
    /// The descriptor must have been asked for with this list, which takes a privilege: one that was read without it
    /// looks like one that has none, and what is written then replaces what was not seen.
    ///
    /// # Errors
    /// Those of `edit`; the descriptor is then as it was.
    pub fn edit_sacl<T>(
        &mut self,
        edit: impl FnOnce(&mut Acl) -> Result<T, EditError>,
    ) -> Result<T, EditError> {
        let mut acl = self.sacl().cloned().unwrap_or_else(Acl::empty);
        let done = edit(&mut acl)?;
        let place = self.segments.iter_mut().find(|segment| matches!(segment, Segment::Sacl(_)));
        match place {
            Some(place) => *place = Segment::Sacl(acl),
            None if acl.aces().is_empty() => {}
            None => {
                // Where Windows puts it: before the other parts.
                self.control |= SACL_PRESENT;
                self.segments.insert(0, Segment::Sacl(acl));
            }
        }
        Ok(done)
    }
}
