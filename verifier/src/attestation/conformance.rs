//! Runs files of cases under a root of their own: does this verifier agree? (FORMAT.md §8.8)

use core::fmt;

use serde::Serialize;

use super::{
    document::Document,
    error::Error,
    json::{Fields, Json},
    policy::{Binding, DebugEnclaves, Freshness, Nonce, Policy, PublicKey, Trust, UserData},
    policy_error::PolicyError,
    policy_json::pcr_set,
    roots::Root,
    verify::verify_live,
};
use crate::{TimeError, UnixMillis};

/// What became of one case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The case's name.
    pub id: String,
    /// What the file says must happen.
    pub expected: Expected,
    /// What happened: none where the document was accepted.
    pub refusal: Option<Refusal>,
}

/// All outcomes of a file, counted. Its text and its JSON are the same from Rust, Node and the
/// command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary(pub Vec<Outcome>);

/// What a case must come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// The document must be accepted.
    Accept,
    /// Both are right.
    Either,
    /// The document, or the policy, must be refused.
    Reject,
}

/// Why a case's document was not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The document does not meet the policy.
    Document(Error),
    /// The policy cannot be read.
    Policy(PolicyError),
    /// The time is not in milliseconds.
    Time(TimeError),
}

impl Summary {
    /// How many cases came out as the file says.
    pub fn agreed(&self) -> usize {
        self.0.iter().filter(|outcome| outcome.agrees()).count()
    }

    /// How many did not.
    pub fn disagreed(&self) -> usize {
        self.0.len().saturating_sub(self.agreed())
    }

    /// `{"agreed", "disagreed", "cases": [{"id", "expected", "got", "code", "agrees"}]}`; the code
    /// is null where the document was accepted.
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Row<'o> {
            id: &'o str,
            expected: &'static str,
            got: &'static str,
            code: Option<&'static str>,
            agrees: bool,
        }
        #[derive(Serialize)]
        struct All<'o> {
            agreed: usize,
            disagreed: usize,
            cases: Vec<Row<'o>>,
        }
        let cases = self.0.iter().map(|outcome| Row {
            id: &outcome.id,
            expected: outcome.expected.name(),
            got: outcome.got(),
            code: outcome.refusal.as_ref().map(Refusal::code),
            agrees: outcome.agrees(),
        });
        let (agreed, disagreed) = (self.agreed(), self.disagreed());
        // Cannot fail: text keys, and nothing that JSON lacks.
        serde_json::to_string(&All { agreed, disagreed, cases: cases.collect() })
            .unwrap_or_default()
    }
}

impl fmt::Display for Summary {
    /// A line for each disagreement, then the counts; no final line feed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for outcome in self.0.iter().filter(|outcome| !outcome.agrees()) {
            writeln!(f, "{outcome}")?;
        }
        write!(f, "{} agreed, {} disagreed", self.agreed(), self.disagreed())
    }
}

impl Outcome {
    /// `accept` or `reject`.
    pub const fn got(&self) -> &'static str {
        if self.refusal.is_none() { "accept" } else { "reject" }
    }

    /// Whether the verifier did what the file says.
    pub const fn agrees(&self) -> bool {
        match self.expected {
            Expected::Accept => self.refusal.is_none(),
            Expected::Either => true,
            Expected::Reject => self.refusal.is_some(),
        }
    }

    /// `accept`, or the code of the refusal.
    pub const fn code(&self) -> &'static str {
        match &self.refusal {
            None => "accept",
            Some(refusal) => refusal.code(),
        }
    }
}

impl fmt::Display for Outcome {
    /// `id expected got code`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let code = self.refusal.as_ref().map_or("-", Refusal::code);
        write!(f, "{} {} {} {code}", self.id, self.expected.name(), self.got())
    }
}

impl Expected {
    /// Its name in the file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Either => "either",
            Self::Reject => "reject",
        }
    }

    fn read(json: &Json) -> Result<Self, PolicyError> {
        match json.text("expect")? {
            "accept" => Ok(Self::Accept),
            "either" => Ok(Self::Either),
            "reject" => Ok(Self::Reject),
            _ => Err(PolicyError::FieldType {
                field: "expect",
                expected: "accept, reject or either",
            }),
        }
    }
}

