//! Bodies of requests: how long each may be and take, how many bytes of all of them are in memory, and where
//! they are read, which is never on the threads that answer.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes, HttpBody as _},
    http::{HeaderMap, header},
};
use http_body_util::BodyExt as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::{
    config::Limits,
    problem::{Problem, Refusal},
};
use crate::error::Error;

/// What bodies share.
pub(super) struct Bodies {
    /// Kibibytes that are left.
    room: Arc<Semaphore>,
    most: u64,
    /// How many are read at a time.
    readers: Arc<Semaphore>,
    patience: Duration,
    stopped: watch::Receiver<bool>,
}

/// A whole body. Its room is held until this is dropped.
pub(super) struct Whole {
    pub(super) bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

/// Why there is no body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotTaken {
    /// It broke off.
    Broken(String),
    /// There is no room for it now.
    Full { most: u64 },
    /// It did not come in time.
    Late { limit: Duration },
    /// It is longer than the resource takes.
    Long { most: usize, found: Option<u64> },
    /// The process ends.
    Stopping,
}

impl Bodies {
    pub(super) fn new(limits: &Limits, stopped: watch::Receiver<bool>) -> Self {
        let kibibytes = usize::try_from(limits.bodies_bytes.div_ceil(KIB)).unwrap_or(usize::MAX);
        let readers = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            room: Arc::new(Semaphore::new(kibibytes.min(Semaphore::MAX_PERMITS))),
            most: limits.bodies_bytes,
            readers: Arc::new(Semaphore::new(readers)),
            patience: Duration::from_millis(limits.body_ms),
            stopped,
        }
    }

    /// The whole body, of at most `most` bytes. One that is said to be longer is not waited for.
    pub(super) async fn take(&self, body: Body, most: usize) -> Result<Whole, NotTaken> {
        let mut stopped = self.stopped.clone();
        tokio::select! {
            biased;
            taken = tokio::time::timeout(self.patience, self.gather(body, most)) => {
                taken.unwrap_or(Err(NotTaken::Late { limit: self.patience }))
            }
            _ = stopped.wait_for(|stop| *stop) => Err(NotTaken::Stopping),
        }
    }

    async fn gather(&self, mut body: Body, most: usize) -> Result<Whole, NotTaken> {
        let long = |found: u64| usize::try_from(found).map_or(true, |found| found > most);
        let said = body.size_hint().lower();
        if long(said) {
            return Err(NotTaken::Long { most, found: Some(said) });
        }
        let mut room = self.hold(1)?;
        let mut bytes = Vec::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| NotTaken::Broken(error.to_string()))?;
            let Ok(data) = frame.into_data() else { continue };
            let length = bytes.len().saturating_add(data.len());
            if length > most {
                return Err(NotTaken::Long { most, found: None });
            }
            let needed = (length as u64).div_ceil(KIB);
            let missing = needed.saturating_sub(room.num_permits() as u64);
            if missing > 0 {
                room.merge(self.hold(missing)?);
            }
            bytes.extend_from_slice(&data);
        }
        Ok(Whole { bytes: bytes.into(), _room: room })
    }

    fn hold(&self, kibibytes: u64) -> Result<OwnedSemaphorePermit, NotTaken> {
        let full = NotTaken::Full { most: self.most };
        let Ok(kibibytes) = u32::try_from(kibibytes) else { return Err(full) };
        Arc::clone(&self.room).try_acquire_many_owned(kibibytes).map_err(|_| full)
    }

    /// Reads something, on a thread that may take its time; others that do so wait for each other.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let lost = |why: String| Error::Panicked { why };
        let turn = Arc::clone(&self.readers).acquire_owned().await;
        let turn = turn.map_err(|error| lost(error.to_string()))?;
        // The turn goes along: also whoever is waited for no longer takes a thread until it is done.
        let read = tokio::task::spawn_blocking(move || {
            let done = read();
            drop(turn);
            done
        });
        read.await.map_err(|error| lost(error.to_string()))
    }
}

const KIB: u64 = 1024;

