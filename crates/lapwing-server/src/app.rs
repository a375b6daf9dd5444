//! What every handler shares.

use core::time::Duration;
use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_lc_rs::digest::{SHA256, digest};
use lapwing_core::{
    secret::Password,
    types::{DeviceId, FileTime},
};

use crate::{
    config::{Limits, Origin},
    http::{fault::Fault, request::Peer},
    keys::{Keyring, envelope::Binding, operator_password::Hasher},
    os::Monotonic,
    rules::{
        audit::{Activity, Actor, Record},
        operator::OperatorName,
        package::Sessions,
        rate::Buckets,
    },
    store::{MetaRow, Note, PasswordRow, Store},
    token::nonce::Nonces,
    wake::Bus,
};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// The running server.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) origin: Origin,
    /// The origin as text, with the port bound.
    pub(crate) url: String,
    /// Where devices are asked for their certificates, as text with the port bound.
    pub(crate) device_url: String,
    pub(crate) meta: MetaRow,
    pub(crate) keys: Keyring,
    /// Whether TLS uses a certificate of our own authority, which enrolment tokens then name.
    pub(crate) own_authority: bool,
    /// Whether the discovery answer announces our extension.
    pub(crate) extension: bool,
    pub(crate) store: Store,
    pub(crate) nonces: Nonces,
    pub(crate) rates: Rates,
    pub(crate) hasher: Hasher,
    /// The way to devices that wait to be woken.
    pub(crate) wake: Arc<dyn Bus>,
    /// Whose notifications Windows devices are to listen to, where the push service is configured.
    pub(crate) package_family: Option<String>,
    /// What is remembered of sessions of device management.
    pub(crate) sessions: Mutex<Sessions>,
}

impl App {
    /// Whether `text` in a path means this tenant.
    pub(crate) fn is_tenant(&self, text: &str) -> bool {
        text.parse() == Ok(self.meta.tenant) || text.eq_ignore_ascii_case(&self.meta.tenant_name)
    }

    pub(crate) fn sessions(&self) -> MutexGuard<'_, Sessions> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where devices are managed.
    pub(crate) fn management_url(&self) -> String {
        format!("{}/lapwing/v1/{}/manage", self.device_url, self.meta.tenant)
    }

    /// Adds an entry to the audit log, durable before this returns.
    pub(crate) async fn note(&self, record: Record) -> Result<(), Fault> {
        Ok(self.store.change(Note(record)).await?)
    }

    /// The clear text of a stored password. To be recorded before it is shown.
    pub(crate) fn open_password(&self, device: DeviceId, row: &PasswordRow) -> Result<Password, Fault> {
        let (tenant, version, account) = (self.meta.tenant, row.held.version, &row.held.account);
        let binding = Binding::Password { tenant, device, version, account };
        Ok(self.keys.kek.open_password(&row.record, binding)?)
    }

    /// Records a refusal and returns it.
    pub(crate) async fn refuse(
        &self,
        at: FileTime,
        actor: Actor,
        activity: Activity,
        target: &str,
        fault: Fault,
    ) -> Fault {
        let record =
            Record { refusal: Some(fault.message().to_owned()), ..record(at, actor, activity, target) };
        match self.note(record).await {
            Ok(()) => fault,
            // What could not be recorded is not answered either.
            Err(unrecorded) => unrecorded,
        }
    }
}

/// Attempts to sign in, at once and then one a time, of one address and for one name. An attacker who knows a password
/// has three codes of a million right at any time, and 720 attempts a day.
const ADDRESS_SIGN_INS: u32 = 30;
const ADDRESS_SIGN_IN_REFILL: Duration = Duration::from_secs(10);
const NAME_SIGN_INS: u32 = 10;
const NAME_SIGN_IN_REFILL: Duration = Duration::from_secs(120);

/// Where a request comes from.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Address(IpAddr),
    /// SHA-256 of the certificate.
    Certificate([u8; 32]),
}

/// How often each address, device and operator has asked.
#[derive(Debug)]
pub(crate) struct Rates {
    clock: Monotonic,
    sources: Mutex<Buckets<Source>>,
    devices: Mutex<Buckets<DeviceId>>,
    sign_in_addresses: Mutex<Buckets<IpAddr>>,
    sign_in_names: Mutex<Buckets<OperatorName>>,
}

impl Rates {
    pub(crate) fn new(limits: &Limits) -> Self {
        let sources = Buckets::new(limits.address_burst, SECOND / limits.address_per_second.max(1));
        let devices = Buckets::new(limits.device_burst, HOUR / limits.device_per_hour.max(1));
        Self {
            clock: Monotonic::start(),
            sources: Mutex::new(sources),
            devices: Mutex::new(devices),
            sign_in_addresses: Mutex::new(Buckets::new(ADDRESS_SIGN_INS, ADDRESS_SIGN_IN_REFILL)),
            sign_in_names: Mutex::new(Buckets::new(NAME_SIGN_INS, NAME_SIGN_IN_REFILL)),
        }
    }

    /// Counts an attempt to sign in, by whatever proof, whether or not there is such an operator.
    pub(crate) fn take_sign_in(&self, address: IpAddr, name: Option<OperatorName>) -> Result<(), Fault> {
        self.take(&self.sign_in_addresses, address)?;
        name.map_or(Ok(()), |name| self.take(&self.sign_in_names, name))
    }

    /// Counts a request: of its device if that has shown a certificate, else of its address, for many devices may
    /// share one.
    pub(crate) fn take_request(&self, peer: &Peer) -> Result<(), Fault> {
        let source = match &peer.certificate {
            Some(certificate) => {
                let mut sha256 = [0; 32];
                sha256.copy_from_slice(digest(&SHA256, certificate).as_ref());
                Source::Certificate(sha256)
            }
            None => Source::Address(peer.address),
        };
        self.take(&self.sources, source)
    }

    /// Counts a store of a device.
    pub(crate) fn take_device(&self, device: DeviceId) -> Result<(), Fault> {
        self.take(&self.devices, device)
    }

    fn take<K: Ord>(&self, buckets: &Mutex<Buckets<K>>, key: K) -> Result<(), Fault> {
        let mut buckets = buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.take(key, self.clock.elapsed()).map_err(Fault::too_many_requests)
    }
}

/// An entry for something done.
pub(crate) fn record(time: FileTime, actor: Actor, activity: Activity, target: &str) -> Record {
    // A path may name anything; the log keeps the start of it.
    let target = target.chars().filter(|c| !c.is_control()).take(128).collect();
    Record { time, actor, activity, target, refusal: None, detail: String::new() }
}
