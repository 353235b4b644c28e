//! What the service keeps, promises and says of it, without a socket: jobs that nobody can prove, a clock that is
//! set, a store that goes away, keys that several make at once.
#![allow(clippy::unwrap_used)] // a test's helpers may panic as the test itself may

use std::{
    fs,
    path::Path,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicI64, Ordering},
    },
    thread,
    time::{Duration, SystemTime},
};

use assay_prover::{
    attester::Software,
    clock::Clock,
    definition::Model,
    engine::{EngineError, TeeEngine, Tensor},
    jobs::{NewJob, Place, Proving, SealKey, Store, Workers},
    keys::KeyStore,
    llm::{
        self,
        schedule::{Limits, Turns},
    },
    run::{Progress, Tee},
    serve::{App, Catalogue, Config, Cost, Engine, Latencies, Overrides, administration, router},
};
use assay_verifier::{
    evidence::Evidence,
    ids::{CardDigest, OperationDigest},
    receipt::Receipt,
};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use serde_json::{Value, json};
use tokio::sync::{Mutex, watch};
use tower::ServiceExt as _;

const OPERATION: &str = r#"
name = "decide"
disclose = ["features", "logits", "digit"]
outside_workers = true
[[allow]]
head = ["tee"]
[[inputs]]
name = "features"
type = { dtype = "i8", shape = [1, 48], scale = -4 }
[[steps]]
name = "head"
model = "head.onnx"
digest = "24f7db9c9e9445159af088e15055fcad353611843923bf3043e64d7f39b61adb"
manifest = "head.manifest.json"
inputs = ["features"]
outputs = [{ name = "logits", type = { dtype = "i32", shape = [1, 10], scale = -13 } }]
methods = ["zk"]
[[steps]]
name = "digit"
glue = "argmax"
inputs = ["logits"]
outputs = [{ name = "digit", type = { dtype = "i32", shape = [1], scale = 0 } }]
methods = ["recompute"]
"#;

/// Keys are made once, and what a proof takes is measured once, for all tests.
static SHARED: LazyLock<Mutex<tempfile::TempDir>> =
    LazyLock::new(|| Mutex::new(tempfile::tempdir().unwrap()));

/// There is no TorchScript model in this operation.
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

fn config_in(folder: &Path, jobs: &str) -> Config {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/digits");
    for file in ["head.onnx", "head.manifest.json"] {
        fs::copy(models.join(file), folder.join(file)).unwrap();
    }
    fs::write(folder.join("operation.toml"), OPERATION).unwrap();
    let text = format!(
        "operations = ['operation.toml']\nstate = 'state'\n[jobs]\nheartbeat_ms = 1000\nmissed_heartbeats = 1\n{jobs}"
    );
    let file = folder.join("assay.toml");
    fs::write(&file, text).unwrap();
    Config::read(Some(&file), |_| None, Overrides::default(), || unreachable!()).unwrap()
}

struct Service {
    router: Router,
    administration: Router,
    store: Store,
    proving: Arc<Proving>,
    latencies: Arc<Latencies>,
    cards: Vec<CardDigest>,
    /// How far the clock of engine and attester was set, in seconds.
    set: Arc<AtomicI64>,
    stop: watch::Sender<bool>,
    folder: tempfile::TempDir,
}

