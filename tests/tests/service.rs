//! `assay serve` and `assay worker`, end to end on the digits: libtorch, an attester, real proofs.
#![allow(clippy::unwrap_used)] // a test's helpers may panic as the test itself may

use std::{
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use assay_tests::service::{Process, Service, assay, folder};
use assay_verifier::receipt::Receipt;
use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};

const NONCE: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const QUICK: &str = "heartbeat_ms = 1000\nmissed_heartbeats = 3\n";

fn job_of(answer: &Value) -> String {
    answer["jobs"][0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_digit_is_answered_at_once_and_its_proof_attached_later() {
    let service = Service::start(folder("service"), QUICK);
    let reply = service.read_digit(7, &json!({"nonce": NONCE}));
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    let answer = reply.json();
    assert_eq!(answer["results"]["digit"]["integers"], json!([7]));
    assert_eq!(
        answer["methods"],
        json!({"features": ["tee"], "head": ["zk"], "digit": ["recompute"]})
    );
    assert_eq!(answer["chosen_by"], "default");
    let early = Base64::decode_vec(answer["receipt"].as_str().unwrap()).unwrap();
    let early = Receipt::from_bytes(&early).unwrap();
    assert_eq!(early.digest().to_string(), answer["operation"].as_str().unwrap());
    assert_eq!(early.evidence().len(), 1, "the attestation, and no proof yet");

    // The last event of the stream is the end of the job.
    let job = job_of(&answer);
    let events = service.get(&format!("/v1/jobs/{job}/events"));
    assert!(events.headers.to_lowercase().contains("text/event-stream"), "{}", events.headers);
    let events = String::from_utf8(events.body).unwrap();
    let last = events.lines().rev().find_map(|line| line.strip_prefix("data: ")).unwrap();
    let last: Value = serde_json::from_str(last).unwrap();
    assert_eq!((&last["stage"], &last["fraction"]), (&json!("done"), &json!(1.0)), "{events}");
    assert_eq!(last["attempts"], 1);

    let url = answer["receipt_url"].as_str().unwrap();
    let late = Receipt::from_bytes(&service.get(url).body).unwrap();
    assert_eq!(late.digest(), early.digest(), "upgraded in place");
    assert_eq!(late.evidence().len(), 2);
    let view = service.send("GET", url, "Accept: application/json\r\n", &[]).unwrap().json();
    assert_eq!(view["operation"]["digest"], answer["operation"]);
    let (code, words) = service.verify(url, NONCE, 7);
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains("digit = 7") && words.contains("shown by zk"), "{words}");

    // Neither inputs nor nonces nor salts are in the log.
    let log = service.log();
    assert!(log.contains("\"answered\"") && log.contains("\"attached\""), "{log}");
    assert!(!log.contains(NONCE) && !log.contains("iVBOR"), "{log}");
    // Nor whole ids, which open what they name.
    let operation = answer["operation"].as_str().unwrap();
    assert!(log.contains(&operation[..8]) && !log.contains(&operation[..9]), "{log}");
    assert!(log.contains(&job[..8]) && !log.contains(&job[..9]), "{log}");
    let metrics = service.metrics();
    assert!(metrics.contains("assay_jobs{state=\"done\"} 1"), "{metrics}");
    let mut service = service;
    assert_eq!(service.process.terminate(), Some(0), "{}", service.log());
}

#[test]
fn nothing_is_lost_when_the_service_is_killed() {
    let mut service = Service::start(folder("service-killed"), &format!("{QUICK}workers = 0\n"));
    let answers: Vec<_> =
        (0..3).map(|digit| service.read_digit(digit, &json!({"nonce": NONCE})).json()).collect();
    service.process.kill();
    service.start_again();
    let mut worker =
        Process::start(&service.folder, "worker.log", &["worker", "--config", "assay.toml"]);
    let jobs: Vec<_> = answers.iter().map(job_of).collect();
    for job in service.wait_for(&jobs, Duration::from_secs(60)) {
        assert_eq!(job["stage"], "done", "{job}");
    }
    for (digit, answer) in (0u8..).zip(&answers) {
        let (code, words) = service.verify(answer["receipt_url"].as_str().unwrap(), NONCE, digit);
        assert_eq!(code, Some(0), "{words}");
    }
    assert_eq!(worker.terminate(), Some(0));
}

/// Mid-proof; the digits' takes about a tenth of a second.
fn wait_until_running(service: &Service, job: &str) {
    let stage = || service.get(&format!("/v1/jobs/{job}")).json()["stage"].clone();
    while stage() == "queued" {
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_worker_that_ends_hands_its_work_back() {
    // No heartbeat that could lapse within this test: what is tried again was handed back.
    let slow = "heartbeat_ms = 60000\nworkers = 0\nhand_back_ms = 1\n";
    let service = Service::start(folder("service-hand-back"), slow);
    let worker =
        |log: &str| Process::start(&service.folder, log, &["worker", "--config", "assay.toml"]);
    let (mut handed_back, mut jobs) = (0, Vec::new());
    while handed_back < 3 {
        assert!(jobs.len() < 30, "the proofs were too quick to be handed back");
        let answer = service.read_digit(7, &json!({"nonce": NONCE})).json();
        jobs.push(job_of(&answer));
        let job = jobs.last().unwrap();
        let log = format!("worker-{}.log", jobs.len());
        let mut worker = worker(&log);
        wait_until_running(&service, job);
        assert_eq!(worker.terminate(), Some(0));
        let view = service.get(&format!("/v1/jobs/{job}")).json();
        let said = std::fs::read_to_string(service.folder.join(log)).unwrap();
        if said.contains("handed back") {
            assert_eq!(
                (&view["stage"], &view["attempts"]),
                (&json!("queued"), &json!(0)),
                "{view}"
            );
            handed_back += 1;
        } else {
            assert!(said.contains("\"written\":true"), "neither finished nor handed back: {said}");
        }
    }
    let _worker = worker("last.log");
    for job in service.wait_for(&jobs, Duration::from_secs(60)) {
        assert_eq!((&job["stage"], &job["attempts"]), (&json!("done"), &json!(1)), "{job}");
    }
}

#[test]
fn operations_are_reloaded_and_the_service_ends_without_dropping_requests() {
    let mut service = Service::start(folder("service-reload"), QUICK);
    let policies = |service: &Service| {
        service.get("/v1/policy").json()["policies"]["digits"].as_array().unwrap().len()
    };
    assert_eq!(policies(&service), 3, "one for each choice");
    let operation = service.folder.join("digits/operation.toml");
    let text = std::fs::read_to_string(&operation).unwrap();
    std::fs::write(&operation, text.split("[[allow]]").next().unwrap()).unwrap();
    thread::scope(|scope| {
        let asked = scope.spawn(|| {
            let reply = |run: u8| service.read_digit(run % 10, &json!({"nonce": NONCE})).status;
            (0..60).map(reply).filter(|status| *status == 200).count()
        });
        for _ in 0..3 {
            service.process.signal("HUP");
            thread::sleep(Duration::from_millis(200));
        }
        assert_eq!(asked.join().unwrap(), 60, "requests were dropped: {}", service.log());
    });
    for _ in 0..100 {
        if policies(&service) == 1 {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(policies(&service), 1, "the policies are not those of the operations of now");
    let refused = service.read_digit(1, &json!({"methods": {"head": ["tee"]}})).json();
    assert_eq!(refused["code"], "methods-not-allowed", "{refused}");
    // What cannot be used changes nothing.
    std::fs::write(&operation, "name = 1").unwrap();
    service.process.signal("HUP");
    while !service.log().contains("not reloaded") {
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(service.read_digit(1, &json!({})).status, 200);

    // Whoever was let in is answered, whole; whoever comes later is not let in.
    let whole = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let picture = json!({"inputs": {"image": vec![vec![0; 8]; 8]}}).to_string();
                let headers = "Content-Type: application/json\r\n";
                let run = "/v1/operations/digits";
                while let Some(reply) = service.send("POST", run, headers, picture.as_bytes()) {
                    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
                    assert!(reply.json()["receipt"].is_string());
                    whole.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        while whole.load(Ordering::Relaxed) < 12 {
            thread::sleep(Duration::from_millis(10));
        }
        service.process.signal("TERM");
    });
    assert_eq!(service.process.0.wait().unwrap().code(), Some(0), "{}", service.log());
    println!("60 requests during 3 reloads, {whole:?} until the end: all answered");
}

#[test]
fn an_operator_looks_after_jobs() {
    let service = Service::start(folder("service-jobs"), &format!("{QUICK}workers = 0\n"));
    let job = job_of(&service.read_digit(7, &json!({"nonce": NONCE})).json());
    let jobs = |arguments: &[&str]| {
        let arguments = [&["jobs", "--config", "assay.toml"], arguments].concat();
        let output =
            Command::new(assay()).args(arguments).current_dir(&service.folder).output().unwrap();
        let words = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(words).unwrap())
    };
    assert_eq!(jobs(&["list"]), (Some(0), format!("{job}\tqueued\t0/5\tdigits\thead\n")));
    assert_eq!(jobs(&["list", "--stage", "parked"]), (Some(0), String::new()));
    let (code, words) = jobs(&["retry", &job]);
    assert!(code == Some(1) && words.contains("left as it is: queued"), "{words}");
    assert_eq!(jobs(&["cancel", &job]), (Some(0), format!("{job}\tcancelled\n")));
    assert_eq!(service.get(&format!("/v1/jobs/{job}")).json()["stage"], "cancelled");
    let (code, words) = jobs(&["list", "--stage", "waiting"]);
    assert!(code == Some(2) && words.contains("cancelled, done, parked, proved"), "{words}");
    // Whoever looks in the wrong place makes nothing there.
    let (code, words) = jobs(&["list", "--state", "parked"]);
    assert!(code == Some(2) && words.contains("there is no job store"), "{words}");
    assert!(!service.folder.join("parked").exists());
}

/// Kills workers in the midst of their proofs; `ASSAY_KILLS` says how often (`make soak`: 50).
#[test]
fn nothing_is_lost_when_workers_are_killed() {
    let kills = std::env::var("ASSAY_KILLS").map_or(5, |kills| kills.parse::<i64>().unwrap());
    let service = Service::start(
        folder("service-kills"),
        &format!("{QUICK}workers = 0\nmax_attempts = 1000\n"),
    );
    let (mut answers, mut killed) = (Vec::new(), 0);
    let mut random = 0x9e37_79b9_7f4a_7c15u64;
    while killed < kills {
        assert!(answers.len() < 4 * kills as usize, "{killed} kills hit a proof");
        let digit = (answers.len() % 10) as u8;
        let answer = service.read_digit(digit, &json!({"nonce": NONCE})).json();
        let job = format!("/v1/jobs/{}", job_of(&answer));
        answers.push(answer);
        let log = format!("worker-{}.log", answers.len());
        let mut worker =
            Process::start(&service.folder, &log, &["worker", "--config", "assay.toml"]);
        // It may take up what another left behind first.
        let stage = || service.get(&job).json()["stage"].as_str().unwrap().to_owned();
        while stage() == "queued" {
            thread::sleep(Duration::from_millis(5));
        }
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        thread::sleep(Duration::from_millis(random % 100));
        worker.kill();
        // Nobody else proves: what is running now was its, in the midst.
        killed += i64::from(stage() == "running");
    }
    let _worker =
        Process::start(&service.folder, "last.log", &["worker", "--config", "assay.toml"]);
    let jobs: Vec<_> = answers.iter().map(job_of).collect();
    let ended = service.wait_for(&jobs, Duration::from_secs(300));
    for (job, answer) in ended.iter().zip(&answers) {
        assert_eq!(job["stage"], "done", "{job}");
        let receipt = service.get(answer["receipt_url"].as_str().unwrap()).body;
        let receipt = Receipt::from_bytes(&receipt).unwrap();
        assert_eq!(receipt.evidence().len(), 2, "one attestation and one proof");
    }
    let attempts: i64 = ended.iter().map(|job| job["attempts"].as_i64().unwrap()).sum();
    println!(
        "{killed} kills in the midst of a proof, {} jobs, {attempts} attempts, none lost",
        jobs.len()
    );
    assert!(attempts >= jobs.len() as i64 + killed, "a kill cost no attempt");
}

/// Three workers share 200 jobs on PostgreSQL, and two of them are killed: `make jobs-test`.
#[test]
#[ignore = "needs PostgreSQL: make jobs-test"]
fn workers_share_jobs_on_postgres() {
    let url = std::env::var("ASSAY_TEST_POSTGRES").unwrap();
    let folder = folder("service-postgres");
    let jobs = format!("{QUICK}workers = 0\nmax_attempts = 10\nurl = '{url}'\n");
    let service = Service::start(folder, &jobs);
    let answers: Vec<_> = (0..200u8)
        .map(|run| service.read_digit(run % 10, &json!({"nonce": NONCE})).json())
        .collect();
    let jobs: Vec<_> = answers.iter().map(job_of).collect();
    let log = |worker: u32| format!("worker-{worker}.log");
    let mut workers: Vec<_> = (0..3)
        .map(|worker| {
            let arguments = ["worker", "--config", "assay.toml"];
            Process::start(&service.folder, &log(worker), &arguments)
        })
        .collect();
    for victim in [0, 1] {
        let before = done(&service);
        // Some way into the work, while there is more.
        while done(&service) < before + 20 {
            thread::sleep(Duration::from_millis(100));
        }
        workers[victim].kill();
        assert!(done(&service) < 200, "they were killed too late to matter");
    }
    let ended = service.wait_for(&jobs, Duration::from_secs(900));
    let mut written = 0;
    for worker in 0..3 {
        let log = std::fs::read_to_string(service.folder.join(log(worker))).unwrap();
        let proved = log.matches("\"written\":true").count();
        println!("worker {worker}: {proved} proofs");
        assert!(proved > 0, "{log}");
        written += proved;
    }
    // A worker may be killed after it wrote a proof down and before it said so in its log.
    assert!((198..=200).contains(&written), "{written} proofs were written for 200 jobs");
    for (job, answer) in ended.iter().zip(&answers) {
        assert_eq!(job["stage"], "done", "{job}");
        let receipt = service.get(answer["receipt_url"].as_str().unwrap()).body;
        assert_eq!(Receipt::from_bytes(&receipt).unwrap().evidence().len(), 2);
    }
    let again: i64 = ended.iter().map(|job| job["attempts"].as_i64().unwrap() - 1).sum();
    println!("200 jobs, none lost, none written twice; {again} begun again after a kill");
    assert!(again <= 2, "{again}");
}

fn done(service: &Service) -> usize {
    let metrics = service.metrics();
    let line = metrics.lines().find_map(|line| line.strip_prefix("assay_jobs{state=\"done\"} "));
    line.unwrap().parse().unwrap()
}
