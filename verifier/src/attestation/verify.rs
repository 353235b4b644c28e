//! The stages of verification, and the two entry points that run them in their fixed order.

use sha2::{Digest, Sha256};

use super::{
    certificate::Certificate,
    chain,
    der_time::CertificateTime,
    document::Document,
    error::Error,
    name,
    payload::Payload,
    pcr::{CODE, Pcr},
    policy::{
        Binding, DebugEnclaves, Freshness, Nonce, PcrSets, Policy, PublicKey, Trust, UserData,
    },
    report,
    roots::Root,
    sample::Sample,
};
use crate::UnixMillis;

/// Checks a document for a decision that is taken now (S45).
///
/// In this order, the first failure being the answer: authentic at `now`, no debug enclave, a
/// permitted image, made for what the policy says, fresh.
pub fn verify_live<'a>(
    document: &Document<'a>,
    policy: &Policy,
    now: UnixMillis,
) -> Result<Live<'a>, Error> {
    let Policy { trust, images, debug, binding, freshness } = policy;
    let nonce_demanded = matches!(&binding.nonce, Nonce::Exactly(nonce) if !nonce.is_empty());
    if freshness.max_age_ms.is_none() && !nonce_demanded {
        return Err(Error::FreshnessNotDemanded);
    }
    let authentic = document.authenticate(trust, now)?;
    authentic.permits_mode(*debug)?;
    let set = authentic.matches(images)?;
    authentic.binds(binding)?;
    authentic.fresh(freshness, now)?;
    Ok(Live { authentic, set, loosened: report::loosened(policy) })
}

/// Checks a document as of its own timestamp (S45).
///
/// It says nothing about now: the enclave may have been gone for years. `freshness` does not
/// apply; whoever needs the time itself bounded compares [`Authentic::timestamp`].
pub fn verify_archived<'a>(
    document: &Document<'a>,
    policy: &Policy,
) -> Result<Archived<'a>, Error> {
    let Policy { trust, images, debug, binding, freshness: _ } = policy;
    let authentic = document.authenticate(trust, document.unverified_timestamp())?;
    authentic.permits_mode(*debug)?;
    let set = authentic.matches(images)?;
    authentic.binds(binding)?;
    Ok(Archived { authentic, set, loosened: report::loosened(policy) })
}

/// Evidence that a document met a policy at the caller's clock: only [`verify_live`] makes one.
///
/// An [`Archived`] cannot stand in for it:
/// ```compile_fail
/// use assay_verifier::attestation::{Archived, Live};
/// fn admit(_: &Live<'_>) {}
/// fn replayed(old: &Archived<'_>) {
///     admit(old);
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Live<'a> {
    authentic: Authentic<'a>,
    set: usize,
    loosened: Vec<&'static str>,
}

/// Evidence that a document met a policy at its own timestamp: only [`verify_archived`] makes one.
#[derive(Clone, Debug)]
pub struct Archived<'a> {
    authentic: Authentic<'a>,
    set: usize,
    loosened: Vec<&'static str>,
}

impl<'a> Live<'a> {
    /// What the document says.
    pub const fn authentic(&self) -> &Authentic<'a> {
        &self.authentic
    }

    /// Which of the policy's sets of registers matched, counted from 0.
    pub const fn matched_set(&self) -> usize {
        self.set
    }

    /// The words of the policy that loosened a check.
    pub fn loosened(&self) -> &[&'static str] {
        &self.loosened
    }
}

impl<'a> Archived<'a> {
    /// What the document says.
    pub const fn authentic(&self) -> &Authentic<'a> {
        &self.authentic
    }

    /// Which of the policy's sets of registers matched, counted from 0.
    pub const fn matched_set(&self) -> usize {
        self.set
    }

    /// The words of the policy that loosened a check.
    pub fn loosened(&self) -> &[&'static str] {
        &self.loosened
    }
}

/// A document whose chain and signatures hold at [`at`](Self::at): who made it is known.
///
/// Not a verdict: which image it is about, and for whom it was made, are stages of their own.
#[derive(Clone, Debug)]
pub struct Authentic<'a> {
    payload: Payload<'a>,
    payload_sha256: [u8; 32],
    instance: &'a str,
    region: Option<&'a str>,
    leaf: Certificate<'a>,
    root: Root,
    at: UnixMillis,
}

