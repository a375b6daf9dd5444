//! Active Directory: the computer's own entry, over a connection sealed by its own key.
//!
//! INVARIANT: a password is sent by one modification that succeeds only on what was read in the same cycle, and is sent
//! by nothing else.

mod encryption;
mod failure;
mod history;
mod layout;

use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use lapwing_client::ad::{
    Connection, Controller, Home, LapsSchema, Limits, RootDse, SecurityParts, Wish, last_written,
};
use lapwing_core::{
    agent::{
        DirectoryFailure, DirectoryState, Encryption, Expected, Guarantees, Known, Session, Store,
        StoreOutcome, Told, Written,
    },
    policy::{DsrmBackup, EncryptionPrincipal},
    secret::SecretBytes,
    types::{DirectoryId, FileTime, PasswordVersion, RecordId, Replica, Sid, WallTime},
};
use lapwing_proto::ad::{attribute::LapsAttribute, dns::DnsName, refusal::AdRefusal};

pub(super) use self::layout::Attributes;
use self::{
    encryption::{Decryptor, controller_unmanaged, level_too_low},
    failure::{malformed, no_account, query_failed, schema_lacking, unreached, update_failed},
    history::{Kept, Slot},
    layout::{Found, Layout, Stored},
};
use super::{
    chain,
    directory::{Asked, another_principal, nothing_to_send},
    domain::{Domain, Homeless, Keyless, Reached},
    root_half::{Material, RootHalf},
};
use crate::os;

/// How long a controller's address may take to be found by its name.
const ADDRESS_MAX: Duration = Duration::from_secs(2);
/// What is known of the directory of the domain that this host is in.
#[derive(Debug, Default)]
pub(super) struct ActiveDirectory {
    /// The domain that the rest is about.
    domain: Option<DnsName>,
    /// Every controller that was connected to in this run, by its name.
    controllers: BTreeMap<String, Controller>,
    /// The schema of the domain, once it has all that the policy needs: nothing is ever taken out of one.
    schema: Option<LapsSchema>,
    /// When the password of this version was first sent, so that the same bytes are sent again.
    stamped: Option<(PasswordVersion, FileTime)>,
    decryptor: Decryptor,
    /// The ciphertexts that the last store had to spare, with the version that it stored.
    spared: Option<(PasswordVersion, Vec<Vec<u8>>)>,
    session: Option<Open>,
}

/// One connection, with whom it is about.
#[derive(Debug)]
struct Open {
    connection: Connection,
    /// The computer's entry, by its GUID: it may be moved or renamed meanwhile. [MS-ADTS] 3.1.1.3.1.2.4.
    entry: String,
    /// The container that it is in, for people.
    container: Option<String>,
    layout: Layout,
    slot: Slot,
    /// How many earlier passwords are kept, where they are encrypted.
    history: Option<usize>,
    root: RootDse,
    /// The controller's clock at the beginning.
    time: Option<WallTime>,
    /// What was read last.
    found: Found,
    /// Whether a version may be there that this host cannot read.
    is_hidden: bool,
}

impl ActiveDirectory {
    /// Closes the connection.
    pub(super) fn disconnect(&mut self) {
        self.session = None;
    }

    /// Finds a controller that can be written to, proves who this computer is, and finds its account.
    pub(super) async fn connect(
        &mut self,
        way: &mut Domain,
        root_half: &RootHalf,
        attributes: Attributes,
        asked: Asked<'_>,
    ) -> Result<Session, DirectoryFailure> {
        let reached = match asked.bound.filter(|bound| does(bound, asked.prefer, asked.avoid)) {
            Some(mut bound) => {
                bound.connected.connection.set_answer_limit(Limits::default().answer);
                bound
            }
            None => {
                let wish = async |domain: &DnsName| self.wish(domain, asked.prefer, asked.avoid).await;
                way.reach(root_half, Limits::default(), wish).await.map_err(unreached)?
            }
        };
        let session = self.begin(reached, attributes, asked.encryption, asked.dsrm).await;
        if session.is_err() {
            way.doubt_keys();
        }
        session
    }

