//! An Active Directory domain of Samba's: one controller in a lab, or more.
//!
//! The domain is made once per machine, on a booted controller, and what that controller has written is kept as a layer:
//! a lab's domain starts from there in seconds, and each test has its own. The layer holds the domain as provisioned: no
//! LAPS schema, no rights, nobody but the administrator, so that whatever Lapwing is to add, Lapwing adds.

use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File};
use std::hash::{Hash as _, Hasher as _};
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::{Disk, Host, Kind, Lab, address, image};

/// The domain's name in DNS; in capitals its Kerberos realm.
pub const DOMAIN: &str = "lapwing.test";
/// Its base in the directory.
pub const BASE: &str = "DC=lapwing,DC=test";
/// The controller's name.
pub const CONTROLLER: &str = "dc1";
/// The controller's address, below those of hosts: it is part of what the domain says of itself.
const CONTROLLER_ADDRESS: Ipv4Addr = address(2);
/// Where the administrator's password is on the controller.
pub const ADMIN_PASSWORD: &str = "/root/administrator.password";
/// The authority of the controllers' certificates, there.
const AUTHORITY: &str = "/var/lib/samba/private/tls/ca.pem";

/// How long samba may take to answer after its start.
const START_MAX: Duration = Duration::from_secs(60);

/// Run inside the controller as root, with the domain, its base, the controller's name and address as its arguments.
const PROVISION: &str = include_str!("provision.sh");

/// A running domain.
#[derive(Debug)]
pub struct Domain {
    /// Its controller.
    pub controller: Host,
}

/// Makes the domain that all others start from, unless that was done before; a second caller waits for the first.
///
/// # Errors
/// When the controller does not boot, or Samba refuses.
pub fn prepare() -> Result<()> {
    layer().map(drop)
}

impl Domain {
    /// Starts a domain in a lab: the controller answers when this returns.
    ///
    /// # Errors
    /// When the controller does not boot, or Samba does not answer.
    pub fn start(lab: &Lab) -> Result<Self> {
        let disk = Disk::of(Kind::Controller)?.below(layer()?);
        let controller = lab.boot_disk(CONTROLLER, &disk, CONTROLLER_ADDRESS)?;
        name(&controller)?;
        start(&controller)?;
        Ok(Self { controller })
    }

    /// A host that finds the domain by DNS and believes its authority, and has not joined it.
    ///
    /// # Errors
    /// When it does not boot.
    pub fn boot_member(&self, lab: &Lab, name: &str) -> Result<Host> {
        let host = lab.boot_kind(name, Kind::Member)?;
        let nameserver =
            format!("search {DOMAIN}\nnameserver {CONTROLLER_ADDRESS}\noptions timeout:2 attempts:1\n");
        host.write("/etc/resolv.conf", 0o644, nameserver.as_bytes())?;
        let hosts = format!("127.0.0.1 localhost\n{} {name}.{DOMAIN} {name}\n", host.address());
        host.write("/etc/hosts", 0o644, hosts.as_bytes())?;
        let kerberos = format!(
            "[libdefaults]\n\tdefault_realm = {}\n\tdns_canonicalize_hostname = false\n\trdns = false\n",
            DOMAIN.to_uppercase()
        );
        host.write("/etc/krb5.conf", 0o644, kerberos.as_bytes())?;
        let authority = self.controller.run(&["cat", AUTHORITY])?;
        host.write("/etc/ssl/lapwing-lab.pem", 0o644, authority.as_bytes())?;
        let ldap = "TLS_CACERT /etc/ssl/lapwing-lab.pem\nSASL_NOCANON on\n";
        host.write("/etc/ldap/ldap.conf", 0o644, ldap.as_bytes())?;
        Ok(host)
    }

