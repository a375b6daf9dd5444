//! Policies, groups and bulk rotations by hand: mistakes, second thoughts, and very many devices.

use lapwing_core::types::{DeviceId, PolicyId};

use super::*;
use crate::{
    rules::policy_assignment::PolicyVersion,
    store::{NoteRefused, NoteTold, testing},
};

/// Somebody with every right, and what is sent on that one's behalf.
struct Person {
    world: World,
    token: Token,
}

impl Person {
    async fn new(devices: u32) -> Self {
        let mut world = World::new().await;
        let operator = world.operator("all", Role::ALL).await;
        let token = world.full(operator).await;
        if devices > 0 {
            world.app.store.change(testing::devices(devices)).await.unwrap();
        }
        Self { world, token }
    }

    async fn get(&self, path: &str) -> Got {
        self.world.ask(Method::GET, path, Some(&self.token), "", Duration::ZERO).await
    }

    async fn post(&self, path: &str, members: &[(&str, &str)]) -> Got {
        self.post_later(path, members, Duration::ZERO).await
    }

    async fn post_later(&self, path: &str, members: &[(&str, &str)], later: Duration) -> Got {
        let mut form = form_urlencoded::Serializer::new(form_of(&self.token));
        form.extend_pairs(members);
        self.world.ask(Method::POST, path, Some(&self.token), &form.finish(), later).await
    }

    /// Makes something; the address of its page.
    async fn make(&self, path: &str, members: &[(&str, &str)]) -> String {
        let got = self.post(path, members).await;
        assert_eq!(got.status, StatusCode::SEE_OTHER, "{}", got.body);
        got.location
    }

    async fn group(&self, by: &str, text: &str) -> String {
        self.make("/console/groups", &[("name", text), ("by", by), ("text", text)]).await
    }

    /// A policy for the group at this address.
    async fn assigned(&self, name: &str, group: &str) -> String {
        let policy = self.make("/console/policies", &[("name", name), ("PasswordLength", "20")]).await;
        let group = id_of(group);
        let members = [("group", group), ("confirmed", "true")];
        assert_eq!(self.post(&format!("{policy}/assign"), &members).await.location, policy);
        policy
    }

    /// How many times the audit log has this.
    async fn recorded(&self, activity: Activity) -> usize {
        let entries = self.world.app.store.audit(0, 1000).await.unwrap();
        entries.iter().filter(|entry| entry.activity == activity.as_str()).count()
    }
}

fn id_of(address: &str) -> &str {
    address.rsplit('/').next().unwrap()
}

fn device(number: u32) -> DeviceId {
    DeviceId(Guid::from_bytes(format!("{number:016}").into_bytes().try_into().unwrap()))
}

#[tokio::test]
async fn a_mistake_is_told_beside_its_field_and_nothing_typed_is_lost() {
    let person = Person::new(0).await;
    let typed = [
        ("name", "<b>racks & rows"),
        ("description", "one\ntwo"),
        ("BackupDirectory", "1"),
        ("PasswordLength", "seven"),
        ("PassphraseLength", "5"),
    ];
    let got = person.post("/console/policies", &typed).await;
    assert_eq!(got.status, StatusCode::BAD_REQUEST);
    for text in [
        "must be 8 to 64",
        "can be set only with PasswordComplexity 6 or 7 or 8",
        "value=\"seven\"",
        "one\ntwo</textarea>",
        "<option value=\"1\" selected>",
    ] {
        assert!(got.body.contains(text), "{text}: {}", got.body);
    }
    assert!(!got.body.contains("<b>racks"), "what is typed is no markup");
    assert_eq!(person.recorded(Activity::CreateLapsPolicy).await, 0);
    let said = person.post("/console/policies/check", &typed).await;
    let said: serde_json::Value = serde_json::from_str(&said.body).unwrap();
    let expected = serde_json::json!({ "said": {
        "PasswordLength": { "kind": "fault", "text": "must be 8 to 64" },
        "PassphraseLength": {
            "kind": "fault", "text": "can be set only with PasswordComplexity 6 or 7 or 8",
        },
    } });
    assert_eq!(said, expected, "as one types the same is said as when the form is sent");
}

