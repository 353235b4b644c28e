//! Policies that the operator suggests for exchanges with a language model.

use std::collections::BTreeMap;

use assay_verifier::{
    evidence::Evidence,
    ids::{Nonce, Salt},
    operation::NonceClaim,
    policy::Policy,
    receipt::Receipt,
};
use serde_json::{Value, json};

use super::{
    exchange::{Exchange, Outcome},
    models::Offered,
    parameters,
    read::{Route, pooling_setting},
};
use crate::{error::Error, llm::generation::Sampling, random};

/// For each path that the model answers, the policy that accepts whole answers, as a body or as a stream:
/// whatever the client chose for the generation, and nothing else.
///
/// They are learned from operations that were never run, so nothing signs them: `document` is an attestation
/// document of this process that says nothing of any operation.
pub(in super::super) fn suggest(
    offered: &Offered,
    document: &[u8],
    nonce: Option<&Nonce>,
) -> Result<BTreeMap<&'static str, Value>, Error> {
    let routes = [Route::Chat, Route::Completion, Route::Embeddings].into_iter();
    let suited = routes.filter(|route| route.suits(&offered.model));
    suited.map(|route| Ok((route.path(), policy(offered, route, document, nonce)?))).collect()
}

fn policy(
    offered: &Offered,
    route: Route,
    document: &[u8],
    nonce: Option<&Nonce>,
) -> Result<Value, Error> {
    let mut policy = learned(offered, route, document, false)?;
    let mut releases = vec![release(&policy, "body")];
    if route == Route::Embeddings {
        policy["outcomes"] = json!([Outcome::Complete.name()]);
    } else {
        policy["outcomes"] = json!([Outcome::Length.name(), Outcome::Stop.name()]);
        releases.push(release(&learned(offered, route, document, true)?, "stream"));
    }
    policy["releases"] = Value::Array(releases);
    if let (Some(fields), Some(nonce)) = (policy.as_object_mut(), nonce) {
        fields.remove("accept_without_own_nonce");
        fields.insert("nonce".to_owned(), nonce.to_string().into());
    }
    Ok(policy)
}

/// The one release of a learned policy, with what the client chose left free.
fn release(policy: &Value, name: &str) -> Value {
    let mut release = policy["releases"][0].clone();
    release["name"] = name.into();
    let step = &mut release["plan"]["steps"][0];
    if let Some(settings) = step["settings"].as_object_mut() {
        let chosen = parameters::GENERATION;
        let free: Vec<_> =
            chosen.into_iter().filter(|name| settings.remove(*name).is_some()).collect();
        if !free.is_empty() {
            step["free_settings"] = json!(free);
        }
    }
    release
}

fn learned(offered: &Offered, route: Route, document: &[u8], stream: bool) -> Result<Value, Error> {
    let mut settings = offered.settings()?;
    settings.extend(match route {
        Route::Embeddings => pooling_setting(&offered.model)?,
        Route::Chat | Route::Completion => parameters::settings(&ANY, 1)?,
    });
    settings.extend(super::call::resource(route.path(), 200)?);
    let exchange = Exchange {
        name: offered.operation.clone(),
        model: offered.digest(),
        settings,
        nonce: NonceClaim::Server(Nonce::new(&random::bytes::<32>()?)?),
        outcome: Outcome::Stop,
        request: Vec::new(),
        response: Vec::new(),
        stream,
    };
    let mut receipt = Receipt::new(exchange.operation([Salt::new([0; 31]); 2])?)?;
    receipt.attach(Evidence::TeeDocument { document: document.to_vec(), steps: vec![0] });
    let text = Policy::learn(&receipt)?.to_json();
    serde_json::from_str(&text).map_err(|error| Error::Usage { why: error.to_string() })
}

/// What every client chooses for itself.
const ANY: Sampling = Sampling {
    temperature: 1.0,
    top_p: 1.0,
    top_k: 0,
    min_p: 0.0,
    repetition_penalty: 1.0,
    frequency_penalty: 0.0,
    presence_penalty: 0.0,
    seed: 0,
};
