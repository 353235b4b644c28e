//! The configuration: one TOML file, then the environment, then the command line.

use std::{
    fmt, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use assay_verifier::ids::Sha256Digest;
use serde::{Deserialize, Serialize};

use crate::{definition::line_of, error::Error, jobs::Rules};

/// What the service is told. Printed, it names no password.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Address and port of the HTTP interface.
    pub listen: SocketAddr,
    /// Folder of keys, the job store, the development attester. Relative to the file.
    pub state: PathBuf,
    /// The operation files. Relative to the file.
    pub operations: Vec<PathBuf>,
    /// Proofs.
    pub jobs: Jobs,
    /// Limits.
    pub limits: Limits,
    /// Logs.
    pub log: Log,
}

/// How proofs are made.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Jobs {
    /// `postgres://…`, or `sqlite:PATH`; `sqlite:` and jobs.sqlite in the state folder by default.
    pub url: Option<String>,
    /// Proofs at a time in this process. 0: others prove.
    pub workers: usize,
    /// How often a worker says that it lives.
    pub heartbeat_ms: u64,
    /// How many of these it may miss before its jobs go to others.
    pub missed_heartbeats: u32,
    /// How often a job is tried, crashes included, before it is parked.
    pub max_attempts: u32,
    /// Most jobs that wait or run.
    pub max_queued: u32,
}

/// Limits of the HTTP interface.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Longest request body, in bytes.
    pub body_bytes: usize,
    /// Operations that wait for the engine; beyond, requests are refused.
    pub requests_waiting: usize,
    /// How long a request waits for its answer.
    pub answer_ms: u64,
    /// How long work at hand may take to finish when the process is to end.
    pub shutdown_ms: u64,
}

/// Logs, to standard error.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `text` or `json`.
    pub format: LogFormat,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: LogLevel,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One JSON object.
    Json,
    /// For people.
    #[default]
    Text,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs)]
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// What the command line says over file and environment.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Address and port.
    pub listen: Option<SocketAddr>,
    /// State folder.
    pub state: Option<PathBuf>,
    /// Operation files, in place of the configured ones.
    pub operations: Vec<PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8547)),
            state: PathBuf::new(),
            operations: Vec::new(),
            jobs: Jobs::default(),
            limits: Limits::default(),
            log: Log::default(),
        }
    }
}

impl Default for Jobs {
    fn default() -> Self {
        Self {
            url: None,
            workers: 1,
            heartbeat_ms: 5_000,
            missed_heartbeats: 3,
            max_attempts: 5,
            max_queued: 1_000,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // A picture of 4096 by 4096 pixels, in base64, is below that.
            body_bytes: 32 << 20,
            requests_waiting: 64,
            answer_ms: 30_000,
            shutdown_ms: 30_000,
        }
    }
}

impl Default for Log {
    fn default() -> Self {
        Self { format: LogFormat::Text, level: LogLevel::Info }
    }
}

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
        let Overrides { listen, state: folder, operations } = overrides;
        if let Some(listen) = listen {
            config.listen = listen;
        }
        if let Some(folder) = folder {
            config.state = folder;
        }
        if !operations.is_empty() {
            config.operations = operations;
        }
        if config.state.as_os_str().is_empty() {
            config.state = state()?;
        }
        config.check(file)?;
        Ok(config)
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
        let paths = config.operations.iter_mut().chain([&mut config.state]);
        for path in paths.filter(|path| !path.as_os_str().is_empty()) {
            *path = folder.join(&path);
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
        if self.operations.is_empty() {
            return refuse("operations", "name at least one operation file");
        }
        if let Some(url) = &self.jobs.url {
            let known = ["sqlite:", "postgres://", "postgresql://"];
            if !known.iter().any(|scheme| url.starts_with(scheme)) {
                return refuse("jobs.url", "expected sqlite:PATH or postgres://…");
            }
        }
        let Jobs { url: _, workers, heartbeat_ms, missed_heartbeats, max_attempts, max_queued } =
            &self.jobs;
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
        let Limits { body_bytes, requests_waiting, answer_ms, shutdown_ms } = &self.limits;
        if *body_bytes == 0 || *requests_waiting == 0 || *answer_ms == 0 || *shutdown_ms == 0 {
            return refuse("limits", "none of them can be 0");
        }
        Ok(())
    }

    /// Where jobs are kept.
    pub fn store(&self) -> String {
        let default = || format!("sqlite:{}", self.state.join("jobs.sqlite").display());
        self.jobs.url.clone().unwrap_or_else(default)
    }

    /// How jobs are tried.
    pub const fn rules(&self) -> Rules {
        Rules {
            heartbeat: Duration::from_millis(self.jobs.heartbeat_ms),
            missed: self.jobs.missed_heartbeats,
            max_attempts: self.jobs.max_attempts,
            max_queued: self.jobs.max_queued,
        }
    }

    /// SHA-256 of the operation files, in order: what the development attester extends PCR 16 with.
    pub(super) fn digest(&self) -> Result<[u8; 32], Error> {
        let files = self.operations.iter().map(|path| crate::cli::read(path));
        let digests = files
            .map(|file| Ok(*Sha256Digest::of(&file?).as_bytes()))
            .collect::<Result<Vec<_>, Error>>()?;
        // One operation is configured as `assay run` configures it.
        Ok(match digests.as_slice() {
            [only] => *only,
            many => *Sha256Digest::of(&many.concat()).as_bytes(),
        })
    }
}

