//! A host, what was done on it, and what its agent heard of that.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use xtask::lab::{Host, Kind, Lab, Login, Proof};
use xtask::programs::{self, ACCOUNT, Build};
use xtask::scene::Scene;
use xtask::sys;

use crate::support::{key_of_account, sh};

/// A busy machine, and nothing to wait for.
const AT_ONCE: Duration = Duration::from_secs(30);

/// Run by expect(1) with the password on standard input. What is typed before the echo is off may be thrown away.
const TYPE: &str = r#"gets stdin password
set timeout 60
spawn -noecho {*}$argv
expect {
    timeout { exit 1 }
    eof { exit 1 }
    "assword:" {}
}
while {[regexp {(^|\s)echo\s} [exec stty -a -F $spawn_out(slave,name)]]} { after 10 }
send -- "$password\r"
expect {
    eof {}
    "assword:" { exec kill -KILL [exp_pid]; exit 1 }
}
exit [lindex [wait] 3]"#;
/// Where that is in the host.
const TYPIST: &str = "/srv/type.exp";

pub(crate) const LOGGED_ON: u16 = 30034;
pub(crate) const OTHERWISE: u16 = 30035;
pub(crate) const FAILED: u16 = 30036;
pub(crate) const CHANGE_REFUSED: u16 = 10031;

/// Another user, and one who may ask `sudo` and polkit for all, as the account may. A job of the account's runs every minute, and is
/// no use of it.
const USERS: &str = "useradd --create-home joe
usermod --append --groups sudo lapadmin
mkdir -p /etc/ssh/sshd_config.d
echo KbdInteractiveAuthentication yes >/etc/ssh/sshd_config.d/lab.conf
# All log-ons come from one address, and some are meant to fail.
if sshd -T | grep -qi ^persourcepenalties; then echo PerSourcePenalties no >>/etc/ssh/sshd_config.d/lab.conf; fi
systemctl restart ssh.service
if test -d /etc/cron.d; then echo '* * * * * lapadmin touch /home/lapadmin/job-ran' >/etc/cron.d/lab; fi";

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

/// A host on which the first password is in force, and what was heard of it so far.
pub(crate) struct Watched {
    pub(crate) scene: Scene,
    pub(crate) password: String,
    /// Of the account's key, on the side of the lab.
    key: PathBuf,
    heard: Vec<(u16, String)>,
}

impl Watched {
    pub(crate) fn boot(kind: Kind) -> Self {
        let programs = programs::build(Build::WithFailPoints).unwrap();
        let scene = Scene::settled_on(kind, Lab::new().unwrap(), &programs).unwrap();
        sh(&scene.host, USERS);
        let key = key_of_account(&scene);
        scene.host.write(TYPIST, 0o644, TYPE.as_bytes()).unwrap();
        let password = scene.password().unwrap();
        Self { scene, password, key, heard: Vec::new() }
    }

    /// Exactly this is heard after what was heard before.
    pub(crate) fn then(&mut self, what: &str, events: &[(u16, &str)]) {
        self.heard.extend(events.iter().map(|(number, service)| (*number, (*service).to_owned())));
        let mut now = Vec::new();
        let waited = self.scene.host.wait_until(what, AT_ONCE, |host| {
            now = heard(host);
            Ok(now.len() >= self.heard.len())
        });
        let known = now.iter().zip(&self.heard).take_while(|(is, was)| is == was).count();
        let (now, meant) = (&now[known..], &self.heard[known..]);
        assert!(waited.is_ok() && now.is_empty() && meant.is_empty(), "{what}: {now:?}, and not {meant:?}");
    }

    /// How often a log-on by that service was heard to fail.
    pub(crate) fn failed(&self, service: &str) -> usize {
        heard(&self.scene.host).into_iter().filter(|event| *event == (FAILED, service.to_owned())).count()
    }

    /// Runs a program in the host, with these lines on its standard input; whether it succeeded, and what it said.
    pub(crate) fn typed(&self, program_and_arguments: &[&str], lines: &[&str]) -> (bool, String) {
        let mut command = self.scene.host.command("setsid");
        command.arg("--wait").args(program_and_arguments);
        let input = lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        match sys::text_fed(&mut command, input.as_bytes()) {
            Ok(text) => (true, text),
            Err(error) => (false, format!("{error:#}")),
        }
    }

    /// The same by this user.
    pub(crate) fn typed_by(
        &self,
        user: &str,
        program_and_arguments: &[&str],
        lines: &[&str],
    ) -> (bool, String) {
        let (uid, gid) = (format!("--reuid={user}"), format!("--regid={user}"));
        let changed = ["setpriv", uid.as_str(), gid.as_str(), "--init-groups"];
        self.typed(&[&changed[..], program_and_arguments].concat(), lines)
    }

    /// Logs on by the account's key, for polkit asks whoever has a session, and runs a program on a terminal, on which the password is
    /// typed when it is asked for. One that asks a second time has not taken it, and is ended.
    pub(crate) fn on_terminal(&self, password: &str, program: &str) -> (bool, String) {
        let by_key = Proof::Key { file: &self.key, input: password };
        match self.scene.host.ssh_by(ACCOUNT, by_key, &format!("expect {TYPIST} {program} >&2")) {
            Ok(login) => (matches!(login, Login::Accepted(_)), format!("{login:?}")),
            Err(error) => (false, format!("{error:#}")),
        }
    }

    /// Logs on by ssh with this password; whether that was let in.
    pub(crate) fn ssh(&self, password: &str) -> bool {
        self.ssh_by(Proof::Password(password))
    }

    /// The same with this answer to PAM's question.
    pub(crate) fn ssh_asked(&self, answer: &str) -> bool {
        self.ssh_by(Proof::Answer(answer))
    }

    /// The same with the account's key.
    pub(crate) fn ssh_by_key(&self) -> bool {
        self.ssh_by(Proof::Key { file: &self.key, input: "" })
    }

    fn ssh_by(&self, proof: Proof<'_>) -> bool {
        match self.scene.host.ssh_by(ACCOUNT, proof, "true").unwrap() {
            Login::Accepted(_) => true,
            Login::Refused => false,
            Login::Unreachable(why) => panic!("{why}"),
        }
    }
}
