//! What is asked of a controller, and what it answers.

use core::time::Duration;
use std::{collections::BTreeMap, io, path::Path};

use lapwing_core::secret::SecretBytes;
use ldap3::{
    Ldap, LdapConnAsync, LdapConnSettings, LdapError, LdapResult, Mod, SearchOptions, StdStream, StreamState,
    asn1::StructureTag,
    controls::{Control, ControlType, MakeCritical as _, PagedResults, RawControl},
};
use tokio::{net::UnixStream, task::AbortHandle, time::timeout};

use super::{
    channel::{self, Limits, Protection, Running},
    controller::Controller,
    error::{AdError, Stage},
    kerberos::Credentials,
};

pub use ldap3::Scope;

/// How many entries a page has. Active Directory's own limit is 1000. [MS-ADTS] 3.1.1.3.4.6, `MaxPageSize`.
const PAGE_LEN: i32 = 500;

/// One connection to one controller, bound and protected.
#[derive(Debug)]
pub struct Connection {
    ldap: Ldap,
    peer: String,
    answer: Duration,
    tasks: Vec<Running>,
}

/// What to search for.
#[derive(Debug, Clone, Copy)]
pub struct Search<'a> {
    /// Where to begin; empty for what the controller says of itself.
    pub base: &'a str,
    /// How far down.
    pub scope: Scope,
    /// Which entries. RFC 4515.
    pub filter: &'a str,
    /// Which attributes, by their names in LDAP; all if none is named.
    pub attributes: &'a [&'a str],
    /// Which parts of security descriptors.
    pub security: SecurityParts,
}

/// Where a page of a search begins.
#[derive(Debug)]
pub struct Page {
    cookie: Vec<u8>,
    /// Fixed by the first page.
    is_names_only: bool,
}

impl Page {
    /// The first one.
    pub const FIRST: Self = Self { cookie: Vec::new(), is_names_only: false };
    /// The first one of a search that says which attributes there are and never what is in them. RFC 4511 section
    /// 4.5.1.6.
    pub const FIRST_NAMES_ONLY: Self = Self { cookie: Vec::new(), is_names_only: true };
}

/// The parts of a security descriptor that are read or written. [MS-ADTS] 3.1.1.3.4.1.11.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SecurityParts {
    /// None is asked for, so the control is not sent.
    #[default]
    None,
    /// Owner, group and the list of who may do what: what anybody may ask for who may read permissions.
    WithoutAuditing,
    /// The list of who may do what, alone: what a change of permissions writes.
    Access,
    /// The list of what is audited, alone; its reader needs the privilege to manage auditing.
    Auditing,
}

impl SecurityParts {
    /// Owner 1, group 2, discretionary list 4, system list 8.
    const fn flags(self) -> Option<u8> {
        match self {
            Self::None => None,
            Self::WithoutAuditing => Some(7),
            Self::Access => Some(4),
            Self::Auditing => Some(8),
        }
    }

    /// `LDAP_SERVER_SD_FLAGS_OID`.
    fn control(self) -> Option<RawControl> {
        let flags = self.flags()?;
        // SEQUENCE { INTEGER }.
        let value = vec![0x30, 3, 2, 1, flags];
        Some(RawControl { ctype: "1.2.840.113556.1.4.801".to_owned(), crit: true, val: Some(value) })
    }
}

/// One entry, as the controller tells it.
#[derive(Debug)]
pub struct Entry {
    /// Its distinguished name.
    pub name: String,
    attributes: BTreeMap<String, Vec<SecretBytes>>,
}

impl Entry {
    /// The values of an attribute, by its name in LDAP whatever the case; none if there are none, or none to be seen.
    #[must_use]
    pub fn values(&self, attribute: &str) -> &[SecretBytes] {
        self.attributes.get(&attribute.to_ascii_lowercase()).map_or(&[], Vec::as_slice)
    }

    /// Whether it has the attribute, whether its values were asked for or not.
    #[must_use]
    pub fn has(&self, attribute: &str) -> bool {
        self.attributes.contains_key(&attribute.to_ascii_lowercase())
    }

