//! The way to the one thread that owns the engine and the attester: requests travel there and answers
//! come back. What waits is bounded; what does not fit is refused.

use std::time::Instant;

use tokio::sync::{mpsc, oneshot};

use super::problem::Problem;
use crate::{
    attester,
    cli::now,
    error::Error,
    run::{Begun, Progress, Request, Runner, Tee},
};

/// Where requests go in.
#[derive(Clone)]
pub struct Engine(mpsc::Sender<Ask>);

/// Where they come out, on the engine's thread.
pub struct Asking(mpsc::Receiver<Ask>);

enum Ask {
    Attest { nonce: Vec<u8>, reply: oneshot::Sender<Result<Vec<u8>, Error>> },
    Begin { runner: Runner, request: Request, reply: oneshot::Sender<Result<(Begun, f64), Error>> },
    Ping { reply: oneshot::Sender<Result<(), Error>> },
}

impl Engine {
    /// At most `waiting` requests wait.
    pub fn new(waiting: usize) -> (Self, Asking) {
        let (sender, receiver) = mpsc::channel(waiting.max(1));
        (Self(sender), Asking(receiver))
    }

    /// The first half of a run, and how many milliseconds it took.
    pub(super) async fn begin(
        &self,
        runner: Runner,
        request: Request,
    ) -> Result<(Begun, f64), Problem> {
        self.ask(|reply| Ask::Begin { runner, request, reply }).await
    }

    /// An attestation document that carries this nonce and nothing else: no receipt can use it.
    pub(super) async fn attest(&self, nonce: Vec<u8>) -> Result<Vec<u8>, Problem> {
        self.ask(|reply| Ask::Attest { nonce, reply }).await
    }

    /// Whether the thread answers.
    pub(super) async fn ping(&self) -> Result<(), Problem> {
        self.ask(|reply| Ask::Ping { reply }).await
    }

    async fn ask<T>(
        &self,
        ask: impl FnOnce(oneshot::Sender<Result<T, Error>>) -> Ask,
    ) -> Result<T, Problem> {
        let (reply, answer) = oneshot::channel();
        self.0.try_send(ask(reply)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Problem::busy(),
            mpsc::error::TrySendError::Closed(_) => Problem::stopping(),
        })?;
        Ok(answer.await.map_err(|_| Problem::stopping())??)
    }
}

impl Asking {
    /// Answers, one after the other, until nobody can ask any more.
    pub fn answer(mut self, tee: &mut Tee<'_>) {
        while let Some(ask) = self.0.blocking_recv() {
            // Whoever asked may have gone: then nobody needs the answer.
            match ask {
                Ask::Attest { nonce, reply } => {
                    let request = attester::Request { nonce: Some(nonce), ..Default::default() };
                    let _ = reply.send(tee.attester().attest(&request).map_err(Error::from));
                }
                Ask::Begin { reply, .. } if reply.is_closed() => {}
                Ask::Begin { runner, request, reply } => {
                    let started = Instant::now();
                    let begun = now()
                        .and_then(|now| runner.begin(&request, tee, now, &mut Progress::Silent));
                    let elapsed_ms = started.elapsed().as_secs_f64() * 1000.0;
                    let _ = reply.send(begun.map(|begun| (begun, elapsed_ms)));
                }
                Ask::Ping { reply } => {
                    let _ = reply.send(Ok(()));
                }
            }
        }
    }
}
