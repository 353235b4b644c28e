//! Every statement of the store, in the words that SQLite and Postgres share. Those that a request, a
//! worker or the clerk has run find their rows by an index: what they take does not grow with the jobs
//! that have ended.

macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident = $sql:expr;)+) => {
        $($(#[$doc])* pub(super) const $name: &str = $sql;)+
        #[cfg(test)]
        pub(super) const ALL: &[(&str, &str)] = &[$((stringify!($name), $name)),+];
    };
}

/// The columns of a job as people see it, and which jobs.
macro_rules! job {
    ($which:literal) => {
        concat!(
            "SELECT id, operation, name, step_name, state, attempts, max_attempts, not_before_ms,
             reason_code, reason, expected_ms, prove_ms, created_ms, started_ms, finished_ms
             FROM assay_jobs ",
            $which
        )
    };
}

/// A failed attempt: the job waits for the next, or is parked. Which job is the end of the statement.
macro_rules! put_back {
    ($which:literal) => {
        concat!(
            "UPDATE assay_jobs SET
             state = CASE WHEN attempts >= max_attempts OR $3 THEN 'parked' ELSE 'queued' END,
             finished_ms = CASE WHEN attempts >= max_attempts OR $3 THEN $4 ELSE NULL END,
             not_before_ms = $5, reason_code = $6, reason = $7, lease = NULL, proof = NULL ",
            $which,
            " RETURNING state"
        )
    };
}

statements! {
    AGREE = "INSERT INTO assay_meta (name, value) VALUES ('witness-key', $1) ON CONFLICT (name) DO NOTHING";
    AGREED = "SELECT value FROM assay_meta WHERE name = 'witness-key'";
    ANNOUNCE = "INSERT INTO assay_holders (card, seen_ms) VALUES ($1, $2)
        ON CONFLICT (card) DO UPDATE SET seen_ms = $2";
    ATTACH_JOB = "UPDATE assay_jobs
        SET state = 'done', witness = NULL, proof = NULL, finished_ms = $2, reason_code = NULL, reason = NULL
        WHERE id = $1 AND state = 'proved'";
    ATTACH_RECEIPT = "UPDATE assay_receipts SET receipt = $3, version = version + 1
        WHERE digest = $1 AND version = $2";
    BACKLOG = "SELECT COUNT(*), CAST(COALESCE(SUM(expected_ms), 0) AS BIGINT)
        FROM assay_jobs WHERE state IN ('queued', 'running')";
    CANCEL = "UPDATE assay_jobs
        SET state = 'cancelled', witness = NULL, proof = NULL, lease = NULL, finished_ms = $2
        WHERE id = $1 AND state IN ('queued', 'running', 'parked')";
    CARD = "SELECT card FROM assay_jobs WHERE id = $1";
    CHECK = "INSERT INTO assay_meta (name, value) VALUES ($1, $2)";
    CHECKED = "SELECT value FROM assay_meta WHERE name = $1";
    /// With what was left by checks that ended in the midst: their names begin with when they began.
    CHECK_OVER = "DELETE FROM assay_meta WHERE name = $1 OR (name > 'check/' AND name < $2)";
    CLAIM = "UPDATE assay_jobs
        SET state = 'running', attempts = attempts + 1, lease = $2, lease_ms = $3, started_ms = $4
        WHERE id = $1 AND attempts < max_attempts AND witness IS NOT NULL
          AND ((state = 'queued' AND not_before_ms <= $4) OR (state = 'running' AND lease_ms <= $4))
        RETURNING id, lease, name, step_name, attempts, witness,
          (SELECT receipt FROM assay_receipts WHERE digest = operation) AS receipt";
    /// Jobs that may still change, by state.
    COUNT = "SELECT state, COUNT(*) FROM assay_jobs
        WHERE state IN ('parked', 'proved', 'queued', 'running') GROUP BY state";
    /// Jobs that never will, by state: counted as they end.
    COUNT_ENDED = "SELECT state, jobs FROM assay_ended";
    COUNT_PARKED = "SELECT COALESCE(reason_code, ''), COUNT(*) FROM assay_jobs
        WHERE state = 'parked' GROUP BY reason_code";
    DUE = "SELECT id, place, priority, ticket_ms FROM assay_jobs
        WHERE state IN ('queued', 'running')
          AND ((state = 'queued' AND not_before_ms <= $1 AND (ticket_ms < not_before_ms OR ticket_ms <= $2))
            OR (state = 'running' AND lease_ms <= $1 AND (ticket_ms < lease_ms OR ticket_ms <= $2)))
        ORDER BY priority DESC, created_ms LIMIT 256";
    ENDED = "INSERT INTO assay_ended (state, jobs) VALUES ($1, 1)
        ON CONFLICT (state) DO UPDATE SET jobs = assay_ended.jobs + 1";
    FAIL = put_back!("WHERE id = $1 AND lease = $2 AND state = 'running'");
    FINISH = "UPDATE assay_jobs SET state = 'proved', proof = $3, prove_ms = $4, lease = NULL
        WHERE id = $1 AND lease = $2 AND state = 'running' AND proof IS NULL";
    HAND_BACK = "UPDATE assay_jobs
        SET state = 'queued', attempts = attempts - 1, not_before_ms = $3, lease = NULL
        WHERE id = $1 AND lease = $2 AND state = 'running'";
    JOB = job!("WHERE id = $1");
    /// The one that goes through a table: in the order of an index, up to a thousand rows.
    JOBS = job!("ORDER BY created_ms LIMIT 1000");
    JOBS_IN_STATE = job!("WHERE state = $1 ORDER BY created_ms LIMIT 1000");
    KEEPS_WITNESS = "SELECT COUNT(*) FROM assay_jobs
        WHERE id = $1 AND (witness IS NOT NULL OR proof IS NOT NULL)";
    LOST = "UPDATE assay_jobs
        SET state = 'parked', finished_ms = $1, lease = NULL, reason_code = 'worker-lost',
            reason = 'the worker was lost in the last attempt that there was'
        WHERE state = 'running' AND lease_ms <= $1 AND attempts >= max_attempts RETURNING id";
    NEW_JOB = "INSERT INTO assay_jobs
        (id, operation, name, step, step_name, card, place, state, priority, attempts, max_attempts,
         not_before_ms, ticket_ms, lease_ms, witness, expected_ms, created_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, 'queued', $8, 0, $9, $10, 0, 0, $11, $12, $10)";
    NEW_RECEIPT = "INSERT INTO assay_receipts (digest, receipt, version, created_ms) VALUES ($1, $2, 0, $3)";
    PROVED = "SELECT j.id, j.operation, j.name, j.step_name, j.step, j.proof, j.prove_ms, r.receipt, r.version
        FROM assay_jobs j JOIN assay_receipts r ON r.digest = j.operation
        WHERE j.state = 'proved' ORDER BY j.created_ms LIMIT 16";
    RECEIPT = "SELECT receipt FROM assay_receipts WHERE digest = $1";
    /// `$2` is there so that both ways back bind the same.
    REFUSE = put_back!("WHERE id = $1 AND state = $2");
    RENEW = "UPDATE assay_jobs SET lease_ms = $3 WHERE id = $1 AND lease = $2 AND state = 'running'";
    RETRY = "UPDATE assay_jobs
        SET state = 'queued', attempts = 0, max_attempts = $3, not_before_ms = $2, ticket_ms = 0, finished_ms = NULL
        WHERE id = $1 AND state = 'parked' AND witness IS NOT NULL";
    TICKET = "UPDATE assay_jobs SET ticket_ms = $3 WHERE id = $1 AND ticket_ms = $2";
    /// Jobs whose card no living process has the key of.
    UNKNOWN = "UPDATE assay_jobs
        SET state = 'parked', finished_ms = $1, reason_code = 'key-unknown',
            reason = 'no server and no worker has the key of card ' || card
        WHERE state = 'queued' AND not_before_ms <= $2
          AND NOT EXISTS (SELECT 1 FROM assay_holders h WHERE h.card = assay_jobs.card AND h.seen_ms > $2)
        RETURNING id, card";
    /// Jobs that were parked so, now that there is the key.
    UNKNOWN_NO_MORE = "UPDATE assay_jobs
        SET state = 'queued', not_before_ms = $2, ticket_ms = 0, finished_ms = NULL, reason_code = NULL, reason = NULL
        WHERE card = $1 AND state = 'parked' AND reason_code = 'key-unknown' RETURNING id";
}
