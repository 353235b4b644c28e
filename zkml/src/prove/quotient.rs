//! The quotient's share of a proof, with four transforms.
//!
//! With a, b, c the polynomials that have A z, B z, C z as values on the domain H, a proof contains
//! h(τ) z(τ) / δ · G for h = (a b - c) / z. On the coset gH, z has one value k = g^n - 1; so with
//! the coset's Lagrange polynomials L_i, and since h has degree n - 2 at most,
//!
//! ```text
//! h = Σ_i (a(g ω^i) b(g ω^i) - c(g ω^i)) / k · L_i = Σ_i a(g ω^i) b(g ω^i) / k · L_i  -  c / k
//! ```
//!
//! up to the degree n - 1, where the two parts cancel each other. The prover has to know the products
//! a b on the coset and nothing else: the first part is the key's H, and c is a fixed combination of the
//! wires, which is in the key's L. The sum is the same point as ever.

use ark_bls12_381::Fr;
use ark_ff::FftField as _;
use ark_poly::{EvaluationDomain as _, Radix2EvaluationDomain};
use rayon::prelude::*;

/// a(g ω^i) b(g ω^i) from the values of a and b on H.
pub(super) fn products(domain: usize, [mut a, mut b]: [Vec<Fr>; 2]) -> Vec<Fr> {
    let domain = Radix2EvaluationDomain::<Fr>::new(domain).expect("a key has this domain");
    let coset = domain.get_coset(Fr::GENERATOR).expect("the generator is not zero");
    let onto_coset = |values: &mut Vec<Fr>| {
        domain.ifft_in_place(values);
        coset.fft_in_place(values);
    };
    rayon::join(|| onto_coset(&mut a), || onto_coset(&mut b));
    a.par_iter_mut().zip(b).for_each(|(a, b)| *a *= b);
    a
}
