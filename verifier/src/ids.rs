//! Names, digests, nonces and salts: everything that a policy can pin is a type of its own.

use core::fmt;

use sha2::{Digest as _, Sha256};

use crate::{
    Error, cbor,
    work::{Work, does},
};

/// Declares a newtype over `$n` bytes that prints, parses and serialises as hexadecimal.
macro_rules! fixed_bytes {
    ($(#[$doc:meta])* $name:ident, $n:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $n]);

        impl $name {
            /// Wraps the bytes.
            pub const fn new(bytes: [u8; $n]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            pub const fn as_bytes(&self) -> &[u8; $n] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), hex::encode(self.0))
            }
        }

        impl core::str::FromStr for $name {
            type Err = HexError;
            fn from_str(text: &str) -> Result<Self, HexError> {
                let mut bytes = [0; $n];
                hex::decode_to_slice(text, &mut bytes)
                    .map_err(|_| HexError { bytes: $n, found: text.chars().count() })?;
                Ok(Self(bytes))
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(from)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

fixed_bytes!(
    /// SHA-256 of a key card as it arrived. FORMAT.md §6.4.
    CardDigest, 32
);
fixed_bytes!(
    /// SHA-256 of a circuit's `.r1cs` file. FORMAT.md §6.4.
    CircuitDigest, 32
);
fixed_bytes!(
    /// SHA-256 of a verifying key as its card carries it. FORMAT.md §6.2.
    KeyId, 32
);
fixed_bytes!(
    /// SHA-256 of a quantization manifest. FORMAT.md §6.4.
    ManifestDigest, 32
);
fixed_bytes!(
    /// Digest of every file that a model's loader may open. FORMAT.md §3.3.
    ModelDigest, 32
);
fixed_bytes!(
    /// Identity of an operation, and of every receipt for it. FORMAT.md §3.5.
    OperationDigest, 32
);
fixed_bytes!(
    /// SHA-256 of a policy's JSON text as it was given. FORMAT.md §9.1.
    PolicyDigest, 32
);
fixed_bytes!(
    /// Sixteen random bytes that make two runs of one operation differ. FORMAT.md §3.1.
    RunId, 16
);
fixed_bytes!(
    /// Thirty-one random bytes that hide a committed value. FORMAT.md §2.3.
    Salt, 31
);
fixed_bytes!(
    /// A plain SHA-256, of a file or of a value's bytes.
    Sha256Digest, 32
);

impl Sha256Digest {
    /// SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        does(Work::Hashed, bytes.len());
        Self(Sha256::digest(bytes).into())
    }
}

impl ModelDigest {
    /// Digest of a model's files: SHA-256("assay/model/1" ‖ CBOR [kind, [[path, length, SHA-256], …]])
    /// with the list sorted by path (bytewise). FORMAT.md §3.3.
    pub fn of(kind: ModelKind, files: &[(&str, &[u8])]) -> Self {
        let files =
            files.iter().map(|(path, bytes)| (*path, cbor::length(bytes), Sha256Digest::of(bytes)));
        Self::of_hashed(kind, &files.collect::<Vec<_>>())
    }

    /// The same, of files that were hashed as they were read: path, length in bytes, SHA-256.
    pub fn of_hashed(kind: ModelKind, files: &[(&str, u64, Sha256Digest)]) -> Self {
        let mut files: Vec<_> = files.to_vec();
        files.sort_by_key(|(path, _, _)| *path);
        let list = files
            .iter()
            .map(|(path, length, hash)| {
                cbor::array([cbor::text(path), cbor::uint(*length), cbor::bytes(hash.as_bytes())])
            })
            .collect::<Vec<_>>();
        let body = cbor::array([cbor::text(kind.name()), cbor::array(list)]);
        Self(tagged_sha256("assay/model/1", &cbor::encode(&body)))
    }
}

/// What a model's files are, hashed into its digest. FORMAT.md §3.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelKind {
    /// One ONNX file.
    Onnx,
    /// A language model: weights, configuration, tokenizer.
    SafeTensors,
    /// One TorchScript archive.
    TorchScript,
}

impl ModelKind {
    /// The word that is hashed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Onnx => "onnx",
            Self::SafeTensors => "safetensors",
            Self::TorchScript => "torchscript",
        }
    }
}

/// A name of an operation, a value or a step: 1 to 64 of `a-z 0-9 . _ -`, the first a letter or digit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct Name(String);

impl Name {
    /// Longest name, in bytes. Names are for people to read in a report; a sentence is no name.
    pub const MAX: usize = 64;

