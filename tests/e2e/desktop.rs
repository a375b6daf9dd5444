//! Whoever sits at a desktop is told before it ends: a real X server without a screen, and a real program that shows messages.

use std::time::Duration;

use xtask::lab::{Host, Kind, Lab};
use xtask::programs::{self, ACCOUNT, Build};
use xtask::scene::Scene;

use crate::support::{processes, sh};

/// A minute's grace, then sessions end.
const POLICY: &str = "BackupDirectory = 1\nAdministratorAccountName = \"lapadmin\"\nPasswordAgeDays = 30\n\
    PostAuthenticationResetDelayMinutes = 1\nPostAuthenticationActions = 3\n";
/// A minute or two, a cycle and a busy machine.
const SOON: Duration = Duration::from_secs(150);

const LOGGED_ON: u32 = 10041;
const SESSION_TOLD: u32 = 10078;
const SESSION_NOT_TOLD: u32 = 10079;
const DONE: u32 = 10074;

/// Begins a session of the account as a display manager does, in which an X server runs, and what shows messages writes them down too.
const SIT_DOWN: &str = r#"systemd-run --quiet --unit=desktop --property=PAMName=login --property=User=lapadmin \
    --setenv=XDG_SESSION_TYPE=x11 --setenv=DISPLAY=:7 --working-directory=/home/lapadmin \
    sh -c 'Xvfb :7 & export DBUS_SESSION_BUS_ADDRESS=unix:path=$XDG_RUNTIME_DIR/bus; until stdbuf -oL dunst -print >shown; do sleep 0.2; done'"#;

#[test]
fn a_desktop_is_told_that_it_ends() {
    let programs = programs::build(Build::WithFailPoints).unwrap();
    let scene = Scene::settled_on(Kind::Workstation, Lab::new().unwrap(), &programs).unwrap();
    let host = &scene.host;
    scene.set_policy(POLICY).unwrap();
    sh(host, SIT_DOWN);
    let ask = ["busctl", "--user", "--machine=lapadmin@", "status", "org.freedesktop.Notifications"];
    host.wait_until("messages are shown", SOON, |host| Ok(host.run(&ask).is_ok())).unwrap();
    scene.must_open(&scene.password().unwrap()).unwrap();
    host.wait_until_told(LOGGED_ON, SOON).unwrap();
    host.wait_until_told(SESSION_TOLD, SOON).unwrap();
    assert_eq!(host.told(SESSION_NOT_TOLD).unwrap(), 0);
    let shown = sh(host, "cat /home/lapadmin/shown");
    let warning = "The password of this account has been changed, as policy asks after each use.";
    assert!(shown.contains(warning), "{shown}");
    host.wait_until_told(DONE, SOON).unwrap();
    let is_over = |host: &Host| Ok(processes(host, &["--uid", ACCOUNT])?.is_empty());
    host.wait_until("the desktop is gone", SOON, is_over).unwrap();
}
