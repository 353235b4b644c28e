//! An exchange over HTTP whose bytes the caller brings, and lies about them.

use assay_verifier::operation::Setting;
use serde_json::json;

use super::{Case, Row};
use crate::receipts::{
    Fixture,
    exchange::{REQUEST, RESPONSE},
    name,
};

/// The policy of whoever asks a model: it pins what was not asked for, and accepts whole answers.
fn asked(case: &mut Case) {
    *case = Case::of(Fixture::exchange());
    case.values.insert("response".to_owned(), RESPONSE.to_vec());
    case.policy["outcomes"] = json!(["length", "stop"]);
    let step = &mut case.policy["releases"][0]["plan"]["steps"][0];
    let settings = step["settings"].as_object_mut().expect("settings");
    let free = ["max_tokens", "seed"];
    free.iter().for_each(|name| drop(settings.remove(*name)));
    step["free_settings"] = json!(free);
    case.bytes = Some(case.fixture.detached().to_bytes());
}

/// The same policy and bytes, but another exchange.
fn answered(case: &mut Case, lie: impl FnOnce(&mut Fixture)) {
    asked(case);
    lie(&mut case.fixture);
    case.bytes = Some(case.fixture.detached().to_bytes());
}

fn with(bytes: &[u8], more: &[u8]) -> Vec<u8> {
    [bytes, more].concat()
}

pub(super) const ROWS: &[Row] = &[
    ("accepted_exchange", "accepted", "the caller has request and response", asked),
    ("exchange_cancelled", "outcome-not-accepted", "the client left before the end", |case| {
        answered(case, |fixture| fixture.outcome = name("cancelled"));
    }),
    ("exchange_other_path", "plan-setting", "an answer of another resource", |case| {
        answered(case, |fixture| {
            let path = Setting::Text("/v1/completions".to_owned());
            fixture.steps[0].settings.insert(name("path"), path);
        });
    }),
    ("exchange_other_status", "plan-setting", "a page of another status", |case| {
        answered(case, |fixture| {
            fixture.steps[0].settings.insert(name("status"), Setting::Int(500));
        });
    }),
    (
        "exchange_body_for_a_stream",
        "plan-values",
        "one body where a stream was asked for",
        |case| {
            answered(case, |fixture| fixture.values[1].kind = fixture.values[0].kind.clone());
        },
    ),
    ("exchange_request_not_given", "caller-value-missing", "nobody says what was asked", |case| {
        asked(case);
        case.values.remove("request");
    }),
    ("exchange_request_changed", "opening-mismatch", "another question", |case| {
        asked(case);
        case.values.insert("request".to_owned(), with(REQUEST, b" "));
    }),
    ("exchange_response_not_given", "result-not-disclosed", "nobody says what came", |case| {
        asked(case);
        case.values.remove("response");
    }),
    ("exchange_response_shorter", "opening-mismatch", "the end of the stream is missing", |case| {
        asked(case);
        case.values.insert("response".to_owned(), RESPONSE[..RESPONSE.len() - 1].to_vec());
    }),
    ("exchange_response_longer", "opening-mismatch", "something was added to the stream", |case| {
        asked(case);
        case.values.insert("response".to_owned(), with(RESPONSE, b"data: {}\n\n"));
    }),
];
