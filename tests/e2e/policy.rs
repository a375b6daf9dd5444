//! A policy on its way: from Graph to a group, by a wake-up to the host, and into the next password.

use std::fs;
use std::time::Duration;

use serde_json::{Value, json};
use xtask::scene::{DEVICE, Scene};
use xtask::sys;

use crate::support::settled;

/// From a change to a host that was called: nothing waits for a schedule.
const AT_ONCE: Duration = Duration::from_secs(20);
const POLICIES: &str = "/beta/deviceManagement/configurationPolicies";
const PREFIX: &str = "device_vendor_msft_laps_policies_";

/// An administrator's script, and the groups and policies that it has made.
struct Administrator<'a> {
    scene: &'a Scene,
    profile: Value,
}

impl<'a> Administrator<'a> {
    fn of(scene: &'a Scene) -> Self {
        let text = fs::read_to_string(scene.data().join("admin.toml")).unwrap();
        let member = |name: &str| {
            let line = text.lines().find(|line| line.split('=').next().unwrap().trim() == name).unwrap();
            line.split('"').nth(1).unwrap().to_owned()
        };
        let profile = json!({
            "url": member("server"),
            "tenant": member("tenant"),
            "client_id": member("client_id"),
            "client_secret": member("client_secret"),
            "authority": scene.authority().unwrap(),
        });
        Self { scene, profile }
    }

    fn call(&self, method: &str, path: &str, body: Value) -> Value {
        let mut given = self.profile.clone();
        given["calls"] = json!([[method, path, body]]);
        let mut command = self.scene.lab.command("/usr/bin/python3").unwrap();
        command.args(["-I", "-B", "-c", include_str!("graph.py")]);
        let answers = sys::text_fed(&mut command, given.to_string().as_bytes()).unwrap();
        serde_json::from_str::<Value>(&answers).unwrap()[0].take()
    }

    fn group(&self, rule: &str) -> String {
        let group = self.call("POST", "/beta/groups", json!({ "displayName": rule, "membershipRule": rule }));
        group["id"].as_str().unwrap().to_owned()
    }

    /// A policy for a group, of that length.
    fn policy(&self, group: &str, length: u32) -> String {
        let simple = |name: &str, value: Value| {
            json!({ "settingInstance": {
                "settingDefinitionId": format!("{PREFIX}{name}"),
                "simpleSettingValue": { "value": value },
            }})
        };
        let policy = json!({ "name": length.to_string(), "platforms": "windows10", "technologies": "mdm", "settings": [
            { "settingInstance": {
                "settingDefinitionId": format!("{PREFIX}backupdirectory"),
                "choiceSettingValue": { "value": format!("{PREFIX}backupdirectory_1"), "children": [] },
            }},
            simple("administratoraccountname", json!("lapadmin")),
            simple("passwordlength", json!(length)),
        ]});
        let id = self.call("POST", POLICIES, policy)["id"].as_str().unwrap().to_owned();
        let target = json!({ "target": {
            "@odata.type": "#microsoft.graph.groupAssignmentTarget", "groupId": group,
        }});
        self.call("POST", &format!("{POLICIES}/{id}/assign"), json!({ "assignments": [target] }));
        id
    }

    fn standing(&self) -> Value {
        let tenant = self.profile["tenant"].as_str().unwrap();
        let record = self.scene.status().unwrap().record.unwrap();
        self.call("GET", &format!("/lapwing/v1/{tenant}/devices/{record}/policy"), Value::Null)
    }
}

/// Where the host's policy comes from, and the length that it sets.
fn effective(scene: &Scene) -> anyhow::Result<(Value, Value)> {
    let policy: Value = serde_json::from_str(&scene.host.run(&["lapwing", "get-policy", "--json"])?)?;
    let settings = policy["settings"].as_array().unwrap();
    let length = settings.iter().find(|setting| setting["name"] == "PasswordLength").unwrap();
    Ok((policy["source"].clone(), length["value"].clone()))
}

fn wait_until_effective(scene: &Scene, source: &str, length: u32) {
    let wanted = (json!(source), json!(length.to_string()));
    let is_so = |_: &_| Ok(effective(scene).is_ok_and(|found| found == wanted));
    let waited = scene.host.wait_until(&format!("a length of {length} by {source}"), AT_ONCE, is_so);
    waited.unwrap_or_else(|error| panic!("{error:#}: {:?}", effective(scene)));
}

/// The next password has the length, and opens the account.
fn must_follow(scene: &Scene, length: usize) {
    scene.host.run(&["lapwing", "reset-password"]).unwrap();
    let password = scene.password().unwrap();
    assert_eq!(password.chars().count(), length);
    scene.must_open(&password).unwrap();
}

#[test]
fn a_policy_for_a_group_reaches_its_hosts_at_once_and_stays_as_it_was_meant() {
    let scene = settled();
    scene.wait_until_connected().unwrap();
    let administrator = Administrator::of(&scene);
    assert_eq!(effective(&scene).unwrap().0, "Local");
    let group = administrator.group(&format!("name:{DEVICE}"));
    administrator.policy(&group, 30);
    wait_until_effective(&scene, "CSP", 30);
    must_follow(&scene, 30);

    // Two that contradict: what was told whole stays, until one of them is gone.
    let other = administrator.policy(&administrator.group("name:d*"), 40);
    assert_eq!(administrator.standing()["standing"]["state"], "conflict");
    scene.administrator(&["server", "rotate", DEVICE, "--wait", "60"]).unwrap();
    assert_eq!(effective(&scene).unwrap(), (json!("CSP"), json!("30")));
    administrator.call("DELETE", &format!("{POLICIES}/{other}"), Value::Null);
    assert_eq!(administrator.standing()["standing"]["state"], "assigned");

    // What somebody changes on the host is put right in the next session.
    let edit = "cd /var/lib/lapwing; changed=$(sed 's/\"30\"/\"9\"/' csp.json); echo \"$changed\" > csp.json";
    scene.host.run(&["sh", "-euc", edit]).unwrap();
    assert_eq!(effective(&scene).unwrap(), (json!("CSP"), json!("9")));
    scene.administrator(&["server", "rotate", DEVICE, "--no-wait"]).unwrap();
    wait_until_effective(&scene, "CSP", 30);
    must_follow(&scene, 30);
}

#[test]
fn a_policy_goes_with_the_enrolment_that_brought_it() {
    let scene = settled();
    scene.wait_until_connected().unwrap();
    let administrator = Administrator::of(&scene);
    administrator.policy(&administrator.group(&format!("name:{DEVICE}")), 30);
    wait_until_effective(&scene, "CSP", 30);
    scene.host.run(&["lapwing", "leave"]).unwrap();
    scene.host.run(&["test", "!", "-e", "/var/lib/lapwing/csp.json"]).unwrap();
    wait_until_effective(&scene, "Local", 14);

    // Where somebody removes the enrolment by hand, the next one begins without its policy.
    scene.enrol().unwrap();
    wait_until_effective(&scene, "CSP", 30);
    scene.host.run(&["systemctl", "stop", "lapwingd.service"]).unwrap();
    scene.host.run(&["rm", "/etc/lapwing/agent.toml"]).unwrap();
    scene.enrol().unwrap();
    scene.host.run(&["test", "!", "-e", "/var/lib/lapwing/csp.json"]).unwrap();
    scene.host.run(&["systemctl", "start", "lapwingd.service"]).unwrap();
    wait_until_effective(&scene, "CSP", 30);
}
