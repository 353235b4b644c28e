//! The command line: arguments in, exit code out (0 accepted, 1 refused, 2 could not try).

mod hints;
mod policy;
mod print;
mod quantize;
mod receipt;
#[cfg(feature = "libtorch")]
mod run;

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Parser, Subcommand};

use crate::error::Error;

/// Receipts for AI: which model ran, on what, under which proof, and what is still taken on trust.
#[derive(Debug, Parser)]
#[command(name = "assay", version, about, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print every check of a receipt and the trust bill, whatever they say.
    Explain(VerifyArgs),
    /// Print what a receipt says, decoded and not verified.
    Inspect {
        /// The receipt.
        file: PathBuf,
    },
    /// Make policies.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Choose the quantization of an ONNX model, for a step that is to be proved.
    Quantize(QuantizeArgs),
    /// Run an operation and write its receipt.
    Run(RunArgs),
    /// Accept or refuse a receipt under a policy.
    Verify(VerifyArgs),
}

#[derive(Debug, Subcommand)]
enum PolicyCommand {
    /// Learn a policy from a receipt. It is marked unreviewed: read it, then remove that line.
    From {
        /// The receipt.
        receipt: PathBuf,
        /// Where to write the policy; standard output by default.
        #[arg(short, long)]
        output: Option<PathBuf>,
    },
}

/// What `verify` and `explain` take.
#[derive(Debug, Args)]
struct VerifyArgs {
    /// The receipt.
    receipt: PathBuf,
    /// The policy, JSON.
    #[arg(long)]
    policy: PathBuf,
    /// The time to verify at, in milliseconds since 1970; the system's clock by default.
    #[arg(long, value_name = "MS", conflicts_with = "archived")]
    now_ms: Option<u64>,
    /// Verify as of the attestation's own time, within the policy's window.
    #[arg(long)]
    archived: bool,
    /// A value that you sent or received: PNG or JSON for a tensor, else the bytes.
    #[arg(long = "value", value_name = "NAME=FILE", value_parser = named_file)]
    values: Vec<NamedFile>,
    /// Print the report as JSON.
    #[arg(long)]
    json: bool,
}

/// What `quantize` takes.
#[derive(Debug, Args)]
struct QuantizeArgs {
    /// The model.
    model: PathBuf,
    /// An input's type and the range that the circuit enforces, such as i8:1x48:-4:0..127.
    #[arg(long = "input", value_name = "TYPE", required = true, value_parser = quantize::input)]
    inputs: Vec<assay_zkml::InputType>,
    /// Bits of a weight, sign included.
    #[arg(long, default_value_t = 8)]
    weight_bits: u32,
    /// Bits of an activation in the worst case.
    #[arg(long, default_value_t = 12)]
    activation_bits: u32,
    /// Where to write the manifest.
    #[arg(short, long)]
    output: PathBuf,
}

/// What `run` takes.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The operation file, TOML.
    pub(crate) operation: PathBuf,
    /// An input: PNG or JSON for a tensor, else the bytes. The name may be left out if there is one.
    #[arg(long = "input", value_name = "[NAME=]FILE", required = true)]
    pub(crate) inputs: Vec<String>,
    /// The nonce of whoever will verify, 16 to 64 bytes.
    #[arg(long, value_name = "HEX")]
    pub(crate) nonce: Option<String>,
    /// Where to write the receipt.
    #[arg(short, long, default_value = "receipt.cbor")]
    pub(crate) output: PathBuf,
    /// Have this one operation attested by a document of its own (needs a nonce).
    #[arg(long)]
    pub(crate) document: bool,
    /// Where keys live; $ASSAY_CACHE/state by default.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
}

/// `NAME=FILE`.
#[derive(Clone, Debug)]
struct NamedFile {
    name: assay_verifier::ids::Name,
    path: PathBuf,
}

fn named_file(text: &str) -> Result<NamedFile, String> {
    let (name, path) = text.split_once('=').ok_or("expected NAME=FILE")?;
    let name = assay_verifier::ids::Name::new(name).map_err(|error| error.to_string())?;
    Ok(NamedFile { name, path: path.into() })
}

/// How a command ended.
pub(crate) enum Outcome {
    /// It did what was asked.
    Accepted,
    /// A receipt was refused; the reason is printed.
    Refused,
}

/// `assay`: everything that needs no libtorch; the rest is handed to `assay-engine`.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    dispatch(arguments, |_, arguments| hand_to_engine(arguments))
}

/// `assay-engine`: the same command line, with libtorch.
#[cfg(feature = "libtorch")]
pub fn engine_main(arguments: Vec<OsString>) -> ExitCode {
    dispatch(arguments, |args, _| run::run(args).map(|_| ExitCode::SUCCESS))
}

fn dispatch(
    arguments: Vec<OsString>,
    run: impl Fn(&RunArgs, &[OsString]) -> Result<ExitCode, Error>,
) -> ExitCode {
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // clap's own wording; help and version go to standard output and are no failure.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let outcome = match &cli.command {
        Command::Explain(args) => receipt::explain(args),
        Command::Inspect { file } => receipt::inspect(file),
        Command::Policy(PolicyCommand::From { receipt, output }) => {
            policy::from(receipt, output.as_deref())
        }
        Command::Quantize(args) => quantize::run(args),
        Command::Run(args) => match run(args, &arguments) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
        Command::Verify(args) => receipt::verify(args),
    };
    match outcome {
        Ok(Outcome::Accepted) => ExitCode::SUCCESS,
        Ok(Outcome::Refused) => ExitCode::from(1),
        Err(error) => {
            print::error(&error);
            ExitCode::from(2)
        }
    }
}

/// Starts `assay-engine`, which lies beside this program, with the same arguments.
fn hand_to_engine(arguments: &[OsString]) -> Result<ExitCode, Error> {
    let own = std::env::current_exe()
        .map_err(|error| Error::Unreadable { path: "assay".into(), why: error.to_string() })?;
    let engine = own.with_file_name("assay-engine");
    let status = std::process::Command::new(&engine)
        .args(arguments.iter().skip(1))
        .status()
        .map_err(|error| Error::Unreadable { path: engine, why: error.to_string() })?;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(2);
    Ok(ExitCode::from(code))
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
