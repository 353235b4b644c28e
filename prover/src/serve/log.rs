//! Logs: one line per event, to standard error. Never inputs, keys, nonces or tokens.

use tracing_subscriber::{EnvFilter, fmt};

use super::config::{Config, LogFormat, LogLevel};

/// Begins the process's log. A second call changes nothing.
pub fn begin(config: &Config) {
    let level = match config.log.level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "warn,assay_prover=info",
        LogLevel::Debug => "info,assay_prover=debug",
        LogLevel::Trace => "debug,assay_prover=trace",
    };
    let builder = fmt()
        .with_env_filter(EnvFilter::new(level))
        .with_writer(std::io::stderr)
        // It would say so where it cannot write, and panic of that.
        .log_internal_errors(false);
    let begun = match config.log.format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text => builder.with_ansi(false).with_target(false).try_init(),
    };
    drop(begun); // somebody else's log is a log
}
