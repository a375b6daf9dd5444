//! One entry of an access control list.

use super::{AccessMask, DescriptorError};
use crate::types::{Guid, Sid};

/// How an entry is handed down, and which attempts it records. [MS-DTYP] 2.4.4.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AceFlags(pub u8);

impl AceFlags {
    /// `CONTAINER_INHERIT_ACE`: handed down to children, as every object of a directory is a container.
    pub const CONTAINER_INHERIT: Self = Self(0x02);
    /// `INHERIT_ONLY_ACE`: does not hold for the object itself.
    pub const INHERIT_ONLY: Self = Self(0x08);
    /// `INHERITED_ACE`: came from a parent.
    pub const INHERITED: Self = Self(0x10);
    /// `SUCCESSFUL_ACCESS_ACE_FLAG`: an audit entry records what was allowed.
    pub const SUCCESSFUL_ACCESS: Self = Self(0x40);
    /// `FAILED_ACCESS_ACE_FLAG`: an audit entry records what was refused.
    pub const FAILED_ACCESS: Self = Self(0x80);
    /// For the descendants of the object and not for the object itself.
    pub const DESCENDANTS: Self = Self(0x0a);

    /// The flags of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of the others are among these.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What an entry does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AceKind {
    /// Grants rights.
    Allow,
    /// Denies them.
    Deny,
    /// Has attempts recorded.
    Audit,
}

/// What an entry says, of the kinds that grant, deny or audit. [MS-DTYP] 2.4.4.2 to 2.4.4.12.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AceBody {
    /// What it does.
    pub kind: AceKind,
    /// The rights.
    pub mask: AccessMask,
    /// The attribute, property set or extended right that it is about; none for everything.
    pub object_type: Option<Guid>,
    /// The class of the children that it is handed down to; none for all.
    pub inherited_object_type: Option<Guid>,
    /// Whom it is about.
    pub trustee: Sid,
    /// Whether it depends on an expression behind it, which nothing here evaluates. [MS-DTYP] 2.4.4.17.
    pub is_conditional: bool,
}

/// An access control entry, byte for byte as it was read, with its meaning where it has one that is known.
#[derive(Clone, PartialEq, Eq)]
pub struct Ace {
    /// The truth: what stands here is what is written.
    bytes: Vec<u8>,
    flags: AceFlags,
    body: Option<AceBody>,
}

/// The header of every entry: type, flags and size. [MS-DTYP] 2.4.4.1.
const HEADER_LEN: usize = 4;
/// `ACE_OBJECT_TYPE_PRESENT`. [MS-DTYP] 2.4.4.3.
const OBJECT_TYPE_PRESENT: u32 = 1;
/// `ACE_INHERITED_OBJECT_TYPE_PRESENT`. [MS-DTYP] 2.4.4.3.
const INHERITED_OBJECT_TYPE_PRESENT: u32 = 2;

impl Ace {
    /// An entry about one attribute, property set or extended right of objects of one class. [MS-DTYP] 2.4.4.3.
    #[must_use]
    pub fn about(
        (kind, flags): (AceKind, AceFlags),
        mask: AccessMask,
        object_type: Guid,
        inherited_object_type: Guid,
        trustee: Sid,
    ) -> Self {
        let code = match kind {
            AceKind::Allow => 0x05,
            AceKind::Deny => 0x06,
            AceKind::Audit => 0x07,
        };
        let sid = trustee.to_bytes();
        // At most 112 bytes: 44 before the SID, and a SID has at most 68.
        let len = HEADER_LEN + 4 + 4 + 16 + 16 + sid.len();
        let mut bytes = Vec::with_capacity(len);
        bytes.extend([code, flags.0]);
        bytes.extend(u16::try_from(len).unwrap_or(u16::MAX).to_le_bytes());
        bytes.extend(mask.0.to_le_bytes());
        bytes.extend((OBJECT_TYPE_PRESENT | INHERITED_OBJECT_TYPE_PRESENT).to_le_bytes());
        bytes.extend(object_type.to_bytes_le());
        bytes.extend(inherited_object_type.to_bytes_le());
        bytes.extend(sid);
        let body = AceBody {
            kind,
            mask,
            object_type: Some(object_type),
            inherited_object_type: Some(inherited_object_type),
            trustee,
            is_conditional: false,
        };
        Self { bytes, flags, body: Some(body) }
    }

