//! `policy from`.

use std::path::Path;

use assay_verifier::{policy::Policy, receipt::Receipt};

use super::{Outcome, read, write};
use crate::error::Error;

/// Writes the policy that accepts receipts like this one, marked unreviewed.
pub(super) fn from(receipt: &Path, output: Option<&Path>) -> Result<Outcome, Error> {
    let receipt = Receipt::from_bytes(&read(receipt)?)?;
    let text = Policy::learn(&receipt)?.to_json();
    match output {
        Some(path) => {
            write(path, text.as_bytes())?;
            tell!("{}: learned, unreviewed. Read it, then remove \"unreviewed\".", path.display());
        }
        None => put!("{text}"),
    }
    Ok(Outcome::Accepted)
}
