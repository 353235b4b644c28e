//! From a model and its manifest to everything that a step needs but the keys.

use ark_bls12_381::Fr;
use assay_verifier::ids::{CircuitDigest, Salt};

use crate::{
    Error, circuit,
    estimate::Estimate,
    graph::Graph,
    manifest::{COMPILER, Manifest},
    program::Program,
    quantize::replay,
    r1cs::R1cs,
    witness::{self, Witness},
};

/// A compiled step.
#[derive(Clone, Debug)]
pub struct Compiled {
    program: Program,
    manifest: Manifest,
    r1cs: R1cs,
    circuit: CircuitDigest,
}

/// Compiles an ONNX model with its manifest: a pure function of the bytes of both and of
/// [`COMPILER`], the same on every machine.
pub fn compile(onnx: &[u8], manifest: &[u8]) -> Result<Compiled, Error> {
    let manifest = Manifest::from_bytes(manifest)?;
    let mismatch = |what: &str, expected: String, found: String| {
        Err(Error::ManifestMismatch { what: what.to_owned(), expected, found })
    };
    if manifest.compiler != COMPILER {
        return mismatch("the compiler", COMPILER.to_owned(), manifest.compiler);
    }
    let graph = Graph::from_onnx(onnx)?;
    if manifest.model != graph.model() {
        let (expected, found) = (graph.model().to_string(), manifest.model.to_string());
        return mismatch("the model's SHA-256", expected, found);
    }
    let program = replay(&graph, &manifest)?;
    let r1cs = circuit::build(&program)?;
    let circuit = r1cs.digest();
    Ok(Compiled { program, manifest, r1cs, circuit })
}

impl Compiled {
    /// What the step means.
    pub const fn program(&self) -> &Program {
        &self.program
    }

    /// The choices it was compiled with.
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The circuit.
    pub const fn r1cs(&self) -> &R1cs {
        &self.r1cs
    }

    /// SHA-256 of the circuit's `.r1cs` bytes.
    pub const fn circuit(&self) -> CircuitDigest {
        self.circuit
    }

    /// The outputs for these inputs.
    pub fn run(&self, inputs: &[Vec<i64>]) -> Result<Vec<Vec<i64>>, Error> {
        self.program.run(inputs)
    }

    /// Runs the program and fills the circuit's wires. `context` ties the proof to an operation
    /// (`assay_verifier::groth16::context`); each value has a salt of its own.
    pub fn witness(
        &self,
        context: Fr,
        inputs: &[(Salt, Vec<i64>)],
        output_salts: &[Salt],
    ) -> Result<Witness, Error> {
        witness::assign(&self.program, context, inputs, output_salts)
    }

    /// Checks every row of the circuit on a witness. Errors: the first that does not hold.
    pub fn check(&self, witness: &Witness) -> Result<(), Error> {
        self.r1cs.check(&witness.wires)
    }

    /// Rows by what they are for, in the order of the circuit; they add up to all rows but one.
    pub fn rows(&self) -> Result<Vec<(String, usize)>, Error> {
        circuit::cost::rows(&self.program)
    }

    /// What setup and proof will take. It times the processor for some hundredths of a second.
    pub fn estimate(&self) -> Estimate {
        Estimate::of(&self.r1cs, &self.program)
    }
}
