//! Evidence: what makes a claim believable (FORMAT.md §4.2, §5, §6.1).

use ciborium::Value as Cbor;

use crate::{
    Error,
    cbor::{self, Item},
    groth16::PROOF_BYTES,
    ids::{OperationDigest, tagged_sha256},
    operation::{Method, Operation},
};

/// Purpose of the tee statement, and first bytes of the message that a session key signs.
const TEE: &str = "assay/tee/1";
const SESSION: &str = "assay/session/1";

/// One piece of evidence, as it arrived. Nothing in it has been checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// An attestation document made for this operation alone. FORMAT.md §5.3.
    TeeDocument {
        /// The document (COSE_Sign1).
        document: Vec<u8>,
        /// Indices of the steps that this enclave executed itself, ascending.
        steps: Vec<u32>,
    },
    /// A session document and a signature by the key that it carries. FORMAT.md §5.1, §5.2.
    TeeSession {
        /// The document (COSE_Sign1).
        document: Vec<u8>,
        /// ES384: r and s, 48 bytes each, big-endian.
        signature: Box<[u8; 96]>,
        /// Indices of the steps that this enclave executed itself, ascending.
        steps: Vec<u32>,
    },
    /// A Groth16 proof for one step. FORMAT.md §6.1.
    Zk {
        /// The proof.
        proof: Box<[u8; PROOF_BYTES]>,
        /// Index of the step.
        step: u32,
    },
}

impl Evidence {
    /// The method that this evidence is of.
    pub const fn method(&self) -> Method {
        match self {
            Self::TeeDocument { .. } | Self::TeeSession { .. } => Method::Tee,
            Self::Zk { .. } => Method::Zk,
        }
    }

    /// The steps that this evidence is for.
    pub fn steps(&self) -> &[u32] {
        match self {
            Self::TeeDocument { steps, .. } | Self::TeeSession { steps, .. } => steps,
            Self::Zk { step, .. } => core::slice::from_ref(step),
        }
    }

    /// The attestation document, where there is one.
    pub fn document(&self) -> Option<&[u8]> {
        match self {
            Self::TeeDocument { document, .. } | Self::TeeSession { document, .. } => {
                Some(document)
            }
            Self::Zk { .. } => None,
        }
    }

    /// The word in the format.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::TeeDocument { .. } => "tee-document",
            Self::TeeSession { .. } => "tee-session",
            Self::Zk { .. } => "zk",
        }
    }

    pub(crate) fn to_cbor(&self) -> Cbor {
        let kind = ("kind", cbor::text(self.kind()));
        match self {
            Self::TeeDocument { document, steps } => {
                cbor::map([kind, ("steps", indices(steps)), ("document", cbor::bytes(document))])
            }
            Self::TeeSession { document, signature, steps } => cbor::map([
                kind,
                ("steps", indices(steps)),
                ("document", cbor::bytes(document)),
                ("signature", cbor::bytes(signature.as_slice())),
            ]),
            Self::Zk { proof, step } => cbor::map([
                kind,
                ("step", cbor::uint(u64::from(*step))),
                ("proof", cbor::bytes(proof.as_slice())),
            ]),
        }
    }

    pub(crate) fn from_cbor(item: Item<'_>) -> Result<Self, Error> {
        let mut fields = item.fields("evidence")?;
        let kind = fields.take("kind")?.text()?;
        let evidence = match kind {
            "tee-document" => Self::TeeDocument {
                steps: ascending(fields.take("steps")?)?,
                document: fields.take("document")?.bytes()?.to_vec(),
            },
            "tee-session" => Self::TeeSession {
                steps: ascending(fields.take("steps")?)?,
                document: fields.take("document")?.bytes()?.to_vec(),
                signature: Box::new(fields.take("signature")?.fixed()?),
            },
            "zk" => Self::Zk {
                step: fields.take("step")?.u32()?,
                proof: {
                    let proof = fields.take("proof")?.bytes()?;
                    let proof = proof.try_into().map_err(|_| Error::ProofLength {
                        expected: PROOF_BYTES,
                        found: proof.len(),
                    })?;
                    Box::new(proof)
                },
            },
            _ => return Err(Error::EvidenceKindUnknown { found: kind.chars().take(64).collect() }),
        };
        fields.finish()?;
        Ok(evidence)
    }
}

fn indices(steps: &[u32]) -> Cbor {
    cbor::array(steps.iter().map(|step| cbor::uint(u64::from(*step))))
}

/// A list of at least one step, strictly ascending.
fn ascending(item: Item<'_>) -> Result<Vec<u32>, Error> {
    let items = item.list()?;
    if items.len() > Operation::MAX_ENTRIES {
        return item.refuse("a list of 1 to 1024");
    }
    let steps: Vec<u32> = items.map(Item::u32).collect::<Result<_, _>>()?;
    let ascends = steps.iter().zip(steps.iter().skip(1)).all(|(a, b)| a < b);
    if steps.is_empty() || !ascends {
        return Err(Error::EvidenceSteps { found: format!("{steps:?}") });
    }
    Ok(steps)
}

/// The tee statement: SHA-256("assay/tee/1" ‖ CBOR [operation digest, ascending step indices]).
/// A per-operation document carries it as `user_data`. FORMAT.md §5.2.
pub fn tee_statement(operation: &OperationDigest, steps: &[u32]) -> [u8; 32] {
    let body = cbor::array([cbor::bytes(operation.as_bytes()), indices(steps)]);
    tagged_sha256(TEE, &cbor::encode(&body))
}

/// The message that a session key signs: "assay/tee/1" ‖ tee statement. FORMAT.md §5.2.
pub fn tee_message(operation: &OperationDigest, steps: &[u32]) -> Vec<u8> {
    [TEE.as_bytes(), &tee_statement(operation, steps)].concat()
}

/// The `user_data` of a session document: SHA-256("assay/session/1" ‖ public key), the key an
/// uncompressed P-384 point of 97 bytes. FORMAT.md §5.1.
pub fn session_user_data(public_key: &[u8]) -> [u8; 32] {
    tagged_sha256(SESSION, public_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_covers_operation_and_steps() {
        let one = OperationDigest::new([1; 32]);
        let base = tee_statement(&one, &[0, 2]);
        assert_ne!(base, tee_statement(&OperationDigest::new([2; 32]), &[0, 2]));
        assert_ne!(base, tee_statement(&one, &[0]));
        assert_ne!(base, tee_statement(&one, &[0, 1, 2]));
        assert!(tee_message(&one, &[0, 2]).starts_with(b"assay/tee/1"));
        assert!(tee_message(&one, &[0, 2]).ends_with(&base));
    }
}
