//! Arithmetic on the two source groups of BLS12-381, for bases that never change: [`sum`] of scalars
//! times points, and [`fixed`] multiples of one point.
//!
//! Both add affine points, many at a time, so that they share one inversion ([`add`]): six
//! multiplications in the field per addition, where projective coordinates take ten or more.

pub(crate) mod add;
pub(crate) mod fixed;
pub(crate) mod sum;
#[cfg(test)]
mod tests;

use ark_bls12_381::{Fq, Fq2, Fr, g1, g2};
use ark_ec::short_weierstrass::{Affine, SWCurveConfig};
use ark_ff::BigInt;
use bytemuck::Pod;

/// A group with a raw form of its points: the coordinates in the form in which the processor
/// multiplies them (Montgomery's, x · 2^384 mod p), 48 bytes each, least significant limb first. The
/// point at infinity is all zeros, which is no point of the curve.
pub(crate) trait Curve: SWCurveConfig<ScalarField = Fr> {
    /// The raw form.
    type Raw: Pod + Send + Sync;

    /// The raw form of a point.
    fn raw(point: &Affine<Self>) -> Self::Raw;

    /// The point of a raw form, believed: whether it is on the curve is not looked at.
    fn point(raw: &Self::Raw) -> Affine<Self>;
}

impl Curve for g1::Config {
    type Raw = [[u64; 6]; 2];

    fn raw(point: &Affine<Self>) -> Self::Raw {
        [point.x, point.y].map(limbs)
    }

    fn point(raw: &Self::Raw) -> Affine<Self> {
        let [x, y] = raw.map(field);
        Affine::new_unchecked(x, y)
    }
}

impl Curve for g2::Config {
    type Raw = [[u64; 6]; 4];

    fn raw(point: &Affine<Self>) -> Self::Raw {
        [point.x.c0, point.x.c1, point.y.c0, point.y.c1].map(limbs)
    }

    fn point(raw: &Self::Raw) -> Affine<Self> {
        let [x0, x1, y0, y1] = raw.map(field);
        Affine::new_unchecked(Fq2::new(x0, x1), Fq2::new(y0, y1))
    }
}

const fn limbs(element: Fq) -> [u64; 6] {
    element.0.0
}

const fn field(limbs: [u64; 6]) -> Fq {
    Fq::new_unchecked(BigInt(limbs))
}
