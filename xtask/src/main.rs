//! Every developer command of Lapwing: `cargo xtask --help`.

mod bench;
mod demo;
mod fuzz;
mod gate;
mod hand;
mod pack;
mod rounds;
mod setup;
mod sim;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Every developer command of Lapwing.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

const EXAMPLES: &str = "Examples:
  cargo xtask test                 everything a change must pass; CI runs only this
  cargo xtask demo                 the main job, before your eyes
  cargo xtask soak                 ten minutes of kills, cuts and power failures
  cargo xtask lab up               a private Debian host to try things on
  cargo xtask lab enter            a root shell in it";

#[derive(Subcommand)]
enum Task {
    /// Install what building and testing need and this machine lacks
    ///
    /// Says what is missing and why, installs it with apt, and builds the root directory of the lab's hosts. What is
    /// there is left alone, so a second run is over at once.
    Setup,
    /// Run everything a change must pass: set-up, formatting, lints, tidiness, tests, documentation
    ///
    /// Stops at the first failure and says how to repeat it alone.
    Test,
    /// Show the main job: a host rotates its password, an administrator reads it and logs on with it
    ///
    /// Sets everything up by itself, boots a private Debian host and a server, and leaves a place to play in.
    Demo(demo::Demo),
    /// Measure Lapwing against raw limits and peers, and hold the ratios against their bounds
    ///
    /// Sets everything up by itself: optimised programs, a private Debian host, a server, generated devices.
    Bench(bench::Bench),
    /// Run the agents in simulated worlds: explore seeds, replay one, find planted bugs
    ///
    /// Builds the simulator and passes everything on to it: `cargo xtask sim --help`.
    Sim(sim::Sim),
    /// Feed decoders with inputs that libFuzzer makes up
    ///
    /// Needs a C++ compiler, for libFuzzer, and installs it if there is none.
    Fuzz(fuzz::Fuzz),
    /// Kill the programs, cut the cable and fail the power at random while a host rotates, then check what must be true
    ///
    /// Sets everything up by itself: a private Debian host and a server for each round. `cargo xtask test` runs one round.
    Soak(rounds::Soak),
    /// Make packages for Debian and for RPM-based systems
    ///
    /// Builds the programs optimised and installs what packing needs. The same sources give the same bytes.
    Package(pack::Pack),
    /// Compare the code with its rules: crates, dependencies, licences, deviations, fixtures, words, sizes
    Tidy,
    /// Keep a private, throw-away Debian host to try things by hand
    #[command(subcommand)]
    Lab(hand::Lab),
}

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Task::Setup => setup::run(),
        Task::Test => gate::run(),
        Task::Demo(demo) => demo::run(&demo),
        Task::Bench(bench) => bench::run(&bench),
        Task::Sim(sim) => sim::run(&sim),
        Task::Fuzz(fuzz) => fuzz::run(&fuzz),
        Task::Soak(soak) => rounds::run(&soak),
        Task::Package(pack) => pack::run(&pack),
        Task::Tidy => tidy::run(),
        Task::Lab(command) => hand::run(command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprint!("{}", told(&error));
            ExitCode::FAILURE
        }
    }
}

/// What failed, why, and last what to do next, wherever in the chain that was said.
fn told(error: &anyhow::Error) -> String {
    let messages: Vec<_> = error.chain().map(ToString::to_string).collect();
    let split = messages.iter().map(|message| message.split_once("\nnext: ").unwrap_or((message, "")));
    let (what, next): (Vec<_>, Vec<_>) = split.unzip();
    let next = next.into_iter().rfind(|next| !next.is_empty());
    format!(
        "error: {}\n{}",
        what.join("\n  why: "),
        next.map(|next| format!("next: {next}\n")).unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn an_error_says_what_why_and_last_what_next() {
        let error = anyhow!("no such package").context("set-up failed\nnext: install it by hand");
        assert_eq!(told(&error), "error: set-up failed\n  why: no such package\nnext: install it by hand\n");
    }
}
