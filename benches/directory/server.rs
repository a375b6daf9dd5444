//! A `lapwing-server` of the benchmark's own, with generated devices.

use std::{
    fs::{self, OpenOptions},
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, bail, ensure};
use lapwing_server::bench::{self, Tenant};

use crate::os;

/// A running server; dropping it ends it and removes its data.
pub(crate) struct Server {
    /// Its data folder.
    pub(crate) folder: PathBuf,
    pub(crate) address: SocketAddr,
    pub(crate) url: String,
    pub(crate) tenant: Tenant,
    device_address: SocketAddr,
    program: PathBuf,
    process: Ended,
    _folder: Removed,
}

/// A child that ends with this value.
pub(crate) struct Ended(pub(crate) Child);

impl Ended {
    /// Its number among processes.
    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    fn kill(&mut self) {
        // It may have ended by itself.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.kill();
    }
}

struct Removed(PathBuf);

impl Drop for Removed {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

impl Server {
    /// Sets up, fills with `devices` that have no key, and starts the program in `programs`.
    pub(crate) async fn start(programs: &Path, folder: &Path, devices: u32) -> Result<Self> {
        Self::start_with_key(programs, folder, devices, None).await
    }

    /// The same with devices that all have the key of this public half (SubjectPublicKeyInfo, DER).
    pub(crate) async fn start_with_key(
        programs: &Path,
        folder: &Path,
        devices: u32,
        public_key: Option<&[u8]>,
    ) -> Result<Self> {
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
        bench::fill(folder, devices, public_key, |done| {
            if done >= told || done == devices {
                eprintln!("  {done} of {devices} devices are in the database");
                told = done.saturating_add(100_000);
            }
        })
        .await?;
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let (process, told) = serve(&program, folder, anywhere, anywhere)?;
        let Told { address, url, device_address } = told;
        let tenant = Tenant::open(folder, &url).await?;
        let folder = folder.to_owned();
        Ok(Self { folder, address, url, tenant, device_address, program, process, _folder: removed })
    }

    /// The number of its process.
    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Kills it, and starts it again at the same addresses.
    pub(crate) fn restart(&mut self) -> Result<()> {
        self.process.kill();
        (self.process, _) = serve(&self.program, &self.folder, self.address, self.device_address)?;
        Ok(())
    }
}

/// What a server says of itself when it serves.
struct Told {
    address: SocketAddr,
    url: String,
    device_address: SocketAddr,
}

fn serve(
    program: &Path,
    folder: &Path,
    address: SocketAddr,
    device_address: SocketAddr,
) -> Result<(Ended, Told)> {
    let mut command = os::command(program);
    command.args(["run", "--listen", &address.to_string()]);
    command.args(["--device-listen", &device_address.to_string(), "--data"]).arg(folder);
    let log = OpenOptions::new().create(true).append(true).open(folder.join("server.log"))?;
    let (process, line) = announced(command.stderr(log))?;
    let words: Vec<&str> = line.split_whitespace().collect();
    let [_, address, url, device_address, _] = words[..] else { bail!("the server told no addresses") };
    let told =
        Told { address: address.parse()?, url: url.to_owned(), device_address: device_address.parse()? };
    Ok((process, told))
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
