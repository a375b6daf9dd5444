//! Microsoft's own client of Graph reads from this server.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lapwing_proto::register::Condition;

use crate::{
    device::{Device, version},
    harness::Server,
    python::{self, to_pem},
};

/// As `cargo xtask setup` makes it.
const PACKAGES: &str = "azure-identity==1.27.0,msgraph-sdk==1.65.0";
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/sdk.py");

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
    let variables = [("SSL_CERT_FILE", authority.as_path()), ("REQUESTS_CA_BUNDLE", &authority)];
    let answer = python::run(PACKAGES, SCRIPT, &variables, &given);
    assert_eq!(answer["names"], serde_json::json!(["PC-1", "PC-2", "PC-3", "PC-4", "PC-5"]));
    assert_eq!(answer["times_have_zones"], true);
    assert_eq!(answer["device_name"], "PC-1");
    assert_eq!(answer["account"], "lapadmin");
    assert_eq!(answer["password"], STANDARD.encode("password 1"));
    assert_eq!(answer["refusal"], serde_json::json!([404, "Request_ResourceNotFound"]));
}
