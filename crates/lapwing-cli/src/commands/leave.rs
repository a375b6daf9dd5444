//! `lapwing leave`: the opposite of `lapwing enrol`.

use std::path::PathBuf;

use lapwing_client::{
    CallError, cloud,
    identity::{AgentSettings, Identity, files},
    transport::Limits,
};
use lapwing_core::types::DirectoryId;

use crate::{failure::Failure, output, profile};

/// Leaves the directory that this host is enrolled at
///
/// The server forgets the device; passwords already stored stay readable there by administrators. Then this host forgets
/// its key, its certificate, the pinned keys and the policy that came from there. The managed account keeps the password it has. Must be run by root.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  lapwing leave
  lapwing leave --local-only")]
pub(crate) struct Args {
    /// Forget the enrolment on this host without telling the server, such as when it is gone for good
    #[arg(long)]
    local_only: bool,

    /// Work on the system below this folder, such as an image
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

pub(crate) fn run(args: Args) -> Result<(), Failure> {
    let root = super::root_or_image(args.root)?;
    let settings = AgentSettings::load(&root)?;
    let mut managed = super::enrol::load_managed(&root)?;
    if !args.local_only {
        let identity = Identity::load(&root)?;
        tell_server(&identity)?;
    }
    managed
        .unpin(&DirectoryId::LapwingServer(settings.tenant))
        .map_err(|error| super::managed_failure(&root, error))?;
    files::replace_public(&root.managed(), managed.text().as_bytes())?;
    Identity::remove(&root)?;
    output::complain(&format!("Left {}", settings.server.authority()));
    Ok(())
}

fn tell_server(identity: &Identity) -> Result<(), Failure> {
    match profile::run_async(async { Ok(cloud::leave(identity, Limits::default()).await) })? {
        Ok(()) => Ok(()),
        // Somebody deleted the device there, or an earlier attempt got through: that is what was asked for.
        Err(CallError::Refused(refusal))
            if refusal.status == 404 || refusal.code == "error_missing_device" =>
        {
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}
