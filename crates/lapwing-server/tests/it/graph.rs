//! Reading by Graph: who may, in which forms, and what is recorded.

use lapwing_proto::register::Condition;
use serde_json::Value;

use crate::{
    device::{Device, version},
    harness::{Request, Server, run},
};

fn server_with_devices(names: &[&str]) -> (Server, Vec<Device>) {
    let server = Server::start();
    let devices: Vec<Device> = names.iter().map(|name| Device::join(&server, name)).collect();
    for device in &devices {
        device.store_and_check(&server, &device.seal("secret", version(), Condition::Any, None));
    }
    (server, devices)
}

fn names(page: &Value) -> Vec<&str> {
    page["value"].as_array().unwrap().iter().map(|item| item["deviceName"].as_str().unwrap()).collect()
}

#[test]
fn every_form_of_a_path_finds_the_device() {
    let (server, devices) = server_with_devices(&["PC-1"]);
    let (token, id) = (server.admin_token(), devices[0].id);
    for path in [
        format!("/v1.0/directory/deviceLocalCredentials/{id}"),
        format!("/beta/directory/deviceLocalCredentials('{id}')"),
        format!("/V1.0/DeviceLocalCredentials(%27{id}%27)/"),
        format!("/v1.0/deviceLocalCredentials/{}", id.to_string().to_uppercase()),
    ] {
        let answer = server.get(&path, &token);
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.json()["deviceName"], "PC-1");
        assert_eq!(answer.json().get("credentials"), None);
    }
    let unknown = server.get(&format!("/v1.0/deviceLocalCredentials/{}", version()), &token);
    assert_eq!(
        (unknown.status, unknown.json()["error"]["code"].as_str()),
        (404, Some("Request_ResourceNotFound"))
    );
    for select in ["$select=credentials", "%24select=credentials,deviceName"] {
        let answer = server.get(&format!("/v1.0/deviceLocalCredentials/{id}?{select}"), &token).json();
        assert_eq!(answer["credentials"][0]["passwordBase64"], "c2VjcmV0");
        assert_eq!(answer["deviceName"], "PC-1", "the cmdlet reads it all the same");
    }
}

#[test]
fn a_list_is_filtered_ordered_counted_and_paged() {
    let (server, _) = server_with_devices(&["PC-3", "PC-1", "SRV-1", "PC-2"]);
    let token = server.admin_token();
    let list =
        |query: &str| server.get(&format!("/v1.0/directory/deviceLocalCredentials?{query}"), &token).json();
    assert_eq!(names(&list("$orderby=deviceName%20desc")), ["SRV-1", "PC-3", "PC-2", "PC-1"]);
    assert_eq!(
        names(&list("$filter=startswith(deviceName,'pc-')&$orderby=deviceName")),
        ["PC-1", "PC-2", "PC-3"]
    );
    assert_eq!(names(&list("$filter=deviceName+eq+'SRV-1'")), ["SRV-1"]);
    let mut page = list("$orderby=deviceName&$top=3&$count=true");
    assert_eq!(page["@odata.count"], 4);
    let mut seen: Vec<String> = names(&page).into_iter().map(str::to_owned).collect();
    let next = page["@odata.nextLink"].as_str().unwrap().strip_prefix(&server.url).unwrap().to_owned();
    page = server.get(&next, &token).json();
    seen.extend(names(&page).into_iter().map(str::to_owned));
    assert_eq!(seen, ["PC-1", "PC-2", "PC-3", "SRV-1"]);
    assert_eq!(page.get("@odata.nextLink"), None);
    let count = server.get("/v1.0/directory/deviceLocalCredentials/$count", &token);
    assert_eq!(count.body, b"4");
    let by_name = server.get("/v1.0/devices?$filter=DisplayName%20eq%20'pc-2'", &token).json();
    assert_eq!(by_name["value"].as_array().unwrap().len(), 1);
}

