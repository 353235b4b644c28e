//! What a request says about how its text is to be generated, after defaults.

use std::collections::BTreeMap;

use assay_verifier::{
    ids::Name,
    operation::{Setting, Settings},
};

use super::{
    fault::{Code, Fault},
    fields::Fields,
    json::Json,
};
use crate::{error::Error, llm::generation::Sampling};

/// How a text is to be generated.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Parameters {
    /// Most tokens; none: as many as fit.
    pub(super) max_tokens: Option<u32>,
    /// Texts that end the answer.
    pub(super) stop: Vec<String>,
    /// The sampling; its seed counts only where the client sent one.
    pub(super) sampling: Sampling,
    /// Whether the client sent a seed.
    pub(super) seeded: bool,
    /// Whether the answer is a stream, and whether that tells what was used.
    pub(super) stream: Option<Usage>,
}

/// Whether a stream tells the number of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Usage {
    Silent,
    Told,
}

impl Parameters {
    /// Takes the fields that both interfaces know. Errors: the first that is no value of its field.
    pub(super) fn take(fields: &mut Fields) -> Result<Self, Fault> {
        let seed = fields.integer("seed", 0..=u64::MAX)?;
        let sampling = Sampling {
            temperature: fields.real("temperature", 0.0..=2.0)?.unwrap_or(1.0),
            top_p: fields.real("top_p", 0.0..=1.0)?.unwrap_or(1.0),
            top_k: integer32(fields, "top_k", 0)?.unwrap_or(0),
            min_p: fields.real("min_p", 0.0..=1.0)?.unwrap_or(0.0),
            repetition_penalty: fields.real("repetition_penalty", 0.01..=100.0)?.unwrap_or(1.0),
            frequency_penalty: fields.real("frequency_penalty", -2.0..=2.0)?.unwrap_or(0.0),
            presence_penalty: fields.real("presence_penalty", -2.0..=2.0)?.unwrap_or(0.0),
            seed: seed.unwrap_or(0),
        };
        let max_tokens = integer32(fields, "max_tokens", 1)?;
        let (stop, stream) = (stop(fields)?, stream(fields)?);
        fields.only("n", &[Json::Number(1.into())])?;
        fields.only("logit_bias", &[Json::Object(BTreeMap::new())])?;
        fields.text("user")?; // who asks changes nothing
        Ok(Self { max_tokens, stop, sampling, seeded: seed.is_some(), stream })
    }
}

/// The settings that say how a text was generated. FORMAT.md §11.2.
pub(super) fn settings(sampling: &Sampling, max_tokens: u32) -> Result<Settings, Error> {
    // Of a new field, somebody has to say whether it is a setting.
    let Sampling {
        temperature,
        top_p,
        top_k,
        min_p,
        repetition_penalty,
        frequency_penalty,
        presence_penalty,
        seed,
    } = *sampling;
    let reals = [
        ("temperature", temperature),
        ("top_p", top_p),
        ("min_p", min_p),
        ("repetition_penalty", repetition_penalty),
        ("frequency_penalty", frequency_penalty),
        ("presence_penalty", presence_penalty),
    ];
    // Zero has one way to be written, and so has its negative.
    let reals = reals.map(|(name, real)| (name, Setting::Text((real + 0.0).to_string())));
    let integers = [("max_tokens", max_tokens), ("top_k", top_k)];
    let integers = integers.map(|(name, integer)| (name, Setting::Int(integer.into())));
    let seed = ("seed", Setting::Text(seed.to_string()));
    let named = reals.into_iter().chain(integers).chain([seed]);
    named.map(|(name, setting)| Ok((Name::new(name)?, setting))).collect()
}

/// Names of the settings that say how a text was generated.
pub(super) const GENERATION: [&str; 9] = [
    "frequency_penalty",
    "max_tokens",
    "min_p",
    "presence_penalty",
    "repetition_penalty",
    "seed",
    "temperature",
    "top_k",
    "top_p",
];

/// An integer of 32 bits.
pub(super) fn integer32(fields: &mut Fields, name: &str, least: u64) -> Result<Option<u32>, Fault> {
    let integer = fields.integer(name, least..=u64::from(u32::MAX))?;
    Ok(integer.and_then(|integer| u32::try_from(integer).ok()))
}

/// One text, or one to four.
fn stop(fields: &mut Fields) -> Result<Vec<String>, Fault> {
    let Some(json) = fields.take("stop") else { return Ok(Vec::new()) };
    let items = match json {
        Json::List(items) => items,
        one => vec![one],
    };
    let refuse = |message: String| Code::InvalidValue.about(fields.place("stop"), message);
    if items.len() > MAX_STOPS {
        let found = items.len();
        return Err(refuse(format!("expected at most {MAX_STOPS} texts, found {found}")));
    }
    let text = |item| match item {
        Json::Text(text) if text.is_empty() => Err(refuse("an empty text ends nothing".to_owned())),
        Json::Text(text) => Ok(text),
        other => Err(fields.wrong("stop", "text, or a list of texts", &other)),
    };
    items.into_iter().map(text).collect()
}