/// How an enclave was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// With `--debug-mode`: nothing is measured, and the console is readable.
    Debug,
    /// Measured.
    Production,
}

impl<'a> Document<'a> {
    /// Finds out who made the document: chain, windows, names and signatures, at time `at`
    /// (FORMAT.md §8.4, §8.5).
    pub fn authenticate(&self, trust: &Trust, at: UnixMillis) -> Result<Authentic<'a>, Error> {
        let chain::Chain { instance, region, leaf } = chain::check(self, trust, at)?;
        Ok(Authentic {
            payload: self.payload.clone(),
            payload_sha256: Sha256::digest(self.unverified_payload()).into(),
            instance,
            region,
            leaf,
            root: trust.root.clone(),
            at,
        })
    }
}

/// Stages: each may be asked for by itself, for a report of every check.
impl<'a> Authentic<'a> {
    /// Refuses a debug enclave unless it is permitted, and any other with a register of the code
    /// at zero (S42).
    pub fn permits_mode(&self, debug: DebugEnclaves) -> Result<(), Error> {
        match (self.mode(), debug) {
            (Mode::Debug, DebugEnclaves::AcceptedUnmeasured) => Ok(()),
            (Mode::Debug, DebugEnclaves::Refused) => Err(Error::DebugEnclave),
            (Mode::Production, _) => {
                match CODE.into_iter().find(|index| self.pcr(*index) == Some(Pcr::ZERO)) {
                    Some(index) => Err(Error::PcrZero { index }),
                    None => Ok(()),
                }
            }
        }
    }

    /// Which of `sets` matches whole, counted from 0 (S41).
    pub fn matches(&self, sets: &PcrSets) -> Result<usize, Error> {
        let mut difference = None;
        for (number, set) in sets.iter().enumerate() {
            match set.first_difference(&self.payload.pcrs) {
                None => return Ok(number),
                Some(found) => difference = difference.or(Some(found)),
            }
        }
        let sets = sets.count();
        Err(match difference {
            Some((index, expected, Some(found))) => {
                Error::PcrMismatch { sets, index, expected, found }
            }
            Some((index, expected, None)) => Error::PcrMissing { sets, index, expected },
            // No set at all: `PcrSets` is never empty, and an empty one would match nothing.
            None => Error::PcrMissing { sets, index: 0, expected: Pcr::ZERO },
        })
    }

    /// Whether the document was made for what `binding` says (S43, S44): nonce, user data, key.
    pub fn binds(&self, binding: &Binding) -> Result<(), Error> {
        let Binding { nonce, user_data, public_key } = binding;
        self.carries_nonce(nonce)?;
        self.carries_user_data(user_data)?;
        self.carries_public_key(public_key)
    }

    /// The nonce, byte for byte, present and of the same length (S43).
    pub fn carries_nonce(&self, expected: &Nonce) -> Result<(), Error> {
        match (expected, self.payload.nonce) {
            (Nonce::AnyNonceAccepted, _) => Ok(()),
            (Nonce::Exactly(expected), Some(found)) if expected == found => Ok(()),
            (Nonce::Exactly(expected), found) => Err(difference(
                expected,
                found,
                |expected| Error::NonceAbsent { expected },
                |expected, found| Error::NonceMismatch { expected, found },
            )),
        }
    }

    /// The user data, byte for byte (S44).
    pub fn carries_user_data(&self, expected: &UserData) -> Result<(), Error> {
        match (expected, self.payload.user_data) {
            (UserData::AnyUserDataAccepted, _) => Ok(()),
            (UserData::Exactly(expected), Some(found)) if expected == found => Ok(()),
            (UserData::Exactly(expected), found) => Err(difference(
                expected,
                found,
                |expected| Error::UserDataAbsent { expected },
                |expected, found| Error::UserDataMismatch { expected, found },
            )),
        }
    }

