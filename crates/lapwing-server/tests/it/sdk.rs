//! Microsoft's own clients of Graph read from this server, and press its button.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lapwing_proto::register::Condition;

use crate::{
    console,
    device::{Device, version},
    harness::Server,
    manage::{Session, report},
    python::{self, to_pem},
};

/// As `cargo xtask setup` makes it.
const PACKAGES: &str = "azure-identity==1.27.0,msgraph-beta-sdk==1.66.0,msgraph-sdk==1.65.0";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/sdk.py");
const BETA_SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/sdk_beta.py");

/// Runs one of the scripts, in an environment without anything but trust in the server.
fn run(server: &Server, script: &str, given: &serde_json::Value) -> serde_json::Value {
    let authority = server.folder.path().join("authority.pem");
    std::fs::write(&authority, to_pem(&server.authority)).unwrap();
    let variables = [("SSL_CERT_FILE", authority.as_path()), ("REQUESTS_CA_BUNDLE", &authority)];
    python::run(PACKAGES, script, &variables, given)
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
    console::administrator(&server);
    let given = serde_json::json!({
        "url": server.url,
        "tenant": server.admin.tenant,
        "client_id": server.admin.client_id,
        "client_secret": server.admin.client_secret.expose_secret(),
        "device": devices[1].id.to_string(),
    });
    let answer = run(&server, SCRIPT, &given);
    assert_eq!(answer["names"], serde_json::json!(["PC-1", "PC-2", "PC-3", "PC-4", "PC-5"]));
    assert_eq!(answer["times_have_zones"], true);
    assert_eq!(answer["device_name"], "PC-1");
    assert_eq!(answer["account"], "lapadmin");
    assert_eq!(answer["password"], STANDARD.encode("password 1"));
    assert_eq!(answer["refusal"], serde_json::json!([404, "Request_ResourceNotFound"]));
    // A person is a user, a program and a device are not.
    let holds = |list: &str, entry: serde_json::Value| answer[list].as_array().unwrap().contains(&entry);
    let set_up = serde_json::json!(["Set up sign-in of operator", "admin", "admin", "admin"]);
    assert!(holds("users", set_up), "{answer}");
    let read = "Recover device local administrator password";
    assert!(holds("apps", serde_json::json!([read, "client", server.admin.client_id])), "{answer}");
    let stored = "Update device local administrator password";
    assert!(holds("apps", serde_json::json!([stored, "device", devices[1].id.to_string()])), "{answer}");
}

#[test]
fn the_beta_client_of_microsoft_presses_the_button_and_sees_it_done() {
    let server = Server::start();
    let devices = ["PC-3", "SRV-1", "PC-1", "PC-2"].map(|name| Device::join(&server, name));
    let operator = server.client_with_roles(&[
        "DeviceManagementManagedDevices.Read.All",
        "DeviceManagementManagedDevices.PrivilegedOperations.All",
    ]);
    let given = |press: bool| {
        serde_json::json!({
            "url": server.url,
            "tenant": server.admin.tenant,
            "client_id": operator["clientId"],
            "client_secret": operator["clientSecret"],
            "device": devices[2].id.to_string(),
            "press": press,
        })
    };
    let pressed = run(&server, BETA_SCRIPT, &given(true));
    assert_eq!(pressed["all"], serde_json::json!(["PC-1", "PC-2", "PC-3", "SRV-1"]));
    assert_eq!(pressed["filtered"], serde_json::json!(["PC-1", "PC-2", "PC-3"]));
    assert_eq!(pressed["refusal"], serde_json::json!([404, "Request_ResourceNotFound"]));
    let states = |answer: &serde_json::Value| answer["actions"].to_string();
    assert_eq!(states(&pressed), r#"[["rotateLocalAdminPassword","pending"]]"#);

    let mut session = Session::named(&server, &devices[2]);
    let work = session.open(Vec::new());
    session.answer(&[(&work[0], 202)]);
    assert_eq!(
        states(&run(&server, BETA_SCRIPT, &given(false))),
        r#"[["rotateLocalAdminPassword","active"]]"#
    );
    session.open(vec![report(3, work[0].correlator.as_deref().unwrap(), "0 - -")]);
    assert_eq!(states(&run(&server, BETA_SCRIPT, &given(false))), r#"[["rotateLocalAdminPassword","done"]]"#);
}
