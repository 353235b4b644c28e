//! Key files: what is written is read, and nothing else.

use std::path::PathBuf;

use ark_bls12_381::Fr;

use super::*;
use crate::{
    Compiled, OsRng, prove,
    setup::single_party,
    testing::{compile_with, network, options, salt, small},
};

/// A folder of its own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("assay-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn entries(&self) -> usize {
        fs::read_dir(&self.0).unwrap().count()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn proves(compiled: &Compiled, key: &ProvingKey) {
    let inputs = [(salt(1), vec![1, -128, 127])];
    let witness = compiled.witness(Fr::from(7u64), &inputs, &[salt(2)]).unwrap();
    prove(key, compiled, &witness, &mut OsRng).unwrap();
}

#[test]
fn a_key_file_is_read_back_or_refused_by_name() {
    let folder = Folder::new("key-file");
    let path = folder.0.join("key");
    let compiled = small();
    let keys = single_party(compiled.r1cs(), &mut OsRng).unwrap();
    write_proving_key(&path, &keys.proving).unwrap();
    assert_eq!(folder.entries(), 1, "nothing partial is left");
    let key = read_proving_key(&path, compiled.r1cs()).unwrap();
    assert_eq!((key.id(), key.circuit()), (keys.proving.id(), compiled.circuit()));
    assert_eq!(key.verifying(), keys.verifying);
    proves(&compiled, &key);

    let good = fs::read(&path).unwrap();
    let estimate = compiled.estimate().proving_key_bytes;
    assert_eq!(good.len() as u64, HEADER_BYTES + estimate);
    let refused = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        read_proving_key(&path, compiled.r1cs()).unwrap_err()
    };
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let body = usize::try_from(HEADER_BYTES).unwrap();
    let cases = [
        (flipped(0), "zkml-key-file-format"),
        (flipped(8), "zkml-key-file-format"),
        (flipped(12), "zkml-key-file-id"),
        (flipped(12 + 32), "zkml-key-other-circuit"),
        (flipped(12 + 64), "zkml-key-file-damaged"),
        (flipped(body), "zkml-key-file-damaged"),
        (flipped(good.len() / 2), "zkml-key-file-damaged"),
        (flipped(good.len() - 1), "zkml-key-file-damaged"),
        (good[..good.len() - 1].to_vec(), "zkml-key-file-length"),
        ([&good[..], &[0]].concat(), "zkml-key-file-length"),
        (good[..body].to_vec(), "zkml-key-file-length"),
        (good[..body - 1].to_vec(), "zkml-key-file-io"),
        (vec![], "zkml-key-file-io"),
    ];
    for (at, (bytes, code)) in cases.into_iter().enumerate() {
        let error = refused(&bytes);
        assert_eq!(error.code(), code, "case {at}: {error}");
    }
    // A body with its own hash in the header, of bytes that are no points.
    let mut nonsense = good.clone();
    nonsense[body..].fill(0xff);
    let hash = Sha256Digest::of(&nonsense[body..]);
    nonsense[body - 32..body].copy_from_slice(hash.as_bytes());
    assert!(matches!(refused(&nonsense), Error::KeyFilePoint { what: "alpha" }));

    let other = compile_with(&network(&[3, 2, 2], 2), &options(3));
    fs::write(&path, &good).unwrap();
    let error = read_proving_key(&path, other.r1cs()).unwrap_err();
    assert!(matches!(error, Error::KeyOtherCircuit { .. }), "{error}");
}

/// A key whose points were exchanged behind a matching hash makes no proof that leaves the prover.
#[test]
fn a_key_with_false_points_makes_no_proof() {
    let folder = Folder::new("key-points");
    let path = folder.0.join("key");
    let compiled = small();
    let keys = single_party(compiled.r1cs(), &mut OsRng).unwrap();
    write_proving_key(&path, &keys.proving).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let body = usize::try_from(HEADER_BYTES).unwrap();
    // The point of A for the constant wire, replaced by its neighbour.
    let a = body + 96 * (3 + compiled.r1cs().public_inputs() + 1);
    bytes.copy_within(a + 96..a + 192, a);
    let hash = Sha256Digest::of(&bytes[body..]);
    bytes[body - 32..body].copy_from_slice(hash.as_bytes());
    fs::write(&path, bytes).unwrap();
    let key = read_proving_key(&path, compiled.r1cs()).unwrap();
    let inputs = [(salt(1), vec![1, 2, 3])];
    let witness = compiled.witness(Fr::from(7u64), &inputs, &[salt(2)]).unwrap();
    let error = prove(&key, &compiled, &witness, &mut OsRng).unwrap_err();
    assert!(matches!(error, Error::ProofRefused { .. }), "{error}");
}

#[test]
fn an_interrupted_write_leaves_the_old_file() {
    let folder = Folder::new("key-write");
    let compiled = small();
    let keys = single_party(compiled.r1cs(), &mut OsRng).unwrap();
    let error = write_proving_key(&folder.0.join("no/where"), &keys.proving).unwrap_err();
    assert!(matches!(error, Error::KeyFileIo { .. }), "{error}");
    // The target is a folder: the rename fails after the points were written.
    let taken = folder.0.join("taken");
    fs::create_dir(&taken).unwrap();
    fs::write(taken.join("old"), b"old").unwrap();
    let error = write_proving_key(&taken, &keys.proving).unwrap_err();
    assert!(matches!(error, Error::KeyFileIo { .. }), "{error}");
    assert_eq!(folder.entries(), 1, "nothing partial is left");
    assert_eq!(fs::read(taken.join("old")).unwrap(), b"old");
}
