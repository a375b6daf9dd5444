//! The command line.

use std::{
    io::Write as _,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use lapwing_proto::{admin::EnrolmentTokenRequest, secret_text::SecretText};

use crate::{
    admin::{
        enrol::{self, Place},
        verification,
    },
    app::record,
    config::Origin,
    data::{Data, DataError, Opened},
    http::tls::TlsError,
    keys::envelope::Kek,
    os,
    rules::{
        audit::{Activity, Actor},
        operator::OperatorName,
    },
    run, setup,
    store::Rekey,
};

/// The audit log's chain is broken.
const EXIT_BROKEN: u8 = 3;

/// The directory of Lapwing: keeps the passwords of managed accounts and shows them to those who may read them.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Exit codes: 0 done; 1 failed, with reason and next step on standard error; 2 wrong usage; \
                  3 the audit log is broken."
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes tenant, keys, database and the first administrators; changes nothing that exists.
    #[command(after_help = "Example:\n  lapwing-server setup --data /var/lib/lapwing-server --url \
                            https://laps.example:8443 --tenant-name laps.example\n\nThe first time, standard output gets \
                            a one-time link by which the operator `admin` signs in to the console.")]
    Setup(Setup),
    /// Serves until SIGTERM.
    #[command(
        after_help = "Example:\n  lapwing-server run --data /var/lib/lapwing-server\n\nStandard output gets \
                            one line, `listening ADDRESS URL ADDRESS URL`, once clients can connect: everybody's \
                            first, then the devices'. The log goes to standard error."
    )]
    Run {
        #[command(flatten)]
        folder: Folder,
        /// Where to listen, instead of what server.toml says; port 0 takes a free one.
        #[arg(long, value_name = "ADDRESS")]
        listen: Option<SocketAddr>,
        /// Where to listen for devices, instead of what server.toml says; port 0 takes a free one.
        #[arg(long, value_name = "ADDRESS")]
        device_listen: Option<SocketAddr>,
    },
    /// Replaces the key-encryption key; the server must be stopped.
    #[command(after_help = "Example:\n  systemctl stop lapwing-server && lapwing-server rekey --data \
                            /var/lib/lapwing-server\n\nBack the new kek.toml up: older backups of the database need \
                            the old one.")]
    Rekey(Folder),
    /// Prints a token for `lapwing enrol`; the server may be running.
    #[command(
        after_help = "Example:\n  lapwing-server enrolment-token --data /var/lib/lapwing-server --uses 10 \
                            > token"
    )]
    EnrolmentToken {
        #[command(flatten)]
        folder: Folder,
        /// How many devices may join with it.
        #[arg(long, default_value_t = 1)]
        uses: u32,
        /// How long it is good for.
        #[arg(long, default_value_t = 24)]
        hours: u32,
        /// What it is for.
        #[arg(long, default_value = "")]
        description: String,
    },
    /// The people of the console.
    #[command(subcommand)]
    Operator(Operator),
    /// The audit log.
    #[command(subcommand)]
    Audit(Audit),
}

#[derive(Debug, Subcommand)]
enum Operator {
    /// Prints a one-time link by which an operator sets up password, authenticator and recovery codes anew; the server
    /// may be running.
    #[command(
        after_help = "Example:\n  lapwing-server operator link ada --create --data /var/lib/lapwing-server\n\nThe link \
                      is good once and for 24 hours; opening it spends nothing. The operator's earlier link ends, and \
                      the earlier password, authenticator and sessions end when the new one is used."
    )]
    Link {
        /// Who is to sign in.
        name: OperatorName,
        /// Adds the operator, with every role, if there is none of this name.
        #[arg(long)]
        create: bool,
        #[command(flatten)]
        folder: Folder,
    },
}

#[derive(Debug, Subcommand)]
enum Audit {
    /// Checks the chain of hashes and prints its head.
    #[command(
        after_help = "Example:\n  lapwing-server audit verify --data /var/lib/lapwing-server\n\nKeep the head \
                            elsewhere: a log cut short at its end is intact, but has another head."
    )]
    Verify(Folder),
}

#[derive(Debug, Args)]
struct Folder {
    /// The data folder.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

#[derive(Debug, Args)]
struct Setup {
    #[command(flatten)]
    folder: Folder,
    /// What clients call this server: https://host or https://host:port.
    #[arg(long)]
    url: String,
    /// The tenant's domain, such as laps.example.
    #[arg(long, value_name = "NAME")]
    tenant_name: String,
    /// A certificate chain in PEM, instead of one of the server's own authority.
    #[arg(long, value_name = "FILE", requires = "key")]
    certificate: Option<PathBuf>,
    /// Its private key in PEM.
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
}

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    start_log();
    let result = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
        .and_then(|runtime| runtime.block_on(perform(cli.command)));
    result.unwrap_or_else(|error| {
        report(&error);
        ExitCode::FAILURE
    })
}

