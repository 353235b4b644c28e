//! Synthetic Nitro chains and documents, with every byte of them open to change.
//!
//! The keys are derived from their names, so that everything is reproducible and worth nothing:
//! `assay synthetic …` is what they are called in the certificates too.

pub mod cases;
pub mod cbor;
pub mod certificate;
pub mod der;
pub mod good;
pub mod json;

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use assay_verifier::{
    UnixMillis,
    attestation::{
        Binding, DebugEnclaves, Document, Error, Freshness, Nonce, Pcr, PcrSet, Policy, PublicKey,
        Root, Trust, UserData, verify_live,
    },
};
use p384::ecdsa::{Signature, SigningKey, signature::Signer as _};
use sha2::{Digest as _, Sha384};

use self::certificate::{Certificate, authority, leaf};

/// Changes what was built so far.
pub type OneEdit<T> = Box<dyn Fn(&mut T)>;
/// Several changes, one after the other.
pub type Edit<T> = Vec<OneEdit<T>>;

/// A document in the making, the policy it is held against, and the clock.
pub struct World {
    /// Root first, leaf last.
    pub chain: Vec<Certificate>,
    /// What the document says its module is.
    pub module_id: String,
    /// When the document says it was made, in milliseconds.
    pub timestamp: u64,
    /// Registers by number.
    pub pcrs: Vec<(u64, Vec<u8>)>,
    /// The three optional fields; `None` is null.
    pub public_key: Option<Vec<u8>>,
    /// See `public_key`.
    pub user_data: Option<Vec<u8>>,
    /// See `public_key`.
    pub nonce: Option<Vec<u8>>,
    /// Whether the payload map has the form of 2025.
    pub indefinite: bool,
    /// Applied to the certificates' bytes, root first.
    pub edit_certificates: Edit<Vec<Vec<u8>>>,
    /// Applied to the fields of the payload: encoded key, encoded value.
    pub edit_fields: Edit<Vec<(Vec<u8>, Vec<u8>)>>,
    /// Applied to the payload before it is signed.
    pub edit_payload: Edit<Vec<u8>>,
    /// Applied to the payload after it was signed.
    pub edit_signed_payload: Edit<Vec<u8>>,
    /// Applied to the signature: r ‖ s.
    pub edit_signature: Edit<Vec<u8>>,
    /// Applied to the parts of the envelope, each encoded: protected, unprotected, payload,
    /// signature.
    pub edit_envelope: Edit<Vec<Vec<u8>>>,
    /// Applied to the whole document.
    pub edit_document: Edit<Vec<u8>>,
    /// The first text of COSE's Sig_structure.
    pub context: &'static str,
    /// What the document is held against.
    pub policy: Policy,
    /// The verifier's clock, in milliseconds.
    pub now: u64,
}

impl World {
    /// A document that meets its policy, with `authorities` certificates above the leaf.
    pub fn with_authorities(authorities: usize) -> Self {
        let mut chain: Vec<Certificate> = Vec::new();
        for index in 0..authorities {
            chain.push(authority(index, authorities, chain.last()));
        }
        chain.push(leaf(chain.last().expect("there is a root")));
        let pcrs: Vec<(u64, Vec<u8>)> = (0..16)
            .map(|index| match index {
                0..=2 | 4 => (index, Sha384::digest([index as u8]).to_vec()),
                _ => (index, vec![0; 48]),
            })
            .collect();
        let pins = (0..3).map(|index| (index as u8, pcr(&pcrs[index].1)));
        let policy = Policy {
            trust: Trust::new(Root::named(&chain[0].sign()).expect("a root of the right form")),
            images: PcrSet::new(pins).expect("three registers").into(),
            debug: DebugEnclaves::Refused,
            binding: Binding {
                nonce: Nonce::Exactly(b"the client's nonce".to_vec()),
                user_data: UserData::Exactly(b"user data".to_vec()),
                public_key: PublicKey::Exactly(vec![4; 97]),
            },
            freshness: Freshness::default(),
        };
        Self {
            chain,
            module_id: MODULE_ID.into(),
            timestamp: TIMESTAMP,
            pcrs,
            public_key: Some(vec![4; 97]),
            user_data: Some(b"user data".to_vec()),
            nonce: Some(b"the client's nonce".to_vec()),
            indefinite: true,
            edit_certificates: Vec::new(),
            edit_fields: Vec::new(),
            edit_payload: Vec::new(),
            edit_signed_payload: Vec::new(),
            edit_signature: Vec::new(),
            edit_envelope: Vec::new(),
            edit_document: Vec::new(),
            context: "Signature1",
            policy,
            now: TIMESTAMP + 2000,
        }
    }

