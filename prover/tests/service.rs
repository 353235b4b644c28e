//! The service without a socket and without libtorch: an operation of the digits' decision alone, whose
//! features the caller brings. Real proofs, by workers in this process.
#![allow(clippy::unwrap_used)] // a test's helpers may panic as the test itself may

use std::{
    fs,
    path::Path,
    sync::{Arc, LazyLock},
    thread,
    time::Duration,
};

use assay_prover::{
    attester::{Attester, Error as AttesterError, Request as Ask, Software},
    definition::Model,
    engine::{EngineError, TeeEngine, Tensor},
    jobs::{Place, Proving, SealKey, State, Store, Workers},
    keys::KeyStore,
    llm::{
        self,
        schedule::{Limits, Turns},
    },
    run::{Attestation, Progress, Tee},
    serve::{App, Catalogue, Config, Engine, Latencies, Overrides, administration, router},
};
use assay_verifier::{
    UnixMillis,
    attestation::Root,
    ids::{Name, Nonce},
    operation::{Method, Methods, NonceClaim},
    policy::Policy,
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
head = ["tee", "zk"]
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

/// QEMU's security module: documents that say of themselves that nobody signed them. `.0` is the algorithm.
struct Emulated(u8, Root);

impl Attester for Emulated {
    fn attest(&self, _: &Ask) -> Result<Vec<u8>, AttesterError> {
        let head = [0x84, 0x43, 0xa1, 0x01, self.0, 0xa0, 0x41, 0x00, 0x58, 0x40];
        Ok([&head[..], &[0; 64]].concat())
    }

    fn root(&self) -> &Root {
        &self.1
    }

    fn describe(&self) -> String {
        "emulated".to_owned()
    }
}

struct Service {
    app: Arc<App>,
    router: Router,
    store: Store,
    stop: watch::Sender<bool>,
    workers: Option<Workers>,
    folder: tempfile::TempDir,
}

impl Service {
    /// With `workers` proofs at a time, none of which is begun before this returns.
    async fn start(workers: usize, jobs: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models/digits");
        for file in ["head.onnx", "head.manifest.json"] {
            fs::copy(models.join(file), folder.path().join(file)).unwrap();
        }
        fs::write(folder.path().join("operation.toml"), OPERATION).unwrap();
        let text = format!(
            "operations = ['operation.toml']\nstate = 'state'\n[jobs]\nheartbeat_ms = 1000\n{jobs}"
        );
        fs::write(folder.path().join("assay.toml"), text).unwrap();
        let file = folder.path().join("assay.toml");
        let config =
            Config::read(Some(&file), |_| None, Overrides::default(), || unreachable!()).unwrap();
        // Keys are made once, and what a proof takes is measured once, for all tests.
        let shared = SHARED.lock().await;
        fs::create_dir_all(&config.state).unwrap();
        fs::create_dir_all(shared.path().join("keys")).unwrap();
        std::os::unix::fs::symlink(shared.path().join("keys"), config.state.join("keys")).unwrap();
        let keys = KeyStore::new(config.state.join("keys"));
        let latencies = Arc::new(Latencies::read(shared.path().join("latency.json")));
        let (engine, asking) = Engine::new(8);
        let (ready, measured) = std::sync::mpsc::channel();
        let state = config.state.clone();
        let (operations, measuring) = (config.clone(), Arc::clone(&latencies));
        thread::spawn(move || {
            let attester = Software::open(&state.join("attester"), None).unwrap();
            let mut tee = Tee::new(&NoEngine, &attester);
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
        store.agree(&key.fingerprint()).await.unwrap();
        let (stop, stopped) = watch::channel(false);
        let proving = Arc::new(Proving::new(store.clone(), key, workers, stopped.clone()));
        catalogue.operations().for_each(|operation| proving.learn(&operation.runner));
        let workers = (workers > 0)
            .then(|| Workers::start(&proving, &[Place::Here, Place::Anywhere], workers));
        let app = App::new(config, catalogue, latencies, engine, store.clone(), proving, stopped);
        let app = Arc::new(app);
        let router = router(Arc::clone(&app));
        Self { app, router, store, stop, workers, folder }
    }

    async fn send(&self, request: Request<Body>) -> (StatusCode, Vec<u8>) {
        let path = request.uri().path();
        let router = match request.method() == "DELETE" || path.ends_with("/retry") {
            true => administration(Arc::clone(&self.app)),
            false => self.router.clone(),
        };
        let response = router.oneshot(request).await.unwrap();
        let status = response.status();
        (status, to_bytes(response.into_body(), 1 << 24).await.unwrap().to_vec())
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        let request = Request::get(path).header("accept", "application/json");
        let (status, body) = self.send(request.body(Body::empty()).unwrap()).await;
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn post(&self, path: &str, body: &Value) -> (StatusCode, Value) {
        let request = Request::post(path).header("content-type", "application/json");
        let (status, body) = self.send(request.body(Body::from(body.to_string())).unwrap()).await;
        (status, serde_json::from_slice(&body).unwrap())
    }

    async fn decide(&self, more: &Value) -> (StatusCode, Value) {
        let features: Vec<u8> = (0..48).collect();
        let mut body = json!({"inputs": {"features": [features]}});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.post("/v1/operations/decide", &body).await
    }

    async fn wait_for(&self, job: &str, stage: &str) -> Value {
        for _ in 0..2400 {
            let (_, view) = self.get(&format!("/v1/jobs/{job}")).await;
            if view["stage"] == stage {
                return view;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{job} is not {stage}: {}", self.get(&format!("/v1/jobs/{job}")).await.1);
    }

    async fn receipt(&self, answer: &Value) -> Receipt {
        let url = answer["receipt_url"].as_str().unwrap();
        let (status, bytes) = self.send(Request::get(url).body(Body::empty()).unwrap()).await;
        assert_eq!(status, StatusCode::OK);
        Receipt::from_bytes(&bytes).unwrap()
    }
}

fn job(answer: &Value) -> &str {
    answer["jobs"][0]["id"].as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proof_is_made_checked_and_attached() {
    let service = Service::start(1, "").await;
    let (status, answer) = service.decide(&json!({})).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
    assert_eq!(service.receipt(&answer).await.evidence().len(), 0);
    let upgrading = tokio::spawn(assay_prover::serve::upgrade(Arc::clone(&service.app)));
    let done = service.wait_for(job(&answer), "done").await;
    assert_eq!((&done["attempts"], &done["reason"]), (&json!(1), &Value::Null));
    let receipt = service.receipt(&answer).await;
    assert_eq!(receipt.evidence().len(), 1);
    assert_eq!(receipt.digest().to_string(), answer["operation"].as_str().unwrap());
    assert!(
        !service.store.keeps_witness(job(&answer)).await.unwrap(),
        "witness data was not deleted"
    );
    let (status, problem) = service.delete(job(&answer)).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("too-late")));
    service.stop.send(true).unwrap();
    service.workers.unwrap().ended().await;
    upgrading.await.unwrap();
    drop(service.folder);
}

impl Service {
    async fn delete(&self, job: &str) -> (StatusCode, Value) {
        let request = Request::delete(format!("/v1/jobs/{job}")).body(Body::empty()).unwrap();
        let (status, body) = self.send(request).await;
        (status, serde_json::from_slice(&body).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_not_believed() {
    let service = Service::start(0, "max_attempts = 2").await;
    let (_, answer) = service.decide(&json!({})).await;
    let upgrading = tokio::spawn(assay_prover::serve::upgrade(Arc::clone(&service.app)));
    let claim = service.store.claim(job(&answer)).await.unwrap().unwrap();
    assert!(service.store.claim(job(&answer)).await.unwrap().is_none(), "claimed twice");
    assert!(service.store.finish(&claim, &[7; 192], 1).await.unwrap());
    assert!(!service.store.finish(&claim, &[8; 192], 1).await.unwrap(), "written twice");
    let back = service.wait_for(job(&answer), "queued").await;
    assert_eq!(back["reason"]["code"], "own-receipt", "{back}");
    assert_eq!(service.receipt(&answer).await.evidence().len(), 0);
    // The second attempt is the last.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let claim = service.store.claim(job(&answer)).await.unwrap().unwrap();
    assert_eq!(claim.attempts, 2);
    assert!(service.store.finish(&claim, b"short", 1).await.unwrap());
    let parked = service.wait_for(job(&answer), "parked").await;
    assert_eq!(parked["reason"]["code"], "proof-length", "{parked}");
    service.stop.send(true).unwrap();
    upgrading.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_kills_its_workers_is_parked_and_one_can_be_cancelled() {
    let service = Service::start(0, "max_attempts = 2\nmissed_heartbeats = 1").await;
    let (_, answer) = service.decide(&json!({})).await;
    let id = job(&answer);
    for attempt in 1..=2 {
        let claim = service.store.claim(id).await.unwrap().unwrap();
        assert_eq!(claim.attempts, attempt);
        // The worker is gone, and its lease lapses.
        tokio::time::sleep(Duration::from_millis(1100)).await;
        assert_eq!(service.store.due().await.unwrap().len(), usize::from(attempt == 1));
    }
    let (_, view) = service.get(&format!("/v1/jobs/{id}")).await;
    assert_eq!(
        (&view["stage"], &view["reason"]["code"]),
        (&json!("parked"), &json!("worker-lost"))
    );
    // On request it is tried again, as often as a new one, and waits for nothing.
    let parked = service.store.jobs(Some(State::Parked)).await.unwrap();
    assert_eq!(parked.iter().map(|job| job.id.as_str()).collect::<Vec<_>>(), [id]);
    let (status, view) = service.post(&format!("/v1/jobs/{id}/retry"), &json!(null)).await;
    assert_eq!((status, &view["stage"]), (StatusCode::OK, &json!("queued")));
    let (status, problem) = service.post(&format!("/v1/jobs/{id}/retry"), &json!(null)).await;
    assert_eq!((status, &problem["code"]), (StatusCode::CONFLICT, &json!("not-parked")));
    assert_eq!(service.store.due().await.unwrap().len(), 1);
    assert_eq!(service.store.claim(id).await.unwrap().unwrap().attempts, 1);
    assert!(service.store.cancel(id).await.unwrap());

    let (_, answer) = service.decide(&json!({})).await;
    let claim = service.store.claim(job(&answer)).await.unwrap().unwrap();
    let (status, view) = service.delete(job(&answer)).await;
    assert_eq!((status, &view["stage"]), (StatusCode::OK, &json!("cancelled")));
    assert!(!service.store.renew(&claim).await.unwrap(), "a cancelled claim was renewed");
    assert!(!service.store.finish(&claim, &[7; 192], 1).await.unwrap(), "and its proof written");
    assert!(!service.store.keeps_witness(job(&answer)).await.unwrap());

    // A claim that is handed back costs no attempt.
    let (_, answer) = service.decide(&json!({})).await;
    for _ in 0..3 {
        let claim = service.store.claim(job(&answer)).await.unwrap().unwrap();
        assert_eq!(claim.attempts, 1);
        service.store.hand_back(&claim).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn methods_are_chosen_within_what_the_operation_allows() {
    let service = Service::start(0, "").await;
    let (_, listing) = service.get("/v1/operations").await;
    let choices = &listing["operations"][0]["choices"];
    let proof_ms = choices[0]["proofs"]["ms"].as_f64().unwrap();
    let answer_ms = choices[0]["answer"]["ms"].as_f64().unwrap();
    assert!(proof_ms > 10.0 && answer_ms < proof_ms, "{choices}");
    assert_eq!(choices[2]["proofs"]["ms"], json!(0.0));
    for (wanted, head, by, jobs) in [
        (json!({}), json!(["zk"]), "default", 1),
        (json!({"methods": {"head": ["tee"]}}), json!(["tee"]), "request", 0),
        (json!({"methods": {"head": ["zk", "tee"]}}), json!(["tee", "zk"]), "request", 1),
        (json!({"deadline_ms": 3_600_000}), json!(["zk"]), "deadline", 1),
        // No proof is that fast, beside those that wait already.
        (json!({"deadline_ms": (answer_ms + proof_ms) as u64}), json!(["tee"]), "deadline", 0),
        (json!({"budget_cpu_ms": 3_600_000}), json!(["zk"]), "budget", 1),
    ] {
        let (status, answer) = service.decide(&wanted).await;
        assert_eq!(status, StatusCode::OK, "{wanted}: {answer}");
        assert_eq!(
            (&answer["methods"]["head"], &answer["chosen_by"]),
            (&head, &json!(by)),
            "{wanted}"
        );
        assert_eq!(answer["jobs"].as_array().unwrap().len(), jobs, "{wanted}");
        let receipt = service.receipt(&answer).await;
        let methods = serde_json::to_value(&receipt.operation().steps[0].methods).unwrap();
        assert_eq!(methods, head, "the receipt says what was chosen");
        assert_eq!(receipt.evidence().len(), usize::from(head != json!(["zk"])));
    }
    for (wanted, code) in [
        (json!({"methods": {"head": []}}), "methods-not-allowed"),
        (json!({"methods": {"digit": ["tee"]}}), "methods-not-allowed"),
        (json!({"methods": {"tail": ["tee"]}}), "methods-not-allowed"),
        (json!({"methods": {"head": ["tee"]}, "deadline_ms": 5}), "methods-and-limits"),
        (json!({"deadline_ms": 0}), "nothing-fits"),
        (json!({"nonce": "00"}), "nonce"),
        (json!({"nonce": "zz"}), "nonce"),
        (json!({"priority": 10}), "priority"),
        (json!({"inputs": {"features": [1, 2]}}), "input"),
        (json!({"inputs": {"features": [[1.5]]}}), "input"),
        (json!({"inputs": {"features": {"base64": "%"}}}), "input"),
        (json!({"inputs": {}}), "input"),
        (json!({"inputs": {"picture": [1]}}), "input-unknown"),
        (json!({"inputs": {"features": [vec![-1; 48]]}}), "zkml-input-range"),
        (json!({"inputs": {"features": {"base64": "AAAA"}}}), "input"),
        (json!({"inputs": {"features": "AAAA"}}), "request-body"),
        (json!({"inputs": {"features": {"base64": "AAAA", "more": 1}}}), "request-body"),
        (json!({"inputs": [1]}), "request-body"),
        (json!({"deadline_ms": -1}), "request-body"),
        (json!({"deadline_ms": 1.5}), "request-body"),
        (json!({"deadline_ms": 1e300}), "request-body"),
        (json!({"budget_cpu_ms": 0, "deadline_ms": u64::MAX}), "nothing-fits"),
        (json!({"priority": 256}), "request-body"),
        (json!({"nonce": "ab".repeat(15)}), "nonce"),
        (json!({"nonce": "ab".repeat(65)}), "nonce"),
        (json!({"nonce": "a".repeat(33)}), "nonce"),
        (json!({"attestation": "none"}), "request-body"),
        (json!({"methods": {"head": ["zk", "zk"]}}), "request-body"),
        (json!({"methods": {"head": ["magic"]}}), "request-body"),
        (json!({"methods": {"../head": ["zk"]}}), "methods-not-allowed"),
        (json!({"unknown": 1}), "request-body"),
    ] {
        let (status, problem) = service.decide(&wanted).await;
        assert_eq!(
            (status, &problem["code"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!(code)),
            "{wanted}: {problem}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_refuses_proofs_and_nothing_else() {
    let service = Service::start(0, "max_queued = 1").await;
    assert_eq!(service.decide(&json!({})).await.0, StatusCode::OK);
    let (status, problem) = service.decide(&json!({})).await;
    assert_eq!((status, &problem["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("queue-full")));
    let (status, _) = service.decide(&json!({"methods": {"head": ["tee"]}})).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_says_what_it_is() {
    let service = Service::start(0, "").await;
    assert_eq!(service.get("/healthz").await.0, StatusCode::OK);
    assert_eq!(service.get("/readyz").await.0, StatusCode::OK);
    let nonce = "ab".repeat(32);
    let (_, attestation) = service.get(&format!("/v1/attestation?nonce={nonce}")).await;
    assert!(attestation["document"].as_str().unwrap().len() > 1000);
    let (_, suggestion) = service.get(&format!("/v1/policy?nonce={nonce}")).await;
    let policies = suggestion["policies"]["decide"].as_array().unwrap();
    assert_eq!(policies.len(), 3, "one for each choice");
    assert_eq!(policies[2]["methods"]["head"], json!(["tee"]));
    let policy = &policies[0]["policy"];
    assert_eq!((&policy["unreviewed"], &policy["nonce"]), (&json!(true), &json!(nonce)));
    for (path, status, code) in [
        ("/v1/attestation", StatusCode::BAD_REQUEST, "request-query"),
        ("/v1/attestation?nonce=00", StatusCode::UNPROCESSABLE_ENTITY, "nonce"),
        ("/v1/receipts/00", StatusCode::NOT_FOUND, "not-found"),
        ("/v1/jobs/00", StatusCode::NOT_FOUND, "not-found"),
        ("/v1/jobs/00/events", StatusCode::NOT_FOUND, "not-found"),
        ("/v2", StatusCode::NOT_FOUND, "not-found"),
        ("/v1/operations/decide", StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed"),
    ] {
        let (found, problem) = service.get(path).await;
        assert_eq!((found, &problem["code"]), (status, &json!(code)), "{path}");
        assert_eq!(problem["status"], json!(status.as_u16()));
    }
    let (_, description) = service.get("/openapi.json").await;
    assert!(description["paths"]["/v1/operations/{name}"]["post"].is_object());
}

#[tokio::test(flavor = "multi_thread")]
async fn operations_are_read_again_or_stay_as_they_are() {
    let service = Service::start(0, "").await;
    let file = service.folder.path().join("operation.toml");
    let fewer = OPERATION.replace("\"decide\"", "\"decide-2\"");
    let fewer = fewer.replace("[[allow]]\nhead = [\"tee\"]\n", "");
    fs::write(&file, &fewer).unwrap();
    assert_eq!(service.app.reload().await.unwrap(), 1);
    assert_eq!(service.decide(&json!({})).await.0, StatusCode::NOT_FOUND);
    // What is suggested is what is offered now.
    let (_, suggestion) = service.get("/v1/policy").await;
    assert_eq!(suggestion["policies"].as_object().unwrap().len(), 1);
    let policies = suggestion["policies"]["decide-2"].as_array().unwrap();
    assert_eq!(policies.len(), 2);
    assert_eq!(policies[1]["methods"]["head"], json!(["tee", "zk"]));
    let again = r#"
[[steps]]
name = "head"
glue = "argmax"
inputs = ["logits"]
outputs = [{ name = "again", type = { dtype = "i32", shape = [1], scale = 0 } }]
methods = []
"#;
    let twice = r#"[[inputs]]
name = "features"
type = { dtype = "i8", shape = [1], scale = 0 }
[[steps]]"#;
    for (text, line, why) in [
        ("name = 1".to_owned(), 1, "expected"),
        (fewer.replace("shape = [1, 10]", "shape = [1, 11]"), 11, "the model gives"),
        (fewer.replace("shape = [1, 48]", "shape = [2, 48]"), 11, "the model takes"),
        (fewer.replacen("[[steps]]", twice, 1), 11, "given already"),
        (fewer.clone() + again, 26, "another step"),
        (fewer.replace("head.manifest.json", "head.onnx"), 11, "step head"),
    ] {
        fs::write(&file, text).unwrap();
        let error = service.app.reload().await.unwrap_err();
        assert_eq!(error.code(), "definition", "{error}");
        let said = error.to_string();
        assert!(said.contains(&format!("operation.toml:{line}: ")) && said.contains(why), "{said}");
    }
    let (_, listing) = service.get("/v1/operations").await;
    assert_eq!(listing["operations"][0]["name"], "decide-2");
}

/// Requests that no client of ours sends: each is refused by a problem of a stable code.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_comes_is_refused_by_name() {
    let service = Service::start(0, "[limits]\nbody_bytes = 4096").await;
    let (run, json) = ("/v1/operations/decide", "application/json");
    let long = format!("{{\"nonce\": \"{}\"}}", "a".repeat(5000));
    let nested = "[".repeat(500) + &"]".repeat(500);
    let deep = format!("{{\"inputs\": {{\"features\": {nested}}}}}");
    let zeros = "[0".to_owned() + &",0".repeat(47) + "]";
    let twice = format!("{{\"inputs\": {{\"features\": {zeros}, \"features\": {zeros}}}}}");
    let job = "0".repeat(32);
    for (method, path, kind, body, status, code) in [
        ("POST", run, json, "", 400, "request-json"),
        ("POST", run, json, "{\"inputs\": {}", 400, "request-json"),
        ("POST", run, json, "{\"inputs\": {}} {}", 400, "request-json"),
        ("POST", run, json, "\u{feff}{}", 400, "request-json"),
        ("POST", run, json, "[]", 422, "request-body"),
        ("POST", run, json, "{}", 422, "request-body"),
        ("POST", run, json, "null", 422, "request-body"),
        ("POST", run, json, r#"{"inputs": {}, "inputs": {}}"#, 422, "request-body"),
        ("POST", run, json, &twice, 422, "request-body"),
        ("POST", run, json, r#"{"inputs": {"features": [1e400]}}"#, 400, "request-json"),
        ("POST", run, json, r#"{"inputs": {"features": [18446744073709551615]}}"#, 422, "input"),
        ("POST", run, json, r#"{"inputs": {"features": [[1, ["x"]]]}}"#, 422, "input"),
        ("POST", run, json, &deep, 400, "request-json"),
        ("POST", run, json, &long, 413, "request-too-long"),
        ("POST", run, "text/plain", "{}", 415, "request-content-type"),
        ("POST", run, "", "{}", 415, "request-content-type"),
        ("PUT", run, json, "{}", 405, "method-not-allowed"),
        ("DELETE", "/v1/operations", json, "", 405, "method-not-allowed"),
        ("BREW", "/healthz", json, "", 405, "method-not-allowed"),
        ("POST", "/v1/operations/other", json, "{}", 404, "not-found"),
        ("POST", "/v1/operations/%2e%2e%2fdecide", json, "{}", 404, "not-found"),
        ("POST", "/v1/operations/%ff", json, "{}", 404, "not-found"),
        ("POST", "/v1/operations/decide/", json, "{}", 404, "not-found"),
        ("GET", "/v1/receipts/..%2f..%2fwitness.key", json, "", 404, "not-found"),
        ("GET", "/v1/receipts/%00", json, "", 404, "not-found"),
        ("GET", "/v1/jobs/%00", json, "", 404, "not-found"),
        ("GET", "/v1/jobs/%27%20OR%20%271%27%3D%271", json, "", 404, "not-found"),
        ("DELETE", &format!("/v1/jobs/{job}"), json, "", 405, "method-not-allowed"),
        ("POST", &format!("/v1/jobs/{job}/retry"), json, "", 404, "not-found"),
        ("GET", "/v1/policy?nonce=00", json, "", 422, "nonce"),
        ("GET", "/v1/policy?other=00", json, "", 400, "request-query"),
        ("GET", "/v1/attestation?nonce=aa&nonce=bb", json, "", 400, "request-query"),
        ("GET", "/v1/attestation?nonce=%ff", json, "", 422, "nonce"),
    ] {
        let request = Request::builder().method(method).uri(path).header("content-type", kind);
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = service.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/problem+json", "{path} {body}");
        assert_eq!(response.headers().contains_key("allow"), status == 405, "{method} {path}");
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let problem: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            (&problem["code"], &problem["status"]),
            (&json!(code), &json!(status)),
            "{path}: {problem}"
        );
        assert_eq!(problem["type"], format!("urn:assay:problem:{code}"));
        assert!(problem["detail"].as_str().unwrap().len() > 10, "{problem}");
    }
    assert_eq!(service.store.jobs(None).await.unwrap().len(), 0, "nothing of it was run");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_has_one_witness_key() {
    let service = Service::start(0, "").await;
    let other = SealKey::open(&service.folder.path().join("other.key"), true).unwrap();
    assert_eq!(service.store.agree(&other.fingerprint()).await.unwrap_err().code(), "store");
}

/// The rest of such a receipt is checked, and every verifier refuses it.
#[tokio::test]
async fn an_unsigned_document_stops_the_verifier_and_not_the_prover() {
    let service = Service::start(0, "").await;
    let catalogue_of = |models: &str| {
        let file = service.folder.path().join("other.toml");
        let text = format!("operations = ['operation.toml']\nstate = 'state'\n{models}\n");
        fs::write(&file, text).unwrap();
        let config = Config::read(Some(&file), |_| None, Overrides::default(), || unreachable!());
        let keys = KeyStore::new(service.folder.path().join("state/keys"));
        Catalogue::prepare(&config.unwrap(), &keys, &mut Progress::Silent)
    };
    let other = format!("models = ['{}']", "00".repeat(32));
    let refusal = catalogue_of(&other).err().unwrap();
    assert_eq!(refusal.code(), "definition");
    assert!(refusal.to_string().contains("does not list model 24f7db9c"), "{refusal}");
    let listed = "models = ['24f7db9c9e9445159af088e15055fcad353611843923bf3043e64d7f39b61adb']";
    let catalogue = catalogue_of(listed).unwrap();

    let runner = &catalogue.get("decide").unwrap().runner;
    let methods = [(Name::new("head").unwrap(), Methods::of(&[Method::Tee]))].into();
    let request = assay_prover::run::Request {
        inputs: [(Name::new("features").unwrap(), vec![0; 48])].into(),
        nonce: NonceClaim::Client(Nonce::new(&[7; 32]).unwrap()),
        attestation: Attestation::Session,
        choice: runner.definition().choose(&methods).unwrap(),
    };
    let begin = |algorithm| {
        let attester = Emulated(algorithm, Root::aws_g1());
        let now = UnixMillis::new(1_767_225_600_000).unwrap();
        runner.begin(&request, &mut Tee::new(&NoEngine, &attester), now, &mut Progress::Silent)
    };
    let receipt = begin(0x20).unwrap().receipt; // -1: reserved, and what QEMU writes
    assert_eq!(receipt.evidence().len(), 1);
    let refusal = Policy::learn(&receipt).unwrap_err();
    assert_eq!(refusal.code(), "attestation-protected-header");
    // Any other document that is not good is an error of ours.
    assert_eq!(begin(0x26).err().unwrap().code(), "attestation-protected-header");
}
