//! `lapwingd-priv`, the root half of Lapwing: the only process that can change an account.
//! docs/threat-model.md.
//!
//! It has no network code and knows only the verbs of `org.lapwing.Priv`. Each request is a process of its own, which
//! ends with its answer.
//!
//! INVARIANT: no password and no hash ever leaves this process but by the answer to a `Prepare`, and there only in
//! the form that root's file allows the directory.

mod account;
mod binding;
mod boot;
mod closed;
mod crypt;
mod dry_run;
mod encrypt;
mod failpoint;
mod hash;
mod hex;
mod host;
mod journal;
mod listen;
mod log;
mod managed;
mod named;
mod os;
mod owned;
mod process;
mod record;
mod replace;
mod root;
mod seal;
mod serve;
mod sessions;
mod sys;
#[cfg(test)]
mod test_dir;
mod verbs;

use std::{
    env,
    ffi::OsString,
    io::{self, Write as _},
    os::{fd::AsFd as _, unix::net::UnixStream},
    path::PathBuf,
    process::ExitCode,
};

use lapwing_core::types::AccountName;
use zeroizing_alloc::ZeroAlloc;

use crate::root::Root;

/// Wipes every freed block, so that no buffer of a library (a JSON parser's, a formatter's) keeps a secret.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<std::alloc::System> = ZeroAlloc(std::alloc::System);

const USAGE: &str = "usage: lapwingd-priv [--root DIR] COMMAND
  serve                 answer one request on the connection passed by systemd or as standard input
  listen --socket PATH  accept connections there and serve each
  recover               at boot: commit what is recorded
  adopt                 bind the journal to this machine: no other host has its identity
  open                  let people log on again with an account that was closed because its password could not be changed
  show                  print the journal's entries: what each is, its version, account and directory";

/// What to do.
enum Command {
    Serve,
    Listen {
        socket: PathBuf,
    },
    Recover,
    Adopt,
    Open,
    Show,
    /// Hidden: the child that asks the host's password rules.
    TryPassword {
        account: AccountName,
    },
}

fn main() -> ExitCode {
    failpoint::choose();
    // Read before the environment is forgotten.
    let passed_connection = is_passed_a_connection();
    if let Err(error) = process::harden() {
        log::error(&format!("Cannot protect this process: {error}"), &[]);
        return ExitCode::FAILURE;
    }
    let Some((root, command)) = parse_arguments(env::args_os().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    // Who asks for the journal looks at the terminal.
    if root.is_host() && !matches!(command, Command::Show) {
        log::connect();
    }
    let is_by_hand = matches!(command, Command::Adopt | Command::Open);
    match run(&root, command, passed_connection) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            log::error(&message, &[]);
            // Whose word was refused looks at the terminal too.
            if is_by_hand {
                eprintln!("{message}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(root: &Root, command: Command, passed_connection: bool) -> Result<(), String> {
    let failed = |what: &'static str| move |error: io::Error| format!("{what}: {error}");
    match command {
        Command::Serve => connection(passed_connection)
            .and_then(|connection| serve::serve(root, connection))
            .map_err(failed("Cannot serve the request")),
        Command::Listen { socket } => listen::listen(root, &socket).map_err(failed("Cannot listen")),
        Command::Recover => verbs::recover(root, os::now())
            .map_err(|error| format!("Cannot recover: {}; {}", error.message(), error.next_step())),
        Command::Adopt => verbs::adopt(root, os::now())
            .map_err(|error| format!("Cannot adopt: {}; {}", error.message(), error.next_step())),
        Command::Open => verbs::open(root, os::now())
            .map_err(|error| format!("Cannot open the account: {}; {}", error.message(), error.next_step())),
        Command::Show => {
            let entries = verbs::show(root, os::now()).map_err(|error| {
                format!("Cannot read the journal: {}; {}", error.message(), error.next_step())
            })?;
            io::stdout().write_all(entries.as_bytes()).map_err(failed("Cannot print"))
        }
        Command::TryPassword { account } => process::lock_memory()
            .and_then(|()| dry_run::run_child(root, &account))
            .map_err(failed("Cannot ask the password rules")),
    }
}

/// The connection to serve. Anything but a Unix socket fails later, as it has no peer credentials.
fn connection(passed: bool) -> io::Result<UnixStream> {
    if passed {
        return Ok(sys::take_listen_fd()?.into());
    }
    Ok(io::stdin().as_fd().try_clone_to_owned()?.into())
}

/// Whether systemd passed exactly one connection to exactly this process. sd_listen_fds(3).
fn is_passed_a_connection() -> bool {
    let number = |name| env::var(name).ok().and_then(|value| value.parse::<u32>().ok());
    number("LISTEN_PID") == Some(std::process::id()) && number("LISTEN_FDS") == Some(1)
}

fn parse_arguments(mut arguments: impl Iterator<Item = OsString>) -> Option<(Root, Command)> {
    let (mut command, mut root, mut socket, mut account) = (None, None, None, None);
    while let Some(argument) = arguments.next() {
        match argument.to_str()? {
            "--root" => root = Some(PathBuf::from(arguments.next()?)),
            "--socket" => socket = Some(PathBuf::from(arguments.next()?)),
            "--account" => account = Some(arguments.next()?.to_str()?.parse().ok()?),
            word if command.is_none() => command = Some(word.to_owned()),
            _ => return None,
        }
    }
    let root = root.unwrap_or_else(|| PathBuf::from("/"));
    let command = match (command?.as_str(), socket, account) {
        ("serve", None, None) => Command::Serve,
        ("listen", Some(socket), None) => Command::Listen { socket },
        ("recover", None, None) => Command::Recover,
        ("adopt", None, None) => Command::Adopt,
        ("open", None, None) => Command::Open,
        ("show", None, None) => Command::Show,
        (dry_run::SUBCOMMAND, None, Some(account)) => Command::TryPassword { account },
        _ => return None,
    };
    root.is_absolute().then(|| (Root::new(root), command))
}
