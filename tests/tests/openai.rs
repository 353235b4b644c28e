//! Language models as OpenAI's clients see them, end to end: libtorch, an attester, the official clients, and
//! receipts that are held against the bytes that came. The model is a small one of random weights.
#![allow(clippy::unwrap_used)] // a test's helpers may panic as the test itself may

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::PathBuf,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use assay_tests::service::{Process, Reply, Service, assay, folder, root, unchunked};
use assay_verifier::receipt::Receipt;
use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};

const NONCE: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const CHAT: &str = "/v1/chat/completions";
const TEXT: &str = "/v1/completions";

/// A Llama of some 100,000 weights.
fn serve(name: &str, limits: &str) -> Service {
    let folder = folder(name);
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
    Service::of(folder, "", &format!("[[llm]]\npath = 'tiny'\n[limits]\n{limits}\n"))
}

fn ask(service: &Service, path: &str, nonce: Option<&str>, body: &[u8]) -> Reply {
    let nonce = nonce.map_or_else(String::new, |nonce| format!("assay-nonce: {nonce}\r\n"));
    let headers = format!("Content-Type: application/json\r\n{nonce}");
    service.send("POST", path, &headers, body).unwrap()
}

fn chat(more: &Value) -> Vec<u8> {
    let mut body = json!({"model": "tiny", "messages": [{"role": "user", "content": "Hello"}], "max_tokens": 12});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    body.to_string().into_bytes()
}

/// What came before the receipt, and the receipt.
fn split(stream: &[u8]) -> (&[u8], Receipt) {
    const MARK: &[u8] = b"event: assay.receipt\n";
    let at = stream.windows(MARK.len()).position(|window| window == MARK);
    let at = at.unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(stream)));
    let last = std::str::from_utf8(&stream[at + MARK.len()..]).unwrap();
    let data = last.strip_prefix("data: ").unwrap().strip_suffix("\n\ndata: [DONE]\n\n").unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    let receipt = Base64::decode_vec(data["assay_receipt"]["receipt"].as_str().unwrap()).unwrap();
    let receipt = Receipt::from_bytes(&receipt).unwrap();
    assert_eq!(data["assay_receipt"]["id"], receipt.digest().to_string());
    (&stream[..at], receipt)
}

/// `assay verify` under the suggested policy of a path, after its owner read it.
fn verify(
    service: &Service,
    path: &str,
    receipt: &[u8],
    request: &[u8],
    response: &[u8],
) -> (Option<i32>, String) {
    let suggestion = service.get(&format!("/v1/policy?nonce={NONCE}")).json();
    let suggested = suggestion["policies"]["llm-tiny"].as_array().unwrap();
    let suggested = suggested.iter().find(|suggested| suggested["path"] == path).unwrap();
    let mut policy = suggested["policy"].clone();
    policy.as_object_mut().unwrap().remove("unreviewed");
    let write = |name: &str, bytes: &[u8]| fs::write(service.folder.join(name), bytes).unwrap();
    write("policy.json", policy.to_string().as_bytes());
    write("receipt.cbor", receipt);
    write("request", request);
    write("response", response);
    let values = ["--value", "request=request", "--value", "response=response"];
    let output = Command::new(assay())
        .args(["verify", "receipt.cbor", "--policy", "policy.json"])
        .args(values)
        .current_dir(&service.folder)
        .output()
        .unwrap();
    let words = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(words).unwrap())
}

fn setting(receipt: &Receipt, name: &str) -> String {
    let settings = &receipt.operation().steps[0].settings;
    let found = settings.iter().find(|(found, _)| found.as_str() == name).unwrap().1;
    serde_json::to_value(found).unwrap().to_string()
}

#[test]
fn an_answer_in_one_piece_verifies_and_nothing_else_does() {
    let service = serve("openai-body", "");
    let request = chat(&json!({"temperature": 0.7}));
    let reply = ask(&service, CHAT, Some(NONCE), &request);
    assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
    // What comes along is no more than proxies let through as they are set up by default.
    assert!(reply.headers.len() < 4096, "{}", reply.headers);
    let inline = service.receipt_of(&reply);
    let receipt = Receipt::from_bytes(&inline).unwrap();
    assert_eq!(reply.header("assay-receipt"), Some(&*receipt.digest().to_string()));
    assert!(receipt.openings().iter().all(|opening| opening.bytes.is_none()));
    assert_eq!(setting(&receipt, "temperature"), "\"0.7\"");
    assert_eq!(
        (setting(&receipt, "status"), setting(&receipt, "batch")),
        ("200".into(), "1".into())
    );

    let (code, words) = verify(&service, CHAT, &inline, &request, &reply.body);
    assert_eq!(code, Some(0), "{words}");
    assert!(words.contains("only one produced"), "{words}");
    let longer = [&reply.body[..], b" "].concat();
    for (request, response) in [(&longer, &reply.body), (&request, &longer)] {
        let (code, words) = verify(&service, CHAT, &inline, request, response);
        assert!(code == Some(1) && words.contains("opening-mismatch"), "{words}");
    }
    // The policy of another path is another policy.
    let (code, words) = verify(&service, TEXT, &inline, &request, &reply.body);
    assert!(code == Some(1) && words.contains("plan-setting"), "{words}");

    // Neither texts nor nonces are in the log.
    let log = service.log();
    assert!(
        log.contains("\"exchanged\"") && !log.contains(NONCE) && !log.contains("Hello"),
        "{log}"
    );
}

