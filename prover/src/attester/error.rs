//! Why there is no document.

use std::{fmt, io, path::PathBuf};

/// Why an attester could not be opened, or made no document.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The software attester could not make a certificate.
    Certificate {
        /// What the library said.
        why: String,
    },
    /// The clock stands before 1970 or after 9999.
    Clock,
    /// A file could not be read or written.
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// A key file does not hold a key and its root certificate.
    KeyFile {
        /// Which.
        path: PathBuf,
    },
    /// Others than its owner may open a key file.
    KeyFileOpen {
        /// Which.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The security module is there and cannot be opened.
    NsmAbsent,
    /// The security module refused.
    NsmRefused {
        /// Its answer.
        answer: String,
    },
    /// The system's generator gave no random bytes.
    Randomness,
    /// A document cannot carry this.
    RequestLength {
        /// Which field.
        field: &'static str,
        /// Its length in bytes.
        found: usize,
        /// The greatest length in bytes.
        max: usize,
    },
}

impl Error {
    /// Stable name shared by the service and the command line.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Certificate { .. } => "attester-certificate",
            Self::Clock => "attester-clock",
            Self::File { .. } => "attester-file",
            Self::KeyFile { .. } => "attester-key-file",
            Self::KeyFileOpen { .. } => "attester-key-file-open",
            Self::NsmAbsent => "attester-nsm-absent",
            Self::NsmRefused { .. } => "attester-nsm-refused",
            Self::Randomness => "attester-randomness",
            Self::RequestLength { .. } => "attester-request-length",
        }
    }

    /// What a person should do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Certificate { .. } => {
                "report it: the development attester made a bad certificate"
            }
            Self::Clock => "set this machine's clock",
            Self::File { .. } => "check that the directory exists and may be written",
            Self::KeyFile { .. } => {
                "move the file away; a new root is then made, and policies must name that one"
            }
            Self::KeyFileOpen { .. } => {
                "chmod 600 the file, or move it away if others may have read it"
            }
            Self::NsmAbsent => "run as a user that may open /dev/nsm",
            Self::NsmRefused { .. } => "check the enclave's console",
            Self::Randomness => "check the system's random generator",
            Self::RequestLength { .. } => "put a digest into the document instead",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Certificate { why } => write!(f, "no certificate could be made: {why}"),
            Self::Clock => write!(f, "the clock is before 1970 or after 9999"),
            Self::File { path, error } => write!(f, "{}: {error}", path.display()),
            Self::KeyFile { path } => {
                write!(f, "{} holds no development root", path.display())
            }
            Self::KeyFileOpen { path, mode } => {
                write!(f, "{} has mode {mode:o}, expected 600", path.display())
            }
            Self::NsmAbsent => write!(f, "/dev/nsm cannot be opened"),
            Self::NsmRefused { answer } => {
                write!(f, "the security module made no document: {answer}")
            }
            Self::Randomness => write!(f, "the system gave no random bytes"),
            Self::RequestLength { field, found, max } => {
                write!(f, "{field} is {found} bytes long, a document carries at most {max}")
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::File { error, .. } => Some(error),
            _ => None,
        }
    }
}
