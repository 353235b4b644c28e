//! The command line: arguments in, exit code out (0 accepted, 1 refused, 2 could not try).

mod args;
mod attestation;
mod compile;
mod eval;
mod export;
mod hints;
mod llm;
mod memory;
mod policy;
mod print;
mod prove;
mod quantize;
mod receipt;
mod run;
#[cfg(feature = "service")]
mod service;
mod setup;

use std::{ffi::OsString, os::unix::process::CommandExt as _, path::Path, process::ExitCode};

use args::{AttestationCommand, Cli, Command, ConformanceCommand, ExportCommand, PolicyCommand};
use clap::Parser as _;

use crate::{engine::TeeEngine, error::Error, terminal};

#[cfg(feature = "service")]
pub(crate) use receipt::now;

/// How a command ended.
pub(crate) enum Outcome {
    /// It did what was asked.
    Accepted,
    /// A receipt was refused; the reason is printed.
    Refused,
}

/// `assay`: everything that needs no libtorch; the rest is handed to `assay-engine`.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    dispatch(&arguments, None)
}

/// `assay-engine`: the same command line, with the engine that `start` gives. This library itself
/// refers to no libtorch, and so neither does `assay`.
pub fn engine_main(arguments: Vec<OsString>, start: Start<'_>) -> ExitCode {
    dispatch(&arguments, Some(start))
}

/// Starts what executes TorchScript models.
pub type Start<'a> = &'a dyn Fn() -> Result<Box<dyn TeeEngine>, Error>;

fn dispatch(arguments: &[OsString], start: Option<Start<'_>>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // clap's own wording; help and version go to standard output and are no failure.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let outcome = execute(&cli.command, start).unwrap_or_else(|| Err(hand_to_engine(arguments)));
    match outcome.and_then(|outcome| terminal::written().map(|()| outcome)) {
        Ok(Outcome::Accepted) => ExitCode::SUCCESS,
        Ok(Outcome::Refused) => ExitCode::from(1),
        Err(error) => {
            print::error(&error);
            ExitCode::from(2)
        }
    }
}

/// Does what is asked; `None` where only the engine can.
fn execute(command: &Command, start: Option<Start<'_>>) -> Option<Result<Outcome, Error>> {
    Some(match command {
        Command::Attestation(AttestationCommand::Inspect { document, json }) => {
            attestation::inspect(document, *json)
        }
        Command::Attestation(AttestationCommand::Verify(args)) => attestation::verify(args),
        Command::Compile(args) => compile::run(args),
        Command::Conformance(ConformanceCommand::Nitro { cases, json }) => {
            attestation::conformance(cases, *json)
        }
        Command::Eval(args) => eval::run(args, start?),
        Command::Explain(args) => receipt::explain(args),
        Command::Export(ExportCommand::R1cs { folder, output }) => export::r1cs(folder, output),
        Command::Export(ExportCommand::Snarkjs { receipt, output }) => {
            export::snarkjs(receipt, output)
        }
        Command::Inspect { file } => receipt::inspect(file),
        Command::LlmProbe(args) => llm::probe(args, start?),
        Command::LlmSpecimen(args) => llm::specimen(args),
        Command::LlmText { folder } => llm::text(folder),
        Command::Policy(PolicyCommand::From { receipt, output }) => {
            policy::from(receipt, output.as_deref())
        }
        Command::Prove(args) => prove::run(args),
        Command::Quantize(args) => quantize::run(args),
        Command::Run(args) => run::run(args, start?),
        #[cfg(feature = "service")]
        Command::Service(command) => service::run(command, start)?,
        Command::Setup(args) => setup::run(args),
        Command::Verify(args) => receipt::verify(args),
    })
}

/// Becomes `assay-engine`, which lies beside this program, with the same arguments: whoever signals or
/// kills this process means that one. Returns only where it could not.
fn hand_to_engine(arguments: &[OsString]) -> Error {
    let own = match std::env::current_exe() {
        Ok(own) => own,
        Err(error) => {
            return Error::Unreadable { path: "assay".into(), why: error.to_string() };
        }
    };
    let engine = own.with_file_name("assay-engine");
    let error = std::process::Command::new(&engine).args(arguments.iter().skip(1)).exec();
    Error::Unreadable { path: engine, why: error.to_string() }
}

/// Reads a whole file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    std::fs::read(path)
        .map_err(|error| Error::Unreadable { path: path.to_owned(), why: error.to_string() })
}

/// Writes a whole file, or nothing: through a temporary file in the same folder.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    crate::files::write_atomically(path, bytes)
}
