//! Deterministic CBOR (RFC 8949 §4.2.1) over `ciborium`, which by itself accepts far more: FORMAT.md §1.1.

use ciborium::Value;

use crate::Error;

/// Deepest nesting of arrays and maps that a reader follows. FORMAT.md §1.2.
const MAX_DEPTH: usize = 16;

/// Reads one item of at most `limit` bytes in the one encoding that FORMAT.md §1.1 allows.
///
/// `what` names the thing in errors ("receipt", "operation", "card").
pub(crate) fn decode(input: &[u8], what: &'static str, limit: usize) -> Result<Value, Error> {
    if input.len() > limit {
        return Err(Error::CborTooLarge { what, limit, found: input.len() });
    }
    let mut rest = input;
    let value: Value = ciborium::de::from_reader_with_recursion_limit(&mut rest, MAX_DEPTH)
        .map_err(|error| Error::CborMalformed { what, why: describe(&error) })?;
    if !rest.is_empty() {
        return Err(Error::CborTrailing { what, found: rest.len() });
    }
    check_items(&value, what)?;
    // Whatever else could be written in two ways (length of a header, indefinite length, chunks)
    // shows as a difference from the one way in which it is written back.
    let again = encode(&value);
    if again != input {
        let at = again.iter().zip(input).take_while(|(a, b)| a == b).count();
        return Err(Error::CborNotDeterministic { what, at });
    }
    Ok(value)
}

/// Refuses item kinds that no structure of ours has, and map keys out of order.
fn check_items(value: &Value, what: &'static str) -> Result<(), Error> {
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| check_items(item, what)),
        Value::Map(entries) => {
            let keys: Vec<Vec<u8>> = entries.iter().map(|(key, _)| encode(key)).collect();
            for (a, b) in keys.iter().zip(keys.iter().skip(1)) {
                if a == b {
                    return Err(Error::CborKeyRepeated { what });
                }
                if a > b {
                    return Err(Error::CborKeysUnsorted { what });
                }
            }
            entries.iter().try_for_each(|(key, item)| {
                check_items(key, what)?;
                check_items(item, what)
            })
        }
        Value::Bool(_) | Value::Bytes(_) | Value::Integer(_) | Value::Null | Value::Text(_) => {
            Ok(())
        }
        // Floats, tags, and whatever `ciborium` may learn to read.
        _ => Err(Error::CborItemKind { what }),
    }
}

fn describe(error: &ciborium::de::Error<std::io::Error>) -> String {
    match error {
        // One sentence for both: which of them a length beyond the input gives is a matter of how wide
        // `usize` is, and a report is the same text on every machine.
        ciborium::de::Error::Io(_) | ciborium::de::Error::Syntax(_) => {
            "it is not CBOR, or ends too early".to_owned()
        }
        ciborium::de::Error::RecursionLimitExceeded => {
            format!("it is nested deeper than {MAX_DEPTH}")
        }
        ciborium::de::Error::Semantic(_, why) => why.clone(),
    }
}

/// The bytes of an item built by the functions below (minimal headers, definite lengths).
pub(crate) fn encode(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    ciborium::into_writer(value, &mut out).expect("writing CBOR into memory cannot fail");
    out
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub(crate) fn bytes(bytes: &[u8]) -> Value {
    Value::Bytes(bytes.to_vec())
}

pub(crate) fn uint(number: u64) -> Value {
    Value::Integer(number.into())
}

pub(crate) fn int(number: i64) -> Value {
    Value::Integer(number.into())
}

pub(crate) fn array(items: impl IntoIterator<Item = Value>) -> Value {
    Value::Array(items.into_iter().collect())
}

/// A map with text keys, sorted bytewise by encoded key.
pub(crate) fn map<'k>(entries: impl IntoIterator<Item = (&'k str, Value)>) -> Value {
    let mut entries: Vec<_> = entries.into_iter().map(|(key, item)| (text(key), item)).collect();
    entries.sort_by_cached_key(|(key, _)| encode(key));
    Value::Map(entries)
}

