//! What setup and proof of a circuit will take, said before there is a key.
//!
//! Nearly all of the time goes into additions of points, and how many there will be is known: the choice
//! of digits that setup and prover make says so. What one takes depends on the machine and on what else it
//! does, so some of them are timed on all threads whenever an estimate is made. The rest is counted in
//! additions as well: an addition in G2 is three in G1 (its field has three multiplications for one), and
//! a butterfly of a transform or a term of a row a small part of one.

use core::fmt;
use std::time::Instant;

use ark_bls12_381::{Fr, G1Affine, g1};
use ark_ec::AffineRepr as _;
use ark_ff::{Field as _, UniformRand as _};
use ark_std::rand::{SeedableRng as _, rngs::StdRng};

use crate::{
    curve::{fixed::Table, sum},
    key::Counts,
    program::Program,
    r1cs::{Kind, R1cs},
};

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
    /// Memory of a process that sets up.
    pub setup_bytes: u64,
    /// Memory of a process that proves.
    pub prove_bytes: u64,
    /// Seconds of a setup, on this machine as busy as it is now.
    pub setup_s: f64,
    /// Seconds of a proof, the same.
    pub prove_s: f64,
}

impl Estimate {
    pub(crate) fn of(r1cs: &R1cs, program: &Program) -> Self {
        let counts = Counts::of(r1cs);
        let proving_key_bytes = counts.body_bytes();
        let (rows, domain) = (r1cs.constraints(), r1cs.domain());
        let (terms, wires) = (r1cs.terms(), r1cs.wires());
        // Eight bytes for each term, some for each row and weight.
        let circuit = terms * 8 + rows * 40 + program.weights() * 12;
        let Counts { inputs, a, b, l, h } = counts;
        let in_g1 = inputs + a + b + l + h;
        let tables = Table::<g1::Config>::entries(in_g1) * 104
            + Table::<ark_bls12_381::g2::Config>::entries(b) * 200;
        let setup = tables + circuit + (in_g1 + domain) * 32 + h * 144;
        let prove = circuit + wires * 64 + domain * 160;
        let second = addition_s();
        Self {
            rows,
            domain,
            terms,
            proving_key_bytes,
            setup_bytes: PROCESS_BYTES + proving_key_bytes + setup as u64,
            prove_bytes: PROCESS_BYTES + proving_key_bytes + prove as u64,
            setup_s: FIXED_SETUP_S + second * setup_additions(&counts, terms, domain),
            prove_s: FIXED_PROOF_S + second * proof_additions(r1cs, &counts),
        }
    }
}

/// What a process has without any model: the program itself, its threads.
const PROCESS_BYTES: u64 = 21 << 19;
/// Additions in G1 for one in G2.
const IN_G2: f64 = 3.0;
/// For a butterfly: a multiplication of 18 ns and two additions, where an addition of points takes 300.
const BUTTERFLY: f64 = 0.1;
/// For a term of a row while the circuit is evaluated at a secret point, and while wires are.
const SETUP_TERM: f64 = 0.15;
const PROOF_TERM: f64 = 0.03;
/// For the Lagrange polynomials at a secret point, and what H is made of.
const SETUP_POINT: f64 = 1.0;
/// For a point of the verifying key, which is decoded and checked: a square root, and twice 128 doublings.
const KEY_POINT: f64 = 400.0;
/// Bases of the tables, single points, a card.
const FIXED_SETUP_S: f64 = 0.02;
/// Opening the key, the proof's own check, a receipt.
const FIXED_PROOF_S: f64 = 0.008;

fn setup_additions(counts: &Counts, terms: usize, domain: usize) -> f64 {
    let Counts { inputs, a, b, l, h } = counts;
    let in_g1 = Table::<g1::Config>::additions(inputs + a + b + l + h);
    let in_g2 = Table::<ark_bls12_381::g2::Config>::additions(*b);
    in_g1 as f64
        + IN_G2 * in_g2 as f64
        + SETUP_TERM * terms as f64
        + SETUP_POINT * domain as f64
        + KEY_POINT * *inputs as f64
}

fn proof_additions(r1cs: &R1cs, counts: &Counts) -> f64 {
    let rows = |wanted: &[Kind]| r1cs.kinds().iter().filter(|kind| wanted.contains(kind)).count();
    // Full-size numbers are those of the sponge; half of the bits are ones.
    let (full, ones) = (rows(&[Kind::Sbox]), rows(&[Kind::Boolean]) / 2);
    let small = rows(&[Kind::Clamp, Kind::Choose, Kind::Materialize, Kind::Mux, Kind::Product]);
    let query = |points: usize| {
        let (full, ones, small) = (full.min(points), ones.min(points), small.min(points));
        (sum::additions(full, small) + ones as u64) as f64
    };
    let domain = r1cs.domain();
    let products = (sum::additions(counts.h + full.min(counts.l), small) + ones as u64) as f64;
    let transforms = 4.0 * (domain / 2) as f64 * f64::from(domain.ilog2());
    products
        + query(counts.a)
        + (1.0 + IN_G2) * query(counts.b)
        + BUTTERFLY * transforms
        + PROOF_TERM * r1cs.terms() as f64
        + KEY_POINT * counts.inputs as f64
}

/// Seconds for an addition in G1 while all threads add: the best of three times a few milliseconds.
fn addition_s() -> f64 {
    let count = 1024 * rayon::current_num_threads();
    let table = Table::<g1::Config>::new(G1Affine::generator(), count);
    let mut scalar = Fr::rand(&mut StdRng::seed_from_u64(1));
    let scalars: Vec<Fr> = core::iter::repeat_with(|| {
        scalar.square_in_place();
        scalar
    })
    .take(count)
    .collect();
    let once = || {
        let begun = Instant::now();
        core::hint::black_box(table.multiples(&scalars, &|_| ()));
        begun.elapsed().as_secs_f64()
    };
    let best = [once(), once(), once()].into_iter().fold(f64::INFINITY, f64::min);
    best / (count * table.digits()) as f64
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Options, OsRng, prove_timed,
        setup::single_party,
        testing::{compile_with, network, options, salt},
    };

    /// `cargo test --release -p assay-zkml estimates -- --ignored --nocapture`
    #[test]
    #[ignore = "measures, and takes long"]
    fn estimates_are_within_a_third_of_what_is_measured() {
        for sizes in [&[64, 32, 10][..], &[784, 128, 10], &[784, 512, 256, 10]] {
            let options = Options { activation_bits: 8, ..options(sizes[0]) };
            let compiled = compile_with(&network(sizes, 1), &options);
            let estimate = compiled.estimate();
            let begun = Instant::now();
            let keys = single_party(compiled.r1cs(), &mut OsRng).unwrap();
            let setup = begun.elapsed().as_secs_f64();
            let input: Vec<i64> = (0..sizes[0] as i64).map(|at| at * 7 % 256 - 128).collect();
            let witness =
                compiled.witness(Fr::from(7u64), &[(salt(1), input)], &[salt(2)]).unwrap();
            let proof = (0..3).map(|_| {
                let timed = prove_timed(&keys.proving, &compiled, &witness, &mut OsRng).unwrap();
                (timed.proving + timed.verifying).as_secs_f64()
            });
            let proof = proof.fold(f64::INFINITY, f64::min);
            println!("{sizes:?}: {estimate}; measured {setup:.2} s and {proof:.3} s");
            for (estimated, measured) in [(estimate.setup_s, setup), (estimate.prove_s, proof)] {
                let ratio = estimated / measured;
                assert!((0.7..1.4).contains(&ratio), "{estimated} s for {measured} s");
            }
        }
    }
}
