//! Who may ask: the caller is known by the socket's peer credentials.

use std::{
    io::{BufRead, BufReader},
    os::unix::{fs::MetadataExt, process::CommandExt},
    process::{Child, Command, Stdio},
};

use crate::world::{PROGRAM, World};

struct Listener(Child);

impl Listener {
    fn start(world: &World) -> Self {
        let mut child = Command::new(PROGRAM)
            .args(["listen", "--socket"])
            .arg(world.path("priv.sock"))
            .arg("--root")
            .arg(world.root())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::new(child.stderr.as_mut().unwrap()).read_line(&mut first).unwrap();
        assert!(first.contains("Listening"), "{first}");
        Self(child)
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Asks as another user; Perl, because a test's own threads share one user.
fn ask_as(world: &World, uid: u32, gid: u32) -> String {
    // A refusal comes before the request is read, and may before it is sent.
    let script = r#"$SIG{PIPE} = 'IGNORE'; use IO::Socket::UNIX; my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or print("no: $!"), exit;
        print $s qq({"method":"org.lapwing.Priv.Begin","parameters":{"run":"11111111-1111-4111-8111-111111111111"}}\0);
        $s->flush; local $/; print <$s>;"#;
    let output = Command::new("perl")
        .args(["-e", script])
        .arg(world.path("priv.sock"))
        .uid(uid)
        .gid(gid)
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn only_root_and_the_user_of_lapwingd_are_answered() {
    let world = World::new();
    let _listener = Listener::start(&world);
    let metadata = std::fs::metadata(world.path("priv.sock")).unwrap();
    assert_eq!((metadata.uid(), metadata.gid(), metadata.mode() & 0o777), (0, 998, 0o660));
    assert!(ask_as(&world, 0, 0).contains(r#""field":"unmanaged""#));
    assert!(ask_as(&world, 998, 998).contains(r#""field":"unmanaged""#));
    // The socket keeps strangers out; the peer's uid does so too, should its mode be loosened.
    assert!(ask_as(&world, 1001, 1001).starts_with("no: "));
    assert!(ask_as(&world, 1001, 998).contains(r#""fault":"not_authorized""#));
}

#[test]
fn a_socket_left_by_a_crash_is_replaced() {
    let world = World::new();
    drop(Listener::start(&world));
    let _listener = Listener::start(&world);
    assert!(ask_as(&world, 0, 0).contains("parameters"));
}
