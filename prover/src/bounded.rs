//! Writes in bounded pieces, for vsock.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that writes at most [`PIECE`] bytes at a time.
#[derive(Debug)]
pub(crate) struct Bounded<S>(S);

/// Larger writes of an enclave are lost in vhost-device-vsock 0.3.0, which reads one descriptor of
/// each packet; 28 KiB were seen to arrive.
pub(crate) const PIECE: usize = 16 << 10;

impl<S> Bounded<S> {
    /// Bounds what is written to `stream`.
    pub(crate) const fn new(stream: S) -> Self {
        Self(stream)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

/// Vectored writes stay as they are by default: the first buffer alone.
impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let piece = bytes.get(..PIECE).unwrap_or(bytes);
        Pin::new(&mut self.0).poll_write(context, piece)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn a_large_write_arrives_in_pieces() {
        let (ours, mut theirs) = tokio::io::duplex(1 << 20);
        let mut ours = Bounded::new(ours);
        let bytes = vec![7; 3 * PIECE + 1];
        assert_eq!(ours.write(&bytes).await.unwrap(), PIECE);
        ours.write_all(&bytes[PIECE..]).await.unwrap();
        drop(ours);
        let mut arrived = Vec::new();
        theirs.read_to_end(&mut arrived).await.unwrap();
        assert_eq!(arrived, bytes);
    }
}
