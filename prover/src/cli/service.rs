//! The commands that serve: `host`, `jobs`, `serve` and `worker`.

mod args;
mod host;
mod jobs;
mod serve;

pub(super) use args::ServiceCommand;

use super::{Outcome, Start};
use crate::error::Error;

/// Does what is asked; `None` where only the engine can.
pub(super) fn run(
    command: &ServiceCommand,
    start: Option<Start<'_>>,
) -> Option<Result<Outcome, Error>> {
    Some(match command {
        ServiceCommand::Host(args) => host::run(args),
        ServiceCommand::Jobs(args) => jobs::run(args),
        ServiceCommand::Serve(args) => serve::serve(args, start?),
        ServiceCommand::Worker(args) => serve::worker(args),
    })
}
