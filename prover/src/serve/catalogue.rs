//! The operations that are offered, each ready to run.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Instant};

use assay_verifier::{
    ids::{Name, Nonce},
    operation::NonceClaim,
    policy::Policy,
    receipt::Receipt,
};
use cpu_time::ProcessTime;

use super::latency::{Cost, Latencies};
use crate::{
    choice::Choice,
    cli::now,
    definition::Definition,
    error::Error,
    keys::KeyStore,
    random,
    run::{Attestation, Begun, Progress, Request, Runner, Tee},
};

/// Operations by name.
#[derive(Clone, Default)]
pub struct Catalogue(BTreeMap<Name, Arc<Offered>>);

/// An operation that is offered.
pub struct Offered {
    /// What runs it.
    pub runner: Runner,
    /// Every set of methods that a run may promise, the default first.
    pub choices: Vec<Choice>,
    /// A receipt of a run on zeros: what the operator's suggestion of a policy is learned from.
    pub sample: Option<Receipt>,
}

impl Catalogue {
    /// Reads, compiles and prepares every operation. Errors: the first that cannot be used, by file,
    /// line and field; two of one name.
    pub fn prepare(
        files: &[PathBuf],
        keys: &KeyStore,
        progress: &mut Progress,
    ) -> Result<Self, Error> {
        let mut operations = BTreeMap::new();
        for file in files {
            let definition = Definition::read(file)?;
            let name = definition.name.clone();
            let choices = definition.choices();
            let runner = Runner::prepare(definition, keys, progress)?;
            let offered = Arc::new(Offered { runner, choices, sample: None });
            if operations.insert(name.clone(), offered).is_some() {
                let why = format!("another operation is named {name}, too");
                return Err(Error::Definition { file: file.clone(), line: 1, why });
            }
        }
        Ok(Self(operations))
    }

    /// Runs every operation once on zeros, and proves once what was never measured.
    pub fn measure(&mut self, tee: &mut Tee<'_>, latencies: &Latencies) {
        for (name, offered) in &mut self.0 {
            match measure(&offered.runner, &offered.choices, tee, latencies) {
                Ok(sample) => {
                    let (runner, choices) = (offered.runner.clone(), offered.choices.clone());
                    *offered = Arc::new(Offered { runner, choices, sample: Some(sample) });
                }
                // Zeros may be no input of this operation's: then its times show as it is used.
                Err(error) => {
                    tracing::warn!(operation = %name, code = error.code(), %error, "not measured");
                }
            }
        }
        latencies.write();
    }

    /// The operation of that name.
    pub fn get(&self, name: &str) -> Option<&Arc<Offered>> {
        self.0.get(&Name::new(name).ok()?)
    }

    /// All of them.
    pub fn operations(&self) -> impl Iterator<Item = &Arc<Offered>> {
        self.0.values()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Samples of operations that are offered still, as they were before.
    pub fn keep_samples(&mut self, before: &Self) {
        for (name, offered) in &mut self.0 {
            if let Some(known) = before.0.get(name) {
                let (runner, choices) = (offered.runner.clone(), offered.choices.clone());
                *offered = Arc::new(Offered { runner, choices, sample: known.sample.clone() });
            }
        }
    }
}

impl Offered {
    /// The policy that the operator suggests, for the client's own nonce where it gave one.
    pub fn policy(&self, nonce: Option<&Nonce>) -> Result<Option<serde_json::Value>, Error> {
        let Some(sample) = &self.sample else { return Ok(None) };
        let text = Policy::learn(sample)?.to_json();
        let mut policy: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| Error::Usage { why: error.to_string() })?;
        if let (Some(fields), Some(nonce)) = (policy.as_object_mut(), nonce) {
            fields.remove("accept_without_own_nonce");
            fields.insert("nonce".to_owned(), nonce.to_string().into());
        }
        Ok(Some(policy))
    }
}

/// One run on zeros under the default methods, then the proofs that were never measured, of any choice.
fn measure(
    runner: &Runner,
    choices: &[Choice],
    tee: &mut Tee<'_>,
    latencies: &Latencies,
) -> Result<Receipt, Error> {
    let definition = runner.definition();
    let zeros = definition.inputs.iter().map(|input| {
        let length = input.kind.tensor().map_or(0, |tensor| tensor.byte_length());
        (input.name.clone(), vec![0; length])
    });
    let request = |choice: &Choice, inputs| {
        Ok::<_, Error>(Request {
            inputs,
            nonce: NonceClaim::Server(Nonce::new(&random::bytes::<32>()?)?),
            attestation: Attestation::Session,
            choice: choice.clone(),
        })
    };
    let inputs: BTreeMap<_, _> = zeros.collect();
    let mut sample = None;
    for choice in choices {
        let wanted = request(choice, inputs.clone())?;
        // The first run loads the models.
        if sample.is_none() {
            runner.begin(&wanted, tee, now()?, &mut Progress::Silent)?;
        }
        let (begun, cost) = timed(|| runner.begin(&wanted, tee, now()?, &mut Progress::Silent))?;
        let Begun { receipt, proofs } = begun;
        for task in proofs {
            let step = usize::try_from(task.step).ok();
            let card = step.and_then(|step| receipt.operation().steps.get(step)?.card);
            let Some(card) = card.filter(|card| latencies.proof(*card).is_none()) else { continue };
            let (operation, digest) = (receipt.operation(), receipt.digest());
            let ((), cost) = timed(|| runner.prove(operation, &digest, &task).map(drop))?;
            latencies.set_proof(card, cost);
            tracing::info!(operation = %definition.name, %card, proof_ms = cost.ms, "measured");
        }
        if sample.is_none() {
            tracing::info!(operation = %definition.name, answer_ms = cost.ms, "measured");
            latencies.set_answer(&definition.name, cost);
            sample = Some(receipt);
        }
    }
    sample.ok_or_else(|| Error::Usage { why: "the operation has no methods".to_owned() })
}

fn timed<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<(T, Cost), Error> {
    let (wall, cpu) = (Instant::now(), ProcessTime::now());
    let done = work()?;
    let (ms, cpu_ms) = (wall.elapsed().as_secs_f64() * 1e3, cpu.elapsed().as_secs_f64() * 1e3);
    Ok((done, Cost { ms, cpu_ms }))
}
