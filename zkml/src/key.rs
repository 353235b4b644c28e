//! The proving key and its file.
//!
//! The file is raw: points uncompressed, in the order of `ark_groth16::ProvingKey`, behind a header
//! that names the key and its circuit and carries a SHA-256 of the points. Reading checks that hash
//! and every length, and then takes the points as they are: checking curve and subgroup again would
//! take longer than a proof, and [`crate::prove()`] checks each proof that a key makes.

use std::{
    fs,
    io::{self, Read, Write},
    path::Path,
};

use ark_bls12_381::{Bls12_381, G1Affine, G2Affine};
use ark_serialize::{CanonicalDeserialize, CanonicalSerialize};
use assay_verifier::{
    groth16::VerifyingKey,
    ids::{CircuitDigest, KeyId, Sha256Digest},
};
use sha2::{Digest as _, Sha256};

use crate::{Error, r1cs::R1cs};

/// What a prover needs beside the circuit.
pub struct ProvingKey {
    ark: ark_groth16::ProvingKey<Bls12_381>,
    id: KeyId,
    circuit: CircuitDigest,
}

impl ProvingKey {
    pub(crate) const fn new(
        ark: ark_groth16::ProvingKey<Bls12_381>,
        id: KeyId,
        circuit: CircuitDigest,
    ) -> Self {
        Self { ark, id, circuit }
    }

    /// SHA-256 of the verifying key.
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The circuit that it belongs to.
    pub const fn circuit(&self) -> CircuitDigest {
        self.circuit
    }

    /// The verifying key inside, as `assay_verifier::groth16::VerifyingKey` reads it.
    pub fn verifying(&self) -> Vec<u8> {
        VerifyingKey::encode(&self.ark.vk)
    }

    pub(crate) const fn ark(&self) -> &ark_groth16::ProvingKey<Bls12_381> {
        &self.ark
    }
}

/// Shows the ids, not the points.
impl core::fmt::Debug for ProvingKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { ark: _, id, circuit } = self;
        f.debug_struct("ProvingKey").field("id", id).field("circuit", circuit).finish()
    }
}

/// Writes a key file, whole or not at all: beside `path` first, then renamed.
pub fn write_proving_key(path: &Path, key: &ProvingKey) -> Result<(), Error> {
    let refuse = |error: io::Error| io_error(path, &error);
    let name = path.file_name().ok_or_else(|| refuse(io::ErrorKind::InvalidFilename.into()))?;
    let mut partial = name.to_owned();
    partial.push(format!(".{}.partial", std::process::id()));
    let partial = path.with_file_name(partial);
    let written = write_synced(&partial, key).and_then(|()| fs::rename(&partial, path));
    if written.is_err() {
        // Whatever went wrong is the error to report, not that this failed as well.
        let _ = fs::remove_file(&partial);
    }
    written.map_err(refuse)
}

/// Reads a key file for a circuit. Errors: a file that is not one, is cut short, was changed, or
/// belongs to another circuit.
pub fn read_proving_key(path: &Path, r1cs: &R1cs) -> Result<ProvingKey, Error> {
    let refuse = |error: io::Error| io_error(path, &error);
    let mut file = fs::File::open(path).map_err(refuse)?;
    let found = file.metadata().map_err(refuse)?.len();
    let header = Header::read(&mut file).map_err(refuse)?;
    header.check(r1cs)?;
    let counts = Counts::of(r1cs);
    let expected = HEADER_BYTES + counts.body_bytes();
    if found != expected {
        return Err(Error::KeyFileLength { expected, found });
    }
    // The length is right, so this takes what it says and no more.
    let mut body = Vec::new();
    file.take(counts.body_bytes()).read_to_end(&mut body).map_err(refuse)?;
    decode(&header, &counts, &body)
}

const MAGIC: &str = "assay-pk";
const VERSION: u32 = 0;
const HEADER_BYTES: u64 = 8 + 4 + 3 * 32;
const G1_BYTES: u64 = 96;
const G2_BYTES: u64 = 192;

struct Header {
    magic: [u8; 8],
    version: u32,
    id: KeyId,
    circuit: CircuitDigest,
    body: Sha256Digest,
}

impl Header {
    fn read(from: &mut impl Read) -> io::Result<Self> {
        fn take<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
            let mut bytes = [0; N];
            from.read_exact(&mut bytes)?;
            Ok(bytes)
        }
        Ok(Self {
            magic: take(from)?,
            version: u32::from_le_bytes(take(from)?),
            id: KeyId::new(take(from)?),
            circuit: CircuitDigest::new(take(from)?),
            body: Sha256Digest::new(take(from)?),
        })
    }

    fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let Self { magic, version, id, circuit, body } = self;
        to.write_all(magic)?;
        to.write_all(&version.to_le_bytes())?;
        to.write_all(id.as_bytes())?;
        to.write_all(circuit.as_bytes())?;
        to.write_all(body.as_bytes())
    }

    fn check(&self, r1cs: &R1cs) -> Result<(), Error> {
        if self.magic != *MAGIC.as_bytes() || self.version != VERSION {
            let found =
                format!("{:?} version {}", String::from_utf8_lossy(&self.magic), self.version);
            return Err(Error::KeyFileFormat { expected: "\"assay-pk\" version 0", found });
        }
        let expected = r1cs.digest();
        if self.circuit != expected {
            return Err(Error::KeyOtherCircuit { expected, found: self.circuit });
        }
        Ok(())
    }
}

