//! `cargo xtask demo --ad`: a domain as it was provisioned becomes one whose hosts are managed.

use std::path::Path;

use anyhow::{Result, bail, ensure};
use xtask::estate::{Estate, Person, Setting, UNIT};
use xtask::lab::{self, Kind, Lab, domain::DOMAIN, domain::Samba};
use xtask::programs::{self, ACCOUNT};
use xtask::scene::{self};
use xtask::steps::Steps;

use super::{LAB, indented};

/// What the Group Policy sets where passwords are stored as they are.
const CLEAR_TEXT: [(&str, Setting<'_>); 4] = [
    ("BackupDirectory", Setting::Number(2)),
    ("AdministratorAccountName", Setting::Text(ACCOUNT)),
    ("PasswordLength", Setting::Number(22)),
    ("ADPasswordEncryptionEnabled", Setting::Number(0)),
];

/// What it sets where they are encrypted, as they are on Windows unless a policy says no.
const ENCRYPTED: [(&str, Setting<'_>); 5] = [
    ("BackupDirectory", Setting::Number(2)),
    ("AdministratorAccountName", Setting::Text(ACCOUNT)),
    ("PasswordLength", Setting::Number(22)),
    ("ADPasswordEncryptionPrincipal", Setting::Text(r"LAPWING\helpdesk")),
    ("ADEncryptedPasswordHistorySize", Setting::Number(12)),
];

const POLICY_NAME: &str = "Linux hosts";

pub(super) fn run(steps: &Steps, check: bool, encrypted: bool, programs: &Path) -> Result<()> {
    let (mut estate, people) = prepare(steps, check, encrypted, programs)?;
    let password = rotate(steps, &estate, &people)?;
    let healed = heal(steps, &mut estate, &people, &password)?;
    if encrypted {
        see_no_password(steps, &estate)?;
        recover(steps, &mut estate, programs, &healed)?;
    }
    println!("\nWhat the host says of its policy (lapwing get-policy):\n");
    println!("{}", indented(&estate.host.run(&["lapwing", "get-policy"])?));
    println!("\nEvery step held, in {}.", steps.elapsed());
    if !check && encrypted {
        println!(
            "\nThe host, and one in no domain, stay until `cargo xtask demo --stop`; the domain is gone:
  cargo xtask lab enter --lab {LAB} --host far      lapwing {}",
            RECOVER.join(" ")
        );
    } else if !check {
        println!(
            "\nThe domain {DOMAIN} and the host stay, until `cargo xtask demo --stop`:
  cargo xtask lab enter --lab {LAB}                 the host
  cargo xtask lab enter --lab {LAB} --host dc1      the domain controller
In the host, `kinit helpdesk` with the password {:?} and then `lapwing get-ad-password device --as-plain-text`.",
            people.helpdesk.password()
        );
    }
    Ok(())
}

/// Those who may read and those who may not.
struct People {
    helpdesk: Person,
    ordinary: Person,
}

fn prepare(steps: &Steps, check: bool, encrypted: bool, programs: &Path) -> Result<(Estate, People)> {
    let estate = steps.run("a domain is up, and a booted Debian host has joined it", || {
        if !check && lab::status()?.iter().any(|report| report.lab == LAB) {
            lab::down(LAB)?;
        }
        let lab = if check { Lab::new()? } else { Lab::kept(LAB)? };
        Estate::set(lab, Samba::Current, programs)
    })?;
    let administrator = estate.administrator()?;
    steps.run("the schema has the attributes of Windows LAPS", || {
        estate.run_as(&administrator, &["lapwing", "update-ad-schema", "--yes"])
    })?;
    let people = steps.run("hosts may store, and the help desk may read and expire", || {
        let people =
            People { helpdesk: estate.add_person("helpdesk")?, ordinary: estate.add_person("ordinary")? };
        estate.run_as(&administrator, &["lapwing", "set-ad-computer-self-permission", UNIT])?;
        let helpdesk = r"LAPWING\helpdesk";
        for command in ["set-ad-read-password-permission", "set-ad-reset-password-permission"] {
            estate.run_as(&administrator, &["lapwing", command, UNIT, "--to", helpdesk])?;
        }
        Ok(people)
    })?;
    if encrypted {
        steps.run("the forest has a root key, and its controller gives group keys", || {
            estate.serve_group_keys(programs)
        })?;
    }
    let policy = if encrypted { &ENCRYPTED[..] } else { &CLEAR_TEXT };
    steps.run("a Group Policy for them is linked", || estate.add_policy(POLICY_NAME, policy))?;
    Ok((estate, people))
}

fn rotate(steps: &Steps, estate: &Estate, people: &People) -> Result<String> {
    steps.run("the agent has set a random password under that policy and stored it", || {
        programs::switch_on(&estate.host)?;
        estate.host.run(&["lapwing", "invoke-policy-processing"])?;
        let policy = estate.host.run(&["lapwing", "get-policy"])?;
        ensure!(policy.contains(POLICY_NAME), "get-policy does not name the Group Policy:\n{policy}");
        Ok(())
    })?;
    let first = steps.run("the help desk reads it", || estate.password_as(&people.helpdesk))?;
    ensure!(first.chars().count() == 22, "it is not as long as the policy wants");
    steps.run("and logs on to the host with it, over ssh", || estate.must_open(&first))?;
    steps.run("while an ordinary user is shown none", || {
        let Err(refused) = estate.password_as(&people.ordinary) else {
            bail!("an ordinary user reads the password")
        };
        ensure!(
            format!("{refused:#}").contains("which you may not read"),
            "it is refused otherwise: {refused:#}"
        );
        Ok(())
    })?;
    steps.run("and may not expire it", || {
        let expire = ["lapwing", "set-ad-password-expiration-time", scene::DEVICE];
        ensure!(estate.run_as(&people.ordinary, &expire).is_err(), "an ordinary user moves the expiry");
        Ok(())
    })?;
    let second = steps.run("the help desk expires it, and the host rotates", || {
        estate.run_as(&people.helpdesk, &["lapwing", "set-ad-password-expiration-time", scene::DEVICE])?;
        estate.host.run(&["lapwing", "invoke-policy-processing"])?;
        let second = estate.password_as(&people.helpdesk)?;
        ensure!(second != first, "the directory still holds the password from before");
        Ok(second)
    })?;
    steps.run("the new one opens the host", || estate.must_open(&second))?;
    Ok(second)
}

fn heal(steps: &Steps, estate: &mut Estate, people: &People, before: &str) -> Result<String> {
    steps.run("a snapshot of the host is taken, and the host rotates again", || {
        estate.host.take_snapshot()?;
        estate.host.run(&["lapwing", "reset-password"])
    })?;
    let newest = estate.password_as(&people.helpdesk)?;
    ensure!(newest != before, "the directory still holds the password from before");
    steps.run("it is rolled back, to a password that the directory has not held for a while", || {
        estate.host.roll_back()?;
        // The agent may have noticed already: its first cycle begins when it starts.
        estate.host.run(&["lapwing", "invoke-policy-processing"])
    })?;
    steps.run("and has healed: it noticed, rotated, and what the directory holds opens it", || {
        let healed = estate.password_as(&people.helpdesk)?;
        ensure!(healed != newest, "the host has not rotated");
        estate.must_open(&healed)?;
        estate.must_not_open(&newest)?;
        Ok(healed)
    })
}

/// Who may read everything in the directory reads ciphertext there, and nothing else.
fn see_no_password(steps: &Steps, estate: &Estate) -> Result<()> {
    steps.run("the domain's administrator reads it and cannot decrypt it: it is for the help desk", || {
        let administrator = estate.administrator()?;
        let read = ["lapwing", "get-ad-password", scene::DEVICE, "--as-plain-text", "--json"];
        let Err(refused) = estate.run_as(&administrator, &read) else {
            bail!("the administrator reads the password")
        };
        let refused = format!("{refused:#}");
        ensure!(refused.contains("you are not among them"), "it is refused otherwise: {refused}");
        let held = estate.ldapsearch_as(&administrator, &["msLAPS-Password"])?;
        ensure!(!held.contains("msLAPS-Password:"), "a password stands there in clear text");
        Ok(())
    })
}

/// How a password is read when there is no domain any more.
const RECOVER: [&str; 6] =
    ["get-ad-password", scene::DEVICE, "--recovery", "--backup", "/root/backup.tar.bz2", "--as-plain-text"];

fn recover(steps: &Steps, estate: &mut Estate, programs: &Path, password: &str) -> Result<()> {
    const BACK_UP: &str = "samba-tool domain backup offline --targetdir=/root/backup >&2
        mv /root/backup/*.tar.bz2 /root/backup.tar.bz2";
    let far = steps.run("a backup of the domain is carried to a host in no domain", || {
        let controller = &estate.domain.controller;
        controller.run(&["sh", "-euc", BACK_UP])?;
        let far = estate.lab.boot_kind("far", Kind::Member)?;
        far.copy_in(&programs.join("lapwing"), "/usr/bin/lapwing", 0o755)?;
        controller.hand_over("/root/backup.tar.bz2", &far)?;
        Ok(far)
    })?;
    steps.run("the last domain controller is lost", || estate.domain.controller.power_off())?;
    let recovered = steps.run("the password is recovered from the backup", || {
        far.run(&[&["lapwing"][..], &RECOVER].concat())
    })?;
    ensure!(recovered.contains(password), "the backup tells another password:\n{recovered}");
    steps.run("and opens the host", || estate.must_open(password))
}
