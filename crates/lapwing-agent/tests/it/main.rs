//! The agent as a program, on a root of its own without a root half.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "that is how a test fails and starts a program"
)]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    os::unix::net::UnixStream,
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

mod sleep;
mod wake;

struct Agent {
    root: tempfile::TempDir,
    child: Child,
}

impl Agent {
    fn start(policy: &str) -> Self {
        Self::start_in(root(policy))
    }

    /// Starts the agent and returns once it serves: it logs that it has loaded after it has made its socket.
    fn start_in(root: tempfile::TempDir) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_lapwingd"))
            .arg("--root")
            .arg(root.path())
            .arg("--log-to-stderr")
            .env_clear()
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        while !line.contains("loaded") {
            line.clear();
            assert_ne!(log.read_line(&mut line).unwrap(), 0, "lapwingd ended");
        }
        // Read on, so that the agent never waits for somebody to read its log.
        std::thread::spawn(move || log.read_to_end(&mut Vec::new()));
        Self { root, child }
    }

    fn socket(&self) -> UnixStream {
        UnixStream::connect(self.root.path().join("run/lapwing/agent.sock")).unwrap()
    }

    fn call(&self, method: &str) -> Value {
        exchange(self.socket(), json!({ "method": method }).to_string().as_bytes()).unwrap()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// What stands for `/` of a host with that policy.
fn root(policy: &str) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("etc/lapwing")).unwrap();
    fs::create_dir_all(root.path().join("var/lib/lapwing")).unwrap();
    fs::write(root.path().join("etc/lapwing/policy.toml"), policy).unwrap();
    root
}

/// Sends one frame; the answer, or none if the agent hangs up.
fn exchange(mut stream: UnixStream, frame: &[u8]) -> Option<Value> {
    stream.write_all(frame).ok()?;
    stream.write_all(&[0]).ok()?;
    let mut answer = Vec::new();
    BufReader::new(stream).read_until(0, &mut answer).ok()?;
    (answer.pop() == Some(0)).then(|| serde_json::from_slice(&answer).unwrap())
}

#[test]
fn a_rotation_without_a_root_half_waits_and_says_what_to_start() {
    let agent = Agent::start("BackupDirectory = 1\n");
    let answer = agent.call("org.lapwing.Agent.ResetPassword");
    let outcome = &answer["parameters"]["outcome"];
    assert_eq!((&outcome["result"], &outcome["event"]), (&json!("waiting"), &json!(30018)));
    assert!(outcome["next_step"].as_str().unwrap().contains("lapwing-priv.socket"), "{outcome}");
    let status = agent.call("org.lapwing.Agent.GetStatus");
    assert_eq!(status["parameters"]["status"]["last_event"], json!(30018));
}

#[test]
fn the_policy_is_told_with_its_origin_and_a_misspelt_name_with_what_was_meant() {
    let agent = Agent::start("BackupDirectory = 1\nPasswordLenght = 20\nPasswordAgeDays = 3\n");
    let policy = agent.call("org.lapwing.Agent.GetPolicy")["parameters"]["policy"].clone();
    assert_eq!(policy["source"], json!("Local"));
    let setting = |name: &str| {
        policy["settings"].as_array().unwrap().iter().find(|setting| setting["name"] == name).unwrap().clone()
    };
    assert!(setting("BackupDirectory")["origin"].as_str().unwrap().ends_with("policy.toml:1"));
    assert_eq!(setting("PasswordAgeDays")["value"], json!("7"));
    assert!(setting("PasswordAgeDays")["remarks"][0].as_str().unwrap().contains("raised to 7"));
    assert!(policy["remarks"][0].as_str().unwrap().contains("did you mean PasswordLength?"), "{policy}");
}

#[test]
fn what_the_management_server_set_wins_whole_and_says_what_it_beats() {
    let root = root("BackupDirectory = 1\nPasswordLength = 20\n");
    let csp = r#"{"version":1,"policies":{"BackupDirectory":"1","PasswordAgeDays":"500"}}"#;
    fs::write(root.path().join("var/lib/lapwing/csp.json"), csp).unwrap();
    let agent = Agent::start_in(root);
    let policy = agent.call("org.lapwing.Agent.GetPolicy")["parameters"]["policy"].clone();
    assert_eq!(policy["source"], json!("CSP"));
    let setting = |name: &str| {
        policy["settings"].as_array().unwrap().iter().find(|setting| setting["name"] == name).unwrap().clone()
    };
    assert_eq!(setting("BackupDirectory")["origin"], json!("CSP BackupDirectory"));
    let (age, length) = (setting("PasswordAgeDays"), setting("PasswordLength"));
    assert_eq!((&age["value"], &length["value"]), (&json!("30"), &json!("14")));
    assert!(
        age["remarks"][0].as_str().unwrap().starts_with("CSP PasswordAgeDays: 500: unsupported"),
        "{age}"
    );
    assert!(
        length["remarks"][0].as_str().unwrap().ends_with("CSP holds LAPS values and wins whole"),
        "{length}"
    );
    assert!(
        policy["remarks"][0].as_str().unwrap().starts_with("Local: its 2 values are ignored"),
        "{policy}"
    );
}

#[test]
fn a_damaged_file_of_the_management_server_leaves_nothing_managed_rather_than_another_policy() {
    let root = root("BackupDirectory = 1\n");
    fs::write(root.path().join("var/lib/lapwing/csp.json"), r#"{"version":1"#).unwrap();
    let agent = Agent::start_in(root);
    let policy = agent.call("org.lapwing.Agent.GetPolicy")["parameters"]["policy"].clone();
    assert_eq!((&policy["source"], &policy["settings"]), (&json!(null), &json!([])));
    assert!(policy["remarks"][0].as_str().unwrap().contains("csp.json: it is damaged"), "{policy}");
}

#[test]
fn any_varlink_client_learns_what_there_is_and_nonsense_is_hung_up_on() {
    let agent = Agent::start("");
    let info = agent.call("org.varlink.service.GetInfo");
    assert_eq!(info["parameters"]["interfaces"], json!(["org.varlink.service", "org.lapwing.Agent"]));
    let unknown = agent.call("org.lapwing.Agent.Shutdown");
    assert_eq!(unknown["error"], json!("org.varlink.service.MethodNotFound"));
    assert_eq!(exchange(agent.socket(), b"nonsense"), None);
    assert_eq!(exchange(agent.socket(), &[b'x'; 5000]), None);
    // It still answers others.
    assert_eq!(agent.call("org.lapwing.Agent.GetStatus")["parameters"]["status"]["candidates"], json!(0));
}
