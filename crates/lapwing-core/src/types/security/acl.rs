//! A list of entries, in their order.

use super::{Ace, AceKind, DescriptorError, EditError};

/// An access control list. [MS-DTYP] 2.4.5.
///
/// An edit leaves every other entry where and as it was, and the space behind the last one too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acl {
    revision: u8,
    sbz1: u8,
    sbz2: u16,
    aces: Vec<Ace>,
    /// What the list's size covers behind its last entry.
    unused: Vec<u8>,
}

/// `ACL_REVISION_DS`, which lists with entries about object types must have. [MS-DTYP] 2.4.5.
const REVISION_DS: u8 = 4;
const HEADER_LEN: usize = 8;

impl Acl {
    pub(super) const fn empty() -> Self {
        Self { revision: REVISION_DS, sbz1: 0, sbz2: 0, aces: Vec::new(), unused: Vec::new() }
    }

    /// Reads the list that begins here; its size says where it ends.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, DescriptorError> {
        const MALFORMED: DescriptorError = DescriptorError::Malformed("a list has no valid size");
        let &[revision, sbz1, l0, l1, n0, n1, z0, z1] = bytes.first_chunk().ok_or(MALFORMED)?;
        if !(2..=REVISION_DS).contains(&revision) {
            return Err(DescriptorError::Malformed("a list has an unknown revision"));
        }
        let len = usize::from(u16::from_le_bytes([l0, l1]));
        let mut rest = bytes.get(HEADER_LEN..len).ok_or(MALFORMED)?;
        let mut aces = Vec::new();
        for _ in 0..u16::from_le_bytes([n0, n1]) {
            let (ace, behind) = Ace::read_from(rest)?;
            aces.push(ace);
            rest = behind;
        }
        Ok(Self { revision, sbz1, sbz2: u16::from_le_bytes([z0, z1]), aces, unused: rest.to_vec() })
    }

    pub(super) const fn is_packed(&self) -> bool {
        self.unused.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        let aces: usize = self.aces.iter().map(|ace| ace.as_bytes().len()).sum();
        HEADER_LEN + aces + self.unused.len()
    }

    pub(super) fn write_to(&self, out: &mut Vec<u8>) {
        // Neither can be more than 65535: `insert` keeps the size below, and an entry has at least four bytes.
        let short = |number: usize| u16::try_from(number).unwrap_or(u16::MAX).to_le_bytes();
        out.extend([self.revision, self.sbz1]);
        out.extend(short(self.len()));
        out.extend(short(self.aces.len()));
        out.extend(self.sbz2.to_le_bytes());
        out.extend(self.aces.iter().flat_map(Ace::as_bytes));
        out.extend(&self.unused);
    }

    /// The entries, in their order.
    #[must_use]
    pub fn aces(&self) -> &[Ace] {
        &self.aces
    }

    /// Whether explicit entries stand before inherited ones, and of the explicit ones those that deny before those that
    /// allow. "Order of ACEs in a DACL".
    ///
    /// Inherited entries are in the order in which their parents hand them down, and are not judged.
    #[must_use]
    pub fn is_canonical(&self) -> bool {
        let rank = |ace: &Ace| match ace.body() {
            _ if ace.is_inherited() => Some(2),
            Some(body) if body.kind == AceKind::Deny => Some(0),
            Some(_) => Some(1),
            None => None,
        };
        self.aces.iter().filter_map(rank).is_sorted()
    }

    /// Puts an explicit entry where the canonical order wants it: one that denies before the first that does not, every
    /// other one before the first that is inherited. Nothing that stands there is moved.
    ///
    /// # Errors
    /// [`EditError::Full`] if the list would be longer than its size can say.
    pub fn insert(&mut self, ace: Ace) -> Result<(), EditError> {
        if self.len() + ace.as_bytes().len() > usize::from(u16::MAX) {
            return Err(EditError::Full);
        }
        let goes_behind = |present: &Ace| match ace.body() {
            Some(body) if body.kind == AceKind::Deny => present.is_explicit(AceKind::Deny),
            Some(_) | None => !present.is_inherited(),
        };
        let at = self.aces.iter().position(|present| !goes_behind(present)).unwrap_or(self.aces.len());
        if ace.body().is_some_and(|body| body.object_type.is_some() || body.inherited_object_type.is_some()) {
            self.revision = REVISION_DS;
        }
        self.aces.insert(at, ace);
        Ok(())
    }

    /// Replaces every explicit entry by what `edit` makes of it, or takes it out, and says whether anything changed.
    pub fn edit(&mut self, mut edit: impl FnMut(&Ace) -> Option<Ace>) -> bool {
        let before = self.aces.clone();
        let edited = |ace: &Ace| if ace.is_inherited() { Some(ace.clone()) } else { edit(ace) };
        self.aces = before.iter().filter_map(edited).collect();
        self.aces != before
    }
}
