//! Proofs that workers gave: each is checked against the receipt it is for, and attached. A worker is
//! not believed; what it gave is verified as any client would, and nothing of it is ever signed.

use std::{sync::Arc, time::Duration};

use assay_verifier::receipt::Receipt;

use super::app::App;
use crate::{
    cli::now,
    error::Error,
    jobs::{Attached, short},
    run::attach,
};

/// Attaches proofs until the process is to end, and those that are there by then.
pub async fn run(app: Arc<App>) {
    let mut stopped = app.stopped();
    loop {
        let ends = *stopped.borrow();
        if let Err(error) = round(&app).await {
            tracing::warn!(code = error.code(), %error, "proofs wait: the store failed");
        }
        if ends {
            return;
        }
        let _ = tokio::time::timeout(ROUND, stopped.wait_for(|stop| *stop)).await;
    }
}

const ROUND: Duration = Duration::from_millis(200);

async fn round(app: &App) -> Result<(), Error> {
    for given in app.store.proved().await? {
        let (job, step, prove_ms) =
            (given.id.clone(), given.step_name.clone(), given.prove_ms as f64);
        let (given, upgraded) = tokio::task::spawn_blocking(move || {
            let upgraded = upgrade(&given);
            (given, upgraded)
        })
        .await
        .map_err(|error| Error::Panicked { why: error.to_string() })?;
        match upgraded {
            Ok(receipt) => {
                // Where another service was faster, the job is done, or tried again with its receipt.
                if !app.store.attach(&given, &receipt.to_bytes()).await? {
                    continue;
                }
                app.metrics.proof(&given.name, &step, true, prove_ms);
                let index = usize::try_from(given.step).ok();
                let card = index.and_then(|index| receipt.operation().steps.get(index)?.card);
                if let Some(card) = card {
                    app.latencies.saw_proof(card, prove_ms);
                }
                tracing::info!(
                    job = short(&job),
                    operation = short(&given.operation),
                    step,
                    prove_ms,
                    "attached"
                );
            }
            Err(error) => {
                app.metrics.proof(&given.name, &step, false, prove_ms);
                tracing::error!(job = short(&job), operation = short(&given.operation), step, code = error.code(), %error, "a worker's proof was refused");
                app.store.refuse(&given, &error).await?;
            }
        }
    }
    Ok(())
}

/// The receipt with the proof, once all of it stands.
fn upgrade(given: &Attached) -> Result<Receipt, Error> {
    let receipt = Receipt::from_bytes(&given.receipt)?;
    let found = given.proof.len();
    let proof: [u8; 192] = given.proof.as_slice().try_into().map_err(|_| {
        Error::Verifier(assay_verifier::Error::ProofLength { expected: 192, found })
    })?;
    let step =
        u32::try_from(given.step).map_err(|_| Error::Witness { why: "no such step".to_owned() })?;
    attach(receipt, step, Box::new(proof), now()?)
}
