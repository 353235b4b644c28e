//! Every reason for which something is refused, each with a stable code and its FORMAT.md section.

use core::fmt;

use crate::ids::Name;

/// Whether bytes could not be read, a claim was not shown, or it is not what the caller pinned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The bytes are not in the format.
    Malformed,
    /// Evidence is absent or does not hold.
    Unproven,
    /// Authentic perhaps, but not what the policy demands.
    NotPinned,
    /// The policy itself, or what the caller gave with it, cannot be used.
    Policy,
}

/// Writes the enum, its codes, kinds, sections and sentences from one table: a reason is stated once.
macro_rules! errors {
    ($($(#[$doc:meta])* $variant:ident $({ $($field:ident: $type:ty),* })?
        => $code:literal, $kind:ident, $section:literal, $message:literal;)*) => {
        /// Why something was refused. Codes are stable, and the same in Rust, npm, HTTP and on the
        /// command line; fields carry what was expected and what was found.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Error {
            $($(#[$doc])* #[doc = concat!("\n\nFORMAT.md §", $section, ".")]
            #[allow(missing_docs)] // the sentence names the fields
            $variant $({ $($field: $type),* })?,)*
        }

        impl Error {
            /// Stable name, in kebab case.
            pub fn code(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $code,)*
                }
            }

            /// What kind of refusal this is.
            pub fn kind(&self) -> ErrorKind {
                match self {
                    $(Self::$variant { .. } => ErrorKind::$kind,)*
                }
            }

            /// The section of FORMAT.md that states the rule.
            pub fn section(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $section,)*
                }
            }

            /// All codes but the attestation ones, in alphabetical order.
            pub const CODES: &[&'static str] = &[$($code),*];
        }

        impl fmt::Display for Error {
            #[allow(unused_variables)]
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant $({ $($field),* })? => write!(f, $message),)*
                }
            }
        }
    };
}

