//! Answers as devices get them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lapwing_core::types::{FileTime, Guid};

use crate::{
    mde2::{
        Answer, AuthPolicy, Certificate, CertificatePolicy, DeviceError, Discovered, Fault, Issued, Poll,
        Provisioning, Retries, Step, Store, Subcode, encode,
    },
    xml::{Element, parse},
};

const MESSAGE_ID: &str = "urn:uuid: 1c2b7d0e-5a2f-4d0b-9a43-2f5c3f1d7e66";

fn text(answer: &Answer) -> String {
    String::from_utf8(encode(answer, Some(MESSAGE_ID), Guid::from_bytes([0xa1; 16]))).unwrap()
}

fn certificate(byte: u8) -> Certificate {
    Certificate { thumbprint: [byte; 20], der: vec![byte; 3] }
}

fn provisioning() -> Provisioning {
    Provisioning {
        root: certificate(1),
        issuer: certificate(2),
        device: certificate(0xab),
        device_subject: "CN=Ä & b".to_owned(),
        store: Store::System,
        renew_days: 60,
        renew_retry_days: 4,
        device_id: "0b3c2a10-1111-4222-8333-444455556666".to_owned(),
        provider: "Lapwing".to_owned(),
        name: "laps.example".to_owned(),
        address: "https://laps.example:8444/lapwing/v1/t/manage?a=1&b=2".to_owned(),
        upn: Some("user@laps.example".to_owned()),
        device_name: None,
        poll: Poll {
            first: Retries { count: 8, interval_minutes: 15 },
            second: Retries { count: 5, interval_minutes: 3 },
            remaining: Retries { count: 0, interval_minutes: 480 },
            on_login: true,
        },
    }
}

#[test]
fn a_device_is_told_where_to_go() {
    let discovered = Discovered {
        auth_policy: AuthPolicy::Federated,
        version: "4.0".to_owned(),
        policy_url: "https://laps.example/EnrollmentServer/Policy.svc".to_owned(),
        enrolment_url: "https://laps.example/EnrollmentServer/Enrollment.svc".to_owned(),
        authentication_url: Some("https://laps.example/log-on?a=1&b=2".to_owned()),
    };
    insta::assert_snapshot!(text(&Answer::Discovered(discovered)));
}

#[test]
fn a_device_is_told_what_its_request_must_be_like() {
    let policy = CertificatePolicy {
        name: "Lapwing".to_owned(),
        validity_seconds: 31_536_000,
        renewal_seconds: 5_184_000,
    };
    insta::assert_snapshot!(text(&Answer::Policy(policy)));
}

#[test]
fn a_device_takes_home_what_management_needs() {
    insta::assert_snapshot!(String::from_utf8(provisioning().to_xml()).unwrap());
    let issued = Issued {
        provisioning: provisioning(),
        created: "2026-12-01T00:00:00Z".parse::<FileTime>().unwrap(),
        expires: "2026-12-01T00:05:00Z".parse::<FileTime>().unwrap(),
    };
    let answer = text(&Answer::Issued(Box::new(issued)));
    let document = STANDARD.encode(provisioning().to_xml());
    assert!(answer.contains(&document));
    insta::assert_snapshot!(answer.replace(&document, "…"));
}

#[test]
fn the_third_certificate_is_the_devices_own() {
    fn certificates(element: &Element, found: &mut Vec<String>) {
        if element.attribute("name") == Some("EncodedCertificate") {
            found.push(element.attribute("value").unwrap().to_owned());
        }
        element.children.iter().for_each(|child| certificates(child, found));
    }
    let mut found = Vec::new();
    certificates(&parse(&provisioning().to_xml()).unwrap(), &mut found);
    assert_eq!(found, [1, 2, 0xab].map(|byte| STANDARD.encode([byte; 3])));
}

#[test]
fn a_device_is_told_why_not() {
    let fault = Fault {
        subcode: Subcode::Authorization,
        reason: "too many devices".to_owned(),
        detail: Some(DeviceError::DeviceCapReached),
    };
    insta::assert_snapshot!(text(&Answer::Fault(Step::Enrol, fault)));
    for (step, subcode) in Step::ALL.into_iter().cycle().zip(Subcode::ALL) {
        let fault = Fault { subcode, reason: "<no>".to_owned(), detail: None };
        let answer = encode(&Answer::Fault(step, fault), None, Guid::from_bytes([0; 16]));
        let answer = parse(&answer).unwrap();
        assert_eq!(answer.at(&["Header"]).unwrap().text_of("Action"), Some(step.answer_action()));
        assert!(answer.at(&["Header", "RelatesTo"]).is_none());
        let fault = answer.at(&["Body", "Fault"]).unwrap();
        assert_eq!(fault.at(&["Code", "Subcode"]).unwrap().text_of("Value"), Some(subcode.name()));
        assert_eq!(fault.child("Reason").unwrap().text_of("Text"), Some("<no>"));
        assert!(fault.child("Detail").is_none());
    }
}
