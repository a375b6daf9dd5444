//! Why a domain controller did not do what it was asked, in the few kinds that call for different things. The commands
//! that next steps name come with the client that uses this.

use lapwing_core::event::{EventId, Hresult};

/// What was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// To know who asks.
    Bind,
    /// To read the computer's state, the schema, or a policy.
    Query,
    /// To store a password or an expiry.
    Update(Attributes),
}

/// Whose attributes an update is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attributes {
    /// Those of Windows LAPS.
    WindowsLaps,
    /// Those of legacy Microsoft LAPS.
    Legacy,
}

/// The kinds of refusals, by the result codes of LDAP. RFC 4511 section 4.1.9; [MS-ADTS] 3.1.1.3.1.9.
///
/// Only the code is looked at: texts differ from one implementation to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdRefusal {
    /// 49: the computer's account is disabled, gone, or has another password.
    InvalidCredentials,
    /// 8 and 13: the controller wants the connection signed or encrypted.
    NotProtected,
    /// 50: the computer has no right to the attribute.
    NoRight,
    /// 17: the schema has no such attribute.
    NotInSchema,
    /// 65: the schema has the attribute, and `computer` may not have it.
    NotOnComputer,
    /// 10: the controller holds no copy that can be written.
    ReadOnly,
    /// 16: a value that was to be replaced is no longer there: somebody else was faster.
    Overtaken,
    /// 32: the computer's account is not where it was.
    NoSuchObject,
    /// 19, 20 and 21: the value is not one that the attribute takes.
    BadValue,
    /// 53: the controller is not willing, for a reason that its log tells.
    Unwilling,
    /// 3, 51 and 52: it is busy, shutting down, or too slow.
    Busy,
    /// Any other code.
    Other(u32),
}

impl AdRefusal {
    /// The kind of a result code; none if the code is no refusal.
    #[must_use]
    pub const fn from_result_code(code: u32) -> Option<Self> {
        Some(match code {
            0 => return None,
            3 | 51 | 52 => Self::Busy,
            8 | 13 => Self::NotProtected,
            10 => Self::ReadOnly,
            16 => Self::Overtaken,
            17 => Self::NotInSchema,
            19..=21 => Self::BadValue,
            32 => Self::NoSuchObject,
            49 => Self::InvalidCredentials,
            50 => Self::NoRight,
            53 => Self::Unwilling,
            65 => Self::NotOnComputer,
            other => Self::Other(other),
        })
    }

    /// The event that Windows raises for it. Event manifest of Microsoft-Windows-LAPS.
    #[must_use]
    pub const fn event(self, request: Request) -> EventId {
        match (self, request) {
            (Self::NotInSchema | Self::NotOnComputer, _) => EventId::AdSchemaLacksLaps,
            (_, Request::Bind) => EventId::BindFailed,
            (Self::ReadOnly, Request::Update(_)) => EventId::NoDomainController,
            (Self::NoRight, Request::Update(Attributes::WindowsLaps)) => EventId::NoRightOnAttribute,
            (Self::NoRight, Request::Update(Attributes::Legacy)) => EventId::NoRightOnLegacyAttribute,
            (_, Request::Query) => EventId::AdQueryFailed,
            (_, Request::Update(_)) => EventId::AdUpdateFailed,
        }
    }

    /// The code that Windows would report: the `ERROR_DS_…` of the result code. [MS-ERREF] 2.2.
    #[must_use]
    pub const fn hresult(self) -> Hresult {
        Hresult::from_win32(match self {
            // ERROR_LOGON_FAILURE.
            Self::InvalidCredentials => 1326,
            // ERROR_DS_STRONG_AUTH_REQUIRED.
            Self::NotProtected => 8232,
            // ERROR_DS_INSUFF_ACCESS_RIGHTS.
            Self::NoRight => 8344,
            // ERROR_DS_ATTRIBUTE_TYPE_UNDEFINED.
            Self::NotInSchema => 8204,
            // ERROR_DS_OBJ_CLASS_VIOLATION.
            Self::NotOnComputer => 8212,
            // ERROR_DS_REFERRAL.
            Self::ReadOnly => 8235,
            // ERROR_DS_NO_ATTRIBUTE_OR_VALUE.
            Self::Overtaken => 8202,
            // ERROR_DS_NO_SUCH_OBJECT.
            Self::NoSuchObject => 8240,
            // ERROR_DS_CONSTRAINT_VIOLATION.
            Self::BadValue => 8239,
            // ERROR_DS_UNWILLING_TO_PERFORM.
            Self::Unwilling => 8245,
            // ERROR_DS_BUSY.
            Self::Busy => 8206,
            // ERROR_DS_OPERATIONS_ERROR.
            Self::Other(_) => 8224,
        })
    }

