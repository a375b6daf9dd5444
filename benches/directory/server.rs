//! A `lapwing-server` of the benchmark's own, with generated devices.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};
use lapwing_server::bench::{self, Tenant};

use crate::os;

/// A running server; dropping it ends it and removes its data.
pub(crate) struct Server {
    /// Its data folder.
    pub(crate) folder: PathBuf,
    pub(crate) address: SocketAddr,
    pub(crate) url: String,
    pub(crate) tenant: Tenant,
    _process: Ended,
    _folder: Removed,
}

/// A child that ends with this value.
pub(crate) struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

impl Server {
    /// Sets up, fills with `devices`, and starts the program in `programs`.
    pub(crate) async fn start(programs: &Path, folder: &Path, devices: u32) -> Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
        let removed = Removed(folder.to_owned());
        let program = programs.join("lapwing-server");
        let set_up = os::command(&program)
            .args(["setup", "--url", "https://127.0.0.1:0", "--tenant-name", "bench", "--data"])
            .arg(folder)
            // The link for the first operator: our own output is the figures.
            .stdout(Stdio::null())
            .status()?;
        ensure!(set_up.success(), "lapwing-server setup failed");
        bench::lift_limits(folder)?;
        let mut told = 0;
        bench::fill(folder, devices, |done| {
            if done >= told || done == devices {
                eprintln!("  {done} of {devices} devices are in the database");
                told = done.saturating_add(100_000);
            }
        })
        .await?;
        let mut command = os::command(&program);
        command.args(["run", "--listen", "127.0.0.1:0", "--data"]).arg(folder);
        command.stderr(File::create(folder.join("server.log"))?);
        let (process, line) = announced(&mut command)?;
        let mut words = line.split_whitespace().skip(1);
        let address = words.next().context("the server told no address")?.parse()?;
        let url = words.next().context("the server told no URL")?.to_owned();
        let tenant = Tenant::open(folder, &url).await?;
        Ok(Self { folder: folder.to_owned(), address, url, tenant, _process: process, _folder: removed })
    }
}

/// Starts a child and returns the first line that it prints.
pub(crate) fn announced(command: &mut Command) -> Result<(Ended, String)> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let stdout = child.stdout.take().context("the child has no standard output")?;
    let ended = Ended(child);
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line)?;
    ensure!(!line.is_empty(), "the child ended before it served");
    Ok((ended, line))
}
