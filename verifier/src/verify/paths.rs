//! By what the ways from each input to each result are shown (FORMAT.md §10.4).

use std::collections::{BTreeMap, BTreeSet};

use super::examination::Examination;
use crate::{
    operation::{Method, Methods},
    receipt::Receipt,
    report::PathReport,
};

/// Methods at the steps of one way; `None` stands for a step that nothing shows.
type Way = BTreeSet<Option<Method>>;

/// Lists them where the plan is the release's: its owner bounds the work, not the receipt. There
/// are at most 16 different sets for an input and a value, however many ways.
pub(super) fn list(exam: &mut Examination<'_>, receipt: &Receipt) {
    if !exam.plan_is_the_releases {
        return;
    }
    let operation = receipt.operation();
    // For each value, the sets by which each input reaches it.
    let mut reached: BTreeMap<u32, BTreeSet<(u32, Way)>> =
        operation.inputs().map(|(index, _)| (index, [(index, Way::new())].into())).collect();
    for (step, report) in operation.steps.iter().zip(&exam.report.steps) {
        let ways = step.inputs.iter().filter_map(|input| reached.get(input)).flatten();
        let longer: BTreeSet<_> = ways
            .map(|(input, way)| {
                let mut way = way.clone();
                way.extend(shown_by(&report.held));
                (*input, way)
            })
            .collect();
        for output in &step.outputs {
            reached.insert(*output, longer.clone());
        }
    }
    for result in &exam.release.plan().results {
        let index = (0u32..).zip(&operation.values).find(|(_, value)| value.name == *result);
        let Some(ways) = index.and_then(|(index, _)| reached.get(&index)) else { continue };
        for (index, input) in operation.inputs() {
            let sets = ways.iter().filter(|(from, _)| *from == index);
            let methods: Vec<Vec<_>> = sets
                .map(|(_, way)| way.iter().map(|m| m.map_or("none", Method::name)).collect())
                .collect();
            if !methods.is_empty() {
                let (input, result) = (input.name.clone(), result.clone());
                exam.report.paths.push(PathReport { input, result, methods });
            }
        }
    }
}

fn shown_by(held: &Methods) -> impl Iterator<Item = Option<Method>> + '_ {
    held.iter().map(Some).chain(held.is_empty().then_some(None))
}
