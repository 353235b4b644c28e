//! Scalars as sparse signed digits: windowed non-adjacent form.

/// Digits d with Σ d·2^i the scalar, lowest first: each zero or odd, below 2^(width-1) in
/// magnitude, and of any `width` neighbours at most one is not zero. `width` is 2 to 8; `scalar` is
/// big-endian.
pub(super) fn digits(scalar: &[u8; 48], width: u32) -> [i8; DIGITS] {
    // One limb more than the scalar has: rounding a digit up may carry.
    let mut limbs = [0_u64; 7];
    for (limb, bytes) in limbs.iter_mut().zip(scalar.rchunks(8)) {
        *limb = bytes.iter().fold(0, |limb, byte| limb << 8 | u64::from(*byte));
    }
    let window = 1_u64.wrapping_shl(width);
    let mut digits = [0; DIGITS];
    for digit in &mut digits {
        let [lowest, ..] = &mut limbs;
        if *lowest & 1 == 1 {
            let low = *lowest & window.wrapping_sub(1);
            *lowest ^= low;
            let magnitude = |value| i8::try_from(value).unwrap_or_default();
            *digit = match low < window / 2 {
                true => magnitude(low),
                false => {
                    add(&mut limbs, window);
                    magnitude(window.wrapping_sub(low)).wrapping_neg()
                }
            };
        }
        halve(&mut limbs);
    }
    digits
}

fn add(limbs: &mut [u64; 7], value: u64) {
    let mut carry = value;
    for limb in limbs {
        let (sum, overflow) = limb.overflowing_add(carry);
        (*limb, carry) = (sum, u64::from(overflow));
    }
}

fn halve(limbs: &mut [u64; 7]) {
    let mut above = 0;
    for limb in limbs.iter_mut().rev() {
        let bit = *limb & 1;
        *limb = *limb >> 1 | above << 63;
        above = bit;
    }
}

/// 384 bits, and one for the carry.
const DIGITS: usize = 385;

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha384};

    use super::*;

    /// The digits added up again, highest first: 2·sum + d, in 49 bytes.
    fn sum(digits: &[i8; DIGITS]) -> [u8; 49] {
        let mut sum = [0_u8; 49];
        for digit in digits.iter().rev() {
            let mut carry = i32::from(*digit);
            for byte in sum.iter_mut().rev() {
                let value = i32::from(*byte) * 2 + carry;
                *byte = value.rem_euclid(256) as u8;
                carry = value.div_euclid(256);
            }
        }
        sum
    }

    #[test]
    fn digits_add_up_and_are_sparse() {
        let mut scalars: Vec<[u8; 48]> =
            vec![[0; 48], [0xff; 48], [0x55; 48], [0xaa; 48], [0x80; 48]];
        for bit in 0..384 {
            let mut one = [0; 48];
            one[47 - bit / 8] = 1 << (bit % 8);
            scalars.push(one);
        }
        let random = (0..200_u32).map(|number| Sha384::digest(number.to_be_bytes()));
        scalars.extend(random.map(<[u8; 48]>::from));
        for scalar in scalars {
            for width in 2..=8 {
                let digits = digits(&scalar, width);
                let found = sum(&digits);
                assert!(found[0] == 0 && found[1..] == scalar, "{width} {scalar:?}");
                for (at, digit) in digits.iter().enumerate().filter(|(_, digit)| **digit != 0) {
                    assert!(digit % 2 != 0 && u32::from(digit.unsigned_abs()) < 1 << (width - 1));
                    let next = digits.iter().skip(at + 1).take(width as usize - 1);
                    assert!(next.clone().all(|digit| *digit == 0));
                }
            }
        }
    }
}
