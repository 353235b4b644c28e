//! The arguments of the commands that serve.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum ServiceCommand {
    /// Stand between the network and an enclave: its configuration, HTTP, heartbeat and log.
    Host(HostArgs),
    /// Look at the proofs of `serve`, have parked ones tried again, give some up.
    Jobs(JobsArgs),
    /// Serve operations over HTTP; proofs are attached to their receipts when they are ready.
    Serve(ServeArgs),
    /// Make proofs for `serve`, from the same job store, here or on another machine.
    Worker(ServeArgs),
}

/// What `host` takes.
#[derive(Debug, Args)]
pub(in crate::cli) struct HostArgs {
    /// The enclave: vsock:CID, or unix:PATH under QEMU.
    #[arg(long)]
    pub(in crate::cli) enclave: crate::host::Enclave,
    /// The configuration that the enclave gets, TOML (docs/deploy-nitro.md).
    #[arg(long)]
    pub(in crate::cli) config: PathBuf,
    /// Address and port that HTTP is taken from.
    #[arg(long, default_value = "127.0.0.1:8547")]
    pub(in crate::cli) listen: std::net::SocketAddr,
    /// The port of vsock that the enclave serves HTTP on.
    #[arg(long, default_value_t = 8547)]
    pub(in crate::cli) port: u32,
    /// Most connections at a time.
    #[arg(long, default_value_t = 256)]
    pub(in crate::cli) connections: usize,
    /// Address and port of /healthz and /readyz, which say whether the enclave is up.
    #[arg(long)]
    pub(in crate::cli) health: Option<std::net::SocketAddr>,
    /// A place that the enclave may connect to through port 9002 of vsock; none by default.
    #[arg(long, value_name = "HOST:PORT")]
    pub(in crate::cli) egress: Vec<crate::host::Destination>,
}

/// What `jobs` takes.
#[derive(Debug, Args)]
pub(in crate::cli) struct JobsArgs {
    #[command(subcommand)]
    pub(in crate::cli) command: JobsCommand,
    /// The configuration of `serve`, TOML; it says where the jobs are.
    #[arg(long, global = true)]
    pub(in crate::cli) config: Option<PathBuf>,
    /// The state folder of `serve`; $ASSAY_CACHE/state by default.
    #[arg(long, value_name = "DIR", global = true)]
    pub(in crate::cli) state: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum JobsCommand {
    /// Give proofs up; what they would be made from is deleted.
    Cancel {
        /// The jobs.
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Print the oldest thousand jobs: id, stage, attempts, operation, step, why the last attempt failed.
    List {
        /// Only those: queued, running, proved, done, parked or cancelled.
        #[arg(long)]
        stage: Option<crate::jobs::State>,
    },
    /// Have parked jobs tried again, as often as new ones.
    Retry {
        /// The jobs.
        #[arg(required_unless_present = "all")]
        ids: Vec<String>,
        /// All that are parked.
        #[arg(long, conflicts_with = "ids")]
        all: bool,
    },
}

/// What `serve` and `worker` take.
#[derive(Debug, Args)]
pub(in crate::cli) struct ServeArgs {
    /// The operation files, in place of the configured ones.
    pub(in crate::cli) operations: Vec<PathBuf>,
    /// The folder of a language model, as Hugging Face lays it out; may be given more than once.
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) llm: Vec<PathBuf>,
    /// The configuration, TOML (docs/operating.md).
    #[arg(long)]
    pub(in crate::cli) config: Option<PathBuf>,
    /// Address and port of the HTTP interface, or vsock:PORT.
    #[arg(long)]
    pub(in crate::cli) listen: Option<crate::serve::Listen>,
    /// Where keys and jobs live; $ASSAY_CACHE/state by default.
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) state: Option<PathBuf>,
    /// Print the configuration, without what is secret, and do nothing.
    #[arg(long)]
    pub(in crate::cli) print_config: bool,
}
