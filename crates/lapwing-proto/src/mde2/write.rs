//! An answer to bytes.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use lapwing_core::types::Guid;

use super::{Answer, CertificatePolicy, Discovered, Issued, fault};
use crate::xml::Writer;

const SOAP: (&str, &str) = ("xmlns:s", "http://www.w3.org/2003/05/soap-envelope");
const ADDRESSING: (&str, &str) = ("xmlns:a", "http://www.w3.org/2005/08/addressing");
const UTILITY: (&str, &str) =
    ("xmlns:u", "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd");
const SECURITY: &str = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const SCHEMA_INSTANCE: (&str, &str) = ("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance");
const DIAGNOSTICS: &str = "http://schemas.microsoft.com/2004/09/ServiceModel/Diagnostics";
const DISCOVERY: &str = "http://schemas.microsoft.com/windows/management/2012/01/enrollment";
const POLICY: &str = "http://schemas.microsoft.com/windows/pki/2009/01/enrollmentpolicy";
const TRUST: &str = "http://docs.oasis-open.org/ws-sx/ws-trust/200512";
const ENROLMENT: &str = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment";
const TOKEN_TYPE: &str =
    "http://schemas.microsoft.com/5.0.0.0/ConfigurationManager/Enrollment/DeviceEnrollmentToken";
const DOCUMENT: &str =
    "http://schemas.microsoft.com/5.0.0.0/ConfigurationManager/Enrollment/DeviceEnrollmentProvisionDoc";
const BASE64: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd#base64binary";

/// The least length of a key, in bits.
const KEY_BITS_MIN: &str = "2048";
/// The hash algorithm that every published answer names, SHA-1 with RSA, and Microsoft's name of it.
const HASH: (&str, &str) = ("1.3.14.3.2.29", "szOID_OIWSEC_sha1RSASign");

pub(super) fn answer(answer: &Answer, message_id: Option<&str>, activity: Guid) -> Vec<u8> {
    let activity = activity.to_string();
    let mut writer = Writer::default();
    writer.element_with("s:Envelope", &[SOAP, ADDRESSING, UTILITY], |writer| {
        writer.element("s:Header", |writer| {
            let must_understand = [("s:mustUnderstand", "1")];
            writer.text_with("a:Action", &must_understand, answer.step().answer_action());
            let attributes = [("CorrelationId", activity.as_str()), ("xmlns", DIAGNOSTICS)];
            writer.text_with("ActivityId", &attributes, &activity);
            writer.optional("a:RelatesTo", message_id);
            if let Answer::Issued(issued) = answer {
                timestamp(writer, issued);
            }
        });
        writer.element_with("s:Body", &[SCHEMA_INSTANCE], |writer| match answer {
            Answer::Discovered(answer) => discovered(writer, answer),
            Answer::Policy(answer) => policy(writer, answer),
            Answer::Issued(answer) => issued(writer, answer),
            Answer::Fault(_, fault) => fault::write(writer, fault, &activity),
        });
    });
    writer.finish()
}

/// WS-Security 1.0 section 10.
fn timestamp(writer: &mut Writer, issued: &Issued) {
    let attributes = [("s:mustUnderstand", "1"), ("xmlns:o", SECURITY)];
    writer.element_with("o:Security", &attributes, |writer| {
        writer.element_with("u:Timestamp", &[("u:Id", "_0")], |writer| {
            writer.text("u:Created", &issued.created.to_string());
            writer.text("u:Expires", &issued.expires.to_string());
        });
    });
}

fn discovered(writer: &mut Writer, answer: &Discovered) {
    writer.element_with("DiscoverResponse", &[("xmlns", DISCOVERY)], |writer| {
        writer.element("DiscoverResult", |writer| {
            writer.text("AuthPolicy", answer.auth_policy.name());
            writer.text("EnrollmentVersion", &answer.version);
            writer.text("EnrollmentPolicyServiceUrl", &answer.policy_url);
            writer.text("EnrollmentServiceUrl", &answer.enrolment_url);
            writer.optional("AuthenticationServiceUrl", answer.authentication_url.as_deref());
        });
    });
}

fn policy(writer: &mut Writer, policy: &CertificatePolicy) {
    writer.element_with("GetPoliciesResponse", &[("xmlns", POLICY)], |writer| {
        writer.element("response", |writer| {
            writer.empty("policyID", &[]);
            nil(writer, &["policyFriendlyName", "nextUpdateHours", "policiesNotChanged"]);
            writer.element("policies", |writer| {
                writer.element("policy", |writer| {
                    writer.text("policyOIDReference", "0");
                    nil(writer, &["cAs"]);
                    writer.element("attributes", |writer| attributes(writer, policy));
                });
            });
        });
        nil(writer, &["cAs"]);
        writer.element("oIDs", |writer| {
            writer.element("oID", |writer| {
                let (value, name) = HASH;
                writer.text("value", value);
                writer.text("group", "1");
                writer.text("oIDReferenceID", "0");
                writer.text("defaultName", name);
            });
        });
    });
}

/// [MS-XCEP] 3.1.4.1.3.1.
fn attributes(writer: &mut Writer, policy: &CertificatePolicy) {
    writer.text("commonName", &policy.name);
    writer.text("policySchema", "3");
    writer.element("certificateValidity", |writer| {
        writer.text("validityPeriodSeconds", &policy.validity_seconds.to_string());
        writer.text("renewalPeriodSeconds", &policy.renewal_seconds.to_string());
    });
    writer.element("permission", |writer| {
        writer.text("enroll", "true");
        writer.text("autoEnroll", "false");
    });
    writer.element("privateKeyAttributes", |writer| {
        writer.text("minimalKeyLength", KEY_BITS_MIN);
        nil(
            writer,
            &["keySpec", "keyUsageProperty", "permissions", "algorithmOIDReference", "cryptoProviders"],
        );
    });
    writer.element("revision", |writer| {
        writer.text("majorRevision", "101");
        writer.text("minorRevision", "0");
    });
    nil(
        writer,
        &["supersededPolicies", "privateKeyFlags", "subjectNameFlags", "enrollmentFlags", "generalFlags"],
    );
    writer.text("hashAlgorithmOIDReference", "0");
    nil(writer, &["rARequirements", "keyArchivalAttributes", "extensions"]);
}

fn nil(writer: &mut Writer, names: &[&str]) {
    names.iter().for_each(|name| writer.empty(name, &[("xsi:nil", "true")]));
}

fn issued(writer: &mut Writer, issued: &Issued) {
    writer.element_with("RequestSecurityTokenResponseCollection", &[("xmlns", TRUST)], |writer| {
        writer.element("RequestSecurityTokenResponse", |writer| {
            writer.text("TokenType", TOKEN_TYPE);
            writer.empty("DispositionMessage", &[("xmlns", ENROLMENT)]);
            writer.element("RequestedSecurityToken", |writer| {
                let attributes = [("ValueType", DOCUMENT), ("EncodingType", BASE64), ("xmlns", SECURITY)];
                let document = STANDARD.encode(issued.provisioning.to_xml());
                writer.text_with("BinarySecurityToken", &attributes, &document);
            });
            writer.text_with("RequestID", &[("xmlns", ENROLMENT)], "0");
        });
    });
}
