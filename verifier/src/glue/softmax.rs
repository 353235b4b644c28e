//! Softmax in integers (FORMAT.md §7.4).

use std::sync::LazyLock;

use crate::value::TensorType;

/// Scale of the probabilities: units of 2^-30.
pub(super) const SCALE: i8 = -30;

/// 1 in units of 2^-62.
const ONE: u128 = 1 << 62;
/// log₂ e in units of 2^-32, rounded.
const LOG2_E: u128 = 6_196_328_019;

/// c_j = 2^(-2^-j) in units of 2^-62, for j = 1 … 32: each the root of the one before, rounded down.
static ROOTS: LazyLock<[u128; 32]> = LazyLock::new(|| {
    let mut root = ONE >> 1;
    core::array::from_fn(|_| {
        root = root.saturating_mul(ONE).isqrt();
        root
    })
});

/// Along the last dimension; elements stand for `integer · 2^scale`.
pub(super) fn softmax(integers: &[i64], kind: &TensorType) -> Vec<i64> {
    let row = kind.shape().last().and_then(|dim| usize::try_from(*dim).ok()).unwrap_or(1);
    integers.chunks(row).flat_map(|row| of_row(row, i32::from(kind.scale()))).collect()
}

fn of_row(row: &[i64], scale: i32) -> Vec<i64> {
    let greatest = row.iter().max().copied().unwrap_or_default();
    let powers: Vec<u128> = row.iter().map(|x| exponential(greatest.abs_diff(*x), scale)).collect();
    let sum = powers.iter().fold(0u128, |sum, power| sum.saturating_add(*power));
    let share = |power: &u128| {
        let share = power.checked_shl(30).and_then(|power| power.checked_div(sum));
        i64::try_from(share.unwrap_or_default()).unwrap_or_default()
    };
    powers.iter().map(share).collect()
}

/// e^(-difference · 2^scale) in units of 2^-62, rounded down.
fn exponential(difference: u64, scale: i32) -> u128 {
    // The exponent of 2, in units of 2^-32: at most 2^33 · 2^33 before the shift.
    let product = u128::from(difference).saturating_mul(LOG2_E);
    let exponent = match u32::try_from(scale) {
        Ok(up) if product.leading_zeros() > up => product.checked_shl(up).unwrap_or(u128::MAX),
        Ok(_) => u128::MAX,
        Err(_) => product.checked_shr(scale.unsigned_abs()).unwrap_or_default(),
    };
    let whole = exponent >> 32;
    let Some(whole) = u32::try_from(whole).ok().filter(|whole| *whole < 63) else { return 0 };
    let mut power = ONE;
    for (root, bit) in ROOTS.iter().zip((0..32u32).rev()) {
        if exponent >> bit & 1 == 1 {
            power = power.saturating_mul(*root) >> 62;
        }
    }
    power >> whole
}
