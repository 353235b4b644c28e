//! Receipts: an operation's claims, the evidence for them, and the openings its owner disclosed
//! (FORMAT.md §4).

use std::collections::BTreeSet;

use ciborium::Value as Cbor;

use crate::{
    Error,
    card::Card,
    cbor::{self, Item},
    evidence::Evidence,
    ids::{CardDigest, OperationDigest, Salt},
    operation::Operation,
};

/// A value's salt, and its bytes unless the caller has to bring them. FORMAT.md §4.3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// Index into the value table.
    pub value: u32,
    /// The salt of its commitment.
    pub salt: Salt,
    /// The value; `None` where it is detached.
    pub bytes: Option<Vec<u8>>,
}

/// Bytes that decode. Nothing in it has been believed yet: only [`crate::verify`] does that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    operation_bytes: Vec<u8>,
    operation: Operation,
    digest: OperationDigest,
    evidence: Vec<Evidence>,
    openings: Vec<Opening>,
    cards: Vec<(CardDigest, Vec<u8>)>,
}

impl Receipt {
    /// Most bytes of a receipt.
    pub const MAX_BYTES: usize = 4 << 20;

    /// Reads a receipt in the one encoding it has. FORMAT.md §4.1.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let mut fields = cbor::decode(bytes, "receipt", Self::MAX_BYTES)?.fields("receipt")?;
        let operation_bytes = fields.take("operation")?.bytes()?;
        let card = |item: Item<'_>| item.bytes().map(|bytes| (Card::digest(bytes), bytes.to_vec()));
        let entries = Operation::MAX_ENTRIES;
        let receipt = Self {
            operation: Operation::from_bytes(operation_bytes)?,
            digest: Operation::digest(operation_bytes),
            operation_bytes: operation_bytes.to_vec(),
            // A step has one of each kind at most.
            evidence: set(
                "evidence",
                fields.take("evidence")?,
                entries.saturating_mul(2),
                Evidence::from_cbor,
            )?,
            openings: set("openings", fields.take("openings")?, entries, opening_from_cbor)?,
            cards: set("cards", fields.take("cards")?, entries, card)?,
        };
        fields.finish()?;
        receipt.check_openings()?;
        receipt.check_evidence()?;
        Ok(receipt)
    }

    /// A receipt without evidence, openings or cards.
    pub fn new(operation: Operation) -> Result<Self, Error> {
        let operation_bytes = operation.to_bytes()?;
        let digest = Operation::digest(&operation_bytes);
        let (evidence, openings, cards) = Default::default();
        Ok(Self { operation_bytes, operation, digest, evidence, openings, cards })
    }

    /// Adds a piece of evidence; one that is there already is not added again.
    pub fn attach(&mut self, evidence: Evidence) {
        insert(&mut self.evidence, evidence, Evidence::to_cbor);
    }

    /// Adds an opening; one that is there already is not added again.
    pub fn open(&mut self, opening: Opening) {
        insert(&mut self.openings, opening, opening_to_cbor);
    }

    /// Adds a card, as its bytes; one that is there already is not added again.
    pub fn add_card(&mut self, card: Vec<u8>) {
        insert(&mut self.cards, (Card::digest(&card), card), |(_, card)| cbor::bytes(card));
    }

    /// Takes away the opening of a value, salt and bytes together.
    pub fn redact(&mut self, value: u32) {
        self.openings.retain(|opening| opening.value != value);
    }

    /// The encoded receipt.
    pub fn to_bytes(&self) -> Vec<u8> {
        cbor::encode(&cbor::map([
            ("operation", cbor::bytes(&self.operation_bytes)),
            ("evidence", cbor::array(self.evidence.iter().map(Evidence::to_cbor))),
            ("openings", cbor::array(self.openings.iter().map(opening_to_cbor))),
            ("cards", cbor::array(self.cards.iter().map(|(_, card)| cbor::bytes(card)))),
        ]))
    }

    /// The claims.
    pub const fn operation(&self) -> &Operation {
        &self.operation
    }

    /// The receipt's identity: the operation's digest.
    pub const fn digest(&self) -> OperationDigest {
        self.digest
    }

    /// The evidence.
    pub fn evidence(&self) -> &[Evidence] {
        &self.evidence
    }

    /// The openings.
    pub fn openings(&self) -> &[Opening] {
        &self.openings
    }

    /// The cards, as they arrived, with their digests.
    pub fn cards(&self) -> impl Iterator<Item = (CardDigest, &[u8])> {
        self.cards.iter().map(|(digest, card)| (*digest, card.as_slice()))
    }

    /// Evidence is for steps of this operation that promise its method, at most one per step and method: so however
    /// much there is, it names each step twice at most. FORMAT.md §4.2.
    fn check_evidence(&self) -> Result<(), Error> {
        let mut covered = BTreeSet::new();
        for evidence in &self.evidence {
            let method = evidence.method();
            for index in evidence.steps() {
                let step = usize::try_from(*index).ok().and_then(|at| self.operation.steps.get(at));
                let step = step.ok_or(Error::EvidenceStepUnknown { index: *index })?;
                let name = || step.name.clone();
                if !step.methods.contains(method) {
                    let promised = step.methods.clone();
                    return Err(Error::EvidenceNotPromised {
                        step: name(),
                        promised,
                        found: method,
                    });
                }
                if !covered.insert((*index, method)) {
                    return Err(Error::EvidenceRepeated { step: name(), method });
                }
            }
        }
        Ok(())
    }

    /// At most one opening of a value of the table. FORMAT.md §4.3.
    fn check_openings(&self) -> Result<(), Error> {
        let mut seen = BTreeSet::new();
        for value in self.openings.iter().map(|opening| opening.value) {
            let Some(entry) = self.operation.value(value) else {
                return Err(Error::OpeningUnknown { index: value });
            };
            if !seen.insert(value) {
                return Err(Error::OpeningRepeated { value: entry.name.clone() });
            }
        }
        Ok(())
    }
}

