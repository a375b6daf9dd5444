//! The console as a browser without scripts uses it.

mod device;
mod visitor;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use data_encoding::BASE32_NOPAD;
use lapwing_proto::register::Condition;
use serde_json::Value;

use crate::{
    device::{Device, version},
    harness::{Server, run},
    life::passwords,
    reveal::rotate_after,
};

pub(crate) use self::visitor::administrator;
use self::visitor::{Authenticator, PASSWORD, SESSION, Visitor, entries, link, now, totp};

#[test]
fn a_link_lets_one_operator_in_once() {
    let server = Server::start();
    let text = link(&server, &["admin"]);
    let path = &text[text.find("/console").unwrap()..];
    let mut visitor = Visitor::new(&server);
    for _ in 0..2 {
        assert_eq!(visitor.get(path).status, 200, "opening it spends nothing");
    }
    let secret = BASE32_NOPAD.decode(visitor.hidden("secret").unwrap().as_bytes()).unwrap();
    let code = totp(&secret, now() / 30);
    for (password, again, code) in
        [("short", "short", &code), (PASSWORD, "another", &code), (PASSWORD, PASSWORD, &"000000".to_owned())]
    {
        let members = [("password", password), ("again", again), ("code", code)];
        assert_eq!(visitor.post("/console/set-up", &members).status, 400);
    }
    let proofs = visitor.set_up(&text);
    assert_eq!(proofs.recovery_codes.len(), 10);
    assert!(visitor.is_signed_in());
    assert_eq!(visitor.get("/console").header("location"), Some("/console/fleet"));
    let mut second = Visitor::new(&server);
    assert_eq!(second.get(path).status, 403);
    assert!(second.page.contains("unknown, was used, or has ended"));
    let unknown = run(&["operator", "link", "nobody"], server.folder.path());
    assert!(String::from_utf8_lossy(&unknown.stderr).contains("next step"));
    second.set_up(&link(&server, &["ada", "--create"]));
    assert!(second.is_signed_in());
}

#[test]
fn both_factors_are_needed_and_each_code_is_good_once() {
    let server = Server::start();
    let (_, mut proofs) = administrator(&server);
    let mut visitor = Visitor::new(&server);
    assert_eq!(visitor.give_password("admin", PASSWORD).status, 303);
    assert!(!visitor.is_signed_in(), "a password alone lets nobody in");
    let half = visitor.cookies[SESSION].clone();
    assert_eq!(visitor.give_code("000000").status, 403);
    assert_eq!(visitor.give_code(&totp(&proofs.secret, proofs.step)).status, 403, "used at set-up");
    // The next one, which the server takes ahead of its time.
    assert_eq!(visitor.give_code(&totp(&proofs.secret, proofs.step + 1)).status, 303);
    assert!(visitor.is_signed_in());
    assert_ne!(visitor.cookies[SESSION], half);
    let mut thief = Visitor::new(&server);
    thief.cookies.insert(SESSION.to_owned(), half);
    assert!(!thief.is_signed_in(), "the token from before the second factor is void");
    let mut other = Visitor::new(&server);
    let code = proofs.recovery_codes[0].to_uppercase().replace('-', " ");
    other.give_password("ADMIN", PASSWORD);
    assert_eq!(other.give_code(&code).status, 303);
    let mut third = Visitor::new(&server);
    third.give_password("admin", PASSWORD);
    assert_eq!(third.give_code(&code).status, 403);
    proofs.recovery_codes.remove(0);
    third.sign_in("admin", &mut proofs);
    assert!(third.is_signed_in());
}

#[test]
fn nobody_learns_whether_there_is_such_an_operator_and_attempts_are_counted() {
    let server = Server::start();
    let (_, _) = administrator(&server);
    let statuses = |name: &str| -> Vec<(u16, String)> {
        let mut visitor = Visitor::new(&server);
        (0..11)
            .map(|_| {
                let status = visitor.give_password(name, "wrong wrong wrong").status;
                (
                    status,
                    visitor
                        .page
                        .split("<main")
                        .nth(1)
                        .unwrap()
                        .split("name=\"csrf\"")
                        .next()
                        .unwrap()
                        .to_owned(),
                )
            })
            .collect()
    };
    let known = statuses("admin");
    assert_eq!(known, statuses("nobody"));
    assert_eq!(known[0].0, 401);
    assert_eq!(known[10].0, 429);
    let mut visitor = Visitor::new(&server);
    assert_eq!(visitor.give_password("admin", PASSWORD).status, 429, "the right password has to wait too");
    let refused = entries(&server, "Sign in");
    assert_eq!(refused.len(), 23);
    assert!(refused.iter().all(|entry| entry["result"] == "failure"));
    // Whatever was typed as a name that is none may be a password.
    assert!(!refused.iter().any(|entry| entry.to_string().contains("nobody")));
    assert_eq!(refused.iter().filter(|entry| entry["target"] == "admin").count(), 12);
}

