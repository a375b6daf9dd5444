//! The account's file is locked, or the account is gone.

use super::{Complaint, ONE_CYCLE, SOON, Settled};

/// Stays in the editor until somebody writes to `/run/leave`.
const EDITOR: &str = "#!/bin/sh\n: >/run/editing\nread -r line </run/leave\n";

#[test]
fn a_locked_account_file_is_waited_for() {
    let settled = Settled::new();
    let host = &settled.scene.host;
    host.write("/usr/local/bin/editor", 0o755, EDITOR.as_bytes()).unwrap();
    settled.sh("mkfifo /run/leave");
    let mut editing = host.command("vipw").arg("-s").env("EDITOR", "/usr/local/bin/editor").spawn().unwrap();
    host.wait_until("vipw edits", SOON, |host| Ok(host.run(&["test", "-e", "/run/editing"]).is_ok()))
        .unwrap();
    settled.complains(Complaint { event: 30010, next_step: "find who holds /etc/.pwd.lock" });
    settled.sh("echo >/run/leave");
    assert!(editing.wait().unwrap().success());
    settled.heals(ONE_CYCLE);
}

#[test]
fn an_account_that_is_gone_is_missed_and_managed_again_when_it_is_back() {
    let settled = Settled::new();
    let rename =
        |from: &str, to: &str| settled.sh(&format!("sed -i 's/^{from}:/{to}:/' /etc/passwd /etc/shadow"));
    rename("lapadmin", "elsewhere");
    settled.answers(Complaint { event: 10013, next_step: "create the account" });
    rename("elsewhere", "lapadmin");
    settled.scene.must_open(&settled.password).unwrap();
    settled.heals(SOON);
}
