//! Jobs and receipts in their tables, on SQLite or Postgres: opening, adding, reading. What changes a
//! job's state is in `changes`.

use std::{path::Path, str::FromStr as _};

use assay_verifier::ids::{CardDigest, OperationDigest};
use sqlx::{
    AssertSqlSafe, PgPool, SqlitePool,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{Attached, Backlog, Job, NewJob, Rules, State, now_ms, schema};
use crate::error::Error;

/// The tables.
#[derive(Clone)]
pub struct Store {
    pub(super) pool: Pool,
    rules: Rules,
}

#[derive(Clone)]
pub(super) enum Pool {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

/// The same statements on either database: both know `$1`, `RETURNING` and `ON CONFLICT`.
macro_rules! on {
    ($store:expr, $db:ident => $body:expr) => {
        match &$store.pool {
            Pool::Postgres($db) => $body.map_err(failed),
            Pool::Sqlite($db) => $body.map_err(failed),
        }
    };
}

mod changes; // after `on!`, which it uses

impl Store {
    /// Opens the store at `url`, `sqlite:PATH` or `postgres://…`, and makes its tables.
    pub async fn open(url: &str, rules: Rules) -> Result<Self, Error> {
        let pool = match url.strip_prefix("sqlite:") {
            Some(path) => Pool::Sqlite(sqlite(Path::new(path)).await?),
            None => Pool::Postgres(
                PgPoolOptions::new().max_connections(8).connect(url).await.map_err(failed)?,
            ),
        };
        let store = Self { pool, rules };
        super::queue::set_up(&store.pool).await?;
        let blob = if matches!(store.pool, Pool::Sqlite(_)) { "BLOB" } else { "BYTEA" };
        for statement in schema::statements(blob) {
            let made = on!(store, db => sqlx::query(AssertSqlSafe(statement.clone())).execute(db).await.map(drop));
            made.or_else(made_meanwhile)?;
        }
        Ok(store)
    }

    /// How jobs are tried.
    pub const fn rules(&self) -> Rules {
        self.rules
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), Error> {
        on!(self, db => sqlx::query("SELECT 1").execute(db).await.map(drop))
    }

    /// Holds the key's fingerprint against the store's, which the first to come sets.
    pub async fn agree(&self, fingerprint: &str) -> Result<(), Error> {
        const SET: &str = "INSERT INTO assay_meta (name, value) VALUES ('witness-key', $1) ON CONFLICT (name) DO NOTHING";
        const GET: &str = "SELECT value FROM assay_meta WHERE name = 'witness-key'";
        on!(self, db => sqlx::query(SET).bind(fingerprint).execute(db).await.map(drop))?;
        let found: String = on!(self, db => sqlx::query_scalar(GET).fetch_one(db).await)?;
        if found != fingerprint {
            let why =
                "its witness data is sealed under another key than witness.key here".to_owned();
            return Err(Error::Store { why });
        }
        Ok(())
    }

    /// Keeps a receipt and the jobs that it promises, all or nothing.
    pub async fn submit(
        &self,
        digest: OperationDigest,
        name: &str,
        receipt: &[u8],
        jobs: &[NewJob],
        priority: u8,
    ) -> Result<(), Error> {
        const RECEIPT: &str = "INSERT INTO assay_receipts (digest, receipt, version, created_ms) VALUES ($1, $2, 0, $3)";
        const JOB: &str = "INSERT INTO assay_jobs
            (id, operation, name, step, step_name, card, place, state, priority, attempts, max_attempts,
             not_before_ms, ticket_ms, lease_ms, witness, expected_ms, created_ms)
            VALUES ($1, $2, $3, $4, $5, $6, $7, 'queued', $8, 0, $9, $10, 0, 0, $11, $12, $10)";
        let now = now_ms();
        let digest = digest.to_string();
        on!(self, db => async {
            let mut tx = db.begin().await?;
            sqlx::query(RECEIPT).bind(&digest).bind(receipt).bind(now).execute(&mut *tx).await?;
            for job in jobs {
                sqlx::query(JOB)
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
            tx.commit().await
        }
        .await)
    }

    /// A receipt, as far as it is.
    pub async fn receipt(&self, digest: OperationDigest) -> Result<Option<Vec<u8>>, Error> {
        const GET: &str = "SELECT receipt FROM assay_receipts WHERE digest = $1";
        let digest = digest.to_string();
        on!(self, db => sqlx::query_scalar(GET).bind(&digest).fetch_optional(db).await)
    }

    /// A job.
    pub async fn job(&self, id: &str) -> Result<Option<Job>, Error> {
        let get = format!("{JOB} WHERE id = $1");
        on!(self, db => sqlx::query_as(AssertSqlSafe(get)).bind(id).fetch_optional(db).await)
    }

    /// The oldest thousand jobs in a state, or in any.
    pub async fn jobs(&self, state: Option<State>) -> Result<Vec<Job>, Error> {
        let list = format!("{JOB} WHERE $1 = '' OR state = $1 ORDER BY created_ms LIMIT 1000");
        let state = state.map_or("", State::name);
        on!(self, db => sqlx::query_as(AssertSqlSafe(list)).bind(state).fetch_all(db).await)
    }

    /// Whether what a job's proof is made from is kept still.
    pub async fn keeps_witness(&self, id: &str) -> Result<bool, Error> {
        const GET: &str = "SELECT COUNT(*) FROM assay_jobs WHERE id = $1 AND (witness IS NOT NULL OR proof IS NOT NULL)";
        let kept: i64 = on!(self, db => sqlx::query_scalar(GET).bind(id).fetch_one(db).await)?;
        Ok(kept > 0)
    }

    /// The card that a job is proved under.
    pub async fn card(&self, id: &str) -> Result<Option<CardDigest>, Error> {
        const GET: &str = "SELECT card FROM assay_jobs WHERE id = $1";
        let card: Option<String> =
            on!(self, db => sqlx::query_scalar(GET).bind(id).fetch_optional(db).await)?;
        Ok(card.and_then(|card| card.parse().ok()))
    }

    /// Proofs that were given and not checked yet.
    pub async fn proved(&self) -> Result<Vec<Attached>, Error> {
        const PROVED: &str =
            "SELECT j.id, j.operation, j.name, j.step_name, j.step, j.proof, j.prove_ms,
            r.receipt, r.version
            FROM assay_jobs j JOIN assay_receipts r ON r.digest = j.operation
            WHERE j.state = 'proved' ORDER BY j.created_ms LIMIT 16";
        on!(self, db => sqlx::query_as(PROVED).fetch_all(db).await)
    }

    /// How much there is to do.
    pub async fn backlog(&self) -> Result<Backlog, Error> {
        const COUNT: &str = "SELECT state, COUNT(*), CAST(COALESCE(SUM(expected_ms), 0) AS BIGINT)
            FROM assay_jobs GROUP BY state";
        let rows: Vec<(String, i64, i64)> =
            on!(self, db => sqlx::query_as(COUNT).fetch_all(db).await)?;
        let mut backlog = Backlog::default();
        for (state, jobs, expected) in rows {
            let state = State::named(&state);
            backlog.jobs.insert(state, u64::try_from(jobs).unwrap_or(0));
            if matches!(state, State::Queued | State::Running) {
                backlog.expected_ms += u64::try_from(expected).unwrap_or(0);
            }
        }
        Ok(backlog)
    }
}

const JOB: &str = "SELECT id, operation, name, step_name, state, attempts, max_attempts, not_before_ms,
    reason_code, reason, expected_ms, prove_ms, created_ms, started_ms, finished_ms FROM assay_jobs";

async fn sqlite(path: &Path) -> Result<SqlitePool, Error> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| Error::Unwritable {
            path: folder.to_owned(),
            why: error.to_string(),
        })?;
    }
    let options = SqliteConnectOptions::from_str("sqlite:")
        .map_err(failed)?
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // What was answered is on the disk, also where the power fails.
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(std::time::Duration::from_secs(20))
        // What is deleted is overwritten.
        .pragma("secure_delete", "ON");
    SqlitePoolOptions::new().max_connections(4).connect_with(options).await.map_err(failed)
}

/// Two processes that make a table at once: in Postgres, the second may be told that it is there.
fn made_meanwhile(error: Error) -> Result<(), Error> {
    match &error {
        Error::Store { why } if why.contains("already exists") || why.contains("duplicate key") => {
            Ok(())
        }
        _ => Err(error),
    }
}

pub(super) fn failed(error: sqlx::Error) -> Error {
    Error::Store { why: error.to_string() }
}
