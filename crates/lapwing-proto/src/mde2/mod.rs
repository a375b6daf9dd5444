//! Enrolment of Windows devices for device management: discovery, certificate policy, certificate and provisioning
//! document, as SOAP 1.2. [MS-MDE2]; [MS-XCEP] and [MS-WSTEP] for the last two calls' own names.
//!
//! Here is the server's side: requests are read, answers are written. Not verified live against Windows.
//!
//! INVARIANT: what is read is bounded by [`crate::xml`] and the limits here, and no error repeats the input: it holds a
//! password or token.

mod fault;
mod provisioning;
mod read;
mod write;

use lapwing_core::types::{FileTime, Guid};

pub use fault::{DeviceError, Fault, Subcode};
pub use provisioning::{Certificate, Poll, Provisioning, Retries, Store};

use crate::{
    secret_text::SecretText,
    xml::{self, XmlError},
};

/// The media type of requests and answers.
pub const MEDIA_TYPE: &str = "application/soap+xml; charset=utf-8";
/// The longest certificate request, in bytes of DER.
pub const CERTIFICATE_REQUEST_LEN_MAX: usize = 16 << 10;
/// The items of additional context in one request.
pub const CONTEXT_ITEMS_MAX: usize = 64;
/// The longest text of a request, in bytes.
pub const TEXT_LEN_MAX: usize = 1024;
/// The longest password or token, in bytes: tokens of Entra ID have a few thousand.
pub const CREDENTIAL_LEN_MAX: usize = 16 << 10;

/// The three calls, in their order. [MS-MDE2] 3.1 to 3.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Where the other two are, and how a user proves who it is.
    Discover,
    /// What the certificate request must be like.
    Policy,
    /// The certificate, and all that management needs.
    Enrol,
}

impl Step {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Discover, Self::Policy, Self::Enrol];

    /// The SOAP action of the request.
    #[must_use]
    pub const fn action(self) -> &'static str {
        match self {
            Self::Discover => {
                "http://schemas.microsoft.com/windows/management/2012/01/enrollment/IDiscoveryService/Discover"
            }
            Self::Policy => {
                "http://schemas.microsoft.com/windows/pki/2009/01/enrollmentpolicy/IPolicy/GetPolicies"
            }
            Self::Enrol => "http://schemas.microsoft.com/windows/pki/2009/01/enrollment/RST/wstep",
        }
    }

    /// The SOAP action of the answer.
    #[must_use]
    pub const fn answer_action(self) -> &'static str {
        match self {
            Self::Discover => {
                "http://schemas.microsoft.com/windows/management/2012/01/enrollment/IDiscoveryService/DiscoverResponse"
            }
            Self::Policy => {
                "http://schemas.microsoft.com/windows/pki/2009/01/enrollmentpolicy/IPolicy/GetPoliciesResponse"
            }
            Self::Enrol => "http://schemas.microsoft.com/windows/pki/2009/01/enrollment/RSTRC/wstep",
        }
    }
}

/// Why bytes are not a request. What is sent for it is [`Subcode::MessageFormat`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Mde2Error {
    /// Not even a document.
    #[error(transparent)]
    Xml(#[from] XmlError),
    /// An element that such a request has is missing, or holds what it may not.
    #[error("the request has no `{0}`, or not one that can be read")]
    Missing(&'static str),
    /// A text is longer than any honest one, or there are too many.
    #[error("`{0}` of the request is too long")]
    TooLong(&'static str),
}

/// A request of a device.
#[derive(Debug)]
pub struct Request {
    /// Its name, which the answer repeats; the device chooses it, and it means nothing.
    pub message_id: String,
    /// How the user proves who it is; none at discovery and renewal.
    pub credential: Option<Credential>,
    /// What is asked for.
    pub body: Body,
}

/// How a user proves who it is.
#[derive(Debug)]
pub enum Credential {
    /// With [`AuthPolicy::OnPremise`].
    Password {
        /// Who it says it is.
        user: String,
        /// The password.
        password: SecretText,
    },
    /// With [`AuthPolicy::Federated`]: what the log-on page gave.
    UserToken(SecretText),
    /// A token of Entra ID, with an enrolment that began there.
    EntraToken(SecretText),
}

/// How users can prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AuthPolicy {
    /// A password with each call.
    OnPremise,
    /// A token from a log-on page.
    Federated,
    /// A certificate that the device has already.
    Certificate,
}

impl AuthPolicy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::OnPremise, Self::Federated, Self::Certificate];

    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::OnPremise => "OnPremise",
            Self::Federated => "Federated",
            Self::Certificate => "Certificate",
        }
    }
}

