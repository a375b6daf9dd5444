//! Runs the program with an empty environment and a folder of its own.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    path::Path,
    process::{Command, Output, Stdio},
};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tempfile::TempDir;

/// A folder that is the program's home and its system's root.
pub(crate) struct World(TempDir);

/// How a run ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl World {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn root(&self) -> &str {
        self.path().to_str().unwrap()
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the test's own start of the program, with an empty environment"
    )]
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lapwing"));
        command.env_clear().env("HOME", self.path()).args(args);
        command
    }

    /// Runs with nothing on standard input.
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        self.run_with(args, "")
    }

    /// Runs with `input` on standard input. The folder's name is shown as `[root]`.
    pub(crate) fn run_with(&self, args: &[&str], input: &str) -> Run {
        let mut child = self
            .command(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // It may end without reading.
        drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
        self.ended(&child.wait_with_output().unwrap())
    }

    pub(crate) fn ended(&self, output: &Output) -> Run {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap().replace(self.root(), "[root]");
        Run { code: output.status.code().unwrap(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

impl Run {
    /// All of it, for snapshots.
    pub(crate) fn text(&self) -> String {
        format!("exit code {}\n--- stdout\n{}--- stderr\n{}", self.code, self.out, self.err)
    }
}

/// A terminal with a person before it.
pub(crate) struct Terminal {
    person: File,
    /// Kept open, so that what was shown can still be read when the program has ended.
    program: File,
}

impl Terminal {
    pub(crate) fn new() -> Self {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let name = ptsname(&person, Vec::new()).unwrap().into_string().unwrap();
        let program = File::options().read(true).write(true).open(&name).unwrap();
        Self { person: person.into(), program }
    }

    /// The program's side of it.
    pub(crate) fn side(&self) -> Stdio {
        self.program.try_clone().unwrap().into()
    }

    pub(crate) fn type_in(&mut self, text: &str) {
        self.person.write_all(text.as_bytes()).unwrap();
    }

    /// All that is shown until `mark` is.
    pub(crate) fn shown_until(&mut self, mark: &str) -> String {
        let mut shown = Vec::new();
        let mut byte = [0];
        while !shown.ends_with(mark.as_bytes()) {
            self.person.read_exact(&mut byte).unwrap();
            shown.extend(byte);
        }
        String::from_utf8(shown).unwrap()
    }

    /// Shows something, as another program would.
    pub(crate) fn show(&mut self, text: &str) {
        self.program.write_all(text.as_bytes()).unwrap();
    }
}
