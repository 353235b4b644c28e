//! Attesters: what vouches, by an attestation document, for the program that runs here.
//!
//! Two of them, both real: the Nitro Security Module of an enclave, and a software one for work
//! without an enclave, which signs under a root of its own that says so.

mod error;
mod nsm;
mod software;

use std::path::Path;

use assay_verifier::attestation::Root;

pub use error::Error;
pub use nsm::Nsm;
pub use software::Software;

/// Makes attestation documents.
pub trait Attester: Send + Sync {
    /// A new document, made now, that carries what `request` says.
    fn attest(&self, request: &Request) -> Result<Vec<u8>, Error>;

    /// The root that its documents' chains begin with.
    fn root(&self) -> &Root;

    /// One line for people: what vouches here.
    fn describe(&self) -> String;
}

/// What a document is to carry. Public key: 1 to 1024 bytes; user data and nonce: up to 1024.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// A key that the program holds, in whatever encoding its peers expect.
    pub public_key: Option<Vec<u8>>,
    /// What the program says. No request from outside may set it.
    pub user_data: Option<Vec<u8>>,
    /// What the peer sent, so that it knows the document to be new.
    pub nonce: Option<Vec<u8>>,
}

/// The security module where there is one, else the software attester of `directory`.
///
/// `configuration` is the digest of what the program was started with. In an enclave it is in
/// PCR 16 before this program starts, and what is given here is not used; the software attester
/// extends its own PCR 16 with it.
pub fn open(directory: &Path, configuration: Option<[u8; 32]>) -> Result<Box<dyn Attester>, Error> {
    if Nsm::is_present() {
        return Ok(Box::new(Nsm::open()?));
    }
    Ok(Box::new(Software::open(directory, configuration)?))
}

impl Request {
    /// Refuses what no document can carry.
    fn check(&self) -> Result<(), Error> {
        for (field, value) in [
            ("public_key", &self.public_key),
            ("user_data", &self.user_data),
            ("nonce", &self.nonce),
        ] {
            let least = usize::from(field == "public_key");
            let Some(value) = value else { continue };
            if !(least..=MAX_FIELD).contains(&value.len()) {
                return Err(Error::RequestLength { field, found: value.len(), max: MAX_FIELD });
            }
        }
        Ok(())
    }
}

/// What verifiers read (FORMAT.md §8.2, S17 and S18).
const MAX_FIELD: usize = 1024;
