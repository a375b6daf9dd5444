//! `lapwingd`: the half of the device that has the network and no root.
//!
//! It performs what the machine of `lapwing-core` decides: it reads the policy, asks the root half for changes,
//! carries what that answers to the directory, and answers the administrator's command. It cannot change an account,
//! read a hash or choose a password.
//!
//! INVARIANT: this program keeps no second truth of a change; after each start and each lost answer it asks the root
//! half for the journal.
#![deny(unsafe_code)]

mod account_files;
mod csp;
mod exec;
mod failpoint;
mod home;
mod log;
mod log_on;
mod network;
mod os;
mod policy_source;
mod renewal;
mod rpc;
mod run;
mod sleep;
mod sys;
mod wake;
mod watched_file;

use std::path::PathBuf;

use clap::Parser;
use lapwing_client::identity::Root;
use zeroizing_alloc::ZeroAlloc;

/// Wipes every block that is freed, so that no library's buffer keeps a password.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<std::alloc::System> = ZeroAlloc(std::alloc::System);

/// Keeps the password of this host's managed account random, known to the directory, and changed in time.
#[derive(Debug, Parser)]
#[command(
    name = "lapwingd",
    version,
    after_help = "Started by systemd as lapwingd.service. Ask it with `lapwing status`."
)]
struct Arguments {
    /// The folder that stands for `/`
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
    /// Write the log to standard error, even where there is a journal
    #[arg(long)]
    log_to_stderr: bool,
}

fn main() -> anyhow::Result<()> {
    failpoint::choose();
    let arguments = Arguments::parse();
    log::start(arguments.log_to_stderr)?;
    os::harden();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run::run(Root::at(arguments.root)))
}
