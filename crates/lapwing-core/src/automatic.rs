//! What the two halves tell one another of the account that Lapwing owns whole. docs/automatic-accounts.md.

use core::fmt;

macro_rules! attributes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// What an account that Lapwing owns must be like; each that is not as it must be is put back.
        // Serialised although a domain type: a closed set of names that both halves share needs no second spelling.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[cfg_attr(feature = "wire", derive(serde::Serialize, serde::Deserialize))]
        #[cfg_attr(feature = "wire", serde(rename_all = "snake_case"))]
        pub enum Attribute {
            $($(#[$doc])* $name,)+
        }

        impl Attribute {
            /// Each.
            pub const ALL: &[Self] = &[$(Self::$name,)+];
        }

        impl fmt::Display for Attribute {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$name => $text,)+
                })
            }
        }
    };
}

attributes! {
    /// It is there at all.
    Existence = "existence",
    /// Its name.
    Name = "name",
    /// Its uid.
    Uid = "uid",
    /// Its primary group is that of the administrators.
    PrimaryGroup = "primary group",
    /// Its log-on shell.
    Shell = "shell",
    /// Its home folder: none.
    Home = "home folder",
    /// The GECOS field, which says whose account it is.
    Notice = "notice",
    /// Its password stands in `/etc/shadow` alone.
    PasswordPlace = "place of the password",
    /// The day from which on nobody may log on: none if it is enabled, else one long past. shadow(5), field 8.
    Expiry = "expiry",
    /// The `!` before its password: there if and only if it is disabled.
    Lock = "lock",
    /// Its password does not age by itself, for the policy decides when it expires.
    Ageing = "ageing",
    /// It is a member of the administrators' group.
    Membership = "group membership",
}

/// These attributes as people read them.
#[must_use]
pub fn list(attributes: &[Attribute]) -> String {
    attributes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
