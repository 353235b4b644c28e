//! An answer as it comes, piece by piece: told as a stream, or gathered into one body. When the client
//! leaves, the engine is told by nobody listening, and what was said until then gets its receipt.

use std::{pin::pin, sync::Arc, time::Duration};

use assay_verifier::operation::Settings;
use axum::{body::Bytes, http::StatusCode, response::Response};
use tokio::sync::{mpsc, oneshot};

use super::{
    call::{Call, Ended},
    exchange::Outcome,
    fault::{Code, Fault},
    frames::{Frames, UsageView},
    logprobs::TokenView,
};
use crate::{
    engine::EngineError,
    llm::{
        Model,
        generation::{End, Finish, Piece, Token},
    },
};

/// An answer that is being generated.
pub(super) struct Answer {
    pub(super) call: Call,
    pub(super) pieces: mpsc::Receiver<Piece>,
    pub(super) frames: Frames,
    /// How it is generated.
    pub(super) settings: Settings,
    pub(super) model: Arc<Model>,
}

/// What comes next.
enum Next {
    End(End),
    Failed(Fault),
    /// The client left.
    Gone,
    Token(String, Option<TokenView>),
}

impl Answer {
    /// Gathers the whole answer.
    pub(super) async fn whole(mut self, mut reply: oneshot::Sender<Response>) {
        let app = Arc::clone(&self.call.app);
        let mut ending = pin!(app.ending());
        let (mut text, mut tokens) = (String::new(), None::<Vec<TokenView>>);
        let (outcome, response) = loop {
            let came = next(&mut self.pieces, &self.model, reply.closed(), ending.as_mut());
            match came.await {
                Next::Token(more, token) => {
                    text.push_str(&more);
                    tokens.get_or_insert_default().extend(token);
                }
                Next::End(end) => {
                    text.push_str(&end.text);
                    let tokens = tokens.filter(|tokens| !tokens.is_empty());
                    let body = self.frames.body(&text, tokens, end.finish, usage(&end));
                    break (outcome(end.finish), body);
                }
                Next::Failed(fault) => {
                    self.pieces.close();
                    let response = self.call.failed(&fault, self.settings).await;
                    let _ = reply.send(response); // whoever asked may have gone
                    return;
                }
                Next::Gone => break (Outcome::Cancelled, Vec::new()),
            }
        };
        drop(self.pieces);
        let (status, settings) = (StatusCode::OK, self.settings);
        let ended = Ended { outcome, status, settings, response, stream: false };
        let response = self.call.respond(ended).await;
        let _ = reply.send(response); // as above
    }

    /// Tells the answer as it comes, then its receipt. Without one the stream just ends, which is an error for
    /// whoever knows of receipts.
    pub(super) async fn stream(mut self, events: mpsc::Sender<Bytes>) {
        let mut out =
            Out { events, sent: Vec::new(), patience: self.call.app.config.limits.answer() };
        let outcome = self.tell(&mut out).await;
        drop(self.pieces);
        let (status, settings) = (StatusCode::OK, self.settings);
        let response = std::mem::take(&mut out.sent);
        let ended = Ended { outcome, status, settings, response, stream: true };
        match self.call.close(ended).await {
            // Not everything arrived: nothing more may.
            _ if outcome == Outcome::Cancelled => {}
            Ok(receipted) => {
                let last = self.frames.receipt(receipted.id, &receipted.base64);
                out.send(last).await; // whoever asked may have gone
            }
            Err(fault) => drop(out.send(self.frames.fault(&fault)).await),
        }
    }

    async fn tell(&mut self, out: &mut Out) -> Outcome {
        let app = Arc::clone(&self.call.app);
        let mut ending = pin!(app.ending());
        if let Some(opening) = self.frames.opening()
            && !out.send(opening).await
        {
            return Outcome::Cancelled;
        }
        loop {
            let gone = out.events.closed();
            let came = next(&mut self.pieces, &self.model, gone, ending.as_mut());
            let (outcome, bytes) = match came.await {
                // What is held back comes with a later token.
                Next::Token(text, None) if text.is_empty() => continue,
                Next::Token(text, token) => {
                    (None, self.frames.piece(&text, token.map(|token| vec![token])))
                }
                Next::End(end) => {
                    let rest = (!end.text.is_empty()).then(|| self.frames.piece(&end.text, None));
                    let end_of = self.frames.end(end.finish, usage(&end));
                    (Some(outcome(end.finish)), [rest.unwrap_or_default(), end_of].concat())
                }
                Next::Failed(fault) => (Some(Outcome::Error), self.frames.fault(&fault)),
                Next::Gone => return Outcome::Cancelled,
            };
            match (out.send(bytes).await, outcome) {
                (false, _) => return Outcome::Cancelled,
                (true, Some(outcome)) => return outcome,
                (true, None) => {}
            }
        }
    }
}

/// Where a stream goes.
struct Out {
    events: mpsc::Sender<Bytes>,
    /// Everything that the receipt will cover.
    sent: Vec<u8>,
    /// How long a client may take to read what is ready.
    patience: Duration,
}

impl Out {
    /// Whether the client takes it.
    async fn send(&mut self, bytes: Vec<u8>) -> bool {
        self.sent.extend_from_slice(&bytes);
        let sent = tokio::time::timeout(self.patience, self.events.send(bytes.into())).await;
        matches!(sent, Ok(Ok(())))
    }
}

async fn next(
    pieces: &mut mpsc::Receiver<Piece>,
    model: &Model,
    gone: impl Future<Output = ()>,
    ending: impl Future<Output = ()>,
) -> Next {
    let piece = tokio::select! {
        biased;
        () = gone => return Next::Gone,
        () = ending => return Next::Failed(Fault::stopping()),
        piece = pieces.recv() => piece,
    };
    match piece {
        Some(Piece::Token(Token { id, text, logprob })) => {
            let bytes = |id| model.token_bytes(id);
            let token = logprob.map(|(logprob, others)| {
                let others = others.into_iter().map(|(id, logprob)| (bytes(id), logprob));
                TokenView::new((bytes(id), logprob), others.collect())
            });
            Next::Token(text, token)
        }
        Some(Piece::End(end)) => Next::End(end),
        Some(Piece::Failed(error)) => Next::Failed(failed(&error)),
        None => Next::Failed(failed(&EngineError::Stopped)),
    }
}

/// What failed inside is in the log; the code is enough to find it.
fn failed(error: &EngineError) -> Fault {
    tracing::error!(code = error.code(), %error, "an answer failed");
    Code::EngineFailed.because(format!("the engine failed: {}", error.code()))
}

const fn usage(end: &End) -> UsageView {
    UsageView::new(end.prompt_tokens, end.completion_tokens)
}

const fn outcome(finish: Finish) -> Outcome {
    match finish {
        Finish::Length => Outcome::Length,
        Finish::Stop => Outcome::Stop,
    }
}
