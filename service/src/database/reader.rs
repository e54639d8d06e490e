//! Reads of requests, each in its turn.
//!
//! A statement waits for its slots ([`super::slots`]) and then runs in a task of its own, which keeps
//! them until the database has ended it: a client that goes away, or an operation that takes too
//! long, would otherwise leave the statement running and begin the next one.

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

/// Rows of a stream that wait for whoever reads it.
const MAX_WAITING_ROWS: usize = 4;

tokio::task_local! {
    static ABANDONED: Arc<AtomicBool>;
}

/// Connections for the reads of requests. It can't be used to write.
#[derive(Clone, Debug)]
pub struct Reader {
    pub(super) keyed: DatabaseConnection,
    /// None of those that look up who may what.
    pub(super) scans: Option<DatabaseConnection>,
    pub(super) slots: Arc<Slots>,
    pub(super) tasks: TaskTracker,
}

impl Reader {
    /// The same for looking up who may what on connections of their own.
    pub(super) fn lookups(&self, connections: DatabaseConnection) -> Self {
        Self { keyed: connections, scans: None, ..self.clone() }
    }

    /// Runs `statement` in its turn, to its end.
    async fn run<T, F>(&self, statement: impl FnOnce(DatabaseConnection) -> F) -> Result<T, DbErr>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, DbErr>> + Send + 'static,
    {
        let slot = self.slot().await;
        let statement = statement(self.connections().clone());
        // Its slot is given back once its rows are taken over, or at its end where nobody does.
        let task = async move { (statement.await, slot) };
        let abandon = Abandon::default();
        let task = ABANDONED.scope(Arc::clone(&abandon.0), tenancy::inherit(task));
        let ended = self.tasks.spawn(task.in_current_span()).await;
        let (outcome, slot) = ended.map_err(|error| DbErr::Custom(error.to_string()))?;
        drop(slot);
        outcome
    }

    /// Waits for the slots of a read of this task, which a replica answers.
    pub(crate) async fn slot(&self) -> Slot {
        let read = match &self.scans {
            None => Read::Lookup,
            Some(_) if workload::is_scanning() => Read::Scan,
            Some(_) => Read::Keyed,
        };
        self.slots.take(read).await
    }

    /// The connections for a statement of this task, for checks that wait for no turn.
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

/// The mark of a task whose statement nobody waits for any more.
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

/// Sends rows for as long as somebody takes them.
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
