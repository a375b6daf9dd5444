//! What others read in Active Directory: the Python package msldap is the judge.

use serde_json::Value;
use xtask::{
    lab::{
        Lab,
        domain::{BASE, Domain},
    },
    python, sys,
};

const READ: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/e2e/msldap_read.py");

/// The attributes that a user sees of what a filter finds, as text.
pub(crate) fn read(
    lab: &Lab,
    domain: &Domain,
    (user, password): (&str, &str),
    filter: &str,
    attributes: &[&str],
) -> Value {
    let python = python::interpreter(python::MSLDAP).unwrap();
    let given = serde_json::json!({
        "server": domain.controller.address(), "domain": "LAPWING", "user": user, "password": password,
        "base": BASE, "filter": filter, "attributes": attributes,
    });
    let mut command = lab.command(python.to_str().unwrap()).unwrap();
    let read = sys::text_fed(command.args(["-I", "-B", READ]), given.to_string().as_bytes());
    serde_json::from_str(&read.unwrap()).unwrap()
}
