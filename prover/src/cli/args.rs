//! The arguments of every command.

use std::path::PathBuf;

use assay_verifier::ids::Nonce;
use clap::{Args, Parser, Subcommand};

/// Receipts for AI: which model ran, on what, under which proof, and what is still taken on trust.
#[derive(Debug, Parser)]
#[command(name = "assay", version, propagate_version = true, next_display_order = None)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Look at attestation documents by themselves.
    #[command(subcommand)]
    Attestation(AttestationCommand),
    /// Make the folder of a model that is to be proved.
    Compile(CompileArgs),
    /// Hold this verifier against files of cases.
    #[command(subcommand)]
    Conformance(ConformanceCommand),
    /// Measure how often an operation is right, in floating point and as it is proved.
    Eval(EvalArgs),
    /// Print every check of a receipt and the trust bill, whatever they say.
    Explain(VerifyArgs),
    /// Write what other people's tools read.
    #[command(subcommand)]
    Export(ExportCommand),
    /// Print what a receipt says, decoded and not verified.
    Inspect {
        /// The receipt.
        file: PathBuf,
    },
    /// Feed a language model tokens, and write its logits and how long it took: what tests and measurements run.
    #[command(hide = true)]
    LlmProbe(LlmProbeArgs),
    /// Write a language model of random weights: what tests and measurements run.
    #[command(hide = true)]
    LlmSpecimen(LlmSpecimenArgs),
    /// Read texts and conversations, a JSON object a line, and print what they are for a language model: tokens and texts.
    #[command(hide = true)]
    LlmText {
        /// The model's folder.
        folder: PathBuf,
    },
    /// Make policies.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Run a compiled model on an input, prove it, and write the receipt.
    Prove(ProveArgs),
    /// Choose the quantization of an ONNX model, for a step that is to be proved.
    Quantize(QuantizeArgs),
    /// Run an operation and write its receipt.
    Run(RunArgs),
    #[cfg(feature = "service")]
    #[command(flatten)]
    Service(super::service::ServiceCommand),
    /// Make the key of a compiled model.
    Setup(SetupArgs),
    /// Accept or refuse a receipt under a policy.
    Verify(VerifyArgs),
}

#[derive(Debug, Subcommand)]
pub(super) enum ExportCommand {
    /// Write the circuit of a compiled model in iden3's format.
    R1cs {
        /// The folder that `compile` wrote.
        folder: PathBuf,
        /// The file to write.
        #[arg(short, long)]
        output: PathBuf,
    },
    /// Write the proof of a receipt's first proved step, its key and its public inputs for snarkjs.
    Snarkjs {
        /// The receipt.
        receipt: PathBuf,
        /// The folder to write verification_key.json, proof.json and public.json into.
        #[arg(short, long)]
        output: PathBuf,
    },
}

/// What `compile` takes.
#[derive(Debug, Args)]
pub(super) struct CompileArgs {
    /// The model.
    pub(super) model: PathBuf,
    /// The folder to write.
    #[arg(short, long)]
    pub(super) output: PathBuf,
    /// A quantization that is there, as `quantize` writes it; by default one is chosen.
    #[arg(long, conflicts_with_all = ["calibrate", "weight_bits", "activation_bits", "input_bits", "public"])]
    pub(super) manifest: Option<PathBuf>,
    /// Inputs to choose by: JSON (lists, or input_data), a .npy file, or a folder of PNGs; by default
    /// random ones.
    #[arg(long, value_name = "PATH")]
    pub(super) calibrate: Option<PathBuf>,
    /// Smallest and largest number of an input; the circuit enforces them.
    #[arg(
        long,
        value_name = "LOW,HIGH",
        default_value = "0,1",
        allow_hyphen_values = true,
        value_parser = super::compile::range
    )]
    pub(super) range: (f64, f64),
    /// What is to be kept: top1=PART of the samples with the same largest output, or max-abs=NUMBER;
    /// top1=0.998 by default, on random samples top1=0.95.
    #[arg(long, value_parser = super::compile::fidelity)]
    pub(super) fidelity: Option<assay_zkml::Fidelity>,
    /// Bits of a weight, sign included; by default as few as keep the fidelity.
    #[arg(long)]
    pub(super) weight_bits: Option<u32>,
    /// Bits of the largest activation; by default as few as keep the fidelity.
    #[arg(long)]
    pub(super) activation_bits: Option<u32>,
    /// Bits of an input; by default as few as keep the fidelity, 7 or 8 at most.
    #[arg(long)]
    pub(super) input_bits: Option<u32>,
    /// Values that whoever verifies must see, for fewer rows: inputs, outputs, or ports of the model.
    #[arg(long, value_name = "PORT,...", value_delimiter = ',')]
    pub(super) public: Vec<String>,
    /// Print one JSON object as the last line, and no table.
    #[arg(long)]
    pub(super) json: bool,
}

