//! `assay host`: the parent's side of an enclave. It gives the enclave its configuration, passes HTTP
//! on to it, answers its heartbeat, and writes down what it says.
//!
//! Nothing here is trusted by anybody: the configuration's digest is in PCR 16 before the enclave uses
//! it, and receipts are checked by whoever gets them.

mod control;
mod egress;
mod enclave;
mod forward;
mod health;

use std::{net::SocketAddr, path::PathBuf};

use tokio::{net::TcpListener, sync::watch};

pub use egress::Destination;
pub use enclave::Enclave;

use crate::{error::Error, serve::end_signal};

/// What the host's side is told.
#[derive(Clone, Debug)]
pub struct Host {
    /// Where the enclave is.
    pub enclave: Enclave,
    /// The port that the enclave serves HTTP on.
    pub port: u32,
    /// Where HTTP is taken from.
    pub listen: SocketAddr,
    /// The configuration file for the enclave.
    pub config: PathBuf,
    /// Most connections at a time; more are answered 503.
    pub connections: usize,
    /// Where it is told whether the enclave is up: nowhere, if none.
    pub health: Option<SocketAddr>,
    /// Where the enclave may connect to.
    pub egress: Vec<Destination>,
}

/// Where the enclave's init reports and takes its configuration.
pub const CONTROL_PORT: u32 = 9001;
/// Where an enclave says that it booted, as Nitro's own tools expect it.
pub const HEARTBEAT_PORT: u32 = 9000;
/// Where an enclave asks for a way out, if it may have one.
pub const EGRESS_PORT: u32 = 9002;

/// Runs until the process is told to end. Errors: an address or a file that cannot be used.
pub fn run(host: &Host) -> Result<(), Error> {
    let config = crate::cli::read(&host.config)?;
    if config.is_empty() || config.len() > control::LONGEST_CONFIGURATION {
        let why = format!(
            "{} bytes; an enclave takes 1 to {}",
            config.len(),
            control::LONGEST_CONFIGURATION
        );
        return Err(Error::Config { place: host.config.display().to_string(), why });
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::Usage { why: format!("no runtime: {error}") })?;
    let ran = runtime.block_on(async {
        let at = |place: String| {
            move |error: std::io::Error| Error::Config { place, why: error.to_string() }
        };
        let door = |port| host.enclave.listen(port).map_err(at(host.enclave.door(port)));
        let control = door(CONTROL_PORT)?;
        // On Nitro hardware, nitro-cli answers.
        let heartbeat = host.enclave.is_emulated().then(|| door(HEARTBEAT_PORT)).transpose()?;
        let egress = (!host.egress.is_empty()).then(|| door(EGRESS_PORT)).transpose()?;
        let bind = async |to: SocketAddr| TcpListener::bind(to).await.map_err(at(to.to_string()));
        let listener = bind(host.listen).await?;
        let (sender, configured) = watch::channel(None);
        if let Some(address) = host.health {
            tokio::spawn(health::serve(bind(address).await?, host.clone(), configured));
        }
        let address = listener.local_addr().unwrap_or(host.listen);
        tracing::info!(%address, enclave = %host.enclave, port = host.port, "passing on");
        tokio::spawn(control::serve(control, config, sender));
        if let Some(heartbeat) = heartbeat {
            tokio::spawn(control::answer_heartbeats(heartbeat));
        }
        if let Some(door) = egress {
            tokio::spawn(egress::serve(door, host.egress.clone()));
        }
        tokio::spawn(forward::serve(listener, host.clone()));
        end_signal().await
    });
    runtime.shutdown_background();
    ran
}
