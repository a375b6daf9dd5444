//! What the enrolment of Windows devices answers to single requests, good and bad. The whole of it is in `windows.rs`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lapwing_proto::mde2;
use rcgen::CertificateParams;

use crate::{
    device::{enrolment_token, key},
    harness::{Answer, Request, Server},
};

const DISCOVERY: &str = "/EnrollmentServer/Discovery.svc";
const POLICY: &str = "/EnrollmentServer/Policy.svc";
const ENROLMENT: &str = "/EnrollmentServer/Enrollment.svc";

/// Published examples; `lapwing-proto` says where from.
macro_rules! published {
    ($name:literal) => {
        include_str!(concat!("../../../lapwing-proto/src/mde2/fixtures/", $name))
    };
}

fn ask(server: &Server, path: &str, body: &str) -> String {
    let kind = Some(mde2::MEDIA_TYPE);
    let body = body.as_bytes();
    let answer = server.send(&Request { method: "POST", path, kind, body, ..Request::default() });
    assert_eq!(answer.status, 200);
    check_head(&answer);
    assert_eq!(answer.header("content-type"), Some(mde2::MEDIA_TYPE));
    String::from_utf8(answer.body).unwrap()
}

/// [MS-MDE2] 3.1: an enrolment client takes no chunks.
fn check_head(answer: &Answer) {
    assert_eq!(answer.header("content-length"), Some(answer.body.len().to_string().as_str()));
    assert_eq!(answer.header("transfer-encoding"), None);
}

/// The text of the first element of that name.
fn text<'a>(document: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = document.split_once(&format!("<{name}>"))?;
    Some(rest.split_once("</")?.0)
}

/// Sub-code, and the type of the detailed error if there is one.
fn refusal(document: &str) -> (String, Option<String>) {
    let (_, subcode) = document.split_once("<s:Subcode>").unwrap_or_else(|| panic!("{document}"));
    (text(subcode, "s:Value").unwrap().to_owned(), text(document, "ErrorType").map(str::to_owned))
}

fn policy_with(password: &str) -> String {
    published!("policy.xml").replace("not&amp;a&lt;password", password)
}

fn enrol_with(token: &str, request: &[u8]) -> String {
    let enrol = published!("enrol.xml");
    let enrol = enrol.replace("bm90IGEg\n        dG9rZW4=", &STANDARD.encode(token));
    enrol.replace("bm90IGEg\n        cmVxdWVzdA==", &STANDARD.encode(request))
}

fn certificate_request() -> Vec<u8> {
    CertificateParams::default().serialize_request(key()).unwrap().der().to_vec()
}

#[test]
fn a_device_is_shown_a_page_if_it_can_show_one_and_else_asks_for_a_password() {
    let server = Server::start();
    let probe = server.send(&Request { method: "GET", path: DISCOVERY, ..Request::default() });
    assert_eq!((probe.status, probe.body.len()), (200, 0));
    check_head(&probe);
    let both = ask(&server, DISCOVERY, published!("discover.xml"));
    assert_eq!(text(&both, "AuthPolicy"), Some("Federated"));
    let page = format!("{}/EnrollmentServer/Auth", server.url);
    assert_eq!(text(&both, "AuthenticationServiceUrl"), Some(page.as_str()));
    let password = ask(&server, DISCOVERY, &published!("discover.xml").replace("Federated", "Telepathic"));
    assert_eq!(text(&password, "AuthPolicy"), Some("OnPremise"));
    assert_eq!(text(&password, "AuthenticationServiceUrl"), None);
    // Where a renewal can show its certificate.
    for (name, path) in [("EnrollmentPolicyServiceUrl", POLICY), ("EnrollmentServiceUrl", ENROLMENT)] {
        assert_eq!(text(&password, name), Some(format!("{}{path}", server.device_url).as_str()));
    }
    let neither = published!("discover.xml").replace("Federated", "x").replace("OnPremise", "Certificate");
    let told = ("s:Authentication".to_owned(), Some("NotSupported".to_owned()));
    assert_eq!(refusal(&ask(&server, DISCOVERY, &neither)), told);
}

