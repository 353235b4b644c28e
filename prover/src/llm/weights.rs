//! Weight files: which tensors a model has, and how they are read.
//!
//! A file is read once, from its first byte to its last: each tensor into one buffer, which is hashed and handed
//! on. So what is loaded are the bytes that were hashed, and beside the model's own memory there is one tensor.

mod demanded;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, Read},
    path::Path,
};

use assay_verifier::ids::Sha256Digest;
use safetensors::tensor::{Metadata, TensorInfo};
use sha2::{Digest as _, Sha256};

pub(super) use demanded::demanded;

use super::{Error, settings::Dtype};

/// A tensor of a file, as it is handed on.
#[derive(Clone, Copy, Debug)]
pub struct Weight<'a> {
    /// Its name, as `transformers` has it, with `model.` where the file leaves that out.
    pub name: &'a str,
    /// Of what its elements are.
    pub dtype: Dtype,
    /// Dimensions, outermost first: those that the configuration demands.
    pub shape: &'a [usize],
    /// Elements, row-major, little-endian; as many as the shape says.
    pub bytes: &'a [u8],
}

/// What is read of a model's weights.
#[derive(Clone, Copy, Debug)]
pub enum Given<'a> {
    /// All of an encoder: a TorchScript archive.
    Archive(&'a [u8]),
    /// A tensor of a decoder.
    Tensor(Weight<'a>),
}

/// Whoever takes it, tensor after tensor.
pub type Take<'a> = &'a mut dyn FnMut(Given<'_>) -> Result<(), Error>;

/// What is read, and how far that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading<'a> {
    /// The file, by its name in the folder.
    pub file: &'a str,
    /// Bytes read of all files.
    pub read: u64,
    /// Bytes of all files.
    pub of: u64,
}

/// Reads weight files.
pub(super) struct Reader<'a> {
    /// Tensors that are still to come, with their shapes.
    pub(super) missing: BTreeMap<String, Vec<usize>>,
    /// Those that came.
    pub(super) found: BTreeMap<String, Vec<usize>>,
    /// What they were made of.
    pub(super) dtypes: BTreeSet<Dtype>,
    /// What stands before every name but is left out in these files.
    pub(super) prefix: &'static str,
    /// Whether the model's logits come from the embedding: then files may have the head again.
    pub(super) tied: bool,
    pub(super) progress: &'a mut dyn FnMut(Reading<'_>),
    pub(super) read: u64,
    pub(super) of: u64,
}

impl Reader<'_> {
    /// Reads a file; gives its length and digest. Errors: no `safetensors`; a tensor that the
    /// configuration does not know, or of another shape.
    pub(super) fn file(
        &mut self,
        folder: &Path,
        name: &str,
        take: Take<'_>,
    ) -> Result<(u64, Sha256Digest), Error> {
        let path = folder.join(name);
        let unreadable =
            |error: io::Error| Error::Unreadable { path: path.clone(), why: error.to_string() };
        let invalid = |why: String| Error::WeightsInvalid { file: name.to_owned(), why };
        let file = File::open(&path).map_err(unreadable)?;
        let length = file.metadata().map_err(unreadable)?.len();
        let mut file = Hashing { file, hash: Sha256::new(), path: &path };
        let mut head = [0; 8];
        file.fill(&mut head)?;
        let header = u64::from_le_bytes(head);
        if header > MOST_HEADER {
            return Err(invalid(format!("a header of {header} bytes, {MOST_HEADER} may be")));
        }
        let mut buffer =
            vec![0; usize::try_from(header).map_err(|error| invalid(error.to_string()))?];
        file.fill(&mut buffer)?;
        let metadata: Metadata =
            serde_json::from_slice(&buffer).map_err(|error| invalid(error.to_string()))?;
        let said = metadata.data_len();
        if u64::try_from(said).ok().and_then(|said| said.checked_add(8 + header)) != Some(length) {
            return Err(invalid(format!("{length} bytes, its header says {said} and itself")));
        }
        self.advance(name, 8 + header);
        // `Metadata` vouches that tensors follow each other without gaps, with as many bytes as their shapes say.
        for tensor in metadata.offset_keys() {
            let Some(info) = metadata.info(&tensor) else { continue };
            let bytes = info.data_offsets.1.saturating_sub(info.data_offsets.0);
            buffer.resize(bytes, 0);
            file.fill(&mut buffer)?;
            self.tensor(name, &tensor, info, &buffer, take)?;
            self.advance(name, u64::try_from(bytes).unwrap_or(0));
        }
        Ok((length, Sha256Digest::new(file.hash.finalize().into())))
    }

    /// Every tensor came. Errors: the first that did not.
    pub(super) fn done(&self) -> Result<(), Error> {
        match self.missing.keys().next() {
            Some(tensor) => Err(Error::TensorMissing { tensor: tensor.clone() }),
            None => Ok(()),
        }
    }

    fn tensor(
        &mut self,
        file: &str,
        name: &str,
        info: &TensorInfo,
        bytes: &[u8],
        take: Take<'_>,
    ) -> Result<(), Error> {
        let full = if name.starts_with(self.prefix) || name == demanded::HEAD {
            name.to_owned()
        } else {
            format!("{}{name}", self.prefix)
        };
        let name = full.as_str();
        let Some((name, shape)) = self.missing.remove_entry(name) else {
            if self.found.contains_key(name) {
                return Err(Error::TensorTwice { tensor: name.to_owned() });
            }
            if demanded::can_be_left_out(name, self.tied) {
                return Ok(());
            }
            return Err(Error::TensorUnexpected { tensor: name.to_owned(), file: file.to_owned() });
        };
        if info.shape != shape {
            let found = info.shape.clone();
            return Err(Error::TensorShape { tensor: name, expected: shape, found });
        }
        let dtype = match info.dtype {
            safetensors::Dtype::F32 => Dtype::F32,
            safetensors::Dtype::F16 => Dtype::F16,
            safetensors::Dtype::BF16 => Dtype::Bf16,
            other => return Err(Error::TensorDtype { tensor: name, found: format!("{other:?}") }),
        };
        take(Given::Tensor(Weight { name: &name, dtype, shape: &shape, bytes }))?;
        self.dtypes.insert(dtype);
        self.found.insert(name, shape);
        Ok(())
    }

    fn advance(&mut self, file: &str, bytes: u64) {
        self.read = self.read.saturating_add(bytes);
        (self.progress)(Reading { file, read: self.read, of: self.of });
    }
}

/// A file whose bytes are hashed as they are read.
struct Hashing<'a> {
    file: File,
    hash: Sha256,
    path: &'a Path,
}

impl Hashing<'_> {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), Error> {
        self.file.read_exact(buffer).map_err(|error| Error::Unreadable {
            path: self.path.to_owned(),
            why: error.to_string(),
        })?;
        self.hash.update(buffer);
        Ok(())
    }
}

/// As `safetensors` itself has it.
const MOST_HEADER: u64 = 100_000_000;
