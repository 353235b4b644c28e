//! The service behind its sockets: a process of its own, and clients that behave badly.
#![allow(clippy::unwrap_used)] // a test's helpers may panic as the test itself may

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Shutdown, TcpStream},
    process::{Child, ChildStderr, Command, Stdio},
    sync::{Arc, Mutex},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

/// Nothing of this is a model's.
const OPERATION: &str = r#"
name = "pick"
disclose = ["scores", "picked"]
[[inputs]]
name = "scores"
type = { dtype = "i32", shape = [1, 4], scale = 0 }
[[steps]]
name = "picked"
glue = "argmax"
inputs = ["scores"]
outputs = [{ name = "picked", type = { dtype = "i32", shape = [1], scale = 0 } }]
methods = ["recompute"]
"#;

/// Longer than anything takes that is awaited: whoever waits as long fails.
const LONG: Duration = Duration::from_secs(60);

/// `assay serve`, killed when the test ends however it ends.
struct Service {
    process: Child,
    log: Arc<Mutex<Vec<String>>>,
    address: String,
    admin: String,
    _folder: tempfile::TempDir,
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Service {
    /// With these tables in its configuration, started by a shell that sets `before`.
    fn start(tables: &str, before: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("operation.toml"), OPERATION).unwrap();
        let top = "listen = '127.0.0.1:0'\noperations = ['operation.toml']\nstate = 'state'\n";
        let text = format!("{top}hosts = ['assay.example.org']\n[log]\nformat = 'json'\n{tables}");
        fs::write(folder.path().join("assay.toml"), text).unwrap();
        let program = env!("CARGO_BIN_EXE_assay-engine");
        let mut process = Command::new("sh")
            .args(["-c", &format!("{before}exec \"$0\" serve --config assay.toml"), program])
            .current_dir(folder.path())
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::default();
        follow(process.stderr.take().unwrap(), Arc::clone(&log));
        let mut service =
            Self { process, log, address: String::new(), admin: String::new(), _folder: folder };
        service.admin = service.said("administering")["address"].as_str().unwrap().to_owned();
        service.address = service.said("serving")["address"].as_str().unwrap().to_owned();
        service
    }