#[test]
fn a_passkey_answers_each_question_once_and_counts() {
    let server = Server::start();
    let (mut visitor, _) = administrator(&server);
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
    let mut authenticator = Authenticator { key, counter: 7 };
    visitor.get("/console/account");
    let client_data = Authenticator::asked(&mut visitor, "/console/account/ask", "webauthn.create");
    let made = authenticator.made(&client_data);
    assert_eq!(visitor.post("/console/account/passkeys", &[("made", &made), ("label", "key")]).status, 303);
    visitor.get("/console/account");
    let again = visitor.post("/console/account/passkeys", &[("made", &made), ("label", "key")]);
    assert_eq!(again.status, 400, "the question was answered");

    // Whether an answer with this counter lets in who has given the password, and whether it does so again.
    let mut tries = |counter: u32| {
        authenticator.counter = counter;
        let mut visitor = Visitor::new(&server);
        visitor.give_password("admin", PASSWORD);
        visitor.get("/console/second-factor");
        let client_data =
            Authenticator::asked(&mut visitor, "/console/second-factor/passkey", "webauthn.get");
        let answer = authenticator.answer(&client_data);
        let first = visitor.post("/console/second-factor", &[("passkey", &answer)]).status;
        let mut other = Visitor::new(&server);
        other.give_password("admin", PASSWORD);
        other.get("/console/second-factor");
        [first, other.post("/console/second-factor", &[("passkey", &answer)]).status]
    };
    assert_eq!(tries(8), [303, 403]);
    assert_eq!(tries(8), [403, 403], "a copy of the authenticator counts from where it was made");
    let recorded = entries(&server, "Sign in");
    let done: Vec<&Value> = recorded.iter().filter(|entry| entry["result"] == "success").collect();
    assert_eq!(done.len(), 1);
    assert_eq!(done[0]["detail"], "passkey");
}

