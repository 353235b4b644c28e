//! Values as they come in a request: nested lists of integers, a picture, or bytes.

use std::collections::BTreeMap;

use assay_verifier::{ids::Name, value::Type};
use base64ct::{Base64, Encoding as _};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::{
    definition::Definition,
    error::Error,
    input::{decode, nested},
};

/// A value: for a tensor its integers, in nested lists row by row, or a picture; for bytes, those.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
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

/// The bytes of every value that was given. Errors: an unknown name, a value of another form.
pub(super) fn read(
    definition: &Definition,
    given: BTreeMap<String, Given>,
) -> Result<BTreeMap<Name, Vec<u8>>, Error> {
    let mut values = BTreeMap::new();
    for (name, value) in given {
        let Some(input) = definition.inputs.iter().find(|input| input.name.as_str() == name) else {
            let known: Vec<_> = definition.inputs.iter().map(|input| input.name.as_str()).collect();
            let why = format!("the operation's inputs are {}, not {name:?}", known.join(", "));
            return Err(Error::Usage { why });
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
