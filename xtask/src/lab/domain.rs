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
/// The second controller, where there is one.
const SECOND: &str = "dc2";
const SECOND_ADDRESS: Ipv4Addr = address(3);
/// The controller that cannot be written to, where there is one.
const READ_ONLY: &str = "ro";
const READ_ONLY_ADDRESS: Ipv4Addr = address(4);
/// Where the administrator's password is on the controller.
pub const ADMIN_PASSWORD: &str = "/root/administrator.password";
/// The keys and certificates of a controller, and the authority of all.
const TLS: &str = "/var/lib/samba/private/tls";

/// How long samba may take to answer after its start.
const START_MAX: Duration = Duration::from_secs(60);

/// Run inside the controller as root, with the domain, the controller's name and address as its arguments.
const PROVISION: &str = include_str!("provision.sh");
/// Run inside a further controller, with the first one's name too and the administrator's password on standard input.
const JOIN: &str = include_str!("join.sh");
/// Run inside any of them before its first start, with the same arguments as [`PROVISION`].
const CERTIFY: &str = include_str!("certify.sh");

/// A running domain.
#[derive(Debug)]
pub struct Domain {
    /// Its controller.
    pub controller: Host,
}

/// Which Samba the controllers run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Samba {
    /// 4.22, of Debian 13, with the functional level of Windows Server 2016.
    Current,
    /// 4.17, of Debian 12, which only claims that level.
    Oldest,
}

impl Samba {
    const fn controller(self) -> Kind {
        match self {
            Self::Current => Kind::Controller,
            Self::Oldest => Kind::OlderController,
        }
    }

    /// The functional level that it is provisioned with.
    const fn level(self) -> &'static str {
        match self {
            Self::Current => "2016",
            Self::Oldest => "2008_R2",
        }
    }
}

/// Makes the domains that all others start from, unless that was done before; a second caller waits for the first.
///
/// # Errors
/// When a controller does not boot, or Samba refuses.
pub fn prepare() -> Result<()> {
    [Samba::Current, Samba::Oldest].into_iter().try_for_each(|samba| layer(samba).map(drop))
}

impl Domain {
    /// Starts a domain in a lab: the controller answers when this returns.
    ///
    /// # Errors
    /// When the controller does not boot, or Samba does not answer.
    pub fn start(lab: &Lab) -> Result<Self> {
        Self::start_on(lab, Samba::Current)
    }

