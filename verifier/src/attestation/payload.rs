//! The signed map (S9 to S25). Nothing in it has been believed yet.

use super::{
    cbor::{CborKind, Length, Reader},
    certificate::{MAX_CERTIFICATE, Position},
    document::{Field, Item},
    error::{Error, Part},
    pcr::{Pcr, Pcrs},
    sample::shorten,
};
use crate::UnixMillis;

/// The fields of a payload.
#[derive(Clone, Debug)]
pub(super) struct Payload<'a> {
    pub(super) module_id: &'a str,
    pub(super) timestamp: UnixMillis,
    pub(super) pcrs: Pcrs,
    pub(super) certificate: &'a [u8],
    pub(super) cabundle: Cabundle<'a>,
    pub(super) public_key: Option<&'a [u8]>,
    pub(super) user_data: Option<&'a [u8]>,
    pub(super) nonce: Option<&'a [u8]>,
}

/// The certificates above the leaf, root first: 1 to 8.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cabundle<'a> {
    entries: [Option<&'a [u8]>; MAX_CABUNDLE],
}

impl<'a> Payload<'a> {
    /// Decodes the map, of definite length (until mid-2025) or indefinite (since), in any order.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut reader = Reader::new(bytes, Part::Payload);
        let map = reader.expect_any_length(Item::Map, CborKind::Map)?;
        let mut fields = Fields::default();
        match map.length {
            Length::Definite => {
                for _ in 0..map.value {
                    fields.read(&mut reader)?;
                }
            }
            Length::UntilBreak => {
                while reader.peek()? != CborKind::Break {
                    fields.read(&mut reader)?;
                }
                reader.head()?;
            }
        }
        if reader.left() > 0 {
            return Err(Error::PayloadTrailing { count: reader.left() });
        }
        fields.complete()
    }
}

impl<'a> Cabundle<'a> {
    pub(super) fn iter(self) -> impl Iterator<Item = &'a [u8]> {
        self.entries.into_iter().flatten()
    }

    fn read(reader: &mut Reader<'a>) -> Result<Self, Error> {
        let count = reader.expect(Item::Field(Field::Cabundle), CborKind::Array)?;
        let max = MAX_CABUNDLE.try_into().unwrap_or(u64::MAX);
        if count == 0 {
            return Err(Error::CabundleEmpty);
        }
        if count > max {
            return Err(Error::CabundleCount { found: count, max });
        }
        let mut bundle = Self::default();
        let slots = bundle.entries.iter_mut().zip(0..).zip(0..count);
        for ((slot, index), _) in slots {
            let der = reader.bytes(Item::CabundleEntry)?;
            *slot = Some(certificate_of_length(der, Position::Cabundle(index))?);
        }
        Ok(bundle)
    }
}

/// What has been read so far.
#[derive(Default)]
struct Fields<'a> {
    module_id: Option<&'a str>,
    digest: Option<()>,
    timestamp: Option<UnixMillis>,
    pcrs: Option<Pcrs>,
    certificate: Option<&'a [u8]>,
    cabundle: Option<Cabundle<'a>>,
    public_key: Option<Option<&'a [u8]>>,
    user_data: Option<Option<&'a [u8]>>,
    nonce: Option<Option<&'a [u8]>>,
}

impl<'a> Fields<'a> {
    fn read(&mut self, reader: &mut Reader<'a>) -> Result<(), Error> {
        let field = match reader.text(Item::Key)? {
            "cabundle" => Field::Cabundle,
            "certificate" => Field::Certificate,
            "digest" => Field::Digest,
            "module_id" => Field::ModuleId,
            "nonce" => Field::Nonce,
            "nitrotpm_pcrs" => return Err(Error::NitroTpm),
            "pcrs" => Field::Pcrs,
            "public_key" => Field::PublicKey,
            "timestamp" => Field::Timestamp,
            "user_data" => Field::UserData,
            name => return Err(Error::FieldUnknown { name: shorten(name) }),
        };
        let null = reader.peek()? == CborKind::Null;
        match field {
            Field::Nonce | Field::PublicKey | Field::UserData => {}
            _ if null => return Err(Error::FieldNull { field }),
            _ => {}
        }
        match field {
            Field::Cabundle => once(&mut self.cabundle, field, Cabundle::read(reader)?),
            Field::Certificate => {
                let der = reader.bytes(Item::Field(field))?;
                let der = certificate_of_length(der, Position::Leaf)?;
                once(&mut self.certificate, field, der)
            }
            Field::Digest => match reader.text(Item::Field(field))? {
                "SHA384" => once(&mut self.digest, field, ()),
                found => Err(Error::DigestName { found: shorten(found) }),
            },
            Field::ModuleId => match reader.text(Item::Field(field))? {
                "" => Err(Error::ModuleIdEmpty),
                module_id => once(&mut self.module_id, field, module_id),
            },
            Field::Nonce => {
                let too_long = |found| Error::NonceLength { found };
                once(&mut self.nonce, field, optional(reader, field, 0, too_long)?)
            }
            Field::Pcrs => once(&mut self.pcrs, field, pcrs(reader)?),
            Field::PublicKey => {
                let bad = |found| Error::PublicKeyLength { found };
                once(&mut self.public_key, field, optional(reader, field, 1, bad)?)
            }
            Field::Timestamp => {
                let found = reader.unsigned(Item::Field(field))?;
                once(&mut self.timestamp, field, timestamp(found)?)
            }
            Field::UserData => {
                let too_long = |found| Error::UserDataLength { found };
                once(&mut self.user_data, field, optional(reader, field, 0, too_long)?)
            }
        }
    }