#[test]
fn managed_devices_are_found_by_what_clients_filter_by() {
    let server = Server::start();
    let devices = ["pc-ä", "PC-1", "SRV-1", "PC-2"].map(|name| Device::join(&server, name));
    let token = server.token_with_roles(&["DeviceManagementManagedDevices.Read.All"]);
    let path = "/v1.0/deviceManagement/managedDevices";
    let found = |filter: &str| -> Vec<String> {
        let filter: String = form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        let answer = server.get(&format!("{path}?$filter={filter}&$orderby=deviceName"), &token);
        assert_eq!(answer.status, 200, "{filter}");
        names(&answer.json()).into_iter().map(str::to_owned).collect()
    };
    let id = devices[2].id;
    for (filter, expected) in [
        (format!("id eq '{id}'"), &["SRV-1"][..]),
        (format!("azureADDeviceId eq '{id}'"), &["SRV-1"]),
        (format!("azureADDeviceId eq '{id}' and deviceName eq 'PC-1'"), &[]),
        ("id eq 'nonsense'".to_owned(), &[]),
        ("deviceName eq 'pc-1'".to_owned(), &["PC-1"]),
        ("startswith(deviceName,'Pc-')".to_owned(), &["PC-1", "PC-2", "pc-ä"]),
        ("startswith(deviceName,'PC-Ä')".to_owned(), &["pc-ä"]),
        ("deviceName eq 'PC-1' or deviceName eq 'SRV-1'".to_owned(), &["PC-1", "SRV-1"]),
        ("operatingSystem eq 'Linux' and not (deviceName eq 'PC-1')".to_owned(), &["PC-2", "pc-ä", "SRV-1"]),
        ("lastSyncDateTime ge 2020-01-01T00:00:00Z".to_owned(), &[]),
        ("lastSyncDateTime le 2020-01-01T00:00:00Z and deviceName eq 'pc-2'".to_owned(), &["PC-2"]),
    ] {
        assert_eq!(found(&filter), expected, "{filter}");
    }
    let mut next = Some(format!("{path}?$top=1"));
    let mut seen = Vec::new();
    while let Some(path) = next {
        let page = server.get(&path, &token).json();
        seen.extend(names(&page).into_iter().map(str::to_owned));
        next =
            page["@odata.nextLink"].as_str().map(|link| link.strip_prefix(&server.url).unwrap().to_owned());
    }
    seen.sort();
    assert_eq!(seen, ["PC-1", "PC-2", "SRV-1", "pc-ä"]);
}

#[test]
fn passwords_need_their_own_role_and_every_reading_is_recorded() {
    let (server, devices) = server_with_devices(&["PC-1"]);
    let path = format!("/v1.0/directory/deviceLocalCredentials/{}", devices[0].id);
    let secret_path = format!("{path}?$select=credentials");
    let basic = server.token_with_roles(&["DeviceLocalCredential.ReadBasic.All"]);
    assert_eq!(server.get(&path, &basic).status, 200);
    let refused = server.get(&secret_path, &basic);
    assert_eq!(refused.status, 403);
    assert_eq!(refused.json()["error"]["code"], "Authorization_RequestDenied");
    let full = server.token_with_roles(&["DeviceLocalCredential.Read.All"]);
    assert_eq!(server.get(&secret_path, &full).status, 200);
    assert_eq!(server.get("/v1.0/devices", &full).status, 403);
    assert_eq!(server.get(&server.admin_path("devices"), &full).status, 403);

    let filter = "$filter=activityDisplayName%20eq%20'Recover%20device%20local%20administrator%20password'";
    let audits =
        server.get(&format!("/v1.0/auditLogs/directoryAudits?{filter}"), &server.admin_token()).json();
    let results: Vec<&str> =
        audits["value"].as_array().unwrap().iter().map(|entry| entry["result"].as_str().unwrap()).collect();
    assert_eq!(results, ["success", "failure"], "newest first");
}

#[test]
fn the_audit_log_is_a_chain_that_nobody_can_rewrite() {
    let (server, devices) = server_with_devices(&["PC-1"]);
    let answer = server.get(&server.admin_path("audit?after=0"), &server.admin_token()).json();
    let entries = answer["value"].as_array().unwrap();
    assert!(entries.iter().any(|entry| {
        entry["activity"] == "Update device local administrator password"
            && entry["actor"] == format!("device:{}", devices[0].id)
    }));
    let verified = server.get(&server.admin_path("audit/verify"), &server.admin_token()).json();
    assert_eq!(verified["intact"], true);
    let (_, folder) = server.stop();
    assert_eq!(run(&["audit", "verify"], folder.path()).status.code(), Some(0));
    let refused = sql(folder.path(), "UPDATE audit SET actor = 'nobody' WHERE sequence = 2");
    assert!(refused.is_err(), "the database itself refuses");
    sql(folder.path(), "DROP TRIGGER audit_is_append_only_update").unwrap();
    sql(folder.path(), "UPDATE audit SET actor = 'nobody' WHERE sequence = 2").unwrap();
    let broken = run(&["audit", "verify"], folder.path());
    assert_eq!(broken.status.code(), Some(3));
    assert!(String::from_utf8_lossy(&broken.stdout).starts_with("broken at entry 2"));
}