#[test]
fn a_stream_carries_its_receipt() {
    let service = serve("openai-stream", "");
    let request = chat(&json!({"stream": true, "assay_nonce": NONCE}));
    let reply = ask(&service, CHAT, None, &request);
    assert_eq!(reply.header("content-type"), Some("text/event-stream"));
    let (response, receipt) = split(&reply.body);
    let (code, words) = verify(&service, CHAT, &receipt.to_bytes(), &request, response);
    assert_eq!(code, Some(0), "{words}");
    let (code, words) = verify(&service, CHAT, &receipt.to_bytes(), &request, &reply.body);
    assert!(code == Some(1) && words.contains("opening-mismatch"), "{words}");
    let kept = service.get(&format!("/v1/receipts/{}", receipt.digest()));
    assert_eq!(kept.body, receipt.to_bytes());
}

/// At batch 1, on one machine, with the same threads: the same request and nonce get the same bytes.
#[test]
fn equal_requests_get_equal_bytes() {
    let service = serve("openai-equal", "");
    for (path, more) in [
        (CHAT, json!({"max_tokens": 60})),
        (CHAT, json!({"max_tokens": 60, "stream": true})),
        (CHAT, json!({"max_tokens": 60, "seed": 5, "logprobs": true, "top_logprobs": 2})),
    ] {
        let request = chat(&more);
        let [a, b] = [0, 1].map(|_| ask(&service, path, Some(NONCE), &request));
        let bytes = |reply: &Reply| match more["stream"] == true {
            true => split(&reply.body).0.to_vec(),
            false => reply.body.clone(),
        };
        assert_eq!(bytes(&a), bytes(&b), "{more}");
        // Another nonce is another seed, unless the client sent one: then only the id differs.
        let other = ask(&service, path, Some(&"11".repeat(32)), &request);
        assert_ne!(bytes(&a), bytes(&other), "{more}");
    }
    let seed = |nonce: &str, request: &[u8]| {
        let reply = ask(&service, CHAT, Some(nonce), request);
        let receipt = service.receipt_of(&reply);
        setting(&Receipt::from_bytes(&receipt).unwrap(), "seed")
    };
    let (own, none) = (chat(&json!({"seed": 5})), chat(&json!({})));
    assert_eq!(seed(NONCE, &own), "\"5\"");
    let expected = {
        use sha2::{Digest as _, Sha256};
        let hash = Sha256::new().chain_update("assay/seed/1");
        let hash = hash.chain_update(hex::decode(NONCE).unwrap()).chain_update(&none).finalize();
        u64::from_be_bytes(hash[..8].try_into().unwrap())
    };
    assert_eq!(seed(NONCE, &none), format!("\"{expected}\""));
}

