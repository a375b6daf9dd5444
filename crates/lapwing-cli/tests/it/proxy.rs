//! The proxy of the profile and of the environment.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::TcpListener,
    process::Stdio,
    thread,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};

use crate::{
    remote::Tenant,
    run::{Run, World},
};

/// What the proxy at `listener` is asked, which it refuses.
fn asked(listener: TcpListener) -> thread::JoinHandle<Vec<String>> {
    thread::spawn(move || {
        let mut reader = BufReader::new(listener.accept().unwrap().0);
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if line == "\r\n" {
                break;
            }
            lines.push(line.trim_end().to_owned());
        }
        reader.get_mut().write_all(b"HTTP/1.1 407 Who\r\n\r\n").unwrap();
        lines
    })
}

fn list(world: &World, variables: &[(&str, &str)]) -> Run {
    let mut command = world.command(&["server", "device", "list"]);
    command.envs(variables.iter().copied()).stdin(Stdio::null());
    world.ended(&command.output().unwrap())
}

#[test]
fn the_proxy_of_the_environment_is_asked_but_not_for_hosts_that_are_excepted() {
    let tenant = Tenant::new();
    for name in ["HTTPS_PROXY", "https_proxy"] {
        for scheme in ["http://", ""] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let proxy = format!("{scheme}{}", listener.local_addr().unwrap());
            let asked = asked(listener);
            let run = list(&tenant.admin, &[(name, &proxy), ("NO_PROXY", "laps.example")]);
            assert!(run.code == 5 && run.err.contains("HTTP 407"), "{}", run.text());
            let asked = asked.join().unwrap();
            assert!(asked[0].starts_with("CONNECT 127.0.0.1:"), "{asked:?}");
        }
    }
    // Nobody listens there.
    let nobody = [("HTTPS_PROXY", "http://127.0.0.1:1")];
    assert_eq!(list(&tenant.admin, &nobody).code, 5);
    for except in ["127.0.0.1", "laps.example, 127.0.0.1", "*"] {
        let run = list(&tenant.admin, &[nobody[0], ("NO_PROXY", except)]);
        assert_eq!(run.code, 0, "{except}: {}", run.text());
    }
    assert_eq!(list(&tenant.admin, &[("HTTPS_PROXY", "")]).code, 0);
    let secret = list(&tenant.admin, &[("HTTPS_PROXY", "http://user:needle@127.0.0.1:1")]);
    assert!(secret.code == 2 && secret.err.contains("proxy_credentials"), "{}", secret.text());
    assert!(!secret.err.contains("needle"), "{}", secret.text());
}

#[test]
fn the_proxy_of_the_profile_is_told_who_asks_and_comes_before_that_of_the_environment() {
    let tenant = Tenant::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let more = format!("proxy = \"{proxy}\"\nproxy_credentials = \"somebody:needle\"\n");
    tenant.add_to_profile(&more);
    let asked = asked(listener);
    let run = list(&tenant.admin, &[("HTTPS_PROXY", "http://127.0.0.1:1"), ("NO_PROXY", "*")]);
    assert!(run.code == 5 && run.err.contains("HTTP 407"), "{}", run.text());
    let told = format!("Proxy-Authorization: Basic {}", STANDARD.encode("somebody:needle"));
    assert!(asked.join().unwrap().contains(&told));
    tenant.add_to_profile("no_proxy = [\"127.0.0.1\"]\n");
    assert_eq!(list(&tenant.admin, &[]).code, 0);
}
