//! A served operation, as its clients see it: the programs that `make build` leaves, over HTTP.
#![allow(clippy::unwrap_used)] // a test's helpers may panic as the test itself may

use std::{
    fs,
    io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use base64ct::{Base64, Encoding as _};
use serde_json::{Value, json};

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// The command line: `ASSAY`, else what `make build` left.
pub fn assay() -> PathBuf {
    let program = std::env::var_os("ASSAY").map(PathBuf::from);
    let program = program.unwrap_or_else(|| root().join("target/release/assay"));
    assert!(program.exists(), "run `make build` first: {} is missing", program.display());
    program
}

/// A new folder below target/tmp.
pub fn folder(name: &str) -> PathBuf {
    let folder = root().join("target/tmp").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// A process of ours, killed when the test ends however it ends.
pub struct Process(pub Child);

impl Process {
    /// Starts `assay` with these arguments, and the log beside the state.
    pub fn start(folder: &Path, log: &str, arguments: &[&str]) -> Self {
        let log = fs::File::create(folder.join(log)).unwrap();
        let child = Command::new(assay())
            .args(arguments)
            .current_dir(folder)
            .env_clear()
            .env("HOME", folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        Self(child.unwrap())
    }

    /// As `kill -9` does it.
    pub fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Sends SIGTERM and waits; gives the exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        self.signal("TERM");
        self.0.wait().unwrap().code()
    }

    /// Sends a signal.
    pub fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// `assay serve`, with a state folder of its own.
pub struct Service {
    /// Its folder.
    pub folder: PathBuf,
    /// Its process.
    pub process: Process,
    address: String,
    admin: String,
}

/// An answer.
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers, as they came.
    pub headers: String,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    /// A header.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.headers.lines().filter_map(|line| line.split_once(':'));
        lines.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| panic!("{}: {}", self.status, String::from_utf8_lossy(&self.body)))
    }
}

impl Service {
    /// Starts it on the digits, with `jobs` in its configuration, and waits until it is ready.
    pub fn start(folder: PathBuf, jobs: &str) -> Self {
        let operation = folder.join("digits/operation.toml");
        if !operation.exists() {
            fs::create_dir_all(folder.join("digits")).unwrap();
            for file in ["features.pt", "head.onnx", "head.manifest.json", "operation.toml"] {
                let from = root().join("models/digits").join(file);
                fs::copy(from, folder.join("digits").join(file)).unwrap();
            }
        }
        Self::of(folder, "operations = ['digits/operation.toml']", &format!("[jobs]\n{jobs}\n"))
    }

    /// Starts it on what `offered` names at the top of its configuration, with more tables below.
    pub fn of(folder: PathBuf, offered: &str, tables: &str) -> Self {
        let free = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [address, admin] = free.map(|port| port.local_addr().unwrap().to_string());
        let config = format!(
            "listen = '{address}'\nstate = 'state'\n{offered}\n[admin]\nlisten = '{admin}'\n[log]\nformat = 'json'\n{tables}"
        );
        fs::write(folder.join("assay.toml"), config).unwrap();
        let process = Process::start(&folder, "serve.log", &["serve", "--config", "assay.toml"]);
        let mut service = Self { folder, process, address, admin };
        service.wait_until_ready();
        service
    }

    /// A service that was started elsewhere and is reached through `process`. `wait` is called until it is
    /// ready, and panics when that takes too long.
    pub fn at(folder: PathBuf, process: Process, address: String, mut wait: impl FnMut()) -> Self {
        let service = Self { folder, process, address, admin: String::new() };
        while service.try_get("/readyz").is_none_or(|reply| reply.status != 200) {
            wait();
            thread::sleep(Duration::from_millis(200));
        }
        service
    }

    /// Starts the same service again, after it ended.
    pub fn start_again(&mut self) {
        self.process =
            Process::start(&self.folder, "serve.log", &["serve", "--config", "assay.toml"]);
        self.wait_until_ready();
    }

