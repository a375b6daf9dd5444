//! One connection to one controller, as the person who calls.

use core::time::Duration;
use std::{io::IsTerminal as _, net::IpAddr, sync::Arc};

use lapwing_client::ad::{
    AdError, Connection, Controller, Credentials, Limits, Protection, RootDse, Stage, controllers,
    default_realm, realm_of_tickets,
};
use lapwing_core::secret::Password;
use tokio::{net::lookup_host, time::timeout};

use crate::{
    failure::{Code, Failure},
    output,
    profile::run_async,
    terminal,
};

/// How long DNS may take to answer.
const DNS_MAX: Duration = Duration::from_secs(10);
/// How long the Kerberos library may take to say what it knows by itself.
const LIBRARY_MAX: Duration = Duration::from_secs(10);
/// How many controllers are tried that do not answer.
const CONTROLLERS_MAX: usize = 5;

/// Which domain is asked, and as whom.
#[derive(Debug, clap::Args)]
pub(crate) struct DomainArgs {
    /// The domain's name in DNS [default: that of --user, of --server, of the Kerberos ticket, or of krb5.conf]
    #[arg(long, value_name = "NAME")]
    domain: Option<String>,

    /// The domain controller to ask, by its full name [default: one that DNS names and that answers]
    #[arg(long, value_name = "NAME")]
    server: Option<String>,

    /// The account to ask as, such as alice@EXAMPLE.COM; its password is asked for [default: the ticket's owner]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// Read the account's password from standard input
    #[arg(long, requires = "user")]
    password_stdin: bool,

    /// Use LDAP over TLS (port 636), with the certificate checked, instead of LDAP sealed by Kerberos (port 389)
    #[arg(long)]
    ldaps: bool,
}

/// One connection to one controller, and what that says of itself.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) connection: Connection,
    pub(crate) root: RootDse,
    asker: Asker,
}

/// Who asks, and how.
#[derive(Debug)]
struct Asker {
    credentials: Credentials,
    protection: Protection,
    limits: Limits,
}

impl DomainArgs {
    /// Does `work` with a controller of the domain.
    pub(crate) fn ask<T>(
        &self,
        work: impl AsyncFnOnce(&mut Session) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        run_async(async {
            let domain = self.domain().await?;
            let asker = Asker {
                credentials: self.credentials(&domain)?,
                protection: if self.ldaps { Protection::Tls } else { Protection::Sealed },
                limits: Limits::default(),
            };
            let mut session = match &self.server {
                Some(name) => asker.open(&named(name, &domain).await?).await?,
                None => asker.open_any(&domain).await?,
            };
            work(&mut session).await
        })
    }

    /// The domain's name in DNS, in small letters.
    async fn domain(&self) -> Result<String, Failure> {
        let of_user = || self.user.as_deref().and_then(|user| user.rsplit_once('@'));
        let of_server = || self.server.as_deref().and_then(|server| server.split_once('.'));
        let named = self.domain.as_deref().or_else(|| of_user().or_else(of_server).map(|(_, domain)| domain));
        let domain = match named {
            Some(domain) => domain.to_owned(),
            None if self.user.is_none() => realm_of_tickets(LIBRARY_MAX).await?,
            // Without a krb5.conf the library has no answer, which is one too.
            None => default_realm(LIBRARY_MAX).await.unwrap_or_default(),
        };
        if domain.is_empty() {
            let next_step = "name it with --domain, or name the account as alice@EXAMPLE.COM";
            return Err(Failure::new(Code::Usage, "nothing tells which domain to ask", next_step));
        }
        Ok(domain.trim_end_matches('.').to_ascii_lowercase())
    }

