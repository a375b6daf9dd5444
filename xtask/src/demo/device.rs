//! The demonstration on the host itself: what protects the account's password, and what follows a log-on with it.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use xtask::{programs::ACCOUNT, scene::Scene, steps::Steps};

use super::indented;

/// A minute's grace, then sessions and processes end.
const POLICY: &str = "BackupDirectory = 1\nAdministratorAccountName = \"lapadmin\"\nPasswordAgeDays = 30\n\
    PostAuthenticationResetDelayMinutes = 1\nPostAuthenticationActions = 11\n";

/// Whoever edits the file of passwords by hand.
const EDIT: &str = "sed -i 's|^lapadmin:[^:]*:|lapadmin:$6$by$hand:|' /etc/shadow";

/// A cycle, on a machine that is busy.
const AT_ONCE: Duration = Duration::from_secs(60);
/// The grace period, and the notice.
const MINUTES: Duration = Duration::from_mins(4);

pub(super) fn play(steps: &Steps, scene: Scene) -> Result<Scene> {
    scene.set_policy(POLICY)?;
    steps.run("its policy gives a minute's grace after each log-on", || {
        scene.host.wait_until_told(10054, AT_ONCE)
    })?;
    let said = steps.run("somebody types passwd, and is refused", || {
        let typed = scene.host.feed(&["passwd", ACCOUNT], b"my-own-Password-7\nmy-own-Password-7\n");
        let said = typed.err().context("passwd has changed the password")?.to_string();
        ensure!(said.contains("managed by Lapwing"), "passwd said something else: {said}");
        Ok(said)
    })?;
    let before = scene.password()?;
    let version = scene.status()?.version;
    let edited = steps.run(
        "somebody edits /etc/shadow, and within seconds it is healed by another password",
        || {
            scene.host.run(&["sh", "-c", EDIT])?;
            scene.host.wait_until("another password", AT_ONCE, |_| Ok(scene.status()?.version != version))?;
            let after = scene.password()?;
            scene.must_not_open(&before)?;
            Ok(after)
        },
    )?;
    let mut session =
        steps.run("an administrator logs on with it, over ssh, which starts the minute", || {
            let session = scene.host.stay(ACCOUNT, &edited, "exec sleep 3600")?;
            scene.host.wait_until_told(10041, AT_ONCE)?;
            Ok(session)
        })?;
    steps.run("the network is cut, and the minute passes without a change", || {
        scene.host.cut_link()?;
        scene.host.wait_until_told(10043, MINUTES)
    })?;
    let next = steps.run("the network is back, and within a minute the password is another", || {
        scene.host.restore_link()?;
        scene.host.wait_until_told(10044, AT_ONCE)?;
        scene.password()
    })?;
    ensure!(next != edited, "the directory still holds the password that was used");
    let warning = steps.run("the session is told that it will end in two minutes", || {
        const WARNING: &str = "The password of this account has been changed";
        scene.host.wait_until("the warning", AT_ONCE, |_| Ok(session.seen()?.contains(WARNING)))?;
        session.seen()
    })?;
    ensure!(!session.has_ended()?, "it ended without notice");
    steps.run("after these it is gone", || {
        scene.host.wait_until("its end", MINUTES, |_| session.has_ended())?;
        scene.host.wait_until_told(10074, AT_ONCE)
    })?;
    steps.run("the password that was used is refused", || scene.must_not_open(&edited))?;
    steps.run("and the one that the directory tells opens the host", || scene.must_open(&next))?;
    println!("\nWhat passwd said:\n\n{}", indented(said.trim()));
    println!("What stood on the session's terminal:\n\n{}", indented(warning.trim()));
    Ok(scene)
}