    /// Accepts a name of the grammar above. FORMAT.md §1.6.
    pub fn new(text: &str) -> Result<Self, Error> {
        let allowed = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '.' | '_' | '-');
        let first = text.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
        if !first || text.len() > Self::MAX || !text.chars().all(allowed) {
            return Err(Error::NameInvalid { found: text.chars().take(Self::MAX).collect() });
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Name {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = <String as serde::Deserialize>::deserialize(from)?;
        Self::new(&text).map_err(serde::de::Error::custom)
    }
}

/// Bytes that whoever asks chose freshly, 16 to 64 of them. FORMAT.md §3.1.
#[derive(Clone, PartialEq, Eq)]
pub struct Nonce(Vec<u8>);

impl Nonce {
    /// Accepts 16 to 64 bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, Error> {
        if !(16..=64).contains(&bytes.len()) {
            return Err(Error::NonceLength { found: bytes.len() });
        }
        Ok(Self(bytes.to_vec()))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nonce({self})")
    }
}

impl serde::Serialize for Nonce {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl core::str::FromStr for Nonce {
    type Err = Error;

    /// Reads hexadecimal, two digits per byte.
    fn from_str(text: &str) -> Result<Self, Error> {
        let bytes = hex::decode(text)
            .map_err(|_| Error::NonceHex { found: text.chars().take(64).collect() })?;
        Self::new(&bytes)
    }
}

/// Text that is not the expected number of hexadecimal bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HexError {
    /// How many bytes were expected.
    pub bytes: usize,
    /// How many characters were found.
    pub found: usize,
}

impl fmt::Display for HexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.bytes.saturating_mul(2);
        write!(f, "expected {digits} hexadecimal digits, found {} characters", self.found)
    }
}

impl core::error::Error for HexError {}

/// SHA-256(`purpose` ‖ `body`): every hash of ours begins with what it is for. FORMAT.md §1.3.
pub(crate) fn tagged_sha256(purpose: &str, body: &[u8]) -> [u8; 32] {
    tagged_sha256_of(purpose, &[body])
}

/// The same, of a body in parts.
pub(crate) fn tagged_sha256_of(purpose: &str, parts: &[&[u8]]) -> [u8; 32] {
    does(
        Work::Hashed,
        parts.iter().map(|part| part.len()).fold(purpose.len(), usize::saturating_add),
    );
    let hash = Sha256::new().chain_update(purpose);
    parts.iter().fold(hash, |hash, part| hash.chain_update(part)).finalize().into()
}

/// The first 31 of 32 bytes: as a big-endian number always below the BLS12-381 scalar field's order.
pub(crate) fn first_31(bytes: [u8; 32]) -> [u8; 31] {
    let [head @ .., _] = bytes;
    head
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_grammar() {
        for good in ["a", "0", "digits", "mlp-784.128_10", &"a".repeat(64)] {
            assert!(Name::new(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "A", "a b", "é", &"a".repeat(65), "a\n"] {
            assert!(matches!(Name::new(bad), Err(Error::NameInvalid { .. })), "{bad:?}");
        }
    }

    #[test]
    fn nonces_have_16_to_64_bytes() {
        for (length, good) in [(0, false), (15, false), (16, true), (64, true), (65, false)] {
            assert_eq!(Nonce::new(&vec![7; length]).is_ok(), good, "{length}");
        }
    }

    #[test]
    fn digests_are_exact_hexadecimal() {
        let text = "ab".repeat(32);
        assert_eq!(text.parse::<KeyId>().unwrap().to_string(), text);
        assert_eq!(text.to_uppercase().parse::<KeyId>().unwrap().to_string(), text);
        for bad in [&text[1..], &format!("0x{}", &text[2..]), &format!("{text} "), ""] {
            assert!(bad.parse::<KeyId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_model_digest_depends_on_kind_path_and_bytes() {
        let base = ModelDigest::of(ModelKind::Onnx, &[("a", b"1"), ("b", b"2")]);
        assert_eq!(base, ModelDigest::of(ModelKind::Onnx, &[("b", b"2"), ("a", b"1")]));
        assert_ne!(base, ModelDigest::of(ModelKind::TorchScript, &[("a", b"1"), ("b", b"2")]));
        assert_ne!(base, ModelDigest::of(ModelKind::Onnx, &[("a", b"1"), ("c", b"2")]));
        assert_ne!(base, ModelDigest::of(ModelKind::Onnx, &[("a", b"1"), ("b", b"3")]));
    }
}
