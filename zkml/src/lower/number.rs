//! Real numbers as integers at a scale.

/// `value / 2^scale`, rounded half to even. Exact: a power of two moves the exponent only. `None`
/// beyond 2^53.
pub(crate) fn quantize_number(value: f64, scale: i32) -> Option<i64> {
    let rounded = (value * power_of_two(-scale)?).round_ties_even();
    // Below 2^53 an f64 that is an integer is exactly that i64.
    (rounded.abs() < 9_007_199_254_740_992.0).then_some(rounded as i64)
}

/// 2^exponent, for exponents of normal numbers.
pub(crate) fn power_of_two(exponent: i32) -> Option<f64> {
    let biased = u64::try_from(exponent + 1023).ok().filter(|biased| (1..2047).contains(biased))?;
    Some(f64::from_bits(biased << 52))
}

/// The exponent of a positive number that is a power of two.
pub(super) fn exponent(value: f64) -> Option<i32> {
    let bits = value.to_bits();
    let exponent = (bits >> 52) as i32 - 1023;
    (power_of_two(exponent) == Some(value)).then_some(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_quantized_half_to_even_and_exactly() {
        let cases = [
            (0.5, 0, 0),
            (1.5, 0, 2),
            (2.5, 0, 2),
            (-0.5, 0, 0),
            (-1.5, 0, -2),
            (0.75, -1, 2),
            (1.0, -7, 128),
            (-3.0, 1, -2),
            (f64::from(f32::MIN_POSITIVE), -130, 16),
        ];
        for (value, scale, expected) in cases {
            assert_eq!(quantize_number(value, scale), Some(expected), "{value} / 2^{scale}");
        }
        assert_eq!(quantize_number(1.0, -53), None);
        assert_eq!(quantize_number(1.0, 2000), None);
        assert_eq!(quantize_number(f64::MAX, 0), None);
    }

    #[test]
    fn powers_of_two_are_exact() {
        for exponent in [-1022, -149, -1, 0, 1, 127, 1023] {
            assert_eq!(power_of_two(exponent).unwrap().log2(), f64::from(exponent));
        }
        assert_eq!(power_of_two(-1023), None);
        assert_eq!(power_of_two(1024), None);
    }
}