/// What a device asks for.
#[derive(Debug, PartialEq, Eq)]
pub enum Body {
    /// [`Step::Discover`].
    Discover(Discover),
    /// [`Step::Policy`].
    Policy,
    /// [`Step::Enrol`].
    Enrol(Enrol),
}

/// A device that looks for its server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discover {
    /// The user's, or `domain\user`.
    pub email: String,
    /// The version of the protocol that the device speaks, such as `4.0`.
    pub request_version: String,
    /// Such as `CIMClient_Windows`.
    pub device_type: Option<String>,
    /// The version of its system.
    pub application_version: Option<String>,
    /// The edition of its system, a number.
    pub os_edition: Option<String>,
    /// What the device can do; empty if it does not say.
    pub auth_policies: Vec<AuthPolicy>,
}

/// A device that wants a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrol {
    /// What `request` is.
    pub kind: RequestKind,
    /// In DER.
    pub request: Vec<u8>,
    /// What the device says of itself, by name; some names come several times.
    pub context: Vec<(String, String)>,
}

impl Enrol {
    /// The first value of that name, such as `DeviceName`, `HWDevID` or `EnrollmentType`.
    #[must_use]
    pub fn context(&self, name: &str) -> Option<&str> {
        let (_, value) = self.context.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(value)
    }
}

/// The form of a certificate request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestKind {
    /// PKCS#10: the first certificate. RFC 2986.
    First,
    /// PKCS#7, signed with the certificate to be replaced, which the device shows in TLS too.
    Renewal,
}

/// An answer to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// To [`Body::Discover`].
    Discovered(Discovered),
    /// To [`Body::Policy`].
    Policy(CertificatePolicy),
    /// To [`Body::Enrol`].
    Issued(Box<Issued>),
    /// No, to any.
    Fault(Step, Fault),
}

impl Answer {
    /// What it answers.
    #[must_use]
    pub const fn step(&self) -> Step {
        match self {
            Self::Discovered(_) => Step::Discover,
            Self::Policy(_) => Step::Policy,
            Self::Issued(_) => Step::Enrol,
            Self::Fault(step, _) => *step,
        }
    }
}

/// Where a device enrols.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discovered {
    /// How a user proves who it is.
    pub auth_policy: AuthPolicy,
    /// The version of the protocol that the server speaks.
    pub version: String,
    /// Absolute URL of [`Step::Policy`], on the same host as the next.
    pub policy_url: String,
    /// Absolute URL of [`Step::Enrol`].
    pub enrolment_url: String,
    /// Absolute URL of the log-on page, with [`AuthPolicy::Federated`].
    pub authentication_url: Option<String>,
}

/// What a certificate request must be like. [MS-XCEP] 3.1.4.1.3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificatePolicy {
    /// For people.
    pub name: String,
    /// How long a certificate is valid, in seconds.
    pub validity_seconds: u64,
    /// How long before its end it is renewed, in seconds.
    pub renewal_seconds: u64,
}

/// What a device takes home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issued {
    /// Certificates, addresses, schedule.
    pub provisioning: Provisioning,
    /// When the answer was made.
    pub created: FileTime,
    /// Until when a device may take it.
    pub expires: FileTime,
}

/// Reads one request.
///
/// # Errors
/// [`Mde2Error`] if it is none of the three.
pub fn decode(bytes: &[u8]) -> Result<Request, Mde2Error> {
    read::request(&xml::parse(bytes)?)
}

/// Writes an answer to the request with that `message_id`, if it could be read. `activity` finds it in the server's log.
/// The answer must be sent with its length, and not in chunks.
#[must_use]
pub fn encode(answer: &Answer, message_id: Option<&str>, activity: Guid) -> Vec<u8> {
    write::answer(answer, message_id, activity)
}

#[cfg(test)]
mod tests;
