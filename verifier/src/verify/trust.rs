//! The trust bill: what remains to be believed after all checks (FORMAT.md §10.3).

use std::collections::{BTreeMap, BTreeSet};

use super::{Clock, cards::Checked, examination::Examination};
use crate::{
    card::Setup,
    ids::{CardDigest, Name},
    operation::{Method, Methods, Operation, Step},
    printable,
    receipt::Receipt,
    report::TrustLine,
    text::joined,
};

pub(super) fn bill(
    exam: &mut Examination<'_>,
    receipt: &Receipt,
    cards: &BTreeMap<CardDigest, Checked>,
) {
    let operation = receipt.operation();
    let mut told = BTreeSet::new();
    for (index, step) in (0u32..).zip(&operation.steps) {
        let held = held(exam, index);
        for assumption in assumptions(exam, index, step, &held, cards, &mut told) {
            exam.trust(TrustLine { step: Some(step.name.clone()), assumption });
        }
    }
    let whole = |assumption: String| TrustLine { step: None, assumption };
    for (_, value) in operation.inputs() {
        let name = &value.name;
        exam.trust(whole(format!(
            "how the committed input {name} was made from anything else (a picture, a file) is not covered"
        )));
    }
    // Results that rest on the same steps stand on one line: there may be a thousand of each.
    let mut unshown: BTreeMap<Vec<u32>, Vec<&Name>> = BTreeMap::new();
    for name in &exam.release.plan().results {
        let word = operators_word(exam, operation, name);
        if !word.is_empty() {
            unshown.entry(word).or_default().push(name);
        }
    }
    for (word, results) in unshown {
        let named = joined(results.len(), results.iter().map(|name| (*name).to_string()));
        let steps =
            word.iter().filter_map(|index| operation.steps.get(usize::try_from(*index).ok()?));
        let steps = joined(word.len(), steps.map(|step| step.name.to_string()));
        exam.trust(whole(match results.len() {
            1 => format!("result {named} rests on the operator's word at: {steps}"),
            _ => format!("results {named} rest on the operator's word at: {steps}"),
        }));
    }
    let anywhere = |method| exam.report.steps.iter().any(|step| step.held.contains(method));
    let (attested, proved) = (anywhere(Method::Tee), anywhere(Method::Zk));
    if exam.clock == Clock::Archived && attested {
        exam.trust(whole(
            "keys were attested at the times above; when they signed is not proved".to_owned(),
        ));
    }
    if !attested {
        let outcome = &operation.outcome;
        exam.trust(whole(format!(
            "the operator's word: that the outcome was {outcome}, which no enclave signed"
        )));
        let when = match proved {
            true => "a proof is as new as the nonce, the values that it is of may be older",
            false => "anyone can write the nonce beside values of another run",
        };
        exam.trust(whole(format!("the operator's word: that it ran for this nonce; {when}")));
    }
    if exam.own_nonces().next().is_none() {
        exam.trust(whole(
            "the receipt may be old: its nonce is not the relying party's".to_owned(),
        ));
    }
}

fn held(exam: &Examination<'_>, index: u32) -> Methods {
    let report = usize::try_from(index).ok().and_then(|at| exam.report.steps.get(at));
    report.map(|step| step.held.clone()).unwrap_or_default()
}

fn assumptions(
    exam: &Examination<'_>,
    index: u32,
    step: &Step,
    held: &Methods,
    cards: &BTreeMap<CardDigest, Checked>,
    told: &mut BTreeSet<Name>,
) -> Vec<String> {
    let mut lines = Vec::new();
    if held.is_empty() {
        lines.push("the operator's word".to_owned());
    }
    // A circuit has no settings, and nobody signed them.
    let by_proof_alone = held.contains(Method::Zk) && !held.contains(Method::Tee);
    if by_proof_alone && !step.settings.is_empty() {
        let names: Vec<_> = step.settings.keys().map(Name::as_str).collect();
        lines.push(format!(
            "the operator's word: its settings ({}), which no proof covers",
            names.join(", ")
        ));
    }
    // What is drawn can be drawn again, by whoever asks again.
    if step.settings.keys().any(|setting| setting.as_str() == "seed") {
        lines.push(
            "that this answer was the only one produced: a receipt cannot show it".to_owned(),
        );
    }
    if held.contains(Method::Recompute) {
        lines.push("nothing: recomputed here".to_owned());
    }
    if held.contains(Method::Tee) {
        lines.extend(of_tee(exam, index, told));
    }
    let checked = step.card.and_then(|digest| cards.get(&digest));
    if let Some(checked) = checked.filter(|_| held.contains(Method::Zk)) {
        lines.extend(of_zk(checked));
    }
    lines
}

