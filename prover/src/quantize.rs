//! From libtorch's floats to the integers that a proved step consumes (FORMAT.md §3.4).
//!
//! The rule, in full: `integer = round_half_to_even(real / 2^scale)`, then saturated to the range of the
//! element type. NaN and the infinities are errors. Dividing an `f32` by a power of two from 2^-64 to 2^64
//! is exact in `f64`, so the rounding is the only one.

use assay_verifier::value::TensorType;

/// The integers of a tensor of type `to`, row-major. Errors: a type that is not integer, another
/// number of elements, the first element that is no number.
pub fn quantize(reals: &[f32], to: &TensorType) -> Result<Vec<i64>, QuantizeError> {
    let Some((least, most)) = to.dtype().range() else {
        return Err(QuantizeError::NotInteger { found: to.to_string() });
    };
    if reals.len() != to.elements() {
        return Err(QuantizeError::Length { expected: to.elements(), found: reals.len() });
    }
    let steps = step(to).recip();
    let integer = |(index, &real): (usize, &f32)| {
        if !real.is_finite() {
            return Err(QuantizeError::NotFinite { index });
        }
        // A whole number; beyond `i64` the conversion saturates, and so does the clamp.
        let nearest = (f64::from(real) * steps).round_ties_even();
        Ok((nearest as i64).clamp(least, most))
    };
    reals.iter().enumerate().map(integer).collect()
}

/// The real that the integer 1 stands for: 2^scale.
pub fn step(tensor: &TensorType) -> f64 {
    2f64.powi(i32::from(tensor.scale()))
}

/// Why a tensor was not quantized.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QuantizeError {
    /// The output has another number of elements than the type.
    Length {
        /// Elements of the type.
        expected: usize,
        /// Elements of the output.
        found: usize,
    },
    /// The element at `index` is NaN or infinite.
    NotFinite {
        /// Its place, row-major.
        index: usize,
    },
    /// The type to quantize to is floating point.
    NotInteger {
        /// The type.
        found: String,
    },
}

impl QuantizeError {
    /// Stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Length { .. } => "quantize-length",
            Self::NotFinite { .. } => "quantize-not-finite",
            Self::NotInteger { .. } => "quantize-not-integer",
        }
    }
}

impl std::fmt::Display for QuantizeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Length { expected, found } => {
                write!(f, "the model's output has {found} elements, its type {expected}")
            }
            Self::NotFinite { index } => {
                write!(f, "element {index} of the model's output is NaN or infinite")
            }
            Self::NotInteger { found } => write!(f, "{found} is not an integer type"),
        }
    }
}

impl std::error::Error for QuantizeError {}

#[cfg(test)]
mod tests {
    use super::*;
    use assay_verifier::value::Dtype;

    fn tensor(dtype: Dtype, scale: i8, elements: u32) -> TensorType {
        TensorType::new(dtype, &[elements], scale).unwrap()
    }

    fn one(real: f32, dtype: Dtype, scale: i8) -> i64 {
        quantize(&[real], &tensor(dtype, scale, 1)).unwrap()[0]
    }

    #[test]
    fn ties_go_to_the_even_neighbour() {
        let halves = [0.5, 1.5, 2.5, 3.5, -0.5, -1.5, -2.5, -3.5];
        let found = quantize(&halves, &tensor(Dtype::I8, 0, 8)).unwrap();
        assert_eq!(found, [0, 2, 2, 4, 0, -2, -2, -4]);
    }

    #[test]
    fn ties_are_ties_of_the_scaled_value() {
        // 5/64 is 2.5 steps of 2^-5; its neighbours in f32 are not ties.
        let tie = 5.0 / 64.0;
        assert_eq!(one(tie, Dtype::I8, -5), 2);
        assert_eq!(one(tie.next_up(), Dtype::I8, -5), 3);
        assert_eq!(one(tie.next_down(), Dtype::I8, -5), 2);
        assert_eq!(one(24.0, Dtype::I8, 4), 2); // 1.5
        assert_eq!(one(40.0, Dtype::I8, 4), 2); // 2.5
    }

    #[test]
    fn each_type_saturates_at_its_own_ends() {
        for dtype in [Dtype::I8, Dtype::I16, Dtype::I32, Dtype::U8] {
            let (least, most) = dtype.range().unwrap();
            assert_eq!(one(f32::MAX, dtype, -64), most);
            assert_eq!(one(f32::MIN, dtype, -64), least);
            assert_eq!(one(f32::MAX, dtype, 0), most);
        }
        assert_eq!(one(127.49, Dtype::I8, 0), 127);
        assert_eq!(one(127.5, Dtype::I8, 0), 127); // would be 128
        assert_eq!(one(-128.5, Dtype::I8, 0), -128);
        assert_eq!(one(-128.6, Dtype::I8, 0), -128); // would be -129
        assert_eq!(one(2_147_483_648.0, Dtype::I32, 0), 0x7fff_ffff);
        assert_eq!(one(-2_147_483_648.0, Dtype::I32, 0), -0x8000_0000);
        assert_eq!(one(2_147_483_520.0, Dtype::I32, 0), 2_147_483_520);
    }

    #[test]
    fn small_and_negative_zero_are_zero() {
        assert_eq!(one(-0.0, Dtype::I8, -5), 0);
        assert_eq!(one(f32::MIN_POSITIVE, Dtype::I32, -64), 0);
        assert_eq!(one(f32::from_bits(1), Dtype::I32, -64), 0);
        assert_eq!(one(1.0, Dtype::I32, 64), 0);
    }

    #[test]
    fn whole_multiples_come_back() {
        for e in [-12, -5, 0, 7] {
            let step = step(&tensor(Dtype::I8, e, 1));
            for integer in -128..=127 {
                assert_eq!(one((integer as f64 * step) as f32, Dtype::I8, e), integer);
            }
        }
    }

    #[test]
    fn what_is_no_number_is_named_by_its_place() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let found = quantize(&[1.0, bad, f32::NAN], &tensor(Dtype::I8, 0, 3));
            assert_eq!(found, Err(QuantizeError::NotFinite { index: 1 }));
        }
    }

    #[test]
    fn another_length_and_a_float_type_are_refused() {
        let three = quantize(&[0.0; 3], &tensor(Dtype::I8, 0, 2));
        assert_eq!(three, Err(QuantizeError::Length { expected: 2, found: 3 }));
        let float = quantize(&[0.0], &tensor(Dtype::F32, 0, 1));
        assert!(matches!(float, Err(QuantizeError::NotInteger { .. })));
    }
}
