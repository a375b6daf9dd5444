//! The way to this host's domain, as the machine: its keys, what root has written about the domain, and a controller. Group
//! Policy is read over what it leads to, and passwords are stored over it.

use std::{
    os::fd::{AsRawFd as _, OwnedFd},
    path::{Path, PathBuf},
};

use lapwing_client::{
    ad::{
        AdError, AdSettings, AdSettingsError, ConnectError, Connected, Connector, Credentials, Home, KdcPin,
        Limits, MachineError, Source, Wish,
    },
    identity::{IdentityError, Root, files},
};
use lapwing_core::agent::RootHalfFailure;
use lapwing_proto::ad::{
    dns::{DnsName, DnsNameError},
    keytab::Machine,
};

use super::root_half::RootHalf;
use crate::os;

/// Where the variable says that Kerberos reads whom to ask. krb5.conf(5); dist/systemd/lapwingd.service.
const KERBEROS_FILES: &str = "KRB5_CONFIG";

/// The domain that this host is in, if it is in one.
#[derive(Debug)]
pub(super) struct Domain {
    root: Root,
    /// The machine's keys, as the root half handed them over. They are kept, because each question starts the root half; and
    /// until others are there, because a thread of Kerberos that was given up may still look for them.
    keytab: Option<OwnedFd>,
    /// Whether they are to be asked for again: whoever renews the machine's key replaces the keytab.
    is_stale: bool,
    /// Knows the site that this host is in.
    connector: Option<Connector>,
}

/// A connection to a controller of the domain, and who this host is there.
#[derive(Debug)]
pub(super) struct Reached {
    /// Bound as the machine. The site is the one that the administrator named, if one was.
    pub(super) connected: Connected,
    /// The domain's name.
    pub(super) domain: DnsName,
    /// The machine's account and realm.
    pub(super) account: Machine,
    /// Where this process finds the machine's keys.
    pub(super) keytab: PathBuf,
    /// This computer's object, once it was asked for.
    home: Option<Home>,
}

/// Why this computer's object is not known.
#[derive(Debug)]
pub(super) enum Homeless {
    /// The controller did not answer as it should.
    Directory(AdError),
    /// It shows none to this host.
    NoAccount,
}

impl Reached {
    /// This computer's object, asked for once.
    ///
    /// # Errors
    /// Why it is not known.
    pub(super) async fn home(&mut self) -> Result<Home, Homeless> {
        if let Some(home) = &self.home {
            return Ok(home.clone());
        }
        let home = self.connected.connection.home(&self.account.account).await;
        let home = home.map_err(Homeless::Directory)?.ok_or(Homeless::NoAccount)?;
        Ok(self.home.insert(home).clone())
    }
}

/// Why the domain cannot be reached.
#[derive(Debug)]
pub(super) enum Unreached {
    /// The root half hands no keytab over.
    NoKeys(RootHalfFailure),
    /// The keytab tells no machine.
    Keytab(MachineError),
    /// `agent.toml` cannot be read.
    Unreadable(IdentityError),
    /// Its table about the domain makes no sense.
    Settings(AdSettingsError),
    /// The keytab's realm is no name of a domain.
    Name(DnsNameError),
    /// No connection came to stand.
    Connect(DnsName, ConnectError),
}

impl Domain {
    pub(super) const fn new(root: Root) -> Self {
        Self { root, keytab: None, is_stale: false, connector: None }
    }

    /// Finds a controller that can be written to, and proves who this computer is. `wish` says which ones, given the domain.
    ///
    /// # Errors
    /// Why not. After all of them but [`ConnectError`]s of a domain that is away the keys are asked for anew.
    pub(super) async fn reach(
        &mut self,
        root_half: &RootHalf,
        limits: Limits,
        wish: impl AsyncFnOnce(&DnsName) -> Wish,
    ) -> Result<Reached, Unreached> {
        let reached = self.reach_with_keys(root_half, limits, wish).await;
        match &reached {
            Ok(_) => {}
            Err(Unreached::Connect(_, error)) if error.refused().is_none() => {}
            Err(_) => self.doubt_keys(),
        }
        reached
    }

    /// Has the keys asked for again: something failed that they may be to blame for.
    pub(super) const fn doubt_keys(&mut self) {
        self.is_stale = true;
    }

    async fn reach_with_keys(
        &mut self,
        root_half: &RootHalf,
        limits: Limits,
        wish: impl AsyncFnOnce(&DnsName) -> Wish,
    ) -> Result<Reached, Unreached> {
        let keytab = self.keys(root_half).await.map_err(Unreached::NoKeys)?;
        let (credentials, account) = Credentials::machine(&keytab).map_err(Unreached::Keytab)?;
        let settings = files::read_if_there(&self.root.agent_settings()).map_err(Unreached::Unreadable)?;
        let settings = AdSettings::parse(&settings.unwrap_or_default()).map_err(Unreached::Settings)?;
        let domain = match &settings.domain {
            Some(domain) => domain.clone(),
            None => DnsName::parse(&account.domain()).map_err(Unreached::Name)?,
        };
        let named_site = settings.site.clone();
        let wish = wish(&domain).await;
        let connector = self.connector(settings, &domain, limits);
        let connected = connector.connect(&credentials, wish, os::seed()).await;
        let mut connected = connected.map_err(|error| Unreached::Connect(domain.clone(), error))?;
        connected.client_site = named_site.or(connected.client_site);
        Ok(Reached { connected, domain, account, keytab, home: None })
    }

    async fn keys(&mut self, root_half: &RootHalf) -> Result<PathBuf, RootHalfFailure> {
        let keytab = match &mut self.keytab {
            Some(keytab) if !self.is_stale => keytab,
            before => {
                let keytab = root_half.keytab().await?;
                self.is_stale = false;
                before.insert(keytab)
            }
        };
        Ok(PathBuf::from(format!("/proc/self/fd/{}", keytab.as_raw_fd())))
    }

    /// The connector of before, which knows this host's site, unless it is for another domain now.
    fn connector(&mut self, settings: AdSettings, domain: &DnsName, limits: Limits) -> &mut Connector {
        let before = self.connector.take().filter(|before| before.source.domain == *domain);
        let site = settings.site.or_else(|| before.and_then(|before| before.source.site));
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let source = Source { domain: domain.clone(), site, controllers: settings.controllers, host };
        self.connector.insert(Connector { source, protection: settings.protection, limits, pin: pin() })
    }
}

/// The file by which Kerberos is told whom to ask, where it was told to read one of ours.
fn pin() -> Option<KdcPin> {
    let files = std::env::var(KERBEROS_FILES).ok()?;
    let (ours, _) = files.split_once(':')?;
    let pin = KdcPin::within(Path::new(ours).parent()?);
    (pin.variable() == files).then_some(pin)
}
