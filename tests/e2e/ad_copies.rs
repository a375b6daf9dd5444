//! As `copies`, in Active Directory: a restored host is told from a copied one, and two hosts with one keytab report each other.

use xtask::lab::{Copied, Host};
use xtask::programs;

use crate::ad::{World, joined};
use crate::support::{opens, process, told_status};

const NEVER_OURS: u32 = 30006;
const CONFLICT: u32 = 30007;
const POSSIBLE_CLONE: u32 = 30061;

/// A host of the domain whose first password is in force.
fn settled() -> World {
    let world = joined();
    let estate = &world.estate;
    estate.prepare_domain().unwrap();
    programs::switch_on(&estate.host).unwrap();
    assert!(process(&estate.host), "{}", told_status(&estate.host));
    world
}

/// What the agent has written of an event.
fn told(host: &Host, event: u32) -> String {
    let filter = format!("EVENT_ID={event}");
    host.run(&["journalctl", "--quiet", "--output=json", "SYSLOG_IDENTIFIER=lapwingd", &filter]).unwrap()
}

impl World {
    /// The password that the directory tells.
    fn password(&self) -> String {
        self.estate.password_as(&self.administrator).unwrap()
    }
}

#[test]
fn state_and_whole_hosts_that_are_restored_are_noticed_by_the_version() {
    const STATE: &str = "/var/lib/lapwing /var/lib/lapwing-priv";
    let mut world = settled();
    let host = &world.estate.host;
    host.run(&["sh", "-euc", &format!("systemctl stop lapwingd.service; tar -cf /root/state.tar {STATE}; systemctl start lapwingd.service")]).unwrap();
    host.run(&["lapwing", "reset-password"]).unwrap();
    let lost = world.password();
    host.run(&["sh", "-euc", &format!("systemctl stop lapwingd.service; rm -rf {STATE}; tar -C / -xf /root/state.tar; systemctl start lapwingd.service")]).unwrap();
    assert!(process(host), "{}", told_status(host));
    let healed = world.password();
    assert_ne!(healed, lost);
    assert!(opens(host, &healed) && !opens(host, &lost));
    assert_eq!((host.told(NEVER_OURS).unwrap(), host.told(POSSIBLE_CLONE).unwrap()), (1, 0));
    // Who wrote it is not known to the directory, but when.
    let event = told(host, NEVER_OURS);
    assert!(event.contains("written=20"), "{event}");

    // The same of the account's file alone, with the journal as it is.
    host.run(&["cp", "-a", "/etc/shadow", "/root/shadow"]).unwrap();
    host.run(&["lapwing", "reset-password"]).unwrap();
    let replaced = world.password();
    host.run(&["mv", "/root/shadow", "/etc/shadow"]).unwrap();
    assert!(process(host), "{}", told_status(host));
    let healed = world.password();
    assert_ne!(healed, replaced);
    assert!(opens(host, &healed));

    // And of the whole disk, a day after the first: a clock that is wrong by that is told of elsewhere.
    host.run(&["rm", "-f", "/var/lib/lapwing/memory.json"]).unwrap();
    world.estate.host.take_snapshot().unwrap();
    world.estate.host.run(&["lapwing", "reset-password"]).unwrap();
    let lost = world.password();
    world.estate.host.roll_back().unwrap();
    let host = &world.estate.host;
    assert!(process(host), "{}", told_status(host));
    let healed = world.password();
    assert_ne!(healed, lost);
    assert!(opens(host, &healed));
    assert_eq!((host.told(CONFLICT).unwrap(), host.told(POSSIBLE_CLONE).unwrap()), (0, 0));
}

#[test]
fn two_hosts_with_one_keytab_report_each_other_and_stop() {
    let mut world = settled();
    let twin = world.estate.lab.copy(&mut world.estate.host, "twin", Copied::Blocks).unwrap();
    let host = &world.estate.host;
    host.run(&["lapwing", "reset-password"]).unwrap();
    assert!(process(&twin), "{}", told_status(&twin));
    let of_twin = world.password();
    assert!(opens(&twin, &of_twin));
    assert!(process(host), "{}", told_status(host));
    let password = world.password();
    assert_ne!(password, of_twin);
    assert!(opens(host, &password));
    assert!(process(&twin), "{}", told_status(&twin));
    assert_eq!(world.password(), password);
    assert_eq!((host.told(NEVER_OURS).unwrap(), twin.told(CONFLICT).unwrap()), (1, 1));
    let event = told(&twin, CONFLICT);
    assert!(event.contains("written=20") && event.contains("lapwing generalize"), "{event}");
    assert!(opens(host, &password) && opens(&twin, &of_twin));
    // What opens the twin is lost to the directory, in clear text: the twin says so, and takes the record when it is told to.
    assert!(told_status(&twin).contains("another host with this identity"), "{}", told_status(&twin));
    twin.run(&["lapwing", "reset-password"]).unwrap();
    assert!(opens(&twin, &world.password()));
    assert!(!told_status(&twin).contains("another host with this identity"), "{}", told_status(&twin));
}

#[test]
fn a_copied_host_of_the_domain_changes_nothing_until_root_says_that_it_is_the_one() {
    let mut world = settled();
    let before = world.password();
    let copy = world.estate.lab.copy(&mut world.estate.host, "copy", Copied::Files).unwrap();
    copy.wait_until_told(POSSIBLE_CLONE, crate::support::ONE_CYCLE).unwrap();
    assert!(!process(&copy));
    assert!(told_status(&copy).contains("lapwing adopt"), "{}", told_status(&copy));
    assert!(process(&world.estate.host));
    assert_eq!((world.password(), opens(&world.estate.host, &before)), (before.clone(), true));
    // The machine was replaced by the copy.
    let mut original = core::mem::replace(&mut world.estate.host, copy);
    original.power_off().unwrap();
    let copy = &world.estate.host;
    copy.run(&["lapwing", "adopt"]).unwrap();
    copy.run(&["lapwing", "reset-password"]).unwrap();
    let after = world.password();
    assert!(opens(copy, &after) && !opens(copy, &before));
}
