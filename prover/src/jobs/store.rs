//! Jobs and receipts in their tables, on SQLite or Postgres: opening, adding, reading. What changes a
//! job's state is in `changes`.

use std::path::Path;

use assay_verifier::ids::{CardDigest, OperationDigest};
use sqlx::AssertSqlSafe;

use super::{Attached, Backlog, Census, Job, NewJob, Rules, State, now_ms, schema};
use crate::error::Error;

/// The tables.
#[derive(Clone)]
pub struct Store {
    pub(super) pool: Pool,
    rules: Rules,
}

/// One statement, the same on either database: both know `$1`, `RETURNING` and `ON CONFLICT`.
macro_rules! on {
    ($store:expr, $db:ident => $body:expr) => {
        match &$store.pool {
            Pool::Postgres(pool) => on!(@ pool, $db, $body),
            Pool::Sqlite(pool, _) => on!(@ pool, $db, $body),
        }
    };
    (@ $pool:ident, $db:ident, $body:expr) => {
        match acquire($pool).await {
            Ok(mut held) => {
                let $db = &mut *held;
                $body.map_err(failed)
            }
            Err(error) => Err(error),
        }
    };
}

/// Several statements, all or nothing: the one way to do so. The body gives `Some` of what it did, or
/// `None` for nothing. A connection on which a transaction failed is closed, whatever is left of it.
macro_rules! transaction {
    ($store:expr, $tx:ident => $body:expr) => {
        match &$store.pool {
            Pool::Postgres(pool) => transaction!(@ $store, pool, "BEGIN", $tx, $body),
            // Whoever reads first and writes then may be refused where another writes meanwhile.
            Pool::Sqlite(pool, _) => transaction!(@ $store, pool, "BEGIN IMMEDIATE", $tx, $body),
        }
    };
    (@ $store:expr, $pool:ident, $begin:literal, $tx:ident, $body:expr) => {{
        $store.pool.stands()?;
        let mut held = acquire($pool).await?;
        let done = async {
            let mut $tx = sqlx::Connection::begin_with(&mut *held, $begin).await?;
            let done = $body.await?;
            match done {
                Some(_) => $tx.commit().await?,
                None => $tx.rollback().await?,
            }
            Ok::<_, sqlx::Error>(done)
        }
        .await;
        if done.is_err() {
            let _ = held.close().await; // that it failed is said already
        }
        done.map_err(failed)
    }};
}

mod changes; // after the macros, which it uses
mod check;
mod pool;
mod statements;
#[cfg(test)]
mod tests;

pub(super) use pool::{Pool, acquire, failed};

impl Store {
    /// Opens the store at `url`, `sqlite:PATH` or `postgres://…`, and makes its tables.
    pub async fn open(url: &str, rules: Rules) -> Result<Self, Error> {
        let Some(path) = url.strip_prefix("sqlite:").map(Path::new) else {
            let store = Self { pool: Pool::postgres(url)?, rules };
            return store.set_up().await;
        };
        pool::make_file(path)?;
        let _alone = pool::lock(path).await?;
        let store = Self { pool: Pool::sqlite(path)?, rules };
        store.set_up().await
    }

    /// Opens the store at `url`, which is there: nothing is made. Errors: `store-missing`.
    pub async fn existing(url: &str, rules: Rules) -> Result<Self, Error> {
        let pool = match url.strip_prefix("sqlite:") {
            Some(path) => Pool::sqlite(Path::new(path))?,
            None => Pool::postgres(url)?,
        };
        let store = Self { pool, rules };
        let found: Result<Option<String>, _> =
            on!(store, db => sqlx::query_scalar(statements::AGREED).fetch_optional(db).await);
        match found {
            Ok(_) => store.set_up().await,
            Err(Error::Store { why })
                if why.contains("no such table") || why.contains("does not exist") =>
            {
                Err(Error::StoreMissing { why })
            }
            Err(error) => Err(error),
        }
    }

    async fn set_up(self) -> Result<Self, Error> {
        super::queue::set_up(&self.pool).await?;
        let postgres = matches!(self.pool, Pool::Postgres(_));
        let mut made = schema::statements(if postgres { "BYTEA" } else { "BLOB" });
        if postgres {
            // SQLite has the lock of a file.
            made.insert(0, format!("SELECT pg_advisory_xact_lock({LOCK})"));
        }
        transaction!(self, tx => async {
            for statement in &made {
                sqlx::query(AssertSqlSafe(statement.clone())).execute(&mut *tx).await?;
            }
            Ok::<_, sqlx::Error>(Some(()))
        })?;
        Ok(self)
    }

    /// How jobs are tried.
    pub const fn rules(&self) -> Rules {
        self.rules
    }

