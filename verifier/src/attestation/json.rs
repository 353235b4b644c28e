//! JSON of the caller's own, read strictly: no field twice, none unknown.

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::{policy_error::PolicyError, sample::shorten};

/// A JSON value that keeps fields appearing twice, so that they can be refused.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    /// An unsigned integer below 2^64.
    Unsigned(u64),
    /// Any other number.
    OtherNumber,
    Text(String),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

/// An object whose fields appear once.
pub(super) struct Fields<'j>(&'j [(String, Json)]);

impl Json {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, PolicyError> {
        Ok(serde_json::from_slice(bytes)?)
    }

    /// The object's fields, of which all must be among `known`.
    pub(super) fn fields(
        &self,
        field: &'static str,
        known: &[&str],
    ) -> Result<Fields<'_>, PolicyError> {
        let entries = self.entries(field)?;
        for (name, _) in entries {
            if !known.contains(&name.as_str()) {
                return Err(PolicyError::FieldUnknown { name: shorten(name) });
            }
        }
        Ok(Fields(entries))
    }

    /// The object's fields, some of them none of our business.
    pub(super) fn fields_and_others(&self, field: &'static str) -> Result<Fields<'_>, PolicyError> {
        self.entries(field).map(Fields)
    }

    /// The object's fields, whatever their names, each appearing once.
    pub(super) fn entries(&self, field: &'static str) -> Result<&[(String, Self)], PolicyError> {
        let Self::Object(entries) = self else {
            return Err(PolicyError::FieldType { field, expected: "an object" });
        };
        let mut names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        for (one, next) in names.iter().zip(names.iter().skip(1)) {
            if one == next {
                return Err(PolicyError::FieldTwice { name: shorten(one) });
            }
        }
        Ok(entries)
    }

    pub(super) fn array(&self, field: &'static str) -> Result<&[Self], PolicyError> {
        match self {
            Self::Array(items) => Ok(items),
            _ => Err(PolicyError::FieldType { field, expected: "an array" }),
        }
    }

    pub(super) fn text(&self, field: &'static str) -> Result<&str, PolicyError> {
        match self {
            Self::Text(text) => Ok(text),
            _ => Err(PolicyError::FieldType { field, expected: "a string" }),
        }
    }

    pub(super) fn hex(&self, field: &'static str) -> Result<Vec<u8>, PolicyError> {
        hex::decode(self.text(field)?).map_err(|_| PolicyError::Hex { field })
    }

    pub(super) const fn unsigned(&self, field: &'static str) -> Result<u64, PolicyError> {
        match self {
            Self::Unsigned(number) => Ok(*number),
            _ => Err(PolicyError::FieldType { field, expected: "a whole number from 0" }),
        }
    }

    pub(super) const fn bool(&self, field: &'static str) -> Result<bool, PolicyError> {
        match self {
            Self::Bool(value) => Ok(*value),
            _ => Err(PolicyError::FieldType { field, expected: "true or false" }),
        }
    }
}

impl<'j> Fields<'j> {
    /// A field that may be absent.
    pub(super) fn get(&self, field: &'static str) -> Option<&'j Json> {
        self.0.iter().find_map(|(name, value)| (name == field).then_some(value))
    }

    /// A field that may be absent or null.
    pub(super) fn get_unless_null(&self, field: &'static str) -> Option<&'j Json> {
        self.get(field).filter(|value| **value != Json::Null)
    }

    /// A field that must be there.
    pub(super) fn require(&self, field: &'static str) -> Result<&'j Json, PolicyError> {
        self.get(field).ok_or(PolicyError::FieldMissing { field })
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Json;

            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("a json value")
            }

            fn visit_unit<E>(self) -> Result<Json, E> {
                Ok(Json::Null)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
                Ok(Json::Bool(value))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
                Ok(Json::Unsigned(value))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Json, E> {
                Ok(Json::OtherNumber)
            }

            fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
                Ok(Json::OtherNumber)
            }

            fn visit_str<E>(self, value: &str) -> Result<Json, E> {
                Ok(Json::Text(value.into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
                let mut all = Vec::new();
                while let Some(item) = items.next_element()? {
                    all.push(item);
                }
                Ok(Json::Array(all))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Json, A::Error> {
                let mut all = Vec::new();
                while let Some(field) = fields.next_entry()? {
                    all.push(field);
                }
                Ok(Json::Object(all))
            }
        }
        deserializer.deserialize_any(Reader)
    }
}
