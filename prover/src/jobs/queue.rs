//! The queue that delivers tickets to workers: apalis, in the same database as the jobs.
//!
//! A ticket says which job to look at, and nothing else. It may come twice, late, or for a job that is
//! done: whoever gets it claims the job in our own table, and only the claim counts. So apalis' own
//! ideas of attempts and failure stay out of the way: handling a ticket always succeeds.

use std::{sync::Arc, time::Duration};

use apalis::prelude::{
    BackendExt as _, BoxDynError, Data, Task, TaskBuilder, TaskSink as _, WorkerBuilder,
    WorkerBuilderExt as _,
};
use apalis_postgres::PostgresStorage;
use apalis_sqlite::SqliteStorage;
use tokio::sync::watch;

use super::{
    Place, Proving, Store,
    store::{Pool, acquire, failed},
};
use crate::error::Error;

/// What travels through the queue.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub(super) struct Ticket {
    /// The job's id.
    job: String,
}

/// The queues, one for each place where jobs are proved.
#[derive(Clone)]
pub struct Queue {
    store: Store,
}

/// Makes apalis' own tables.
pub(super) async fn set_up(pool: &Pool) -> Result<(), Error> {
    match pool {
        // Not `setup`: it would also turn off that writes reach the disk.
        Pool::Sqlite(db, _) => SqliteStorage::migrations().run(&mut *acquire(db).await?).await,
        Pool::Postgres(db) => PostgresStorage::migrations().run(&mut *acquire(db).await?).await,
    }
    .map_err(|error| failed(error.into()))
}

impl Queue {
    /// The queues in a store.
    pub const fn new(store: Store) -> Self {
        Self { store }
    }

    /// Sends out tickets for the jobs whose time has come.
    pub async fn deliver(&self) -> Result<usize, Error> {
        let due = self.store.due().await?;
        for (job, place, priority) in &due {
            let priority = usize::try_from(*priority).unwrap_or(0);
            let ticket = Ticket { job: job.clone() };
            let ticket: Task<Ticket> = TaskBuilder::new(ticket).priority(priority).build();
            let sent = match &self.store.pool {
                Pool::Sqlite(db, _) => {
                    let mut queue = SqliteStorage::new(db).with_config(self.sqlite(*place));
                    queue.push_task(ticket).await.map_err(|error| error.to_string())
                }
                Pool::Postgres(db) => {
                    let mut queue = PostgresStorage::new(db).with_config(self.postgres(*place));
                    queue.push_task(ticket).await.map_err(|error| error.to_string())
                }
            };
            sent.map_err(|why| Error::Store { why })?;
        }
        Ok(due.len())
    }

    /// Deletes the tickets that were handled.
    pub async fn sweep(&self) -> Result<(), Error> {
        match &self.store.pool {
            Pool::Sqlite(db, _) => {
                sqlx::query("DELETE FROM Jobs WHERE status = 'Done'").execute(db).await.map(drop)
            }
            Pool::Postgres(db) => {
                let done = "DELETE FROM apalis.jobs WHERE status = 'Done'";
                sqlx::query(done).execute(db).await.map(drop)
            }
        }
        .map_err(failed)
    }

    /// Handles the tickets of a place, up to `slots` at a time, until `stop` says so. What is at hand then
    /// runs on by itself.
    pub(super) async fn handle(
        &self,
        place: Place,
        slots: usize,
        proving: Arc<Proving>,
        mut stop: watch::Receiver<bool>,
    ) -> Result<(), Error> {
        // Never the name of one that was: apalis holds it against the newcomer for a while.
        let name = format!("assay-{}-{}", place.name(), hex::encode(crate::random::bytes::<8>()?));
        macro_rules! run {
            ($storage:expr) => {{
                let worker = WorkerBuilder::new(&*name)
                    .backend($storage.poll_with_interval(POLL))
                    .data(proving)
                    .concurrency(slots)
                    .build(handle);
                // Dropped, not asked to end: while it waits for what is at hand, apalis no longer polls the
                // statement that fetches tickets, and in SQLite nobody can write as long as that is open.
                tokio::select! {
                    ended = worker.run() => ended,
                    _ = stop.wait_for(|stop| *stop) => Ok(()), // also where nobody can say so any more
                }
            }};
        }
        let ended = match &self.store.pool {
            Pool::Sqlite(db, _) => run!(SqliteStorage::new(db).with_config(self.sqlite(place))),
            Pool::Postgres(db) => run!(PostgresStorage::new(db).with_config(self.postgres(place))),
        };
        ended.map_err(|error| Error::Store { why: error.to_string() })
    }

    fn sqlite(&self, place: Place) -> apalis_sqlite::Config {
        let rules = self.store.rules();
        apalis_sqlite::Config::default()
            .queue(queue(place))
            .batch_size(1)
            .heartbeat_interval(rules.heartbeat)
            .missed_heartbeats(rules.missed as usize)
    }

    fn postgres(&self, place: Place) -> apalis_postgres::Config {
        let rules = self.store.rules();
        apalis_postgres::Config::default()
            .queue(queue(place))
            .batch_size(1)
            .heartbeat_interval(rules.heartbeat)
            .missed_heartbeats(rules.missed as usize)
    }
}

/// In a task of its own, which outlives the worker that took the ticket.
async fn handle(ticket: Ticket, proving: Data<Arc<Proving>>) -> Result<(), BoxDynError> {
    let proving = Arc::clone(&proving);
    let worked = tokio::spawn(async move { proving.work(&ticket.job).await });
    if let Err(error) = worked.await {
        tracing::error!(%error, "a ticket was not handled to its end");
    }
    Ok(())
}

fn queue(place: Place) -> String {
    format!("assay-proofs-{}", place.name())
}

/// How often an idle worker looks for tickets.
const POLL: Duration = Duration::from_millis(200);
