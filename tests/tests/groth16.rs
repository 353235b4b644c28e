//! The proof side: keys and proofs that `ark-groth16` or others would take, and we must not
//! (FORMAT.md §6.1 to §6.3).

use ark_bls12_381::{Bls12_381, Fr, G1Affine, G2Affine};
use ark_ec::{AffineRepr as _, CurveGroup as _};
use ark_ff::{Field as _, PrimeField as _, UniformRand as _};
use ark_serialize::{CanonicalDeserialize as _, CanonicalSerialize as _};
use assay_tests::trapdoor::{Trapdoor, g1};
use assay_verifier::{
    Error,
    groth16::{Proof, VerifyingKey, context},
    ids::OperationDigest,
};

const INPUTS: usize = 3;

fn statement() -> Vec<Fr> {
    vec![Fr::from(5u64), Fr::from(0u64), -Fr::from(9u64)]
}

fn verify(trapdoor: &Trapdoor, statement: &[Fr], proof: &[u8]) -> Result<(), Error> {
    let key = VerifyingKey::from_bytes(&trapdoor.key_bytes(), trapdoor.inputs.len() - 1)?;
    key.verify(statement, &Proof::from_bytes(proof)?)
}

#[test]
fn a_sound_proof_holds_for_its_statement_alone() {
    let trapdoor = Trapdoor::new(INPUTS, 1);
    let proof = trapdoor.prove(&statement(), 0);
    assert_eq!(verify(&trapdoor, &statement(), &proof), Ok(()));
    for changed in 0..INPUTS {
        let mut other = statement();
        other[changed] += Fr::ONE;
        assert_eq!(verify(&trapdoor, &other, &proof), Err(Error::ProofInvalid), "{changed}");
    }
    assert_eq!(verify(&Trapdoor::new(INPUTS, 2), &statement(), &proof), Err(Error::ProofInvalid));
}

/// T1: `ark-groth16` takes both longer and shorter statements.
#[test]
fn the_number_of_inputs_is_the_keys() {
    let trapdoor = Trapdoor::new(INPUTS, 1);
    // The last input is zero, so that leaving it out does not change the equation.
    let mut zero_last = statement();
    zero_last[INPUTS - 1] = Fr::from(0u64);
    let proof = trapdoor.prove(&zero_last, 0);
    assert_eq!(verify(&trapdoor, &zero_last, &proof), Ok(()));
    let prepared = ark_groth16::prepare_verifying_key(&trapdoor.key());
    let ark = ark_groth16::Proof::deserialize_compressed(proof.as_slice()).unwrap();
    for other in [&zero_last[..2], &[&zero_last[..], &[Fr::ONE]].concat()] {
        let by_ark = ark_groth16::Groth16::<Bls12_381>::verify_proof(&prepared, &ark, other);
        assert!(by_ark.unwrap(), "the library has begun to check: good, keep our own check");
        let found = other.len();
        assert_eq!(
            verify(&trapdoor, other, &proof),
            Err(Error::ProofInputs { expected: INPUTS, found })
        );
    }
}