impl Limits {
    /// How long a request waits for its answer.
    pub const fn answer(&self) -> Duration {
        Duration::from_millis(self.answer_ms)
    }

    /// How long work at hand may take to finish when the process is to end.
    pub const fn shutdown(&self) -> Duration {
        Duration::from_millis(self.shutdown_ms)
    }
}

/// As TOML, without what is secret.
impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = self.clone();
        shown.jobs.url = Some(redacted(&self.store()));
        f.write_str(&toml::to_string(&shown).map_err(|_| fmt::Error)?)
    }
}

/// A store's URL without user, password and parameters.
fn redacted(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (rest, parameters) = rest.split_once('?').map_or((rest, ""), |(rest, _)| (rest, "?…"));
    let (user, host) = rest.rsplit_once('@').map_or(("", rest), |(_, host)| ("…@", host));
    format!("{scheme}://{user}{host}{parameters}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, environment: &[(&str, &str)]) -> Result<Config, Error> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("assay.toml");
        fs::write(&path, text).unwrap();
        let find = |name: &str| {
            environment.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned())
        };
        let state = || Ok("default".into());
        let read = Config::read(Some(&path), find, Overrides::default(), state);
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
        assert_eq!((config.jobs.workers, config.state), (2, "s".into()));
        assert_eq!(config.operations, [PathBuf::from("a.toml")]);
        let environment = [
            ("ASSAY_JOBS_WORKERS", "5"),
            ("ASSAY_LISTEN", "0.0.0.0:80"),
            ("ASSAY_STATE", "elsewhere"),
            ("ASSAY_LOG_FORMAT", "json"),
            ("ASSAY_JOBS_URL", "postgres://u:p@h/d"),
        ];
        let config = read(text, &environment).unwrap();
        assert_eq!((config.jobs.workers, config.listen.port()), (5, 80));
        assert_eq!((config.state, config.log.format), ("elsewhere".into(), LogFormat::Json));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, environment, place, why) in [
            ("operations = ['a']\n\nlisten = 'nowhere'\n", None, "assay.toml:3", "socket address"),
            ("operations = ['a']\n[jobs]\nwrokers = 1\n", None, "assay.toml:3", "wrokers"),
            ("[jobs]\n", None, "assay.toml: operations", "at least one"),
            ("operations = ['a']\n[jobs]\nurl = 'mysql://h'\n", None, "jobs.url", "postgres"),
            ("operations = ['a']\n[jobs]\nheartbeat_ms = 10\n", None, "jobs.heartbeat_ms", "1000"),
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

    #[test]
    fn no_password_is_printed() {
        for (url, shown) in [
            ("postgres://me:secret@db.internal/assay", "postgres://…@db.internal/assay"),
            ("postgres://db/assay?user=me&password=secret", "postgres://db/assay?…"),
            ("postgresql://me:se@cret@db:5432/assay?x=secret", "postgresql://…@db:5432/assay?…"),
            ("sqlite:/var/lib/assay/jobs.sqlite", "sqlite:/var/lib/assay/jobs.sqlite"),
        ] {
            let text = format!("operations = ['a']\n[jobs]\nurl = '{url}'\n");
            let printed = read(&text, &[]).unwrap().to_string();
            assert!(printed.contains(shown) && !printed.contains("secret"), "{printed}");
        }
    }
}
