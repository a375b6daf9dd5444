//! Microsoft's own client of Graph reads from this server.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lapwing_proto::register::Condition;

use crate::{
    device::{Device, version},
    harness::Server,
};

/// As `cargo xtask setup` makes it.
const ENVIRONMENT: &str = "lapwing/python/azure-identity==1.27.0,msgraph-sdk==1.65.0";

fn python() -> PathBuf {
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let cache = std::env::var_os("XDG_CACHE_HOME").filter(|path| !path.is_empty()).map(PathBuf::from);
    let folder = cache.or_else(home).expect("HOME is set").join(ENVIRONMENT);
    assert!(folder.join("complete").exists(), "{} is missing: run `cargo xtask setup`", folder.display());
    folder.join("bin/python")
}

fn to_pem(der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let lines: Vec<&str> =
        base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

#[test]
fn the_client_of_microsoft_reads_a_list_and_a_password() {
    let server = Server::start();
    let devices: Vec<Device> =
        ["PC-3", "PC-1", "PC-5", "PC-2", "PC-4"].map(|name| Device::join(&server, name)).into();
    for (at, device) in devices.iter().enumerate() {
        let upload = device.seal(&format!("password {at}"), version(), Condition::Any, None);
        device.store_and_check(&server, &upload);
    }
    let authority = server.folder.path().join("authority.pem");
    std::fs::write(&authority, to_pem(&server.authority)).unwrap();
    let given = serde_json::json!({
        "url": server.url,
        "tenant": server.admin.tenant,
        "client_id": server.admin.client_id,
        "client_secret": server.admin.client_secret.expose_secret(),
        "device": devices[1].id.to_string(),
    });
    let answer = run(&authority, &given.to_string());
    assert_eq!(answer["names"], serde_json::json!(["PC-1", "PC-2", "PC-3", "PC-4", "PC-5"]));
    assert_eq!(answer["times_have_zones"], true);
    assert_eq!(answer["device_name"], "PC-1");
    assert_eq!(answer["account"], "lapadmin");
    assert_eq!(answer["password"], STANDARD.encode("password 1"));
    assert_eq!(answer["refusal"], serde_json::json!([404, "Request_ResourceNotFound"]));
}

fn run(authority: &Path, given: &str) -> serde_json::Value {
    #[expect(clippy::disallowed_methods, reason = "the environment is cleared right here")]
    let mut command = Command::new(python());
    command.env_clear().env("SSL_CERT_FILE", authority).env("REQUESTS_CA_BUNDLE", authority);
    command.arg("-I").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/sdk.py"));
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(given.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}
