//! A worker: claims jobs, proves them off the runtime's threads, writes the proofs down.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use assay_verifier::{ids::CardDigest, receipt::Receipt};
use tokio::{
    sync::{Semaphore, watch},
    task::JoinHandle,
};

use super::{Claim, Place, Queue, SealKey, Store, ms, short};
use crate::{error::Error, run::Runner};

/// What a worker needs: the jobs, the key that opens their witness data, and the proving keys.
pub struct Proving {
    store: Store,
    key: SealKey,
    runners: RwLock<BTreeMap<CardDigest, Runner>>,
    /// Proofs at a time, over all places.
    slots: Semaphore,
    /// How many that are.
    count: usize,
    stop: watch::Receiver<bool>,
}

impl Proving {
    /// With no operation yet.
    pub fn new(store: Store, key: SealKey, slots: usize, stop: watch::Receiver<bool>) -> Self {
        Self {
            store,
            key,
            runners: RwLock::default(),
            slots: Semaphore::new(slots),
            count: slots,
            stop,
        }
    }

    /// The key that seals witness data.
    pub const fn key(&self) -> &SealKey {
        &self.key
    }

    /// Makes the keys of an operation known. Those of earlier ones stay: their jobs may still wait.
    pub fn learn(&self, runner: &Runner) {
        let mut runners = self.runners.write().unwrap_or_else(PoisonError::into_inner);
        for card in runner.prepared().cards() {
            runners.insert(card, runner.clone());
        }
    }

    /// Says which keys are here, and parks what waits for one that is nowhere.
    async fn announce(&self) -> Result<(), Error> {
        let cards: Vec<_> = {
            let runners = self.runners.read().unwrap_or_else(PoisonError::into_inner);
            runners.keys().copied().collect()
        };
        self.store.announce(&cards).await?;
        self.store.park_unknown().await.map(drop)
    }

    fn runner(&self, card: CardDigest) -> Option<Runner> {
        self.runners.read().unwrap_or_else(PoisonError::into_inner).get(&card).cloned()
    }

    /// Looks at a job and does what there is to do. Failures are in the table, for whoever asks about
    /// the job, and in the log.
    pub(super) async fn work(&self, id: &str) {
        let Ok(_slot) = self.slots.acquire().await else { return };
        if *self.stop.borrow() {
            return; // the ticket comes again, to somebody else
        }
        let worked = self.try_work(id).await;
        if let Err(error) = worked {
            tracing::error!(job = short(id), code = error.code(), %error, "the store failed");
        }
    }

    /// Waits until nothing is at hand.
    async fn idle(&self) {
        let all = u32::try_from(self.count).unwrap_or(u32::MAX);
        let _ = self.slots.acquire_many(all).await; // nobody closes it
    }

    async fn try_work(&self, id: &str) -> Result<(), Error> {
        let Some(card) = self.store.card(id).await? else { return Ok(()) };
        let Some(runner) = self.runner(card) else {
            tracing::warn!(job = short(id), %card, "left to another worker: this one has no such key");
            return Ok(());
        };
        let Some(claim) = self.store.claim(id).await? else { return Ok(()) };
        tracing::info!(job = short(id), operation = %claim.name, step = %claim.step_name, attempt = claim.attempts, "proving");
        let started = Instant::now();
        let mut stop = self.stop.clone();
        let outcome = tokio::select! {
            outcome = self.prove(&claim, runner) => outcome,
            () = self.keep(&claim) => {
                tracing::warn!(job = short(id), "the claim was lost or cancelled: its proof is dropped");
                return Ok(());
            }
            () = grace(&mut stop, self.store.rules().hand_back) => {
                // The proof itself cannot be interrupted; the process ends, and it with it.
                tracing::info!(job = short(id), "handed back: this worker stops");
                return self.store.hand_back(&claim).await;
            }
        };
        let prove_ms = ms(started.elapsed());
        match outcome {
            Ok(proof) => {
                let written = self.store.finish(&claim, proof.as_slice(), prove_ms).await?;
                tracing::info!(job = short(id), operation = %claim.name, step = %claim.step_name, prove_ms, written, "proved");
                Ok(())
            }
            Err(error) => {
                let hopeless = matches!(error, Error::Witness { .. } | Error::Verifier(_));
                tracing::warn!(job = short(id), attempt = claim.attempts, code = error.code(), %error, hopeless, "a proof failed");
                self.store.fail(&claim, &error, hopeless).await
            }
        }
    }

