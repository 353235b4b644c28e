//! What a served operation keeps, end to end: two that begin at once, and a disk that is full.
#![allow(clippy::unwrap_used)] // a test's helpers may panic as the test itself may

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::Duration,
};

use assay_tests::service::{Process, Service, assay, folder};
use assay_verifier::receipt::Receipt;
use serde_json::{Value, json};

const QUICK: &str = "heartbeat_ms = 1000\nmissed_heartbeats = 3\nmax_attempts = 1000\n";

/// Two services begin on one new folder: neither ends, and both prove under the same keys.
#[test]
fn two_that_begin_at_once_share_their_keys() {
    let state = folder("store-shared-state");
    let services = thread::scope(|scope| {
        let begin = |name: &'static str| {
            let folder = folder(name);
            std::os::unix::fs::symlink(&state, folder.join("state")).unwrap();
            scope.spawn(move || Service::start(folder, QUICK))
        };
        let begun = ["store-shared-1", "store-shared-2"].map(begin);
        begun.map(|service| service.join().unwrap())
    });
    let keys = services.each_ref().map(|service| {
        let listing = service.get("/v1/operations").json();
        let steps = listing["operations"][0]["steps"].as_array().unwrap().clone();
        steps.into_iter().map(|step| step["card"]["digest"].clone()).collect::<Vec<_>>()
    });
    assert_eq!(keys[0], keys[1]);
    // What one is asked, both know; whoever has time proves it.
    for (asked, other) in [(0, 1), (1, 0)] {
        let answer = services[asked].read_digit(7, &json!({})).json();
        let jobs = [answer["jobs"][0]["id"].as_str().unwrap().to_owned()];
        let ended = services[other].wait_for(&jobs, Duration::from_secs(60));
        assert_eq!(ended[0]["stage"], "done", "{}", ended[0]);
    }
}

/// The keys are gone when the service begins again, and come back later.
#[test]
fn a_job_whose_key_is_gone_waits_aside_and_is_proved_when_it_is_back() {
    let mut service = Service::start(folder("store-keys"), &format!("{QUICK}workers = 0\n"));
    let answer = service.read_digit(7, &json!({})).json();
    let job = answer["jobs"][0]["id"].as_str().unwrap().to_owned();
    service.process.kill();
    let (keys, aside) = (service.folder.join("state/keys"), service.folder.join("aside"));
    fs::rename(&keys, &aside).unwrap();
    service.start_again();
    let parked = service.wait_for(std::slice::from_ref(&job), Duration::from_secs(60));
    assert_eq!(
        (&parked[0]["stage"], &parked[0]["reason"]["code"]),
        (&json!("parked"), &json!("key-unknown"))
    );
    assert!(service.log().contains("\"key-unknown\""), "{}", service.log());
    service.process.kill();
    fs::remove_dir_all(&keys).unwrap();
    fs::rename(&aside, &keys).unwrap();
    service.start_again();
    let _worker =
        Process::start(&service.folder, "worker.log", &["worker", "--config", "assay.toml"]);
    let stage = || service.get(&format!("/v1/jobs/{job}")).json()["stage"].clone();
    while stage() == "parked" {
        thread::sleep(Duration::from_millis(20));
    }
    let done = service.wait_for(std::slice::from_ref(&job), Duration::from_secs(60));
    assert_eq!(done[0]["stage"], "done", "{}", done[0]);
}

/// A language model's answer names its receipt: it is kept first, or there is no answer.
#[test]
fn an_answer_whose_receipt_is_not_kept_is_none() {
    let folder = folder("store-llm");
    let config = json!({
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 64,
        "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "vocab_size": 264, "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu", "tie_word_embeddings": false
    });
    fs::write(folder.join("config.json"), config.to_string()).unwrap();
    let specimen = ["llm-specimen", "config.json", "--output", "tiny", "--seed", "7"];
    let written = Command::new(assay()).args(specimen).current_dir(&folder).status();
    assert!(written.unwrap().success());
    let service = Service::of(folder, "", "[[llm]]\npath = 'tiny'\n");
    let chat = |stream: bool| {
        let messages = json!([{"role": "user", "content": "Hello"}]);
        let body =
            json!({"model": "tiny", "messages": messages, "max_tokens": 5, "stream": stream});
        service.post("/v1/chat/completions", &body)
    };
    let answered = chat(false);
    assert_eq!(answered.status, 200);
    let receipt = answered.header("assay-receipt").unwrap();
    assert_eq!(service.get(&format!("/v1/receipts/{receipt}")).status, 200);
    assert!(String::from_utf8(chat(true).body).unwrap().contains("assay.receipt"));

    fs::remove_file(service.folder.join("state/jobs.sqlite")).unwrap();
    let refused = chat(false);
    assert_eq!(refused.status, 500);
    assert_eq!(refused.json()["error"]["code"], "receipt_failed", "{}", refused.json());
    assert!(refused.header("assay-receipt").is_none());
    let stream = String::from_utf8(chat(true).body).unwrap();
    assert!(!stream.contains("assay.receipt") && !stream.contains("[DONE]"), "{stream}");
    assert!(service.log().contains("store-unavailable"), "{}", service.log());
}

