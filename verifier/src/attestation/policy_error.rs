//! Why a policy, or a file of measurements, was not read.

use core::fmt;

use super::error::Error;

/// Why a policy was not read. FORMAT.md §8.7.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields say what was found where")]
pub enum PolicyError {
    /// A field must be there and is not.
    FieldMissing { field: &'static str },
    /// A field appears twice in one object.
    FieldTwice { name: Box<str> },
    /// A field has another type than the grammar gives it.
    FieldType { field: &'static str, expected: &'static str },
    /// A field that the grammar does not know.
    FieldUnknown { name: Box<str> },
    /// Measurements of another hash than SHA-384.
    HashAlgorithm { found: Box<str> },
    /// Not an even number of hexadecimal digits and nothing else.
    Hex { field: &'static str },
    /// Not JSON.
    Json { line: usize, column: usize },
    /// An empty nonce proves nothing.
    NonceEmpty,
    /// A register's number is not a decimal number from 0 to 31 in its shortest form.
    PcrKey { found: Box<str> },
    /// A set that pins nothing.
    PcrSetEmpty,
    /// A set that leaves PCR 0, 1 or 2 open.
    PcrSetIncomplete { missing: u8 },
    /// No set at all.
    PcrSetsEmpty,
    /// A register appears twice in one set.
    PcrTwice { index: u8 },
    /// A register's value is not 96 hexadecimal digits.
    PcrValue { found: Box<str> },
    /// The named root is not a certificate that could be one.
    Root(Box<Error>),
}

impl PolicyError {
    /// Stable name shared by npm, HTTP, the command line and the test vectors.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::FieldMissing { .. } => "attestation-policy-field-missing",
            Self::FieldTwice { .. } => "attestation-policy-field-twice",
            Self::FieldType { .. } => "attestation-policy-field-type",
            Self::FieldUnknown { .. } => "attestation-policy-field-unknown",
            Self::HashAlgorithm { .. } => "attestation-policy-hash-algorithm",
            Self::Hex { .. } => "attestation-policy-hex",
            Self::Json { .. } => "attestation-policy-json",
            Self::NonceEmpty => "attestation-policy-nonce-empty",
            Self::PcrKey { .. } => "attestation-policy-pcr-key",
            Self::PcrSetEmpty => "attestation-policy-pcr-set-empty",
            Self::PcrSetIncomplete { .. } => "attestation-policy-pcr-set-incomplete",
            Self::PcrSetsEmpty => "attestation-policy-pcr-sets-empty",
            Self::PcrTwice { .. } => "attestation-policy-pcr-twice",
            Self::PcrValue { .. } => "attestation-policy-pcr-value",
            Self::Root(_) => "attestation-policy-root",
        }
    }

    /// The section of FORMAT.md that gives the grammar.
    pub const fn section(&self) -> &'static str {
        "8.7"
    }
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FieldMissing { field } => write!(f, "{field} is missing"),
            Self::FieldTwice { name } => write!(f, "{name:?} appears twice"),
            Self::FieldType { field, expected } => write!(f, "{field} must be {expected}"),
            Self::FieldUnknown { name } => write!(f, "unknown field {name:?}"),
            Self::HashAlgorithm { found } => write!(f, "hash algorithm {found:?}, expected sha384"),
            Self::Hex { field } => {
                write!(f, "{field} must be hexadecimal digits, two per byte, without 0x")
            }
            Self::Json { line, column } => write!(f, "not json at line {line}, column {column}"),
            Self::NonceEmpty => write!(f, "an empty nonce proves nothing"),
            Self::PcrKey { found } => {
                write!(f, "register {found:?}, expected a decimal number from 0 to 31")
            }
            Self::PcrSetEmpty => write!(f, "a set of registers pins nothing"),
            Self::PcrSetIncomplete { missing } => {
                write!(f, "a set of registers leaves pcr {missing} open")
            }
            Self::PcrSetsEmpty => write!(f, "no set of registers is permitted"),
            Self::PcrTwice { index } => write!(f, "pcr {index} appears twice in one set"),
            Self::PcrValue { found } => {
                write!(f, "register value {found:?}, expected 96 hexadecimal digits")
            }
            Self::Root(error) => write!(f, "the named root: {error}"),
        }
    }
}

impl core::error::Error for PolicyError {}

impl From<serde_json::Error> for PolicyError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json { line: error.line(), column: error.column() }
    }
}