    /// The document's bytes.
    pub fn document(&self) -> Vec<u8> {
        let mut certificates: Vec<_> = self.chain.iter().map(Certificate::sign).collect();
        apply(&self.edit_certificates, &mut certificates);
        let mut payload = self.payload(&certificates);
        apply(&self.edit_payload, &mut payload);
        let signed = [
            cbor::head(cbor::ARRAY, 4),
            cbor::text(self.context),
            cbor::bytes(&PROTECTED),
            cbor::bytes(&[]),
            cbor::bytes(&payload),
        ];
        let leaf = self.chain.last().expect("there is a leaf");
        let mut signature = sign(&key(&leaf.key_name), &signed.concat());
        apply(&self.edit_signature, &mut signature);
        apply(&self.edit_signed_payload, &mut payload);
        let mut parts = vec![
            cbor::bytes(&PROTECTED),
            cbor::head(cbor::MAP, 0),
            cbor::bytes(&payload),
            cbor::bytes(&signature),
        ];
        apply(&self.edit_envelope, &mut parts);
        let mut document = cbor::head(cbor::ARRAY, parts.len() as u64);
        document.extend(parts.concat());
        apply(&self.edit_document, &mut document);
        document
    }

    /// Parses the document and holds it live against the policy, at the clock.
    pub fn verify(&self) -> Result<(), Error> {
        self.verify_bytes(&self.document())
    }

    /// Holds other bytes against the policy, at the clock.
    pub fn verify_bytes(&self, bytes: &[u8]) -> Result<(), Error> {
        let now = UnixMillis::new(self.now).expect("the clock is in milliseconds");
        verify_live(&Document::parse(bytes)?, &self.policy, now).map(|_| ())
    }

    fn payload(&self, certificates: &[Vec<u8>]) -> Vec<u8> {
        let (leaf, above) = certificates.split_last().expect("there is a leaf");
        let pcrs = self.pcrs.iter().map(|(index, value)| (cbor::unsigned(*index), value));
        let pcrs: Vec<_> = pcrs.flat_map(|(index, value)| [index, cbor::bytes(value)]).collect();
        let above: Vec<_> = above.iter().map(|der| cbor::bytes(der)).collect();
        let field = |name: &str, value: Vec<u8>| (cbor::text(name), value);
        let mut fields = vec![
            field("module_id", cbor::text(&self.module_id)),
            field("digest", cbor::text("SHA384")),
            field("timestamp", cbor::unsigned(self.timestamp)),
            field("pcrs", cbor::container(cbor::MAP, self.pcrs.len(), &pcrs)),
            field("certificate", cbor::bytes(leaf)),
            field("cabundle", cbor::container(cbor::ARRAY, above.len(), &above)),
            field("public_key", cbor::optional(self.public_key.as_deref())),
            field("user_data", cbor::optional(self.user_data.as_deref())),
            field("nonce", cbor::optional(self.nonce.as_deref())),
        ];
        apply(&self.edit_fields, &mut fields);
        let count = fields.len();
        let items: Vec<_> = fields.into_iter().flat_map(|(key, value)| [key, value]).collect();
        match self.indefinite {
            true => [&[0xbf][..], &items.concat(), &[0xff]].concat(),
            false => cbor::container(cbor::MAP, count, &items),
        }
    }
}

impl Default for World {
    /// The shape of AWS's own: four certificates above the leaf.
    fn default() -> Self {
        Self::with_authorities(4)
    }
}

/// The P-384 key of a name.
pub fn key(name: &str) -> SigningKey {
    // Making one takes a multiplication on the curve; every document needs five.
    static KEYS: Mutex<BTreeMap<String, SigningKey>> = Mutex::new(BTreeMap::new());
    let mut keys = KEYS.lock().unwrap_or_else(PoisonError::into_inner);
    let make = || {
        let scalar = Sha384::digest(format!("assay synthetic {name}"));
        SigningKey::from_slice(&scalar).expect("a digest below the group order")
    };
    keys.entry(name.into()).or_insert_with(make).clone()
}

/// ES384: r ‖ s, deterministic.
pub fn sign(key: &SigningKey, message: &[u8]) -> Vec<u8> {
    let signature: Signature = key.sign(message);
    signature.to_bytes().to_vec()
}

/// A register of 48 bytes.
pub fn pcr(bytes: &[u8]) -> Pcr {
    Pcr::from(<[u8; 48]>::try_from(bytes).expect("48 bytes"))
}

fn apply<T>(edits: &Edit<T>, value: &mut T) {
    for edit in edits {
        edit(value);
    }
}

/// 2026-09-01T12:00:03.500Z.
pub const TIMESTAMP: u64 = 1_788_264_003_500;
/// The instance of every synthetic document.
pub const INSTANCE: &str = "i-0123456789abcdef0";
/// The module of every synthetic document, launched on 2026-09-01.
pub const MODULE_ID: &str = "i-0123456789abcdef0-enc01a05cd72a000001";
/// {1: -35}: ES384.
pub const PROTECTED: [u8; 4] = [0xa1, 0x01, 0x38, 0x22];