    /// The same with this Samba.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub fn start_on(lab: &Lab, samba: Samba) -> Result<Self> {
        let disk = Disk::of(samba.controller())?.below(layer(samba)?);
        let controller = lab.boot_disk(CONTROLLER, &disk, CONTROLLER_ADDRESS)?;
        name(&controller, &[CONTROLLER_ADDRESS])?;
        start(&controller)?;
        Ok(Self { controller })
    }

    /// Restarts the controller's Samba, which reads some of its directory at its start alone.
    ///
    /// # Errors
    /// When it does not answer again.
    pub fn restart(&self) -> Result<()> {
        self.controller.run(&["systemctl", "stop", "samba-ad-dc.service"])?;
        start(&self.controller)
    }

    /// A host that finds the domain by DNS and believes its authority, and has not joined it.
    ///
    /// # Errors
    /// When it does not boot.
    pub fn boot_member(&self, lab: &Lab, name: &str) -> Result<Host> {
        let host = lab.boot_kind(name, Kind::Member)?;
        let nameserver = format!(
            "search {DOMAIN}\nnameserver {CONTROLLER_ADDRESS}\nnameserver {SECOND_ADDRESS}\noptions timeout:2 attempts:1\n"
        );
        host.write("/etc/resolv.conf", 0o644, nameserver.as_bytes())?;
        let hosts = format!("127.0.0.1 localhost\n{} {name}.{DOMAIN} {name}\n", host.address());
        host.write("/etc/hosts", 0o644, hosts.as_bytes())?;
        let kerberos = format!(
            "[libdefaults]\n\tdefault_realm = {}\n\tdns_canonicalize_hostname = false\n\trdns = false\n",
            DOMAIN.to_uppercase()
        );
        host.write("/etc/krb5.conf", 0o644, kerberos.as_bytes())?;
        let authority = self.controller.run(&["cat", &format!("{TLS}/ca.pem")])?;
        host.write("/etc/ssl/lapwing-lab.pem", 0o644, authority.as_bytes())?;
        let ldap = "TLS_CACERT /etc/ssl/lapwing-lab.pem\nSASL_NOCANON on\n";
        host.write("/etc/ldap/ldap.conf", 0o644, ldap.as_bytes())?;
        Ok(host)
    }

    /// Adds a second controller, which can be written to as well as the first; each tells the other what it is told.
    ///
    /// # Errors
    /// When it does not boot, or the first does not take it.
    pub fn add_controller(&self, lab: &Lab) -> Result<Host> {
        let host = self.join_controller(lab, SECOND, SECOND_ADDRESS, "DC")?;
        host.write(ADMIN_PASSWORD, 0o600, self.administrator_password()?.as_bytes())?;
        host.run(&["systemctl", "start", "samba-ad-dc.service"])?;
        // Nobody can ask for it by Kerberos before the first one knows its services, nor find it before its DNS does.
        host.wait_until("its services are known", START_MAX, |host| {
            Ok(host.run(&["samba_spnupdate"]).is_ok() && self.replicate(host).is_ok())
        })?;
        let server = format!("--rpc-server-ip={CONTROLLER_ADDRESS}");
        host.run(&["samba_dnsupdate", "--use-samba-tool", &server])?;
        self.replicate(&host)?;
        start(&host)?;
        Ok(host)
    }

    /// Adds a controller that only reads and keeps no passwords; DNS does not name it.
    ///
    /// # Errors
    /// As [`Domain::add_controller`].
    pub fn add_read_only_controller(&self, lab: &Lab) -> Result<Host> {
        let host = self.join_controller(lab, READ_ONLY, READ_ONLY_ADDRESS, "RODC")?;
        host.run(&["systemctl", "start", "samba-ad-dc.service"])?;
        host.wait_until("the read-only controller answers", START_MAX, |host| {
            let ask = ["ldapsearch", "-x", "-H", "ldap://localhost", "-s", "base", "-b", "", "dnsHostName"];
            Ok(host.run(&ask).is_ok())
        })?;
        Ok(host)
    }

    /// A further controller with its certificate, not started.
    fn join_controller(&self, lab: &Lab, called: &str, address: Ipv4Addr, role: &str) -> Result<Host> {
        let host = lab.boot_disk(called, &Disk::of(Kind::Controller)?, address)?;
        name(&host, &[address, CONTROLLER_ADDRESS])?;
        let password = self.administrator_password()?;
        host.feed(&["sh", "-euc", JOIN, "join", DOMAIN, CONTROLLER, role], password.as_bytes())?;
        for file in ["ca.pem", "ca.key"] {
            let path = format!("{TLS}/{file}");
            host.write(&path, 0o600, self.controller.run(&["cat", &path])?.as_bytes())?;
        }
        certify(&host)?;
        Ok(host)
    }

    /// Has the domain's data copied from each controller to the other, now.
    ///
    /// # Errors
    /// When one of them refuses.
    pub fn replicate(&self, second: &Host) -> Result<()> {
        const REPLICATE: &str = r#"export KRB5CCNAME=MEMORY:replicate
            for base in "$4" "CN=Configuration,$4" "CN=Schema,CN=Configuration,$4"; do
                samba-tool drs replicate "$1.$3" "$2.$3" "$base" --machine-pass
            done"#;
        for (to, from) in [(&self.controller, second), (second, &self.controller)] {
            to.run(&["sh", "-euc", REPLICATE, "replicate", to.name(), from.name(), DOMAIN, BASE])?;
        }
        Ok(())
    }

    /// Joins a host as its administrator would, with `adcli`: afterwards it has a machine account and a keytab.
    ///
    /// # Errors
    /// When the domain refuses.
    pub fn join(&self, host: &Host) -> Result<()> {
        self.join_below(host, &format!("CN=Computers,{BASE}"))
    }

    /// The same, with the machine account in this unit of the directory.
    ///
    /// # Errors
    /// When the domain refuses.
    pub fn join_below(&self, host: &Host, unit: &str) -> Result<()> {
        let unit = format!("--domain-ou={unit}");
        let join = ["adcli", "join", "--stdin-password", "--login-user=administrator", "--os-name=Linux"];
        let join = [&join[..], &[&unit, DOMAIN]].concat();
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
fn layer(samba: Samba) -> Result<PathBuf> {
    let domains = image::cache()?.join("domains");
    let home = domains.join(format!("{:016x}", recipe(samba)?));
    let layer = home.join("layer");
    if layer.exists() {
        return Ok(layer);
    }
    image::folder(&domains)?;
    let lock = File::create(home.with_extension("lock")).context("cannot lock the lab's domain")?;
    lock.lock()?;
    if !layer.exists() {
        eprintln!("Making the lab's domain once, which takes minutes at most, in {}", home.display());
        image::folder(&home)?;
        let lab = Lab::new()?;
        let controller = lab.boot_disk(CONTROLLER, &Disk::of(samba.controller())?, CONTROLLER_ADDRESS)?;
        provision(&controller, samba).context("cannot make the lab's domain")?;
        fs::rename(controller.into_layer()?, &layer).context("cannot keep the lab's domain")?;
    }
    Ok(layer)
}

/// Changes with anything that changes the domain.
fn recipe(samba: Samba) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    let image = image::Image::prepare(samba.controller())?;
    (image.root(), samba.level(), PROVISION, CERTIFY, DOMAIN, BASE, CONTROLLER, CONTROLLER_ADDRESS)
        .hash(&mut hasher);
    Ok(hasher.finish())
}

fn provision(controller: &Host, samba: Samba) -> Result<()> {
    name(controller, &[CONTROLLER_ADDRESS])?;
    let address = CONTROLLER_ADDRESS.to_string();
    controller.run(&["sh", "-euc", PROVISION, "provision", DOMAIN, CONTROLLER, &address, samba.level()])?;
    certify(controller)?;
    // What it writes at its first start, such as its names in DNS, is part of the domain.
    start(controller)?;
    controller.run(&["systemctl", "stop", "samba-ad-dc.service"]).map(drop)
}

/// Gives a controller a certificate with its names, of the authority that is there or made by this.
fn certify(controller: &Host) -> Result<()> {
    let (name, address) = (controller.name(), controller.address().to_string());
    controller.run(&["sh", "-euc", CERTIFY, "certify", DOMAIN, name, &address]).map(drop)
}

/// Tells the controller what it and its domain are called and who knows; before Samba starts, and at each boot of another
/// disk.
fn name(controller: &Host, nameservers: &[Ipv4Addr]) -> Result<()> {
    let (name, address) = (controller.name(), controller.address());
    let hosts = format!("127.0.0.1 localhost\n{address} {name}.{DOMAIN} {name}\n");
    controller.write("/etc/hosts", 0o644, hosts.as_bytes())?;
    let nameservers: String = nameservers.iter().map(|address| format!("nameserver {address}\n")).collect();
    controller.write("/etc/resolv.conf", 0o644, format!("search {DOMAIN}\n{nameservers}").as_bytes())
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
