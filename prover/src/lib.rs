//! Runs operations and writes their receipts: attesters, sessions, keys, the command line.
#![deny(unsafe_code)]
// A pipe that is closed is no reason to panic: `terminal` writes.
#![deny(clippy::print_stderr, clippy::print_stdout)]

#[macro_use]
mod terminal;

pub mod attester;
#[cfg(feature = "service")]
mod bounded;
pub mod choice;
pub mod cli;
pub mod clock;
pub mod dataset;
pub mod definition;
pub mod engine;
mod error;
pub mod eval;
mod files;
pub mod folder;
#[cfg(feature = "service")]
pub mod host;
pub mod input;
#[cfg(feature = "service")]
pub mod jobs;
pub mod keys;
pub mod llm;
mod npy;
pub mod quantize;
pub mod random;
pub mod run;
pub mod samples;
#[cfg(feature = "service")]
pub mod serve;
pub mod session;
pub mod single;

pub use error::Error;
