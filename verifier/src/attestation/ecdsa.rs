//! ES384 verification, about twice as fast as `p384`'s own: five signatures are nearly all of the
//! time that a document takes, and in a browser that time is felt.
//!
//! Field, scalars and the check of a key are `p384`'s. Ours is only how multiples of points are
//! added up. `p384` does that with complete formulas, which have no exceptions and so suit secrets;
//! here everything is public, and Jacobian coordinates with their exceptions written out need two
//! thirds of the multiplications. The tests hold it against `p384` itself.
#![allow(clippy::arithmetic_side_effects)] // in the field, where nothing overflows

use p384::{
    AffinePoint, FieldBytes, NistP384, Scalar, U384,
    ecdsa::{Signature, VerifyingKey},
    elliptic_curve::{
        ff::PrimeField as _,
        hazmat::FieldArithmetic,
        ops::{Invert as _, Reduce},
        sec1::ToSec1Point as _,
    },
};

use super::wnaf;

type Element = <NistP384 as FieldArithmetic>::FieldElement;

/// Verifies signatures: holds multiples of the generator, so that a document's signatures share them.
pub(super) struct Es384 {
    generator: [Point; 32],
}

impl Es384 {
    pub(super) fn new() -> Self {
        Self { generator: Point::of(&AffinePoint::GENERATOR).odd_multiples() }
    }

    /// Whether `signature` over a message with SHA-384 `digest` is by `key`: RFC 6979 §2.4 step 3 on,
    /// both scalars being above 0 and below n by their type.
    pub(super) fn holds(
        &self,
        key: &VerifyingKey,
        digest: &[u8; 48],
        signature: &Signature,
    ) -> bool {
        let (r, s) = signature.split_scalars();
        let inverse = *s.invert_vartime();
        let u1 = scalar(digest) * inverse;
        let u2 = *r * inverse;
        let own: [Point; 8] = Point::of(key.as_affine()).odd_multiples();
        let by_generator = wnaf::digits(&u1.to_repr().into(), 7);
        let by_key = wnaf::digits(&u2.to_repr().into(), 5);
        let mut sum = Point::INFINITY;
        for (one, other) in by_generator.iter().zip(&by_key).rev() {
            sum = sum.doubled().plus_multiple(*one, &self.generator).plus_multiple(*other, &own);
        }
        sum.x().is_some_and(|x| scalar(&x.into()) == *r)
    }
}

/// X/Z², Y/Z³; at infinity where Z is zero.
#[derive(Clone, Copy, Debug)]
struct Point {
    x: Element,
    y: Element,
    z: Element,
}

impl Point {
    const INFINITY: Self = Self { x: Element::ONE, y: Element::ONE, z: Element::ZERO };

    /// What `p384` holds for a point is on the curve.
    fn of(point: &AffinePoint) -> Self {
        let point = point.to_sec1_point(false);
        let element = |bytes: Option<&FieldBytes>| {
            bytes.and_then(|bytes| Element::from_repr(*bytes).into_option())
        };
        match (element(point.x()), element(point.y())) {
            (Some(x), Some(y)) => Self { x, y, z: Element::ONE },
            // Only the point at infinity lacks them, and no key is that.
            _ => Self::INFINITY,
        }
    }

    /// 2P: dbl-2001-b of the Explicit-Formulas Database, for a = -3. Infinity stays there; no point
    /// has y = 0, since the order of the group is odd.
    fn doubled(&self) -> Self {
        let delta = self.z.square();
        let gamma = self.y.square();
        let beta = self.x * gamma;
        let product = (self.x - delta) * (self.x + delta);
        let alpha = product.double() + product;
        let beta4 = beta.double().double();
        let x = alpha.square() - beta4.double();
        let z = (self.y + self.z).square() - gamma - delta;
        let y = alpha * (beta4 - x) - gamma.square().double().double().double();
        Self { x, y, z }
    }

    /// P + Q: add-1998-cmo-2, and what it leaves out: infinity, P = Q, P = -Q.
    fn plus(&self, other: &Self) -> Self {
        if bool::from(self.z.is_zero()) {
            return *other;
        }
        if bool::from(other.z.is_zero()) {
            return *self;
        }
        let (own2, other2) = (self.z.square(), other.z.square());
        let (u1, u2) = (self.x * other2, other.x * own2);
        let (s1, s2) = (self.y * other2 * other.z, other.y * own2 * self.z);
        let (h, r) = (u2 - u1, s2 - s1);
        if bool::from(h.is_zero()) {
            return if bool::from(r.is_zero()) { self.doubled() } else { Self::INFINITY };
        }
        let h2 = h.square();
        let h3 = h * h2;
        let v = u1 * h2;
        let x = r.square() - h3 - v.double();
        Self { x, y: r * (v - x) - s1 * h3, z: self.z * other.z * h }
    }

    /// P + dQ, where `odd` is Q, 3Q, 5Q, … and d is zero or odd.
    fn plus_multiple(&self, digit: i8, odd: &[Self]) -> Self {
        let multiple = odd.get(usize::from(digit.unsigned_abs() / 2));
        match (digit, multiple) {
            (0, _) | (_, None) => *self,
            (1.., Some(point)) => self.plus(point),
            (_, Some(point)) => self.plus(&Self { y: -point.y, ..*point }),
        }
    }

    /// P, 3P, 5P, …
    fn odd_multiples<const N: usize>(self) -> [Self; N] {
        let twice = self.doubled();
        let mut next = self;
        [(); N].map(|()| {
            let this = next;
            next = next.plus(&twice);
            this
        })
    }

    /// X/Z², 48 bytes, big-endian; none at infinity.
    fn x(&self) -> Option<FieldBytes> {
        let inverse = self.z.invert().into_option()?;
        Some((self.x * inverse.square()).to_repr())
    }
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
        let bytes = |point: &Point| point.x().map(<[u8; 48]>::from);
        let theirs = |scalar: Scalar| (ProjectivePoint::GENERATOR * scalar).to_affine();
        let numbers: Vec<Scalar> = (1..12).map(small).chain((0..6).map(some)).collect();
        for one in &numbers {
            for other in numbers.iter().flat_map(|other| [*other, -*other]) {
                let sum = Point::of(key(*one).as_affine()).plus(&Point::of(key(other).as_affine()));
                let expected = *one + other;
                let x = (expected != Scalar::ZERO).then(|| theirs(expected).x().into());
                assert_eq!(bytes(&sum), x);
                // The same with coordinates that are not normalised.
                let doubled = Point::of(key(*one).as_affine())
                    .doubled()
                    .plus(&Point::of(key(other).as_affine()).doubled());
                let x = (expected != Scalar::ZERO).then(|| theirs(expected.double()).x().into());
                assert_eq!(bytes(&doubled), x);
            }
        }
        assert_eq!(bytes(&Point::INFINITY.doubled()), None);
    }
}