/// What, why, and what next.
fn report(error: &anyhow::Error) {
    let mut err = std::io::stderr().lock();
    let next_step = error
        .downcast_ref::<DataError>()
        .map(DataError::next_step)
        .or_else(|| error.downcast_ref::<TlsError>().map(TlsError::next_step));
    let next_step = next_step.map(|text| format!("\nnext step: {text}")).unwrap_or_default();
    // If standard error is closed there is no one to tell.
    drop(writeln!(err, "lapwing-server: {error:#}{next_step}"));
}

/// Fixed at this level: below it libraries write what they send and receive.
fn start_log() {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .with_max_level(tracing::Level::INFO)
        .init();
}

async fn perform(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Setup(Setup { folder, url, tenant_name, certificate, key }) => {
            let wish = setup::Wish { url, tenant_name, certificate, key };
            if let Some(link) = setup::set_up(&Data::new(&folder.data), wish).await? {
                let name = setup::FIRST_OPERATOR;
                print_secret(&format!("one-time link for the operator {name}, good for 24 hours:\n"), &link)?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Command::Run { folder, listen, device_listen } => {
            run::run(&Data::new(&folder.data), listen, device_listen).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Rekey(folder) => rekey(&folder.data).await,
        Command::EnrolmentToken { folder, uses, hours, description } => {
            print_token(&folder.data, &EnrolmentTokenRequest { description, uses, hours }).await
        }
        Command::Operator(Operator::Link { name, create, folder }) => {
            print_link(&folder.data, name, create).await
        }
        Command::Audit(Audit::Verify(folder)) => verify(&folder.data).await,
    }
}

async fn rekey(data: &Path) -> anyhow::Result<ExitCode> {
    let data = Data::new(data);
    let _lock = data.lock()?;
    let Opened { meta, keys, store, writer, .. } = data.open().await?;
    let new = Kek::generate(&mut os::rng());
    // Durable before the database names it; if we end in between, the old one is still named and still there.
    data.write(&data.next_kek(), &new.expose_file())?;
    crate::failpoint::reach("rekey-before-commit");
    let writer = writer.spawn();
    let record = record(os::now(), Actor::Local, Activity::ReplaceKey, &new.id().to_string());
    let rekey = Rekey { tenant: meta.tenant, old: keys.kek, new, record };
    let count = store.change(rekey).await?;
    crate::failpoint::reach("rekey-before-rename");
    data.adopt_next_kek()?;
    drop(store);
    setup::end(writer).await;
    writeln!(
        std::io::stdout(),
        "wrapped the keys of {count} passwords anew; back up {}",
        data.kek().display()
    )?;
    Ok(ExitCode::SUCCESS)
}

async fn print_token(data: &Path, request: &EnrolmentTokenRequest) -> anyhow::Result<ExitCode> {
    let Opened { config, meta, keys, store, writer } = Data::new(data).open().await?;
    let origin = Origin::parse(&config.url)?;
    let place = Place {
        server: origin.port.map_or_else(|| config.url.clone(), |port| origin.url_with_port(port)),
        tenant: meta.tenant,
        authority: config.certificate.is_none().then(|| keys.authority.digest()),
    };
    let (token, change) = enrol::draw(place, request, os::now(), Actor::Local, &mut os::rng())
        .map_err(|fault| anyhow::anyhow!("{}", fault.message()))?;
    let writer = writer.spawn();
    store.change(change).await?;
    drop(store);
    setup::end(writer).await;
    writeln!(std::io::stdout(), "{}", *token.expose_secret())?;
    Ok(ExitCode::SUCCESS)
}

async fn print_link(data: &Path, name: OperatorName, create: bool) -> anyhow::Result<ExitCode> {
    let Opened { config, store, writer, .. } = Data::new(data).open().await?;
    let writer = writer.spawn();
    let link = setup::operator_link(&store, &config, name, create).await?;
    drop(store);
    setup::end(writer).await;
    let link = link.with_context(|| {
        format!("there is no operator {name}\nnext step: give another name, or --create to add this one")
    })?;
    print_secret("", &link)?;
    Ok(ExitCode::SUCCESS)
}

/// On standard output, whole: the only place where it ever stands.
fn print_secret(before: &str, secret: &SecretText) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{before}{}", secret.expose_secret())?;
    out.flush()
}

async fn verify(data: &Path) -> anyhow::Result<ExitCode> {
    let Opened { store, .. } = Data::new(data).open().await?;
    let found = verification(&store.verify_audit().await?);
    let mut out = std::io::stdout().lock();
    if let Some(first_broken) = found.first_broken {
        writeln!(out, "broken at entry {first_broken} of {}; head {}", found.entries, found.head)?;
        return Ok(ExitCode::from(EXIT_BROKEN));
    }
    writeln!(out, "intact: {} entries, head {}", found.entries, found.head)?;
    Ok(ExitCode::SUCCESS)
}
