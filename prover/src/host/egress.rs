//! The only way out of an enclave: named hosts and ports, none by default. What the enclave connects to
//! port 9002 is an HTTP proxy that knows `CONNECT host:port`, for these alone.

use std::{fmt, str::FromStr, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Semaphore,
};

use super::enclave::{Connection, Door};

/// A place that the enclave may connect to: a host's name or address, and a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    host: String,
    port: u16,
}

/// Longest request, in bytes.
const LONGEST_REQUEST: usize = 4 << 10;
/// How long a request and a connection to its destination may take, each.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections at a time; others wait.
const CONNECTIONS: usize = 64;

/// Serves until the process ends.
pub(super) async fn serve(mut door: Door, allowed: Vec<Destination>) {
    let allowed = Arc::new(allowed);
    let slots = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        match door.accept().await {
            Ok(connection) => {
                let allowed = Arc::clone(&allowed);
                tokio::spawn(async move {
                    if let Err(error) = pass(connection, &allowed).await {
                        tracing::warn!(%error, "no way out");
                    }
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "no connection");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn pass(mut enclave: Connection, allowed: &[Destination]) -> std::io::Result<()> {
    let asked = tokio::time::timeout(PATIENCE, request(&mut enclave)).await??;
    let Some(to) = allowed.iter().find(|to| asked.as_deref() == Some(&to.to_string())) else {
        tracing::warn!(asked, "the enclave asks for a place that is not allowed");
        return enclave.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").await;
    };
    let connecting = TcpStream::connect((to.host.as_str(), to.port));
    let Ok(Ok(mut outside)) = tokio::time::timeout(PATIENCE, connecting).await else {
        tracing::warn!(%to, "it cannot be reached");
        return enclave.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").await;
    };
    let _ = outside.set_nodelay(true); // it is only slower without
    enclave.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    // An end in the middle is either side's right.
    let _ = tokio::io::copy_bidirectional(&mut enclave, &mut outside).await;
    Ok(())
}

/// What is asked for, of a request that is `CONNECT host:port HTTP/1.1`, headers and an empty line.
async fn request(enclave: &mut Connection) -> std::io::Result<Option<String>> {
    let mut head = Vec::new();
    // Byte by byte: what follows the empty line is for the destination.
    while !head.ends_with(b"\r\n\r\n") && head.len() < LONGEST_REQUEST {
        head.push(enclave.read_u8().await?);
    }
    if !head.ends_with(b"\r\n\r\n") {
        return Ok(None);
    }
    let head = String::from_utf8_lossy(&head);
    let words: Vec<_> = head.lines().next().unwrap_or_default().split(' ').collect();
    Ok(match words[..] {
        ["CONNECT", to, "HTTP/1.1"] => Some(to.to_owned()),
        _ => None,
    })
}

impl FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected HOST:PORT, found {text}");
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(wrong)?;
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
        if host.is_empty() || !host.chars().all(plain) {
            return Err(wrong());
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_one_host_and_one_port() {
        for text in ["db.internal:5432", "10.0.0.1:80"] {
            assert_eq!(text.parse::<Destination>().unwrap().to_string(), text);
        }
        for text in ["db.internal", "db:0", "db:65536", ":80", "*:80", "a b:80", "a/b:80", "a:b:80"]
        {
            assert!(text.parse::<Destination>().is_err(), "{text}");
        }
    }
}
