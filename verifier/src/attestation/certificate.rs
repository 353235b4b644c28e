//! One X.509 certificate: bytes that decode. Nothing in it has been believed yet.

use core::fmt;

use super::{
    der::{BIT_STRING, EXTENSIONS, Element, INTEGER, Reader, SEQUENCE, VERSION},
    der_time::CertificateTime,
    error::Error,
    extensions::Extensions,
    name::Name,
};

/// A certificate whose form was checked (S33, S35, S36), and nothing else.
#[derive(Clone, Debug)]
pub struct Certificate<'a> {
    pub(super) position: Position,
    pub(super) der: &'a [u8],
    /// The signed part, as it arrived.
    pub(super) signed: &'a [u8],
    pub(super) serial: &'a [u8],
    pub(super) issuer: Name<'a>,
    pub(super) not_before: CertificateTime,
    pub(super) not_after: CertificateTime,
    pub(super) subject: Name<'a>,
    /// 0x04 ‖ x ‖ y: the form, not that it is on the curve.
    pub(super) key: &'a [u8; 97],
    pub(super) extensions: Extensions,
    /// r ‖ s, 48 bytes each, big-endian.
    pub(super) signature: [u8; 96],
}

/// Where in the chain a certificate stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Position {
    /// An entry of `cabundle`; 0 is the root.
    Cabundle(u8),
    /// `certificate`, whose key signed the document.
    Leaf,
}

/// Which of a certificate's two statements of its signature algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlgorithmPlace {
    /// In the signed part.
    Inner,
    /// Beside the signature.
    Outer,
}

impl<'a> Certificate<'a> {
    /// Reads one certificate; nothing may follow it.
    pub(super) fn parse(der: &'a [u8], position: Position) -> Result<Self, Error> {
        if der.is_empty() || der.len() > MAX_CERTIFICATE {
            return Err(Error::CertificateLength { certificate: position, found: der.len() });
        }
        let mut outer = Reader::new(der, position);
        let mut certificate = outer.expect(SEQUENCE)?.inner;
        if outer.left() > 0 {
            return Err(Error::CertificateTrailing { certificate: position, count: outer.left() });
        }
        let Element { whole: signed, inner: mut part, .. } = certificate.expect(SEQUENCE)?;
        algorithm(&mut certificate, AlgorithmPlace::Outer)?;
        let signature = signature(&mut certificate)?;
        certificate.finish()?;

        version(&mut part)?;
        let serial = part.unsigned()?;
        algorithm(&mut part, AlgorithmPlace::Inner)?;
        let issuer = Name::read(&mut part)?;
        let mut validity = part.expect(SEQUENCE)?.inner;
        let not_before = CertificateTime::read(&mut validity)?;
        let not_after = CertificateTime::read(&mut validity)?;
        validity.finish()?;
        let subject = Name::read(&mut part)?;
        let key = key(&mut part)?;
        let mut wrapped = part.expect(EXTENSIONS)?.inner;
        part.finish()?;
        let extensions = Extensions::read(&mut wrapped)?;
        wrapped.finish()?;
        Ok(Self {
            position,
            der,
            signed,
            serial,
            issuer,
            not_before,
            not_after,
            subject,
            key,
            extensions,
            signature,
        })
    }

    /// Where it stands.
    pub const fn position(&self) -> Position {
        self.position
    }

    /// Its bytes.
    pub const fn der(&self) -> &'a [u8] {
        self.der
    }

    /// Its serial number, big-endian, without a sign byte.
    pub const fn serial(&self) -> &'a [u8] {
        self.serial
    }

    /// The first moment of its validity.
    pub const fn not_before(&self) -> CertificateTime {
        self.not_before
    }

    /// The last moment of its validity.
    pub const fn not_after(&self) -> CertificateTime {
        self.not_after
    }

    /// The one common name of its subject.
    pub fn common_name(&self) -> Result<&'a str, Error> {
        match self.subject.common_name() {
            (Some(name), 1) => Ok(name),
            (_, found) => Err(Error::CommonNameCount { certificate: self.position, found }),
        }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cabundle(0) => f.write_str("the root certificate"),
            Self::Cabundle(index) => write!(f, "certificate {index} of the chain"),
            Self::Leaf => f.write_str("the leaf certificate"),
        }
    }
}

impl fmt::Display for AlgorithmPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inner => "inner",
            Self::Outer => "outer",
        })
    }
}

/// `[0] EXPLICIT INTEGER 2`: version 3. Version 1 omits it.
fn version(part: &mut Reader<'_>) -> Result<(), Error> {
    let certificate = part.certificate();
    if part.peek() == Some(INTEGER) {
        return Err(Error::CertificateVersion { certificate, found: 1 });
    }
    let mut wrapped = part.expect(VERSION)?.inner;
    let found = wrapped.small()?;
    wrapped.finish()?;
    if found != 2 {
        return Err(Error::CertificateVersion { certificate, found: found.saturating_add(1) });
    }
    Ok(())
}

fn algorithm(reader: &mut Reader<'_>, place: AlgorithmPlace) -> Result<(), Error> {
    if reader.expect(SEQUENCE)?.whole != ECDSA_WITH_SHA384 {
        return Err(Error::SignatureAlgorithm { certificate: reader.certificate(), place });
    }
    Ok(())
}

/// SubjectPublicKeyInfo: id-ecPublicKey, secp384r1, an uncompressed point.
fn key<'a>(part: &mut Reader<'a>) -> Result<&'a [u8; 97], Error> {
    let info = part.expect(SEQUENCE)?;
    info.whole
        .strip_prefix(P384_KEY)
        .and_then(|point| <&[u8; 97]>::try_from(point).ok())
        .filter(|point| point.first() == Some(&0x04))
        .ok_or(Error::KeyForm { certificate: part.certificate() })
}

/// BIT STRING { SEQUENCE { r INTEGER, s INTEGER } } to r ‖ s.
fn signature(certificate: &mut Reader<'_>) -> Result<[u8; 96], Error> {
    let bad = Error::CertificateSignatureForm { certificate: certificate.certificate() };
    let mut bits = certificate.expect(BIT_STRING)?.inner;
    if bits.peek() != Some(0) {
        return Err(bad);
    }
    // The count of unused bits, 0: a byte that is not an element of its own.
    let mut pair = bits.skip_byte()?.expect(SEQUENCE)?.inner;
    let (r, s) = (pair.unsigned()?, pair.unsigned()?);
    pair.finish()?;
    bits.finish()?;
    let mut signature = [0; 96];
    let (left, right) = signature.split_at_mut(48);
    for (half, scalar) in [(left, r), (right, s)] {
        let start = half.len().checked_sub(scalar.len()).ok_or(bad.clone())?;
        half.get_mut(start..).ok_or(bad.clone())?.copy_from_slice(scalar);
    }
    Ok(signature)
}

/// AWS: "1 to 1024 bytes"; genuine certificates have 533 to 814.
pub(super) const MAX_CERTIFICATE: usize = 1024;
/// SEQUENCE { OID 1.2.840.10045.4.3.3 }, without parameters (RFC 5758 §3.2).
const ECDSA_WITH_SHA384: &[u8] =
    &[0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03];
/// Everything of a SubjectPublicKeyInfo before the 97 bytes of the point (RFC 5480).
const P384_KEY: &[u8] = &[
    0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b,
    0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00,
];
