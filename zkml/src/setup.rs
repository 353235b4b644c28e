//! Single-party setup: whoever runs it could forge proofs, and the key card says so.

use ark_bls12_381::{Bls12_381, Fr};
use ark_groth16::Groth16;
use ark_relations::gr1cs::{
    ConstraintSynthesizer, ConstraintSystemRef, LinearCombination, SynthesisError, Variable,
};
use ark_std::rand::{CryptoRng, RngCore};
use assay_verifier::groth16::VerifyingKey;

use crate::{Error, key::ProvingKey, r1cs::R1cs};

/// Both keys of a circuit.
pub struct Keys {
    /// For the prover.
    pub proving: ProvingKey,
    /// For everyone: the bytes that `assay_verifier::groth16::VerifyingKey` reads.
    pub verifying: Vec<u8>,
}

/// Makes the keys of a circuit. The five secrets exist in this call's memory only: they are drawn
/// from `rng`, never returned and never written. Errors: a circuit beyond the field's domains; a key
/// that the verifier would refuse.
pub fn single_party(r1cs: &R1cs, rng: &mut (impl RngCore + CryptoRng)) -> Result<Keys, Error> {
    let key = Groth16::<Bls12_381>::generate_random_parameters_with_reduction(Rows(r1cs), rng)
        .map_err(|error| Error::Setup { why: error.to_string() })?;
    let verifying = VerifyingKey::encode(&key.vk);
    let id = VerifyingKey::from_bytes(&verifying, r1cs.public_inputs())?.id();
    Ok(Keys { proving: ProvingKey::new(key, id, r1cs.digest()), verifying })
}

/// Replays the rows of a circuit for `ark-groth16`'s generator, which takes circuits as code.
pub(crate) struct Rows<'a>(pub(crate) &'a R1cs);

impl ConstraintSynthesizer<Fr> for Rows<'_> {
    fn generate_constraints(self, system: ConstraintSystemRef<Fr>) -> Result<(), SynthesisError> {
        let Self(r1cs) = self;
        let unknown = || Err(SynthesisError::AssignmentMissing);
        let mut variables = vec![Variable::One];
        for wire in 1..r1cs.wires() {
            variables.push(if wire <= r1cs.public_inputs() {
                system.new_input_variable(unknown)?
            } else {
                system.new_witness_variable(unknown)?
            });
        }
        let combination = |row: &[(Fr, usize)]| {
            LinearCombination(row.iter().map(|(by, wire)| (*by, variables[*wire])).collect())
        };
        let [a, b, c] = r1cs.matrices();
        for ((a, b), c) in a.iter().zip(b).zip(c) {
            system.enforce_r1cs_constraint(
                || combination(a),
                || combination(b),
                || combination(c),
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ark_relations::gr1cs::{
        ConstraintSystem, OptimizationGoal, R1CS_PREDICATE_LABEL, SynthesisMode,
    };

    use super::*;

    /// The generator sees exactly our rows: nothing reordered, merged or renumbered.
    #[test]
    fn the_generator_sees_the_rows_of_the_circuit() {
        let compiled = crate::testing::small();
        let system = ConstraintSystem::new_ref();
        system.set_optimization_goal(OptimizationGoal::Constraints);
        system.set_mode(SynthesisMode::Setup);
        Rows(compiled.r1cs()).generate_constraints(system.clone()).unwrap();
        system.finalize();
        assert_eq!(system.num_instance_variables(), compiled.r1cs().public_inputs() + 1);
        let mut seen = system.to_matrices().unwrap().remove(R1CS_PREDICATE_LABEL).unwrap();
        for row in seen.iter_mut().flatten() {
            row.sort_by_key(|(_, wire)| *wire);
        }
        assert_eq!(seen, compiled.r1cs().matrices());
    }
}
