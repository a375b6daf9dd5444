//! The administrator's profile: which server, and as which client. `lapwing-server setup` writes it.

use std::{
    fs::File,
    io::{self, Read as _},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use lapwing_client::{
    graph::{Administrator, Profile},
    transport::{Limits, Proxy, ProxyError},
};
use lapwing_proto::admin::Credentials;
use zeroize::Zeroizing;

use crate::{
    failure::{Code, Failure},
    os,
};

/// The longest profile, in bytes.
const PROFILE_LEN_MAX: u16 = 16 * 1024;

/// Which profile to use.
#[derive(Debug, clap::Args)]
pub(crate) struct ProfileArgs {
    /// The profile: server, tenant, authority, client id and secret [default: ~/.config/lapwing/profile.toml]
    #[arg(long, value_name = "FILE")]
    profile: Option<PathBuf>,
}

/// Why a profile cannot be read.
#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error("there is no home folder to look for a profile in")]
    NoHome,
    #[error("the profile {path} cannot be read", path = .0.display())]
    Unreadable(PathBuf, #[source] io::Error),
    #[error("the profile {path} holds a secret, and others than its owner may read or write it", path = .0.display())]
    Exposed(PathBuf),
    #[error("the profile {path} belongs to somebody else", path = .0.display())]
    Foreign(PathBuf),
    // Not repeated: it may hold a password.
    #[error("the environment names a proxy that cannot be used")]
    Proxy(#[source] ProxyError),
    #[error("the profile {path} is not valid: {why}", path = .path.display())]
    Invalid { path: PathBuf, why: String },
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        let (code, next_step) = match &error {
            ReadError::Proxy(_) => (
                Code::Usage,
                "correct HTTPS_PROXY; a user and a password go into the profile, as `proxy_credentials`"
                    .to_owned(),
            ),
            ReadError::NoHome => (Code::Usage, "name it with --profile".to_owned()),
            ReadError::Unreadable(path, source) => {
                let code = match source.kind() {
                    io::ErrorKind::NotFound => Code::NotFound,
                    _ => Code::Failed,
                };
                (
                    code,
                    format!(
                        "copy `admin.toml` of the server to {}, or name it with --profile",
                        path.display()
                    ),
                )
            }
            ReadError::Exposed(path) => (Code::Refused, format!("run `chmod 600 {}`", path.display())),
            ReadError::Foreign(path) => {
                (Code::Refused, format!("make a copy of {} of your own", path.display()))
            }
            ReadError::Invalid { .. } => (Code::Failed, "copy `admin.toml` of the server again".to_owned()),
        };
        Self::new(code, error, next_step)
    }
}

impl ProfileArgs {
    /// Does `work` as the profile's client.
    pub(crate) fn ask<T, E>(
        &self,
        work: impl AsyncFnOnce(&mut Administrator) -> Result<T, E>,
    ) -> Result<T, Failure>
    where
        Failure: From<E>,
    {
        as_client_of(&self.load()?, work)
    }

    pub(crate) fn load(&self) -> Result<Profile, Failure> {
        let path = match &self.profile {
            Some(path) => path.clone(),
            None => os::config_home().ok_or(ReadError::NoHome)?.join("lapwing/profile.toml"),
        };
        let text = read(&path)?;
        let credentials: Credentials = toml::from_str(&text).map_err(|error| ReadError::Invalid {
            path,
            // The message alone: the error's picture would quote the line, and it may be the secret's.
            why: error.message().to_owned(),
        })?;
        let mut profile: Profile = credentials.try_into()?;
        if profile.proxy.is_none() {
            profile.proxy = proxy_of_the_environment()?;
        }
        Ok(profile)
    }
}

/// The proxy of `HTTPS_PROXY`, but for the hosts of `NO_PROXY`.
fn proxy_of_the_environment() -> Result<Option<Proxy>, ReadError> {
    let Some((text, except)) = os::proxy() else { return Ok(None) };
    // Others take a host and a port alone for one of HTTP.
    let url = if text.contains("://") { text } else { format!("http://{text}") };
    let proxy: Proxy = url.parse().map_err(ReadError::Proxy)?;
    Ok(Some(proxy.except(except.split(','))))
}

fn read(path: &Path) -> Result<Zeroizing<String>, ReadError> {
    const OTHERS: u32 = 0o077;
    let unreadable = |error| ReadError::Unreadable(path.to_owned(), error);
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(ReadError::Foreign(path.to_owned()));
    }
    if metadata.mode() & OTHERS != 0 {
        return Err(ReadError::Exposed(path.to_owned()));
    }
    let mut text = Zeroizing::new(String::with_capacity(PROFILE_LEN_MAX.into()));
    file.take(PROFILE_LEN_MAX.into()).read_to_string(&mut text).map_err(unreadable)?;
    Ok(text)
}

/// Does `work` as the profile's client.
pub(crate) fn as_client_of<T, E>(
    profile: &Profile,
    work: impl AsyncFnOnce(&mut Administrator) -> Result<T, E>,
) -> Result<T, Failure>
where
    Failure: From<E>,
{
    run_async(async {
        let mut administrator = Administrator::open(profile, Limits::default()).await?;
        Ok(work(&mut administrator).await?)
    })
}

/// Runs what needs the network, on this thread.
pub(crate) fn run_async<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Code::Failed, error, "check the limits of processes and open files"))?
        .block_on(work)
}