/// What `setup` takes.
#[derive(Debug, Args)]
pub(super) struct SetupArgs {
    /// The folder that `compile` wrote.
    pub(super) folder: PathBuf,
    /// Make the key alone: whoever does could forge proofs, and the key card says so.
    #[arg(long)]
    pub(super) single_party: bool,
    /// Print one JSON object as the last line.
    #[arg(long)]
    pub(super) json: bool,
}

/// What `llm-probe` takes.
#[derive(Debug, Args)]
pub(super) struct LlmProbeArgs {
    /// The model's folder.
    pub(super) folder: PathBuf,
    /// The prompt, in tokens.
    #[arg(long, value_delimiter = ',', required = true)]
    pub(super) prompt: Vec<u32>,
    /// How many tokens to choose after it, each time the likeliest.
    #[arg(long, default_value_t = 0)]
    pub(super) tokens: usize,
    /// Tokens of the prompt that are fed at once.
    #[arg(long, default_value_t = 256)]
    pub(super) chunk: usize,
    /// Where to write the logits before each of those tokens, as little-endian f32.
    #[arg(long)]
    pub(super) logits: Option<PathBuf>,
    /// Where to run: cpu, cuda, cuda:0.
    #[arg(long, default_value = "cpu")]
    pub(super) device: String,
    /// In which numbers: f32, f16, bf16; by default as stored.
    #[arg(long)]
    pub(super) dtype: Option<String>,
    /// Threads of libtorch.
    #[arg(long, default_value_t = 1)]
    pub(super) threads: u16,
    /// Runs; times are those of the fastest.
    #[arg(long, default_value_t = 1)]
    pub(super) runs: usize,
}

/// What `llm-specimen` takes.
#[derive(Debug, Args)]
pub(super) struct LlmSpecimenArgs {
    /// The model's config.json.
    pub(super) config: PathBuf,
    /// The folder to write.
    #[arg(short, long)]
    pub(super) output: PathBuf,
    /// Seed of the weights.
    #[arg(long, default_value_t = 1)]
    pub(super) seed: u64,
    /// How they are stored: f32, f16, bf16.
    #[arg(long, default_value = "f32")]
    pub(super) dtype: String,
    /// In how many files.
    #[arg(long, default_value_t = 1)]
    pub(super) shards: usize,
}

