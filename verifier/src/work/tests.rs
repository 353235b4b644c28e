//! FORMAT.md §10.7, for every vector and for what was made to be slow.

use std::{collections::BTreeMap, fs, path::PathBuf};

use super::{
    Work,
    counted::{Counts, count},
};
use crate::{
    BatchItem, Clock, Expected, UnixMillis,
    card::Card,
    evidence::Evidence,
    explain,
    ids::{Name, Nonce},
    operation::Function,
    policy::Policy,
    receipt::Receipt,
    verify, verify_archived, verify_batch,
};

struct Vector {
    name: String,
    accepted: bool,
    clock: Clock,
    policy: Policy,
    expected: Expected,
    receipt: Vec<u8>,
}

fn folder() -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", "tests", "vectors"].iter().collect()
}

/// A vector whose policy can be read; `None` for the others.
fn read(name: &str) -> Option<Vector> {
    let file = fs::read(folder().join(name)).unwrap();
    let end = file.windows(2).position(|two| two == b"\n\n").unwrap();
    let head = std::str::from_utf8(&file[..end]).unwrap();
    let field = |key: &str| head.lines().find_map(|line| line.strip_prefix(&format!("{key}: ")));
    let now = field("now_ms").map(|now| UnixMillis::new(now.parse().unwrap()).unwrap());
    let values = head.lines().filter_map(|line| line.strip_prefix("value ")?.split_once(": "));
    let values: BTreeMap<_, _> =
        values.map(|(name, hex)| (Name::new(name).unwrap(), hex::decode(hex).unwrap())).collect();
    let nonce = field("nonce").map(|nonce| nonce.parse::<Nonce>().unwrap());
    let policy = fs::read(folder().join(field("policy").unwrap())).unwrap();
    Some(Vector {
        name: name.to_owned(),
        accepted: field("expect") == Some("accepted"),
        clock: now.map_or(Clock::Archived, Clock::Live),
        policy: Policy::from_json(&policy).ok()?,
        expected: Expected { nonce, values },
        receipt: file[end + 2..].to_vec(),
    })
}

fn all() -> Vec<Vector> {
    let names = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name());
    let names = names.map(|name| name.into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.ends_with(".txt")).collect();
    names.sort();
    names.iter().filter_map(|name| read(name)).collect()
}

fn within(vector: &Vector, done: &Counts) {
    let Vector { name, policy, receipt, expected, .. } = vector;
    let arrived = receipt.len() + expected.values.values().map(Vec::len).sum::<usize>();
    let plan_is_a_releases = Receipt::from_bytes(receipt).is_ok_and(|receipt| {
        let releases = policy.releases().iter();
        releases.filter(|r| r.plan().compare(receipt.operation()).is_ok()).count() > 0
    });
    let (mut attested, mut proved, mut values, mut elements) = (0, 0, 0, 0);
    let mut inputs = 0;
    let cards = Receipt::from_bytes(receipt);
    let cards: Vec<_> = cards.iter().flat_map(|receipt| receipt.cards()).collect();
    let inputs_of = |digest| {
        let card = cards.iter().find(|(found, _)| *found == digest);
        card.and_then(|(_, card)| Some(Card::from_bytes(card).ok()?.public_inputs() + 1))
            .unwrap_or(0)
    };
    for plan in policy.releases().iter().map(|release| release.plan()) {
        attested += plan.steps.iter().filter(|step| !step.images.is_empty()).count();
        proved += plan.steps.iter().filter(|step| step.card.is_some()).count();
        inputs += plan.steps.iter().filter_map(|step| step.card).map(inputs_of).sum::<usize>();
        values += plan.values.len();
        for step in plan.steps.iter().filter(|step| matches!(step.function, Function::Glue(_))) {
            let taken = plan.values.iter().filter(|value| step.inputs.contains(&value.name));
            elements += taken.filter_map(|v| Some(v.kind.tensor()?.elements())).sum::<usize>();
        }
    }
    let at_most = |work, most: usize| {
        let most = if plan_is_a_releases || work == Work::Hashed { most } else { 0 };
        assert!(done.of(work) <= most, "{name}: {work:?} {} times, at most {most}", done.of(work));
    };
    at_most(Work::Hashed, 4 * arrived + 4096 + 1024 * (values + attested) + 64 * inputs);
    at_most(Work::Permutation, arrived / 56 + 2 * values);
    at_most(Work::Signature, 11 * attested);
    at_most(Work::Point, receipt.len() / 48 + 3 * proved);
    at_most(Work::Product, inputs);
    at_most(Work::Pairing, 3 * proved);
    at_most(Work::Element, elements);
}

#[test]
fn work_is_bounded_by_receipt_and_policy() {
    let vectors = all();
    assert!(vectors.len() > 90, "{}", vectors.len());
    let mut accepted = 0;
    for vector in &vectors {
        let Vector { clock, policy, expected, receipt, .. } = vector;
        within(vector, &count(|| drop(explain(receipt, policy, *clock, expected))));
        within(
            vector,
            &count(|| match clock {
                Clock::Live(now) => drop(verify(receipt, policy, *now, expected)),
                Clock::Archived => drop(verify_archived(receipt, policy, expected)),
            }),
        );
        accepted += usize::from(vector.accepted);
    }
    assert!(accepted > 10, "{accepted}");
}

