//! `jobs`: what an operator does about proofs, in the store itself.

use assay_verifier::printable;

use super::args::{JobsArgs, JobsCommand};
use crate::{
    cli::{Outcome, run::state},
    error::Error,
    jobs::{Job, State, Store},
    serve::{Config, Overrides, runtime},
};

/// Lists jobs, has them tried again, gives them up.
pub(super) fn run(args: &JobsArgs) -> Result<Outcome, Error> {
    let overrides = Overrides { state: args.state.clone(), ..Overrides::default() };
    let environment = |name: &str| std::env::var(name).ok();
    let config = Config::read(args.config.as_deref(), environment, overrides, || state(None))?;
    runtime()?.block_on(async {
        let store = Store::existing(&config.store(), config.rules()).await?;
        match &args.command {
            JobsCommand::List { stage } => {
                for job in store.jobs(*stage).await? {
                    say!("{}", line(&job));
                }
                Ok(Outcome::Accepted)
            }
            JobsCommand::Cancel { ids } => {
                let mut outcome = Outcome::Accepted;
                for id in ids {
                    let done = store.cancel(id).await?;
                    said(&store, id, done, "cancelled", &mut outcome).await?;
                }
                Ok(outcome)
            }
            JobsCommand::Retry { ids, all } => {
                let parked = if *all { store.jobs(Some(State::Parked)).await? } else { Vec::new() };
                let mut outcome = Outcome::Accepted;
                for id in ids.iter().chain(parked.iter().map(|job| &job.id)) {
                    let done = store.retry(id).await?;
                    said(&store, id, done, "queued", &mut outcome).await?;
                }
                Ok(outcome)
            }
        }
    })
}

/// Says what became of a job, or why nothing did.
async fn said(
    store: &Store,
    id: &str,
    done: bool,
    now: &str,
    outcome: &mut Outcome,
) -> Result<(), Error> {
    if done {
        say!("{id}\t{now}");
        return Ok(());
    }
    let found = store.job(id).await?.map_or("there is no such job", |job| job.state().name());
    tell!("{id}\tleft as it is: {found}");
    *outcome = Outcome::Refused;
    Ok(())
}

/// Id, stage, attempts, operation, step, and why the last attempt failed; with tabs between them.
fn line(job: &Job) -> String {
    let reason = match (&job.reason_code, &job.reason) {
        (Some(code), Some(reason)) => format!("{code}: {reason}"),
        _ => String::new(),
    };
    let (stage, attempts) = (job.state().name(), format!("{}/{}", job.attempts, job.max_attempts));
    let Job { id, name, step_name, .. } = job;
    // One line, whatever a reason holds.
    [id, stage, &attempts, name, step_name, &printable(&reason)].join("\t").trim_end().to_owned()
}
