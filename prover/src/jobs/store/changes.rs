//! Every change of a job's state. Each names the state that it starts from: of two that try, one wins.

use assay_verifier::ids::CardDigest;

use super::{
    super::{Attached, Claim, Place, Rules, State, ms, now_ms, short},
    Pool, Store, acquire, failed, statements,
};
use crate::error::Error;

impl Store {
    /// Claims a job that waits, or whose worker no longer renews its lease. The attempt is counted
    /// before anything is done.
    pub async fn claim(&self, id: &str) -> Result<Option<Claim>, Error> {
        let now = now_ms();
        let lease = crate::random::bytes::<16>().map(hex::encode)?;
        on!(self, db => sqlx::query_as(statements::CLAIM)
            .bind(id).bind(&lease).bind(now + ms(self.rules.lease())).bind(now)
            .fetch_optional(db).await)
    }

    /// Says that the claim's worker lives. False: the claim is no longer its own.
    pub async fn renew(&self, claim: &Claim) -> Result<bool, Error> {
        let until = now_ms() + ms(self.rules.lease());
        let done = on!(self, db => sqlx::query(statements::RENEW)
            .bind(&claim.id).bind(&claim.lease).bind(until).execute(db).await
            .map(|done| done.rows_affected()))?;
        Ok(done == 1)
    }

    /// Writes a proof down, once. False: the claim was no longer its own, and nothing was written.
    pub async fn finish(&self, claim: &Claim, proof: &[u8], prove_ms: i64) -> Result<bool, Error> {
        let done = on!(self, db => sqlx::query(statements::FINISH)
            .bind(&claim.id).bind(&claim.lease).bind(proof).bind(prove_ms).execute(db).await
            .map(|done| done.rows_affected()))?;
        Ok(done == 1)
    }

    /// Says that an attempt failed: the job waits for the next, or is parked with the reason where
    /// there is none left or none could succeed.
    pub async fn fail(&self, claim: &Claim, error: &Error, hopeless: bool) -> Result<(), Error> {
        let from = (statements::FAIL, claim.lease.as_str());
        self.put_back(&claim.id, from, claim.attempts, error, hopeless).await
    }

    /// Refuses what a worker gave for a proof: as if the attempt had failed.
    pub async fn refuse(&self, given: &Attached, error: &Error) -> Result<(), Error> {
        let attempts = self.job(&given.id).await?.map_or(1, |job| job.attempts);
        let from = (statements::REFUSE, State::Proved.name());
        self.put_back(&given.id, from, attempts, error, false).await
    }

