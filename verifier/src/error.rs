//! Every reason for which something is refused, each with a stable code and its FORMAT.md section.

use core::fmt;

use crate::{
    UnixMillis,
    attestation::Pcr,
    commitment::Commitment,
    ids::{CardDigest, KeyId, Name, OperationDigest, Sha256Digest},
    operation::{Method, Methods},
    text::printable,
};

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
            /// An attestation document was refused.
            Attestation(crate::attestation::Error),
        }

        impl Error {
            /// Stable name, in kebab case.
            pub fn code(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $code,)*
                    Self::Attestation(error) => error.code(),
                }
            }

            /// What kind of refusal this is.
            pub fn kind(&self) -> ErrorKind {
                match self {
                    $(Self::$variant { .. } => ErrorKind::$kind,)*
                    Self::Attestation(_) => ErrorKind::Unproven,
                }
            }

            /// The section of FORMAT.md that states the rule.
            pub fn section(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $section,)*
                    Self::Attestation(error) => error.section(),
                }
            }

            /// What was demanded, where the reason is a comparison.
            pub fn expected(&self) -> Option<String> {
                self.field("expected").map(|field| printable(&field.to_string()).into_owned())
            }

            /// What was there instead.
            pub fn found(&self) -> Option<String> {
                self.field("found").map(|field| printable(&field.to_string()).into_owned())
            }

            #[allow(unused_variables)]
            fn field(&self, name: &str) -> Option<&dyn fmt::Display> {
                match self {
                    $(Self::$variant $({ $($field),* })? => {
                        $($(if stringify!($field) == name {
                            return Some($field);
                        })*)?
                        None
                    })*
                    Self::Attestation(_) => None,
                }
            }

            /// All codes but the attestation ones, in alphabetical order.
            pub const CODES: &[&'static str] = &[$($code),*];
        }

        impl fmt::Display for Error {
            #[allow(unused_variables)]
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                // Fields may be made of received bytes: no sentence has what a terminal would obey.
                let sentence = match self {
                    $(Self::$variant $({ $($field),* })? => format!($message),)*
                    Self::Attestation(error) => error.to_string(),
                };
                f.write_str(&printable(&sentence))
            }
        }
    };
}