impl Service {
    async fn start(jobs: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = config_in(folder.path(), jobs);
        let shared = SHARED.lock().await;
        let keys = KeyStore::new(shared.path().join("keys"));
        let latencies = Arc::new(Latencies::read(shared.path().join("latency.json")));
        let (engine, asking) = Engine::new(8);
        let (ready, measured) = std::sync::mpsc::channel();
        let (operations, measuring) = (config.clone(), Arc::clone(&latencies));
        let set = Arc::new(AtomicI64::new(0));
        let clock = {
            let set = Arc::clone(&set);
            Clock::of(move || {
                let by = set.load(Ordering::SeqCst);
                let (now, far) = (SystemTime::now(), Duration::from_secs(by.unsigned_abs()));
                if by < 0 { now - far } else { now + far }
            })
        };
        thread::spawn(move || {
            let attester = operations.state.join("attester");
            let attester = Software::open_at(&attester, None, clock.clone()).unwrap();
            let mut tee = Tee::new(&NoEngine, &attester).with_clock(clock);
            let mut catalogue =
                Catalogue::prepare(&operations, &keys, &mut Progress::Silent).unwrap();
            catalogue.measure(&mut tee, &measuring).unwrap();
            ready.send(catalogue).unwrap();
            asking.answer(&mut tee, &mut Turns::new(Limits::default()));
        });
        let catalogue = measured.recv().unwrap();
        drop(shared);
        let key = SealKey::open(&config.state.join("witness.key"), true).unwrap();
        let store = Store::open(&config.store(), config.rules()).await.unwrap();
        let (stop, stopped) = watch::channel(false);
        let proving = Arc::new(Proving::new(store.clone(), key, 0, stopped.clone()));
        let mut cards = Vec::new();
        for operation in catalogue.operations() {
            proving.learn(&operation.runner);
            cards.extend(operation.runner.prepared().cards());
        }
        let app = App::new(
            config,
            catalogue,
            Arc::clone(&latencies),
            engine,
            store.clone(),
            Arc::clone(&proving),
            stopped,
        );
        let app = Arc::new(app);
        let (router, administration) = (router(Arc::clone(&app)), administration(app));
        Self { router, administration, store, proving, latencies, cards, set, stop, folder }
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, Option<String>, Vec<u8>) {
        let path = request.uri().path();
        let router = match path == "/metrics" || path.ends_with("/retry") {
            true => &self.administration,
            false => &self.router,
        };
        let response = router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let after = response.headers().get("retry-after");
        let after = after.map(|after| after.to_str().unwrap().to_owned());
        (status, after, to_bytes(response.into_body(), 1 << 24).await.unwrap().to_vec())
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        let (status, _, body) = self.send(Request::get(path).body(Body::empty()).unwrap()).await;
        (status, String::from_utf8(body).unwrap())
    }

