//! Where a configuration comes from, and what is wrong with it.

use std::{
    fs,
    ops::RangeInclusive,
    path::{Path, PathBuf},
};

use super::{
    super::admission::{is_host, next_to},
    Config, Jobs, Limits, Llm, Overrides,
};
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
        config.admin.listen = config.admin.listen.or_else(|| next_to(config.listen));
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
        for name in VARIABLES {
            let text = environment(name);
            match name {
                "ASSAY_ADMIN_LISTEN" => set(&mut self.admin.listen, name, text)?,
                "ASSAY_JOBS_URL" => set(&mut self.jobs.url, name, text)?,
                "ASSAY_JOBS_WORKERS" => set(&mut self.jobs.workers, name, text)?,
                "ASSAY_LISTEN" => set(&mut self.listen, name, text)?,
                "ASSAY_LOG_FORMAT" => set(&mut self.log.format, name, text)?,
                "ASSAY_LOG_LEVEL" => set(&mut self.log.level, name, text)?,
                "ASSAY_STATE" => set(&mut self.state, name, text)?,
                // No part of a configuration.
                _ => {}
            }
        }
        Ok(())
    }

    /// A warning for each variable of the environment that looks like one of ours and is none.
    pub(crate) fn unknown(names: impl Iterator<Item = String>) -> Vec<String> {
        let ours = names.filter(|name| name.starts_with("ASSAY_"));
        let unknown = ours.filter(|name| !VARIABLES.contains(&name.as_str()));
        let known = VARIABLES.join(", ");
        unknown.map(|name| format!("nobody knows {name}; known are {known}")).collect()
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
        if let Some(host) = self.hosts.iter().find(|host| !is_host(host)) {
            return refuse("hosts", &format!("expected a name without port, found {host:?}"));
        }
        for (field, found, range) in self.numbers() {
            if !range.contains(&found) {
                let (low, high) = range.into_inner();
                return refuse(field, &format!("expected {low} to {high}, found {found}"));
            }
        }
        let (hand_back_ms, shutdown_ms) = (self.jobs.hand_back_ms, self.limits.shutdown_ms);
        let (body, bodies) = (self.limits.body_bytes as u64, self.limits.bodies_bytes);
        if bodies < body {
            let why = format!("expected at least limits.body_bytes, {body}, found {bodies}");
            return refuse("limits.bodies_bytes", &why);
        }
        if self.admin.listen.is_none() {
            let why = "there is no port after that of listen: name an address";
            return refuse("admin.listen", why);
        }
        if self.admin.listen == Some(self.listen) && !self.listen.is_any_port() {
            let why = "expected another address than listen's: it is not for everybody";
            return refuse("admin.listen", why);
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

impl Config {
    /// Every number, with what it may be.
    fn numbers(&self) -> [(&'static str, u64, RangeInclusive<u64>); 17] {
        // Of a new number, somebody has to say what it may be.
        let Jobs {
            url: _,
            workers,
            heartbeat_ms,
            missed_heartbeats,
            max_attempts,
            max_queued,
            max_priority,
            hand_back_ms,
        } = self.jobs;
        let Limits {
            connections,
            headers_ms,
            body_bytes,
            body_ms,
            bodies_bytes,
            requests_waiting,
            answer_ms,
            sequences,
            cache_bytes,
            shutdown_ms,
        } = self.limits;
        [
            ("jobs.workers", workers as u64, 0..=1_024),
            // The queue counts in seconds.
            ("jobs.heartbeat_ms", heartbeat_ms, 1_000..=600_000),
            ("jobs.missed_heartbeats", missed_heartbeats.into(), 1..=1_000_000),
            ("jobs.max_attempts", max_attempts.into(), 1..=1_000_000),
            ("jobs.max_queued", max_queued.into(), 1..=1_000_000),
            ("jobs.max_priority", max_priority.into(), 0..=9),
            ("jobs.hand_back_ms", hand_back_ms, 0..=DAY_MS),
            ("limits.connections", connections as u64, 1..=1_000_000),
            ("limits.headers_ms", headers_ms, 100..=HOUR_MS),
            ("limits.body_bytes", body_bytes as u64, 1_024..=1 << 30),
            ("limits.body_ms", body_ms, 100..=HOUR_MS),
            ("limits.bodies_bytes", bodies_bytes, 1_024..=1 << 40),
            ("limits.requests_waiting", requests_waiting as u64, 1..=1_000_000),
            ("limits.answer_ms", answer_ms, 1..=DAY_MS),
            ("limits.sequences", sequences as u64, 1..=65_536),
            ("limits.cache_bytes", cache_bytes, 1..=1 << 50),
            ("limits.shutdown_ms", shutdown_ms, 1..=DAY_MS),
        ]
    }
}

/// Variables of the environment that somebody reads.
const VARIABLES: [&str; 8] = [
    "ASSAY_ADMIN_LISTEN",
    "ASSAY_CACHE",
    "ASSAY_JOBS_URL",
    "ASSAY_JOBS_WORKERS",
    "ASSAY_LISTEN",
    "ASSAY_LOG_FORMAT",
    "ASSAY_LOG_LEVEL",
    "ASSAY_STATE",
];

const HOUR_MS: u64 = 3_600_000;

const DAY_MS: u64 = 24 * HOUR_MS;

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

    /// Whoever adds a number says what it may be: what is printed has no number that is not checked.
    #[test]
    fn every_number_has_bounds() {
        let config = Config::default();
        let printed: toml::Table = config.to_string().parse().unwrap();
        let mut printed: Vec<_> = printed
            .iter()
            .filter_map(|(table, fields)| Some((table, fields.as_table()?)))
            .flat_map(|(table, fields)| {
                let numbers = fields.iter().filter(|(_, value)| value.is_integer());
                numbers.map(move |(field, _)| format!("{table}.{field}"))
            })
            .collect();
        printed.sort();
        let mut checked: Vec<_> =
            config.numbers().iter().map(|(field, ..)| (*field).to_owned()).collect();
        checked.sort();
        assert_eq!(printed, checked);
        for (field, _, range) in config.numbers() {
            let (table, field) = field.split_once('.').unwrap();
            for found in [range.start().checked_sub(1), range.end().checked_add(1)] {
                let Some(found) = found else { continue };
                let text = format!("operations = ['a']\n[{table}]\n{field} = {found}\n");
                let Err(Error::Config { place, why }) = read(&text, &[]) else { panic!("{text}") };
                assert!(place.ends_with(&format!("{table}.{field}")), "{place}: {why}");
                assert!(why.contains(&format!("found {found}")), "{place}: {why}");
            }
        }
    }

    #[test]
    fn variables_that_nobody_reads_are_named() {
        let names = ["ASSAY_LISTN", "HOME", "ASSAY_CACHE", "ASSAY_LISTEN", "assay_state"];
        let found = Config::unknown(names.map(str::to_owned).into_iter());
        let [one] = found.as_slice() else { panic!("{found:?}") };
        assert!(one.contains("ASSAY_LISTN") && one.contains("ASSAY_LISTEN, "), "{one}");
        // Those that are known are read: of each, what is no value is named.
        for name in VARIABLES.into_iter().filter(|name| *name != "ASSAY_CACHE") {
            let [a, b] = ["1", "nowhere"].map(|text| read("operations = ['a']\n", &[(name, text)]));
            let plain = read("operations = ['a']\n", &[]).unwrap().to_string();
            let read =
                |config: Result<Config, Error>| config.map_or(true, |c| c.to_string() != plain);
            assert!(read(a) || read(b), "{name} is not read");
        }
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
            ("[[llm]]\npath = 'a'\nthreads = 0\n", None, "/a: threads", "1 to 1024"),
            ("[[llm]]\npath = 'a'\nthreads = 60000\n", None, "/a: threads", "found 60000"),
            ("[[llm]]\npath = 'a'\nmax_context = 0\n", None, "/a: max_context", "found 0"),
            ("operations = ['a']\nhosts = ['a:80']\n", None, "hosts", "without port"),
            ("operations = ['a']\nhosts = ['127.0.0.1']\n", None, "hosts", "a name"),
            (
                "operations = ['a']\nlisten = '127.0.0.1:80'\n[admin]\nlisten = '127.0.0.1:80'\n",
                None,
                "admin.listen",
                "another address",
            ),
            (
                "operations = ['a']\nlisten = '127.0.0.1:65535'\n",
                None,
                "admin.listen",
                "no port after",
            ),
            (
                "operations = ['a']\n[limits]\nbodies_bytes = 4096\n",
                None,
                "limits.bodies_bytes",
                "at least limits.body_bytes",
            ),
            ("[[llm]]\npath = 'A model'\n", None, "/A model: name", "its own"),
            ("[limits]\nsequences = 0\n[[llm]]\npath = 'a'\n", None, "limits.sequences", "found 0"),
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
