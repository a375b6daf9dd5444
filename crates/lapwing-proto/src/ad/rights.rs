//! Who may do what with the passwords of the computers below an object: three circles, as entries of its permissions.
//!
//! What Windows' cmdlets write for readers is not published entry by entry; these are the rights that a directory
//! enforces: a confidential attribute needs `CONTROL_ACCESS` beside `READ_PROPERTY`. Samba has judged the bytes, and no
//! directory yet their effect.
//! The GUIDs of attributes are random in each forest and come from its schema; see [`SchemaGuids`].

use std::collections::{BTreeMap, BTreeSet};

use lapwing_core::types::{
    Guid, SecurityDescriptor, Sid,
    security::{
        AccessMask, Ace, AceBody, AceFlags, AceKind, Acl, Breadth, Dacl, EditError, Grant, Reach, Subject,
    },
};

use super::attribute::{COMPUTER_CLASS, ENCRYPTED_PASSWORD_ATTRIBUTES, LapsAttribute};

/// The `schemaIDGUID` of every LAPS attribute that the schema has. [MS-ADTS] 3.1.1.2.3.
pub type SchemaGuids = BTreeMap<LapsAttribute, Guid>;

/// A circle of rights on the computers below an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Circle {
    /// A computer stores its own password and sets its own expiry. `Set-LapsADComputerSelfPermission`.
    ComputerSelf,
    /// Reads passwords and expiries. `Set-LapsADReadPasswordPermission`.
    ReadPassword,
    /// Reads and sets expiries, so that a password is replaced. `Set-LapsADResetPasswordPermission`.
    ResetPassword,
}

impl Circle {
    /// Every circle.
    pub const ALL: [Self; 3] = [Self::ComputerSelf, Self::ReadPassword, Self::ResetPassword];

    /// The rights of this circle, by what they are about.
    ///
    /// # Errors
    /// [`RightsError::Schema`] if the schema lacks one of the two attributes without which there is no Windows LAPS.
    pub fn rights(self, schema: &SchemaGuids) -> Result<BTreeMap<Guid, AccessMask>, RightsError> {
        const READ: AccessMask = AccessMask::READ_PROPERTY;
        const WRITE: AccessMask = AccessMask::WRITE_PROPERTY;
        let guid = |attribute: LapsAttribute| {
            schema.get(&attribute).copied().ok_or(RightsError::Schema { lacks: attribute.ldap_name() })
        };
        let expiry = guid(LapsAttribute::PasswordExpirationTime)?;
        let password = guid(LapsAttribute::Password)?;
        Ok(match self {
            Self::ComputerSelf => [
                (expiry, READ.union(WRITE)),
                (password, WRITE),
                (ENCRYPTED_PASSWORD_ATTRIBUTES, READ.union(WRITE)),
            ]
            .into(),
            Self::ReadPassword => {
                let passwords = schema.iter().filter(|(attribute, _)| attribute.holds_password());
                let passwords = passwords.map(|(_, guid)| (*guid, READ.union(AccessMask::CONTROL_ACCESS)));
                passwords.chain([(expiry, READ)]).collect()
            }
            Self::ResetPassword => [(expiry, READ.union(WRITE))].into(),
        })
    }

    /// What is granted beside the rights that make the circle.
    ///
    /// DEVIATION(8): a computer reads the version of its own password, without which it cannot tell that it or the directory
    /// was restored, and the ciphertexts of its passwords, without which it cannot put one into the history. They are
    /// confidential like the passwords beside them, and tell a computer nothing.
    fn beside(self, schema: &SchemaGuids) -> impl Iterator<Item = (Guid, AccessMask)> {
        const READ: AccessMask = AccessMask::READ_PROPERTY.union(AccessMask::CONTROL_ACCESS);
        let is_beside = move |attribute: &LapsAttribute| {
            self == Self::ComputerSelf
                && attribute.is_confidential()
                && attribute.property_set() == Some(ENCRYPTED_PASSWORD_ATTRIBUTES)
        };
        let beside = schema.iter().filter(move |(attribute, _)| is_beside(attribute));
        beside.map(|(_, guid)| (*guid, READ))
    }

    /// All that [`grant`] gives and [`revoke`] takes.
    fn granted_rights(self, schema: &SchemaGuids) -> Result<BTreeMap<Guid, AccessMask>, RightsError> {
        let mut rights = self.rights(schema)?;
        rights.extend(self.beside(schema));
        Ok(rights)
    }
}

