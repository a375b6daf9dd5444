//! The wake-up connection, as far as the status tells of it.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::TcpListener,
};

use lapwing_client::identity::{Identity, Root};
use serde_json::{Value, json};

use super::{Agent, root, sleep::enrolled};

fn wake_up(agent: &Agent) -> Value {
    agent.call("org.lapwing.Agent.GetStatus")["parameters"]["status"]["wake_up"].clone()
}

/// Asks for the status until the connection is in that state; the runner ends a test that never gets there.
fn until(agent: &Agent, state: &str) -> Value {
    loop {
        let found = wake_up(agent);
        if found["state"] == state {
            return found;
        }
        std::thread::yield_now();
    }
}

#[test]
fn an_enrolment_is_noticed_while_the_agent_runs_and_so_is_leaving() {
    let agent = Agent::start_in(root(""));
    assert_eq!(
        until(&agent, "not_enrolled"),
        json!({ "state": "not_enrolled", "since": null, "last_error": null, "next_step": null })
    );
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // Another root's identity, saved where the agent looks.
    let elsewhere = enrolled(nobody);
    let identity = Identity::load(&Root::at(elsewhere.path().to_owned())).unwrap();
    let here = Root::at(agent.root.path().to_owned());
    identity.save(&here).unwrap();
    let waiting = until(&agent, "waiting");
    assert!(waiting["last_error"].as_str().unwrap().contains("cannot be reached"), "{waiting}");
    assert!(waiting["next_step"].as_str().unwrap().contains("check that the server runs"), "{waiting}");
    Identity::remove(&here).unwrap();
    until(&agent, "not_enrolled");
}

#[test]
fn the_proxy_of_the_configuration_is_asked_for_the_way() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let root = enrolled(1);
    let path = root.path().join("etc/lapwing/agent.toml");
    let line = format!("proxy = \"http://{}\"\n", proxy.local_addr().unwrap());
    fs::write(&path, line + &fs::read_to_string(&path).unwrap()).unwrap();
    let _agent = Agent::start_in(root);
    let mut line = String::new();
    BufReader::new(proxy.accept().unwrap().0).read_line(&mut line).unwrap();
    assert_eq!(line, "CONNECT 127.0.0.1:1 HTTP/1.1\r\n");
}
