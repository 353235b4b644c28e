//! Checked bytes, taken apart where they lie.

use super::{Head, Major, head_of};
use crate::Error;

/// Most fields of a map that has a fixed set of them: more than any structure of ours has.
const MAX_FIELDS: usize = 32;

/// One checked item where it lies, with its place in the format for errors that name it.
#[derive(Clone, Copy)]
pub(crate) struct Item<'a> {
    what: &'static str,
    field: &'static str,
    bytes: &'a [u8],
}

impl<'a> Item<'a> {
    /// The whole of checked bytes.
    pub(super) const fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { what, field: "it", bytes }
    }

    /// The item as it arrived.
    pub(crate) const fn encoded(&self) -> &'a [u8] {
        self.bytes
    }

    /// Refuses the item: `expected` says what belongs here.
    pub(crate) fn refuse<T>(&self, expected: &'static str) -> Result<T, Error> {
        Err(Error::FieldType { what: self.what, field: self.field, expected })
    }

    /// The head and the body, of an item of one of these kinds.
    fn head(&self, kinds: &[Major], expected: &'static str) -> Result<(Head, &'a [u8]), Error> {
        match Head::read(self.bytes) {
            Ok((head, body)) if kinds.contains(&head.major) => Ok((head, body)),
            _ => self.refuse(expected),
        }
    }

    fn is(&self, major: Major) -> bool {
        self.head(&[major], "").is_ok()
    }

    pub(crate) fn is_bool(&self) -> bool {
        self.is(Major::Bool)
    }

    pub(crate) fn is_text(&self) -> bool {
        self.is(Major::Text)
    }

    pub(crate) fn is_null(&self) -> bool {
        self.is(Major::Null)
    }

    pub(crate) fn bool(self) -> Result<bool, Error> {
        Ok(self.head(&[Major::Bool], "a boolean")?.0.value == 21)
    }

    pub(crate) fn bytes(self) -> Result<&'a [u8], Error> {
        Ok(self.head(&[Major::Bytes], "a byte string")?.1)
    }

    /// A byte string of exactly `N` bytes.
    pub(crate) fn fixed<const N: usize>(self) -> Result<[u8; N], Error> {
        let (what, field) = (self.what, self.field);
        let found = self.bytes()?;
        found.try_into().map_err(|_| Error::FieldLength {
            what,
            field,
            expected: N,
            found: found.len(),
        })
    }

    pub(crate) fn text(self) -> Result<&'a str, Error> {
        const EXPECTED: &str = "a text string";
        let (_, body) = self.head(&[Major::Text], EXPECTED)?;
        core::str::from_utf8(body).or_else(|_| self.refuse(EXPECTED))
    }

    /// Text of at most `most` bytes, each a printable ASCII character: what people read and programs repeat.
    pub(crate) fn word(self, most: usize, expected: &'static str) -> Result<&'a str, Error> {
        let text = self.text()?;
        let printable = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        match printable && text.len() <= most {
            true => Ok(text),
            false => self.refuse(expected),
        }
    }

    pub(crate) fn int(self) -> Result<i64, Error> {
        let (head, _) = self.head(&[Major::Unsigned, Major::Negative], "an integer")?;
        let number = i64::try_from(head.value);
        let number = number.or_else(|_| self.refuse("an integer of at most 64 bits"))?;
        // -1 - n, which is its complement.
        Ok(if head.major == Major::Negative { !number } else { number })
    }

    pub(crate) fn u32(self) -> Result<u32, Error> {
        const EXPECTED: &str = "an unsigned integer of at most 32 bits";
        let (head, _) = self.head(&[Major::Unsigned], "an unsigned integer")?;
        u32::try_from(head.value).or_else(|_| self.refuse(EXPECTED))
    }

    /// The items of an array.
    pub(crate) fn list(self) -> Result<Items<'a>, Error> {
        let (head, rest) = self.head(&[Major::Array], "an array")?;
        Ok(Items { of: self, left: head.length(), rest })
    }

    /// An array of exactly `N` items.
    pub(crate) fn tuple<const N: usize>(
        self,
        expected: &'static str,
    ) -> Result<[Item<'a>; N], Error> {
        self.list()?.exactly().or_else(|_| self.refuse(expected))
    }

    /// The entries of a map with text keys, in order: at most `most`.
    pub(crate) fn entries(
        self,
        most: usize,
        expected: &'static str,
    ) -> Result<Vec<(&'a str, Item<'a>)>, Error> {
        let (head, rest) = self.head(&[Major::Map], "a map")?;
        if head.length() > most {
            return self.refuse(expected);
        }
        let mut items = Items { of: self, left: head.length().saturating_mul(2), rest };
        let mut entries = Vec::with_capacity(head.length());
        while let Some((key, item)) = items.next().zip(items.next()) {
            let key = key.text().or_else(|_| self.refuse("a map with text keys"))?;
            entries.push((key, item));
        }
        Ok(entries)
    }

    /// The fields of a map that has a fixed set of them.
    pub(crate) fn fields(self, what: &'static str) -> Result<Fields<'a>, Error> {
        Ok(Fields { what, entries: self.entries(MAX_FIELDS, "a map of at most 32 fields")? })
    }
}

/// The items of an array, one after the other.
pub(crate) struct Items<'a> {
    of: Item<'a>,
    left: usize,
    rest: &'a [u8],
}

impl<'a> Items<'a> {
    /// All of them, if they are `N`.
    pub(crate) fn exactly<const N: usize>(self) -> Result<[Item<'a>; N], usize> {
        let count = self.left;
        if count != N {
            return Err(count);
        }
        let items: Vec<_> = self.collect();
        items.try_into().map_err(|_| count)
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        self.left = self.left.checked_sub(1)?;
        let (bytes, rest) = split(self.rest);
        self.rest = rest;
        Some(Item { bytes, ..self.of })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Items<'_> {}

/// A map that is taken apart field by field; [`Fields::finish`] refuses what nobody took.
pub(crate) struct Fields<'a> {
    what: &'static str,
    entries: Vec<(&'a str, Item<'a>)>,
}

impl<'a> Fields<'a> {
    /// The field, or an error that names it.
    pub(crate) fn take(&mut self, field: &'static str) -> Result<Item<'a>, Error> {
        self.take_optional(field).ok_or(Error::FieldMissing { what: self.what, field })
    }

    /// The field where it is present.
    pub(crate) fn take_optional(&mut self, field: &'static str) -> Option<Item<'a>> {
        let at = self.entries.iter().position(|(key, _)| *key == field)?;
        let (_, item) = self.entries.remove(at);
        Some(Item { what: self.what, field, ..item })
    }

    /// Refuses fields that are left.
    pub(crate) fn finish(self) -> Result<(), Error> {
        match self.entries.first() {
            None => Ok(()),
            Some((field, _)) => Err(Error::FieldUnknown {
                what: self.what,
                field: field.chars().take(64).collect(),
            }),
        }
    }
}

/// The first item of checked bytes, and what follows it.
fn split(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (mut rest, mut left) = (bytes, 1usize);
    while let (1.., Ok((head, after))) = (left, Head::read(rest)) {
        let (length, inside) = match head.major {
            Major::Bytes | Major::Text => (head.length(), 0),
            Major::Array => (0, head.length()),
            Major::Map => (0, head.length().saturating_mul(2)),
            _ => (0, 0),
        };
        left = left.saturating_sub(1).saturating_add(inside);
        rest = after.get(length..).unwrap_or_default();
    }
    (head_of(bytes, rest), rest)
}
