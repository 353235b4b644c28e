//! What a relying party demands of a document (S41 to S45). An empty policy cannot be expressed.

use super::{
    certificate::Position, der::Reader, error::Error, name::Name, pcr::PcrSet,
    policy_error::PolicyError, roots::Root,
};

/// Everything a document must be. Each field is a demand; where one is waived, its word says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Who may have made it.
    pub trust: Trust,
    /// The images that may run in the enclave.
    pub images: PcrSets,
    /// Whether a debug enclave will do.
    pub debug: DebugEnclaves,
    /// What it must have been made for.
    pub binding: Binding,
    /// How old it may be, for a live decision.
    pub freshness: Freshness,
}

/// Who may have made a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// The certificate that the chain must begin with.
    pub root: Root,
    /// Certificates that are refused although their signatures hold: AWS publishes no list that
    /// applies to enclaves, so this one is the caller's (S34).
    pub denied: Vec<Denied>,
    /// Whether common names are compared with the module id (S37).
    pub names: Names,
}

/// A certificate that the caller refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    issuer: Vec<u8>,
    serial: Vec<u8>,
}

/// Whether the common names of leaf and issuing certificate are compared with `module_id`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Names {
    /// They are.
    #[default]
    Checked,
    /// They are not: AWS has never promised these names, it has only always used them.
    Unchecked,
}

/// Whether debug enclaves are accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DebugEnclaves {
    /// They are, although nothing is measured in them and their console is readable.
    AcceptedUnmeasured,
    /// They are not, not even by a policy that pins zeros.
    #[default]
    Refused,
}

/// Permitted images: at least one set, of which one must match whole. Sets are never mixed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PcrSets(Vec<PcrSet>);

/// What a document must have been made for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The nonce of the request.
    pub nonce: Nonce,
    /// What the enclave's program put there.
    pub user_data: UserData,
    /// The key of the enclave's program.
    pub public_key: PublicKey,
}

/// The nonce a document must carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nonce {
    /// Any, or none: someone else's document may be replayed.
    AnyNonceAccepted,
    /// These bytes.
    Exactly(Vec<u8>),
}

/// The user data a document must carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UserData {
    /// Any, or none.
    AnyUserDataAccepted,
    /// These bytes.
    Exactly(Vec<u8>),
}

/// The public key a document must carry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// None.
    Absent,
    /// Any, or none.
    AnyPublicKeyAccepted,
    /// These bytes, in whatever encoding the enclave's program used.
    Exactly(Vec<u8>),
    /// Any: the caller compares it, or says whose it is.
    Present,
}

/// How old a document may be, for a live decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// Milliseconds from its timestamp to now. Without it a nonce is needed (S43).
    pub max_age_ms: Option<u64>,
    /// Milliseconds by which its timestamp may be ahead of the clock.
    pub future_skew_ms: u64,
}

impl Trust {
    /// A root, with names checked and nothing denied.
    pub const fn new(root: Root) -> Self {
        Self { root, denied: Vec::new(), names: Names::Checked }
    }
}

impl Denied {
    /// `issuer` is the DER of the issuer's name, `serial` the serial number, big-endian; leading
    /// zeros do not count.
    pub fn new(issuer: &[u8], serial: &[u8]) -> Self {
        Self { issuer: issuer.into(), serial: without_zeros(serial).into() }
    }

    /// The same, of a name by the rules of certificates (S36). Errors: anything else, which no certificate would match.
    pub fn of(issuer: &[u8], serial: &[u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(issuer, Position::Leaf);
        Name::read(&mut reader)?;
        reader.finish()?;
        Ok(Self::new(issuer, serial))
    }

    /// The DER of the issuer's name.
    pub fn issuer(&self) -> &[u8] {
        &self.issuer
    }

    /// The serial number, big-endian, without leading zeros.
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    pub(super) fn is(&self, issuer: &[u8], serial: &[u8]) -> bool {
        self.issuer == issuer && self.serial == without_zeros(serial)
    }
}

impl PcrSets {
    /// At least one set.
    pub fn new(sets: Vec<PcrSet>) -> Result<Self, PolicyError> {
        if sets.is_empty() {
            return Err(PolicyError::PcrSetsEmpty);
        }
        Ok(Self(sets))
    }

    /// The sets, in the caller's order.
    pub fn iter(&self) -> impl Iterator<Item = &PcrSet> {
        self.0.iter()
    }

    pub(super) const fn count(&self) -> usize {
        self.0.len()
    }
}

impl From<PcrSet> for PcrSets {
    fn from(set: PcrSet) -> Self {
        Self(vec![set])
    }
}

impl Default for Freshness {
    /// At most five minutes old, at most one minute ahead.
    fn default() -> Self {
        Self { max_age_ms: Some(300_000), future_skew_ms: 60_000 }
    }
}

fn without_zeros(serial: &[u8]) -> &[u8] {
    let zeros = serial.iter().take_while(|byte| **byte == 0).count();
    serial.get(zeros..).unwrap_or(serial)
}
