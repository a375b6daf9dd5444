//! The lab's own Active Directory domain, before anything of ours is in it: what the tests of a member stand on.

use anyhow::Result;
use xtask::lab::{
    Host, Lab,
    domain::{BASE, CONTROLLER, DOMAIN, Domain},
};

/// As the machine, by its keytab alone; the ticket is gone with the command.
const AS_MACHINE: &str = r#"export KRB5CCNAME=MEMORY:test KRB5_CLIENT_KTNAME=FILE:/etc/krb5.keytab; "$@""#;

fn ask(host: &Host, controller: &str, options: &[&str], filter: &str, attribute: &str) -> Result<String> {
    let ask = ["ldapsearch", "-LLL", "-Q", "-N", "-Y", "GSSAPI", "-H", controller, "-b", BASE];
    host.run(&[&["sh", "-euc", AS_MACHINE, "ask"], &ask[..], options, &[filter, attribute]].concat())
}

#[test]
fn a_host_joins_a_real_domain_and_reads_it_sealed_as_itself_and_never_in_the_clear() {
    let lab = Lab::new().unwrap();
    let domain = Domain::start(&lab).unwrap();
    let host = domain.boot_member(&lab, "member").unwrap();
    domain.join(&host).unwrap();
    let controller = format!("ldap://{CONTROLLER}.{DOMAIN}");
    let ask_for =
        |options: &[&str], filter: &str, attribute: &str| ask(&host, &controller, options, filter, attribute);

    let own = ask_for(&[], "(sAMAccountName=MEMBER$)", "dNSHostName").unwrap();
    assert!(own.contains(&format!("dNSHostName: member.{DOMAIN}")), "{own}");
    // The level from which passwords may be encrypted: 2016.
    let level = host
        .run(&["ldapsearch", "-LLL", "-x", "-H", &controller, "-b", "", "-s", "base", "domainFunctionality"])
        .unwrap();
    assert!(level.contains("domainFunctionality: 7"), "{level}");
    // Nothing of ours is there yet.
    let schema = format!("CN=Schema,CN=Configuration,{BASE}");
    let attributes = ask_for(&["-b", &schema], "(lDAPDisplayName=msLAPS-Password)", "cn").unwrap();
    assert_eq!(attributes.trim(), "");

    let unsealed = ask_for(&["-O", "maxssf=0"], "(sAMAccountName=MEMBER$)", "cn").unwrap_err().to_string();
    assert!(unsealed.contains("Strong(er) authentication required"), "{unsealed}");
}

#[test]
fn two_domains_of_two_labs_know_nothing_of_each_other() {
    let labs = [Lab::new().unwrap(), Lab::new().unwrap()];
    let [one, other] = labs.each_ref().map(|lab| Domain::start(lab).unwrap());
    one.controller.run(&["samba-tool", "ou", "add", "OU=Devices"]).unwrap();
    let units = |domain: &Domain| domain.controller.run(&["samba-tool", "ou", "list"]).unwrap();
    assert!(units(&one).contains("OU=Devices"));
    assert!(!units(&other).contains("OU=Devices"));
}

#[test]
fn what_one_controller_is_told_the_other_knows() {
    let lab = Lab::new().unwrap();
    let domain = Domain::start(&lab).unwrap();
    let second = domain.add_controller(&lab).unwrap();
    let units = |controller: &Host| controller.run(&["samba-tool", "ou", "list"]).unwrap();
    second.run(&["samba-tool", "ou", "add", "OU=Devices"]).unwrap();
    domain.replicate(&second).unwrap();
    assert!(units(&domain.controller).contains("OU=Devices"));
    let host = domain.boot_member(&lab, "member").unwrap();
    domain.join(&host).unwrap();
    domain.replicate(&second).unwrap();
    let controller = format!("ldap://{}.{DOMAIN}", second.name());
    let own = ask(&host, &controller, &[], "(sAMAccountName=MEMBER$)", "cn").unwrap();
    assert!(own.contains("cn: MEMBER"), "{own}");
}
