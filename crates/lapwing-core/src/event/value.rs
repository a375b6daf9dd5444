//! What the fields of events hold, and how Windows shows it.

use core::fmt;

use crate::types::Uid;

/// A result code of Windows. [MS-ERREF] 2.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hresult(pub u32);

impl fmt::Display for Hresult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010X}", self.0)
    }
}

/// A relative identifier: the account within its host. [MS-DTYP] 2.4.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rid(pub u32);

// DEVIATION(5): the uid, on a host whose accounts have no SID; see also `Sid::unix_user`.
impl From<Uid> for Rid {
    fn from(uid: Uid) -> Self {
        Self(uid.0)
    }
}

impl fmt::Display for Rid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#X}", self.0)
    }
}

macro_rules! kinds {
    ($( #[doc = $doc:literal] $kind:ident $name:literal; )+) => {
        /// What a field holds.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum FieldKind {
            $( #[doc = $doc] $kind, )+
        }

        impl fmt::Display for FieldKind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $( Self::$kind => $name, )+ })
            }
        }

        /// The content of a field; its `Display` is what Windows shows.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum FieldValue {
            $( #[doc = $doc] $kind(of::$kind), )+
        }

        impl FieldValue {
            /// What it is.
            #[must_use]
            pub const fn kind(&self) -> FieldKind {
                match self { $( Self::$kind(_) => FieldKind::$kind, )+ }
            }
        }
    };
}

kinds! {
    /// Any text. It may come from a peer: whoever writes lines must escape it.
    Text "text";
    /// The name of a local account.
    Account "account";
    /// A whole number.
    Integer "integer";
    /// Shown as 1 or 0.
    Switch "switch";
    /// 32 bits, shown in hexadecimal.
    Hex32 "hexadecimal";
    /// 64 bits, shown in hexadecimal.
    Hex64 "hexadecimal";
    /// A result code.
    Hresult "HRESULT";
    /// A relative identifier.
    Rid "RID";
    /// A security identifier.
    Sid "SID";
    /// An instant, shown in UTC.
    Time "FILETIME";
    /// A password's version.
    Version "version";
    /// The version that a directory holds; none if this host may not read it.
    FoundVersion "version";
    /// A backup directory.
    Directory "directory";
}

/// The type that each kind of field holds, under the kind's name.
pub(super) mod of {
    pub(in crate::event) use super::{Hresult, Rid};
    pub(in crate::event) use crate::types::{
        AccountName as Account, DirectoryId as Directory, FileTime as Time, PasswordVersion as Version, Sid,
    };

    pub(in crate::event) type Text = String;
    pub(in crate::event) type Integer = i64;
    pub(in crate::event) type Switch = bool;
    pub(in crate::event) type Hex32 = u32;
    pub(in crate::event) type Hex64 = u64;
    pub(in crate::event) type FoundVersion = Option<Version>;
}

impl fmt::Display for FieldValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Account(account) => account.fmt(f),
            Self::Integer(number) => number.fmt(f),
            Self::Switch(on) => u8::from(*on).fmt(f),
            Self::Hex32(bits) => write!(f, "{bits:#X}"),
            Self::Hex64(bits) => write!(f, "{bits:#X}"),
            Self::Hresult(code) => code.fmt(f),
            Self::Rid(rid) => rid.fmt(f),
            Self::Sid(sid) => sid.fmt(f),
            Self::Time(time) => time.fmt(f),
            Self::Version(version) => version.fmt(f),
            Self::FoundVersion(Some(version)) => version.fmt(f),
            Self::FoundVersion(None) => f.write_str("unreadable"),
            Self::Directory(directory) => directory.fmt(f),
        }
    }
}
