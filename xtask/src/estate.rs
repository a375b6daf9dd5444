//! A domain of Active Directory with a managed host in it, and the people who may do something there.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::lab::domain::{ADMIN_PASSWORD, BASE, DOMAIN, Domain, Samba};
use crate::lab::{Host, Lab, Login};
use crate::programs::{self, ACCOUNT};
use crate::scene::DEVICE;

/// Where the managed hosts are in the directory.
pub const UNIT: &str = "OU=Devices,DC=lapwing,DC=test";

/// What root allows on a managed host of the domain.
const MANAGED: &str = r#"accounts = ["lapadmin"]
changes_per_day = 100
allow_container = true

[[directory]]
id = "ad:lapwing.test"
clear_text = true
"#;

/// Where `lapwing-kds` listens unless it is told otherwise.
const KDS_PORT: u16 = 14_135;

/// Runs a command with the tickets of one person, got with the password on standard input.
const AS_PERSON: &str = r#"umask 077
    export KRB5CCNAME="FILE:/root/tickets.$1"
    kinit "$1" >/dev/null
    shift
    exec "$@" </dev/null"#;

/// Makes a policy object on the controller, with the settings on standard input, and links it to a unit.
/// Arguments: its name, the unit, the file with the administrator's password.
const ADD_POLICY: &str = r#"umask 077
    cat >/root/settings.json
    export KRB5CCNAME="FILE:/root/tickets.policy"
    kinit administrator <"$3" >/dev/null
    set -- "$1" "$2" --use-kerberos=required
    created=$(samba-tool gpo create "$1" "$3")
    object=$(echo "$created" | grep -o '{[^}]*}')
    samba-tool gpo load "$object" --content=/root/settings.json "$3" >&2
    samba-tool gpo setlink "$2" "$object" "$3" >&2
    echo "$object""#;

/// Loads the settings on standard input into a policy object. Arguments: the object, the file with the administrator's
/// password.
const CHANGE_POLICY: &str = r#"umask 077
    cat >/root/settings.json
    export KRB5CCNAME="FILE:/root/tickets.policy"
    kinit administrator <"$2" >/dev/null
    samba-tool gpo load "$1" --content=/root/settings.json --use-kerberos=required >&2"#;

/// Where Windows LAPS has its settings.
const LAPS_KEY: &str = r"Software\Microsoft\Windows\CurrentVersion\Policies\LAPS";

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

/// What `lapwing add-kds-root-key --json` prints, as far as it is looked at.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RootKey {
    key_id: String,
}

/// Somebody of the domain, with a password that is no secret here.
#[derive(Debug, Clone)]
pub struct Person {
    /// The name to log on with.
    pub name: String,
    password: String,
}

impl Person {
    /// The password.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.password
    }
}

/// The value of a setting of Group Policy.
#[derive(Debug, Clone, Copy)]
pub enum Setting<'a> {
    /// `REG_DWORD`.
    Number(u32),
    /// `REG_SZ`.
    Text(&'a str),
}

/// Settings under a key, as `samba-tool gpo load` reads them.
fn load(key: &str, settings: &[(&str, Setting<'_>)]) -> Result<Vec<u8>> {
    let settings: Vec<_> = settings.iter().map(|(name, value)| value.load(key, name)).collect();
    Ok(serde_json::to_vec(&settings)?)
}

impl Setting<'_> {
    /// As `samba-tool gpo load` reads it.
    fn load(self, key: &str, name: &str) -> serde_json::Value {
        let (kind, data) = match self {
            Self::Number(number) => ("REG_DWORD", serde_json::json!(number)),
            Self::Text(text) => ("REG_SZ", serde_json::json!(text)),
        };
        serde_json::json!({
            "keyname": key,
            "valuename": name,
            "class": "MACHINE",
            "type": kind,
            "data": data,
        })
    }
}

/// A password as `lapwing get-ad-password` prints it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Stored {
    password: Option<String>,
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
        programs::install(&host, programs)?;
        domain.join_below(&host, UNIT)?;
        host.write("/etc/lapwing/managed.toml", 0o644, MANAGED.as_bytes())?;
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

    /// Adds a root key to the forest, by Lapwing's own command, and has the controller give group keys; the key's id.
    ///
    /// # Errors
    /// When the domain or the controller refuses.
    pub fn serve_group_keys(&self, programs: &Path) -> Result<String> {
        let administrator = self.administrator()?;
        let add = ["lapwing", "add-kds-root-key", "--effective-immediately", "--yes", "--json"];
        let added: RootKey = serde_json::from_str(&self.run_as(&administrator, &add)?)
            .context("what the command printed is not the JSON expected")?;
        let controller = &self.domain.controller;
        programs::install_kds(controller, programs, "")?;
        controller.run(&["systemctl", "enable", "--now", "lapwing-kds.service"])?;
        let record = format!("dc1.{DOMAIN} {KDS_PORT} 0 100");
        let add =
            ["samba-tool", "dns", "add", "dc1", DOMAIN, "_gkdi._tcp", "SRV", &record, "-U", "administrator"];
        controller.feed(&add, format!("{}\n", administrator.password).as_bytes())?;
        Ok(added.key_id)
    }

    /// Makes a Group Policy object with settings of Windows LAPS, as a console for Group Policy writes them, and links it to
    /// [`UNIT`]; the object's GUID in braces.
    ///
    /// # Errors
    /// When the controller refuses.
    pub fn add_policy(&self, name: &str, settings: &[(&str, Setting<'_>)]) -> Result<String> {
        self.add_policy_under(LAPS_KEY, name, settings)
    }

    /// Gives a Group Policy object of [`Self::add_policy`] other values.
    ///
    /// # Errors
    /// When the controller refuses.
    pub fn change_policy(&self, object: &str, settings: &[(&str, Setting<'_>)]) -> Result<()> {
        let change = ["sh", "-euc", CHANGE_POLICY, "policy", object, ADMIN_PASSWORD];
        self.domain.controller.feed(&change, &load(LAPS_KEY, settings)?).map(drop)
    }

    /// The same with settings of legacy Microsoft LAPS.
    ///
    /// # Errors
    /// When the controller refuses.
    pub fn add_legacy_policy(&self, name: &str, settings: &[(&str, Setting<'_>)]) -> Result<String> {
        self.add_policy_under(r"Software\Policies\Microsoft Services\AdmPwd", name, settings)
    }

    fn add_policy_under(&self, key: &str, name: &str, settings: &[(&str, Setting<'_>)]) -> Result<String> {
        let make = ["sh", "-euc", ADD_POLICY, "policy", name, UNIT, ADMIN_PASSWORD];
        Ok(self.domain.controller.feed(&make, &load(key, settings)?)?.trim().to_owned())
    }

    /// The password that the directory holds for the host, as somebody reads it.
    ///
    /// # Errors
    /// When the directory holds none, or shows that person none.
    pub fn password_as(&self, person: &Person) -> Result<String> {
        let command = ["lapwing", "get-ad-password", DEVICE, "--as-plain-text", "--json"];
        let stored: Vec<Stored> = serde_json::from_str(&self.run_as(person, &command)?)
            .context("what the command printed is not the JSON expected")?;
        let password = stored.into_iter().next().and_then(|stored| stored.password);
        password.context("the directory shows no password")
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

    /// Checks that the password does not open the account.
    ///
    /// # Errors
    /// When it does.
    pub fn must_not_open(&self, password: &str) -> Result<()> {
        let login = self.host.ssh(ACCOUNT, password, "id --user --name")?;
        ensure!(login == Login::Refused, "a password that is not in force is not refused: {login:?}");
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
