//! Every reason for which a model, a manifest, a key file or a witness is refused.

use core::fmt;

use assay_verifier::ids::{CircuitDigest, KeyId, Sha256Digest};

use crate::r1cs::Kind;

/// Writes the enum, its codes, hints and sentences from one table: a reason is stated once.
macro_rules! errors {
    ($($(#[$doc:meta])* $variant:ident { $($field:ident: $type:ty),* }
        => $code:literal, $message:literal, $hint:literal;)*) => {
        /// Why something was refused. Codes are stable; fields carry what was expected and what was
        /// found.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Error {
            $($(#[$doc])*
            #[allow(missing_docs)] // the sentence names the fields
            $variant { $($field: $type),* },)*
        }

        impl Error {
            /// Stable name, in kebab case.
            pub const fn code(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $code,)*
                }
            }

            /// What could be done about it, where that is known.
            pub const fn hint(&self) -> Option<&'static str> {
                let hint = match self {
                    $(Self::$variant { .. } => $hint,)*
                };
                if hint.is_empty() { None } else { Some(hint) }
            }

            /// All codes, in alphabetical order.
            pub const CODES: &[&'static str] = &[$($code),*];
        }

        impl fmt::Display for Error {
            #[allow(unused_variables)]
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    $(Self::$variant { $($field),* } => write!(f, $message),)*
                }
            }
        }
    };
}

