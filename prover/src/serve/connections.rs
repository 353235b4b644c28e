//! Connections: how many there may be, how long each may keep others waiting, and how they end.

use std::{
    convert::Infallible,
    io::ErrorKind,
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    http::{Request, Response},
};
use futures_util::FutureExt as _;
use http_body_util::BodyExt as _;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::{
    io::AsyncWriteExt as _,
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    task::JoinSet,
};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt as _;

use super::{
    config::Limits,
    listen::{Door, Stream},
};

/// What a connection may do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// How many there may be.
    pub(super) connections: usize,
    /// How long the headers of a request may take to come, the first or the next.
    headers: Duration,
    /// How long a client may read nothing of what is written to it.
    reading: Duration,
}

impl Rules {
    /// Those of the interface for everybody. The process has itself given as many files as it may have.
    pub(super) fn public(limits: &Limits) -> Self {
        let files = files();
        let (wanted, room) = (limits.connections, files.saturating_sub(reserve(files)));
        if room < wanted {
            tracing::warn!(files, wanted, connections = room, "fewer connections than configured");
        }
        Self { connections: wanted.min(room), ..Self::administration(limits) }
    }

    /// Those of the interface for whoever operates the service: for them there is room when there is none for others.
    pub(super) const fn administration(limits: &Limits) -> Self {
        Self {
            connections: ADMINISTRATORS,
            headers: Duration::from_millis(limits.headers_ms),
            reading: limits.answer(),
        }
    }
}

/// Connections of those who operate the service.
const ADMINISTRATORS: usize = 8;

/// Files that are no connections: libraries, the store and its journal, what operations are read from, administrators.
const fn reserve(files: usize) -> usize {
    if files < 2 * RESERVE { files / 2 } else { RESERVE }
}

const RESERVE: usize = 128;

/// How many files the process may have open: as many as it may ask for.
fn files() -> usize {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return RESERVE };
    let wanted = hard.min(MOST_FILES).max(soft);
    let most = match setrlimit(Resource::RLIMIT_NOFILE, wanted, hard) {
        Ok(()) => wanted,
        Err(_) => soft,
    };
    usize::try_from(most).unwrap_or(usize::MAX)
}

/// More than the largest number of connections needs.
const MOST_FILES: u64 = 1 << 20;

/// Answers whoever comes, until `stopped` turns true; returns when nobody is left.
pub(super) async fn serve(
    mut door: Door,
    router: Router,
    rules: Rules,
    mut stopped: watch::Receiver<bool>,
) {
    let slots = Arc::new(Semaphore::new(rules.connections));
    let mut connections = JoinSet::new();
    let mut turned = TurnedAway::default();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => break, // nobody left to say so: stop
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = door.accept() => accepted,
        };
        match (accepted, Arc::clone(&slots).try_acquire_owned()) {
            (Ok(stream), Ok(slot)) => {
                connections.spawn(attend(stream, router.clone(), rules, stopped.clone(), slot));
            }
            (Ok(stream), Err(_)) => {
                turned.away(stream, rules.connections);
            }
            // A client that left before it was let in keeps nobody up.
            (Err(error), _) if left(error.kind()) => {}
            (Err(error), _) => {
                tracing::error!(%error, "no connection could be accepted");
                let ends = stopped.wait_for(|stop| *stop);
                let _ = tokio::time::timeout(PAUSE, ends).await; // the reason may pass
            }
        }
    }
    drop(door);
    while connections.join_next().await.is_some() {}
}

/// Whether the reason is one client's.
const fn left(reason: ErrorKind) -> bool {
    matches!(
        reason,
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset
    )
}

/// After a connection could not be accepted: the reason, such as too many open files, may pass.
const PAUSE: Duration = Duration::from_secs(1);

/// One connection, to its end.
async fn attend(
    stream: Stream,
    router: Router,
    rules: Rules,
    mut stopped: watch::Receiver<bool>,
    _slot: OwnedSemaphorePermit,
) {
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(rules.reading));
    // Shared by whatever is at hand: by each request until the last of its answer is written.
    let hand = Arc::new(());
    let own = Arc::clone(&hand);
    let service = service_fn(move |request: Request<Incoming>| {
        let (router, at_hand) = (router.clone(), Arc::clone(&own));
        async move {
            let answered: Result<Response<Body>, Infallible> =
                router.oneshot(request.map(Body::new)).await;
            answered.map(|answer| {
                answer.map(|body| {
                    body.map_err(move |error| {
                        let _ = &at_hand;
                        error
                    })
                })
            })
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(rules.headers)
        .max_buf_size(BUFFER)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        // How it ended is the client's affair: a connection that broke off is no failure of ours.
        _ = connection.as_mut() => return,
        _ = stopped.wait_for(|stop| *stop) => {}
    }
    connection.as_mut().graceful_shutdown();
    // What has begun to come and is no request yet will not become one.
    while tokio::time::timeout(MOMENT, connection.as_mut()).await.is_err()
        && Arc::strong_count(&hand) > IDLE
    {}
}

/// Bytes of headers, at most, and of a body that are read ahead.
const BUFFER: usize = 64 << 10;

/// How long what was answered may take to be written, at the end.
const MOMENT: Duration = Duration::from_millis(100);

/// Those who share a connection's hand when no request does: itself and its service.
const IDLE: usize = 2;

/// Those who came when there was no room.
#[derive(Default)]
struct TurnedAway {
    count: u64,
    told: Option<Instant>,
}

impl TurnedAway {
    /// Says so, to the client and, now and then, in the log.
    fn away(&mut self, mut stream: Stream, connections: usize) {
        // What was just accepted takes a line at once, or it is gone already.
        let _ = stream.write_all(FULL).now_or_never();
        self.count += 1;
        if self.told.is_none_or(|told| told.elapsed() > TELL) {
            self.told = Some(Instant::now());
            let turned_away = self.count;
            tracing::warn!(connections, turned_away, "no room for more connections");
        }
    }
}

/// How often the log says that there is no room.
const TELL: Duration = Duration::from_secs(10);

/// Whoever is turned away may come again.
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/problem+json\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 148\r\n\r\n{\"type\":\"urn:assay:problem:busy\",\"title\":\"Service Unavailable\",\"status\":503,\"code\":\"busy\",\"detail\":\"there are as many connections as there may be\"}\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_turned_away_is_told_so_whole() {
        let text = std::str::from_utf8(FULL).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
        let problem: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(problem["code"], "busy");
    }

    #[test]
    fn some_files_are_no_connections() {
        for (files, reserved) in [(64, 32), (256, 128), (1024, 128), (1 << 20, 128)] {
            assert_eq!(reserve(files), reserved, "{files}");
        }
    }
}
