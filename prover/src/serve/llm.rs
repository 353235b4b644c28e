//! Loading the language models, once, at the start.

use super::{
    config::{Config, Llm},
    openai::{Offered, Offers},
};
use crate::{
    engine::TeeEngine,
    error::Error,
    llm::{
        folder::{Folder, Reading},
        schedule::{Limits, Turns},
    },
};

/// What clients see of the models, and those who take turns on them.
pub(super) fn load(config: &Config, engine: &dyn TeeEngine) -> Result<(Offers, Turns), Error> {
    let mut turns = Turns::new(Limits {
        sequences: config.limits.sequences,
        waiting: config.limits.requests_waiting,
        cache_bytes: config.limits.cache_bytes,
        ..Limits::default()
    });
    let mut offers = Vec::new();
    for llm in &config.llm {
        let name = llm.name()?;
        let folder = Folder::open(&llm.path)?;
        let loaded = engine.load(folder, llm.settings()?, progress(llm))?;
        let offered = Offered::new(&name, loaded.model.clone(), llm.max_context)?;
        let digest = offered.digest();
        if config.models.as_ref().is_some_and(|listed| !listed.contains(&digest)) {
            let why = format!("{}: model {digest} is not listed", llm.path.display());
            return Err(Error::Config { place: "models".to_owned(), why });
        }
        tracing::info!(model = %name, %digest, context = offered.context, "loaded");
        offers.push(offered);
        turns.add(loaded);
    }
    Ok((Offers::new(offers)?, turns))
}

/// A line of the log for each tenth of a file.
fn progress(llm: &Llm) -> Box<dyn FnMut(Reading<'_>) + Send> {
    let path = llm.path.display().to_string();
    let mut told = None;
    Box::new(move |Reading { file, read, of }| {
        let tenth = read.saturating_mul(10) / of.max(1);
        if told != Some(tenth) {
            told = Some(tenth);
            tracing::info!(path, file, read, of, "reading");
        }
    })
}
