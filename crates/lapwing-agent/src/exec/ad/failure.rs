//! What failures in Active Directory mean to the machine.

use lapwing_client::ad::{AdError, ConnectError, KerberosError, Stage};
use lapwing_core::{
    agent::{DirectoryFailure, DirectoryFault, RootHalfFailure},
    event::{EventId, Hresult},
    fault::Fault,
};
use lapwing_proto::ad::refusal::{AdRefusal, Request};

use super::{
    super::{chain, domain::Unreached},
    Attributes, Layout,
};

/// `ERROR_NO_SUCH_DOMAIN`. [MS-ERREF] 2.2.
const NO_SUCH_DOMAIN: Hresult = Hresult::from_win32(1355);

/// The domain was not reached.
pub(super) fn unreached(why: Unreached) -> DirectoryFailure {
    let not_joined = |hresult, error: &(dyn core::error::Error + 'static), next_step: &str| {
        DirectoryFailure::new(DirectoryFault::NotJoined, "", hresult, chain(error), next_step)
    };
    match why {
        Unreached::NoKeys(refused) => not_allowed(refused),
        Unreached::Keytab(error) => not_joined(NO_SUCH_DOMAIN, &error, error.next_step()),
        Unreached::Unreadable(error) => not_joined(Hresult::INVALID_DATA, &error, error.next_step()),
        Unreached::Settings(error) => not_joined(Hresult::INVALID_DATA, &error, error.next_step()),
        Unreached::Name(error) => {
            let next_step = "name the domain in [active_directory] of /etc/lapwing/agent.toml";
            not_joined(NO_SUCH_DOMAIN, &error, next_step)
        }
        Unreached::Connect(_, error) => connect_failed(&error),
    }
}

/// The root half hands no keytab over.
fn not_allowed(refused: RootHalfFailure) -> DirectoryFailure {
    // One that cannot be reached, or is busy with its own file, will be there again.
    let kind = match refused.fault {
        Some(Fault::Keytab | Fault::DirectoryNotListed | Fault::ManagedFile) => DirectoryFault::NotJoined,
        Some(_) | None => DirectoryFault::NothingToSend,
    };
    let hresult = refused.fault.map_or(Hresult::SERVICE_NOT_ACTIVE, Hresult::from);
    DirectoryFailure::new(kind, "", hresult, refused.message, refused.next_step)
}

fn connect_failed(error: &ConnectError) -> DirectoryFailure {
    let (kind, peer, hresult) = match error.refused() {
        None => (DirectoryFault::NoController, "", NO_SUCH_DOMAIN),
        Some(refused) => (DirectoryFault::BindFailed, peer(refused), code(refused)),
    };
    DirectoryFailure::new(kind, peer, hresult, chain(error), error.next_step())
}

/// A question, or an order of which nobody knows what became.
pub(super) fn query_failed(error: &AdError) -> DirectoryFailure {
    let kind = match error.refusal() {
        Some(AdRefusal::Busy) => DirectoryFault::Unreachable,
        Some(refusal) => kind_of(refusal.event(Request::Query)),
        None if matches!(error, AdError::Malformed { .. } | AdError::Unwritable { .. }) => {
            DirectoryFault::QueryFailed
        }
        None => DirectoryFault::Unreachable,
    };
    DirectoryFailure::new(kind, peer(error), code(error), chain(error), error.next_step())
}

/// A refused modification of the computer's attributes, in the container whose permissions decide.
pub(super) fn update_failed(error: &AdError, layout: Layout, container: Option<&str>) -> DirectoryFailure {
    let Some(refusal) = error.refusal() else { return query_failed(error) };
    let kind = kind_of(refusal.event(Request::Update(layout.family())));
    let mut failure = DirectoryFailure::new(kind, peer(error), code(error), chain(error), error.next_step());
    failure.subject = container.map(str::to_owned);
    failure
}

