//! Right shifts: the one place where an integer program rounds.

use super::{Interval, MAX_BITS};
use crate::Error;

/// `x >> shift`, rounding half up; with `relu`, negative results become 0, and with `clamp` those
/// from 2^clamp on become 2^clamp - 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rescale {
    pub(crate) relu: bool,
    pub(crate) shift: u32,
    pub(crate) clamp: Option<u32>,
}

impl Rescale {
    pub(crate) fn apply(self, value: i64) -> i64 {
        let shifted = shift_right(value, self.shift);
        let positive = if self.relu { shifted.max(0) } else { shifted };
        positive.min(self.ceiling())
    }

    /// The largest result that is let through.
    pub(crate) const fn ceiling(self) -> i64 {
        match self.clamp {
            Some(bits) => (1 << bits) - 1,
            None => i64::MAX,
        }
    }

    /// Whether numbers in this interval can reach the ceiling: only then are there rows for it.
    pub(crate) fn saturates(self, interval: Interval) -> bool {
        shift_right(interval.high(), self.shift) > self.ceiling()
    }
}

/// Bits of the decomposition that a shift of numbers in `interval` needs: the rounded sum with its
/// sign, and at least one bit that is kept. Errors: more than [`MAX_BITS`].
pub(crate) fn shift_bits(name: &str, interval: Interval, shift: u32) -> Result<u32, Error> {
    if shift > MAX_BITS - 2 {
        return Err(Error::DecompositionWidth { limit: MAX_BITS, found: shift.saturating_add(2) });
    }
    let round = |x: i64| i128::from(x) + i128::from(half(shift));
    let rounded = Interval::new(name, round(interval.low()), round(interval.high()))?;
    Ok(rounded.signed_bits().max(shift + 2))
}

/// `value / 2^shift`, rounded to the nearest integer, a half up (to +∞).
pub(crate) fn shift_right(value: i64, shift: u32) -> i64 {
    value.checked_add(half(shift)).expect("bounded by intervals") >> shift
}

/// What is added before a right shift so that it rounds half up.
pub(crate) const fn half(shift: u32) -> i64 {
    if shift == 0 { 0 } else { 1 << (shift - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts_round_half_up() {
        let cases = [
            (0, 0, 0),
            (-7, 0, -7),
            (1, 1, 1),
            (-1, 1, 0),
            (-2, 1, -1),
            (-3, 1, -1),
            (3, 2, 1),
            (2, 2, 1),
            (1, 2, 0),
            (-2, 2, 0),
            (-3, 2, -1),
            (-6, 2, -1),
            (-7, 2, -2),
        ];
        for (value, shift, expected) in cases {
            assert_eq!(shift_right(value, shift), expected, "{value} >> {shift}");
            let relu = Rescale { relu: true, shift, clamp: None };
            assert_eq!(relu.apply(value), expected.max(0), "{value} >> {shift}");
        }
    }

    #[test]
    fn what_is_too_large_becomes_the_ceiling() {
        let rescale = Rescale { relu: true, shift: 2, clamp: Some(3) };
        let found: Vec<_> = [-9, 0, 27, 29, 30, 1000].map(|value| rescale.apply(value)).into();
        assert_eq!(found, [0, 0, 7, 7, 7, 7]);
        for (high, reaches) in [(29, false), (30, true)] {
            let interval = Interval::new("x", -5, high).unwrap();
            assert_eq!(rescale.saturates(interval), reaches);
        }
    }
}