#[test]
fn each_refusal_has_its_code_and_repeats_nothing() {
    let server = Server::start();
    let token = enrolment_token(&server, 1);
    let good = token.bearer();
    let other = token.expose_secret().replace("lapwing-enrol-1.", "lapwing-enrol-1.x");
    let signed = certificate_request();
    let mut spoilt = signed.clone();
    *spoilt.last_mut().unwrap() ^= 1;
    let no_security = |document: &str| document.replace("wsse:Security", "wsse:Insecurity");
    let entra = |document: String| {
        let user =
            "http://schemas.microsoft.com/5.0.0.0/ConfigurationManager/Enrollment/DeviceEnrollmentUserToken";
        document.replace(user, "urn:ietf:params:oauth:token-type:jwt")
    };
    let cases = [
        (DISCOVERY, "".to_owned(), "s:MessageFormat", None),
        (DISCOVERY, "<s:Envelope/>".to_owned(), "s:MessageFormat", None),
        (DISCOVERY, format!("<!DOCTYPE a>{}", published!("discover.xml")), "s:MessageFormat", None),
        (POLICY, published!("discover.xml").to_owned(), "s:MessageFormat", None),
        (ENROLMENT, policy_with(&good), "s:MessageFormat", None),
        (POLICY, no_security(&policy_with(&good)), "a:InvalidSecurity", None),
        (ENROLMENT, no_security(&enrol_with(&good, &signed)), "a:InvalidSecurity", None),
        (POLICY, policy_with("correct horse"), "s:Authentication", None),
        (POLICY, policy_with(&"A".repeat(43)), "s:Authentication", None),
        (POLICY, policy_with(&other), "s:Authentication", None),
        (ENROLMENT, enrol_with("correct horse", &signed), "s:Authentication", None),
        (ENROLMENT, entra(enrol_with(&good, &signed)), "s:Authentication", None),
        (ENROLMENT, enrol_with(&good, b"no request"), "s:CertificateRequest", None),
        (ENROLMENT, enrol_with(&good, &spoilt), "s:CertificateRequest", None),
        (ENROLMENT, published!("renewal.xml").to_owned(), "s:CertificateRequest", Some("NotEligibleToRenew")),
    ];
    for (path, body, subcode, detail) in cases {
        let answer = ask(&server, path, &body);
        assert_eq!(refusal(&answer), (subcode.to_owned(), detail.map(str::to_owned)), "{body}");
        assert!(!answer.contains("correct horse") && !answer.contains(good.as_str()), "{answer}");
    }
    // None of that has used up the one use.
    assert!(ask(&server, POLICY, &policy_with(&good)).contains("GetPoliciesResponse"));
    let enrolled = ask(&server, ENROLMENT, &enrol_with(&good, &signed));
    assert!(enrolled.contains("DeviceEnrollmentProvisionDoc"), "{enrolled}");
}

#[test]
fn the_page_takes_no_token_for_anybody_but_an_enrolment_client() {
    let server = Server::start();
    let page = |query: &str| {
        let path = format!("/EnrollmentServer/Auth{query}");
        server.send(&Request { method: "GET", path: &path, ..Request::default() })
    };
    let good = page("?appru=ms-app%3A%2F%2Fs-1-15-2&login_hint=user%40laps.example");
    assert_eq!(good.status, 200);
    assert!(good.header("content-security-policy").unwrap().contains("form-action 'self'"));
    assert!(String::from_utf8(good.body).unwrap().contains("value=\"ms-app://s-1-15-2\""));
    for bad in ["", "?appru=", "?appru=https://example.com/", "?appru=ms-app://a%22b", "?appru=javascript:a"]
    {
        let answer = page(bad);
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (400, Some("text/html; charset=utf-8")),
            "{bad}"
        );
        assert!(!String::from_utf8(answer.body).unwrap().contains("example.com"));
    }
    let send = |form: &str| server.post("/EnrollmentServer/Auth", None, form.as_bytes());
    let sent = send("appru=ms-app%3A%2F%2Fa&token=lapwing-enrol-1.x");
    assert_eq!(sent.status, 403);
    assert!(!String::from_utf8(sent.body).unwrap().contains("lapwing-enrol-1.x"));
    let good = enrolment_token(&server, 1).bearer();
    let result = send(&format!("appru=ms-aadj-redir%3A%2F%2Fauth%2Fdrs&token={}", good.as_str()));
    let policy = result.header("content-security-policy").unwrap();
    assert!(policy.contains("; form-action ms-aadj-redir:;"), "{policy}");
    assert!(String::from_utf8(result.body).unwrap().contains("action=\"ms-aadj-redir://auth/drs\""));
    assert_eq!(send(&format!("appru=https%3A%2F%2Fexample.com%2F&token={}", good.as_str())).status, 400);
}
