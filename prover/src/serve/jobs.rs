//! `/v1/jobs`: how far a proof is, giving it up, trying it again.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    Json,
    extract::{FromRequestParts, State},
    http::request::Parts,
    response::sse::{Event, KeepAlive, Sse},
};
use futures_util::{Stream, stream};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    app::App,
    problem::{Problem, Refusal},
    receipts::Named,
};
use crate::jobs::{Job, State as JobState, now_ms};

/// A proof that is under way, or what became of it. Times are milliseconds since 1970.
#[derive(Clone, PartialEq, Serialize, ToSchema)]
pub(super) struct JobView {
    id: String,
    /// The operation's digest.
    operation: String,
    /// The operation's name.
    name: String,
    /// The step that it proves.
    step: String,
    /// Where it stands.
    stage: JobState,
    /// From 0 to 1; while it is proved, by the time it is expected to take.
    #[schema(minimum = 0, maximum = 1)]
    fraction: f64,
    /// Milliseconds until it is expected to be done, once it is its turn; null where nobody can say.
    estimate_ms: Option<i64>,
    /// How often it was begun.
    attempts: i64,
    /// How often it is begun at most, crashes included.
    max_attempts: i64,
    /// Not tried before, after an attempt that failed.
    not_before_ms: i64,
    created_ms: i64,
    started_ms: Option<i64>,
    finished_ms: Option<i64>,
    /// Milliseconds that the proof took.
    prove_ms: Option<i64>,
    /// Why the last attempt failed.
    reason: Option<Reason>,
    receipt_url: String,
}

#[derive(Clone, PartialEq, Serialize, ToSchema)]
struct Reason {
    /// Stable name, in kebab case.
    code: String,
    detail: String,
}

impl JobView {
    fn new(job: Job) -> Self {
        let stage = job.state();
        let running = now_ms() - job.started_ms.unwrap_or_else(now_ms);
        let share = running as f64 / job.expected_ms.max(1) as f64;
        let (fraction, estimate_ms) = match stage {
            JobState::Done => (1.0, Some(0)),
            JobState::Proved => (MOST, Some(0)),
            // Beyond the expected time nobody knows.
            JobState::Running if running > job.expected_ms => (MOST, None),
            JobState::Running => (share.clamp(0.0, MOST), Some(job.expected_ms - running)),
            JobState::Queued => (0.0, (job.expected_ms > 0).then_some(job.expected_ms)),
            JobState::Cancelled | JobState::Parked => (0.0, None),
        };
        Self {
            stage,
            fraction: (fraction * 100.0).round() / 100.0,
            estimate_ms,
            receipt_url: format!("/v1/receipts/{}", job.operation),
            id: job.id,
            operation: job.operation,
            name: job.name,
            step: job.step_name,
            attempts: job.attempts,
            max_attempts: job.max_attempts,
            not_before_ms: job.not_before_ms,
            created_ms: job.created_ms,
            started_ms: job.started_ms,
            finished_ms: job.finished_ms,
            prove_ms: job.prove_ms,
            reason: job.reason_code.zip(job.reason).map(|(code, detail)| Reason { code, detail }),
        }
    }
}

/// The fraction that is not passed before the proof is there.
const MOST: f64 = 0.95;

/// A job's id: 32 hexadecimal digits. Nothing else ever reaches the store.
pub(super) struct Id(String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Named(id) = Named::from_request_parts(parts, state).await?;
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if id.len() != 32 || !id.bytes().all(digit) {
            return Err(Problem::not_found("job"));
        }
        Ok(Self(id))
    }
}

