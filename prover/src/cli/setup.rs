//! `setup`: the key of a compiled model.

use std::{
    io::IsTerminal as _,
    sync::Mutex,
    time::{Duration, Instant},
};

use super::{Outcome, args::SetupArgs, memory};
use crate::{error::Error, folder::Folder};

/// Makes key and card, and says how long it took.
pub(super) fn run(args: &SetupArgs) -> Result<Outcome, Error> {
    if !args.single_party {
        let why = "only --single-party is known: whoever runs it could forge proofs".to_owned();
        return Err(Error::Usage { why });
    }
    let mut folder = Folder::open(&args.folder)?;
    let begun = Instant::now();
    let compiled = folder.compile()?;
    let compile_s = begun.elapsed().as_secs_f64();
    tell!("{}", compiled.estimate());
    let begun = Instant::now();
    let bar = Bar::new();
    let key_bytes = folder.set_up(&compiled, &|made, of| bar.show(made, of))?;
    bar.end();
    let setup_s = begun.elapsed().as_secs_f64();
    if args.json {
        let object = serde_json::json!({
            "rows": compiled.r1cs().constraints(),
            "domain": compiled.r1cs().domain(),
            "compile_s": compile_s,
            "setup_s": setup_s,
            "key_bytes": key_bytes,
            "peak_rss_mb": memory::peak_mb(),
        });
        say!("{object}");
    } else {
        say!("{}: key of {key_bytes} bytes in {setup_s:.1} s", args.folder.display());
    }
    Ok(Outcome::Accepted)
}

/// How far a setup is, on one line of standard error that is written again.
struct Bar {
    begun: Instant,
    /// When the line was last written, and whether there is one.
    shown: Mutex<(Instant, bool)>,
    /// A terminal sees the line change; a file gets a line now and then.
    terminal: bool,
}

impl Bar {
    fn new() -> Self {
        let begun = Instant::now();
        Self { begun, shown: Mutex::new((begun, false)), terminal: std::io::stderr().is_terminal() }
    }

    fn show(&self, made: usize, of: usize) {
        let every = Duration::from_millis(if self.terminal { 200 } else { 5000 });
        // Another thread is showing it already.
        let Ok(mut shown) = self.shown.try_lock() else { return };
        if shown.0.elapsed() < every || made == 0 {
            return;
        }
        *shown = (Instant::now(), true);
        let rate = made as f64 / self.begun.elapsed().as_secs_f64();
        let left = of.saturating_sub(made) as f64 / rate;
        let percent = 100.0 * made as f64 / of as f64;
        let (start, end) = if self.terminal { ("\r", "") } else { ("", "\n") };
        crate::terminal::err(format_args!(
            "{start}setup {percent:3.0} %  {made} of {of} points  {rate:.0}/s  {left:.0} s left {end}"
        ));
    }

    fn end(&self) {
        if self.terminal && self.shown.lock().is_ok_and(|shown| shown.1) {
            tell!();
        }
    }
}
