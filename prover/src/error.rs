//! Why the command line or the service could not do something.

use std::path::PathBuf;

use assay_verifier::ids::Name;

/// Why something could not be tried, or was refused. Codes are stable.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The attester gave no document.
    #[error("no attestation: {0}")]
    Attester(#[from] crate::attester::Error),
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
    /// An input is not what the operation takes.
    #[error("input {name}: {why}")]
    Input {
        /// The input.
        name: Name,
        /// What is wrong.
        why: String,
    },
    /// A key on disk cannot be used.
    #[error("{}: {why}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// libtorch did not start.
    #[error(transparent)]
    Libtorch(#[from] crate::engine::EngineError),
    /// The system gives no random bytes.
    #[error("the system gives no random bytes: {why}")]
    NoRandomness {
        /// What it said.
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
    /// A model cannot be proved.
    #[error(transparent)]
    Zkml(#[from] assay_zkml::Error),
}

impl Error {
    /// Stable name, in kebab case.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Attester(_) => "attester",
            Self::Definition { .. } => "definition",
            Self::Engine { .. } => "engine",
            Self::Input { .. } => "input",
            Self::Key { .. } => "key",
            Self::Libtorch(error) => error.code(),
            Self::NoRandomness { .. } => "no-randomness",
            Self::Unreadable { .. } => "unreadable",
            Self::Unwritable { .. } => "unwritable",
            Self::Usage { .. } => "usage",
            Self::Verifier(error) => error.code(),
            Self::Zkml(error) => error.code(),
        }
    }
}
