//! The file format, its determinism, and the frozen shape of a small circuit.

use assay_verifier::value::Dtype;
use prost::Message as _;

use super::*;
use crate::{
    Options, compile, quantize,
    testing::{compile_with, network, options, small},
};

/// Any change of a circuit changes keys: it is meant, or it is a fault.
#[test]
fn the_shape_of_a_small_circuit_is_frozen() {
    let digest =
        "d3b76fe031de50bd7bed6ab8111be5e9cdab1c26bdd77a3830f08692496ca4b7".parse().unwrap();
    let expected = Shape { constraints: 536, public_inputs: 3, wires: 538, digest };
    assert_eq!(small().r1cs().shape(), expected);
}

#[test]
fn compiling_twice_gives_the_same_bytes() {
    let model = network(&[4, 3, 2], 7).encode_to_vec();
    let manifest = quantize(&model, &options(4)).unwrap().to_bytes();
    let bytes = || compile(&model, &manifest).unwrap().r1cs().to_bytes();
    assert_eq!(bytes(), bytes());
    assert_eq!(manifest, quantize(&model, &options(4)).unwrap().to_bytes());
}

#[test]
fn other_weights_types_and_choices_are_other_circuits() {
    let digest =
        |seed, options: &Options<'_>| compile_with(&network(&[4, 3, 2], seed), options).circuit();
    let base = digest(7, &options(4));
    assert_ne!(digest(8, &options(4)), base);
    assert_ne!(digest(7, &Options { weight_bits: 7, ..options(4) }), base);
    assert_ne!(digest(7, &Options { activation_bits: 9, ..options(4) }), base);
    assert_ne!(digest(7, &Options { output: Dtype::I16, ..options(4) }), base);
    // One weight moved to another place.
    let mut model = network(&[4, 3, 2], 7);
    let raw = &mut model.graph.as_mut().unwrap().initializer[0].raw_data;
    let (a, b) = raw.split_at_mut(4);
    a.swap_with_slice(&mut b[..4]);
    assert_ne!(compile_with(&model, &options(4)).circuit(), base);
}

#[test]
fn rows_are_sorted_and_without_zeros() {
    for matrix in small().r1cs().matrices() {
        for row in matrix {
            assert!(row.windows(2).all(|pair| pair[0].1 < pair[1].1));
            assert!(row.iter().all(|(coefficient, _)| !coefficient.is_zero()));
        }
    }
}

/// Reads the file back by the words of the specification
/// (iden3/r1csfile, `doc/r1cs_bin_format.md`).
#[test]
fn the_file_reads_back_as_the_specification_says() {
    let compiled = small();
    let r1cs = compiled.r1cs();
    let bytes = r1cs.to_bytes();
    assert_eq!(CircuitDigest::new(Sha256::digest(&bytes).into()), r1cs.digest());
    let mut rest = &bytes[..];
    let mut take = |length: usize| {
        let (head, tail) = rest.split_at(length);
        rest = tail;
        head.to_vec()
    };
    let number =
        |bytes: Vec<u8>| bytes.iter().rev().fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
    assert_eq!(take(4), b"r1cs");
    assert_eq!((number(take(4)), number(take(4))), (1, 3));
    assert_eq!((number(take(4)), number(take(8))), (1, 64));
    assert_eq!(number(take(4)), 32);
    let mut prime = take(32);
    prime.reverse();
    let order = "73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001";
    assert_eq!(prime.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), order);
    let header: Vec<u64> = (0..4).map(|_| number(take(4))).collect();
    assert_eq!(header, [r1cs.wires() as u64, 0, 3, 0]);
    assert_eq!(number(take(8)), r1cs.wires() as u64);
    assert_eq!(number(take(4)), r1cs.constraints() as u64);

    assert_eq!(number(take(4)), 2);
    let length = number(take(8));
    let mut read = 0;
    for row in 0..r1cs.constraints() {
        for matrix in r1cs.matrices() {
            let count = number(take(4));
            let terms: Vec<(Fr, Wire)> = (0..count)
                .map(|_| {
                    let wire = number(take(4)) as usize;
                    (Fr::from_le_bytes_mod_order(&take(32)), wire)
                })
                .collect();
            assert_eq!(terms, matrix[row]);
            read += 4 + 36 * count;
        }
    }
    assert_eq!(length, read);

    assert_eq!((number(take(4)), number(take(8))), (3, 8 * r1cs.wires() as u64));
    for wire in 0..r1cs.wires() as u64 {
        assert_eq!(number(take(8)), wire);
    }
    assert!(rest.is_empty());
}

#[test]
fn combinations_are_sums() {
    let mut lc = Lc::wire(3);
    lc.add(5u64, 1);
    lc.add(-Fr::from(1u64), 3);
    lc.add(2u64, 1);
    lc.compact();
    assert_eq!(lc, Lc(vec![(Fr::from(7u64), 1)]));
    assert_eq!(lc.as_constant(), None);
    assert_eq!(Lc::constant(4u64).as_constant(), Some(Fr::from(4u64)));
    assert_eq!(Lc::default().as_constant(), Some(Fr::zero()));
}
