//! The commands that ask the agent, against a socket that answers as it is told.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::net::UnixListener,
    thread,
};

use serde_json::{Value, json};

use crate::run::{Run, World};

/// Runs a command while the socket answers its one call with `reply`; also returns the call.
fn asked(args: &[&str], reply: &Value) -> (Value, Run) {
    let world = World::new();
    let path = world.path().join("agent.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let frame = [reply.to_string().as_bytes(), b"\0"].concat();
    let agent = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut call = Vec::new();
        BufReader::new(&stream).read_until(0, &mut call).unwrap();
        assert_eq!(call.pop(), Some(0));
        stream.write_all(&frame).unwrap();
        serde_json::from_slice(&call).unwrap()
    });
    let run = world.run(&[args, &["--socket", path.to_str().unwrap()]].concat());
    (agent.join().unwrap(), run)
}

fn status() -> Value {
    json!({ "parameters": { "status": {
        "agent_version": "0.1.0", "state": "waiting", "summary": "The directory cannot be reached",
        "next_step": "nothing: it is tried again by itself", "account": "lapadmin",
        "directory": "lapwing:f3531ec6-6330-4f8e-8d39-7a671fbac605", "record": "0b3c2a10-1111-4222-8333-444455556666",
        "version": null, "expiry": "2026-12-01T00:00:00.0000000Z", "last_rotation": null, "last_cycle": null,
        "last_event": 10059, "next_cycle_seconds": 300, "candidates": 1, "unanswered": 2,
        "wake_up": { "state": "waiting", "since": null, "last_error": "laps.example:8444 cannot be reached",
            "next_step": "check that the server runs and that no firewall is between" },
    } } })
}

#[test]
fn the_status_is_shown_in_lines() {
    let (call, run) = asked(&["status"], &status());
    assert_eq!(call, json!({ "method": "org.lapwing.Agent.GetStatus", "parameters": {} }));
    insta::assert_snapshot!(run.text());
}

#[test]
fn the_status_as_json_is_what_the_agent_said() {
    let (_, run) = asked(&["status", "--json"], &status());
    let shown: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(shown, status()["parameters"]["status"]);
}

#[test]
fn the_policy_is_shown_with_where_it_comes_from() {
    let reply = json!({ "parameters": { "policy": {
        "source": "Local",
        "settings": [
            { "name": "BackupDirectory", "value": "1", "origin": "/etc/lapwing/policy.toml:1", "remarks": [] },
            { "name": "PasswordAgeDays", "value": "7", "origin": "default", "remarks": ["500 is not supported"] },
        ],
        "remarks": ["PasswordAge is no setting; did you mean PasswordAgeDays?"],
    } } });
    let (call, run) = asked(&["get-policy"], &reply);
    assert_eq!(call["method"], "org.lapwing.Agent.GetPolicy");
    insta::assert_snapshot!(run.text());
}

fn outcome(result: &str) -> Value {
    let next_step = (result != "rotated").then_some("do this");
    json!({ "parameters": { "outcome": {
        "result": result, "message": "What happened", "next_step": next_step, "event": 10018,
    } } })
}

#[test]
fn the_exit_code_says_how_a_rotation_ended() {
    for (result, code) in [("rotated", 0), ("refused", 3), ("waiting", 5), ("disabled", 1), ("not_due", 1)] {
        let (call, run) = asked(&["reset-password"], &outcome(result));
        assert_eq!(call["method"], "org.lapwing.Agent.ResetPassword");
        assert_eq!(run.code, code, "{result}");
    }
    insta::assert_snapshot!(asked(&["reset-password"], &outcome("refused")).1.text());
}

#[test]
fn a_policy_cycle_that_has_nothing_to_do_is_done() {
    for (result, code) in [("rotated", 0), ("not_due", 0), ("disabled", 0), ("refused", 3), ("waiting", 5)] {
        let (call, run) = asked(&["invoke-policy-processing"], &outcome(result));
        assert_eq!(call["method"], "org.lapwing.Agent.ProcessPolicy");
        assert_eq!(run.code, code, "{result}");
    }
}

#[test]
fn who_may_not_is_told_what_to_do() {
    let reply = json!({ "error": "org.lapwing.Agent.NotAuthorized", "parameters": {
        "message": "only root may do this", "next_step": "run it as root",
    } });
    insta::assert_snapshot!(asked(&["reset-password"], &reply).1.text());
}

#[test]
fn an_answer_of_another_version_is_not_guessed_at() {
    let (_, run) = asked(&["status"], &json!({ "parameters": { "status": { "state": 7 } } }));
    assert_eq!((run.code, run.out.as_str()), (1, ""));
}

#[test]
fn no_agent_is_not_reachable() {
    let world = World::new();
    let path = world.path().join("agent.sock");
    insta::assert_snapshot!(world.run(&["status", "--socket", path.to_str().unwrap()]).text());
}
