//! The first process of the enclave.
//!
//! It mounts what programs need, seeds the system's generator from the security module, tells the parent
//! that it is up, takes the configuration once, has the prover say whether it can use it, extends its
//! SHA-256 into PCR 16, locks the registers, and only then starts the prover, as a user without rights
//! and with bounded memory. When the prover ends, for whatever reason, the machine ends: an enclave
//! never half-works. A panic here ends it too, because Linux does not live without its first process.
#![deny(unsafe_code)]

mod calls;
mod console;
mod parent;
mod prover;
mod security_module;
mod system;

use std::{env, fmt, process::ExitCode};

use console::say;
use parent::{Line, Parent};
use security_module::SecurityModule;
use sha2::{Digest as _, Sha256};

fn main() -> ExitCode {
    let first = std::process::id() == 1;
    let mut arguments = env::args().skip(1);
    let outcome = match arguments.next().as_deref() {
        _ if first => run(),
        // Started by `run`: becomes the prover, or fails.
        Some(prover::BECOME) => prover::become_it(arguments),
        _ => Err(Error::new("start", "this is an enclave's first process, and nothing else")),
    };
    if let Err(error) = outcome {
        say(&format!("error: {error}"));
    }
    if first {
        system::end_machine();
    }
    ExitCode::FAILURE
}

fn run() -> Result<(), Error> {
    system::mount()?;
    say(concat!("assay init ", env!("CARGO_PKG_VERSION")));
    let module = SecurityModule::open()?;
    calls::add_entropy(&module.random()?)?;
    calls::bring_loopback_up()?;
    let parent = Parent::from_command_line()?;
    parent.heartbeat()?;
    let (configuration, line) = parent.configuration()?;
    serve(&module, &configuration, &line)
        .inspect_err(|error| line.report(&format!("error {error}")))
}

/// From the configuration to the prover's end.
fn serve(module: &SecurityModule, configuration: &[u8], line: &Line) -> Result<(), Error> {
    let digest: [u8; 32] = Sha256::digest(configuration).into();
    system::write_configuration(configuration)?;
    // Before the registers say anything about it, and before the module is within the prover's reach.
    prover::validate(line)?;
    module.seal(&digest)?;
    let digest = hex::encode(digest);
    say(&format!("PCR 16 is extended with {digest} and locked: extending it again is refused"));
    line.report(&format!("configured {digest}"));
    system::admit_to_security_module()?;
    let ended = prover::run(line)?;
    say(&format!("the prover ended: {ended}"));
    line.report(&format!("exit {ended}"));
    Ok(())
}

/// What could not be done, and why.
#[derive(Debug)]
pub(crate) struct Error {
    what: String,
    why: String,
}

impl Error {
    pub(crate) fn new(what: &str, why: impl fmt::Display) -> Self {
        Self { what: what.to_owned(), why: why.to_string() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

/// Names what was tried.
pub(crate) trait Named<T> {
    fn named(self, what: &str) -> Result<T, Error>;
}

impl<T, E: fmt::Display> Named<T> for Result<T, E> {
    fn named(self, what: &str) -> Result<T, Error> {
        self.map_err(|error| Error::new(what, error))
    }
}
