//! Language models as OpenAI's clients know them, each answer with a receipt over its exact bytes
//! (FORMAT.md §11).

mod answer;
mod call;
mod chat;
mod completion;
mod describe;
mod embedding;
mod exchange;
mod fault;
mod fields;
mod frames;
mod json;
mod logprobs;
mod models;
mod nonce;
mod parameters;
mod policy;
mod read;

use std::{convert::Infallible, sync::Arc, time::Instant};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use futures_util::stream;
use tokio::sync::{mpsc, oneshot};
use utoipa_axum::{router::OpenApiRouter, routes};

pub use exchange::{Exchange, Outcome};
pub use models::{Offered, Offers};
pub(super) use policy::suggest;

use super::{
    app::App,
    body::{NotTaken, Whole, is_json},
};
use crate::llm::generation::Generation;
use answer::Answer;
use call::{Call, Ended};
use describe::{ChatBody, CompletionBody, EmbeddingBody};
use embedding::EmbeddingList;
use fault::{Code, Fault, FaultView};
use frames::{AnswerView, Frames};
use parameters::Usage;
use read::{Asked, Route, Text, Vectors, read};

/// The routes.
pub(super) fn routes(router: OpenApiRouter<Arc<App>>) -> OpenApiRouter<Arc<App>> {
    router
        .routes(routes!(chat))
        .routes(routes!(completion))
        .routes(routes!(embeddings))
        .routes(routes!(models::list))
        .routes(routes!(models::get))
}