#[test]
fn a_password_is_shown_with_a_reason_once_and_recorded_before() {
    const SECRET: &str = "needle-<7>&\"x";
    let server = Server::start();
    let device = Device::join(&server, "host");
    device.store_and_check(&server, &device.seal("older", version(), Condition::Any, None));
    device.store_and_check(&server, &device.seal(SECRET, version(), Condition::Any, None));
    let (mut visitor, _) = administrator(&server);
    let (page, reveal) =
        (format!("/console/devices/{}", device.id), format!("/console/devices/{}/reveal", device.id));
    visitor.get(&page);
    assert!(!visitor.page.contains("needle"));
    let entry =
        visitor.page.split("name=\"entry\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let no_reason = visitor.post(&reveal, &[("entry", &entry), ("reason", "  ")]);
    assert_eq!(no_reason.status, 400);
    assert!(entries(&server, "Recover device local administrator password").is_empty());
    visitor.get(&page);
    let form = visitor.page.clone();
    let members = [("entry", entry.as_str()), ("reason", "ticket 42")];
    let shown = visitor.post(&reveal, &members);
    assert_eq!(shown.status, 200);
    assert_eq!(shown.header("cache-control"), Some("no-store"));
    assert!(visitor.page.contains("needle-&#60;7&#62;&#38;&#34;x"), "{}", visitor.page);
    visitor.page = form;
    let again = visitor.post(&reveal, &members);
    assert_eq!((again.status, again.header("location")), (303, Some(page.as_str())));
    assert_eq!(visitor.get(&reveal).header("location"), Some(page.as_str()));
    let recorded = entries(&server, "Recover device local administrator password");
    assert_eq!(recorded.len(), 1);
    assert_eq!(recorded[0]["actor"], "operator:admin");
    assert!(recorded[0]["detail"].as_str().unwrap().ends_with(": ticket 42"));
    assert_eq!(passwords(&server, &device), [SECRET, "older"]);
}

#[test]
fn whoever_reveals_is_told_before_and_after_that_the_device_will_rotate() {
    let server = Server::start();
    let device = Device::join(&server, "host");
    device.store_and_check(&server, &device.seal("older", version(), Condition::Any, None));
    device.store_and_check(&server, &device.seal("newer", version(), Condition::Any, None));
    let (mut visitor, _) = administrator(&server);
    let (page, reveal) =
        (format!("/console/devices/{}", device.id), format!("/console/devices/{}/reveal", device.id));
    visitor.get(&page);
    assert!(!visitor.page.contains("asked to rotate"));
    rotate_after(&server, 4);
    visitor.get(&page);
    assert!(visitor.page.contains("asked to rotate 4 hours after"), "{}", visitor.page);
    let sequence: i64 = visitor
        .page
        .split("name=\"entry\" value=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let (newest, older) = (sequence.to_string(), (sequence - 1).to_string());
    visitor.post(&reveal, &[("entry", &older), ("reason", "x")]);
    assert!(visitor.page.contains("an older one") && !visitor.page.contains("Will be rotated"));
    visitor.get(&page);
    assert!(!visitor.page.contains("The password will be rotated"));
    visitor.post(&reveal, &[("entry", &newest), ("reason", "x")]);
    assert!(visitor.page.contains("Will be rotated") && visitor.page.contains("in 4 h"), "{}", visitor.page);
    visitor.get(&page);
    assert!(visitor.page.contains("The password will be rotated at"), "{}", visitor.page);
    assert!(visitor.page.contains("because it was revealed by operator:admin at"), "{}", visitor.page);
    assert!(visitor.page.contains("Waits until it is due"), "{}", visitor.page);
    let asked = entries(&server, "Rotate local administrator password");
    assert_eq!((asked.len(), asked[0]["actor"].as_str()), (1, Some("server")));
}

#[test]
fn a_session_ends_at_its_sign_out_here_or_everywhere() {
    let server = Server::start();
    let (mut first, mut proofs) = administrator(&server);
    let mut second = Visitor::new(&server);
    second.sign_in("admin", &mut proofs);
    let mut third = Visitor::new(&server);
    third.sign_in("admin", &mut proofs);
    let kept = third.cookies.clone();
    third.get("/console/account");
    assert_eq!(third.post("/console/sign-out", &[]).status, 303);
    third.cookies = kept;
    assert!(!third.is_signed_in(), "the cookie is of no use any more");
    assert!(first.is_signed_in() && second.is_signed_in());
    assert_eq!(first.post("/console/account/sign-out", &[]).status, 303);
    assert!(!first.is_signed_in() && !second.is_signed_in());
}

#[test]
fn a_form_from_elsewhere_is_refused() {
    let server = Server::start();
    let (mut visitor, _) = administrator(&server);
    visitor.get("/console/account");
    let form = format!("csrf={}", visitor.hidden("csrf").unwrap());
    let origin = format!("Origin: {}\r\n", server.url);
    for lines in [
        "",
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        "Origin: https://elsewhere.example\r\n",
        "Origin: null\r\n",
        &format!("Sec-Fetch-Site: none\r\n{origin}"),
    ] {
        assert_eq!(visitor.send("POST", "/console/sign-out", lines, &form).status, 403, "{lines}");
    }
    assert!(visitor.is_signed_in());
    // An older browser says only where the form stood.
    assert_eq!(visitor.send("POST", "/console/sign-out", &origin, &form).status, 303);
}

#[test]
fn the_last_administrator_stays_and_rights_are_given_taken_and_reset() {
    let server = Server::start();
    let (mut admin, _) = administrator(&server);
    admin.get("/console/operators/admin");
    assert_eq!(admin.post("/console/operators/admin/roles", &[("role", "AuditLog.Read.All")]).status, 409);
    admin.get("/console/operators/admin");
    assert_eq!(admin.post("/console/operators/admin/enabled", &[("enabled", "false")]).status, 409);
    admin.get("/console/operators");
    let roles = [("name", "Ada"), ("role", "AuditLog.Read.All"), ("role", "Lapwing.Administer")];
    assert_eq!(admin.post("/console/operators", &roles).status, 200);
    let text = admin.page.split(">https://").nth(1).unwrap().split('<').next().unwrap().to_owned();
    admin.get("/console/operators/admin");
    let demoted = admin.post("/console/operators/admin/roles", &[("role", "AuditLog.Read.All")]);
    assert_eq!(demoted.status, 409, "who has not set up anything cannot administer");
    let mut ada = Visitor::new(&server);
    ada.set_up(&text);
    assert_eq!(ada.get("/console/audit").status, 200);
    assert_eq!(ada.get("/console/fleet").status, 403);
    ada.get("/console/operators/admin");
    assert_eq!(ada.post("/console/operators/admin/roles", &[("role", "AuditLog.Read.All")]).status, 303);
    assert_eq!(admin.get("/console/operators").status, 403, "rights are taken at once");
    ada.get("/console/operators/admin");
    assert_eq!(ada.post("/console/operators/ada/reset", &[]).status, 400, "nobody resets himself");
    ada.get("/console/operators/admin");
    assert_eq!(ada.post("/console/operators/admin/reset", &[]).status, 200);
    assert!(!admin.is_signed_in());
    assert_eq!(admin.give_password("admin", PASSWORD).status, 401);
    ada.get("/console/operators/admin");
    assert_eq!(ada.post("/console/operators/admin/delete", &[]).status, 303);
    assert_eq!(ada.get("/console/operators/admin").status, 404);
}

#[test]
fn tokens_and_clients_are_shown_once_and_can_be_revoked() {
    let server = Server::start();
    let (mut admin, _) = administrator(&server);
    let secret = |page: &str| {
        page.split("aria-label=\"Secret\">").nth(1).map(|rest| rest.split('<').next().unwrap().to_owned())
    };
    for (path, members) in [
        ("/console/enrolment", &[("uses", "2"), ("hours", "1"), ("description", "for the rack")][..]),
        ("/console/clients", &[("name", "reader"), ("role", "Device.Read.All")]),
    ] {
        admin.get(path);
        let form = admin.page.clone();
        assert_eq!(admin.post(path, members).status, 200);
        let shown = secret(&admin.page).unwrap();
        assert!(shown.len() > 40, "{shown}");
        admin.page = form;
        assert_eq!(admin.post(path, members).status, 303, "the same form again makes nothing");
        admin.get(path);
        assert!(!admin.page.contains(&shown));
        let delete = admin.page.rsplit("action=\"").find(|rest| rest.contains("/delete\"")).unwrap();
        let delete = delete.split('"').next().unwrap().to_owned();
        assert_eq!(admin.post(&delete, &[]).status, 303);
        admin.get(path);
        assert_eq!(admin.post(&delete, &[]).status, 404);
    }
}

#[test]
fn nothing_that_an_operator_proves_himself_with_is_in_a_file() {
    let server = Server::start();
    let (mut visitor, mut proofs) = administrator(&server);
    visitor.sign_in("admin", &mut proofs);
    visitor.give_password("admin", "a wrong needle 991");
    let plain = |code: &String| code.replace('-', "");
    let mut needles: Vec<Vec<u8>> = vec![PASSWORD.into(), proofs.secret.clone(), "a wrong needle 991".into()];
    needles.push(BASE32_NOPAD.encode(&proofs.secret).into());
    needles
        .extend(visitor.cookies.values().filter(|value| !value.is_empty()).map(|value| value.clone().into()));
    needles.extend(proofs.recovery_codes.iter().flat_map(|code| [code.clone().into(), plain(code).into()]));
    for entry in std::fs::read_dir(server.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        for needle in &needles {
            let found = bytes.windows(needle.len()).any(|window| window == needle);
            assert!(!found, "{} holds {}", path.display(), String::from_utf8_lossy(needle));
        }
    }
}

#[test]
fn what_is_named_after_its_content_is_kept_and_a_fault_is_a_page() {
    let server = Server::start();
    let mut visitor = Visitor::new(&server);
    visitor.get("/console/sign-in");
    for attribute in ["<link rel=\"stylesheet\" href=\"", "<script src=\"", "<link rel=\"icon\" href=\""] {
        let page = visitor.page.clone();
        let path = page.split(attribute).nth(1).unwrap().split('"').next().unwrap();
        let answer = visitor.get(path);
        assert_eq!(answer.status, 200);
        assert!(answer.header("cache-control").unwrap().contains("immutable"));
        visitor.page = page;
    }
    for (method, path, status) in [
        ("GET", "/console/nothing", 404),
        ("PUT", "/console/fleet", 405),
        ("GET", "/console/assets/x.css", 404),
    ] {
        let answer = visitor.send(method, path, "", "");
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.header("content-type").unwrap().starts_with("text/html"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert!(visitor.page.contains("<h1>"));
    }
}