    /// Finds this computer's account over a connection.
    async fn begin(
        &mut self,
        mut reached: Reached,
        attributes: Attributes,
        encryption: Option<&Encryption>,
        dsrm: DsrmBackup,
    ) -> Result<Session, DirectoryFailure> {
        let home = reached.home().await;
        let Reached { connected, domain, account: machine, .. } = reached;
        if self.domain.as_ref() != Some(&domain) {
            *self = Self { domain: Some(domain.clone()), stamped: self.stamped, ..Self::default() };
        }
        let (mut connection, controller) = (connected.connection, connected.controller);
        let name = controller.name.clone();
        self.controllers.insert(name.clone(), controller);
        let Home { root, computer } = home.map_err(|homeless| match homeless {
            Homeless::Directory(error) => query_failed(&error),
            Homeless::NoAccount => no_account(connection.peer(), &machine.account),
        })?;
        let is_controller = attributes == Attributes::WindowsLaps && computer.is_controller;
        let unmanaged = is_controller.then(|| controller_unmanaged(&connection, dsrm, encryption)).flatten();
        let too_low = encryption.and_then(|_| level_too_low(&connection, &root));
        let mut unfit = unmanaged.or(too_low);
        let slot = if is_controller { Slot::Controller } else { Slot::Account };
        let layout = self.layout(&mut connection, &root, attributes, encryption.map(|_| slot)).await?;
        let principal = match encryption {
            Some(encryption) if unfit.is_none() => {
                // Whatever the policy says. "Windows LAPS", DSRM. DEVIATION(14): its account is a local one that policy names.
                let of_controller = EncryptionPrincipal::DomainAdmins;
                let wanted = if is_controller { &of_controller } else { &encryption.principal };
                match self.decryptor.find(&mut connection, &root, wanted).await {
                    Ok(principal) => Some(principal),
                    Err(failure) if failure.kind.is_about_principal() => {
                        unfit = Some(failure);
                        None
                    }
                    Err(failure) => return Err(failure),
                }
            }
            Some(_) | None => None,
        };
        self.session = Some(Open {
            connection,
            entry: format!("<GUID={}>", computer.guid),
            container: computer.name.parent().map(|name| name.to_string()),
            layout,
            slot,
            history: encryption.map(|encryption| usize::from(encryption.history.entries())),
            time: root.clock().map(WallTime),
            root,
            found: Found::default(),
            is_hidden: false,
        });
        let directory = DirectoryId::ActiveDirectory(domain.to_string());
        Ok(Session {
            guarantees: Guarantees::of(&directory),
            directory,
            record: RecordId(computer.guid.to_string()),
            endpoint: format!("ldap://{name}"),
            replica: name.parse().ok(),
            age_days_min: None,
            keeps_versions: layout == Layout::Versions,
            principal,
            unfit: unfit.map(Box::new),
            is_controller,
        })
    }

    /// The controllers to ask first and not at all, by what is known of them.
    async fn wish(&self, domain: &DnsName, prefer: Option<&Replica>, avoid: &[Replica]) -> Wish {
        let mut wish =
            Wish { never: avoid.iter().map(ToString::to_string).collect::<BTreeSet<_>>(), ..Wish::default() };
        let Some(name) = prefer.map(ToString::to_string) else { return wish };
        wish.preferred = match self.controllers.get(&name) {
            Some(known) => Some(known.clone()),
            None => {
                address(&name).await.map(|address| Controller { name, address, domain: domain.to_string() })
            }
        };
        wish
    }

    async fn layout(
        &mut self,
        connection: &mut Connection,
        root: &RootDse,
        attributes: Attributes,
        slot: Option<Slot>,
    ) -> Result<Layout, DirectoryFailure> {
        let known = self.schema.as_ref().and_then(|schema| Layout::of(schema, attributes, slot));
        // What lacks only the versions works, and may have been completed since.
        if let Some(layout) = known.filter(|layout| *layout != Layout::ByExpiry) {
            return Ok(layout);
        }
        let schema = connection.laps_schema(&root.contexts).await.map_err(|error| query_failed(&error))?;
        let layout = Layout::of(&schema, attributes, slot);
        self.schema = Some(schema);
        layout.ok_or_else(|| schema_lacking(connection.peer(), attributes))
    }

    /// Asks what the directory holds of what is known here.
    pub(super) async fn state(
        &mut self,
        known: &[Known],
        settled: bool,
    ) -> Result<DirectoryState, DirectoryFailure> {
        let Some(open) = &mut self.session else { return Err(nothing_to_send()) };
        open.state(known, settled, self.spared.as_ref()).await
    }

