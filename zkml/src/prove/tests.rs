//! From a model to a proof that the verifier's core accepts, and to none where there should be none.

use ark_ec::{AffineRepr as _, VariableBaseMSM as _};
use ark_groth16::Groth16;
use ark_poly::{EvaluationDomain as _, GeneralEvaluationDomain};
use ark_std::rand::{SeedableRng as _, rngs::StdRng};

use super::*;
use crate::{
    Options, OsRng,
    circuit::specimens::public,
    r1cs::{Builder, Kind, Lc, ONE},
    setup::{Secrets, generate, single_party, tests::ForArk},
    testing::{compile_with, network, options, salt, small},
};

/// With the same secrets and the same randomness, keys and proofs are `ark-groth16`'s, byte for byte.
fn same_as_ark(r1cs: &R1cs, wires: &[Fr], seed: u64) {
    let mut random = StdRng::seed_from_u64(seed);
    let [alpha, beta, gamma, delta] = core::array::from_fn(|_| Fr::rand(&mut random));
    let from = StdRng::seed_from_u64(seed + 1);
    let domain = GeneralEvaluationDomain::<Fr>::new(r1cs.domain()).unwrap();
    let tau = domain.sample_element_outside_domain(&mut from.clone());
    let ark = Groth16::<Bls12_381>::generate_parameters_with_qap(
        ForArk(r1cs),
        alpha,
        beta,
        gamma,
        delta,
        ark_bls12_381::G1Affine::generator().into(),
        ark_bls12_381::G2Affine::generator().into(),
        &mut from.clone(),
    )
    .unwrap();
    let secrets = Secrets { alpha, beta, gamma, delta, tau };
    let keys = generate(r1cs, &secrets, &|_, _| ()).unwrap();
    assert_eq!(keys.verifying, VerifyingKey::encode(&ark.vk));
    for _ in 0..2 {
        let [r, s] = core::array::from_fn(|_| Fr::rand(&mut random));
        let by_ark = Groth16::<Bls12_381>::create_proof_with_reduction_and_matrices(
            &ark,
            r,
            s,
            &r1cs.matrices(),
            r1cs.public_inputs() + 1,
            r1cs.constraints(),
            wires,
        );
        let ours = create(&keys.proving, r1cs, wires, [r, s]).unwrap();
        assert_eq!(Proof::encode(&ours), Proof::encode(&by_ark.unwrap()));
    }
}

#[test]
fn proofs_are_those_of_ark_groth16() {
    let compiled = small();
    for (seed, input) in (10..).zip([[1, -128, 127], [0, 0, 0], [-128; 3]]) {
        let witness = witness(&compiled, 7, &input);
        same_as_ark(compiled.r1cs(), &witness.wires, seed);
    }
}

/// Listed inputs, one of them unused, and a packed output.
#[test]
fn proofs_are_those_of_ark_groth16_where_values_are_public() {
    let compiled = public();
    let witness = witness(&compiled, 7, &[-5, 7, 60]);
    same_as_ark(compiled.r1cs(), &witness.wires, 31);
}

/// Public wires and the constant in every matrix, none of them small, and a domain that is full.
#[test]
fn proofs_are_those_of_ark_groth16_where_public_wires_stand_in_c() {
    let mut builder = Builder::new(2);
    let (x, y) = (builder.wire(), builder.wire());
    let large = -Fr::from(u64::MAX) * Fr::from(u64::MAX);
    let mut lc = Lc::wire(x);
    lc.add(large, 1);
    // (x + large · p1) · p2 = y; y · y = p1 + 5; x · 1 = p2; x · (y - 1) = p1 - …
    builder.enforce(Kind::Mux, lc.clone(), Lc::wire(2), Lc::wire(y));
    let p2 = Fr::from(-3i64);
    // x = p2, y = (p2 + large · p1) · p2, and p1 solves y² = p1 + 5 with a constant made to fit.
    let p1 = Fr::from(1u64 << 40);
    let (x_value, y_value) = (p2, (p2 + large * p1) * p2);
    let mut square = Lc::wire(1);
    square.add(y_value * y_value - p1, ONE);
    builder.enforce(Kind::Mux, Lc::wire(y), Lc::wire(y), square);
    builder.enforce(Kind::Mux, Lc::wire(x), Lc::wire(ONE), Lc::wire(2));
    let mut constant = Lc::constant(x_value * y_value);
    constant.add(1u64, 2);
    let mut left = Lc::default();
    left.add(1u64, x);
    let mut right = Lc::wire(y);
    right.add(1u64, ONE);
    builder.enforce(Kind::Mux, left, right, constant);
    builder.enforce_zero(Kind::Materialize, Lc::default());
    let r1cs = builder.finish();
    assert_eq!((r1cs.constraints() + 3, r1cs.domain()), (8, 8));
    let wires = [Fr::from(1u64), p1, p2, x_value, y_value];
    r1cs.check(&wires).unwrap();
    same_as_ark(&r1cs, &wires, 20);
}

