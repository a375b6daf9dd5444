//! The network of a lab: a bridge in a namespace of its own, and a namespace with one cable for each host.
//!
//! INVARIANT: both ends of every cable lie in the lab's namespaces; the machine's own network is never touched.

use std::fs;
use std::io::ErrorKind;
use std::net::Ipv4Addr;

use anyhow::{Context as _, Result};

use crate::sys;

/// The lab's side of the network: here servers listen, and from here people log in.
pub const OUTSIDE: Ipv4Addr = Ipv4Addr::new(10, 123, 0, 1);

/// Hosts of one lab, for their addresses end in 11 to 250.
pub(super) const HOSTS_MAX: u8 = 240;

/// The network of one lab.
#[derive(Debug)]
pub(super) struct Network {
    lab: String,
}

impl Network {
    /// Names the network of a lab; it need not exist.
    pub(super) fn of_lab(lab: &str) -> Self {
        Self { lab: format!("lapwing.{lab}") }
    }

    /// Creates the outside: a bridge with [`OUTSIDE`] on it.
    pub(super) fn create(&self) -> Result<()> {
        ip(&format!("netns add {}", self.lab))?;
        let inside = format!("-n {}", self.lab);
        ip(&format!("{inside} link set lo up"))?;
        ip(&format!("{inside} link add lan type bridge"))?;
        ip(&format!("{inside} address add {OUTSIDE}/24 dev lan"))?;
        ip(&format!("{inside} link set lan up"))
    }

    /// Creates a host's network card and plugs its cable into the bridge.
    pub(super) fn plug(&self, host: &str, address: Ipv4Addr) -> Result<()> {
        let lab = &self.lab;
        ip(&format!("netns add {lab}.{host}"))?;
        ip(&format!("-n {lab} link add {host} type veth peer name eth0 netns {lab}.{host}"))?;
        ip(&format!("-n {lab} link set {host} master lan up"))?;
        let inside = format!("-n {lab}.{host}");
        ip(&format!("{inside} link set lo up"))?;
        ip(&format!("{inside} address add {address}/24 dev eth0"))?;
        ip(&format!("{inside} link set eth0 up"))?;
        ip(&format!("{inside} route add default via {OUTSIDE}"))
    }

    /// Pulls the host's cable: its card loses the carrier.
    pub(super) fn cut(&self, host: &str) -> Result<()> {
        ip(&format!("-n {} link set {host} down", self.lab))
    }

    /// Puts the cable back.
    pub(super) fn restore(&self, host: &str) -> Result<()> {
        ip(&format!("-n {} link set {host} up", self.lab))
    }

    /// The handle of the outside's namespace.
    pub(super) fn outside(&self) -> String {
        format!("/run/netns/{}", self.lab)
    }

    /// The handle of a host's namespace; it outlives the host's power, as a network card does.
    pub(super) fn card(&self, host: &str) -> String {
        format!("/run/netns/{}.{host}", self.lab)
    }

    /// Removes every namespace of this lab, and with them all cables.
    pub(super) fn remove(&self) -> Result<()> {
        let namespaces = match fs::read_dir("/run/netns") {
            // This machine never had one.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            namespaces => namespaces.context("cannot list the network namespaces")?,
        };
        for entry in namespaces {
            let name = entry?.file_name();
            // A name that is no text is none of ours.
            let Some(name) = name.to_str() else { continue };
            let ours =
                name.strip_prefix(&self.lab).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
            if ours {
                ip(&format!("netns delete {name}"))?;
            }
        }
        Ok(())
    }
}

fn ip(arguments: &str) -> Result<()> {
    sys::output(sys::command("ip").args(arguments.split(' '))).map(drop)
}