    /// Reads one entry and returns the bytes that follow it.
    ///
    /// # Errors
    /// [`DescriptorError`] if it ends early, or one of a known type does not say what such a one must.
    pub(super) fn read_from(bytes: &[u8]) -> Result<(Self, &[u8]), DescriptorError> {
        const MALFORMED: DescriptorError = DescriptorError::Malformed("an entry has no valid size");
        let &[code, flags, l0, l1] = bytes.first_chunk().ok_or(MALFORMED)?;
        let len = usize::from(u16::from_le_bytes([l0, l1]));
        // [MS-DTYP] 2.4.4.1: a multiple of four.
        if len < HEADER_LEN || !len.is_multiple_of(4) {
            return Err(MALFORMED);
        }
        let (whole, rest) = bytes.split_at_checked(len).ok_or(MALFORMED)?;
        let body = match form(code) {
            Some(form) => {
                let body = whole.get(HEADER_LEN..).and_then(|fields| read_body(form, fields));
                Some(body.ok_or(DescriptorError::Malformed("an entry ends within its fields"))?)
            }
            None => None,
        };
        Ok((Self { bytes: whole.to_vec(), flags: AceFlags(flags), body }, rest))
    }

    /// The bytes as they are written.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How it is handed down, and what it records.
    #[must_use]
    pub const fn flags(&self) -> AceFlags {
        self.flags
    }

    /// What it says; none for one that neither grants, denies nor audits, or is of a type unknown here.
    #[must_use]
    pub const fn body(&self) -> Option<&AceBody> {
        self.body.as_ref()
    }

    /// Whether a parent handed it down.
    #[must_use]
    pub const fn is_inherited(&self) -> bool {
        self.flags.contains(AceFlags::INHERITED)
    }

    pub(super) fn is_explicit(&self, kind: AceKind) -> bool {
        !self.is_inherited() && self.body.as_ref().is_some_and(|body| body.kind == kind)
    }

    /// The same entry with other rights; one without a meaning stays as it is.
    #[must_use]
    pub fn with_mask(mut self, mask: AccessMask) -> Self {
        if let (Some(body), Some(field)) = (&mut self.body, self.bytes.get_mut(HEADER_LEN..HEADER_LEN + 4)) {
            body.mask = mask;
            field.copy_from_slice(&mask.0.to_le_bytes());
        }
        self
    }
}

impl core::fmt::Debug for Ace {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match &self.body {
            Some(body) => f.debug_struct("Ace").field("flags", &self.flags).field("body", body).finish(),
            None => f.debug_struct("Ace").field("bytes", &self.bytes).finish(),
        }
    }
}

/// What its type says of an entry's fields.
#[derive(Clone, Copy)]
struct Form {
    kind: AceKind,
    has_object: bool,
    is_conditional: bool,
}

/// The types with a meaning here. [MS-DTYP] 2.4.4.1; labels, claims and policies are carried along as they are.
const fn form(code: u8) -> Option<Form> {
    let (kind, has_object, is_conditional) = match code {
        0x00 => (AceKind::Allow, false, false),
        0x01 => (AceKind::Deny, false, false),
        0x02 => (AceKind::Audit, false, false),
        0x05 => (AceKind::Allow, true, false),
        0x06 => (AceKind::Deny, true, false),
        0x07 => (AceKind::Audit, true, false),
        0x09 => (AceKind::Allow, false, true),
        0x0a => (AceKind::Deny, false, true),
        0x0b => (AceKind::Allow, true, true),
        0x0c => (AceKind::Deny, true, true),
        0x0d => (AceKind::Audit, false, true),
        0x0f => (AceKind::Audit, true, true),
        _ => return None,
    };
    Some(Form { kind, has_object, is_conditional })
}

fn read_body(form: Form, fields: &[u8]) -> Option<AceBody> {
    let (mask, fields) = read_u32(fields)?;
    let (present, fields) = if form.has_object { read_u32(fields)? } else { (0, fields) };
    let (object_type, fields) = read_guid(fields, present & OBJECT_TYPE_PRESENT != 0)?;
    let (inherited_object_type, fields) = read_guid(fields, present & INHERITED_OBJECT_TYPE_PRESENT != 0)?;
    let (trustee, _condition) = Sid::read_from(fields).ok()?;
    Some(AceBody {
        kind: form.kind,
        mask: AccessMask(mask),
        object_type,
        inherited_object_type,
        trustee,
        is_conditional: form.is_conditional,
    })
}

fn read_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    bytes.split_first_chunk().map(|(number, rest)| (u32::from_le_bytes(*number), rest))
}

fn read_guid(bytes: &[u8], is_present: bool) -> Option<(Option<Guid>, &[u8])> {
    if !is_present {
        return Some((None, bytes));
    }
    bytes.split_first_chunk().map(|(guid, rest)| (Some(Guid::from_bytes_le(*guid)), rest))
}