/// Why rights cannot be granted or revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RightsError {
    /// The schema is not extended.
    #[error("the schema of the forest has no attribute {lacks}")]
    Schema {
        /// The name of the attribute.
        lacks: &'static str,
    },
    /// The permissions cannot be changed.
    #[error("the permissions cannot be changed")]
    Edit(#[from] EditError),
}

impl RightsError {
    /// What to do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::Schema { .. } => "run `lapwing update-ad-schema` as a member of Schema Admins",
            Self::Edit(error) => error.next_step(),
        }
    }
}

/// Grants a circle to a trustee on the computers below the object, and says whether anything had to be changed.
///
/// Entries that are there already are not written again; none of another trustee or purpose is touched. A right that
/// the trustee holds more widely, or by an entry from a parent, is granted all the same: either may go.
///
/// # Errors
/// [`RightsError`] if the schema is not extended, or the descriptor has no list to put entries into.
pub fn grant(
    descriptor: &mut SecurityDescriptor,
    circle: Circle,
    trustee: &Sid,
    schema: &SchemaGuids,
) -> Result<bool, RightsError> {
    let rights = circle.granted_rights(schema)?;
    let acl = descriptor.dacl_mut()?;
    let mut edited = acl.clone();
    let mut is_changed = false;
    for (target, mask) in rights {
        let place = Place { kind: AceKind::Allow, trustee, target };
        if !place.held(&edited).contains(mask) {
            edited.insert(place.ace(AceFlags::DESCENDANTS, mask))?;
            is_changed = true;
        }
    }
    *acl = edited;
    Ok(is_changed)
}

/// Revokes a circle from a trustee, and says whether anything had to be changed.
///
/// Takes only what [`grant`] gives, and leaves what another circle that the trustee holds needs. Rights by wider entries
/// remain; [`readers`] tells of them.
///
/// # Errors
/// As [`grant`].
pub fn revoke(
    descriptor: &mut SecurityDescriptor,
    circle: Circle,
    trustee: &Sid,
    schema: &SchemaGuids,
) -> Result<bool, RightsError> {
    let rights = circle.granted_rights(schema)?;
    let others = others(descriptor, circle, trustee, schema)?;
    let acl = descriptor.dacl_mut()?;
    let mut is_changed = false;
    for (target, mask) in rights {
        let place = Place { kind: AceKind::Allow, trustee, target };
        let needed = others.get(&target).copied().unwrap_or_default();
        is_changed |= place.take(acl, mask.without(needed));
    }
    Ok(is_changed)
}

/// What the other circles that the trustee holds need.
fn others(
    descriptor: &SecurityDescriptor,
    circle: Circle,
    trustee: &Sid,
    schema: &SchemaGuids,
) -> Result<BTreeMap<Guid, AccessMask>, RightsError> {
    let revoked = circle.rights(schema)?;
    let mut needed: BTreeMap<Guid, AccessMask> = BTreeMap::new();
    for other in Circle::ALL {
        // Whoever holds a circle holds those within it, whether they were granted or not.
        let is_within = other
            .rights(schema)?
            .iter()
            .all(|(target, mask)| revoked.get(target).is_some_and(|revoked| revoked.contains(*mask)));
        if !is_within && granted(descriptor, other, schema)?.contains(trustee) {
            for (target, mask) in other.granted_rights(schema)? {
                let sum = needed.entry(target).or_default();
                *sum = sum.union(mask);
            }
        }
    }
    Ok(needed)
}

/// To whom a circle was granted on this object, as [`grant`] does it.
///
/// # Errors
/// [`RightsError::Schema`] as [`grant`].
pub fn granted(
    descriptor: &SecurityDescriptor,
    circle: Circle,
    schema: &SchemaGuids,
) -> Result<BTreeSet<Sid>, RightsError> {
    let rights = circle.rights(schema)?;
    let Dacl::Present(acl) = descriptor.dacl() else { return Ok(BTreeSet::new()) };
    let is_candidate = |body: &&AceBody| body.object_type.is_some_and(|target| rights.contains_key(&target));
    let candidates = acl.aces().iter().filter_map(Ace::body).filter(is_candidate);
    let trustees: BTreeSet<&Sid> = candidates.map(|body| &body.trustee).collect();
    let holds = |trustee: &&Sid| {
        rights.iter().all(|(target, mask)| {
            Place { kind: AceKind::Allow, trustee, target: *target }.held(acl).contains(*mask)
        })
    };
    Ok(trustees.into_iter().filter(holds).cloned().collect())
}

