//! The state of an examination: checks so far, first failure, methods that held.

use std::collections::BTreeMap;

use super::{
    Clock, Expected, Outcome, ResultValue, check_id::CheckId, verifier::Verifier, vouched,
};
use crate::{
    Error, UnixMillis,
    ids::{Name, Nonce},
    operation::{Method, Methods},
    policy::{NonceRule, Policy, Release},
    receipt::Receipt,
    report::{Check, Mode, Report, Status, StepReport, TrustLine, Verdict},
};

pub(super) struct Examination<'a> {
    pub(super) policy: &'a Policy,
    pub(super) release: &'a Release,
    pub(super) clock: Clock,
    pub(super) expected: &'a Expected,
    pub(super) report: Report,
    pub(super) results: Vec<ResultValue>,
    /// The images that attested steps, by the step's index.
    pub(super) attested: BTreeMap<u32, Name>,
    /// When attestations that hold were made.
    pub(super) attested_at: Vec<UnixMillis>,
    /// Whether steps, functions, wiring and types are the release's.
    pub(super) plan_is_the_releases: bool,
    first: Option<Error>,
    failures: usize,
}

/// Most failures that a report lists, and most steps where they are not the policy's: what a receipt may fill is bounded.
const MOST_LISTED: usize = 64;

impl<'a> Examination<'a> {
    pub(super) fn new(verifier: &Verifier<'a>, release: &'a Release) -> Self {
        let Verifier { policy, clock, expected, .. } = *verifier;
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
            claims: Vec::new(),
            steps: Vec::new(),
            values: Vec::new(),
            results: Vec::new(),
            loosened: verifier.loosened.clone(),
            trust: Vec::new(),
            paths: Vec::new(),
        };
        Self {
            policy,
            release,
            clock,
            expected,
            report,
            results: Vec::new(),
            attested: BTreeMap::new(),
            attested_at: Vec::new(),
            plan_is_the_releases: false,
            first: None,
            failures: 0,
        }
    }

    /// Notes that the receipt could be read.
    pub(super) fn receipt(&mut self, receipt: &Receipt) {
        self.pass(CheckId::ReceiptForm, "it is in the format");
        self.report.operation = Some(receipt.digest());
        self.report.release = Some(self.release.name().clone());
    }

    /// Lists the steps, with nothing shown yet.
    pub(super) fn list_steps(&mut self, receipt: &Receipt) {
        let operation = receipt.operation();
        let names = |indices: &[u32]| {
            let values = indices.iter().filter_map(|index| operation.value(*index));
            values.map(|value| value.name.clone()).collect()
        };
        let most = if self.plan_is_the_releases { usize::MAX } else { MOST_LISTED };
        self.report.steps = operation
            .steps
            .iter()
            .take(most)
            .map(|step| StepReport {
                name: step.name.clone(),
                function: step.function.to_string(),
                settings: Vec::new(),
                inputs: names(&step.inputs),
                outputs: names(&step.outputs),
                promised: step.methods.clone(),
                held: Methods::default(),
                pending: Methods::default(),
                satisfied: false,
            })
            .collect();
    }

    /// Notes what is not looked at where the plan is not the release's.
    pub(super) fn leave_out_the_rest(&mut self) {
        for id in [
            CheckId::Card,
            CheckId::Opening,
            CheckId::Input,
            CheckId::TeeEvidence,
            CheckId::ZkProof,
            CheckId::Recompute,
            CheckId::Requirement,
            CheckId::Result,
        ] {
            self.note(Check::new(id, Status::Skip, "the plan is not the policy's".to_owned()));
        }
    }

    /// The nonces that the operation must carry: the policy's, the caller's, or both.
    pub(super) fn own_nonces(&self) -> impl Iterator<Item = &'a Nonce> + use<'a> {
        let policys = match self.policy.nonce() {
            NonceRule::Exactly(nonce) => Some(nonce),
            NonceRule::Any | NonceRule::Caller => None,
        };
        policys.into_iter().chain(&self.expected.nonce)
    }

    /// Notes who vouches for settings, outcome and nonce.
    pub(super) fn note_vouched(&mut self, receipt: &Receipt) {
        let operation = receipt.operation();
        let mut anywhere = Methods::default();
        for (step, report) in operation.steps.iter().zip(&mut self.report.steps) {
            report.settings = vouched::settings(step, &report.held);
            report.held.iter().for_each(|method| anywhere.insert(method));
        }
        self.report.claims = vec![
            vouched::claim("outcome", operation.outcome.to_string(), &anywhere),
            vouched::claim("nonce", operation.nonce.to_string(), &anywhere),
        ];
    }

    pub(super) fn note(&mut self, check: Check) {
        self.report.checks.push(check);
    }

    /// Records the outcome of a check that concerns the whole.
    pub(super) fn check(&mut self, id: CheckId, outcome: Result<(), Error>, says: &str) {
        match outcome {
            Ok(()) => self.pass(id, says),
            Err(error) => self.fail(id, error),
        }
    }

    /// Records the outcome of a check that compares what the policy expects with what it finds.
    pub(super) fn compare(
        &mut self,
        id: CheckId,
        outcome: Result<(), Error>,
        says: &str,
        expected: String,
        found: String,
    ) {
        match outcome {
            Ok(()) => {
                self.note(Check::new(id, Status::Pass, says.to_owned()).compared(expected, found))
            }
            Err(error) => self.fail(id, error),
        }
    }

    /// Records the outcome of a check of one step, value or card.
    pub(super) fn check_of(
        &mut self,
        id: CheckId,
        subject: &dyn core::fmt::Display,
        outcome: Result<(), Error>,
        says: &str,
    ) {
        match outcome {
            Ok(()) => self.note(Check::new(id, Status::Pass, says.to_owned()).of(subject)),
            Err(error) => self.fail_of(id, subject, error),
        }
    }

    pub(super) fn pass(&mut self, id: CheckId, says: &str) {
        self.note(Check::new(id, Status::Pass, says.to_owned()));
    }

    /// Records a refusal; the first one is the answer.
    pub(super) fn fail(&mut self, id: CheckId, error: Error) {
        self.refuse(Check::failed(id, &error), error);
    }

    pub(super) fn fail_of(&mut self, id: CheckId, subject: &dyn core::fmt::Display, error: Error) {
        self.refuse(Check::failed(id, &error).of(subject), error);
    }

    fn refuse(&mut self, check: Check, error: Error) {
        self.failures = self.failures.saturating_add(1);
        if self.failures <= MOST_LISTED {
            self.note(check);
        }
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
        let unlisted = self.failures.saturating_sub(MOST_LISTED);
        if unlisted > 0 {
            let says = format!("{unlisted} more checks failed");
            self.note(Check::new(CheckId::More, Status::Info, says));
        }
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
