//! A model as Hugging Face lays it out.
//!
//! ```text
//! config.json                                    what the numbers mean
//! model.safetensors, or model.safetensors.index.json and its shards
//! tokenizer.json
//! tokenizer_config.json    if there: the chat template, and the names of special tokens
//! chat_template.jinja      if there, in place of that one
//! generation_config.json   if there: tokens that end an answer
//! ```
//! An encoder has `model.pt`, a TorchScript archive, in place of the weights, and of `config.json` only `hidden_size`,
//! `vocab_size` and `max_position_embeddings` are read. No other file is opened, and each that is opened is in the digest.

mod special;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use assay_verifier::ids::{ModelDigest, ModelKind, Sha256Digest};
use serde::Deserialize;

pub use super::weights::{Given, Reading, Take, Weight};
use super::{
    Error, Model,
    config::{self, Config, Head},
    settings::{Dtype, Settings},
    template::Template,
    tokenizer::Tokenizer,
    weights::{Reader, demanded},
};
use special::Special;

/// A folder whose small files were read. The weights come with [`Folder::load`].
pub struct Folder {
    path: PathBuf,
    name: String,
    kind: Kind,
    tokenizer: Tokenizer,
    template: Option<Template>,
    special: Special,
    ends: BTreeSet<u32>,
    /// What was read: name, length, digest.
    read: Vec<(String, u64, Sha256Digest)>,
}

/// What a folder holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Weights of a decoder.
    Decoder(Config),
    /// A TorchScript archive that takes tokens and mask and gives states.
    Encoder(Encoder),
}

/// The dimensions of an encoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct Encoder {
    /// Width of a token's state.
    #[serde(rename = "hidden_size")]
    pub hidden: u32,
    /// Tokens that have an embedding.
    #[serde(rename = "vocab_size")]
    pub vocabulary: u32,
    /// Most tokens of a text.
    #[serde(rename = "max_position_embeddings")]
    pub context: u32,
}

/// Where a model's weights are.
enum Weights {
    Archive,
    Shards(BTreeSet<String>),
}

impl Folder {
    /// Reads all but the weights. Errors: a file that is missing or cannot be used, by name.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let mut files = Files { path, read: Vec::new() };
        let json = files.demand("config.json")?;
        let (mut ends, kind) = if files.has(ARCHIVE) {
            (BTreeSet::new(), Kind::Encoder(encoder(&json)?))
        } else {
            let config = Config::read(&json)?;
            (config.ends.clone(), Kind::Decoder(config))
        };
        if let Some(json) = files.find("generation_config.json")? {
            ends.extend(config::read_ends(&json)?);
        }
        let tokenizer = Tokenizer::read(&files.demand("tokenizer.json")?)?;
        let mut special = match files.find("tokenizer_config.json")? {
            Some(json) => Special::read(&json)?,
            None => Special::default(),
        };
        let own = special.template.take();
        let template =
            files.find("chat_template.jinja")?.map(|bytes| text("chat_template.jinja", bytes));
        let template =
            template.transpose()?.or(own).map(|source| Template::read(&source)).transpose()?;
        ends.extend(special.end().and_then(|end| tokenizer.token(end)));
        let name =
            path.canonicalize().ok().and_then(|path| Some(path.file_name()?.to_str()?.to_owned()));
        let name = name.unwrap_or_else(|| "model".to_owned());
        Ok(Self {
            path: path.to_owned(),
            name,
            kind,
            tokenizer,
            template,
            special,
            ends,
            read: files.read,
        })
    }

    /// What the folder holds.
    pub const fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Reads the weights, each byte once, and gives each tensor to `take` as it comes. Gives the model, whose
    /// settings are those in effect, and whose digest is of exactly what was read. Errors: a tensor too few or too many, or of another shape; what `take` says.
    pub fn load(
        mut self,
        mut settings: Settings,
        progress: &mut dyn FnMut(Reading<'_>),
        take: Take<'_>,
    ) -> Result<Model, Error> {
        let model_kind = match &self.kind {
            Kind::Encoder(_) => ModelKind::TorchScript,
            Kind::Decoder(_) => ModelKind::SafeTensors,
        };
        match self.weights()? {
            Weights::Archive => {
                let mut files = Files { path: &self.path, read: std::mem::take(&mut self.read) };
                let bytes = files.demand(ARCHIVE)?;
                let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                progress(Reading { file: ARCHIVE, read: length, of: length });
                take(Given::Archive(&bytes))?;
                self.read = files.read;
            }
            Weights::Shards(shards) => {
                let stored = self.shards(&shards, progress, take)?;
                settings.dtype = settings.dtype.or(Some(stored));
            }
        }
        let files: Vec<_> =
            self.read.iter().map(|(name, length, hash)| (name.as_str(), *length, *hash)).collect();
        let digest = ModelDigest::of_hashed(model_kind, &files);
        Ok(Model {
            name: self.name,
            digest,
            kind: self.kind,
            settings,
            tokenizer: Arc::new(self.tokenizer),
            template: self.template,
            special: self.special.texts(),
            ends: self.ends,
        })
    }

    fn shards(
        &mut self,
        shards: &BTreeSet<String>,
        progress: &mut dyn FnMut(Reading<'_>),
        take: Take<'_>,
    ) -> Result<Dtype, Error> {
        let Kind::Decoder(config) = &self.kind else { return Ok(Dtype::F32) };
        let length =
            |name: &String| fs::metadata(self.path.join(name)).map_or(0, |file| file.len());
        let mut reader = Reader {
            missing: demanded(config),
            found: BTreeMap::new(),
            dtypes: BTreeSet::new(),
            prefix: "model.",
            tied: config.head != Head::Own,
            progress,
            read: 0,
            of: shards.iter().map(length).sum(),
        };
        for shard in shards {
            let (length, hash) = reader.file(&self.path, shard, &mut *take)?;
            self.read.push((shard.clone(), length, hash));
        }
        reader.done()?;
        Ok(match (reader.dtypes.pop_first(), reader.dtypes.is_empty()) {
            (Some(dtype), true) => dtype,
            _ => Dtype::F32,
        })
    }

    fn weights(&mut self) -> Result<Weights, Error> {
        if let Kind::Encoder(_) = self.kind {
            return Ok(Weights::Archive);
        }
        let mut files = Files { path: &self.path, read: std::mem::take(&mut self.read) };
        let shards = if files.has(SINGLE) {
            BTreeSet::from([SINGLE.to_owned()])
        } else {
            shards(&files.demand(INDEX)?)?
        };
        self.read = files.read;
        Ok(Weights::Shards(shards))
    }
}

/// The small files of a folder, with the digest of each that was read.
struct Files<'a> {
    path: &'a Path,
    read: Vec<(String, u64, Sha256Digest)>,
}

