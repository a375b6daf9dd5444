//! A tree of elements to a request.

use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::{
    AuthPolicy, Body, CERTIFICATE_REQUEST_LEN_MAX, CONTEXT_ITEMS_MAX, CREDENTIAL_LEN_MAX, Credential,
    Discover, Enrol, Mde2Error, Request, RequestKind, Step, TEXT_LEN_MAX,
};
use crate::{secret_text::SecretText, xml::Element};

/// [MS-MDE2] 3.3.4.1.1.1: a token of the log-on page.
const USER_TOKEN: &str =
    "http://schemas.microsoft.com/5.0.0.0/ConfigurationManager/Enrollment/DeviceEnrollmentUserToken";
const ENTRA_TOKEN: &str = "urn:ietf:params:oauth:token-type:jwt";
const PKCS10: &str = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment#PKCS10";
const PKCS7: &str = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment#PKCS7";

pub(super) fn request(envelope: &Element) -> Result<Request, Mde2Error> {
    if !envelope.is("Envelope") {
        return Err(Mde2Error::Missing("Envelope"));
    }
    let header = child(envelope, "Header")?;
    let action = child(header, "Action")?.trimmed();
    let step = Step::ALL.into_iter().find(|step| step.action() == action);
    let body = child(envelope, "Body")?;
    Ok(Request {
        message_id: required(header, "MessageID")?,
        credential: header.child("Security").map(credential).transpose()?.flatten(),
        body: match step.ok_or(Mde2Error::Missing("Action"))? {
            Step::Discover => Body::Discover(discover(child(child(body, "Discover")?, "request")?)?),
            Step::Policy => child(body, "GetPolicies").map(|_| Body::Policy)?,
            Step::Enrol => Body::Enrol(enrol(child(body, "RequestSecurityToken")?)?),
        },
    })
}

fn child<'a>(parent: &'a Element, name: &'static str) -> Result<&'a Element, Mde2Error> {
    parent.child(name).ok_or(Mde2Error::Missing(name))
}

fn bounded(text: &str, name: &'static str) -> Result<String, Mde2Error> {
    if text.len() <= TEXT_LEN_MAX { Ok(text.to_owned()) } else { Err(Mde2Error::TooLong(name)) }
}

fn optional(parent: &Element, name: &'static str) -> Result<Option<String>, Mde2Error> {
    parent.text_of(name).filter(|text| !text.is_empty()).map(|text| bounded(text, name)).transpose()
}

fn required(parent: &Element, name: &'static str) -> Result<String, Mde2Error> {
    optional(parent, name)?.ok_or(Mde2Error::Missing(name))
}

/// A token that is not known is none. WS-Security 1.0 sections 6.2 and 6.3.
fn credential(security: &Element) -> Result<Option<Credential>, Mde2Error> {
    if let Some(token) = security.child("UsernameToken") {
        let password = child(token, "Password")?.trimmed();
        return Ok(Some(Credential::Password {
            user: required(token, "Username")?,
            password: secret(password.as_bytes(), "Password")?,
        }));
    }
    let Some(token) = security.child("BinarySecurityToken") else { return Ok(None) };
    let kind = match token.attribute("ValueType") {
        Some(USER_TOKEN) => Credential::UserToken,
        Some(ENTRA_TOKEN) => Credential::EntraToken,
        Some(_) | None => return Ok(None),
    };
    Ok(Some(kind(secret(&base64(token)?, "BinarySecurityToken")?)))
}

fn secret(bytes: &[u8], name: &'static str) -> Result<SecretText, Mde2Error> {
    if bytes.len() > CREDENTIAL_LEN_MAX {
        return Err(Mde2Error::TooLong(name));
    }
    let text = core::str::from_utf8(bytes).map_err(|_| Mde2Error::Missing(name))?;
    Ok(SecretText::new(text.to_owned()))
}

/// Line breaks may stand anywhere in it.
fn base64(element: &Element) -> Result<Vec<u8>, Mde2Error> {
    let digits: Vec<u8> = element.text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    STANDARD.decode(digits).map_err(|_| Mde2Error::Missing("BinarySecurityToken"))
}

fn discover(request: &Element) -> Result<Discover, Mde2Error> {
    let offered = |policy: &AuthPolicy| {
        let mut offers =
            request.child("AuthPolicies").into_iter().flat_map(|list| list.children_named("AuthPolicy"));
        offers.any(|offer| offer.trimmed() == policy.name())
    };
    Ok(Discover {
        email: required(request, "EmailAddress")?,
        request_version: required(request, "RequestVersion")?,
        device_type: optional(request, "DeviceType")?,
        application_version: optional(request, "ApplicationVersion")?,
        os_edition: optional(request, "OSEdition")?,
        auth_policies: AuthPolicy::ALL.into_iter().filter(offered).collect(),
    })
}

fn enrol(request: &Element) -> Result<Enrol, Mde2Error> {
    let token = child(request, "BinarySecurityToken")?;
    let kind = match token.attribute("ValueType") {
        Some(PKCS10) => RequestKind::First,
        Some(PKCS7) => RequestKind::Renewal,
        Some(_) | None => return Err(Mde2Error::Missing("BinarySecurityToken")),
    };
    let der = base64(token)?;
    if der.len() > CERTIFICATE_REQUEST_LEN_MAX {
        return Err(Mde2Error::TooLong("BinarySecurityToken"));
    }
    let mut context = Vec::new();
    let items =
        request.child("AdditionalContext").into_iter().flat_map(|list| list.children_named("ContextItem"));
    for item in items {
        if context.len() >= CONTEXT_ITEMS_MAX {
            return Err(Mde2Error::TooLong("AdditionalContext"));
        }
        let name = bounded(item.attribute("Name").unwrap_or_default().trim(), "ContextItem")?;
        context.push((name, bounded(item.text_of("Value").unwrap_or_default(), "ContextItem")?));
    }
    Ok(Enrol { kind, request: der, context })
}
