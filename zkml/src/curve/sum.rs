//! Σ scalar · point, by Pippenger's buckets.
//!
//! A scalar is written in digits of `c` bits, from -2^(c-1) to 2^(c-1), so that half the buckets do.
//! Scalars of ±1, which most wires of a circuit are, need no buckets, and small ones stop after a few
//! digits.

use ark_bls12_381::Fr;
use ark_ec::{
    AffineRepr as _,
    short_weierstrass::{Affine, Bucket, Projective},
};
use ark_ff::{AdditiveGroup as _, BigInt, BigInteger as _, PrimeField as _};
use rayon::prelude::*;

use super::{Curve, add::Adder};

/// A scalar in the form in which it is cheapest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scalar {
    /// Between -2^32 and 2^32.
    Small(i64),
    /// Any element.
    Full(Fr),
}

/// Bits of the magnitude of a small scalar.
pub(crate) const SMALL_BITS: u32 = 32;

/// Σ scalar(i) · point(i) for i below `count`.
pub(crate) fn sum<'a, C: Curve>(
    count: usize,
    point: impl Fn(usize) -> &'a C::Raw + Sync,
    scalar: impl Fn(usize) -> Scalar + Sync,
) -> Projective<C> {
    let scalars = Sorted::new(count, scalar);
    // The point of an index, with the sign that it carries.
    let signed = |index: u32| {
        let point = C::point(point(index as usize / 2));
        if index & 1 == 0 { point } else { -point }
    };
    let digits = Digits::for_scalars(&scalars);
    let (units, rest) =
        rayon::join(|| units(&signed, &scalars.units), || buckets(&signed, &scalars, &digits));
    units + rest
}

/// Additions that a sum of so many full-size and small scalars takes, units left out.
pub(crate) fn additions(full: usize, small: usize) -> u64 {
    let (full, small) = (full as u64, small as u64);
    if full + small == 0 { 0 } else { Digits::cheapest(full, small).cost(full, small) }
}

/// Scalars by size. An index carries the sign of its scalar in its lowest bit.
struct Sorted {
    units: Vec<u32>,
    small: Vec<(u32, u64)>,
    /// Magnitudes at most r / 2.
    full: Vec<(u32, [u64; 4])>,
}

impl Sorted {
    fn new(count: usize, scalar: impl Fn(usize) -> Scalar) -> Self {
        let mut sorted = Self { units: vec![], small: vec![], full: vec![] };
        let half = Fr::MODULUS_MINUS_ONE_DIV_TWO;
        for (at, index) in (0..count).zip((0u32..).step_by(2)) {
            match scalar(at) {
                Scalar::Small(0) => {}
                Scalar::Small(value @ (1 | -1)) => sorted.units.push(index | u32::from(value < 0)),
                Scalar::Small(value) => {
                    sorted.small.push((index | u32::from(value < 0), value.unsigned_abs()));
                }
                Scalar::Full(element) => {
                    let (value, negative) = (element.into_bigint(), element.into_bigint() > half);
                    let magnitude = if negative { (-element).into_bigint() } else { value };
                    sorted.full.push((index | u32::from(negative), magnitude.0));
                }
            }
        }
        sorted
    }
}

/// Points of units that one thread adds up before it looks for more work.
const UNITS: usize = 8192;

fn units<C: Curve>(signed: &(impl Fn(u32) -> Affine<C> + Sync), units: &[u32]) -> Projective<C> {
    let part = |units: &[u32]| {
        let mut points: Vec<_> = units.iter().map(|unit| signed(*unit)).collect();
        Adder::new().reduce(&mut points, &[units.len() as u32]);
        points.first().map_or(Projective::ZERO, |point| (*point).into())
    };
    units.par_chunks(UNITS).map(part).sum()
}

fn buckets<C: Curve>(
    signed: &(impl Fn(u32) -> Affine<C> + Sync),
    scalars: &Sorted,
    digits: &Digits,
) -> Projective<C> {
    if scalars.small.is_empty() && scalars.full.is_empty() {
        return Projective::ZERO;
    }
    let sums: Vec<Projective<C>> = (0..digits.windows)
        .into_par_iter()
        .map(|window| digits.window(signed, scalars, window))
        .collect();
    sums.into_iter().rev().fold(Projective::ZERO, |mut total, sum| {
        for _ in 0..digits.width {
            total.double_in_place();
        }
        total + sum
    })
}

