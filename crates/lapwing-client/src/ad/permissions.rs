//! The permissions of an object: read, changed, and written back as they were but for the change.
//!
//! INVARIANT: of a security descriptor only the list that is changed is written, and only if it still is what the change
//! was worked out from. A directory cannot compare descriptors, so two writers within the same instant can still meet;
//! what is kept is therefore read back.

use lapwing_core::secret::SecretBytes;
use lapwing_core::types::{
    SecurityDescriptor,
    security::{Ace, Acl, Dacl, DescriptorError},
};
use lapwing_proto::ad::{
    name::{DistinguishedName, filter_value},
    refusal::AdRefusal,
    rights::RightsError,
};

use super::{
    connection::{Change, Connection, Scope, Search, SecurityParts},
    domain::RootDse,
    error::AdError,
};

const DESCRIPTOR: &str = "nTSecurityDescriptor";

/// An object below which there are computers, or a computer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Its name by itself.
    pub name: String,
    /// Where it is, as the directory writes it.
    pub distinguished_name: DistinguishedName,
    /// Whether it is a computer.
    pub is_computer: bool,
}

/// Which list of a security descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Who may do what.
    Access,
    /// What is recorded; to read and write it takes the privilege to manage auditing.
    Auditing,
}

impl Part {
    const fn parts(self) -> SecurityParts {
        match self {
            Self::Access => SecurityParts::Access,
            Self::Auditing => SecurityParts::Auditing,
        }
    }

    fn list(self, descriptor: &SecurityDescriptor) -> Option<&Acl> {
        match (self, descriptor.dacl()) {
            (Self::Access, Dacl::Present(acl)) => Some(acl),
            (Self::Access, Dacl::Null | Dacl::Absent) => None,
            (Self::Auditing, _) => descriptor.sacl(),
        }
    }

    fn entries(self, descriptor: &SecurityDescriptor) -> &[Ace] {
        self.list(descriptor).map_or(&[], Acl::aces)
    }
}

/// Why permissions cannot be read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PermissionsError {
    /// The controller did not answer as it should.
    #[error(transparent)]
    Directory(#[from] AdError),
    /// Nothing has this name.
    #[error("there is no organisational unit {0}")]
    NoContainer(String),
    /// Several have it.
    #[error("{0} organisational units have the name {1}")]
    Ambiguous(usize, String),
    /// The object is there and its permissions are not to be seen.
    #[error("the permissions of {0} are not to be seen")]
    Hidden(DistinguishedName),
    /// They make no sense.
    #[error("the permissions of {name} cannot be read")]
    Malformed {
        /// The object.
        name: DistinguishedName,
        /// Why not.
        source: DescriptorError,
    },
    /// The change cannot be made.
    #[error("the permissions of {name} cannot be changed so")]
    Rights {
        /// The object.
        name: DistinguishedName,
        /// Why not.
        source: RightsError,
    },
    /// Somebody else has changed them since they were shown.
    #[error("somebody else has changed the permissions of {0} in the meantime, so nothing was changed")]
    Overtaken(DistinguishedName),
    /// What is there afterwards is something else.
    #[error("{0} was changed, and its permissions are not what was written")]
    NotKept(DistinguishedName),
}

impl PermissionsError {
    /// What to do about it.
    #[must_use]
    pub const fn next_step(&self) -> &'static str {
        match self {
            Self::Directory(error) => error.next_step(),
            Self::NoContainer(_) => {
                "check the name, or give the distinguished name; that of the whole domain is DC=…"
            }
            Self::Ambiguous(..) => "give the distinguished name of one of them",
            Self::Hidden(_) => {
                "use an account that may read its permissions; what is audited is seen by who may manage auditing"
            }
            Self::Malformed { .. } => {
                "look at the permissions with another program, such as `samba-tool dsacl get`"
            }
            Self::Rights { source, .. } => source.next_step(),
            Self::Overtaken(_) => "run the command again",
            Self::NotKept(_) => {
                "see who else changes them; run the command again with --dry-run to see what is missing"
            }
        }
    }
}

impl Connection {
    /// The object that a distinguished name means, or the one organisational unit of the domain that has this name.
    ///
    /// # Errors
    /// [`PermissionsError`] about the name, or an answer.
    pub async fn container(&mut self, root: &RootDse, named: &str) -> Result<Container, PermissionsError> {
        let by_place: Option<DistinguishedName> = named.parse().ok();
        let filter = format!("(&(objectClass=organizationalUnit)(name={}))", filter_value(named));
        let (base, scope, filter) = match &by_place {
            Some(name) => (name, Scope::Base, "(objectClass=*)"),
            None => (&root.domain, Scope::Subtree, filter.as_str()),
        };
        let search = Search {
            base: base.as_str(),
            scope,
            filter,
            attributes: &["name", "objectClass"],
            security: SecurityParts::None,
        };
        let found = match self.search(&search).await {
            Err(AdError::Refused { refusal: AdRefusal::NoSuchObject, .. }) => Vec::new(),
            answer => answer?,
        };
        match found.as_slice() {
            [] => Err(PermissionsError::NoContainer(named.to_owned())),
            [one] => Ok(Container {
                name: one.text("name").unwrap_or(named).to_owned(),
                distinguished_name: one.name.parse().map_err(|_| self.malformed("a name"))?,
                is_computer: one.texts("objectClass").any(|class| class == "computer"),
            }),
            several => Err(PermissionsError::Ambiguous(several.len(), named.to_owned())),
        }
    }

