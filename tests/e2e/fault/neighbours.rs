//! Other programs of the host change accounts at the same time.

use super::Settled;

/// Makes, changes and gives passwords to accounts until told to stop, and tells how many in its output.
const BUSY: &str = r#"set -eu
count=0
while [ ! -e /run/stop ]; do
    count=$((count + 1))
    useradd --create-home "user$count"
    echo "user$count:secret of $count" | chpasswd
    usermod --comment "number $count" "user$count"
done
echo "$count""#;

/// Checks that each account is as it was left. `$1` is their number.
const COMPLETE: &str = r#"
for my $n (1 .. $ARGV[0]) {
    my @account = getpwnam("user$n") or die "user$n is lost";
    $account[6] eq "number $n" or die "user$n has lost its comment";
    crypt("secret of $n", $account[1]) eq $account[1] or die "user$n has lost its password";
}"#;

/// Enough that each of them meets changes of the others.
const ROTATIONS: usize = 12;

#[test]
fn accounts_that_others_change_during_rotations_lose_nothing() {
    let settled = Settled::new();
    let scene = &settled.scene;
    let busy =
        scene.host.command("sh").args(["-c", BUSY]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    let rotated: Vec<_> = (0..ROTATIONS).map(|_| scene.host.run(&["lapwing", "reset-password"])).collect();
    settled.sh("touch /run/stop");
    let busy = busy.wait_with_output().unwrap();
    assert!(busy.status.success(), "{busy:?}");
    let count = String::from_utf8(busy.stdout).unwrap();
    assert!(count.trim().parse::<usize>().unwrap() >= ROTATIONS, "they hardly met: {count}");
    for outcome in rotated {
        outcome.unwrap();
    }
    scene.host.run(&["perl", "-e", COMPLETE, count.trim()]).unwrap();
    settled.sh("pwck --read-only --quiet");
    let newest = scene.password().unwrap();
    assert_ne!(newest, settled.password);
    scene.must_open(&newest).unwrap();
}