/// A disk of its own, in memory, gone when the test ends however it ends.
struct Disk(PathBuf);

impl Disk {
    /// None where nothing may be mounted.
    fn mount(at: &Path, size: &str) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let size = format!("size={size},mode=0700");
        let mut mount = Command::new("mount");
        let mounted = mount.args(["-t", "tmpfs", "-o", &size, "assay-test"]).arg(at).status();
        mounted.is_ok_and(|status| status.success()).then(|| Self(at.to_owned()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// Writes until nothing more fits, but for `spare` bytes.
fn fill(path: &Path, spare: u64) {
    let mut file = File::create(path).unwrap();
    let (mut written, mut block) = (0, 1 << 16);
    while block > 0 {
        match file.write_all(&vec![7; block]) {
            Ok(()) => written += block as u64,
            Err(_) => block /= 2,
        }
    }
    file.set_len(written.saturating_sub(spare)).unwrap();
}

/// Whatever was answered with 200 is there afterwards, whatever the disk was like: `make soak`.
#[test]
#[ignore = "mounts a small disk: make soak"]
fn nothing_that_was_answered_is_lost_where_the_disk_was_full() {
    let folder = folder("store-disk");
    let state = folder.join("state");
    let Some(disk) = Disk::mount(&state, "40m") else {
        println!(
            "SKIPPED: no disk can be mounted here (root can); the store's own test fills a file instead"
        );
        return;
    };
    let mut service = Service::start(folder, QUICK);
    let mut promised: Vec<Value> = Vec::new();
    let mut ask = |service: &Service, run: usize| {
        let reply = service.read_digit((run % 10) as u8, &json!({}));
        match reply.status {
            200 => promised.push(reply.json()),
            503 => assert_eq!(reply.json()["code"], "store-unavailable", "{}", reply.json()),
            other => panic!("{other}: {}", String::from_utf8_lossy(&reply.body)),
        }
        reply.status == 200
    };
    for round in 0..3 {
        fill(&state.join("filler"), 300_000);
        let (mut asked, mut refused) = (0, 0);
        while refused < 25 {
            refused += usize::from(!ask(&service, asked));
            asked += 1;
            assert!(asked < 2000, "the disk is never full");
        }
        assert_eq!(service.get("/readyz").status, 503, "round {round}: ready without room");
        fs::remove_file(state.join("filler")).unwrap();
        while service.get("/readyz").status != 200 {
            thread::sleep(Duration::from_millis(50));
        }
        let answered = (0..40).filter(|run| ask(&service, *run)).count();
        assert_eq!(answered, 40, "round {round}: there is room");
    }
    service.process.kill();
    service.start_again();
    for answer in &promised {
        let receipt = service.get(answer["receipt_url"].as_str().unwrap());
        assert_eq!(receipt.status, 200, "{} was promised", answer["operation"]);
    }
    let jobs = promised.iter().map(|answer| answer["jobs"][0]["id"].as_str().unwrap().to_owned());
    let ended = service.wait_for(&jobs.collect::<Vec<_>>(), Duration::from_secs(500));
    for (job, answer) in ended.iter().zip(&promised) {
        assert_eq!(job["stage"], "done", "{job}");
        let receipt = service.get(answer["receipt_url"].as_str().unwrap()).body;
        assert_eq!(Receipt::from_bytes(&receipt).unwrap().evidence().len(), 2);
    }
    println!("{} answers around 3 full disks and a kill: all found, all proved", promised.len());
    drop(service);
    drop(disk);
}
