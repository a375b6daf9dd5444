//! Requests as devices send them, and as nobody should.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use proptest::{collection::vec, prelude::*, sample::select};

use crate::{
    mde2::{
        AuthPolicy, Body, CERTIFICATE_REQUEST_LEN_MAX, CONTEXT_ITEMS_MAX, CREDENTIAL_LEN_MAX, Credential,
        Enrol, Mde2Error, RequestKind, Step, TEXT_LEN_MAX, decode,
    },
    spoil::{mutate, mutations},
    xml::{Writer, XmlError},
};

const DISCOVER: &str = include_str!("../fixtures/discover.xml");
const POLICY: &str = include_str!("../fixtures/policy.xml");
const ENROL: &str = include_str!("../fixtures/enrol.xml");
const RENEWAL: &str = include_str!("../fixtures/renewal.xml");

#[test]
fn a_device_looks_for_its_server() {
    let request = decode(DISCOVER.as_bytes()).unwrap();
    assert_eq!(request.message_id, "urn:uuid: 1c2b7d0e-5a2f-4d0b-9a43-2f5c3f1d7e66");
    assert!(request.credential.is_none());
    let Body::Discover(discover) = request.body else { panic!("{request:?}") };
    assert_eq!((discover.email.as_str(), discover.request_version.as_str()), ("user@laps.example", "4.0"));
    assert_eq!(discover.device_type.as_deref(), Some("CIMClient_Windows"));
    assert_eq!(discover.os_edition.as_deref(), Some("101"));
    assert_eq!(discover.auth_policies, [AuthPolicy::OnPremise, AuthPolicy::Federated]);
}

#[test]
fn a_device_asks_for_the_policy_with_a_password() {
    let request = decode(POLICY.as_bytes()).unwrap();
    assert_eq!(request.body, Body::Policy);
    assert!(!format!("{request:?}").contains("password\""), "{request:?}");
    let Some(Credential::Password { user, password }) = request.credential else { panic!("{request:?}") };
    assert_eq!((user.as_str(), password.expose_secret()), ("user@laps.example", "not&a<password"));
}

#[test]
fn a_device_asks_for_a_certificate_with_a_token() {
    let request = decode(ENROL.as_bytes()).unwrap();
    let Some(Credential::UserToken(token)) = &request.credential else { panic!("{request:?}") };
    assert_eq!(token.expose_secret(), "not a token");
    let Body::Enrol(enrol) = request.body else { panic!("{request:?}") };
    assert_eq!((enrol.kind, enrol.request.as_slice()), (RequestKind::First, &b"not a request"[..]));
    assert_eq!(enrol.context("OSEdition"), Some("4"));
    assert_eq!(enrol.context("mac"), Some("FF:FF:FF:FF:FF:FF"));
    assert_eq!(enrol.context("ZeroTouchProvisioning"), Some(""));
    assert_eq!((enrol.context("HWDevID"), enrol.context.len()), (None, 6));

    let jwt = ENROL.replace(
        "http://schemas.microsoft.com/5.0.0.0/ConfigurationManager/Enrollment/DeviceEnrollmentUserToken",
        "urn:ietf:params:oauth:token-type:jwt",
    );
    assert!(matches!(decode(jwt.as_bytes()).unwrap().credential, Some(Credential::EntraToken(_))));
    let other = jwt.replace("token-type:jwt", "token-type:other");
    assert!(decode(other.as_bytes()).unwrap().credential.is_none());
}

#[test]
fn a_device_renews_its_certificate_without_a_credential() {
    let request = decode(RENEWAL.as_bytes()).unwrap();
    assert!(request.credential.is_none());
    let Body::Enrol(Enrol { kind, context, .. }) = request.body else { panic!("{request:?}") };
    assert_eq!((kind, context.len()), (RequestKind::Renewal, 0));
}