/// Goes on with a conversation.
#[utoipa::path(
    post, path = "/v1/chat/completions", operation_id = "chat", tag = "language models",
    params(("assay-nonce" = Option<String>, Header, description = "The client's nonce", pattern = "^([0-9a-fA-F]{2}){16,64}$")),
    request_body = ChatBody,
    responses(
        (status = 200, description = "The answer, or a stream of events of the same form", content(
            (AnswerView<'_> = "application/json"), (String = "text/event-stream"),
        ), headers(
            ("assay-receipt" = String, description = "Of an answer in one piece: the receipt's id"),
            ("assay-receipt-cbor" = String, description = "The receipt in base64, where it is short enough"),
        )),
        (status = "4XX", description = "Refused; with a receipt, where the body could be read", body = FaultView<'_>),
        (status = "5XX", description = "Failed, or no room", body = FaultView<'_>),
    ),
)]
async fn chat(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Response {
    answer(app, Route::Chat, headers, body).await
}

/// Goes on with a text.
#[utoipa::path(
    post, path = "/v1/completions", operation_id = "completion", tag = "language models",
    params(("assay-nonce" = Option<String>, Header, description = "The client's nonce", pattern = "^([0-9a-fA-F]{2}){16,64}$")),
    request_body = CompletionBody,
    responses(
        (status = 200, description = "The answer, or a stream of events of the same form", content(
            (AnswerView<'_> = "application/json"), (String = "text/event-stream"),
        ), headers(
            ("assay-receipt" = String, description = "Of an answer in one piece: the receipt's id"),
            ("assay-receipt-cbor" = String, description = "The receipt in base64, where it is short enough"),
        )),
        (status = "4XX", description = "Refused; with a receipt, where the body could be read", body = FaultView<'_>),
        (status = "5XX", description = "Failed, or no room", body = FaultView<'_>),
    ),
)]
async fn completion(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Response {
    answer(app, Route::Completion, headers, body).await
}

/// Makes vectors of texts.
#[utoipa::path(
    post, path = "/v1/embeddings", operation_id = "embeddings", tag = "language models",
    params(("assay-nonce" = Option<String>, Header, description = "The client's nonce", pattern = "^([0-9a-fA-F]{2}){16,64}$")),
    request_body = EmbeddingBody,
    responses(
        (status = 200, description = "The vectors", body = EmbeddingList<'_>, headers(
            ("assay-receipt" = String, description = "The receipt's id"),
            ("assay-receipt-cbor" = String, description = "The receipt in base64, where it is short enough"),
        )),
        (status = "4XX", description = "Refused; with a receipt, where the body could be read", body = FaultView<'_>),
        (status = "5XX", description = "Failed, or no room", body = FaultView<'_>),
    ),
)]
async fn embeddings(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Response {
    answer(app, Route::Embeddings, headers, body).await
}

async fn answer(app: Arc<App>, route: Route, headers: HeaderMap, body: Body) -> Response {
    let begun = Instant::now();
    let request = match taken(&app, &headers, body).await {
        Ok(request) => request,
        Err(fault) => return fault.into_response(),
    };
    let (reading, bytes) = (Arc::clone(&app), request.bytes.clone());
    let read = app.bodies.read(move || read(&reading.llms, route, &headers, &bytes)).await;
    let read = match read {
        Ok(Ok(read)) => read,
        Ok(Err(error)) | Err(error) => {
            tracing::error!(code = error.code(), %error, "a request failed");
            return Code::ReceiptFailed.because("the service's log says why").into_response();
        }
    };
    let (offered, nonce) = (read.offered, read.nonce);
    let call = Call { app, offered, path: route.path(), nonce, request, begun };
    // In a task of its own: it goes on to a receipt also where the client leaves.
    let (reply, response) = oneshot::channel();
    match read.asked {
        Err(fault) => drop(tokio::spawn(async move {
            let _ = reply.send(call.fault(&fault, Default::default()).await);
        })),
        Ok(Asked::Text(text)) => drop(tokio::spawn(speak(call, text, reply))),
        Ok(Asked::Vectors(vectors)) => drop(tokio::spawn(embed(call, vectors, reply))),
    }
    let lost = || Code::EngineFailed.because("the answer was lost").into_response();
    response.await.unwrap_or_else(|_| lost())
}

/// Whether a path is one of these, where nothing but JSON is taken.
pub(super) fn refuses_forms(path: &str) -> bool {
    [Route::Chat, Route::Completion, Route::Embeddings].iter().any(|route| route.path() == path)
}

/// The body as it is hashed. Errors: it is not JSON as it stands, or not whole.
async fn taken(app: &App, headers: &HeaderMap, body: Body) -> Result<Whole, Fault> {
    let encoding = headers.get(header::CONTENT_ENCODING).map(|value| value.as_bytes());
    if encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case(b"identity")) {
        let why = "compressed requests are not taken: send it as it is";
        return Err(Code::UnsupportedEncoding.because(why));
    }
    if !is_json(headers) {
        return Err(Code::UnsupportedMediaType.because("expected Content-Type: application/json"));
    }
    let most = app.config.limits.body_bytes.min(MAX_BODY);
    Ok(app.bodies.take(body, most).await?)
}

impl From<NotTaken> for Fault {
    fn from(not_taken: NotTaken) -> Self {
        let code = match not_taken {
            NotTaken::Broken(_) => Code::RequestBroken,
            NotTaken::Full { .. } => Code::EngineBusy,
            NotTaken::Late { .. } => Code::RequestTimeout,
            NotTaken::Long { .. } => Code::RequestTooLong,
            NotTaken::Stopping => Code::Stopping,
        };
        code.because(not_taken.says())
    }
}

/// Longer than any context is.
const MAX_BODY: usize = 4 << 20;

/// Has a text generated.
async fn speak(call: Call, text: Text, reply: oneshot::Sender<Response>) {
    let Text { form, param, mut parameters, logprobs, prompt } = text;
    let (model, context) = (Arc::clone(&call.offered.model), call.offered.context);
    let prompt = match read::tokens(&call.app.bodies, move || prompt(&model)).await {
        Ok(prompt) => prompt,
        Err(fault) => return drop(reply.send(call.fault(&fault, Default::default()).await)),
    };
    let room = context.saturating_sub(u32::try_from(prompt.len()).unwrap_or(u32::MAX));
    if prompt.is_empty() || room == 0 {
        let found = prompt.len();
        let fault = read::too_long(param, found, context);
        return drop(reply.send(call.fault(&fault, Default::default()).await));
    }
    if !parameters.seeded {
        parameters.sampling.seed = nonce::seed(&call.nonce, &call.request.bytes);
    }
    let max_tokens = parameters.max_tokens.map_or(room, |most| most.min(room));
    let sampling = parameters.sampling;
    let (pieces, coming) = mpsc::channel(PIECES);
    let stop = parameters.stop;
    let generation = Generation { prompt, sampling, stop, max_tokens, logprobs, pieces };
    let settings = parameters::settings(&sampling, max_tokens).unwrap_or_default();
    if let Err(problem) = call.app.engine.generate(call.offered.digest(), generation).await {
        return drop(reply.send(call.fault(&Fault::from(problem), settings).await));
    }
    let id = nonce::answer(&call.nonce, &call.request.bytes);
    let told = parameters.stream == Some(Usage::Told);
    let frames = Frames::new(form, &id, call.offered.name.as_str(), told);
    let model = Arc::clone(&call.offered.model);
    let answer = Answer { call, pieces: coming, frames, settings, model };
    if parameters.stream.is_none() {
        return answer.whole(reply).await;
    }
    let (events, body) = mpsc::channel::<Bytes>(PIECES);
    let body = stream::unfold(body, |mut body| async {
        body.recv().await.map(|bytes| (Ok::<_, Infallible>(bytes), body))
    });
    let headers =
        [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    let _ = reply.send((headers, Body::from_stream(body)).into_response()); // then nobody listens
    answer.stream(events).await;
}

/// How far an answer may be ahead of its client.
const PIECES: usize = 32;

/// Has vectors made.
async fn embed(call: Call, vectors: Vectors, mut reply: oneshot::Sender<Response>) {
    let Vectors { embedding, settings } = vectors;
    let (model, context) = (Arc::clone(&call.offered.model), call.offered.context);
    let texts = embedding.input;
    let found = read::tokens(&call.app.bodies, move || {
        texts
            .iter()
            .map(|text| read::encoded(&model, text, read::INPUT))
            .collect::<Result<Vec<_>, _>>()
    });
    let made = async {
        let texts = found.await?;
        let longest = texts.iter().map(Vec::len).max().unwrap_or_default();
        if u32::try_from(longest).map_or(true, |longest| longest > context) {
            return Err(read::too_long(read::INPUT, longest, context));
        }
        let tokens = texts.iter().map(Vec::len).sum::<usize>();
        let vectors = call.app.engine.embed(call.offered.digest(), texts).await?;
        let tokens = u32::try_from(tokens).unwrap_or(u32::MAX);
        let name = call.offered.name.as_str();
        let list = EmbeddingList::new(name, vectors, embedding.format, tokens);
        Ok::<_, Fault>(serde_json::to_vec(&list).unwrap_or_default()) // text keys only
    };
    let made = tokio::select! {
        biased;
        () = reply.closed() => Ok((Outcome::Cancelled, Vec::new())),
        () = call.app.ending() => {
            return drop(reply.send(call.failed(&Fault::stopping(), settings).await));
        }
        made = made => made.map(|body| (Outcome::Complete, body)),
    };
    let response = match made {
        Ok((outcome, response)) => {
            let status = StatusCode::OK;
            call.respond(Ended { outcome, status, settings, response, stream: false }).await
        }
        Err(fault) => call.fault(&fault, settings).await,
    };
    let _ = reply.send(response); // whoever asked may have gone
}
