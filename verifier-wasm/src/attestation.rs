//! Attestation documents by themselves.

use assay_verifier::{
    Error,
    attestation::{
        self, Document, Policy, PolicyError,
        conformance::{self, Summary},
        report::Inspection,
    },
};
use js_sys::Array;
use wasm_bindgen::prelude::*;

use crate::{VerifyError, thrown, time};

/// Accepts a document as of `now_ms`, or throws: the report.
#[wasm_bindgen(js_name = verifyAttestation)]
pub fn verify_attestation(document: &[u8], policy: &[u8], now_ms: u64) -> Result<String, JsValue> {
    let (policy, now) = (read(policy)?, time(now_ms)?);
    let report = Document::parse(document).and_then(|document| {
        attestation::verify_live(&document, &policy, now).map(|live| live.report().to_json())
    });
    report.map_err(refused)
}

/// The same, as of the document's own time.
#[wasm_bindgen(js_name = verifyAttestationArchived)]
pub fn verify_attestation_archived(document: &[u8], policy: &[u8]) -> Result<String, JsValue> {
    let policy = read(policy)?;
    let report = Document::parse(document).and_then(|document| {
        attestation::verify_archived(&document, &policy).map(|archived| archived.report().to_json())
    });
    report.map_err(refused)
}

/// What a document says, decoded and not verified.
#[wasm_bindgen(js_name = inspectAttestation)]
pub fn inspect_attestation(document: &[u8]) -> Result<String, JsValue> {
    Inspection::of(document).map(|inspection| inspection.to_json()).map_err(refused)
}

/// Runs a conformance file: `[text, json]`, both as the command line prints them.
#[wasm_bindgen(js_name = attestationConformance)]
pub fn attestation_conformance(cases: &[u8]) -> Result<Array, JsValue> {
    let summary = Summary(conformance::run(cases).map_err(unreadable)?);
    Ok(Array::of2(&summary.to_string().into(), &summary.to_json().into()))
}

fn read(policy: &[u8]) -> Result<Policy, JsValue> {
    Policy::from_json(policy).map_err(unreadable)
}

fn refused(error: attestation::Error) -> JsValue {
    thrown(Error::from(error))
}

fn unreadable(error: PolicyError) -> JsValue {
    VerifyError::new(&error.to_string(), error.code(), "policy", error.section(), None).into()
}
