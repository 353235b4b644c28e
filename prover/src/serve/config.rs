//! The configuration: one TOML file, then the environment, then the command line.

mod read;

use std::{fmt, path::PathBuf, time::Duration};

use assay_verifier::ids::{ModelDigest, Name, Sha256Digest};
use serde::{Deserialize, Serialize};

use super::listen::Listen;
use crate::{
    error::Error,
    jobs::Rules,
    llm::settings::{Dtype, Pooling, Settings},
};

/// What the service is told. Printed, it names no password.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address and port of the HTTP interface.
    pub listen: Listen,
    /// Names that the service is reached by, beside this machine's and the address it listens on.
    pub hosts: Vec<String>,
    /// Folder of keys, the job store, the development attester. Relative to the file.
    pub state: PathBuf,
    /// The operation files. Relative to the file.
    pub operations: Vec<PathBuf>,
    /// Digests of the models that may be loaded; without it, those that the operations name. An enclave
    /// wants it, because its policy pins the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub models: Option<Vec<ModelDigest>>,
    /// The language models.
    pub llm: Vec<Llm>,
    /// For whoever operates the service.
    pub admin: Admin,
    /// Proofs.
    pub jobs: Jobs,
    /// Limits.
    pub limits: Limits,
    /// Logs.
    pub log: Log,
}

/// The interface for whoever operates the service.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Admin {
    /// Its address and port: on this machine, the port after that of `listen`, by default.
    pub listen: Option<Listen>,
}

/// A language model, and how it is run.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Llm {
    /// Its folder, as Hugging Face lays it out. Relative to the file.
    pub path: PathBuf,
    /// What clients call it; the folder's name by default.
    pub name: Option<Name>,
    /// Threads of libtorch.
    #[serde(default = "one")]
    pub threads: u16,
    /// `cpu`, or `cuda` where libtorch has it.
    #[serde(default = "cpu")]
    pub device: String,
    /// `f32`, `f16` or `bf16`; as the weights are stored by default.
    pub dtype: Option<String>,
    /// `mean` or `last`: what an embedding is made of.
    #[serde(default = "mean")]
    pub pooling: String,
    /// Most tokens of prompt and answer together, where that is to be less than the model's own.
    pub max_context: Option<u32>,
}

const fn one() -> u16 {
    1
}

fn cpu() -> String {
    "cpu".to_owned()
}

fn mean() -> String {
    "mean".to_owned()
}

/// How proofs are made.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Jobs {
    /// `postgres://…`, or `sqlite:PATH`; `sqlite:` and jobs.sqlite in the state folder by default.
    pub url: Option<String>,
    /// Proofs at a time in this process. 0: others prove.
    pub workers: usize,
    /// How often a worker says that it lives.
    pub heartbeat_ms: u64,
    /// How many of these it may miss before its jobs go to others.
    pub missed_heartbeats: u32,
    /// How often a job is tried, crashes included, before it is parked.
    pub max_attempts: u32,
    /// Most jobs that wait or run.
    pub max_queued: u32,
    /// The greatest priority that a request may ask for.
    pub max_priority: u8,
    /// How long a proof at hand may take when the process is to end; then it goes back.
    pub hand_back_ms: u64,
}

/// Limits of the HTTP interface.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections at a time; fewer, where the process may open fewer files.
    pub connections: usize,
    /// How long the headers of a request may take, and a connection may wait for the next request.
    pub headers_ms: u64,
    /// Longest request body, in bytes. An operation whose values are shorter takes no longer ones.
    pub body_bytes: usize,
    /// How long a body may take.
    pub body_ms: u64,
    /// Bytes of bodies that are read or answered at a time, all together.
    pub bodies_bytes: u64,
    /// Operations that wait for the engine; beyond, requests are refused.
    pub requests_waiting: usize,
    /// How long a request waits for its answer, and an answer of a language model for its client to read on.
    pub answer_ms: u64,
    /// Answers of language models that are generated at a time.
    pub sequences: usize,
    /// Bytes that these may keep of their tokens, all together.
    pub cache_bytes: u64,
    /// How long work at hand may take to finish when the process is to end.
    pub shutdown_ms: u64,
}

/// Logs, to standard error.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `text` or `json`.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: LogLevel,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object.
    Json,
    /// For people.
    #[default]
    Text,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// What the command line says over file and environment.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Address and port.
    pub listen: Option<Listen>,
    /// State folder.
    pub state: Option<PathBuf>,
    /// Operation files, in place of the configured ones.
    pub operations: Vec<PathBuf>,
    /// Folders of language models, in place of the configured ones.
    pub llm: Vec<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: Listen::Tcp(([127, 0, 0, 1], 8547).into()),
            state: PathBuf::new(),
            operations: Vec::new(),
            hosts: Vec::new(),
            llm: Vec::new(),
            models: None,
            admin: Admin::default(),
            jobs: Jobs::default(),
            limits: Limits::default(),
            log: Log::default(),
        }
    }
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            url: None,
            workers: 1,
            heartbeat_ms: 5_000,
            missed_heartbeats: 3,
            max_attempts: 5,
            max_queued: 1_000,
            max_priority: 0,
            hand_back_ms: 10_000,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // A picture of 4096 by 4096 pixels, in base64, is below that.
            body_bytes: 32 << 20,
            body_ms: 30_000,
            bodies_bytes: 128 << 20,
            connections: 512,
            headers_ms: 10_000,
            requests_waiting: 64,
            answer_ms: 30_000,
            sequences: 64,
            cache_bytes: 4 << 30,
            shutdown_ms: 30_000,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: LogLevel::Info }
    }
}

