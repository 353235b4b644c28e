//! The CBOR (RFC 8949) that attestation documents are made of, and nothing else.
//!
//! Borrows, never allocates, never recurses: nesting is what the caller asks for. Every header is
//! in its shortest form; no tags but the envelope's, no chunked strings, floats or `undefined`.

use core::fmt;

use super::{
    document::Item,
    error::{Error, Part},
};

/// A forward reader over the envelope or the payload.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    part: Part,
}

/// The head of an item: its kind and its number, count or length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: CborKind,
    pub(super) value: u64,
    pub(super) length: Length,
}

/// Whether a container says how long it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    Definite,
    UntilBreak,
}

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "RFC 8949's own names")]
pub enum CborKind {
    Array,
    Bool,
    Break,
    Bytes,
    Float,
    Map,
    Negative,
    Null,
    Simple,
    Tag,
    Text,
    Undefined,
    Unsigned,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8], part: Part) -> Self {
        Self { bytes, at: 0, part }
    }

    /// How many bytes are left.
    pub(super) const fn left(&self) -> usize {
        self.bytes.len().saturating_sub(self.at)
    }

    /// The kind of the next item, without moving.
    pub(super) fn peek(&self) -> Result<CborKind, Error> {
        let mut ahead = self.clone();
        Ok(ahead.head()?.kind)
    }

    /// The next head, of whatever kind; `Break` included.
    pub(super) fn head(&mut self) -> Result<Head, Error> {
        let (part, at) = (self.part, self.at);
        let initial = self.byte()?;
        let (major, info) = (initial >> 5, initial & 0x1f);
        // The width of a float says nothing about its value: no shortest form to insist on here.
        let least = |least| if major == 7 { 0 } else { least };
        let (value, length) = match info {
            0..=23 => (u64::from(info), Length::Definite),
            24 => (self.number::<1>(at, 24)?, Length::Definite),
            25 => (self.number::<2>(at, least(0x100))?, Length::Definite),
            26 => (self.number::<4>(at, least(0x1_0000))?, Length::Definite),
            27 => (self.number::<8>(at, least(0x1_0000_0000))?, Length::Definite),
            31 => (0, Length::UntilBreak),
            _ => return Err(Error::CborReserved { part, at, found: info }),
        };
        let kind = match (major, info) {
            (0, _) => CborKind::Unsigned,
            (1, _) => CborKind::Negative,
            (2, _) => CborKind::Bytes,
            (3, _) => CborKind::Text,
            (4, _) => CborKind::Array,
            (5, _) => CborKind::Map,
            (6, _) => CborKind::Tag,
            (_, 20 | 21) => CborKind::Bool,
            (_, 22) => CborKind::Null,
            (_, 23) => CborKind::Undefined,
            (_, 25..=27) => CborKind::Float,
            (_, 31) => CborKind::Break,
            _ => CborKind::Simple,
        };
        match (kind, length) {
            (CborKind::Bytes | CborKind::Text, Length::UntilBreak) => {
                Err(Error::CborChunked { part, at })
            }
            (CborKind::Unsigned | CborKind::Negative | CborKind::Tag, Length::UntilBreak) => {
                Err(Error::CborReserved { part, at, found: info })
            }
            (CborKind::Array, Length::Definite) => self.fits(at, value, 1, kind),
            (CborKind::Map, Length::Definite) => self.fits(at, value, 2, kind),
            _ => Ok(Head { kind, value, length }),
        }
    }

    /// The head of an item that must be of kind `expected` and of definite length.
    pub(super) fn expect(&mut self, item: Item, expected: CborKind) -> Result<u64, Error> {
        let (part, at) = (self.part, self.at);
        let head = self.expect_any_length(item, expected)?;
        match head.length {
            Length::Definite => Ok(head.value),
            Length::UntilBreak => Err(Error::CborIndefinite { part, at }),
        }
    }

    /// The head of an item that must be of kind `expected`, of either length.
    pub(super) fn expect_any_length(
        &mut self,
        item: Item,
        expected: CborKind,
    ) -> Result<Head, Error> {
        let (part, at) = (self.part, self.at);
        let head = self.head()?;
        if head.kind == CborKind::Break {
            return Err(Error::CborBreak { part, at });
        }
        if head.kind != expected {
            return Err(Error::ItemType { item, expected, found: head.kind });
        }
        Ok(head)
    }

    /// A byte string.
    pub(super) fn bytes(&mut self, item: Item) -> Result<&'a [u8], Error> {
        let length = self.expect(item, CborKind::Bytes)?;
        self.take(length)
    }

    /// A text string, in UTF-8.
    pub(super) fn text(&mut self, item: Item) -> Result<&'a str, Error> {
        let length = self.expect(item, CborKind::Text)?;
        let (part, at) = (self.part, self.at);
        core::str::from_utf8(self.take(length)?).map_err(|_| Error::CborUtf8 { part, at })
    }

    /// An unsigned integer.
    pub(super) fn unsigned(&mut self, item: Item) -> Result<u64, Error> {
        self.expect(item, CborKind::Unsigned)
    }

    fn fits(&self, at: usize, count: u64, each: u64, kind: CborKind) -> Result<Head, Error> {
        let left = self.left();
        let enough = usize::try_from(count.saturating_mul(each)).is_ok_and(|needed| needed <= left);
        if !enough {
            return Err(Error::CborCount { part: self.part, at, count, left });
        }
        Ok(Head { kind, value: count, length: Length::Definite })
    }

    fn number<const N: usize>(&mut self, at: usize, least: u64) -> Result<u64, Error> {
        let bytes = self.take(N.try_into().unwrap_or(u64::MAX))?;
        let value = bytes.iter().fold(0_u64, |value, byte| (value << 8) | u64::from(*byte));
        if value < least {
            return Err(Error::CborNonMinimal { part: self.part, at });
        }
        Ok(value)
    }

    fn byte(&mut self) -> Result<u8, Error> {
        match self.take(1)? {
            [byte] => Ok(*byte),
            _ => Err(self.truncated(1)),
        }
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Error> {
        let end = usize::try_from(length).ok().and_then(|length| self.at.checked_add(length));
        let Some((taken, end)) =
            end.and_then(|end| self.bytes.get(self.at..end).map(|taken| (taken, end)))
        else {
            return Err(self.truncated(length));
        };
        self.at = end;
        Ok(taken)
    }

    const fn truncated(&self, needed: u64) -> Error {
        Error::CborTruncated { part: self.part, at: self.at, needed, left: self.left() }
    }
}