    /// The first value.
    #[must_use]
    pub fn value(&self, attribute: &str) -> Option<&[u8]> {
        self.values(attribute).first().map(SecretBytes::expose_secret)
    }

    /// The first value of an attribute that holds text, and nothing secret.
    #[must_use]
    pub fn text(&self, attribute: &str) -> Option<&str> {
        str::from_utf8(self.value(attribute)?).ok()
    }

    /// All values of an attribute that holds text, and nothing secret.
    pub fn texts(&self, attribute: &str) -> impl Iterator<Item = &str> {
        self.values(attribute).iter().filter_map(|value| str::from_utf8(value.expose_secret()).ok())
    }

    /// An entry that came in another way than over a connection; an attribute may come several times.
    #[must_use]
    pub fn new(name: String, values: impl IntoIterator<Item = (String, SecretBytes)>) -> Self {
        let mut attributes: BTreeMap<String, Vec<SecretBytes>> = BTreeMap::new();
        for (attribute, value) in values {
            attributes.entry(attribute.to_ascii_lowercase()).or_default().push(value);
        }
        Self { name, attributes }
    }

    /// An entry for tests.
    #[cfg(test)]
    pub(super) fn of(name: &str, attributes: Vec<(&str, Vec<Vec<u8>>)>) -> Self {
        let values = |values: Vec<Vec<u8>>| values.into_iter().map(SecretBytes::new).collect();
        let attributes =
            attributes.into_iter().map(|(name, bytes)| (name.to_ascii_lowercase(), values(bytes))).collect();
        Self { name: name.to_owned(), attributes }
    }

    fn parse(tag: StructureTag) -> Option<Self> {
        let mut parts = tag.expect_constructed()?.into_iter();
        let name = String::from_utf8(parts.next()?.expect_primitive()?).ok()?;
        let mut attributes = BTreeMap::new();
        for attribute in parts.next()?.expect_constructed()? {
            let mut parts = attribute.expect_constructed()?.into_iter();
            let mut attribute = String::from_utf8(parts.next()?.expect_primitive()?).ok()?;
            attribute.make_ascii_lowercase();
            let values = parts.next()?.expect_constructed()?.into_iter();
            let values = values.map(|value| value.expect_primitive().map(SecretBytes::new));
            attributes.insert(attribute, values.collect::<Option<_>>()?);
        }
        Some(Self { name, attributes })
    }
}