/// What `prove` takes.
#[derive(Debug, Args)]
pub(super) struct ProveArgs {
    /// The folder that `compile` and `setup` wrote.
    pub(super) folder: PathBuf,
    /// The input: {"input_data": [[real, ...]]}, a list for each input; else PNG, or JSON of integers.
    #[arg(long)]
    pub(super) input: PathBuf,
    /// The nonce of whoever will verify, 16 to 64 bytes.
    #[arg(long, value_name = "HEX")]
    pub(super) nonce: Option<String>,
    /// Where to write the receipt.
    #[arg(short, long, default_value = "receipt.cbor")]
    pub(super) output: PathBuf,
    /// Print one JSON object as the last line.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Learn a policy from a receipt. It is marked unreviewed: read it, then remove that line.
    From {
        /// The receipt.
        receipt: PathBuf,
        /// Where to write the policy; standard output by default.
        #[arg(short, long)]
        output: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum AttestationCommand {
    /// Print what a document says, decoded and not verified.
    Inspect {
        /// The document.
        document: PathBuf,
        /// Print it as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Accept or refuse a document under a policy (FORMAT.md §8).
    Verify(AttestationVerifyArgs),
}

/// What `attestation verify` takes.
#[derive(Debug, Args)]
pub(super) struct AttestationVerifyArgs {
    /// The document.
    pub(super) document: PathBuf,
    /// The policy, JSON.
    #[arg(long)]
    pub(super) policy: PathBuf,
    /// The time to verify at, in milliseconds since 1970; the system's clock by default.
    #[arg(long, value_name = "MS", conflicts_with = "archived")]
    pub(super) now_ms: Option<u64>,
    /// Verify as of the document's own time.
    #[arg(long)]
    pub(super) archived: bool,
    /// Another root than the policy's, by its DER bytes.
    #[arg(long, value_name = "DER")]
    pub(super) root: Option<PathBuf>,
    /// Print the report of an accepted document as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum ConformanceCommand {
    /// Attestation documents under a root of the file's own.
    Nitro {
        /// The cases, JSON.
        cases: PathBuf,
        /// Print all outcomes as JSON.
        #[arg(long)]
        json: bool,
    },
}

/// What `eval` takes.
#[derive(Debug, Args)]
pub(super) struct EvalArgs {
    /// The operation file, TOML; its last step gives a class.
    pub(super) operation: PathBuf,
    /// Folder of the examples: SPLIT-images.npy and SPLIT-labels.npy.
    #[arg(long)]
    pub(super) data: PathBuf,
    /// Which examples.
    #[arg(long, default_value = "test")]
    pub(super) split: String,
}

/// What `verify` and `explain` take.
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// The receipt.
    pub(super) receipt: PathBuf,
    /// The policy, JSON.
    #[arg(long)]
    pub(super) policy: PathBuf,
    /// The time to verify at, in milliseconds since 1970; the system's clock by default.
    #[arg(long, value_name = "MS", conflicts_with = "archived")]
    pub(super) now_ms: Option<u64>,
    /// Verify as of the attestation's own time, within the policy's window.
    #[arg(long)]
    pub(super) archived: bool,
    /// A value that you sent or received: PNG or JSON for a tensor, else the bytes.
    #[arg(long = "value", value_name = "NAME=FILE", value_parser = named_file)]
    pub(super) values: Vec<NamedFile>,
    /// The nonce that you sent with the request: the operation must carry it, whatever the policy says.
    #[arg(long, value_name = "HEX")]
    pub(super) nonce: Option<Nonce>,
    /// Print the report as JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// What `quantize` takes.
#[derive(Debug, Args)]
pub(super) struct QuantizeArgs {
    /// The model.
    pub(super) model: PathBuf,
    /// An input's type and the range that the circuit enforces, such as i8:1x48:-4:0..127.
    #[arg(long = "input", value_name = "TYPE", required = true, value_parser = super::quantize::input)]
    pub(super) inputs: Vec<assay_zkml::InputType>,
    /// Bits of a weight, sign included.
    #[arg(long, default_value_t = 8)]
    pub(super) weight_bits: u32,
    /// Give every output channel of a map the finest scale that its own weights fit.
    #[arg(long)]
    pub(super) per_channel: bool,
    /// Bits of an activation in the worst case.
    #[arg(long, default_value_t = 12)]
    pub(super) activation_bits: u32,
    /// Values that whoever verifies must see, for fewer rows: inputs, outputs, or ports of the model.
    #[arg(long, value_name = "PORT,...", value_delimiter = ',')]
    pub(super) public: Vec<String>,
    /// Where to write the manifest.
    #[arg(short, long)]
    pub(super) output: PathBuf,
}

/// What `run` takes.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    /// The operation file, TOML.
    pub(super) operation: PathBuf,
    /// An input: PNG or JSON for a tensor, else the bytes. The name may be left out if there is one.
    #[arg(long = "input", value_name = "[NAME=]FILE", required = true)]
    pub(super) inputs: Vec<String>,
    /// The nonce of whoever will verify, 16 to 64 bytes.
    #[arg(long, value_name = "HEX")]
    pub(super) nonce: Option<String>,
    /// Where to write the receipt.
    #[arg(short, long, default_value = "receipt.cbor")]
    pub(super) output: PathBuf,
    /// Have this one operation attested by a document of its own (needs a nonce).
    #[arg(long)]
    pub(super) document: bool,
    /// Where keys live; $ASSAY_CACHE/state by default.
    #[arg(long, value_name = "DIR")]
    pub(super) state: Option<PathBuf>,
}

/// `NAME=FILE`.
#[derive(Clone, Debug)]
pub(super) struct NamedFile {
    pub(super) name: assay_verifier::ids::Name,
    pub(super) path: PathBuf,
}

pub(super) fn named_file(text: &str) -> Result<NamedFile, String> {
    let (name, path) = text.split_once('=').ok_or("expected NAME=FILE")?;
    let name = assay_verifier::ids::Name::new(name).map_err(|error| error.to_string())?;
    Ok(NamedFile { name, path: path.into() })
}
