//! Intervals that integers of a program cannot leave, and the bits they need.

use crate::Error;

/// Most bits of any integer of a program, sign and rounding included: `i64` with two to spare, and
/// a fourth of the field's, so that neither an `i64` nor a field element can wrap.
pub const MAX_BITS: u32 = 62;

/// The integers from `low` to `high`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interval {
    low: i64,
    high: i64,
}

impl Interval {
    /// Errors: more than [`MAX_BITS`] bits in the worst case. `name` says whose.
    pub(crate) fn new(name: &str, low: i128, high: i128) -> Result<Self, Error> {
        let limit = 1i128 << (MAX_BITS - 1);
        let fits = low <= high && low >= -limit && high < limit;
        match (i64::try_from(low), i64::try_from(high)) {
            (Ok(low), Ok(high)) if fits => Ok(Self { low, high }),
            _ => Err(Error::BoundTooWide { node: name.to_owned(), limit: MAX_BITS, low, high }),
        }
    }

    /// Smallest integer.
    pub const fn low(self) -> i64 {
        self.low
    }

    /// Largest integer.
    pub const fn high(self) -> i64 {
        self.high
    }

    /// Whether `value` lies in it.
    pub const fn contains(self, value: i64) -> bool {
        self.low <= value && value <= self.high
    }

    /// Smallest and largest product with `factor`.
    pub(crate) fn times(self, factor: i64) -> (i128, i128) {
        let (a, b) =
            (i128::from(self.low) * i128::from(factor), i128::from(self.high) * i128::from(factor));
        (a.min(b), a.max(b))
    }

    /// Smallest and largest product with a number of another interval.
    pub(crate) fn product(self, other: Self) -> (i128, i128) {
        let (a, b) = self.times(other.low);
        let (c, d) = self.times(other.high);
        (a.min(c), b.max(d))
    }

    /// Smallest and largest difference to a number of another interval.
    pub(crate) fn minus(self, other: Self) -> (i128, i128) {
        let wide = i128::from;
        (wide(self.low) - wide(other.high), wide(self.high) - wide(other.low))
    }

    /// The interval of the larger of two numbers.
    pub(crate) fn larger(self, other: Self) -> Self {
        Self { low: self.low.max(other.low), high: self.high.max(other.high) }
    }

    /// The interval of both.
    pub(crate) fn union(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }

    /// The image under a function that never decreases.
    pub(crate) fn map(self, f: impl Fn(i64) -> i64) -> Self {
        Self { low: f(self.low), high: f(self.high) }
    }

    /// Fewest bits b so that the interval lies in [-2^(b-1), 2^(b-1)).
    pub(crate) fn signed_bits(self) -> u32 {
        // For x ≥ 0 and for -x - 1 alike, the bits of the number and one for the sign.
        let magnitude = |x: i64| if x < 0 { !x } else { x };
        let bits = |x: i64| i64::BITS - magnitude(x).leading_zeros() + 1;
        bits(self.low).max(bits(self.high))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signed_bits_are_the_fewest_that_fit() {
        let cases = [
            (0, 0, 1),
            (-1, 0, 1),
            (0, 1, 2),
            (-2, 1, 2),
            (-3, 1, 3),
            (-128, 127, 8),
            (-128, 128, 9),
            (-129, 0, 9),
        ];
        for (low, high, bits) in cases {
            let interval = Interval::new("x", low, high).unwrap();
            assert_eq!(interval.signed_bits(), bits, "{low}..={high}");
        }
    }

    #[test]
    fn intervals_beyond_the_limit_are_refused() {
        let limit = 1i128 << (MAX_BITS - 1);
        assert!(Interval::new("x", -limit, limit - 1).is_ok());
        for (low, high) in [(-limit - 1, 0), (0, limit), (i128::MIN, i128::MAX), (1, 0)] {
            let error = Interval::new("x", low, high).unwrap_err();
            assert!(matches!(error, Error::BoundTooWide { limit: 62, .. }), "{low} {high}");
        }
    }

    #[test]
    fn products_and_differences_contain_every_pair() {
        let interval = |low, high| Interval::new("x", low, high).unwrap();
        for (a, b) in [(interval(-3, 5), interval(-2, 1)), (interval(1, 2), interval(-9, -4))] {
            let pairs = || (a.low..=a.high).flat_map(|x| (b.low..=b.high).map(move |y| (x, y)));
            let bounds = |f: fn((i64, i64)) -> i64| {
                (pairs().map(f).min().unwrap().into(), pairs().map(f).max().unwrap().into())
            };
            assert_eq!(a.product(b), bounds(|(x, y)| x * y));
            assert_eq!(a.minus(b), bounds(|(x, y)| x - y));
            let larger = a.larger(b);
            let found = (larger.low.into(), larger.high.into());
            assert_eq!(found, bounds(|(x, y)| x.max(y)));
        }
    }

    #[test]
    fn products_keep_their_order() {
        let interval = Interval::new("x", -3, 5).unwrap();
        assert_eq!(interval.times(2), (-6, 10));
        assert_eq!(interval.times(-2), (-10, 6));
        assert_eq!(interval.times(0), (0, 0));
    }
}
