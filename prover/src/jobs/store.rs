//! Jobs and receipts in their tables, on SQLite or Postgres. Every change of a job's state is one
//! statement that names the state it starts from: of two that try, one wins.

use std::{collections::BTreeMap, path::Path, str::FromStr as _};

use assay_verifier::ids::{CardDigest, OperationDigest};
use sqlx::{
    AssertSqlSafe, FromRow, PgPool, SqlitePool,
    postgres::PgPoolOptions,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use super::{Rules, ms, now_ms, schema};
use crate::error::Error;

/// Where a job may be proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// By any worker that holds the key.
    Anywhere,
    /// Inside the process that serves.
    Here,
}

impl Place {
    /// The word in the table, and the end of the queue's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Anywhere => "anywhere",
            Self::Here => "here",
        }
    }

    fn named(name: &str) -> Self {
        if name == "anywhere" { Self::Anywhere } else { Self::Here }
    }
}

/// Where a job stands.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Given up on request.
    Cancelled,
    /// The proof is in the receipt.
    Done,
    /// Given up: the attempts are used up, or no attempt could succeed.
    Parked,
    /// A worker gave a proof; it is not checked yet.
    Proved,
    /// It waits for a worker.
    Queued,
    /// A worker proves.
    Running,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Cancelled, Self::Done, Self::Parked, Self::Proved, Self::Queued, Self::Running];

    /// The word in the table.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cancelled => "cancelled",
            Self::Done => "done",
            Self::Parked => "parked",
            Self::Proved => "proved",
            Self::Queued => "queued",
            Self::Running => "running",
        }
    }

    /// Whether nothing will change any more.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Cancelled | Self::Done | Self::Parked)
    }

    fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|state| state.name() == name).unwrap_or(Self::Parked)
    }
}

/// A job as people see it. Times are milliseconds since 1970.
#[derive(Clone, Debug, FromRow)]
pub struct Job {
    /// 32 hexadecimal digits.
    pub id: String,
    /// The operation's digest, hexadecimal.
    pub operation: String,
    /// The operation's name.
    pub name: String,
    /// The step's name.
    pub step_name: String,
    state: String,
    /// How often it was begun.
    pub attempts: i64,
    /// How often it is begun at most.
    pub max_attempts: i64,
    /// Not tried before.
    pub not_before_ms: i64,
    /// Code of the last failure.
    pub reason_code: Option<String>,
    /// What the last failure was.
    pub reason: Option<String>,
    /// How long the proof is expected to take.
    pub expected_ms: i64,
    /// How long it took.
    pub prove_ms: Option<i64>,
    /// When it was asked for.
    pub created_ms: i64,
    /// When the last attempt began.
    pub started_ms: Option<i64>,
    /// When its state became final.
    pub finished_ms: Option<i64>,
}

impl Job {
    /// Where it stands.
    pub fn state(&self) -> State {
        State::named(&self.state)
    }
}

/// A job to be.
pub struct NewJob {
    /// 32 hexadecimal digits, random.
    pub id: String,
    /// The step's index.
    pub step: u32,
    /// The step's name.
    pub step_name: String,
    /// The card whose key proves it.
    pub card: CardDigest,
    /// Where it may be proved.
    pub place: Place,
    /// What the proof takes, sealed.
    pub witness: Vec<u8>,
    /// How long it is expected to take, in milliseconds.
    pub expected_ms: u64,
}

/// A claim on a job: the right to prove it, for as long as the lease is renewed.
#[derive(Clone, FromRow)]
pub struct Claim {
    /// The job.
    pub id: String,
    /// The lease: this claim and no other.
    pub lease: String,
    /// The operation's name.
    pub name: String,
    /// The step's name.
    pub step_name: String,
    /// Which attempt this is, from 1.
    pub attempts: i64,
    /// What the proof takes, sealed.
    pub witness: Vec<u8>,
    /// The receipt, as far as it is.
    pub receipt: Vec<u8>,
}

/// A proof that a worker gave, and the receipt that it belongs to.
#[derive(FromRow)]
pub struct Attached {
    /// The job.
    pub id: String,
    /// The operation's digest, hexadecimal.
    pub operation: String,
    /// The operation's name.
    pub name: String,
    /// The step's name.
    pub step_name: String,
    /// The step's index.
    pub step: i64,
    /// What was given for a proof.
    pub proof: Vec<u8>,
    /// How long it took, in milliseconds.
    pub prove_ms: i64,
    /// The receipt.
    pub receipt: Vec<u8>,
    /// The receipt's version: an upgrade names the one that it started from.
    pub version: i64,
}

