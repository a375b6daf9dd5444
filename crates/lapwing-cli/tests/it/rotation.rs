//! The button on the command line, for one device and for many.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::Stdio,
};

use crate::{remote::Tenant, run::Terminal};

#[test]
fn a_device_is_asked_and_what_it_has_not_accepted_is_taken_back() {
    let tenant = Tenant::new();
    let id = tenant.enrol();
    let asked = tenant.ask_json("server rotate web-01 --no-wait");
    assert_eq!((&asked[0]["deviceId"], &asked[0]["state"]), (&id.clone().into(), &"pending".into()));
    let actions = tenant.ask_json(&format!("server actions {id}"));
    assert_eq!(actions.as_array().unwrap().len(), 1);
    let cancel = format!("server cancel-action web-01 {}", actions[0]["id"].as_str().unwrap());
    assert_eq!(tenant.ask_json(&cancel)[0]["state"], "cancelled");
    assert_ne!(tenant.ask(&cancel).code, 0, "it is over");
    assert_eq!(tenant.ask("server rotate nobody --no-wait").code, 4);
    let waited = tenant.ask("server rotate web-01 --wait 0");
    assert_eq!(waited.code, 5, "{}", waited.text());
    assert!(
        waited.err.contains("next: nothing: a device rotates as soon as it calls home"),
        "{}",
        waited.text()
    );
}

#[test]
fn whoever_waits_is_told_of_every_change_and_of_the_end() {
    let tenant = Tenant::new();
    tenant.enrol();
    let mut command = tenant.admin.command(&["server", "rotate", "web-01"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    told.read_line(&mut line).unwrap();
    assert_eq!(line, "web-01: pending\n");
    let action = tenant.ask_json("server actions web-01")[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(tenant.ask(&format!("server cancel-action web-01 {action}")).code, 0);
    let mut rest = String::new();
    told.read_to_string(&mut rest).unwrap();
    let end = child.wait_with_output().unwrap();
    assert_eq!(end.status.code(), Some(1));
    assert!(rest.starts_with("web-01: cancelled\nlapwing: 1 of 1 failed"), "{rest}");
    assert!(String::from_utf8(end.stdout).unwrap().contains("cancelled"));
}

#[test]
fn many_are_rotated_only_after_a_yes_and_can_be_paused_resumed_and_cancelled() {
    let tenant = Tenant::new();
    let id = tenant.enrol();
    let dry = tenant.ask("server rotate --name WEB-* --dry-run");
    assert_eq!(
        (dry.code, dry.out.as_str()),
        (0, "Devices   1\nCanaries  1\nMinutes   1\nFirst     web-01\n")
    );
    let unasked = tenant.ask("server rotate --all");
    assert_eq!(unasked.code, 2, "{}", unasked.text());
    let mut terminal = Terminal::new();
    let mut command = tenant.admin.command(&["server", "rotate", "--all"]);
    let child = command.stdin(terminal.side()).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    terminal.type_in("no\n");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(3));
    assert_eq!(tenant.ask_json("server rotations list"), serde_json::json!([]), "so far nothing was begun");

    let begun = tenant.ask_json("server rotate --all --canary 0 --rate 1 --yes");
    let rotation = begun[0]["id"].as_str().unwrap();
    let state = |line: &str| {
        let shown = tenant.ask_json(&format!("server rotations {line}"));
        shown[0]["state"].as_str().unwrap().to_owned()
    };
    assert_eq!(state(&format!("show {rotation}")), "running");
    assert_eq!(state(&format!("pause {rotation}")), "paused");
    assert_eq!(state(&format!("resume {rotation} --past-canaries")), "running");
    assert_eq!(state(&format!("cancel {rotation}")), "cancelled");
    assert_ne!(tenant.ask(&format!("server rotations resume {rotation}")).code, 0);
    let report = tenant.ask(&format!("server rotations report {rotation} --csv"));
    let lines: Vec<&str> = report.out.lines().collect();
    assert!(lines[0].starts_with("device,name,state,"), "{}", report.text());
    assert!(lines[1].starts_with(&format!("{id},web-01,cancelled,")), "{}", report.text());
    assert_eq!(tenant.ask_json(&format!("server rotations report {rotation}"))[0]["state"], "cancelled");
}
