//! The tables. `$blob` is the one word in which SQLite and Postgres differ.

/// Statements that make the tables where they are not there yet.
pub(super) fn statements(blob: &str) -> Vec<String> {
    TABLES.iter().map(|statement| statement.replace("$blob", blob)).collect()
}

const TABLES: [&str; 4] = [
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
    "CREATE INDEX IF NOT EXISTS assay_jobs_state ON assay_jobs (state, not_before_ms)",
    "CREATE TABLE IF NOT EXISTS assay_meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
];
