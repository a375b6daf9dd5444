//! What the tests of this binary share.

use std::path::PathBuf;
use std::time::Duration;

use xtask::lab::{Host, Lab, Login};
use xtask::programs::{self, ACCOUNT, Build};
use xtask::scene::{Scene, Status};
use xtask::sys;

/// How long a thing may take that needs one cycle of the agent, its waits for a directory that was away included.
pub(crate) const ONE_CYCLE: Duration = Duration::from_secs(75);

/// A scene in which the first password is in force and opens the account.
pub(crate) fn settled() -> Scene {
    let programs = programs::build(Build::WithFailPoints).unwrap();
    let scene = Scene::settled(Lab::new().unwrap(), &programs).unwrap();
    scene.must_open(&scene.password().unwrap()).unwrap();
    scene
}

/// Runs a script by root; what it printed.
pub(crate) fn sh(host: &Host, script: &str) -> String {
    host.run(&["sh", "-euc", script]).unwrap()
}

/// Makes a key, by which the account can be logged on with from now on; where it is, on the side of the lab.
pub(crate) fn key_of_account(scene: &Scene) -> PathBuf {
    const TAKE: &str = "install -d -o lapadmin -g lapadmin -m 700 /home/lapadmin/.ssh
cat >/home/lapadmin/.ssh/authorized_keys
chown lapadmin: /home/lapadmin/.ssh/authorized_keys";
    let key = scene.lab.folder().join(".key");
    let mut keygen = scene.lab.command("ssh-keygen").unwrap();
    sys::run(keygen.args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key)).unwrap();
    let public = std::fs::read(key.with_added_extension("pub")).unwrap();
    scene.host.feed(&["sh", "-euc", TAKE], &public).unwrap();
    key
}

/// Closes the account, as the root half does once the grace period is over while the directory is away.
pub(crate) fn close_account(scene: &Scene) {
    const CLOSE: &str = r#"cd /var/lib/lapwing-priv
printf '{"schema":1,"account":"lapadmin","uid":%s,"version":"%s","expiry":""}\n' "$(id -u lapadmin)" "$1" >closed
sum=$(sha256sum closed)
echo "${sum%% *}" >>closed
usermod --lock --expiredate 1970-01-02 lapadmin"#;
    let version = scene.status().unwrap().version.unwrap();
    scene.host.run(&["sh", "-euc", CLOSE, "close", &version]).unwrap();
    scene.must_not_open(&scene.password().unwrap()).unwrap();
}

/// Runs a cycle now; whether it ended well.
pub(crate) fn process(host: &Host) -> bool {
    host.command("lapwing").arg("invoke-policy-processing").output().unwrap().status.success()
}

/// What `lapwing status` says, or why it says nothing.
pub(crate) fn told_status(host: &Host) -> String {
    host.run(&["lapwing", "status"]).unwrap_or_else(|error| error.to_string())
}

/// Whether the password opens the account.
pub(crate) fn opens(host: &Host, password: &str) -> bool {
    matches!(host.ssh(ACCOUNT, password, "true").unwrap(), Login::Accepted(_))
}

/// Waits until it is so; what the agent says of itself comes with a failure.
pub(crate) fn wait_for(scene: &Scene, what: &str, limit: Duration, is_so: impl Fn() -> bool) {
    scene
        .host
        .wait_until(what, limit, |_| Ok(is_so()))
        .unwrap_or_else(|error| panic!("{error:#}: {:?}", status(scene)));
}

/// The numbers of a host's processes that pgrep(1) finds so; empty if it finds none.
pub(crate) fn processes(host: &Host, arguments: &[&str]) -> anyhow::Result<String> {
    let found = host.command("pgrep").args(arguments).output()?;
    // 1: none; more: it was asked wrongly.
    anyhow::ensure!(matches!(found.status.code(), Some(0 | 1)), "pgrep: {found:?}");
    Ok(String::from_utf8(found.stdout)?)
}

/// Asks the agent.
pub(crate) fn status(scene: &Scene) -> anyhow::Result<Status> {
    scene.status()
}

/// Waits until a cycle has ended well. A candidate that never landed may stay until the next change.
pub(crate) fn wait_until_idle(scene: &Scene, after: &str) {
    scene
        .host
        .wait_until(&format!("the agent is idle after {after}"), ONE_CYCLE, |_| {
            Ok(status(scene).is_ok_and(|status| status.state == "idle" && status.last_event.is_some()))
        })
        .unwrap();
}
