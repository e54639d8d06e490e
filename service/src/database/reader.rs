//! Reads of requests, which wait for slots.
//!
//! A statement waits for its slots ([`super::slots`]) and then runs in its own task, which keeps
//! the slots until the database has ended the statement. Otherwise a client that disconnects, or an
//! operation that takes too long, would leave its statement running while the next one begins.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::{Stream, StreamExt, stream};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DbBackend, DbErr, ExecResult, QueryResult, Statement,
    StreamTrait,
};
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use super::slots::{Read, Slot, Slots};
use crate::{tenancy, workload};

/// Most rows of a stream that wait for its reader.
const MAX_WAITING_ROWS: usize = 4;

tokio::task_local! {
    static ABANDONED: Arc<AtomicBool>;
}

/// Connections for the reads of requests. They can't be used to write.
#[derive(Clone, Debug)]
pub struct Reader {
    pub(super) keyed: DatabaseConnection,
    /// Connections for scans; none in a reader that looks up permissions.
    pub(super) scans: Option<DatabaseConnection>,
    pub(super) slots: Arc<Slots>,
    pub(super) tasks: TaskTracker,
}

impl Reader {
    /// Returns a reader that looks up permissions on `connections`, within the same slots.
    pub(super) fn lookups(&self, connections: DatabaseConnection) -> Self {
        Self { keyed: connections, scans: None, ..self.clone() }
    }

    /// Waits for slots, then runs `statement` to its end.
    async fn run<T, F>(&self, statement: impl FnOnce(DatabaseConnection) -> F) -> Result<T, DbErr>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, DbErr>> + Send + 'static,
    {
        let slot = self.slot().await;
        let statement = statement(self.connections().clone());
        // The slot is released once the rows are handed over, or at the statement's end if nobody
        // takes them.
        let task = async move { (statement.await, slot) };
        let abandon = Abandon::default();
        let task = ABANDONED.scope(Arc::clone(&abandon.0), tenancy::inherit(task));
        let ended = self.tasks.spawn(task.in_current_span()).await;
        let (outcome, slot) = ended.map_err(|error| DbErr::Custom(error.to_string()))?;
        drop(slot);
        outcome
    }

    /// Waits for the slots of a read of this task; also for reads that a replica answers.
    pub(crate) async fn slot(&self) -> Slot {
        let read = match &self.scans {
            None => Read::Lookup,
            Some(_) if workload::is_scanning() => Read::Scan,
            Some(_) => Read::Keyed,
        };
        self.slots.take(read).await
    }

    /// Returns the connections for a statement of this task, for checks that wait for no slots.
    #[must_use]
    pub fn connections(&self) -> &DatabaseConnection {
        self.scans.as_ref().filter(|_| workload::is_scanning()).unwrap_or(&self.keyed)
    }

    /// Closes the connections.
    pub(super) async fn close(self) -> Result<(), DbErr> {
        self.keyed.close().await?;
        match self.scans {
            Some(scans) => scans.close().await,
            None => Ok(()),
        }
    }
}

/// Marks a task as abandoned when dropped.
#[derive(Default)]
struct Abandon(Arc<AtomicBool>);

impl Drop for Abandon {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Returns the mark that is set once nobody waits for this task's statement any more.
pub(super) fn abandoned() -> Arc<AtomicBool> {
    ABANDONED.try_with(Arc::clone).unwrap_or_default()
}

#[async_trait::async_trait]
impl ConnectionTrait for Reader {
    fn get_database_backend(&self) -> DbBackend {
        self.keyed.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.run(|db| async move { db.execute_raw(statement).await }).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let sql = sql.to_owned();
        self.run(|db| async move { db.execute_unprepared(&sql).await }).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.run(|db| async move { db.query_one_raw(statement).await }).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.run(|db| async move { db.query_all_raw(statement).await }).await
    }
}

type Rows<'a> = Pin<Box<dyn Stream<Item = Result<QueryResult, DbErr>> + Send + 'a>>;

impl StreamTrait for Reader {
    type Stream<'a> = Rows<'a>;

    fn get_database_backend(&self) -> DbBackend {
        ConnectionTrait::get_database_backend(self)
    }

    fn stream_raw<'a>(
        &'a self,
        statement: Statement,
    ) -> Pin<Box<dyn Future<Output = Result<Rows<'a>, DbErr>> + 'a + Send>> {
        Box::pin(async move {
            let (slot, db) = (self.slot().await, self.connections().clone());
            let (sender, receiver) = mpsc::channel(MAX_WAITING_ROWS);
            let task = async move {
                send_rows(&db, statement, &sender).await;
                drop(slot);
            };
            self.tasks.spawn(tenancy::inherit(task).in_current_span());
            let next = async |mut receiver: mpsc::Receiver<_>| {
                receiver.recv().await.map(|row| (row, receiver))
            };
            Ok(stream::unfold(receiver, next).boxed())
        })
    }
}

/// Sends rows until the receiver is dropped.
async fn send_rows(
    db: &DatabaseConnection,
    statement: Statement,
    sender: &mpsc::Sender<Result<QueryResult, DbErr>>,
) {
    let mut rows = match db.stream_raw(statement).await {
        Ok(rows) => rows,
        Err(error) => {
            let _ = sender.send(Err(error)).await;
            return;
        }
    };
    while let Some(row) = rows.next().await {
        if sender.send(row).await.is_err() {
            return;
        }
    }
}
