//! The few messages of LDAP that come before its library takes over: the bind by SASL, whose answers come from a peer that
//! has proved nothing yet.
//!
//! * [`ber`]: tag, length and value, flat and bounded.
//! * [`bind`]: the bind by GSSAPI. RFC 4511 section 4.2; RFC 4752.

pub mod ber;
pub mod bind;
