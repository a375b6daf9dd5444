//! `setup`: tenant, keys, database and the first administrators. Run again, it changes nothing that exists.

use std::path::PathBuf;

use lapwing_core::types::{Guid, TenantId};
use lapwing_proto::{admin::Credentials, graph::DeviceRegistrationPolicy, hex, secret_text::SecretText};
use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::{
    app::record,
    client_secret,
    config::{Config, ConfigError, Limits, Origin},
    console::link,
    data::{Data, DataError, Opened},
    keys::{
        KEY_NAMES, KeyError, StoredKey,
        authority::Authority,
        envelope::{Binding, Kek},
        receipt::ReceiptKey,
        seal::SealKey,
        signing::SigningKey,
    },
    os,
    rules::{
        access::Role,
        audit::{Activity, Actor},
        operator::OperatorName,
    },
    store::{CreateClient, CreateOperator, Initialise, MetaRow, Store},
};

/// What the operator gives.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) url: String,
    pub(crate) tenant_name: String,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
}

/// Makes what is not there yet. Returns a one-time link for the first operator, if there was none.
pub(crate) async fn set_up(data: &Data, wish: Wish) -> Result<Option<SecretText>, DataError> {
    Origin::parse(&wish.url)?;
    data.create()?;
    let _lock = data.lock()?;
    if !data.config().exists() {
        write_config(data, &wish)?;
    }
    // The key is durable before anything is encrypted with it.
    let kek = match data.existing_kek()? {
        Some(kek) => kek,
        None => {
            let kek = Kek::generate(&mut os::rng());
            data.write(&data.kek(), &kek.expose_file())?;
            kek
        }
    };
    let (store, writer) = data.open_store().await?;
    if store.meta().await?.is_none() {
        let initialise = initialise(&kek, &wish.tenant_name, &mut os::rng())?;
        let change = async { store.change(initialise).await };
        let writer = writer.spawn();
        change.await?;
        drop(store);
        end(writer).await;
    } else {
        drop((store, writer));
    }
    if !data.admin().exists() {
        make_administrator(data).await?;
    }
    make_operator(data).await
}

/// Waits until the writer has closed the database.
pub(crate) async fn end(writer: tokio::task::JoinHandle<()>) {
    if let Err(error) = writer.await {
        tracing::error!(%error, "The writer ended badly");
    }
}

fn write_config(data: &Data, wish: &Wish) -> Result<(), DataError> {
    let config = Config {
        url: wish.url.trim_end_matches('/').to_owned(),
        listen: None,
        device_url: None,
        device_listen: None,
        certificate: wish.certificate.clone(),
        key: wish.key.clone(),
        extension: true,
        limits: Limits::default(),
    };
    if config.certificate.is_some() != config.key.is_some() {
        return Err(ConfigError::HalfIdentity.into());
    }
    let text = toml::to_string(&config).map_err(|_| ConfigError::Url(wish.url.clone()))?;
    data.write(&data.config(), &text)
}

fn initialise(kek: &Kek, tenant_name: &str, rng: &mut impl CryptoRng) -> Result<Initialise, KeyError> {
    let tenant = TenantId::random(rng);
    let [authority_name, seal_name, receipt_name, signing_name] = KEY_NAMES;
    let (certificate, authority_key) = Authority::generate(tenant_name, os::now(), rng)?;
    let signing_key = SigningKey::generate()?;
    let (seal_key, receipt_key) = (SealKey::generate(rng), ReceiptKey::generate(rng));
    let mut keys = Vec::with_capacity(KEY_NAMES.len());
    for (name, public, private) in [
        (authority_name, certificate, authority_key),
        (seal_name, Vec::new(), seal_key),
        (receipt_name, Vec::new(), receipt_key),
        (signing_name, Vec::new(), signing_key),
    ] {
        keys.push(stored(kek, tenant, name, public, &private, rng)?);
    }
    Ok(Initialise {
        meta: MetaRow { tenant, tenant_name: tenant_name.to_owned(), kek: kek.id() },
        keys,
        policy: serde_json::to_string(&DeviceRegistrationPolicy::new(true))
            .map_err(|_| KeyError::Malformed("policy"))?,
    })
}

fn stored(
    kek: &Kek,
    tenant: TenantId,
    name: &str,
    public: Vec<u8>,
    private: &Zeroizing<Vec<u8>>,
    rng: &mut impl CryptoRng,
) -> Result<StoredKey, KeyError> {
    let wrapped = kek.wrap(private, Binding::Key { tenant, name })?;
    Ok(StoredKey { name: name.to_owned(), id: Guid::random(rng), public, wrapped })
}

/// Makes a client with all roles and writes its secret to `admin.toml`.
async fn make_administrator(data: &Data) -> Result<(), DataError> {
    let Opened { config, meta, keys, store, writer } = data.open().await?;
    let now = os::now();
    let (client, client_secret) =
        client_secret::draw("First administrator", Role::ALL.to_vec(), now, &mut os::rng());
    let credentials = Credentials {
        server: config.url.clone(),
        tenant: meta.tenant.to_string(),
        authority: config.certificate.is_none().then(|| hex::encode(&keys.authority.digest())),
        client_id: client.id.to_string(),
        client_secret,
        proxy: None,
        proxy_credentials: None,
        no_proxy: Vec::new(),
    };
    let text =
        toml::to_string(&credentials).map(Zeroizing::new).map_err(|_| KeyError::Malformed("admin.toml"))?;
    let record = record(now, Actor::Local, Activity::CreateClient, &client.id.to_string());
    let writer = writer.spawn();
    store.change(CreateClient { client, record }).await?;
    drop(store);
    end(writer).await;
    // Last: if this fails, the next set-up makes another client, and the one without its secret is of no use.
    data.write(&data.admin(), &text)
}

/// What the first operator is called.
pub(crate) const FIRST_OPERATOR: &str = "admin";

/// Makes an operator with all roles and a link, if there is no operator.
async fn make_operator(data: &Data) -> Result<Option<SecretText>, DataError> {
    let Opened { config, store, writer, .. } = data.open().await?;
    let is_first = store.operators().await?.is_empty();
    let writer = writer.spawn();
    let link = match FIRST_OPERATOR.parse() {
        Ok(name) if is_first => operator_link(&store, &config, name, true).await?,
        Ok(_) | Err(_) => None,
    };
    drop(store);
    end(writer).await;
    Ok(link)
}

/// A one-time link for an operator, who is made with all roles if wished; none if there is no such operator.
pub(crate) async fn operator_link(
    store: &Store,
    config: &Config,
    name: OperatorName,
    create: bool,
) -> Result<Option<SecretText>, DataError> {
    let now = os::now();
    if create && store.operator(name).await?.is_none() {
        let record = record(now, Actor::Local, Activity::CreateOperator, name.as_str());
        store.change(CreateOperator { name, roles: Role::ALL.to_vec(), record }).await?;
    }
    let (code, change) = link::draw(name, now, Actor::Local, &mut os::rng());
    Ok(store.change(change).await?.then(|| link::url(&config.url, &code)))
}