    /// Holds the key's fingerprint against the store's, which the first to come sets.
    pub async fn agree(&self, fingerprint: &str) -> Result<(), Error> {
        on!(self, db => sqlx::query(statements::AGREE).bind(fingerprint).execute(db).await.map(drop))?;
        let found: String =
            on!(self, db => sqlx::query_scalar(statements::AGREED).fetch_one(db).await)?;
        if found != fingerprint {
            let why =
                "its witness data is sealed under another key than witness.key here".to_owned();
            return Err(Error::Store { why });
        }
        Ok(())
    }

    /// Keeps a receipt and the jobs that it promises, all or nothing. Whoever promises them to somebody
    /// does so afterwards.
    pub async fn submit(
        &self,
        digest: OperationDigest,
        name: &str,
        receipt: &[u8],
        jobs: &[NewJob],
        priority: u8,
    ) -> Result<(), Error> {
        let now = now_ms();
        let digest = digest.to_string();
        transaction!(self, tx => async {
            sqlx::query(statements::NEW_RECEIPT)
                .bind(&digest)
                .bind(receipt)
                .bind(now)
                .execute(&mut *tx)
                .await?;
            for job in jobs {
                sqlx::query(statements::NEW_JOB)
                    .bind(&job.id)
                    .bind(&digest)
                    .bind(name)
                    .bind(i64::from(job.step))
                    .bind(&job.step_name)
                    .bind(job.card.to_string())
                    .bind(job.place.name())
                    .bind(i64::from(priority))
                    .bind(i64::from(self.rules.max_attempts))
                    .bind(now)
                    .bind(&job.witness)
                    .bind(i64::try_from(job.expected_ms).unwrap_or(i64::MAX))
                    .execute(&mut *tx)
                    .await?;
            }
            Ok::<_, sqlx::Error>(Some(()))
        })
        .map(drop)
    }

    /// A receipt, as far as it is.
    pub async fn receipt(&self, digest: OperationDigest) -> Result<Option<Vec<u8>>, Error> {
        let digest = digest.to_string();
        on!(self, db => sqlx::query_scalar(statements::RECEIPT).bind(&digest).fetch_optional(db).await)
    }

    /// A job.
    pub async fn job(&self, id: &str) -> Result<Option<Job>, Error> {
        on!(self, db => sqlx::query_as(statements::JOB).bind(id).fetch_optional(db).await)
    }

    /// The oldest thousand jobs in a state, or in any.
    pub async fn jobs(&self, state: Option<State>) -> Result<Vec<Job>, Error> {
        let Some(state) = state.map(State::name) else {
            return on!(self, db => sqlx::query_as(statements::JOBS).fetch_all(db).await);
        };
        on!(self, db => sqlx::query_as(statements::JOBS_IN_STATE).bind(state).fetch_all(db).await)
    }

    /// Whether what a job's proof is made from is kept still.
    pub async fn keeps_witness(&self, id: &str) -> Result<bool, Error> {
        let kept: i64 = on!(self, db => sqlx::query_scalar(statements::KEEPS_WITNESS).bind(id).fetch_one(db).await)?;
        Ok(kept > 0)
    }

    /// The card that a job is proved under.
    pub async fn card(&self, id: &str) -> Result<Option<CardDigest>, Error> {
        let card: Option<String> = on!(self, db => sqlx::query_scalar(statements::CARD).bind(id).fetch_optional(db).await)?;
        Ok(card.and_then(|card| card.parse().ok()))
    }

    /// Proofs that were given and not checked yet.
    pub async fn proved(&self) -> Result<Vec<Attached>, Error> {
        on!(self, db => sqlx::query_as(statements::PROVED).fetch_all(db).await)
    }

    /// How much there is to do.
    pub async fn backlog(&self) -> Result<Backlog, Error> {
        let (open, expected): (i64, i64) =
            on!(self, db => sqlx::query_as(statements::BACKLOG).fetch_one(db).await)?;
        Ok(Backlog { open: count(open), expected_ms: count(expected) })
    }

    /// How many jobs there are.
    pub async fn census(&self) -> Result<Census, Error> {
        let live: Vec<(String, i64)> =
            on!(self, db => sqlx::query_as(statements::COUNT).fetch_all(db).await)?;
        let ended: Vec<(String, i64)> =
            on!(self, db => sqlx::query_as(statements::COUNT_ENDED).fetch_all(db).await)?;
        let parked: Vec<(String, i64)> =
            on!(self, db => sqlx::query_as(statements::COUNT_PARKED).fetch_all(db).await)?;
        let jobs = live.into_iter().chain(ended);
        let jobs = jobs.map(|(state, jobs)| (State::named(&state), count(jobs)));
        let parked = parked.into_iter().map(|(code, jobs)| (code, count(jobs)));
        Ok(Census { jobs: jobs.collect(), parked: parked.collect() })
    }
}

/// A count, as a database has it.
fn count(found: i64) -> u64 {
    u64::try_from(found).unwrap_or(0)
}

/// The number of our lock in Postgres; nobody else's, as far as one can choose.
const LOCK: i64 = 0x6173_7361_795f_6a62;
