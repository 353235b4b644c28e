//! Values as they come in a request: nested lists of integers, a picture, or bytes.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use assay_verifier::{ids::Name, value::Type};
use base64ct::{Base64, Encoding as _};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use utoipa::ToSchema;

use crate::{
    definition::Definition,
    error::Error,
    input::{decode, nested},
};

/// A value: for a tensor its integers, in nested lists row by row, or a picture; for bytes, those.
#[derive(Deserialize, ToSchema)]
#[serde(untagged, expecting = "expected integers in lists, or {\"base64\": …}")]
pub(super) enum Given {
    /// A file's bytes.
    File(File),
    /// Integers, in lists nested in whatever way.
    #[schema(value_type = Vec<i64>)]
    Integers(Vec<serde_json::Value>),
}

/// A file's bytes, in base64.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
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
                    found.insert(name, from.next_value()?);
                }
                Ok(Object(found))
            }
        }
        from.deserialize_map(Names(PhantomData))
    }
}

/// The bytes of every value that was given. Errors: an unknown name, a value of another form.
pub(super) fn read(
    definition: &Definition,
    given: BTreeMap<String, Given>,
) -> Result<BTreeMap<Name, Vec<u8>>, Error> {
    let mut values = BTreeMap::new();
    for (name, value) in given {
        let Some(input) = definition.inputs.iter().find(|input| input.name.as_str() == name) else {
            let known: Vec<_> = definition.inputs.iter().map(|input| input.name.as_str()).collect();
            return Err(Error::InputUnknown { found: name, known: known.join(", ") });
        };
        let refuse = |why: String| Error::Input { name: input.name.clone(), why };
        let bytes = match (value, &input.kind) {
            (Given::File(file), kind) => {
                let bytes = Base64::decode_vec(&file.base64)
                    .map_err(|error| refuse(format!("it is no base64: {error}")))?;
                decode(&input.name, kind, bytes)?
            }
            (Given::Integers(list), Type::Tensor(tensor)) => {
                nested(&input.name, tensor, &serde_json::Value::Array(list))?
            }
            (Given::Integers(_), kind) => {
                return Err(refuse(format!("expected {kind} in base64, found integers")));
            }
        };
        values.insert(input.name.clone(), bytes);
    }
    Ok(values)
}
