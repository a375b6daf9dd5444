//! What the benchmarks of `benches/` need of the inside of the server: a tenant of any size, tokens without a log-on,
//! and a server that only checks them. Never in a shipped build.

use std::{collections::BTreeSet, net::SocketAddr, path::Path, sync::Arc};

use anyhow::Context as _;
use axum::{Extension, Json, Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use hpke::{
    Deserializable as _, OpModeS, Serializable as _, aead::AesGcm256, kdf::HkdfSha256, kem::X25519HkdfSha256,
    single_shot_seal_with_rng,
};
use lapwing_core::{
    binding::SealBinding,
    types::{AccountName, DeviceId, FileTime, Guid, PasswordVersion},
};
use lapwing_proto::register::{Condition, LapwingUpload, SealedUpload};
use tokio::net::TcpListener;

pub use crate::store::bench::BATCH as FILL_BATCH;
use crate::{
    app::{App, Rates},
    config::{Config, Limits, Origin},
    data::{Data, Opened},
    http::{
        fault::Fault,
        request,
        serve::{Door, Server},
        tls::{self, Identity},
    },
    keys::operator_password::Hasher,
    os, setup,
    store::bench::{Generated, device_id, version_of},
    token::{bearer, nonce::Nonces},
    wake::Lines,
};

/// The account of every generated device.
const ACCOUNT: &str = "lapadmin";

/// Sets the limits on requests so high that they play no part. The server must not run yet.
///
/// # Errors
/// If `server.toml` cannot be read or written.
pub fn lift_limits(folder: &Path) -> anyhow::Result<()> {
    let data = Data::new(folder);
    let mut config = Config::read(&data.config())?;
    config.limits = unlimited(config.limits);
    Ok(data.write(&data.config(), &toml::to_string(&config)?)?)
}

fn unlimited(limits: Limits) -> Limits {
    // A quarter of a billion a second is more than any machine sends, and its bucket is a time that fits.
    const MANY: u32 = 250_000_000;
    Limits {
        address_burst: MANY,
        address_per_second: MANY,
        device_burst: MANY,
        device_per_hour: MANY,
        ..limits
    }
}

/// Fills a fresh tenant with `count` devices, each with one sealed password in force and one audit entry: the rows that
/// joining and storing would have left, written straight into the store. The server must not run.
///
/// # Errors
/// If the data folder cannot be used.
pub async fn fill(folder: &Path, count: u32, mut progress: impl FnMut(u32)) -> anyhow::Result<()> {
    let data = Data::new(folder);
    let _lock = data.lock()?;
    let Opened { meta, keys, store, writer, .. } = data.open().await?;
    let writer = writer.spawn();
    let keys = Arc::new(keys);
    let account: AccountName = ACCOUNT.parse()?;
    let mut first = 0;
    while first < count {
        let end = count.min(first.saturating_add(FILL_BATCH));
        let numbers = first..end;
        store
            .change(Generated {
                tenant: meta.tenant,
                keys: Arc::clone(&keys),
                account: account.clone(),
                numbers,
                now: os::now(),
            })
            .await?;
        first = end;
        progress(first);
    }
    drop(store);
    setup::end(writer).await;
    Ok(())
}

/// A tenant whose server runs or is about to.
pub struct Tenant {
    app: Arc<App>,
    account: AccountName,
}

/// A generated device.
#[derive(Debug, Clone)]
pub struct Device {
    id: DeviceId,
    held: PasswordVersion,
    /// The path that it stores at.
    pub path: String,
    /// Its access token.
    pub token: String,
}

impl Tenant {
    /// Opens the data folder beside the server that serves it as `url`.
    ///
    /// # Errors
    /// If the data folder cannot be used.
    pub async fn open(folder: &Path, url: &str) -> anyhow::Result<Self> {
        let Opened { meta, keys, store, writer, .. } = Data::new(folder).open().await?;
        // It would be a second one; whatever writes here is the server.
        drop(writer);
        let app = App {
            origin: Origin::parse(url)?,
            url: url.to_owned(),
            device_url: url.to_owned(),
            meta,
            keys,
            own_authority: true,
            extension: true,
            store,
            nonces: Nonces::new(&mut os::rng()),
            rates: Rates::new(&unlimited(Limits::default())),
            hasher: Hasher::new(&mut os::rng())?,
            wake: Arc::new(Lines::new(Limits::default().wake_ups_per_second)),
            package_family: None,
            sessions: std::sync::Mutex::default(),
        };
        Ok(Self { app: Arc::new(app), account: ACCOUNT.parse()? })
    }

    /// The certificate, in DER, that the server's own one leads to.
    #[must_use]
    pub fn authority(&self) -> &[u8] {
        self.app.keys.authority.certificate()
    }

    /// The generated device of that number, with a token.
    ///
    /// # Errors
    /// If there is none.
    pub async fn device(&self, number: u32) -> anyhow::Result<Device> {
        let id = device_id(number);
        let row = self.app.store.device(id).await?.context("no such device was generated")?;
        let issued =
            bearer::issue_device(&self.app, os::now(), &row, "bench").map_err(|fault| told(&fault))?;
        Ok(Device {
            id,
            held: version_of(number),
            path: format!("/manage/{}/lapsdevicepasswordupdate/{id}", self.app.meta.tenant),
            token: issued.token.expose_secret().to_owned(),
        })
    }

    /// The path at which an administrator reads the device's passwords.
    #[must_use]
    pub fn credentials_path(&self, number: u32) -> String {
        format!("/v1.0/directory/deviceLocalCredentials/{}?$select=credentials", device_id(number))
    }

    /// The token of the first administrator, who has all roles.
    ///
    /// # Errors
    /// If there is none.
    pub async fn administrator(&self) -> anyhow::Result<String> {
        let client =
            self.app.store.clients().await?.into_iter().next().context("there is no administrator")?;
        let issued = bearer::issue_client(&self.app, os::now(), &client).map_err(|fault| told(&fault))?;
        Ok(issued.token.expose_secret().to_owned())
    }

    /// The body of the device's next upload: a sealed password in place of the one held, which is in force.
    ///
    /// # Errors
    /// If it cannot be sealed.
    pub fn next_upload(&self, device: &mut Device) -> anyhow::Result<Vec<u8>> {
        let version = PasswordVersion(Guid::random(&mut os::rng()));
        let binding =
            SealBinding { tenant: self.app.meta.tenant, device: device.id, version, account: &self.account };
        let public = self.app.keys.seal.public().public_key;
        let public = <X25519HkdfSha256 as hpke::Kem>::PublicKey::from_bytes(&public).context("seal key")?;
        let (key, ciphertext) = single_shot_seal_with_rng::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &public,
            &binding.to_bytes(),
            b"correct horse battery",
            &[],
            &mut os::rng(),
        )
        .context("sealing")?;
        let held = std::mem::replace(&mut device.held, version);
        let members = SealedUpload {
            version,
            condition: Condition::Holds(held),
            in_force: Some(held),
            expiry: expiry(os::now()),
            sealed: [&key.to_bytes()[..], &ciphertext].concat(),
        };
        Ok(LapwingUpload { account: &self.account, members: &members }.to_json())
    }

    /// Serves, at the store's own path, a handler that checks the device's token and does nothing else.
    ///
    /// # Errors
    /// If it cannot listen; after that it serves for ever.
    pub async fn serve_token_check(&self, bound: impl FnOnce(SocketAddr)) -> anyhow::Result<()> {
        let free = || TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0));
        let (everybody, devices) = (free().await?, free().await?);
        let keys = &self.app.keys;
        let hosts = BTreeSet::from([self.app.origin.host.clone()]);
        let identity = keys.authority.issue_tls(&hosts, os::now(), &mut os::rng())?;
        let server = Server {
            router: Router::new()
                .route("/manage/{tenant}/lapsdevicepasswordupdate/{device}", post(check_token))
                .with_state(Arc::clone(&self.app)),
            app: Arc::clone(&self.app),
            renewed: None,
        };
        let identity = Arc::new(Identity::new(identity)?);
        bound(everybody.local_addr()?);
        let connections_max = Limits::default().connections;
        let door = |listener, tls| Door { listener, tls, connections_max };
        let doors = [
            door(everybody, tls::for_everybody(Arc::clone(&identity))?),
            door(devices, tls::for_devices(identity, &keys.authority)?),
        ];
        server.run(doors, std::future::pending()).await;
        Ok(())
    }
}

/// When a password stored now expires.
fn expiry(now: FileTime) -> FileTime {
    now.saturating_add(core::time::Duration::from_secs(30 * 86_400))
}

async fn check_token(
    State(app): State<Arc<App>>,
    Extension(context): Extension<request::Context>,
    headers: HeaderMap,
    _body: Bytes,
) -> Result<Json<serde_json::Value>, Fault> {
    bearer::device(&app, &context, &headers).await?;
    Ok(Json(serde_json::json!({})))
}

fn told(fault: &Fault) -> anyhow::Error {
    anyhow::anyhow!("{}", fault.message())
}
