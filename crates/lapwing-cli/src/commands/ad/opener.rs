//! Opens encrypted passwords: with keys that the domains' controllers give to whoever may have them, or with root keys.

use std::collections::{BTreeMap, BTreeSet};

use lapwing_client::ad::{KeyService, Principals};
use lapwing_core::{
    event::Hresult,
    secret::SecretBytes,
    types::{Guid, Sid},
};
use lapwing_dpapi::{
    Blob, GroupKeyEnvelope, Interval, UnprotectError, cache::KeyCache, descriptor::security_descriptor,
    gkdi::Name, rpc::isdkey::Request, unprotect,
};

use super::Session;
use crate::{
    failure::{Code, Failure},
    os, output,
    root_keys::RootKeys,
};

/// Why a password stays closed.
#[derive(Debug)]
pub(super) enum Locked {
    /// It is for somebody else.
    Unauthorized,
    /// It cannot be opened. Of several passwords that have one cause the first one tells it.
    Failed(Option<Failure>),
}

/// Asks controllers for keys, each once.
#[derive(Debug, Default)]
pub(super) struct GroupKeys {
    /// Whom to ask; if nobody, whoever DNS names.
    services: Vec<KeyService>,
    cache: KeyCache,
    /// What this person may not have, by domain, SID and root key.
    forbidden: BTreeSet<(Name, Sid, Guid)>,
    /// What there is not. One odd value must not keep others from being opened.
    refused: BTreeSet<(Name, Sid, Guid, Interval)>,
    /// Domains in which nobody gives keys.
    silent: BTreeSet<Name>,
}

impl GroupKeys {
    /// Asks these, or if there are none whoever DNS names.
    pub(super) fn of(services: Vec<KeyService>) -> Self {
        Self { services, ..Self::default() }
    }

    pub(super) async fn open(&mut self, session: &Session, blob: &Blob) -> Result<SecretBytes, Locked> {
        let identifier = &blob.key_identifier;
        let domain = &identifier.names.domain;
        let now = os::now();
        if let Some(envelope) = self.cache.to_unprotect(domain, &blob.sid, identifier, now) {
            return unprotect(blob, envelope).map_err(locked);
        }
        let group = (domain.clone(), blob.sid.clone(), identifier.root_key_id);
        let (of_domain, of_sid, id) = group.clone();
        let key = (of_domain, of_sid, id, identifier.interval);
        if self.forbidden.contains(&group) {
            return Err(Locked::Unauthorized);
        }
        if self.refused.contains(&key) || self.silent.contains(domain) {
            return Err(Locked::Failed(None));
        }
        match ask(session, &self.services, blob).await {
            Ok(envelope) => {
                let opened = unprotect(blob, &envelope).map_err(locked);
                if let Err(Locked::Unauthorized) = opened {
                    self.forbidden.insert(group);
                }
                self.cache.insert(domain.clone(), blob.sid.clone(), envelope, now);
                opened
            }
            Err(why) => {
                let _new = match &why {
                    Locked::Unauthorized => self.forbidden.insert(group),
                    Locked::Failed(Some(failure)) if failure.code == Code::Unreachable => {
                        self.silent.insert(domain.clone())
                    }
                    Locked::Failed(_) => self.refused.insert(key),
                };
                Err(why)
            }
        }
    }
}

async fn ask(session: &Session, services: &[KeyService], blob: &Blob) -> Result<GroupKeyEnvelope, Locked> {
    let identifier = &blob.key_identifier;
    let request = Request {
        descriptor: security_descriptor(&blob.sid),
        root_key: Some(identifier.root_key_id),
        interval: identifier.interval.indexes(),
    };
    let failed = |failure| Locked::Failed(Some(failure));
    let domain = identifier.names.domain.as_str();
    let answer = session.group_key(domain, services, &request).await.map_err(|_| {
        let what = format!("the password names the domain {:?}, which cannot be one", output::shown(domain));
        failed(Failure::new(Code::Failed, what, "the next rotation replaces it"))
    })?;
    let envelope = answer.map_err(|error| {
        let code = match error.result() {
            Some(Hresult::ACCESS_DENIED) => return Locked::Unauthorized,
            Some(_) => Code::Failed,
            None => Code::Unreachable,
        };
        let next_step = error.next_step();
        failed(Failure::new(code, error, next_step))
    })?;
    GroupKeyEnvelope::parse(envelope.expose_secret()).map_err(|error| {
        failed(Failure::new(Code::Failed, error, "check who gives group keys in that domain"))
    })
}

/// What became of an attempt with a key that a controller gave.
fn locked(error: UnprotectError) -> Locked {
    if error == UnprotectError::NotAMember {
        return Locked::Unauthorized;
    }
    let next_step = error.next_step();
    Locked::Failed(Some(Failure::new(Code::Failed, error, next_step)))
}

/// Who a SID is, as the directory calls them; a name that is not to be had keeps nobody from a password.
#[derive(Debug, Default)]
pub(super) struct Names {
    principals: Option<Principals>,
    known: BTreeMap<Sid, String>,
}

impl Names {
    /// `DOMAIN\name`, or the SID if nobody has a name for it.
    pub(super) async fn name(&mut self, session: &mut Session, sid: &Sid) -> String {
        if let Some(name) = self.known.get(sid) {
            return name.clone();
        }
        let name = self.ask(session, sid).await.unwrap_or_else(|| sid.to_string());
        self.known.insert(sid.clone(), name.clone());
        name
    }

    async fn ask(&mut self, session: &mut Session, sid: &Sid) -> Option<String> {
        let Session { connection, root, .. } = session;
        if self.principals.is_none() {
            self.principals = Principals::open(connection, root).await.ok();
        }
        let principals = self.principals.as_mut()?;
        principals.learn(connection, [sid]).await.ok()?;
        Some(principals.name(sid))
    }
}

/// Opens with root keys, for which nobody is asked.
pub(super) fn open_with(keys: &RootKeys, blob: &Blob) -> Result<SecretBytes, Locked> {
    keys.open(blob).map_err(|error| {
        let next_step = error.next_step();
        Locked::Failed(Some(Failure::new(Code::Failed, error, next_step)))
    })
}
