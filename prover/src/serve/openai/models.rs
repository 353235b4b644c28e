//! The language models that are offered, and `/v1/models`.

use std::sync::Arc;

use assay_verifier::{
    ids::{ModelDigest, Name},
    operation::{Setting, Settings},
};
use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    super::{app::App, receipts::Named},
    fault::{Code, Fault, FaultView},
};
use crate::{error::Error, llm};

/// A language model that is offered.
pub struct Offered {
    /// What clients call it.
    pub name: Name,
    /// What receipts call an exchange with it.
    pub operation: Name,
    /// The model.
    pub model: Arc<llm::Model>,
    /// Most tokens of prompt and answer together.
    pub context: u32,
}

/// All of them, in the order of the configuration.
#[derive(Clone, Default)]
pub struct Offers(Vec<Arc<Offered>>);

impl Offered {
    /// Offers a loaded model. Errors: a name that is none, or too long.
    pub fn new(
        name: &Name,
        model: Arc<llm::Model>,
        max_context: Option<u32>,
    ) -> Result<Self, Error> {
        let operation = Name::new(&format!("llm-{name}"))?;
        let own = model.context();
        let context = max_context.map_or(own, |most| most.min(own));
        Ok(Self { name: name.clone(), operation, model, context })
    }

    /// Of every file that was read.
    pub fn digest(&self) -> ModelDigest {
        self.model.digest()
    }

    /// Its settings, as every exchange with it states them. FORMAT.md §11.2.
    pub(super) fn settings(&self) -> Result<Settings, Error> {
        let llm::settings::Settings { device, dtype, threads, .. } = self.model.settings();
        let dtype = dtype.map_or("f32", llm::settings::Dtype::name);
        let named = [
            ("batch", Setting::Int(1)),
            ("device", Setting::Text(device.clone())),
            ("dtype", Setting::Text(dtype.to_owned())),
            ("threads", Setting::Int((*threads).into())),
        ];
        named.into_iter().map(|(name, setting)| Ok((Name::new(name)?, setting))).collect()
    }
}

impl Offers {
    /// These models. Errors: two of one name.
    pub fn new(models: Vec<Offered>) -> Result<Self, Error> {
        for (index, model) in models.iter().enumerate() {
            if models.iter().take(index).any(|other| other.name == model.name) {
                let why = format!("two language models are named {}", model.name);
                return Err(Error::Config { place: "llm".to_owned(), why });
            }
        }
        Ok(Self(models.into_iter().map(Arc::new).collect()))
    }

    /// All.
    pub(in super::super) fn all(&self) -> impl Iterator<Item = &Arc<Offered>> {
        self.0.iter()
    }

    /// Whether there is none.
    pub(in super::super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first. Errors: there is none.
    pub(super) fn first(&self) -> Result<Arc<Offered>, Error> {
        let none = || Error::Config { place: "llm".to_owned(), why: "there is none".to_owned() };
        self.0.first().cloned().ok_or_else(none)
    }

    /// The model of that name. Errors: there is none.
    pub(super) fn get(&self, name: &str) -> Result<&Arc<Offered>, Fault> {
        self.0.iter().find(|model| model.name.as_str() == name).ok_or_else(|| {
            let known: Vec<_> = self.0.iter().map(|model| model.name.as_str()).collect();
            let why = format!("there is no such model; there is {}", known.join(", "));
            Code::ModelNotFound.about("model", why)
        })
    }
}

/// The models that are offered.
#[utoipa::path(
    get, path = "/v1/models", operation_id = "models", tag = "language models",
    responses((status = 200, description = "The models", body = ModelList)),
)]
pub(super) async fn list(State(app): State<Arc<App>>) -> Json<ModelList> {
    let data = app.llms.all().map(|offered| ModelView::new(offered)).collect();
    Json(ModelList { object: "list", data })
}

/// A model.
#[utoipa::path(
    get, path = "/v1/models/{id}", operation_id = "model", tag = "language models",
    params(("id" = String, Path, description = "The model's name", pattern = "^[a-z0-9][a-z0-9._-]{0,59}$")),
    responses(
        (status = 200, description = "The model", body = ModelView),
        (status = 404, description = "No such model", body = FaultView),
    ),
)]
pub(super) async fn get(
    State(app): State<Arc<App>>,
    Named(id): Named,
) -> Result<Json<ModelView>, Fault> {
    Ok(Json(ModelView::new(app.llms.get(&id)?)))
}

/// The models.
#[derive(Serialize, ToSchema)]
pub(super) struct ModelList {
    /// `list`.
    object: &'static str,
    data: Vec<ModelView>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ModelView {
    /// Its name.
    id: String,
    /// `model`.
    object: &'static str,
    /// 0: nobody says when it was made.
    created: u32,
    owned_by: &'static str,
    /// The model's digest (FORMAT.md §3.3), what a receipt says.
    digest: String,
    /// The name of its operations, in receipts and policies.
    operation: String,
    /// Most tokens of prompt and answer together.
    context: u32,
    /// Whether it answers; embeddings every model has.
    generates: bool,
    /// Whether it knows conversations.
    chats: bool,
}

impl ModelView {
    fn new(offered: &Offered) -> Self {
        Self {
            id: offered.name.to_string(),
            object: "model",
            created: 0,
            owned_by: "assay",
            digest: offered.digest().to_string(),
            operation: offered.operation.to_string(),
            context: offered.context,
            generates: offered.model.generates(),
            chats: offered.model.generates() && offered.model.chats(),
        }
    }
}
