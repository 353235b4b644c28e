//! What multiplies, as the turns see it.

use crate::engine::EngineError;

/// A language model that was loaded. It keeps what every sequence has been fed.
pub trait Network {
    /// Begins a sequence of its own, which will be fed no more than so many tokens. It costs nothing until it is fed.
    fn begin(&mut self, longest: u64) -> Result<Slot, EngineError>;

    /// Appends tokens to a sequence: at least one, all of the vocabulary, no more together than the context.
    /// Gives `vocabulary` logits or `hidden` reals, as is wanted; empty for [`Want::Nothing`].
    fn feed(&mut self, slot: Slot, tokens: &[u32], want: Want) -> Result<Vec<f32>, EngineError>;

    /// Frees a sequence.
    fn end(&mut self, slot: Slot);

    /// Memory that a token of a sequence takes, in bytes.
    fn bytes_per_token(&self) -> u64;

    /// Whether a sequence can be fed in parts. Encoders see all tokens at once.
    fn in_parts(&self) -> bool;
}

/// A sequence that a network keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u64);

/// What is wanted of the tokens that are fed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// The last token's state, after the last norm.
    Last,
    /// The last token's logits.
    Logits,
    /// Nothing yet.
    Nothing,
    /// The sum of all these tokens' states, after the last norm.
    Sum,
}
