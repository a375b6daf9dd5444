//! A private root directory with one managed account, and calls to the program on it.

use std::{
    fs::{self, Permissions},
    io::{BufRead, BufReader, IoSliceMut, Write},
    mem::MaybeUninit,
    os::{
        fd::OwnedFd,
        unix::{
            fs::{PermissionsExt, chown},
            net::UnixStream,
        },
    },
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use lapwing_core::local::root_half::{
    Commit, Committed, CountSend, Counted, Fault, InRun, Journal, Material, OfVersion, Prepare, Prepared,
    Refusal, Reply, Request, Rules,
};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use serde::de::DeserializeOwned;
use tempfile::TempDir;

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_lapwingd-priv");
pub(crate) const ACCOUNT: &str = "lapadmin";
pub(crate) const DIRECTORY: &str = "ad:corp.example";
pub(crate) const RECORD: &str = "CN=PC1,DC=corp,DC=example";
pub(crate) const RUN: &str = "11111111-1111-4111-8111-111111111111";
pub(crate) const EXPIRY: &str = "2999-01-01T00:00:00.0000000Z";
const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nlapwing:x:998:998::/:/usr/sbin/nologin\n\
    lapadmin:x:1000:1000::/home/lapadmin:/bin/sh\nother:x:1001:1001::/home/other:/bin/sh\n";
pub(crate) const SHADOW: &str =
    "root:*:19000:0:99999:7:::\n+nis::::::::\nlapadmin:!:19001:0:99999:7:::\n\nother:$6$a$b:1:0:5:7::30000:x";
const GROUP: &str = "root:x:0:\nshadow:x:42:\nlapwing:x:998:\nlapadmin:x:1000:\nother:x:1001:\n";

pub(crate) struct World {
    root: TempDir,
    /// Everything the program has logged.
    log: std::cell::RefCell<String>,
}

impl World {
    /// A root directory whose file lists the account and one directory, without pinned keys.
    pub(crate) fn new() -> Self {
        Self::with_directory(&format!("id = '{DIRECTORY}'\nrecord = '{RECORD}'\nclear_text = true\n"))
    }

    pub(crate) fn with_directory(lines: &str) -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "run these tests as root: they mount and change owners"
        );
        let world = Self { root: TempDir::new().unwrap(), log: Default::default() };
        for folder in ["etc/lapwing", "etc/pam.d", "etc/security", "var/lib"] {
            fs::create_dir_all(world.path(folder)).unwrap();
        }
        fs::set_permissions(world.root(), Permissions::from_mode(0o755)).unwrap();
        world.write("etc/passwd", PASSWD);
        world.write("etc/group", GROUP);
        world.write("etc/gshadow", "");
        world.write("etc/login.defs", "ENCRYPT_METHOD SHA512\n");
        world.write("etc/shadow", SHADOW);
        fs::set_permissions(world.path("etc/shadow"), Permissions::from_mode(0o640)).unwrap();
        chown(world.path("etc/shadow"), Some(0), Some(42)).unwrap();
        world.write("etc/pam.d/common-password", "password required pam_unix.so sha512\n");
        world.write("etc/pam.d/lapwing", include_str!("../../../../dist/pam.d/lapwing"));
        world.write(
            "etc/lapwing/managed.toml",
            &format!("accounts = ['{ACCOUNT}']\nchanges_per_day = 3\n[[directory]]\n{lines}"),
        );
        world
    }

    pub(crate) fn root(&self) -> &Path {
        self.root.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// The account's second field.
    pub(crate) fn field(&self) -> String {
        field_of(&self.read("etc/shadow"), ACCOUNT)
    }

    pub(crate) fn set_field(&self, field: &str) {
        let old = self.field();
        let shadow = self.read("etc/shadow");
        self.write(
            "etc/shadow",
            &shadow.replacen(&format!("{ACCOUNT}:{old}:"), &format!("{ACCOUNT}:{field}:"), 1),
        );
    }

    /// The hash of a version, as the journal's file has it.
    pub(crate) fn journalled_hash(&self, version: &str) -> String {
        let text = self.read("var/lib/lapwing-priv/journal");
        let journal: serde_json::Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        let candidates = journal["candidates"].as_array().unwrap().iter();
        let entry =
            candidates.chain([&journal["current"]]).find(|entry| entry["version"] == version).unwrap();
        entry["hash"].as_str().unwrap().to_owned()
    }

    pub(crate) fn log(&self) -> String {
        self.log.borrow().clone()
    }

    // The verbs.

    pub(crate) fn call<T: DeserializeOwned>(&self, request: &Request) -> Result<T, Fault> {
        self.call_with(Call::default(), request).expect("an answer")
    }

    /// `None` if the program ended without an answer.
    pub(crate) fn call_with<T: DeserializeOwned>(
        &self,
        call: Call<'_>,
        request: &Request,
    ) -> Option<Result<T, Fault>> {
        let mut frame = serde_json::to_vec(request).unwrap();
        frame.push(0);
        let answer = self.exchange(call, &frame);
        let message = answer.strip_suffix(b"\0")?;
        Some(match serde_json::from_slice::<Reply<T>>(message) {
            Ok(reply) => Ok(reply.parameters),
            Err(_) => match serde_json::from_slice(message) {
                Ok(Refusal::Refused { fault, message, next_step }) => {
                    assert!(!message.is_empty() && !next_step.is_empty());
                    Err(fault)
                }
                Err(error) => {
                    panic!("neither answer nor refusal: {error}: {}", String::from_utf8_lossy(message))
                }
            },
        })
    }

    /// What the program answers to these bytes.
    pub(crate) fn exchange(&self, call: Call<'_>, frame: &[u8]) -> Vec<u8> {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let child = self.command(call).stdin(OwnedFd::from(theirs)).spawn().unwrap();
        // A program that refuses before it reads may be gone already.
        drop(ours.write_all(frame));
        ours.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        // Up to the NUL: a program that refuses without reading all resets the connection after its answer.
        BufReader::new(ours).read_until(0, &mut answer).unwrap();
        self.keep_log(&child.wait_with_output().unwrap());
        answer
    }

    /// What the program answers to a request, with the descriptor that came along.
    pub(crate) fn exchange_passed(&self, request: &Request) -> (Vec<u8>, Option<OwnedFd>) {
        let (mut ours, theirs) = UnixStream::pair().unwrap();
        let child = self.command(Call::default()).stdin(OwnedFd::from(theirs)).spawn().unwrap();
        let mut frame = serde_json::to_vec(request).unwrap();
        frame.push(0);
        ours.write_all(&frame).unwrap();
        let mut answer = vec![0; 4096];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let buffers = &mut [IoSliceMut::new(&mut answer)];
        let received = recvmsg(&ours, buffers, &mut ancillary, RecvFlags::CMSG_CLOEXEC).unwrap();
        let passed = ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
            _ => None,
        });
        answer.truncate(received.bytes);
        self.keep_log(&child.wait_with_output().unwrap());
        (answer, passed)
    }

    fn command(&self, call: Call<'_>) -> Command {
        // In mounts of its own, which end with it.
        let script = format!("{}\nexec \"$0\" serve --root \"$1\"", call.mounts);
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", "private", "sh", "-ec", &script, PROGRAM]);
        command.arg(self.root()).env("R", self.root());
        command.envs(call.failpoint.map(|name| ("LAPWING_FAILPOINT", name)));
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }

    fn keep_log(&self, output: &Output) {
        self.log.borrow_mut().push_str(&String::from_utf8_lossy(&output.stderr));
    }

    /// Runs `lapwingd-priv recover`, as at boot.
    pub(crate) fn recover(&self) -> bool {
        let output = Command::new(PROGRAM).arg("recover").arg("--root").arg(self.root()).output().unwrap();
        self.keep_log(&output);
        output.status.success()
    }

    /// Runs `lapwingd-priv show`, as an administrator.
    pub(crate) fn show(&self) -> String {
        let output = Command::new(PROGRAM).arg("show").arg("--root").arg(self.root()).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn begin(&self) -> Journal {
        self.call(&Request::Begin(InRun { run: RUN.to_owned() })).unwrap()
    }

    pub(crate) fn state(&self) -> Journal {
        self.call(&Request::State(InRun { run: RUN.to_owned() })).unwrap()
    }

    pub(crate) fn prepare(&self) -> Result<Prepared, Fault> {
        self.call(&prepare_request())
    }

    pub(crate) fn commit(&self, version: &str) -> Result<Committed, Fault> {
        self.call(&commit_request(version, None))
    }

    pub(crate) fn count_send(&self, version: &str) -> Result<u32, Fault> {
        let request = CountSend { run: RUN.to_owned(), version: version.to_owned(), to: None };
        self.call(&Request::CountSend(request)).map(|counted: Counted| counted.unanswered)
    }

    /// Prepares and commits; the version and the password now in force.
    pub(crate) fn rotate(&self) -> (String, String) {
        let prepared = self.prepare().unwrap();
        self.commit(&prepared.version).unwrap();
        let password = clear(&prepared);
        (prepared.version, password)
    }
}

