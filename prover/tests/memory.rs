//! What a hostile body costs: memory that its length bounds, and time of nobody else's.
#![allow(clippy::unwrap_used)] // a test's helpers may panic as the test itself may

use std::{alloc::System, fs, sync::Arc, thread};

use assay_prover::{
    attester::Software,
    definition::Model,
    engine::{EngineError, TeeEngine, Tensor},
    jobs::{Proving, SealKey, Store},
    keys::KeyStore,
    llm::{
        self,
        schedule::{Limits, Turns},
    },
    run::{Progress, Tee},
    serve::{App, Catalogue, Config, Engine, Latencies, Overrides, router},
};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use serde_json::Value;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use tokio::sync::{Mutex, watch};
use tower::ServiceExt as _;

#[global_allocator]
static COUNTED: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Nothing of this is a model's.
const OPERATION: &str = r#"
name = "pick"
disclose = ["scores", "picked"]
[[inputs]]
name = "scores"
type = { dtype = "i32", shape = [1, 262144], scale = 0 }
[[steps]]
name = "picked"
glue = "argmax"
inputs = ["scores"]
outputs = [{ name = "picked", type = { dtype = "i32", shape = [1], scale = 0 } }]
methods = ["recompute"]
"#;

/// One test at a time: what is allocated is the process's.
static ALONE: Mutex<()> = Mutex::const_new(());

struct NoEngine;

impl TeeEngine for NoEngine {
    fn run(&self, model: &Model, _: &[Tensor]) -> Result<Vec<Tensor>, EngineError> {
        Err(EngineError::NotLoaded { digest: model.digest })
    }

    fn load(
        &self,
        _: llm::folder::Folder,
        _: llm::settings::Settings,
        _: Box<dyn FnMut(llm::folder::Reading<'_>) + Send>,
    ) -> Result<llm::schedule::Loaded, llm::Error> {
        Err(EngineError::Stopped.into())
    }
}

struct Service {
    router: Router,
    _stop: watch::Sender<bool>,
    _folder: tempfile::TempDir,
}

async fn start() -> Service {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("operation.toml"), OPERATION).unwrap();
    let file = folder.path().join("assay.toml");
    fs::write(&file, "operations = ['operation.toml']\nstate = 'state'\n").unwrap();
    let config = Config::read(Some(&file), |_| None, Overrides::default(), || unreachable!());
    let config = config.unwrap();
    fs::create_dir_all(&config.state).unwrap();
    let keys = KeyStore::new(config.state.join("keys"));
    let latencies = Arc::new(Latencies::read(config.state.join("latency.json")));
    let (engine, asking) = Engine::new(8);
    let (ready, prepared) = std::sync::mpsc::channel();
    let operations = config.clone();
    thread::spawn(move || {
        let attester = Software::open(&operations.state.join("attester"), None).unwrap();
        let mut tee = Tee::new(&NoEngine, &attester);
        ready.send(Catalogue::prepare(&operations, &keys, &mut Progress::Silent).unwrap()).unwrap();
        asking.answer(&mut tee, &mut Turns::new(Limits::default()));
    });
    let catalogue = prepared.recv().unwrap();
    let key = SealKey::open(&config.state.join("witness.key"), true).unwrap();
    let store = Store::open(&config.store(), config.rules()).await.unwrap();
    let (stop, stopped) = watch::channel(false);
    let proving = Arc::new(Proving::new(store.clone(), key, 0, stopped.clone()));
    let app = App::new(config, catalogue, latencies, engine, store, proving, stopped);
    Service { router: router(Arc::new(app)), _stop: stop, _folder: folder }
}

/// `{"inputs": {"scores": [element, element, …]}}`, about so long.
fn body(element: &str, length: usize) -> Vec<u8> {
    let list = vec![element; length / (element.len() + 1)].join(",");
    format!("{{\"inputs\":{{\"scores\":[{list}]}}}}").into_bytes()
}

fn request(body: Vec<u8>) -> Request<Body> {
    let request = Request::post("/v1/operations/pick").header("content-type", "application/json");
    request.body(Body::from(body)).unwrap()
}

const LENGTH: usize = 4 << 20;

/// All that is allocated while a body is taken in and refused, also what is given back at once.
#[tokio::test]
async fn a_body_costs_memory_by_its_length() {
    let _alone = ALONE.lock().await;
    let service = start().await;
    // The first request makes what all others use.
    service.router.clone().oneshot(request(body("{}", 100))).await.unwrap();
    for (element, code) in [
        ("{\"a\":0}", "input"),
        ("0", "input"),
        ("[]", "input"),
        ("[[[[0]]]]", "input"),
        ("\"\"", "input"),
        ("null", "input"),
        ("1e99", "input"),
    ] {
        let request = request(body(element, LENGTH));
        let region = Region::new(COUNTED);
        let response = service.router.clone().oneshot(request).await.unwrap();
        let allocated = region.change().bytes_allocated;
        let answer = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let problem: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(problem["code"], code, "{element}: {problem}");
        assert!(allocated < 4 * LENGTH + (1 << 20), "{element}: {allocated} bytes for {LENGTH}");
    }
    let many: Vec<_> = (0..300_000).map(|i| format!("\"{i}\":[]")).collect();
    let methods = format!("{{\"inputs\":{{}},\"methods\":{{{}}}}}", many.join(","));
    let (length, request) = (methods.len(), request(methods.into_bytes()));
    let region = Region::new(COUNTED);
    let response = service.router.clone().oneshot(request).await.unwrap();
    let allocated = region.change().bytes_allocated;
    assert_eq!(response.status(), 422);
    assert!(allocated < 4 * length + (1 << 20), "{allocated} bytes for {length}");
}

/// On one thread: whatever reads a body there lets nobody else go on.
#[tokio::test(flavor = "current_thread")]
async fn others_are_answered_while_a_body_is_read() {
    let _alone = ALONE.lock().await;
    let service = start().await;
    let reading = service.router.clone().oneshot(request(body("{\"a\":0}", LENGTH)));
    let health = Request::get("/healthz").body(Body::empty()).unwrap();
    let health = service.router.clone().oneshot(health);
    let (mut reading, mut health) = (std::pin::pin!(reading), std::pin::pin!(health));
    let first = tokio::select! {
        biased;
        answer = &mut reading => answer.unwrap().status(),
        answer = &mut health => answer.unwrap().status(),
    };
    assert_eq!(first, 200, "the body was read on the thread that answers");
    assert_eq!(reading.await.unwrap().status(), 422);
}