/// How scalars are cut into digits.
struct Digits {
    /// Bits of a digit.
    width: u32,
    /// Digits of a scalar.
    windows: u32,
    /// Digits of a small scalar.
    small: u32,
    /// Half the range of every digit but the last: added to a magnitude, it makes the digits
    /// independent of each other, for the carries are then in the sum.
    bias: [u64; 4],
}

/// Points that are gathered at a time, so that they are added up in the cache.
const GATHER: u32 = 4096;

impl Digits {
    /// The width for which the fewest additions are to be expected.
    fn for_scalars(scalars: &Sorted) -> Self {
        Self::cheapest(scalars.full.len() as u64, scalars.small.len() as u64)
    }

    fn cheapest(full: u64, small: u64) -> Self {
        let all = (2..=16).map(|width| Self::of_width(width, full > 0));
        all.min_by_key(|digits| digits.cost(full, small)).expect("a range that is not empty")
    }

    fn cost(&self, full: u64, small: u64) -> u64 {
        let (windows, of_small) = (u64::from(self.windows), u64::from(self.small));
        // To empty a bucket takes as long as two additions into one.
        full * windows + small * of_small + windows * (2 << (self.width - 1))
    }

    fn of_width(width: u32, full: bool) -> Self {
        // A magnitude has 254 bits; 32 and two more leave room for a small one's last carry.
        let small = (SMALL_BITS + 2).div_ceil(width);
        let windows = if full { 255u32.div_ceil(width) } else { small };
        let mut bias = [0; 4];
        for bit in (0..windows - 1).map(|window| (window + 1) * width - 1) {
            bias[bit as usize / 64] |= 1 << (bit % 64);
        }
        Self { width, windows, small, bias }
    }

    /// The digit at `window`, from -2^(width-1) to 2^(width-1).
    fn digit(&self, magnitude: &[u64; 4], window: u32) -> i32 {
        let mut biased = BigInt(*magnitude);
        biased.add_with_carry(&BigInt(self.bias));
        let shift = window * self.width;
        let (limb, bit) = (shift as usize / 64, shift % 64);
        let low = biased.0[limb] >> bit;
        let high =
            if bit == 0 { 0 } else { biased.0.get(limb + 1).map_or(0, |next| next << (64 - bit)) };
        self.signed(low | high, window)
    }

    fn small_digit(&self, magnitude: u64, window: u32) -> i32 {
        // Below 2^63, for no two bits of the bias are neighbours.
        self.signed(magnitude.wrapping_add(self.bias[0]) >> (window * self.width), window)
    }

    fn signed(&self, bits: u64, window: u32) -> i32 {
        let digit = (bits & ((1 << self.width) - 1)) as i32;
        if window + 1 == self.windows { digit } else { digit - (1 << (self.width - 1)) }
    }

    /// Σ digit · point for one digit of every scalar.
    fn window<C: Curve>(
        &self,
        signed: &impl Fn(u32) -> Affine<C>,
        scalars: &Sorted,
        window: u32,
    ) -> Projective<C> {
        let small = if window < self.small { &scalars.small[..] } else { &[] };
        let small = small.iter().map(|(at, value)| (*at, self.small_digit(*value, window)));
        let full = scalars.full.iter().map(|(at, value)| (*at, self.digit(value, window)));
        let digits: Vec<(u32, i32)> = small.chain(full).filter(|(_, digit)| *digit != 0).collect();
        // Sorted by bucket: where each begins, then the points of each.
        let mut ends = vec![0u32; (1 << (self.width - 1)) + 2];
        for (_, digit) in &digits {
            ends[digit.unsigned_abs() as usize + 1] += 1;
        }
        for at in 1..ends.len() {
            ends[at] += ends[at - 1];
        }
        let mut sorted = vec![0u32; digits.len()];
        for (at, digit) in digits {
            let end = &mut ends[digit.unsigned_abs() as usize];
            sorted[*end as usize] = at ^ u32::from(digit < 0);
            *end += 1;
        }
        // Now `ends[b]` is where bucket b ends; bucket 0 is empty.
        ends.pop();
        let mut buckets = vec![Affine::zero(); ends.len()];
        let (mut adder, mut gathered, mut bucket) = (Adder::new(), vec![], 1);
        while bucket < ends.len() {
            let (first, from) = (bucket, ends[bucket - 1]);
            let mut runs = vec![];
            while bucket < ends.len() && (bucket == first || ends[bucket] - from <= GATHER) {
                runs.push(ends[bucket] - ends[bucket - 1]);
                bucket += 1;
            }
            gathered.clear();
            gathered.extend(
                sorted[from as usize..ends[bucket - 1] as usize].iter().map(|at| signed(*at)),
            );
            adder.reduce(&mut gathered, &runs);
            let filled = runs.iter().zip(&mut buckets[first..]).filter(|(run, _)| **run > 0);
            filled.zip(&gathered).for_each(|((_, bucket), sum)| *bucket = *sum);
        }
        weighted(&mut adder, &buckets)
    }
}

