//! `lapwing`, the administrator's command: one sub-command per cmdlet of Windows LAPS, and what no cmdlet does.
//!
//! It has the caller's own rights: on this host what the agent's socket allows the caller, in the directory what the
//! profile's client may do. Data goes to standard output, everything else to standard error. Exit codes: [`failure`].
//!
//! INVARIANT: no secret is taken from the argument list or the environment, and none is written but to standard output.
#![forbid(unsafe_code)]

mod args;
mod commands;
mod failure;
mod local;
mod managed;
mod os;
mod output;
mod profile;
mod program;
mod root_keys;
mod terminal;

use std::process::ExitCode;

use clap::Parser as _;
use zeroizing_alloc::ZeroAlloc;

/// Wipes every block that is freed, so that no library's buffer keeps a password or a root key.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<std::alloc::System> = ZeroAlloc(std::alloc::System);

fn main() -> ExitCode {
    match args::Cli::parse().command.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::complain(&failure.report());
            failure.code.into()
        }
    }
}
