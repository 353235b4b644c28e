use super::*;

const PLAIN: Sampling = Sampling {
    temperature: 1.0,
    top_p: 1.0,
    top_k: 0,
    min_p: 0.0,
    repetition_penalty: 1.0,
    frequency_penalty: 0.0,
    presence_penalty: 0.0,
    seed: 7,
};

fn logits(shares: &[f64]) -> Vec<f32> {
    shares.iter().map(|share| share.ln() as f32).collect()
}

/// How often each token is drawn, of 4000 draws.
fn counts(sampling: Sampling, shares: &[f64]) -> Vec<u32> {
    let mut sampler = Sampler::new(sampling, &[]);
    let mut counts = vec![0; shares.len()];
    for _ in 0..4000 {
        counts[sampler.draw(&logits(shares)) as usize] += 1;
    }
    counts
}

#[test]
fn temperature_zero_takes_the_likeliest_and_the_lower_of_equals() {
    let mut sampler = Sampler::new(Sampling { temperature: 0.0, ..PLAIN }, &[]);
    assert_eq!(sampler.choose(&mut [0.0, 2.0, 2.0, 1.0]), 1);
    assert_eq!(sampler.choose(&mut [f32::NAN, -2.0, f32::INFINITY, -1.0]), 3);
    assert_eq!(sampler.choose(&mut [f32::NAN; 3]), 0);
}

#[test]
fn tokens_are_drawn_as_often_as_they_are_likely() {
    let counts = counts(PLAIN, &[0.5, 0.25, 0.125, 0.125]);
    for (count, expected) in counts.iter().zip([2000, 1000, 500, 500]) {
        assert!(count.abs_diff(expected) < 120, "{counts:?}");
    }
}

#[test]
fn a_temperature_of_a_half_squares_the_shares() {
    let counts = counts(Sampling { temperature: 0.5, ..PLAIN }, &[0.6, 0.3, 0.1]);
    // 0.36, 0.09, 0.01 of 0.46.
    for (count, expected) in counts.iter().zip([3130, 783, 87]) {
        assert!(count.abs_diff(expected) < 120, "{counts:?}");
    }
}

#[test]
fn cuts_leave_out_what_they_say() {
    let shares = [0.1, 0.4, 0.2, 0.3];
    let left =
        |sampling| counts(sampling, &shares).iter().map(|count| *count > 0).collect::<Vec<_>>();
    assert_eq!(left(PLAIN), [true; 4]);
    assert_eq!(left(Sampling { top_k: 2, ..PLAIN }), [false, true, false, true]);
    assert_eq!(left(Sampling { top_k: 9, ..PLAIN }), [true; 4]);
    assert_eq!(left(Sampling { top_p: 0.69, ..PLAIN }), [false, true, false, true]);
    assert_eq!(left(Sampling { top_p: 0.71, ..PLAIN }), [false, true, true, true]);
    assert_eq!(left(Sampling { top_p: 1e-6, ..PLAIN }), [false, true, false, false]);
    assert_eq!(left(Sampling { min_p: 0.6, ..PLAIN }), [false, true, false, true]);
    // 0.4 and 0.3 are left; of their 0.7, the first has less than 0.6.
    assert_eq!(left(Sampling { top_k: 2, top_p: 0.5, ..PLAIN }), [false, true, false, false]);
}

#[test]
fn a_share_of_a_wide_vocabulary_is_found_without_sorting_it() {
    let mut kept: Vec<(u32, f32)> = (0..50_000).map(|token| (token, 0.0)).collect();
    keep_share(&mut kept, 25_000.0, &|_| 1.0);
    assert_eq!(kept.len(), 25_000);
    assert_eq!(kept.iter().map(|(token, _)| *token).max(), Some(24_999));
}

#[test]
fn penalties_are_for_what_occurred() {
    let sampling = Sampling {
        temperature: 0.0,
        repetition_penalty: 2.0,
        frequency_penalty: 0.5,
        presence_penalty: 0.25,
        ..PLAIN
    };
    let mut sampler = Sampler::new(sampling, &[0, 1, 900]);
    let mut first = [4.0, -4.0, 3.0, 1.0];
    assert_eq!(sampler.choose(&mut first), 2);
    assert_eq!(first, [2.0, -8.0, 3.0, 1.0]); // of the prompt: the repetition penalty alone
    let mut second = [0.0, 0.0, 3.0, 0.0];
    sampler.choose(&mut second);
    assert_eq!(second, [0.0, 0.0, 0.75, 0.0]); // 3 / 2 - 0.5 - 0.25
    let mut third = [0.0, 0.0, 3.0, 0.0];
    sampler.choose(&mut third);
    assert_eq!(third[2], 0.25);
}

#[test]
fn a_seed_gives_one_answer_and_another_seed_another() {
    let draw = |seed| {
        let mut sampler = Sampler::new(Sampling { seed, ..PLAIN }, &[]);
        (0..64).map(|_| sampler.choose(&mut [0.0; 16])).collect::<Vec<_>>()
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
    assert_ne!(draw(1), draw(1 << 63 | 1));
    // The generator is ChaCha20 by RFC 8439's block function with the key 1, 0, …: its first eight bytes.
    let mut key = [0; 32];
    key[0] = 1;
    assert_eq!(draw(1)[0], (ChaCha20Rng::from_seed(key).next_u64() >> 60) as u32);
}

#[test]
fn logprobs_are_those_of_the_model() {
    let (own, first) = logprobs(&logits(&[0.1, 0.4, 0.2, 0.3]), 2, 3);
    assert!((own - 0.2_f32.ln()).abs() < 1e-6);
    assert_eq!(first.iter().map(|(token, _)| *token).collect::<Vec<_>>(), [1, 3, 2]);
    assert!((first[0].1 - 0.4_f32.ln()).abs() < 1e-6);
    assert!(logprobs(&[1.0, 2.0], 0, 0).1.is_empty());
    assert_eq!(logprobs(&[1.0, 2.0], 0, 20).1.len(), 2);
}
