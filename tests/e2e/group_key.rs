//! The call that gets a group key, in a real domain: by real tickets, past Samba's own endpoint mapper, and to a service that
//! knows its callers by what the domain says of them.

use std::time::Duration;

use xtask::lab::{
    Host, Lab,
    domain::{DOMAIN, Domain},
};
use xtask::programs;

/// Where the program is that asks for group keys, and answers.
const PROGRAM: &str = "/root/group_key";
const PORT: &str = "49700";
const START_MAX: Duration = Duration::from_secs(10);
/// Whatever the descriptor was, turned round: there is no key in the program.
const ENVELOPE: &str = "envelope sksa reveohw";

/// Asks as somebody with a password that is another's. Arguments: the program, the service, the person.
const AS_OTHER: &str = r#"echo wrong | "$1" ask --kds "$2" --as "$3""#;

fn member(lab: &Lab, domain: &Domain) -> Host {
    let host = domain.boot_member(lab, "member").unwrap();
    domain.join(&host).unwrap();
    host.copy_in(&programs::example("group_key").unwrap(), PROGRAM, 0o755).unwrap();
    host
}

/// What the program writes when it asks, whether it gets a key or not.
fn ask(host: &Host, options: &[&str]) -> String {
    let output = host.command(PROGRAM).arg("ask").args(options).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Has the program answer; it ends with the host.
fn serve(host: &Host) {
    let unit = format!(
        "[Service]\nExecStart={PROGRAM} serve {PORT} /etc/krb5.keytab\nStandardOutput=append:/root/served\n"
    );
    host.install_unit("group-key.service", &unit).unwrap();
    host.run(&["systemctl", "start", "group-key.service"]).unwrap();
    host.wait_until("it answers", START_MAX, |host| {
        Ok(host.run(&["cat", "/root/served"]).is_ok_and(|served| served.contains("ready")))
    })
    .unwrap();
}

#[test]
fn a_key_is_got_from_whoever_gives_them_and_sambas_controllers_say_that_they_do_not() {
    let lab = Lab::new().unwrap();
    let domain = Domain::start(&lab).unwrap();
    let host = member(&lab, &domain);

    let told = ask(&host, &[]);
    assert!(told.contains(&format!("dc1.{DOMAIN}: it gives no group keys")), "{told}");
    assert!(told.contains("\nnext have a controller of Windows Server 2012 or later"), "{told}");

    let service = format!("member.{DOMAIN}:{PORT}");
    let told = ask(&host, &["--kds", &service]);
    assert!(told.contains("it cannot be reached on port 49700"), "{told}");

    serve(&host);
    assert_eq!(ask(&host, &["--kds", &service]).trim(), ENVELOPE);
    let served = host.run(&["cat", "/root/served"]).unwrap();
    let served: Vec<&str> = served.lines().collect();
    let [_ready, caller, logon] = served[..] else { panic!("{served:?}") };
    assert_eq!(caller, format!("caller MEMBER$@{}", DOMAIN.to_uppercase()));
    // The domain's word for the machine and its groups, signed for this service.
    let logon: usize = logon.strip_prefix("logon ").unwrap().parse().unwrap();
    assert!(logon > 300, "{served:?}");

    // A person, by the password and by tickets; and not with another password, which counts as one failure.
    // Failures are counted where some number of them locks an account.
    let count = ["samba-tool", "domain", "passwordsettings", "set", "--account-lockout-threshold=5"];
    domain.controller.run(&count).unwrap();
    let (person, password) = (format!("alice@{}", DOMAIN.to_uppercase()), "alice counts lapwings");
    domain.controller.run(&["samba-tool", "user", "add", "alice", password]).unwrap();
    let as_person = |who: &str, password: &str| {
        let ask = [PROGRAM, "ask", "--kds", &service, "--as", who];
        host.feed(&ask, password.as_bytes()).map_err(|error| error.to_string())
    };
    assert_eq!(as_person(&person, password).unwrap().trim(), ENVELOPE);
    host.feed(&["kinit", &person], format!("{password}\n").as_bytes()).unwrap();
    assert_eq!(as_person("tickets", "").unwrap().trim(), ENVELOPE);
    let served = host.run(&["cat", "/root/served"]).unwrap();
    assert_eq!(served.matches(&format!("caller {person}")).count(), 2, "{served}");
    let output =
        host.command("sh").args(["-c", AS_OTHER, "sh", PROGRAM, &service, &person]).output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(told.contains("does not accept the key or password of alice"), "{told}");
    let failures = ["samba-tool", "user", "show", "alice", "--attributes=badPwdCount"];
    let failures = domain.controller.run(&failures).unwrap();
    assert!(failures.contains("badPwdCount: 1"), "{failures}");

    // The first of two is away.
    let away = format!("dc1.{DOMAIN}:{PORT}");
    assert_eq!(ask(&host, &["--kds", &away, "--kds", &service]).trim(), ENVELOPE);

    // A member of the domain that has put itself into DNS is not asked: only a controller can prove that it is one.
    let password = domain.administrator_password().unwrap();
    let record = format!("member.{DOMAIN} {PORT} 0 100");
    let add =
        ["samba-tool", "dns", "add", "dc1", DOMAIN, "_gkdi._tcp", "SRV", &record, "-U", "administrator"];
    domain.controller.feed(&add, format!("{password}\n").as_bytes()).unwrap();
    let member = host.address().to_string();
    let add = ["samba-tool", "dns", "add", "dc1", DOMAIN, "member", "A", &member, "-U", "administrator"];
    domain.controller.feed(&add, format!("{password}\n").as_bytes()).unwrap();
    let told = ask(&host, &[]);
    assert!(told.contains("knows no service") && !told.contains(ENVELOPE), "{told}");

    // A service that is not who it should be: the ticket is for another host.
    let wrong = format!("dc1.{DOMAIN}:{PORT}");
    host.run(&["sh", "-euc", "echo \"$1 $2\" >>/etc/hosts", "sh", &member, &format!("dc1.{DOMAIN}")])
        .unwrap();
    let told = ask(&host, &["--kds", &wrong]);
    assert!(told.contains("the server refuses the bind"), "{told}");
}
