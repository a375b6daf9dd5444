//! One file per command.

pub(crate) mod ad;
pub(crate) mod adopt;
pub(crate) mod doctor;
pub(crate) mod enrol;
pub(crate) mod generalize;
pub(crate) mod generate_docs;
pub(crate) mod generate_password;
pub(crate) mod get_aad_password;
pub(crate) mod get_diagnostics;
pub(crate) mod get_policy;
pub(crate) mod invoke_policy_processing;
pub(crate) mod leave;
pub(crate) mod pam;
pub(crate) mod reset_password;
pub(crate) mod server;
pub(crate) mod status;
pub(crate) mod trace;
pub(crate) mod unprotect;

use std::path::PathBuf;

use lapwing_client::identity::Root;
use lapwing_core::types::{DeviceId, GuidError};

use crate::{
    failure::{Code, Failure},
    managed::ManagedError,
    output,
};

/// The system to work on: an image that was named, else this host, which only root may change.
fn root_or_image(image: Option<PathBuf>) -> Result<Root, Failure> {
    match image {
        Some(folder) => Ok(Root::at(folder)),
        None if rustix::process::geteuid().is_root() => Ok(Root::default()),
        None => Err(Failure::new(Code::Refused, "only root may change this host", "run this as root")),
    }
}

/// The id of the only device of this name.
fn the_one(name: &str, ids: &[&str]) -> Result<DeviceId, Failure> {
    match ids {
        [one] => one
            .parse()
            .map_err(|error: GuidError| Failure::new(Code::Failed, error, "name the device by its id")),
        [] => Err(Failure::new(
            Code::NotFound,
            format!("no device has the name {name}"),
            "check the name, or use the device's id",
        )),
        several => {
            let ids: Vec<_> = several.iter().map(|id| output::shown(id)).collect();
            Err(Failure::new(
                Code::Failed,
                format!("{} devices have the name {name}", several.len()),
                format!("name one by its id: {}", ids.join(" ")),
            ))
        }
    }
}

fn managed_failure(root: &Root, error: ManagedError) -> Failure {
    let path = root.managed();
    let next_step = format!("correct {}", path.display());
    Failure::new(Code::Failed, UnusableManaged { path, source: error }, next_step)
}

#[derive(Debug, thiserror::Error)]
#[error("{} cannot be changed", path.display())]
struct UnusableManaged {
    path: PathBuf,
    source: ManagedError,
}
