//! JSON, strictly: what two readers could read differently is refused before anything is made of it.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserializer,
    de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Number, error::Category};

use super::fault::{Code, Fault};

/// A JSON value whose objects have each key once.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

impl Json {
    /// Reads one value (RFC 8259). Errors: bytes that are no UTF-8; no JSON, NaN, or something after it; a
    /// key twice in one object.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Fault> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let at = error.valid_up_to();
            Code::InvalidUtf8.because(format!("the body is no UTF-8 at byte {at}"))
        })?;
        let mut left = Some(MAX_VALUES);
        let mut from = serde_json::Deserializer::from_str(text);
        let read = Reader(&mut left).deserialize(&mut from);
        let read = read.and_then(|json| from.end().map(|()| json));
        read.map_err(|error| match error.classify() {
            _ if left.is_none() => {
                let why = format!("expected a body of at most {MAX_VALUES} values, found more");
                Code::RequestTooLong.because(why)
            }
            // Every type is taken: a repeated key is the one thing that is not.
            Category::Data => Code::DuplicateKey.because(error.to_string()),
            _ => Code::InvalidJson.because(format!("the body is no JSON: {error}")),
        })
    }

    /// What it is, for people.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Text(_) => "text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

/// More than any conversation or list of texts has. Each takes many times the bytes that it is written in.
const MAX_VALUES: usize = 16_384;

/// Reads one value, where so many are left; none, once there was one too many.
struct Reader<'a>(&'a mut Option<usize>);

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Json, D::Error> {
        *self.0 = self.0.and_then(|left| left.checked_sub(1));
        match *self.0 {
            None => Err(D::Error::custom("too many values")),
            Some(_) => from.deserialize_any(self),
        }
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Json, E> {
        Ok(Json::Bool(flag))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Number(number.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Json, E> {
        Number::from_f64(number).map(Json::Number).ok_or_else(|| E::custom("no number"))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Json, E> {
        Ok(Json::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = from.next_element_seed(Reader(&mut *self.0))? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Json, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some(key) = from.next_key::<String>()? {
            if fields.contains_key(&key) {
                return Err(A::Error::custom(format!("the key {key:?} comes twice")));
            }
            let value = from.next_value_seed(Reader(&mut *self.0))?;
            fields.insert(key, value);
        }
        Ok(Json::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_be_read_differently_has_a_name() {
        for (bytes, code) in [
            (&b"{\"a\": \"\xff\"}"[..], Code::InvalidUtf8),
            (b"\xff\xfe{\0}\0", Code::InvalidUtf8),
            (b"\xef\xbb\xbf{}", Code::InvalidJson),
            (b"", Code::InvalidJson),
            (b"{", Code::InvalidJson),
            (b"{} {}", Code::InvalidJson),
            (b"{\"a\": NaN}", Code::InvalidJson),
            (b"{\"a\": Infinity}", Code::InvalidJson),
            (b"{\"a\": 1e999}", Code::InvalidJson),
            (b"{\"a\": 01}", Code::InvalidJson),
            (b"{\"a\": \"\\ud800\"}", Code::InvalidJson),
            (b"{'a': 1}", Code::InvalidJson),
            (b"{\"a\": 1,}", Code::InvalidJson),
            (b"{\"a\": 1, \"a\": 1}", Code::DuplicateKey),
            (b"[{\"b\": {\"a\": 1, \"\\u0061\": 2}}]", Code::DuplicateKey),
        ] {
            let found = Json::read(bytes).map_err(|fault| fault.code);
            assert_eq!(found, Err(code), "{}", String::from_utf8_lossy(bytes));
        }
        let deep = "[".repeat(100_000);
        assert_eq!(Json::read(deep.as_bytes()).map_err(|f| f.code), Err(Code::InvalidJson));
    }

    #[test]
    fn there_are_no_more_values_than_somebody_means() {
        let list = |count: usize| format!("[{}]", vec!["{}"; count].join(","));
        assert!(Json::read(list(MAX_VALUES - 1).as_bytes()).is_ok());
        for text in [list(MAX_VALUES), list(1_000_000), "[[".repeat(60) + &list(MAX_VALUES)] {
            let found = Json::read(text.as_bytes()).map_err(|fault| fault.code);
            assert_eq!(found, Err(Code::RequestTooLong));
        }
    }

    #[test]
    fn what_is_json_is_read() {
        let text = r#"{"a": [1, -2, 0.5, "ä\u00e4", true, null, {}]}"#;
        let Ok(Json::Object(fields)) = Json::read(text.as_bytes()) else { panic!("an object") };
        let Some(Json::List(items)) = fields.get("a") else { panic!("a list") };
        assert_eq!(items[3], Json::Text("ää".to_owned()));
        assert_eq!(items.len(), 7);
    }
}