    /// Asks for the password, if an account was named.
    fn credentials(&self, domain: &str) -> Result<Credentials, Failure> {
        let Some(user) = self.user.as_deref() else { return Ok(Credentials::Tickets) };
        if user.contains(['\\', '/']) {
            let next_step = "write NAME@DOMAIN, with the domain's name in DNS";
            return Err(Failure::new(
                Code::Usage,
                format!("{} is not an account's name", output::shown(user)),
                next_step,
            ));
        }
        let principal = match user.rsplit_once('@') {
            Some((name, realm)) => format!("{name}@{}", realm.to_ascii_uppercase()),
            None => format!("{user}@{}", domain.to_ascii_uppercase()),
        };
        if !self.password_stdin && !std::io::stdin().is_terminal() {
            return Err(Failure::new(
                Code::Usage,
                format!(
                    "the password of {} cannot be asked for: standard input is no terminal",
                    output::shown(&principal)
                ),
                "add --password-stdin and write the password there, or get a ticket with `kinit`",
            ));
        }
        let read = terminal::read_secret(&format!("Password of {}", output::shown(&principal)));
        let text =
            read.map_err(|error| Failure::new(Code::Usage, error, "give the password and nothing else"))?;
        let password = text.strip_suffix('\n').unwrap_or(&text);
        if password.is_empty() {
            return Err(Failure::new(Code::Usage, "no password was given", "give the account's password"));
        }
        Ok(Credentials::Password { principal, password: Arc::new(Password::new(password.to_owned())) })
    }
}

impl Asker {
    async fn open(self, controller: &Controller) -> Result<Session, AdError> {
        let mut connection =
            Connection::open(controller, &self.credentials, self.protection, &self.limits).await?;
        let root = connection.root().await?;
        Ok(Session { connection, root, asker: self })
    }

    /// The first controller that answers.
    async fn open_any(self, domain: &str) -> Result<Session, Failure> {
        let found = controllers(domain, DNS_MAX).await?;
        let mut silent = None;
        for controller in found.iter().take(CONTROLLERS_MAX) {
            let opened = Connection::open(controller, &self.credentials, self.protection, &self.limits).await;
            match opened {
                Ok(mut connection) => {
                    let root = connection.root().await?;
                    return Ok(Session { connection, root, asker: self });
                }
                Err(
                    error @ (AdError::Unreachable { .. }
                    | AdError::Closed { .. }
                    | AdError::TimedOut {
                        stage: Stage::Connecting | Stage::Securing | Stage::Binding,
                        ..
                    }),
                ) => {
                    if let Some(earlier) = silent.replace(error) {
                        output::complain(&Failure::from(earlier).report());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(silent.map_or_else(
            || {
                Failure::new(
                    Code::Unreachable,
                    format!("no domain controller of {domain} is known"),
                    "name one with --server",
                )
            },
            Failure::from,
        ))
    }
}

/// A controller by its full name.
async fn named(name: &str, domain: &str) -> Result<Controller, Failure> {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    if !name.contains('.') || name.parse::<IpAddr>().is_ok() {
        let what = format!("{} is not the full name of a domain controller", output::shown(&name));
        return Err(Failure::new(
            Code::Usage,
            what,
            "name it as the domain knows it, such as dc1.example.com",
        ));
    }
    let unknown = |error: std::io::Error| {
        let what = UnknownHost { name: output::shown(&name), source: error };
        Failure::new(Code::Unreachable, what, "check the name, and /etc/resolv.conf")
    };
    let found = timeout(DNS_MAX, lookup_host((name.as_str(), 0))).await;
    let found = found.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into())).map_err(unknown)?;
    let address = found.map(|address| address.ip()).next();
    let address = address.ok_or_else(|| unknown(std::io::ErrorKind::NotFound.into()))?;
    Ok(Controller { name, address, domain: domain.to_owned() })
}

#[derive(Debug, thiserror::Error)]
#[error("the address of {name} cannot be found")]
struct UnknownHost {
    name: String,
    source: std::io::Error,
}

impl Session {
    /// Goes over to another controller of the same forest, unless this is the one. The forest's schema master may be in
    /// another domain than this one.
    pub(crate) async fn go_to(&mut self, name: &str) -> Result<(), Failure> {
        if self.root.controller.eq_ignore_ascii_case(name) {
            return Ok(());
        }
        let domain = name.split_once('.').map_or("", |(_, domain)| domain).to_ascii_lowercase();
        let controller = named(name, &domain).await?;
        let Asker { credentials, protection, limits } = &self.asker;
        self.connection = Connection::open(&controller, credentials, *protection, limits).await?;
        self.root = self.connection.root().await?;
        Ok(())
    }
}
