//! Operations: what a run says happened, step by step, over committed values (FORMAT.md §3).

mod step;

use std::collections::BTreeSet;

use ciborium::Value as Cbor;

pub use step::{Function, Method, Methods, Setting, Settings, Step};

use crate::{
    Error,
    cbor::{self, Item},
    commitment::{Algorithm, Commitment},
    ids::{Name, Nonce, OperationDigest, RunId, tagged_sha256},
    value::Type,
};

/// Who made the nonce. FORMAT.md §3.1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NonceClaim {
    /// Whoever asked for the operation.
    Client(Nonce),
    /// Nobody: there is none.
    None,
    /// Whoever ran the operation.
    Server(Nonce),
}

impl NonceClaim {
    /// The nonce, whoever made it.
    pub const fn nonce(&self) -> Option<&Nonce> {
        match self {
            Self::Client(nonce) | Self::Server(nonce) => Some(nonce),
            Self::None => None,
        }
    }

    /// The word in the format.
    pub const fn maker(&self) -> &'static str {
        match self {
            Self::Client(_) => "client",
            Self::None => "none",
            Self::Server(_) => "server",
        }
    }

    fn to_cbor(&self) -> Cbor {
        let nonce = self.nonce().map(|nonce| cbor::bytes(nonce.as_bytes()));
        cbor::array([cbor::text(self.maker())].into_iter().chain(nonce))
    }

    fn from_cbor(item: Item<'_>) -> Result<Self, Error> {
        let wrong = Error::FieldType {
            what: "operation",
            field: "nonce",
            expected: r#"["client", bytes], ["server", bytes] or ["none"]"#,
        };
        let mut items = item.list()?;
        let maker = items.next().ok_or(wrong.clone())?.text()?;
        let nonce = items.next().map(Item::bytes).transpose()?.map(Nonce::new);
        if items.next().is_some() {
            return Err(wrong);
        }
        match (maker, nonce.transpose()?) {
            ("client", Some(nonce)) => Ok(Self::Client(nonce)),
            ("server", Some(nonce)) => Ok(Self::Server(nonce)),
            ("none", None) => Ok(Self::None),
            _ => Err(wrong),
        }
    }
}

impl core::fmt::Display for NonceClaim {
    /// Who made it, and its bytes in hexadecimal.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.maker())?;
        self.nonce().map_or(Ok(()), |nonce| write!(f, " {nonce}"))
    }
}

/// One row of the value table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValueEntry {
    /// Its name, once in the table.
    pub name: Name,
    /// What it is.
    pub kind: Type,
    /// The commitment that every step taking or giving it refers to.
    pub commitment: Commitment,
}

/// What somebody says was run. Nothing in it is believed before [`crate::verify`] says so.
///
/// Invariants, held by `from_bytes` (FORMAT.md §3.2): names are distinct; every index is inside the
/// value table; every value has at most one producing step, and one that has none is an operation
/// input; a step takes only operation inputs and outputs of earlier steps; every operation input is
/// taken by some step; algorithms follow the methods.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Which operation.
    pub name: Name,
    /// Makes two runs differ.
    pub run: RunId,
    /// Freshness, by whoever made it.
    pub nonce: NonceClaim,
    /// How it ended: `complete`, or a word of the service.
    pub outcome: Name,
    /// The value table.
    pub values: Vec<ValueEntry>,
    /// The steps, in order of execution.
    pub steps: Vec<Step>,
}

impl Operation {
    /// The format's version.
    pub const VERSION: i64 = 0;
    /// Most bytes of an encoded operation.
    pub const MAX_BYTES: usize = 1 << 20;
    /// Most values, and most steps: a report of more would not be read by anyone.
    pub const MAX_ENTRIES: usize = 1024;

