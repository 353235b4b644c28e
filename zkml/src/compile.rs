//! From a model and its manifest to everything that a step needs but the keys.

use core::fmt;

use ark_bls12_381::Fr;
use assay_verifier::ids::{CircuitDigest, Salt};

use crate::{
    Error, circuit,
    graph::Graph,
    key::Counts,
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

    /// What setup and proof will take.
    pub fn estimate(&self) -> Estimate {
        let proving_key_bytes = Counts::of(&self.r1cs).body_bytes();
        // The key in memory, the circuit (40 bytes per term, 24 per row and matrix), the wires
        // twice, and six vectors over the domain.
        let circuit = self.r1cs.terms() * 40 + self.r1cs.constraints() * 3 * 24;
        let vectors = self.r1cs.wires() * 2 * 32 + self.r1cs.domain() * 6 * 32;
        Estimate {
            rows: self.r1cs.constraints(),
            domain: self.r1cs.domain(),
            terms: self.r1cs.terms(),
            proving_key_bytes,
            prove_bytes: proving_key_bytes + (circuit + vectors) as u64,
        }
    }
}

/// What a circuit costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// Rows of the circuit.
    pub rows: usize,
    /// Size of the evaluation domain, the next power of two: time and memory follow it.
    pub domain: usize,
    /// Terms of the three matrices.
    pub terms: usize,
    /// Length of the proving key file, but for its header.
    pub proving_key_bytes: u64,
    /// Memory of a proof, roughly.
    pub prove_bytes: u64,
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        write!(
            f,
            "{} rows in a domain of {}, {} terms, key {:.1} MiB, about {:.0} MiB to prove",
            self.rows,
            self.domain,
            self.terms,
            mib(self.proving_key_bytes),
            mib(self.prove_bytes)
        )
    }
}
