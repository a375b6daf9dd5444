//! What an administrator looks with when something is wrong.

use serde_json::Value;
use xtask::programs::ACCOUNT;
use xtask::scene::Scene;

use crate::support::settled;

/// Each test of `lapwing doctor` with its verdict, and what it advises.
fn examined(scene: &Scene) -> Vec<(String, String, String)> {
    let output = scene.host.command("lapwing").args(["doctor", "--json"]).output().unwrap();
    let findings: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let has_failed = findings.iter().any(|finding| finding["verdict"] == "failed");
    assert_eq!(output.status.success(), !has_failed, "{output:?}");
    let text = |finding: &Value, member: &str| finding[member].as_str().unwrap_or_default().to_owned();
    findings
        .iter()
        .map(|finding| (text(finding, "test"), text(finding, "verdict"), text(finding, "next_step")))
        .collect()
}

/// What `test` advises once `breaks` has been run on the host, which `mends` puts right.
fn advice(scene: &Scene, test: &str, breaks: &str, mends: &str) -> String {
    scene.host.run(&["sh", "-c", breaks]).unwrap();
    let found = examined(scene);
    scene.host.run(&["sh", "-c", mends]).unwrap();
    let missing = found.iter().find(|(name, verdict, _)| name == test && verdict != "ok");
    missing.unwrap_or_else(|| panic!("{test} misses nothing: {found:?}")).2.clone()
}

#[test]
fn what_is_missing_on_a_host_is_named_with_what_to_do() {
    let scene = settled();
    let found = examined(&scene);
    assert!(found.len() > 8 && found.iter().all(|(_, verdict, _)| verdict == "ok"), "{found:?}");

    let managed = "/etc/lapwing/managed.toml";
    let open =
        advice(&scene, "managed.toml", &format!("chmod 0666 {managed}"), &format!("chmod 0600 {managed}"));
    assert!(open.contains("chmod 0600"), "{open}");
    let socket = "lapwing-priv.socket";
    let stopped = advice(
        &scene,
        "root half",
        &format!("systemctl mask --runtime --now {socket} && rm -f /run/lapwing/priv.sock"),
        &format!("systemctl unmask --runtime {socket} && systemctl start {socket} lapwingd"),
    );
    assert!(stopped.contains("systemctl enable --now lapwing-priv.socket"), "{stopped}");
    let gone = advice(
        &scene,
        "account",
        &format!("cp -p /etc/passwd /root/passwd && sed -i /^{ACCOUNT}:/d /etc/passwd"),
        "cp -p /root/passwd /etc/passwd",
    );
    assert!(gone.contains("useradd"), "{gone}");
    let unseen = advice(&scene, "log-ons", "pam-auth-update --disable lapwing", "lapwing pam enable");
    assert!(unseen.contains("lapwing pam enable"), "{unseen}");
    scene.host.cut_link().unwrap();
    let away = examined(&scene);
    scene.host.restore_link().unwrap();
    assert!(away.iter().any(|(name, verdict, _)| name == "server" && verdict == "failed"), "{away:?}");
}

#[test]
fn the_archive_for_a_diagnosis_holds_no_secret_and_is_not_written_if_it_would() {
    let scene = settled();
    let password = scene.password().unwrap();
    let collect = |out: &str| {
        scene.host.command("lapwing").args(["get-diagnostics", "--json", "--out", out]).output().unwrap()
    };
    let output = collect("/root/one.tar.gz");
    assert!(output.status.success(), "{output:?}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let files: Vec<&str> = told["files"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for file in ["cycle.json", "doctor.json", "events.json", "policy.json", "status.json", "units.txt"] {
        assert!(files.contains(&file), "{file}: {files:?}");
    }
    let all =
        scene.host.run(&["tar", "--extract", "--gzip", "--to-stdout", "--file", "/root/one.tar.gz"]).unwrap();
    assert!(
        all.contains("\"EVENT_ID\":\"10003\"") && all.contains("no change was due"),
        "events and the cycle"
    );
    let field = scene.host.run(&["sh", "-c", &format!("getent shadow {ACCOUNT} | cut -d: -f2")]).unwrap();
    let field = field.trim();
    assert!(field.len() > 20 && !all.contains(field) && !all.contains(&password));

    // What somebody wrote where it does not belong.
    scene
        .host
        .run(&["sh", "-c", &format!("getent shadow {ACCOUNT} | sed 's/^/# /' >> /etc/lapwing/agent.toml")])
        .unwrap();
    let refused = collect("/root/two.tar.gz");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("agent.toml holds"), "{said}");
    assert!(scene.host.run(&["test", "!", "-e", "/root/two.tar.gz"]).is_ok());
}
