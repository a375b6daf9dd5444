//! Finding a domain's controllers, on real ones: the right one, another one in time, and why there is none.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;
use xtask::lab::{
    Host, Lab,
    domain::{BASE, CONTROLLER, DOMAIN, Domain, Samba},
};
use xtask::programs;

/// Where the program is that finds a controller and binds to it as the machine.
const CONNECT: &str = "/root/connect";
/// How soon another controller must be found and bound to.
const ANOTHER_MAX: Duration = Duration::from_secs(6);
/// How long until the nearer of two has been taken once.
const TAKEN_MAX: Duration = Duration::from_secs(60);
/// Kerberos asks whom the agent found, as the agent's unit has it.
const PINNED: [&str; 2] = ["env", "KRB5_CONFIG=/run/krb5.conf:/etc/krb5.conf"];
const SECOND: &str = "dc2";
const SITE: &str = "Hill";

fn connect() -> PathBuf {
    programs::example("connect").unwrap()
}

/// A host that has joined, with the program on it.
fn member(lab: &Lab, domain: &Domain) -> Host {
    let host = domain.boot_member(lab, "member").unwrap();
    domain.join(&host).unwrap();
    host.copy_in(&connect(), CONNECT, 0o755).unwrap();
    host
}

/// What the program told.
#[derive(Debug)]
struct Told(Vec<(String, String)>);

impl Told {
    fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(told, _)| told == name).map(|(_, value)| value.as_str()).collect()
    }

    fn one(&self, name: &str) -> &str {
        let all = self.all(name);
        assert_eq!(all.len(), 1, "{name} in {self:?}");
        all[0]
    }

    fn took(&self) -> Duration {
        Duration::from_millis(self.one("took").parse().unwrap())
    }

    /// The error with its causes.
    fn error(&self) -> String {
        [self.one("error")].into_iter().chain(self.all("cause")).collect::<Vec<_>>().join(": ")
    }
}