/// As OpenAI has it.
const MAX_STOPS: usize = 4;

fn stream(fields: &mut Fields) -> Result<Option<Usage>, Fault> {
    let stream = fields.flag("stream")?;
    let options = fields.take("stream_options");
    if options.is_some() && !stream {
        let why = "only a stream has options of a stream";
        return Err(Code::InvalidValue.about(fields.place("stream_options"), why));
    }
    let mut usage = Usage::Silent;
    if let Some(options) = options {
        let mut options = Fields::of(options, fields.place("stream_options"))?;
        if options.flag("include_usage")? {
            usage = Usage::Told;
        }
        // Padding against whoever counts bytes on the wire: there is none here.
        options.only("include_obfuscation", &[Json::Bool(false)])?;
        options.finish(&[])?;
    }
    Ok(stream.then_some(usage))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(text: &str) -> Result<Parameters, Fault> {
        let mut fields = Fields::of(Json::read(text.as_bytes())?, "")?;
        let parameters = Parameters::take(&mut fields)?;
        fields.finish(&[])?;
        Ok(parameters)
    }

    #[test]
    fn defaults_are_those_of_openai() {
        let found = parameters("{}").unwrap();
        let Sampling { temperature, top_p, top_k, min_p, repetition_penalty, .. } = found.sampling;
        assert_eq!((temperature, top_p, top_k, min_p), (1.0, 1.0, 0, 0.0));
        assert_eq!((repetition_penalty, found.seeded, found.stream), (1.0, false, None));
    }

    #[test]
    fn what_is_out_of_range_or_not_done_is_refused_by_name() {
        for (text, code, param) in [
            (r#"{"temperature": 2.1}"#, Code::InvalidValue, "temperature"),
            (r#"{"temperature": "1"}"#, Code::InvalidType, "temperature"),
            (r#"{"top_p": -0.1}"#, Code::InvalidValue, "top_p"),
            (r#"{"max_tokens": 0}"#, Code::InvalidValue, "max_tokens"),
            (r#"{"max_tokens": 1.0}"#, Code::InvalidType, "max_tokens"),
            (r#"{"max_tokens": 4294967296}"#, Code::InvalidValue, "max_tokens"),
            (r#"{"seed": -1}"#, Code::InvalidValue, "seed"),
            (r#"{"n": 2}"#, Code::UnsupportedParameter, "n"),
            (r#"{"logit_bias": {"5": 1}}"#, Code::UnsupportedParameter, "logit_bias"),
            (r#"{"stop": ["a", "b", "c", "d", "e"]}"#, Code::InvalidValue, "stop"),
            (r#"{"stop": ""}"#, Code::InvalidValue, "stop"),
            (r#"{"stop": [1]}"#, Code::InvalidType, "stop"),
            (r#"{"stream": 1}"#, Code::InvalidType, "stream"),
            (r#"{"stream_options": {}}"#, Code::InvalidValue, "stream_options"),
            (
                r#"{"stream": true, "stream_options": {"include_obfuscation": true}}"#,
                Code::UnsupportedParameter,
                "stream_options.include_obfuscation",
            ),
            (r#"{"user": 7}"#, Code::InvalidType, "user"),
        ] {
            let fault = parameters(text).unwrap_err();
            assert_eq!((fault.code, fault.param.as_deref()), (code, Some(param)), "{text}");
        }
        let most = parameters(r#"{"seed": 18446744073709551615, "n": 1, "logit_bias": {}}"#);
        assert_eq!(most.unwrap().sampling.seed, u64::MAX);
    }

    #[test]
    fn settings_are_the_shortest_decimals() {
        let text = r#"{"temperature": 0.7, "top_p": 1, "min_p": 0.05, "presence_penalty": -0.0}"#;
        let found = settings(&parameters(text).unwrap().sampling, 16).unwrap();
        let expected = [
            ("frequency_penalty", "0"),
            ("min_p", "0.05"),
            ("presence_penalty", "0"),
            ("repetition_penalty", "1"),
            ("seed", "0"),
            ("temperature", "0.7"),
            ("top_p", "1"),
        ];
        for (name, text) in expected {
            assert_eq!(found.get(&Name::new(name).unwrap()), Some(&Setting::Text(text.into())));
        }
        let names: Vec<_> = found.keys().map(Name::as_str).collect();
        assert_eq!(names, GENERATION);
    }
}