    /// Makes sure that the policy's principal is still this one, for what is encrypted cannot be taken back.
    pub(super) async fn check_principal(&mut self, principal: &Sid) -> Result<(), DirectoryFailure> {
        let Some(open) = &mut self.session else { return Err(nothing_to_send()) };
        let now = self.decryptor.ask_again(&mut open.connection, &open.root).await?;
        if now.as_ref() == Some(principal) { Ok(()) } else { Err(another_principal()) }
    }

    /// Sends the password, once.
    pub(super) async fn store(&mut self, store: &Store, material: &Material) -> StoreOutcome {
        let Some(open) = &mut self.session else { return StoreOutcome::NotSent(nothing_to_send()) };
        let spared = open.found.spared(store);
        let stored = match material {
            Material::Clear(password) => {
                let updated = match self.stamped {
                    Some((version, first)) if version == store.version => first,
                    Some(_) | None => os::now().wall.0,
                };
                self.stamped = Some((store.version, updated));
                Stored::Clear(password, updated)
            }
            // Where the policy says no number, it says nothing of those that are there.
            Material::Sealed(value) => {
                let kept = open.kept(open.history.unwrap_or(usize::MAX), &spared);
                Stored::Encrypted(value, open.slot, kept)
            }
        };
        let outcome = open.store(store, &stored).await;
        if matches!(outcome, StoreOutcome::Acknowledged(_) | StoreOutcome::Unanswered(_)) {
            self.spared = Some((store.version, spared));
        }
        outcome
    }
}

/// Whether a connection that stands is to a controller that would be asked for now.
fn does(bound: &Reached, prefer: Option<&Replica>, avoid: &[Replica]) -> bool {
    let is_it = |replica: &Replica| replica.to_string() == bound.connected.controller.name;
    bound.connected.connection.is_open() && prefer.is_none_or(is_it) && !avoid.iter().any(is_it)
}

async fn address(name: &str) -> Option<core::net::IpAddr> {
    // The port is not looked at.
    let found = tokio::time::timeout(ADDRESS_MAX, tokio::net::lookup_host((name, 389))).await.ok()?;
    found.ok()?.next().map(|address| address.ip())
}

impl Open {
    async fn state(
        &mut self,
        known: &[Known],
        settled: bool,
        spared: Option<&(PasswordVersion, Vec<Vec<u8>>)>,
    ) -> Result<DirectoryState, DirectoryFailure> {
        let found = self.read().await?;
        let version = match (self.layout, found.version) {
            (Layout::Versions, Some(version)) => Told::Version(Some(version)),
            (Layout::Versions, None) => self.probe(known).await?,
            (Layout::ByExpiry | Layout::Legacy, _) => layout::by_expiry(found.expiry, known),
        };
        let written = self.written(version, known).await;
        let in_force = known.first().map(|known| known.version);
        if settled && in_force.is_some() && version == Told::Version(in_force) {
            // After a restart nobody knows what was replaced last.
            let spared = spared.filter(|(version, _)| Some(*version) == in_force);
            self.trim(spared.map(|(_, spared)| spared.as_slice())).await;
        }
        Ok(DirectoryState {
            version,
            expiry: found.expiry.map(WallTime),
            receipt: None,
            time: self.time.take(),
            written,
        })
    }

    /// When a version was written that is none of those known, for whoever looks for the other writer. Where the directory does
    /// not tell, nothing else fails for that.
    async fn written(&mut self, told: Told, known: &[Known]) -> Option<Written> {
        let is_foreign = match told {
            Told::Version(Some(version)) => known.iter().all(|known| known.version != version),
            Told::NoneKnown => true,
            Told::Version(None) | Told::Nothing => false,
        };
        let version = LapsAttribute::CurrentPasswordVersion.ldap_name();
        if !is_foreign {
            return None;
        }
        match last_written(&mut self.connection, &self.root, &self.entry, version).await {
            Ok(at) => at.map(|at| Written { at: WallTime(at), from: None }),
            Err(error) => {
                tracing::warn!(error = chain(&error), "When the foreign version was written is not known");
                None
            }
        }
    }

