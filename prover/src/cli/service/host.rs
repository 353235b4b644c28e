//! `host`.

use super::args::HostArgs;
use crate::{cli::Outcome, error::Error, host, serve};

/// Stands between the network and an enclave until the process is told to end.
pub(super) fn run(args: &HostArgs) -> Result<Outcome, Error> {
    serve::begin_log(&serve::Config::default());
    host::run(&host::Host {
        enclave: args.enclave.clone(),
        port: args.port,
        listen: args.listen,
        config: args.config.clone(),
        connections: args.connections,
        health: args.health,
        egress: args.egress.clone(),
    })?;
    Ok(Outcome::Accepted)
}
