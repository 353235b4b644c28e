//! The state of an examination: checks so far, first failure, methods that held.

use std::collections::BTreeMap;

use super::{Clock, Outcome, ResultValue};
use crate::{
    Error,
    ids::Name,
    operation::{Method, Methods},
    policy::{Policy, Release},
    receipt::Receipt,
    report::{Check, Mode, Report, Status, StepReport, TrustLine, Verdict},
};

pub(super) struct Examination<'a> {
    pub(super) policy: &'a Policy,
    pub(super) release: &'a Release,
    pub(super) clock: Clock,
    pub(super) report: Report,
    pub(super) results: Vec<ResultValue>,
    /// The images that attested steps, by the step's index.
    pub(super) attested: BTreeMap<u32, Name>,
    /// Whether steps, functions, wiring and types are the release's.
    pub(super) plan_is_the_releases: bool,
    first: Option<Error>,
}

impl<'a> Examination<'a> {
    pub(super) fn new(policy: &'a Policy, release: &'a Release, clock: Clock) -> Self {
        let mode = match clock {
            Clock::Archived => Mode::Archived,
            Clock::Live(now) => Mode::Live { now_ms: now.get() },
        };
        let report = Report {
            verdict: Verdict::Refused,
            code: None,
            mode,
            policy: policy.digest(),
            release: None,
            operation: None,
            checks: Vec::new(),
            steps: Vec::new(),
            values: Vec::new(),
            results: Vec::new(),
            loosened: policy.loosened(),
            trust: Vec::new(),
            paths: Vec::new(),
        };
        Self {
            policy,
            release,
            clock,
            report,
            results: Vec::new(),
            attested: BTreeMap::new(),
            plan_is_the_releases: false,
            first: None,
        }
    }

    /// Notes that the receipt could be read.
    pub(super) fn receipt(&mut self, receipt: Receipt) -> Receipt {
        self.note(Check::new(
            "receipt-form",
            "4.1",
            Status::Pass,
            "it is in the format".to_owned(),
        ));
        self.report.operation = Some(receipt.digest());
        self.report.release = Some(self.release.name().clone());
        let operation = receipt.operation();
        let names = |indices: &[u32]| {
            let values = indices.iter().filter_map(|index| operation.value(*index));
            values.map(|value| value.name.clone()).collect()
        };
        self.report.steps = operation
            .steps
            .iter()
            .map(|step| StepReport {
                name: step.name.clone(),
                function: step.function.to_string(),
                inputs: names(&step.inputs),
                outputs: names(&step.outputs),
                promised: step.methods.clone(),
                held: Methods::default(),
                pending: Methods::default(),
                satisfied: false,
            })
            .collect();
        receipt
    }

    pub(super) fn note(&mut self, check: Check) {
        self.report.checks.push(check);
    }

    /// Records the outcome of a check that concerns the whole.
    pub(super) fn check(
        &mut self,
        id: &'static str,
        section: &'static str,
        outcome: Result<(), Error>,
        says: &str,
    ) {
        match outcome {
            Ok(()) => self.note(Check::new(id, section, Status::Pass, says.to_owned())),
            Err(error) => self.fail(id, error),
        }
    }

    /// Records the outcome of a check that compares what the policy expects with what it finds.
    pub(super) fn compare(
        &mut self,
        id: &'static str,
        section: &'static str,
        outcome: Result<(), Error>,
        says: &str,
        expected: String,
        found: String,
    ) {
        match outcome {
            Ok(()) => self.note(
                Check::new(id, section, Status::Pass, says.to_owned()).compared(expected, found),
            ),
            Err(error) => self.fail(id, error),
        }
    }

    /// Records the outcome of a check of one step, value or card.
    pub(super) fn check_of(
        &mut self,
        id: &'static str,
        subject: &dyn core::fmt::Display,
        section: &'static str,
        outcome: Result<(), Error>,
        says: &str,
    ) {
        match outcome {
            Ok(()) => {
                self.note(Check::new(id, section, Status::Pass, says.to_owned()).of(subject));
            }
            Err(error) => self.fail_of(id, subject, error),
        }
    }

    /// Records a refusal; the first one is the answer.
    pub(super) fn fail(&mut self, id: &'static str, error: Error) {
        self.note(Check::failed(id, &error));
        self.first.get_or_insert(error);
    }

    pub(super) fn fail_of(
        &mut self,
        id: &'static str,
        subject: &dyn core::fmt::Display,
        error: Error,
    ) {
        self.note(Check::failed(id, &error).of(subject));
        self.first.get_or_insert(error);
    }

    /// Notes that evidence of a method holds for a step.
    pub(super) fn hold(&mut self, step: u32, method: Method) {
        if let Some(report) =
            usize::try_from(step).ok().and_then(|at| self.report.steps.get_mut(at))
        {
            report.held.insert(method);
        }
    }

    /// Whether nothing has refused the receipt.
    pub(super) const fn accepts(&self) -> bool {
        self.first.is_none()
    }

    pub(super) fn trust(&mut self, line: TrustLine) {
        if !self.report.trust.contains(&line) {
            self.report.trust.push(line);
        }
    }

    pub(super) fn into_report(mut self) -> Report {
        self.report.code = self.first.as_ref().map(Error::code);
        if self.first.is_none() {
            self.report.verdict = Verdict::Accepted;
        }
        self.report
    }

    pub(super) fn into_outcome(mut self) -> Result<Outcome, Error> {
        if let Some(error) = self.first.take() {
            return Err(error);
        }
        let results = core::mem::take(&mut self.results);
        let report = self.into_report();
        let operation = report.operation.expect("a receipt that was accepted was read");
        Ok(Outcome { report, operation, results })
    }
}