    /// Which earlier passwords are kept now.
    fn kept<'a>(&self, number: usize, spared: &'a [Vec<u8>]) -> Kept<'a> {
        let host = os::now().wall.0;
        // The later of the two clocks: one that is behind must not make times of the past those of the future.
        Kept { number, spared, now: self.root.clock().map_or(host, |controller| controller.max(host)) }
    }

    /// Drops the earlier passwords that the policy keeps no longer; where some are kept and it is not known which are to be
    /// spared, the next store does that. What fails is done in a later cycle: it is no reason to keep a password that is due.
    async fn trim(&mut self, spared: Option<&[Vec<u8>]>) {
        let Some(number) = self.history else { return };
        let kept = match spared {
            Some(spared) => self.kept(number, spared),
            None if number == 0 => self.kept(number, &[]),
            None => return,
        };
        let trimmed = |slot: Slot| slot.trim(&self.found.ciphertexts(slot).history, &kept);
        let changes: Vec<_> = Slot::ALL.into_iter().flat_map(trimmed).collect();
        if changes.is_empty() {
            return;
        }
        if let Err(error) = self.connection.modify(&self.entry, changes, SecurityParts::None).await {
            tracing::warn!(
                error = chain(&error),
                "Earlier passwords stay in the directory until the next cycle"
            );
        }
    }

    async fn read(&mut self) -> Result<Found, DirectoryFailure> {
        let attributes = self.layout.attributes();
        let entry = self.connection.read(&self.entry, &attributes).await.map_err(|e| query_failed(&e))?;
        let entry = entry.ok_or_else(|| no_account(self.connection.peer(), &self.entry))?;
        self.found =
            self.layout.found(&entry).map_err(|attribute| malformed(self.connection.peer(), attribute))?;
        Ok(self.found.clone())
    }

    /// Asks for each known version by a change that changes nothing, for none is to be seen: it may be hidden from this
    /// host. A host that knows of none is told that there is none; if there is, its store finds that out.
    async fn probe(&mut self, known: &[Known]) -> Result<Told, DirectoryFailure> {
        for Known { version, .. } in known {
            let changes = layout::unchanged(*version);
            match self.connection.modify(&self.entry, changes, SecurityParts::None).await {
                Ok(()) => {
                    self.is_hidden = true;
                    return Ok(Told::Version(Some(*version)));
                }
                Err(error) if error.refusal() == Some(AdRefusal::Overtaken) => {}
                Err(error) => return Err(update_failed(&error, self.layout, self.container.as_deref())),
            }
        }
        let is_new = known.is_empty() && !self.is_hidden;
        Ok(if is_new { Told::Version(None) } else { Told::NoneKnown })
    }

    async fn store(&mut self, store: &Store, stored: &Stored<'_>) -> StoreOutcome {
        let changes = self.layout.store(store, stored, &self.found);
        let stored = self.connection.modify(&self.entry, changes, SecurityParts::None).await;
        let Err(error) = stored else { return StoreOutcome::Acknowledged(None) };
        let Some(refusal) = error.refusal() else {
            let failure = query_failed(&error);
            return if error.is_unsent() {
                StoreOutcome::NotSent(failure)
            } else {
                StoreOutcome::Unanswered(failure)
            };
        };
        match self.is_mismatch(store.expected, refusal).await {
            Some(state) => StoreOutcome::VersionMismatch(state),
            None => StoreOutcome::Refused(update_failed(&error, self.layout, self.container.as_deref())),
        }
    }

    /// What the directory holds now, if a refusal says that it is not what was read before.
    async fn is_mismatch(&mut self, expected: Expected, refusal: AdRefusal) -> Option<DirectoryState> {
        let before = self.found.clone();
        match refusal {
            AdRefusal::Overtaken => {}
            // A value that is there already is told apart from one that is not taken only by looking again.
            AdRefusal::BadValue | AdRefusal::Other(_) => {
                let now = self.read().await.ok()?;
                let is_first = self.layout == Layout::Versions && expected == Expected::Nothing;
                if now == before && (!is_first || core::mem::replace(&mut self.is_hidden, true)) {
                    return None;
                }
            }
            _ => return None,
        }
        let expiry = self.found.expiry.map(WallTime);
        Some(DirectoryState { version: Told::NoneKnown, expiry, receipt: None, time: None, written: None })
    }
}

/// Why a password cannot be encrypted.
pub(super) fn keyless(why: Keyless) -> DirectoryFailure {
    match why {
        Keyless::Unreached(why) => unreached(why),
        Keyless::Refused(error) => encryption::keyless(&error),
    }
}

/// A value that holds no secret.
fn plain(bytes: impl Into<Vec<u8>>) -> SecretBytes {
    SecretBytes::new(bytes.into())
}