/// What is counted is done: a receipt with all three methods does all of it.
#[test]
fn every_kind_of_work_is_counted() {
    let Vector { clock, policy, expected, receipt, .. } = read("accepted_public.txt").unwrap();
    let done = count(|| assert_eq!(explain(&receipt, &policy, clock, &expected).code, None));
    for work in [
        Work::Element,
        Work::Hashed,
        Work::Pairing,
        Work::Permutation,
        Work::Point,
        Work::Product,
        Work::Signature,
    ] {
        assert!(done.of(work) > 0, "{work:?}");
    }
}

/// An operation of a thousand steps of attestation and proof, under a policy of three steps: its evidence, its cards and its
/// values are not looked at, under however many releases.
#[test]
fn what_the_plan_excludes_costs_its_reading() {
    let Vector { clock, policy, expected, receipt, .. } =
        read("accepted_second_release.txt").unwrap();
    let honest = Receipt::from_bytes(&receipt).unwrap();
    let mut operation = honest.operation().clone();
    for step in 0..1000 {
        let mut more = operation.steps[1].clone();
        more.name = Name::new(&format!("more-{step}")).unwrap();
        let mut output = operation.values[2].clone();
        output.name = more.name.clone();
        more.outputs = vec![u32::try_from(operation.values.len()).unwrap()];
        operation.values.push(output);
        operation.steps.push(more);
    }
    let mut hostile = Receipt::new(operation).unwrap();
    for evidence in honest.evidence() {
        if let Evidence::Zk { proof, .. } = evidence {
            // Whatever promises a proof has one: the glue does not.
            for step in (1..1000).filter(|step| *step != 2) {
                hostile.attach(Evidence::Zk { proof: proof.clone(), step });
            }
        }
    }
    for (_, card) in honest.cards() {
        hostile.add_card(card.to_vec());
    }
    honest.openings().iter().for_each(|opening| hostile.open(opening.clone()));
    let bytes = hostile.to_bytes();
    assert!(bytes.len() > 300_000);
    let done = count(|| {
        let report = explain(&bytes, &policy, clock, &expected);
        assert_eq!(report.code, Some("plan-values"));
        assert!(report.to_json().len() < 100_000);
    });
    assert!(done.of(Work::Hashed) < 2 * bytes.len());
    for work in [Work::Pairing, Work::Permutation, Work::Point, Work::Product, Work::Signature] {
        assert_eq!(done.of(work), 0, "{work:?}");
    }
}

/// A card that the policy does not pin is not decoded to points: its step is not the policy's.
#[test]
fn a_card_that_is_not_pinned_costs_its_reading() {
    let Vector { clock, policy, expected, receipt, .. } = read("demand_not_pinned.txt").unwrap();
    let done = count(|| {
        let report = explain(&receipt, &policy, clock, &expected);
        assert_eq!(report.code, Some("plan-card"));
    });
    assert_eq!((done.of(Work::Point), done.of(Work::Pairing)), (0, 0));
}

/// False proofs of one receipt cost the others of a batch no more than trying groups in vain, which is bounded; and what a
/// policy refuses before proofs are looked at costs nothing.
#[test]
fn a_hostile_receipt_costs_the_others_little() {
    let honest = read("accepted.txt").unwrap();
    let hostile = read("zk_point_negated.txt").unwrap();
    let excluded = read("plan_other_nonce.txt").unwrap();
    let Clock::Live(now) = honest.clock else { panic!("archived") };
    let work = |vectors: &[&Vector]| {
        let items: Vec<_> = vectors
            .iter()
            .map(|v| BatchItem { receipt: &v.receipt, policy: &v.policy, expected: &v.expected })
            .collect();
        count(|| {
            for (vector, answer) in vectors.iter().zip(verify_batch(&items, now)) {
                assert_eq!(answer.is_ok(), vector.accepted, "{}", vector.name);
            }
        })
    };
    let alone = work(&[&honest]).of(Work::Pairing);
    assert_eq!(alone, 3);
    // Together: a term for each proof, and three for the one key.
    assert_eq!(work(&[&honest; 32]).of(Work::Pairing), 32 + 3);
    let mut mixed = vec![&honest; 32];
    for (at, count) in [(7, 1), (20, 9)] {
        mixed[at..at + count].fill(&hostile);
        // Groups in vain: at most twice the statements, each a term, and three for the key of each group.
        let most = 2 * 32 + 3 * 64 + mixed.iter().filter(|v| !v.accepted).count() * 3 + 32 + 3 * 32;
        assert!(work(&mixed).of(Work::Pairing) <= most, "{}", work(&mixed).of(Work::Pairing));
    }
    let done = work(&vec![&excluded; 32]);
    for kind in [Work::Pairing, Work::Point, Work::Product, Work::Permutation, Work::Signature] {
        assert_eq!(done.of(kind), 0, "{kind:?}");
    }
}