/// The attributes that hold passwords, as the entries of a list know them.
///
/// `legacy` is the `schemaIDGUID` of `ms-Mcs-AdmPwd`, where the schema has it.
#[must_use]
pub fn passwords(schema: &SchemaGuids, legacy: Option<Guid>) -> Vec<Subject> {
    let subject = |attribute, property_set| Subject { attribute, property_set, class: COMPUTER_CLASS };
    let passwords = schema.iter().filter(|(attribute, _)| attribute.holds_password());
    let passwords = passwords.map(|(attribute, guid)| subject(*guid, attribute.property_set()));
    passwords.chain(legacy.map(|guid| subject(guid, None))).collect()
}

/// Who can read one of the [`passwords`] of the computers that the list is asked for, however they came to it, each with
/// the widest way. `Find-LapsADExtendedRights`.
#[must_use]
pub fn readers(acl: &Acl, passwords: &[Subject], reach: Reach) -> BTreeMap<Sid, Breadth> {
    let mut readers = BTreeMap::new();
    for asked in passwords {
        for holder in acl.readers_of(asked, reach) {
            if is_own_ciphertext(&holder.trustee, asked) {
                continue;
            }
            let widest = readers.entry(holder.trustee).or_insert(holder.breadth);
            *widest = holder.breadth.max(*widest);
        }
    }
    readers
}

/// Whether the computer reads what it has encrypted itself, and cannot decrypt.
fn is_own_ciphertext(trustee: &Sid, asked: &Subject) -> bool {
    *trustee == Sid::principal_self() && asked.property_set == Some(ENCRYPTED_PASSWORD_ATTRIBUTES)
}

/// The entries by which somebody is in a circle for the computers that the list is asked for, in their order, each with
/// the widest that it is about. Deciding is the right that makes the circle worth having: to write the expiry or a
/// password, or to read a password.
///
/// # Errors
/// [`RightsError::Schema`] as [`grant`].
pub fn members<'a>(
    acl: &'a Acl,
    circle: Circle,
    schema: &SchemaGuids,
    legacy: Option<Guid>,
    reach: Reach,
) -> Result<Vec<Grant<'a>>, RightsError> {
    const WRITE: AccessMask = AccessMask::WRITE_PROPERTY;
    // Says what the schema lacks.
    circle.rights(schema)?;
    let expiry = schema.get(&LapsAttribute::PasswordExpirationTime);
    let expiry = expiry.map(|guid| Subject { attribute: *guid, property_set: None, class: COMPUTER_CLASS });
    let (subjects, key, needed) = match circle {
        Circle::ComputerSelf => (passwords(schema, None), WRITE, WRITE),
        Circle::ReadPassword => {
            let key = AccessMask::CONTROL_ACCESS;
            // As [`Acl::readers_of`] has it.
            let needed = match reach {
                Reach::Itself => key.union(AccessMask::READ_PROPERTY),
                Reach::Descendants(_) => key,
            };
            (passwords(schema, legacy), key, needed)
        }
        Circle::ResetPassword => (expiry.into_iter().collect(), WRITE, WRITE),
    };
    let mut found: Vec<Grant<'a>> = Vec::new();
    for subject in &subjects {
        for grant in acl.grants_of(subject, key, needed, reach) {
            let is_own = |body: &AceBody| body.trustee == Sid::principal_self();
            // A computer that sets its own expiry is in its own circle; one that reads its clear text is worth a line.
            let is_meant = |body: &AceBody| match circle {
                Circle::ComputerSelf => is_own(body),
                Circle::ReadPassword => !is_own_ciphertext(&body.trustee, subject),
                Circle::ResetPassword => !is_own(body),
            };
            if !grant.ace.body().is_some_and(is_meant) {
                continue;
            }
            match found.iter_mut().find(|present| core::ptr::eq(present.ace, grant.ace)) {
                Some(present) => present.breadth = present.breadth.max(grant.breadth),
                None => found.push(grant),
            }
        }
    }
    // By attributes they were found; by their places they are told.
    found.sort_by_key(|grant| acl.aces().iter().position(|ace| core::ptr::eq(ace, grant.ace)));
    Ok(found)
}

