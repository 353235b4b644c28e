//! Lies about keys and cards.

use assay_verifier::{
    card::{Card, Port, Setup, Visibility},
    ids::{ModelDigest, Sha256Digest},
    receipt::Receipt,
    value::{Dtype, TensorType, Type},
};

use super::{Case, Row};

/// Pins the card that the fixture has now.
pub(super) fn pin(case: &mut Case) {
    let digest = Card::digest(&case.fixture.card.to_bytes());
    case.policy["releases"][0]["plan"]["steps"][1]["card"] = digest.to_string().into();
}

/// The honest receipt with other cards.
fn with_cards(case: &Case, cards: &[Vec<u8>]) -> Vec<u8> {
    let honest = case.fixture.receipt();
    let mut receipt = Receipt::new(case.fixture.operation()).expect("in the format");
    honest.evidence().iter().for_each(|evidence| receipt.attach(evidence.clone()));
    honest.openings().iter().for_each(|opening| receipt.open(opening.clone()));
    cards.iter().for_each(|card| receipt.add_card(card.clone()));
    receipt.to_bytes()
}

pub(super) const ROWS: &[Row] = &[
    ("card_says_ceremony", "plan-card", "single-party turned into a ceremony", |case| {
        case.fixture.card.setup = Setup::Ceremony {
            contributions: 5,
            phase1: Sha256Digest::new([1; 32]),
            phase2: Sha256Digest::new([2; 32]),
        };
    }),
    ("card_swapped", "card-unreferenced", "another card beside the same operation", |case| {
        let mut card = case.fixture.card.clone();
        card.compiler = "another".to_owned();
        case.bytes = Some(with_cards(case, &[card.to_bytes()]));
    }),
    ("card_missing", "card-missing", "no card", |case| {
        case.bytes = Some(with_cards(case, &[]));
    }),
    ("card_added", "card-unreferenced", "a second card that no step refers to", |case| {
        let mut card = case.fixture.card.clone();
        card.compiler = "another".to_owned();
        case.bytes = Some(with_cards(case, &[case.fixture.card.to_bytes(), card.to_bytes()]));
    }),
    ("card_of_another_model", "card-model", "a pinned card of another model", |case| {
        case.fixture.card.model = ModelDigest::new([0; 32]);
        pin(case);
    }),
    ("card_of_other_types", "card-types", "a pinned card for other values", |case| {
        let other = TensorType::new(Dtype::I8, &[1, 4], -3).expect("in bounds");
        let kind = Type::Tensor(other);
        case.fixture.card.inputs = vec![Port { kind, visibility: Visibility::Committed }];
        pin(case);
    }),
    ("key_of_another_circuit", "proof-invalid", "a pinned card with another key", |case| {
        let other = crate::trapdoor::Trapdoor::new(3, 2);
        case.fixture.card.key = other.key_bytes();
        pin(case);
    }),
    ("key_too_short", "key-length", "a key for fewer inputs", |case| {
        case.fixture.card.key = crate::trapdoor::Trapdoor::new(2, 1).key_bytes();
        pin(case);
    }),
    ("key_off_the_curve", "key-point", "a key with a bit flipped", |case| {
        case.fixture.card.key[40] ^= 1;
        pin(case);
    }),
    ("key_gamma_equals_delta", "key-degenerate", "a key under which anyone can prove", |case| {
        case.fixture.trapdoor.gamma = case.fixture.trapdoor.delta;
        case.fixture.card.key = case.fixture.trapdoor.key_bytes();
        pin(case);
    }),
    ("key_without_second_phase", "key-degenerate", "delta is the generator", |case| {
        case.fixture.trapdoor.delta = 1u64.into();
        case.fixture.card.key = case.fixture.trapdoor.key_bytes();
        pin(case);
    }),
    ("key_gamma_is_minus_delta", "key-degenerate", "the same, with the sign changed", |case| {
        case.fixture.trapdoor.gamma = -case.fixture.trapdoor.delta;
        case.fixture.card.key = case.fixture.trapdoor.key_bytes();
        pin(case);
    }),
    ("key_alpha_is_the_generator", "key-degenerate", "alpha is the generator of G1", |case| {
        case.fixture.trapdoor.alpha = 1u64.into();
        case.fixture.card.key = case.fixture.trapdoor.key_bytes();
        pin(case);
    }),
    ("key_of_a_single_party", "setup-single-party", "the policy does not accept it", |case| {
        let policy = case.policy.as_object_mut().expect("a policy");
        policy.remove("accept_single_party_setup");
    }),
];