    /// Proves, on a thread where nothing else waits: the runtime's own go on renewing the lease.
    async fn prove(&self, claim: &Claim, runner: Runner) -> Result<Box<[u8; 192]>, Error> {
        let task = self.key.open_sealed(&claim.id, &claim.witness)?;
        let receipt = Receipt::from_bytes(&claim.receipt)?;
        let proved = tokio::task::spawn_blocking(move || {
            runner.prove(receipt.operation(), &receipt.digest(), &task)
        });
        proved.await.unwrap_or_else(|error| Err(Error::Panicked { why: error.to_string() }))
    }

    /// Renews the lease until it is somebody else's.
    async fn keep(&self, claim: &Claim) {
        let mut beat = tokio::time::interval(self.store.rules().heartbeat);
        loop {
            beat.tick().await;
            match self.store.renew(claim).await {
                Ok(true) => {}
                Ok(false) => return,
                // The lease outlives a few of these; a database that stays away ends the claim.
                Err(error) => {
                    tracing::warn!(job = short(&claim.id), %error, "the lease was not renewed")
                }
            }
        }
    }
}

/// The time that a proof at hand gets to finish once the worker is to stop.
async fn grace(stop: &mut watch::Receiver<bool>, time: Duration) {
    let _ = stop.wait_for(|stop| *stop).await; // nobody left to say so: stop
    tokio::time::sleep(time).await;
}

/// Workers in this process, and the clerk that sends out tickets.
pub struct Workers(Vec<JoinHandle<()>>);

impl Workers {
    /// Starts `slots` workers for each of `places`; all of them together prove `slots` jobs at a time.
    pub fn start(proving: &Arc<Proving>, places: &[Place], slots: usize) -> Self {
        let queue = Queue::new(proving.store.clone());
        let mut tasks = vec![tokio::spawn(clerk(queue.clone(), Arc::clone(proving)))];
        for place in places.iter().filter(|_| slots > 0) {
            let (queue, proving, place) = (queue.clone(), Arc::clone(proving), *place);
            tasks.push(tokio::spawn(async move {
                let mut stop = proving.stop.clone();
                while !*stop.borrow() {
                    let ended =
                        queue.handle(place, slots, Arc::clone(&proving), stop.clone()).await;
                    if let Err(error) = ended {
                        tracing::error!(code = error.code(), %error, "a worker ended; another begins");
                    }
                    let _ = tokio::time::timeout(AGAIN, stop.wait_for(|stop| *stop)).await;
                }
                proving.idle().await;
            }));
        }
        Self(tasks)
    }

    /// Waits until all of them have ended, after what `stop` watches was set.
    pub async fn ended(self) {
        for task in self.0 {
            if let Err(error) = task.await {
                tracing::error!(%error, "a worker's task failed");
            }
        }
    }
}

/// How soon a worker that failed is replaced.
const AGAIN: Duration = Duration::from_secs(1);

/// Sends out tickets, sweeps up those that were handled, and says which keys are here.
async fn clerk(queue: Queue, proving: Arc<Proving>) {
    let (mut round, mut stop) = (0u64, proving.stop.clone());
    let heartbeat = proving.store.rules().heartbeat;
    let mut next = Instant::now();
    while !*stop.borrow() {
        let told = match next <= Instant::now() {
            true => proving.announce().await.map(|()| next = Instant::now() + heartbeat),
            false => Ok(()),
        };
        let sent = queue.deliver().await;
        let swept = if round.is_multiple_of(SWEEP) { queue.sweep().await } else { Ok(()) };
        if let Err(error) = told.and(sent.map(drop)).and(swept) {
            tracing::warn!(code = error.code(), %error, "tickets wait: the store failed");
        }
        round += 1;
        let _ = tokio::time::timeout(ROUND, stop.wait_for(|stop| *stop)).await;
    }
}

/// How often the clerk looks for jobs whose time has come.
const ROUND: Duration = Duration::from_millis(250);
/// Rounds between two sweeps: a minute.
const SWEEP: u64 = 240;