pub(super) fn schema_lacking(peer: &str, attributes: Attributes) -> DirectoryFailure {
    let (message, next_step) = match attributes {
        Attributes::WindowsLaps => {
            ("the schema of the forest lacks attributes of Windows LAPS", AdRefusal::NotInSchema.next_step())
        }
        // Windows LAPS never adds them either.
        Attributes::Legacy => (
            "the schema of the forest lacks the attributes of legacy Microsoft LAPS",
            "move the policy to Windows LAPS: the attributes of its forerunner are added by its forerunner alone",
        ),
    };
    let hresult = AdRefusal::NotInSchema.hresult();
    DirectoryFailure::new(DirectoryFault::SchemaLacking, peer, hresult, message.to_owned(), next_step)
}

pub(super) fn no_account(peer: &str, account: &str) -> DirectoryFailure {
    let refusal = AdRefusal::NoSuchObject;
    let message = format!("{peer} shows no account {account} to this host");
    let next_step =
        "see that the computer's account is there, or join this host to the domain anew with `adcli join`";
    DirectoryFailure::new(DirectoryFault::QueryFailed, peer, refusal.hresult(), message, next_step)
}

pub(super) fn malformed(peer: &str, attribute: &str) -> DirectoryFailure {
    let message = format!("{attribute} of this computer on {peer} makes no sense");
    let next_step = "see who else writes to the computer's attributes; `lapwing update-ad-schema` tells what differs in the schema";
    DirectoryFailure::new(DirectoryFault::QueryFailed, peer, Hresult::INVALID_DATA, message, next_step)
}

const fn kind_of(event: EventId) -> DirectoryFault {
    match event {
        EventId::AdSchemaLacksLaps => DirectoryFault::SchemaLacking,
        EventId::NoDomainController => DirectoryFault::NoController,
        EventId::BindFailed => DirectoryFault::BindFailed,
        EventId::NoRightOnAttribute => DirectoryFault::NoRight,
        EventId::NoRightOnLegacyAttribute => DirectoryFault::NoRightOnLegacy,
        EventId::AdQueryFailed => DirectoryFault::QueryFailed,
        _ => DirectoryFault::UpdateFailed,
    }
}

pub(super) fn peer(error: &AdError) -> &str {
    match error {
        AdError::Unreachable { peer, .. }
        | AdError::TimedOut { peer, .. }
        | AdError::Kerberos { peer, .. }
        | AdError::Tls { peer, .. }
        | AdError::NoProtection { peer }
        | AdError::Broken { peer, .. }
        | AdError::Closed { peer, .. }
        | AdError::Refused { peer, .. }
        | AdError::Malformed { peer, .. }
        | AdError::Unwritable { peer } => peer,
        _ => "",
    }
}

/// The code that Windows would report. [MS-ERREF] 2.2.
fn code(error: &AdError) -> Hresult {
    match error {
        AdError::Refused { refusal, .. } => refusal.hresult(),
        AdError::Kerberos { source, .. } => Hresult::from_win32(match source {
            // ERROR_TIME_SKEW.
            KerberosError::ClockSkew(_) => 1398,
            // ERROR_ACCOUNT_DISABLED.
            KerberosError::Revoked { .. } => 1331,
            // ERROR_NO_SUCH_USER.
            KerberosError::UnknownAccount { .. } => 1317,
            // ERROR_NO_LOGON_SERVERS.
            KerberosError::Unreachable(_) | KerberosError::TimedOut(_) => 1311,
            // ERROR_LOGON_FAILURE.
            _ => 1326,
        }),
        AdError::Tls { .. } => Hresult::TLS,
        AdError::TimedOut { stage: Stage::Answering, .. } => Hresult::TIMEOUT,
        AdError::Closed { .. } | AdError::Broken { .. } => Hresult::CONNECTION_ABORTED,
        AdError::Malformed { .. } | AdError::Unwritable { .. } => Hresult::INVALID_DATA,
        _ => Hresult::CANNOT_CONNECT,
    }
}
