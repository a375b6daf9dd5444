//! `lapwing get-diagnostics`: Get-LapsDiagnostics.

mod collect;
mod secrets;

use std::{fs, io, path::PathBuf};

use lapwing_client::identity::Root;
use lapwing_core::local::agent::Outcome;
use serde_json::json;

use crate::{
    failure::{Code, Failure},
    local, os, output, program,
};

/// Runs a cycle and collects what shows how it went into one archive
///
/// Events, traces, the effective policy and its sources, state, clocks, network, units, versions, and what `lapwing doctor` finds. No
/// password, hash or key goes into it: all files are searched for such before the archive is written. It does name accounts, hosts
/// and directories: look through it before you give it away. Must be run by root.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  sudo lapwing get-diagnostics
  sudo lapwing get-diagnostics --reset-password --out /root/laps.tar.gz")]
pub(crate) struct Args {
    #[command(flatten)]
    agent: local::AgentArgs,

    /// Rotate the password, in place of a cycle that does so only if it is due
    #[arg(long)]
    reset_password: bool,

    /// The archive to write [default: lapwing-diagnostics-HOST-TIME.tar.gz in the current directory]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// How far back events are collected, in hours
    #[arg(long, value_name = "HOURS", default_value_t = 24)]
    hours: u32,

    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What must not leave this host, and where it stands.
#[derive(Debug, thiserror::Error)]
#[error("{file} holds {what}, so nothing was written")]
struct SecretFound {
    file: String,
    what: &'static str,
}

pub(crate) fn run(args: &Args) -> Result<(), Failure> {
    if !rustix::process::geteuid().is_root() {
        return Err(Failure::new(
            Code::Refused,
            "only root sees what is to be collected",
            "run this as root",
        ));
    }
    let (method, doing) = if args.reset_password {
        ("ResetPassword", "Rotating the password…")
    } else {
        ("ProcessPolicy", "Running a cycle…")
    };
    output::complain(doing);
    let began = os::now();
    let cycle: Result<Outcome, Failure> = args.agent.call(method, "outcome", local::CHANGE_MAX);
    let cycle = match cycle {
        Ok(outcome) => json!({ "asked": method, "began": began.to_string(), "outcome": outcome }),
        // That is what the archive is to show.
        Err(failure) => json!({ "asked": method, "began": began.to_string(), "failure": failure.report() }),
    };
    output::complain("Collecting…");
    let root = Root::default();
    let mut files = collect::files(&args.agent, &root, args.hours)?;
    files.push(collect::json_file("cycle.json", &cycle));
    let known = secrets::of_this_host(&root);
    for file in &files {
        if let Some(what) = secrets::find(&file.content, &known) {
            let what = SecretFound { file: file.name.to_owned(), what };
            return Err(Failure::new(Code::Failed, what, "report this: it is a defect"));
        }
    }
    let path = args.out.clone().unwrap_or_else(|| {
        let time: String = began.to_string().chars().take(19).filter(char::is_ascii_alphanumeric).collect();
        PathBuf::from(format!("lapwing-diagnostics-{}-{time}.tar.gz", os::host_name()))
    });
    archive(&files, &path)?;
    let names: Vec<&str> = files.iter().map(|file| file.name).collect();
    if args.json {
        return output::print_json(&json!({ "archive": path, "files": names }));
    }
    output::print(&format!("{}: {} files", path.display(), names.len()))
}

/// Writes the archive, for root alone; one that is there already is kept.
fn archive(files: &[collect::Collected], path: &std::path::Path) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        let what = format!("{} cannot be written: {error}", path.display());
        Failure::new(Code::Failed, what, "name another file with --out")
    };
    let folder = tempfile::Builder::new().prefix("lapwing-").tempdir().map_err(failed)?;
    let inside = folder.path().join("lapwing-diagnostics");
    fs::create_dir(&inside).map_err(failed)?;
    for file in files {
        fs::write(inside.join(file.name), &file.content).map_err(failed)?;
    }
    let mut options = fs::File::options();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let out = options.write(true).create_new(true).open(path).map_err(failed)?;
    let mut tar = program::command("/usr/bin/tar");
    tar.args([
        "--create",
        "--gzip",
        "--sort=name",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
        "--directory",
    ]);
    tar.arg(folder.path()).arg("lapwing-diagnostics").stdout(out);
    match tar.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failed(io::Error::other(format!("tar: {status}")))),
        Err(error) => Err(failed(error)),
    }
}