    async fn decide(&self, more: &Value) -> (StatusCode, Option<String>, Value) {
        let features: Vec<u8> = (0..48).collect();
        let mut body = json!({"inputs": {"features": [features]}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let request =
            Request::post("/v1/operations/decide").header("content-type", "application/json");
        let request = request.body(Body::from(body.to_string())).unwrap();
        let (status, after, body) = self.send(request).await;
        (status, after, serde_json::from_slice(&body).unwrap())
    }

    /// The attestation document of an answer to which nothing but an attestation was promised.
    async fn attested(&self) -> Vec<u8> {
        let (status, _, answer) = self.decide(&json!({"methods": {"head": ["tee"]}})).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let url = answer["receipt_url"].as_str().unwrap();
        let (status, _, receipt) = self.send(Request::get(url).body(Body::empty()).unwrap()).await;
        assert_eq!(status, StatusCode::OK, "the receipt is there once it is promised");
        let receipt = Receipt::from_bytes(&receipt).unwrap();
        receipt.evidence().first().and_then(Evidence::document).unwrap().to_vec()
    }
}

/// A session lives for an hour by either clock. The service holds every receipt against its verifier, so that an
/// answer is one that convinced at the time that the clock shows.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_begins_another_session() {
    let service = Service::start("").await;
    let first = service.attested().await;
    assert!(service.attested().await == first, "one session");
    let mut last = first;
    for seconds in [66 * 60, 140 * 60, 140 * 60 - 31, 30 * 24 * 3600, 3600, 1] {
        service.set.store(seconds, Ordering::SeqCst);
        let now = service.attested().await;
        assert!(now != last, "the session of before, {seconds} s");
        assert!(service.attested().await == now, "one session, {seconds} s");
        last = now;
    }
}

/// A fresh installation, whose root was made a moment ago, and a clock that was ahead then.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_back_does_not_outdate_the_root() {
    let service = Service::start("").await;
    service.set.store(-40, Ordering::SeqCst);
    service.attested().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_whose_key_nobody_has_is_parked_and_says_so() {
    let service = Service::start("max_queued = 1").await;
    let id = "ab".repeat(16);
    let gone = NewJob {
        id: id.clone(),
        step: 0,
        step_name: "head".to_owned(),
        card: "cd".repeat(32).parse().unwrap(),
        place: Place::Here,
        witness: vec![1],
        expected_ms: 1,
    };
    let operation: OperationDigest = "ef".repeat(32).parse().unwrap();
    service.store.submit(operation, "decide", &[1], &[gone], 0).await.unwrap();
    let (status, _, problem) = service.decide(&json!({})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("queue-full")));
    // What every server and worker has running.
    let clerk = Workers::start(&service.proving, &[], 0);
    let stage = async |stage: &str| {
        loop {
            let (_, view) = service.get(&format!("/v1/jobs/{id}")).await;
            let view: Value = serde_json::from_str(&view).unwrap();
            if view["stage"] == stage {
                break view;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let view = stage("parked").await;
    assert_eq!(view["reason"]["code"], "key-unknown", "{view}");
    assert_eq!(view["attempts"], 0);
    let (_, metrics) = service.get("/metrics").await;
    assert!(metrics.contains("assay_jobs_parked{reason=\"key-unknown\"} 1"), "{metrics}");
    // It is in nobody's way, and others wait on.
    let (status, _, answer) = service.decide(&json!({})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(service.store.backlog().await.unwrap().open, 1);
    // Tried again without the key, it is parked again; with it, it waits for a worker.
    let retry = Request::post(format!("/v1/jobs/{id}/retry")).header("assay-request", "1");
    let retry = retry.body(Body::empty()).unwrap();
    assert_eq!(service.send(retry).await.0, StatusCode::OK);
    stage("parked").await;
    service.store.announce(&["cd".repeat(32).parse().unwrap()]).await.unwrap();
    stage("queued").await;
    service.stop.send(true).unwrap();
    clerk.ended().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_not_ready_without_its_store_and_promises_nothing() {
    let service = Service::start("").await;
    assert_eq!(service.get("/readyz").await.0, StatusCode::OK);
    fs::remove_file(service.folder.path().join("state/jobs.sqlite")).unwrap();
    let (status, problem) = service.get("/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let problem: Value = serde_json::from_str(&problem).unwrap();
    assert_eq!(problem["code"], "store-unavailable");
    assert!(problem["detail"].as_str().unwrap().contains("its file is gone"), "{problem}");
    let (status, _, problem) = service.decide(&json!({"methods": {"head": ["tee"]}})).await;
    assert_eq!(
        (status, &problem["code"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("store-unavailable"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_turned_away_is_told_when_to_come_again() {
    let service = Service::start("max_queued = 2").await;
    for card in &service.cards {
        service.latencies.set_proof(*card, Cost { ms: 90_000.0, cpu_ms: 90_000.0 });
    }
    for _ in 0..2 {
        assert_eq!(service.decide(&json!({})).await.0, StatusCode::OK);
    }
    let (status, after, problem) = service.decide(&json!({})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("queue-full")));
    assert_eq!(after.as_deref(), Some("90"), "one of the two has ended then");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_goes_before_others_unless_the_operator_says_so() {
    for (jobs, priority, status) in [
        ("", 0, StatusCode::OK),
        ("", 1, StatusCode::UNPROCESSABLE_ENTITY),
        ("max_priority = 3", 3, StatusCode::OK),
        ("max_priority = 3", 4, StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let service = Service::start(jobs).await;
        let (found, _, answer) = service.decide(&json!({"priority": priority})).await;
        assert_eq!(found, status, "{jobs} {priority}: {answer}");
        assert_eq!(status.is_success(), answer["code"] != "priority", "{answer}");
    }
}

#[test]
fn of_many_that_begin_at_once_each_has_the_same_keys() {
    let folder = tempfile::tempdir().unwrap();
    let config = config_in(folder.path(), "");
    let found = thread::scope(|scope| {
        let begin = || {
            let keys = KeyStore::new(config.state.join("keys"));
            let catalogue = Catalogue::prepare(&config, &keys, &mut Progress::Silent).unwrap();
            let runner = &catalogue.get("decide").unwrap().runner;
            let cards: Vec<_> = runner.prepared().cards().collect();
            let seal = SealKey::open(&config.state.join("witness.key"), true).unwrap();
            let attester = Software::open(&config.state.join("attester"), None).unwrap();
            (cards, seal.fingerprint(), assay_prover::attester::Attester::root(&attester).sha256())
        };
        let threads: Vec<_> = (0..3).map(|_| scope.spawn(begin)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(!found[0].0.is_empty());
    assert!(found.iter().all(|each| *each == found[0]), "{found:?}");
}
