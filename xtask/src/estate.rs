//! A domain of Active Directory with a managed host in it, and the people who may do something there.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::lab::domain::{BASE, DOMAIN, Domain, Samba};
use crate::lab::{Host, Lab, Login};
use crate::scene::{self, ACCOUNT, DEVICE};

/// Where the managed hosts are in the directory.
pub const UNIT: &str = "OU=Devices,DC=lapwing,DC=test";

/// Runs a command with the tickets of one person, got with the password on standard input.
const AS_PERSON: &str = r#"umask 077
    export KRB5CCNAME="FILE:/root/tickets.$1"
    kinit "$1" >/dev/null
    shift
    exec "$@" </dev/null"#;

/// A domain, and a host in it that has the programs.
#[derive(Debug)]
pub struct Estate {
    /// The network they are on.
    pub lab: Lab,
    /// The domain.
    pub domain: Domain,
    /// The host, which has joined the domain below [`UNIT`].
    pub host: Host,
}

/// Somebody of the domain, with a password that is no secret here.
#[derive(Debug, Clone)]
pub struct Person {
    /// The name to log on with.
    pub name: String,
    password: String,
}

/// A password as `lapwing get-ad-password` prints it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Stored {
    /// The account that it opens.
    pub account: Option<String>,
    /// The password: of a throw-away host, so plain text here.
    pub password: Option<String>,
}

impl Estate {
    /// A fresh domain, and a booted host that has joined it and has the programs installed, its agent switched off.
    ///
    /// # Errors
    /// When any part of that fails.
    pub fn set(lab: Lab, samba: Samba, programs: &Path) -> Result<Self> {
        let domain = Domain::start_on(&lab, samba)?;
        domain.controller.run(&["samba-tool", "ou", "add", "OU=Devices"])?;
        let host = domain.boot_member(&lab, DEVICE)?;
        scene::install(&host, programs)?;
        domain.join_below(&host, UNIT)?;
        Ok(Self { lab, domain, host })
    }

    /// The domain's administrator.
    ///
    /// # Errors
    /// When the controller does not tell the password.
    pub fn administrator(&self) -> Result<Person> {
        Ok(Person { name: "administrator".to_owned(), password: self.domain.administrator_password()? })
    }

    /// Adds somebody to the domain, with no right but what everybody has.
    ///
    /// # Errors
    /// When the controller refuses.
    pub fn add_person(&self, name: &str) -> Result<Person> {
        let password = format!("{name} counts lapwings");
        self.domain.controller.run(&["samba-tool", "user", "add", name, &password])?;
        Ok(Person { name: name.to_owned(), password })
    }

    /// Runs a command on the host with somebody's Kerberos ticket.
    ///
    /// # Errors
    /// When it fails; its message is in the error.
    pub fn run_as(&self, person: &Person, command: &[&str]) -> Result<String> {
        let command = [&["sh", "-euc", AS_PERSON, "run", &person.name][..], command].concat();
        self.host.feed(&command, format!("{}\n", person.password).as_bytes())
    }

    /// Extends the schema and lets hosts below [`UNIT`] store their passwords, by Lapwing's own commands.
    ///
    /// # Errors
    /// When the domain refuses.
    pub fn prepare_domain(&self) -> Result<()> {
        let administrator = self.administrator()?;
        self.run_as(&administrator, &["lapwing", "update-ad-schema", "--yes"])?;
        self.run_as(&administrator, &["lapwing", "set-ad-computer-self-permission", UNIT])?;
        Ok(())
    }

    /// The password that the directory holds for the host, as somebody reads it; none if it holds none or shows none.
    ///
    /// # Errors
    /// When the command fails.
    pub fn password_as(&self, person: &Person) -> Result<Option<String>> {
        let command = ["lapwing", "get-ad-password", DEVICE, "--as-plain-text", "--json"];
        let stored: Vec<Stored> = serde_json::from_str(&self.run_as(person, &command)?)
            .context("what the command printed is not the JSON expected")?;
        Ok(stored.into_iter().next().and_then(|stored| stored.password))
    }

    /// Checks that the password opens the account over real ssh.
    ///
    /// # Errors
    /// When it does not.
    pub fn must_open(&self, password: &str) -> Result<()> {
        let login = self.host.ssh(ACCOUNT, password, "id --user --name")?;
        ensure!(
            login == Login::Accepted(format!("{ACCOUNT}\n")),
            "the directory's password does not open {ACCOUNT}: {login:?}"
        );
        Ok(())
    }

    /// The host's distinguished name.
    #[must_use]
    pub fn computer(&self) -> String {
        format!("CN={},{UNIT}", DEVICE.to_uppercase())
    }

    /// Reads attributes of the host's computer object with OpenLDAP's own program, as somebody.
    ///
    /// # Errors
    /// When the controller refuses.
    pub fn ldapsearch_as(&self, person: &Person, attributes: &[&str]) -> Result<String> {
        let controller = format!("ldap://{}.{DOMAIN}", self.domain.controller.name());
        let filter = format!("(sAMAccountName={}$)", DEVICE.to_uppercase());
        let search = ["ldapsearch", "-LLL", "-Q", "-N", "-Y", "GSSAPI", "-o", "ldif-wrap=no"];
        let command = [&search[..], &["-H", &controller, "-b", BASE, &filter], attributes].concat();
        self.run_as(person, &command)
    }
}
