//! Where a configuration comes from, and what is wrong with it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{Config, Jobs, Limits, Llm, Overrides};
use crate::{attester::Nsm, definition::line_of, error::Error};

impl Config {
    /// Reads a file, if there is one, then the environment, then the command line. `state` is where
    /// the state folder is if nobody says so. Errors name file, line and field, or the variable.
    pub fn read(
        file: Option<&Path>,
        environment: impl Fn(&str) -> Option<String>,
        overrides: Overrides,
        state: impl FnOnce() -> Result<PathBuf, Error>,
    ) -> Result<Self, Error> {
        let mut config = file.map_or_else(|| Ok(Self::default()), Self::from_file)?;
        config.take(environment)?;
        let Overrides { listen, state: folder, operations, llm } = overrides;
        if let Some(listen) = listen {
            config.listen = listen;
        }
        if let Some(folder) = folder {
            config.state = folder;
        }
        if !operations.is_empty() {
            config.operations = operations;
        }
        if !llm.is_empty() {
            config.llm = llm.into_iter().map(Llm::of).collect();
        }
        if config.state.as_os_str().is_empty() {
            config.state = state()?;
        }
        config.check(file)?;
        Ok(config)
    }

    /// This, where it names operations or language models. Errors: it names none.
    pub fn offering(self) -> Result<Self, Error> {
        if self.operations.is_empty() && self.llm.is_empty() {
            let why = "name at least one operation file, or a language model".to_owned();
            return Err(Error::Config { place: "operations".to_owned(), why });
        }
        Ok(self)
    }

