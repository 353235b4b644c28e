//! The folder of a compiled model: everything that proving it takes, with the digest of each file.
//!
//! ```text
//! assay.json      the index: which circuit, and the SHA-256 of every other file
//! model.onnx      the model
//! manifest.json   the choices it was compiled with
//! card.cbor       the key card, once there is a key
//! key.pk          the proving key, once there is one
//! ```
//! The circuit itself is not stored: model and manifest make the same one everywhere, and the index
//! says which. Each file is written whole or not at all, and the index last, so that a folder whose
//! making was interrupted is the folder before it.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use assay_verifier::{
    card::Card,
    ids::{CircuitDigest, ModelDigest, ModelKind, Sha256Digest},
};
use assay_zkml::{COMPILER, Compiled, OsRng, compile, open_proving_key, setup, write_proving_key};
use serde::{Deserialize, Serialize};

use crate::{
    error::Error,
    files::write_atomically,
    keys::{Keys, fits, single_party_card},
};

/// A folder, with its index in memory.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
    index: Index,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Index {
    version: u32,
    compiler: String,
    circuit: CircuitDigest,
    files: BTreeMap<String, Sha256Digest>,
}

const VERSION: u32 = 0;
const INDEX: &str = "assay.json";
const MODEL: &str = "model.onnx";
const MANIFEST: &str = "manifest.json";
const CARD: &str = "card.cbor";
const KEY: &str = "key.pk";

impl Folder {
    /// Writes model and manifest, which `compiled` was compiled from. A key that is there already stays
    /// if it is for the same circuit, model and manifest, and is removed otherwise.
    pub fn write(
        path: &Path,
        onnx: &[u8],
        manifest: &[u8],
        compiled: &Compiled,
    ) -> Result<Self, Error> {
        let circuit = compiled.circuit();
        let mut files = BTreeMap::new();
        let earlier = Self::open(path).ok().filter(|folder| {
            folder.index.circuit == circuit
                && folder.index.files.get(MODEL) == Some(&Sha256Digest::of(onnx))
                && folder.index.files.get(MANIFEST) == Some(&Sha256Digest::of(manifest))
        });
        for name in [CARD, KEY] {
            match earlier.as_ref().and_then(|folder| folder.index.files.get(name)) {
                Some(digest) => {
                    files.insert(name.to_owned(), *digest);
                }
                None => remove(&path.join(name))?,
            }
        }
        for (name, bytes) in [(MODEL, onnx), (MANIFEST, manifest)] {
            write_atomically(&path.join(name), bytes)?;
            files.insert(name.to_owned(), Sha256Digest::of(bytes));
        }
        let index = Index { version: VERSION, compiler: COMPILER.to_owned(), circuit, files };
        let folder = Self { path: path.to_owned(), index };
        folder.write_index()?;
        Ok(folder)
    }

    /// Reads the index. Errors: none, or not one of this version.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let refuse = |why: String| Error::FolderIndex { path: path.join(INDEX), why };
        let bytes = fs::read(path.join(INDEX)).map_err(|error| refuse(error.to_string()))?;
        let index: Index =
            serde_json::from_slice(&bytes).map_err(|error| refuse(error.to_string()))?;
        if index.version != VERSION {
            return Err(refuse(format!("version {}, expected {VERSION}", index.version)));
        }
        Ok(Self { path: path.to_owned(), index })
    }

    /// Compiles the model again. Errors: a file that was changed; another circuit than the index says.
    pub fn compile(&self) -> Result<Compiled, Error> {
        let compiled = compile(&self.read(MODEL)?, &self.read(MANIFEST)?)?;
        if compiled.circuit() != self.index.circuit {
            return Err(Error::FolderCircuit {
                path: self.path.clone(),
                expected: self.index.circuit,
                found: compiled.circuit(),
            });
        }
        Ok(compiled)
    }

    /// What receipts call the model. FORMAT.md §3.3.
    pub fn model(&self) -> Result<ModelDigest, Error> {
        Ok(ModelDigest::of(ModelKind::Onnx, &[(MODEL, &self.read(MODEL)?)]))
    }

    /// Makes key and card, by a single party. `report` hears how many points of how many are made.
    /// Gives the length of the key file.
    pub fn set_up(
        &mut self,
        compiled: &Compiled,
        report: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<u64, Error> {
        let model = self.model()?;
        let keys = setup::single_party_reporting(compiled.r1cs(), &mut OsRng, report)?;
        let card = single_party_card(compiled, model, keys.verifying).to_bytes();
        let path = self.path.join(KEY);
        let digest = write_proving_key(&path, &keys.proving)?;
        write_atomically(&self.path.join(CARD), &card)?;
        self.index.files.insert(KEY.to_owned(), digest);
        self.index.files.insert(CARD.to_owned(), Sha256Digest::of(&card));
        self.write_index()?;
        let unreadable = |error: io::Error| Error::Unreadable { path, why: error.to_string() };
        Ok(fs::metadata(self.path.join(KEY)).map_err(unreadable)?.len())
    }

    /// Key and card. The key file is opened; its SHA-256 is checked beside the first proof. Errors: no
    /// key yet; a card that was changed, or is of another key, circuit or model.
    pub fn keys(&self, compiled: &Compiled) -> Result<Keys, Error> {
        let (path, digest) = (self.path.join(KEY), self.digest(KEY)?);
        let proving = open_proving_key(&path, compiled.circuit(), Some(digest))?;
        let bytes = self.read(CARD)?;
        let card = Card::from_bytes(&bytes)?;
        if !fits(&card, compiled, self.model()?, &proving) {
            let why = "the card beside it is of another key, circuit, model or manifest".to_owned();
            return Err(Error::Key { path, why });
        }
        Ok(Keys { proving, card: bytes })
    }

    fn digest(&self, file: &'static str) -> Result<Sha256Digest, Error> {
        let digest = self.index.files.get(file).copied();
        digest.ok_or_else(|| Error::FolderIncomplete { path: self.path.clone(), file })
    }

    fn read(&self, file: &'static str) -> Result<Vec<u8>, Error> {
        let (expected, path) = (self.digest(file)?, self.path.join(file));
        let bytes = fs::read(&path)
            .map_err(|error| Error::Unreadable { path: path.clone(), why: error.to_string() })?;
        match Sha256Digest::of(&bytes) {
            found if found == expected => Ok(bytes),
            found => Err(Error::FolderFileChanged { path, expected, found }),
        }
    }

    fn write_index(&self) -> Result<(), Error> {
        let path = self.path.join(INDEX);
        let mut bytes = serde_json::to_vec_pretty(&self.index)
            .map_err(|error| Error::Unwritable { path: path.clone(), why: error.to_string() })?;
        bytes.push(b'\n');
        write_atomically(&path, &bytes)
    }
}

fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Error::Unwritable { path: path.to_owned(), why: error.to_string() })
        }
        _ => Ok(()),
    }
}
