//! Deterministic CBOR (RFC 8949 §4.2.1), read where it lies: FORMAT.md §1.1.
//!
//! One pass checks the whole input and allocates nothing; what is taken apart afterwards borrows from it, so that
//! no input can ask for more memory than its own. `ciborium` writes, and judges the reader in tests: as a reader it
//! accepts far more, and builds trees.

mod item;

use ciborium::Value;

pub(crate) use item::Item;

use crate::Error;

/// Deepest nesting of arrays and maps that a reader follows. FORMAT.md §1.2.
const MAX_DEPTH: usize = 16;

/// Reads one item of at most `limit` bytes in the one encoding that FORMAT.md §1.1 allows.
///
/// `what` names the thing in errors ("receipt", "operation", "card").
pub(crate) fn decode<'a>(
    input: &'a [u8],
    what: &'static str,
    limit: usize,
) -> Result<Item<'a>, Error> {
    if input.len() > limit {
        return Err(Error::CborTooLarge { what, limit, found: input.len() });
    }
    let rest = Check { input, what }.item(input, 0)?;
    if !rest.is_empty() {
        return Err(Error::CborTrailing { what, found: rest.len() });
    }
    Ok(Item::new(what, input))
}

/// The head of an item: its major type, and its number, length or count.
struct Head {
    major: Major,
    value: u64,
}

/// The item kinds that structures of ours have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Major {
    Unsigned,
    Negative,
    Bytes,
    Text,
    Array,
    Map,
    Bool,
    Null,
}

/// Why a head is not one of the format's.
enum Fault {
    Kind,
    Malformed,
    NotDeterministic,
}

impl Head {
    /// The head of the first item of `bytes`, and what follows the head.
    fn read(bytes: &[u8]) -> Result<(Self, &[u8]), Fault> {
        let (initial, rest) = bytes.split_first().ok_or(Fault::Malformed)?;
        let (major, info) = (initial >> 5, initial & 0x1f);
        let (value, rest) = match info {
            0..=23 => (u64::from(info), rest),
            24 => number::<1>(rest)?,
            25 => number::<2>(rest)?,
            26 => number::<4>(rest)?,
            27 => number::<8>(rest)?,
            31 if (2..=5).contains(&major) => return Err(Fault::NotDeterministic),
            _ => return Err(Fault::Malformed),
        };
        let major = match (major, info) {
            (0, _) => Major::Unsigned,
            (1, _) => Major::Negative,
            (2, _) => Major::Bytes,
            (3, _) => Major::Text,
            (4, _) => Major::Array,
            (5, _) => Major::Map,
            (7, 20 | 21) => Major::Bool,
            (7, 22) => Major::Null,
            // Floats, tags, `undefined` and whatever else RFC 8949 has.
            _ => return Err(Fault::Kind),
        };
        let shortest = match info {
            0..=23 => true,
            24 => value > 23,
            25 => value > 0xff,
            26 => value > 0xffff,
            _ => value > 0xffff_ffff,
        };
        match shortest {
            true => Ok((Self { major, value }, rest)),
            false => Err(Fault::NotDeterministic),
        }
    }

    /// The length or count; more than the address space has is more than any input has.
    fn length(&self) -> usize {
        usize::try_from(self.value).unwrap_or(usize::MAX)
    }
}

/// A big-endian number of `N` bytes, at most 8.
fn number<const N: usize>(bytes: &[u8]) -> Result<(u64, &[u8]), Fault> {
    let (head, rest) = bytes.split_first_chunk::<N>().ok_or(Fault::Malformed)?;
    Ok((head.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)), rest))
}

/// The pass over everything.
struct Check<'a> {
    input: &'a [u8],
    what: &'static str,
}

impl<'a> Check<'a> {
    /// Checks the first item of `bytes` and returns what follows it.
    fn item(&self, bytes: &'a [u8], depth: usize) -> Result<&'a [u8], Error> {
        let what = self.what;
        let (head, rest) = Head::read(bytes).map_err(|fault| self.refuse(&fault, bytes))?;
        let length = head.length();
        match head.major {
            Major::Unsigned | Major::Negative | Major::Bool | Major::Null => Ok(rest),
            Major::Bytes | Major::Text => {
                let (body, rest) = rest.split_at_checked(length).ok_or_else(|| self.ends())?;
                if head.major == Major::Text && core::str::from_utf8(body).is_err() {
                    return Err(self.ends());
                }
                Ok(rest)
            }
            // Every item has a byte at least: a count beyond that is refused before it is followed.
            Major::Array | Major::Map if length > rest.len() => Err(self.ends()),
            Major::Array | Major::Map if depth == MAX_DEPTH => {
                let why = format!("it is nested deeper than {MAX_DEPTH}");
                Err(Error::CborMalformed { what, why })
            }
            Major::Array => {
                (0..length).try_fold(rest, |rest, _| self.item(rest, depth.saturating_add(1)))
            }
            Major::Map => {
                let (mut rest, mut before): (_, Option<&[u8]>) = (rest, None);
                for _ in 0..length {
                    let after = self.item(rest, depth.saturating_add(1))?;
                    let key = head_of(rest, after);
                    match before.map(|before| before.cmp(key)) {
                        Some(core::cmp::Ordering::Equal) => {
                            return Err(Error::CborKeyRepeated { what });
                        }
                        Some(core::cmp::Ordering::Greater) => {
                            return Err(Error::CborKeysUnsorted { what });
                        }
                        _ => before = Some(key),
                    }
                    rest = self.item(after, depth.saturating_add(1))?;
                }
                Ok(rest)
            }
        }
    }

    fn ends(&self) -> Error {
        // One sentence for all: a report is the same text on every machine.
        let why = "it is not CBOR, or ends too early".to_owned();
        Error::CborMalformed { what: self.what, why }
    }

    fn refuse(&self, fault: &Fault, at: &[u8]) -> Error {
        let what = self.what;
        match fault {
            Fault::Kind => Error::CborItemKind { what },
            Fault::Malformed => self.ends(),
            Fault::NotDeterministic => {
                let at = self.input.len().saturating_sub(at.len());
                Error::CborNotDeterministic { what, at }
            }
        }
    }
}

/// What of `bytes` stands before `after`, which is its end.
fn head_of<'a>(bytes: &'a [u8], after: &[u8]) -> &'a [u8] {
    bytes.get(..bytes.len().saturating_sub(after.len())).unwrap_or_default()
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

/// The head of a byte string of this length: major type 2 (RFC 8949 §3.1).
pub(crate) fn bytes_head(of: &[u8]) -> Vec<u8> {
    let mut head = encode(&uint(length(of)));
    if let Some(initial) = head.first_mut() {
        *initial |= 0x40;
    }
    head
}

/// A length as CBOR counts it.
pub(crate) fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).expect("a length fits 64 bits")
}

#[cfg(test)]
mod tests;
