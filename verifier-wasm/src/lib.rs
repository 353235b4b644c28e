//! The verifier for JavaScript: a translation, and no decision of its own.
//!
//! Bytes in, JSON text out. `js/index.js` is the face of the package: it loads this module, checks
//! the types of what it is given, and parses the text.
#![forbid(unsafe_code)]

pub mod attestation;

use assay_verifier::{
    Clock, Error, ErrorKind, Expected, ResultValue, UnixMillis,
    ids::{Name, Nonce},
    policy::Policy,
    report::Report,
};
use js_sys::{Array, RangeError, Uint8Array};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(raw_module = "./error.js")]
extern "C" {
    /// The class that `js/error.js` declares.
    type VerifyError;

    #[wasm_bindgen(constructor)]
    fn new(message: &str, code: &str, kind: &str, section: &str, hint: Option<&str>)
    -> VerifyError;
}

/// Accepts a receipt as of `now_ms`, or throws: `[report, [[name, bytes], …]]`.
#[wasm_bindgen]
pub fn verify(
    receipt: &[u8],
    policy: &[u8],
    now_ms: u64,
    names: Vec<String>,
    values: Vec<Uint8Array>,
    nonce: Option<Vec<u8>>,
) -> Result<Array, JsValue> {
    let (policy, now) = (read(policy)?, time(now_ms)?);
    let expected = expected(&names, &values, nonce)?;
    let verified = assay_verifier::verify(receipt, &policy, now, &expected).map_err(thrown)?;
    Ok(outcome(verified.report(), verified.results()))
}

/// The same, as of the attestations' own times.
#[wasm_bindgen(js_name = verifyArchived)]
pub fn verify_archived(
    receipt: &[u8],
    policy: &[u8],
    names: Vec<String>,
    values: Vec<Uint8Array>,
    nonce: Option<Vec<u8>>,
) -> Result<Array, JsValue> {
    let (policy, expected) = (read(policy)?, expected(&names, &values, nonce)?);
    let verified = assay_verifier::verify_archived(receipt, &policy, &expected).map_err(thrown)?;
    Ok(outcome(verified.report(), verified.results()))
}

/// The whole report, whatever it says; `now_ms` absent means archived.
#[wasm_bindgen]
pub fn explain(
    receipt: &[u8],
    policy: &[u8],
    now_ms: Option<u64>,
    names: Vec<String>,
    values: Vec<Uint8Array>,
    nonce: Option<Vec<u8>>,
) -> Result<String, JsValue> {
    let (policy, expected) = (read(policy)?, expected(&names, &values, nonce)?);
    let clock = match now_ms {
        None => Clock::Archived,
        Some(now) => Clock::Live(time(now)?),
    };
    Ok(assay_verifier::explain(receipt, &policy, clock, &expected).to_json())
}

/// What a receipt says, decoded and not verified.
#[wasm_bindgen]
pub fn inspect(receipt: &[u8]) -> Result<String, JsValue> {
    Ok(assay_verifier::inspect::inspect(receipt).map_err(thrown)?.to_json())
}

fn read(policy: &[u8]) -> Result<Policy, JsValue> {
    Policy::from_json(policy).map_err(thrown)
}

fn time(now_ms: u64) -> Result<UnixMillis, JsValue> {
    UnixMillis::new(now_ms).map_err(|error| RangeError::new(&format!("nowMs: {error}")).into())
}

fn expected(
    names: &[String],
    values: &[Uint8Array],
    nonce: Option<Vec<u8>>,
) -> Result<Expected, JsValue> {
    let named = names.iter().zip(values);
    let values = named.map(|(name, bytes)| Ok((Name::new(name).map_err(thrown)?, bytes.to_vec())));
    let values = values.collect::<Result<_, JsValue>>()?;
    let nonce = nonce.map(|nonce| Nonce::new(&nonce)).transpose().map_err(thrown)?;
    Ok(Expected { nonce, values })
}

fn outcome(report: &Report, results: &[ResultValue]) -> Array {
    let bytes = results.iter().map(|result| {
        Array::of2(&result.name.as_str().into(), &Uint8Array::from(result.bytes.as_slice()))
    });
    Array::of2(&report.to_json().into(), &bytes.collect::<Array>())
}

fn thrown(error: Error) -> JsValue {
    let kind = match error.kind() {
        ErrorKind::Malformed => "malformed",
        ErrorKind::NotPinned => "not-pinned",
        ErrorKind::Policy => "policy",
        ErrorKind::Unproven => "unproven",
    };
    let hint = match &error {
        Error::Attestation(error) => Some(error.hint()),
        _ => None,
    };
    VerifyError::new(&error.to_string(), error.code(), kind, error.section(), hint).into()
}
