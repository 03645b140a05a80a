//! The socket under a session: reads gathered into few system calls, and a way to cut it from outside, whatever the session
//! is waiting for.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Bytes read from the socket at once. The transport asks for four bytes, then for the packet that they announce; without
/// this, each would be a system call.
const READ_BYTES: usize = 128 * 1024;

/// Cuts a line. Whoever holds it ends the session at once, without its help.
#[derive(Debug, Default)]
pub(super) struct Cut {
    done: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl Cut {
    /// Nothing more comes or goes.
    pub(super) fn now(&self) {
        self.done.store(true, Ordering::Release);
        self.reader.wake();
        self.writer.wake();
    }

    fn check(&self, waker: &AtomicWaker, context: &Context<'_>) -> io::Result<()> {
        waker.register(context.waker());
        if self.done.load(Ordering::Acquire) { Err(io::ErrorKind::ConnectionAborted.into()) } else { Ok(()) }
    }
}

/// A peer's connection.
#[derive(Debug)]
pub(super) struct Line {
    stream: TcpStream,
    cut: Arc<Cut>,
    /// What was read and not asked for yet: `buffer[taken..filled]`.
    buffer: Box<[u8]>,
    taken: usize,
    filled: usize,
}

impl Line {
    /// The line over this socket.
    pub(super) fn new(stream: TcpStream, cut: Arc<Cut>) -> Line {
        Line { stream, cut, buffer: Box::default(), taken: 0, filled: 0 }
    }

    fn give(&mut self, out: &mut ReadBuf<'_>) {
        let ready = self.buffer.get(self.taken..self.filled).unwrap_or_default();
        let count = ready.len().min(out.remaining());
        out.put_slice(ready.get(..count).unwrap_or_default());
        self.taken += count;
    }
}

impl AsyncRead for Line {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let line = self.get_mut();
        line.cut.check(&line.cut.reader, context)?;
        if line.taken < line.filled {
            line.give(out);
            return Poll::Ready(Ok(()));
        }
        if line.buffer.is_empty() {
            line.buffer = vec![0; READ_BYTES].into_boxed_slice();
        }
        let mut gathered = ReadBuf::new(&mut line.buffer);
        let polled = Pin::new(&mut line.stream).poll_read(context, &mut gathered);
        let filled = gathered.filled().len();
        (line.taken, line.filled) = (0, filled);
        if polled.is_ready() {
            line.give(out);
        }
        polled
    }
}

impl AsyncWrite for Line {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let line = self.get_mut();
        line.cut.check(&line.cut.writer, context)?;
        Pin::new(&mut line.stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TcpStream, Line, Arc<Cut>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let peer = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let cut = Arc::new(Cut::default());
        let line = Line::new(listener.accept().await.unwrap().0, Arc::clone(&cut));
        (peer, line, cut)
    }

    #[tokio::test]
    async fn bytes_come_in_order_whatever_is_asked_for() {
        let (mut peer, mut line, _cut) = pair().await;
        let sent: Vec<u8> = (0..300_000_u32).map(|n| n.to_le_bytes()[0]).collect();
        let expected = sent.clone();
        tokio::spawn(async move { peer.write_all(&sent).await.unwrap() });
        let mut got = Vec::new();
        for wanted in [4, 70_000, 1, 4, 150_000, 79_991] {
            let mut piece = vec![0; wanted];
            line.read_exact(&mut piece).await.unwrap();
            got.extend(piece);
        }
        assert!(got == expected);
        assert_eq!(line.read(&mut [0; 8]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_cut_line_ends_a_read_and_a_write_that_wait() {
        let (_peer, mut line, cut) = pair().await;
        let reading = tokio::spawn(async move { line.read(&mut [0; 8]).await.unwrap_err().kind() });
        cut.now();
        assert_eq!(reading.await.unwrap(), io::ErrorKind::ConnectionAborted);

        let (_peer, mut line, cut) = pair().await;
        let writing = tokio::spawn(async move { line.write_all(&vec![0; 1 << 26]).await.unwrap_err().kind() });
        cut.now();
        assert_eq!(writing.await.unwrap(), io::ErrorKind::ConnectionAborted);
    }
}
