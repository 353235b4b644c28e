//! The report: every check with its outcome, and the trust bill (FORMAT.md §10).

use serde::Serialize;

use crate::{
    Error, ErrorKind,
    ids::{Name, OperationDigest, PolicyDigest},
    operation::{Methods, Setting},
    text::printable,
    value::Type,
    verify::CheckId,
};

/// What came of a receipt under a policy. Its JSON form has a fixed order and is the same from
/// Rust, Node, a page and the command line.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Whether every required check passed.
    pub verdict: Verdict,
    /// Code of the first failure, in the fixed order of the checks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// Live, or as of the attestation's own time.
    pub mode: Mode,
    /// Digest of the policy's text.
    pub policy: Option<PolicyDigest>,
    /// The release of the policy under which the receipt was examined, where it could be read.
    pub release: Option<Name>,
    /// Identity of the operation, where the receipt could be read.
    pub operation: Option<OperationDigest>,
    /// Every check, in order.
    pub checks: Vec<Check>,
    /// What is said of the whole operation, and who vouches for it; empty where the plan is not the release's.
    pub claims: Vec<ClaimReport>,
    /// Every step, with the methods that held; at most 64, where the plan is not the release's.
    pub steps: Vec<StepReport>,
    /// Values that were disclosed and match their commitments.
    pub values: Vec<ValueReport>,
    /// Names of the results among them.
    pub results: Vec<Name>,
    /// Every word of the policy that loosens a check.
    pub loosened: Vec<String>,
    /// What remains to be trusted.
    pub trust: Vec<TrustLine>,
    /// What shows the ways from inputs to results; empty where the plan is not the release's.
    pub paths: Vec<PathReport>,
}

/// Accepted or refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every required check passed.
    Accepted,
    /// Some check failed.
    Refused,
}

/// Which clock was used. FORMAT.md §10.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "clock")]
pub enum Mode {
    /// As of each attestation's own time: the time of the signature is not proved.
    Archived,
    /// Certificates valid now, ages limited.
    Live {
        /// The caller's time.
        now_ms: u64,
    },
}

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It refuses the receipt.
    Fail,
    /// Nothing was decided; said because people ask.
    Info,
    /// It holds.
    Pass,
    /// It could not be made, and counts for nothing.
    Skip,
}

/// One check.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// What was checked, in kebab case.
    pub id: &'static str,
    /// Of which step, value or card.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// How it ended.
    pub status: Status,
    /// The section of FORMAT.md that states the rule.
    pub section: &'static str,
    /// Code of the refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// What kind of refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// What was demanded, where something was compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What was there instead, or likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found: Option<String>,
    /// A sentence for people.
    pub says: String,
}

/// One step.
#[derive(Clone, Debug, Serialize)]
pub struct StepReport {
    /// Its name.
    pub name: Name,
    /// What it computes.
    pub function: String,
    /// Its settings; empty where the plan is not the release's.
    pub settings: Vec<SettingReport>,
    /// Names of the values it takes.
    pub inputs: Vec<Name>,
    /// Names of the values it gives.
    pub outputs: Vec<Name>,
    /// Methods that the operation promises.
    pub promised: Methods,
    /// Methods whose evidence holds.
    pub held: Methods,
    /// Methods that are promised and have no evidence yet.
    pub pending: Methods,
    /// Whether what the policy demands of the step holds.
    pub satisfied: bool,
}

/// What is said of the whole operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClaimReport {
    /// `outcome` or `nonce`.
    pub field: &'static str,
    /// What is said.
    pub value: String,
    /// The methods whose evidence covers it, or `operators-word` alone. FORMAT.md §10.3.
    pub vouched_by: Vec<&'static str>,
}

/// A setting of a step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SettingReport {
    /// Its name.
    pub name: Name,
    /// Its value.
    pub value: Setting,
    /// The methods whose evidence covers it, or `operators-word` alone. FORMAT.md §10.3.
    pub vouched_by: Vec<&'static str>,
}

/// A value that was disclosed and matches its commitment.
#[derive(Clone, Debug, Serialize)]
pub struct ValueReport {
    /// Its name.
    pub name: Name,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: Type,
    /// Its elements, where it is a tensor of at most 4,096 integers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub integers: Option<Vec<i64>>,
    /// SHA-256 of its bytes.
    pub sha256: crate::ids::Sha256Digest,
    /// Its commitment, with the algorithm.
    pub commitment: String,
}

/// One line of the trust bill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TrustLine {
    /// The step it is about; absent where it is about the whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<Name>,
    /// What is taken on trust, or that nothing is.
    pub assumption: String,
}

/// The ways from one input to one result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PathReport {
    /// Name of the operation input.
    pub input: Name,
    /// Name of the result.
    pub result: Name,
    /// For each way, the methods that hold at its steps, `none` among them where a step is shown by
    /// nothing; each set once.
    pub methods: Vec<Vec<&'static str>>,
}

impl Report {
    /// The report as JSON text: two spaces of indentation, a final line feed.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a report has text keys only");
        text.push('\n');
        text
    }
}

impl Check {
    pub(crate) fn new(id: CheckId, status: Status, says: String) -> Self {
        let (id, section) = (id.name(), id.section());
        let (subject, code, kind, expected, found) = (None, None, None, None, None);
        Self { id, subject, status, section, code, kind, expected, found, says }
    }

    pub(crate) fn failed(id: CheckId, error: &Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::Malformed => "malformed",
            ErrorKind::NotPinned => "not-pinned",
            ErrorKind::Policy => "policy",
            ErrorKind::Unproven => "unproven",
        };
        Self {
            code: Some(error.code()),
            kind: Some(kind),
            section: error.section(),
            expected: error.expected(),
            found: error.found(),
            ..Self::new(id, Status::Fail, error.to_string())
        }
    }

    pub(crate) fn compared(mut self, expected: String, found: String) -> Self {
        (self.expected, self.found) = (Some(expected), Some(found));
        self
    }

    pub(crate) fn of(mut self, subject: impl core::fmt::Display) -> Self {
        self.subject = Some(printable(&subject.to_string()).into_owned());
        self
    }
}
