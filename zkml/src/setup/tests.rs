//! Keys are those of `ark-groth16` for the same secrets.

use ark_relations::gr1cs::{
    ConstraintSynthesizer, ConstraintSystem, ConstraintSystemRef, LinearCombination,
    OptimizationGoal, R1CS_PREDICATE_LABEL, SynthesisError, SynthesisMode, Variable,
};

use super::*;

/// Replays the rows of a circuit for `ark-groth16`'s generator, which takes circuits as code.
pub(crate) struct ForArk<'a>(pub(crate) &'a R1cs);

impl ConstraintSynthesizer<Fr> for ForArk<'_> {
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
        for ((a, b), c) in a.iter().zip(&b).zip(&c) {
            system.enforce_r1cs_constraint(
                || combination(a),
                || combination(b),
                || combination(c),
            )?;
        }
        Ok(())
    }
}

/// The generator sees exactly our rows: nothing reordered, merged or renumbered.
#[test]
fn ark_sees_the_rows_of_the_circuit() {
    let compiled = crate::testing::small();
    let system = ConstraintSystem::new_ref();
    system.set_optimization_goal(OptimizationGoal::Constraints);
    system.set_mode(SynthesisMode::Setup);
    ForArk(compiled.r1cs()).generate_constraints(system.clone()).unwrap();
    system.finalize();
    assert_eq!(system.num_instance_variables(), compiled.r1cs().public_inputs() + 1);
    let mut seen = system.to_matrices().unwrap().remove(R1CS_PREDICATE_LABEL).unwrap();
    for row in seen.iter_mut().flatten() {
        row.sort_by_key(|(_, wire)| *wire);
    }
    assert_eq!(seen, compiled.r1cs().matrices());
}

#[test]
fn every_point_is_reported() {
    let compiled = crate::testing::small();
    let (last, all) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let report = |made: usize, of: usize| {
        last.fetch_max(made, Ordering::Relaxed);
        all.store(of, Ordering::Relaxed);
    };
    single_party_reporting(compiled.r1cs(), &mut crate::OsRng, &report).unwrap();
    assert_eq!(last.into_inner(), all.into_inner());
}
