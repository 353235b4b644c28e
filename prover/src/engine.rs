//! What executes TorchScript models, as the rest sees it: `assay-engine` brings the one there is.

use assay_verifier::ids::ModelDigest;

use crate::{
    definition::Model,
    llm::{
        self,
        folder::{Folder, Reading},
        schedule::Loaded,
        settings::Settings,
    },
};

/// What executes models: libtorch, on its own thread.
pub trait TeeEngine {
    /// Runs a TorchScript model on tensors of these shapes; gives its output tensors.
    fn run(&self, model: &Model, inputs: &[Tensor]) -> Result<Vec<Tensor>, EngineError>;

    /// Loads a language model. `progress` hears how far its files are read.
    fn load(
        &self,
        folder: Folder,
        settings: Settings,
        progress: Box<dyn FnMut(Reading<'_>) + Send>,
    ) -> Result<Loaded, llm::Error>;
}

/// A tensor as it travels to libtorch's thread and back.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Dimensions, outermost first.
    pub shape: Vec<u32>,
    /// Elements, row-major.
    pub reals: Vec<f32>,
}

/// Why a model was not loaded or not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The bytes are no TorchScript archive that this libtorch reads.
    #[error("model {digest} is no TorchScript archive that libtorch reads: {why}")]
    ArchiveUnreadable {
        /// The model.
        digest: ModelDigest,
        /// What libtorch said.
        why: String,
    },
    /// More may not wait.
    #[error("{most} requests wait for the language models, no more may")]
    Busy {
        /// How many may.
        most: usize,
    },
    /// A sequence that would take more memory than all may.
    #[error("a sequence of {tokens} tokens takes {bytes} bytes, all together may take {most}")]
    CacheTooSmall {
        /// Tokens of prompt and answer.
        tokens: u64,
        /// Bytes that they take.
        bytes: u64,
        /// Bytes that there are.
        most: u64,
    },
    /// An input's elements are not as many as its shape says.
    #[error("input {index} has {found} elements, its shape says {expected}")]
    InputLength {
        /// Which input, from 0.
        index: usize,
        /// Elements of the shape.
        expected: usize,
        /// Elements given.
        found: usize,
    },
    /// The module's `forward` failed.
    #[error("the model failed: {why}")]
    ModelFailed {
        /// What libtorch said.
        why: String,
    },
    /// A run of a model that was never loaded.
    #[error("model {digest} is not loaded")]
    NotLoaded {
        /// The model.
        digest: ModelDigest,
    },
    /// The system gave no thread.
    #[error("libtorch's thread did not start: {why}")]
    NotStarted {
        /// What the system said.
        why: String,
    },
    /// An output is no dense tensor of `f32`, or its shape cannot be one of ours.
    #[error("output {index} of the model is {found}, not a tensor of f32")]
    OutputKind {
        /// Which output, from 0.
        index: usize,
        /// What it is.
        found: String,
    },
    /// Nothing to go on from, or more than the model's context.
    #[error("{found} tokens, expected 1 to {most}")]
    PromptLength {
        /// How many there are.
        found: usize,
        /// How many may be.
        most: u32,
    },
    /// libtorch's thread has ended.
    #[error("libtorch's thread has ended")]
    Stopped,
}

impl EngineError {
    /// Stable name, in kebab case.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ArchiveUnreadable { .. } => "engine-archive-unreadable",
            Self::Busy { .. } => "engine-busy",
            Self::CacheTooSmall { .. } => "engine-cache-too-small",
            Self::InputLength { .. } => "engine-input-length",
            Self::ModelFailed { .. } => "engine-model-failed",
            Self::NotLoaded { .. } => "engine-not-loaded",
            Self::NotStarted { .. } => "engine-not-started",
            Self::OutputKind { .. } => "engine-output-kind",
            Self::PromptLength { .. } => "engine-prompt-length",
            Self::Stopped => "engine-stopped",
        }
    }
}
