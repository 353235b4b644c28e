//! The COSE_Sign1 envelope: bytes that decode. Nothing in it has been believed yet.

use core::fmt;

use sha2::{Digest, Sha384};

use super::{
    cbor::{CborKind, Length, Reader},
    certificate::{Certificate, Position},
    error::{Error, Part},
    payload::Payload,
    pcr::Pcr,
    sample::Sample,
};
use crate::UnixMillis;

/// An attestation document that decodes (FORMAT.md §8.1 to §8.3).
///
/// Anybody can make one: what its `unverified_…` methods say is for inspection only.
/// [`Document::authenticate`] is what finds out who made it.
#[derive(Clone, Debug)]
pub struct Document<'a> {
    pub(super) payload: Payload<'a>,
    payload_bytes: &'a [u8],
    /// r ‖ s, 48 bytes each, big-endian.
    pub(super) signature: &'a [u8; 96],
}

/// A part of the envelope or payload, for messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words of COSE and of the AWS document")]
pub enum Item {
    CabundleEntry,
    Envelope,
    Field(Field),
    Key,
    Map,
    Payload,
    PcrIndex,
    PcrValue,
    Protected,
    Signature,
    Unprotected,
}

/// A field of the payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names in the AWS document")]
pub enum Field {
    Cabundle,
    Certificate,
    Digest,
    ModuleId,
    Nonce,
    Pcrs,
    PublicKey,
    Timestamp,
    UserData,
}

impl<'a> Document<'a> {
    /// Decodes a whole document: tag 18 or none, nothing after it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_DOCUMENT {
            return Err(Error::DocumentLength { found: bytes.len(), max: MAX_DOCUMENT });
        }
        let mut reader = Reader::new(bytes, Part::Envelope);
        if reader.peek()? == CborKind::Tag {
            match reader.head()?.value {
                COSE_SIGN1_TAG => {}
                found => return Err(Error::EnvelopeTag { found }),
            }
        }
        match reader.expect(Item::Envelope, CborKind::Array)? {
            4 => {}
            found => return Err(Error::EnvelopeCount { found }),
        }
        let protected = reader.bytes(Item::Protected)?;
        if protected != ES384_HEADER {
            let (expected, found) = (Sample::of(ES384_HEADER), Sample::of(protected));
            return Err(Error::ProtectedHeader { expected, found });
        }
        let unprotected = reader.expect_any_length(Item::Unprotected, CborKind::Map)?;
        if unprotected.length == Length::UntilBreak {
            return Err(Error::CborIndefinite { part: Part::Envelope, at: UNPROTECTED_AT });
        }
        if unprotected.value != 0 {
            return Err(Error::UnprotectedHeader { found: unprotected.value });
        }
        let payload_bytes = reader.bytes(Item::Payload)?;
        if payload_bytes.is_empty() || payload_bytes.len() > MAX_PAYLOAD {
            return Err(Error::PayloadLength { found: payload_bytes.len() });
        }
        let signature = reader.bytes(Item::Signature)?;
        let signature: &[u8; 96] =
            signature.try_into().map_err(|_| Error::SignatureLength { found: signature.len() })?;
        if reader.left() > 0 {
            return Err(Error::EnvelopeTrailing { count: reader.left() });
        }
        let payload = Payload::parse(payload_bytes)?;
        Ok(Self { payload, payload_bytes, signature })
    }

    /// The payload, as it arrived.
    pub const fn unverified_payload(&self) -> &'a [u8] {
        self.payload_bytes
    }

    /// What the document says its module is.
    pub const fn unverified_module_id(&self) -> &'a str {
        self.payload.module_id
    }

    /// When the document says it was made.
    pub const fn unverified_timestamp(&self) -> UnixMillis {
        self.payload.timestamp
    }

    /// The registers the document states, ascending.
    pub fn unverified_pcrs(&self) -> impl Iterator<Item = (u8, Pcr)> {
        self.payload.pcrs.iter()
    }

    /// The public key the document carries, if any.
    pub const fn unverified_public_key(&self) -> Option<&'a [u8]> {
        self.payload.public_key
    }

    /// The user data the document carries, if any.
    pub const fn unverified_user_data(&self) -> Option<&'a [u8]> {
        self.payload.user_data
    }

    /// The nonce the document carries, if any.
    pub const fn unverified_nonce(&self) -> Option<&'a [u8]> {
        self.payload.nonce
    }

    /// The certificates the document carries, root first, leaf last, each checked for its form.
    pub fn unverified_chain(&self) -> Result<Vec<Certificate<'a>>, Error> {
        self.certificates().map(|(position, der)| Certificate::parse(der, position)).collect()
    }

    /// The certificates' bytes: `cabundle` in its order, then the leaf.
    pub(super) fn certificates(&self) -> impl Iterator<Item = (Position, &'a [u8])> {
        let above = (0..).map(Position::Cabundle).zip(self.payload.cabundle.iter());
        above.chain([(Position::Leaf, self.payload.certificate)])
    }

    /// SHA-384 of COSE's `Sig_structure` over the bytes that arrived:
    /// `["Signature1", protected, h'', payload]` (RFC 9052 §4.4).
    pub(super) fn signed_digest(&self) -> [u8; 48] {
        let mut hasher = Sha384::new();
        hasher.update(b"\x84\x6aSignature1\x44");
        hasher.update(ES384_HEADER);
        hasher.update([0x40]);
        // The payload's own header: its length was at most 16384, in the shortest form.
        let length = u16::try_from(self.payload_bytes.len()).unwrap_or(u16::MAX);
        let [high, low] = length.to_be_bytes();
        match length {
            0..=23 => hasher.update([0x40 | low]),
            24..=255 => hasher.update([0x58, low]),
            _ => hasher.update([0x59, high, low]),
        }
        hasher.update(self.payload_bytes);
        hasher.finalize().into()
    }
}

impl Field {
    /// Its name in the payload.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cabundle => "cabundle",
            Self::Certificate => "certificate",
            Self::Digest => "digest",
            Self::ModuleId => "module_id",
            Self::Nonce => "nonce",
            Self::Pcrs => "pcrs",
            Self::PublicKey => "public_key",
            Self::Timestamp => "timestamp",
            Self::UserData => "user_data",
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CabundleEntry => "an entry of cabundle",
            Self::Envelope => "the envelope",
            Self::Field(field) => field.name(),
            Self::Key => "a key of the payload",
            Self::Map => "the payload's content",
            Self::Payload => "the payload",
            Self::PcrIndex => "a pcr's number",
            Self::PcrValue => "a pcr's value",
            Self::Protected => "the protected header",
            Self::Signature => "the signature",
            Self::Unprotected => "the unprotected header",
        })
    }
}

/// RFC 9052 §2: COSE_Sign1.
const COSE_SIGN1_TAG: u64 = 18;
/// {1: -35}, ES384: the one header of every genuine document, so that algorithm, `crit` and
/// duplicates need no check of their own (S3).
const ES384_HEADER: &[u8] = &[0xa1, 0x01, 0x38, 0x22];
/// Array head and protected header precede it; one more where there is a tag.
const UNPROTECTED_AT: usize = 6;
/// AWS: the payload has "1 to 16384 bytes".
const MAX_PAYLOAD: usize = 16_384;
/// Tag, array, protected (5), unprotected, payload header (3), signature (2 + 96).
const MAX_DOCUMENT: usize = MAX_PAYLOAD + 109;