/// T3: on the curve, outside the subgroup of order r.
#[test]
fn points_outside_the_subgroup_are_refused() {
    let trapdoor = Trapdoor::new(INPUTS, 1);
    let proof = trapdoor.prove(&statement(), 0);
    let mut rng = ark_std::test_rng();
    let stray_g1 = loop {
        let x = ark_bls12_381::Fq::rand(&mut rng);
        match G1Affine::get_point_from_x_unchecked(x, false) {
            Some(point) if !point.is_in_correct_subgroup_assuming_on_curve() => break point,
            _ => {}
        }
    };
    let stray_g2 = loop {
        let x = ark_bls12_381::Fq2::rand(&mut rng);
        match G2Affine::get_point_from_x_unchecked(x, false) {
            Some(point) if !point.is_in_correct_subgroup_assuming_on_curve() => break point,
            _ => {}
        }
    };
    // A point of the cofactor's torsion, added to A and to C: snarkjs accepts such proofs.
    let torsion = stray_g1.mul_bigint(Fr::MODULUS).into_affine();
    let original =
        ark_groth16::Proof::<Bls12_381>::deserialize_compressed(proof.as_slice()).unwrap();
    let point = |point| Err(Error::ProofPoint { point });
    for (name, a, b, c) in [
        ("A", (original.a + torsion).into_affine(), original.b, original.c),
        ("B", original.a, stray_g2, original.c),
        ("C", original.a, original.b, (original.c + torsion).into_affine()),
    ] {
        let changed = Proof::encode(&ark_groth16::Proof { a, b, c });
        assert_eq!(verify(&trapdoor, &statement(), &changed), point(name));
    }
    let mut key = trapdoor.key();
    key.gamma_abc_g1[1] = stray_g1;
    let refused = VerifyingKey::from_bytes(&VerifyingKey::encode(&key), INPUTS).err();
    assert_eq!(refused, Some(Error::KeyPoint { point: "an input's" }));
    let mut key = trapdoor.key();
    key.delta_g2 = stray_g2;
    let refused = VerifyingKey::from_bytes(&VerifyingKey::encode(&key), INPUTS).err();
    assert_eq!(refused, Some(Error::KeyPoint { point: "delta" }));
}

/// T4: other encodings of the same points, and of none.
#[test]
fn encodings_are_canonical() {
    let trapdoor = Trapdoor::new(INPUTS, 1);
    let proof = trapdoor.prove(&statement(), 0);
    let refused = |bytes: &[u8]| matches!(Proof::from_bytes(bytes), Err(Error::ProofPoint { .. }));
    // x + p, where it fits: the top bits are flags, so add p to a small x only. Flags first.
    for (byte, bit) in [(0, 0x80), (0, 0x40), (48, 0x80), (144, 0x80)] {
        let mut changed = proof;
        changed[byte] ^= bit;
        assert!(refused(&changed), "flag {bit:#x} of byte {byte}");
    }
    let mut infinity = proof;
    infinity[..48].fill(0);
    infinity[0] = 0xc0;
    assert!(refused(&infinity), "the identity");
    infinity[47] = 1;
    assert!(refused(&infinity), "the identity with a body");
    let modulus = ark_bls12_381::Fq::MODULUS;
    let mut above = proof;
    let mut x = Vec::new();
    modulus.serialize_uncompressed(&mut x).unwrap();
    x.reverse();
    above[..48].copy_from_slice(&x);
    above[0] |= 0x80;
    assert!(refused(&above), "a coordinate that is not below p");
    for length in [0, 191, 193] {
        let mut bytes = proof.to_vec();
        bytes.resize(length, 0);
        let expected = Some(Error::ProofLength { expected: 192, found: length });
        assert_eq!(Proof::from_bytes(&bytes).err(), expected);
    }
}

/// T5: why a proof is never an identity.
#[test]
fn anyone_can_turn_a_proof_into_another() {
    let trapdoor = Trapdoor::new(INPUTS, 1);
    let proof = trapdoor.prove(&statement(), 0);
    let ark_groth16::Proof { a, b, c } =
        ark_groth16::Proof::<Bls12_381>::deserialize_compressed(proof.as_slice()).unwrap();
    let negated = Proof::encode(&ark_groth16::Proof { a: -a, b: -b, c });
    assert_ne!(negated, proof);
    assert_eq!(verify(&trapdoor, &statement(), &negated), Ok(()));
}

