//! A session: the key that an attester vouched for, and what it signs (FORMAT.md §5).

use std::time::{Duration, Instant};

use assay_verifier::{
    UnixMillis,
    evidence::{Evidence, session_user_data, tee_message, tee_statement},
    ids::{Nonce, OperationDigest},
};
use p384::ecdsa::{Signature, SigningKey, signature::Signer as _};

use crate::{
    attester::{Attester, Request},
    error::Error,
};

/// Longest life of a key: then it is wiped, and the next document brings a new one.
pub const LIFE: Duration = Duration::from_secs(60 * 60);

/// A P-384 key and the document that carries it. The key is wiped when it is dropped.
pub struct Session {
    key: SigningKey,
    document: Vec<u8>,
    begun: Instant,
    /// The same by the wall clock, which verifiers hold the document against.
    dated: UnixMillis,
}

impl Session {
    /// Makes a key and has it attested, at `now`.
    pub fn begin(attester: &dyn Attester, now: UnixMillis) -> Result<Self, Error> {
        let key = new_key()?;
        let public_key = key.verifying_key().to_sec1_point(false);
        let document = attester.attest(&Request {
            public_key: Some(public_key.as_bytes().to_vec()),
            user_data: Some(session_user_data(public_key.as_bytes()).to_vec()),
            nonce: None,
        })?;
        Ok(Self { key, document, begun: Instant::now(), dated: now })
    }

    /// Whether the key has reached the end of its life at `now`: by monotonic time, or because the wall clock
    /// was set, and the document is from long ago or from the future for whoever verifies it.
    pub fn is_over(&self, now: UnixMillis) -> bool {
        let life = u64::try_from(LIFE.as_millis()).unwrap_or(u64::MAX);
        self.begun.elapsed() >= LIFE || now < self.dated || now.since(self.dated) >= life
    }

    /// Signs that this enclave executed `steps` of the operation itself.
    pub fn sign(&self, operation: &OperationDigest, steps: &[u32]) -> Evidence {
        let signature: Signature = self.key.sign(&tee_message(operation, steps));
        Evidence::TeeSession {
            document: self.document.clone(),
            signature: Box::new(signature.to_bytes().into()),
            steps: steps.to_vec(),
        }
    }
}

/// Has one operation attested by a document of its own. Errors: no nonce to put into it.
pub fn attest_operation(
    attester: &dyn Attester,
    operation: &OperationDigest,
    nonce: &Nonce,
    steps: &[u32],
) -> Result<Evidence, Error> {
    let document = attester.attest(&Request {
        public_key: None,
        user_data: Some(tee_statement(operation, steps).to_vec()),
        nonce: Some(nonce.as_bytes().to_vec()),
    })?;
    Ok(Evidence::TeeDocument { document, steps: steps.to_vec() })
}

/// A key from the system's generator. Numbers outside the order are drawn again, never reduced.
fn new_key() -> Result<SigningKey, Error> {
    loop {
        let scalar = zeroize::Zeroizing::new(crate::random::bytes::<48>()?);
        if let Ok(key) = SigningKey::from_slice(scalar.as_slice()) {
            return Ok(key);
        }
    }
}