/// Reads a list of at most `most` items whose encodings ascend strictly: one order, no repetition.
/// FORMAT.md §4.1.
fn set<'a, T>(
    set: &'static str,
    item: Item<'a>,
    most: usize,
    read: impl Fn(Item<'a>) -> Result<T, Error>,
) -> Result<Vec<T>, Error> {
    let items = item.list()?;
    if items.len() > most {
        return Err(Error::SetTooLong { set, limit: most, found: items.len() });
    }
    let mut list = Vec::new();
    let mut before: Option<&[u8]> = None;
    for item in items {
        if before.is_some_and(|before| before >= item.encoded()) {
            return Err(Error::SetNotAscending { set });
        }
        before = Some(item.encoded());
        list.push(read(item)?);
    }
    Ok(list)
}

fn insert<T: PartialEq>(set: &mut Vec<T>, item: T, to_cbor: impl Fn(&T) -> Cbor) {
    if !set.contains(&item) {
        set.push(item);
        set.sort_by_cached_key(|item| cbor::encode(&to_cbor(item)));
    }
}

fn opening_to_cbor(opening: &Opening) -> Cbor {
    cbor::map([
        ("value", cbor::uint(u64::from(opening.value))),
        ("salt", cbor::bytes(opening.salt.as_bytes())),
        ("bytes", opening.bytes.as_deref().map_or(Cbor::Null, cbor::bytes)),
    ])
}

fn opening_from_cbor(item: Item<'_>) -> Result<Opening, Error> {
    let mut fields = item.fields("opening")?;
    let value = fields.take("value")?.u32()?;
    let salt = Salt::new(fields.take("salt")?.fixed()?);
    let bytes = fields.take("bytes")?;
    let bytes = if bytes.is_null() { None } else { Some(bytes.bytes()?.to_vec()) };
    fields.finish()?;
    Ok(Opening { value, salt, bytes })
}
