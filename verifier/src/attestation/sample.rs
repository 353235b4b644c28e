//! Bytes and text kept in an error message: bounded, whatever arrived.

use core::fmt;

/// The beginning of a byte string and its whole length: enough to show, never more than 64 bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct Sample {
    head: Box<[u8]>,
    length: usize,
}

impl Sample {
    /// Keeps the first 64 bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let head = bytes.get(..MAX_SHOWN).unwrap_or(bytes);
        Self { head: head.into(), length: bytes.len() }
    }

    /// The bytes kept, at most 64.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// How many bytes there were, in all.
    pub const fn length(&self) -> usize {
        self.length
    }
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", hex::encode(&self.head))?;
        if self.head.len() < self.length {
            write!(f, "…")?;
        }
        write!(f, " ({} bytes)", self.length)
    }
}

impl fmt::Debug for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sample({self})")
    }
}

/// At most 64 characters of a text, for an error.
pub(super) fn shorten(text: &str) -> Box<str> {
    text.chars().take(MAX_SHOWN).collect()
}

/// Longer than a SHA-384 digest, a nonce or a certificate's name; short enough for one line.
const MAX_SHOWN: usize = 64;
