//! Every way to use the managed account, as real programs go it, on Debian 13 and 12: what the agent hears of each, in whichever state
//! it is itself, and what each takes longer.

pub(crate) mod watched;

use std::time::Duration;

use xtask::lab::Kind;
use xtask::os;
use xtask::programs::ACCOUNT;

use self::watched::{CHANGE_REFUSED, FAILED, LOGGED_ON, OTHERWISE, Watched};
use crate::support::{sh, status};

/// Two minutes in which nothing is heard, and a busy machine.
const GIVEN_UP: Duration = Duration::from_secs(150);
/// Cron looks at its jobs at each full minute.
const NEXT_JOB: Duration = Duration::from_secs(90);
/// Log-ons of each kind whose median is compared.
const LOG_ONS: usize = 50;

/// One way.
struct Way {
    what: &'static str,
    /// Goes it, and makes sure of where it led.
    go: fn(&Watched),
    /// What is heard of it.
    heard: &'static [(u16, &'static str)],
}

/// On each host. What leads past PAM's guard is tried in `tamper.rs`.
const WAYS: [Way; 14] = [
    Way {
        what: "ssh, password right",
        go: |host| assert!(host.ssh(&host.password)),
        heard: &[(LOGGED_ON, "sshd")],
    },
    Way { what: "ssh, password wrong", go: |host| assert!(!host.ssh("wrong")), heard: &[(FAILED, "sshd")] },
    Way {
        what: "ssh, keyboard-interactive right",
        go: |host| assert!(host.ssh_asked(&host.password)),
        heard: &[(LOGGED_ON, "sshd")],
    },
    Way { what: "ssh, key", go: |host| assert!(host.ssh_by_key()), heard: &[(OTHERWISE, "sshd")] },
    Way {
        what: "su by another, right",
        go: |host| assert!(host.typed_by("joe", &SU, &[&host.password]).0),
        heard: &[(LOGGED_ON, "su")],
    },
    Way {
        what: "su by another, wrong",
        go: |host| assert!(!host.typed_by("joe", &SU, &["wrong"]).0),
        heard: &[(FAILED, "su")],
    },
    // No use: nothing is heard before what the next way leads to.
    Way { what: "su by root", go: |host| assert!(host.typed(&SU, &[]).0), heard: &[] },
    Way {
        what: "sudo by root",
        go: |host| assert!(host.typed(&["sudo", "-u", ACCOUNT, "true"], &[]).0),
        heard: &[],
    },
    Way {
        what: "runuser",
        go: |host| assert!(host.typed(&["runuser", "-u", ACCOUNT, "true"], &[]).0),
        heard: &[],
    },
    Way { what: "a unit with a service of PAM's", go: |host| unit(host, "PAMName=sudo"), heard: &[] },
    Way { what: "a unit without", go: |host| unit(host, "Nice=0"), heard: &[] },
    Way {
        what: "sudo by the account",
        go: |host| succeeds(host.typed_by(ACCOUNT, &SUDO, &[&host.password])),
        heard: &[(LOGGED_ON, "sudo")],
    },
    Way {
        // It asks three times, and hears the end of the input at the second.
        what: "sudo by the account, wrong",
        go: |host| assert!(!host.typed_by(ACCOUNT, &SUDO, &["wrong"]).0),
        heard: &[(FAILED, "sudo")],
    },
    Way { what: "ssh again", go: |host| assert!(host.ssh(&host.password)), heard: &[(LOGGED_ON, "sshd")] },
];

/// What Debian 12 does otherwise.
const EARLIER: [Way; 1] = [Way {
    what: "pkexec by the account",
    // Its polkit, 122, forgets whom it asked when pkexec asks on a terminal by itself: PAM has let him in, and pkexec has not.
    go: |host| drop(host.on_terminal(&host.password, "pkexec true")),
    heard: &[(OTHERWISE, "sshd"), (LOGGED_ON, "polkit-1")],
}];

/// What Debian 12 does not have, or does otherwise.
const LATER: [Way; 5] = [
    Way {
        what: "pkexec by the account",
        go: |host| succeeds(host.on_terminal(&host.password, "pkexec true")),
        heard: &[(OTHERWISE, "sshd"), (LOGGED_ON, "polkit-1")],
    },
    Way {
        what: "sudo-rs by the account",
        go: |host| succeeds(host.typed_by(ACCOUNT, &["sudo-rs", "-k", "-S", "true"], &[&host.password])),
        heard: &[(LOGGED_ON, "sudo")],
    },
    Way {
        // It counts the end of the input as a second answer.
        what: "sudo-rs by the account, wrong",
        go: |host| assert!(!host.typed_by(ACCOUNT, &["sudo-rs", "-k", "-S", "true"], &["wrong"]).0),
        heard: &[(FAILED, "sudo"), (FAILED, "sudo")],
    },
    Way {
        what: "run0 by the account",
        go: |host| succeeds(host.on_terminal(&host.password, "run0 true")),
        heard: &[(OTHERWISE, "sshd"), (LOGGED_ON, "polkit-1")],
    },
    Way {
        what: "run0 by root",
        go: |host| succeeds(host.typed(&["run0", "--user=lapadmin", "true"], &[])),
        heard: &[],
    },
];

