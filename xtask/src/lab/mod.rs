//! Throw-away Debian hosts for end-to-end tests and for trying things by hand: systemd as PID 1, real log-ons, a
//! network whose cable can be cut, and power that can fail.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! use xtask::lab::{Lab, Login};
//!
//! let lab = Lab::new()?;
//! let mut host = lab.boot("device")?;
//! host.run(&["useradd", "--create-home", "ada"])?;
//! host.feed(&["chpasswd"], b"ada:correct horse")?;
//! host.power_cycle()?;
//! let login = host.ssh("ada", "correct horse", "id --user --name")?;
//! assert_eq!(login, Login::Accepted("ada\n".to_owned()));
//! # Ok(())
//! # }
//! ```
//!
//! A host is a set of namespaces (all but the user one) over an overlay of the [`Image`] of its [`Kind`]; what it writes
//! is kept on disk until the lab goes. Everything of a lab, servers of [`Lab::command`] too, lives in one control group, so
//! dropping the [`Lab`] ends it all; what a killed test leaves behind is removed when the next lab begins.
//!
//! INVARIANT: the machine's accounts, clock, kernel settings and network stay as they are. Files of a host are only
//! touched from inside its root, because a link in there may point anywhere.

mod apt;
mod cgroup;
pub mod domain;
mod host;
mod image;
mod machine;
mod network;
mod overlay;
mod runs;
mod ssh;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use anyhow::{Result, ensure};

pub use self::apt::archives;
pub use self::host::Host;
pub use self::image::{Image, Kind, cache, remove_folder};
pub use self::machine::{Machine, Terminal};
pub use self::network::OUTSIDE;
pub use self::overlay::Copied;
use self::runs::Run;
pub use self::runs::{Report, down, enter, status};
pub use self::ssh::{Login, Proof, Stay};
use crate::sys;

/// The address of a lab's first host; the others follow.
const FIRST_HOST: u8 = 11;

/// A network and the hosts on it, gone when the last of them is dropped.
#[derive(Debug)]
pub struct Lab {
    run: Arc<Run>,
    hosts: AtomicU8,
}

impl Lab {
    /// An empty lab that ends with this value, or with this process.
    ///
    /// # Errors
    /// When this is not root, a tool is missing (`cargo xtask setup` installs them), or the kernel refuses.
    pub fn new() -> Result<Self> {
        Self::begin(Run::begin()?)
    }

    /// An empty lab that stays after this process until `cargo xtask lab down`.
    ///
    /// # Errors
    /// As [`Lab::new`], and when a lab of that name is up.
    pub fn kept(name: &str) -> Result<Self> {
        Self::begin(Run::begin_kept(name)?)
    }

    fn begin(run: Run) -> Result<Self> {
        run.network.create()?;
        Ok(Self { run: Arc::new(run), hosts: AtomicU8::new(0) })
    }

    /// Adds a host of that name (a-z, 0-9 and `-`, at most 15), boots it and returns when systemd says that it is up: about half a second.
    ///
    /// # Errors
    /// When the name is taken or unfit, the lab is full, or the host does not boot.
    pub fn boot(&self, name: &str) -> Result<Host> {
        self.boot_kind(name, Kind::Host)
    }

    /// As [`Lab::boot`], with what a host of that kind has.
    ///
    /// # Errors
    /// As [`Lab::boot`].
    pub fn boot_kind(&self, name: &str, kind: Kind) -> Result<Host> {
        self.boot_disk(name, &Disk::of(kind)?, self.next_address()?)
    }

    /// Adds a host of that name with a copy of another one's disk, for which that one is off for a moment; both are on then.
    ///
    /// # Errors
    /// As [`Lab::boot`].
    pub fn copy(&self, of: &mut Host, name: &str, copied: Copied) -> Result<Host> {
        of.copy_to(name, self.next_address()?, copied)
    }

    fn next_address(&self) -> Result<Ipv4Addr> {
        let number = self.hosts.fetch_add(1, Ordering::Relaxed);
        ensure!(number < network::HOSTS_MAX, "a lab holds at most {} hosts", network::HOSTS_MAX);
        Ok(address(FIRST_HOST + number))
    }

    /// A host that starts from what `disk` holds, at an address of its own.
    fn boot_disk(&self, name: &str, disk: &Disk, address: Ipv4Addr) -> Result<Host> {
        Host::create(Arc::clone(&self.run), disk, name, address)
    }

    /// A program of this machine on the lab's side of the network, where it may listen on [`OUTSIDE`]. It has an empty
    /// environment and is killed with the lab.
    ///
    /// # Errors
    /// When its control group cannot be made.
    pub fn command(&self, program: &str) -> Result<Command> {
        self.run.outside(program)
    }

    /// A folder that goes with the lab, for what runs outside its hosts. Names in it begin with a dot, to differ from
    /// those of hosts.
    #[must_use]
    pub fn folder(&self) -> &std::path::Path {
        &self.run.folder
    }

    /// The lab's name, by which `ip netns exec lapwing.NAME` finds its network.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.run.name
    }
}

/// An address of the lab's network, by its last number.
const fn address(number: u8) -> Ipv4Addr {
    let [a, b, c, _] = OUTSIDE.octets();
    Ipv4Addr::new(a, b, c, number)
}

/// What a host starts from: layers that it never writes to, the uppermost first.
#[derive(Debug)]
struct Disk(Vec<PathBuf>);

impl Disk {
    fn of(kind: Kind) -> Result<Self> {
        Ok(Self(vec![Image::prepare(kind)?.root().to_owned()]))
    }

    fn below(self, layer: PathBuf) -> Self {
        Self([vec![layer], self.0].concat())
    }

    /// As an overlay's `lowerdir` has it.
    fn layers(&self) -> String {
        self.0.iter().map(|layer| layer.display().to_string()).collect::<Vec<_>>().join(":")
    }
}

/// A command that first moves itself into a control group, for no process of a lab may escape its end.
fn inside_cgroup(entrance: &std::path::Path) -> Command {
    let mut command = sys::command("sh");
    command.args(["-c", r#"echo 0 >"$0"; exec "$@""#]).arg(entrance);
    command
}