errors! {
    /// An attestation made outside the policy's window.
    AttestationOutsideWindow { from_ms: u64, to_ms: u64, found: UnixMillis }
        => "attestation-outside-window", NotPinned, "9.6", "the attestation was made at {found}, the policy accepts {from_ms} to {to_ms} ms";
    /// The caller was to say which nonce the operation must carry.
    CallerNonceMissing
        => "caller-nonce-missing", Policy, "9.3", "the policy wants the nonce from the caller, who did not give it";
    /// The caller was to bring a value.
    CallerValueMissing { value: Name }
        => "caller-value-missing", Policy, "9.4", "the policy wants input {value} from the caller, who did not give it";
    /// The caller brought a value of no known name.
    CallerValueUnknown { found: Name }
        => "caller-value-unknown", Policy, "9.4", "the caller gave a value {found}, which the operation does not have";
    /// A step's card is not in the receipt.
    CardMissing { step: Name }
        => "card-missing", Unproven, "6.4", "the receipt has no sound card for the proof of step {step}";
    /// A card of another model.
    CardModel { step: Name, expected: String, found: String }
        => "card-model", Unproven, "6.4", "the card of step {step} is for {found}, the step is {expected}";
    /// A card of other types.
    CardTypes { step: Name }
        => "card-types", Unproven, "6.4", "the card of step {step} is for values of other types";
    /// A card that no step refers to.
    CardUnreferenced { found: CardDigest }
        => "card-unreferenced", Malformed, "4.4", "no step refers to card {found}";
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
    /// An image with a register of the enclave's own software that its policy does not pin.
    ConfigurationNotPinned { image: Name, register: u8, found: Pcr }
        => "configuration-not-pinned", NotPinned, "9.5", "image {image} has measured into PCR {register}, which the policy neither pins nor leaves open by accept_configuration_not_pinned; found {found}";
    /// A per-operation document for an operation without a nonce.
    DocumentWithoutNonce
        => "document-without-nonce", Unproven, "5.3", "a document made for one operation needs the operation's nonce, and there is none";
    /// An evidence kind that version 0 does not have.
    EvidenceKindUnknown { found: String }
        => "evidence-kind-unknown", Malformed, "4.2", "no evidence is of kind {found:?}";
    /// Nothing the policy demands of a step holds.
    EvidenceMissing { step: Name, expected: String, found: Methods }
        => "evidence-missing", Unproven, "9.5", "step {step} must be shown by {expected}; what holds: {found}";
    /// Evidence of a method that the step does not promise.
    EvidenceNotPromised { step: Name, promised: Methods, found: Method }
        => "evidence-not-promised", Unproven, "4.2", "step {step} promises {promised}, the receipt has evidence of {found}";
    /// A promised proof is not there yet.
    EvidencePending { step: Name, pending: Methods }
        => "evidence-pending", Unproven, "9.5", "step {step} still lacks {pending}, which is promised";
    /// Two pieces of evidence of one method for one step.
    EvidenceRepeated { step: Name, method: Method }
        => "evidence-repeated", Malformed, "4.2", "step {step} has evidence of {method} twice";
    /// Evidence for a step that is not there.
    EvidenceStepUnknown { index: u32 }
        => "evidence-step-unknown", Malformed, "4.2", "evidence refers to step {index}, which the operation does not have";
    /// Steps of a piece of evidence that are no ascending list.
    EvidenceSteps { found: String }
        => "evidence-steps", Malformed, "4.2", "evidence names the steps {found}, expected at least one, ascending";
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
    /// An input is not the one pinned.
    InputMismatch { value: Name, expected: Sha256Digest, found: Sha256Digest }
        => "input-mismatch", NotPinned, "9.4", "input {value} has SHA-256 {found}, the policy wants {expected}";
    /// An input that the policy does not know.
    InputUnknown { value: Name }
        => "input-unknown", NotPinned, "9.4", "the policy says nothing of input {value}";
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
    /// A nonce that is not hexadecimal.
    NonceHex { found: String }
        => "nonce-hex", Policy, "9.3", "a nonce is hexadecimal, two digits per byte; found {found:?}";
    /// A nonce of the wrong length.
    NonceLength { found: usize }
        => "nonce-length", Malformed, "3.1", "a nonce has 16 to 64 bytes, found {found}";
    /// Another nonce.
    NonceMismatch { expected: String, found: String }
        => "nonce-mismatch", NotPinned, "9.3", "expected nonce {expected}, found {found}";
    /// Bytes that do not match their commitment.
    OpeningMismatch { value: Name, expected: Commitment, found: Commitment }
        => "opening-mismatch", Unproven, "4.3", "value {value} does not match its commitment: expected {expected}, found {found}";
    /// A value is needed and not opened.
    OpeningMissing { value: Name }
        => "opening-missing", Unproven, "4.3", "the receipt has no opening of value {value}";
    /// Two openings of one value.
    OpeningRepeated { value: Name }
        => "opening-repeated", Malformed, "4.3", "value {value} is opened twice";
    /// An opening of no value.
    OpeningUnknown { index: u32 }
        => "opening-unknown", Malformed, "4.3", "an opening refers to value {index}, which the table does not have";
    /// Another operation than the pinned one.
    OperationDigestMismatch { expected: OperationDigest, found: OperationDigest }
        => "operation-digest-mismatch", NotPinned, "9.3", "expected operation {expected}, found {found}";
    /// An operation of another name.
    OperationName { expected: Name, found: Name }
        => "operation-name", NotPinned, "9.3", "expected an operation named {expected}, found {found}";
    /// An outcome that the policy does not list.
    OutcomeNotAccepted { found: Name }
        => "outcome-not-accepted", NotPinned, "9.3", "the policy does not accept the outcome {found}";
    /// Another card.
    PlanCard { step: Name, expected: String, found: CardDigest }
        => "plan-card", NotPinned, "9.2", "step {step} refers to card {found}, the policy pins {expected}";
    /// Another function.
    PlanFunction { step: Name, expected: String, found: String }
        => "plan-function", NotPinned, "9.2", "step {step} is {found}, the policy wants {expected}";
    /// Other operation inputs.
    PlanInputs { expected: String, found: String }
        => "plan-inputs", NotPinned, "9.2", "the operation's inputs are {found}, the policy wants {expected}";
    /// A setting is absent, added or different.
    PlanSetting { step: Name, setting: Name }
        => "plan-setting", NotPinned, "9.2", "setting {setting} of step {step} is not what the policy wants";
    /// Steps missing, added or in another order.
    PlanSteps { expected: String, found: String }
        => "plan-steps", NotPinned, "9.2", "the steps are {found}, the policy wants {expected}";
    /// Other values or types.
    PlanValues { expected: String, found: String }
        => "plan-values", NotPinned, "9.2", "the values are {found}; the policy wants {expected}";
    /// A step fed from, or giving, other values.
    PlanWiring { step: Name, expected: String, found: String }
        => "plan-wiring", NotPinned, "9.2", "step {step} is wired {found}, the policy wants {expected}";
    /// The policy lacks the section for this clock.
    PolicyClock { missing: &'static str }
        => "policy-clock", Policy, "9.6", "the policy has no section {missing:?}, which this kind of verification needs";
    /// A policy that contradicts itself.
    PolicyInconsistent { why: String }
        => "policy-inconsistent", Policy, "9.1", "the policy cannot be used: {why}";
    /// A policy that cannot be read.
    PolicyMalformed { why: String }
        => "policy-malformed", Policy, "9.1", "the policy cannot be read: {why}";
    /// A policy that nobody has read.
    PolicyUnreviewed
        => "policy-unreviewed", Policy, "9.7", "the policy was learned from a receipt and is marked unreviewed";
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
    /// A public input that nobody can compute.
    PublicValueHidden { step: Name, value: Name }
        => "public-value-hidden", Unproven, "6.3", "the key of step {step} has value {value} among its public inputs, and it is not opened";
    /// A public input for which the circuit means nothing.
    PublicValueRange { value: Name, low: i64, high: i64, found: i64 }
        => "public-value-range", Unproven, "6.3", "value {value} has an element {found}, the key's circuit takes {low} to {high}";
    /// Glue gives another value.
    RecomputeMismatch { step: Name, expected: String, found: String }
        => "recompute-mismatch", Unproven, "7", "step {step} gives {expected}, the receipt says {found}";
    /// Glue gives another type.
    RecomputeType { step: Name, expected: String, found: String }
        => "recompute-type", Unproven, "7", "step {step} gives {expected}, the receipt says {found}";
    /// A release that is no longer accepted.
    ReleaseLapsed { release: Name, not_after: u64, found: UnixMillis }
        => "release-lapsed", NotPinned, "9.8", "release {release} is accepted until {not_after} ms, this is {found}";
    /// A release that is accepted for a time, and nothing that says when.
    ReleaseTimeUnknown { release: Name, not_after: u64 }
        => "release-time-unknown", NotPinned, "9.8", "release {release} is accepted until {not_after} ms, and no attestation of the receipt says when it was made";
    /// A result that cannot be shown.
    ResultNotDisclosed { value: Name }
        => "result-not-disclosed", Unproven, "9.2", "result {value} is not opened by this receipt";
    /// A session key that is no uncompressed P-384 point.
    SessionKey
        => "session-key", Unproven, "5.1", "the session document's public key is no uncompressed P-384 point of 97 bytes";
    /// A session signature that does not hold.
    SessionSignature
        => "session-signature", Unproven, "5.2", "the session key did not sign this operation and these steps";
    /// A set out of order, or with one item twice.
    SetNotAscending { set: &'static str }
        => "set-not-ascending", Malformed, "4.1", "the receipt's {set} are not in strictly ascending order";
    /// A set of more items than the format allows.
    SetTooLong { set: &'static str, limit: usize, found: usize }
        => "set-too-long", Malformed, "1.2", "the receipt has {found} {set}, at most {limit} are allowed";
    /// A key of one party.
    SetupSingleParty { key: KeyId }
        => "setup-single-party", NotPinned, "9.5", "key {key} was made by a single party, which the policy does not accept";
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

impl From<crate::attestation::Error> for Error {
    fn from(error: crate::attestation::Error) -> Self {
        Self::Attestation(error)
    }
}

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
