//! What people read: the sentence, and what to do about it.

use core::fmt;

use super::{Error, Kind, Part};
use crate::printable;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names in it are the document's: no sentence has what a terminal would obey.
        f.write_str(&printable(&Sentence(self).to_string()))
    }
}

struct Sentence<'a>(&'a Error);

impl fmt::Display for Sentence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(error) = self;
        match error {
            Error::AuthorityFalse { certificate } => {
                write!(f, "{certificate} issues certificates but is not an authority")
            }
            Error::BasicConstraintsAbsent { certificate } => {
                write!(f, "{certificate} issues certificates but has no basicConstraints")
            }
            Error::BasicConstraintsNotCritical { certificate } => {
                write!(f, "basicConstraints of {certificate} are not critical")
            }
            Error::CabundleCount { found, max } => {
                write!(
                    f,
                    "the chain has {found} certificates above the leaf, at most {max} are read"
                )
            }
            Error::CabundleEmpty => write!(f, "there is no certificate above the leaf"),
            Error::CborBreak { part, at } => write!(f, "unexpected break at byte {at} of {part}"),
            Error::CborChunked { part, at } => {
                write!(f, "a string in pieces at byte {at} of {part}")
            }
            Error::CborCount { part, at, count, left } => {
                write!(f, "{count} items announced at byte {at} of {part}, with {left} bytes left")
            }
            Error::CborIndefinite { part, at } => {
                write!(f, "indefinite length at byte {at} of {part}")
            }
            Error::CborNonMinimal { part, at } => {
                write!(f, "a number at byte {at} of {part} is not in its shortest form")
            }
            Error::CborReserved { part, at, found } => {
                write!(f, "reserved additional information {found} at byte {at} of {part}")
            }
            Error::CborTruncated { part, at, needed, left } => {
                write!(f, "{part} ends early: {needed} bytes needed at byte {at}, {left} left")
            }
            Error::CborUtf8 { part, at } => write!(f, "text at byte {at} of {part} is not utf-8"),
            Error::CertificateDenied { certificate, serial } => {
                write!(f, "the policy denies {certificate}, serial number {serial}")
            }
            Error::CertificateExpired { certificate, not_after, at } => {
                write!(f, "{certificate} lapsed at {not_after}, before {at}")
            }
            Error::CertificateLength { certificate, found } => {
                write!(f, "{certificate} is {found} bytes long, expected 1 to 1024")
            }
            Error::CertificateNotYetValid { certificate, not_before, at } => {
                write!(f, "{certificate} begins at {not_before}, after {at}")
            }
            Error::CertificateRepeated { first, again } => {
                write!(f, "{again} is the same certificate as {first}")
            }
            Error::CertificateSignatureForm { certificate } => {
                write!(f, "the signature of {certificate} is not two integers of P-384")
            }
            Error::CertificateSignatureInvalid { certificate } => {
                write!(f, "{certificate} was not signed by the certificate above it")
            }
            Error::CertificateTrailing { certificate, count } => {
                write!(f, "{count} bytes follow {certificate}")
            }
            Error::CertificateVersion { certificate, found } => {
                write!(f, "{certificate} is x.509 version {found}, expected 3")
            }
            Error::CertificateWindow { certificate, not_before, not_after } => {
                write!(f, "{certificate} ends at {not_after}, before it begins at {not_before}")
            }
            Error::CommonNameCount { certificate, found } => {
                write!(f, "the subject of {certificate} has {found} common names, expected 1")
            }
            Error::CriticalExtension { certificate, oid } => {
                write!(f, "{certificate} has an unknown critical extension, oid {oid}")
            }
            Error::DebugEnclave => write!(f, "a debug enclave: pcr 0, 1 and 2 are zero"),
            Error::DerInteger { certificate, at } => {
                write!(f, "bad integer at byte {at} of {certificate}")
            }
            Error::DerLength { certificate, at } => {
                write!(f, "bad length at byte {at} of {certificate}")
            }
            Error::DerTag { certificate, at, expected, found } => write!(
                f,
                "element {found:#04x} at byte {at} of {certificate}, expected {expected:#04x}"
            ),
            Error::DerTime { certificate, at } => {
                write!(f, "bad date at byte {at} of {certificate}")
            }
            Error::DerTrailing { certificate, at, count } => {
                write!(f, "{count} stray bytes at byte {at} of {certificate}")
            }
            Error::DerTruncated { certificate, at, needed, left } => write!(
                f,
                "{certificate} ends early: {needed} bytes needed at byte {at}, {left} left"
            ),
            Error::DerValue { certificate, at, expected } => {
                write!(f, "bad value at byte {at} of {certificate}, expected {expected}")
            }
            Error::DigestName { found } => write!(f, "digest is {found:?}, expected \"SHA384\""),
            Error::DocumentLength { found, max } => {
                write!(f, "the document is {found} bytes long, at most {max} are read")
            }
            Error::EnvelopeCount { found } => {
                write!(f, "the envelope is an array of {found}, expected 4")
            }
            Error::EnvelopeTag { found } => write!(f, "the envelope has tag {found}, expected 18"),
            Error::EnvelopeTrailing { count } => write!(f, "{count} bytes follow the envelope"),
            Error::ExtensionDuplicate { certificate, oid } => {
                write!(f, "{certificate} has extension {oid} twice")
            }
            Error::FieldDuplicate { field } => write!(f, "{field} appears twice"),
            Error::FieldMissing { field } => write!(f, "{field} is missing"),
            Error::FieldNull { field } => write!(f, "{field} is null"),
            Error::FieldUnknown { name } => write!(f, "unknown field {name:?}"),
            Error::FreshnessNotDemanded => {
                write!(f, "a live check needs a nonce or a maximum age, the policy has neither")
            }
            Error::InstanceName { expected, found } => {
                write!(f, "the issuing certificate is of {found:?}, expected {expected:?}")
            }
            Error::IssuerName { certificate } => {
                write!(f, "the issuer of {certificate} is not the subject of the one above it")
            }
            Error::ItemType { item, expected, found } => {
                write!(f, "{item} is {found}, expected {expected}")
            }
            Error::KeyForm { certificate } => {
                write!(f, "the key of {certificate} is not an uncompressed P-384 point")
            }
            Error::KeyPoint { certificate } => {
                write!(f, "the key of {certificate} is not on the curve P-384")
            }
            Error::KeyUsageAbsent { certificate } => write!(f, "{certificate} has no keyUsage"),
            Error::KeyUsageCertSign { certificate } => {
                write!(f, "{certificate} issues certificates but may not sign them")
            }
            Error::LeafCertSign => write!(f, "the leaf certificate may sign certificates"),
            Error::LeafDigitalSignature => {
                write!(f, "the leaf certificate may not make digital signatures")
            }
            Error::LeafIsAuthority => write!(f, "the leaf certificate is an authority"),
            Error::LeafName { expected, found } => {
                write!(f, "the leaf certificate is of {found:?}, expected {expected:?}")
            }
            Error::LeafPathLength { found } => {
                write!(f, "the leaf certificate has a path length, {found}")
            }
            Error::ModuleIdEmpty => write!(f, "module_id is empty"),
            Error::NitroTpm => {
                write!(f, "a document of an ec2 instance (nitrotpm_pcrs), not of an enclave")
            }
            Error::NonceAbsent { expected } => {
                write!(f, "the document has no nonce, expected {expected}")
            }
            Error::NonceLength { found } => {
                write!(f, "the nonce is {found} bytes long, at most 1024 are read")
            }
            Error::NonceMismatch { expected, found } => {
                write!(f, "the nonce is {found}, expected {expected}")
            }
            Error::NotAnEnclave { module_id } => {
                write!(f, "module_id {module_id:?} names no enclave")
            }
            Error::PathLength { certificate, allowed, found } => {
                write!(f, "{certificate} permits {allowed} authorities below it, there are {found}")
            }
            Error::PayloadLength { found } => {
                write!(f, "the payload is {found} bytes long, expected 1 to 16384")
            }
            Error::PayloadTrailing { count } => write!(f, "{count} bytes follow the payload map"),
            Error::PcrCount { found } => write!(f, "{found} registers, expected 1 to 32"),
            Error::PcrDuplicate { index } => write!(f, "pcr {index} appears twice"),
            Error::PcrIndex { found } => write!(f, "pcr {found}, expected 0 to 31"),
            Error::PcrLength { index, found } => {
                write!(f, "pcr {index} is {found} bytes long, expected 48")
            }
            Error::PcrMismatch { sets, index, expected, found } => {
                write!(f, "pcr {index} is {found}, expected {expected}")?;
                others(f, *sets)
            }
            Error::PcrMissing { sets, index, expected } => {
                write!(f, "pcr {index} is absent, expected {expected}")?;
                others(f, *sets)
            }
            Error::PcrZero { index } => write!(f, "pcr {index} is zero"),
            Error::ProtectedHeader { expected, found } => {
                write!(f, "the protected header is {found}, expected {expected}")
            }
            Error::PublicKeyAbsent => write!(f, "the document carries no public key"),
            Error::PublicKeyLength { found } => {
                write!(f, "the public key is {found} bytes long, expected 1 to 1024")
            }
            Error::PublicKeyMismatch { expected, found } => {
                write!(f, "the public key is {found}, expected {expected}")
            }
            Error::PublicKeyPresent { found } => {
                write!(f, "the document carries a public key, {found}, expected none")
            }
            Error::RootMismatch { expected_sha256, found_sha256 } => write!(
                f,
                "the chain begins with the certificate of sha-256 {}, expected the root {}",
                hex::encode(found_sha256),
                hex::encode(expected_sha256)
            ),
            Error::SignatureAlgorithm { certificate, place } => {
                write!(
                    f,
                    "the {place} signature algorithm of {certificate} is not ecdsa-with-SHA384"
                )
            }
            Error::SignatureInvalid => {
                write!(f, "the document was not signed by the key of its leaf certificate")
            }
            Error::SignatureLength { found } => {
                write!(f, "the signature is {found} bytes long, expected 96")
            }
            Error::SignatureScalar => {
                write!(f, "a half of the signature is zero or not below the group order")
            }
            Error::TimestampInFuture { timestamp, now, skew_ms } => {
                write!(f, "the document is dated {timestamp}, later than {now} plus {skew_ms} ms")
            }
            Error::TimestampOutsideLeaf { timestamp, not_before, not_after } => write!(
                f,
                "the document is dated {timestamp}, its leaf is valid {not_before} to {not_after}"
            ),
            Error::TimestampRange { found } => {
                write!(f, "timestamp {found} is not in milliseconds since 1970")
            }
            Error::TimestampTooOld { timestamp, now, max_age_ms } => {
                write!(
                    f,
                    "the document is dated {timestamp}, more than {max_age_ms} ms before {now}"
                )
            }
            Error::UnprotectedHeader { found } => {
                write!(f, "the unprotected header has {found} entries, expected none")
            }
            Error::UserDataAbsent { expected } => {
                write!(f, "the document has no user data, expected {expected}")
            }
            Error::UserDataLength { found } => {
                write!(f, "the user data is {found} bytes long, at most 1024 are read")
            }
            Error::UserDataMismatch { expected, found } => {
                write!(f, "the user data is {found}, expected {expected}")
            }
        }
    }
}

