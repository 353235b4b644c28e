//! `assay host` against an enclave's side that is played here, over the unix sockets that QEMU's vsock has.
#![allow(clippy::unwrap_used)] // a test's helpers may panic as the test itself may

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::net::{UnixListener, UnixStream},
    path::Path,
    thread,
    time::{Duration, Instant},
};

use assay_prover::host::{CONTROL_PORT, EGRESS_PORT, Enclave, HEARTBEAT_PORT, Host, run};
use assay_verifier::ids::Sha256Digest;

const CONFIGURATION: &[u8] = b"operations = ['/assay/a.toml']\n";

struct Played {
    folder: tempfile::TempDir,
    address: SocketAddr,
    health: SocketAddr,
    /// Where the enclave may connect to.
    outside: TcpListener,
}

impl Played {
    fn start(connections: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let free = || TcpListener::bind("127.0.0.1:0").unwrap();
        let [address, health] = [free(), free()].map(|listener| listener.local_addr().unwrap());
        let outside = free();
        std::fs::write(folder.path().join("assay.toml"), CONFIGURATION).unwrap();
        let host = Host {
            enclave: Enclave::Unix(folder.path().join("v")),
            port: 80,
            listen: address,
            config: folder.path().join("assay.toml"),
            connections,
            health: Some(health),
            egress: vec![outside.local_addr().unwrap().to_string().parse().unwrap()],
        };
        thread::spawn(move || run(&host));
        Self { folder, address, health, outside }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Connects as the enclave does.
    fn to_parent(&self, port: u32) -> UnixStream {
        patiently(|| UnixStream::connect(self.path(&format!("v_{port}"))).ok())
    }

    fn to_host(&self) -> TcpStream {
        patiently(|| TcpStream::connect(self.address).ok())
    }

    /// What `/readyz` answers.
    fn health(&self) -> String {
        let mut stream = patiently(|| TcpStream::connect(self.health).ok());
        stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

fn patiently<T>(mut attempt: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(done) = attempt() {
            return done;
        }
        assert!(begun.elapsed() < Duration::from_secs(30));
        thread::sleep(Duration::from_millis(20));
    }
}

/// An enclave whose port 80 sends back in capitals what it gets.
fn enclave(path: &Path) {
    let listener = UnixListener::bind(path).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut line = String::new();
            BufReader::new(stream.try_clone().unwrap()).read_line(&mut line).unwrap();
            if line != "CONNECT 80\n" {
                continue;
            }
            stream.write_all(b"OK 1024\n").unwrap();
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).unwrap();
            bytes.make_ascii_uppercase();
            stream.write_all(&bytes).unwrap();
        }
    });
}

#[test]
fn bytes_pass_both_ways() {
    let played = Played::start(8);
    let mut early = played.to_host();
    let mut answer = String::new();
    early.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("enclave-away"), "{answer}");

    enclave(&played.path("v"));
    let sent = vec![b'x'; 1 << 20];
    let mut client = played.to_host();
    client.write_all(&sent).unwrap();
    client.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    assert!(answer == vec![b'X'; 1 << 20], "{} bytes came back", answer.len());
}

#[test]
fn too_many_connections_are_refused() {
    let played = Played::start(1);
    enclave(&played.path("v"));
    let mut first = played.to_host();
    first.write_all(b"held").unwrap();
    let answer = patiently(|| {
        let mut answer = String::new();
        let mut second = played.to_host();
        second.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        second.read_to_string(&mut answer).ok().map(|_| answer)
    });
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\"busy\""), "{answer}");
}

#[test]
fn the_enclave_gets_its_configuration_and_is_heard() {
    let played = Played::start(8);
    let mut line = BufReader::new(played.to_parent(CONTROL_PORT));
    let mut header = String::new();
    line.read_line(&mut header).unwrap();
    assert_eq!(header, format!("assay-configuration {}\n", CONFIGURATION.len()));
    let mut configuration = vec![0; CONFIGURATION.len()];
    line.read_exact(&mut configuration).unwrap();
    assert_eq!(configuration, CONFIGURATION);
    let digest = Sha256Digest::of(CONFIGURATION);
    writeln!(line.get_mut(), "configured {digest}\nlog it \x1b[2J runs\nexit code 0").unwrap();

    let mut heart = played.to_parent(HEARTBEAT_PORT);
    heart.write_all(&[0xb7]).unwrap();
    let mut answer = Vec::new();
    heart.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, [0xb7]);
}

/// An enclave whose port 80 says that the service is ready.
fn ready_enclave(path: &Path) {
    let listener = UnixListener::bind(path).unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut lines = BufReader::new(stream.unwrap());
            let mut line = String::new();
            lines.read_line(&mut line).unwrap();
            lines.get_mut().write_all(b"OK 1024\n").unwrap();
            while line != "\r\n" {
                line.clear();
                lines.read_line(&mut line).unwrap();
            }
            lines.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").unwrap();
        }
    });
}

#[test]
fn health_says_whether_the_enclave_is_up() {
    let played = Played::start(8);
    let answer = played.health();
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\"ready\":false"), "{answer}");
    // Ready, and by whose configuration nobody knows.
    ready_enclave(&played.path("v"));
    let answer = played.health();
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("\"ready\":true"), "{answer}");

    let configure = |digest: &Sha256Digest| {
        let mut line = played.to_parent(CONTROL_PORT);
        let mut given = [0; 23];
        line.read_exact(&mut given).unwrap();
        writeln!(line, "configured {digest}").unwrap();
        line
    };
    let line = configure(&Sha256Digest::of(CONFIGURATION));
    let until = |status: &str| patiently(|| played.health().starts_with(status).then_some(()));
    until("HTTP/1.1 200 ");
    drop(line);
    until("HTTP/1.1 503 ");
    let _line = configure(&Sha256Digest::of(b"another"));
    thread::sleep(Duration::from_millis(300));
    assert!(played.health().contains("\"configured\":false"), "by another configuration");
}

#[test]
fn the_enclave_gets_out_to_what_is_listed_and_nowhere_else() {
    let played = Played::start(8);
    let ask = |request: String| {
        let mut stream = played.to_parent(EGRESS_PORT);
        stream.write_all(request.as_bytes()).unwrap();
        stream
    };
    let allowed = played.outside.local_addr().unwrap();
    let other = SocketAddr::from(([127, 0, 0, 2], allowed.port()));
    for request in [
        format!("CONNECT {other} HTTP/1.1\r\n\r\n"),
        format!("CONNECT localhost:{} HTTP/1.1\r\n\r\n", allowed.port()),
        format!("GET http://{allowed}/ HTTP/1.1\r\n\r\n"),
        format!("CONNECT {allowed} HTTP/1.1\r\n{}", "a".repeat(5000)),
    ] {
        let mut answer = Vec::new();
        let _ = ask(request).read_to_end(&mut answer); // what was not read is a reset, after the answer
        assert!(answer.starts_with(b"HTTP/1.1 403 "), "{}", String::from_utf8_lossy(&answer));
    }
    let mut stream = ask(format!("CONNECT {allowed} HTTP/1.1\r\nHost: {allowed}\r\n\r\nhello"));
    let (mut outside, _) = played.outside.accept().unwrap();
    let mut heard = [0; 5];
    outside.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"hello");
    outside.write_all(b"welcome").unwrap();
    drop(outside);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert_eq!(answer, "HTTP/1.1 200 OK\r\n\r\nwelcome");
}
