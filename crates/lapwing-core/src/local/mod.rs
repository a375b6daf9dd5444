//! The messages on the local sockets, as Varlink puts them on the wire: one JSON object per message, ended by a NUL.
//!
//! These structs are only the wire form; both ends parse them into domain types at once. Times are RFC 3339 in UTC
//! with seven fractional digits, GUIDs as printed, bytes in standard Base64.
//!
//! * [`root_half`]: `lapwingd` asks `lapwingd-priv`.
//! * [`agent`]: the administrator's command, or `varlinkctl`, asks `lapwingd`.

pub mod agent;
pub mod root_half;

/// Ends each message. Varlink, "Message format".
pub const FRAME_END: u8 = 0;

/// The longest message either side accepts, in bytes; the largest real one is a journal with eight candidates.
pub const FRAME_LEN_MAX: usize = 256 * 1024;
