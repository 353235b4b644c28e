//! `serve` and `worker`.

use super::args::ServeArgs;
use crate::{
    cli::{Outcome, Start, run::state},
    error::Error,
    serve::{self, Config, Overrides},
};

/// Serves operations until the process is told to end.
pub(super) fn serve(args: &ServeArgs, start: Start<'_>) -> Result<Outcome, Error> {
    let Some(config) = config(args)? else { return Ok(Outcome::Accepted) };
    serve::run(config, start()?.as_ref())?;
    Ok(Outcome::Accepted)
}

/// Makes proofs until the process is told to end.
pub(super) fn worker(args: &ServeArgs) -> Result<Outcome, Error> {
    let Some(config) = config(args)? else { return Ok(Outcome::Accepted) };
    serve::work(&config)?;
    Ok(Outcome::Accepted)
}

/// The configuration, unless it is only to be printed.
fn config(args: &ServeArgs) -> Result<Option<Config>, Error> {
    let overrides = Overrides {
        listen: args.listen,
        state: args.state.clone(),
        operations: args.operations.clone(),
        llm: args.llm.clone(),
    };
    let environment = |name: &str| std::env::var(name).ok();
    let config = Config::read(args.config.as_deref(), environment, overrides, || state(None))?;
    if args.print_config {
        put!("{config}");
        return Ok(None);
    }
    let config = config.offering()?;
    serve::begin_log(&config);
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    for warning in Config::unknown(names) {
        tracing::warn!(warning, "a variable of the environment is not read");
    }
    Ok(Some(config))
}
