//! `cargo xtask lab`: the lab for people.

use anyhow::Result;
use clap::Subcommand;
use xtask::lab::{self, OUTSIDE};
use xtask::steps::Steps;

/// The only host of a lab made by hand.
const HOST: &str = "device";

#[derive(Subcommand)]
pub(crate) enum Lab {
    /// Boot a host that stays until `down`, and say how to reach it
    Up {
        /// The lab's name
        #[arg(default_value = "hand")]
        lab: String,
    },
    /// Open a root shell in a host, or run one command there
    #[command(after_help = "Examples:
  cargo xtask lab enter
  cargo xtask lab enter -- journalctl --follow
  cargo xtask lab enter --lab other -- systemctl status")]
    Enter {
        /// The lab's name
        #[arg(long, default_value = "hand")]
        lab: String,
        /// The host's name
        #[arg(long, default_value = HOST)]
        host: String,
        /// The command, a log-in shell if none is given
        #[arg(last = true)]
        command: Vec<String>,
    },
    /// List the labs of this machine, those of running tests too
    Status,
    /// Remove a lab and all that is in it
    Down {
        /// The lab's name
        #[arg(default_value = "hand")]
        lab: String,
    },
}

pub(crate) fn run(command: Lab) -> Result<()> {
    match command {
        Lab::Up { lab } => up(&lab),
        Lab::Enter { lab, host, command } if command.is_empty() => {
            lab::enter(&lab, &host, &["bash".to_owned(), "--login".to_owned()])
        }
        Lab::Enter { lab, host, command } => lab::enter(&lab, &host, &command),
        Lab::Status => status(),
        Lab::Down { lab } => Steps::begin().run(&format!("{lab} is gone"), || lab::down(&lab)),
    }
}

fn up(name: &str) -> Result<()> {
    let lab = lab::Lab::kept(name)?;
    let host = Steps::begin().run(&format!("{HOST} is up"), || lab.boot(HOST))?;
    let address = host.address();
    println!(
        "
inside      cargo xtask lab enter --lab {name}
outside     ip netns exec lapwing.{name} bash    (this side is {OUTSIDE}, the host {address})
cut cable   ip -n lapwing.{name} link set {HOST} down
away        cargo xtask lab down {name}"
    );
    Ok(())
}

fn status() -> Result<()> {
    for report in lab::status()? {
        println!("{}  {}", report.lab, report.folder.display());
        for (host, init) in report.hosts {
            let power = init.map_or("off".to_owned(), |pid| format!("on, its PID 1 is {pid} here"));
            println!("    {host:16}{power}");
        }
    }
    Ok(())
}
