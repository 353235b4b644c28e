//! The same number on another scale.

/// `x / 2^up`, rounded to the nearest integer, a half to the even one; `x · 2^-up` where `up` is
/// negative. Beyond ±2^62 it saturates: every element type is narrower.
pub(super) fn rescale(x: i64, up: i32) -> i64 {
    const FAR: (i128, i128) = (-(1 << 62), 1 << 62);
    match u32::try_from(up) {
        Err(_) => {
            // 2^127 is beyond the type, and its bit is the sign's; whatever is not zero has left the range long before.
            let factor = 1i128.checked_shl(up.unsigned_abs().min(126)).unwrap_or(i128::MAX);
            let product = i128::from(x).saturating_mul(factor);
            i64::try_from(product.clamp(FAR.0, FAR.1)).unwrap_or_default()
        }
        Ok(0) => x,
        // Every element has at most 32 bits: shifted so far, it is nearer to 0 than to anything.
        Ok(63..) => 0,
        Ok(up) => {
            let floor = x >> up;
            let rest = x.wrapping_sub(floor.wrapping_shl(up));
            let half = 1i64 << up.saturating_sub(1);
            let odd = floor & 1 == 1;
            floor.saturating_add(i64::from(rest > half || (rest == half && odd)))
        }
    }
}
