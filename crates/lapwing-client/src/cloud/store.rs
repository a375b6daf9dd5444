//! Storing a password, and what became of it.

use hyper::Method;
use lapwing_core::{
    secret::{Password, SecretBytes},
    types::{AccountName, FileTime, Guid, PasswordVersion},
};
use lapwing_proto::{
    json::{self, JsonError},
    register::{
        AnswerError, DrsError, EntraUpload, HeldVersion, LapwingUpload, SUBCODE_VERSION_MISMATCH,
        SealedUpload, StoreAnswer,
    },
};

use super::Session;
use crate::{
    caller::{Call, JSON},
    refusal::{CallError, Refusal, proves_refusal},
    transport::{Answer, TransportError},
};

const WHAT: &str = "store the password";

/// One store.
#[derive(Debug)]
pub struct Store<'a> {
    /// The account that the password opens.
    pub account: &'a AccountName,
    /// What to store.
    pub material: Material<'a>,
}

/// What to store, in the form that the directory takes.
#[derive(Debug)]
pub enum Material<'a> {
    /// For `lapwing-server`: sealed, with the version and what it is compared with.
    Sealed(&'a SealedUpload),
    /// For Entra ID: clear text inside TLS. The expiry is for directories other than the real Entra ID, where the
    /// member's name is not known.
    Clear {
        /// The password.
        password: &'a Password,
        /// When the device will rotate it.
        expiry: Option<FileTime>,
    },
}

/// What became of a store.
#[derive(Debug)]
pub enum StoreOutcome {
    /// The directory holds it durably. A `lapwing-server` answers with the version and its receipt, which is not
    /// verified here: the root half does that, against the pinned key.
    Stored(Option<HeldVersion>),
    /// The directory holds another version than the one expected; nothing was stored.
    VersionMismatch {
        /// What it holds; none if nothing, or a password without a version.
        current: Option<PasswordVersion>,
    },
    /// The directory itself said no; nothing was stored.
    Refused(Refusal),
    /// The request did not leave this host.
    NotSent(CallError),
    /// The request may have left, and whether it was carried out is not known.
    Unanswered(Unanswered),
}

/// Why the outcome of a store is not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unanswered {
    /// There is no answer.
    #[error(transparent)]
    Transport(TransportError),
    /// An answer that does not prove that nothing was stored: that of a gateway, or of a server in trouble.
    #[error(transparent)]
    Unclear(Refusal),
    /// A yes that is not what the protocol says.
    #[error("the server's answer to the store is malformed")]
    Malformed(#[source] AnswerError),
    /// A yes for another version than the one sent.
    #[error("the server answered for version {0}, which was not the one sent")]
    OtherVersion(PasswordVersion),
}

impl Unanswered {
    /// What to do about it.
    #[must_use]
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::Transport(error) => error.next_step(),
            Self::Unclear(refusal) => refusal.next_step(),
            Self::Malformed(_) | Self::OtherVersion(_) => {
                "check that the server's version fits this program's"
            }
        }
    }
}

pub(super) async fn store(session: &mut Session, store: &Store<'_>, request: Guid) -> StoreOutcome {
    let url = match session.record(request) {
        Ok(url) => url,
        Err(error) => return StoreOutcome::NotSent(error),
    };
    if let Err(error) = session.knock().await {
        return StoreOutcome::NotSent(error);
    }
    let body = match body(store) {
        Ok(body) => body,
        Err(error) => return StoreOutcome::NotSent(unwritable(url.authority(), error)),
    };
    let call = Call::new(WHAT, Method::POST, &url).bearer(&session.token).body(JSON, body);
    let answered = match store.material {
        Material::Sealed(_) => session.caller.call(call).await,
        Material::Clear { .. } => session.caller.call_again(call).await,
    };
    match answered {
        Ok(answer) => outcome(&url.authority(), store, &answer),
        Err(error) if error.sent() => StoreOutcome::Unanswered(Unanswered::Transport(error)),
        Err(error) => StoreOutcome::NotSent(error.into()),
    }
}

fn body(store: &Store<'_>) -> Result<SecretBytes, serde_json::Error> {
    let account = store.account;
    match store.material {
        Material::Sealed(members) => Ok(SecretBytes::new(LapwingUpload { account, members }.to_json())),
        Material::Clear { password, expiry } => EntraUpload { account, password, expiry }.expose_json(),
    }
}

fn unwritable(peer: String, error: serde_json::Error) -> CallError {
    CallError::Malformed { peer, what: WHAT, source: JsonError::from(error).into() }
}

fn outcome(peer: &str, store: &Store<'_>, answer: &Answer) -> StoreOutcome {
    let body = answer.body.expose_secret();
    if answer.status.is_success() {
        return match store.material {
            // Any success is one: Microsoft publishes no body.
            Material::Clear { .. } => StoreOutcome::Stored(None),
            Material::Sealed(members) => held(members, body),
        };
    }
    if let Some(current) = mismatch(answer) {
        return current;
    }
    let refusal = Refusal::read(peer, WHAT, answer);
    if proves_refusal(&refusal) {
        StoreOutcome::Refused(refusal)
    } else {
        StoreOutcome::Unanswered(Unanswered::Unclear(refusal))
    }
}

fn held(members: &SealedUpload, body: &[u8]) -> StoreOutcome {
    match StoreAnswer::parse(body) {
        Ok(held) if held.version == members.version => StoreOutcome::Stored(Some(held)),
        Ok(held) => StoreOutcome::Unanswered(Unanswered::OtherVersion(held.version)),
        Err(error) => StoreOutcome::Unanswered(Unanswered::Malformed(error)),
    }
}

/// None for any other conflict, and for one that is not told as the protocol says: those are plain refusals.
fn mismatch(answer: &Answer) -> Option<StoreOutcome> {
    if answer.status.as_u16() != 409 {
        return None;
    }
    let error: DrsError = json::parse(answer.body.expose_secret()).ok()?;
    if error.subcode != SUBCODE_VERSION_MISMATCH {
        return None;
    }
    let current = error.lapwing?.version.map(|version| version.parse()).transpose().ok()?;
    Some(StoreOutcome::VersionMismatch { current })
}
