//! Language models: a Hugging Face folder, read and hashed; text to tokens and back; how tokens are chosen;
//! and turns for those who wait. What multiplies is libtorch, behind [`network::Network`].
//!
//! ```text
//! folder ─► config, weights, tokenizer, template ─► model
//! request ─► template ─► tokenizer ─► schedule: network ─► sampling ─► detokenizer ─► stop ─► pieces
//! ```

pub mod config;
mod detokenizer;
mod error;
pub mod folder;
pub mod generation;
mod model;
pub mod network;
pub mod sampling;
pub mod schedule;
pub mod settings;
pub mod specimen;
mod stop;
mod template;
mod tokenizer;
mod weights;

/// A value of a chat template: messages, tools. From JSON text by `serde`, the order of keys kept.
pub use minijinja::Value;

pub use error::Error;
pub use model::Model;