/// A length as CBOR counts it.
pub(crate) fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).expect("a length fits 64 bits")
}

/// One decoded item with its place in the format, for errors that name it.
pub(crate) struct Item {
    what: &'static str,
    field: &'static str,
    value: Value,
}

impl Item {
    pub(crate) fn new(what: &'static str, field: &'static str, value: Value) -> Self {
        Self { what, field, value }
    }

    /// Refuses the item: `expected` says what belongs here.
    pub(crate) fn refuse<T>(&self, expected: &'static str) -> Result<T, Error> {
        Err(Error::FieldType { what: self.what, field: self.field, expected })
    }

    pub(crate) fn is_bool(&self) -> bool {
        matches!(self.value, Value::Bool(_))
    }

    pub(crate) fn is_text(&self) -> bool {
        matches!(self.value, Value::Text(_))
    }

    pub(crate) fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    pub(crate) fn bool(self) -> Result<bool, Error> {
        match self.value {
            Value::Bool(found) => Ok(found),
            _ => self.refuse("a boolean"),
        }
    }

    pub(crate) fn bytes(self) -> Result<Vec<u8>, Error> {
        match self.value {
            Value::Bytes(found) => Ok(found),
            _ => self.refuse("a byte string"),
        }
    }

    /// A byte string of exactly `N` bytes.
    pub(crate) fn fixed<const N: usize>(self) -> Result<[u8; N], Error> {
        let (what, field) = (self.what, self.field);
        let found = self.bytes()?;
        found.as_slice().try_into().map_err(|_| Error::FieldLength {
            what,
            field,
            expected: N,
            found: found.len(),
        })
    }

    pub(crate) fn text(self) -> Result<String, Error> {
        match self.value {
            Value::Text(found) => Ok(found),
            _ => self.refuse("a text string"),
        }
    }

    pub(crate) fn int(self) -> Result<i64, Error> {
        match self.value {
            Value::Integer(found) => {
                i64::try_from(found).or_else(|_| self.refuse("an integer of at most 64 bits"))
            }
            _ => self.refuse("an integer"),
        }
    }

    pub(crate) fn u32(self) -> Result<u32, Error> {
        match self.value {
            Value::Integer(found) => u32::try_from(found)
                .or_else(|_| self.refuse("an unsigned integer of at most 32 bits")),
            _ => self.refuse("an unsigned integer"),
        }
    }

    pub(crate) fn list(self) -> Result<Vec<Item>, Error> {
        match self.value {
            Value::Array(items) => {
                let (what, field) = (self.what, self.field);
                Ok(items.into_iter().map(|value| Item::new(what, field, value)).collect())
            }
            _ => self.refuse("an array"),
        }
    }

    /// An array of exactly `N` items.
    pub(crate) fn tuple<const N: usize>(self, expected: &'static str) -> Result<[Item; N], Error> {
        let (what, field) = (self.what, self.field);
        let items = self.list()?;
        items.try_into().map_err(|_| Error::FieldType { what, field, expected })
    }

    /// The entries of a map with text keys, in order.
    pub(crate) fn entries(self) -> Result<Vec<(String, Item)>, Error> {
        let (what, field) = (self.what, self.field);
        let Value::Map(entries) = self.value else {
            return self.refuse("a map");
        };
        entries
            .into_iter()
            .map(|(key, value)| match key {
                Value::Text(key) => Ok((key, Item::new(what, field, value))),
                _ => Err(Error::FieldType { what, field, expected: "a map with text keys" }),
            })
            .collect()
    }

    /// The fields of a map that has a fixed set of them.
    pub(crate) fn fields(self, what: &'static str) -> Result<Fields, Error> {
        Ok(Fields { what, entries: self.entries()? })
    }
}

