//! Why an attestation document was not accepted.

mod name;
mod words;

pub use name::{Kind, Rule};

use super::{
    cbor::CborKind,
    certificate::{AlgorithmPlace, Position},
    der_time::CertificateTime,
    document::{Field, Item},
    pcr::Pcr,
    sample::Sample,
};
use crate::UnixMillis;

/// One of the two CBOR texts of an attestation document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The COSE_Sign1 structure around everything.
    Envelope,
    /// The map that was signed.
    Payload,
}

/// Why an attestation document was not accepted. FORMAT.md §8 has one entry per variant.
///
/// `certificate` says which certificate of the chain; `at` is a byte offset from the beginning of
/// the envelope, payload or certificate; counts and lengths are bytes unless the name says else.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(
    missing_docs,
    reason = "the fields are the two sides of the comparison each variant names"
)]
pub enum Error {
    /// A certificate that issues others says that it is not an authority. S29.
    AuthorityFalse { certificate: Position },
    /// A certificate that issues others has no basicConstraints. S29.
    BasicConstraintsAbsent { certificate: Position },
    /// A certificate that issues others does not mark basicConstraints critical. S29.
    BasicConstraintsNotCritical { certificate: Position },
    /// More certificates than any chain needs. S36.
    CabundleCount { found: u64, max: u64 },
    /// There is no certificate above the leaf. S15.
    CabundleEmpty,
    /// A "break" where an item was expected. S22.
    CborBreak { part: Part, at: usize },
    /// A string in pieces. S22.
    CborChunked { part: Part, at: usize },
    /// An array or map announces more items than there are bytes left. S22.
    CborCount { part: Part, at: usize, count: u64, left: usize },
    /// Indefinite length elsewhere than in the payload map. S19, S23.
    CborIndefinite { part: Part, at: usize },
    /// A number or length is not in its shortest form. S22, S23.
    CborNonMinimal { part: Part, at: usize },
    /// Additional information 28 to 30, which CBOR reserves. S22.
    CborReserved { part: Part, at: usize, found: u8 },
    /// The bytes end inside an item. S22.
    CborTruncated { part: Part, at: usize, needed: u64, left: usize },
    /// A text string is not UTF-8. S22.
    CborUtf8 { part: Part, at: usize },
    /// The caller's policy denies a certificate of the chain. S34.
    CertificateDenied { certificate: Position, serial: Sample },
    /// A certificate had lapsed. S28.
    CertificateExpired { certificate: Position, not_after: CertificateTime, at: UnixMillis },
    /// A certificate is empty or longer than 1024 bytes. S15, S16.
    CertificateLength { certificate: Position, found: usize },
    /// A certificate was not valid yet. S28.
    CertificateNotYetValid { certificate: Position, not_before: CertificateTime, at: UnixMillis },
    /// The same certificate twice. S36.
    CertificateRepeated { first: Position, again: Position },
    /// A certificate's signature is not two integers between 0 and the group order. S35.
    CertificateSignatureForm { certificate: Position },
    /// A certificate was not signed by the one above it. S33.
    CertificateSignatureInvalid { certificate: Position },
    /// Bytes after a certificate. S36.
    CertificateTrailing { certificate: Position, count: usize },
    /// A certificate is not X.509 version 3. S33.
    CertificateVersion { certificate: Position, found: u64 },
    /// A certificate ends before it begins. S28.
    CertificateWindow {
        certificate: Position,
        not_before: CertificateTime,
        not_after: CertificateTime,
    },
    /// A subject has no common name, or several. S37.
    CommonNameCount { certificate: Position, found: usize },
    /// An unknown extension is marked critical. S33.
    CriticalExtension { certificate: Position, oid: Sample },
    /// A debug enclave (PCR 0, 1 and 2 all zero), and the policy does not allow it. S42.
    DebugEnclave,
    /// A DER integer is negative, empty, too long or not in its shortest form. S36.
    DerInteger { certificate: Position, at: usize },
    /// A DER length is indefinite, not in its shortest form or beyond any certificate. S36.
    DerLength { certificate: Position, at: usize },
    /// Another DER element than the one that belongs here. S36.
    DerTag { certificate: Position, at: usize, expected: u8, found: u8 },
    /// A date is not written as RFC 5280 requires. S36.
    DerTime { certificate: Position, at: usize },
    /// Bytes after the last element of a DER structure. S36.
    DerTrailing { certificate: Position, at: usize, count: usize },
    /// A certificate ends inside an element. S36.
    DerTruncated { certificate: Position, at: usize, needed: usize, left: usize },
    /// A DER value is not in the one form that DER allows. S36.
    DerValue { certificate: Position, at: usize, expected: &'static str },
    /// The measurements are not SHA-384. S12.
    DigestName { found: Box<str> },
    /// The whole document is longer than any that can hold a permitted payload. S5.
    DocumentLength { found: usize, max: usize },
    /// The envelope is not an array of four. S1.
    EnvelopeCount { found: u64 },
    /// The envelope has a tag other than 18. S2.
    EnvelopeTag { found: u64 },
    /// Bytes after the envelope. S21.
    EnvelopeTrailing { count: usize },
    /// A certificate has the same extension twice. S33.
    ExtensionDuplicate { certificate: Position, oid: Sample },
    /// A field of the payload appears twice. S20.
    FieldDuplicate { field: Field },
    /// A mandatory field of the payload is absent. S9.
    FieldMissing { field: Field },
    /// A mandatory field of the payload is null. S10.
    FieldNull { field: Field },
    /// A field of the payload that this version does not know. S24.
    FieldUnknown { name: Box<str> },
    /// A live check was asked for with neither a nonce nor a maximum age. S43.
    FreshnessNotDemanded,
    /// The issuing certificate is not that of the instance in `module_id`. S37.
    InstanceName { expected: Box<str>, found: Box<str> },
    /// A certificate names another issuer than the certificate above it. S26.
    IssuerName { certificate: Position },
    /// An item has another type than the one it must have. S1, S4 to S6, S9, S11 to S18.
    ItemType { item: Item, expected: CborKind, found: CborKind },
    /// A certificate's key is not an uncompressed P-384 point in the one permitted form. S35.
    KeyForm { certificate: Position },
    /// A certificate's key is not a point of the curve P-384. S35.
    KeyPoint { certificate: Position },
    /// A certificate has no keyUsage. S31, S32.
    KeyUsageAbsent { certificate: Position },
    /// A certificate that issues others may not sign certificates. S31.
    KeyUsageCertSign { certificate: Position },
    /// The leaf may sign certificates. S32.
    LeafCertSign,
    /// The leaf may not make digital signatures. S32.
    LeafDigitalSignature,
    /// The leaf is an authority. S32.
    LeafIsAuthority,
    /// The leaf is not the certificate of `module_id`. S37.
    LeafName { expected: Box<str>, found: Box<str> },
    /// The leaf has a path length. S32.
    LeafPathLength { found: u64 },
    /// `module_id` is empty. S11.
    ModuleIdEmpty,
    /// The document is of an EC2 instance with NitroTPM, not of an enclave. S25.
    NitroTpm,
    /// The document has no nonce and one was sent. S43.
    NonceAbsent { expected: Sample },
    /// The nonce is longer than 1024 bytes. S18.
    NonceLength { found: usize },
    /// The nonce is not the one that was sent. S43.
    NonceMismatch { expected: Sample, found: Sample },
    /// `module_id` names no enclave. S25.
    NotAnEnclave { module_id: Box<str> },
    /// More certificates follow than a certificate permits. S30.
    PathLength { certificate: Position, allowed: u64, found: u64 },
    /// The payload is empty or longer than 16384 bytes. S5.
    PayloadLength { found: usize },
    /// Bytes after the payload map. S21.
    PayloadTrailing { count: usize },
    /// There is no register, or there are more than 32. S14.
    PcrCount { found: u64 },
    /// A register appears twice. S20.
    PcrDuplicate { index: u8 },
    /// A register has a number above 31. S14.
    PcrIndex { found: u64 },
    /// A register is not 48 bytes long. S14.
    PcrLength { index: u8, found: usize },
    /// A register is not as pinned, in the first of `sets` permitted sets; none matches. S41.
    PcrMismatch { sets: usize, index: u8, expected: Pcr, found: Pcr },
    /// A pinned register is absent; none of `sets` permitted sets matches. S41.
    PcrMissing { sets: usize, index: u8, expected: Pcr },
    /// PCR 0, 1 or 2 is zero: something was not measured. S42.
    PcrZero { index: u8 },
    /// The protected header is not exactly {1: -35}, ES384. S3.
    ProtectedHeader { expected: Sample, found: Sample },
    /// The document carries no public key and one is required. S44.
    PublicKeyAbsent,
    /// The public key is empty or longer than 1024 bytes. S17.
    PublicKeyLength { found: usize },
    /// The document carries another public key. S44.
    PublicKeyMismatch { expected: Sample, found: Sample },
    /// The document carries a public key and must not. S44.
    PublicKeyPresent { found: Sample },
    /// The chain does not begin with the root the caller trusts. S27.
    RootMismatch { expected_sha256: [u8; 32], found_sha256: [u8; 32] },
    /// A certificate is not signed with ecdsa-with-SHA384. S35.
    SignatureAlgorithm { certificate: Position, place: AlgorithmPlace },
    /// The document was not signed by the leaf's key. S7.
    SignatureInvalid,
    /// The document's signature is not 96 bytes. S6.
    SignatureLength { found: usize },
    /// A half of the document's signature is zero or not below the group order. S8.
    SignatureScalar,
    /// The document is dated later than the clock plus the permitted skew. S43.
    TimestampInFuture { timestamp: UnixMillis, now: UnixMillis, skew_ms: u64 },
    /// The document is dated outside its leaf's validity. S38.
    TimestampOutsideLeaf {
        timestamp: UnixMillis,
        not_before: CertificateTime,
        not_after: CertificateTime,
    },
    /// The timestamp cannot be milliseconds since 1970. S13.
    TimestampRange { found: u64 },
    /// The document is older than the policy allows. S43.
    TimestampTooOld { timestamp: UnixMillis, now: UnixMillis, max_age_ms: u64 },
    /// The unprotected header is not empty. S4.
    UnprotectedHeader { found: u64 },
    /// The document has no user data and the policy says which it must have. S44.
    UserDataAbsent { expected: Sample },
    /// The user data is longer than 1024 bytes. S18.
    UserDataLength { found: usize },
    /// The user data is not what the policy says. S44.
    UserDataMismatch { expected: Sample, found: Sample },
}

impl core::error::Error for Error {}
