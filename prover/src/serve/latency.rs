//! How long things take on this machine: measured, kept in a file, and corrected by every run.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use assay_verifier::ids::{CardDigest, Name};
use cpu_time::ProcessTime;
use serde::{Deserialize, Serialize};

use crate::{choice::Choice, error::Error, files::write_atomically, run::Runner};

/// What something costs.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Cost {
    /// Milliseconds.
    #[schema(minimum = 0)]
    pub ms: f64,
    /// Milliseconds of processor time, of all threads.
    #[schema(minimum = 0)]
    pub cpu_ms: f64,
}

/// Does something, and says what it cost. Processor time is the whole process's: beside other work it
/// is estimated too high, never too low.
pub(super) fn timed<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<(T, Cost), Error> {
    let (wall, cpu) = (Instant::now(), ProcessTime::now());
    let done = work()?;
    let (ms, cpu_ms) = (wall.elapsed().as_secs_f64() * 1e3, cpu.elapsed().as_secs_f64() * 1e3);
    Ok((done, Cost { ms, cpu_ms }))
}

/// Measured costs, by what was measured.
pub struct Latencies {
    path: PathBuf,
    costs: Mutex<BTreeMap<String, Cost>>,
}

impl Latencies {
    /// What earlier processes measured; nothing, where there is no such file or it cannot be read.
    pub fn read(path: PathBuf) -> Self {
        let text = std::fs::read(&path).unwrap_or_default();
        let costs = serde_json::from_slice(&text).unwrap_or_default();
        Self { path, costs: Mutex::new(costs) }
    }

    /// Keeps what was measured. A file that cannot be written is no reason to stop.
    pub fn write(&self) {
        let text = serde_json::to_vec_pretty(&*self.costs()).unwrap_or_default();
        if let Err(error) = write_atomically(&self.path, &text) {
            tracing::warn!(%error, "measured latencies are not kept");
        }
    }

    /// What the answer of an operation costs: all steps, commitments, the attestation.
    pub fn answer(&self, operation: &Name) -> Option<Cost> {
        self.costs().get(&answer(operation)).copied()
    }

    /// What a proof under a card costs.
    pub fn proof(&self, card: CardDigest) -> Option<Cost> {
        self.costs().get(&proof(card)).copied()
    }

    /// Sets what an answer costs.
    pub fn set_answer(&self, operation: &Name, cost: Cost) {
        self.costs().insert(answer(operation), cost);
    }

    /// Sets what a proof costs.
    pub fn set_proof(&self, card: CardDigest, cost: Cost) {
        self.costs().insert(proof(card), cost);
    }

    /// Corrects the expected time of an answer by one that was given.
    pub fn saw_answer(&self, operation: &Name, ms: f64) {
        saw(self.costs().get_mut(&answer(operation)), ms);
    }

    /// Corrects the expected time of a proof by one that was made.
    pub fn saw_proof(&self, card: CardDigest, ms: f64) {
        saw(self.costs().get_mut(&proof(card)), ms);
    }

    /// What an operation costs under a choice of methods: the answer, then the proofs. `None` where
    /// something was never measured.
    pub fn of(&self, runner: &Runner, choice: &Choice) -> Option<(Cost, Cost)> {
        let answer = self.answer(&runner.definition().name)?;
        let mut proofs = Cost::default();
        for step in choice.proved() {
            let Cost { ms, cpu_ms } = self.proof(runner.prepared().card_digest(step)?)?;
            proofs.ms += ms;
            proofs.cpu_ms += cpu_ms;
        }
        Some((answer, proofs))
    }

    fn costs(&self) -> MutexGuard<'_, BTreeMap<String, Cost>> {
        self.costs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A tenth of the way towards what was seen: one slow run changes little, a slower machine much.
fn saw(cost: Option<&mut Cost>, ms: f64) {
    if let Some(cost) = cost {
        cost.ms += (ms - cost.ms) / 10.0;
    }
}

fn answer(operation: &Name) -> String {
    format!("answer/{operation}")
}

fn proof(card: CardDigest) -> String {
    format!("proof/{card}")
}
