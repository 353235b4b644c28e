//! Time is milliseconds since the Unix epoch, everywhere.

use core::fmt;

/// Milliseconds since 1970-01-01T00:00:00Z.
///
/// Never below 10^12 (September 2001): a smaller number is almost surely a count of seconds, and a
/// verifier that took it for milliseconds would check certificates as of January 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMillis(u64);

impl UnixMillis {
    /// The smallest time that can be expressed.
    pub const MIN: Self = Self(1_000_000_000_000);

    /// Accepts milliseconds from 10^12 on.
    pub const fn new(millis: u64) -> Result<Self, TimeError> {
        if millis < Self::MIN.0 {
            return Err(TimeError { found: millis });
        }
        Ok(Self(millis))
    }

    /// The number of milliseconds.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Milliseconds from `earlier` to `self`; zero where `earlier` is later.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for UnixMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ms", self.0)
    }
}

/// A time that looks like seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeError {
    /// The number given.
    pub found: u64,
}

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "expected milliseconds since 1970 (at least {}), found {}, which looks like seconds",
            UnixMillis::MIN.0,
            self.found
        )
    }
}

impl core::error::Error for TimeError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_refused() {
        assert_eq!(UnixMillis::new(1_767_225_600), Err(TimeError { found: 1_767_225_600 }));
        assert_eq!(UnixMillis::new(999_999_999_999), Err(TimeError { found: 999_999_999_999 }));
        assert_eq!(UnixMillis::new(1_000_000_000_000), Ok(UnixMillis::MIN));
    }
}
