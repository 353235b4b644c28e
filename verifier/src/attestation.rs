//! AWS Nitro attestation documents: who made one, about which image, for what, and when.
//!
//! The rules are S1 to S45 of FORMAT.md §8; every refusal names its own in [`Error`].
//!
//! ```
//! use assay_verifier::attestation::{
//!     Binding, DebugEnclaves, Document, Error, Freshness, Live, Nonce, PcrSets, Policy,
//!     PublicKey, Root, Trust, UserData, verify_live,
//! };
//! use assay_verifier::UnixMillis;
//!
//! fn check<'a>(
//!     bytes: &'a [u8],
//!     images: PcrSets,
//!     nonce: Vec<u8>,
//!     now: UnixMillis,
//! ) -> Result<Live<'a>, Error> {
//!     let policy = Policy {
//!         trust: Trust::new(Root::aws_g1()),
//!         images,
//!         debug: DebugEnclaves::Refused,
//!         binding: Binding {
//!             nonce: Nonce::Exactly(nonce),
//!             user_data: UserData::AnyUserDataAccepted,
//!             public_key: PublicKey::Present,
//!         },
//!         freshness: Freshness::default(),
//!     };
//!     verify_live(&Document::parse(bytes)?, &policy, now)
//! }
//! # assert!(Document::parse(b"").is_err());
//! ```
//!
//! AWS's text and its documents disagree in places; the documents win. The signature has 96 bytes,
//! not 32, 48 or 64; fields that are not set are null; user data and nonce may have 1024 bytes, not
//! 512; certificates have CRL distribution points although CRLs are not used; the payload map is of
//! indefinite length since mid-2025.
#![cfg_attr(
    not(test),
    deny(
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

mod cbor;
mod certificate;
mod chain;
pub mod conformance;
mod der;
mod der_time;
mod document;
mod ecdsa;
mod error;
mod extensions;
mod field;
mod json;
mod measurements;
mod name;
mod payload;
mod pcr;
mod policy;
mod policy_error;
mod policy_json;
pub mod report;
mod roots;
mod sample;
mod verify;
mod wnaf;

pub use cbor::CborKind;
pub use certificate::{AlgorithmPlace, Certificate, Position};
pub use der_time::CertificateTime;
pub use document::{Document, Field, Item};
pub use error::{Error, Kind, Part, Rule};
pub use pcr::{Pcr, PcrSet};
pub use policy::{
    Binding, DebugEnclaves, Denied, Freshness, Names, Nonce, PcrSets, Policy, PublicKey, Trust,
    UserData,
};
pub use policy_error::PolicyError;
pub use roots::Root;
pub use sample::Sample;
pub use verify::{Archived, Authentic, Live, Mode, verify_archived, verify_live};