/// How many points of each kind the key of a circuit has: what a file may be as long as.
pub(crate) struct Counts {
    inputs: usize,
    wires: usize,
    h: usize,
    l: usize,
}

impl Counts {
    pub(crate) const fn of(r1cs: &R1cs) -> Self {
        let inputs = r1cs.public_inputs() + 1;
        let l = r1cs.wires() - inputs;
        Self { inputs, wires: r1cs.wires(), h: r1cs.domain() - 1, l }
    }

    /// G1: α, β, δ, one per input, A and B per wire, H, L. G2: β, γ, δ, B per wire.
    pub(crate) const fn body_bytes(&self) -> u64 {
        let g1 = 3 + self.inputs + 2 * self.wires + self.h + self.l;
        let g2 = 3 + self.wires;
        g1 as u64 * G1_BYTES + g2 as u64 * G2_BYTES
    }
}

fn write_synced(path: &Path, key: &ProvingKey) -> io::Result<()> {
    let mut hash = Sha256::new();
    each_point(key, &mut |bytes| {
        hash.update(bytes);
        Ok(())
    })?;
    let header = Header {
        magic: MAGIC.as_bytes().try_into().expect("eight bytes"),
        version: VERSION,
        id: key.id,
        circuit: key.circuit,
        body: Sha256Digest::new(hash.finalize().into()),
    };
    let mut file = io::BufWriter::new(fs::File::create(path)?);
    header.write(&mut file)?;
    each_point(key, &mut |bytes| file.write_all(bytes))?;
    file.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()
}

/// Gives the bytes of every point, in the file's order.
fn each_point(key: &ProvingKey, give: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let ark_groth16::ProvingKey {
        vk,
        beta_g1,
        delta_g1,
        a_query,
        b_g1_query,
        b_g2_query,
        h_query,
        l_query,
    } = &key.ark;
    let ark_groth16::VerifyingKey { alpha_g1, beta_g2, gamma_g2, delta_g2, gamma_abc_g1 } = vk;
    let g1 = [alpha_g1, beta_g1, delta_g1].into_iter();
    for point in
        g1.chain([gamma_abc_g1, a_query, b_g1_query, h_query, l_query].into_iter().flatten())
    {
        give(&bytes_of(point)?)?;
    }
    for point in [beta_g2, gamma_g2, delta_g2].into_iter().chain(b_g2_query) {
        give(&bytes_of(point)?)?;
    }
    Ok(())
}

fn bytes_of(point: &impl CanonicalSerialize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(192);
    point.serialize_uncompressed(&mut bytes).map_err(io::Error::other)?;
    Ok(bytes)
}

fn decode(header: &Header, counts: &Counts, body: &[u8]) -> Result<ProvingKey, Error> {
    let (expected, found) = (header.body, Sha256Digest::of(body));
    if found != expected {
        return Err(Error::KeyFileDamaged { expected, found });
    }
    let mut rest = body;
    let one = |rest: &mut &[u8], what| -> Result<G1Affine, Error> { point(rest, what) };
    let many = |rest: &mut &[u8], count: usize, what| -> Result<Vec<G1Affine>, Error> {
        (0..count).map(|_| point(rest, what)).collect()
    };
    let alpha_g1 = one(&mut rest, "alpha")?;
    let beta_g1 = one(&mut rest, "beta")?;
    let delta_g1 = one(&mut rest, "delta")?;
    let gamma_abc_g1 = many(&mut rest, counts.inputs, "an input's point")?;
    let a_query = many(&mut rest, counts.wires, "a point of A")?;
    let b_g1_query = many(&mut rest, counts.wires, "a point of B")?;
    let h_query = many(&mut rest, counts.h, "a point of H")?;
    let l_query = many(&mut rest, counts.l, "a point of L")?;
    let beta_g2: G2Affine = point(&mut rest, "beta in G2")?;
    let gamma_g2 = point(&mut rest, "gamma in G2")?;
    let delta_g2 = point(&mut rest, "delta in G2")?;
    let b_g2_query = (0..counts.wires)
        .map(|_| point(&mut rest, "a point of B in G2"))
        .collect::<Result<_, _>>()?;
    let vk = ark_groth16::VerifyingKey { alpha_g1, beta_g2, gamma_g2, delta_g2, gamma_abc_g1 };
    let id = VerifyingKey::from_bytes(&VerifyingKey::encode(&vk), counts.inputs - 1)?.id();
    if id != header.id {
        return Err(Error::KeyFileId { expected: header.id, found: id });
    }
    let ark = ark_groth16::ProvingKey {
        vk,
        beta_g1,
        delta_g1,
        a_query,
        b_g1_query,
        b_g2_query,
        h_query,
        l_query,
    };
    Ok(ProvingKey { ark, id, circuit: header.circuit })
}

/// The next point, taken as it is: our own, and its hash matched.
fn point<P: CanonicalDeserialize>(rest: &mut &[u8], what: &'static str) -> Result<P, Error> {
    P::deserialize_uncompressed_unchecked(rest).map_err(|_| Error::KeyFilePoint { what })
}

fn io_error(path: &Path, error: &io::Error) -> Error {
    Error::KeyFileIo { path: path.display().to_string(), why: error.to_string() }
}

#[cfg(test)]
mod tests;
