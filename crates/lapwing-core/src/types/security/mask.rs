//! What an access control entry lets its trustee do.

use core::fmt;

/// Rights as bits. [MS-DTYP] 2.4.3; those of directory objects: [MS-ADTS] 5.1.3.2.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct AccessMask(pub u32);

impl AccessMask {
    /// `RIGHT_DS_READ_PROPERTY`.
    pub const READ_PROPERTY: Self = Self(0x0000_0010);
    /// `RIGHT_DS_WRITE_PROPERTY`.
    pub const WRITE_PROPERTY: Self = Self(0x0000_0020);
    /// `RIGHT_DS_CONTROL_ACCESS`: extended rights, and the reading of confidential attributes.
    pub const CONTROL_ACCESS: Self = Self(0x0000_0100);
    /// No right at all.
    pub const NONE: Self = Self(0);

    const GENERIC_READ: Self = Self(0x8000_0000);
    const GENERIC_WRITE: Self = Self(0x4000_0000);
    const GENERIC_EXECUTE: Self = Self(0x2000_0000);
    const GENERIC_ALL: Self = Self(0x1000_0000);

    /// The rights of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These rights without the others.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all of the others are among these.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// With every generic right replaced by the rights that it means for a directory object. [MS-ADTS] 5.1.3.2.
    ///
    /// The directory does so itself when an entry takes effect; one that is only for children keeps its generic rights.
    #[must_use]
    pub const fn mapped(self) -> Self {
        const GENERIC: [(AccessMask, u32); 4] = [
            (AccessMask::GENERIC_READ, 0x0002_0094),
            (AccessMask::GENERIC_WRITE, 0x0002_0028),
            (AccessMask::GENERIC_EXECUTE, 0x0002_0004),
            (AccessMask::GENERIC_ALL, 0x000f_01ff),
        ];
        let [read, write, execute, all] = GENERIC;
        self.map_one(read).map_one(write).map_one(execute).map_one(all)
    }

    const fn map_one(self, (generic, means): (Self, u32)) -> Self {
        if self.contains(generic) { Self(self.without(generic).0 | means) } else { self }
    }
}

impl fmt::Debug for AccessMask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessMask({:#x})", self.0)
    }
}
