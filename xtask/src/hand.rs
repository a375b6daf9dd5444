//! `cargo xtask lab`: the lab for people.

use anyhow::Result;
use clap::Subcommand;
use xtask::lab::domain::{ADMIN_PASSWORD, CONTROLLER, DOMAIN, Domain, Samba};
use xtask::lab::{self, Host, OUTSIDE};
use xtask::steps::Steps;

/// The only host of a lab made by hand.
const HOST: &str = "device";

#[derive(Subcommand)]
pub(crate) enum Lab {
    /// Boot a host that stays until `down`, and say how to reach it
    #[command(after_help = "Examples:
  cargo xtask lab up
  cargo xtask lab up --domain               beside it an Active Directory domain that it has joined
  cargo xtask lab enter --host dc1 -- samba-tool user list")]
    Up {
        /// The lab's name
        #[arg(default_value = "hand")]
        lab: String,
        /// Start an Active Directory domain of Samba's, and join the host to it
        #[arg(long)]
        domain: bool,
        /// Give that domain a second controller
        #[arg(long, requires = "domain", conflicts_with = "oldest")]
        second: bool,
        /// Let its controller be the oldest Samba that Lapwing is for
        #[arg(long, requires = "domain")]
        oldest: bool,
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
        Lab::Up { lab, domain: false, .. } => up(&lab),
        Lab::Up { lab, domain: true, second, oldest } => {
            up_with_domain(&lab, if oldest { Samba::Oldest } else { Samba::Current }, second)
        }
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
    say_how_to_reach(name, &host);
    Ok(())
}

fn up_with_domain(name: &str, samba: Samba, second: bool) -> Result<()> {
    let (lab, steps) = (lab::Lab::kept(name)?, Steps::begin());
    let domain = steps.run(&format!("{DOMAIN} is up"), || Domain::start_on(&lab, samba))?;
    if second {
        steps.run("its second controller is up", || domain.add_controller(&lab))?;
    }
    let host = steps.run(&format!("{HOST} is up"), || domain.boot_member(&lab, HOST))?;
    steps.run(&format!("{HOST} has joined"), || domain.join(&host))?;
    say_how_to_reach(name, &host);
    println!(
        "controller  cargo xtask lab enter --lab {name} --host {CONTROLLER}    (administrator's password: {ADMIN_PASSWORD})"
    );
    Ok(())
}

fn say_how_to_reach(name: &str, host: &Host) {
    let address = host.address();
    println!(
        "
inside      cargo xtask lab enter --lab {name}
outside     ip netns exec lapwing.{name} bash    (this side is {OUTSIDE}, the host {address})
cut cable   ip -n lapwing.{name} link set {HOST} down
away        cargo xtask lab down {name}"
    );
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
