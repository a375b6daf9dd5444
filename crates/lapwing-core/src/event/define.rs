//! The form of the catalogue: one entry defines a number, its form, and the variant by which it is raised.

/// `NUMBER Level Release Name "meaning" { field: Kind, other = "ItsName": Kind };`
macro_rules! events {
    ($(
        $code:literal $level:ident $since:ident $name:ident $meaning:literal
        $({ $( $field:ident $(= $shown:literal)?: $kind:ident ),+ $(,)? })? ;
    )+) => {
        /// An event, by its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum EventId {
            $( #[doc = concat!($code, ": ", $meaning, ".")] $name, )+
        }

        impl EventId {
            /// Every event, by its number.
            pub const ALL: &[Self] = &[ $( Self::$name, )+ ];

            /// The number, which never changes its meaning.
            #[must_use]
            pub const fn code(self) -> u16 {
                match self { $( Self::$name => $code, )+ }
            }

            /// How much it matters.
            #[must_use]
            pub const fn level(self) -> Level {
                match self { $( Self::$name => Level::$level, )+ }
            }

            /// Who introduced it.
            #[must_use]
            pub const fn since(self) -> Since {
                match self { $( Self::$name => Since::$since, )+ }
            }

            /// What it says, without a full stop.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $( Self::$name => $meaning, )+ }
            }

            /// Its fields, in the order in which Windows has them.
            #[must_use]
            pub const fn fields(self) -> &'static [Field] {
                match self {
                    $( Self::$name => &[
                        $( $( Field { name: field_name!($field $(= $shown)?), kind: FieldKind::$kind } ),+ )?
                    ], )+
                }
            }
        }

        /// Something that happened, with exactly the fields of its entry.
        #[derive(Debug, Clone, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Event {
            $(
                #[doc = concat!($code, ": ", $meaning, ".")]
                $name $({
                    $(
                        #[doc = concat!("Printed as `", field_name!($field $(= $shown)?), "`.")]
                        $field: of::$kind,
                    )+
                })?,
            )+
        }

        impl Event {
            /// Which event it is.
            #[must_use]
            pub const fn id(&self) -> EventId {
                match self { $( Self::$name { .. } => EventId::$name, )+ }
            }

            /// The names and values of its fields, in the order of [`EventId::fields`].
            #[must_use]
            pub fn fields(&self) -> Vec<(&'static str, FieldValue)> {
                match self {
                    $(
                        Self::$name $({ $( $field, )+ })? => vec![
                            $( $( (field_name!($field $(= $shown)?), FieldValue::$kind($field.clone())), )+ )?
                        ],
                    )+
                }
            }
        }
    };
}

macro_rules! field_name {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident = $shown:literal) => {
        $shown
    };
}
