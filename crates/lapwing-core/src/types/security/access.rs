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

/// An attribute, by everything that an entry may know it by. [MS-ADTS] 3.1.1.2.3, `attributeSecurityGUID`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subject {
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

/// An entry that grants a right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant<'a> {
    /// The entry.
    pub ace: &'a Ace,
    /// How widely it grants it.
    pub breadth: Breadth,
}

impl Subject {
    fn guids(&self) -> Vec<Guid> {
        [self.attribute, self.class].into_iter().chain(self.property_set).collect()
    }

    /// How widely an entry that is about the attribute is so.
    fn breadth(&self, body: &AceBody) -> Breadth {
        match body.object_type {
            Some(guid) if guid == self.attribute => Breadth::Attribute,
            Some(guid) if Some(guid) == self.property_set => Breadth::PropertySet,
            // The class stands for everything that its objects have.
            Some(_) | None => Breadth::Everything,
        }
    }
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
    /// everything. [MS-ADTS] 3.1.1.4.4. For objects below, `CONTROL_ACCESS` is enough to be named: the list is not theirs,
    /// and what a class gives its objects by itself lets everyone who is authenticated read properties.
    ///
    /// Trustees are named as the entries name them. What everyone and every authenticated user may do counts for each of
    /// them; groups are not opened, so a member of a group that is denied is still named.
    #[must_use]
    pub fn readers_of(&self, asked: &Subject, reach: Reach) -> Vec<Holder> {
        const KEY: AccessMask = AccessMask::CONTROL_ACCESS;
        let needed = match reach {
            Reach::Itself => KEY.union(AccessMask::READ_PROPERTY),
            Reach::Descendants(_) => KEY,
        };
        let grants = self.grants_of(asked, KEY, needed, reach);
        let mut holders: Vec<Holder> = grants
            .into_iter()
            .filter_map(|grant| {
                Some(Holder { trustee: grant.ace.body()?.trustee.clone(), breadth: grant.breadth })
            })
            .collect();
        // Of several entries for one trustee the widest is told.
        holders.sort_by(|a, b| a.trustee.cmp(&b.trustee).then(b.breadth.cmp(&a.breadth)));
        holders.dedup_by(|later, earlier| later.trustee == earlier.trustee);
        holders
    }

    /// The entries that grant the right `key` on an attribute to a trustee that in effect has all of `needed` on it, in
    /// their order. What [`Self::readers_of`] says of groups and of everyone holds here too.
    #[must_use]
    pub fn grants_of(
        &self,
        asked: &Subject,
        key: AccessMask,
        needed: AccessMask,
        reach: Reach,
    ) -> Vec<Grant<'_>> {
        let subject = asked.guids();
        let grants = |ace: &&Ace| {
            applies(ace, reach).is_some_and(|body| {
                body.kind == AceKind::Allow && body.mask.mapped().contains(key) && is_about(body, &subject)
            })
        };
        let has_all = |trustee: &Sid| {
            let token = [trustee.clone(), Sid::everyone(), Sid::authenticated_users()].into();
            self.rights(&token, &subject, reach, Conditions::Generous).contains(needed)
        };
        let grants = self.aces().iter().filter(grants);
        let grants = grants.filter_map(|ace| Some((ace, ace.body()?)));
        grants
            .filter(|(_, body)| has_all(&body.trustee))
            .map(|(ace, body)| Grant { ace, breadth: asked.breadth(body) })
            .collect()
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
