//! The circuit's polynomials at the secret point τ: the logarithms of a key's points.
//!
//! A_j(X), B_j(X), C_j(X) have column j of the three matrices as their values on the domain H. The key's
//! H and L are made for the prover's way to the quotient ([`crate::prove()`]): with L_i the Lagrange
//! polynomials of the coset gH, k = g^n - 1 and z = X^n - 1, and with T that leaves out X^(n-1),
//!
//! ```text
//! H_i = T(L_i)(τ) z(τ) / (k δ)
//! L_j = (β A_j(τ) + α B_j(τ) + C_j(τ)) / δ  -  T(C_j)(τ) z(τ) / (k δ)
//! ```
//!
//! T changes no proof, for the quotient has no X^(n-1). It makes all of this combinations of the points
//! τ^i z(τ) / δ up to i = n - 2, which every Groth16 key publishes: a prover learns nothing more.

use ark_bls12_381::Fr;
use ark_ff::{AdditiveGroup as _, FftField as _, Field as _};
use ark_poly::{EvaluationDomain as _, Radix2EvaluationDomain};
use rayon::prelude::*;

use super::Secrets;
use crate::{
    Error,
    r1cs::{R1cs, Rows},
};

/// Logarithms of the points of a key.
pub(super) struct Scalars {
    /// For every wire.
    pub(super) a: Vec<Fr>,
    /// For every wire.
    pub(super) b: Vec<Fr>,
    /// For every wire; for a public one, what it takes from the quotient, which is nothing unless it
    /// stands in C.
    pub(super) l: Vec<Fr>,
    /// For every element of the domain.
    pub(super) h: Vec<Fr>,
    /// For the constant and every public input.
    pub(super) inputs: Vec<Fr>,
}

/// Errors: a circuit beyond the field's domains; a τ in the domain.
pub(super) fn evaluate(r1cs: &R1cs, secrets: &Secrets) -> Result<Scalars, Error> {
    let Secrets { alpha, beta, gamma, delta, tau } = secrets;
    let failed = |why: &str| Error::Setup { why: why.to_owned() };
    let domain = Radix2EvaluationDomain::<Fr>::new(r1cs.domain())
        .ok_or_else(|| failed("the circuit has more rows than the field has room for"))?;
    let coset = domain.get_coset(Fr::GENERATOR).ok_or_else(|| failed("there is no coset"))?;
    let z = domain.evaluate_vanishing_polynomial(*tau);
    let k = domain.evaluate_vanishing_polynomial(Fr::GENERATOR);
    let inverse = |of: Fr| of.inverse().ok_or_else(|| failed("a secret is zero"));
    let (by_gamma, by_delta) = (inverse(*gamma)?, inverse(*delta)?);
    if z == Fr::ZERO {
        return Err(failed("the secret point is in the domain"));
    }
    let quotient = z * inverse(k)? * by_delta;

    let lagrange = domain.evaluate_all_lagrange_coefficients(*tau);
    // What T leaves out of the i-th Lagrange polynomial: ω^i / n · τ^(n-1).
    let highest = tau.pow([domain.size() as u64 - 1]);
    let left_out = powers(domain.size_inv() * highest, domain.group_gen(), domain.size());
    let truncated: Vec<Fr> = lagrange.iter().zip(&left_out).map(|(l, x)| *l - x).collect();
    let [rows_a, rows_b, rows_c] = r1cs.rows();
    let ((mut a, b), (c, truncated)) = rayon::join(
        || rayon::join(|| columns(r1cs, rows_a, &lagrange), || columns(r1cs, rows_b, &lagrange)),
        || rayon::join(|| columns(r1cs, rows_c, &lagrange), || columns(r1cs, rows_c, &truncated)),
    );
    // The constant and every public input have a row of their own in A, so that a proof holds for them
    // alone.
    for (a, lagrange) in a.iter_mut().zip(&lagrange[r1cs.constraints()..]).take(inputs_of(r1cs)) {
        *a += lagrange;
    }

    let combined = |wire: usize| *beta * a[wire] + *alpha * b[wire] + c[wire];
    let inputs = (0..inputs_of(r1cs)).map(|wire| combined(wire) * by_gamma).collect();
    let l = (0..r1cs.wires()).into_par_iter().map(|wire| {
        let from_rows = if wire < inputs_of(r1cs) { Fr::ZERO } else { combined(wire) * by_delta };
        from_rows - truncated[wire] * quotient
    });
    let l = l.collect();
    // On the coset, the factor of X^(n-1) is ω^i / (n g^(n-1)).
    let first = inverse(Fr::GENERATOR.pow([domain.size() as u64 - 1]))?;
    let left_out = powers(first * domain.size_inv() * highest, domain.group_gen(), domain.size());
    let mut h = coset.evaluate_all_lagrange_coefficients(*tau);
    h.par_iter_mut().zip(left_out).for_each(|(h, left_out)| *h = (*h - left_out) * quotient);
    Ok(Scalars { a, b, l, h, inputs })
}

const fn inputs_of(r1cs: &R1cs) -> usize {
    r1cs.public_inputs() + 1
}

fn powers(first: Fr, ratio: Fr, count: usize) -> Vec<Fr> {
    core::iter::successors(Some(first), |power| Some(*power * ratio)).take(count).collect()
}

/// Σ_i M_ij · weight_i for every column j.
fn columns(r1cs: &R1cs, rows: &Rows, weights: &[Fr]) -> Vec<Fr> {
    let mut columns = vec![Fr::ZERO; r1cs.wires()];
    for (row, weight) in (0..r1cs.constraints()).zip(weights) {
        for (coefficient, wire) in rows.row(row) {
            columns[wire] += coefficient * weight;
        }
    }
    columns
}
