//! The proof side: keys and proofs that `ark-groth16` or others would take, and we must not
//! (FORMAT.md §6.1 to §6.3).

use ark_bls12_381::{Bls12_381, Fr, G1Affine, G1Projective, G2Affine, G2Projective};
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

/// Why a key is refused at load, or that it is not.
fn refusal(change: impl Fn(&mut Trapdoor)) -> &'static str {
    let mut trapdoor = Trapdoor::new(INPUTS, 1);
    change(&mut trapdoor);
    match VerifyingKey::from_bytes(&trapdoor.key_bytes(), INPUTS) {
        Err(Error::KeyDegenerate { why }) => why,
        Err(Error::KeyPoint { point }) => point,
        Err(other) => panic!("{other}"),
        Ok(_) => "accepted",
    }
}

const GAMMA_DELTA: &str = "gamma is delta or its negative";
const BETA: &str = "beta is gamma or delta, or the negative of one";
const BETA_GENERATOR: &str = "beta is the generator or its negative";
const DELTA_GENERATOR: &str = "delta is the generator or its negative: the second phase never ran";
const G1: &str = "two of its G1 points and the generator are equal, or one is another's negative";

/// T6: keys that are refused at load, whatever the signs.
#[test]
fn degenerate_keys_are_refused() {
    assert_eq!(refusal(|_| ()), "accepted");
    // A ceremony's second phase leaves gamma at the generator: that is by design.
    assert_eq!(refusal(|t| t.gamma = Fr::ONE), "accepted");
    for sign in [Fr::ONE, -Fr::ONE] {
        assert_eq!(refusal(|t| t.gamma = sign * t.delta), GAMMA_DELTA);
        assert_eq!(refusal(|t| t.beta = sign * t.gamma), BETA);
        assert_eq!(refusal(|t| t.beta = sign * t.delta), BETA);
        assert_eq!(refusal(|t| t.delta = sign), DELTA_GENERATOR);
        assert_eq!(refusal(|t| t.beta = sign), BETA_GENERATOR);
        assert_eq!(refusal(|t| t.alpha = sign), G1);
        for (i, j) in [(0, 1), (0, 3), (1, 2), (2, 3)] {
            assert_eq!(refusal(|t| t.inputs[i] = sign * t.inputs[j]), G1, "{i} {j}");
        }
        for i in 0..=INPUTS {
            assert_eq!(refusal(|t| t.inputs[i] = sign * t.alpha), G1, "{i}");
            assert_eq!(refusal(|t| t.inputs[i] = sign), G1, "{i}");
        }
    }
    let zero = Fr::from(0u64);
    assert_eq!(refusal(|t| t.inputs[1] = zero), "an input's");
    assert_eq!(refusal(|t| t.alpha = zero), "alpha");
    assert_eq!(refusal(|t| t.beta = zero), "beta");
    assert_eq!(refusal(|t| t.gamma = zero), "gamma");
    assert_eq!(refusal(|t| t.delta = zero), "delta");
}

/// Points that everybody has: the verifying key's, and those of phase 1 and of the proving key that a forger below uses.
struct Public {
    key: ark_groth16::VerifyingKey<Bls12_381>,
    /// The points of the inputs, before they are divided by gamma: linear in the powers of phase 1.
    raw_inputs: Vec<G1Affine>,
    /// Beta in G1, of phase 1.
    beta_g1: G1Affine,
    statement: Vec<Fr>,
}

impl Public {
    fn sum(points: &[G1Affine], statement: &[Fr]) -> G1Projective {
        let scalars = [&[Fr::ONE][..], statement].concat();
        points.iter().zip(scalars).map(|(point, scalar)| *point * scalar).sum()
    }

    fn ic(&self) -> G1Projective {
        Self::sum(&self.key.gamma_abc_g1, &self.statement)
    }
}

/// A degenerate key, and the proof that it allows for any statement, of public points alone.
struct Forgery {
    key: fn(&mut Trapdoor),
    forge: fn(&Public) -> (G1Projective, G2Projective, G1Projective),
    refused: &'static str,
}

/// e(P, γ)·e(C, δ) for a point P that the forger has: A = P, B = γ + tδ, C = tP.
fn by_one_point(public: &Public, p: G1Projective) -> (G1Projective, G2Projective, G1Projective) {
    let t = Fr::from(5u64);
    (p, public.key.gamma_g2 + public.key.delta_g2 * t, p * t)
}