impl Error {
    /// What a person should do about it: a lower-case sentence without a full stop.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::CertificateExpired { .. } | Self::TimestampTooOld { .. } => {
                "ask for a fresh document; to judge an old one, verify it as archived"
            }
            Self::CertificateNotYetValid { .. } | Self::TimestampInFuture { .. } => {
                "check this machine's clock, then ask for a fresh document"
            }
            Self::DebugEnclave => {
                "ask the operator to start the enclave without --debug-mode: a debug enclave is readable and unmeasured"
            }
            Self::PcrZero { .. } => "do not trust it: a running enclave always has PCR 0, 1 and 2",
            Self::NitroTpm | Self::NotAnEnclave { .. } => {
                "ask for the document of the enclave, not of the instance around it"
            }
            Self::PcrMismatch { .. } | Self::PcrMissing { .. } => {
                "it is another image than the one you pinned: compare with the published measurements, and pin the new set only if you trust that image"
            }
            Self::RootMismatch { .. } => {
                "it is not made by AWS Nitro, or for another partition; name its root in the policy only if you know whose it is"
            }
            Self::NonceAbsent { .. } | Self::NonceMismatch { .. } => {
                "send a new random nonce and use only the document made for it"
            }
            Self::FreshnessNotDemanded => {
                "put a nonce or max_age_ms in the policy, or verify the document as archived"
            }
            Self::PublicKeyAbsent
            | Self::PublicKeyMismatch { .. }
            | Self::PublicKeyPresent { .. }
            | Self::UserDataAbsent { .. }
            | Self::UserDataMismatch { .. } => {
                "the document is genuine but made for something else: do not use the key or channel it came with"
            }
            Self::CertificateDenied { .. } => "do not trust it: you listed this certificate as bad",
            Self::FieldUnknown { .. } => {
                "AWS may have added a field: look for a newer verifier, and do not trust the document meanwhile"
            }
            Self::TimestampRange { .. } => {
                "the document gives seconds or nonsense; ask for another"
            }
            other => match other.rule().kind() {
                Kind::Malformed => {
                    "fetch the document again as raw bytes: it was altered, cut short or is not an attestation document"
                }
                Kind::Unproven => "do not trust it: it was altered or forged",
                Kind::NotAsDemanded => "compare the document with your policy",
            },
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Envelope => "the envelope",
            Self::Payload => "the payload",
        })
    }
}

fn others(f: &mut fmt::Formatter<'_>, sets: usize) -> fmt::Result {
    match sets {
        0 | 1 => Ok(()),
        _ => write!(f, " (first of {sets} permitted sets, none matches)"),
    }
}