    async fn put_back(
        &self,
        id: &str,
        (statement, from): (&'static str, &str),
        attempts: i64,
        error: &Error,
        hopeless: bool,
    ) -> Result<(), Error> {
        let now = now_ms();
        let wait = Rules::back_off(u32::try_from(attempts).unwrap_or(u32::MAX));
        let state: Option<String> = on!(self, db => sqlx::query_scalar(statement)
            .bind(id).bind(from).bind(hopeless).bind(now).bind(now + ms(wait))
            .bind(error.code()).bind(error.to_string())
            .fetch_optional(db).await)?;
        if state.as_deref() == Some(State::Parked.name()) {
            tracing::error!(job = short(id), attempts, code = error.code(), "parked");
        }
        Ok(())
    }

    /// Gives a claim back unused: the attempt does not count.
    pub async fn hand_back(&self, claim: &Claim) -> Result<(), Error> {
        on!(self, db => sqlx::query(statements::HAND_BACK)
            .bind(&claim.id).bind(&claim.lease).bind(now_ms()).execute(db).await.map(drop))
    }

    /// Cancels a job that is not proved yet; its witness data is deleted. False: it was too late.
    pub async fn cancel(&self, id: &str) -> Result<bool, Error> {
        let now = now_ms();
        let done = transaction!(self, tx => async {
            let changed =
                sqlx::query(statements::CANCEL).bind(id).bind(now).execute(&mut *tx).await?;
            if changed.rows_affected() != 1 {
                return Ok(None);
            }
            let ended = State::Cancelled.name();
            sqlx::query(statements::ENDED).bind(ended).execute(&mut *tx).await?;
            Ok::<_, sqlx::Error>(Some(()))
        })?;
        Ok(done.is_some())
    }

    /// Has a parked job tried again, as often as a new one. False: it is not parked.
    pub async fn retry(&self, id: &str) -> Result<bool, Error> {
        let done = on!(self, db => sqlx::query(statements::RETRY)
            .bind(id).bind(now_ms()).bind(i64::from(self.rules.max_attempts)).execute(db).await
            .map(|done| done.rows_affected()))?;
        Ok(done == 1)
    }

    /// Puts the upgraded receipt in the place of the one that it was made from, and ends the job; its
    /// witness data is deleted. False: somebody else did something first, and nothing was changed.
    pub async fn attach(&self, given: &Attached, receipt: &[u8]) -> Result<bool, Error> {
        let now = now_ms();
        let done = transaction!(self, tx => async {
            let upgraded = sqlx::query(statements::ATTACH_RECEIPT)
                .bind(&given.operation)
                .bind(given.version)
                .bind(receipt)
                .execute(&mut *tx)
                .await?;
            let ended = sqlx::query(statements::ATTACH_JOB)
                .bind(&given.id)
                .bind(now)
                .execute(&mut *tx)
                .await?;
            if (upgraded.rows_affected(), ended.rows_affected()) != (1, 1) {
                return Ok(None);
            }
            let ended = State::Done.name();
            sqlx::query(statements::ENDED).bind(ended).execute(&mut *tx).await?;
            Ok::<_, sqlx::Error>(Some(()))
        })?;
        Ok(done.is_some())
    }

    /// Jobs whose time has come and that no ticket is out for, each counted as ticketed from now:
    /// new ones, those that waited long enough, those whose worker is gone, and every half minute
    /// those whose ticket may have been lost. Parks those that have used up their attempts.
    pub async fn due(&self) -> Result<Vec<(String, Place, i64)>, Error> {
        let now = now_ms();
        let parked: Vec<String> =
            on!(self, db => sqlx::query_scalar(statements::LOST).bind(now).fetch_all(db).await)?;
        for job in parked {
            tracing::error!(job = short(&job), code = "worker-lost", "parked");
        }
        let due: Vec<(String, String, i64, i64)> = on!(self, db => sqlx::query_as(statements::DUE).bind(now).bind(now - LOST_MS).fetch_all(db).await)?;
        let mut tickets = Vec::new();
        for (id, place, priority, ticket) in due {
            let won = on!(self, db => sqlx::query(statements::TICKET).bind(&id).bind(ticket).bind(now).execute(db).await
                .map(|done| done.rows_affected()))?;
            if won == 1 {
                tickets.push((id, Place::named(&place), priority));
            }
        }
        Ok(tickets)
    }

    /// Says that a living process has the keys of these cards. Jobs that were parked for want of one are
    /// tried again; gives how many.
    pub async fn announce(&self, cards: &[CardDigest]) -> Result<usize, Error> {
        let mut again = 0;
        for card in cards {
            let (card, now) = (card.to_string(), now_ms());
            on!(self, db => sqlx::query(statements::ANNOUNCE)
                .bind(&card).bind(now).execute(db).await.map(drop))?;
            let queued: Vec<String> = on!(self, db => sqlx::query_scalar(statements::UNKNOWN_NO_MORE)
                .bind(&card).bind(now).fetch_all(db).await)?;
            if !queued.is_empty() {
                tracing::info!(card, jobs = queued.len(), "queued again: their key is back");
            }
            again += queued.len();
        }
        Ok(again)
    }

    /// Parks the jobs that wait for a key which no living process has announced for twice as long as a
    /// claim holds; gives how many. They are kept, and do not count for `max_queued`.
    pub async fn park_unknown(&self) -> Result<usize, Error> {
        let now = now_ms();
        let parked: Vec<(String, String)> = on!(self, db => sqlx::query_as(statements::UNKNOWN)
            .bind(now).bind(now - 2 * ms(self.rules.lease())).fetch_all(db).await)?;
        for (job, card) in &parked {
            tracing::error!(job = short(job), card, code = "key-unknown", "parked");
        }
        Ok(parked.len())
    }
}

/// A ticket that led to nothing for so long counts as lost.
const LOST_MS: i64 = 30_000;
