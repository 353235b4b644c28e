//! Whether the enclave is up, for whoever watches the parent: `/healthz` and `/readyz`, on an address of
//! their own. What the enclave says is passed on; it is no evidence of anything.

use std::{sync::Arc, time::Duration};

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::watch,
};

use super::Host;

/// The number of the line on which an enclave said that it runs with the configuration that it was given;
/// none before that, and when that line ended.
pub(super) type Configured = Option<u64>;

/// How long the enclave may take to say that it is ready.
const PATIENCE: Duration = Duration::from_secs(5);

/// Answers until the process ends.
pub(super) async fn serve(listener: TcpListener, host: Host, line: watch::Receiver<Configured>) {
    let router = Router::new()
        .route("/healthz", get(|| async { StatusCode::OK }))
        .route("/readyz", get(ready))
        .with_state((Arc::new(host), line));
    if let Err(error) = axum::serve(listener, router).await {
        tracing::error!(%error, "health is not served any more");
    }
}

async fn ready(
    State((host, line)): State<(Arc<Host>, watch::Receiver<Configured>)>,
) -> (StatusCode, Json<serde_json::Value>) {
    let configured = line.borrow().is_some();
    let status = tokio::time::timeout(PATIENCE, ask(&host)).await;
    let (ready, why) = match status {
        Ok(Ok(line)) if line.starts_with("HTTP/1.1 200 ") => (true, None),
        Ok(Ok(line)) => (false, Some(line)),
        Ok(Err(error)) => (false, Some(error.to_string())),
        Err(_) => (false, Some("it does not answer".to_owned())),
    };
    let status = if configured && ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({"configured": configured, "ready": ready, "why": why})))
}

/// The status line of the service's own `/readyz`.
async fn ask(host: &Host) -> std::io::Result<String> {
    let mut enclave = host.enclave.connect(host.port).await?;
    let request = "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    enclave.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    enclave.take(64).read_to_end(&mut answer).await?;
    let line = String::from_utf8_lossy(&answer);
    Ok(line.lines().next().unwrap_or_default().to_owned())
}