errors! {
    /// An item of a kind that no structure has.
    CborItemKind { what: &'static str }
        => "cbor-item-kind", Malformed, "1.1", "the {what} contains a float, a tag or another item that the format does not have";
    /// A map key occurs twice.
    CborKeyRepeated { what: &'static str }
        => "cbor-key-repeated", Malformed, "1.1", "a map in the {what} has one key twice";
    /// Map keys are not in bytewise order.
    CborKeysUnsorted { what: &'static str }
        => "cbor-keys-unsorted", Malformed, "1.1", "the keys of a map in the {what} are not in order";
    /// The bytes are not CBOR.
    CborMalformed { what: &'static str, why: String }
        => "cbor-malformed", Malformed, "1.1", "the {what} cannot be read: {why}";
    /// The same value has a shorter or definite encoding.
    CborNotDeterministic { what: &'static str, at: usize }
        => "cbor-not-deterministic", Malformed, "1.1", "the {what} is not deterministic CBOR at byte {at}";
    /// More bytes than the format allows.
    CborTooLarge { what: &'static str, limit: usize, found: usize }
        => "cbor-too-large", Malformed, "1.2", "the {what} has {found} bytes, at most {limit} are allowed";
    /// Bytes after the end.
    CborTrailing { what: &'static str, found: usize }
        => "cbor-trailing", Malformed, "1.1", "{found} bytes follow the end of the {what}";
    /// An algorithm that does not follow from the methods.
    CommitmentAlgorithm { value: Name, expected: &'static str, found: &'static str }
        => "commitment-algorithm", Malformed, "2.3", "value {value} is committed to with {found}, the methods of its steps demand {expected}";
    /// A commitment algorithm that version 0 does not have.
    CommitmentAlgorithmUnknown { found: String }
        => "commitment-algorithm-unknown", Malformed, "2.3", "no commitment algorithm is named \"{found}\"";
    /// A type that Poseidon cannot commit to.
    CommitmentType { found: String }
        => "commitment-type", Malformed, "2.5", "only i8, i16 and i32 tensors are packed for Poseidon, found {found}";
    /// An evidence kind that version 0 does not have.
    EvidenceKindUnknown { found: String }
        => "evidence-kind-unknown", Malformed, "4.2", "no evidence is of kind {found:?}";
    /// Steps of a piece of evidence that are no ascending list.
    EvidenceSteps { found: Vec<u32> }
        => "evidence-steps", Malformed, "4.2", "evidence names the steps {found:?}, expected at least one, ascending";
    /// A field element not below the order.
    FieldElementNotCanonical { found: String }
        => "field-element-not-canonical", Malformed, "1.4", "{found} is not below the order of the field";
    /// A byte string of the wrong length.
    FieldLength { what: &'static str, field: &'static str, expected: usize, found: usize }
        => "field-length", Malformed, "1.1", "{field} of the {what} has {found} bytes, expected {expected}";
    /// A field is absent.
    FieldMissing { what: &'static str, field: &'static str }
        => "field-missing", Malformed, "1.1", "the {what} has no field {field}";
    /// A field of another type.
    FieldType { what: &'static str, field: &'static str, expected: &'static str }
        => "field-type", Malformed, "1.1", "{field} of the {what} is not {expected}";
    /// A field that the format does not have.
    FieldUnknown { what: &'static str, field: String }
        => "field-unknown", Malformed, "1.1", "the {what} has an unknown field {field:?}";
    /// Values that a glue function does not take.
    GlueArguments { why: &'static str }
        => "glue-arguments", Malformed, "7", "{why}";
    /// A glue function that version 0 does not have.
    GlueUnknown { found: Name }
        => "glue-unknown", Malformed, "7", "no glue function is named {found}";
    /// A verifying key that lets anyone forge.
    KeyDegenerate { why: &'static str }
        => "key-degenerate", Unproven, "6.2", "the verifying key is degenerate: {why}";
    /// A verifying key of the wrong length.
    KeyLength { expected: usize, found: usize }
        => "key-length", Malformed, "6.2", "the verifying key has {found} bytes, expected {expected}";
    /// A point of a verifying key is not acceptable.
    KeyPoint { point: &'static str }
        => "key-point", Malformed, "6.2", "{point} point of the verifying key is off the curve, outside the subgroup, the identity or not canonical";
    /// A name outside the grammar.
    NameInvalid { found: String }
        => "name-invalid", Malformed, "1.6", "{found:?} is no name: 1 to 64 of a-z 0-9 . _ -, the first a letter or digit";
    /// A name occurs twice.
    NameRepeated { found: Name }
        => "name-repeated", Malformed, "3.2", "the name {found} occurs twice";
    /// A nonce of the wrong length.
    NonceLength { found: usize }
        => "nonce-length", Malformed, "3.1", "a nonce has 16 to 64 bytes, found {found}";
    /// Two openings of one value.
    OpeningRepeated { value: Name }
        => "opening-repeated", Malformed, "4.3", "value {value} is opened twice";
    /// An opening of no value.
    OpeningUnknown { index: u32 }
        => "opening-unknown", Malformed, "4.3", "an opening refers to value {index}, which the table does not have";
    /// Another number of public inputs than the key has.
    ProofInputs { expected: usize, found: usize }
        => "proof-inputs", Unproven, "6.3", "the key takes {expected} public inputs, the step gives {found}";
    /// The pairing equation does not hold.
    ProofInvalid
        => "proof-invalid", Unproven, "6.1", "the proof does not hold for this operation, step and these values";
    /// A proof of the wrong length.
    ProofLength { expected: usize, found: usize }
        => "proof-length", Malformed, "6.1", "the proof has {found} bytes, expected {expected}";
    /// A point of a proof is not acceptable.
    ProofPoint { point: &'static str }
        => "proof-point", Malformed, "6.1", "point {point} of the proof is off the curve, outside the subgroup, the identity or not canonical";
    /// A set out of order, or with one item twice.
    SetNotAscending { set: &'static str }
        => "set-not-ascending", Malformed, "4.1", "the receipt's {set} are not in strictly ascending order";
    /// A step that contradicts itself.
    StepInvalid { step: Name, why: &'static str }
        => "step-invalid", Malformed, "3.2", "step {step}: {why}";
    /// A type out of bounds.
    TypeInvalid { found: String, why: &'static str }
        => "type-invalid", Malformed, "2.1", "{found:?} is no type: {why}";
    /// A value of the wrong length.
    ValueLength { of: String, expected: usize, found: usize }
        => "value-length", Malformed, "2.2", "a value of type {of} has length {expected}, found {found}";
    /// A float that is not a number.
    ValueNotFinite { index: usize }
        => "value-not-finite", Malformed, "2.2", "element {index} is not a finite number";
    /// An integer was expected.
    ValueNotInteger { found: String }
        => "value-not-integer", Malformed, "2.2", "{found} has no integer elements";
    /// An integer that the type does not have.
    ValueRange { of: String, found: i64 }
        => "value-range", Malformed, "2.2", "{found} is outside the range of {of}";
    /// An operation input that no step takes.
    ValueUnused { value: Name }
        => "value-unused", Malformed, "3.2", "value {value} is given by no step and taken by none";
    /// Another version of the format.
    VersionUnknown { expected: i64, found: i64 }
        => "version-unknown", Malformed, "3.1", "expected version {expected}, found {found}";
    /// Steps that do not follow from each other.
    Wiring { step: Name, why: &'static str }
        => "wiring", Malformed, "3.2", "step {step}: {why}";
}

impl core::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_alphabetical_and_kebab_case() {
        assert!(Error::CODES.windows(2).all(|pair| pair[0] < pair[1]), "not in order");
        let kebab = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        assert!(Error::CODES.iter().all(|code| code.chars().all(kebab)));
    }
}
