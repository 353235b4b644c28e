//! The quantization manifest: every choice that turns a model into an integer program.
//!
//! It is JSON with one encoding per manifest (fields in a fixed order, two spaces of indentation, a
//! newline at the end), so that its SHA-256 names the choices and a person can read them.

use assay_verifier::{
    ids::{ManifestDigest, Sha256Digest},
    value::Type,
};
use serde::{Deserialize, Serialize};

use crate::Error;

/// Version of the rules by which a model and a manifest become a circuit.
pub const COMPILER: &str = "assay-zkml/1";

/// Choices for one model. Compilation checks each of them again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`COMPILER`] of the one who wrote it.
    pub compiler: String,
    /// SHA-256 of the ONNX file.
    pub model: Sha256Digest,
    /// How right shifts round.
    pub rounding: Rounding,
    /// The step's inputs, in order.
    pub inputs: Vec<Input>,
    /// Choices for the layers, in order of computation.
    pub layers: Vec<Layer>,
    /// The step's outputs, in order.
    pub outputs: Vec<Output>,
}

/// How right shifts round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rounding {
    /// `(x + 2^(s-1)) >> s`: a half goes up, to +∞, also for negative numbers.
    HalfUp,
}

/// An input of the step, with the range that the circuit enforces.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Name in the model.
    pub name: String,
    /// Type of the value; its scale is what an integer stands for.
    #[serde(rename = "type")]
    pub kind: Type,
    /// Smallest integer.
    pub low: i64,
    /// Largest integer.
    pub high: i64,
    /// Whether a verifier sees it.
    #[serde(default, skip_serializing_if = "Visibility::is_committed")]
    pub visibility: Visibility,
}

/// What of a value a proof is about: its commitment, or the value itself. Whoever verifies must have
/// a public one; its circuit has fewer rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Visibility {
    /// The circuit opens the value's Poseidon commitment.
    #[default]
    Committed,
    /// The value's integers are public inputs of the circuit.
    Public,
}

impl Visibility {
    /// Committed ports are not written: manifests from before there were others stay what they are.
    fn is_committed(&self) -> bool {
        *self == Self::Committed
    }
}

/// Choices for one layer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "layer", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Layer {
    /// Weights are `round_half_even(w / 2^weight_scale)`, biases the same at the sum's scale; those of an
    /// output channel that is `c` bits coarser are `round_half_even(w / 2^(weight_scale + c)) · 2^c`.
    Linear {
        /// Name in the model.
        node: String,
        /// Bits of a weight, sign included.
        weight_bits: u32,
        /// Scale exponent of the weights, of the finest channel's where they differ.
        weight_scale: i32,
        /// For each output channel, by how many bits it is coarser; nothing where none is.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        coarser: Vec<u32>,
    },
    /// Sums become wires as they are, because what follows uses each of them often.
    Materialize {
        /// Name in the model.
        node: String,
    },
    /// A right shift, with or without ReLU.
    Requantize {
        /// Name in the model.
        node: String,
        /// Whether negative results become 0.
        relu: bool,
        /// Bits shifted out.
        shift: u32,
        /// With ReLU: results that need more bits become the largest number of this many.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        clamp: Option<u32>,
        /// Bits of the widest decomposition, by the worst case. Follows from the rest.
        bits: u32,
        /// Scale exponent of the result. Follows from the rest.
        scale: i32,
    },
}

/// An output of the step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Name in the model.
    pub name: String,
    /// Type of the value.
    #[serde(rename = "type")]
    pub kind: Type,
    /// Bits shifted out before the value; 0 is exact.
    pub shift: u32,
    /// Whether a verifier sees it.
    #[serde(default, skip_serializing_if = "Visibility::is_committed")]
    pub visibility: Visibility,
}

