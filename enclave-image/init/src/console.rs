//! The console: seen by people in debug mode, and by nobody otherwise.

use std::io::Write as _;

/// Writes a line. A console that is not there is no reason to stop.
pub(crate) fn say(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "init: {line}");
}
