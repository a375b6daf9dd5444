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
    types::{AccountName, DeviceId, FileTime, Guid, PasswordVersion, TenantId},
};
use lapwing_proto::{
    register::{Condition, LapwingUpload, SealedUpload},
    wake::PROTOCOL,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;

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
    keys::{
        authority::{DeviceLife, DeviceNames},
        operator_password::Hasher,
    },
    os,
    register::join::sha256,
    setup,
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
/// joining and storing would have left, written straight into the store. Their key is the one whose public half is
/// `public_key` (SubjectPublicKeyInfo, DER), if they are to have one. The server must not run.
///
/// # Errors
/// If the data folder cannot be used.
pub async fn fill(
    folder: &Path,
    count: u32,
    public_key: Option<&[u8]>,
    mut progress: impl FnMut(u32),
) -> anyhow::Result<()> {
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
                key_sha256: public_key.map(sha256),
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
    /// Its id.
    pub id: DeviceId,
    /// The version of the password that it holds.
    pub held: PasswordVersion,
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

    /// The certificate, in DER, that joining would have given the generated device of that number for `public_key`
    /// (SubjectPublicKeyInfo, DER).
    ///
    /// # Errors
    /// If the key is none.
    pub fn certificate(&self, number: u32, public_key: &[u8]) -> anyhow::Result<Vec<u8>> {
        let names = DeviceNames {
            tenant: self.tenant(),
            device: device_id(number),
            joined_by: Guid::from_bytes([1; 16]),
        };
        let authority = &self.app.keys.authority;
        Ok(authority
            .issue_device(&names, public_key, DeviceLife::Renewed, os::now(), &mut os::rng())?
            .to_vec())
    }

    /// The tenant's id.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.app.meta.tenant
    }

    /// The public key that devices seal passwords for: X25519.
    #[must_use]
    pub fn seal_key(&self) -> [u8; 32] {
        self.app.keys.seal.public().public_key
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
            instance: None,
            version,
            condition: Condition::Holds(held),
            in_force: Some(held),
            expiry: expiry(os::now()),
            sealed: [&key.to_bytes()[..], &ciphertext].concat(),
        };
        Ok(LapwingUpload { account: &self.account, members: &members }.to_json())
    }

    /// Agrees to every wake-up connection, of devices with a certificate, and echoes what it hears: no request is read,
    /// no device looked up, nobody woken.
    ///
    /// # Errors
    /// If it cannot listen; after that it serves for ever.
    pub async fn serve_echo(&self, bound: impl FnOnce(SocketAddr)) -> anyhow::Result<()> {
        os::allow_descriptors()?;
        let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
        let keys = &self.app.keys;
        let hosts = BTreeSet::from([self.app.origin.host.clone()]);
        let identity = Identity::new(keys.authority.issue_tls(&hosts, os::now(), &mut os::rng())?)?;
        let tls = TlsAcceptor::from(Arc::new(tls::for_devices(Arc::new(identity), &keys.authority)?));
        bound(listener.local_addr()?);
        loop {
            let (stream, _) = listener.accept().await?;
            tokio::spawn(echo(stream, tls.clone()));
        }
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

/// The least that a wake-up connection needs.
async fn echo(stream: TcpStream, tls: TlsAcceptor) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = tls.accept(stream).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    drop(head);
    let agreed =
        format!("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: {PROTOCOL}\r\n\r\n");
    stream.write_all(agreed.as_bytes()).await?;
    stream.flush().await?;
    let mut heard = [0; 16];
    loop {
        let len = stream.read(&mut heard).await?;
        if len == 0 {
            return Ok(());
        }
        stream.write_all(heard.get(..len).unwrap_or_default()).await?;
        stream.flush().await?;
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