fn witness(compiled: &Compiled, context: u64, input: &[i64]) -> Witness {
    let inputs = [(salt(1), input.to_vec())];
    compiled.witness(Fr::from(context), &inputs, &[salt(2)]).unwrap()
}

#[test]
fn a_proof_holds_for_its_public_inputs_and_no_others() {
    holds_for_no_others(&small(), &[[1, -128, 127], [0, 0, 0], [-128; 3], [127; 3]]);
    // Nor where a public input is one that the program does not use (T22).
    holds_for_no_others(&public(), &[[1, -5, 60]]);
}

fn holds_for_no_others(compiled: &Compiled, inputs: &[[i64; 3]]) {
    let keys = single_party(compiled.r1cs(), &mut OsRng).unwrap();
    let key = VerifyingKey::from_bytes(&keys.verifying, compiled.r1cs().public_inputs()).unwrap();
    assert_eq!(key.id(), keys.proving.id());
    for input in inputs {
        let witness = witness(compiled, 7, input);
        let bytes = prove(&keys.proving, compiled, &witness, &mut OsRng).unwrap();
        let proof = Proof::from_bytes(&bytes).unwrap();
        key.verify(witness.public_inputs(), &proof).unwrap();
        for at in 0..witness.public_inputs().len() {
            let mut inputs = witness.public_inputs().to_vec();
            inputs[at] += Fr::from(1u64);
            let error = key.verify(&inputs, &proof).unwrap_err();
            assert_eq!(error, assay_verifier::Error::ProofInvalid, "public input {at}");
        }
    }
}

/// T10: randomness is fresh, and is in every part of a proof.
#[test]
fn two_proofs_of_one_statement_differ() {
    let compiled = small();
    let keys = single_party(compiled.r1cs(), &mut OsRng).unwrap();
    let witness = witness(&compiled, 7, &[1, 2, 3]);
    let prove = || prove(&keys.proving, &compiled, &witness, &mut OsRng).unwrap();
    let proofs = [prove(), prove(), prove()];
    for part in [0..48, 48..144, 144..192] {
        let parts = proofs.each_ref().map(|proof| &proof[part.clone()]);
        assert!(parts[0] != parts[1] && parts[1] != parts[2] && parts[0] != parts[2]);
    }
}

/// `ark-groth16` would return 192 bytes in release builds.
#[test]
fn a_false_witness_is_an_error_and_no_proof() {
    let compiled = small();
    let keys = single_party(compiled.r1cs(), &mut OsRng).unwrap();
    let good = witness(&compiled, 7, &[1, 2, 3]);
    let refused = |witness: &Witness| {
        prove(&keys.proving, &compiled, witness, &mut OsRng).unwrap_err().code()
    };
    for wire in [0, 1, 2, 3, 4, 5, 6, 40, good.wires.len() - 1] {
        let mut bad = good.clone();
        bad.wires[wire] += Fr::from(1u64);
        assert_eq!(refused(&bad), "zkml-witness-unsatisfied", "wire {wire}");
    }
    let mut short = good.clone();
    short.wires.pop();
    assert_eq!(refused(&short), "zkml-witness-length");
}

#[test]
fn a_key_proves_for_its_own_circuit_only() {
    let compiled = small();
    let other = compile_with(&network(&[3, 2, 2], 2), &options(3));
    let keys = single_party(other.r1cs(), &mut OsRng).unwrap();
    let witness = witness(&compiled, 7, &[1, 2, 3]);
    let error = prove(&keys.proving, &compiled, &witness, &mut OsRng).unwrap_err();
    let (expected, found) = (compiled.circuit(), other.circuit());
    assert_eq!(error, Error::KeyOtherCircuit { expected, found });
}

#[test]
fn witnesses_need_the_right_number_of_inputs_and_salts() {
    let compiled = small();
    let context = Fr::from(7u64);
    let input = |byte: u8| (salt(byte), vec![1, 2, 3]);
    let error = compiled.witness(context, &[], &[salt(2)]).unwrap_err();
    assert_eq!(error, Error::InputCount { expected: 1, found: 0 });
    let error = compiled.witness(context, &[input(1), input(3)], &[salt(2)]).unwrap_err();
    assert_eq!(error, Error::InputCount { expected: 1, found: 2 });
    let error = compiled.witness(context, &[(salt(1), vec![1, 2])], &[salt(2)]).unwrap_err();
    assert!(matches!(error, Error::InputLength { expected: 3, found: 2, .. }));
    let error = compiled.witness(context, &[(salt(1), vec![1, 2, 128])], &[salt(2)]).unwrap_err();
    assert!(matches!(error, Error::InputRange { index: 2, found: 128, .. }));
    let error = compiled.witness(context, &[input(1)], &[]).unwrap_err();
    assert_eq!(error, Error::SaltCount { expected: 1, found: 0 });
    let error = compiled.witness(context, &[input(1)], &[salt(1)]).unwrap_err();
    assert_eq!(error, Error::SaltReused { first: 0, second: 1 });
}

