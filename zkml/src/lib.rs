//! From an ONNX model to a Groth16 proof.
//!
//! ```text
//! onnx ─► graph ─► quantize (manifest) ─► program ─► circuit (r1cs) ─► setup ─► key
//!                                            └──► witness ──────────► prove ◄──┘
//! ```
//! The integer program is the meaning of a step; circuit and witness follow from it. [`quantize()`]
//! makes every choice once and writes it into a [`Manifest`]; [`compile()`] is a pure function of
//! model and manifest.
#![deny(unsafe_code)]

mod circuit;
mod compile;
mod curve;
mod error;
mod estimate;
mod fidelity;
mod graph;
mod key;
mod layout;
mod lower;
mod manifest;
mod onnx;
mod program;
mod prove;
mod quantize;
mod r1cs;
mod search;
mod witness;

pub mod setup;
pub mod snarkjs;

#[cfg(test)]
mod testing;

/// The operating system's random generator, for [`setup::single_party`], [`prove()`] and salts.
pub use ark_std::rand::rngs::OsRng;

pub use self::{
    compile::{Compiled, compile},
    error::Error,
    estimate::Estimate,
    fidelity::{Fidelity, LayerError, Report},
    graph::Graph,
    key::{KEY_FILE_VERSION, ProvingKey, open_proving_key, read_proving_key, write_proving_key},
    manifest::{COMPILER, Input, Layer, Manifest, Output, Rounding, Visibility},
    program::{Interval, MAX_BITS, Program},
    prove::{Timed, prove, prove_timed},
    quantize::{InputType, Options, WeightScales, quantize},
    r1cs::{Kind, R1cs, Shape},
    search::{Bits, Found, Wanted, quantize_inputs, search},
    witness::Witness,
};
