//! Every way to use the managed account, as real programs go it: what the agent hears of each, and what each takes longer.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use serde::Deserialize;
use xtask::lab::Host;
use xtask::programs::ACCOUNT;
use xtask::scene::Scene;
use xtask::sys;

use crate::support::settled;

/// A busy machine, and nothing to wait for.
const AT_ONCE: Duration = Duration::from_secs(30);
/// Two minutes in which nothing is heard, and the same.
const GIVEN_UP: Duration = Duration::from_secs(150);
/// Log-ons of each kind whose median is compared.
const LOG_ONS: &str = "50";

const LOGGED_ON: u16 = 30034;
const OTHERWISE: u16 = 30035;
const FAILED: u16 = 30036;
const CHANGE_REFUSED: u16 = 10031;

/// Another user, and one who may ask `sudo` for all, as the account may.
const USERS: &str = "useradd --create-home joe
usermod --append --groups sudo lapadmin
mkdir -p /etc/ssh/sshd_config.d
echo KbdInteractiveAuthentication yes >/etc/ssh/sshd_config.d/lab.conf
# All log-ons come from one address, and some are meant to fail.
if sshd -T | grep -qi ^persourcepenalties; then echo PerSourcePenalties no >>/etc/ssh/sshd_config.d/lab.conf; fi
systemctl restart ssh.service
install -d -o lapadmin -g lapadmin -m 700 /home/lapadmin/.ssh
cat >/home/lapadmin/.ssh/authorized_keys
chown lapadmin: /home/lapadmin/.ssh/authorized_keys";

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

/// Writes what [`MEASURE`] takes turns with.
const STACKS: &str = r#"set -eu
cd /etc/pam.d
for common in auth account session password; do
    grep -v pam_lapwing common-$common >plain-$common
    ! cmp -s common-$common plain-$common
done
sed 's/@include common-/@include plain-/' su >su.plain
cp su su.module"#;

/// The events of log-ons, each with its service.
fn heard(host: &Host) -> Vec<(u16, String)> {
    #[derive(Deserialize)]
    struct Line {
        #[serde(rename = "EVENT_ID")]
        number: String,
        #[serde(rename = "EVENT_FIELDS")]
        fields: String,
    }
    let matching = [LOGGED_ON, OTHERWISE, FAILED, CHANGE_REFUSED].map(|number| format!("EVENT_ID={number}"));
    let mut command = host.command("journalctl");
    command.args(["--quiet", "--output=json", "--identifier=lapwingd"]).args(matching);
    let lines = sys::text(&mut command).unwrap();
    let event = |line: &str| {
        let Line { number, fields } = serde_json::from_str(line).unwrap();
        let fields: BTreeMap<String, String> = serde_json::from_str(&fields).unwrap();
        (number.parse().unwrap(), fields.get("service").cloned().unwrap_or_default())
    };
    lines.lines().map(event).collect()
}

/// A host, and what was heard of it so far.
struct Watched {
    scene: Scene,
    password: String,
    heard: Vec<(u16, String)>,
}

impl Watched {
    /// Exactly this is heard after what was heard before.
    fn then(&mut self, what: &str, events: &[(u16, &str)]) {
        self.heard.extend(events.iter().map(|(number, service)| (*number, (*service).to_owned())));
        let mut now = Vec::new();
        let waited = self.scene.host.wait_until(what, AT_ONCE, |host| {
            now = heard(host);
            Ok(now.len() >= self.heard.len())
        });
        assert!(waited.is_ok() && now == self.heard, "{what}: {now:?}, and not {:?}", self.heard);
    }

    /// Runs a program in the host with lines on its standard input; whether it succeeded, and what it said.
    fn typed(&self, program_and_arguments: &[&str], lines: &[&str]) -> (bool, String) {
        let mut command = self.scene.host.command("setsid");
        command.arg("--wait").args(program_and_arguments);
        let input = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        match sys::text_fed(&mut command, input.as_bytes()) {
            Ok(text) => (true, text),
            Err(error) => (false, format!("{error:#}")),
        }
    }

