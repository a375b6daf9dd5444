//! The command line.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::{Parser, Subcommand};

use crate::{check, config::Config, log, run, start::StartError};

/// Gives a domain of Samba's the group keys by which passwords are encrypted
///
/// Runs on a domain controller, as root, beside Samba. Whoever controls it can open every password of the forest.
#[derive(Debug, Parser)]
#[command(
    name = "lapwing-kds",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    after_help = "\
Exit codes: 0 done; 1 failed, with reason and next step on standard error; 2 wrong usage.

Examples:
  lapwing-kds check
  systemctl enable --now lapwing-kds"
)]
struct Cli {
    /// The configuration [default: /etc/lapwing/kds.toml, if it is there]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Tests what it takes to serve, and says what to do about what is missing; changes nothing
    #[command(after_help = "Example:\n  lapwing-kds check")]
    Check,
    /// Serves until SIGTERM
    ///
    /// Standard output gets one line, `listening ADDRESS`, once clients can connect.
    #[command(after_help = "Example:\n  lapwing-kds run --log-to-stderr")]
    Run {
        /// Write the log to standard error, even where there is a journal
        #[arg(long)]
        log_to_stderr: bool,
    },
}

/// Runs the program.
pub(crate) fn main() -> ExitCode {
    let Cli { config, command } = Cli::parse();
    let config = Config::read(config.as_deref());
    let done = match command {
        Command::Check => config.map_err(StartError::from).and_then(|config| check::check(&config)),
        Command::Run { log_to_stderr } => log::start(log_to_stderr)
            .map_err(|source| StartError::System { what: "log to the journal", source })
            .and_then(|()| run::run(&config?).map(|()| true)),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // If standard error is closed there is no one to tell.
            drop(writeln!(io::stderr().lock(), "lapwing-kds: {}", error.report()));
            ExitCode::FAILURE
        }
    }
}
