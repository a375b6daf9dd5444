//! The forest's root keys in the directory. [MS-GKDI] 3.1.1.
//!
//! INVARIANT: nothing here replaces or deletes: a root key that is gone takes with it all that was protected under it.

use lapwing_core::types::Guid;
use lapwing_dpapi::gkdi::{StoredRootKey, StoredRootKeyError, stored::ATTRIBUTES};
use lapwing_proto::ad::{name::DistinguishedName, refusal::AdRefusal, schema::NamingContexts};

use super::{
    connection::{Connection, Scope, Search, SecurityParts},
    error::AdError,
};

/// The most root keys that are read: more than Windows takes. [MS-GKDI] names no limit, Windows gives up above 1000.
pub const ROOT_KEYS_MAX: usize = 1000;

/// What is read of a forest's root keys.
#[derive(Debug, Default)]
pub struct RootKeys {
    /// The keys that have times, by which one is chosen; those that are damaged otherwise among them.
    pub keys: Vec<StoredRootKey>,
    /// The objects that are no root keys, by their names, and why.
    pub faulty: Vec<(String, StoredRootKeyError)>,
}

/// An object that root keys need around them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Surrounding {
    /// Its name.
    pub name: DistinguishedName,
    /// Its class.
    pub class: &'static str,
}

/// Where root keys are. [MS-GKDI] 3.1.1.
#[must_use]
pub fn root_key_container(contexts: &NamingContexts) -> DistinguishedName {
    service(contexts).child("CN", "Master Root Keys")
}

fn service(contexts: &NamingContexts) -> DistinguishedName {
    contexts.configuration.child("CN", "Services").child("CN", "Group Key Distribution Service")
}

/// The class of the object that says how root keys are made.
const SERVER: &str = "msKds-ProvServerConfiguration";

/// What must be there before the first root key, in the order in which it is made.
fn surroundings(contexts: &NamingContexts) -> [Surrounding; 4] {
    let (service, configuration) = (service(contexts), service(contexts).child("CN", "Server Configuration"));
    let server = configuration.child("CN", "Group Key Distribution Service Server Configuration");
    let container = |name| Surrounding { name, class: "container" };
    [
        container(service),
        container(root_key_container(contexts)),
        container(configuration),
        Surrounding { name: server, class: SERVER },
    ]
}

impl Connection {
    /// Reads all root keys that the caller may read. Without the right to one it does not seem to be there.
    ///
    /// # Errors
    /// Every [`AdError`] that is about an answer.
    pub async fn root_keys(&mut self, contexts: &NamingContexts) -> Result<RootKeys, AdError> {
        let attributes: Vec<&str> = ATTRIBUTES.into_iter().chain(["cn"]).collect();
        let container = root_key_container(contexts);
        let search = Search {
            base: container.as_str(),
            scope: Scope::OneLevel,
            filter: "(objectClass=msKds-ProvRootKey)",
            attributes: &attributes,
            security: SecurityParts::None,
        };
        let mut found = RootKeys::default();
        let searched = self
            .search_each(&search, |entry| {
                if found.keys.len() + found.faulty.len() >= ROOT_KEYS_MAX {
                    return;
                }
                let id = entry.text("cn").and_then(|name| name.parse::<Guid>().ok());
                let key = id
                    .ok_or(StoredRootKeyError::Malformed("cn"))
                    .and_then(|id| StoredRootKey::read(id, |attribute| entry.value(attribute)));
                match key {
                    Ok(key) => found.keys.push(key),
                    Err(why) => found.faulty.push((entry.name, why)),
                }
            })
            .await;
        match searched {
            // Nobody has ever made one.
            Err(error) if error.refusal() == Some(AdRefusal::NoSuchObject) => Ok(found),
            outcome => outcome.map(|()| found),
        }
    }

    /// What is missing of that which must be there before the first root key, in the order in which it is made.
    ///
    /// # Errors
    /// Every [`AdError`] that is about an answer.
    pub async fn missing_surroundings(
        &mut self,
        contexts: &NamingContexts,
    ) -> Result<Vec<Surrounding>, AdError> {
        let mut missing = Vec::new();
        for surrounding in surroundings(contexts) {
            if self.read(surrounding.name.as_str(), &["objectClass"]).await?.is_none() {
                missing.push(surrounding);
            }
        }
        Ok(missing)
    }

    /// Makes one of [`Self::missing_surroundings`].
    ///
    /// # Errors
    /// As [`Self::add`].
    pub async fn add_surrounding(&mut self, surrounding: &Surrounding) -> Result<(), AdError> {
        let mut attributes = vec![("objectClass", vec![surrounding.class.as_bytes().to_vec()])];
        if surrounding.class == SERVER {
            // The one version there is; what is left out is what Windows takes by itself. [MS-GKDI] 2.2.6.
            attributes.push(("msKds-Version", vec![b"1".to_vec()]));
        }
        self.add(surrounding.name.as_str(), attributes).await
    }
}
