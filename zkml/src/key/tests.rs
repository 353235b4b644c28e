//! Key files: what is written is read, and nothing else.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ark_bls12_381::Fr;

use super::{file::HEADER_BYTES, *};
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
    let key = read_proving_key(&path, compiled.circuit()).unwrap();
    assert_eq!((key.id(), key.circuit()), (keys.proving.id(), compiled.circuit()));
    assert_eq!(key.verifying(), keys.verifying);
    proves(&compiled, &key);

    let good = fs::read(&path).unwrap();
    let estimate = compiled.estimate().proving_key_bytes;
    assert_eq!(good.len() as u64, HEADER_BYTES as u64 + estimate);
    let refused = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        read_proving_key(&path, compiled.circuit()).unwrap_err()
    };
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let body = HEADER_BYTES;
    let (id, circuit, digest, counts) = (16, 48, 80, 112);
    let cases = [
        (flipped(0), "zkml-key-file-format"),
        (flipped(8), "zkml-key-file-format"),
        (flipped(id), "zkml-key-file-id"),
        (flipped(circuit), "zkml-key-other-circuit"),
        (flipped(digest), "zkml-key-file-damaged"),
        // The first point of the verifying key: it is looked at before the rest is hashed.
        (flipped(body + 47), "key-point"),
        (flipped(good.len() / 2), "zkml-key-file-damaged"),
        (flipped(good.len() - 1), "zkml-key-file-damaged"),
        (flipped(counts), "zkml-key-file-length"),
        (flipped(counts + 32), "zkml-key-file-length"),
        (flipped(counts + 39), "zkml-key-file-format"),
        (good[..good.len() - 1].to_vec(), "zkml-key-file-length"),
        ([&good[..], &[0]].concat(), "zkml-key-file-length"),
        (good[..body].to_vec(), "zkml-key-file-length"),
        (good[..body - 1].to_vec(), "zkml-key-file-io"),
        (vec![], "zkml-key-file-io"),
    ];
    for (at, (bytes, code)) in cases.into_iter().enumerate() {
        let error = refused(&bytes);
        let found = match &error {
            Error::Value { why } => why.code(),
            error => error.code(),
        };
        assert_eq!(found, code, "case {at}: {error}");
    }

    let other = compile_with(&network(&[3, 2, 2], 2), &options(3));
    fs::write(&path, &good).unwrap();
    let error = read_proving_key(&path, other.circuit()).unwrap_err();
    assert!(matches!(error, Error::KeyOtherCircuit { .. }), "{error}");
}

/// Opening leaves the points alone; the first proof checks them, and none is made from false ones.
#[test]
fn an_opened_key_is_checked_with_the_first_proof() {
    let folder = Folder::new("key-open");
    let path = folder.0.join("key");
    let compiled = small();
    let keys = single_party(compiled.r1cs(), &mut OsRng).unwrap();
    let written = write_proving_key(&path, &keys.proving).unwrap();
    assert_eq!(written, Sha256Digest::of(&fs::read(&path).unwrap()));
    let whole = Some(written);
    for digest in [None, whole] {
        let key = open_proving_key(&path, compiled.circuit(), digest).unwrap();
        proves(&compiled, &key);
        proves(&compiled, &key);
    }
    let inputs = [(salt(1), vec![1, 2, 3])];
    let witness = compiled.witness(Fr::from(7u64), &inputs, &[salt(2)]).unwrap();
    let refused = |digest: Option<Sha256Digest>| {
        let key = open_proving_key(&path, compiled.circuit(), digest).unwrap();
        let error = prove(&key, &compiled, &witness, &mut OsRng).unwrap_err();
        assert!(matches!(error, Error::KeyFileDamaged { .. }), "{error}");
    };
    refused(Some(Sha256Digest::of(b"another file")));
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    refused(None);
    refused(whole);
}

/// Changes a part of a key file and writes the hash that goes with it.
fn forged(path: &Path, good: &[u8], change: impl FnOnce(&mut [u8])) {
    let mut bytes = good.to_vec();
    change(&mut bytes[HEADER_BYTES..]);
    let hash = Sha256Digest::of(&bytes[HEADER_BYTES..]);
    bytes[80..112].copy_from_slice(hash.as_bytes());
    fs::write(path, bytes).unwrap();
}

/// A key whose points or places were exchanged behind a matching hash makes no proof that leaves the
/// prover, and no panic.
#[test]
fn a_key_with_false_points_makes_no_proof() {
    let folder = Folder::new("key-points");
    let path = folder.0.join("key");
    let compiled = small();
    let keys = single_party(compiled.r1cs(), &mut OsRng).unwrap();
    write_proving_key(&path, &keys.proving).unwrap();
    let good = fs::read(&path).unwrap();
    let place = |section| {
        let body = keys.proving.body.bytes();
        let part: &[u8] = keys.proving.counts.section(body, section);
        part.as_ptr().addr() - body.as_ptr().addr()
    };
    let (a, wires) = (place(Section::A), place(Section::WiresOfA));
    let inputs = [(salt(1), vec![1, 2, 3])];
    let witness = compiled.witness(Fr::from(7u64), &inputs, &[salt(2)]).unwrap();
    let refused = || {
        let key = read_proving_key(&path, compiled.circuit()).unwrap();
        prove(&key, &compiled, &witness, &mut OsRng).unwrap_err().code()
    };
    // The point of A for the constant wire, replaced by its neighbour, then by nonsense.
    forged(&path, &good, |body| body.copy_within(a + 96..a + 192, a));
    assert_eq!(refused(), "zkml-proof-refused");
    forged(&path, &good, |body| body[a..a + 96].fill(0xff));
    assert_eq!(refused(), "zkml-proof-refused");
    forged(&path, &good, |body| body[wires + 3] = 0xff);
    assert_eq!(refused(), "zkml-key-file-places");
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
