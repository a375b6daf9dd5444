//! The surface: accepting connections, reading requests, and answering in the shape that each kind of client expects.

pub(crate) mod fault;
pub(crate) mod form;
pub(crate) mod path;
pub(crate) mod request;
pub(crate) mod serve;
pub(crate) mod tls;