    fn from_file(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path)
            .map_err(|error| Error::Unreadable { path: path.to_owned(), why: error.to_string() })?;
        let mut config: Self = toml::from_str(&text).map_err(|error| Error::Config {
            place: format!(
                "{}:{}",
                path.display(),
                error.span().map_or(1, |span| line_of(&text, span.start))
            ),
            why: error.message().to_owned(),
        })?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let models = config.llm.iter_mut().map(|llm| &mut llm.path);
        let paths = config.operations.iter_mut().chain(models).chain([&mut config.state]);
        for path in paths.filter(|path| !path.as_os_str().is_empty()) {
            *path = folder.join(&path);
        }
        if let Some(path) = config.jobs.url.as_ref().and_then(|url| url.strip_prefix("sqlite:")) {
            config.jobs.url = Some(format!("sqlite:{}", folder.join(path).display()));
        }
        Ok(config)
    }

    /// The variables that stand over the file.
    fn take(&mut self, environment: impl Fn(&str) -> Option<String>) -> Result<(), Error> {
        fn set<T: serde::de::DeserializeOwned>(
            place: &mut T,
            name: &str,
            text: Option<String>,
        ) -> Result<(), Error> {
            let Some(text) = text else { return Ok(()) };
            // A number is one, everything else is text.
            let value = match text.parse::<u64>() {
                Ok(number) => serde_json::Value::from(number),
                Err(_) => serde_json::Value::from(text),
            };
            *place = serde_json::from_value(value).map_err(|error| Error::Config {
                place: name.to_owned(),
                why: error.to_string(),
            })?;
            Ok(())
        }
        macro_rules! take {
            ($($name:literal => $($field:ident).+),+ $(,)?) => {
                $(set(&mut self.$($field).+, $name, environment($name))?;)+
            };
        }
        take! {
            "ASSAY_LISTEN" => listen,
            "ASSAY_STATE" => state,
            "ASSAY_JOBS_URL" => jobs.url,
            "ASSAY_JOBS_WORKERS" => jobs.workers,
            "ASSAY_LOG_FORMAT" => log.format,
            "ASSAY_LOG_LEVEL" => log.level,
        }
        Ok(())
    }

    fn check(&self, file: Option<&Path>) -> Result<(), Error> {
        let place = |field: &str| match file {
            Some(file) => format!("{}: {field}", file.display()),
            None => field.to_owned(),
        };
        let refuse =
            |field, why: &str| Err(Error::Config { place: place(field), why: why.to_owned() });
        if self.models.is_none() && Nsm::is_present() {
            let why = "in an enclave, list the digest of every model that may be loaded";
            return refuse("models", why);
        }
        if let Some(url) = &self.jobs.url {
            let known = ["sqlite:", "postgres://", "postgresql://"];
            if !known.iter().any(|scheme| url.starts_with(scheme)) {
                return refuse("jobs.url", "expected sqlite:PATH or postgres://…");
            }
        }
        let Jobs {
            url: _,
            workers,
            heartbeat_ms,
            missed_heartbeats,
            max_attempts,
            max_queued,
            max_priority,
            hand_back_ms,
        } = &self.jobs;
        if *max_priority > 9 {
            return refuse("jobs.max_priority", "expected 0 to 9");
        }
        if *workers > 1024 {
            return refuse("jobs.workers", "at most 1024");
        }
        // The queue counts in seconds.
        if !(1_000..=600_000).contains(heartbeat_ms) {
            return refuse("jobs.heartbeat_ms", "expected 1000 to 600000");
        }
        for (field, value) in [
            ("jobs.missed_heartbeats", missed_heartbeats),
            ("jobs.max_attempts", max_attempts),
            ("jobs.max_queued", max_queued),
        ] {
            if !(1..=1_000_000).contains(value) {
                return refuse(field, "expected 1 to 1000000");
            }
        }
        let Limits { body_bytes, requests_waiting, answer_ms, sequences, cache_bytes, shutdown_ms } =
            &self.limits;
        let counts = [*body_bytes, *requests_waiting, *sequences];
        if counts.contains(&0) || [*answer_ms, *cache_bytes, *shutdown_ms].contains(&0) {
            return refuse("limits", "none of them can be 0");
        }
        for llm in &self.llm {
            llm.name()?;
            llm.settings()?;
        }
        if hand_back_ms >= shutdown_ms {
            return refuse("jobs.hand_back_ms", "expected less than limits.shutdown_ms");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{super::LogFormat, *};

    fn read(text: &str, environment: &[(&str, &str)]) -> Result<Config, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("assay.toml");
        fs::write(&path, text).unwrap();
        let find = |name: &str| {
            environment.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned())
        };
        let state = || Ok("default".into());
        let read = Config::read(Some(&path), find, Overrides::default(), state);
        let read = read.and_then(Config::offering);
        read.map(|mut config| {
            let inside = |path: &PathBuf| {
                path.strip_prefix(folder.path()).map_or(path.clone(), Path::to_owned)
            };
            config.operations = config.operations.iter().map(inside).collect();
            config.state = inside(&config.state);
            config
        })
    }

    #[test]
    fn the_environment_stands_over_the_file() {
        let text = "operations = ['a.toml']\nstate = 's'\n[jobs]\nworkers = 2\n";
        let config = read(text, &[]).unwrap();
        assert_eq!((config.jobs.workers, &config.state), (2, &"s".into()));
        assert_eq!(config.operations, [PathBuf::from("a.toml")]);
        assert_eq!(config.store(), "sqlite:s/jobs.sqlite");
        let config = read(&format!("{text}url = 'sqlite:jobs/a.sqlite'\n"), &[]).unwrap();
        let store = config.store();
        assert!(
            Path::new(&store["sqlite:".len()..]).is_absolute(),
            "{store}: not the file's folder"
        );
        let environment = [
            ("ASSAY_JOBS_WORKERS", "5"),
            ("ASSAY_LISTEN", "0.0.0.0:80"),
            ("ASSAY_STATE", "elsewhere"),
            ("ASSAY_LOG_FORMAT", "json"),
            ("ASSAY_JOBS_URL", "postgres://u:p@h/d"),
        ];
        let config = read(text, &environment).unwrap();
        assert_eq!((config.jobs.workers, config.listen), (5, "0.0.0.0:80".parse().unwrap()));
        assert_eq!((config.state, config.log.format), ("elsewhere".into(), LogFormat::Json));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, environment, place, why) in [
            ("operations = ['a']\n\nlisten = 'nowhere'\n", None, "assay.toml:3", "socket address"),
            ("operations = ['a']\n[jobs]\nwrokers = 1\n", None, "assay.toml:3", "wrokers"),
            ("[jobs]\n", None, "operations", "at least one"),
            ("[[llm]]\nname = 'a'\n", None, "assay.toml:1", "path"),
            ("[[llm]]\npath = 'a'\ndtype = 'f8'\n", None, "/a: dtype", "bf16"),
            ("[[llm]]\npath = 'a'\npooling = 'max'\n", None, "/a: pooling", "mean"),
            ("[[llm]]\npath = 'a'\nthreads = 0\n", None, "/a: threads", "at least 1"),
            ("[[llm]]\npath = 'A model'\n", None, "/A model: name", "its own"),
            ("[limits]\nsequences = 0\n[[llm]]\npath = 'a'\n", None, "limits", "0"),
            ("operations = ['a']\n[jobs]\nurl = 'mysql://h'\n", None, "jobs.url", "postgres"),
            (
                "operations = ['a']\n[jobs]\nmax_priority = 10\n",
                None,
                "jobs.max_priority",
                "0 to 9",
            ),
            ("operations = ['a']\n[jobs]\nheartbeat_ms = 10\n", None, "jobs.heartbeat_ms", "1000"),
            (
                "operations = ['a']\n[jobs]\nhand_back_ms = 30000\n",
                None,
                "jobs.hand_back_ms",
                "less",
            ),
            ("operations = ['a']\n", Some(("ASSAY_LOG_LEVEL", "loud")), "ASSAY_LOG_LEVEL", "loud"),
            ("operations = ['a']\n", Some(("ASSAY_JOBS_WORKERS", "x")), "ASSAY_JOBS_WORKERS", "x"),
        ] {
            let environment: Vec<_> = environment.into_iter().collect();
            let Err(Error::Config { place: found, why: said }) = read(text, &environment) else {
                panic!("{text}");
            };
            assert!(found.ends_with(place) && said.contains(why), "{found}: {said}");
        }
    }
}