    fn wait_until_ready(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while self.try_get("/readyz").is_none_or(|reply| reply.status != 200) {
            let ended = self.process.0.try_wait().unwrap();
            assert!(ended.is_none() && Instant::now() < deadline, "{}", self.log());
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// Where it listens.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What it logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("serve.log")).unwrap()
    }

    /// GET.
    pub fn get(&self, path: &str) -> Reply {
        self.try_get(path).unwrap()
    }

    fn try_get(&self, path: &str) -> Option<Reply> {
        self.send("GET", path, "", &[])
    }

    /// Any request.
    pub fn send(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Option<Reply> {
        Self::send_to(&self.address, method, path, headers, body)
    }

    /// What Prometheus reads.
    pub fn metrics(&self) -> String {
        let reply = Self::send_to(&self.admin, "GET", "/metrics", "", &[]).unwrap();
        String::from_utf8(reply.body).unwrap()
    }

    fn send_to(
        address: &str,
        method: &str,
        path: &str,
        headers: &str,
        body: &[u8],
    ) -> Option<Reply> {
        let mut stream = TcpStream::connect(address).ok()?;
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
        )
        .ok()?;
        // Who refuses a body does not read it.
        let _ = stream.write_all(body);
        let mut reader = BufReader::new(stream);
        let mut headers = String::new();
        while !headers.ends_with("\r\n\r\n") {
            if reader.read_line(&mut headers).ok()? == 0 {
                return None;
            }
        }
        let mut body = Vec::new();
        let read = reader.read_to_end(&mut body);
        if read.is_err_and(|error| error.kind() != ErrorKind::ConnectionReset) {
            return None;
        }
        if headers.to_lowercase().contains("transfer-encoding: chunked") {
            body = unchunked(&body);
        }
        let status = headers.split(' ').nth(1)?.parse().ok()?;
        Some(Reply { status, headers, body })
    }

    /// The receipt of an answer in one piece, where it says that it is.
    pub fn receipt_of(&self, reply: &Reply) -> Vec<u8> {
        if let Some(inline) = reply.header("assay-receipt-cbor") {
            return Base64::decode_vec(inline).unwrap();
        }
        let id = reply.header("assay-receipt").unwrap_or_else(|| panic!("{}", reply.headers));
        let kept = self.get(&format!("/v1/receipts/{id}"));
        assert_eq!(kept.status, 200, "{}", String::from_utf8_lossy(&kept.body));
        kept.body
    }

    /// POST of a JSON body.
    pub fn post(&self, path: &str, body: &Value) -> Reply {
        let headers = "Content-Type: application/json\r\n";
        self.send("POST", path, headers, body.to_string().as_bytes()).unwrap()
    }

    /// Has a digit read; `more` joins the request.
    pub fn read_digit(&self, digit: u8, more: &Value) -> Reply {
        let picture = root().join(format!("models/digits/images/digit-{digit}.png"));
        let picture = Base64::encode_string(&fs::read(picture).unwrap());
        let mut body = json!({"inputs": {"image": {"base64": picture}}});
        let fields = more.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(fields);
        self.post("/v1/operations/digits", &body)
    }

    /// Waits until none of the jobs' states changes any more; gives them.
    pub fn wait_for(&self, jobs: &[String], at_most: Duration) -> Vec<Value> {
        let deadline = Instant::now() + at_most;
        loop {
            let views: Vec<_> =
                jobs.iter().map(|id| self.get(&format!("/v1/jobs/{id}")).json()).collect();
            let open = views.iter().filter(|job| {
                !["done", "parked", "cancelled"].contains(&job["stage"].as_str().unwrap())
            });
            let open = open.count();
            if open == 0 {
                return views;
            }
            assert!(
                Instant::now() < deadline,
                "{open} of {} jobs wait\n{}",
                jobs.len(),
                self.log()
            );
            thread::sleep(Duration::from_millis(200));
        }
    }

    /// Keeps the receipt and the suggested policy, reviewed; gives the exit code and the words of
    /// `assay verify`.
    pub fn verify(&self, receipt_url: &str, nonce: &str, digit: u8) -> (Option<i32>, String) {
        let receipt = self.get(receipt_url).body;
        fs::write(self.folder.join("receipt.cbor"), receipt).unwrap();
        let suggestion = self.get(&format!("/v1/policy?nonce={nonce}")).json();
        let mut policy = suggestion["policies"]["digits"][0]["policy"].clone();
        policy.as_object_mut().unwrap().remove("unreviewed");
        fs::write(self.folder.join("policy.json"), policy.to_string()).unwrap();
        let image = root().join(format!("models/digits/images/digit-{digit}.png"));
        let image = format!("image={}", image.display());
        let output = Command::new(assay())
            .args(["verify", "receipt.cbor", "--policy", "policy.json", "--value", &image])
            .current_dir(&self.folder)
            .output()
            .unwrap();
        let words = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(words).unwrap())
    }
}

/// The body that chunks are of.
pub fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(line) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let (length, after) = rest.split_at(line);
        let length = std::str::from_utf8(length).unwrap().trim();
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            break;
        }
        body.extend_from_slice(&after[2..2 + length]);
        rest = &after[2 + length + 2..];
    }
    body
}
