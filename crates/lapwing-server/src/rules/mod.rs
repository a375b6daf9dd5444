//! What the directory decides: pure functions, without I/O, clock or chance.

pub(crate) mod access;
pub(crate) mod action;
pub(crate) mod audit;
pub(crate) mod bulk;
pub(crate) mod certificate;
pub(crate) mod csv;
pub(crate) mod fleet;
pub(crate) mod flow;
pub(crate) mod history;
pub(crate) mod instances;
pub(crate) mod operator;
pub(crate) mod package;
pub(crate) mod policy_assignment;
pub(crate) mod policy_delivery;
pub(crate) mod policy_form;
pub(crate) mod policy_standing;
pub(crate) mod push;
pub(crate) mod rate;
pub(crate) mod reveal;
pub(crate) mod session;
pub(crate) mod sign_in;
