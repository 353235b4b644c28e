//! What a person sees while an operation runs: a line for every stage, with its time.

use std::time::Instant;

use assay_verifier::ids::Name;

/// Where progress goes.
pub enum Progress {
    /// To the log, each stage once it is over.
    Log,
    /// Nowhere.
    Silent,
    /// To standard error.
    Terminal,
}

/// A stage that has begun.
pub struct Stage {
    begun: Instant,
    subject: Name,
    what: String,
}

impl Progress {
    /// Says what begins.
    pub fn begin(&mut self, subject: &Name, what: &str) -> Stage {
        if matches!(self, Self::Terminal) {
            crate::terminal::err(format_args!("{:<12} {what:<28}", subject.as_str()));
        }
        Stage { begun: Instant::now(), subject: subject.clone(), what: what.to_owned() }
    }

    /// Says how long it took.
    pub fn end(&mut self, stage: Stage) {
        let Stage { begun, subject, what } = stage;
        let elapsed_ms = begun.elapsed().as_secs_f64() * 1000.0;
        match self {
            Self::Log => tracing::info!(%subject, elapsed_ms, "{what}"),
            Self::Silent => {}
            Self::Terminal => tell!("{elapsed_ms:>8.1} ms"),
        }
    }
}