impl Manifest {
    /// Reads a manifest in its one encoding.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_BYTES {
            let why = format!("it has {} bytes, at most {MAX_BYTES} are allowed", bytes.len());
            return Err(Error::ManifestMalformed { why });
        }
        let manifest: Self = serde_json::from_slice(bytes)
            .map_err(|error| Error::ManifestMalformed { why: error.to_string() })?;
        if manifest.to_bytes() != bytes {
            let why = "it is not written in its one encoding".to_owned();
            return Err(Error::ManifestMalformed { why });
        }
        Ok(manifest)
    }

    /// The bytes of the manifest.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes =
            serde_json::to_vec_pretty(self).expect("a manifest has no map keys and no floats");
        bytes.push(b'\n');
        bytes
    }

    /// SHA-256 of the bytes.
    pub fn digest(&self) -> ManifestDigest {
        ManifestDigest::new(*Sha256Digest::of(&self.to_bytes()).as_bytes())
    }
}

/// Largest manifest: some 200 bytes per layer make a thousand layers.
const MAX_BYTES: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use assay_verifier::value::{Dtype, TensorType};

    use super::*;

    fn manifest() -> Manifest {
        let kind = |dtype, n, scale| Type::Tensor(TensorType::new(dtype, &[1, n], scale).unwrap());
        Manifest {
            compiler: COMPILER.into(),
            model: Sha256Digest::of(b"model"),
            rounding: Rounding::HalfUp,
            inputs: vec![Input {
                name: "x".into(),
                kind: kind(Dtype::I8, 3, -4),
                low: -128,
                high: 127,
                visibility: Visibility::Committed,
            }],
            layers: vec![
                Layer::Linear {
                    node: "fc".into(),
                    weight_bits: 8,
                    weight_scale: -7,
                    coarser: vec![],
                },
                Layer::Linear {
                    node: "fd".into(),
                    weight_bits: 4,
                    weight_scale: -7,
                    coarser: vec![0, 3],
                },
                Layer::Materialize { node: "m".into() },
                Layer::Requantize {
                    node: "r".into(),
                    relu: true,
                    shift: 3,
                    clamp: None,
                    bits: 20,
                    scale: -8,
                },
                Layer::Requantize {
                    node: "s".into(),
                    relu: true,
                    shift: 0,
                    clamp: Some(7),
                    bits: 20,
                    scale: -8,
                },
            ],
            outputs: vec![Output {
                name: "y".into(),
                kind: kind(Dtype::I32, 2, -8),
                shift: 0,
                visibility: Visibility::Public,
            }],
        }
    }

    #[test]
    fn a_manifest_has_one_encoding() {
        let manifest = manifest();
        let bytes = manifest.to_bytes();
        assert_eq!(Manifest::from_bytes(&bytes).unwrap(), manifest);
        let text = String::from_utf8(bytes).unwrap();
        let others = [
            text.trim_end().to_owned(),
            text.replace("  ", " "),
            text.replace("\"shift\": 3", "\"shift\": 3.0"),
            text.replace("\"shift\": 3,", "\"shift\": 3, \"clamp\": null,"),
            text.replace("\"shift\": 3,", "\"shift\": 3, \"more\": 1,"),
            text.replacen("\"low\": -128,", "", 1),
            text.replace("\"high\": 127", "\"high\": 127,\n      \"visibility\": \"committed\""),
            text.replace("\"public\"", "\"secret\""),
            text.replacen(
                "\"weight_scale\": -7",
                "\"weight_scale\": -7,\n      \"coarser\": []",
                1,
            ),
            text.replace("half-up", "half-even"),
            format!("{text}{text}"),
        ];
        for other in others {
            assert_ne!(other, text);
            let error = Manifest::from_bytes(other.as_bytes()).unwrap_err();
            assert!(matches!(error, Error::ManifestMalformed { .. }), "{other}: {error}");
        }
    }

    #[test]
    fn the_digest_depends_on_every_choice() {
        let base = manifest().digest();
        let mut other = manifest();
        other.inputs[0].high = 126;
        assert_ne!(other.digest(), base);
        let mut other = manifest();
        other.inputs[0].visibility = Visibility::Public;
        assert_ne!(other.digest(), base);
        let mut other = manifest();
        other.layers.pop();
        assert_ne!(other.digest(), base);
    }
}