    /// The same by this user.
    fn typed_by(&self, user: &str, program_and_arguments: &[&str], lines: &[&str]) -> (bool, String) {
        let (uid, gid) = (format!("--reuid={user}"), format!("--regid={user}"));
        let changed = ["setpriv", uid.as_str(), gid.as_str(), "--init-groups"];
        self.typed(&[&changed[..], program_and_arguments].concat(), lines)
    }

    /// Logs on by ssh with these options; whether that was let in.
    fn ssh(&self, password: &str, options: &[&str]) -> bool {
        let mut command = self.scene.lab.command("sshpass").unwrap();
        command.args([
            "-d",
            "0",
            "ssh",
            "-F",
            "none",
            "-T",
            "-oLogLevel=ERROR",
            "-oNumberOfPasswordPrompts=1",
        ]);
        command.args(["-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null"]).args(options);
        command.args(["-l", ACCOUNT, &self.scene.host.address().to_string()]).arg("true");
        sys::text_fed(&mut command, format!("{password}\n").as_bytes()).is_ok()
    }
}

#[test]
fn every_way_to_use_the_account_is_heard_of_as_what_it_is() {
    let scene = settled();
    let key = scene.lab.folder().join(".key");
    let key = key.to_str().unwrap();
    sys::run(scene.lab.command("ssh-keygen").unwrap().args(["-q", "-t", "ed25519", "-N", "", "-f", key]))
        .unwrap();
    let public = fs::read(format!("{key}.pub")).unwrap();
    scene.host.feed(&["sh", "-euc", USERS], &public).unwrap();
    let check = scene.host.run(&["lapwing", "pam", "check"]).unwrap();
    assert!(check.contains("sshd") && !check.contains("NOT"), "{check}");

    let password = scene.password().unwrap();
    // That of the scene itself.
    let mut host = Watched { scene, password, heard: vec![(LOGGED_ON, "sshd".to_owned())] };
    host.then("the first log-on", &[]);
    let right = host.password.clone();
    let right = right.as_str();
    let by_password = ["-oPreferredAuthentications=password", "-oPubkeyAuthentication=no"];
    let by_questions = ["-oPreferredAuthentications=keyboard-interactive", "-oPubkeyAuthentication=no"];
    let by_key = ["-oPreferredAuthentications=publickey", "-oIdentitiesOnly=yes", "-i", key];

    assert!(host.ssh(right, &by_password));
    host.then("ssh, password right", &[(LOGGED_ON, "sshd")]);
    assert!(!host.ssh("wrong", &by_password));
    host.then("ssh, password wrong", &[(FAILED, "sshd")]);
    assert!(host.ssh(right, &by_questions));
    host.then("ssh, keyboard-interactive right", &[(LOGGED_ON, "sshd")]);
    assert!(host.ssh("", &by_key));
    host.then("ssh, key", &[(OTHERWISE, "sshd")]);

    let su = ["su", ACCOUNT, "-c", "true"];
    assert!(host.typed_by("joe", &su, &[right]).0);
    host.then("su by another, right", &[(LOGGED_ON, "su")]);
    assert!(!host.typed_by("joe", &su, &["wrong"]).0);
    host.then("su by another, wrong", &[(FAILED, "su")]);
    // Neither is a use: nothing is heard before what follows.
    assert!(host.typed(&su, &[]).0);
    assert!(host.typed(&["sudo", "-u", ACCOUNT, "true"], &[]).0);
    assert!(host.typed(&["runuser", "-u", ACCOUNT, "true"], &[]).0);
    let unit = |option: &str| {
        ["systemd-run", "--quiet", "--wait", option, "--property=User=lapadmin", "true"].map(str::to_owned)
    };
    for option in ["--property=PAMName=sudo", "--property=Nice=0"] {
        let unit = unit(option);
        let words: Vec<_> = unit.iter().map(String::as_str).collect();
        let (is_done, said) = host.typed(&words, &[]);
        assert!(is_done, "{option}: {said}");
    }

    let sudo = ["sudo", "-k", "-S", "true"];
    let (is_done, said) = host.typed_by(ACCOUNT, &sudo, &[right]);
    assert!(is_done, "{said}");
    host.then("sudo by the account, after what proves nothing", &[(LOGGED_ON, "sudo")]);
    // It asks three times, and hears the end of the input at the second.
    assert!(!host.typed_by(ACCOUNT, &sudo, &["wrong"]).0);
    host.then("sudo by the account, wrong", &[(FAILED, "sudo")]);

    for (by, change) in [(ACCOUNT, &["passwd"][..]), ("root", &["passwd", ACCOUNT][..])] {
        let (is_done, said) = host.typed_by(by, change, &[right, "another-Password-7", "another-Password-7"]);
        assert!(!is_done && said.contains("lapwing reset-password"), "{by}: {said}");
        host.then("passwd", &[(CHANGE_REFUSED, "")]);
    }
    assert!(host.ssh(right, &by_password));
    host.then("the password is still the one", &[(LOGGED_ON, "sshd")]);

    let signal = |signal: &str| format!("systemctl kill --kill-whom=main --signal={signal} lapwingd.service");
    let (kill, stop, go_on) = (signal("KILL"), signal("STOP"), signal("CONT"));
    let away = "systemctl stop lapwingd.service lapwing-log-on.socket";
    let back = "systemctl start lapwing-log-on.socket lapwingd.service";
    host.scene.host.run(&["sh", "-c", STACKS]).unwrap();
    for (state, before, between, after) in [
        ("killed", "true", kill.as_str(), "true"),
        ("stopped", &stop, "true", &go_on),
        ("down", away, "true", back),
    ] {
        log_ons_take_no_longer(&host, state, [before, between, after]);
    }
    // Of this the agent hears nothing more, and tells of it after two minutes.
    assert!(!host.ssh("wrong", &by_questions));
    log_ons_take_no_longer(&host, "up", ["true"; 3]);
    host.scene
        .host
        .wait_until("ssh, keyboard-interactive wrong", GIVEN_UP, |host| {
            let failed = heard(host).into_iter().filter(|event| *event == (FAILED, "sshd".to_owned()));
            Ok(failed.count() == 2)
        })
        .unwrap();
}

