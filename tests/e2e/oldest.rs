//! A short pass in a domain of the oldest Samba that Lapwing is for: everything that matters once.

use xtask::estate::{Estate, UNIT};
use xtask::lab::{Lab, domain::Samba};
use xtask::programs::{self, Build};
use xtask::scene::{self};

const POLICY: &str =
    "BackupDirectory = 2\nAdministratorAccountName = \"lapadmin\"\nADPasswordEncryptionEnabled = false\n";

#[test]
fn a_host_in_a_domain_of_the_oldest_samba_is_managed_like_any_other() {
    let programs = programs::build(Build::WithFailPoints).unwrap();
    let estate = Estate::set(Lab::new().unwrap(), Samba::Oldest, &programs).unwrap();
    estate.prepare_domain().unwrap();
    let administrator = estate.administrator().unwrap();
    let reader = estate.add_person("reader").unwrap();
    let delegate = ["lapwing", "set-ad-read-password-permission", UNIT, "--to", r"LAPWING\reader"];
    estate.run_as(&administrator, &delegate).unwrap();

    estate.host.write("/etc/lapwing/policy.toml", 0o644, POLICY.as_bytes()).unwrap();
    programs::switch_on(&estate.host).unwrap();
    estate.host.run(&["lapwing", "invoke-policy-processing"]).unwrap();
    let first = estate.password_as(&reader).unwrap();
    estate.must_open(&first).unwrap();

    estate.run_as(&administrator, &["lapwing", "set-ad-password-expiration-time", scene::DEVICE]).unwrap();
    estate.host.run(&["lapwing", "invoke-policy-processing"]).unwrap();
    let second = estate.password_as(&reader).unwrap();
    assert_ne!(second, first);
    estate.must_open(&second).unwrap();
    estate.must_not_open(&first).unwrap();
}
