//! Logs: one line per event, to standard error. Never inputs, keys, nonces or tokens.

use std::{
    borrow::Cow,
    io::{self, Write},
};

use assay_verifier::printable;
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
    let format = config.log.format;
    let builder = fmt()
        .with_env_filter(EnvFilter::new(level))
        .with_writer(move || Printable { to: io::stderr(), format })
        // It would say so where it cannot write, and panic of that.
        .log_internal_errors(false);
    let begun = match format {
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
        LogFormat::Text => builder.with_ansi(false).with_target(false).try_init(),
    };
    drop(begun); // somebody else's log is a log
}

/// Writes an event as one line that looks as what it says, whatever was received and is in it.
struct Printable<W> {
    to: W,
    format: LogFormat,
}

impl<W: Write> Write for Printable<W> {
    /// Takes one event, whole.
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let line = match self.format {
            LogFormat::Json => in_json(text),
            LogFormat::Text => printable(text).into_owned(),
        };
        self.to.write_all(format!("{line}\n").as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// As `printable` does it, within the texts of JSON, where a backslash is written twice. Outside there is nothing to do.
fn in_json(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        match printable(character.encode_utf8(&mut [0; 4])) {
            Cow::Borrowed(plain) => line.push_str(plain),
            Cow::Owned(written) => line.extend(["\\", &*written]),
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_that_looks_as_what_it_says() {
        let written = |format, event: &str| {
            let mut to = Printable { to: Vec::new(), format };
            assert_eq!(to.write(event.as_bytes()).unwrap(), event.len());
            String::from_utf8(to.to).unwrap()
        };
        let event = "INFO a\u{202e}b\nERROR forged \u{1b}[2J\n";
        let found = written(LogFormat::Text, event);
        assert_eq!(found, "INFO a\\u{202e}b\\u{a}ERROR forged \\u{1b}[2J\n");
        let event = serde_json::json!({"why": "a\u{202e}b\n\\u{202e}"}).to_string() + "\n";
        let found: serde_json::Value =
            serde_json::from_str(&written(LogFormat::Json, &event)).unwrap();
        assert_eq!(found["why"], "a\\u{202e}b\n\\u{202e}");
    }
}