    /// Reads one list of an object's security descriptor.
    ///
    /// # Errors
    /// [`PermissionsError`] if it is not to be seen, or makes no sense.
    pub async fn descriptor(
        &mut self,
        name: &DistinguishedName,
        part: Part,
    ) -> Result<SecurityDescriptor, PermissionsError> {
        let search = Search {
            base: name.as_str(),
            scope: Scope::Base,
            filter: "(objectClass=*)",
            attributes: &[DESCRIPTOR],
            security: part.parts(),
        };
        let entry = self.read_with(&search).await?;
        let value = entry.as_ref().and_then(|entry| entry.value(DESCRIPTOR));
        let value = value.ok_or_else(|| PermissionsError::Hidden(name.clone()))?;
        SecurityDescriptor::parse(value)
            .map_err(|source| PermissionsError::Malformed { name: name.clone(), source })
    }
}

/// A change of an object's permissions, worked out and not made.
#[derive(Debug)]
pub struct PlannedChange {
    name: DistinguishedName,
    part: Part,
    before: SecurityDescriptor,
    after: SecurityDescriptor,
}

impl PlannedChange {
    /// Works out what `edit` makes of an object's permissions as they are now.
    ///
    /// # Errors
    /// [`PermissionsError`] if they cannot be read, or `edit` does not take them.
    pub async fn of(
        connection: &mut Connection,
        name: &DistinguishedName,
        part: Part,
        edit: impl FnOnce(&mut SecurityDescriptor) -> Result<(), RightsError>,
    ) -> Result<Self, PermissionsError> {
        let before = connection.descriptor(name, part).await?;
        let mut after = before.clone();
        edit(&mut after).map_err(|source| PermissionsError::Rights { name: name.clone(), source })?;
        Ok(Self { name: name.clone(), part, before, after })
    }

    /// Whether nothing is left to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.before == self.after
    }

    /// The entries that the change adds.
    #[must_use]
    pub fn added(&self) -> Vec<&Ace> {
        beyond(self.part.entries(&self.after), self.part.entries(&self.before))
    }

    /// The entries that it takes away. One whose rights change is among both.
    #[must_use]
    pub fn removed(&self) -> Vec<&Ace> {
        beyond(self.part.entries(&self.before), self.part.entries(&self.after))
    }

    /// Makes the change, if the permissions still are what it was worked out from. Sent once, and read back.
    ///
    /// # Errors
    /// [`PermissionsError::NotKept`] if something else is there afterwards; nothing was changed after any other but an
    /// unanswered [`PermissionsError::Directory`], see [`AdError::is_unsent`].
    pub async fn make(&self, connection: &mut Connection) -> Result<(), PermissionsError> {
        if self.is_empty() {
            return Ok(());
        }
        if connection.descriptor(&self.name, self.part).await? != self.before {
            return Err(PermissionsError::Overtaken(self.name.clone()));
        }
        let value = SecretBytes::new(self.after.to_bytes());
        let change = vec![Change::Replace(DESCRIPTOR, value)];
        connection.modify(self.name.as_str(), change, self.part.parts()).await?;
        let kept = connection.descriptor(&self.name, self.part).await?;
        if explicit(self.part.entries(&kept)) == explicit(self.part.entries(&self.after)) {
            Ok(())
        } else {
            Err(PermissionsError::NotKept(self.name.clone()))
        }
    }
}

/// Entries that are not among the others, each as often as it is there more often.
fn beyond<'a>(entries: &'a [Ace], others: &[Ace]) -> Vec<&'a Ace> {
    let mut others: Vec<&Ace> = others.iter().collect();
    let is_new = |ace: &&Ace| {
        let place = others.iter().position(|other| other == ace);
        place.map(|at| others.swap_remove(at)).is_none()
    };
    entries.iter().filter(is_new).collect()
}

/// What is not handed down, which a controller may do anew at any time.
fn explicit(entries: &[Ace]) -> Vec<&Ace> {
    entries.iter().filter(|ace| !ace.is_inherited()).collect()
}

#[cfg(test)]
mod tests {
    use lapwing_core::types::{
        Guid, Sid,
        security::{AccessMask, AceFlags, AceKind},
    };

    use super::*;

    fn ace(mask: u32, flags: AceFlags) -> Ace {
        let guid = Guid::from_bytes([1; 16]);
        Ace::about((AceKind::Allow, flags), AccessMask(mask), guid, guid, Sid::everyone())
    }

    #[test]
    fn a_difference_counts_entries_that_are_there_twice() {
        let [one, other] = [1, 2].map(|mask| ace(mask, AceFlags::DESCENDANTS));
        let twice = [one.clone(), other.clone(), one.clone()];
        assert_eq!(beyond(&twice, core::slice::from_ref(&one)), [&other, &one]);
        assert_eq!(beyond(&twice, &twice), [&one; 0]);
        assert_eq!(beyond(&[], &twice), [&one; 0]);
    }

    #[test]
    fn what_is_handed_down_is_not_compared() {
        let own = ace(1, AceFlags::DESCENDANTS);
        let from_above = ace(2, AceFlags::DESCENDANTS.union(AceFlags::INHERITED));
        assert_eq!(explicit(&[own.clone(), from_above]), [&own]);
    }
}
