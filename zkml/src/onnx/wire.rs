//! The protobuf wire format, field by field, without copying.

use crate::Error;

/// One field of a message, as it stands in the bytes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wire<'a> {
    Varint(u64),
    /// Nothing that is read from a model is one.
    Fixed64,
    Bytes(&'a [u8]),
    Fixed32([u8; 4]),
}

/// The fields of a message in order: number and value.
pub(super) struct Fields<'a> {
    what: &'static str,
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// `what` names the message in errors.
    pub(super) const fn new(what: &'static str, bytes: &'a [u8]) -> Self {
        Self { what, rest: bytes }
    }

    pub(super) fn next(&mut self) -> Result<Option<(u32, Wire<'a>)>, Error> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let key = varint(&mut self.rest).ok_or_else(|| self.refuse("a field key is cut short"))?;
        let number = u32::try_from(key >> 3).unwrap_or(0);
        if number == 0 || number >= 1 << 29 {
            return Err(self.refuse("a field number is out of range"));
        }
        let value = match key & 7 {
            0 => varint(&mut self.rest).map(Wire::Varint),
            1 => self.take(8).map(|_| Wire::Fixed64),
            2 => varint(&mut self.rest)
                .and_then(|length| usize::try_from(length).ok())
                .and_then(|length| self.take(length))
                .map(Wire::Bytes),
            5 => self.take(4).and_then(|bytes| bytes.try_into().ok()).map(Wire::Fixed32),
            _ => return Err(self.refuse("a field is of a kind that ONNX does not use")),
        };
        match value {
            Some(value) => Ok(Some((number, value))),
            None => Err(self.refuse("a field is cut short")),
        }
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.rest.split_at_checked(length)?;
        self.rest = tail;
        Some(head)
    }

    fn refuse(&self, why: &'static str) -> Error {
        Error::ModelMalformed { what: self.what, why }
    }
}

impl<'a> Wire<'a> {
    pub(super) fn bytes(self, what: &'static str) -> Result<&'a [u8], Error> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            _ => Err(Error::ModelMalformed { what, why: "a length-delimited field was expected" }),
        }
    }

    pub(super) fn text(self, what: &'static str) -> Result<&'a str, Error> {
        core::str::from_utf8(self.bytes(what)?)
            .map_err(|_| Error::ModelMalformed { what, why: "a name is not UTF-8" })
    }

    pub(super) fn int(self, what: &'static str) -> Result<i64, Error> {
        match self {
            Self::Varint(number) => Ok(number.cast_signed()),
            _ => Err(Error::ModelMalformed { what, why: "an integer field was expected" }),
        }
    }

    pub(super) fn float(self, what: &'static str) -> Result<f32, Error> {
        match self {
            Self::Fixed32(bytes) => Ok(f32::from_le_bytes(bytes)),
            _ => Err(Error::ModelMalformed { what, why: "a float field was expected" }),
        }
    }

    /// Adds the elements of a repeated integer field, packed or not, until `out` has `limit`: one
    /// byte of the file becomes eight of memory.
    pub(super) fn ints_into(
        self,
        out: &mut Vec<i64>,
        limit: usize,
        what: &'static str,
    ) -> Result<(), Error> {
        let mut push = |number| {
            out.push(number);
            let found = out.len();
            if found > limit {
                return Err(Error::ModelTooLarge { what: "integers in one list", limit, found });
            }
            Ok(())
        };
        let Self::Bytes(mut rest) = self else {
            return push(self.int(what)?);
        };
        while !rest.is_empty() {
            let number = varint(&mut rest)
                .ok_or(Error::ModelMalformed { what, why: "a packed integer is cut short" })?;
            push(number.cast_signed())?;
        }
        Ok(())
    }

    /// Adds the elements of a repeated float field, packed or not.
    pub(super) fn floats_into(self, out: &mut Vec<f32>, what: &'static str) -> Result<(), Error> {
        let Self::Bytes(bytes) = self else {
            out.push(self.float(what)?);
            return Ok(());
        };
        let (chunks, []) = bytes.as_chunks() else {
            return Err(Error::ModelMalformed { what, why: "a packed float is cut short" });
        };
        out.extend(chunks.iter().map(|chunk| f32::from_le_bytes(*chunk)));
        Ok(())
    }
}

/// Takes one base-128 varint of at most 64 bits off `rest`.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (first, tail) = rest.split_first()?;
        *rest = tail;
        let low = u64::from(first & 0x7f);
        if shift == 63 && low > 1 {
            return None;
        }
        value |= low << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
