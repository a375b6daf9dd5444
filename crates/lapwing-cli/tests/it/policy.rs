//! `lapwing server policy` and `lapwing server group`, against the real server.

use std::fs;

use serde_json::{Value, json};

use crate::{
    remote::Tenant,
    run::{Run, Terminal},
};

const EXPORTED: &str = include_str!("../../../lapwing-proto/tests/fixtures/configuration_policy.json");

/// What a command without `--json` must do.
fn done(run: Run) -> String {
    assert_eq!(run.code, 0, "{}", run.text());
    run.out
}

fn write(tenant: &Tenant, name: &str, text: &str) -> String {
    let path = tenant.admin.path().join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// Makes a policy for the group of all devices.
fn assigned_policy(tenant: &Tenant) {
    done(tenant.ask("server policy create Servers --set BackupDirectory=1 --set PasswordLength=20"));
    done(tenant.ask("server group create everybody --name-pattern *"));
    done(tenant.ask("server policy assign Servers everybody --yes"));
}

#[test]
fn a_policy_of_settings_is_made_shown_edited_and_returned_to() {
    let tenant = Tenant::new();
    tenant.enrol();
    assigned_policy(&tenant);
    let shown = done(tenant.ask("server policy show Servers"));
    for line in ["BackupDirectory  1", "PasswordLength   20", "Version          1", "everybody (name:*)"] {
        assert!(shown.contains(line), "{line}\n{shown}");
    }
    assert!(shown.contains("0 have it, 1 pending, 0 in conflict, 0 refused, 0 leaving"), "{shown}");

    let edited = "server policy edit Servers --set PasswordAgeDays=9 --unset PasswordLength --rotate-after-reveal 4 --yes";
    done(tenant.ask(edited));
    let json = tenant.ask_json("server policy show Servers");
    assert_eq!((&json["version"], &json["policy"]["rotateAfterRevealHours"]), (&json!(2), &json!(4)));
    assert_eq!(
        (&json["devices"]["pending"], &json["groups"][0]["displayName"]),
        (&json!(1), &json!("everybody"))
    );
    let shown = done(tenant.ask("server policy show Servers"));
    assert!(shown.contains("PasswordAgeDays  9") && !shown.contains("PasswordLength"), "{shown}");
    assert!(shown.contains("rotate 4 hours later"), "{shown}");

    done(tenant.ask("server policy restore Servers 1 --yes"));
    let versions = tenant.ask_json("server policy versions Servers");
    let numbers: Vec<_> = versions.as_array().unwrap().iter().map(|version| &version["version"]).collect();
    assert_eq!((numbers, &versions[0]["restores"]), (vec![&json!(3), &json!(2), &json!(1)], &json!(1)));
    assert!(done(tenant.ask("server policy show Servers")).contains("PasswordLength   20"));
    assert_eq!(tenant.ask("server policy restore Servers 9 --yes").code, 4);

    let id = json["policy"]["id"].as_str().unwrap();
    done(tenant.ask(&format!("server policy delete {id} --yes")));
    assert_eq!(tenant.ask_json("server policy list"), json!([]));
    assert_eq!(tenant.ask_json(&format!("server policy versions {id}")).as_array().unwrap().len(), 3);
    assert_eq!(tenant.ask("server policy show Servers").code, 4);
}

#[test]
fn what_was_exported_is_imported_and_exported_again_to_the_byte() {
    let tenant = Tenant::new();
    let file = write(&tenant, "intune.json", EXPORTED);
    done(tenant.ask(&format!("server policy create --file {file}")));
    let listed = tenant.ask_json("server policy list");
    let name = listed[0]["name"].as_str().unwrap();
    let first = done(tenant.admin.run(&["server", "policy", "export", name]));
    let (exported, intune): (Value, Value) =
        (serde_json::from_str(&first).unwrap(), serde_json::from_str(EXPORTED).unwrap());
    for member in ["name", "description", "settings", "templateReference", "roleScopeTagIds"] {
        assert_eq!(exported[member], intune[member], "{member}");
    }
    for own in ["id", "createdDateTime", "isAssigned", "rotateAfterRevealHours"] {
        assert!(exported.get(own).is_none(), "{own}");
    }
    let file = write(&tenant, "ours.json", &first);
    done(tenant.ask(&format!("server policy create Copy --file {file}")));
    let second = done(tenant.ask("server policy export Copy"));
    assert_eq!(second.replace("\"name\": \"Copy\"", &format!("\"name\": \"{name}\"")), first);
    // The same by the way of an edit, which then changes nothing.
    done(tenant.ask(&format!("server policy edit Copy --file {file} --yes")));
    assert_eq!(tenant.ask_json("server policy versions Copy").as_array().unwrap().len(), 1);

    done(tenant.ask("server policy edit Copy --rotate-after-reveal 12 --yes"));
    let with = done(tenant.ask("server policy export Copy"));
    assert!(with.contains("\"rotateAfterRevealHours\": 12"), "{with}");
    let file = write(&tenant, "with.json", &with);
    done(tenant.ask(&format!("server policy create Third --file {file}")));
    assert!(done(tenant.ask("server policy export Third")).contains("\"rotateAfterRevealHours\": 12"));
    assert_eq!(done(tenant.ask("server policy export Copy --version 1")), second);
    done(tenant.ask("server policy edit Copy --rotate-after-reveal 0 --yes"));
    assert_eq!(done(tenant.ask("server policy export Copy")), second);
}

#[test]
fn whoever_would_get_another_policy_is_shown_and_asked_about() {
    let tenant = Tenant::new();
    let id = tenant.enrol();
    done(tenant.ask("server policy create Servers --set PasswordLength=20"));
    done(tenant.ask("server group create web --name-pattern web-*"));
    let dry_run = tenant.ask_json("server policy assign Servers web --dry-run");
    assert_eq!((&dry_run["count"], &dry_run["value"][0]["deviceId"]), (&json!(1), &json!(id)));
    assert_eq!(dry_run["value"][0]["after"]["version"], 1);
    let unasked = tenant.ask("server policy assign Servers web");
    assert_eq!(unasked.code, 2, "{}", unasked.text());
    assert!(unasked.err.contains("web-01: none -> "), "{}", unasked.text());
    assert_eq!(
        tenant.ask_json("server policy show Servers")["groups"],
        json!([]),
        "so far nothing was changed"
    );

    let answer = |text: &str| {
        let mut terminal = Terminal::new();
        let mut command = tenant.admin.command(&["server", "policy", "assign", "Servers", "web"]);
        let child = command.stdin(terminal.side()).stderr(terminal.side()).spawn().unwrap();
        terminal.type_in(text);
        child.wait_with_output().unwrap().status.code()
    };
    assert_eq!(answer("no\n"), Some(3));
    assert_eq!(tenant.ask_json("server policy show Servers")["groups"], json!([]));
    assert_eq!(answer("yes\n"), Some(0));
    assert_eq!(tenant.ask_json("server policy show Servers")["groups"][0]["displayName"], "web");

    for line in [
        "server policy edit Servers --set PasswordLength=30",
        "server policy unassign Servers web",
        "server policy delete Servers",
    ] {
        let run = tenant.ask(line);
        assert!(run.code == 2 && run.err.contains("web-01: "), "{}", run.text());
        assert_eq!(tenant.ask_json(&format!("{line} --dry-run"))["count"], 1, "{line}");
    }
    assert_eq!(tenant.ask_json("server policy edit Servers --description x --dry-run")["count"], 0);
    done(tenant.ask("server policy unassign Servers web --yes"));
    assert_eq!(tenant.ask_json("server policy status Servers")["value"], json!([]));
}

#[test]
fn what_is_wrong_is_told_before_anything_is_sent() {
    let tenant = Tenant::new();
    let run = tenant
        .ask("server policy create Bad --set PasswordLength=7 --set Nonsense=1 --set PasswordAgeDays=20");
    assert_eq!(run.code, 2, "{}", run.text());
    insta::assert_snapshot!(run.text());
    let foreign = r#"{"name":"x","settings":[{"settingInstance":{"settingDefinitionId":"device_bitlocker","simpleSettingValue":{"value":1}}}]}"#;
    let file = write(&tenant, "foreign.json", foreign);
    let run = tenant.ask(&format!("server policy create --file {file}"));
    assert!(run.code == 1 && run.err.contains("device_bitlocker"), "{}", run.text());
    let late = foreign.replace("\"name\":\"x\"", "\"name\":\"x\",\"rotateAfterRevealHours\":169");
    let late = late.replace("device_bitlocker", "device_vendor_msft_laps_policies_passwordlength");
    let file = write(&tenant, "late.json", &late.replace("\"value\":1", "\"value\":20"));
    let run = tenant.ask(&format!("server policy create --file {file}"));
    assert!(run.code == 1 && run.err.contains("takes 0 to 168"), "{}", run.text());
    let file = write(&tenant, "broken.json", "{");
    assert_eq!(tenant.ask(&format!("server policy create --file {file}")).code, 1);
    assert_eq!(tenant.ask("server policy create --file /nowhere.json").code, 4);
    assert_eq!(tenant.ask("server policy create Empty").code, 2);
    assert_eq!(
        tenant.ask("server policy create Late --set PasswordLength=20 --rotate-after-reveal 169").code,
        2
    );
    assert_eq!(tenant.ask_json("server policy list"), json!([]));
    let audit = tenant.ask_json("server audit list");
    let sent =
        audit.as_array().unwrap().iter().filter(|entry| entry["activity"] == "Add LAPS policy").count();
    assert_eq!(sent, 0, "something was sent");
}

#[test]
fn status_tells_of_every_policy_of_one_and_of_a_device() {
    let tenant = Tenant::new();
    let id = tenant.enrol();
    assigned_policy(&tenant);
    let all = tenant.ask_json("server policy status");
    assert_eq!(
        (&all[0]["name"], &all[0]["pending"], &all[0]["has"]),
        (&json!("Servers"), &json!(1), &json!(0))
    );
    let one = tenant.ask_json("server policy status Servers");
    assert_eq!((&one["value"][0]["deviceId"], &one["value"][0]["state"]), (&json!(id), &json!("pending")));
    let of_device = tenant.ask_json("server policy status --device web-01");
    assert_eq!(of_device["standing"]["state"], "assigned");
    assert!(done(tenant.ask("server policy status --device web-01")).starts_with("State    assigned\n"));

    done(tenant.ask("server policy create Other --set PasswordLength=30"));
    done(tenant.ask("server group create europe --tag eu"));
    done(tenant.ask("server policy assign Other europe --yes"));
    assert_eq!(
        tenant.ask_json("server device tags web-01 --add eu --add rack-7")["tags"],
        json!(["eu", "rack-7"])
    );
    let table = done(tenant.ask("server policy status Servers"));
    assert!(table.contains("conflict"), "{table}");
    assert_eq!(tenant.ask_json("server policy status")[0]["conflict"], 1);
    assert_eq!(tenant.ask_json("server device tags web-01 --remove EU")["tags"], json!(["rack-7"]));
    assert_eq!(tenant.ask_json("server device tags web-01")["tags"], json!(["rack-7"]));
    assert_eq!(tenant.ask_json("server policy status Servers")["value"][0]["state"], "pending");
}

#[test]
fn a_group_shows_its_members_and_goes_when_no_policy_is_for_it() {
    let tenant = Tenant::new();
    let id = tenant.enrol();
    assigned_policy(&tenant);
    let shown = tenant.ask_json("server group show everybody");
    assert_eq!((&shown["membershipRule"], &shown["members"][0]["deviceId"]), (&json!("name:*"), &json!(id)));
    let table = tenant.ask("server group show everybody");
    assert!(table.out.contains("web-01") && table.err == "Devices: 1\n", "{}", table.text());
    let kept = tenant.ask("server group delete everybody");
    assert!(kept.code == 1 && kept.err.contains("take it from the group first"), "{}", kept.text());
    done(tenant.ask("server policy unassign Servers everybody --yes"));
    done(tenant.ask("server group delete everybody"));
    assert_eq!(tenant.ask_json("server group list"), json!([]));
    assert_eq!(tenant.ask("server group show everybody").code, 4);
    assert_eq!(tenant.ask("server group create both --tag a --name-pattern b").code, 2);
    assert_eq!(tenant.ask("server group create neither").code, 2);
}

#[test]
fn a_rotation_that_a_reveal_asks_for_is_shown_with_its_hour_and_its_reason() {
    let tenant = Tenant::new();
    tenant.enrol();
    assigned_policy(&tenant);
    done(tenant.ask("server policy edit Servers --rotate-after-reveal 4 --yes"));
    tenant.store("the-first");
    done(tenant.ask("get-aad-password web-01"));
    assert_eq!(tenant.ask_json("server actions web-01"), json!([]), "nothing was shown");
    done(tenant.ask("get-aad-password web-01 --include-passwords --as-plain-text"));
    let actions = tenant.ask_json("server actions web-01");
    let [action] = actions.as_array().unwrap().as_slice() else { panic!("{actions}") };
    assert_eq!((&action["state"], &action["requestedBy"]), (&json!("pending"), &json!("server")));
    assert!(action["reason"].as_str().unwrap().starts_with("revealed by client:"), "{action}");
    let table = done(tenant.ask("server actions web-01"));
    assert!(table.contains(action["notBefore"].as_str().unwrap()), "{table}");
    let id = action["id"].as_str().unwrap();
    assert_eq!(tenant.ask_json(&format!("server cancel-action web-01 {id}"))[0]["state"], "cancelled");
}