/// How many jobs there are in each state, and how long those that wait are expected to take.
#[derive(Clone, Debug, Default)]
pub struct Backlog {
    /// Jobs by state.
    pub jobs: BTreeMap<State, u64>,
    /// Expected milliseconds of proving, of all jobs that wait or run.
    pub expected_ms: u64,
}

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
        const GET: &str =
            "SELECT id, operation, name, step_name, state, attempts, max_attempts, not_before_ms,
            reason_code, reason, expected_ms, prove_ms, created_ms, started_ms, finished_ms
            FROM assay_jobs WHERE id = $1";
        on!(self, db => sqlx::query_as(GET).bind(id).fetch_optional(db).await)
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

    /// Claims a job that waits, or whose worker no longer renews its lease. The attempt is counted
    /// before anything is done.
    pub async fn claim(&self, id: &str) -> Result<Option<Claim>, Error> {
        const CLAIM: &str = "UPDATE assay_jobs
            SET state = 'running', attempts = attempts + 1, lease = $2, lease_ms = $3, started_ms = $4
            WHERE id = $1 AND attempts < max_attempts AND witness IS NOT NULL
              AND ((state = 'queued' AND not_before_ms <= $4) OR (state = 'running' AND lease_ms <= $4))
            RETURNING id, lease, name, step_name, attempts, witness,
              (SELECT receipt FROM assay_receipts WHERE digest = operation) AS receipt";
        let now = now_ms();
        let lease = crate::random::bytes::<16>().map(hex::encode)?;
        on!(self, db => sqlx::query_as(CLAIM)
            .bind(id).bind(&lease).bind(now + ms(self.rules.lease())).bind(now)
            .fetch_optional(db).await)
    }

    /// Says that the claim's worker lives. False: the claim is no longer its own.
    pub async fn renew(&self, claim: &Claim) -> Result<bool, Error> {
        const RENEW: &str = "UPDATE assay_jobs SET lease_ms = $3 WHERE id = $1 AND lease = $2 AND state = 'running'";
        let until = now_ms() + ms(self.rules.lease());
        let done = on!(self, db => sqlx::query(RENEW)
            .bind(&claim.id).bind(&claim.lease).bind(until).execute(db).await
            .map(|done| done.rows_affected()))?;
        Ok(done == 1)
    }

    /// Writes a proof down, once. False: the claim was no longer its own, and nothing was written.
    pub async fn finish(&self, claim: &Claim, proof: &[u8], prove_ms: i64) -> Result<bool, Error> {
        const FINISH: &str = "UPDATE assay_jobs
            SET state = 'proved', proof = $3, prove_ms = $4, lease = NULL
            WHERE id = $1 AND lease = $2 AND state = 'running' AND proof IS NULL";
        let done = on!(self, db => sqlx::query(FINISH)
            .bind(&claim.id).bind(&claim.lease).bind(proof).bind(prove_ms).execute(db).await
            .map(|done| done.rows_affected()))?;
        Ok(done == 1)
    }

    /// Says that an attempt failed: the job waits for the next, or is parked with the reason where
    /// there is none left or none could succeed.
    pub async fn fail(&self, claim: &Claim, error: &Error, hopeless: bool) -> Result<(), Error> {
        let from = ("lease = $2 AND state = 'running'", claim.lease.as_str());
        self.put_back(&claim.id, from, claim.attempts, error, hopeless).await
    }

    /// Refuses what a worker gave for a proof: as if the attempt had failed.
    pub async fn refuse(&self, given: &Attached, error: &Error) -> Result<(), Error> {
        let attempts = self.job(&given.id).await?.map_or(1, |job| job.attempts);
        self.put_back(
            &given.id,
            ("$2 = 'proved' AND state = 'proved'", "proved"),
            attempts,
            error,
            false,
        )
        .await
    }

    async fn put_back(
        &self,
        id: &str,
        (from, bound): (&str, &str),
        attempts: i64,
        error: &Error,
        hopeless: bool,
    ) -> Result<(), Error> {
        let now = now_ms();
        let wait = Rules::back_off(u32::try_from(attempts).unwrap_or(u32::MAX));
        let statement = format!(
            "UPDATE assay_jobs SET
                state = CASE WHEN attempts >= max_attempts OR $3 THEN 'parked' ELSE 'queued' END,
                finished_ms = CASE WHEN attempts >= max_attempts OR $3 THEN $4 ELSE NULL END,
                not_before_ms = $5, reason_code = $6, reason = $7, lease = NULL, proof = NULL
             WHERE id = $1 AND {from}"
        );
        on!(self, db => sqlx::query(AssertSqlSafe(statement))
            .bind(id).bind(bound).bind(hopeless).bind(now).bind(now + ms(wait))
            .bind(error.code()).bind(error.to_string())
            .execute(db).await.map(drop))
    }

    /// Gives a claim back unused: the attempt does not count.
    pub async fn hand_back(&self, claim: &Claim) -> Result<(), Error> {
        const BACK: &str = "UPDATE assay_jobs
            SET state = 'queued', attempts = attempts - 1, not_before_ms = $3, lease = NULL
            WHERE id = $1 AND lease = $2 AND state = 'running'";
        on!(self, db => sqlx::query(BACK)
            .bind(&claim.id).bind(&claim.lease).bind(now_ms()).execute(db).await.map(drop))
    }

    /// Cancels a job that is not proved yet; its witness data is deleted. False: it was too late.
    pub async fn cancel(&self, id: &str) -> Result<bool, Error> {
        const CANCEL: &str = "UPDATE assay_jobs
            SET state = 'cancelled', witness = NULL, proof = NULL, lease = NULL, finished_ms = $2
            WHERE id = $1 AND state IN ('queued', 'running', 'parked')";
        let done = on!(self, db => sqlx::query(CANCEL).bind(id).bind(now_ms()).execute(db).await
            .map(|done| done.rows_affected()))?;
        Ok(done == 1)
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

    /// Puts the upgraded receipt in the place of the one that it was made from, and ends the job; its
    /// witness data is deleted. False: somebody else did something first, and nothing was changed.
    pub async fn attach(&self, given: &Attached, receipt: &[u8]) -> Result<bool, Error> {
        const RECEIPT: &str = "UPDATE assay_receipts SET receipt = $3, version = version + 1
            WHERE digest = $1 AND version = $2";
        const JOB: &str = "UPDATE assay_jobs
            SET state = 'done', witness = NULL, proof = NULL, finished_ms = $2, reason_code = NULL, reason = NULL
            WHERE id = $1 AND state = 'proved'";
        let now = now_ms();
        on!(self, db => async {
            let mut tx = db.begin().await?;
            let upgraded = sqlx::query(RECEIPT)
                .bind(&given.operation).bind(given.version).bind(receipt)
                .execute(&mut *tx).await?.rows_affected();
            let ended =
                sqlx::query(JOB).bind(&given.id).bind(now).execute(&mut *tx).await?.rows_affected();
            if (upgraded, ended) != (1, 1) {
                tx.rollback().await?;
                return Ok(false);
            }
            tx.commit().await?;
            Ok::<_, sqlx::Error>(true)
        }
        .await)
    }

    /// Jobs whose time has come and that no ticket is out for, each counted as ticketed from now:
    /// new ones, those that waited long enough, those whose worker is gone, and every half minute
    /// those whose ticket may have been lost. Parks those that have used up their attempts.
    pub async fn due(&self) -> Result<Vec<(String, Place, i64)>, Error> {
        const PARK: &str = "UPDATE assay_jobs
            SET state = 'parked', finished_ms = $1, lease = NULL, reason_code = 'worker-lost',
                reason = 'the worker was lost in the last attempt that there was'
            WHERE state = 'running' AND lease_ms <= $1 AND attempts >= max_attempts";
        const DUE: &str = "SELECT id, place, priority, ticket_ms FROM assay_jobs
            WHERE (state = 'queued' AND not_before_ms <= $1 AND (ticket_ms < not_before_ms OR ticket_ms <= $2))
               OR (state = 'running' AND lease_ms <= $1 AND (ticket_ms < lease_ms OR ticket_ms <= $2))
            ORDER BY priority DESC, created_ms LIMIT 256";
        const TICKET: &str =
            "UPDATE assay_jobs SET ticket_ms = $3 WHERE id = $1 AND ticket_ms = $2";
        let now = now_ms();
        on!(self, db => sqlx::query(PARK).bind(now).execute(db).await.map(drop))?;
        let due: Vec<(String, String, i64, i64)> =
            on!(self, db => sqlx::query_as(DUE).bind(now).bind(now - LOST_MS).fetch_all(db).await)?;
        let mut tickets = Vec::new();
        for (id, place, priority, ticket) in due {
            let won = on!(self, db => sqlx::query(TICKET).bind(&id).bind(ticket).bind(now).execute(db).await
                .map(|done| done.rows_affected()))?;
            if won == 1 {
                tickets.push((id, Place::named(&place), priority));
            }
        }
        Ok(tickets)
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

impl Backlog {
    /// Jobs that wait or run.
    pub fn open(&self) -> u64 {
        let count = |state| self.jobs.get(&state).copied().unwrap_or(0);
        count(State::Queued) + count(State::Running)
    }
}

/// A ticket that led to nothing for so long counts as lost.
const LOST_MS: i64 = 30_000;

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