/// Which attempts to read a password are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Audited {
    /// Those that are allowed.
    pub success: bool,
    /// Those that are refused.
    pub failure: bool,
}

/// Has attempts of a trustee to read passwords recorded, no longer if neither kind is wanted; says whether anything had
/// to be changed. `Set-LapsADAuditing`; the domain controllers record event 4662.
///
/// Entries about the same trustee and attributes are replaced, whoever wrote them. The descriptor must have been read
/// with what is recorded; see [`SecurityDescriptor::edit_sacl`].
///
/// # Errors
/// As [`grant`].
pub fn audit(
    descriptor: &mut SecurityDescriptor,
    audited: Audited,
    trustee: &Sid,
    schema: &SchemaGuids,
) -> Result<bool, RightsError> {
    // The right that reading needs and hardly anything else does, so that nothing else is recorded.
    const MASK: AccessMask = AccessMask::CONTROL_ACCESS;
    let flags = [(audited.success, AceFlags::SUCCESSFUL_ACCESS), (audited.failure, AceFlags::FAILED_ACCESS)];
    let wanted = flags.into_iter().filter(|(is_wanted, _)| *is_wanted);
    let flags = wanted.fold(AceFlags::DESCENDANTS, |sum, (_, flag)| sum.union(flag));
    Circle::ReadPassword.rights(schema)?;
    let targets: Vec<Guid> =
        schema.iter().filter(|(attribute, _)| attribute.holds_password()).map(|(_, guid)| *guid).collect();
    let is_changed = descriptor.edit_sacl(|acl| {
        let mut is_changed = false;
        for target in &targets {
            let place = Place { kind: AceKind::Audit, trustee, target: *target };
            let ace = place.ace(flags, MASK);
            let is_there = acl.aces().contains(&ace);
            is_changed |= acl.edit(|other| (*other == ace || !place.is_of(other)).then(|| other.clone()));
            if !is_there && flags != AceFlags::DESCENDANTS {
                acl.insert(ace)?;
                is_changed = true;
            }
        }
        Ok(is_changed)
    })?;
    Ok(is_changed)
}

/// The entries that are ours: explicit, for computers below, about one thing and one trustee.
struct Place<'a> {
    kind: AceKind,
    trustee: &'a Sid,
    target: Guid,
}

/// Flags that say only what is recorded.
const AUDIT_FLAGS: u8 = 0xc0;

impl Place<'_> {
    fn ace(&self, flags: AceFlags, mask: AccessMask) -> Ace {
        Ace::about((self.kind, flags), mask, self.target, COMPUTER_CLASS, self.trustee.clone())
    }

    fn is_of(&self, ace: &Ace) -> bool {
        let what_it_records = if self.kind == AceKind::Audit { AUDIT_FLAGS } else { 0 };
        AceFlags(ace.flags().0 & !what_it_records) == AceFlags::DESCENDANTS
            && ace.body().is_some_and(|body: &AceBody| {
                body.kind == self.kind
                    && !body.is_conditional
                    && body.object_type == Some(self.target)
                    && body.inherited_object_type == Some(COMPUTER_CLASS)
                    && body.trustee == *self.trustee
            })
    }

    /// The rights of all such entries together.
    fn held(&self, acl: &Acl) -> AccessMask {
        let bodies = acl.aces().iter().filter(|ace| self.is_of(ace)).filter_map(|ace| ace.body());
        bodies.fold(AccessMask::NONE, |sum, body| sum.union(body.mask))
    }

    /// Takes rights from such entries. One that is left without any, or with none that no other one has, goes.
    fn take(&self, acl: &mut Acl, mask: AccessMask) -> bool {
        let mut kept = AccessMask::NONE;
        acl.edit(|ace| {
            let Some(body) = ace.body().filter(|_| self.is_of(ace)) else { return Some(ace.clone()) };
            let left = body.mask.without(mask);
            let is_touched = left != body.mask;
            let is_needed = !is_touched || !kept.contains(left);
            kept = kept.union(left);
            is_needed.then(|| if is_touched { ace.clone().with_mask(left) } else { ace.clone() })
        })
    }
}

#[cfg(test)]
mod tests;
