//! How a language model is run: what its receipts state.

use std::fmt;

/// How a language model is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where: `cpu`, `cuda`, or `cuda:0` and so on, where libtorch has it.
    pub device: String,
    /// In which numbers; `None`: as the weights are stored, in `f32` where they are of several kinds.
    pub dtype: Option<Dtype>,
    /// Threads of libtorch, on the CPU. At least 1.
    pub threads: u16,
    /// What an embedding is made of.
    pub pooling: Pooling,
}

impl Default for Settings {
    fn default() -> Self {
        Self { device: "cpu".to_owned(), dtype: None, threads: 1, pooling: Pooling::Mean }
    }
}

/// Numbers that weights and states are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dtype {
    /// Upper half of `f32`.
    Bf16,
    /// IEEE 754 binary16.
    F16,
    /// IEEE 754 binary32.
    F32,
}

impl Dtype {
    /// As settings and receipts write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bf16 => "bf16",
            Self::F16 => "f16",
            Self::F32 => "f32",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Bf16, Self::F16, Self::F32].into_iter().find(|dtype| dtype.name() == name)
    }

    /// Bytes of a number.
    pub const fn bytes(self) -> usize {
        match self {
            Self::Bf16 | Self::F16 => 2,
            Self::F32 => 4,
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Of which states an embedding is made. It is not scaled to length 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// The last token's.
    Last,
    /// The mean over all tokens.
    Mean,
}

impl Pooling {
    /// As settings and receipts write it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Last => "last",
            Self::Mean => "mean",
        }
    }

    /// The one of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Last, Self::Mean].into_iter().find(|pooling| pooling.name() == name)
    }
}
