//! Dates of certificates: whole seconds, in the two forms of RFC 5280 §4.1.2.5.

use core::fmt;

use super::{
    der::{GENERALIZED_TIME, Reader, UTC_TIME},
    error::Error,
};
use crate::UnixMillis;

/// A date of a certificate: whole seconds since 1970, before it where negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CertificateTime(i64);

impl CertificateTime {
    /// UTCTime `YYMMDDHHMMSSZ` up to 2049, GeneralizedTime `YYYYMMDDHHMMSSZ` from 2050 on.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let element = reader.element()?;
        let (certificate, at) = (reader.certificate(), element.at);
        let bad = Error::DerTime { certificate, at };
        let digits = match (element.tag, element.inner.rest()) {
            (UTC_TIME, [digits @ .., b'Z']) if digits.len() == 12 => digits,
            (GENERALIZED_TIME, [digits @ .., b'Z']) if digits.len() == 14 => digits,
            (UTC_TIME | GENERALIZED_TIME, _) => return Err(bad),
            (found, _) => return Err(Error::DerTag { certificate, at, expected: UTC_TIME, found }),
        };
        let utc = element.tag == UTC_TIME;
        Self::from_digits(digits, utc).ok_or(bad)
    }

    /// The second in which `millis` since 1970 lies: for showing times as dates.
    pub const fn of_unix_millis(millis: i64) -> Self {
        Self(millis.div_euclid(1000))
    }

    /// The first moment it covers, in milliseconds since 1970.
    pub const fn unix_millis(self) -> i64 {
        self.0.saturating_mul(1000)
    }

    /// Whether `time` is at this date or later, to the millisecond.
    pub(super) fn reached_by(self, time: UnixMillis) -> bool {
        self.unix_millis() <= signed(time)
    }

    /// Whether `time` is later than this date, to the millisecond.
    pub(super) fn passed_by(self, time: UnixMillis) -> bool {
        self.unix_millis() < signed(time)
    }

    fn from_digits(digits: &[u8], utc: bool) -> Option<Self> {
        let (pairs, []) = digits.as_chunks::<2>() else { return None };
        let mut numbers = pairs.iter().map(|pair| two_digits(*pair));
        let mut next = || numbers.next().flatten();
        let year = match utc {
            true => next().map(|year| year.saturating_add(if year < 50 { 2000 } else { 1900 }))?,
            false => next()?.checked_mul(100)?.checked_add(next()?)?,
        };
        let (month, day) = (next()?, next()?);
        let (hour, minute, second) = (next()?, next()?, next()?);
        // RFC 5280: "through the year 2049 as UTCTime"; one date has one form.
        let valid = (utc || year >= 2050)
            && (1..=12).contains(&month)
            && (1..=days_in(year, month)).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60;
        if !valid {
            return None;
        }
        let clock = hour.checked_mul(3600)?.checked_add(minute.checked_mul(60)?)?;
        let days = days_since_1970(year, month, day)?;
        days.checked_mul(86_400)?.checked_add(clock)?.checked_add(second).map(Self)
    }
}

impl fmt::Display for CertificateTime {
    /// As `2026-07-01T12:00:00Z`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, clock) = (self.0.div_euclid(86_400), self.0.rem_euclid(86_400));
        let (year, month, day) = civil(days).unwrap_or((0, 0, 0));
        let (hour, minute, second) =
            (clock.div_euclid(3600), clock.div_euclid(60).rem_euclid(60), clock.rem_euclid(60));
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

fn signed(time: UnixMillis) -> i64 {
    i64::try_from(time.get()).unwrap_or(i64::MAX)
}

fn two_digits([tens, ones]: [u8; 2]) -> Option<i64> {
    let digit = |byte: u8| char::from(byte).to_digit(10).map(i64::from);
    digit(tens)?.checked_mul(10)?.checked_add(digit(ones)?)
}

const fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

const fn leap(year: i64) -> bool {
    year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
}

/// Days from 1970-01-01, in the proleptic Gregorian calendar.
fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    let mut days = days_before(year)?.checked_sub(days_before(1970)?)?;
    for earlier in 1..month {
        days = days.checked_add(days_in(year, earlier))?;
    }
    days.checked_add(day)?.checked_sub(1)
}

