//! Checks Assay receipts: bytes in, report out.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::arithmetic_side_effects, clippy::as_conversions, clippy::indexing_slicing)
)]

mod cbor;
mod commitment;
mod error;
mod json;
mod text;
mod time;
mod work;

pub mod attestation;
pub mod card;
pub mod evidence;
pub mod glue;
pub mod groth16;
pub mod ids;
pub mod inspect;
pub mod operation;
pub mod policy;
pub mod poseidon;
pub mod receipt;
pub mod report;
pub mod value;
mod verify;

pub use commitment::{Algorithm, Commitment};
pub use error::{Error, ErrorKind};
pub use text::printable;
pub use time::{TimeError, UnixMillis};
pub use verify::{
    BatchItem, Clock, Expected, ResultValue, Verified, VerifiedArchived, explain, public_inputs,
    verify, verify_archived, verify_batch,
};
