//! How the next token is chosen among a model's logits: penalties, temperature, cuts, one draw.
//!
//! The order: penalties; temperature 0 takes the likeliest token; else division by the temperature, then the cuts
//! `top_k`, `top_p`, `min_p`, each on what the one before left; then one draw. Among equals the lower token goes
//! first. One seed and one model give one answer.

use std::{cmp::Ordering, collections::BTreeMap};

use chacha20::{
    ChaCha20Rng,
    rand_core::{Rng as _, SeedableRng as _},
};

use super::generation::Sampling;

/// Chooses the tokens of one answer.
pub(super) struct Sampler {
    sampling: Sampling,
    random: ChaCha20Rng,
    /// Tokens that occurred, and how often in the answer.
    seen: BTreeMap<u32, u32>,
}

/// A token, and its natural logarithm of probability.
pub(super) type Logprob = (u32, f32);

impl Sampler {
    /// The generator's key is the seed, 8 bytes, little-endian, and zeros.
    pub(super) fn new(sampling: Sampling, prompt: &[u32]) -> Self {
        let mut key = [0; 32];
        let (head, _) = key.split_at_mut(8);
        head.copy_from_slice(&sampling.seed.to_le_bytes());
        let seen = prompt.iter().map(|token| (*token, 0)).collect();
        Self { sampling, random: ChaCha20Rng::from_seed(key), seen }
    }

    /// The next token. Logits that are not finite are never chosen; of none that is, token 0.
    pub(super) fn choose(&mut self, logits: &mut [f32]) -> u32 {
        self.penalise(logits);
        let token =
            if self.sampling.temperature > 0.0 { self.draw(logits) } else { likeliest(logits) };
        let count = self.seen.entry(token).or_insert(0);
        *count = count.saturating_add(1);
        token
    }

    fn penalise(&self, logits: &mut [f32]) {
        let Sampling { repetition_penalty, frequency_penalty, presence_penalty, .. } =
            self.sampling;
        if (repetition_penalty, frequency_penalty, presence_penalty) == (1.0, 0.0, 0.0) {
            return;
        }
        for (token, count) in &self.seen {
            let Some(logit) = usize::try_from(*token).ok().and_then(|at| logits.get_mut(at)) else {
                continue;
            };
            *logit *= if *logit > 0.0 { 1.0 / repetition_penalty } else { repetition_penalty };
            if *count > 0 {
                *logit -= frequency_penalty * (*count as f32) + presence_penalty;
            }
        }
    }

    fn draw(&mut self, logits: &[f32]) -> u32 {
        let Sampling { temperature, top_p, top_k, min_p, .. } = self.sampling;
        // 53 bits, as a real below 1.
        let draw = (self.random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        let most =
            logits.iter().copied().filter(|logit| logit.is_finite()).fold(f32::MIN, f32::max);
        let weight = |logit: f32| (f64::from(logit - most) / f64::from(temperature)).exp();
        let mut kept: Vec<(u32, f32)> = (0..).zip(logits.iter().copied()).collect();
        kept.retain(|(_, logit)| logit.is_finite());
        if top_k > 0 {
            keep_first(&mut kept, usize::try_from(top_k).unwrap_or(usize::MAX));
        }
        if top_p < 1.0 {
            let total: f64 = kept.iter().map(|(_, logit)| weight(*logit)).sum();
            keep_share(&mut kept, total * f64::from(top_p), &weight);
        }
        if min_p > 0.0 {
            kept.retain(|(_, logit)| weight(*logit) >= f64::from(min_p));
        }
        // By number, whichever cuts there were: a draw does not depend on how they were made.
        kept.sort_unstable_by_key(|(token, _)| *token);
        let total: f64 = kept.iter().map(|(_, logit)| weight(*logit)).sum();
        let mut left = draw * total;
        for (token, logit) in &kept {
            left -= weight(*logit);
            if left < 0.0 {
                return *token;
            }
        }
        kept.last().map_or(0, |(token, _)| *token)
    }
}

/// The likeliest token.
fn likeliest(logits: &[f32]) -> u32 {
    let finite = (0..).zip(logits.iter().copied()).filter(|(_, logit)| logit.is_finite());
    finite.min_by(likelier_first).map_or(0, |(token, _)| token)
}

fn likelier_first((a, x): &(u32, f32), (b, y): &(u32, f32)) -> Ordering {
    y.total_cmp(x).then(a.cmp(b))
}

/// Keeps the `count` likeliest, in no order.
fn keep_first(kept: &mut Vec<(u32, f32)>, count: usize) {
    if count < kept.len() {
        kept.select_nth_unstable_by(count, likelier_first);
        kept.truncate(count);
    }
}

/// Keeps the fewest of the likeliest that have `share` together; at least one. Sorts no more than it must.
fn keep_share(kept: &mut Vec<(u32, f32)>, share: f64, weight: &dyn Fn(f32) -> f64) {
    let mut count = 64;
    loop {
        let mut first = kept.clone();
        keep_first(&mut first, count);
        first.sort_unstable_by(likelier_first);
        let mut sum = 0.0;
        let enough = first.iter().position(|(_, logit)| {
            sum += weight(*logit);
            sum >= share
        });
        if enough.is_some() || first.len() == kept.len() {
            first.truncate(enough.map_or(first.len(), |at| at + 1).max(1));
            *kept = first;
            return;
        }
        count *= 8;
    }
}

/// Logarithms of probability before temperature, penalties and cuts: the token's own, and those of the `count` likeliest, likeliest first.
pub(super) fn logprobs(logits: &[f32], token: u32, count: u8) -> (f32, Vec<Logprob>) {
    let finite = || (0..).zip(logits.iter().copied()).filter(|(_, logit)| logit.is_finite());
    let most = finite().fold(f32::MIN, |most, (_, logit)| most.max(logit));
    let sum: f64 = finite().map(|(_, logit)| f64::from(logit - most).exp()).sum();
    let of = |logit: f32| (f64::from(logit - most) - sum.ln()) as f32;
    let own = usize::try_from(token).ok().and_then(|at| logits.get(at));
    let own = own.filter(|logit| logit.is_finite()).map_or(f32::MIN, |logit| of(*logit));
    let mut first: Vec<Logprob> = finite().collect();
    keep_first(&mut first, usize::from(count));
    first.sort_unstable_by(likelier_first);
    (own, first.into_iter().map(|(token, logit)| (token, of(logit))).collect())
}

#[cfg(test)]
mod tests;