impl fmt::Display for CborKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Array => "an array",
            Self::Bool => "a boolean",
            Self::Break => "a break",
            Self::Bytes => "a byte string",
            Self::Float => "a float",
            Self::Map => "a map",
            Self::Negative => "a negative integer",
            Self::Null => "null",
            Self::Simple => "a simple value",
            Self::Tag => "a tag",
            Self::Text => "a text string",
            Self::Undefined => "undefined",
            Self::Unsigned => "an unsigned integer",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PART: Part = Part::Payload;

    fn head(bytes: &[u8]) -> Result<Head, Error> {
        Reader::new(bytes, PART).head()
    }

    #[test]
    fn longer_forms_are_refused() {
        for bytes in [
            &[0x18, 23][..],
            &[0x19, 0, 0xff],
            &[0x1a, 0, 0, 0xff, 0xff],
            &[0x1b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
            &[0x58, 1, 0],
        ] {
            assert_eq!(head(bytes), Err(Error::CborNonMinimal { part: PART, at: 0 }));
        }
        for (bytes, value) in [
            (&[0x18, 24][..], 24),
            (&[0x19, 1, 0], 0x100),
            (&[0x1a, 0, 1, 0, 0], 0x1_0000),
            (&[0x1b, 0, 0, 0, 1, 0, 0, 0, 0], 0x1_0000_0000),
        ] {
            assert_eq!(head(bytes).unwrap().value, value);
        }
    }

    #[test]
    fn counts_are_compared_with_the_bytes_left() {
        assert_eq!(
            head(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]),
            Err(Error::CborCount { part: PART, at: 0, count: u64::MAX, left: 1 })
        );
        assert_eq!(
            head(&[0xa1, 0]),
            Err(Error::CborCount { part: PART, at: 0, count: 1, left: 1 })
        );
        assert!(head(&[0xa1, 0, 0]).is_ok());
    }

    #[test]
    fn every_initial_byte_is_read_or_refused() {
        for initial in 0..=u8::MAX {
            for tail in [0x00, 0xff] {
                let mut bytes = vec![tail; 20];
                bytes[0] = initial;
                let _ = head(&bytes);
                let _ = head(&bytes[..1]);
            }
        }
        for initial in [0x1c, 0x5d, 0x7e, 0x9c, 0xbd, 0xde, 0xfc, 0x1f, 0x3f, 0xdf] {
            assert!(matches!(head(&[initial]), Err(Error::CborReserved { .. })), "{initial:#x}");
        }
        for initial in [0x5f, 0x7f] {
            assert_eq!(head(&[initial]), Err(Error::CborChunked { part: PART, at: 0 }));
        }
    }
}
