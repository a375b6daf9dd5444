//! One connection to one controller, as the person who calls.

use core::time::Duration;
use std::{io::IsTerminal as _, net::IpAddr, sync::Arc};

use lapwing_client::ad::{
    AdError, Connected, Connection, Connector, Controller, Credentials, GroupKeyError, KdcPin, KeyService,
    Limits, Place, Protection, RootDse, Source, Wish, default_realm, realm_of_tickets,
};
use lapwing_core::secret::{Password, SecretBytes};
use lapwing_dpapi::rpc::isdkey::Request;
use lapwing_proto::ad::dns::DnsName;

use crate::{
    failure::{Code, Failure},
    os, output,
    profile::run_async,
    terminal,
};

/// How long the Kerberos library may take to say what it knows by itself.
const LIBRARY_MAX: Duration = Duration::from_secs(10);

/// Which domain is asked, and as whom.
#[derive(Debug, clap::Args)]
pub(crate) struct DomainArgs {
    /// The domain's name in DNS [default: that of --user, of --server, of the Kerberos ticket, or of krb5.conf]
    #[arg(long, value_name = "NAME")]
    domain: Option<String>,

    /// The domain controller to ask, by name or address [default: one that DNS names and that answers]
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
    controller: Controller,
    /// The controller that was named, if one was.
    server: Option<String>,
    asker: Asker,
}

/// Who asks, and how.
#[derive(Debug)]
struct Asker {
    credentials: Credentials,
    protection: Protection,
    limits: Limits,
    /// How Kerberos is told whom to ask.
    pin: Option<KdcPin>,
}

impl DomainArgs {
    /// Does `work` with a controller of the domain.
    pub(crate) fn ask<T>(
        &self,
        work: impl AsyncFnOnce(&mut Session) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.ask_on(None, work)
    }

    /// The same on this port, where somebody has mounted a copy of the directory.
    pub(crate) fn ask_on<T>(
        &self,
        port: Option<u16>,
        work: impl AsyncFnOnce(&mut Session) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        // Before Kerberos has threads of its own.
        let pin = KdcPin::of_this_process();
        run_async(async {
            let domain = self.domain().await?;
            let asker = Asker {
                credentials: self.credentials(&domain)?,
                protection: match port {
                    Some(port) => Protection::SealedOn(port),
                    None if self.ldaps => Protection::Tls,
                    None => Protection::Sealed,
                },
                limits: Limits::default(),
                pin,
            };
            let mut session = asker.open(&domain, self.server.as_deref()).await?;
            work(&mut session).await
        })
    }

    /// The domain's name in DNS, in small letters.
    async fn domain(&self) -> Result<String, Failure> {
        let of_user = || self.user.as_deref().and_then(|user| user.rsplit_once('@'));
        let of_server = || {
            let name = self.server.as_deref().filter(|server| server.parse::<IpAddr>().is_err());
            name.and_then(|name| name.split_once('.'))
        };
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
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let password = line.strip_suffix('\r').unwrap_or(line);
        if password.is_empty() {
            return Err(Failure::new(Code::Usage, "no password was given", "give the account's password"));
        }
        Ok(Credentials::Password { principal, password: Arc::new(Password::new(password.to_owned())) })
    }
}

impl Asker {
    /// With this controller, or with one that answers and can be written to.
    async fn open(self, domain: &str, server: Option<&str>) -> Result<Session, Failure> {
        let Connected { mut connection, controller, .. } = self.find(domain, server).await?;
        let root = connection.root().await?;
        Ok(Session { connection, root, controller, server: server.map(str::to_owned), asker: self })
    }

    async fn find(&self, domain: &str, server: Option<&str>) -> Result<Connected, Failure> {
        let mut connector = self.connector(domain, server)?;
        Ok(connector.connect(&self.credentials, Wish::default(), os::chance()).await?)
    }

    /// Whoever finds controllers of a domain.
    fn connector(&self, domain: &str, server: Option<&str>) -> Result<Connector, Failure> {
        let named = |text: &str, next_step| {
            let what = format!("{} cannot be a name in DNS", output::shown(text));
            move |_| Failure::new(Code::Usage, what, next_step)
        };
        let place = |text: &str| {
            let is_short = !text.contains('.') && text.parse::<IpAddr>().is_err();
            let full = if is_short { format!("{text}.{domain}") } else { text.to_owned() };
            full.parse::<Place>().map_err(named(text, "give --server as a name or an address"))
        };
        let source = Source {
            domain: DnsName::parse(domain).map_err(named(domain, "name the domain with --domain"))?,
            site: None,
            controllers: server.map(place).transpose()?.into_iter().collect(),
            host: os::host_name(),
        };
        let (protection, limits) = (self.protection, self.limits);
        Ok(Connector { source, protection, limits, pin: self.pin.clone() })
    }

    async fn connect(&self, controller: &Controller) -> Result<Connection, AdError> {
        Connection::open(controller, &self.credentials, self.protection, &self.limits).await
    }
}

impl Session {
    /// Goes over to another controller of the same forest, unless this is the one. The forest's schema master may be in
    /// another domain than this one.
    pub(crate) async fn go_to(&mut self, name: &str, domain: &str) -> Result<(), Failure> {
        if self.root.controller.eq_ignore_ascii_case(name) {
            return Ok(());
        }
        let Connected { connection, controller, .. } = self.asker.find(domain, Some(name)).await?;
        self.connection = connection;
        self.root = self.connection.root().await?;
        self.controller = controller;
        Ok(())
    }

    /// Asks for a group key in the domain that is named, or in this one if none is: of those services, else of whoever DNS names.
    pub(crate) async fn group_key(
        &self,
        domain: &str,
        services: &[KeyService],
        request: &Request,
    ) -> Result<Result<SecretBytes, GroupKeyError>, Failure> {
        let own = self.controller.domain.as_str();
        let is_own = domain.is_empty() || domain.eq_ignore_ascii_case(own);
        // Services are named for the domain that is asked, as its controller is.
        let (domain, server, services) =
            if is_own { (own, self.server.as_deref(), services) } else { (domain, None, &[][..]) };
        let mut connector = self.asker.connector(domain, server)?;
        Ok(connector.group_key(&self.asker.credentials, services, request, os::chance()).await)
    }

    /// Connects again if the connection has ended, for a command that has more to ask. Nothing is repeated.
    pub(crate) async fn revive(&mut self) -> Result<(), AdError> {
        if !self.connection.is_open() {
            self.connection = self.asker.connect(&self.controller).await?;
        }
        Ok(())
    }
}
