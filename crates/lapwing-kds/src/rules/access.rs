//! What of a group key a security descriptor lets somebody have. [MS-GKDI] 3.1.4.1.1.
//!
//! The caller chooses the descriptor, and its bytes go into the key: so whoever asks with one that lets everybody in gets a
//! key that opens nothing but what was protected with that. What must never happen is that one and the same bytes mean one
//! thing here and another to whoever protected with them. So only the plainest form is taken, in which nothing is left to be
//! understood in two ways.
//!
//! INVARIANT: every byte of a descriptor that passes is a part of its header, its owner, its group, or an entry that was
//! weighed.

use lapwing_core::types::{
    SecurityDescriptor, Sid,
    security::{AccessMask, Ace, AceBody, AceFlags, AceKind, Acl, Conditions, Dacl, DescriptorError, Reach},
};
use lapwing_dpapi::{gkdi::Share, rpc::isdkey::DESCRIPTOR_LEN_MAX};

use super::Token;

/// The rights to seed keys and to the public key, and to the public key alone. [MS-GKDI] 3.1.4.1.1.
const SEED: AccessMask = AccessMask(3);
const PUBLIC: AccessMask = AccessMask(2);
/// Rights that stand for others. [MS-DTYP] 2.4.3.
const GENERIC: u32 = 0xf000_0000;

/// Revision 1, no byte for a resource manager, self-relative with a list of who may do what, and nothing else.
const PLAIN: [u8; 4] = [1, 0, 0x04, 0x80];

/// What a descriptor says of somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Checked {
    /// What they may have; none if nothing.
    pub(crate) share: Option<Share>,
    /// Who may have seed keys: the first who is named.
    pub(crate) principal: Option<Sid>,
}

/// Why a descriptor is not weighed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AccessError {
    #[error("the security descriptor has {0} bytes, more than {DESCRIPTOR_LEN_MAX}")]
    TooLong(usize),
    #[error(transparent)]
    Malformed(#[from] DescriptorError),
    #[error("the security descriptor has more than owner, group and a list of who may do what")]
    NotPlain,
    #[error("the security descriptor has bytes that are no part of anything")]
    Loose,
    #[error("the security descriptor has no list of who may do what")]
    NoList,
    #[error("the security descriptor has an entry that is not taken: {0}")]
    Entry(&'static str),
}

/// Weighs what the owner of `token` may have by the descriptor of these bytes.
pub(crate) fn check(descriptor: &[u8], token: &Token) -> Result<Checked, AccessError> {
    if descriptor.len() > DESCRIPTOR_LEN_MAX {
        return Err(AccessError::TooLong(descriptor.len()));
    }
    if !descriptor.starts_with(&PLAIN) {
        return Err(AccessError::NotPlain);
    }
    let parsed = SecurityDescriptor::parse(descriptor)?;
    if !parsed.is_packed() {
        return Err(AccessError::Loose);
    }
    let Dacl::Present(acl) = parsed.dacl() else { return Err(AccessError::NoList) };
    acl.aces().iter().try_for_each(must_be_plain)?;
    let rights = rights(acl, token);
    let share = if rights.contains(SEED) {
        Some(Share::Seed)
    } else if rights.contains(PUBLIC) {
        Some(Share::Public)
    } else {
        None
    };
    let mut named = acl.aces().iter().filter_map(Ace::body).filter(|body| body.kind == AceKind::Allow);
    let principal = named.find(|body| body.mask.contains(SEED)).map(|body| body.trustee.clone());
    Ok(Checked { share, principal })
}

/// That it allows or denies somebody rights on this very object, at once and on no condition.
fn must_be_plain(ace: &Ace) -> Result<(), AccessError> {
    let body = ace.body().ok_or(AccessError::Entry("its type is unknown"))?;
    let AceBody {
        kind,
        mask,
        object_type: None,
        inherited_object_type: None,
        is_conditional: false,
        trustee,
    } = body
    else {
        return Err(AccessError::Entry("it is about objects, or depends on a condition"));
    };
    // An entry about objects may name none, and would be written otherwise. [MS-DTYP] 2.4.4.1.
    let code = match kind {
        AceKind::Allow => 0,
        AceKind::Deny => 1,
        AceKind::Audit => return Err(AccessError::Entry("it neither allows nor denies")),
    };
    if ace.as_bytes().first() != Some(&code) || ace.as_bytes().len() != 8 + trustee.to_bytes().len() {
        return Err(AccessError::Entry("it has bytes behind the SID"));
    }
    if ace.flags() != AceFlags::default() {
        return Err(AccessError::Entry("it is handed down"));
    }
    if mask.0 & GENERIC != 0 {
        return Err(AccessError::Entry("its rights stand for others"));
    }
    Ok(())
}

fn rights(acl: &Acl, token: &Token) -> AccessMask {
    let denied = |body: &&AceBody| body.kind == AceKind::Deny && token.deny_only.contains(&body.trustee);
    let denied = acl.aces().iter().filter_map(Ace::body).filter(denied);
    let denied = denied.fold(AccessMask::NONE, |sum, body| sum.union(body.mask));
    acl.rights(&token.granting, &[], Reach::Itself, Conditions::Strict).without(denied)
}

#[cfg(test)]
mod tests;
