//! What a device says, and how it answers each command.

use lapwing_core::event::Hresult;
use lapwing_proto::{
    management::ActionReport,
    syncml::{self, StatusCode},
};

use super::world::{ACTION, RESET, World, lines, operation, policy};
use crate::mdm::{Cause, Received};

fn report() -> ActionReport {
    ActionReport { action: ACTION, hresult: Hresult::SUCCESS, version: None, event: None }
}

#[test]
fn a_device_says_who_it_is_and_what_has_become_of_its_actions() {
    let world = World::with(Cause::ServerInitiated, vec![report()]);
    insta::assert_snapshot!(String::from_utf8(world.first).unwrap());
}

#[test]
fn a_session_ends_when_the_server_has_nothing_more_to_ask() {
    let mut world = World::new();
    let asked = [
        format!("<Atomic><CmdID>1</CmdID>{}</Atomic>", policy("2", "Replace", "PasswordAgeDays", "7")),
        operation("3", "Get", "Policies/PasswordAgeDays", ""),
        operation("4", "Get", "Policies/PasswordLength", ""),
        operation("5", "Exec", "Actions/ResetPassword", ""),
        operation("6", "Get", "Actions/ResetPasswordStatus", ""),
    ];
    let answer = world.hears(&asked.concat()).unwrap();
    insta::assert_snapshot!(String::from_utf8(syncml::encode(&world.last)).unwrap());
    assert_eq!(
        lines(&answer),
        [
            "0 SyncHdr 200",
            "1 Atomic 200",
            "2 Replace 200",
            "3 Get 200",
            "3 Results 7",
            "4 Get 404",
            "5 Exec 202",
            "6 Get 200",
            "6 Results -2147483638",
        ]
    );
    assert!(world.last.is_final);
    assert_eq!(world.hears(""), None);
    assert_eq!(world.session.reply(&[]), None);
}

#[test]
fn an_exec_carries_the_name_of_its_action() {
    let mut world = World::new();
    let exec = |correlator: &str| {
        format!(
            "<Exec><CmdID>{correlator}1</CmdID><Correlator>{correlator}</Correlator>\
             <Item><Target><LocURI>{RESET}</LocURI></Target></Item></Exec>"
        )
    };
    world.hears(&[exec(&ACTION.to_string()), exec("other")].concat()).unwrap();
    let named = |work: &String| work.contains(&format!("correlator: Some({:?})", ACTION.0));
    assert_eq!(world.performed.iter().map(named).collect::<Vec<_>>(), [true, false]);
}

#[test]
fn what_cannot_be_carried_out_is_answered_in_its_place() {
    let mut world = World::new();
    let nameless = operation("", "Get", "Policies", "").replace("<CmdID></CmdID>", "");
    let body = [
        operation("1", "Get", "Actions", ""),
        nameless,
        "<Copy><CmdID>3</CmdID></Copy><Frob><CmdID>4</CmdID></Frob><Alert><CmdID>5</CmdID><Data>1100</Data></Alert>"
            .to_owned(),
        "<Replace><CmdID>6</CmdID><Item><Source><LocURI>./a</LocURI></Source></Item></Replace>".to_owned(),
        format!("<Sequence><CmdID>7</CmdID>{}</Sequence>", operation("8", "Get", "Nothing", "")),
    ];
    let answer = lines(&world.hears(&body.concat()).unwrap());
    assert_eq!(
        answer,
        [
            "0 SyncHdr 200",
            "1 Get 200",
            "1 Results ResetPassword/ResetPasswordStatus",
            "- Get 400",
            "3 Copy 406",
            "4 Frob 400",
            "5 Alert 406",
            "6 Replace 412",
            "7 Sequence 200",
            "8 Get 404",
        ]
    );
}

#[test]
fn an_answer_is_not_answered() {
    let mut world = World::new();
    let answers = "<Status/><Status><CmdID>1</CmdID></Status><Results/><Results><CmdID>1</CmdID></Results>";
    let atomic =
        format!("<Atomic><CmdID>1</CmdID>{answers}{}</Atomic>", policy("2", "Add", "PasswordLength", "20"));
    let answer = world.hears(&[answers, &atomic].concat()).unwrap();
    assert_eq!(lines(&answer), ["0 SyncHdr 200", "1 Atomic 200", "2 Add 200"]);
    assert_eq!(world.hears(answers), None);
}