/// A map that is taken apart field by field; [`Fields::finish`] refuses what nobody took.
pub(crate) struct Fields {
    what: &'static str,
    entries: Vec<(String, Item)>,
}

impl Fields {
    /// The field, or an error that names it.
    pub(crate) fn take(&mut self, field: &'static str) -> Result<Item, Error> {
        self.take_optional(field).ok_or(Error::FieldMissing { what: self.what, field })
    }

    /// The field where it is present.
    pub(crate) fn take_optional(&mut self, field: &'static str) -> Option<Item> {
        let at = self.entries.iter().position(|(key, _)| key == field)?;
        let (_, item) = self.entries.remove(at);
        Some(Item::new(self.what, field, item.value))
    }

    /// Refuses fields that are left.
    pub(crate) fn finish(self) -> Result<(), Error> {
        match self.entries.into_iter().next() {
            None => Ok(()),
            Some((field, _)) => Err(Error::FieldUnknown {
                what: self.what,
                field: field.chars().take(64).collect(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(hex_text: &str) -> Result<Value, Error> {
        decode(&hex::decode(hex_text).unwrap(), "thing", 1 << 16)
    }

    #[test]
    fn one_encoding_per_value() {
        assert!(read("a2616101616202").is_ok());
        let not_deterministic = [
            ("1800", "integer header longer than needed"),
            ("190001", "integer header longer than needed"),
            ("9f01ff", "array of indefinite length"),
            ("bf616101ff", "map of indefinite length"),
            ("5f4101ff", "byte string in chunks"),
            ("7f6161ff", "text string in chunks"),
            ("580101", "byte string header longer than needed"),
            ("c24101", "bignum of a small number"),
        ];
        for (input, why) in not_deterministic {
            let error = read(input).unwrap_err();
            assert!(
                matches!(error, Error::CborNotDeterministic { .. } | Error::CborItemKind { .. }),
                "{why}: {error:?}"
            );
        }
    }

    #[test]
    fn map_keys_ascend_strictly() {
        assert_eq!(read("a2616101616102"), Err(Error::CborKeyRepeated { what: "thing" }));
        assert_eq!(read("a2616201616102"), Err(Error::CborKeysUnsorted { what: "thing" }));
        // Shorter keys first: "b" before "aa".
        assert!(read("a261620162616102").is_ok());
        assert_eq!(read("81a2616201616102"), Err(Error::CborKeysUnsorted { what: "thing" }));
    }

    #[test]
    fn floats_tags_and_other_simple_values_are_refused() {
        for input in ["f93c00", "fb3ff0000000000000", "c100", "d81800"] {
            assert_eq!(read(input), Err(Error::CborItemKind { what: "thing" }), "{input}");
        }
        assert!(matches!(read("f7"), Err(Error::CborNotDeterministic { .. })));
    }

    #[test]
    fn trailing_truncated_deep_and_large_inputs_are_refused() {
        assert_eq!(read("0000"), Err(Error::CborTrailing { what: "thing", found: 1 }));
        assert!(matches!(read("8201"), Err(Error::CborMalformed { .. })));
        assert!(matches!(read(""), Err(Error::CborMalformed { .. })));
        assert!(matches!(read("62ff41"), Err(Error::CborMalformed { .. })));
        assert!(matches!(
            read(&format!("{}00", "81".repeat(40))),
            Err(Error::CborMalformed { .. })
        ));
        assert_eq!(
            decode(&[0; 5], "thing", 4),
            Err(Error::CborTooLarge { what: "thing", limit: 4, found: 5 })
        );
        // A header that promises 2^60 items must not reserve memory for them.
        assert!(matches!(read("9b1000000000000000"), Err(Error::CborMalformed { .. })));
    }

    proptest::proptest! {
        #[test]
        fn what_decodes_encodes_to_the_same_bytes(input in proptest::collection::vec(0u8.., 0..64)) {
            if let Ok(value) = decode(&input, "thing", 64) {
                assert_eq!(encode(&value), input);
            }
        }
    }
}
