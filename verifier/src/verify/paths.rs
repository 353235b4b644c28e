//! By what the ways from each input to each result are shown (FORMAT.md §10.4).

use std::collections::BTreeMap;

use super::examination::Examination;
use crate::{
    operation::{Method, Methods},
    receipt::Receipt,
    report::PathReport,
};

/// Most paths that a report lists.
const MOST: usize = 1024;

/// What shows a step of a way, in the order of reports: nothing, or a method.
const SHOWN_BY: [(&str, Option<Method>); 4] = [
    ("none", None),
    ("recompute", Some(Method::Recompute)),
    ("tee", Some(Method::Tee)),
    ("zk", Some(Method::Zk)),
];

/// A set of [`SHOWN_BY`], a bit each; and the ways of a value, a bit for each of the 16 sets.
type Set = u8;
type Ways = u16;

/// Lists them where the plan is the release's. A value has 16 different ways to a result at most, however many there are.
pub(super) fn list(exam: &mut Examination<'_>, receipt: &Receipt) {
    let operation = receipt.operation();
    let shown: Vec<Set> = exam.report.steps.iter().map(|step| shown_by(&step.held)).collect();
    let index = operation.values.iter().zip(0u32..).map(|(value, index)| (&value.name, index));
    let index: BTreeMap<_, u32> = index.collect();
    let inputs: Vec<_> = operation.inputs().collect();
    for result in &exam.release.plan().results {
        let Some(result_index) = index.get(result) else { continue };
        // From the result backwards: a step comes before whatever takes what it gives.
        let mut ways: BTreeMap<u32, Ways> = [(*result_index, 1)].into();
        for (step, shown) in operation.steps.iter().zip(&shown).rev() {
            let given = step.outputs.iter().filter_map(|output| ways.get(output));
            let longer = with(given.fold(0, |all, ways| all | ways), *shown);
            if longer != 0 {
                for input in &step.inputs {
                    *ways.entry(*input).or_default() |= longer;
                }
            }
        }
        for (index, input) in &inputs {
            let Some(ways) = ways.get(index) else { continue };
            if exam.report.paths.len() == MOST {
                return;
            }
            let (input, result) = (input.name.clone(), result.clone());
            exam.report.paths.push(PathReport { input, result, methods: methods(*ways) });
        }
    }
}

fn shown_by(held: &Methods) -> Set {
    let bits = SHOWN_BY.iter().zip(0u32..).filter(|((_, method), _)| match method {
        None => held.is_empty(),
        Some(method) => held.contains(*method),
    });
    bits.fold(0, |set, (_, bit)| set | 1u8.checked_shl(bit).unwrap_or_default())
}

/// The ways with one more step on each.
fn with(ways: Ways, step: Set) -> Ways {
    let longer = |all: Ways, set: u8| match ways & bit(set) {
        0 => all,
        _ => all | bit(set | step),
    };
    (0..16).fold(0, longer)
}

fn bit(set: Set) -> Ways {
    1u16.checked_shl(set.into()).unwrap_or_default()
}

/// The sets in words, in the order of reports.
fn methods(ways: Ways) -> Vec<Vec<&'static str>> {
    let sets = (0u8..16).filter(|set| ways & bit(*set) != 0);
    let words = |set: u8| -> Vec<_> {
        let named = SHOWN_BY.iter().zip(0u32..);
        let there = named.filter(|(_, at)| set & 1u8.checked_shl(*at).unwrap_or_default() != 0);
        there.map(|((word, _), _)| *word).collect()
    };
    let mut sets: Vec<_> = sets.map(words).collect();
    sets.sort_unstable();
    sets
}
