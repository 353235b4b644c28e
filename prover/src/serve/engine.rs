//! The way to the one thread that owns the engine and the attester: requests travel there and answers
//! come back. What waits is bounded; what does not fit is refused.

use tokio::sync::{mpsc, oneshot};

use super::{
    latency::{Cost, timed},
    problem::{Problem, Refusal},
};
use crate::{
    attester,
    cli::now,
    engine::EngineError,
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
    Begin { runner: Runner, request: Request, reply: oneshot::Sender<Result<(Begun, Cost), Error>> },
    End,
    Ping { reply: oneshot::Sender<Result<(), Error>> },
}

impl Engine {
    /// At most `waiting` requests wait.
    pub fn new(waiting: usize) -> (Self, Asking) {
        let (sender, receiver) = mpsc::channel(waiting.max(1));
        (Self(sender), Asking(receiver))
    }

    /// The first half of a run, and what it took.
    pub(super) async fn begin(
        &self,
        runner: Runner,
        request: Request,
    ) -> Result<(Begun, Cost), Problem> {
        self.ask(|reply| Ask::Begin { runner, request, reply }).await
    }

    /// The same, for our own purposes: waits for its turn, on a thread that may wait.
    pub(super) fn begin_waiting(
        &self,
        runner: Runner,
        request: Request,
    ) -> Result<(Begun, Cost), Error> {
        let (reply, answer) = oneshot::channel();
        let stopped = || Error::Libtorch(EngineError::Stopped);
        self.0.blocking_send(Ask::Begin { runner, request, reply }).map_err(|_| stopped())?;
        answer.blocking_recv().map_err(|_| stopped())?
    }

    /// Has the thread end once it has answered what it was asked before.
    pub(super) fn end(&self) {
        let _ = self.0.blocking_send(Ask::End); // a thread that has ended need not be told
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
            mpsc::error::TrySendError::Full(_) => {
                let most = self.0.max_capacity();
                Refusal::Busy.because(format!("{most} requests wait for the engine, no more may"))
            }
            mpsc::error::TrySendError::Closed(_) => Problem::stopping(),
        })?;
        Ok(answer.await.map_err(|_| Problem::stopping())??)
    }
}

impl Asking {
    /// Answers, one after the other, until it is told to end or nobody can ask any more.
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
                    let _ = reply.send(begin(&runner, &request, tee));
                }
                Ask::End => return,
                Ask::Ping { reply } => {
                    let _ = reply.send(Ok(()));
                }
            }
        }
    }
}

/// The first half of a run, and what it took, on the thread of engine and attester.
pub(super) fn begin(
    runner: &Runner,
    request: &Request,
    tee: &mut Tee<'_>,
) -> Result<(Begun, Cost), Error> {
    timed(|| runner.begin(request, tee, now()?, &mut Progress::Silent))
}
