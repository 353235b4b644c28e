//! Where the service listens: TCP, or vsock inside an enclave, which has no network.

use std::{fmt, net::SocketAddr, str::FromStr, time::Duration};

use axum::serve::Listener;
use serde::{Deserialize, Serialize};
use tokio_vsock::{VMADDR_CID_ANY, VsockAddr, VsockListener, VsockStream};

use crate::bounded::Bounded;

/// An address: `ADDRESS:PORT`, or `vsock:PORT` on every CID of this machine.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum Listen {
    /// TCP.
    Tcp(SocketAddr),
    /// A port of vsock.
    Vsock(u32),
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(port) = text.strip_prefix("vsock:") {
            let port = port.parse().map_err(|error| format!("port {port}: {error}"))?;
            return Ok(Self::Vsock(port));
        }
        let address = text.parse::<SocketAddr>();
        address
            .map(Self::Tcp)
            .map_err(|error| format!("{error}; expected ADDRESS:PORT or vsock:PORT"))
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Vsock(port) => write!(f, "vsock:{port}"),
        }
    }
}

impl TryFrom<String> for Listen {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Listen> for String {
    fn from(listen: Listen) -> Self {
        listen.to_string()
    }
}

/// A listener on vsock whose connections write in bounded pieces.
pub(super) struct Vsock(VsockListener);

impl Vsock {
    pub(super) fn bind(port: u32) -> std::io::Result<Self> {
        VsockListener::bind(VsockAddr::new(VMADDR_CID_ANY, port)).map(Self)
    }
}

impl Listener for Vsock {
    type Io = Bounded<VsockStream>;
    type Addr = VsockAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            match self.0.accept().await {
                Ok((stream, address)) => return (Bounded::new(stream), address),
                Err(error) => {
                    tracing::warn!(%error, "no connection");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

/// After a connection could not be accepted: the reason, such as too many open files, may pass.
const PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_written_as_it_is_read() {
        for text in ["127.0.0.1:8547", "[::1]:80", "vsock:8547"] {
            assert_eq!(text.parse::<Listen>().unwrap().to_string(), text);
        }
        for text in ["vsock:", "vsock:-1", "vsock:4294967296", "localhost:80", "8547"] {
            assert!(text.parse::<Listen>().is_err(), "{text}");
        }
    }
}
