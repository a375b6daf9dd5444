//! The only task that writes. Changes that wait while one batch is made durable share the next commit.

use core::{future::Future, pin::Pin};

use sqlx::{Connection as _, SqliteConnection};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

use super::{Change, StoreError, Transaction};
use crate::failpoint;

/// The most changes of one commit: bounds how much one failure takes along.
const BATCH_MAX: usize = 256;
/// How many changes may wait; more callers wait for room.
const QUEUE_MAX: usize = 1024;

/// The way to the writer.
#[derive(Debug, Clone)]
pub(super) struct Queue(mpsc::Sender<Box<dyn Job>>);

/// The writer; see [`Writer::run`].
pub(crate) struct Writer {
    connection: SqliteConnection,
    jobs: mpsc::Receiver<Box<dyn Job>>,
}

pub(super) fn new(connection: SqliteConnection) -> (Queue, Writer) {
    let (sender, jobs) = mpsc::channel(QUEUE_MAX);
    (Queue(sender), Writer { connection, jobs })
}

impl Queue {
    pub(super) async fn change<C: Change>(&self, change: C) -> Result<C::Outcome, StoreError> {
        let (reply, answer) = oneshot::channel();
        let job = Pending { change, outcome: None, reply };
        self.0.send(Box::new(job)).await.map_err(|_| StoreError::Closing)?;
        answer.await.map_err(|_| StoreError::Closing)?
    }
}

impl Writer {
    /// Writes, on a thread of its own, until every sender is gone; then closes the database. All changes wait for this
    /// task, and on the runtime's threads each of its steps would wait for requests that decrypt and sign.
    pub(crate) fn spawn(self) -> JoinHandle<()> {
        tokio::task::spawn_blocking(|| match tokio::runtime::Builder::new_current_thread().build() {
            Ok(runtime) => runtime.block_on(self.run()),
            // Dropping the queue's end tells every caller.
            Err(error) => tracing::error!(%error, "Could not start the writer"),
        })
    }

    async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH_MAX);
        while self.jobs.recv_many(&mut batch, BATCH_MAX).await > 0 {
            let committed = self.commit(&mut batch).await.map_err(StoreError::from);
            if let Err(error) = &committed {
                tracing::error!(%error, changes = batch.len(), "Rolled back a batch of changes");
            }
            failpoint::reach("store-after-commit");
            for job in batch.drain(..) {
                job.finish(committed.clone());
            }
        }
        if let Err(error) = self.connection.close().await {
            tracing::error!(%error, "Closed the database with an error");
        }
    }

    async fn commit(&mut self, batch: &mut [Box<dyn Job>]) -> Result<(), sqlx::Error> {
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        let mut shared = Transaction::new(&mut transaction);
        for job in batch {
            job.run(&mut shared).await?;
        }
        shared.write_audit().await?;
        failpoint::reach("store-before-commit");
        transaction.commit().await
    }
}

/// A change whose outcome's type is forgotten, so that one queue holds all kinds.
trait Job: Send {
    fn run<'a>(
        &'a mut self,
        transaction: &'a mut Transaction<'_>,
    ) -> Pin<Box<dyn Future<Output = Result<(), sqlx::Error>> + Send + 'a>>;

    fn finish(self: Box<Self>, committed: Result<(), StoreError>);
}

struct Pending<C: Change> {
    change: C,
    outcome: Option<C::Outcome>,
    reply: oneshot::Sender<Result<C::Outcome, StoreError>>,
}

impl<C: Change> Job for Pending<C> {
    fn run<'a>(
        &'a mut self,
        transaction: &'a mut Transaction<'_>,
    ) -> Pin<Box<dyn Future<Output = Result<(), sqlx::Error>> + Send + 'a>> {
        Box::pin(async move {
            self.outcome = Some(self.change.apply(transaction).await?);
            Ok(())
        })
    }

    fn finish(self: Box<Self>, committed: Result<(), StoreError>) {
        let Self { outcome, reply, .. } = *self;
        // Whoever asked may have gone away: the change stands all the same.
        drop(reply.send(committed.and_then(|()| outcome.ok_or(StoreError::Closing))));
    }
}
