//! Stable names: code, rule, section, kind.

use core::fmt;

use super::{Error, Part};
use crate::attestation::{
    certificate::Position,
    document::{Field, Item},
};

/// What kind of failure a refusal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The bytes are not an attestation document.
    Malformed,
    /// The document is not what the caller's policy demands.
    NotAsDemanded,
    /// The chain and the signatures do not show that the hypervisor made it.
    Unproven,
}

/// A rule of FORMAT.md §8, S1 to S45.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule(u8);

impl Rule {
    /// Its number, 1 to 45.
    pub const fn number(self) -> u8 {
        self.0
    }

    /// The section of FORMAT.md that states it.
    pub const fn section(self) -> &'static str {
        match self.0 {
            0..=8 => "8.1",
            9..=18 => "8.2",
            19..=25 => "8.3",
            26..=36 => "8.4",
            37..=40 => "8.5",
            _ => "8.6",
        }
    }

    /// What a breach of it means.
    pub const fn kind(self) -> Kind {
        match self.0 {
            7 | 8 | 26..=40 => Kind::Unproven,
            0..=25 => Kind::Malformed,
            _ => Kind::NotAsDemanded,
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S{}", self.0)
    }
}

impl Error {
    /// Stable name shared by npm, HTTP, the command line and the test vectors.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AuthorityFalse { .. } => "attestation-authority-false",
            Self::BasicConstraintsAbsent { .. } => "attestation-basic-constraints-absent",
            Self::BasicConstraintsNotCritical { .. } => {
                "attestation-basic-constraints-not-critical"
            }
            Self::CabundleCount { .. } => "attestation-cabundle-count",
            Self::CabundleEmpty => "attestation-cabundle-empty",
            Self::CborBreak { .. } => "attestation-cbor-break",
            Self::CborChunked { .. } => "attestation-cbor-chunked",
            Self::CborCount { .. } => "attestation-cbor-count",
            Self::CborIndefinite { .. } => "attestation-cbor-indefinite",
            Self::CborNonMinimal { .. } => "attestation-cbor-non-minimal",
            Self::CborReserved { .. } => "attestation-cbor-reserved",
            Self::CborTruncated { .. } => "attestation-cbor-truncated",
            Self::CborUtf8 { .. } => "attestation-cbor-utf8",
            Self::CertificateDenied { .. } => "attestation-certificate-denied",
            Self::CertificateExpired { .. } => "attestation-certificate-expired",
            Self::CertificateLength { .. } => "attestation-certificate-length",
            Self::CertificateNotYetValid { .. } => "attestation-certificate-not-yet-valid",
            Self::CertificateRepeated { .. } => "attestation-certificate-repeated",
            Self::CertificateSignatureForm { .. } => "attestation-certificate-signature-form",
            Self::CertificateSignatureInvalid { .. } => "attestation-certificate-signature-invalid",
            Self::CertificateTrailing { .. } => "attestation-certificate-trailing",
            Self::CertificateVersion { .. } => "attestation-certificate-version",
            Self::CertificateWindow { .. } => "attestation-certificate-window",
            Self::CommonNameCount { .. } => "attestation-common-name-count",
            Self::CriticalExtension { .. } => "attestation-critical-extension",
            Self::DebugEnclave => "attestation-debug-enclave",
            Self::DerInteger { .. } => "attestation-der-integer",
            Self::DerLength { .. } => "attestation-der-length",
            Self::DerTag { .. } => "attestation-der-tag",
            Self::DerTime { .. } => "attestation-der-time",
            Self::DerTrailing { .. } => "attestation-der-trailing",
            Self::DerTruncated { .. } => "attestation-der-truncated",
            Self::DerValue { .. } => "attestation-der-value",
            Self::DigestName { .. } => "attestation-digest-name",
            Self::DocumentLength { .. } => "attestation-document-length",
            Self::EnvelopeCount { .. } => "attestation-envelope-count",
            Self::EnvelopeTag { .. } => "attestation-envelope-tag",
            Self::EnvelopeTrailing { .. } => "attestation-envelope-trailing",
            Self::ExtensionDuplicate { .. } => "attestation-extension-duplicate",
            Self::FieldDuplicate { .. } => "attestation-field-duplicate",
            Self::FieldMissing { .. } => "attestation-field-missing",
            Self::FieldNull { .. } => "attestation-field-null",
            Self::FieldUnknown { .. } => "attestation-field-unknown",
            Self::FreshnessNotDemanded => "attestation-freshness-not-demanded",
            Self::InstanceName { .. } => "attestation-instance-name",
            Self::IssuerName { .. } => "attestation-issuer-name",
            Self::ItemType { .. } => "attestation-item-type",
            Self::KeyForm { .. } => "attestation-key-form",
            Self::KeyPoint { .. } => "attestation-key-point",
            Self::KeyUsageAbsent { .. } => "attestation-key-usage-absent",
            Self::KeyUsageCertSign { .. } => "attestation-key-usage-cert-sign",
            Self::LeafCertSign => "attestation-leaf-cert-sign",
            Self::LeafDigitalSignature => "attestation-leaf-digital-signature",
            Self::LeafIsAuthority => "attestation-leaf-is-authority",
            Self::LeafName { .. } => "attestation-leaf-name",
            Self::LeafPathLength { .. } => "attestation-leaf-path-length",
            Self::ModuleIdEmpty => "attestation-module-id-empty",
            Self::NitroTpm => "attestation-nitro-tpm",
            Self::NonceAbsent { .. } => "attestation-nonce-absent",
            Self::NonceLength { .. } => "attestation-nonce-length",
            Self::NonceMismatch { .. } => "attestation-nonce-mismatch",
            Self::NotAnEnclave { .. } => "attestation-not-an-enclave",
            Self::PathLength { .. } => "attestation-path-length",
            Self::PayloadLength { .. } => "attestation-payload-length",
            Self::PayloadTrailing { .. } => "attestation-payload-trailing",
            Self::PcrCount { .. } => "attestation-pcr-count",
            Self::PcrDuplicate { .. } => "attestation-pcr-duplicate",
            Self::PcrIndex { .. } => "attestation-pcr-index",
            Self::PcrLength { .. } => "attestation-pcr-length",
            Self::PcrMismatch { .. } => "attestation-pcr-mismatch",
            Self::PcrMissing { .. } => "attestation-pcr-missing",
            Self::PcrZero { .. } => "attestation-pcr-zero",
            Self::ProtectedHeader { .. } => "attestation-protected-header",
            Self::PublicKeyAbsent => "attestation-public-key-absent",
            Self::PublicKeyLength { .. } => "attestation-public-key-length",
            Self::PublicKeyMismatch { .. } => "attestation-public-key-mismatch",
            Self::PublicKeyPresent { .. } => "attestation-public-key-present",
            Self::RootMismatch { .. } => "attestation-root-mismatch",
            Self::SignatureAlgorithm { .. } => "attestation-signature-algorithm",
            Self::SignatureInvalid => "attestation-signature-invalid",
            Self::SignatureLength { .. } => "attestation-signature-length",
            Self::SignatureScalar => "attestation-signature-scalar",
            Self::TimestampInFuture { .. } => "attestation-timestamp-in-future",
            Self::TimestampOutsideLeaf { .. } => "attestation-timestamp-outside-leaf",
            Self::TimestampRange { .. } => "attestation-timestamp-range",
            Self::TimestampTooOld { .. } => "attestation-timestamp-too-old",
            Self::UnprotectedHeader { .. } => "attestation-unprotected-header",
            Self::UserDataAbsent { .. } => "attestation-user-data-absent",
            Self::UserDataLength { .. } => "attestation-user-data-length",
            Self::UserDataMismatch { .. } => "attestation-user-data-mismatch",
        }
    }

    /// The rule that was broken.
    pub const fn rule(&self) -> Rule {
        Rule(match self {
            Self::EnvelopeCount { .. } => 1,
            Self::EnvelopeTag { .. } => 2,
            Self::ProtectedHeader { .. } => 3,
            Self::UnprotectedHeader { .. } => 4,
            Self::DocumentLength { .. } | Self::PayloadLength { .. } => 5,
            Self::SignatureLength { .. } => 6,
            Self::SignatureInvalid => 7,
            Self::SignatureScalar => 8,
            Self::FieldMissing { .. } => 9,
            Self::FieldNull { .. } => 10,
            Self::ModuleIdEmpty => 11,
            Self::DigestName { .. } => 12,
            Self::TimestampRange { .. } => 13,
            Self::PcrCount { .. } | Self::PcrIndex { .. } | Self::PcrLength { .. } => 14,
            Self::CabundleEmpty => 15,
            Self::CertificateLength { certificate, .. } => match certificate {
                Position::Cabundle(_) => 15,
                Position::Leaf => 16,
            },
            Self::PublicKeyLength { .. } => 17,
            Self::NonceLength { .. } | Self::UserDataLength { .. } => 18,
            Self::CborIndefinite { part, .. } => match part {
                Part::Envelope => 23,
                Part::Payload => 19,
            },
            Self::FieldDuplicate { .. } | Self::PcrDuplicate { .. } => 20,
            Self::EnvelopeTrailing { .. } | Self::PayloadTrailing { .. } => 21,
            Self::CborBreak { part, .. }
            | Self::CborChunked { part, .. }
            | Self::CborCount { part, .. }
            | Self::CborNonMinimal { part, .. }
            | Self::CborReserved { part, .. }
            | Self::CborTruncated { part, .. }
            | Self::CborUtf8 { part, .. } => match part {
                Part::Envelope => 23,
                Part::Payload => 22,
            },
            Self::ItemType { item, .. } => item_rule(item),
            Self::FieldUnknown { .. } => 24,
            Self::NitroTpm | Self::NotAnEnclave { .. } => 25,
            Self::IssuerName { .. } => 26,
            Self::RootMismatch { .. } => 27,
            Self::CertificateExpired { .. }
            | Self::CertificateNotYetValid { .. }
            | Self::CertificateWindow { .. } => 28,
            Self::AuthorityFalse { .. }
            | Self::BasicConstraintsAbsent { .. }
            | Self::BasicConstraintsNotCritical { .. } => 29,
            Self::PathLength { .. } => 30,
            Self::KeyUsageAbsent { certificate } => match certificate {
                Position::Cabundle(_) => 31,
                Position::Leaf => 32,
            },
            Self::KeyUsageCertSign { .. } => 31,
            Self::LeafCertSign
            | Self::LeafDigitalSignature
            | Self::LeafIsAuthority
            | Self::LeafPathLength { .. } => 32,
            Self::CertificateSignatureInvalid { .. }
            | Self::CertificateVersion { .. }
            | Self::CriticalExtension { .. }
            | Self::ExtensionDuplicate { .. } => 33,
            Self::CertificateDenied { .. } => 34,
            Self::CertificateSignatureForm { .. }
            | Self::KeyForm { .. }
            | Self::KeyPoint { .. }
            | Self::SignatureAlgorithm { .. } => 35,
            Self::CabundleCount { .. }
            | Self::CertificateRepeated { .. }
            | Self::CertificateTrailing { .. }
            | Self::DerInteger { .. }
            | Self::DerLength { .. }
            | Self::DerTag { .. }
            | Self::DerTime { .. }
            | Self::DerTrailing { .. }
            | Self::DerTruncated { .. }
            | Self::DerValue { .. } => 36,
            Self::CommonNameCount { .. } | Self::InstanceName { .. } | Self::LeafName { .. } => 37,
            Self::TimestampOutsideLeaf { .. } => 38,
            Self::PcrMismatch { .. } | Self::PcrMissing { .. } => 41,
            Self::DebugEnclave | Self::PcrZero { .. } => 42,
            Self::FreshnessNotDemanded
            | Self::NonceAbsent { .. }
            | Self::NonceMismatch { .. }
            | Self::TimestampInFuture { .. }
            | Self::TimestampTooOld { .. } => 43,
            Self::PublicKeyAbsent
            | Self::PublicKeyMismatch { .. }
            | Self::PublicKeyPresent { .. }
            | Self::UserDataAbsent { .. }
            | Self::UserDataMismatch { .. } => 44,
        })
    }

    /// The section of FORMAT.md that states the broken rule.
    pub const fn section(&self) -> &'static str {
        self.rule().section()
    }

    /// Malformed, unproven, or not what the caller demands.
    pub const fn kind(&self) -> Kind {
        self.rule().kind()
    }
}

const fn item_rule(item: &Item) -> u8 {
    match item {
        Item::Envelope | Item::Protected => 1,
        Item::Unprotected => 4,
        Item::Payload => 5,
        Item::Signature => 6,
        Item::Map | Item::Key => 9,
        Item::PcrIndex | Item::PcrValue => 14,
        Item::CabundleEntry => 15,
        Item::Field(field) => match field {
            Field::ModuleId => 11,
            Field::Digest => 12,
            Field::Timestamp => 13,
            Field::Pcrs => 14,
            Field::Cabundle => 15,
            Field::Certificate => 16,
            Field::PublicKey => 17,
            Field::Nonce | Field::UserData => 18,
        },
    }
}