/// In this state of the agent, what the module adds to log-ons is lost in what they differ by anyway. What is done before, halfway and
/// after brings the state about, and ends it.
fn log_ons_take_no_longer(watched: &Watched, state: &str, [before, between, after]: [&str; 3]) {
    let host = &watched.scene.host;
    host.run(&["sh", "-c", before]).unwrap();
    let measure = ["setsid", "--wait", "bash", "-c", MEASURE, "measure", LOG_ONS, between];
    let printed = host.feed(&measure, format!("{}\n", watched.password).as_bytes()).unwrap();
    host.run(&["sh", "-c", after]).unwrap();
    let [plain, module] = ["plain", "module"].map(|stack| {
        let of = |line: &str| line.split_once(' ').filter(|(name, _)| *name == stack)?.1.parse::<u64>().ok();
        let mut times: Vec<_> = printed.lines().filter_map(of).collect();
        assert_eq!(times.len().to_string(), LOG_ONS);
        times.sort_unstable();
        times
    });
    let (quarter, median) = (plain.len() / 4, plain.len() / 2);
    let (low, high) = (plain[quarter], plain[plain.len() - 1 - quarter]);
    eprintln!("{state}: {} µs, and without the module {low} to {high} µs", module[median]);
    assert!(
        module[median] <= high,
        "{state}: {} µs, and without the module {low} to {high} µs",
        module[median]
    );
}
