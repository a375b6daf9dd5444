//! How a server says no. "Mobile device enrollment", Enrollment error messages; [MS-MDE2] 3.1.4.1.

use crate::xml::Writer;

const ENROLMENT: &str = "http://schemas.microsoft.com/windows/pki/2009/01/enrollment";

/// Why a device is not enrolled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The class, from which the device takes the text that it shows.
    pub subcode: Subcode,
    /// For people, in English; nothing that the device has sent.
    pub reason: String,
    /// More, from which the device takes a better text.
    pub detail: Option<DeviceError>,
}

/// The class of a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subcode {
    /// The request cannot be read.
    MessageFormat,
    /// The password or token is wrong.
    Authentication,
    /// The user may not enrol devices.
    Authorization,
    /// The certificate request cannot be granted.
    CertificateRequest,
    /// The server is in trouble.
    EnrollmentServer,
    /// The server has a defect.
    InternalServiceFault,
    /// The credential cannot be read.
    InvalidSecurity,
}

impl Subcode {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::MessageFormat,
        Self::Authentication,
        Self::Authorization,
        Self::CertificateRequest,
        Self::EnrollmentServer,
        Self::InternalServiceFault,
        Self::InvalidSecurity,
    ];

    /// Its name on the wire: of SOAP's namespace or of WS-Addressing's.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MessageFormat => "s:MessageFormat",
            Self::Authentication => "s:Authentication",
            Self::Authorization => "s:Authorization",
            Self::CertificateRequest => "s:CertificateRequest",
            Self::EnrollmentServer => "s:EnrollmentServer",
            Self::InternalServiceFault => "a:InternalServiceFault",
            Self::InvalidSecurity => "a:InvalidSecurity",
        }
    }
}

/// What a device shows in place of its class's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeviceError {
    /// The user has too many devices.
    DeviceCapReached,
    /// Not this kind or version of device.
    DeviceNotSupported,
    /// Not this device.
    NotSupported,
    /// The certificate is not to be renewed yet, or no more.
    NotEligibleToRenew,
    /// Try later.
    InMaintenance,
    /// The user has no licence.
    UserLicense,
    /// What the device says of itself is not accepted.
    InvalidEnrollmentData,
}

impl DeviceError {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::DeviceCapReached,
        Self::DeviceNotSupported,
        Self::NotSupported,
        Self::NotEligibleToRenew,
        Self::InMaintenance,
        Self::UserLicense,
        Self::InvalidEnrollmentData,
    ];

    /// Its name on the wire.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DeviceCapReached => "DeviceCapReached",
            Self::DeviceNotSupported => "DeviceNotSupported",
            Self::NotSupported => "NotSupported",
            Self::NotEligibleToRenew => "NotEligibleToRenew",
            Self::InMaintenance => "InMaintenance",
            Self::UserLicense => "UserLicense",
            Self::InvalidEnrollmentData => "InvalidEnrollmentData",
        }
    }
}

pub(super) fn write(writer: &mut Writer, fault: &Fault, trace: &str) {
    writer.element("s:Fault", |writer| {
        writer.element("s:Code", |writer| {
            writer.text("s:Value", "s:Receiver");
            writer.element("s:Subcode", |writer| writer.text("s:Value", fault.subcode.name()));
        });
        writer.element("s:Reason", |writer| {
            writer.text_with("s:Text", &[("xml:lang", "en-us")], &fault.reason);
        });
        if let Some(detail) = fault.detail {
            writer.element("s:Detail", |writer| {
                writer.element_with("DeviceEnrollmentServiceError", &[("xmlns", ENROLMENT)], |writer| {
                    writer.text("ErrorType", detail.name());
                    writer.text("Message", &fault.reason);
                    writer.text("TraceId", trace);
                });
            });
        }
    });
}