/// Days of all years from 1 to the one before `year`.
fn days_before(year: i64) -> Option<i64> {
    let past = year.checked_sub(1)?;
    past.checked_mul(365)?
        .checked_add(past.div_euclid(4))?
        .checked_sub(past.div_euclid(100))?
        .checked_add(past.div_euclid(400))
}

/// Year, month and day of the month of a count of days since 1970.
fn civil(days: i64) -> Option<(i64, i64, i64)> {
    let mut year = days.div_euclid(366).checked_add(1970)?;
    while days_since_1970(year.checked_add(1)?, 1, 1)? <= days {
        year = year.checked_add(1)?;
    }
    let mut month = 1_i64;
    while month < 12 && days_since_1970(year, month.checked_add(1)?, 1)? <= days {
        month = month.checked_add(1)?;
    }
    let day = days.checked_sub(days_since_1970(year, month, 1)?)?.checked_add(1)?;
    Some((year, month, day))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attestation::certificate::Position;

    fn read(tag: u8, text: &str) -> Result<CertificateTime, Error> {
        let bytes = [&[tag, text.len().try_into().unwrap()], text.as_bytes()].concat();
        CertificateTime::read(&mut Reader::new(&bytes, Position::Leaf))
    }

    #[test]
    fn dates_have_one_form() {
        for (tag, text, seconds) in [
            (UTC_TIME, "191028132805Z", 1_572_269_285),
            (UTC_TIME, "491028142805Z", 2_519_044_085),
            (UTC_TIME, "700101000000Z", 0),
            (UTC_TIME, "500101000000Z", -631_152_000),
            (UTC_TIME, "240229235959Z", 1_709_251_199),
            (GENERALIZED_TIME, "20500101000000Z", 2_524_608_000),
            (GENERALIZED_TIME, "99991231235959Z", 253_402_300_799),
        ] {
            assert_eq!(read(tag, text), Ok(CertificateTime(seconds)), "{text}");
        }
        for (tag, text) in [
            (UTC_TIME, "191028132805"),
            (UTC_TIME, "1910281328Z"),
            (UTC_TIME, "191028132805+0000"),
            (UTC_TIME, "191328132805Z"),
            (UTC_TIME, "190028132805Z"),
            (UTC_TIME, "230229000000Z"),
            (UTC_TIME, "191028240000Z"),
            (UTC_TIME, "191028136000Z"),
            (UTC_TIME, "191028130060Z"),
            (UTC_TIME, "19102813 805Z"),
            (GENERALIZED_TIME, "20191028132805Z"),
            (GENERALIZED_TIME, "20500101000000.5Z"),
            (GENERALIZED_TIME, "20500101000000"),
        ] {
            let bad = Error::DerTime { certificate: Position::Leaf, at: 0 };
            assert_eq!(read(tag, text), Err(bad), "{text}");
        }
    }

    #[test]
    fn dates_are_shown_as_written() {
        for text in ["20500101000000Z", "20991231235959Z", "24000229120000Z", "99991231235959Z"] {
            let shown = read(GENERALIZED_TIME, text).unwrap().to_string();
            assert_eq!(shown.replace(['-', ':', 'T'], ""), text);
        }
        for text in ["700101000000Z", "500302010203Z", "240229235959Z", "260101000000Z"] {
            let shown = read(UTC_TIME, text).unwrap().to_string();
            assert_eq!(&shown.replace(['-', ':', 'T'], "")[2..], text);
        }
    }

    #[test]
    fn a_date_covers_its_first_millisecond_only() {
        let date = CertificateTime(1_700_000_000);
        let at = |millis| UnixMillis::new(millis).unwrap();
        assert!(!date.reached_by(at(1_699_999_999_999)));
        assert!(date.reached_by(at(1_700_000_000_000)));
        assert!(!date.passed_by(at(1_700_000_000_000)));
        assert!(date.passed_by(at(1_700_000_000_001)));
    }
}