    /// Absent and null are the same for the optional three, and refused for the mandatory six.
    fn complete(self) -> Result<Payload<'a>, Error> {
        let missing = |field| Error::FieldMissing { field };
        let module_id = self.module_id.ok_or(missing(Field::ModuleId))?;
        self.digest.ok_or(missing(Field::Digest))?;
        Ok(Payload {
            module_id,
            timestamp: self.timestamp.ok_or(missing(Field::Timestamp))?,
            pcrs: self.pcrs.ok_or(missing(Field::Pcrs))?,
            certificate: self.certificate.ok_or(missing(Field::Certificate))?,
            cabundle: self.cabundle.ok_or(missing(Field::Cabundle))?,
            public_key: self.public_key.flatten(),
            user_data: self.user_data.flatten(),
            nonce: self.nonce.flatten(),
        })
    }
}

fn once<T>(slot: &mut Option<T>, field: Field, value: T) -> Result<(), Error> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::FieldDuplicate { field }),
    }
}

/// A byte string of `least` to 1024 bytes, or null.
fn optional<'a>(
    reader: &mut Reader<'a>,
    field: Field,
    least: usize,
    bad_length: impl Fn(usize) -> Error,
) -> Result<Option<&'a [u8]>, Error> {
    if reader.peek()? == CborKind::Null {
        reader.head()?;
        return Ok(None);
    }
    let bytes = reader.bytes(Item::Field(field))?;
    if !(least..=MAX_OPTIONAL).contains(&bytes.len()) {
        return Err(bad_length(bytes.len()));
    }
    Ok(Some(bytes))
}

fn certificate_of_length(der: &[u8], certificate: Position) -> Result<&[u8], Error> {
    if der.is_empty() || der.len() > MAX_CERTIFICATE {
        return Err(Error::CertificateLength { certificate, found: der.len() });
    }
    Ok(der)
}

fn pcrs(reader: &mut Reader<'_>) -> Result<Pcrs, Error> {
    let count = reader.expect(Item::Field(Field::Pcrs), CborKind::Map)?;
    if !(1..=32).contains(&count) {
        return Err(Error::PcrCount { found: count });
    }
    let mut pcrs = Pcrs::default();
    for _ in 0..count {
        let found = reader.unsigned(Item::PcrIndex)?;
        let index = u8::try_from(found).ok().filter(|index| *index < 32);
        let index = index.ok_or(Error::PcrIndex { found })?;
        let value = reader.bytes(Item::PcrValue)?;
        let length = |_| Error::PcrLength { index, found: value.len() };
        pcrs.insert(index, Pcr::from(<[u8; 48]>::try_from(value).map_err(length)?))?;
    }
    Ok(pcrs)
}

/// Milliseconds from 2001-09-09 to the end of the year 9999: what is below is seconds, what is
/// above is microseconds of a later century or nonsense.
fn timestamp(found: u64) -> Result<UnixMillis, Error> {
    UnixMillis::new(found)
        .ok()
        .filter(|time| time.get() <= LAST_MILLISECOND_OF_9999)
        .ok_or(Error::TimestampRange { found })
}

/// Genuine chains have four certificates above the leaf; twice that bounds the work (S36).
pub(super) const MAX_CABUNDLE: usize = 8;
/// The CDDL and the user guide say 1024; §3.2.2.2 of the same document says 512, and genuine
/// documents exceed it (S17, S18).
const MAX_OPTIONAL: usize = 1024;
const LAST_MILLISECOND_OF_9999: u64 = 253_402_300_799_999;