/// One part of a modification.
#[derive(Debug)]
pub enum Change {
    /// Adds a value.
    Add(&'static str, SecretBytes),
    /// Deletes this very value, which must be there.
    Delete(&'static str, SecretBytes),
    /// Puts this value in the place of all.
    Replace(&'static str, SecretBytes),
    /// Deletes every value, if there is any.
    Clear(&'static str),
}

impl Change {
    fn into_mod(self) -> Mod<Vec<u8>> {
        let values = |value: SecretBytes| [value.expose_secret().to_vec()].into();
        match self {
            Self::Add(attribute, value) => Mod::Add(attribute.into(), values(value)),
            Self::Delete(attribute, value) => Mod::Delete(attribute.into(), values(value)),
            Self::Replace(attribute, value) => Mod::Replace(attribute.into(), values(value)),
            Self::Clear(attribute) => Mod::Replace(attribute.into(), [].into()),
        }
    }
}

impl Connection {
    /// Connects to a controller, binds and protects.
    ///
    /// # Errors
    /// Every [`AdError`] but those of an answer.
    pub async fn open(
        controller: &Controller,
        credentials: &Credentials,
        protection: Protection,
        limits: &Limits,
    ) -> Result<Self, AdError> {
        let (stream, sealing) = channel::open(controller, credentials, protection, limits).await?;
        Self::over(stream, controller.name.clone(), vec![sealing], limits).await
    }

    /// Connects to the controller on this host by the socket of its own that it has for root, with every right there is: such
    /// as Samba's `ldap_priv/ldapi`. What passes never leaves the host.
    ///
    /// # Errors
    /// [`AdError::Unreachable`] if nobody listens there, or the caller may not connect.
    pub async fn open_local(socket: &Path, limits: &Limits) -> Result<Self, AdError> {
        let peer = socket.display().to_string();
        let connected = timeout(limits.connect, UnixStream::connect(socket)).await;
        let stream = connected
            .map_err(|_| AdError::TimedOut {
                peer: peer.clone(),
                stage: Stage::Connecting,
                limit: limits.connect,
            })?
            .map_err(|source| AdError::Unreachable { peer: peer.clone(), source })?;
        Self::over(stream, peer, Vec::new(), limits).await
    }

    async fn over(
        stream: UnixStream,
        peer: String,
        mut tasks: Vec<Running>,
        limits: &Limits,
    ) -> Result<Self, AdError> {
        let settings = LdapConnSettings::new().set_std_stream(StdStream::Unix(
            stream.into_std().map_err(|source| AdError::Unreachable { peer: peer.clone(), source })?,
        ));
        // The path is not used: the stream is there.
        let opened = LdapConnAsync::with_settings(settings, "ldapi://%2f").await;
        let (connection, ldap) = opened.map_err(|error| lost(&peer, error))?;
        // How it ends is told by the calls that are under way then.
        let driving: AbortHandle = tokio::spawn(async { drop(connection.drive().await) }).abort_handle();
        tasks.push(Running::new(driving));
        Ok(Self { ldap, peer, answer: limits.answer, tasks })
    }

    /// The controller's name.
    #[must_use]
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// Sets the longest wait for one answer, and for each page of a long one.
    pub fn set_answer_limit(&mut self, limit: Duration) {
        self.answer = limit;
    }

    /// Whether the connection still stands, as far as can be told without asking.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.tasks.iter().all(Running::is_running)
    }

    /// Reads one entry; none if it is not there, or not to be seen.
    ///
    /// # Errors
    /// As [`Self::search`].
    pub async fn read(&mut self, name: &str, attributes: &[&str]) -> Result<Option<Entry>, AdError> {
        let search = Search {
            base: name,
            scope: Scope::Base,
            filter: "(objectClass=*)",
            attributes,
            security: SecurityParts::None,
        };
        self.read_with(&search).await
    }

    /// Reads the one entry that a search finds; none if there is none.
    ///
    /// # Errors
    /// As [`Self::search`].
    pub async fn read_with(&mut self, search: &Search<'_>) -> Result<Option<Entry>, AdError> {
        match self.search(search).await {
            Ok(entries) => Ok(entries.into_iter().next()),
            Err(AdError::Refused {
                refusal: lapwing_proto::ad::refusal::AdRefusal::NoSuchObject, ..
            }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All entries that a search finds, page by page.
    ///
    /// # Errors
    /// Every [`AdError`] that is about an answer.
    pub async fn search(&mut self, search: &Search<'_>) -> Result<Vec<Entry>, AdError> {
        let mut entries = Vec::new();
        self.search_each(search, |entry| entries.push(entry)).await?;
        Ok(entries)
    }

    /// Hands each entry that a search finds to `take`, page by page, so that memory holds no more than a page.
    ///
    /// # Errors
    /// As [`Self::search`].
    pub async fn search_each(
        &mut self,
        search: &Search<'_>,
        mut take: impl FnMut(Entry),
    ) -> Result<(), AdError> {
        let mut next = Some(Page::FIRST);
        while let Some(page) = next {
            next = self.search_page(search, page, &mut take).await?;
        }
        Ok(())
    }

    /// Hands each entry of one page of what a search finds to `take`, and says where the next page begins; none behind
    /// the last. Other questions may be asked between two pages.
    ///
    /// # Errors
    /// As [`Self::search`].
    pub async fn search_page(
        &mut self,
        search: &Search<'_>,
        page: Page,
        mut take: impl FnMut(Entry),
    ) -> Result<Option<Page>, AdError> {
        let mut controls: Vec<RawControl> = search.security.control().into_iter().collect();
        // One entry needs no pages.
        if search.scope != Scope::Base {
            controls.push(PagedResults { size: PAGE_LEN, cookie: page.cookie }.critical().into());
        }
        let result = self.page(search, controls, page.is_names_only, &mut take).await?;
        let cookie = next_page(&result.ctrls);
        Ok((!cookie.is_empty()).then_some(Page { cookie, ..page }))
    }

    async fn page(
        &mut self,
        search: &Search<'_>,
        controls: Vec<RawControl>,
        is_names_only: bool,
        take: &mut impl FnMut(Entry),
    ) -> Result<LdapResult, AdError> {
        let (peer, answer) = (self.peer.clone(), self.answer);
        let failed = |error| failure(&peer, answer, error);
        self.ldap.with_controls(controls);
        self.ldap.with_timeout(answer);
        self.ldap.with_search_options(SearchOptions::new().typesonly(is_names_only));
        let attributes: Vec<&str> = search.attributes.to_vec();
        let mut stream = self
            .ldap
            .streaming_search(search.base, search.scope, search.filter, attributes)
            .await
            .map_err(failed)?;
        while stream.state() == StreamState::Active {
            let Some(found) = stream.next().await.map_err(failed)? else { break };
            // A reference to another domain: this search is about one.
            if found.is_ref() || found.is_intermediate() {
                continue;
            }
            let entry = Entry::parse(found.0);
            take(entry.ok_or_else(|| AdError::Malformed { peer: peer.clone(), what: "an entry" })?);
        }
        let result = stream.finish().await;
        if result.rc == 0 { Ok(result) } else { Err(AdError::refused(&peer, result.rc, &result.text)) }
    }

    /// Modifies an entry: all of it or nothing. Sent once.
    ///
    /// # Errors
    /// [`AdError::Refused`] if nothing was changed; after any other error nobody knows, unless [`AdError::is_unsent`].
    pub async fn modify(
        &mut self,
        name: &str,
        changes: Vec<Change>,
        security: SecurityParts,
    ) -> Result<(), AdError> {
        if let Some(control) = security.control() {
            self.ldap.with_controls(vec![control]);
        }
        let changes = changes.into_iter().map(Change::into_mod).collect();
        let result = self.ldap.with_timeout(self.answer).modify(name, changes).await;
        self.done(result)
    }

    /// Adds an entry.
    ///
    /// # Errors
    /// As [`Self::modify`].
    pub async fn add(
        &mut self,
        name: &str,
        attributes: Vec<(&'static str, Vec<Vec<u8>>)>,
    ) -> Result<(), AdError> {
        let attributes = attributes
            .into_iter()
            .map(|(attribute, values)| (attribute.as_bytes().to_vec(), values.into_iter().collect()))
            .collect();
        let result = self.ldap.with_timeout(self.answer).add(name, attributes).await;
        self.done(result)
    }

    pub(super) fn malformed(&self, what: &'static str) -> AdError {
        AdError::Malformed { peer: self.peer.clone(), what }
    }

    fn done(&self, result: Result<LdapResult, LdapError>) -> Result<(), AdError> {
        let result = result.map_err(|error| failure(&self.peer, self.answer, error))?;
        if result.rc == 0 { Ok(()) } else { Err(AdError::refused(&self.peer, result.rc, &result.text)) }
    }
}

/// Where the next page begins; nothing after the last.
fn next_page(controls: &[Control]) -> Vec<u8> {
    let paged = controls.iter().find(|control| matches!(control.0, Some(ControlType::PagedResults)));
    paged.map(|control| control.1.parse::<PagedResults>().cookie).unwrap_or_default()
}

fn failure(peer: &str, limit: Duration, error: LdapError) -> AdError {
    match error {
        LdapError::Timeout { .. } => {
            AdError::TimedOut { peer: peer.to_owned(), stage: Stage::Answering, limit }
        }
        LdapError::FilterParsing | LdapError::AddNoValues | LdapError::UrlParsing { .. } => {
            AdError::Unwritable { peer: peer.to_owned() }
        }
        other => lost(peer, other),
    }
}

fn lost(peer: &str, error: LdapError) -> AdError {
    let source = match error {
        LdapError::Io { source } => source,
        other => io::Error::new(io::ErrorKind::ConnectionAborted, other.to_string()),
    };
    AdError::Closed { peer: peer.to_owned(), source }
}
