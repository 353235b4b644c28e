//! Ways to an enclave: AF_VSOCK, or the unix sockets that vhost-device-vsock (and Firecracker) has in
//! its place.

use std::{fmt, fs, io, os::unix::fs::FileTypeExt as _, path::PathBuf, str::FromStr};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{UnixListener, UnixStream},
};
use tokio_vsock::{VMADDR_CID_ANY, VsockAddr, VsockListener, VsockStream};

use crate::bounded::Bounded;

/// Where an enclave is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Enclave {
    /// `unix:PATH`. To the enclave's port: connect to PATH, send `CONNECT PORT`, read `OK …`. From the
    /// enclave: a socket `PATH_PORT`.
    Unix(PathBuf),
    /// `vsock:CID`.
    Vsock(u32),
}

/// A connection, whatever its kind.
pub(super) type Connection = Box<dyn Duplex>;

/// Bytes both ways.
pub(super) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// Takes the enclave's connections to one port.
pub(super) enum Door {
    Unix(UnixListener),
    Vsock(VsockListener),
}

impl Enclave {
    /// Whether it runs under QEMU.
    pub const fn is_emulated(&self) -> bool {
        matches!(self, Self::Unix(_))
    }

    /// Connects to a port of the enclave's.
    pub(super) async fn connect(&self, port: u32) -> io::Result<Connection> {
        match self {
            Self::Vsock(cid) => {
                let stream = VsockStream::connect(VsockAddr::new(*cid, port)).await?;
                Ok(Box::new(Bounded::new(stream)))
            }
            Self::Unix(path) => {
                let mut stream = UnixStream::connect(path).await?;
                stream.write_all(format!("CONNECT {port}\n").as_bytes()).await?;
                // Byte by byte: what follows the line is the enclave's.
                let mut answer = Vec::new();
                while answer.last() != Some(&b'\n') && answer.len() < 64 {
                    answer.push(stream.read_u8().await?);
                }
                if !answer.starts_with(b"OK ") {
                    let said = String::from_utf8_lossy(&answer).trim().to_owned();
                    let why = format!("expected `OK`, found `{said}`");
                    return Err(io::Error::new(io::ErrorKind::ConnectionRefused, why));
                }
                Ok(Box::new(Bounded::new(stream)))
            }
        }
    }

    /// Takes what the enclave connects to: a port of its parent's.
    pub(super) fn listen(&self, port: u32) -> io::Result<Door> {
        match self {
            Self::Vsock(_) => {
                VsockListener::bind(VsockAddr::new(VMADDR_CID_ANY, port)).map(Door::Vsock)
            }
            Self::Unix(_) => {
                let path = self.door(port);
                // Left behind by a process that was killed: nobody answers there.
                let stale = fs::symlink_metadata(&path).is_ok_and(|is| is.file_type().is_socket())
                    && std::os::unix::net::UnixStream::connect(&path).is_err();
                if stale {
                    fs::remove_file(&path)?;
                }
                UnixListener::bind(path).map(Door::Unix)
            }
        }
    }

    /// What a port of the parent's is called.
    pub(super) fn door(&self, port: u32) -> String {
        match self {
            Self::Unix(path) => format!("{}_{port}", path.display()),
            Self::Vsock(_) => format!("vsock:{port}"),
        }
    }
}

impl Door {
    pub(super) async fn accept(&mut self) -> io::Result<Connection> {
        Ok(match self {
            Self::Unix(listener) => Box::new(Bounded::new(listener.accept().await?.0)),
            Self::Vsock(listener) => Box::new(Bounded::new(listener.accept().await?.0)),
        })
    }
}

impl FromStr for Enclave {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("unix", path)) if !path.is_empty() => Ok(Self::Unix(path.into())),
            Some(("vsock", cid)) => match cid.parse() {
                // 0 to 3 are the hypervisor, this machine, the host and the parent.
                Ok(cid) if cid > 3 => Ok(Self::Vsock(cid)),
                _ => Err(format!("{cid} is no enclave's CID: expected 4 or more")),
            },
            _ => Err("expected unix:PATH or vsock:CID".to_owned()),
        }
    }
}

impl fmt::Display for Enclave {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Vsock(cid) => write!(f, "vsock:{cid}"),
        }
    }
}
