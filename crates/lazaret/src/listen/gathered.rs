//! A socket read in large pieces. rustls asks for 4 KiB at a time, so that a record of 16 KiB would be five system calls.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes asked of the socket at first; what a peer that says little costs.
const FEW_BYTES: usize = 4 * 1024;
/// Bytes asked of the socket once it has shown that it has as many.
const MANY_BYTES: usize = 64 * 1024;

/// A stream whose reads are gathered; its writes go straight through.
#[derive(Debug)]
pub(super) struct Gathered<S> {
    stream: S,
    buffer: Vec<u8>,
    /// What of the buffer is read and not yet given.
    from: usize,
    to: usize,
}

impl<S> Gathered<S> {
    pub(super) fn new(stream: S) -> Gathered<S> {
        Gathered { stream, buffer: Vec::new(), from: 0, to: 0 }
    }
}

impl<S: AsyncRead + Unpin> Gathered<S> {
    /// Fills the empty buffer; it grows after each time that it became full.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let was_filled = self.to == self.buffer.len();
        if was_filled && self.buffer.len() < MANY_BYTES {
            self.buffer.resize((self.buffer.len() * 2).max(FEW_BYTES), 0);
        }
        (self.from, self.to) = (0, 0);
        let mut space = ReadBuf::new(&mut self.buffer);
        ready!(Pin::new(&mut self.stream).poll_read(context, &mut space))?;
        self.to = space.filled().len();
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gathered<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.from == self.to {
            ready!(self.poll_fill(context))?;
        }
        let held = self.buffer.get(self.from..self.to).unwrap_or_default();
        let (given, _) = held.split_at(held.len().min(into.remaining()));
        into.put_slice(given);
        self.from += given.len();
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gathered<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn every_byte_comes_once_and_in_order_whatever_is_asked_for() {
        let sent: Vec<u8> = (0..=250).cycle().take(1_000_003).collect();
        let (mut one, other) = tokio::io::duplex(MANY_BYTES + 7);
        let bytes = sent.clone();
        let sending = tokio::spawn(async move {
            one.write_all(&bytes).await.unwrap();
            one.shutdown().await.unwrap();
        });
        let mut stream = Gathered::new(other);
        let mut got = Vec::new();
        for size in (1..).map(|n| 1 + n * 37 % 5_000) {
            let mut piece = vec![0; size];
            let count = stream.read(&mut piece).await.unwrap();
            if count == 0 {
                break;
            }
            got.extend_from_slice(&piece[..count]);
        }
        assert!(got == sent);
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0, "the end stays the end");
        sending.await.unwrap();
    }

    #[tokio::test]
    async fn a_peer_that_says_little_costs_little() {
        let (mut one, other) = tokio::io::duplex(MANY_BYTES);
        let mut stream = Gathered::new(other);
        for _ in 0..40 {
            one.write_all(b"little").await.unwrap();
            assert_eq!(stream.read(&mut [0; 100]).await.unwrap(), 6);
        }
        assert_eq!(stream.buffer.len(), FEW_BYTES);
    }
}
