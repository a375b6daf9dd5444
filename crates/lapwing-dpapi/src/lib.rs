//! DPAPI-NG: data protected to whoever a SID names, with keys that the domain's controllers give by MS-GKDI.
//!
//! Nothing here reads a clock, draws at random or speaks to anybody: time and chance are arguments, and the call that gets
//! a key is a state machine over bytes.

pub mod gkdi;
pub mod rpc;
