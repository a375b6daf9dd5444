//! What a list of entries grants to whom. [MS-ADTS] 5.1.3.3.

use std::collections::BTreeSet;

use super::{AccessMask, Ace, AceBody, AceFlags, AceKind, Acl};
use crate::types::{Guid, Sid};

/// For which object a list is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// The object that has the list.
    Itself,
    /// Objects of this class below it.
    Descendants(Guid),
}

/// What to take an entry for whose condition nobody here can evaluate. [MS-DTYP] 2.4.4.17.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conditions {
    /// It grants and does not deny: so that nobody is missed who may have a right.
    Generous,
    /// It denies and does not grant: so that nobody gets what may not be meant for them.
    Strict,
}

/// How widely a right is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Breadth {
    /// On the attribute by its own GUID.
    Attribute,
    /// On the attribute's property set.
    PropertySet,
    /// On everything: "all extended rights" or full control.
    Everything,
}

/// A confidential attribute, by everything that an entry may know it by. [MS-ADTS] 3.1.1.2.3, `attributeSecurityGUID`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confidential {
    /// The `schemaIDGUID` of the attribute.
    pub attribute: Guid,
    /// Its property set, if it is in one.
    pub property_set: Option<Guid>,
    /// The class of the objects that have it.
    pub class: Guid,
}

/// A trustee that may read a confidential attribute.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Holder {
    /// Who: a user, a group, a computer.
    pub trustee: Sid,
    /// How widely it holds `CONTROL_ACCESS`.
    pub breadth: Breadth,
}

impl Acl {
    /// The rights that somebody with these SIDs has on something known by these GUIDs: an attribute's, its property
    /// set's, an extended right's. Entries count in their order, and the first about a right decides.
    #[must_use]
    pub fn rights(
        &self,
        token: &BTreeSet<Sid>,
        subject: &[Guid],
        reach: Reach,
        conditions: Conditions,
    ) -> AccessMask {
        let (mut allowed, mut denied) = (AccessMask::NONE, AccessMask::NONE);
        for body in self.aces().iter().filter_map(|ace| applies(ace, reach)) {
            if !token.contains(&body.trustee) || !is_about(body, subject) {
                continue;
            }
            match (body.kind, body.is_conditional, conditions) {
                (AceKind::Allow, true, Conditions::Strict)
                | (AceKind::Deny, true, Conditions::Generous)
                | (AceKind::Audit, _, _) => {}
                (AceKind::Allow, _, _) => allowed = allowed.union(body.mask.mapped().without(denied)),
                (AceKind::Deny, _, _) => denied = denied.union(body.mask.mapped().without(allowed)),
            }
        }
        allowed
    }

    /// Who may read a confidential attribute: has `CONTROL_ACCESS` and `READ_PROPERTY` on it, on its property set or on
    /// everything. [MS-ADTS] 3.1.1.4.4.
    ///
    /// Trustees are named as the entries name them. What everyone and every authenticated user may do counts for each of
    /// them; groups are not opened, so a member of a group that is denied is still named.
    #[must_use]
    pub fn readers_of(&self, asked: &Confidential, reach: Reach) -> Vec<Holder> {
        const READS: AccessMask = AccessMask::READ_PROPERTY.union(AccessMask::CONTROL_ACCESS);
        let subject: Vec<Guid> =
            [asked.attribute, asked.class].into_iter().chain(asked.property_set).collect();
        let grants = |body: &&AceBody| {
            body.kind == AceKind::Allow
                && body.mask.mapped().contains(AccessMask::CONTROL_ACCESS)
                && is_about(body, &subject)
        };
        let breadth = |body: &AceBody| match body.object_type {
            Some(guid) if guid == asked.attribute => Breadth::Attribute,
            Some(guid) if Some(guid) == asked.property_set => Breadth::PropertySet,
            // The class stands for everything that its objects have.
            Some(_) | None => Breadth::Everything,
        };
        let bodies = self.aces().iter().filter_map(|ace| applies(ace, reach)).filter(grants);
        let mut holders: Vec<Holder> = bodies
            .map(|body| Holder { trustee: body.trustee.clone(), breadth: breadth(body) })
            .filter(|holder| {
                let token = [holder.trustee.clone(), Sid::everyone(), Sid::authenticated_users()].into();
                self.rights(&token, &subject, reach, Conditions::Generous).contains(READS)
            })
            .collect();
        // Of several entries for one trustee the widest is told.
        holders.sort_by(|a, b| a.trustee.cmp(&b.trustee).then(b.breadth.cmp(&a.breadth)));
        holders.dedup_by(|later, earlier| later.trustee == earlier.trustee);
        holders
    }
}

fn applies(ace: &Ace, reach: Reach) -> Option<&AceBody> {
    let body = ace.body()?;
    let holds = match reach {
        Reach::Itself => !ace.flags().contains(AceFlags::INHERIT_ONLY),
        Reach::Descendants(class) => {
            ace.flags().contains(AceFlags::CONTAINER_INHERIT)
                && body.inherited_object_type.is_none_or(|inherited| inherited == class)
        }
    };
    holds.then_some(body)
}

fn is_about(body: &AceBody, subject: &[Guid]) -> bool {
    body.object_type.is_none_or(|guid| subject.contains(&guid))
}
