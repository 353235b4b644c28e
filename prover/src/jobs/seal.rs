//! Witness data at rest: XChaCha20-Poly1305 under a key that only the prover and its workers hold,
//! bound to the job's id.

use std::{
    fs,
    io::{ErrorKind, Write as _},
    os::unix::fs::PermissionsExt as _,
    path::Path,
};

use assay_verifier::ids::{Salt, Sha256Digest};
use chacha20poly1305::{
    KeyInit as _, XChaCha20Poly1305, XNonce,
    aead::{Aead as _, Payload},
};
use serde_bytes::{ByteBuf, Bytes};
use zeroize::Zeroizing;

use crate::{
    error::Error,
    files::private_folder,
    random,
    run::{ProofTask, Witnessed},
};

/// The key under which witness data is kept.
pub struct SealKey(Zeroizing<[u8; 32]>);

impl SealKey {
    /// The key in `path`: made there, readable by its owner alone, where `make` says so and there is
    /// none. Errors: a key that others may read; one that is not 64 hexadecimal digits.
    pub fn open(path: &Path, make: bool) -> Result<Self, Error> {
        let refuse = |why: String| Error::Key { path: path.to_owned(), why };
        if make {
            make_file(path)?;
        }
        let text = Zeroizing::new(fs::read_to_string(path).map_err(|error| {
            refuse(format!("{error}; it is made where operations are served, copy it from there"))
        })?);
        let mode =
            fs::metadata(path).map_err(|error| refuse(error.to_string()))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(refuse(format!("others may read it (mode {:o}): chmod 600", mode & 0o777)));
        }
        let mut key = Zeroizing::new([0; 32]);
        hex::decode_to_slice(text.trim(), key.as_mut_slice())
            .map_err(|_| refuse("expected 64 hexadecimal digits".to_owned()))?;
        Ok(Self(key))
    }

    /// Tells keys apart without telling them: kept in the store, so that a worker with another key
    /// stops before it spoils anything.
    pub fn fingerprint(&self) -> String {
        let purpose: &[u8] = b"assay/witness-key/1";
        Sha256Digest::of(&[purpose, self.0.as_slice()].concat()).to_string()
    }

    /// Encrypts what a proof takes, for the job `id`.
    pub fn seal(&self, id: &str, task: &ProofTask) -> Result<Vec<u8>, Error> {
        let plain = encode(task)?;
        let nonce = random::bytes::<24>()?;
        let payload = Payload { msg: &plain, aad: id.as_bytes() };
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .map_err(|_| Error::Witness { why: "it is too long to be encrypted".to_owned() })?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Decrypts it. Errors: another key, another job, a changed byte.
    pub fn open_sealed(&self, id: &str, sealed: &[u8]) -> Result<ProofTask, Error> {
        let refuse = |why: &str| Error::Witness { why: why.to_owned() };
        let (nonce, rest) = sealed.split_first_chunk::<24>().ok_or(refuse("it is cut short"))?;
        let payload = Payload { msg: rest, aad: id.as_bytes() };
        let plain = self
            .cipher()
            .decrypt(&XNonce::from(*nonce), payload)
            .map_err(|_| refuse("it was sealed under another key, for another job, or changed"))?;
        decode(&Zeroizing::new(plain))
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&(*self.0).into())
    }
}

/// Writes a new key, or finds one there: of several that make it at once, one wins and all use it.
fn make_file(path: &Path) -> Result<(), Error> {
    let failed = |why: String| Error::Unwritable { path: path.to_owned(), why };
    if path.exists() {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(Path::new("."));
    private_folder(folder)?;
    let key = Zeroizing::new(random::bytes::<32>()?);
    // Its owner's alone, as temporary files are.
    let mut file =
        tempfile::NamedTempFile::new_in(folder).map_err(|error| failed(error.to_string()))?;
    writeln!(file, "{}", *Zeroizing::new(hex::encode(*key)))
        .and_then(|()| file.as_file().sync_all())
        .map_err(|error| failed(error.to_string()))?;
    match file.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(failed(error.error.to_string())),
    }
}

