//! What stands before the real server and misbehaves as it is told, with an authority of its own: `peer.py`.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use xtask::lab::OUTSIDE;
use xtask::scene::{PORT, Scene};

/// Where the real server is while something stands before it; the port between is that of its devices.
const REAL_PORT: u16 = PORT + 2;

/// Hands everything on until it is ordered otherwise.
pub(crate) struct Front {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Front {
    /// Moves the server aside and has the device and the administrator trust the front.
    pub(crate) fn before(scene: &mut Scene) -> Self {
        scene.kill_server().unwrap();
        scene.start_server_with(REAL_PORT, &[]).unwrap();
        let authority = scene.lab.folder().join(".front.pem");
        let mut command = scene.lab.command("/usr/bin/python3").unwrap();
        command.args(["-c", include_str!("peer.py"), &OUTSIDE.to_string()]);
        command.args([PORT.to_string(), REAL_PORT.to_string()]).arg(&authority);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let orders = process.stdin.take().unwrap();
        let mut answers = BufReader::new(process.stdout.take().unwrap());
        let mut digest = String::new();
        answers.read_line(&mut digest).unwrap();
        scene.host.copy_in(&authority, "/var/lib/lapwing/authority.crt", 0o600).unwrap();
        scene.host.run(&["chown", "lapwing:lapwing", "/var/lib/lapwing/authority.crt"]).unwrap();
        let profile = scene.data().join("admin.toml");
        let text = fs::read_to_string(&profile).unwrap();
        let of_authority = |line: &&str| line.starts_with("authority");
        let old = text.lines().find(of_authority).unwrap();
        fs::write(&profile, text.replace(old, &format!("authority = \"{}\"", digest.trim()))).unwrap();
        Self { process, orders, answers }
    }

    /// See `peer.py`.
    pub(crate) fn order(&mut self, order: &str) {
        assert_eq!(self.ask(order), "ok", "after {order}");
    }

    /// How many requests are on their way, late.
    pub(crate) fn late(&mut self) -> usize {
        self.ask("late").parse().unwrap()
    }

    fn ask(&mut self, order: &str) -> String {
        writeln!(self.orders, "{order}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        answer.trim().to_owned()
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        // A failure here would hide that of the test; the lab ends it too.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
