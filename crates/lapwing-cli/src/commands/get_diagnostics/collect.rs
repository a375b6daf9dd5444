//! What is collected.

use std::{fs, process::Stdio};

use lapwing_client::identity::Root;
use lapwing_core::local::agent::{PolicyReport, Status};
use lapwing_proto::trace::TraceInfo;
use serde::Serialize;
use serde_json::json;

use crate::{commands::doctor, failure::Failure, local, os, program};

/// A file of the archive.
pub(super) struct Collected {
    pub(super) name: &'static str,
    pub(super) content: Vec<u8>,
}

/// Files of this host that hold no secret, each with its name in the archive. Root's file has keys that are public.
const COPIES: [(&str, &str); 8] = [
    ("managed.toml", "/etc/lapwing/managed.toml"),
    ("agent.toml", "/etc/lapwing/agent.toml"),
    ("policy.toml", "/etc/lapwing/policy.toml"),
    ("memory.json", "/var/lib/lapwing/memory.json"),
    ("actions.json", "/var/lib/lapwing/actions.json"),
    ("group-policy.json", "/var/lib/lapwing/group-policy.json"),
    ("os-release.txt", "/etc/os-release"),
    ("resolv.conf.txt", "/etc/resolv.conf"),
];

/// What programs of the system tell, each with the file it goes to.
const PROGRAMS: [(&str, &[&str]); 8] = [
    (
        "units.txt",
        &[
            "systemctl",
            "--no-pager",
            "--full",
            "status",
            "lapwingd.service",
            "lapwingd.socket",
            "lapwing-priv.socket",
            "lapwing-recover.service",
        ],
    ),
    ("unit-files.txt", &["systemctl", "--no-pager", "cat", "lapwingd.service", "lapwing-priv@.service"]),
    ("boot.txt", &["systemctl", "is-system-running"]),
    ("clock.txt", &["timedatectl", "show"]),
    ("addresses.txt", &["ip", "-brief", "address"]),
    ("routes.txt", &["ip", "route", "show", "table", "all"]),
    ("keytab.txt", &["klist", "-k", "-t"]),
    ("sessions.txt", &["loginctl", "--no-pager", "list-sessions"]),
];

/// How long one program may take, in seconds.
const PROGRAM_MAX: &str = "20";
/// The most events.
const EVENTS_MAX: &str = "20000";

/// Everything but how the cycle went.
pub(super) fn files(agent: &local::AgentArgs, root: &Root, hours: u32) -> Result<Vec<Collected>, Failure> {
    let mut files = vec![json_file("host.json", &host())];
    let status: Result<Status, Failure> = agent.call("GetStatus", "status", local::TELL_MAX);
    files.push(answer("status.json", status));
    let policy: Result<PolicyReport, Failure> = agent.call("GetPolicy", "policy", local::TELL_MAX);
    files.push(answer("policy.json", policy));
    let traces: Result<Vec<TraceInfo>, Failure> = agent.call("GetTraces", "traces", local::TELL_MAX);
    files.push(answer("traces.json", traces));
    files.push(json_file("doctor.json", &doctor::examine(agent, root)?));
    for (name, path) in COPIES {
        let content =
            fs::read(root.path(path)).unwrap_or_else(|error| format!("{path}: {error}\n").into_bytes());
        files.push(Collected { name, content });
    }
    for (name, arguments) in PROGRAMS {
        files.push(Collected { name, content: said(arguments) });
    }
    let since = format!("--since=-{hours}h");
    let units =
        ["-u", "lapwingd", "-u", "lapwing-priv@*", "-u", "lapwing-recover", "-u", "lapwing-priv.socket"];
    let journal = ["journalctl", "--no-pager", "--output=json", "--lines", EVENTS_MAX, &since];
    files.push(Collected { name: "events.json", content: said(&[&journal[..], &units[..]].concat()) });
    Ok(files)
}

/// What was said, or why it was not.
fn answer<T: Serialize>(name: &'static str, answer: Result<T, Failure>) -> Collected {
    match answer {
        Ok(answer) => json_file(name, &answer),
        Err(failure) => json_file(name, &json!({ "failure": failure.report() })),
    }
}

pub(super) fn json_file(name: &'static str, value: &impl Serialize) -> Collected {
    let content = serde_json::to_vec_pretty(value).unwrap_or_else(|error| error.to_string().into_bytes());
    Collected { name, content }
}

fn host() -> serde_json::Value {
    let uname = rustix::system::uname();
    json!({
        "lapwing": env!("CARGO_PKG_VERSION"),
        "host": os::host_name(),
        "kernel": uname.release().to_string_lossy(),
        "machine": uname.machine().to_string_lossy(),
        "time": os::now().to_string(),
    })
}

/// What a program writes, to both its outputs; one that is not installed says so.
fn said(arguments: &[&str]) -> Vec<u8> {
    let mut command = program::command("/usr/bin/timeout");
    command.arg(PROGRAM_MAX).args(arguments).stderr(Stdio::piped());
    match command.output() {
        Ok(output) => [output.stdout, output.stderr].concat(),
        Err(error) => format!("{}: {error}\n", arguments.join(" ")).into_bytes(),
    }
}
