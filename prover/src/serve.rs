//! `assay serve`: operations over HTTP. An answer comes at once with its attested receipt; proofs are
//! made by workers, here or elsewhere, and attached to the receipt when they are ready.
//!
//! The thread that [`run`] is called on owns the engine and the attester and does one operation at a
//! time; a runtime on threads of its own answers HTTP, keeps jobs, and runs the workers.

mod about;
mod admission;
mod answer;
mod app;
mod body;
mod catalogue;
mod config;
mod connections;
mod engine;
mod fail_stop;
mod input;
mod jobs;
mod latency;
mod listen;
mod listing;
mod llm;
mod log;
mod methods;
mod metrics;
mod openai;
mod operations;
mod problem;
mod receipts;
mod upgrade;

use std::{sync::Arc, thread, time::Duration};

use connections::Rules;
use listen::Door;
use tokio::{runtime::Runtime, sync::watch};

pub use app::{App, administration, router};
pub use catalogue::Catalogue;
pub use config::{Config, Llm, Overrides};
pub use engine::{Asking, Engine};
pub use fail_stop::abort_on_panic;
pub use latency::{Cost, Latencies};
pub use listen::Listen;
pub use log::begin as begin_log;
pub use openai::{Exchange, Offered, Offers, Outcome};
pub use upgrade::run as upgrade;

use crate::{
    attester::{self, Nsm},
    engine::TeeEngine,
    error::Error,
    files::private_folder,
    jobs::{Place, Proving, SealKey, Store, Workers},
    keys::KeyStore,
    random,
    run::{Progress, Tee},
};

/// Serves until the process is told to end. Errors: a configuration, operation, key, store or address
/// that cannot be used.
pub fn run(config: Config, engine: &dyn TeeEngine) -> Result<(), Error> {
    tracing::info!(configuration = config.line(), "begun");
    if Nsm::is_present() {
        abort_on_panic();
    }
    private_folder(&config.state)?;
    let (llms, mut turns) = llm::load(&config, engine)?;
    let digests: Vec<_> = llms.all().map(|offered| offered.digest()).collect();
    let digest = config.digest(&digests)?;
    let attester = attester::open(&config.state.join("attester"), Some(digest))?;
    tracing::info!(attester = attester.describe(), "attesting");
    let nonce = Some(random::bytes::<32>()?.to_vec());
    let document = attester.attest(&attester::Request { nonce, ..Default::default() })?;
    let mut tee = Tee::new(engine, attester.as_ref());
    let keys = KeyStore::new(config.state.join("keys"));
    let latencies = Arc::new(Latencies::read(config.state.join("latency.json")));
    let mut catalogue = Catalogue::prepare(&config, &keys, &mut Progress::Log)?;
    catalogue.measure(&mut tee, &latencies)?;
    let (engine, asking) = Engine::new(config.limits.requests_waiting);
    let http = thread::Builder::new()
        .name("http".to_owned())
        .spawn(move || {
            let asking = engine.clone();
            let offered = (catalogue, llms, document);
            let served = on_runtime(config, offered, latencies, engine);
            asking.end();
            served
        })
        .map_err(|error| Error::Usage { why: format!("no thread for HTTP: {error}") })?;
    asking.answer(&mut tee, &mut turns);
    http.join().map_err(|_| Error::Panicked { why: "the HTTP thread".to_owned() })?
}

/// Proves jobs until the process is told to end. Needs no engine.
pub fn work(config: &Config) -> Result<(), Error> {
    tracing::info!(configuration = config.line(), "begun");
    let keys = KeyStore::existing(config.state.join("keys"));
    let catalogue = Catalogue::prepare(config, &keys, &mut Progress::Log)?;
    let runtime = runtime()?;
    let worked = runtime.block_on(async {
        let key = SealKey::open(&config.state.join("witness.key"), false)?;
        let store = Store::open(&config.store(), config.rules()).await?;
        store.agree(&key.fingerprint()).await?;
        let slots = config.jobs.workers.max(1);
        let (stop, stopped) = watch::channel(false);
        let proving = Arc::new(Proving::new(store, key, slots, stopped));
        catalogue.operations().for_each(|operation| proving.learn(&operation.runner));
        let workers = Workers::start(&proving, &[Place::Anywhere], slots);
        tracing::info!(slots, "working");
        end_signal().await?;
        let _ = stop.send(true); // workers that are gone have nothing to stop
        within(config.limits.shutdown(), workers.ended()).await;
        Ok(())
    });
    runtime.shutdown_background(); // a proof that was handed back is nobody's concern here
    worked
}

