//! Many additions of affine points with one inversion.

use ark_ec::{AffineRepr as _, short_weierstrass::Affine};
use ark_ff::{AdditiveGroup as _, Field as _, Zero as _};

use super::Curve;

/// Places in a list of points: `into` becomes `left` + `right`, or `left` where `right` is [`NONE`].
#[derive(Clone, Copy)]
pub(crate) struct Sum {
    pub(crate) left: u32,
    pub(crate) right: u32,
    pub(crate) into: u32,
}

/// No point.
const NONE: u32 = u32::MAX;

/// Adds points, in memory of its own that is used again.
pub(crate) struct Adder<C: Curve> {
    /// Denominator of each slope, then its inverse.
    slopes: Vec<C::BaseField>,
    /// Product of the denominators before each.
    products: Vec<C::BaseField>,
}

/// Additions that share an inversion: it costs some 200 multiplications, and what a block works on
/// should stay in the cache next to the processor.
const BLOCK: usize = 2048;

impl<C: Curve> Adder<C> {
    pub(crate) const fn new() -> Self {
        Self { slopes: vec![], products: vec![] }
    }

    /// Carries out `sums`. One may write only where it or an earlier one has read.
    pub(crate) fn add(&mut self, points: &mut [Affine<C>], sums: &[Sum]) {
        for block in sums.chunks(BLOCK) {
            self.block(points, block);
        }
    }

    fn block(&mut self, points: &mut [Affine<C>], sums: &[Sum]) {
        self.slopes.clear();
        self.products.clear();
        let mut product = C::BaseField::ONE;
        for sum in sums.iter().filter(|sum| sum.right != NONE) {
            let denominator = denominator(&points[sum.left as usize], &points[sum.right as usize]);
            self.slopes.push(denominator);
            self.products.push(product);
            product *= denominator;
        }
        let mut inverse = product.inverse().expect("no denominator is zero");
        for (slope, product) in self.slopes.iter_mut().zip(&self.products).rev() {
            let denominator = *slope;
            *slope = inverse * product;
            inverse *= denominator;
        }
        let mut inverses = self.slopes.iter();
        for sum in sums {
            let left = points[sum.left as usize];
            points[sum.into as usize] = match sum.right {
                NONE => left,
                right => {
                    let inverse = inverses.next().expect("one for each addition");
                    finish(&left, &points[right as usize], inverse)
                }
            };
        }
    }

    /// Adds up runs of neighbours: `runs` says how many points belong together. What is left is one
    /// point for each run that is not empty, in order.
    pub(crate) fn reduce(&mut self, points: &mut Vec<Affine<C>>, runs: &[u32]) {
        let mut runs = runs.to_vec();
        let mut sums = vec![];
        while runs.iter().any(|run| *run > 1) {
            sums.clear();
            let (mut from, mut into) = (0, 0);
            for run in &mut runs {
                for _ in 0..*run / 2 {
                    sums.push(Sum { left: from, right: from + 1, into });
                    from += 2;
                    into += 1;
                }
                if *run % 2 == 1 {
                    sums.push(Sum { left: from, right: NONE, into });
                    from += 1;
                    into += 1;
                }
                *run = run.div_ceil(2);
            }
            self.add(points, &sums);
            points.truncate(into as usize);
        }
    }
}

/// What the slope of the line through two points is divided by; 1 where there is no such line.
fn denominator<C: Curve>(left: &Affine<C>, right: &Affine<C>) -> C::BaseField {
    let difference = right.x - left.x;
    if !difference.is_zero() {
        return difference;
    }
    let double = left.y.double();
    if left.y == right.y && !double.is_zero() { double } else { C::BaseField::ONE }
}

/// The sum of two points, whatever they are, from the inverse of [`denominator`].
fn finish<C: Curve>(left: &Affine<C>, right: &Affine<C>, inverse: &C::BaseField) -> Affine<C> {
    if left.is_zero() {
        return *right;
    }
    if right.is_zero() {
        return *left;
    }
    let slope = if left.x != right.x {
        (right.y - left.y) * inverse
    } else if left.y == right.y && !left.y.is_zero() {
        let square = left.x.square();
        (square.double() + square + C::COEFF_A) * inverse
    } else {
        return Affine::zero();
    };
    let x = slope.square() - left.x - right.x;
    let y = slope * (left.x - x) - left.y;
    Affine::new_unchecked(x, y)
}