impl Config {
    /// Where jobs are kept.
    pub fn store(&self) -> String {
        let default = || format!("sqlite:{}", self.state.join("jobs.sqlite").display());
        self.jobs.url.clone().unwrap_or_else(default)
    }

    /// How jobs are tried.
    pub const fn rules(&self) -> Rules {
        Rules {
            heartbeat: Duration::from_millis(self.jobs.heartbeat_ms),
            missed: self.jobs.missed_heartbeats,
            max_attempts: self.jobs.max_attempts,
            max_queued: self.jobs.max_queued,
            hand_back: Duration::from_millis(self.jobs.hand_back_ms),
        }
    }

    /// SHA-256 of the operation files, and the digests of the language models, in order: what the
    /// development attester extends PCR 16 with.
    pub(super) fn digest(&self, models: &[ModelDigest]) -> Result<[u8; 32], Error> {
        let files = self.operations.iter().map(|path| crate::cli::read(path));
        let files = files.map(|file| Ok(*Sha256Digest::of(&file?).as_bytes()));
        let digests = models.iter().map(|digest| Ok(*digest.as_bytes()));
        let digests = files.chain(digests).collect::<Result<Vec<_>, Error>>()?;
        // One operation is configured as `assay run` configures it.
        Ok(match digests.as_slice() {
            [only] if models.is_empty() => *only,
            many => *Sha256Digest::of(&many.concat()).as_bytes(),
        })
    }
}

impl Llm {
    /// A folder, run as it is by default.
    pub fn of(path: PathBuf) -> Self {
        let (name, dtype, max_context) = (None, None, None);
        Self { path, name, threads: one(), device: cpu(), dtype, pooling: mean(), max_context }
    }

    /// What clients call it. Errors: the folder's name is none that a client could use.
    pub fn name(&self) -> Result<Name, Error> {
        if let Some(name) = &self.name {
            return Ok(name.clone());
        }
        let folder = self.path.canonicalize().unwrap_or_else(|_| self.path.clone());
        let folder = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        Name::new(&folder.to_ascii_lowercase())
            .map_err(|error| self.refuse("name", format!("{error}: give it one of its own")))
    }

    /// How it is run. Errors: a word that stands for nothing.
    pub fn settings(&self) -> Result<Settings, Error> {
        let dtype = self.dtype.as_deref().map(|dtype| {
            let unknown = || format!("expected f32, f16 or bf16, found {dtype:?}");
            Dtype::named(dtype).ok_or_else(|| self.refuse("dtype", unknown()))
        });
        let pooling = Pooling::named(&self.pooling).ok_or_else(|| {
            self.refuse("pooling", format!("expected mean or last, found {:?}", self.pooling))
        })?;
        if !(1..=MAX_THREADS).contains(&self.threads) {
            let why = format!("expected 1 to {MAX_THREADS}, found {}", self.threads);
            return Err(self.refuse("threads", why));
        }
        if let Some(found) = self.max_context.filter(|tokens| !(2..=MAX_CONTEXT).contains(tokens)) {
            let why =
                format!("expected 2 (a prompt and an answer) to {MAX_CONTEXT}, found {found}");
            return Err(self.refuse("max_context", why));
        }
        let (device, threads) = (self.device.clone(), self.threads);
        Ok(Settings { device, dtype: dtype.transpose()?, threads, pooling })
    }

    fn refuse(&self, field: &str, why: String) -> Error {
        Error::Config { place: format!("llm {}: {field}", self.path.display()), why }
    }
}

/// More than machines have.
const MAX_THREADS: u16 = 1024;

/// More than models have.
const MAX_CONTEXT: u32 = 1 << 27;

impl Limits {
    /// How long a request waits for its answer.
    pub const fn answer(&self) -> Duration {
        Duration::from_millis(self.answer_ms)
    }

    /// How long work at hand may take to finish when the process is to end.
    pub const fn shutdown(&self) -> Duration {
        Duration::from_millis(self.shutdown_ms)
    }
}

impl Config {
    /// On one line, for a log.
    pub(super) fn line(&self) -> String {
        serde_json::to_string(&self.shown()).unwrap_or_default()
    }

    /// Without what is secret.
    fn shown(&self) -> Self {
        let mut shown = self.clone();
        shown.jobs.url = Some(redacted(&self.store()));
        shown
    }
}

/// As TOML, without what is secret.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&toml::to_string(&self.shown()).map_err(|_| fmt::Error)?)
    }
}

/// A store's URL without user, password and parameters.
fn redacted(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (rest, parameters) = rest.split_once('?').map_or((rest, ""), |(rest, _)| (rest, "?…"));
    let (user, host) = rest.rsplit_once('@').map_or(("", rest), |(_, host)| ("…@", host));
    format!("{scheme}://{user}{host}{parameters}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_printed() {
        for (url, shown) in [
            ("postgres://me:secret@db.internal/assay", "postgres://…@db.internal/assay"),
            ("postgres://db/assay?user=me&password=secret", "postgres://db/assay?…"),
            ("postgresql://me:se@cret@db:5432/assay?x=secret", "postgresql://…@db:5432/assay?…"),
            ("sqlite:/var/lib/assay/jobs.sqlite", "sqlite:/var/lib/assay/jobs.sqlite"),
        ] {
            let jobs = Jobs { url: Some(url.to_owned()), ..Jobs::default() };
            let config = Config { jobs, ..Config::default() };
            for printed in [config.to_string(), config.line()] {
                assert!(printed.contains(shown) && !printed.contains("secret"), "{printed}");
            }
        }
    }
}
