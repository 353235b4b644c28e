//! The wall clock, as an argument: what is dated by it can be tried at any time.

use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use assay_verifier::UnixMillis;

use crate::error::Error;

/// A wall clock. It may jump, in either direction.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl Clock {
    /// One that says what `now` says.
    pub fn of(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// Time since 1970; none, before that.
    pub fn since_1970(&self) -> Duration {
        (self.0)().duration_since(UNIX_EPOCH).unwrap_or_default()
    }

    /// The same, as receipts have it. Errors: a clock beyond all dates.
    pub fn now(&self) -> Result<UnixMillis, Error> {
        let ms = u64::try_from(self.since_1970().as_millis()).unwrap_or(u64::MAX);
        UnixMillis::new(ms).map_err(|error| Error::Usage { why: format!("the clock: {error}") })
    }
}

/// The system's.
impl Default for Clock {
    fn default() -> Self {
        Self::of(SystemTime::now)
    }
}