#[test]
fn items_that_end_differently_have_a_status_each() {
    let mut world = World::new();
    let item =
        |node: &str| format!("<Item><Target><LocURI>./Vendor/MSFT/LAPS/{node}</LocURI></Target></Item>");
    let get =
        |id: &str, nodes: [&str; 2]| format!("<Get><CmdID>{id}</CmdID>{}</Get>", nodes.map(item).concat());
    let body = [get("1", ["Actions", "None"]), get("2", ["Actions", "Policies"])].concat();
    assert_eq!(
        lines(&world.hears(&body).unwrap()),
        [
            "0 SyncHdr 200",
            "1 Get 200 ./Vendor/MSFT/LAPS/Actions",
            "1 Get 404 ./Vendor/MSFT/LAPS/None",
            "1 Results ResetPassword/ResetPasswordStatus",
            "2 Get 200",
            "2 Results ResetPassword/ResetPasswordStatus",
            "2 Results ",
        ]
    );
}

#[test]
fn an_atomic_is_done_whole_or_not_at_all() {
    let set = |id| policy(id, "Replace", "PasswordAgeDays", "7");
    let atomic = |inner: &[String]| format!("<Atomic><CmdID>1</CmdID>{}</Atomic>", inner.concat());
    for (inner, statuses) in [
        (
            vec![set("2"), policy("3", "Replace", "PasswordLength", "20")],
            vec!["1 Atomic 200", "2 Replace 200", "3 Replace 200"],
        ),
        (vec![], vec!["1 Atomic 200"]),
        // The tree refuses one.
        (
            vec![set("2"), policy("3", "Replace", "PasswordLength", "x"), set("4")],
            vec!["1 Atomic 507", "2 Replace 216", "3 Replace 415", "4 Replace 215"],
        ),
        (
            vec![set("2"), operation("3", "Get", "Actions", "")],
            vec!["1 Atomic 507", "2 Replace 216", "3 Get 500"],
        ),
        // A group may not stand in it.
        (
            vec![set("2"), format!("<Atomic><CmdID>3</CmdID>{}</Atomic>", set("4")), set("5")],
            vec!["1 Atomic 507", "2 Replace 216", "3 Atomic 500", "4 Replace 215", "5 Replace 215"],
        ),
        // What is no operation never reaches the tree.
        (
            vec![set("2"), "<Copy><CmdID>3</CmdID></Copy>".to_owned()],
            vec!["1 Atomic 507", "2 Replace 215", "3 Copy 406"],
        ),
        (
            vec!["<Alert><CmdID>2</CmdID><Data>1100</Data></Alert>".to_owned(), set("3")],
            vec!["1 Atomic 507", "2 Alert 406", "3 Replace 215"],
        ),
        (
            vec![set("2"), operation("3", "Replace", "Policies/PasswordLength", "<Data>2</Data><MoreData/>")],
            vec!["1 Atomic 507", "2 Replace 215", "3 Replace 406"],
        ),
    ] {
        let mut world = World::new();
        let answer = lines(&world.hears(&atomic(&inner)).unwrap());
        assert_eq!(answer[1..], statuses, "{inner:?}");
        let is_set = world.tree.values().count() > 0;
        assert_eq!(is_set, statuses[0] == "1 Atomic 200" && !inner.is_empty(), "{inner:?}");
    }
}

#[test]
fn the_answer_to_a_report_names_its_action() {
    let mut world = World::with(Cause::ClientInitiated, vec![report()]);
    let id = world.last.commands.last().unwrap().id().unwrap();
    let status = |id: &str| {
        format!(
            "<Status><CmdID>x</CmdID><MsgRef>1</MsgRef><CmdRef>{id}</CmdRef><Cmd>Alert</Cmd><Data>200</Data></Status>"
        )
    };
    let body = world.server(&[status("1"), status(id.as_str()), "<Final/>".to_owned()].concat());
    let received = world.session.receive(body.as_bytes()).unwrap();
    let reported = vec![(ACTION, StatusCode::OK)];
    assert_eq!(received, Received { reported, is_over: true, ..Received::default() });
}

#[test]
fn a_server_that_has_not_ended_its_package_is_asked_for_more() {
    let mut world = World::new();
    let answer = world.hears_message(&world.server(&operation("1", "Get", "Nothing", ""))).unwrap();
    assert_eq!(lines(&answer), ["0 SyncHdr 200", "Alert 1222", "1 Get 404"]);
    assert!(!world.last.is_final);
    let answer = world.hears_message(&world.server("")).unwrap();
    assert_eq!(lines(&answer), ["0 SyncHdr 200", "Alert 1222"]);
    assert_eq!(world.hears(""), None);
}
