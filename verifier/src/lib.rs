//! Checks Assay receipts: bytes in, report out.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::indexing_slicing
    )
)]

mod time;


pub use time::{TimeError, UnixMillis};
