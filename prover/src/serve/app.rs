//! The application: what handlers share, and the routes. Tested without a socket.

use std::sync::{Arc, Mutex, PoisonError, RwLock};

use assay_verifier::ids::Sha256Digest;
use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, Request, State},
    http::Method,
    middleware::{self, Next},
    response::Response,
};
use tokio::sync::watch;
use utoipa::OpenApi as _;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    about,
    admission::{Admission, admitted},
    body::Bodies,
    catalogue::Catalogue,
    config::Config,
    engine::Engine,
    jobs,
    latency::Latencies,
    listing,
    metrics::Metrics,
    openai::{self, Offers},
    operations,
    problem::{Problem, Refusal},
    receipts,
};
use crate::{
    error::Error,
    jobs::{Proving, Store},
    keys::KeyStore,
    run::{Progress, Runner},
};

/// What handlers share.
pub struct App {
    pub(super) config: Config,
    pub(super) engine: Engine,
    pub(super) store: Store,
    pub(super) proving: Arc<Proving>,
    pub(super) latencies: Arc<Latencies>,
    pub(super) metrics: Metrics,
    pub(super) bodies: Bodies,
    pub(super) llms: Offers,
    /// An attestation document of this process that says nothing of any operation.
    pub(super) document: Vec<u8>,
    /// The session, by its document, whose receipts of exchanges were seen to convince.
    pub(super) convinced: Mutex<Option<Sha256Digest>>,
    catalogue: RwLock<Arc<Catalogue>>,
    stopped: watch::Receiver<bool>,
}

impl App {
    /// The application. `stopped` turns true when the process is to end.
    pub fn new(
        config: Config,
        catalogue: Catalogue,
        latencies: Arc<Latencies>,
        engine: Engine,
        store: Store,
        proving: Arc<Proving>,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        let catalogue = RwLock::new(Arc::new(catalogue));
        let metrics = Metrics::default();
        let bodies = Bodies::new(&config.limits, stopped.clone());
        let (llms, document, convinced) = Default::default();
        Self {
            config,
            engine,
            store,
            proving,
            latencies,
            metrics,
            bodies,
            llms,
            document,
            convinced,
            catalogue,
            stopped,
        }
    }

    /// With these language models. `document` is an attestation document of this process, from which
    /// policies are suggested.
    pub fn with(self, llms: Offers, document: Vec<u8>) -> Self {
        Self { llms, document, ..self }
    }

    /// Turns true when the process is to end.
    pub fn stopped(&self) -> watch::Receiver<bool> {
        self.stopped.clone()
    }

    /// Comes to its end when answers that are still being generated have to end, so that their receipts are
    /// handed out before the process ends.
    pub(super) async fn ending(&self) {
        let _ = self.stopped().wait_for(|stop| *stop).await; // nobody left to say so: stop
        tokio::time::sleep(self.config.limits.shutdown() / 2).await;
    }

    /// The operations of now. Whoever holds them may use them on, also when others take their place.
    pub(super) fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.catalogue.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the operation files again, and runs each operation on zeros, between the requests of
    /// others; all of them can be used, or nothing changes. Gives how many there are.
    pub async fn reload(&self) -> Result<usize, Error> {
        let config = self.config.clone();
        let keys = KeyStore::new(self.config.state.join("keys"));
        let (engine, latencies) = (self.engine.clone(), Arc::clone(&self.latencies));
        let prepared = tokio::task::spawn_blocking(move || {
            let mut catalogue = Catalogue::prepare(&config, &keys, &mut Progress::Log)?;
            let mut begin =
                |runner: &Runner, request| engine.begin_waiting(runner.clone(), request);
            catalogue.measure_by(&mut begin, &latencies)?;
            Ok::<_, Error>(catalogue)
        });
        let catalogue =
            prepared.await.map_err(|error| Error::Panicked { why: error.to_string() })??;
        catalogue.operations().for_each(|operation| self.proving.learn(&operation.runner));
        let operations = catalogue.len();
        *self.catalogue.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(catalogue);
        Ok(operations)
    }
}

/// What the interface is called in its description.
#[derive(utoipa::OpenApi)]
#[openapi(info(
    title = "Assay",
    description = "Operations with receipts: an attested answer at once, its proofs when they are ready.",
    license(name = "MIT OR Apache-2.0")
))]
struct Description;

/// The routes for everybody.
pub fn router(app: Arc<App>) -> Router {
    let router = OpenApiRouter::with_openapi(Description::openapi());
    let router = if app.llms.is_empty() { router } else { openai::routes(router) };
    let router = router
        .routes(routes!(listing::list))
        .routes(routes!(operations::run))
        .routes(routes!(receipts::get))
        .routes(routes!(jobs::get))
        .routes(routes!(jobs::events))
        .routes(routes!(about::attestation))
        .routes(routes!(about::policy));
    finished(router, app)
}

/// The routes for whoever operates the service: they are served on an address of their own.
pub fn administration(app: Arc<App>) -> Router {
    let router = OpenApiRouter::with_openapi(Description::openapi());
    let router = router
        .routes(routes!(jobs::cancel))
        .routes(routes!(jobs::retry))
        .routes(routes!(about::metrics));
    finished(router, app)
}

/// With what every address has.
fn finished(router: OpenApiRouter<Arc<App>>, app: Arc<App>) -> Router {
    let router = router.routes(routes!(about::health)).routes(routes!(about::ready));
    let (router, description) = router.split_for_parts();
    let description = about::Description::new(&description);
    let admission = Arc::new(Admission::new(&app.config));
    router
        .route("/openapi.json", axum::routing::get(move || async move { description }))
        .fallback(|| async { Problem::not_found("resource") })
        .method_not_allowed_fallback(|| async {
            Refusal::MethodNotAllowed.because("the resource knows other methods, named by `Allow`")
        })
        // No resource reads a body but through `Bodies`.
        .layer(DefaultBodyLimit::max(0))
        .layer(middleware::from_fn_with_state(admission, admitted))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), observed))
        .with_state(app)
}

/// Counts and logs a request: by its route, never by what stands in its path, query or body.
async fn observed(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = std::time::Instant::now();
    // Those that nobody knows are many: they are counted as one.
    let method = match *request.method() {
        Method::DELETE => "DELETE",
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        Method::POST => "POST",
        Method::PUT => "PUT",
        _ => "other",
    };
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let response = next.run(request).await;
    let (status, elapsed) = (response.status().as_u16(), started.elapsed());
    app.metrics.request(method, &route, status, elapsed);
    let elapsed_ms = elapsed.as_secs_f64() * 1000.0;
    tracing::info!(method, route, status, elapsed_ms, "request");
    response
}