/// How to start the program for one request.
#[derive(Default, Clone, Copy)]
pub(crate) struct Call<'a> {
    /// Shell commands in the program's own mount namespace; `$R` is the root directory.
    pub(crate) mounts: &'a str,
    /// Where it is to die; only the crash tests, which need the feature `failpoints`, choose one.
    pub(crate) failpoint: Option<&'a str>,
}

pub(crate) fn prepare_request() -> Request {
    Request::Prepare(prepare())
}

pub(crate) fn prepare() -> Prepare {
    Prepare {
        run: RUN.to_owned(),
        account: Some(ACCOUNT.to_owned()),
        directory: DIRECTORY.to_owned(),
        record: RECORD.to_owned(),
        expiry: EXPIRY.to_owned(),
        rules: Rules {
            password_complexity: 4,
            password_length: 14,
            passphrase_length: 6,
            passphrase_word_list: None,
        },
        encrypt: None,
    }
}

pub(crate) fn commit_request(version: &str, receipt: Option<String>) -> Request {
    Request::Commit(Commit { run: RUN.to_owned(), version: version.to_owned(), receipt, by: None })
}

pub(crate) fn of_version(version: &str) -> OfVersion {
    OfVersion { run: RUN.to_owned(), version: version.to_owned() }
}

pub(crate) fn clear(prepared: &Prepared) -> String {
    match &prepared.material {
        Material::Clear(password) => password.0.to_string(),
        Material::Sealed(_) => panic!("the password is sealed"),
    }
}

pub(crate) fn field_of(shadow: &str, account: &str) -> String {
    let line =
        shadow.lines().find(|line| line.split(':').next() == Some(account)).expect("a line of the account");
    line.split(':').nth(1).unwrap().to_owned()
}

/// Runs a script with `input` and returns what it prints.
pub(crate) fn run(program: &str, arguments: &[&str], input: &str) -> String {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program} is needed: {error}; install it by `cargo xtask setup`"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Whether a password opens a field, as Perl's `crypt` judges.
pub(crate) fn opens(password: &str, field: &str) -> bool {
    let script =
        r#"chomp(my $p = <STDIN>); chomp(my $h = <STDIN>); print crypt($p, $h) eq $h ? "yes" : "no""#;
    run("perl", &["-e", script], &format!("{password}\n{field}\n")) == "yes"
}
