//! From the bytes of a request to what it asks for, of which model, with which nonce.

use std::sync::Arc;

use assay_verifier::{
    ids::{Name, Nonce},
    operation::{NonceClaim, Setting, Settings},
};
use axum::http::HeaderMap;

use super::{
    super::{body::Bodies, problem::Problem},
    chat::{Chat, Message},
    completion::Completion,
    embedding::Embedding,
    fault::{Code, Fault},
    fields::Fields,
    frames::Form,
    json::Json,
    models::{Offered, Offers},
    nonce,
    parameters::Parameters,
};
use crate::{
    error::Error,
    llm::{self, Model},
};

/// Which resource was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    Chat,
    Completion,
    Embeddings,
}

impl Route {
    /// The path, without query.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Completion => "/v1/completions",
            Self::Embeddings => "/v1/embeddings",
        }
    }

    /// Whether a model answers it.
    pub(super) fn suits(self, model: &Model) -> bool {
        match self {
            Self::Chat => model.generates() && model.chats(),
            Self::Completion => model.generates(),
            Self::Embeddings => true,
        }
    }
}

/// What was read. Also of a request that is refused there is a model and a nonce: of the first, and ours.
pub(super) struct Read {
    pub(super) offered: Arc<Offered>,
    pub(super) nonce: NonceClaim,
    pub(super) asked: Result<Asked, Fault>,
}

/// What is asked for.
pub(super) enum Asked {
    Text(Text),
    Vectors(Vectors),
}

/// A text to be generated.
pub(super) struct Text {
    pub(super) form: Form,
    /// The field that the prompt is made of.
    pub(super) param: &'static str,
    pub(super) parameters: Parameters,
    pub(super) logprobs: Option<u8>,
    /// Makes tokens of what was said so far.
    pub(super) prompt: Prompt,
}

type Prompt = Box<dyn FnOnce(&Model) -> Result<Vec<u32>, Fault> + Send>;

/// Vectors to be made.
pub(super) struct Vectors {
    pub(super) embedding: Embedding,
    /// How they are made.
    pub(super) settings: Settings,
}

/// Reads a request. Errors: no random bytes for a nonce.
pub(super) fn read(
    offers: &Offers,
    route: Route,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Read, Error> {
    let mut client = None;
    let mut offered = offers.first()?;
    let asked = understand(offers, route, headers, body, &mut client, &mut offered);
    Ok(Read { offered, nonce: nonce::claim(client)?, asked })
}

/// Reads as far as it goes: `client` and `offered` are set once they are known.
fn understand(
    offers: &Offers,
    route: Route,
    headers: &HeaderMap,
    body: &[u8],
    client: &mut Option<Nonce>,
    offered: &mut Arc<Offered>,
) -> Result<Asked, Fault> {
    let header = nonce::of_header(headers)?;
    client.clone_from(&header);
    let mut fields = Fields::of(Json::read(body)?, "")?;
    // Of two nonces neither is the client's.
    *client = None;
    *client = nonce::of_body(header, &mut fields)?;
    let name = fields.text("model")?;
    let name =
        name.ok_or_else(|| Code::MissingRequiredParameter.about("model", "model is missing"))?;
    *offered = Arc::clone(offers.get(&name)?);
    if !route.suits(&offered.model) {
        let why = format!("{name} does not answer {}", route.path());
        return Err(Code::ModelNotSuited.about("model", why));
    }
    Ok(match route {
        Route::Chat => {
            let Chat { messages, parameters, logprobs } = Chat::read(fields)?;
            let prompt: Prompt = Box::new(move |model| conversation(model, &messages));
            let (form, param) = (Form::Chat, MESSAGES);
            Asked::Text(Text { form, param, parameters, logprobs, prompt })
        }
        Route::Completion => {
            let Completion { prompt, parameters, logprobs } = Completion::read(fields)?;
            let prompt: Prompt = Box::new(move |model| encoded(model, &prompt, PROMPT));
            let (form, param) = (Form::Text, PROMPT);
            Asked::Text(Text { form, param, parameters, logprobs, prompt })
        }
        Route::Embeddings => Asked::Vectors(vectors(Embedding::read(fields)?, &offered.model)?),
    })
}

fn vectors(embedding: Embedding, model: &Model) -> Result<Vectors, Fault> {
    let width = model.hidden();
    if embedding.dimensions.is_some_and(|found| usize::try_from(found) != Ok(width)) {
        let why = format!("this model has embeddings of {width} numbers, and no others");
        return Err(Code::UnsupportedValue.about("dimensions", why));
    }
    let settings =
        pooling_setting(model).map_err(|error| Code::EngineFailed.because(error.to_string()))?;
    Ok(Vectors { embedding, settings })
}

/// What an embedding was made of. FORMAT.md §11.2.
pub(super) fn pooling_setting(model: &Model) -> Result<Settings, Error> {
    let pooling = Setting::Text(model.pooling().name().to_owned());
    Ok([(Name::new("pooling")?, pooling)].into())
}

/// The tokens of a conversation.
fn conversation(model: &Model, messages: &[Message]) -> Result<Vec<u32>, Fault> {
    let pairs = |message: &Message| {
        llm::Value::from_pairs([("role", message.role), ("content", &message.content)])
    };
    let messages: llm::Value = messages.iter().map(pairs).collect();
    model.chat(&messages, None).map_err(|error| not_taken(&error, MESSAGES))
}

/// The tokens of a text, which is in the field `param`.
pub(super) fn encoded(model: &Model, text: &str, param: &str) -> Result<Vec<u32>, Fault> {
    model.encode(text).map_err(|error| not_taken(&error, param))
}

/// Makes tokens, where that holds nobody up.
pub(super) async fn tokens<T: Send + 'static>(
    bodies: &Bodies,
    make: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    bodies.read(make).await.map_err(|error| {
        tracing::error!(%error, "a text was not made tokens of");
        Code::EngineFailed.because("the text could not be made tokens of")
    })?
}

/// Where a conversation is.
const MESSAGES: &str = "messages";
/// Where the text of a completion is.
const PROMPT: &str = "prompt";
/// Where the texts of embeddings are.
pub(super) const INPUT: &str = "input";

/// More tokens than the model's context has room for, or none.
pub(super) fn too_long(param: &str, found: usize, context: u32) -> Fault {
    if found == 0 {
        return Code::InvalidValue.about(param, "there is nothing to go on from");
    }
    let why = format!(
        "this model's context has room for {context} tokens, answer included, found {found}"
    );
    Code::ContextLengthExceeded.about(param, why)
}

fn not_taken(error: &llm::Error, param: &str) -> Fault {
    match error {
        llm::Error::TemplateRefuses { .. }
        | llm::Error::TokenOutside { .. }
        | llm::Error::Tokenizer { .. } => Code::InvalidValue.about(param, error.to_string()),
        llm::Error::TemplateMissing { .. } => {
            Code::ModelNotSuited.about("model", error.to_string())
        }
        other => Code::TemplateFailed.about(param, other.to_string()),
    }
}

/// What the engine refuses, as these clients read it.
impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        let code = match problem.code() {
            "busy" | "engine-busy" => Code::EngineBusy,
            "engine-cache-too-small" | "engine-prompt-length" => Code::ContextLengthExceeded,
            "stopping" | "engine-stopped" => Code::Stopping,
            _ => Code::EngineFailed,
        };
        code.because(problem.detail())
    }
}