    /// Joins a host as its administrator would, with `adcli`: afterwards it has a machine account and a keytab.
    ///
    /// # Errors
    /// When the domain refuses.
    pub fn join(&self, host: &Host) -> Result<()> {
        let join =
            ["adcli", "join", "--stdin-password", "--login-user=administrator", "--os-name=Linux", DOMAIN];
        host.feed(&join, self.administrator_password()?.as_bytes())?;
        Ok(())
    }

    /// The administrator's password: of a throw-away domain, so plain text here.
    ///
    /// # Errors
    /// When the controller does not have it.
    pub fn administrator_password(&self) -> Result<String> {
        self.controller.run(&["cat", ADMIN_PASSWORD])
    }
}

/// The kept layer of a controller that has the domain.
fn layer() -> Result<PathBuf> {
    let domains = image::cache()?.join("domains");
    let home = domains.join(format!("{:016x}", recipe()?));
    let layer = home.join("layer");
    if layer.exists() {
        return Ok(layer);
    }
    image::folder(&domains)?;
    let lock = File::create(home.with_extension("lock")).context("cannot lock the lab's domain")?;
    lock.lock()?;
    if !layer.exists() {
        println!("Making the lab's domain once (about half a minute) in {}", home.display());
        image::folder(&home)?;
        let lab = Lab::new()?;
        let controller = lab.boot_disk(CONTROLLER, &Disk::of(Kind::Controller)?, CONTROLLER_ADDRESS)?;
        provision(&controller).context("cannot make the lab's domain")?;
        fs::rename(controller.into_layer()?, &layer).context("cannot keep the lab's domain")?;
    }
    Ok(layer)
}

/// Changes with anything that changes the domain.
fn recipe() -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    let image = image::Image::prepare(Kind::Controller)?;
    (image.root(), PROVISION, DOMAIN, BASE, CONTROLLER, CONTROLLER_ADDRESS).hash(&mut hasher);
    Ok(hasher.finish())
}

fn provision(controller: &Host) -> Result<()> {
    name(controller)?;
    let address = CONTROLLER_ADDRESS.to_string();
    controller.run(&["sh", "-euc", PROVISION, "provision", DOMAIN, BASE, CONTROLLER, &address])?;
    // What it writes at its first start, such as its names in DNS, is part of the domain.
    start(controller)?;
    controller.run(&["systemctl", "stop", "samba-ad-dc.service"]).map(drop)
}

/// Tells the controller what it and its domain are called; before Samba starts, and at each boot of another disk.
fn name(controller: &Host) -> Result<()> {
    let (name, address) = (controller.name(), controller.address());
    let hosts = format!("127.0.0.1 localhost\n{address} {name}.{DOMAIN} {name}\n");
    controller.write("/etc/hosts", 0o644, hosts.as_bytes())?;
    let nameserver = format!("search {DOMAIN}\nnameserver {CONTROLLER_ADDRESS}\n");
    controller.write("/etc/resolv.conf", 0o644, nameserver.as_bytes())
}

/// Starts Samba, and returns when everything that a member asks answers.
fn start(controller: &Host) -> Result<()> {
    // LDAP with a Kerberos ticket goes through all of it but SMB, and the ticket is gone at once.
    const ASK: &str = r#"ccache=$(mktemp); trap 'rm -f "$ccache"' EXIT
        export KRB5CCNAME="FILE:$ccache"
        kinit administrator <"$1" >&2
        ldapsearch -LLL -Q -Y GSSAPI -N -H "ldap://$2" -b "" -s base defaultNamingContext | grep -q DC=
        smbclient --no-pass --use-kerberos=off --list="$2" >&2"#;
    controller.run(&["systemctl", "start", "samba-ad-dc.service"])?;
    let name = format!("{}.{DOMAIN}", controller.name());
    controller.wait_until("the domain answers", START_MAX, |controller| {
        let mut ask = controller.command("sh");
        Ok(ask.args(["-euc", ASK, "ask", ADMIN_PASSWORD, &name]).output()?.status.success())
    })
}
