//! Proofs as jobs. A queue (apalis) delivers tickets, at least once; what a job is, and what became of
//! it, is in a table of our own: attempts, `not_before`, lease, cancellation, the reason why it was
//! parked. Whatever happens to a ticket, a job is lost only if the database is.
//!
//! ```text
//! queued ──claim──► running ──proof──► proved ──checked and attached──► done
//!    ▲                 │                  │
//!    ├── back-off, crash, hand-back ──────┤       cancelled: on request
//!    └── on request ── parked ◄───────────┘       parked: attempts used up
//! ```
//!
//! A job whose key no living process has is parked, too (`key-unknown`), until one of them says that it has it.
//!
//! A claim counts an attempt before the work starts, so that a job that kills its worker is parked in
//! the end, until somebody has it tried again. A claim is a lease: its worker renews it while it proves,
//! and once it has lapsed another worker may claim. A result is written once, by whoever holds the lease; it is believed only after
//! the server has checked the proof against the receipt's own commitments.

mod job;
mod queue;
mod schema;
mod seal;
mod store;
mod worker;

pub use job::{Attached, Backlog, Census, Claim, Job, NewJob, Place, State};
pub use queue::Queue;
pub use seal::SealKey;
pub use store::Store;
pub use worker::{Proving, Workers};

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How jobs are tried, and how soon a worker counts as dead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How often a worker says that it lives.
    pub heartbeat: Duration,
    /// How many of these it may miss.
    pub missed: u32,
    /// How often a job is tried, crashes included, before it is parked.
    pub max_attempts: u32,
    /// Most jobs that wait or run; beyond, operations that need a proof are refused.
    pub max_queued: u32,
    /// How long a proof at hand may take once its worker is to stop; then it goes back.
    pub hand_back: Duration,
}

impl Rules {
    /// How long a claim holds without being renewed.
    pub fn lease(&self) -> Duration {
        self.heartbeat * self.missed
    }

    /// How long a job waits after attempt number `attempts` failed: 1 s, 2 s, 4 s, to 5 minutes.
    pub fn back_off(attempts: u32) -> Duration {
        Duration::from_secs(1u64 << attempts.saturating_sub(1).min(16))
            .min(Duration::from_secs(300))
    }
}

/// As much of an id as a log may have: enough to find the job or receipt in the store, and of no use to
/// whoever has the log alone. Who knows the whole id can read what it stands for.
pub(crate) fn short(id: &str) -> &str {
    id.get(..8).unwrap_or_default()
}

/// The system's clock, in milliseconds since 1970, as the table has it.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A duration, in milliseconds, as the table has it.
pub(crate) fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