/// Operations, language models, and an attestation document of this process.
type Offering = (Catalogue, Offers, Vec<u8>);

fn on_runtime(
    config: Config,
    offered: Offering,
    latencies: Arc<Latencies>,
    engine: Engine,
) -> Result<(), Error> {
    let runtime = runtime()?;
    let served = runtime.block_on(serve(config, offered, latencies, engine));
    runtime.shutdown_background();
    served
}

async fn serve(
    config: Config,
    (catalogue, llms, document): Offering,
    latencies: Arc<Latencies>,
    engine: Engine,
) -> Result<(), Error> {
    let key = SealKey::open(&config.state.join("witness.key"), true)?;
    let store = Store::open(&config.store(), config.rules()).await?;
    store.agree(&key.fingerprint()).await?;
    let (stop, stopped) = watch::channel(false);
    let slots = config.jobs.workers;
    let proving = Arc::new(Proving::new(store.clone(), key, slots, stopped.clone()));
    catalogue.operations().for_each(|operation| proving.learn(&operation.runner));
    let workers = Workers::start(&proving, &[Place::Here, Place::Anywhere], slots);
    let door = Door::open("listen", config.listen).await?;
    let side_door = match config.admin.listen {
        Some(listen) => Some(Door::open("admin.listen", listen).await?),
        None => None,
    };
    let limits = config.limits.clone();
    let shutdown = config.limits.shutdown();
    let app = App::new(config, catalogue, latencies, engine, store, proving, stopped);
    let app = Arc::new(app.with(llms, document));
    let upgrading = tokio::spawn(upgrade(Arc::clone(&app)));
    let reloading = tokio::spawn(reload_on_signal(Arc::clone(&app)));
    let address = |door: &Door| door.address().map_or_else(|_| "?".to_owned(), |at| at.to_string());
    let administering = side_door.map(|door| {
        tracing::info!(address = address(&door), "administering");
        let rules = Rules::administration(&limits);
        tokio::spawn(connections::serve(
            door,
            administration(Arc::clone(&app)),
            rules,
            app.stopped(),
        ))
    });
    let rules = Rules::public(&limits);
    tracing::info!(address = address(&door), connections = rules.connections, "serving");
    let routes = router(Arc::clone(&app));
    let serving = tokio::spawn(connections::serve(door, routes, rules, app.stopped()));
    end_signal().await?;
    tracing::info!(
        shutdown_ms = shutdown.as_millis(),
        "ending: no new requests, work at hand finishes or goes back"
    );
    let _ = stop.send(true);
    reloading.abort();
    within(shutdown, async {
        let _ = serving.await; // a task that panicked was logged
        if let Some(administering) = administering {
            let _ = administering.await; // as above
        }
        workers.ended().await;
        let _ = upgrading.await;
    })
    .await;
    app.latencies.write();
    Ok(())
}

pub(crate) fn runtime() -> Result<Runtime, Error> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::Usage { why: format!("no runtime: {error}") })
}

async fn within(time: Duration, work: impl Future<Output = ()>) {
    if tokio::time::timeout(time, work).await.is_err() {
        tracing::warn!(
            shutdown_ms = time.as_millis(),
            "work at hand did not end in time; its leases will lapse"
        );
    }
}

/// Waits until the process is told to end.
pub(crate) async fn end_signal() -> Result<(), Error> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen =
        |kind| signal(kind).map_err(|error| Error::Usage { why: format!("no signals: {error}") });
    let (mut terminate, mut interrupt) =
        (listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?);
    tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    Ok(())
}

/// SIGHUP reads the operations again. In an enclave nothing is ever loaded after the start.
async fn reload_on_signal(app: Arc<App>) {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut hang_up) = signal(SignalKind::hangup()) else { return };
    while hang_up.recv().await.is_some() {
        if Nsm::is_present() {
            tracing::warn!("not reloaded: in an enclave, other operations are another launch");
            continue;
        }
        match app.reload().await {
            Ok(operations) => tracing::info!(operations, "reloaded"),
            Err(error) => {
                tracing::error!(code = error.code(), %error, "not reloaded; the operations of before go on");
            }
        }
    }
}
