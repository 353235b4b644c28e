//! The line to the enclave's init: the configuration goes in, reports come out.
//!
//! Init connects. It gets `assay-configuration LENGTH`, a line feed, and the bytes; it answers
//! `configured SHA-256`, then a line `log …` for each line of the prover's log, and at last `exit …`.

use std::time::Duration;

use assay_verifier::ids::Sha256Digest;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    sync::watch,
};

use super::{
    enclave::{Connection, Door},
    health::Configured,
};

/// Bytes; init takes no more.
pub(super) const LONGEST_CONFIGURATION: usize = 64 << 10;
/// Bytes of a report; the rest of a longer line is another line.
const LONGEST_REPORT: u64 = 16 << 10;
/// What an enclave sends when it is up, and wants back.
const HEARTBEAT: u8 = 0xb7;

/// Gives the configuration to every enclave that asks: one at a time is expected, one after the other.
pub(super) async fn serve(mut door: Door, config: Vec<u8>, configured: watch::Sender<Configured>) {
    for number in 0u64.. {
        match door.accept().await {
            Ok(connection) => {
                let (config, configured) = (config.clone(), configured.clone());
                tokio::spawn(async move {
                    let say = || configured.send_replace(Some(number));
                    if let Err(error) = attend(connection, &config, say).await {
                        tracing::error!(%error, "the line to the enclave's init broke");
                    }
                    // Another enclave may have come meanwhile.
                    configured
                        .send_if_modified(|line| line.take_if(|line| *line == number).is_some());
                });
            }
            Err(error) => {
                tracing::warn!(%error, "no connection");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn attend(
    connection: Connection,
    config: &[u8],
    configured: impl Fn() -> Configured,
) -> std::io::Result<()> {
    let mut connection = BufReader::new(connection);
    let digest = Sha256Digest::of(config);
    connection.write_all(format!("assay-configuration {}\n", config.len()).as_bytes()).await?;
    connection.write_all(config).await?;
    connection.flush().await?;
    tracing::info!(bytes = config.len(), sha256 = %digest, "configuration sent");
    loop {
        let mut line = Vec::new();
        let read = (&mut connection).take(LONGEST_REPORT).read_until(b'\n', &mut line).await?;
        if read == 0 {
            tracing::warn!("the enclave's init is gone");
            return Ok(());
        }
        // The enclave's words, for people: whatever would move a terminal's cursor is left out.
        let line = String::from_utf8_lossy(&line);
        let line: String = line.chars().filter(|c| !c.is_control()).collect();
        match line.split_once(' ') {
            Some(("log", text)) => tracing::info!(target: "enclave", "{text}"),
            Some(("configured", found)) if found == digest.to_string() => {
                tracing::info!(sha256 = found, "the enclave runs with this configuration");
                configured();
            }
            _ => tracing::error!(target: "enclave", "{line}"),
        }
    }
}

/// Says that the heartbeat arrived.
pub(super) async fn answer_heartbeats(mut door: Door) {
    loop {
        let beat = async {
            let mut connection = door.accept().await?;
            if connection.read_u8().await? == HEARTBEAT {
                connection.write_all(&[HEARTBEAT]).await?;
                connection.shutdown().await?;
                tracing::info!("the enclave booted");
            }
            Ok::<_, std::io::Error>(())
        };
        if let Err(error) = beat.await {
            tracing::warn!(%error, "no heartbeat");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}
