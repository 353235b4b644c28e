//! The sponge of `assay_verifier::poseidon` as rows: three per fifth power, linear layers for free.

use ark_bls12_381::Fr;
use ark_ff::Field as _;
use assay_verifier::poseidon::{FULL_ROUNDS, PARTIAL_ROUNDS, WIDTH, parameters};

use crate::r1cs::{Builder, Kind, Lc, ONE};

/// The sponge starts as (domain, 0, 0), absorbs two elements per permutation, and gives its first
/// rate element.
pub(super) fn constrain(builder: &mut Builder, domain: Fr, absorbed: &[Lc]) -> Lc {
    let mut state = [Lc::constant(domain), Lc::default(), Lc::default()];
    for pair in absorbed.chunks(WIDTH - 1) {
        for (rate, element) in state[1..].iter_mut().zip(pair) {
            rate.add_scaled(Fr::from(1u64), element);
        }
        permute(builder, &mut state);
    }
    let [_, digest, _] = state;
    digest
}

/// The wires that [`constrain`] makes, and the digest.
pub(crate) fn assign(out: &mut Vec<Fr>, domain: Fr, absorbed: &[Fr]) -> Fr {
    let mut state = [domain, Fr::from(0u64), Fr::from(0u64)];
    for (index, pair) in absorbed.chunks(WIDTH - 1).enumerate() {
        for (rate, element) in state[1..].iter_mut().zip(pair) {
            *rate += element;
        }
        for round in 0..FULL_ROUNDS + PARTIAL_ROUNDS {
            for (at, element) in state.iter_mut().enumerate() {
                *element += parameters().ark[round][at];
                if at > 0 && !is_full(round) {
                    continue;
                }
                let square = element.square();
                let fourth = square.square();
                *element *= fourth;
                // The capacity is a constant in the very first round.
                if (index, round, at) != (0, 0, 0) {
                    out.extend([square, fourth, *element]);
                }
            }
            state = core::array::from_fn(|row| {
                state.iter().zip(&parameters().mds[row]).map(|(element, by)| *element * by).sum()
            });
        }
    }
    state[1]
}

fn permute(builder: &mut Builder, state: &mut [Lc; WIDTH]) {
    for round in 0..FULL_ROUNDS + PARTIAL_ROUNDS {
        for (at, element) in state.iter_mut().enumerate() {
            element.add(parameters().ark[round][at], ONE);
            if at == 0 || is_full(round) {
                element.compact();
                *element = fifth_power(builder, element);
            }
        }
        *state = core::array::from_fn(|row| {
            let mut sum = Lc::default();
            for (element, by) in state.iter().zip(&parameters().mds[row]) {
                sum.add_scaled(*by, element);
            }
            sum.compact();
            sum
        });
    }
}

fn fifth_power(builder: &mut Builder, base: &Lc) -> Lc {
    if let Some(constant) = base.as_constant() {
        return Lc::constant(constant.square().square() * constant);
    }
    let [square, fourth, fifth] = [builder.wire(), builder.wire(), builder.wire()];
    builder.enforce(Kind::Sbox, base.clone(), base.clone(), Lc::wire(square));
    builder.enforce(Kind::Sbox, Lc::wire(square), Lc::wire(square), Lc::wire(fourth));
    builder.enforce(Kind::Sbox, base.clone(), Lc::wire(fourth), Lc::wire(fifth));
    Lc::wire(fifth)
}

/// Whether every element of the state is raised to the fifth power in this round.
fn is_full(round: usize) -> bool {
    !(FULL_ROUNDS / 2..FULL_ROUNDS / 2 + PARTIAL_ROUNDS).contains(&round)
}

/// Rows of [`constrain`] for so many absorbed elements: three per fifth power, but for the capacity
/// in the very first round, which is a constant.
pub(super) const fn rows(absorbed: usize) -> usize {
    absorbed.div_ceil(WIDTH - 1) * 3 * (FULL_ROUNDS * WIDTH + PARTIAL_ROUNDS) - 3
}

#[cfg(test)]
mod tests {
    use ark_ff::{UniformRand as _, Zero as _};
    use ark_std::rand::{SeedableRng as _, rngs::StdRng};
    use assay_verifier::poseidon::permute as permute_natively;

    use super::*;

    #[test]
    fn the_sponge_is_that_of_the_verifier() {
        let mut random = StdRng::seed_from_u64(5);
        for count in 1usize..6 {
            let domain = Fr::rand(&mut random);
            let absorbed: Vec<Fr> = (0..count).map(|_| Fr::rand(&mut random)).collect();
            let mut state = [domain, Fr::zero(), Fr::zero()];
            for pair in absorbed.chunks(2) {
                state[1] += pair[0];
                state[2] += pair.get(1).copied().unwrap_or_default();
                state = permute_natively(state);
            }

            let mut builder = Builder::new(0);
            let inputs: Vec<Lc> = (0..count).map(|_| Lc::wire(builder.wire())).collect();
            let digest = constrain(&mut builder, domain, &inputs);
            let mut wires = vec![Fr::from(1u64)];
            wires.extend(&absorbed);
            if count == 1 {
                // A second rate element of zero is a constant as well: the gadget is never used so.
                continue;
            }
            assert_eq!(assign(&mut wires, domain, &absorbed), state[1]);
            let out = builder.wire();
            builder.enforce_zero(Kind::Commitment, digest.minus(&Lc::wire(out)));
            wires.push(state[1]);
            let r1cs = builder.finish();
            r1cs.check(&wires).unwrap();
            let permutations = count.div_ceil(2);
            assert_eq!(r1cs.constraints(), permutations * 3 * (8 * 3 + 57) - 3 + 1);
        }
    }
}
