//! What a job is: the rows of the table, as the rest of the program has them.

use std::{collections::BTreeMap, str::FromStr};

use assay_verifier::ids::CardDigest;
use sqlx::FromRow;

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

    pub(super) fn named(name: &str) -> Self {
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

    pub(super) fn named(name: &str) -> Self {
        name.parse().unwrap_or(Self::Parked)
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

impl FromStr for State {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(Self::name).join(", ");
        let state = Self::ALL.into_iter().find(|state| state.name() == name);
        state.ok_or_else(|| format!("expected one of {}", known()))
    }
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

/// How much there is to do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backlog {
    /// Jobs that wait or run.
    pub open: u64,
    /// Expected milliseconds of proving, of all of these.
    pub expected_ms: u64,
}

/// How many jobs there are.
#[derive(Clone, Debug, Default)]
pub struct Census {
    /// By state.
    pub jobs: BTreeMap<State, u64>,
    /// Those that are parked, by the reason's code.
    pub parked: BTreeMap<String, u64>,
}
