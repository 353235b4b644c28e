//! The fields of a request, each taken once by whoever knows it: what nobody takes is refused by name.

use std::{
    collections::BTreeMap,
    ops::{Bound, RangeBounds, RangeInclusive},
};

use super::{
    fault::{Code, Fault},
    json::Json,
};

/// The fields of an object that nobody took yet. Null is as good as absent, as OpenAI's clients mean it.
#[derive(Debug)]
pub(super) struct Fields {
    /// Where the object is: empty for the body, `messages[0]`.
    place: String,
    fields: BTreeMap<String, Json>,
}

impl Fields {
    /// The fields of an object. Errors: it is none.
    pub(super) fn of(json: Json, place: impl Into<String>) -> Result<Self, Fault> {
        let place = place.into();
        match json {
            Json::Object(fields) => Ok(Self { place, fields }),
            other => {
                let found = other.kind();
                Err(Code::InvalidType.about(place, format!("expected an object, found {found}")))
            }
        }
    }

    /// A field's place, as errors name it.
    pub(super) fn place(&self, name: &str) -> String {
        match self.place.is_empty() {
            true => name.to_owned(),
            false => format!("{}.{name}", self.place),
        }
    }

    /// A field, whatever it is.
    pub(super) fn take(&mut self, name: &str) -> Option<Json> {
        self.fields.remove(name).filter(|json| *json != Json::Null)
    }

    /// A field that has to be there.
    pub(super) fn need(&mut self, name: &str) -> Result<Json, Fault> {
        self.take(name).ok_or_else(|| {
            let place = self.place(name);
            let message = format!("{place} is missing");
            Code::MissingRequiredParameter.about(place, message)
        })
    }

    /// A text.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Fault> {
        match self.take(name) {
            None => Ok(None),
            Some(Json::Text(text)) => Ok(Some(text)),
            Some(other) => Err(self.wrong(name, "text", &other)),
        }
    }

    /// A yes or no; no, where it is absent.
    pub(super) fn flag(&mut self, name: &str) -> Result<bool, Fault> {
        match self.take(name) {
            None => Ok(false),
            Some(Json::Bool(flag)) => Ok(flag),
            Some(other) => Err(self.wrong(name, "true or false", &other)),
        }
    }

    /// An integer in a range.
    pub(super) fn integer(
        &mut self,
        name: &str,
        range: RangeInclusive<u64>,
    ) -> Result<Option<u64>, Fault> {
        let Some(json) = self.take(name) else { return Ok(None) };
        let Json::Number(number) = &json else { return Err(self.wrong(name, "an integer", &json)) };
        if number.is_f64() {
            let message = format!("expected an integer, found {number}");
            return Err(Code::InvalidType.about(self.place(name), message));
        }
        match number.as_u64().filter(|integer| range.contains(integer)) {
            Some(integer) => Ok(Some(integer)),
            None => {
                let (low, high) = range.into_inner();
                let message = format!("expected {low} to {high}, found {number}");
                Err(Code::InvalidValue.about(self.place(name), message))
            }
        }
    }

    /// A number in a range, as what the engine reckons with.
    pub(super) fn real(
        &mut self,
        name: &str,
        range: impl RangeBounds<f32>,
    ) -> Result<Option<f32>, Fault> {
        let Some(json) = self.take(name) else { return Ok(None) };
        let Json::Number(number) = &json else { return Err(self.wrong(name, "a number", &json)) };
        let real = number.as_f64().map(|real| real as f32);
        match real.filter(|real| real.is_finite() && range.contains(real)) {
            Some(real) => Ok(Some(real)),
            None => {
                let message = format!("expected {}, found {number}", words(&range));
                Err(Code::InvalidValue.about(self.place(name), message))
            }
        }
    }

    /// A field that may say only what is done anyway.
    pub(super) fn only(&mut self, name: &str, allowed: &[Json]) -> Result<(), Fault> {
        match self.take(name) {
            Some(found) if !allowed.contains(&found) => {
                let message = format!("{name} is not supported, but for what is done without it");
                Err(Code::UnsupportedParameter.about(self.place(name), message))
            }
            _ => Ok(()),
        }
    }

    /// Refuses what nobody took. `known` are names that OpenAI's interface has and this one has not.
    pub(super) fn finish(self, known: &[&str]) -> Result<(), Fault> {
        let left = self.fields.iter().find(|(_, json)| **json != Json::Null);
        let Some((name, _)) = left else { return Ok(()) };
        let place = self.place(name);
        Err(match known.contains(&name.as_str()) {
            true => Code::UnsupportedParameter.about(place, format!("{name} is not supported")),
            false => {
                let shown: String = name.chars().take(64).collect();
                Code::UnknownParameter.about(shown.clone(), format!("nobody knows {shown:?}"))
            }
        })
    }

    /// A field of another type.
    pub(super) fn wrong(&self, name: &str, expected: &str, found: &Json) -> Fault {
        let message = format!("expected {expected}, found {}", found.kind());
        Code::InvalidType.about(self.place(name), message)
    }
}

/// A range, for people.
fn words(range: &impl RangeBounds<f32>) -> String {
    let low = match range.start_bound() {
        Bound::Included(low) => format!("{low}"),
        Bound::Excluded(low) => format!("more than {low}"),
        Bound::Unbounded => "anything".to_owned(),
    };
    match range.end_bound() {
        Bound::Included(high) => format!("{low} to {high}"),
        Bound::Excluded(high) => format!("{low} to less than {high}"),
        Bound::Unbounded => low,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Fields {
        Fields::of(Json::read(text.as_bytes()).unwrap(), "").unwrap()
    }

    #[test]
    fn null_is_absent_and_other_types_are_refused() {
        let mut found = fields(r#"{"a": null, "b": "1", "c": 1.5, "d": -1, "e": 3, "f": 1e300}"#);
        assert_eq!(found.text("a"), Ok(None));
        assert_eq!(found.integer("b", 0..=9).map_err(|f| f.code), Err(Code::InvalidType));
        assert_eq!(found.integer("c", 0..=9).map_err(|f| f.code), Err(Code::InvalidType));
        assert_eq!(found.integer("d", 0..=9).map_err(|f| f.code), Err(Code::InvalidValue));
        assert_eq!(found.real("e", 0.0..=2.0).map_err(|f| f.code), Err(Code::InvalidValue));
        assert_eq!(found.real("f", 0.0..).map_err(|f| f.code), Err(Code::InvalidValue));
        assert_eq!(found.finish(&[]), Ok(()));
    }

    #[test]
    fn what_nobody_took_is_named() {
        let known = |text: &str| fields(text).finish(&["tools"]).map_err(|fault| fault.code);
        assert_eq!(known(r#"{"tools": null}"#), Ok(()));
        assert_eq!(known(r#"{"tools": []}"#), Err(Code::UnsupportedParameter));
        assert_eq!(known(r#"{"tool": 1}"#), Err(Code::UnknownParameter));
    }
}
