//! Policies that the operator suggests for exchanges with a language model.

use std::collections::BTreeMap;

use assay_verifier::{
    evidence::Evidence,
    ids::{Name, Nonce, Salt},
    operation::NonceClaim,
    policy::{NonceRule, Policy},
    receipt::Receipt,
};
use serde_json::Value;

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
    let chosen = parameters::GENERATION.into_iter().map(Name::new);
    let chosen: Vec<_> = chosen.collect::<Result<_, _>>()?;
    let release = |name, stream| {
        let learned = learned(offered, route, document, stream)?;
        Ok::<_, Error>(learned.freeing(&chosen).named(&Name::new(name)?))
    };
    let outcomes = |outcomes: &[Outcome]| -> Result<Vec<_>, _> {
        outcomes.iter().map(|outcome| Name::new(outcome.name())).collect()
    };
    let policy = match route {
        Route::Embeddings => {
            release("body", false)?.with_outcomes(outcomes(&[Outcome::Complete])?)?
        }
        Route::Chat | Route::Completion => release("body", false)?
            .or_releases_of(release("stream", true)?)?
            .with_outcomes(outcomes(&[Outcome::Length, Outcome::Stop])?)?,
    };
    // Every request has a nonce of its own: its client gives it with the receipt.
    let rule = nonce.cloned().map_or(NonceRule::Caller, NonceRule::Exactly);
    let json = serde_json::to_value(policy.with_nonce(rule));
    json.map_err(|error| Error::Usage { why: error.to_string() })
}

fn learned(
    offered: &Offered,
    route: Route,
    document: &[u8],
    stream: bool,
) -> Result<Policy, Error> {
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
    Ok(Policy::learn(&receipt)?)
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
