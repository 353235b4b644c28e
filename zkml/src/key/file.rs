//! Key files: a header that names the key and its circuit, and the key.
//!
//! Everything is little-endian. The header is `assay-pk`, the version (u64), the key id, the circuit, the
//! SHA-256 of what follows, and how many points there are: inputs, A, B, L, H (u64 each). Points are
//! raw: checking curve and subgroup of one's own key again would take longer than a proof, and
//! [`crate::prove()`] checks each proof that a key makes.

use std::{
    fs,
    io::{self, Read as _, Write as _},
    path::Path,
};

use assay_verifier::{
    groth16::VerifyingKey,
    ids::{CircuitDigest, KeyId, Sha256Digest},
};

use sha2::{Digest as _, Sha256};

use super::{Body, Counts, Digest, ProvingKey, Section, map::Mapped};
use crate::Error;

#[cfg(target_endian = "big")]
compile_error!("key files are used as memory, and they are little-endian");

/// Writes a key file, whole or not at all: beside `path` first, then renamed. Gives its SHA-256.
pub fn write_proving_key(path: &Path, key: &ProvingKey) -> Result<Sha256Digest, Error> {
    let refuse = |error: io::Error| io_error(path, &error);
    let name = path.file_name().ok_or_else(|| refuse(io::ErrorKind::InvalidFilename.into()))?;
    let mut partial = name.to_owned();
    partial.push(format!(".{}.partial", std::process::id()));
    let partial = path.with_file_name(partial);
    let written =
        write_synced(&partial, key).and_then(|digest| fs::rename(&partial, path).map(|()| digest));
    if written.is_err() {
        // Whatever went wrong is the error to report, not that this failed as well.
        let _ = fs::remove_file(&partial);
    }
    written.map_err(refuse)
}

fn write_synced(path: &Path, key: &ProvingKey) -> io::Result<Sha256Digest> {
    let ProvingKey { id, circuit, counts, body, digest: _, checked: _ } = key;
    let Counts { inputs, a, b, l, h } = *counts;
    let mut file = fs::File::create(path)?;
    let mut header = MAGIC.to_vec();
    header.extend(KEY_FILE_VERSION.to_le_bytes());
    header.extend(id.as_bytes());
    header.extend(circuit.as_bytes());
    header.extend(Sha256Digest::of(body.bytes()).as_bytes());
    for count in [inputs, a, b, l, h] {
        header.extend((count as u64).to_le_bytes());
    }
    let mut hash = Sha256::new();
    for part in [&header[..], body.bytes()] {
        hash.update(part);
        file.write_all(part)?;
    }
    file.sync_all()?;
    Ok(Sha256Digest::new(hash.finalize().into()))
}

/// Opens a key file for a circuit: it stays where it is, and is read as it is used. Its SHA-256 is
/// checked with the first proof, or by [`ProvingKey::check`]: that of the whole file if it is known from
/// elsewhere, else that of the key by its header. Errors: a file that is not one, is cut short, or
/// belongs to another circuit.
pub fn open_proving_key(
    path: &Path,
    circuit: CircuitDigest,
    whole: Option<Sha256Digest>,
) -> Result<ProvingKey, Error> {
    let refuse = |error: io::Error| io_error(path, &error);
    let mut file = fs::File::open(path).map_err(refuse)?;
    let mut header = [0; HEADER_BYTES];
    file.read_exact(&mut header).map_err(refuse)?;
    let Header { id, circuit: found, body: digest, counts } = Header::read(&header)?;
    if found != circuit {
        return Err(Error::KeyOtherCircuit { expected: circuit, found });
    }
    let found = file.metadata().map_err(refuse)?.len();
    let expected = HEADER_BYTES as u64 + counts.body_bytes();
    if found != expected {
        return Err(Error::KeyFileLength { expected, found });
    }
    let body = Body::Mapped(Mapped::file(&file).map_err(refuse)?, HEADER_BYTES);
    // It is short, and used before the rest is hashed.
    let verifying: &[u8] = counts.section(body.bytes(), Section::Verifying);
    let found = VerifyingKey::from_bytes(verifying, counts.inputs - 1)?.id();
    if found != id {
        return Err(Error::KeyFileId { expected: id, found });
    }
    let digest = whole.map_or(Digest::Body(digest), Digest::File);
    Ok(ProvingKey::new(id, circuit, counts, body, Some(digest)))
}

/// Opens a key file and checks all of it. Errors: as [`open_proving_key`], and a file that was
/// changed.
pub fn read_proving_key(path: &Path, circuit: CircuitDigest) -> Result<ProvingKey, Error> {
    let key = open_proving_key(path, circuit, None)?;
    key.check()?;
    Ok(key)
}

const MAGIC: &[u8; 8] = b"assay-pk";
/// Version of key files: another one's are refused.
pub const KEY_FILE_VERSION: u64 = 1;
pub(super) const HEADER_BYTES: usize = 8 + 8 + 3 * 32 + 5 * 8;
/// Circuits have fewer wires and rows; so no length overflows.
const MAX_COUNT: u64 = 1 << 32;

struct Header {
    id: KeyId,
    circuit: CircuitDigest,
    body: Sha256Digest,
    counts: Counts,
}

impl Header {
    fn read(bytes: &[u8; HEADER_BYTES]) -> Result<Self, Error> {
        let mut rest = &bytes[..];
        let (magic, version) = (take::<8>(&mut rest), u64::from_le_bytes(take(&mut rest)));
        if magic != *MAGIC || version != KEY_FILE_VERSION {
            let found = format!("{:?} version {version}", String::from_utf8_lossy(&magic));
            return Err(Error::KeyFileFormat { expected: "\"assay-pk\" version 1", found });
        }
        let id = KeyId::new(take(&mut rest));
        let circuit = CircuitDigest::new(take(&mut rest));
        let body = Sha256Digest::new(take(&mut rest));
        let mut count = |least: u64| match u64::from_le_bytes(take(&mut rest)) {
            found if (least..=MAX_COUNT).contains(&found) => Ok(found as usize),
            found => {
                let expected = "\"assay-pk\" and numbers of points up to 2^32";
                Err(Error::KeyFileFormat { expected, found: found.to_string() })
            }
        };
        let counts =
            Counts { inputs: count(1)?, a: count(0)?, b: count(0)?, l: count(0)?, h: count(0)? };
        Ok(Self { id, circuit, body, counts })
    }
}

fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
    let (head, tail) = rest.split_first_chunk().expect("the header has room for all");
    *rest = tail;
    *head
}

fn io_error(path: &Path, error: &io::Error) -> Error {
    Error::KeyFileIo { path: path.display().to_string(), why: error.to_string() }
}