/// Ways to another password that PAM is asked about. They are refused while the agent is meant to run.
const CHANGES: [Way; 3] = [
    Way {
        what: "passwd by the account",
        go: |host| refuses(host.typed_by(ACCOUNT, &["passwd"], &[&host.password, OTHER, OTHER])),
        heard: &[(CHANGE_REFUSED, "")],
    },
    Way {
        what: "passwd by root",
        go: |host| refuses(host.typed(&["passwd", ACCOUNT], &[OTHER, OTHER])),
        heard: &[(CHANGE_REFUSED, "")],
    },
    Way {
        what: "chpasswd",
        go: |host| refuses(host.typed(&["chpasswd"], &["lapadmin:another-Password-7"])),
        heard: &[(CHANGE_REFUSED, "")],
    },
];

const SU: [&str; 4] = ["su", ACCOUNT, "-c", "true"];
const SUDO: [&str; 4] = ["sudo", "-k", "-S", "true"];
const OTHER: &str = "another-Password-7";

fn succeeds((is_done, said): (bool, String)) {
    assert!(is_done, "{said}");
}

fn refuses((is_done, said): (bool, String)) {
    assert!(!is_done && said.contains("lapwing reset-password"), "{said}");
}

fn unit(host: &Watched, property: &str) {
    let property = format!("--property={property}");
    succeeds(
        host.typed(&["systemd-run", "--quiet", "--wait", &property, "--property=User=lapadmin", "true"], &[]),
    );
}

/// Goes all of these, and then hears of all.
fn go_all<'a>(host: &mut Watched, state: &str, ways: impl Iterator<Item = &'a Way>) {
    let mut events = Vec::new();
    for way in ways {
        (way.go)(host);
        events.extend_from_slice(way.heard);
    }
    host.then(state, &events);
}

/// Every way in every state of the agent.
fn every_way(kind: Kind, later: &[Way]) -> Watched {
    let mut host = Watched::boot(kind);
    let check = host.scene.host.run(&["lapwing", "pam", "check"]).unwrap();
    assert!(check.contains("sshd") && check.contains("polkit-1") && !check.contains("NOT"), "{check}");
    let ways = || WAYS.iter().chain(later);
    for way in ways().chain(&CHANGES) {
        (way.go)(&host);
        host.then(way.what, way.heard);
    }
    let run = |host: &Watched, command: &str| host.scene.host.run(&["sh", "-c", command]).map(drop).unwrap();
    // What is sent to one that stands still waits, and no more than that.
    run(&host, STOP);
    for way in ways().chain(&CHANGES) {
        (way.go)(&host);
    }
    run(&host, GO_ON);
    let all: Vec<_> = ways().chain(&CHANGES).flat_map(|way| way.heard).copied().collect();
    host.then("after it stood still", &all);
    // Killed midway, and started again by systemd.
    let half = WAYS.len() / 2;
    go_all(&mut host, "before it is killed", WAYS[..half].iter());
    run(&host, KILL);
    go_all(&mut host, "killed", WAYS[half..].iter().chain(later).chain(&CHANGES));
    // Without it and its socket everything is as if Lapwing were not there; so would changes of the password be.
    run(&host, AWAY);
    ways().for_each(|way| (way.go)(&host));
    run(&host, "journalctl --quiet --identifier=pam_lapwing | grep -q 'lapwingd was not told of'");
    run(&host, BACK);
    go_all(&mut host, "nothing was heard while it was away", WAYS[..1].iter());
    host
}

const STOP: &str = "systemctl kill --kill-whom=main --signal=STOP lapwingd.service";
const GO_ON: &str = "systemctl kill --kill-whom=main --signal=CONT lapwingd.service";
const KILL: &str = "systemctl kill --kill-whom=main --signal=KILL lapwingd.service";
const AWAY: &str = "systemctl stop lapwingd.service lapwing-log-on.socket";
const BACK: &str = "systemctl start lapwing-log-on.socket lapwingd.service";

/// A password of somebody else's choice.
const FOREIGN: &str =
    r#"usermod --password "$(perl -e 'print crypt("foreign", "\$6\$saltsalt\$")')" lapadmin"#;

/// The account's job was run meanwhile, which no event tells of; what changes the password behind PAM's back is healed.
fn jobs_and_usermod(host: &Watched) {
    let ran = ["test", "-e", "/home/lapadmin/job-ran"];
    let has_run = |host: &xtask::lab::Host| Ok(host.run(&ran).is_ok());
    host.scene.host.wait_until("the account's job", NEXT_JOB, has_run).unwrap();
    let before = status(&host.scene).unwrap().version;
    host.scene.host.run(&["sh", "-euc", FOREIGN]).unwrap();
    let is_healed =
        || status(&host.scene).is_ok_and(|status| status.version != before && status.state == "idle");
    host.scene.host.wait_until("usermod is healed", GIVEN_UP, |_| Ok(is_healed())).unwrap();
    host.scene.must_open(&host.scene.password().unwrap()).unwrap();
}