/// Whether the body is said to be JSON.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).unwrap_or_default();
    kind.trim().eq_ignore_ascii_case("application/json")
}

impl NotTaken {
    /// For people.
    pub(super) fn says(&self) -> String {
        match self {
            Self::Broken(why) => format!("the body broke off: {why}"),
            Self::Full { most } => {
                format!("bodies of {most} bytes are being read or answered, no more may")
            }
            Self::Late { limit } => {
                format!("the body did not come within {} ms", limit.as_millis())
            }
            Self::Long { most, found: Some(found) } => {
                format!("expected at most {most} bytes, found {found}")
            }
            Self::Long { most, found: None } => {
                format!("expected at most {most} bytes, found more")
            }
            Self::Stopping => "the service ends".to_owned(),
        }
    }
}

impl From<NotTaken> for Problem {
    fn from(not_taken: NotTaken) -> Self {
        let refusal = match not_taken {
            NotTaken::Broken(_) => Refusal::RequestJson,
            NotTaken::Full { .. } => Refusal::Busy,
            NotTaken::Late { .. } => Refusal::RequestTimeout,
            NotTaken::Long { .. } => Refusal::RequestTooLong,
            NotTaken::Stopping => Refusal::Stopping,
        };
        refusal.because(not_taken.says())
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::{StreamExt as _, stream};

    use super::*;

    fn bodies(limits: Limits) -> (Bodies, watch::Sender<bool>) {
        let (stop, stopped) = watch::channel(false);
        (Bodies::new(&limits, stopped), stop)
    }

    /// A body that begins and does not go on.
    fn begun(bytes: usize) -> Body {
        let first = stream::iter([Ok::<_, Infallible>(Bytes::from(vec![b' '; bytes]))]);
        Body::from_stream(first.chain(stream::pending()))
    }

    #[tokio::test]
    async fn what_is_said_to_be_too_long_is_not_waited_for() {
        let (bodies, _stop) = bodies(Limits::default());
        let found = bodies.take(Body::from(vec![0; 11]), 10).await.err();
        assert_eq!(found, Some(NotTaken::Long { most: 10, found: Some(11) }));
        let found = bodies.take(begun(11), 10).await.err();
        assert_eq!(found, Some(NotTaken::Long { most: 10, found: None }));
        assert_eq!(
            bodies.take(Body::from(vec![0; 10]), 10).await.map(|whole| whole.bytes.len()),
            Ok(10)
        );
    }

    #[tokio::test]
    async fn half_a_body_is_given_up_in_time_and_when_the_process_ends() {
        let (bodies, _stop) = bodies(Limits { body_ms: 20, ..Limits::default() });
        let limit = Duration::from_millis(20);
        assert_eq!(bodies.take(begun(9), 10).await.err(), Some(NotTaken::Late { limit }));
        let (bodies, stop) = self::bodies(Limits::default());
        let (found, ()) = tokio::join!(bodies.take(begun(9), 10), async {
            stop.send(true).unwrap();
        });
        assert_eq!(found.err(), Some(NotTaken::Stopping));
    }

    #[tokio::test]
    async fn all_bodies_together_have_their_room() {
        let (bodies, _stop) = bodies(Limits { bodies_bytes: 64 << 10, ..Limits::default() });
        let bodies = Arc::new(bodies);
        let held: Vec<_> = (0..6)
            .map(|_| {
                let bodies = Arc::clone(&bodies);
                tokio::spawn(async move { bodies.take(begun(10 << 10), 1 << 20).await.err() })
            })
            .collect();
        while bodies.room.available_permits() > 4 {
            tokio::task::yield_now().await;
        }
        let full = Some(NotTaken::Full { most: 64 << 10 });
        assert_eq!(bodies.take(Body::from(vec![0; 5 << 10]), 1 << 20).await.err(), full);
        let small = bodies.take(Body::from(vec![0; 1 << 10]), 1 << 20).await;
        assert!(small.is_ok());
        for task in held {
            task.abort();
            let _ = task.await;
        }
        drop(small);
        assert_eq!(bodies.room.available_permits(), 64);
    }
}