    /// The first line of the log with this message.
    fn said(&self, message: &str) -> Value {
        let begun = Instant::now();
        loop {
            let log = self.log.lock().unwrap().clone();
            let mut lines = log.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
            if let Some(line) = lines.find(|line| line["message"] == message) {
                return line;
            }
            assert!(begun.elapsed() < LONG, "{message} is not in the log: {log:#?}");
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn connect(&self) -> TcpStream {
        connect(&self.address)
    }

    /// Sends these bytes and reads to the end.
    fn say(&self, bytes: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(bytes.as_bytes()).unwrap();
        rest(&mut stream)
    }

    fn get(&self, path: &str, headers: &str) -> String {
        self.say(&format!("GET {path} HTTP/1.1\r\nconnection: close\r\n{headers}\r\n"))
    }

    fn signal(&self, name: &str) {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }
}

fn follow(errors: ChildStderr, log: Arc<Mutex<Vec<String>>>) {
    thread::spawn(move || {
        let lines = BufReader::new(errors).lines();
        lines.map_while(Result::ok).for_each(|line| log.lock().unwrap().push(line));
    });
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

/// All that comes until the other side closes. A connection that is reset has ended, too.
fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        let ended = error.kind() == std::io::ErrorKind::ConnectionReset;
        assert!(ended, "{error}: it was not closed");
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn status(answer: &str) -> u16 {
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

/// The head of a request to run the operation, with a body of so many bytes.
fn head(length: usize) -> String {
    format!(
        "POST /v1/operations/pick HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
    )
}

const BODY: &str = r#"{"inputs": {"scores": [[1, 4, 2, 3]]}}"#;

#[test]
fn clients_that_do_not_go_on_are_left() {
    let service = Service::start("[limits]\nheaders_ms = 300\nbody_ms = 300\n", "");
    let half_a_head = "GET /healthz HTTP/1.1\r\nhost: local";
    // It says nothing at all, half a head, half a body.
    for (said, expected) in [("", None), (half_a_head, None), (&*(head(60) + "{"), Some(408))] {
        let answer = service.say(said);
        let found = (!answer.is_empty()).then(|| status(&answer));
        assert!(
            found == expected || (found == Some(408) && expected.is_none()),
            "{said}: {answer}"
        );
    }
    // Nor does an answered request keep a connection for ever.
    let answer = service.say("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n");
    assert_eq!(status(&answer), 200);
    assert!(!answer.to_lowercase().contains("connection: close"), "{answer}");
    // Who drips is no better than who stops.
    let mut stream = service.connect();
    stream.write_all(head(1 << 12).as_bytes()).unwrap();
    let mut dripping = stream.try_clone().unwrap();
    let drip = thread::spawn(move || {
        while dripping.write_all(b" ").is_ok() {
            thread::sleep(Duration::from_millis(20));
        }
    });
    assert_eq!(status(&rest(&mut stream)), 408);
    drop(stream.shutdown(Shutdown::Both));
    drip.join().unwrap();
}

#[test]
fn what_is_too_long_is_refused_before_it_comes() {
    // Nobody waits for it: the body's time is longer than the test's patience.
    let service = Service::start("[limits]\nbody_ms = 600000\n", "");
    let answer = service.say(&head(1 << 30));
    assert_eq!(status(&answer), 413, "{answer}");
    // An operation of four numbers takes no 32 MB.
    let answer = service.say(&head(1 << 20));
    assert!(status(&answer) == 413 && answer.contains("found 1048576"), "{answer}");
    let answer = service
        .say(&(head(BODY.len()).replace("\r\n\r\n", "\r\nconnection: close\r\n\r\n") + BODY));
    assert!(status(&answer) == 200 && answer.contains("\"integers\":[1]"), "{answer}");
}

#[test]
fn there_are_as_many_connections_as_there_may_be() {
    let service = Service::start("[limits]\nconnections = 3\n", "");
    let mut held: Vec<_> = (0..3).map(|_| service.connect()).collect();
    // They are in the process's hands once it answers on each.
    for stream in &mut held {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
        assert_ne!(stream.read(&mut [0; 512]).unwrap(), 0);
    }
    let answer = rest(&mut service.connect());
    assert!(status(&answer) == 503 && answer.contains("\"busy\""), "{answer}");
    assert_eq!(service.said("no room for more connections")["connections"], 3);
    // Whoever operates it gets in all the same.
    let mut admin = connect(&service.admin);
    let asked = "GET /metrics HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    admin.write_all(asked.as_bytes()).unwrap();
    let metrics = rest(&mut admin);
    assert!(status(&metrics) == 200 && metrics.contains("assay_jobs"), "{metrics}");
    // And so does the next, when one leaves.
    drop(held.pop());
    let begun = Instant::now();
    while status(&{
        let mut next = service.connect();
        let _ = next
            .write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        rest(&mut next)
    }) != 200
    {
        assert!(begun.elapsed() < LONG, "a slot was not given back");
    }
}

#[test]
fn few_files_are_few_connections_and_not_none() {
    let service = Service::start("", "ulimit -n 64; ");
    assert_eq!(service.said("serving")["connections"], 32);
    assert_eq!(service.said("fewer connections than configured")["files"], 64);
    let held: Vec<_> = (0..80).map(|_| service.connect()).collect();
    service.said("no room for more connections");
    drop(held);
    let begun = Instant::now();
    loop {
        let mut stream = service.connect();
        let _ = stream.write_all((head(BODY.len()) + BODY).as_bytes());
        let mut answer = [0; 12];
        if stream.read(&mut answer).is_ok() && answer.ends_with(b"200") {
            break;
        }
        assert!(begun.elapsed() < LONG, "nobody is answered any more");
    }
    let log = service.log.lock().unwrap().join("\n");
    assert!(!log.contains("no connection could be accepted"), "{log}");
}

#[test]
fn the_end_waits_for_nobody_who_asks_nothing() {
    // Every time limit is longer than the test's patience.
    let limits = "[limits]\nheaders_ms = 600000\nbody_ms = 600000\nshutdown_ms = 600000\n";
    let mut service = Service::start(limits, "");
    let mut clients: Vec<_> = [
        "",
        "GET /healthz HTT",
        &*(head(60) + "{"),
        "GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n",
    ]
    .map(|said| {
        let mut stream = service.connect();
        stream.write_all(said.as_bytes()).unwrap();
        stream
    })
    .into();
    // The last is answered, so all were accepted.
    assert_ne!(clients[3].read(&mut [0; 512]).unwrap(), 0);
    service.signal("TERM");
    for (client, expected) in clients.iter_mut().zip(["", "", "\"stopping\"", ""]) {
        let said = rest(client);
        assert!(said.contains(expected) && said.is_empty() == expected.is_empty(), "{said}");
    }
    assert_eq!(service.process.wait().unwrap().code(), Some(0));
}

#[test]
fn pages_of_others_are_kept_out() {
    let service = Service::start("", "");
    for (headers, expected) in [
        ("host: localhost\r\n", 200),
        ("host: assay.example.org\r\n", 200),
        ("host: evil.com\r\n", 421),
        ("host: localhost\r\nhost: evil.com\r\n", 421),
        ("host: localhost\r\norigin: https://evil.com\r\n", 403),
        ("host: localhost\r\nsec-fetch-site: cross-site\r\nsec-fetch-mode: no-cors\r\n", 403),
    ] {
        for path in ["/healthz", "/v1/operations", "/v1/jobs/00/events", "/nowhere"] {
            let found = status(&service.get(path, headers));
            let refused = [403, 421].contains(&found);
            assert!(
                found == expected || (expected == 200 && !refused),
                "{path} {headers}: {found}"
            );
        }
    }
    let form = head(BODY.len()).replace("application/json", "text/plain\r\nconnection: close");
    assert_eq!(status(&service.say(&(form + BODY))), 415);
    let page =
        head(BODY.len()).replace("host:", "connection: close\r\norigin: https://evil.com\r\nhost:");
    assert_eq!(status(&service.say(&(page + BODY))), 403);
}

#[test]
fn what_changes_jobs_has_an_address_of_its_own() {
    let service = Service::start("", "");
    let job = format!("/v1/jobs/{}", "0".repeat(32));
    let retry = format!("{job}/retry");
    for (method, path, mark, public, admin) in [
        ("GET", "/metrics", "", 404, 200),
        ("GET", "/healthz", "", 200, 200),
        ("GET", "/openapi.json", "", 200, 200),
        ("DELETE", &*job, "", 405, 404),
        ("POST", &*retry, "assay-request: 1\r\n", 404, 404),
        ("POST", &*retry, "", 415, 415),
        ("GET", "/v1/operations", "", 200, 404),
    ] {
        let rest_of = |address: &str, host: &str| {
            let mut stream = connect(address);
            write!(
                stream,
                "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{mark}\r\n"
            )
            .unwrap();
            rest(&mut stream)
        };
        assert_eq!(status(&rest_of(&service.address, "localhost")), public, "{method} {path}");
        let found = rest_of(&service.admin, "localhost");
        assert_eq!(status(&found), admin, "{method} {path}");
        assert_eq!(status(&rest_of(&service.admin, "evil.com")), 421, "{method} {path}");
    }
    // Whatever methods there are, the metrics are as many as before.
    for method in ["BREW", "BREW2"] {
        let answer =
            service.say(&format!("{method} /healthz HTTP/1.1\r\nconnection: close\r\n\r\n"));
        assert_eq!(status(&answer), 405);
    }
    let mut stream = connect(&service.admin);
    stream.write_all(b"GET /metrics HTTP/1.1\r\nconnection: close\r\n\r\n").unwrap();
    let metrics = rest(&mut stream);
    assert!(metrics.contains("method=\"other\"") && !metrics.contains("BREW"), "{metrics}");
    let described = |address: &str| {
        let mut stream = connect(address);
        let asked = "GET /openapi.json HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
        stream.write_all(asked.as_bytes()).unwrap();
        rest(&mut stream)
    };
    assert!(!described(&service.address).contains("/retry"));
    let administration = described(&service.admin);
    assert!(administration.contains("/retry") && administration.contains("/metrics"));
}