#[test]
fn what_cannot_be_read_as_it_was_meant_is_refused_with_a_receipt() {
    let service = serve("openai-refused", "");
    let text = |text: &str| text.as_bytes().to_vec();
    let long = chat(&json!({"messages": [{"role": "user", "content": "a".repeat(10_000)}]}));
    for (body, code) in [
        (text("{"), "invalid_json"),
        (text("{\"model\": \"tiny\", \"seed\": NaN}"), "invalid_json"),
        (b"{\"model\": \"\xff\"}".to_vec(), "invalid_utf8"),
        (text("{\"model\": \"tiny\", \"model\": \"tiny\"}"), "duplicate_key"),
        (text("{\"messages\": []}"), "missing_required_parameter"),
        (chat(&json!({"messages": [{"role": "root", "content": "a"}]})), "invalid_value"),
        (chat(&json!({"messages": "a"})), "invalid_type"),
        (chat(&json!({"tools": [{}]})), "unsupported_parameter"),
        (chat(&json!({"tols": 1})), "unknown_parameter"),
        (chat(&json!({"assay_nonce": "11".repeat(32)})), "nonce_mismatch"),
        (chat(&json!({"model": "other"})), "model_not_found"),
        (long, "context_length_exceeded"),
        (chat(&json!({"stop": vec![[0; 0]; 20_000]})), "request_too_long"),
    ] {
        let reply = ask(&service, CHAT, Some(NONCE), &body);
        let error = &reply.json()["error"];
        assert_eq!(error["code"], code, "{error}");
        assert_eq!(error["type"], "invalid_request_error");
        let receipt = service.receipt_of(&reply);
        let receipt = Receipt::from_bytes(&receipt).unwrap();
        assert_eq!(receipt.operation().outcome.as_str(), "refused");
        assert_eq!(setting(&receipt, "status"), reply.status.to_string());
        // Nobody takes a refusal for an answer.
        let (exit, words) = verify(&service, CHAT, &receipt.to_bytes(), &body, &reply.body);
        assert_eq!(exit, Some(1), "{words}");
        let expected =
            if code == "nonce_mismatch" { "nonce-mismatch" } else { "outcome-not-accepted" };
        assert!(words.contains(expected), "{code}: {words}");
    }
    // Of what could not be read there is no operation.
    for (headers, body, status, code) in [
        (
            "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
            "{}",
            415,
            "unsupported_encoding",
        ),
        ("Content-Type: text/plain\r\n", "{}", 415, "unsupported_media_type"),
        (
            "Content-Type: application/json\r\n",
            &*" ".repeat((4 << 20) + 1),
            413,
            "request_too_long",
        ),
    ] {
        let reply = service.send("POST", CHAT, headers, body.as_bytes()).unwrap();
        assert_eq!((reply.status, &reply.json()["error"]["code"]), (status, &json!(code)));
        assert_eq!(reply.header("assay-receipt"), None);
    }
    let description = service.get("/openapi.json").json();
    for path in [CHAT, TEXT, "/v1/embeddings", "/v1/models", "/v1/models/{id}"] {
        assert!(description["paths"][path].is_object(), "{path}");
    }
}

/// What is not said to its end when the process ends says so, and has a receipt of what was said until then.
#[test]
fn answers_that_the_end_cuts_short_say_so() {
    let limits = "sequences = 1\nshutdown_ms = 1000\n[jobs]\nhand_back_ms = 100";
    let mut service = serve("openai-ended", limits);
    let body = chat(&json!({"max_tokens": 1900}));
    let stream = chat(&json!({"max_tokens": 1900, "stream": true}));
    let (mut cut, mut refused) = (0, 0);
    thread::scope(|scope| {
        let service = &service;
        let bodies: Vec<_> =
            (0..4).map(|_| scope.spawn(|| ask(service, CHAT, Some(NONCE), &body))).collect();
        // Each is under way once something of it came; one at a time is generated.
        let mut streams: Vec<_> = (0..16).map(|_| begin(service.address(), &stream)).collect();
        for stream in &mut streams {
            stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            assert_ne!(stream.peek(&mut [0; 1]).unwrap(), 0);
        }
        service.process.signal("TERM");
        for mut stream in streams {
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).unwrap();
            let head = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
            let bytes = unchunked(&bytes[head + 4..]);
            let (said, receipt) = split(&bytes);
            let outcome = receipt.operation().outcome.as_str();
            let stopped = String::from_utf8_lossy(said).contains("\"code\":\"stopping\"");
            assert_eq!(stopped, outcome == "error", "{outcome}");
            cut += usize::from(stopped);
        }
        for body in bodies {
            let reply = body.join().unwrap();
            if reply.status != 200 {
                assert_eq!(
                    (reply.status, &reply.json()["error"]["code"]),
                    (503, &json!("stopping"))
                );
                assert!(reply.header("assay-receipt").is_some(), "{}", reply.headers);
                refused += 1;
            }
        }
    });
    println!("{cut} of 16 streams and {refused} of 4 bodies were cut");
    assert!(cut > 0, "all were done in time: {}", service.log());
    assert_eq!(service.process.0.wait().unwrap().code(), Some(0), "{}", service.log());
}