const FORGERIES: &[Forgery] = &[
    // By which real money was lost: A = α, B = β, C = -Σ.
    Forgery {
        key: |t| t.gamma = t.delta,
        forge: |p| (p.key.alpha_g1.into(), p.key.beta_g2.into(), -p.ic()),
        refused: GAMMA_DELTA,
    },
    Forgery {
        key: |t| t.gamma = -t.delta,
        forge: |p| (p.key.alpha_g1.into(), p.key.beta_g2.into(), p.ic()),
        refused: GAMMA_DELTA,
    },
    Forgery {
        key: |t| t.beta = t.delta,
        forge: |p| {
            let (a, b, c) = by_one_point(p, p.ic());
            (a, b, c - p.key.alpha_g1)
        },
        refused: BETA,
    },
    Forgery {
        key: |t| t.beta = -t.delta,
        forge: |p| {
            let (a, b, c) = by_one_point(p, p.ic());
            (a, b, c + p.key.alpha_g1)
        },
        refused: BETA,
    },
    Forgery {
        key: |t| t.beta = t.gamma,
        forge: |p| by_one_point(p, p.ic() + p.key.alpha_g1),
        refused: BETA,
    },
    Forgery {
        key: |t| t.beta = -t.gamma,
        forge: |p| by_one_point(p, p.ic() - p.key.alpha_g1),
        refused: BETA,
    },
    // The second phase never ran: what is divided by delta is known undivided.
    Forgery {
        key: |t| t.delta = Fr::ONE,
        forge: |p| {
            let c = -Public::sum(&p.raw_inputs, &p.statement);
            (p.key.alpha_g1.into(), p.key.beta_g2.into(), c)
        },
        refused: DELTA_GENERATOR,
    },
    Forgery {
        key: |t| t.delta = -Fr::ONE,
        forge: |p| {
            let c = Public::sum(&p.raw_inputs, &p.statement);
            (p.key.alpha_g1.into(), p.key.beta_g2.into(), c)
        },
        refused: DELTA_GENERATOR,
    },
    // Gamma where a ceremony leaves it, and alpha the generator: e(α, β) is e(β in G1, γ).
    Forgery {
        key: |t| (t.gamma, t.alpha) = (Fr::ONE, Fr::ONE),
        forge: |p| by_one_point(p, p.ic() + p.beta_g1),
        refused: G1,
    },
    Forgery {
        key: |t| (t.gamma, t.alpha) = (Fr::ONE, -Fr::ONE),
        forge: |p| by_one_point(p, p.ic() - p.beta_g1),
        refused: G1,
    },
    Forgery {
        key: |t| (t.gamma, t.beta) = (-Fr::ONE, Fr::ONE),
        forge: |p| by_one_point(p, p.ic() - p.key.alpha_g1),
        refused: BETA,
    },
];

fn holds_by_ark(
    key: &ark_groth16::VerifyingKey<Bls12_381>,
    statement: &[Fr],
    proof: &ark_groth16::Proof<Bls12_381>,
) -> bool {
    let prepared = ark_groth16::prepare_verifying_key(key);
    ark_groth16::Groth16::<Bls12_381>::verify_proof(&prepared, proof, statement)
        .expect("a statement of the key's length")
}

/// T7: the equation holds for each forgery, and the key is refused before it is asked.
#[test]
fn forgeries_under_degenerate_keys_never_get_to_the_equation() {
    for (number, Forgery { key, forge, refused }) in FORGERIES.iter().enumerate() {
        let mut trapdoor = Trapdoor::new(INPUTS, 1);
        key(&mut trapdoor);
        let public = Public {
            key: trapdoor.key(),
            raw_inputs: trapdoor.inputs.iter().map(|k| g1(*k * trapdoor.gamma)).collect(),
            beta_g1: g1(trapdoor.beta),
            statement: statement(),
        };
        let (a, b, c) = forge(&public);
        let (a, b, c) = (a.into_affine(), b.into_affine(), c.into_affine());
        let forged = ark_groth16::Proof { a, b, c };
        assert!(holds_by_ark(&public.key, &public.statement, &forged), "{number} is real");
        let found = verify(&trapdoor, &public.statement, &Proof::encode(&forged));
        assert_eq!(found, Err(Error::KeyDegenerate { why: refused }), "{number}");
    }
}

/// With two inputs' points equal or opposite, a proof of one statement is one of others.
#[test]
fn a_proof_for_one_statement_is_none_for_another() {
    for sign in [Fr::ONE, -Fr::ONE] {
        let mut trapdoor = Trapdoor::new(INPUTS, 1);
        trapdoor.inputs[2] = sign * trapdoor.inputs[1];
        let proof = trapdoor.prove(&statement(), 0);
        let mut other = statement();
        other[0] += Fr::from(9u64);
        other[1] -= sign * Fr::from(9u64);
        let read = ark_groth16::Proof::deserialize_compressed(proof.as_slice()).unwrap();
        assert!(holds_by_ark(&trapdoor.key(), &other, &read), "the forgery is real");
        let refused = verify(&trapdoor, &other, &proof);
        assert_eq!(refused, Err(Error::KeyDegenerate { why: G1 }));
    }
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
