//! Why the command line or the service could not do something.

use std::path::PathBuf;

use assay_verifier::ids::{CardDigest, CircuitDigest, Name, Sha256Digest};

/// Why something could not be tried, or was refused. Codes are stable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The attester gave no document.
    #[error("no attestation: {0}")]
    Attester(#[from] crate::attester::Error),
    /// No key here is the one that a card is of.
    #[error("no key here is that of card {card}")]
    CardUnknown {
        /// The card that the operation names.
        card: CardDigest,
    },
    /// The configuration cannot be used.
    #[error("{place}: {why}")]
    Config {
        /// File and line, or the variable of the environment.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// An operation file, or a file it names, cannot be used.
    #[error("{}:{line}: {why}", file.display())]
    Definition {
        /// The operation file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// libtorch refused.
    #[error("step {step}: {why}")]
    Engine {
        /// The step.
        step: Name,
        /// What libtorch or the engine said.
        why: String,
    },
    /// A model's folder holds another circuit than its files make.
    #[error("{}: model and manifest make circuit {found}, the index says {expected}", path.display())]
    FolderCircuit {
        /// The folder.
        path: PathBuf,
        /// What the index says.
        expected: CircuitDigest,
        /// What was compiled.
        found: CircuitDigest,
    },
    /// A file of a model's folder was changed.
    #[error("{}: the file has SHA-256 {found}, the index says {expected}", path.display())]
    FolderFileChanged {
        /// The file.
        path: PathBuf,
        /// What the index says.
        expected: Sha256Digest,
        /// What the file has.
        found: Sha256Digest,
    },
    /// A model's folder has no such file yet.
    #[error("{}: there is no {file} in the folder's index", path.display())]
    FolderIncomplete {
        /// The folder.
        path: PathBuf,
        /// The file.
        file: &'static str,
    },
    /// A model's folder has no index that can be read.
    #[error("{}: {why}", path.display())]
    FolderIndex {
        /// The index.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// An input is not what the operation takes.
    #[error("input {name}: {why}")]
    Input {
        /// The input.
        name: Name,
        /// What is wrong.
        why: String,
    },
    /// An input that the operation does not take.
    #[error("the operation takes {known}, not {found:?}")]
    InputUnknown {
        /// Its name, as it came.
        found: String,
        /// The names of the operation's inputs.
        known: String,
    },
    /// A key on disk cannot be used.
    #[error("{}: {why}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// A language model was not loaded, or did not understand.
    #[error(transparent)]
    Llm(#[from] crate::llm::Error),
    /// libtorch did not start.
    #[error(transparent)]
    Libtorch(#[from] crate::engine::EngineError),
    /// The methods asked for are not among those that the operation allows.
    #[error("{why}")]
    Methods {
        /// What was asked for, and what is allowed.
        why: String,
    },
    /// A model does not give, or take, what its step declares.
    #[error("step {step}: {why}")]
    Model {
        /// The step.
        step: Name,
        /// What was expected and found.
        why: String,
    },
    /// The system gives no random bytes.
    #[error("the system gives no random bytes: {why}")]
    NoRandomness {
        /// What it said.
        why: String,
    },
    /// What a model gave for these inputs is no value of the declared type.
    #[error("step {step} gives no value for these inputs: {why}")]
    Output {
        /// The step.
        step: Name,
        /// What is wrong.
        why: String,
    },
    /// A receipt that was made here did not convince its maker.
    #[error("the receipt is refused by its own maker: {why} [{code}]")]
    OwnReceipt {
        /// The verifier's code.
        code: &'static str,
        /// What the check says.
        why: String,
    },
    /// A proof ended in a panic: a bug of ours.
    #[error("the proof ended in a panic: {why}")]
    Panicked {
        /// What the runtime said.
        why: String,
    },
    /// A value that a step's circuit has in the open, and the operation keeps back.
    #[error(
        "step {step} is proved with value {value} in the open: list it in `disclose`, or compile without --public"
    )]
    PublicNotDisclosed {
        /// The step.
        step: Name,
        /// The value.
        value: Name,
    },
    /// The job store cannot be used.
    #[error("job store: {why}")]
    Store {
        /// What it said.
        why: String,
    },
    /// There is no job store where one was expected.
    #[error("there is no job store: {why}")]
    StoreMissing {
        /// Where it was looked for, and what was found.
        why: String,
    },
    /// The job store can do nothing now.
    #[error("job store: {what}: {why}")]
    StoreUnavailable {
        /// What keeps it, for whoever asked.
        what: &'static str,
        /// What the database or its driver said.
        why: String,
    },
    /// A file cannot be read.
    #[error("{}: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// A file cannot be written.
    #[error("{}: {why}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// The command was called wrongly.
    #[error("{why}")]
    Usage {
        /// What is wrong.
        why: String,
    },
    /// A value, receipt or policy was refused.
    #[error(transparent)]
    Verifier(#[from] assay_verifier::Error),
    /// Witness data is not what the operation committed to, or cannot be opened.
    #[error("witness: {why}")]
    Witness {
        /// What is wrong.
        why: String,
    },
    /// A model cannot be proved.
    #[error(transparent)]
    Zkml(#[from] assay_zkml::Error),
}

impl Error {
    /// Stable name, in kebab case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Attester(_) => "attester",
            Self::CardUnknown { .. } => "card-unknown",
            Self::Config { .. } => "config",
            Self::Definition { .. } => "definition",
            Self::Engine { .. } => "engine",
            Self::FolderCircuit { .. } => "folder-circuit",
            Self::FolderFileChanged { .. } => "folder-file-changed",
            Self::FolderIncomplete { .. } => "folder-incomplete",
            Self::FolderIndex { .. } => "folder-index",
            Self::Input { .. } => "input",
            Self::InputUnknown { .. } => "input-unknown",
            Self::Key { .. } => "key",
            Self::Libtorch(error) => error.code(),
            Self::Llm(error) => error.code(),
            Self::Methods { .. } => "methods-not-allowed",
            Self::Model { .. } => "model",
            Self::NoRandomness { .. } => "no-randomness",
            Self::Output { .. } => "output",
            Self::OwnReceipt { .. } => "own-receipt",
            Self::Panicked { .. } => "panicked",
            Self::PublicNotDisclosed { .. } => "public-not-disclosed",
            Self::Store { .. } => "store",
            Self::StoreMissing { .. } => "store-missing",
            Self::StoreUnavailable { .. } => "store-unavailable",
            Self::Unreadable { .. } => "unreadable",
            Self::Unwritable { .. } => "unwritable",
            Self::Usage { .. } => "usage",
            Self::Verifier(error) => error.code(),
            Self::Witness { .. } => "witness",
            Self::Zkml(error) => error.code(),
        }
    }
}