    /// What happened, for people.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::InvalidCredentials => "the domain controller does not accept this computer's credentials",
            Self::NotProtected => "the domain controller wants the connection signed or encrypted",
            Self::NoRight => "this computer has no right to the attribute",
            Self::NotInSchema => "the schema of the forest has no such attribute",
            Self::NotOnComputer => "the schema does not let a computer have the attribute",
            Self::ReadOnly => "the domain controller holds no copy that can be written",
            Self::Overtaken => "somebody else has changed the value in the meantime",
            Self::NoSuchObject => "the computer's account is not where it was",
            Self::BadValue => "the domain controller does not take the value",
            Self::Unwilling => "the domain controller is not willing to do it",
            Self::Busy => "the domain controller is busy or not available",
            Self::Other(_) => "the domain controller answered with an unexpected code",
        }
    }

    /// What to do about it.
    #[must_use]
    pub const fn next_step(self) -> &'static str {
        match self {
            Self::InvalidCredentials => {
                "see that the computer's account is enabled and its keytab current, or join the domain anew"
            }
            Self::NotProtected => "use Kerberos with sealing, which is the default",
            Self::NoRight => {
                "run `lapwing set-ad-computer-self-permission` on the OU that the computer is in; it may have been moved"
            }
            Self::NotInSchema | Self::NotOnComputer => {
                "run `lapwing update-ad-schema` as a member of Schema Admins"
            }
            Self::ReadOnly => "let the host reach a domain controller that is not read-only",
            Self::Overtaken => "nothing: the state is read again at the next attempt",
            Self::NoSuchObject => "nothing: the account is looked up again at the next attempt",
            Self::BadValue => "run `lapwing update-ad-schema`, which tells what differs in the schema",
            Self::Unwilling => "look into the log of the domain controller",
            Self::Busy => "nothing: another attempt is made by itself",
            Self::Other(_) => "look the code up in RFC 4511, and into the log of the domain controller",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_codes_become_windows_events_and_codes() {
        let laps = Request::Update(Attributes::WindowsLaps);
        let legacy = Request::Update(Attributes::Legacy);
        for (code, request, event, hresult) in [
            (49, Request::Bind, 10057, 0x8007_052e),
            (8, Request::Bind, 10057, 0x8007_2028),
            (50, Request::Query, 10011, 0x8007_2098),
            (50, laps, 10066, 0x8007_2098),
            (50, legacy, 10065, 0x8007_2098),
            (17, laps, 10012, 0x8007_200c),
            (65, laps, 10012, 0x8007_2014),
            (10, laps, 10056, 0x8007_202b),
            (10, Request::Query, 10011, 0x8007_202b),
            (16, laps, 10017, 0x8007_200a),
            (19, laps, 10017, 0x8007_202f),
            (20, laps, 10017, 0x8007_202f),
            (21, laps, 10017, 0x8007_202f),
            (32, Request::Query, 10011, 0x8007_2030),
            (53, laps, 10017, 0x8007_2035),
            (51, laps, 10017, 0x8007_200e),
            (3, Request::Query, 10011, 0x8007_200e),
            (80, laps, 10017, 0x8007_2020),
        ] {
            let refusal = AdRefusal::from_result_code(code).unwrap();
            assert_eq!(refusal.event(request).code(), event, "{code} {request:?}");
            assert_eq!(refusal.hresult(), Hresult(hresult), "{code}");
            assert!(!refusal.message().is_empty() && !refusal.next_step().ends_with('.'), "{code}");
        }
        assert_eq!(AdRefusal::from_result_code(0), None);
    }
}