/// Σ b · bucket b. With b = m i + j it is m Σ i · (sum of row i) + Σ j · (sum of column j): most additions
/// are plain sums again.
fn weighted<C: Curve>(adder: &mut Adder<C>, buckets: &[Affine<C>]) -> Projective<C> {
    let width = 1 << (usize::BITS - buckets.len().leading_zeros()).div_ceil(2);
    let mut rows = buckets.to_vec();
    let runs: Vec<u32> = buckets.chunks(width).map(|row| row.len() as u32).collect();
    adder.reduce(&mut rows, &runs);
    let columns = (0..width).map(|column| buckets.iter().skip(column).step_by(width));
    let runs: Vec<u32> = columns.clone().map(|column| column.count() as u32).collect();
    let mut columns: Vec<_> = columns.flatten().copied().collect();
    adder.reduce(&mut columns, &runs);
    by_index(&rows) * Fr::from(width as u64) + by_index(&columns)
}

/// Σ i · point i.
fn by_index<C: Curve>(points: &[Affine<C>]) -> Projective<C> {
    let (mut running, mut total) = (Bucket::ZERO, Bucket::ZERO);
    for point in points.iter().skip(1).rev() {
        running += point;
        total += &running;
    }
    total.into()
}

#[cfg(test)]
mod tests {
    //! `cargo test --release -p assay-zkml widths -- --ignored --nocapture`

    use ark_bls12_381::{G1Affine, G1Projective, g1};
    use ark_ec::VariableBaseMSM as _;
    use ark_ff::UniformRand as _;
    use ark_std::rand::{SeedableRng as _, rngs::StdRng};

    use super::*;
    use crate::curve::fixed::Table;

    /// Hundredths of a second of the processor, with those of threads that are gone.
    fn processor() -> u64 {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    #[test]
    #[ignore = "measures, and takes long"]
    fn widths() {
        let mut random = StdRng::seed_from_u64(1);
        for (log, widths) in [(14, 9..=12), (17, 12..=15)] {
            let count = 1usize << log;
            let mut draw = || (0..count).map(|_| Fr::rand(&mut random)).collect::<Vec<_>>();
            let (logarithms, scalars) = (draw(), draw());
            let table = Table::<g1::Config>::new(G1Affine::generator(), count);
            let raw = table.multiples(&logarithms, &|_| ());
            let sorted = Sorted::new(count, |at| Scalar::Full(scalars[at]));
            let signed = |index: u32| {
                let point = g1::Config::point(&raw[index as usize / 2]);
                if index & 1 == 0 { point } else { -point }
            };
            for width in widths {
                let begun = processor();
                let _ = buckets(&signed, &sorted, &Digits::of_width(width, true));
                println!("2^{log}: width {width} {} ms", 10 * (processor() - begun));
            }
            let points: Vec<_> = raw.iter().map(g1::Config::point).collect();
            let begun = processor();
            let _ = G1Projective::msm_unchecked(&points, &scalars);
            println!("2^{log}: ark {} ms", 10 * (processor() - begun));
        }
    }
}
