//! Strict DER (X.690) for the certificates of attestation documents.
//!
//! Borrows, never allocates, never recurses. One-byte tags, definite lengths in their shortest
//! form, nothing after the last element.

use super::{certificate::Position, error::Error};

/// A forward reader over one certificate, or over the content of one of its elements.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    certificate: Position,
    whole: &'a [u8],
    at: usize,
    end: usize,
}

/// A DER element.
#[derive(Clone, Debug)]
pub(super) struct Element<'a> {
    pub(super) tag: u8,
    /// Where its tag stands.
    pub(super) at: usize,
    /// Tag, length and content.
    pub(super) whole: &'a [u8],
    /// Its content.
    pub(super) inner: Reader<'a>,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(whole: &'a [u8], certificate: Position) -> Self {
        Self { certificate, whole, at: 0, end: whole.len() }
    }

    pub(super) const fn certificate(&self) -> Position {
        self.certificate
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) const fn left(&self) -> usize {
        self.end.saturating_sub(self.at)
    }

    /// The bytes not read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.whole.get(self.at..self.end).unwrap_or(&[])
    }

    /// The tag of the next element, if there is one.
    pub(super) fn peek(&self) -> Option<u8> {
        self.rest().first().copied()
    }

    /// The next element, whatever its tag.
    pub(super) fn element(&mut self) -> Result<Element<'a>, Error> {
        let (certificate, start) = (self.certificate, self.at);
        let tag = self.byte()?;
        if tag & 0x1f == 0x1f {
            return Err(Error::DerValue { certificate, at: start, expected: "a one-byte tag" });
        }
        let length = self.length()?;
        let content = self.at;
        self.take(length)?;
        let missing = Error::DerTruncated { certificate, at: start, needed: length, left: 0 };
        let whole = self.whole.get(start..self.at).ok_or(missing)?;
        let inner = Self { at: content, end: self.at, ..self.clone() };
        Ok(Element { tag, at: start, whole, inner })
    }

    /// The next element, which must have tag `expected`.
    pub(super) fn expect(&mut self, expected: u8) -> Result<Element<'a>, Error> {
        let (certificate, at) = (self.certificate, self.at);
        let element = self.element()?;
        if element.tag != expected {
            return Err(Error::DerTag { certificate, at, expected, found: element.tag });
        }
        Ok(element)
    }

    /// The content of a non-negative INTEGER in its shortest form, without the sign byte.
    pub(super) fn unsigned(&mut self) -> Result<&'a [u8], Error> {
        let element = self.expect(INTEGER)?;
        let bad = Error::DerInteger { certificate: self.certificate, at: element.at };
        match element.inner.rest() {
            [0] => Ok(&[]),
            [0, rest @ ..] if rest.first().is_some_and(|first| *first >= 0x80) => Ok(rest),
            rest @ [1..=0x7f, ..] => Ok(rest),
            _ => Err(bad),
        }
    }

    /// An INTEGER that fits a `u64`.
    pub(super) fn small(&mut self) -> Result<u64, Error> {
        let (certificate, at) = (self.certificate, self.at);
        let bytes = self.unsigned()?;
        if bytes.len() > 8 {
            return Err(Error::DerInteger { certificate, at });
        }
        Ok(bytes.iter().fold(0, |value, byte| (value << 8) | u64::from(*byte)))
    }

    /// A BOOLEAN that is DEFAULT FALSE: DER writes it only where it is true.
    pub(super) fn default_false(&mut self) -> Result<bool, Error> {
        if self.peek() != Some(BOOLEAN) {
            return Ok(false);
        }
        let element = self.expect(BOOLEAN)?;
        if element.inner.rest() != [0xff] {
            let (certificate, at) = (self.certificate, element.at);
            return Err(Error::DerValue { certificate, at, expected: "TRUE" });
        }
        Ok(true)
    }

    /// Steps over one byte that is not an element: the count of unused bits of a BIT STRING.
    pub(super) fn skip_byte(&mut self) -> Result<&mut Self, Error> {
        self.byte()?;
        Ok(self)
    }

    /// Nothing may be left.
    pub(super) fn finish(&self) -> Result<(), Error> {
        match self.left() {
            0 => Ok(()),
            count => {
                let (certificate, at) = (self.certificate, self.at);
                Err(Error::DerTrailing { certificate, at, count })
            }
        }
    }

    /// Certificates are at most 1024 bytes long: two length bytes are enough.
    fn length(&mut self) -> Result<usize, Error> {
        let bad = Error::DerLength { certificate: self.certificate, at: self.at };
        match self.byte()? {
            short @ 0..=0x7f => Ok(usize::from(short)),
            0x81 => match self.byte()? {
                length @ 0x80.. => Ok(usize::from(length)),
                _ => Err(bad),
            },
            0x82 => match u16::from_be_bytes([self.byte()?, self.byte()?]) {
                length @ 0x100.. => Ok(usize::from(length)),
                _ => Err(bad),
            },
            _ => Err(bad),
        }
    }

    fn byte(&mut self) -> Result<u8, Error> {
        match self.take(1)? {
            [byte] => Ok(*byte),
            _ => Err(self.truncated(1)),
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Error> {
        let taken = self
            .at
            .checked_add(length)
            .filter(|end| *end <= self.end)
            .and_then(|end| self.whole.get(self.at..end).map(|taken| (taken, end)));
        let Some((taken, end)) = taken else {
            return Err(self.truncated(length));
        };
        self.at = end;
        Ok(taken)
    }

    const fn truncated(&self, needed: usize) -> Error {
        let (certificate, at) = (self.certificate, self.at);
        Error::DerTruncated { certificate, at, needed, left: self.left() }
    }
}

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const BIT_STRING: u8 = 0x03;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const OID: u8 = 0x06;
pub(super) const UTF8_STRING: u8 = 0x0c;
pub(super) const PRINTABLE_STRING: u8 = 0x13;
pub(super) const UTC_TIME: u8 = 0x17;
pub(super) const GENERALIZED_TIME: u8 = 0x18;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;
/// `[0] EXPLICIT`: the version.
pub(super) const VERSION: u8 = 0xa0;
/// `[3] EXPLICIT`: the extensions.
pub(super) const EXTENSIONS: u8 = 0xa3;

#[cfg(test)]
mod tests {
    use super::*;

    const LEAF: Position = Position::Leaf;

    fn unsigned(bytes: &[u8]) -> Result<&[u8], Error> {
        Reader::new(bytes, LEAF).unsigned()
    }

    #[test]
    fn lengths_have_one_form() {
        let long = vec![0; 0x100];
        for head in [&[4, 0x81, 0x7f][..], &[4, 0x82, 0, 0xff], &[4, 0x80], &[4, 0x83, 0, 1, 0]] {
            let bytes = [head, &long].concat();
            assert_eq!(
                Reader::new(&bytes, LEAF).element().map(|_| ()),
                Err(Error::DerLength { certificate: LEAF, at: 1 })
            );
        }
        for head in [&[4, 0x7f][..], &[4, 0x81, 0x80], &[4, 0x82, 1, 0]] {
            let bytes = [head, &long].concat();
            assert!(Reader::new(&bytes, LEAF).element().is_ok());
        }
    }

    #[test]
    fn integers_have_one_form() {
        assert_eq!(unsigned(&[2, 1, 0]), Ok(&[][..]));
        assert_eq!(unsigned(&[2, 1, 0x7f]), Ok(&[0x7f][..]));
        assert_eq!(unsigned(&[2, 2, 0, 0x80]), Ok(&[0x80][..]));
        for bytes in [&[2, 0][..], &[2, 1, 0x80], &[2, 2, 0, 0x7f], &[2, 2, 0, 0], &[2, 1, 0xff]] {
            assert_eq!(
                unsigned(bytes),
                Err(Error::DerInteger { certificate: LEAF, at: 0 }),
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn an_element_stays_inside_its_parent() {
        let mut outer = Reader::new(&[0x30, 3, 4, 2, 0, 0], LEAF).element().unwrap().inner;
        assert!(matches!(outer.element(), Err(Error::DerTruncated { needed: 2, left: 1, .. })));
    }

    #[test]
    fn false_is_not_written() {
        for value in [0x00, 0x01, 0xfe] {
            assert!(matches!(
                Reader::new(&[1, 1, value], LEAF).default_false(),
                Err(Error::DerValue { .. })
            ));
        }
    }
}
