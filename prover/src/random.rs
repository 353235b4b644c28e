//! Random bytes, from the system's generator and nowhere else.

use assay_verifier::ids::{RunId, Salt};

use crate::error::Error;

/// `N` random bytes.
pub fn bytes<const N: usize>() -> Result<[u8; N], Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| Error::NoRandomness { why: error.to_string() })?;
    Ok(bytes)
}

/// A salt of its own for one value.
pub fn salt() -> Result<Salt, Error> {
    bytes().map(Salt::new)
}

/// A run id.
pub fn run_id() -> Result<RunId, Error> {
    bytes().map(RunId::new)
}