/// iden3/wtnsfile: magic, version, two sections: field and count, then the wires.
#[test]
fn wires_are_written_for_other_tools() {
    let witness = witness(&small(), 7, &[1, 2, 3]);
    let bytes = witness.to_wtns();
    let wires = witness.wires.len();
    assert_eq!(bytes.len(), 12 + 12 + 40 + 12 + 32 * wires);
    assert_eq!(bytes[..12], *b"wtns\x02\0\0\0\x02\0\0\0");
    assert_eq!(bytes[12..24], [1, 0, 0, 0, 40, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(bytes[60..64], u32::try_from(wires).unwrap().to_le_bytes());
    let wire = |at: usize| &bytes[76 + 32 * at..][..32];
    assert_eq!((wire(0)[0], wire(1)[0]), (1, 7));
    assert!(wire(1)[1..].iter().all(|byte| *byte == 0));
}

/// `cargo test --release -p assay-zkml measure -- --ignored --nocapture`
#[test]
#[ignore = "measures, and takes long"]
fn measure() {
    for sizes in [&[784, 128, 10][..], &[784, 4500, 10]] {
        let options = Options { activation_bits: 8, ..options(784) };
        let compiled = compile_with(&network(sizes, 1), &options);
        let r1cs = compiled.r1cs();
        println!("{sizes:?}: {}", compiled.estimate());
        let begun = Instant::now();
        let keys = single_party(r1cs, &mut OsRng).unwrap();
        println!("setup {:?}", begun.elapsed());
        let input: Vec<i64> = (0..784).map(|at| at * 7 % 256 - 128).collect();
        let begun = Instant::now();
        let witness = witness(&compiled, 7, &input);
        println!("witness {:?}", begun.elapsed());
        for _ in 0..3 {
            let timed = prove_timed(&keys.proving, &compiled, &witness, &mut OsRng).unwrap();
            println!("proof {:?}, check {:?}", timed.proving, timed.verifying);
        }
        measure_parts(&keys.proving, r1cs, &witness.wires);
    }
}

/// What the threads that there are now took of the processor: other programs' load shows less in it.
fn processor() -> Duration {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let nanoseconds = tasks.map(|task| {
        let text = std::fs::read_to_string(task.unwrap().path().join("schedstat")).unwrap();
        text.split(' ').next().unwrap().parse::<u64>().unwrap()
    });
    Duration::from_nanos(nanoseconds.sum())
}

fn measure_parts(key: &ProvingKey, r1cs: &R1cs, wires: &[Fr]) {
    fn clock<T>(what: &str, part: impl FnOnce() -> T) -> T {
        let (begun, before) = (Instant::now(), processor());
        let result = part();
        println!(
            "  {what} {:?}, processor {:?}",
            begun.elapsed(),
            processor().saturating_sub(before)
        );
        result
    }
    let elements = wires;
    let wires = clock("sort wires", || Wires::new(wires));
    let values = clock("rows", || r1cs.evaluate(&wires).unwrap());
    let products = clock("transforms", || quotient::products(r1cs.domain(), values));
    let _ = clock("H", || {
        sum::<g1::Config>(key.h().len(), |at| &key.h()[at], |at| Scalar::Full(products[at]))
    });
    let _ = clock("L", || over::<g1::Config>(&wires, key.l()));
    let _ = clock("A", || over::<g1::Config>(&wires, key.a()));
    let _ = clock("B in G1", || over::<g1::Config>(&wires, key.b_g1()));
    let _ = clock("B in G2", || over::<g2::Config>(&wires, key.b_g2()));
    let bases: Vec<_> = key.h().iter().map(g1::Config::point).collect();
    let _ = clock("H by ark", || Projective::<g1::Config>::msm_unchecked(&bases, &products));
    let at = |at: &u32| elements[*at as usize];
    let a: Vec<_> = key.a().wires.iter().map(at).collect();
    let bases: Vec<_> = key.a().points.iter().map(g1::Config::point).collect();
    let _ = clock("A by ark", || Projective::<g1::Config>::msm_unchecked(&bases, &a));
    let b: Vec<_> = key.b_g2().wires.iter().map(at).collect();
    let bases: Vec<_> = key.b_g2().points.iter().map(g2::Config::point).collect();
    let _ = clock("B in G2 by ark", || Projective::<g2::Config>::msm_unchecked(&bases, &b));
}