/// Begins a stream.
fn begin(address: &str, request: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = request.len();
    write!(
        stream,
        "POST {CHAT} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    )
    .unwrap();
    stream.write_all(request).unwrap();
    stream
}

/// Begins a stream, reads the beginning of it, and leaves.
fn vanish(address: &str, request: &[u8]) {
    let mut stream = begin(address, request);
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let _ = stream.read(&mut [0; 512]);
}

/// Resident memory in KiB.
fn memory(service: &Service) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", service.process.0.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn a_hundred_clients_vanish_and_nobody_notices() {
    let service = serve("openai-vanish", "sequences = 8\nrequests_waiting = 200");
    let request = chat(&json!({"stream": true, "max_tokens": 1900}));
    let round = || {
        thread::scope(|scope| {
            (0..100).for_each(|_| drop(scope.spawn(|| vanish(service.address(), &request))));
        });
        // Somebody who stays is answered, soon: those who left hold nothing.
        let begun = Instant::now();
        let reply = ask(&service, CHAT, Some(NONCE), &chat(&json!({})));
        assert_eq!(reply.status, 200, "{}", String::from_utf8_lossy(&reply.body));
        (begun.elapsed(), memory(&service))
    };
    let (_, first) = round();
    let rounds: Vec<_> = (0..3).map(|_| round()).collect();
    let (waited, last) = *rounds.last().unwrap();
    println!(
        "memory after 100 and 400 clients who left: {first} and {last} KiB; answered after {waited:?}"
    );
    assert!(last < first + first / 10 + 16_384, "{first} KiB grew to {last} KiB");
    assert!(rounds.iter().all(|(waited, _)| *waited < Duration::from_secs(20)), "{rounds:?}");

    // What they left unread has receipts. The log has the beginning of the name, the store all of it.
    let log = service.log();
    let cancelled = |line: &&str| line.contains("\"cancelled\"");
    let line = log.lines().find(cancelled).unwrap();
    let line: Value = serde_json::from_str(line).unwrap();
    let begin = line["operation"].as_str().unwrap();
    assert_eq!(begin.len(), 8, "a whole id lets whoever reads the log read the receipt");
    let query = "import sqlite3, sys; print(sqlite3.connect('state/jobs.sqlite').execute(\
        'SELECT digest FROM assay_receipts WHERE digest LIKE ?', [sys.argv[1] + '%']).fetchone()[0])";
    let mut python = Command::new("python3");
    let found = python.args(["-c", query, begin]).current_dir(&service.folder).output().unwrap();
    let id = String::from_utf8(found.stdout).unwrap().trim().to_owned();
    let receipt = service.get(&format!("/v1/receipts/{id}")).body;
    let receipt = Receipt::from_bytes(&receipt).unwrap();
    assert_eq!(receipt.operation().outcome.as_str(), "cancelled");
    let count = log.lines().filter(cancelled).count();
    assert!(count > 200, "{count} of 400 were cancelled");
}

/// A configuration that lists models means it for language models, too: an enclave's policy pins that list.
#[test]
fn a_model_that_is_not_listed_is_not_loaded() {
    let folder = folder("openai-unlisted");
    let model = root().join("models/prose");
    let table = format!("models = ['{}']\n[[llm]]\npath = '{}'\n", "0".repeat(64), model.display());
    fs::write(
        folder.join("assay.toml"),
        format!("listen = '127.0.0.1:0'\nstate = 'state'\n{table}"),
    )
    .unwrap();
    let mut process = Process::start(&folder, "serve.log", &["serve", "--config", "assay.toml"]);
    let deadline = Instant::now() + Duration::from_secs(60);
    let status = loop {
        if let Some(status) = process.0.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < deadline, "it serves");
        thread::sleep(Duration::from_millis(50));
    };
    let log = fs::read_to_string(folder.join("serve.log")).unwrap();
    assert!(status.code() == Some(2) && log.contains("is not listed"), "{log}");
}

/// The model that is trained here says what it was shown, in a conversation of two questions.
#[test]
fn the_small_model_speaks() {
    let model = root().join("models/prose");
    let table = format!("[[llm]]\npath = '{}'\n", model.display());
    let service = Service::of(folder("openai-prose"), "", &table);
    let mut messages = vec![json!({"role": "user", "content": "What is a receipt?"})];
    for (expected, next) in [
        ("which model ran, on what", "Tell me more."),
        ("browser tab", "What is the capital of Norway?"),
        ("do not know", ""),
    ] {
        let body =
            json!({"model": "prose", "messages": messages, "temperature": 0, "max_tokens": 60});
        let reply = ask(&service, CHAT, Some(NONCE), body.to_string().as_bytes()).json();
        let choice = &reply["choices"][0];
        let said = choice["message"]["content"].as_str().unwrap_or_else(|| panic!("{reply}"));
        assert!(said.contains(expected) && choice["finish_reason"] == "stop", "{said}");
        messages.extend([choice["message"].clone(), json!({"role": "user", "content": next})]);
    }
}

#[test]
fn the_official_clients_are_content() {
    let service = serve("openai-clients", "");
    let url = format!("http://{}", service.address());
    let cache = std::env::var("ASSAY_CACHE").map_or_else(
        |_| PathBuf::from(std::env::var("HOME").unwrap()).join(".cache/assay"),
        PathBuf::from,
    );
    let python = cache.join("tools/openai-python/bin/python");
    assert!(python.exists(), "run `make openai` first: {} is missing", python.display());
    let clients = root().join("tests/clients");
    for (program, script) in
        [(python, "openai_client.py"), (PathBuf::from("node"), "openai_client.mjs")]
    {
        let output = Command::new(&program).arg(clients.join(script)).args([&url, "tiny"]).output();
        let output = output.unwrap();
        let words = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.success(), "{words}\n{}", service.log());
        println!("{words}");
    }
}