impl Refusal {
    /// The stable name of what was wrong.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Document(error) => error.code(),
            Self::Policy(error) => error.code(),
            Self::Time(_) => "attestation-time-not-milliseconds",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Document(error) => error.fmt(f),
            Self::Policy(error) => error.fmt(f),
            Self::Time(error) => error.fmt(f),
        }
    }
}

/// Runs every case of a file, live at the case's own time. An error is about the file itself.
pub fn run(cases_json: &[u8]) -> Result<Vec<Outcome>, PolicyError> {
    let json = Json::parse(cases_json)?;
    let file = json.fields_and_others("the file")?;
    let der = base64(file.require("root_der_b64")?, "root_der_b64")?;
    let root = Root::named(&der).map_err(|error| PolicyError::Root(Box::new(error)))?;
    let cases = file.require("cases")?.array("cases")?;
    cases.iter().map(|case| run_case(case, &root)).collect()
}

fn run_case(case: &Json, root: &Root) -> Result<Outcome, PolicyError> {
    let case = case.fields_and_others("a case")?;
    let document = base64(case.require("doc")?, "doc")?;
    let judged = judge(&document, case.require("policy")?, case.require("now_ms")?, root);
    Ok(Outcome {
        id: case.require("id")?.text("id")?.into(),
        expected: Expected::read(case.require("expect")?)?,
        refusal: judged.err(),
    })
}

fn judge(document: &[u8], policy: &Json, now: &Json, root: &Root) -> Result<(), Refusal> {
    let policy = read_policy(policy, root).map_err(Refusal::Policy)?;
    let now = now.unsigned("now_ms").map_err(Refusal::Policy)?;
    let now = UnixMillis::new(now).map_err(Refusal::Time)?;
    Document::parse(document)
        .and_then(|document| verify_live(&document, &policy, now).map(|_| ()))
        .map_err(Refusal::Document)
}

/// The policy of a case: one set of registers, null for what is not demanded.
fn read_policy(json: &Json, root: &Root) -> Result<Policy, PolicyError> {
    let known = [
        "allow_debug",
        "max_age_ms",
        "max_future_ms",
        "nonce",
        "pcrs",
        "require_public_key",
        "user_data",
    ];
    let fields = json.fields("policy", &known)?;
    let nonce = hex(&fields, "nonce")?;
    if nonce.as_ref().is_some_and(Vec::is_empty) {
        return Err(PolicyError::NonceEmpty);
    }
    let debug = match flag(&fields, "allow_debug")? {
        true => DebugEnclaves::AcceptedUnmeasured,
        false => DebugEnclaves::Refused,
    };
    let public_key = match flag(&fields, "require_public_key")? {
        true => PublicKey::Present,
        false => PublicKey::AnyPublicKeyAccepted,
    };
    Ok(Policy {
        trust: Trust::new(root.clone()),
        images: pcr_set(fields.require("pcrs")?, "pcrs", false)?.into(),
        debug,
        binding: Binding {
            nonce: nonce.map_or(Nonce::AnyNonceAccepted, Nonce::Exactly),
            user_data: hex(&fields, "user_data")?
                .map_or(UserData::AnyUserDataAccepted, UserData::Exactly),
            public_key,
        },
        freshness: Freshness {
            max_age_ms: number(&fields, "max_age_ms")?,
            future_skew_ms: number(&fields, "max_future_ms")?.unwrap_or_default(),
        },
    })
}

fn hex(fields: &Fields<'_>, field: &'static str) -> Result<Option<Vec<u8>>, PolicyError> {
    fields.get_unless_null(field).map(|value| value.hex(field)).transpose()
}

fn number(fields: &Fields<'_>, field: &'static str) -> Result<Option<u64>, PolicyError> {
    fields.get_unless_null(field).map(|value| value.unsigned(field)).transpose()
}

fn flag(fields: &Fields<'_>, field: &'static str) -> Result<bool, PolicyError> {
    fields.get_unless_null(field).map_or(Ok(false), |value| value.bool(field))
}

fn base64(json: &Json, field: &'static str) -> Result<Vec<u8>, PolicyError> {
    use base64ct::{Base64, Encoding as _};
    Base64::decode_vec(json.text(field)?)
        .map_err(|_| PolicyError::FieldType { field, expected: "base64" })
}
