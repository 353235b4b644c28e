//! The way to the one thread that owns the engine and the attester: requests travel there and answers
//! come back. What waits is bounded; what does not fit is refused.

use std::{
    thread,
    time::{Duration, Instant},
};

use assay_verifier::{ids::ModelDigest, receipt::Receipt};
use tokio::sync::{mpsc, oneshot};

use super::{
    latency::{Cost, timed},
    openai::Exchange,
    problem::{Problem, Refusal},
};
use crate::{
    attester,
    engine::EngineError,
    error::Error,
    llm::{
        generation::Generation,
        schedule::{Embeddings, Turn, Turns},
    },
    run::{Begun, Progress, Request, Runner, Tee},
};

/// Where requests go in.
#[derive(Clone)]
pub struct Engine(mpsc::Sender<Ask>);

/// Where they come out, on the engine's thread.
pub struct Asking(mpsc::Receiver<Ask>);

enum Ask {
    Attest {
        nonce: Vec<u8>,
        reply: oneshot::Sender<Result<Vec<u8>, Error>>,
    },
    Begin {
        runner: Runner,
        request: Request,
        reply: oneshot::Sender<Result<(Begun, Cost), Error>>,
    },
    Embed {
        model: ModelDigest,
        texts: Vec<Vec<u32>>,
        reply: Embeddings,
    },
    End,
    Exchange {
        exchange: Box<Exchange>,
        reply: oneshot::Sender<Result<Signed, Error>>,
    },
    Generate {
        model: ModelDigest,
        generation: Generation,
        reply: oneshot::Sender<Result<(), Error>>,
    },
    Ping {
        reply: oneshot::Sender<Result<(), Error>>,
    },
}

/// An exchange, its receipt, and how long signing took.
pub(super) type Signed = (Exchange, Receipt, Duration);

impl Engine {
    /// At most `waiting` requests wait.
    pub fn new(waiting: usize) -> (Self, Asking) {
        let (sender, receiver) = mpsc::channel(waiting.max(1));
        (Self(sender), Asking(receiver))
    }

    /// How many requests wait.
    pub(super) fn waiting(&self) -> usize {
        self.0.max_capacity() - self.0.capacity()
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

    /// Has a language model answer, piece by piece, into the channel of the request. Returns once the
    /// request has been taken in. Errors: no such model; a prompt that its context has no room for; too many
    /// who wait.
    pub(super) async fn generate(
        &self,
        model: ModelDigest,
        generation: Generation,
    ) -> Result<(), Problem> {
        self.ask(|reply| Ask::Generate { model, generation, reply }).await
    }

    /// An embedding for each text, in tokens: as many reals as the model is wide, not scaled. Errors: as above.
    pub(super) async fn embed(
        &self,
        model: ModelDigest,
        texts: Vec<Vec<u32>>,
    ) -> Result<Vec<Vec<f32>>, Problem> {
        self.ask(|reply| Ask::Embed { model, texts, reply }).await
    }

    /// Has an exchange signed. That is not refused for want of room: whoever was let in gets a receipt.
    pub(super) async fn exchange(&self, exchange: Exchange) -> Result<Signed, Error> {
        let (reply, answer) = oneshot::channel();
        let stopped = || Error::Libtorch(EngineError::Stopped);
        let ask = Ask::Exchange { exchange: Box::new(exchange), reply };
        self.0.send(ask).await.map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
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
    /// Answers, one after the other, until it is told to end or nobody can ask any more. In between, language
    /// models take their turns.
    pub fn answer(mut self, tee: &mut Tee<'_>, turns: &mut Turns) {
        while let Some(ask) = self.next(turns) {
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
                Ask::Embed { model, texts, reply } => turns.embed(model, texts, reply),
                Ask::End => return,
                Ask::Exchange { exchange, reply } => {
                    let begun = Instant::now();
                    let signed = exchange.sign(tee);
                    let _ = reply.send(signed.map(|receipt| (*exchange, receipt, begun.elapsed())));
                }
                Ask::Generate { model, generation, reply } => {
                    let _ = reply.send(turns.generate(model, generation).map_err(Error::from));
                }
                Ask::Ping { reply } => {
                    let _ = reply.send(Ok(()));
                }
            }
        }
    }

    /// The next ask; until there is one, those who generate go on. None: nobody can ask any more.
    fn next(&mut self, turns: &mut Turns) -> Option<Ask> {
        loop {
            match turns.turn() {
                Turn::Idle => return self.0.blocking_recv(),
                Turn::Waiting => thread::sleep(PAUSE),
                Turn::Worked => {}
            }
            match self.0.try_recv() {
                Ok(ask) => return Some(ask),
                Err(mpsc::error::TryRecvError::Empty) => {}
                Err(mpsc::error::TryRecvError::Disconnected) => return None,
            }
        }
    }
}

/// How long all wait for clients that do not read before one of them may have read.
const PAUSE: Duration = Duration::from_millis(2);

/// The first half of a run, and what it took, on the thread of engine and attester.
pub(super) fn begin(
    runner: &Runner,
    request: &Request,
    tee: &mut Tee<'_>,
) -> Result<(Begun, Cost), Error> {
    timed(|| runner.begin(request, tee, tee.now()?, &mut Progress::Silent))
}
