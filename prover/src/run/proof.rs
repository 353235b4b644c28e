//! The second half of a run: a proof for a step, made from values and salts alone, and its place in
//! the receipt.

use std::collections::BTreeSet;

use assay_verifier::{
    Commitment, Error as Refusal, UnixMillis,
    evidence::Evidence,
    groth16::PROOF_BYTES,
    ids::{OperationDigest, Salt},
    operation::{Method, Operation, ValueEntry},
    receipt::Receipt,
};
use zeroize::Zeroize as _;

use super::{Prepared, check};
use crate::error::Error;

/// A value that a proof is about, with the salt of its commitment. Its type is in the operation.
#[derive(Clone)]
pub struct Witnessed {
    /// The salt.
    pub salt: Salt,
    /// The value.
    pub bytes: Vec<u8>,
}

impl Drop for Witnessed {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

/// What it takes to prove a step, beside the operation and the keys. Not for logs: it opens the
/// commitments.
#[derive(Clone)]
pub struct ProofTask {
    /// The step's index.
    pub step: u32,
    /// What the step took, in order.
    pub inputs: Vec<Witnessed>,
    /// What it gave, in order.
    pub outputs: Vec<Witnessed>,
}

/// Proves a step. Errors: values that are not those of the operation; a card that no key here has.
pub(super) fn prove(
    prepared: &Prepared,
    operation: &Operation,
    digest: &OperationDigest,
    task: &ProofTask,
) -> Result<Box<[u8; PROOF_BYTES]>, Error> {
    let index = task.step;
    let step = usize::try_from(index).ok().and_then(|at| operation.steps.get(at));
    let step = step.ok_or(Refusal::EvidenceStepUnknown { index })?;
    let card = step.card.ok_or_else(|| Refusal::EvidenceNotPromised {
        step: step.name.clone(),
        promised: step.methods.clone(),
        found: Method::Zk,
    })?;
    let inputs = opened(operation, &step.inputs, &task.inputs)?;
    let outputs = opened(operation, &step.outputs, &task.outputs)?;
    prepared.prove(card, index, digest, &inputs, &outputs)
}

/// Each value with its row of the table, once its commitment is recomputed and is the row's.
fn opened<'a>(
    operation: &'a Operation,
    indices: &[u32],
    values: &'a [Witnessed],
) -> Result<Vec<(&'a ValueEntry, &'a Witnessed)>, Error> {
    if indices.len() != values.len() {
        return Err(Error::Witness {
            why: format!("expected {} values, found {}", indices.len(), values.len()),
        });
    }
    let opened = indices.iter().zip(values).map(|(index, value)| {
        let entry = operation
            .value(*index)
            .ok_or_else(|| Error::Witness { why: format!("there is no value {index}") })?;
        let algorithm = entry.commitment.algorithm();
        let found = Commitment::to(algorithm, &entry.kind, &value.salt, &value.bytes)?;
        if found != entry.commitment {
            let why = format!("{} does not open its commitment", entry.name);
            return Err(Error::Witness { why });
        }
        Ok((entry, value))
    });
    opened.collect()
}

/// Puts a proof into the receipt that promised it. It is believed only once the whole receipt stands:
/// the proof holds for the commitments that the receipt's own operation has.
pub fn attach(
    receipt: Receipt,
    step: u32,
    proof: Box<[u8; PROOF_BYTES]>,
    now: UnixMillis,
) -> Result<Receipt, Error> {
    let mut upgraded = receipt;
    upgraded.attach(Evidence::Zk { proof, step });
    let covered = |index: u32| {
        upgraded
            .evidence()
            .iter()
            .any(|evidence| evidence.method() == Method::Zk && evidence.steps().contains(&index))
    };
    let pending: BTreeSet<_> = (0u32..)
        .zip(&upgraded.operation().steps)
        .filter(|(index, step)| step.methods.contains(Method::Zk) && !covered(*index))
        .map(|(index, _)| index)
        .collect();
    check::stands(&upgraded, &pending, None, now)?;
    Ok(upgraded)
}
