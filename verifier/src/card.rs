//! Key cards: what a verifying key is the key of, and how it was made (FORMAT.md §6.4).

mod port;

use ciborium::Value as Cbor;

pub use port::{Port, Visibility};

use crate::{
    Error,
    cbor::{self, Item},
    groth16::VerifyingKey,
    ids::{CardDigest, CircuitDigest, KeyId, ManifestDigest, ModelDigest, Sha256Digest},
};

/// How a key was made, both phases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Setup {
    /// Several contributors: forging takes all of them together.
    Ceremony {
        /// Contributions to the second phase.
        contributions: u32,
        /// SHA-256 of the first phase's transcript.
        phase1: Sha256Digest,
        /// SHA-256 of the second phase's transcript.
        phase2: Sha256Digest,
    },
    /// One party, who could forge.
    SingleParty,
}

/// A key card. What it says is believed only where a policy pins the digest of the whole card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// The verifying key, as FORMAT.md §6.2 encodes it.
    pub key: Vec<u8>,
    /// The circuit.
    pub circuit: CircuitDigest,
    /// The model that the circuit is.
    pub model: ModelDigest,
    /// The quantization manifest that the circuit was compiled with.
    pub manifest: ManifestDigest,
    /// Name and version of the compiler.
    pub compiler: String,
    /// The values that the step takes.
    pub inputs: Vec<Port>,
    /// The values that the step gives.
    pub outputs: Vec<Port>,
    /// How the key was made.
    pub setup: Setup,
}

impl Card {
    /// The format's version.
    pub const VERSION: i64 = 0;
    /// Most bytes of a card: a key of 4,096 public inputs, and room for the rest.
    pub const MAX_BYTES: usize = 1 << 18;
    /// Longest name of a compiler, with its version.
    const MAX_COMPILER: usize = 128;

    /// Reads a card. FORMAT.md §6.4.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let mut fields = cbor::decode(bytes, "card", Self::MAX_BYTES)?.fields("card")?;
        let version = fields.take("version")?.int()?;
        if version != Self::VERSION {
            return Err(Error::VersionUnknown { expected: Self::VERSION, found: version });
        }
        let card = Self {
            key: fields.take("key")?.bytes()?.to_vec(),
            circuit: CircuitDigest::new(fields.take("circuit")?.fixed()?),
            model: ModelDigest::new(fields.take("model")?.fixed()?),
            manifest: ManifestDigest::new(fields.take("manifest")?.fixed()?),
            compiler: fields
                .take("compiler")?
                .word(Self::MAX_COMPILER, "at most 128 printable ASCII characters")?
                .to_owned(),
            inputs: Port::list_from_cbor(fields.take("inputs")?)?,
            outputs: Port::list_from_cbor(fields.take("outputs")?)?,
            setup: setup_from_cbor(fields.take("setup")?)?,
        };
        fields.finish()?;
        Ok(card)
    }

    /// The encoded card.
    pub fn to_bytes(&self) -> Vec<u8> {
        cbor::encode(&cbor::map([
            ("version", cbor::int(Self::VERSION)),
            ("key", cbor::bytes(&self.key)),
            ("circuit", cbor::bytes(self.circuit.as_bytes())),
            ("model", cbor::bytes(self.model.as_bytes())),
            ("manifest", cbor::bytes(self.manifest.as_bytes())),
            ("compiler", cbor::text(&self.compiler)),
            ("inputs", cbor::array(self.inputs.iter().map(Port::to_cbor))),
            ("outputs", cbor::array(self.outputs.iter().map(Port::to_cbor))),
            ("setup", setup_to_cbor(&self.setup)),
        ]))
    }

    /// SHA-256 of a card as it arrived.
    pub fn digest(bytes: &[u8]) -> CardDigest {
        CardDigest::new(*Sha256Digest::of(bytes).as_bytes())
    }

    /// SHA-256 of the key's bytes.
    pub fn key_id(&self) -> KeyId {
        KeyId::new(*Sha256Digest::of(&self.key).as_bytes())
    }

    /// The ports in the order of the public inputs: what the step takes, then what it gives.
    pub fn ports(&self) -> impl Iterator<Item = &Port> {
        self.inputs.iter().chain(&self.outputs)
    }

    /// How many public inputs the key must have: the context, and those of every port.
    pub fn public_inputs(&self) -> usize {
        self.ports().map(Port::public_inputs).fold(1, usize::saturating_add)
    }

    /// The key, checked. FORMAT.md §6.2.
    pub fn verifying_key(&self) -> Result<VerifyingKey, Error> {
        VerifyingKey::from_bytes(&self.key, self.public_inputs())
    }
}

fn setup_to_cbor(setup: &Setup) -> Cbor {
    match setup {
        Setup::Ceremony { contributions, phase1, phase2 } => cbor::array([
            cbor::text("ceremony"),
            cbor::uint(u64::from(*contributions)),
            cbor::bytes(phase1.as_bytes()),
            cbor::bytes(phase2.as_bytes()),
        ]),
        Setup::SingleParty => cbor::array([cbor::text("single-party")]),
    }
}

fn setup_from_cbor(item: Item<'_>) -> Result<Setup, Error> {
    const EXPECTED: &str = r#"["single-party"] or ["ceremony", contributions, phase 1, phase 2]"#;
    let wrong = || Error::FieldType { what: "card", field: "setup", expected: EXPECTED };
    let mut items = item.list()?;
    match items.next().ok_or_else(wrong)?.text()? {
        "single-party" if items.len() == 0 => Ok(Setup::SingleParty),
        "ceremony" => {
            let [contributions, phase1, phase2] = items.exactly().map_err(|_| wrong())?;
            let contributions = contributions.u32()?;
            if contributions == 0 {
                return Err(wrong());
            }
            Ok(Setup::Ceremony {
                contributions,
                phase1: Sha256Digest::new(phase1.fixed()?),
                phase2: Sha256Digest::new(phase2.fixed()?),
            })
        }
        _ => Err(wrong()),
    }
}
