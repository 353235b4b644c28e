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

    /// Checks every row of the circuit on a witness. Errors: the first that does not hold.
    pub fn check(&self, witness: &Witness) -> Result<(), Error> {
        self.r1cs.check(&witness.wires)
    }

    /// Rows by what they are for, in the order of the circuit; they add up to all rows but one.
    pub fn rows(&self) -> Result<Vec<(String, usize)>, Error> {
        circuit::cost::rows(&self.program)
    }

    /// What setup and proof will take.
    pub fn estimate(&self) -> Estimate {
        let proving_key_bytes = Counts::of(&self.r1cs).body_bytes();
        let (rows, domain) = (self.r1cs.constraints(), self.r1cs.domain());
        let (terms, wires) = (self.r1cs.terms(), self.r1cs.wires());
        // Eight bytes for each term and weight, some for each wire and row.
        let program = self.program.weights() * 12;
        let circuit = terms * 8 + rows * 40 + program;
        let scaled = |cost: &Cost| {
            let units = [domain as f64, wires as f64, terms as f64];
            cost.iter().zip(units).map(|(cost, units)| cost * units).sum::<f64>() * 1e-6
        };
        Estimate {
            rows,
            domain,
            terms,
            proving_key_bytes,
            setup_bytes: proving_key_bytes + (circuit + wires * 3 * 32 + domain * 4 * 32) as u64,
            prove_bytes: proving_key_bytes + (circuit + wires * 2 * 32 + domain * 5 * 32) as u64,
            setup_s: 0.1 + scaled(&SETUP),
            prove_s: 0.005 + scaled(&PROVE),
        }
    }
}

/// Microseconds for each element of the domain, each wire and each term.
type Cost = [f64; 3];
/// Measured by `make bench-zk` on the machine that BENCHMARKS.md names, two cores.
const SETUP: Cost = [20.0, 20.0, 0.2];
const PROVE: Cost = [4.0, 0.8, 0.02];

/// What a circuit costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Rows of the circuit.
    pub rows: usize,
    /// Size of the evaluation domain, the next power of two: time and memory follow it.
    pub domain: usize,
    /// Terms of the three matrices.
    pub terms: usize,
    /// Length of the proving key file, but for its header.
    pub proving_key_bytes: u64,
    /// Memory of a setup.
    pub setup_bytes: u64,
    /// Memory of a proof.
    pub prove_bytes: u64,
    /// Seconds of a setup, on two cores of the machine that the benchmarks name.
    pub setup_s: f64,
    /// Seconds of a proof, there.
    pub prove_s: f64,
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        write!(
            f,
            "{} rows in a domain of {}, {} terms, key {:.1} MiB; about {:.1} s and {:.0} MiB to set up, \
             {:.2} s and {:.0} MiB to prove",
            self.rows,
            self.domain,
            self.terms,
            mib(self.proving_key_bytes),
            self.setup_s,
            mib(self.setup_bytes),
            self.prove_s,
            mib(self.prove_bytes)
        )
    }
}
