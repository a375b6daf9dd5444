//! A domain of Samba's with the key distribution service on its controller, and a Python client that knows nothing of us.

use std::fs;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::lab::domain::{ADMIN_PASSWORD, DOMAIN, Domain, Samba};
use crate::lab::{Host, Lab};
use crate::{programs, python, sys};

/// Below the checkout.
const JUDGE: &str = "tests/e2e/kds/judge.py";
/// A second address of the controller: at its first, Samba's own endpoint mapper has the port.
const SECOND: &str = "10.123.0.5";
/// Names and Kerberos as a client of the domain has them, with the service at the second address. Arguments: a folder, and
/// what to run.
const AS_CLIENT: &str = r#"mount --bind "$1/.hosts" /etc/hosts
    export KRB5_CONFIG="$1/.krb5.conf" TMPDIR="$1"
    shift
    exec "$@""#;
/// Prints a file in hexadecimal. Argument: which.
const HEX: &str = r#"od -An -v -tx1 "$1" | tr -d ' \n'"#;

/// A domain, and the service on its controller, not started.
#[derive(Debug)]
pub struct KeyService {
    /// The network they are on.
    pub lab: Lab,
    /// The domain.
    pub domain: Domain,
    /// The domain's SID.
    pub sid: String,
}

impl KeyService {
    /// A fresh domain whose administrator has a ticket on the controller, with the programs installed there.
    ///
    /// # Errors
    /// When any part of that fails.
    pub fn set(lab: Lab, samba: Samba, programs: &std::path::Path) -> Result<Self> {
        let domain = Domain::start_on(&lab, samba)?;
        let controller = &domain.controller;
        controller.run(&["ip", "address", "add", &format!("{SECOND}/24"), "dev", "eth0"])?;
        programs::install_kds(controller, programs, &format!("endpoint_mapper = \"{SECOND}\"\n"))?;
        controller.run(&["sh", "-euc", &format!("kinit administrator <{ADMIN_PASSWORD} >/dev/null")])?;
        let show = ["samba-tool", "user", "show", "administrator", "--attributes=objectSid"];
        let shown = controller.run(&show)?;
        let account = shown.lines().find_map(|line| line.strip_prefix("objectSid: "));
        let (sid, _) = account.and_then(|sid| sid.rsplit_once('-')).context("the domain has no SID")?;
        let sid = sid.to_owned();
        let hosts = format!("127.0.0.1 localhost\n{SECOND} dc1.{DOMAIN} dc1\n");
        fs::write(lab.folder().join(".hosts"), hosts)?;
        let realm = DOMAIN.to_uppercase();
        let kerberos = format!(
            "[libdefaults]\ndefault_realm = {realm}\nrdns = false\ndns_canonicalize_hostname = false\n\
             dns_lookup_kdc = false\n[realms]\n{realm} = {{\nkdc = {}\n}}\n",
            controller.address()
        );
        fs::write(lab.folder().join(".krb5.conf"), kerberos)?;
        Ok(Self { lab, domain, sid })
    }

    /// Makes a root key that may be used at once: what the command printed.
    ///
    /// # Errors
    /// When the command fails.
    pub fn add_root_key(&self) -> Result<Value> {
        let add = ["lapwing", "add-kds-root-key", "--effective-immediately", "--yes", "--json"];
        Ok(serde_json::from_str(&self.domain.controller.run(&add)?)?)
    }

    /// Starts the service.
    ///
    /// # Errors
    /// When it does not start.
    pub fn serve(&self) -> Result<()> {
        self.domain.controller.run(&["systemctl", "start", "lapwing-kds.service"]).map(drop)
    }

    /// Has the client do these steps: what became of each.
    ///
    /// # Errors
    /// When it does not run.
    pub fn judge(&self, steps: &[Value]) -> Result<Vec<Value>> {
        let mut judge = self.lab.command("unshare")?;
        judge.args(["--mount", "sh", "-euc", AS_CLIENT, "client"]).arg(self.lab.folder());
        judge
            .arg(python::interpreter(python::DPAPI_NG)?)
            .args(["-I", "-B"])
            .arg(sys::workspace().join(JUDGE));
        Ok(serde_json::from_str(&sys::text_fed(&mut judge, json!(steps).to_string().as_bytes())?)?)
    }

    /// Gives the client a file of a host: where it has it.
    ///
    /// # Errors
    /// When the host has none.
    pub fn hand_over(&self, host: &Host, path: &str) -> Result<String> {
        let copy = self.lab.folder().join(format!(".{}.keytab", host.name()));
        let digits = host.run(&["sh", "-euc", HEX, "hex", path])?;
        let (pairs, _) = digits.trim().as_bytes().as_chunks::<2>();
        let byte = |pair: &[u8; 2]| Ok(u8::from_str_radix(str::from_utf8(pair)?, 16)?);
        fs::write(&copy, pairs.iter().map(byte).collect::<Result<Vec<u8>>>()?)?;
        copy.into_os_string().into_string().ok().context("the folder's name is no text")
    }
}

/// The descriptor of whoever this SID means, byte for byte, in hexadecimal. [MS-GKDI] 3.1.4.1.1.
///
/// # Errors
/// When it is no SID of five parts behind its authority or fewer.
pub fn descriptor(sid: &str) -> Result<String> {
    let numbers = sid.split('-').skip(2).map(str::parse).collect::<Result<Vec<u64>, _>>()?;
    let entries = [entry(3, &packed(&numbers)?)?, entry(2, &packed(&[1, 0])?)?].concat();
    let len = u8::try_from(8 + entries.len())?;
    let mut bytes = vec![1, 0, 4, 0x80, 20 + len, 0, 0, 0, 32 + len, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0];
    bytes.extend([2, 0, len, 0, 2, 0, 0, 0]);
    bytes.extend([entries, packed(&[5, 18])?, packed(&[5, 18])?].concat());
    Ok(hex(&bytes))
}

fn packed(numbers: &[u64]) -> Result<Vec<u8>> {
    let (authority, subs) = numbers.split_first().context("the SID has no authority")?;
    let [_, _, authority @ ..] = authority.to_be_bytes();
    let mut bytes = vec![1, u8::try_from(subs.len())?];
    bytes.extend(authority);
    for sub in subs {
        bytes.extend(u32::try_from(*sub)?.to_le_bytes());
    }
    Ok(bytes)
}

fn entry(mask: u8, sid: &[u8]) -> Result<Vec<u8>> {
    Ok([&[0, 0, u8::try_from(8 + sid.len())?, 0, mask, 0, 0, 0][..], sid].concat())
}

/// In hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