errors! {
    /// An integer of the program could need more bits than the circuit gives it.
    BoundTooWide { node: String, limit: u32, low: i128, high: i128 }
        => "zkml-bound-too-wide", "in the worst case {node} lies between {low} and {high}, at most {limit} bits are allowed",
        "use fewer weight bits or activation bits, or declare a narrower input range";
    /// Calibration data that the model does not take.
    Calibration { sample: usize, why: String }
        => "zkml-calibration", "calibration sample {sample}: {why}", "";
    /// A decomposition into more bits than any value of the program has.
    DecompositionWidth { limit: u32, found: u32 }
        => "zkml-decomposition-width", "a value is to be decomposed into {found} bits, at most {limit} are allowed", "";
    /// No choice keeps the fidelity that was asked for.
    Fidelity { expected: String, found: String }
        => "zkml-fidelity", "the finest quantization that was tried keeps {found}, asked for was {expected}",
        "ask for less, give more weight and activation bits, or check that the calibration data is what the model expects";
    /// The step takes another number of inputs.
    InputCount { expected: usize, found: usize }
        => "zkml-input-count", "the model takes {expected} inputs, {found} were given", "";
    /// An input has another number of elements.
    InputLength { input: String, expected: usize, found: usize }
        => "zkml-input-length", "input {input} has {expected} elements, {found} were given", "";
    /// An element of an input is outside the declared range.
    InputRange { input: String, index: usize, low: i64, high: i64, found: i64 }
        => "zkml-input-range", "element {index} of input {input} is {found}, outside the declared range {low} to {high}",
        "the range is declared in the quantization manifest and enforced by the circuit";
    /// A real number outside the declared range.
    InputReal { input: String, index: usize, range: String, found: String }
        => "zkml-input-real", "element {index} of input {input} is {found}, outside the declared range {range}",
        "scale the input as the model expects it, or compile with another --range";
    /// A type that the model's input cannot have.
    InputType { input: String, expected: String, found: String }
        => "zkml-input-type", "input {input} must be {expected}, found {found}", "";
    /// The body of a key file is not what was written.
    KeyFileDamaged { expected: Sha256Digest, found: Sha256Digest }
        => "zkml-key-file-damaged", "the key file's body has SHA-256 {found}, its header says {expected}",
        "run the setup again or copy the file again";
    /// Not a proving key file of this version.
    KeyFileFormat { expected: &'static str, found: String }
        => "zkml-key-file-format", "a key file begins with {expected}, found {found}", "";
    /// The verifying key inside is not the one the header names.
    KeyFileId { expected: KeyId, found: KeyId }
        => "zkml-key-file-id", "the key is {found}, expected {expected}", "";
    /// The operating system refused.
    KeyFileIo { path: String, why: String }
        => "zkml-key-file-io", "{path}: {why}", "";
    /// A key file of the wrong length for its circuit.
    KeyFileLength { expected: u64, found: u64 }
        => "zkml-key-file-length", "a key file for this circuit has {expected} bytes, found {found}",
        "the file is cut short, or belongs to another circuit";
    /// A key whose points belong to wires that the circuit does not have.
    KeyFilePlaces { }
        => "zkml-key-file-places", "the key names wires or rows that its circuit does not have",
        "run the setup again or copy the file again";
    /// A key for another circuit.
    KeyOtherCircuit { expected: CircuitDigest, found: CircuitDigest }
        => "zkml-key-other-circuit", "the key is for circuit {found}, expected {expected}",
        "each model and manifest has its own key: run the setup for this one";
    /// Not a manifest, or not in its one encoding.
    ManifestMalformed { why: String }
        => "zkml-manifest-malformed", "the manifest cannot be read: {why}", "";
    /// The manifest was written by, or for, something else.
    ManifestMismatch { what: String, expected: String, found: String }
        => "zkml-manifest-mismatch", "the manifest says {found} for {what}, expected {expected}",
        "quantize the model again with this compiler";
    /// A node has another number of inputs or outputs than its op.
    ModelArity { node: String, op: String, expected: &'static str, found: usize }
        => "zkml-model-arity", "{op} node {node} has {expected}, found {found}", "";
    /// An attribute that changes the meaning in a way that is not supported.
    ModelAttribute { node: String, op: String, attribute: String, why: &'static str }
        => "zkml-model-attribute", "{op} node {node}: attribute {attribute}: {why}", "";
    /// A batch of more than one.
    ModelBatch { input: String, found: String }
        => "zkml-model-batch", "input {input} has shape {found}: the first dimension must be 1 or symbolic, the others fixed",
        "export with a batch of 1 or a dynamic batch dimension";
    /// Bytes that are no ONNX model.
    ModelMalformed { what: &'static str, why: &'static str }
        => "zkml-model-malformed", "the model cannot be read: {what}: {why}", "";
    /// A weight that is not a number.
    ModelNotFinite { tensor: String, index: usize }
        => "zkml-model-not-finite", "element {index} of tensor {tensor} is not a finite number", "";
    /// An op that is not supported, or not on these operands.
    ModelOp { node: String, op: String, shapes: String, instead: &'static str }
        => "zkml-model-op", "{op} node {node} on {shapes} is not supported: {instead}", "";
    /// An opset outside the supported ones.
    ModelOpset { low: i64, high: i64, found: i64 }
        => "zkml-model-opset", "the model needs opset {found}, supported are {low} to {high}",
        "export with opset_version=17";
    /// Shapes that do not fit together.
    ModelShape { node: String, op: String, shapes: String, expected: String }
        => "zkml-model-shape", "{op} node {node} on {shapes}: expected {expected}", "";
    /// A tensor in the file that cannot be used.
    ModelTensor { tensor: String, why: String }
        => "zkml-model-tensor", "tensor {tensor}: {why}", "";
    /// A model beyond the limits of the reader.
    ModelTooLarge { what: &'static str, limit: usize, found: usize }
        => "zkml-model-too-large", "the model has {found} {what}, at most {limit} are allowed", "";
    /// A name that nothing before it defines.
    ModelValue { node: String, value: String }
        => "zkml-model-value", "{node} uses {value}, which nothing before it defines", "";
    /// An option out of bounds.
    Options { option: &'static str, expected: &'static str, found: String }
        => "zkml-options", "{option} must be {expected}, found {found}", "";
    /// The proof just made does not verify: the key is not for this circuit.
    ProofRefused { why: assay_verifier::Error }
        => "zkml-proof-refused", "the proof just made is refused by the verifier: {why}",
        "the proving key is damaged or belongs to another circuit: run the setup again";
    /// More public inputs than a key may have.
    PublicInputs { limit: usize, found: usize }
        => "zkml-public-inputs", "the circuit has {found} public inputs, a key has at most {limit}",
        "let the large inputs be committed to: leave them out of --public";
    /// Another number of salts than values.
    SaltCount { expected: usize, found: usize }
        => "zkml-salt-count", "the step gives {expected} values, {found} salts were given", "";
    /// One salt for two values.
    SaltReused { first: usize, second: usize }
        => "zkml-salt-reused", "values {first} and {second} of the step have the same salt",
        "draw 31 fresh random bytes for each value";
    /// A setup that could not be done.
    Setup { why: String }
        => "zkml-setup", "the setup failed: {why}", "";
    /// A value or type that the verifier's core refuses.
    Value { why: assay_verifier::Error }
        => "zkml-value", "{why}", "";
    /// A witness of another length than the circuit has wires.
    WitnessLength { expected: usize, found: usize }
        => "zkml-witness-length", "the circuit has {expected} wires, the witness {found}", "";
    /// A witness that breaks a row of the circuit.
    WitnessUnsatisfied { row: usize, kind: Kind }
        => "zkml-witness-unsatisfied", "row {row} of the circuit ({kind}) is not satisfied: there is nothing to prove", "";
}

impl core::error::Error for Error {}

impl From<assay_verifier::Error> for Error {
    fn from(why: assay_verifier::Error) -> Self {
        Self::Value { why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_prefixed_and_kebab_case() {
        let mut sorted = Error::CODES.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(sorted, Error::CODES, "not in order");
        let kebab = |c: char| c.is_ascii_lowercase() || c == '-';
        assert!(Error::CODES.iter().all(|code| code.starts_with("zkml-")));
        assert!(Error::CODES.iter().all(|code| code.chars().all(kebab)));
    }
}
