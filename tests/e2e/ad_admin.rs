//! The administrator's commands for Active Directory on a real domain: by ticket, by password, and by those who may not.

mod decrypt;
mod passwords;
mod schema;

use std::io::Write as _;
use std::process::Stdio;

use serde_json::Value;
use xtask::lab::{
    Host, Lab,
    domain::{DOMAIN, Domain},
};
use xtask::programs::{self, Build};

/// Of people in a throw-away domain.
const PASSWORD: &str = "Correct-horse-1";

/// A domain, and a host from which it is administered, which has not joined it.
struct World {
    lab: Lab,
    domain: Domain,
    host: Host,
}

/// How a command ended.
struct Run {
    code: i32,
    out: String,
    err: String,
}

impl World {
    fn new() -> Self {
        let programs = programs::build(Build::WithFailPoints).unwrap();
        let lab = Lab::new().unwrap();
        let domain = Domain::start(&lab).unwrap();
        let host = domain.boot_member(&lab, "desk").unwrap();
        host.copy_in(&programs.join("lapwing"), "/usr/bin/lapwing", 0o755).unwrap();
        domain.controller.run(&["samba-tool", "user", "create", "ordinary", PASSWORD]).unwrap();
        Self { lab, domain, host }
    }

    /// As whoever has the ticket.
    fn lapwing(&self, arguments: &[&str]) -> Run {
        self.fed(arguments, "")
    }

    /// As somebody, by the password.
    fn lapwing_as(&self, user: &str, arguments: &[&str]) -> Run {
        let password = if user == "administrator" {
            self.domain.administrator_password().unwrap()
        } else {
            PASSWORD.to_owned()
        };
        self.fed(&[arguments, &["--user", user, "--password-stdin"]].concat(), &password)
    }

    /// By a person before a terminal, who types `input`. What is shown is all in [`Run::out`].
    fn typed(&self, command: &str, input: &str) -> Run {
        self.run("script", &["--quiet", "--return", "--command", command, "/dev/null"], input)
    }

    fn fed(&self, arguments: &[&str], input: &str) -> Run {
        self.run("lapwing", arguments, input)
    }

    fn run(&self, program: &str, arguments: &[&str], input: &str) -> Run {
        let mut command = self.host.command(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // It may end without reading.
        drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
        let output = child.wait_with_output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Run { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// Gets the administrator's ticket.
    fn kinit(&self) {
        let password = self.domain.administrator_password().unwrap();
        self.host.feed(&["kinit", "administrator"], password.as_bytes()).unwrap();
    }

    /// With OpenLDAP's own tools, as whoever has the ticket.
    fn search(&self, base: &str, filter: &str, attributes: &[&str]) -> String {
        let controller = format!("ldap://{}.{DOMAIN}", self.domain.controller.name());
        let ask = ["ldapsearch", "-LLL", "-Q", "-N", "-Y", "GSSAPI", "-o", "ldif-wrap=no", "-H", &controller];
        self.host.run(&[&ask[..], &["-b", base, filter], attributes].concat()).unwrap()
    }

    fn modify(&self, ldif: &str) {
        let controller = format!("ldap://{}.{DOMAIN}", self.domain.controller.name());
        let modify = ["ldapmodify", "-Q", "-N", "-Y", "GSSAPI", "-H", &controller];
        self.host.feed(&modify, ldif.as_bytes()).unwrap();
    }
}

impl Run {
    fn json(&self) -> Value {
        assert_eq!(self.code, 0, "{}", self.err);
        serde_json::from_str(&self.out).unwrap()
    }

    /// That it failed so, and said so.
    fn must_fail(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        for word in words {
            assert!(self.err.contains(word), "{word:?} is not in: {}", self.err);
        }
    }
}
