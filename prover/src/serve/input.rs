//! Values as they come in a request: nested lists of integers, a picture, or bytes. They are read as what the
//! operation takes, with nothing in between.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use assay_verifier::{ids::Name, value::Type};
use base64ct::{Base64, Encoding as _};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::problem::Problem;
use crate::{
    definition::{Definition, Input},
    error::Error,
    input::{Integers, decode, takes_pictures},
};

/// A value: for a tensor its integers, in nested lists row by row, or a picture; for bytes, those.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
#[allow(dead_code)] // described, never made: what comes is read as what the operation takes
pub(super) enum Given {
    /// A file's bytes.
    File(File),
    /// Integers, in lists nested in whatever way.
    Integers(Vec<i64>),
}

/// A file's bytes, in base64.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code)] // as above
pub(super) struct File {
    /// A PNG for a tensor, anything else for bytes (RFC 4648 §4, with padding).
    #[schema(content_encoding = "base64", pattern = "^[A-Za-z0-9+/]*={0,2}$")]
    base64: String,
}

/// A JSON object of things by name. A name that comes twice is refused: which one would be meant?
pub(super) struct Object<T>(pub(super) BTreeMap<String, T>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Names<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Names<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Object<T>, A::Error> {
                let mut found = BTreeMap::new();
                while let Some(name) = from.next_key::<String>()? {
                    if found.contains_key(&name) {
                        return Err(A::Error::custom(format!("{name:?} comes twice")));
                    }
                    if found.len() >= MAX_NAMES {
                        return Err(A::Error::custom(format!(
                            "expected at most {MAX_NAMES} names"
                        )));
                    }
                    found.insert(name, from.next_value()?);
                }
                Ok(Object(found))
            }
        }
        from.deserialize_map(Names(PhantomData))
    }
}

/// More than any operation has steps.
const MAX_NAMES: usize = 256;

/// Longest body that a request to run the operation has any use for, where `most` are taken.
pub(super) fn most_bytes(definition: &Definition, most: usize) -> usize {
    let each = |input: &Input| match &input.kind {
        Type::Tensor(tensor) if !takes_pictures(tensor) => {
            tensor.elements().saturating_mul(ELEMENT)
        }
        Type::Tensor(_) | Type::Bytes(_) => most,
    };
    let values = definition.inputs.iter().map(each).fold(BESIDE, usize::saturating_add);
    values.min(most)
}

/// A 32-bit integer on a line of its own, deeply indented.
const ELEMENT: usize = 32;

/// All that a body has beside its values.
const BESIDE: usize = 64 << 10;

/// The bytes of every value that was given. Errors: an unknown name, a value of another form.
pub(super) fn read(
    definition: &Definition,
    given: &RawValue,
) -> Result<BTreeMap<Name, Vec<u8>>, Problem> {
    let mut refused = None;
    let mut from = serde_json::Deserializer::from_str(given.get());
    let read = Values { definition, refused: &mut refused }.deserialize(&mut from);
    match (refused, read) {
        (Some(error), _) => Err(error.into()),
        (None, read) => read.map_err(Problem::from),
    }
}

/// Values by name. What does not fit the operation is left in `refused`.
struct Values<'a> {
    definition: &'a Definition,
    refused: &'a mut Option<Error>,
}

impl<'de> DeserializeSeed<'de> for Values<'_> {
    type Value = BTreeMap<Name, Vec<u8>>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Values<'_> {
    type Value = BTreeMap<Name, Vec<u8>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Self::Value, A::Error> {
        let Self { definition, refused } = self;
        let mut values = BTreeMap::new();
        while let Some(name) = from.next_key::<String>()? {
            let Some(input) = definition.inputs.iter().find(|input| input.name.as_str() == name)
            else {
                let known: Vec<_> =
                    definition.inputs.iter().map(|input| input.name.as_str()).collect();
                *refused = Some(Error::InputUnknown { found: name, known: known.join(", ") });
                return Err(A::Error::custom("an input that is unknown"));
            };
            if values.contains_key(&input.name) {
                return Err(A::Error::custom(format!("{name:?} comes twice")));
            }
            let value = from.next_value_seed(One { input, refused: &mut *refused })?;
            values.insert(input.name.clone(), value);
        }
        Ok(values)
    }
}

/// The value of one input.
struct One<'a> {
    input: &'a Input,
    refused: &'a mut Option<Error>,
}

impl One<'_> {
    fn refuse<T, E: serde::de::Error>(self, why: String) -> Result<T, E> {
        let error = E::custom(&why);
        *self.refused = Some(Error::Input { name: self.input.name.clone(), why });
        Err(error)
    }
}

impl<'de> DeserializeSeed<'de> for One<'_> {
    type Value = Vec<u8>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Vec<u8>, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for One<'_> {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("integers in lists, or {\"base64\": …}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Vec<u8>, A::Error> {
        let Some(tensor) = self.input.kind.tensor() else {
            let kind = &self.input.kind;
            return self.refuse(format!("expected {kind} in base64, found a list"));
        };
        let mut integers = Integers::new(tensor);
        loop {
            match from.next_element_seed(&mut integers) {
                Ok(Some(())) => {}
                Ok(None) => break,
                // What is no JSON is not the input's fault.
                Err(error) if !integers.refused() => return Err(error),
                Err(_) => break,
            }
        }
        integers.ended(Ok::<_, A::Error>(())).or_else(|why| self.refuse(why))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Vec<u8>, A::Error> {
        match from.next_key::<String>()? {
            Some(name) if name == "base64" => {}
            Some(name) => return Err(A::Error::custom(format!("expected base64, found {name:?}"))),
            None => return Err(A::Error::missing_field("base64")),
        }
        let decoded = from.next_value_seed(InBase64)?;
        if from.next_key::<String>()?.is_some() {
            return Err(A::Error::custom("a file has base64 alone"));
        }
        let Input { name, kind } = self.input;
        match decoded {
            Ok(bytes) => decode(name, kind, bytes).map_err(|error| {
                let said = A::Error::custom(&error);
                *self.refused = Some(error);
                said
            }),
            Err(why) => self.refuse(why),
        }
    }
}

/// Bytes in base64, or what is wrong with it.
struct InBase64;

impl<'de> DeserializeSeed<'de> for InBase64 {
    type Value = Result<Vec<u8>, String>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_str(self)
    }
}

impl Visitor<'_> for InBase64 {
    type Value = Result<Vec<u8>, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("text")
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Base64::decode_vec(text).map_err(|error| format!("it is no base64: {error}")))
    }
}