pub(crate) fn sql(folder: &std::path::Path, statement: &str) -> Result<(), sqlx::Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let url = format!("sqlite://{}", folder.join("lapwing.db").display());
    runtime.block_on(async {
        let mut connection = <sqlx::SqliteConnection as sqlx::Connection>::connect(&url).await?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement.to_owned())).execute(&mut connection).await.map(drop)
    })
}

#[test]
fn the_tenant_switch_survives_a_round_trip_and_stops_uploads() {
    let (server, devices) = server_with_devices(&["PC-1"]);
    let token = server.admin_token();
    let path = "/beta/policies/deviceRegistrationPolicy";
    let mut policy = server.get(path, &token).json();
    assert_eq!(policy["localAdminPassword"]["isEnabled"], true);
    policy["localAdminPassword"]["isEnabled"] = false.into();
    policy["azureADJoin"]["allowedToJoin"] = serde_json::json!({ "@odata.type": "#microsoft.graph.enumeratedDeviceRegistrationMembership",
                            "users": ["u"], "groups": [] });
    let body = policy.to_string();
    let put =
        Request { method: "PUT", path, bearer: Some(&token), body: body.as_bytes(), ..Request::default() };
    assert_eq!(server.send(&put).status, 200);
    let read = server.get(path, &token).json();
    assert_eq!(read["azureADJoin"]["allowedToJoin"], policy["azureADJoin"]["allowedToJoin"]);
    let answer = devices[0].store(&server, &devices[0].seal("x", version(), Condition::Any, None));
    assert_eq!((answer.status, answer.json()["subcode"].as_str()), (400, Some("error_fail")));
}

#[test]
fn the_openid_metadata_leads_to_keys_and_tokens() {
    let server = Server::start();
    let path = server.tenant_path("v2.0/.well-known/openid-configuration");
    let metadata = server.send(&Request { method: "GET", path: &path, ..Request::default() }).json();
    let keys = metadata["jwks_uri"].as_str().unwrap().strip_prefix(&server.url).unwrap().to_owned();
    let keys = server.send(&Request { method: "GET", path: &keys, ..Request::default() }).json();
    assert_eq!(keys["keys"][0]["kty"], "RSA");
    let wrong =
        format!("client_id={}&client_secret=wrong&grant_type=client_credentials", server.admin.client_id);
    let answer = server.post(&server.tenant_path("oauth2/v2.0/token"), None, wrong.as_bytes());
    assert_eq!((answer.status, answer.json()["error"].as_str()), (401, Some("invalid_client")));
}

#[test]
fn a_batch_answers_each_reading_by_itself() {
    let (server, devices) = server_with_devices(&["PC-1"]);
    let id = devices[0].id;
    let body = serde_json::json!({ "requests": [
        { "id": "a", "method": "GET", "url": format!("/directory/deviceLocalCredentials('{id}')?$select=credentials") },
        { "id": "b", "method": "GET", "url": "/devices?$filter=displayName eq 'PC-1'".replace(' ', "%20") },
        { "id": "c", "method": "GET", "url": "nowhere" },
        { "id": "d", "method": "DELETE", "url": "/devices" },
    ] });
    let basic = server.token_with_roles(&["DeviceLocalCredential.ReadBasic.All", "Device.Read.All"]);
    let statuses = |token: &str| -> Vec<u64> {
        let answer = server.post("/v1.0/$batch", Some(token), body.to_string().as_bytes());
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        answer.json()["responses"].as_array().unwrap().iter().map(|r| r["status"].as_u64().unwrap()).collect()
    };
    assert_eq!(statuses(&basic), [403, 200, 404, 405], "a batch gives no right that its parts have not");
    assert_eq!(statuses(&server.admin_token()), [200, 200, 404, 405]);
}

#[test]
fn a_database_of_a_newer_program_is_left_alone() {
    let (_, folder) = Server::start().stop();
    sql(folder.path(), "PRAGMA user_version = 99").unwrap();
    // Twice: the first refusal must not have stamped it as ours. Closing the database moves its write-ahead log into
    // the file, so that the bytes alone tell nothing.
    for _ in 0..2 {
        let refused = run(&["run"], folder.path());
        assert_eq!(refused.status.code(), Some(1));
        let message = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(message.contains("schema 99") && message.contains("next step: install"), "{message}");
    }
}
