//! All SQL of the server, behind an interface without SQL: reads are methods of [`Store`], writes are [`Change`]s.
//!
//! INVARIANT: a change is answered after its commit is durable, and each commits together with its audit entry.

mod action;
mod assignment;
#[cfg(feature = "bench")]
pub(crate) mod bench;
mod bulk;
mod bulk_read;
mod certificate;
mod change;
mod channel;
mod device;
mod directory;
mod fleet;
mod group;
mod link;
mod managed;
mod operator;
mod passkey;
mod password;
mod policy;
mod policy_report;
mod read;
mod rekey;
mod reveal;
mod row;
mod schema;
mod session;
mod standing;
#[cfg(test)]
pub(crate) mod testing;
mod trace;
mod turns;
mod writer;

use std::path::Path;

use sqlx::{
    Connection as _, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

pub(crate) use self::{
    action::{ActionRow, CancelAction, Contact, Contacted, RequestAction, RequestOutcome},
    assignment::{GroupRow, NoteTold, WantedPolicy},
    bulk::{AskDevices, CreateBulk, EndBulk, SayToBulk},
    bulk_read::{BulkDeviceRow, BulkPart, BulkRow},
    certificate::{OfferKey, OfferOutcome, ReplaceDeviceKey},
    change::{Change, Transaction},
    channel::{ForgetChannel, SetChannel},
    device::{DeleteDevice, EnableDevice, JoinDevice, JoinOutcome, NewDevice},
    directory::{
        ChangeClient, CreateClient, CreateToken, DeleteClient, DeleteToken, Initialise, Note, SetPolicy,
    },
    fleet::{Ages, Coverage, FleetKey, FleetOrder, FleetQuery, FleetRow},
    group::{
        AssignOutcome, AssignPolicy, ChangeGroup, CreateGroup, DeleteGroup, DeleteGroupOutcome, TagDevice,
    },
    link::{CreateLink, FinishSetUp},
    managed::Among,
    operator::{ChangeOperator, CreateOperator, OperatorChange, OperatorOutcome, OperatorRow},
    passkey::{AddPasskey, AskPasskey, DeletePasskey},
    password::{Form, StoreOutcome, StorePassword},
    policy::{
        CreatePolicy, DeletePolicy, Edit, EditOutcome, EditPolicy, PolicyContent, PolicyRow, PolicyVersionRow,
    },
    policy_report::TellPolicy,
    read::{AUDIT_STRETCH, AuditQuery, Window},
    rekey::Rekey,
    reveal::{Due, Reveal, RevealOnce},
    row::{ClientRow, CredentialRow, DeviceRow, HeldRow, MetaRow, PasswordRow, TokenRow},
    session::{
        EndSessions, OpenSession, PassSecondFactor, Proof, SessionRow, Sha256, SpendForm, TouchSession,
    },
    standing::{NoteDrift, NoteRefused, StandingRow},
    trace::{TellTraces, Told, TraceRow, passed},
    turns::Seen,
};

const BUSY_TIMEOUT: core::time::Duration = core::time::Duration::from_secs(10);
const READERS_MAX: u32 = 4;

/// Why the store did not do it. Nothing of the change has happened.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum StoreError {
    #[error("the database refused the operation: {0}")]
    Database(String),
    #[error("the database has schema {found}, this program knows schemas up to {known}")]
    Newer { found: i64, known: i64 },
    #[error("the database is not one of lapwing-server")]
    Foreign,
    #[error("the store is shutting down")]
    Closing,
}

impl StoreError {
    pub(crate) const fn next_step(&self) -> &'static str {
        match self {
            Self::Newer { .. } => "install the version of lapwing-server that wrote it, or a later one",
            Self::Foreign => "give the folder that `lapwing-server setup` made",
            Self::Database(_) => "see that the folder is writable and its disk is not full",
            Self::Closing => "start the server again",
        }
    }
}

impl From<sqlx::Error> for StoreError {
    /// Keeps the text alone: every caller of a failed batch gets one.
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.to_string())
    }
}

/// An open database. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    readers: SqlitePool,
    writer: writer::Queue,
}

/// What writes; once spawned it ends after the last [`Store`] is dropped.
pub(crate) use writer::Writer;

impl Store {
    /// Opens the database, brings its schema up to date, and returns the writer to be run.
    pub(crate) async fn open(path: &Path) -> Result<(Self, Writer), StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("secure_delete", "ON")
            .pragma("trusted_schema", "OFF");
        let mut connection = SqliteConnection::connect_with(&options).await?;
        schema::migrate(&mut connection).await?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS_MAX)
            .connect_with(options.read_only(true))
            .await?;
        let (queue, writer) = writer::new(connection);
        Ok((Self { readers, writer: queue }, writer))
    }

    /// Makes one change and waits until it is durable.
    pub(crate) async fn change<C: Change>(&self, change: C) -> Result<C::Outcome, StoreError> {
        self.writer.change(change).await
    }
}
