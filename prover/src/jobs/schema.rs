//! The tables. `$blob` is the one word in which SQLite and Postgres differ.

/// Statements that make the tables where they are not there yet, in one transaction.
pub(super) fn statements(blob: &str) -> Vec<String> {
    TABLES.iter().map(|statement| statement.replace("$blob", blob)).collect()
}

const TABLES: [&str; 10] = [
    "CREATE TABLE IF NOT EXISTS assay_receipts (
        digest TEXT PRIMARY KEY,
        receipt $blob NOT NULL,
        version BIGINT NOT NULL,
        created_ms BIGINT NOT NULL
    )",
    "CREATE TABLE IF NOT EXISTS assay_jobs (
        id TEXT PRIMARY KEY,
        operation TEXT NOT NULL REFERENCES assay_receipts(digest),
        name TEXT NOT NULL,
        step BIGINT NOT NULL,
        step_name TEXT NOT NULL,
        card TEXT NOT NULL,
        place TEXT NOT NULL,
        state TEXT NOT NULL,
        priority BIGINT NOT NULL,
        attempts BIGINT NOT NULL,
        max_attempts BIGINT NOT NULL,
        not_before_ms BIGINT NOT NULL,
        ticket_ms BIGINT NOT NULL,
        lease TEXT,
        lease_ms BIGINT NOT NULL,
        reason_code TEXT,
        reason TEXT,
        witness $blob,
        proof $blob,
        expected_ms BIGINT NOT NULL,
        prove_ms BIGINT,
        created_ms BIGINT NOT NULL,
        started_ms BIGINT,
        finished_ms BIGINT
    )",
    // Counts and lists of a state read this alone, and never a row of another state.
    "CREATE INDEX IF NOT EXISTS assay_jobs_in_state ON assay_jobs (state, created_ms, expected_ms, reason_code)",
    "DROP INDEX IF EXISTS assay_jobs_state",
    "CREATE INDEX IF NOT EXISTS assay_jobs_of_card ON assay_jobs (card, state)",
    "CREATE INDEX IF NOT EXISTS assay_jobs_by_age ON assay_jobs (created_ms)",
    "CREATE TABLE IF NOT EXISTS assay_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    // Cards, and when a process last said that it has the key.
    "CREATE TABLE IF NOT EXISTS assay_holders (card TEXT PRIMARY KEY, seen_ms BIGINT NOT NULL)",
    // Jobs that ended for good are counted as they end.
    "CREATE TABLE IF NOT EXISTS assay_ended (state TEXT PRIMARY KEY, jobs BIGINT NOT NULL)",
    // Once: those that ended before there was this table.
    "INSERT INTO assay_ended (state, jobs)
        SELECT state, COUNT(*) FROM assay_jobs
        WHERE state IN ('cancelled', 'done') AND NOT EXISTS (SELECT 1 FROM assay_ended)
        GROUP BY state",
];
