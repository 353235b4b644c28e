//! One receipt, one policy, one clock: read once, examined under as many releases as it takes.

use std::cell::OnceCell;

use super::{
    Clock, Expected, cards,
    check_id::CheckId,
    claims,
    examination::Examination,
    known::Known,
    paths, recompute, requirements, tee, trust,
    values::{self, Openings},
    zk,
};
use crate::{
    Error,
    groth16::Statement,
    policy::{Policy, Release},
    receipt::Receipt,
};

pub(super) struct Verifier<'a> {
    pub(super) policy: &'a Policy,
    pub(super) clock: Clock,
    pub(super) expected: &'a Expected,
    pub(super) known: &'a Known,
    receipt: Result<Receipt, Error>,
    /// How many bytes arrived.
    bytes: usize,
    /// What of the policy loosens a check: the same under every release.
    pub(super) loosened: Vec<String>,
    /// Every opening against its commitment: the same under every release, and looked at only where the plan is one's.
    openings: OnceCell<Openings>,
}

/// How far an examination goes. The first refusal is the answer either way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// Signatures and proofs are not looked at once the answer is known.
    TheFirstRefusal,
    /// The report names every failure.
    TheEnd,
}

impl<'a> Verifier<'a> {
    pub(super) fn new(
        receipt: &[u8],
        policy: &'a Policy,
        clock: Clock,
        expected: &'a Expected,
        known: &'a Known,
    ) -> Self {
        let (bytes, receipt) = (receipt.len(), Receipt::from_bytes(receipt));
        let (loosened, openings) = (policy.loosened(), OnceCell::new());
        Self { policy, clock, expected, known, receipt, bytes, loosened, openings }
    }

    /// Under the first release that accepts; else under the first whose plan is the receipt's; else
    /// under the first. FORMAT.md §9.8.
    pub(super) fn examine(&self, until: Until) -> Examination<'a> {
        let mut answer: Option<Examination<'a>> = None;
        for release in self.policy.releases() {
            let exam = self.examine_release(release, until);
            if exam.accepts() {
                return exam;
            }
            let closer = exam.plan_is_the_releases
                && answer.as_ref().is_some_and(|answer| !answer.plan_is_the_releases);
            if closer || answer.is_none() {
                answer = Some(exam);
            }
        }
        answer.expect("a policy has a release")
    }

    fn examine_release(&self, release: &'a Release, until: Until) -> Examination<'a> {
        let mut exam = Examination::new(self, release);
        claims::of_policy(&mut exam);
        let receipt = match &self.receipt {
            Ok(receipt) => receipt,
            Err(error) => {
                exam.fail(CheckId::ReceiptForm, error.clone());
                return exam;
            }
        };
        exam.receipt(receipt);
        claims::check(&mut exam, receipt);
        // Whatever a policy's plan does not have, nobody asked for: its owner bounds the work, not the receipt.
        if !exam.plan_is_the_releases {
            exam.leave_out_the_rest();
            return exam;
        }
        let over = |exam: &Examination<'_>| until == Until::TheFirstRefusal && !exam.accepts();
        if over(&exam) {
            return exam;
        }
        let cards = cards::check(&mut exam, receipt, self.known);
        let openings = self.openings(receipt);
        values::check(&mut exam, receipt, openings, self.expected);
        if over(&exam) {
            return exam;
        }
        tee::check(&mut exam, receipt);
        claims::in_time(&mut exam);
        if over(&exam) {
            return exam;
        }
        zk::check(&mut exam, receipt, &cards, openings.opened(), self.known, until);
        recompute::check(&mut exam, receipt, openings.opened());
        requirements::check(&mut exam, receipt);
        values::results(&mut exam, receipt, openings.opened());
        exam.note_vouched(receipt);
        trust::bill(&mut exam, receipt, &cards);
        paths::list(&mut exam, receipt);
        exam
    }

    fn openings(&self, receipt: &Receipt) -> &Openings {
        self.openings.get_or_init(|| Openings::of(receipt, self.expected))
    }

    /// What the proofs of the receipt claim, under the first release whose plan is the receipt's; nothing, where the answer
    /// is known before they are looked at.
    pub(super) fn claimed(&self) -> Vec<Statement> {
        let Ok(receipt) = &self.receipt else { return Vec::new() };
        for release in self.policy.releases() {
            let mut exam = Examination::new(self, release);
            claims::of_policy(&mut exam);
            claims::check(&mut exam, receipt);
            if !exam.accepts() {
                continue;
            }
            let cards = cards::check(&mut exam, receipt, self.known);
            let openings = self.openings(receipt);
            values::check(&mut exam, receipt, openings, self.expected);
            if exam.accepts() {
                let room = self.bytes.checked_div(16).unwrap_or_default();
                return zk::statements(receipt, &cards, openings.opened(), room);
            }
        }
        Vec::new()
    }
}
