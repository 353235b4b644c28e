//! Why a language model was not loaded, or a text not understood.

use std::path::PathBuf;

use crate::engine::EngineError;

/// Why a language model was not loaded, or a text not understood. Codes are stable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file does not say what it has to.
    #[error("{file}: {why}")]
    ConfigInvalid {
        /// The file, by its name in the folder.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// libtorch refused.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A family that is not known here.
    #[error("config.json: model_type is {found:?}; llama, mistral, qwen2 and qwen3 can be run")]
    FamilyUnsupported {
        /// What `model_type` says.
        found: String,
    },
    /// A field that asks for what is not done here.
    #[error("config.json: {field} is {found}; {expected} can be run")]
    FeatureUnsupported {
        /// The field.
        field: &'static str,
        /// What it says.
        found: String,
        /// What can be run.
        expected: &'static str,
    },
    /// The index of shards names a file outside of the folder.
    #[error("model.safetensors.index.json: {found:?} is no name of a file in this folder")]
    IndexEscapes {
        /// What stands there.
        found: String,
    },
    /// A setting that cannot be followed.
    #[error("{field}: {why}")]
    Setting {
        /// The setting.
        field: &'static str,
        /// What was expected and found.
        why: String,
    },
    /// The template cannot be followed for these messages: too long, out of fuel, or a fault of its own.
    #[error("the chat template failed: {why}")]
    TemplateFailed {
        /// What is wrong.
        why: String,
    },
    /// The template does not parse.
    #[error("the chat template cannot be used: {why}")]
    TemplateInvalid {
        /// What is wrong.
        why: String,
    },
    /// The model has no chat template.
    #[error("model {model} has no chat template")]
    TemplateMissing {
        /// The model's name.
        model: String,
    },
    /// The template itself refuses these messages, in its own words.
    #[error("the chat template refuses: {why}")]
    TemplateRefuses {
        /// Its words.
        why: String,
    },
    /// A tensor's elements are of a type that is not read here.
    #[error("tensor {tensor} has elements of {found}, expected F32, F16 or BF16")]
    TensorDtype {
        /// Its name.
        tensor: String,
        /// What the file says.
        found: String,
    },
    /// A tensor that the configuration demands is nowhere.
    #[error("tensor {tensor} is missing")]
    TensorMissing {
        /// Its name.
        tensor: String,
    },
    /// A tensor has another shape than the configuration demands.
    #[error("tensor {tensor} has shape {found:?}, the configuration says {expected:?}")]
    TensorShape {
        /// Its name.
        tensor: String,
        /// By the configuration.
        expected: Vec<usize>,
        /// By the file.
        found: Vec<usize>,
    },
    /// A tensor is in two shards.
    #[error("tensor {tensor} is there twice")]
    TensorTwice {
        /// Its name.
        tensor: String,
    },
    /// A tensor that the configuration does not know: to leave it out would be another model.
    #[error("tensor {tensor} of {file} is none that the configuration knows")]
    TensorUnexpected {
        /// Its name.
        tensor: String,
        /// The file.
        file: String,
    },
    /// A text or a token that the tokenizer does not take.
    #[error("tokenizer: {why}")]
    Tokenizer {
        /// What it says.
        why: String,
    },
    /// A token beyond the model's vocabulary.
    #[error("token {found} is not among the {vocabulary} of the model")]
    TokenOutside {
        /// The token.
        found: u32,
        /// How many there are.
        vocabulary: u32,
    },
    /// A file cannot be read.
    #[error("{}: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// A file of weights is not what it should be.
    #[error("{file}: {why}")]
    WeightsInvalid {
        /// The file, by its name in the folder.
        file: String,
        /// What is wrong.
        why: String,
    },
}

impl Error {
    /// Stable name, in kebab case.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::ConfigInvalid { .. } => "llm-config-invalid",
            Self::Engine(error) => error.code(),
            Self::FamilyUnsupported { .. } => "llm-family-unsupported",
            Self::FeatureUnsupported { .. } => "llm-feature-unsupported",
            Self::IndexEscapes { .. } => "llm-index-escapes",
            Self::Setting { .. } => "llm-setting",
            Self::TemplateFailed { .. } => "llm-template-failed",
            Self::TemplateInvalid { .. } => "llm-template-invalid",
            Self::TemplateMissing { .. } => "llm-template-missing",
            Self::TemplateRefuses { .. } => "llm-template-refuses",
            Self::TensorDtype { .. } => "llm-tensor-dtype",
            Self::TensorMissing { .. } => "llm-tensor-missing",
            Self::TensorShape { .. } => "llm-tensor-shape",
            Self::TensorTwice { .. } => "llm-tensor-twice",
            Self::TensorUnexpected { .. } => "llm-tensor-unexpected",
            Self::TokenOutside { .. } => "llm-token-outside",
            Self::Tokenizer { .. } => "llm-tokenizer",
            Self::Unreadable { .. } => "llm-unreadable",
            Self::WeightsInvalid { .. } => "llm-weights-invalid",
        }
    }
}