#[test]
fn what_lacks_a_part_is_no_request() {
    for (document, from, to, name) in [
        (DISCOVER, "Envelope", "Parcel", "Envelope"),
        (DISCOVER, "IDiscoveryService", "IService", "Action"),
        (DISCOVER, "a:MessageID>", "a:Message>", "MessageID"),
        (DISCOVER, "user@laps.example", "", "EmailAddress"),
        (DISCOVER, "4.0", "", "RequestVersion"),
        (DISCOVER, "request", "demand", "request"),
        (DISCOVER, Step::Discover.action(), Step::Policy.action(), "GetPolicies"),
        (POLICY, Step::Policy.action(), Step::Discover.action(), "Discover"),
        (POLICY, "user@laps.example", " ", "Username"),
        (POLICY, "wsse:Password", "wsse:Passwort", "Password"),
        (ENROL, "dG9rZW4=", "dG9rZW4", "BinarySecurityToken"),
        (ENROL, "dG9rZW4=", "/w==", "BinarySecurityToken"),
        (ENROL, "#PKCS10", "#PKCS11", "BinarySecurityToken"),
        (ENROL, "wst:RequestSecurityToken", "wst:Request", "RequestSecurityToken"),
    ] {
        let error = decode(document.replace(from, to).as_bytes()).unwrap_err();
        assert_eq!(error, Mde2Error::Missing(name), "{to}");
    }
    let entity = format!("<!DOCTYPE a [<!ENTITY b \"c\">]>{POLICY}");
    assert!(matches!(decode(entity.as_bytes()), Err(Mde2Error::Xml(XmlError::Forbidden { .. }))));
}

#[test]
fn texts_credentials_and_requests_are_bounded() {
    let email = |len: usize| decode(DISCOVER.replace("user@laps.example", &"x".repeat(len)).as_bytes()).err();
    assert_eq!(email(TEXT_LEN_MAX), None);
    assert_eq!(email(TEXT_LEN_MAX + 1), Some(Mde2Error::TooLong("EmailAddress")));
    let password =
        |len: usize| decode(POLICY.replace("not&amp;a&lt;password", &"x".repeat(len)).as_bytes()).err();
    assert_eq!(password(CREDENTIAL_LEN_MAX), None);
    assert_eq!(password(CREDENTIAL_LEN_MAX + 1), Some(Mde2Error::TooLong("Password")));
    let request = |len: usize| {
        decode(RENEWAL.replace("bm90IGEgcmVxdWVzdA==", &STANDARD.encode(vec![0; len])).as_bytes()).err()
    };
    assert_eq!(request(CERTIFICATE_REQUEST_LEN_MAX), None);
    assert_eq!(request(CERTIFICATE_REQUEST_LEN_MAX + 1), Some(Mde2Error::TooLong("BinarySecurityToken")));
    let items = |count: usize| {
        let item = "<ac:ContextItem Name=\"X\"/>".repeat(count - 6);
        let end = "</ac:AdditionalContext>";
        decode(ENROL.replace(end, &format!("{item}{end}")).as_bytes()).err()
    };
    assert_eq!(items(CONTEXT_ITEMS_MAX), None);
    assert_eq!(items(CONTEXT_ITEMS_MAX + 1), Some(Mde2Error::TooLong("AdditionalContext")));
}

#[test]
fn an_error_repeats_no_input() {
    for document in [
        POLICY.replace("<wsse:Username>", "<wsse:Username/><x>").replace("</wsse:Username>", "</x>"),
        POLICY.replace("</wsse:Password>", "</wsse:not&a<password>"),
        ENROL.replace("bm90IGEg", "not&amp;a&lt;password"),
    ] {
        let error = decode(document.as_bytes()).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("password"), "{error}");
    }
}

proptest! {
    #[test]
    fn whatever_a_device_says_of_itself_is_read(
        request in vec(any::<u8>(), 0..64),
        context in vec(("[!-~]{1,12}", "[!-~ä]([ -~ä]{0,10}[!-~ä])?"), 0..8),
    ) {
        let mut writer = Writer::default();
        writer.element("AdditionalContext", |writer| for (name, value) in &context {
            writer.element_with("ContextItem", &[("Name", name)], |writer| writer.text("Value", value));
        });
        let list = String::from_utf8(writer.finish()).unwrap();
        let document = RENEWAL
            .replace("bm90IGEgcmVxdWVzdA==", &STANDARD.encode(&request))
            .replace("</wst:RequestSecurityToken>", &format!("{list}</wst:RequestSecurityToken>"));
        let read = decode(document.as_bytes()).unwrap().body;
        prop_assert_eq!(read, Body::Enrol(Enrol { kind: RequestKind::Renewal, request, context }));
    }

    #[test]
    fn a_spoilt_request_never_panics(
        bytes: Vec<u8>,
        document in select(&[DISCOVER, POLICY, ENROL, RENEWAL][..]),
        mutations in vec(mutations(), 1..4),
    ) {
        drop(decode(&bytes));
        let mut spoilt = document.as_bytes().to_vec();
        mutations.iter().for_each(|mutation| mutate(&mut spoilt, mutation));
        drop(decode(&spoilt));
    }
}