    /// Reads and checks an operation. FORMAT.md §3.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let item = cbor::decode(bytes, "operation", Self::MAX_BYTES)?;
        let mut fields = item.fields("operation")?;
        let version = fields.take("version")?.int()?;
        if version != Self::VERSION {
            return Err(Error::VersionUnknown { expected: Self::VERSION, found: version });
        }
        let operation = Self {
            name: Name::new(fields.take("name")?.text()?)?,
            run: RunId::new(fields.take("run")?.fixed()?),
            nonce: NonceClaim::from_cbor(fields.take("nonce")?)?,
            outcome: Name::new(fields.take("outcome")?.text()?)?,
            values: entries(fields.take("values")?, value_from_cbor)?,
            steps: entries(fields.take("steps")?, Step::from_cbor)?,
        };
        fields.finish()?;
        operation.check()?;
        Ok(operation)
    }

    /// The encoded operation. Errors: an operation that breaks an invariant.
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        self.check()?;
        Ok(cbor::encode(&cbor::map([
            ("version", cbor::int(Self::VERSION)),
            ("name", cbor::text(self.name.as_str())),
            ("run", cbor::bytes(self.run.as_bytes())),
            ("nonce", self.nonce.to_cbor()),
            ("outcome", cbor::text(self.outcome.as_str())),
            ("values", cbor::array(self.values.iter().map(value_to_cbor))),
            ("steps", cbor::array(self.steps.iter().map(Step::to_cbor))),
        ])))
    }

    /// SHA-256("assay/operation/1" ‖ bytes): the identity of the operation and of its receipts.
    pub fn digest(bytes: &[u8]) -> OperationDigest {
        OperationDigest::new(tagged_sha256("assay/operation/1", bytes))
    }

    /// The value at a step's index.
    pub fn value(&self, index: u32) -> Option<&ValueEntry> {
        self.values.get(usize::try_from(index).ok()?)
    }

    /// Indices and rows of the operation's inputs: the values that no step gives.
    pub fn inputs(&self) -> impl Iterator<Item = (u32, &ValueEntry)> {
        let given = self.given();
        (0u32..).zip(&self.values).filter(move |(index, _)| !given.contains(index))
    }

    /// Indices of the values that steps give.
    fn given(&self) -> BTreeSet<u32> {
        self.steps.iter().flat_map(|step| &step.outputs).copied().collect()
    }

    /// The algorithm that the format demands for a value: Poseidon where a step that promises `zk`
    /// takes or gives it. FORMAT.md §2.3.
    pub fn algorithm_of(steps: &[Step], index: u32) -> Algorithm {
        match proved(steps).contains(&index) {
            true => Algorithm::Poseidon,
            false => Algorithm::Sha256,
        }
    }

    fn check(&self) -> Result<(), Error> {
        distinct(self.values.iter().map(|value| &value.name))?;
        distinct(self.steps.iter().map(|step| &step.name))?;
        let (outputs, proved) = (self.given(), proved(&self.steps));
        let mut known: Vec<bool> =
            (0u32..).zip(&self.values).map(|(index, _)| !outputs.contains(&index)).collect();
        let mut taken = vec![false; self.values.len()];
        let mut given = vec![false; self.values.len()];
        for step in &self.steps {
            step.check()?;
            let wiring = |why| Error::Wiring { step: step.name.clone(), why };
            for index in &step.inputs {
                let at = usize::try_from(*index).map_err(|_| wiring(OUT_OF_TABLE))?;
                if !*known.get(at).ok_or(wiring(OUT_OF_TABLE))? {
                    return Err(wiring("it takes a value that only a later step gives"));
                }
                *taken.get_mut(at).ok_or(wiring(OUT_OF_TABLE))? = true;
            }
            for index in &step.outputs {
                let at = usize::try_from(*index).map_err(|_| wiring(OUT_OF_TABLE))?;
                let given = given.get_mut(at).ok_or(wiring(OUT_OF_TABLE))?;
                if core::mem::replace(given, true) {
                    return Err(wiring("it gives a value that is given already"));
                }
                *known.get_mut(at).ok_or(wiring(OUT_OF_TABLE))? = true;
            }
        }
        for ((index, value), taken) in (0u32..).zip(&self.values).zip(taken) {
            if !outputs.contains(&index) && !taken {
                return Err(Error::ValueUnused { value: value.name.clone() });
            }
            let expected = match proved.contains(&index) {
                true => Algorithm::Poseidon,
                false => Algorithm::Sha256,
            };
            let found = value.commitment.algorithm();
            if found != expected {
                return Err(Error::CommitmentAlgorithm {
                    value: value.name.clone(),
                    expected: expected.name(),
                    found: found.name(),
                });
            }
            let packable = value.kind.tensor().is_some_and(|t| t.dtype().slot_bits().is_some());
            if expected == Algorithm::Poseidon && !packable {
                return Err(Error::CommitmentType { found: value.kind.to_string() });
            }
        }
        Ok(())
    }
}

/// Indices of the values that steps promising `zk` take or give.
fn proved(steps: &[Step]) -> BTreeSet<u32> {
    let proved = steps.iter().filter(|step| step.methods.contains(Method::Zk));
    proved.flat_map(|step| step.inputs.iter().chain(&step.outputs)).copied().collect()
}

const OUT_OF_TABLE: &str = "it refers to a value outside the table";

fn entries<'a, T>(
    item: Item<'a>,
    read: impl Fn(Item<'a>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let items = item.list()?;
    if !(1..=Operation::MAX_ENTRIES).contains(&items.len()) {
        return item.refuse("a list of 1 to 1024");
    }
    items.map(read).collect()
}

fn distinct<'a>(names: impl Iterator<Item = &'a Name>) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(Error::NameRepeated { found: name.clone() });
        }
    }
    Ok(())
}

fn value_to_cbor(value: &ValueEntry) -> Cbor {
    cbor::map([
        ("name", cbor::text(value.name.as_str())),
        ("type", value.kind.to_cbor()),
        ("algorithm", cbor::text(value.commitment.algorithm().name())),
        ("commitment", cbor::bytes(value.commitment.digest())),
    ])
}

fn value_from_cbor(item: Item<'_>) -> Result<ValueEntry, Error> {
    let mut fields = item.fields("value")?;
    let name = Name::new(fields.take("name")?.text()?)?;
    let kind = Type::from_cbor(fields.take("type")?)?;
    let algorithm = Algorithm::from_name(fields.take("algorithm")?.text()?)?;
    let commitment = Commitment::from_wire(algorithm, fields.take("commitment")?.fixed()?)?;
    fields.finish()?;
    Ok(ValueEntry { name, kind, commitment })
}
