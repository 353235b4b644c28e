//! Passes connections on to the enclave, as bytes.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::AsyncWriteExt as _,
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

use super::Host;

/// How long the enclave may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);

pub(super) async fn serve(listener: TcpListener, host: Host) {
    let slots = Arc::new(Semaphore::new(host.connections));
    loop {
        let client = match listener.accept().await {
            Ok((client, _)) => client,
            Err(error) => {
                tracing::warn!(%error, "no connection");
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        let Ok(slot) = Arc::clone(&slots).try_acquire_owned() else {
            tokio::spawn(refuse(client, "503 Service Unavailable", "busy", "too many connections"));
            continue;
        };
        let host = host.clone();
        // The enclave's pieces go on as they come: none waits for the client to acknowledge the one before.
        let _ = client.set_nodelay(true); // it is only slower without
        tokio::spawn(async move {
            pass(client, &host).await;
            drop(slot);
        });
    }
}

async fn pass(mut client: TcpStream, host: &Host) {
    let connected = tokio::time::timeout(CONNECT, host.enclave.connect(host.port)).await;
    let why = match connected {
        Ok(Ok(mut enclave)) => {
            // An end in the middle is either side's right.
            let _ = tokio::io::copy_bidirectional(&mut client, &mut enclave).await;
            return;
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "it does not answer".to_owned(),
    };
    tracing::warn!(why, "the enclave cannot be reached");
    refuse(client, "502 Bad Gateway", "enclave-away", "the enclave cannot be reached").await;
}

/// Answers in the enclave's place, as the service would (RFC 9457).
async fn refuse(mut client: TcpStream, status: &str, code: &str, detail: &str) {
    let body = serde_json::json!({"title": detail, "code": code, "detail": detail}).to_string();
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/problem+json\r\nContent-Length: {}\r\n\
         Retry-After: 5\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    // Whoever is gone needs no answer.
    let _ = client.write_all(answer.as_bytes()).await;
    let _ = client.shutdown().await;
    // What was sent meanwhile is read, or the answer would be lost with a reset.
    let mut rest = [0; 4096];
    let drain = async {
        while let Ok(1..) = tokio::io::AsyncReadExt::read(&mut client, &mut rest).await {}
    };
    let _ = tokio::time::timeout(Duration::from_secs(1), drain).await;
}
