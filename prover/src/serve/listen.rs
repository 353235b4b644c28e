//! Where the service listens: TCP, or vsock inside an enclave, which has no network.

use std::{fmt, net::SocketAddr, str::FromStr};

use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};
use tokio_vsock::{VMADDR_CID_ANY, VsockAddr, VsockListener};

use crate::{bounded::Bounded, error::Error};

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

impl Listen {
    /// Whether the system chooses the port.
    pub(super) const fn is_any_port(self) -> bool {
        matches!(self, Self::Tcp(address) if address.port() == 0)
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

/// Where connections come from.
pub(super) enum Door {
    Tcp(TcpListener),
    /// Its connections write in bounded pieces.
    Vsock(VsockListener),
}

/// A connection.
pub(super) type Stream = Box<dyn Duplex>;

/// What goes both ways.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Duplex for T {}

impl Door {
    /// Opens it. Errors: the address, with what the system says.
    pub(super) async fn open(field: &str, listen: Listen) -> Result<Self, Error> {
        let opened = match listen {
            Listen::Tcp(address) => TcpListener::bind(address).await.map(Self::Tcp),
            Listen::Vsock(port) => {
                VsockListener::bind(VsockAddr::new(VMADDR_CID_ANY, port)).map(Self::Vsock)
            }
        };
        let place = || field.to_owned();
        opened.map_err(|error| Error::Config { place: place(), why: format!("{listen}: {error}") })
    }

    /// Where it is.
    pub(super) fn address(&self) -> std::io::Result<Listen> {
        Ok(match self {
            Self::Tcp(listener) => Listen::Tcp(listener.local_addr()?),
            Self::Vsock(listener) => Listen::Vsock(listener.local_addr()?.port()),
        })
    }

    /// The next connection.
    pub(super) async fn accept(&mut self) -> std::io::Result<Stream> {
        Ok(match self {
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // One that is gone again is found out when it is read.
                let _ = stream.set_nodelay(true);
                Box::new(stream)
            }
            Self::Vsock(listener) => Box::new(Bounded::new(listener.accept().await?.0)),
        })
    }
}

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
