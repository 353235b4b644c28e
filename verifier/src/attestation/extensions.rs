//! The two extensions that count, basicConstraints and keyUsage; the others must not be critical.

use super::{
    der::{BIT_STRING, OCTET_STRING, OID, Reader, SEQUENCE},
    error::Error,
    sample::Sample,
};

/// What a certificate says about its own use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Extensions {
    pub(super) constraints: Option<BasicConstraints>,
    pub(super) usage: Option<KeyUsage>,
}

/// RFC 5280 §4.2.1.9.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BasicConstraints {
    pub(super) critical: bool,
    pub(super) authority: bool,
    pub(super) path_length: Option<u64>,
}

/// RFC 5280 §4.2.1.3, the two bits that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct KeyUsage {
    pub(super) digital_signature: bool,
    pub(super) cert_sign: bool,
}

impl Extensions {
    /// Reads `SEQUENCE OF Extension`.
    pub(super) fn read(wrapped: &mut Reader<'_>) -> Result<Self, Error> {
        let certificate = wrapped.certificate();
        let mut list = wrapped.expect(SEQUENCE)?.inner;
        let mut found = Self::default();
        let all = list.clone();
        while list.left() > 0 {
            let start = list.at();
            let mut extension = list.expect(SEQUENCE)?.inner;
            let oid = extension.expect(OID)?.inner.rest();
            let critical = extension.default_false()?;
            let mut value = extension.expect(OCTET_STRING)?.inner;
            extension.finish()?;
            if appears_before(all.clone(), start, oid)? {
                return Err(Error::ExtensionDuplicate { certificate, oid: Sample::of(oid) });
            }
            match oid {
                BASIC_CONSTRAINTS => {
                    found.constraints = Some(BasicConstraints::read(&mut value, critical)?);
                }
                KEY_USAGE => found.usage = Some(KeyUsage::read(&mut value)?),
                _ if critical => {
                    return Err(Error::CriticalExtension { certificate, oid: Sample::of(oid) });
                }
                _ => {}
            }
        }
        Ok(found)
    }
}

impl BasicConstraints {
    fn read(value: &mut Reader<'_>, critical: bool) -> Result<Self, Error> {
        let mut content = value.expect(SEQUENCE)?.inner;
        value.finish()?;
        let authority = content.default_false()?;
        let path_length = match content.left() {
            0 => None,
            _ => Some(content.small()?),
        };
        content.finish()?;
        Ok(Self { critical, authority, path_length })
    }
}

impl KeyUsage {
    /// A named bit list: no trailing zero bits, unused bits zero (X.690 §11.2).
    fn read(value: &mut Reader<'_>) -> Result<Self, Error> {
        let certificate = value.certificate();
        let element = value.expect(BIT_STRING)?;
        value.finish()?;
        let content = element.inner.rest();
        let shortest = match content {
            [0] => true,
            [unused @ 0..=7, .., last] => last.trailing_zeros() == u32::from(*unused),
            _ => false,
        };
        if !shortest {
            return Err(Error::DerValue { certificate, at: element.at, expected: "a bit list" });
        }
        let first = content.get(1).copied().unwrap_or(0);
        Ok(Self { digital_signature: first & 0x80 != 0, cert_sign: first & 0x04 != 0 })
    }
}

/// Whether an extension that starts before `start` has the same identifier. At most some hundred
/// fit a certificate, so that comparing each with each is cheaper than keeping a list.
fn appears_before(mut list: Reader<'_>, start: usize, oid: &[u8]) -> Result<bool, Error> {
    while list.at() < start {
        let mut extension = list.expect(SEQUENCE)?.inner;
        if extension.expect(OID)?.inner.rest() == oid {
            return Ok(true);
        }
    }
    Ok(false)
}

/// 2.5.29.19.
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
/// 2.5.29.15.
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