    /// The public key (S44).
    pub fn carries_public_key(&self, expected: &PublicKey) -> Result<(), Error> {
        match (expected, self.payload.public_key) {
            (PublicKey::AnyPublicKeyAccepted, _)
            | (PublicKey::Absent, None)
            | (PublicKey::Present, Some(_)) => Ok(()),
            (PublicKey::Present, None) => Err(Error::PublicKeyAbsent),
            (PublicKey::Absent, Some(found)) => {
                Err(Error::PublicKeyPresent { found: Sample::of(found) })
            }
            (PublicKey::Exactly(expected), Some(found)) if expected == found => Ok(()),
            (PublicKey::Exactly(expected), found) => Err(difference(
                expected,
                found,
                |_| Error::PublicKeyAbsent,
                |expected, found| Error::PublicKeyMismatch { expected, found },
            )),
        }
    }

    /// Whether its timestamp is recent at `now` (S43).
    pub fn fresh(&self, freshness: &Freshness, now: UnixMillis) -> Result<(), Error> {
        let Freshness { max_age_ms, future_skew_ms: skew_ms } = *freshness;
        let timestamp = self.payload.timestamp;
        if timestamp.since(now) > skew_ms {
            return Err(Error::TimestampInFuture { timestamp, now, skew_ms });
        }
        match max_age_ms {
            Some(max_age_ms) if now.since(timestamp) > max_age_ms => {
                Err(Error::TimestampTooOld { timestamp, now, max_age_ms })
            }
            _ => Ok(()),
        }
    }
}

/// What the document says.
impl<'a> Authentic<'a> {
    /// The enclave: `<instance>-enc<launch time and number in hexadecimal>`.
    pub const fn module_id(&self) -> &'a str {
        self.payload.module_id
    }

    /// The EC2 instance that the enclave runs on, by its module id.
    pub const fn instance(&self) -> &'a str {
        self.instance
    }

    /// The AWS region, by the leaf's name; none where the policy leaves names unchecked.
    pub const fn region(&self) -> Option<&'a str> {
        self.region
    }

    /// When the enclave was launched, in milliseconds since 1970, if its module id says so in the
    /// usual form: to be shown, not to be relied on (S39).
    pub fn launched_unix_millis(&self) -> Option<u64> {
        name::launched(self.payload.module_id)
    }

    /// When the hypervisor made the document.
    pub const fn timestamp(&self) -> UnixMillis {
        self.payload.timestamp
    }

    /// The time as of which the certificates were checked.
    pub const fn at(&self) -> UnixMillis {
        self.at
    }

    /// The first and last moment of the leaf certificate.
    pub const fn leaf_window(&self) -> (CertificateTime, CertificateTime) {
        (self.leaf.not_before, self.leaf.not_after)
    }

    /// The registers, ascending.
    pub fn pcrs(&self) -> impl Iterator<Item = (u8, Pcr)> {
        self.payload.pcrs.iter()
    }

    /// Register `index`, if the document states it.
    pub fn pcr(&self, index: u8) -> Option<Pcr> {
        self.payload.pcrs.get(index)
    }

    /// Debug where PCR 0, 1 and 2 are all zero.
    pub fn mode(&self) -> Mode {
        match CODE.into_iter().all(|index| self.pcr(index) == Some(Pcr::ZERO)) {
            true => Mode::Debug,
            false => Mode::Production,
        }
    }

    /// The public key that the enclave's program put there: 1 to 1024 bytes of its own encoding.
    pub const fn public_key(&self) -> Option<&'a [u8]> {
        self.payload.public_key
    }

    /// What the enclave's program put there: 0 to 1024 bytes.
    pub const fn user_data(&self) -> Option<&'a [u8]> {
        self.payload.user_data
    }

    /// The nonce that the enclave's program put there: 0 to 1024 bytes.
    pub const fn nonce(&self) -> Option<&'a [u8]> {
        self.payload.nonce
    }

    /// SHA-256 of the signed payload. With module id and timestamp it tells documents apart; a
    /// digest of the whole document does not, since tag and signature are malleable.
    pub const fn payload_sha256(&self) -> [u8; 32] {
        self.payload_sha256
    }

    /// The root the chain begins with.
    pub const fn root(&self) -> &Root {
        &self.root
    }
}

fn difference(
    expected: &[u8],
    found: Option<&[u8]>,
    absent: impl Fn(Sample) -> Error,
    mismatch: impl Fn(Sample, Sample) -> Error,
) -> Error {
    match found {
        None => absent(Sample::of(expected)),
        Some(found) => mismatch(Sample::of(expected), Sample::of(found)),
    }
}
