//! Which methods a request gets: those that it names, or the first that fit its limits.

use std::collections::BTreeMap;

use assay_verifier::{ids::Name, operation::Methods};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    app::App,
    catalogue::Offered,
    problem::{Problem, Refusal},
};
use crate::{choice::Choice, error::Error};

/// A way to make a claim believable.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[allow(dead_code)] // described, never made: `Method` of the verifier is what is read and written
pub(super) enum MethodName {
    /// The verifier does the step itself.
    Recompute,
    /// An enclave attests that it executed the step.
    Tee,
    /// A Groth16 proof.
    Zk,
}

/// Who chose the methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum ChosenBy {
    /// The request's budget, with or without a deadline.
    Budget,
    /// The request's deadline.
    Deadline,
    /// The operation.
    Default,
    /// The request, by name.
    Request,
}

/// What the request says of methods.
pub(super) struct Wanted {
    /// By step.
    pub(super) methods: Option<BTreeMap<String, Methods>>,
    /// The last proof is there by then.
    pub(super) deadline_ms: Option<u64>,
    /// Processor time.
    pub(super) budget_cpu_ms: Option<u64>,
}

impl Wanted {
    /// One of the operation's choices, and who made it; `backlog_ms` of proving wait already.
    pub(super) fn choose(
        mut self,
        app: &App,
        offered: &Offered,
        backlog_ms: f64,
    ) -> Result<(Choice, ChosenBy), Problem> {
        let limited = match (self.deadline_ms, self.budget_cpu_ms) {
            (None, None) => None,
            (Some(_), None) => Some(ChosenBy::Deadline),
            _ => Some(ChosenBy::Budget),
        };
        match (self.methods.take(), limited) {
            (Some(_), Some(_)) => {
                let why = "methods, or a deadline and a budget to pick them by: not both";
                Err(Refusal::MethodsAndLimits.because(why))
            }
            (Some(methods), None) => {
                let named = |(name, methods): (String, Methods)| {
                    let name = Name::new(&name)
                        .map_err(|error| Error::Methods { why: error.to_string() })?;
                    Ok::<_, Error>((name, methods))
                };
                let methods = methods.into_iter().map(named).collect::<Result<_, _>>()?;
                Ok((offered.runner.definition().choose(&methods)?, ChosenBy::Request))
            }
            (None, None) => {
                let default = offered.choices.first().cloned().unwrap_or_default();
                Ok((default, ChosenBy::Default))
            }
            (None, Some(by)) => {
                let fits = |choice: &&Choice| {
                    expected(app, offered, choice, backlog_ms).is_some_and(|(ms, cpu_ms)| {
                        self.deadline_ms.is_none_or(|limit| ms <= limit as f64)
                            && self.budget_cpu_ms.is_none_or(|limit| cpu_ms <= limit as f64)
                    })
                };
                let choice = offered.choices.iter().find(fits);
                let choice = choice.ok_or_else(|| self.nothing_fits(app, offered, backlog_ms))?;
                Ok((choice.clone(), by))
            }
        }
    }

    fn nothing_fits(&self, app: &App, offered: &Offered, backlog_ms: f64) -> Problem {
        let choices = offered.choices.iter();
        let takes = choices.filter_map(|c| expected(app, offered, c, backlog_ms));
        let least = takes.reduce(|a, b| (a.0.min(b.0), a.1.min(b.1)));
        let limit = |name: &str, limit: Option<u64>| limit.map(|limit| format!("{name} {limit}"));
        let limits =
            [limit("deadline_ms", self.deadline_ms), limit("budget_cpu_ms", self.budget_cpu_ms)];
        let limits = limits.into_iter().flatten().collect::<Vec<_>>().join(" and ");
        Refusal::NothingFits.because(match least {
            Some((ms, cpu_ms)) => format!(
                "no choice of methods is expected to fit {limits}: the quickest takes {ms:.0} ms, the cheapest {cpu_ms:.0} ms of processor time"
            ),
            None => format!("nobody knows what fits {limits}: no choice of methods was measured here yet"),
        })
    }
}

/// Milliseconds until the last proof, and of processor time, as far as they were measured.
fn expected(app: &App, offered: &Offered, choice: &Choice, backlog_ms: f64) -> Option<(f64, f64)> {
    let (answer, proofs) = app.latencies.of(&offered.runner, choice)?;
    let wait = if proofs.ms > 0.0 { backlog_ms } else { 0.0 };
    Some((answer.ms + wait + proofs.ms, answer.cpu_ms + proofs.cpu_ms))
}
