//! The real `lapwing-server`, as a process of its own on 127.0.0.1. Also included by the tests of `lapwing-cli`.

use std::{
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

/// A server with a fresh tenant; it ends with this value.
pub(crate) struct Server {
    folder: TempDir,
    process: Child,
    /// Where it listens.
    pub(crate) url: String,
}

impl Server {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let data = data.to_str().unwrap();
        let url = "https://127.0.0.1:0";
        let setup = command(&["setup", "--data", data, "--url", url, "--tenant-name", "laps.example"])
            .output()
            .unwrap();
        assert!(setup.status.success(), "{}", String::from_utf8_lossy(&setup.stderr));
        let mut process =
            command(&["run", "--data", data]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let Some(("listening", rest)) = line.trim_end().split_once(' ') else { panic!("{line:?}") };
        let url = rest.split(' ').nth(1).unwrap().to_owned();
        Self { folder, process, url }
    }

    /// The first administrator's profile.
    pub(crate) fn profile(&self) -> String {
        let profile = std::fs::read_to_string(self.folder.path().join("data/admin.toml")).unwrap();
        // The server was set up before its port was known.
        profile.replace("https://127.0.0.1:0", &self.url)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the test's own start of the server, with an empty environment"
)]
fn command(args: &[&str]) -> Command {
    let program = program();
    let mut command = Command::new(program);
    command.env_clear().args(args);
    command
}

/// Beside this test's own folder.
fn program() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let program = own.parent().unwrap().parent().unwrap().join("lapwing-server");
    assert!(program.is_file(), "{} is missing: run `cargo build -p lapwing-server` first", program.display());
    program
}
