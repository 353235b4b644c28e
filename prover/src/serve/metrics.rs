//! What Prometheus reads.

use std::{sync::Mutex, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::{Registry, Unit},
};

use crate::jobs::{Census, State};

/// Counters of this process.
pub(super) struct Metrics {
    registry: Mutex<Registry>,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<RouteLabels, Histogram>,
    operations: Family<OperationLabels, Counter>,
    answer_seconds: Family<NameLabels, Histogram>,
    proofs: Family<ProofLabels, Counter>,
    proof_seconds: Family<NameLabels, Histogram>,
    jobs: Family<StateLabels, Gauge>,
    parked: Family<ReasonLabels, Gauge>,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RequestLabels {
    method: String,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct RouteLabels {
    route: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct NameLabels {
    operation: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct OperationLabels {
    operation: String,
    outcome: String,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ProofLabels {
    operation: String,
    step: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct StateLabels {
    state: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ReasonLabels {
    reason: String,
}

impl Default for Metrics {
    fn default() -> Self {
        // From a millisecond to about half a minute, and to about five hours.
        let short = || Histogram::new(exponential_buckets(0.001, 2.0, 16));
        let long = || Histogram::new(exponential_buckets(0.016, 2.5, 16));
        let metrics = Self {
            registry: Mutex::default(),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(short),
            operations: Family::default(),
            answer_seconds: Family::new_with_constructor(short),
            proofs: Family::default(),
            proof_seconds: Family::new_with_constructor(long),
            jobs: Family::default(),
            parked: Family::default(),
        };
        let mut registry = Registry::with_prefix("assay");
        registry.register("requests", "Requests answered", metrics.requests.clone());
        registry.register_with_unit(
            "request",
            "Time to answer a request",
            Unit::Seconds,
            metrics.request_seconds.clone(),
        );
        registry.register("operations", "Operations run, by outcome", metrics.operations.clone());
        registry.register_with_unit(
            "answer",
            "Time to execute and attest an operation",
            Unit::Seconds,
            metrics.answer_seconds.clone(),
        );
        registry.register("proofs", "Proofs that came back, by outcome", metrics.proofs.clone());
        registry.register_with_unit(
            "proof",
            "Time that a worker took for a proof",
            Unit::Seconds,
            metrics.proof_seconds.clone(),
        );
        registry.register("jobs", "Jobs in the store, by state", metrics.jobs.clone());
        registry.register("jobs_parked", "Parked jobs, by reason", metrics.parked.clone());
        *metrics.registry.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = registry;
        metrics
    }
}

impl Metrics {
    /// A request was answered.
    pub(super) fn request(&self, method: &str, route: &str, status: u16, elapsed: Duration) {
        let (method, route) = (known(method).to_owned(), route.to_owned());
        self.request_seconds
            .get_or_create(&RouteLabels { route: route.clone() })
            .observe(elapsed.as_secs_f64());
        self.requests.get_or_create(&RequestLabels { method, route, status }).inc();
    }

    /// An operation was answered, or refused with a code.
    pub(super) fn operation(&self, operation: &str, outcome: &str, elapsed_ms: Option<f64>) {
        let (operation, outcome) = (operation.to_owned(), outcome.to_owned());
        if let Some(ms) = elapsed_ms {
            let labels = NameLabels { operation: operation.clone() };
            self.answer_seconds.get_or_create(&labels).observe(ms / 1000.0);
        }
        self.operations.get_or_create(&OperationLabels { operation, outcome }).inc();
    }

    /// A proof was attached, or refused.
    pub(super) fn proof(&self, operation: &str, step: &str, attached: bool, prove_ms: f64) {
        let outcome = if attached { "attached" } else { "refused" };
        let (operation, step) = (operation.to_owned(), step.to_owned());
        if attached {
            let labels = NameLabels { operation: operation.clone() };
            self.proof_seconds.get_or_create(&labels).observe(prove_ms / 1000.0);
        }
        self.proofs.get_or_create(&ProofLabels { operation, step, outcome }).inc();
    }

    /// Everything, with the store's jobs of now.
    pub(super) fn text(&self, census: &Census) -> String {
        for state in State::ALL {
            let jobs = census.jobs.get(&state).copied().unwrap_or(0);
            let gauge = self.jobs.get_or_create(&StateLabels { state: state.name() }).clone();
            gauge.set(i64::try_from(jobs).unwrap_or(i64::MAX));
        }
        self.parked.clear(); // a reason that is nobody's any more
        for (reason, jobs) in &census.parked {
            let gauge = self.parked.get_or_create(&ReasonLabels { reason: reason.clone() }).clone();
            gauge.set(i64::try_from(*jobs).unwrap_or(i64::MAX));
        }
        let mut text = String::new();
        let registry = self.registry.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // Writing to a string does not fail.
        let _ = encode(&mut text, &registry);
        text
    }
}

/// A client may send any word for a method; a counter for each would never end.
fn known(method: &str) -> &str {
    let methods = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];
    if methods.contains(&method) { method } else { "other" }
}