/// How far a proof is.
#[utoipa::path(
    get, path = "/v1/jobs/{id}", operation_id = "job", tag = "jobs",
    params(("id" = String, Path, description = "The job", pattern = "^[0-9a-f]{32}$")),
    responses(
        (status = 200, description = "The job", body = JobView),
        (status = 404, description = "No such job", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store is away", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn get(State(app): State<Arc<App>>, Id(id): Id) -> Result<Json<JobView>, Problem> {
    find(&app, &id).await.map(Json)
}

/// Gives a proof up: it is not made, or dropped, and what it would be made from is deleted. The receipt
/// stays as it is.
#[utoipa::path(
    delete, path = "/v1/jobs/{id}", operation_id = "cancel", tag = "jobs",
    params(("id" = String, Path, description = "The job", pattern = "^[0-9a-f]{32}$")),
    responses(
        (status = 200, description = "The job, cancelled", body = JobView),
        (status = 404, description = "No such job", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is proved already", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store is away", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn cancel(
    State(app): State<Arc<App>>,
    Id(id): Id,
) -> Result<Json<JobView>, Problem> {
    app.store.cancel(&id).await?;
    let job = find(&app, &id).await?;
    if job.stage != JobState::Cancelled {
        return Err(Refusal::TooLate.because(format!("the job is {} already", job.stage.name())));
    }
    Ok(Json(job))
}

/// Has a parked job tried again, as often as a new one.
#[utoipa::path(
    post, path = "/v1/jobs/{id}/retry", operation_id = "retry", tag = "jobs",
    params(
        ("id" = String, Path, description = "The job", pattern = "^[0-9a-f]{32}$"),
        ("assay-request" = String, Header, description = "Anything: no page can send it unasked", pattern = "^[0-9a-z]{1,16}$"),
    ),
    responses(
        (status = 200, description = "The job, queued", body = JobView),
        (status = 404, description = "No such job", body = Problem, content_type = "application/problem+json"),
        (status = 409, description = "It is not parked", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "There is no header assay-request", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store is away", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn retry(
    State(app): State<Arc<App>>,
    Id(id): Id,
) -> Result<Json<JobView>, Problem> {
    let queued = app.store.retry(&id).await?;
    let job = find(&app, &id).await?;
    if !queued {
        let found = job.stage.name();
        return Err(Refusal::NotParked.because(format!("expected a parked job, it is {found}")));
    }
    Ok(Json(job))
}

/// The job's progress, as server-sent events named `job`, the last one when nothing will change any more.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/events", operation_id = "events", tag = "jobs",
    params(("id" = String, Path, description = "The job", pattern = "^[0-9a-f]{32}$")),
    responses(
        (status = 200, description = "Events; the data of each is the job", body = Sent, content_type = "text/event-stream"),
        (status = 404, description = "No such job", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "The store is away", body = Problem, content_type = "application/problem+json"),
    ),
)]
pub(super) async fn events(
    State(app): State<Arc<App>>,
    Id(id): Id,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    let first = find(&app, &id).await?;
    let watched = stream::unfold(Watch::Begun(app, first), |watch| async {
        let (next, view) = watch.next().await?;
        // A view has text keys only.
        let event = Event::default().event("job").json_data(&view).ok()?;
        Some((Ok(event), next))
    });
    Ok(Sse::new(watched).keep_alive(KeepAlive::default()))
}

/// An event as it is sent, for the description.
#[derive(ToSchema)]
#[allow(dead_code)] // described, never made: `Event` of axum is what is sent
struct Sent {
    /// `job`.
    event: String,
    /// The job, as JSON.
    #[schema(content_media_type = "application/json")]
    data: String,
}

/// What a stream of events has shown.
enum Watch {
    Begun(Arc<App>, JobView),
    Shown(Arc<App>, JobView),
}

impl Watch {
    /// The next view that differs from the last. `None`: the job's state is final, or the service ends.
    async fn next(self) -> Option<(Self, JobView)> {
        let (app, last) = match self {
            Self::Begun(app, view) => return Some((Self::Shown(app, view.clone()), view)),
            Self::Shown(_, view) if view.stage.is_final() => return None,
            Self::Shown(app, view) => (app, view),
        };
        let mut stopped = app.stopped();
        loop {
            let ends = tokio::time::timeout(LOOK, stopped.wait_for(|stop| *stop)).await.is_ok();
            if ends {
                return None;
            }
            let view = find(&app, &last.id).await.ok()?;
            if view != last {
                return Some((Self::Shown(app, view.clone()), view));
            }
        }
    }
}

/// How often a stream of events looks.
const LOOK: Duration = Duration::from_millis(250);

async fn find(app: &App, id: &str) -> Result<JobView, Problem> {
    let job = app.store.job(id).await?;
    job.map(JobView::new).ok_or_else(|| Problem::not_found("job"))
}
