//! Times of vsock under emulation: `make bench-vsock`. One JSON object on standard output.
#![allow(clippy::unwrap_used)] // a measurement that cannot be taken is no measurement

use std::{
    env, fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    time::Instant,
};

use assay_tests::enclave::{CONFIGURATION, Machine};
use serde_json::json;

/// Connections or requests per figure.
const ROUNDS: usize = 100;
/// Bytes of the body that is sent in, within what the enclave's configuration allows.
const BODY: usize = 8 << 20;

fn main() {
    let output = env::args().nth(1).unwrap();
    let begun = Instant::now();
    let mut machine = Machine::start("bench-vsock", CONFIGURATION);
    let service = machine.ready();
    let ready = begun.elapsed().as_secs_f64();

    let connections = median(ROUNDS, || assert_eq!(service.get("/healthz").status, 200));
    let stream = TcpStream::connect(&machine.address).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut line = BufReader::new(stream);
    let requests = median(ROUNDS, || {
        request(&mut line, "/healthz");
    });
    let mut length = 0;
    let answers = median(ROUNDS, || length = request(&mut line, "/openapi.json"));
    // Not JSON: it is read to its end, and refused.
    let body = vec![b'x'; BODY];
    let sending = median(5, || {
        let headers = "Content-Type: application/json\r\n";
        let reply = service.send("POST", "/v1/operations/digits", headers, &body).unwrap();
        assert_eq!(reply.status, 400);
    });
    let mebibytes = |bytes: usize, milliseconds: f64| bytes as f64 / 1048.576 / milliseconds;
    let result = json!({
        "ready_s": ready,
        "connection_and_request_ms": connections,
        "request_ms": requests,
        "answer_bytes": length,
        "answer_ms": answers,
        "body_bytes": BODY,
        "body_mib_per_s": mebibytes(BODY, sending),
    });
    fs::write(output, result.to_string()).unwrap();
}

/// Milliseconds.
fn median(rounds: usize, mut once: impl FnMut()) -> f64 {
    let mut times: Vec<_> = (0..rounds)
        .map(|_| {
            let begun = Instant::now();
            once();
            begun.elapsed().as_secs_f64() * 1000.0
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[rounds / 2]
}

/// On a connection that stays; gives the body's length.
fn request(line: &mut BufReader<TcpStream>, path: &str) -> usize {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    line.get_mut().write_all(request.as_bytes()).unwrap();
    let (mut length, mut header) = (0, String::new());
    line.read_line(&mut header).unwrap();
    assert!(header.starts_with("HTTP/1.1 200 "), "{header}");
    while header != "\r\n" {
        header.clear();
        line.read_line(&mut header).unwrap();
        let lower = header.to_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    line.read_exact(&mut body).unwrap();
    length
}
