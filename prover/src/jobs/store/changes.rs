//! Every change of a job's state. Each is one statement that names the state it starts from: of two
//! that try, one wins.

use sqlx::AssertSqlSafe;

use super::{
    super::{Attached, Claim, Place, Rules, State, ms, now_ms},
    Pool, Store, failed,
};
use crate::error::Error;

impl Store {
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
             WHERE id = $1 AND {from} RETURNING state"
        );
        let state: Option<String> = on!(self, db => sqlx::query_scalar(AssertSqlSafe(statement))
            .bind(id).bind(bound).bind(hopeless).bind(now).bind(now + ms(wait))
            .bind(error.code()).bind(error.to_string())
            .fetch_optional(db).await)?;
        if state.as_deref() == Some(State::Parked.name()) {
            tracing::error!(job = id, attempts, code = error.code(), "parked");
        }
        Ok(())
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

    /// Has a parked job tried again, as often as a new one. False: it is not parked.
    pub async fn retry(&self, id: &str) -> Result<bool, Error> {
        const RETRY: &str = "UPDATE assay_jobs
            SET state = 'queued', attempts = 0, max_attempts = $3, not_before_ms = $2, ticket_ms = 0, finished_ms = NULL
            WHERE id = $1 AND state = 'parked' AND witness IS NOT NULL";
        let done = on!(self, db => sqlx::query(RETRY)
            .bind(id).bind(now_ms()).bind(i64::from(self.rules.max_attempts)).execute(db).await
            .map(|done| done.rows_affected()))?;
        Ok(done == 1)
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
            WHERE state = 'running' AND lease_ms <= $1 AND attempts >= max_attempts RETURNING id";
        const DUE: &str = "SELECT id, place, priority, ticket_ms FROM assay_jobs
            WHERE (state = 'queued' AND not_before_ms <= $1 AND (ticket_ms < not_before_ms OR ticket_ms <= $2))
               OR (state = 'running' AND lease_ms <= $1 AND (ticket_ms < lease_ms OR ticket_ms <= $2))
            ORDER BY priority DESC, created_ms LIMIT 256";
        const TICKET: &str =
            "UPDATE assay_jobs SET ticket_ms = $3 WHERE id = $1 AND ticket_ms = $2";
        let now = now_ms();
        let parked: Vec<String> =
            on!(self, db => sqlx::query_scalar(PARK).bind(now).fetch_all(db).await)?;
        for job in parked {
            tracing::error!(job, code = "worker-lost", "parked");
        }
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
}

/// A ticket that led to nothing for so long counts as lost.
const LOST_MS: i64 = 30_000;