#[tokio::test]
async fn an_edit_is_shown_before_it_is_made_and_yields_to_one_that_came_first() {
    let person = Person::new(3).await;
    let group = person.group("name", "*").await;
    let policy = person.assigned("racks", &group).await;
    let edit = format!("{policy}/edit");
    assert!(person.get(&edit).await.body.contains("name=\"version\" value=\"1\""));
    let typed = [("version", "1"), ("name", "racks"), ("PasswordLength", "24")];
    let shown = person.post(&edit, &typed).await;
    assert!(shown.body.contains("Devices that this touches: 3") && shown.body.contains("racks, version 2"));
    assert_eq!(person.recorded(Activity::ChangeLapsPolicy).await, 0, "only shown");
    let hours = [&typed[..], &[("rotateAfterRevealHours", "many")]].concat();
    assert!(person.post(&edit, &hours).await.body.contains("value=\"many\""));
    let hours = [&typed[..], &[("rotateAfterRevealHours", "8")]].concat();
    assert!(person.post(&edit, &hours).await.body.contains("Hours from a reveal to a rotation"));
    let back = person.post(&edit, &[&typed[..], &[("confirmed", "true"), ("step", "back")]].concat()).await;
    assert!(back.body.contains("value=\"24\""));
    assert_eq!(person.recorded(Activity::ChangeLapsPolicy).await, 0, "only gone back");
    let confirmed = [&typed[..], &[("confirmed", "true")]].concat();
    assert_eq!(person.post(&edit, &confirmed).await.location, policy);
    let late = person
        .post(&edit, &[("version", "1"), ("name", "racks"), ("PasswordLength", "30"), ("confirmed", "true")])
        .await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert!(late.body.contains("value=\"30\"") && late.body.contains("name=\"version\" value=\"2\""));
    let same = person.post(&edit, &[("version", "2"), ("name", "racks"), ("PasswordLength", "24")]).await;
    assert!(same.body.contains("nothing to save"));
    let hours =
        [("version", "2"), ("name", "racks"), ("PasswordLength", "24"), ("rotateAfterRevealHours", "8")];
    let hours = [&hours[..], &[("confirmed", "true")]].concat();
    assert_eq!(person.post(&edit, &hours).await.location, policy);
    assert!(person.get(&policy).await.body.contains("<del>not set</del>"));
    let restore = [("version", "1"), ("expected", "3")];
    let shown = person.post(&format!("{policy}/restore"), &restore).await;
    assert!(shown.body.contains("Return to version 1"), "{}", shown.body);
    let confirmed = [&restore[..], &[("confirmed", "true")]].concat();
    assert_eq!(person.post(&format!("{policy}/restore"), &confirmed).await.location, policy);
    let again = person.post(&format!("{policy}/restore"), &confirmed).await;
    assert_eq!(again.status, StatusCode::CONFLICT, "the same form sent twice returns once");
    let page = person.get(&policy).await.body;
    assert!(page.contains("As version 1") && page.contains("<del>20</del>"), "{page}");
    let unknown = person.post(&format!("{policy}/restore"), &[("version", "9"), ("expected", "4")]).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn many_versions_are_shown_a_page_at_a_time_each_with_what_it_changed() {
    let person = Person::new(0).await;
    let policy = person.make("/console/policies", &[("name", "racks"), ("PasswordLength", "20")]).await;
    for version in 1..22 {
        let (version, length) = (version.to_string(), (version + 20).to_string());
        let edit =
            [("version", &*version), ("name", "racks"), ("PasswordLength", &length), ("confirmed", "true")];
        assert_eq!(person.post(&format!("{policy}/edit"), &edit).await.location, policy);
    }
    let first = person.get(&policy).await.body;
    assert!(first.contains("All of version 22<") && first.contains("All of version 3<"), "{first}");
    assert!(!first.contains("All of version 2<") && first.contains("?before=3\""));
    let second = person.get(&format!("{policy}?before=3")).await.body;
    assert!(second.contains("All of version 2<") && second.contains("The first"), "{second}");
    assert!(second.contains("<del>20</del>"), "the last of a page is compared with the first of the next");
    assert!(first.contains("<del>21</del>"));
}

#[tokio::test]
async fn a_tag_puts_a_device_into_its_group() {
    let person = Person::new(2).await;
    let group = person.group("tag", "rack-7").await;
    person.assigned("racks", &group).await;
    let page = format!("/console/devices/{}", device(1));
    assert!(person.get(&page).await.body.contains("No policy is for it"));
    let tags = format!("{page}/tags");
    assert_eq!(person.post(&tags, &[("tags", "Rack-7, spare")]).await.location, page);
    let shown = person.get(&page).await.body;
    assert!(shown.contains("Not told yet") && shown.contains("value=\"rack-7 spare\""), "{shown}");
    assert!(person.get(&group).await.body.contains("Devices in it now: 1"));
    assert_eq!(person.post(&tags, &[("tags", "a b! c")]).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(person.post(&tags, &[("tags", "")]).await.location, page);
    assert!(person.get(&page).await.body.contains("No policy is for it"));
}

#[tokio::test]
async fn devices_stand_to_a_policy_as_they_said_themselves() {
    let person = Person::new(4).await;
    let group = person.group("name", "*").await;
    let policy = person.assigned("racks", &group).await;
    let id: PolicyId = id_of(&policy).parse().unwrap();
    let version = PolicyVersion { policy: id, number: 1 };
    let store = &person.world.app.store;
    let record = || record(person.world.now, Actor::Server, Activity::DeliverLapsPolicy, "");
    store.change(NoteTold { device: device(0), told: Some(version), record: record() }).await.unwrap();
    for number in [1, 2] {
        let refused = NoteRefused {
            device: device(number),
            version: Some(version),
            status: lapwing_proto::syncml::StatusCode(507),
            record: record(),
        };
        store.change(refused).await.unwrap();
    }
    // It has taken it since.
    store.change(NoteTold { device: device(2), told: Some(version), record: record() }).await.unwrap();
    for (standing, names) in [
        ("has", &["Host-000000", "Host-000002"][..]),
        ("refused", &["Host-000001"]),
        ("pending", &["Host-000003"]),
        ("conflict", &[]),
        ("leaving", &[]),
    ] {
        let body = person.get(&format!("{policy}/devices?standing={standing}")).await.body;
        for number in 0..4 {
            let name = format!("Host-{number:06}");
            assert_eq!(body.contains(&name), names.contains(&name.as_str()), "{standing} {name}");
        }
    }
    person.post(&format!("{policy}/assign"), &[("confirmed", "true")]).await;
    let body = person.get(&format!("{policy}/devices?standing=leaving")).await.body;
    assert!(body.contains("Host-000000") && body.contains("Host-000002") && !body.contains("Host-000001"));
    assert_eq!(person.get(&format!("{policy}/devices?standing=lost")).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_conflict_is_seen_before_it_is_made_and_named_after() {
    let person = Person::new(2).await;
    let group = person.group("name", "host-*").await;
    person.assigned("one", &group).await;
    let other = person.make("/console/policies", &[("name", "two"), ("PasswordLength", "30")]).await;
    let assign = format!("{other}/assign");
    let shown = person.post(&assign, &[("group", id_of(&group))]).await.body;
    assert!(shown.contains("in conflict: ") && shown.contains("Devices that this touches: 2"), "{shown}");
    assert!(person.get("/console/policies/conflicts").await.body.contains("No device is in a conflict"));
    person.post(&assign, &[("group", id_of(&group)), ("confirmed", "true")]).await;
    let conflicts = person.get("/console/policies/conflicts").await.body;
    assert!(["one", "two", "Host-000001"].iter().all(|text| conflicts.contains(text)), "{conflicts}");
    assert!(person.get("/console/policies").await.body.contains("Show the conflicts"));
    let unknown = person.post(&assign, &[("group", &Guid::from_bytes([9; 16]).to_string())]).await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
    let delete = format!("{other}/delete");
    assert!(person.post(&delete, &[]).await.body.contains("one, version 1"));
    assert_eq!(person.post(&delete, &[("confirmed", "true")]).await.location, "/console/policies");
    assert_eq!(person.get(&other).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_group_shows_its_devices_and_goes_only_when_no_policy_is_for_it() {
    let person = Person::new(12).await;
    let wrong = person.post("/console/groups", &[("name", ""), ("by", "tag"), ("text", "two words")]).await;
    assert_eq!(wrong.status, StatusCode::BAD_REQUEST);
    assert!(wrong.body.contains("a tag has 1 to 64") && wrong.body.contains("value=\"two words\""));
    let typed = [("name", "all"), ("by", "name"), ("text", "host-*")];
    let said = person.post("/console/groups/check", &typed).await;
    assert_eq!(said.kind, "application/json");
    assert!(said.body.contains("12 devices are in it now: Host-000000"), "{}", said.body);
    let shown = person.post("/console/groups", &[&typed[..], &[("step", "members")]].concat()).await;
    assert!(shown.body.contains("12 devices are in it now: Host-000000"));
    assert_eq!(person.recorded(Activity::CreateGroup).await, 0, "only shown");
    let group = person.make("/console/groups", &typed).await;
    let policy = person.assigned("racks", &group).await;
    let delete = format!("{group}/delete");
    assert_eq!(person.post(&delete, &[]).await.status, StatusCode::CONFLICT);
    let edit = format!("{group}/edit");
    let fewer = [("name", "some"), ("by", "name"), ("text", "host-00000*")];
    let shown = person.post(&edit, &fewer).await.body;
    assert!(shown.contains("Devices that this touches: 2") && shown.contains("no policy"), "{shown}");
    assert_eq!(person.recorded(Activity::ChangeGroup).await, 0, "only shown");
    let confirmed = [&fewer[..], &[("confirmed", "true")]].concat();
    assert_eq!(person.post(&edit, &confirmed).await.location, group);
    assert!(person.get(&group).await.body.contains("Devices in it now: 10"));
    person.post(&format!("{policy}/assign"), &[("confirmed", "true")]).await;
    assert_eq!(person.post(&delete, &[]).await.location, "/console/groups");
    assert_eq!(person.get(&group).await.status, StatusCode::NOT_FOUND);
}

const ORDER: [(&str, &str); 6] = [
    ("by", "name"),
    ("text", "host-*"),
    ("canaries", "1"),
    ("per_minute", "600"),
    ("stop_at", "5"),
    ("reason", "the key leaked"),
];

#[tokio::test]
async fn a_bulk_rotation_begins_once_and_for_those_who_were_shown() {
    let person = Person::new(3).await;
    let mut wrong = ORDER;
    (wrong[2].1, wrong[4].1, wrong[5].1) = ("101%", "0", "");
    let said = person.post("/console/bulk/plan", &wrong).await;
    assert_eq!(said.status, StatusCode::BAD_REQUEST);
    for text in ["up to `100%`", "1 to 100 per cent", "say why", "value=\"101%\""] {
        assert!(said.body.contains(text), "{text}: {}", said.body);
    }
    let said = person.post("/console/bulk/check", &wrong).await.body;
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let fields: Vec<&String> = said["said"].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["canaries", "reason", "stop_at"]);
    let plan = person.post("/console/bulk/plan", &ORDER).await.body;
    assert!(plan.contains("<strong>3</strong> passwords are to change"), "{plan}");
    let begin = |count| [&ORDER[..], &[("count", count)]].concat();
    let fewer = person.post("/console/bulk", &begin("2")).await;
    assert!(fewer.body.contains("have come or gone"), "what was shown is no longer so");
    // One form, sent twice.
    let body = form_urlencoded::Serializer::new(form_of(&person.token)).extend_pairs(begin("3")).finish();
    let mut places = Vec::new();
    for _ in 0..2 {
        let token = Some(&person.token);
        let got = person.world.ask(Method::POST, "/console/bulk", token, &body, Duration::ZERO).await;
        places.push(got.location);
    }
    assert!(places[0].len() > "/console/bulk/".len() && places[1] == "/console/bulk", "{places:?}");
    let begun = person.recorded(Activity::CreateBulkRotation).await;
    assert_eq!(begun, 2, "the plan and the beginning");
    let page = person.get(&places[0]).await.body;
    assert!(page.contains("the key leaked") && page.contains("Only canaries are asked so far"), "{page}");
    let late = Duration::from_secs(6 * 60);
    let pause = person.post_later(&format!("{}/pause", places[0]), &[], late).await;
    assert_eq!(pause.location, places[0], "to hold it up needs no second factor");
    let resume = person.post_later(&format!("{}/resume", places[0]), &[], late).await;
    assert_eq!(resume.status, StatusCode::FORBIDDEN, "to let it go on does");
    let resume = person.post(&format!("{}/resume", places[0]), &[("past_canaries", "true")]).await;
    assert_eq!(resume.location, places[0]);
    assert!(!person.get(&places[0]).await.body.contains("Only canaries"));
    assert_eq!(person.post(&format!("{}/cancel", places[0]), &[]).await.location, places[0]);
    assert_eq!(person.post(&format!("{}/pause", places[0]), &[]).await.status, StatusCode::CONFLICT);
    let csv = person.get(&format!("{}/report.csv", places[0])).await;
    assert!(csv.kind.starts_with("text/csv") && csv.body.lines().count() == 4, "{}", csv.body);
    let json = person.get(&format!("{}/report.json", places[0])).await;
    let json: serde_json::Value = serde_json::from_str(&json.body).unwrap();
    assert_eq!(json["value"][2]["state"], "cancelled");
    let filtered = person.get(&format!("{}?state=cancelled", places[0])).await.body;
    assert_eq!(filtered.matches("<th scope=\"row\">").count(), 3);
    let none = person.get(&format!("{}?state=done", places[0])).await.body;
    assert!(none.contains("No device stands so"));
}

#[tokio::test]
async fn a_hundred_thousand_devices_are_counted_and_shown_a_page_at_a_time() {
    let person = Person::new(100_000).await;
    let group = person.group("name", "host-*").await;
    let policy = person.assigned("racks", &group).await;
    assert!(person.get("/console/policies").await.body.contains(">100,000</a>"));
    assert!(person.get(&format!("{policy}/standings")).await.body.contains("<strong>100,000</strong>"));
    let first = person.get(&format!("{policy}/devices?standing=pending")).await.body;
    assert!(first.contains("Host-000049") && !first.contains("Host-000050"));
    let next = first.split("<a href=\"").find(|part| part.contains("rel=\"next\"")).unwrap();
    let next = next.split('"').next().unwrap().replace("&#38;", "&");
    let second = person.get(&next).await.body;
    assert!(second.contains("Host-000050") && !second.contains("Host-000049"), "{next}");
    assert!(person.get(&group).await.body.contains("Devices in it now: 100,000"));
    let mut order = ORDER;
    order[2].1 = "1%";
    let plan = person.post("/console/bulk/plan", &order).await.body;
    assert!(plan.contains("<strong>100,000</strong>") && plan.contains("<dd>1000</dd>"), "{plan}");
    let begun = person.make("/console/bulk", &[&order[..], &[("count", "100000")]].concat()).await;
    let page = person.get(&begun).await.body;
    assert_eq!(page.matches("<th scope=\"row\">").count(), 50);
    assert!(page.contains("?after=49") && page.contains("<strong>100,000</strong>"), "{page}");
    assert!(person.get(&format!("{begun}?state=waiting&after=49")).await.body.contains("Host-"));
}