impl Files<'_> {
    fn has(&self, name: &str) -> bool {
        self.path.join(name).exists()
    }

    fn find(&mut self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        if self.has(name) { self.demand(name).map(Some) } else { Ok(None) }
    }

    fn demand(&mut self, name: &str) -> Result<Vec<u8>, Error> {
        let path = self.path.join(name);
        let bytes =
            fs::read(&path).map_err(|error| Error::Unreadable { path, why: error.to_string() })?;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.read.push((name.to_owned(), length, Sha256Digest::of(&bytes)));
        Ok(bytes)
    }
}

/// The files that the index of shards names. Errors: a name that leads out of the folder.
fn shards(json: &[u8]) -> Result<BTreeSet<String>, Error> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: BTreeMap<String, String>,
    }
    let index: Index = parse(INDEX, json)?;
    let names: BTreeSet<String> = index.weight_map.into_values().collect();
    let plain = |name: &str| {
        let letters =
            name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
        letters && !name.starts_with('.') && name.ends_with(".safetensors")
    };
    match names.iter().find(|name| !plain(name)) {
        Some(found) => Err(Error::IndexEscapes { found: found.clone() }),
        None => Ok(names),
    }
}

fn encoder(json: &[u8]) -> Result<Encoder, Error> {
    let encoder: Encoder = parse("config.json", json)?;
    if encoder.hidden == 0 || encoder.vocabulary == 0 || encoder.context == 0 {
        let why = "a dimension is 0".to_owned();
        return Err(Error::ConfigInvalid { file: "config.json".to_owned(), why });
    }
    Ok(encoder)
}

fn parse<T: serde::de::DeserializeOwned>(file: &str, json: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(json)
        .map_err(|error| Error::ConfigInvalid { file: file.to_owned(), why: error.to_string() })
}

fn text(file: &str, bytes: Vec<u8>) -> Result<String, Error> {
    String::from_utf8(bytes)
        .map_err(|error| Error::ConfigInvalid { file: file.to_owned(), why: error.to_string() })
}

const ARCHIVE: &str = "model.pt";
const INDEX: &str = "model.safetensors.index.json";
const SINGLE: &str = "model.safetensors";

#[cfg(test)]
mod tests;
