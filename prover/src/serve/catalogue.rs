//! The operations that are offered, each ready to run.

use std::{collections::BTreeMap, sync::Arc};

use assay_verifier::{
    ids::{Name, Nonce},
    operation::NonceClaim,
    policy::{NonceRule, Policy},
    receipt::Receipt,
};

use super::{
    config::Config,
    engine,
    latency::{Cost, Latencies, timed},
};
use crate::{
    choice::Choice,
    definition::{Definition, Function},
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
    /// A receipt of a run on zeros for each choice, what the operator's suggestion of a policy is
    /// learned from; none, where that run failed.
    pub samples: Vec<Receipt>,
}

/// Has the first half of a run done by whoever has the engine.
type Begin<'a> = &'a mut dyn FnMut(&Runner, Request) -> Result<(Begun, Cost), Error>;

impl Catalogue {
    /// Reads, compiles and prepares every operation. Errors: the first that cannot be used, by file,
    /// line and field; two of one name; a model that the configuration does not list.
    pub fn prepare(
        config: &Config,
        keys: &KeyStore,
        progress: &mut Progress,
    ) -> Result<Self, Error> {
        let mut operations = BTreeMap::new();
        for file in &config.operations {
            let definition = Definition::read(file)?;
            for step in &definition.steps {
                let Function::Model(model) = &step.function else { continue };
                if config.models.as_ref().is_some_and(|listed| !listed.contains(&model.digest)) {
                    let why = format!(
                        "step {}: the configuration does not list model {}",
                        step.name, model.digest
                    );
                    return Err(Error::Definition { file: file.clone(), line: 1, why });
                }
            }
            let name = definition.name.clone();
            let choices = definition.choices();
            let runner = Runner::prepare(definition, keys, progress)?;
            let offered = Arc::new(Offered { runner, choices, samples: Vec::new() });
            if operations.insert(name.clone(), offered).is_some() {
                let why = format!("another operation is named {name}, too");
                return Err(Error::Definition { file: file.clone(), line: 1, why });
            }
        }
        Ok(Self(operations))
    }

    /// Runs every operation on zeros, and proves once what was never measured. Errors: a model that
    /// does not give what its step declares, by file and line.
    pub fn measure(&mut self, tee: &mut Tee<'_>, latencies: &Latencies) -> Result<(), Error> {
        self.measure_by(&mut |runner, request| engine::begin(runner, &request, tee), latencies)
    }

    /// The same, where others have the engine.
    pub(super) fn measure_by(
        &mut self,
        begin: Begin<'_>,
        latencies: &Latencies,
    ) -> Result<(), Error> {
        for (name, offered) in &mut self.0 {
            let (runner, choices) = (offered.runner.clone(), offered.choices.clone());
            match measure(&runner, &choices, begin, latencies) {
                Ok(samples) => *offered = Arc::new(Offered { runner, choices, samples }),
                Err(Error::Model { step, why }) => {
                    return Err(runner.definition().refuse_step(&step, why));
                }
                // Zeros may be no input of this operation's: then its times show as it is used.
                Err(error) => {
                    tracing::warn!(operation = %name, code = error.code(), %error, "not measured");
                }
            }
        }
        latencies.write();
        Ok(())
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
}

impl Offered {
    /// The policies that the operator suggests, one for each choice, for the client's own nonce where
    /// it gave one.
    pub fn policies(
        &self,
        nonce: Option<&Nonce>,
    ) -> Result<Vec<(Choice, serde_json::Value)>, Error> {
        let suggest = |(choice, sample): (&Choice, &Receipt)| {
            let policy = Policy::learn(sample)?;
            let policy = match nonce {
                None => policy,
                Some(nonce) => policy.with_nonce(NonceRule::Exactly(nonce.clone())),
            };
            let json = serde_json::to_value(policy);
            Ok((choice.clone(), json.map_err(|error| Error::Usage { why: error.to_string() })?))
        };
        self.choices.iter().zip(&self.samples).map(suggest).collect()
    }
}

/// A run on zeros under each choice of methods, and the proofs that were never measured. Gives the
/// receipts, without their proofs.
fn measure(
    runner: &Runner,
    choices: &[Choice],
    begin: Begin<'_>,
    latencies: &Latencies,
) -> Result<Vec<Receipt>, Error> {
    let definition = runner.definition();
    let mut samples = Vec::new();
    for choice in choices {
        // The first run loads the models.
        if samples.is_empty() {
            begin(runner, on_zeros(runner, choice)?)?;
        }
        let (Begun { receipt, proofs }, cost) = begin(runner, on_zeros(runner, choice)?)?;
        if samples.is_empty() {
            tracing::info!(operation = %definition.name, answer_ms = cost.ms, "measured");
            latencies.set_answer(&definition.name, cost);
        }
        for task in proofs {
            let step = usize::try_from(task.step).ok();
            let card = step.and_then(|step| receipt.operation().steps.get(step)?.card);
            let Some(card) = card.filter(|card| latencies.proof(*card).is_none()) else { continue };
            let (operation, digest) = (receipt.operation(), receipt.digest());
            let ((), cost) = timed(|| runner.prove(operation, &digest, &task).map(drop))?;
            latencies.set_proof(card, cost);
            tracing::info!(operation = %definition.name, %card, proof_ms = cost.ms, "measured");
        }
        samples.push(receipt);
    }
    Ok(samples)
}

fn on_zeros(runner: &Runner, choice: &Choice) -> Result<Request, Error> {
    let zeros = runner.definition().inputs.iter().map(|input| {
        let length = input.kind.tensor().map_or(0, |tensor| tensor.byte_length());
        (input.name.clone(), vec![0; length])
    });
    Ok(Request {
        inputs: zeros.collect(),
        nonce: NonceClaim::Server(Nonce::new(&random::bytes::<32>()?)?),
        attestation: Attestation::Session,
        choice: choice.clone(),
    })
}
