//! The JSON form of a type, in policies and reports.

use super::{Dtype, TensorType, Type};
use crate::json;

/// `{"dtype", "shape", "scale"}` or `{"media"}`.
#[derive(Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields, remote = "Self")]
struct TypeJson {
    #[serde(default, deserialize_with = "json::present", skip_serializing_if = "Option::is_none")]
    dtype: Option<Dtype>,
    #[serde(default, deserialize_with = "json::present", skip_serializing_if = "Option::is_none")]
    shape: Option<Vec<u32>>,
    #[serde(default, deserialize_with = "json::present", skip_serializing_if = "Option::is_none")]
    scale: Option<i8>,
    #[serde(default, deserialize_with = "json::present", skip_serializing_if = "Option::is_none")]
    media: Option<String>,
}
json::only_objects!(TypeJson);

impl serde::Serialize for Type {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.clone() {
            Self::Bytes(media) => TypeJson { media: Some(media), ..TypeJson::default() },
            Self::Tensor(TensorType { dtype, shape, scale }) => {
                TypeJson { dtype: Some(dtype), shape: Some(shape), scale: Some(scale), media: None }
            }
        }
        .serialize(serializer)
    }
}

impl<'de> serde::Deserialize<'de> for Type {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let json = <TypeJson as serde::Deserialize>::deserialize(from)?;
        match json {
            TypeJson { dtype: None, shape: None, scale: None, media: Some(media) } => {
                Self::bytes(&media)
            }
            TypeJson {
                dtype: Some(dtype),
                shape: Some(shape),
                scale: Some(scale),
                media: None,
            } => TensorType::new(dtype, &shape, scale).map(Self::Tensor),
            _ => {
                let why = "a type has dtype, shape and scale, or media";
                return Err(serde::de::Error::custom(why));
            }
        }
        .map_err(serde::de::Error::custom)
    }
}