/// T6: keys that are refused at load.
#[test]
fn degenerate_keys_are_refused() {
    let why = |change: fn(&mut Trapdoor)| {
        let mut trapdoor = Trapdoor::new(INPUTS, 1);
        change(&mut trapdoor);
        match VerifyingKey::from_bytes(&trapdoor.key_bytes(), INPUTS) {
            Err(Error::KeyDegenerate { why }) => why,
            Err(Error::KeyPoint { point }) => point,
            Err(other) => panic!("{other}"),
            Ok(_) => "accepted",
        }
    };
    assert_eq!(why(|_| ()), "accepted");
    // A ceremony's second phase leaves gamma at the generator: that is by design.
    assert_eq!(why(|t| t.gamma = Fr::ONE), "accepted");
    assert_eq!(why(|t| t.gamma = t.delta), "gamma equals delta");
    assert_eq!(why(|t| t.delta = Fr::ONE), "delta is the generator: the second phase never ran");
    assert_eq!(why(|t| t.beta = t.gamma), "beta equals gamma or delta");
    assert_eq!(why(|t| t.beta = t.delta), "beta equals gamma or delta");
    assert_eq!(why(|t| t.inputs[2] = t.inputs[1]), "two of its G1 points are equal");
    assert_eq!(why(|t| t.inputs[0] = t.alpha), "two of its G1 points are equal");
    assert_eq!(why(|t| t.inputs[1] = Fr::from(0u64)), "an input's");
    assert_eq!(why(|t| t.alpha = Fr::from(0u64)), "alpha");
    assert_eq!(why(|t| t.beta = Fr::from(0u64)), "beta");
    assert_eq!(why(|t| t.gamma = Fr::from(0u64)), "gamma");
    assert_eq!(why(|t| t.delta = Fr::from(0u64)), "delta");
}

/// T7: the forgery that γ = δ allows, by which real money was lost: A = α, B = β, C = -Σ. The
/// equation holds for it, and the key is refused before it is asked.
#[test]
fn the_forgery_for_gamma_equal_to_delta_never_gets_to_the_equation() {
    let mut trapdoor = Trapdoor::new(INPUTS, 1);
    trapdoor.gamma = trapdoor.delta;
    let key = trapdoor.key();
    let any = statement();
    let sum =
        trapdoor.inputs[1..].iter().zip(&any).fold(trapdoor.inputs[0], |sum, (k, x)| sum + *k * x);
    let forged = ark_groth16::Proof { a: key.alpha_g1, b: key.beta_g2, c: -g1(sum) };
    let prepared = ark_groth16::prepare_verifying_key(&key);
    let by_ark = ark_groth16::Groth16::<Bls12_381>::verify_proof(&prepared, &forged, &any);
    assert!(by_ark.unwrap(), "the forgery is real");
    let refused = verify(&trapdoor, &any, &Proof::encode(&forged));
    assert_eq!(refused, Err(Error::KeyDegenerate { why: "gamma equals delta" }));
}

#[test]
fn a_keys_length_is_that_of_its_inputs() {
    let bytes = Trapdoor::new(INPUTS, 1).key_bytes();
    assert!(VerifyingKey::from_bytes(&bytes, INPUTS).is_ok());
    for inputs in [0, INPUTS - 1, INPUTS + 1] {
        let refused = VerifyingKey::from_bytes(&bytes, inputs).err();
        assert!(matches!(refused, Some(Error::KeyLength { .. })), "{inputs}");
    }
    assert!(matches!(
        VerifyingKey::from_bytes(&[], usize::MAX).err(),
        Some(Error::KeyLength { .. })
    ));
}

#[test]
fn the_context_is_of_one_operation_and_one_step() {
    let one = OperationDigest::new([1; 32]);
    assert_ne!(context(&one, 0), context(&one, 1));
    assert_ne!(context(&one, 0), context(&OperationDigest::new([2; 32]), 0));
}

/// T23: arbitrary bytes.
#[test]
fn arbitrary_bytes_never_panic() {
    let trapdoor = Trapdoor::new(INPUTS, 1);
    let (key, proof) = (trapdoor.key_bytes(), trapdoor.prove(&statement(), 0));
    proptest::proptest!(|(at in 0usize..4096, xor in 1u8..)| {
        let mut changed = proof.to_vec();
        let index = at % changed.len();
        changed[index] ^= xor;
        assert!(verify(&trapdoor, &statement(), &changed).is_err());
        let mut changed = key.clone();
        let index = at % changed.len();
        changed[index] ^= xor;
        let _ = VerifyingKey::from_bytes(&changed, INPUTS);
    });
}