fn run(host: &Host, command: &[&str]) -> Result<Told> {
    let (program, arguments) = command.split_first().unwrap();
    let output = host.command(program).args(arguments).output()?;
    let text = String::from_utf8(output.stdout)?;
    let told: Vec<_> = text.lines().filter_map(|line| line.split_once(' ')).collect();
    assert!(!told.is_empty(), "nothing told: {}", String::from_utf8_lossy(&output.stderr));
    Ok(Told(told.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
}

fn found(host: &Host, options: &[&str]) -> Told {
    run(host, &[&PINNED[..], &[CONNECT, "--pin", "/run"], options].concat()).unwrap()
}

fn taken(told: &Told) -> &str {
    assert_eq!(told.one("base"), BASE);
    told.one("taken").split_once('.').unwrap().0
}

/// Puts the second controller and the member's address into a site of their own.
fn make_site(domain: &Domain, second: &Host, member: &Host) {
    const MOVE: &str = r#"printf '%s\n' "dn: CN=DC2,CN=Servers,CN=Default-First-Site-Name,$2" 'changetype: modrdn' \
            'newrdn: CN=DC2' 'deleteoldrdn: 1' "newsuperior: CN=Servers,CN=$1,$2" |
            ldbmodify -H /var/lib/samba/private/sam.ldb"#;
    let controller = &domain.controller;
    controller.run(&["samba-tool", "sites", "create", SITE]).unwrap();
    let subnet = format!("{}/32", member.address());
    controller.run(&["samba-tool", "sites", "subnet", "create", &subnet, SITE]).unwrap();
    let sites = format!("CN=Sites,CN=Configuration,{BASE}");
    controller.run(&["sh", "-euc", MOVE, "move", SITE, &sites]).unwrap();
    domain.replicate(second).unwrap();
    let server = format!("--rpc-server-ip={}", controller.address());
    second.run(&["samba_dnsupdate", "--use-samba-tool", &server]).unwrap();
    domain.replicate(second).unwrap();
}

#[test]
fn another_controller_is_found_and_bound_to_within_seconds_and_the_nearer_one_is_taken_of_two() {
    let lab = Lab::new().unwrap();
    let domain = Domain::start(&lab).unwrap();
    let second = domain.add_controller(&lab).unwrap();
    let host = member(&lab, &domain);
    domain.replicate(&second).unwrap();
    let first = &domain.controller;

    // Both are in the one site: whoever took the last write is taken again.
    for controller in [first, &second] {
        let prefer = format!("{}.{DOMAIN}={}", controller.name(), controller.address());
        let told = found(&host, &["--prefer", &prefer]);
        assert_eq!(taken(&told), controller.name());
        // An independent judge of what the controllers tell.
        let address = controller.address().to_string();
        let judged = host.run(&["adcli", "info", "--domain-controller", &address]).unwrap();
        assert!(judged.contains(&format!("computer-site = {}", told.one("site"))), "{judged}");
    }
    // Whichever is cut off, silently and with the first of the DNS servers on it, the other is there in time.
    for (cut, other) in [(first, &second), (&second, first)] {
        cut.cut_link().unwrap();
        let prefer = format!("{}.{DOMAIN}={}", cut.name(), cut.address());
        for options in [&[][..], &["--prefer", &prefer]] {
            let told = found(&host, options);
            assert_eq!(taken(&told), other.name());
            assert!(told.took() < ANOTHER_MAX, "{told:?}");
        }
        // A command, which no unit gives an environment.
        let told = run(&host, &[CONNECT, "--own-pin", "--again"]).unwrap();
        let expected = format!("{}.{DOMAIN} {}", other.name(), other.address());
        assert_eq!(told.all("taken"), [expected.as_str(); 2]);
        assert!(
            told.all("took").iter().all(|took| took.parse::<u128>().unwrap() < ANOTHER_MAX.as_millis()),
            "{told:?}"
        );
        cut.restore_link().unwrap();
    }

    make_site(&domain, &second, &host);
    // By DNS both are alike; the controllers tell where this host is. Known or not, its site's controller is taken.
    for options in [&["--last", "dc2.lapwing.test"][..], &[], &["--site", SITE]] {
        // It is waited for less than a second, in which a busy machine may not let it answer; by chance it is never taken
        // with the first of the options.
        host.wait_until("the nearer one is taken", TAKEN_MAX, |host| {
            let told = found(host, options);
            Ok((taken(&told), told.one("site")) == (SECOND, SITE))
        })
        .unwrap_or_else(|error| panic!("{options:?}: {error:#}"));
    }
    second.cut_link().unwrap();
    for options in [&[][..], &["--site", SITE]] {
        let told = found(&host, options);
        assert_eq!((taken(&told), told.one("site")), (CONTROLLER, SITE), "{options:?}");
        assert!(told.took() < ANOTHER_MAX, "{told:?}");
    }
}

#[test]
fn a_read_only_controller_is_told_apart_and_not_taken() {
    let lab = Lab::new().unwrap();
    let domain = Domain::start(&lab).unwrap();
    let read_only = domain.add_read_only_controller(&lab).unwrap();
    let host = member(&lab, &domain);
    let (its, first) = (read_only.address().to_string(), domain.controller.address().to_string());
    let both = found(&host, &["--controller", &its, "--controller", &first]);
    assert_eq!(taken(&both), CONTROLLER);
    let alone = found(&host, &["--controller", &its]);
    let error = alone.error();
    assert!(error.contains(&format!("{its}: it is read-only")), "{error}");
    assert!(alone.one("next").contains("those that answer are read-only"), "{alone:?}");
}

#[test]
fn a_member_may_call_itself_a_directory_and_not_one_of_the_domain() {
    const ADD: &str = r#"printf '%s\n' "dn: CN=MEMBER,CN=Computers,$1" 'changetype: modify' 'add: servicePrincipalName' \
            "servicePrincipalName: $3" | ldapmodify -Q -N -Y GSSAPI -H "ldap://$2""#;
    const TICKET: &str = r#"kinit -k 'MEMBER$' && kvno "$1""#;
    let lab = Lab::new().unwrap();
    let domain = Domain::start(&lab).unwrap();
    let host = member(&lab, &domain);
    let controller = format!("{CONTROLLER}.{DOMAIN}");
    let as_machine = |script: &str, arguments: &[&str]| {
        let machine = format!(
            "export KRB5CCNAME=FILE:/run/test.ccache KRB5_CLIENT_KTNAME=FILE:/etc/krb5.keytab; {script}"
        );
        host.run(&[&["sh", "-euc", &machine, "machine"], arguments].concat())
    };
    let (plain, with_domain) = (format!("ldap/member.{DOMAIN}"), format!("ldap/member.{DOMAIN}/{DOMAIN}"));
    as_machine(ADD, &[BASE, &controller, &plain]).unwrap();
    as_machine(TICKET, &[&plain]).unwrap();
    let refused = as_machine(ADD, &[BASE, &controller, &with_domain]).unwrap_err().to_string();
    assert!(refused.contains("Constraint violation (19)"), "{refused}");
    as_machine(TICKET, &[&with_domain]).unwrap_err();
    // So this is the name that the controller is asked to prove.
    let traced = host.command("env").args(["KRB5_TRACE=/dev/stderr", CONNECT]).output().unwrap();
    let trace = String::from_utf8_lossy(&traced.stderr).into_owned();
    assert!(trace.contains(&format!("ldap/{controller}/{DOMAIN}@")), "{trace}");
    assert!(!trace.contains(&format!("ldap/{controller}@")), "{trace}");
}

#[test]
fn the_oldest_samba_is_found_and_bound_to_as_well() {
    let lab = Lab::new().unwrap();
    let domain = Domain::start_on(&lab, Samba::Oldest).unwrap();
    let host = member(&lab, &domain);
    assert_eq!(taken(&found(&host, &[])), CONTROLLER);
}

#[test]
fn every_failure_says_what_failed_and_what_to_do() {
    let lab = Lab::new().unwrap();
    let domain = Domain::start(&lab).unwrap();
    let host = member(&lab, &domain);
    let controller = &domain.controller;
    let fails = |what: &str, command: &[&str], error: &str, next: &str| {
        let told = run(&host, command).unwrap();
        assert!(told.error().contains(error), "{what}: {told:?}");
        assert!(told.one("next").contains(next), "{what}: {told:?}");
        assert!(told.all("taken").is_empty(), "{what}: {told:?}");
    };
    let plain = [&PINNED[..], &[CONNECT, "--pin", "/run"]].concat();
    assert_eq!(taken(&run(&host, &plain).unwrap()), CONTROLLER);

    // An hour ahead. The library takes the domain's time for its own where it may.
    let ahead = [
        "LD_PRELOAD=/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
        "FAKETIME=+1h",
        "KRB5_CONFIG=/run/strict.conf",
    ];
    host.write("/run/strict.conf", 0o644, b"[libdefaults]\n\tkdc_timesync = 0\n").unwrap();
    let ahead = [&["env"], &ahead[..], &[CONNECT]].concat();
    fails("clock", &ahead, "clock and the domain's differ by more than Kerberos allows", "set the clock");

    fails("not joined", &[CONNECT, "--keytab", "/none"], "in no Active Directory domain", "adcli join");
    host.write("/root/empty.keytab", 0o600, &[5, 2]).unwrap();
    fails("empty", &[CONNECT, "--keytab", "/root/empty.keytab"], "the keytab is empty", "adcli join");
    let tls = [&plain[..], &["--ldaps"]].concat();
    fails("certificate", &tls, "no trusted TLS connection", "trust store");

    controller.run(&["samba-tool", "user", "disable", "MEMBER$"]).unwrap();
    fails("disabled", &plain, "the account MEMBER$@LAPWING.TEST is disabled", "enabled in the domain");
    controller.run(&["samba-tool", "user", "enable", "MEMBER$"]).unwrap();
    assert_eq!(taken(&run(&host, &plain).unwrap()), CONTROLLER);

    // The keytab is of a password that is no longer the account's, until it is written anew.
    host.run(&["cp", "/etc/krb5.keytab", "/root/old.keytab"]).unwrap();
    host.run(&["adcli", "update", "--computer-password-lifetime=0"]).unwrap();
    assert_eq!(taken(&run(&host, &plain).unwrap()), CONTROLLER);
    let old = [&plain[..], &["--keytab", "/root/old.keytab"]].concat();
    fails("rotated", &old, "does not accept the key or password of MEMBER$@", "adcli update");

    let resolv = host.run(&["cat", "/etc/resolv.conf"]).unwrap();
    host.write("/etc/resolv.conf", 0o644, b"nameserver 10.123.0.99\n").unwrap();
    // Whether the resolver gives up first, or the system for want of a neighbour of that address, is a matter of chance.
    fails(
        "silent DNS",
        &plain,
        "no domain controller of lapwing.test was found",
        "/etc/resolv.conf can be reached",
    );
    // Named, the controllers are found without it.
    let address = controller.address().to_string();
    let named = [&plain[..], &["--controller", &address]].concat();
    assert_eq!(taken(&run(&host, &named).unwrap()), CONTROLLER);
    host.write("/etc/resolv.conf", 0o644, b"").unwrap();
    fails("no DNS", &plain, "DNS configuration cannot be used", "/etc/resolv.conf");
    assert_eq!(taken(&run(&host, &named).unwrap()), CONTROLLER);
    host.write("/etc/resolv.conf", 0o644, resolv.as_bytes()).unwrap();

    let password = domain.administrator_password().unwrap();
    let record = format!("{CONTROLLER}.{DOMAIN} 389 0 100");
    let zone = format!("_msdcs.{DOMAIN}");
    let delete = "samba-tool dns delete localhost \"$1\" _ldap._tcp.dc SRV \"$2\" -U administrator";
    controller.feed(&["sh", "-euc", delete, "delete", &zone, &record], password.as_bytes()).unwrap();
    fails("no record", &plain, "DNS names no domain controller of lapwing.test", "[active_directory]");

    controller.run(&["samba-tool", "computer", "delete", "MEMBER"]).unwrap();
    fails("deleted", &named, "the domain knows no account MEMBER$@", "join it to the domain again");
    controller.cut_link().unwrap();
    let away = format!("{address}: it does not answer");
    let unreachable = format!("{address}: it cannot be reached");
    let told = run(&host, &named).unwrap();
    assert!(told.error().contains(&away) || told.error().contains(&unreachable), "{told:?}");
    assert!(told.one("next").contains("ports 53, 88, 389 and 636"), "{told:?}");
}