/// Root and registers of an image once, at the first step that it attests: a thousand steps may be one image's.
fn of_tee(exam: &Examination<'_>, index: u32, told: &mut BTreeSet<Name>) -> Vec<String> {
    let Some(planned) = exam.release.plan().step(index) else { return Vec::new() };
    let mut lines = Vec::new();
    let attested = exam.attested.get(&index);
    for (name, image) in exam.release.images_of(planned).filter(|(n, _)| Some(*n) == attested) {
        if !told.insert(name.clone()) {
            lines.push(format!(
                "image {name}, by its root and registers above: that its code, libtorch included, runs the model it names"
            ));
            continue;
        }
        let root = image.root();
        let who = printable(root.subject_common_name());
        let sha256 = hex::encode(root.sha256());
        lines.push(match (root.is_aws(), root.is_development()) {
            (true, _) => "AWS Nitro hardware root G1".to_owned(),
            (false, true) => format!(
                "not AWS: development attester, root {who:?} {sha256} named by the policy; whoever holds its key can attest anything"
            ),
            (false, false) => format!("not AWS: root {who:?} {sha256} named by the policy"),
        });
        let pinned = image.pcrs().iter().map(|(index, pcr)| format!("PCR{index} {pcr}"));
        let pinned = pinned.collect::<Vec<_>>().join(", ");
        lines.push(format!(
            "image {name}, {pinned}: that its code, libtorch included, runs the model it names"
        ));
        if image.accepts_configuration_not_pinned() {
            lines.push(format!(
                "image {name} may be configured with anything: its policy does not pin that"
            ));
        }
        if image.accepts_debug_enclave() {
            lines.push(format!("image {name} may be a debug enclave: its host could change it"));
        }
    }
    lines.push("integrity only: the host sees inputs and outputs".to_owned());
    lines
}

fn of_zk(checked: &Checked) -> Vec<String> {
    let (card, key) = (&checked.card, checked.key.id());
    let setup = match &card.setup {
        Setup::SingleParty => {
            format!("single-party setup of key {key}: whoever made it can forge proofs")
        }
        Setup::Ceremony { contributions, phase1, phase2 } => format!(
            "ceremony, according to the card you pinned: one honest participant in each phase of key {key} ({contributions} contributions, transcripts {phase1} and {phase2})"
        ),
    };
    let (circuit, model, compiler) = (card.circuit, card.model, &card.compiler);
    vec![
        setup,
        format!(
            "circuit {circuit} is model {model} compiled by {compiler}: by the card you pinned, not recompiled here"
        ),
        "the mathematics of Groth16 over BLS12-381, and of Poseidon".to_owned(),
    ]
}

/// Steps on some path to a result for which nothing holds.
fn operators_word(exam: &Examination<'_>, operation: &Operation, result: &Name) -> Vec<u32> {
    let mut wanted: BTreeSet<u32> = (0u32..)
        .zip(&operation.values)
        .filter(|(_, value)| value.name == *result)
        .map(|(index, _)| index)
        .collect();
    let mut word = Vec::new();
    let steps: Vec<_> = (0u32..).zip(&operation.steps).collect();
    for (index, step) in steps.into_iter().rev() {
        if step.outputs.iter().any(|output| wanted.contains(output)) {
            wanted.extend(&step.inputs);
            if held(exam, index).is_empty() {
                word.push(index);
            }
        }
    }
    word.reverse();
    word
}
