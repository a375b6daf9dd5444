//! What a controller answers to the question for a group key. [MS-GKDI] 3.1.4.1.
//!
//! Whether the caller may have seed keys, the public key or nothing is decided before, by the security descriptor that came
//! with the question; and the bytes that were checked must be the ones that are given here, for they go into the keys.

use core::time::Duration;

use lapwing_core::{
    event::Hresult,
    types::{FileTime, Guid},
};

use super::{DomainNames, GroupKeyEnvelope, Interval, RootKey, Share, StoredRootKey, interval::PERIOD_TICKS};

/// How far a caller's clock may be ahead.
pub const SKEW: Duration = Duration::from_secs(5 * 60);
const SKEW_TICKS: u64 = SKEW.as_secs() * 10_000_000;

/// The question. [MS-GKDI] 3.1.4.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request<'a> {
    /// The bytes of the security descriptor.
    pub descriptor: &'a [u8],
    /// The root key, or whichever is in use.
    pub root_key_id: Option<Guid>,
    /// The indexes of an interval, or three times -1 for the one that is current.
    pub indexes: [i32; 3],
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// No interval, one in the future, or one before the root key was in use.
    #[error("the interval asked for is none, is in the future or comes before the root key")]
    InvalidArgument,
    /// No root key of that id, or none for that interval.
    #[error("there is no root key for what was asked")]
    NoKey,
    /// The root key's object is damaged.
    #[error("the root key is damaged")]
    BadKey,
    /// The caller may not have what was asked for.
    #[error("the caller may not have the key")]
    AccessDenied,
}

impl From<Refusal> for Hresult {
    /// What the answer says. [MS-ERREF] 2.1.1.
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::InvalidArgument => Self::INVALID_ARGUMENT,
            Refusal::NoKey => Self::NO_KEY,
            Refusal::BadKey => Self::BAD_KEY,
            Refusal::AccessDenied => Self::ACCESS_DENIED,
        }
    }
}

/// Answers a question at the time `now`; `share` is what the caller may have, none if nothing.
///
/// # Errors
/// [`Refusal`] if the question has no answer, or not for this caller.
pub fn grant(
    root_keys: &[StoredRootKey],
    request: &Request<'_>,
    share: Option<Share>,
    now: FileTime,
    names: DomainNames,
) -> Result<GroupKeyEnvelope, Refusal> {
    let wanted = wanted(request.indexes)?;
    if wanted.is_some_and(|wanted| wanted > Interval::at(now.saturating_add(SKEW))) {
        return Err(Refusal::InvalidArgument);
    }
    // Who may only protect has no use for a key that is not current.
    let share = match (share, wanted) {
        (Some(Share::Seed), _) => Share::Seed,
        (Some(Share::Public), None) => Share::Public,
        (Some(Share::Public), Some(_)) | (None, _) => return Err(Refusal::AccessDenied),
    };
    let now = Interval::at(now);
    let root_key = choose(root_keys, request.root_key_id, wanted, now)?;
    let interval = match wanted {
        None => now,
        Some(wanted) if request.root_key_id.is_none() => wanted,
        // Newer keys lead to older ones, so one answer serves for many questions.
        Some(wanted) if wanted.last_of_l0() < now => wanted.last_of_l0(),
        Some(wanted) => wanted.max(now),
    };
    // The private key of about one interval in 2^32 on a curve is none; nothing can be done about it but to wait.
    root_key
        .envelope(request.descriptor, interval, share, wanted.is_none(), names)
        .map_err(|_| Refusal::BadKey)
}

/// The interval asked for; none if it is the current one.
fn wanted(indexes: [i32; 3]) -> Result<Option<Interval>, Refusal> {
    match indexes {
        [-1, -1, -1] => Ok(None),
        [l0, l1, l2] => Interval::new(l0, l1, l2).map(Some).map_err(|_| Refusal::InvalidArgument),
    }
}

fn choose(
    root_keys: &[StoredRootKey],
    id: Option<Guid>,
    wanted: Option<Interval>,
    now: Interval,
) -> Result<&RootKey, Refusal> {
    let start = wanted.unwrap_or(now).start();
    let in_use = root_keys.iter().filter(|stored| stored.use_start <= start);
    let stored = match (id, wanted) {
        (Some(id), _) => root_keys.iter().find(|stored| stored.id == id),
        (None, None) => in_use.max_by_key(|stored| (stored.use_start, stored.created, stored.id)),
        (None, Some(_)) => in_use.max_by_key(|stored| (stored.created, stored.id)),
    };
    let stored = stored.ok_or(Refusal::NoKey)?;
    let use_start = stored.use_start.ticks();
    if use_start == 0 {
        return Err(Refusal::BadKey);
    }
    if id.is_some() && (use_start < PERIOD_TICKS + SKEW_TICKS || stored.use_start > start) {
        return Err(Refusal::InvalidArgument);
    }
    stored.key.as_ref().map_err(|_| Refusal::BadKey)
}

#[cfg(test)]
mod tests;