/// A value as it is kept: salt and bytes.
type Kept = (ByteBuf, ByteBuf);

fn encode(task: &ProofTask) -> Result<Zeroizing<Vec<u8>>, Error> {
    fn kept(values: &[Witnessed]) -> Vec<(&Bytes, &Bytes)> {
        let salt = |value| Bytes::new(Salt::as_bytes(value));
        values.iter().map(|value| (salt(&value.salt), Bytes::new(&value.bytes))).collect()
    }
    let mut plain = Zeroizing::new(Vec::new());
    ciborium::into_writer(&(task.step, kept(&task.inputs), kept(&task.outputs)), &mut *plain)
        .map_err(|error| Error::Witness { why: error.to_string() })?;
    Ok(plain)
}

fn decode(plain: &[u8]) -> Result<ProofTask, Error> {
    let (step, inputs, outputs): (u32, Vec<Kept>, Vec<Kept>) =
        ciborium::from_reader(plain).map_err(|error| Error::Witness { why: error.to_string() })?;
    let values = |kept: Vec<Kept>| {
        let value = |(salt, bytes): Kept| {
            let salt = salt.as_slice().try_into().map_err(|_| Error::Witness {
                why: format!("a salt has 31 bytes, found {}", salt.len()),
            })?;
            Ok(Witnessed { salt: Salt::new(salt), bytes: bytes.into_vec() })
        };
        kept.into_iter().map(value).collect::<Result<_, Error>>()
    };
    Ok(ProofTask { step, inputs: values(inputs)?, outputs: values(outputs)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task() -> ProofTask {
        let value = |byte: u8| Witnessed { salt: Salt::new([byte; 31]), bytes: vec![byte; 40] };
        ProofTask { step: 3, inputs: vec![value(1), value(2)], outputs: vec![value(7)] }
    }

    #[test]
    fn what_was_sealed_is_opened_for_its_job_under_its_key_and_never_else() {
        let folder = tempfile::tempdir().unwrap();
        let key = SealKey::open(&folder.path().join("a.key"), true).unwrap();
        let other = SealKey::open(&folder.path().join("b.key"), true).unwrap();
        let sealed = key.seal("job", &task()).unwrap();
        let opened = key.open_sealed("job", &sealed).unwrap();
        assert_eq!((opened.step, opened.inputs.len(), opened.outputs.len()), (3, 2, 1));
        assert_eq!(opened.inputs[1].bytes, vec![2; 40]);
        assert_eq!(opened.outputs[0].salt, Salt::new([7; 31]));
        assert!(!sealed.windows(8).any(|bytes| bytes == [2; 8]), "it can be read");
        let changed = {
            let mut sealed = sealed.clone();
            sealed[30] ^= 1;
            sealed
        };
        for (key, id, sealed) in [
            (&key, "another", &sealed[..]),
            (&other, "job", &sealed),
            (&key, "job", &changed),
            (&key, "job", &sealed[..20]),
        ] {
            assert!(matches!(key.open_sealed(id, sealed), Err(Error::Witness { .. })));
        }
        assert_ne!(sealed, key.seal("job", &task()).unwrap(), "a nonce was used twice");
        assert_ne!(key.fingerprint(), other.fingerprint());
    }

    #[test]
    fn the_key_file_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state/witness.key");
        assert!(matches!(SealKey::open(&path, false), Err(Error::Key { .. })));
        let made = SealKey::open(&path, true).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(made.fingerprint(), SealKey::open(&path, true).unwrap().fingerprint());
        assert_eq!(made.fingerprint(), SealKey::open(&path, false).unwrap().fingerprint());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let Err(Error::Key { why, .. }) = SealKey::open(&path, true) else { panic!() };
        assert!(why.contains("640"), "{why}");
    }
}