/// These say nothing more to PAM after a wrong answer: sshd ends its child, and polkit's helper itself. The agent tells of them after two
/// minutes, in which the account's job runs and somebody changes the password behind PAM's back.
fn what_is_heard_of_late(host: &Watched) {
    let late = ["sshd", "polkit-1"];
    let before = late.map(|service| host.failed(service));
    assert!(!host.ssh_asked("wrong"));
    assert!(!host.on_terminal("wrong", "pkexec true").0);
    jobs_and_usermod(host);
    for (service, before) in late.into_iter().zip(before) {
        let is_heard = |_: &xtask::lab::Host| Ok(host.failed(service) == before + 1);
        host.scene.host.wait_until(service, GIVEN_UP, is_heard).unwrap();
    }
}

#[test]
fn every_way_to_use_the_account_is_heard_of_as_what_it_is() {
    what_is_heard_of_late(&every_way(Kind::Workstation, &LATER));
}

#[test]
fn every_way_to_use_the_account_is_heard_of_on_debian_12() {
    what_is_heard_of_late(&every_way(Kind::OlderWorkstation, &EARLIER));
}

/// Run by bash with the password on standard input: log-ons by su, in turn without the module and with it. Prints the microseconds of
/// each. Arguments: how many of each, and what is done after half of them.
const MEASURE: &str = r#"set -eu
read -r password
for ((at = 0; at < $1; at++)); do
    if ((at == $1 / 2)); then eval "$2"; fi
    for stack in plain module; do
        cp "/etc/pam.d/su.$stack" /etc/pam.d/su
        begun=${EPOCHREALTIME/./}
        printf '%s\n' "$password" | setpriv --reuid=joe --regid=joe --init-groups su lapadmin -c true 2>/dev/null
        echo "$stack $((${EPOCHREALTIME/./} - begun))"
    done
done
cp /etc/pam.d/su.module /etc/pam.d/su"#;

/// Writes what log-ons take turns with.
const STACKS: &str = r#"set -eu
cd /etc/pam.d
for common in auth account session password; do
    grep -v pam_lapwing common-$common >plain-$common
    ! cmp -s common-$common plain-$common
done
for service in su sshd; do
    sed 's/@include common-/@include plain-/' $service >$service.plain
    cp $service $service.module
done"#;

/// In microseconds, in no order: without the module, and with it.
type Times = [Vec<u64>; 2];

#[test]
fn a_log_on_by_su_takes_no_longer_whatever_the_agent_does() {
    log_ons_take_no_longer(|watched, between| {
        let count = LOG_ONS.to_string();
        let measure = ["setsid", "--wait", "bash", "-c", MEASURE, "measure", &count, between];
        let printed =
            watched.scene.host.feed(&measure, format!("{}\n", watched.password).as_bytes()).unwrap();
        ["plain", "module"].map(|stack| {
            let of =
                |line: &str| line.split_once(' ').filter(|(name, _)| *name == stack)?.1.parse::<u64>().ok();
            printed.lines().filter_map(of).collect()
        })
    });
}

#[test]
fn a_log_on_over_ssh_takes_no_longer_whatever_the_agent_does() {
    log_ons_take_no_longer(|watched, between| {
        let host = &watched.scene.host;
        let mut times: Times = [Vec::new(), Vec::new()];
        for at in 0..LOG_ONS {
            if at == LOG_ONS / 2 {
                sh(host, between);
            }
            for (stack, times) in ["plain", "module"].into_iter().zip(&mut times) {
                sh(host, &format!("cp /etc/pam.d/sshd.{stack} /etc/pam.d/sshd"));
                let begun = os::now();
                assert!(watched.ssh(&watched.password));
                times.push(begun.elapsed().as_micros().try_into().unwrap());
            }
        }
        times
    });
}

/// In each state of the agent, what the module adds to log-ons is lost in what they differ by anyway. They are measured half before
/// and half after what is done halfway.
fn log_ons_take_no_longer(measure: impl Fn(&Watched, &str) -> Times) {
    let watched = Watched::boot(Kind::Host);
    let host = &watched.scene.host;
    sh(host, STACKS);
    for (state, before, between, after) in [
        ("up", "true", "true", "true"),
        ("killed", "true", KILL, "true"),
        ("stopped", STOP, "true", GO_ON),
        ("down", AWAY, "true", BACK),
    ] {
        sh(host, before);
        let [plain, module] = measure(&watched, between).map(|mut times| {
            assert_eq!(times.len(), LOG_ONS);
            times.sort_unstable();
            times
        });
        sh(host, after);
        let (quarter, median) = (plain.len() / 4, plain.len() / 2);
        let (low, high) = (plain[quarter], plain[plain.len() - 1 - quarter]);
        let said = format!("{state}: {} µs, and without the module {low} to {high} µs", module[median]);
        eprintln!("{said}");
        assert!(module[median] <= high, "{said}");
    }
}
