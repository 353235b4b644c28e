//! Against `ark-ec`, on good points and on those where addition is special.

use ark_bls12_381::{G1Affine, G1Projective};
use ark_ec::{AffineRepr as _, CurveGroup as _, VariableBaseMSM as _};
use ark_ff::{AdditiveGroup as _, Field as _, UniformRand as _, Zero as _};
use ark_std::rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use proptest::prelude::*;

use super::{
    add::Adder,
    fixed::Table,
    sum::{Scalar, sum},
    *,
};

fn points<C: Curve>(random: &mut StdRng, count: usize) -> Vec<Affine<C>> {
    use ark_ec::short_weierstrass::Projective;
    let points: Vec<_> = (0..count).map(|_| Projective::<C>::rand(random)).collect();
    Projective::normalize_batch(&points)
}

/// Scalars of every size, as the wires of a circuit have them; `kind` makes one prevail.
fn scalar(random: &mut StdRng, kind: u32) -> Scalar {
    let kind = if random.gen_range(0..3) == 0 { random.gen_range(0..8) } else { kind };
    let small = i64::from(u32::MAX);
    match kind {
        0 => Scalar::Small(0),
        1 => Scalar::Small(1),
        2 => Scalar::Small(-1),
        3 => Scalar::Small(random.gen_range(-128..128)),
        4 => Scalar::Small(if random.r#gen() { small } else { -small }),
        5 => Scalar::Small(random.gen_range(-small..=small)),
        6 => {
            // Where magnitudes are largest, and the carries longest.
            let half = Fr::from(2u64).inverse().unwrap();
            Scalar::Full(half + Fr::from(random.gen_range(-3i64..3)))
        }
        _ => Scalar::Full(Fr::rand(random)),
    }
}

fn element(scalar: Scalar) -> Fr {
    match scalar {
        Scalar::Small(small) => Fr::from(small),
        Scalar::Full(element) => element,
    }
}

fn sums_agree<C: Curve>(seed: u64, count: usize, kind: u32) {
    use ark_ec::short_weierstrass::Projective;
    let mut random = StdRng::seed_from_u64(seed);
    let mut points = points::<C>(&mut random, count);
    // Points twice, opposite to each other, and at infinity.
    for _ in 0..count / 4 {
        let (from, to) = (random.gen_range(0..count), random.gen_range(0..count));
        points[to] = match random.gen_range(0..3) {
            0 => points[from],
            1 => -points[from],
            _ => Affine::zero(),
        };
    }
    let scalars: Vec<Scalar> = (0..count).map(|_| scalar(&mut random, kind)).collect();
    let elements: Vec<Fr> = scalars.iter().copied().map(element).collect();
    let expected = Projective::<C>::msm(&points, &elements).unwrap();
    let raw: Vec<_> = points.iter().map(C::raw).collect();
    assert_eq!(sum::<C>(count, |at| &raw[at], |at| scalars[at]), expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn sums_in_g1_are_those_of_ark(seed: u64, count in 0usize..700, kind in 0u32..8) {
        sums_agree::<g1::Config>(seed, count, kind);
    }

    #[test]
    fn sums_in_g2_are_those_of_ark(seed: u64, count in 0usize..120, kind in 0u32..8) {
        sums_agree::<g2::Config>(seed, count, kind);
    }
}

/// More points than are gathered at a time, in few buckets and in many.
#[test]
fn long_sums_are_those_of_ark() {
    for kind in [1, 3, 7] {
        sums_agree::<g1::Config>(u64::from(kind), 20_000, kind);
    }
}

#[test]
fn runs_add_up() {
    let mut random = StdRng::seed_from_u64(1);
    let mut adder = Adder::<g1::Config>::new();
    for runs in [vec![], vec![1], vec![0, 5, 0, 1, 2], vec![3; 1000], vec![5000, 0, 1]] {
        let count = runs.iter().sum::<u32>() as usize;
        let all = points::<g1::Config>(&mut random, count.min(50));
        let all: Vec<_> = all.into_iter().cycle().take(count).collect();
        let mut rest = &all[..];
        let mut expected = vec![];
        for run in runs.iter().filter(|run| **run > 0) {
            let (head, tail) = rest.split_at(*run as usize);
            expected.push(head.iter().fold(G1Projective::ZERO, |sum, point| sum + point));
            rest = tail;
        }
        let mut reduced = all.clone();
        adder.reduce(&mut reduced, &runs);
        assert_eq!(reduced, G1Projective::normalize_batch(&expected), "{runs:?}");
    }
}

#[test]
fn multiples_are_those_of_ark() {
    fn check<C: Curve>(count: usize) {
        let mut random = StdRng::seed_from_u64(2);
        let base = points::<C>(&mut random, 1)[0];
        let mut scalars: Vec<Fr> = (0..count).map(|_| element(scalar(&mut random, 7))).collect();
        let half = Fr::from(2u64).inverse().unwrap();
        scalars.extend([Fr::zero(), Fr::ONE, -Fr::ONE, half, -half, half - Fr::ONE]);
        let table = Table::<C>::new(base, scalars.len());
        let heard = core::sync::atomic::AtomicUsize::new(0);
        let multiples = table.multiples(&scalars, &|count| {
            heard.fetch_add(count, core::sync::atomic::Ordering::Relaxed);
        });
        assert_eq!(heard.into_inner(), scalars.len());
        for (raw, scalar) in multiples.iter().zip(&scalars) {
            assert_eq!(C::point(raw), (base * *scalar).into_affine());
        }
    }
    check::<g1::Config>(1500);
    check::<g2::Config>(100);
}

#[test]
fn raw_points_come_back() {
    let mut random = StdRng::seed_from_u64(3);
    for point in points::<g1::Config>(&mut random, 4).into_iter().chain([G1Affine::zero()]) {
        assert_eq!(g1::Config::point(&g1::Config::raw(&point)), point);
    }
    assert_eq!(g1::Config::raw(&G1Affine::zero()), [[0; 6]; 2]);
    for point in points::<g2::Config>(&mut random, 4) {
        assert_eq!(g2::Config::point(&g2::Config::raw(&point)), point);
    }
}
