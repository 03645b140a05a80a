//! The accept loop of the HTTPS doors: caps on connections, a time limit on each phase before a request, TLS, then hyper.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

/// A TLS handshake takes this long at most.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// A request's head takes this long at most.
const HEAD_MAX: Duration = Duration::from_secs(10);
/// Bytes that one HTTP/1 connection buffers; the head alone is held to [`super::api::HEAD_BYTES_MAX`].
const BUFFER_BYTES_MAX: usize = 256 * 1024;
/// Streams on one HTTP/2 connection.
const STREAMS_MAX: u32 = 64;
/// Flow-control window of one HTTP/2 stream, and of one connection.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 2 << 20;
/// A silent HTTP/2 peer is asked this often whether it is there.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// After an accept error (no descriptor left) the loop rests this long.
const ACCEPT_REST: Duration = Duration::from_millis(50);
/// How much of a body that nobody reads is still taken, and for how long.
const UNREAD_BYTES_MAX: usize = 1 << 20;
const UNREAD_MAX: Duration = Duration::from_secs(5);
/// Running requests may end within this time once the gate drains.
pub const DRAIN_MAX: Duration = Duration::from_secs(30);

/// One HTTPS door.
pub struct Door {
    /// Where it listens.
    pub listener: TcpListener,
    /// Its certificate.
    pub tls: Arc<ServerConfig>,
    /// What it serves.
    pub router: Router,
    /// Connections at once.
    pub connections: Arc<Semaphore>,
}

impl Door {
    /// Serves until `stop` turns true, then lets what runs end.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let graceful = Arc::new(GracefulShutdown::new());
        let acceptor = TlsAcceptor::from(self.tls);
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            let Ok((stream, peer)) = accepted else {
                tokio::time::sleep(ACCEPT_REST).await;
                continue;
            };
            // Over the cap the connection is closed at once: a waiting peer would cost memory all the same.
            let Ok(permit) = Arc::clone(&self.connections).try_acquire_owned() else { continue };
            let connection = Connection { stream, peer, permit };
            tokio::spawn(connection.serve(acceptor.clone(), self.router.clone(), Arc::clone(&graceful)));
        }
        drop(self.listener);
        if let Some(graceful) = Arc::into_inner(graceful) {
            drop(tokio::time::timeout(DRAIN_MAX, graceful.shutdown()).await);
        }
    }
}

struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    permit: OwnedSemaphorePermit,
}

impl Connection {
    async fn serve(self, acceptor: TlsAcceptor, router: Router, graceful: Arc<GracefulShutdown>) {
        let _permit = self.permit;
        drop(self.stream.set_nodelay(true));
        let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_MAX, acceptor.accept(self.stream)).await else { return };
        let peer = self.peer;
        let service = router.map_request(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            request.map(|body| axum::body::Body::new(Lingering(Some(body))))
        });
        let mut builder = Builder::new(TokioExecutor::new());
        builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD_MAX).max_buf_size(BUFFER_BYTES_MAX);
        builder
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS_MAX)
            .max_header_list_size(super::api::HEAD_BYTES_MAX)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .keep_alive_interval(KEEP_ALIVE);
        let serving = builder.serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service));
        // A broken connection is the peer's affair; what it had begun ended with its body.
        drop(graceful.watch(serving.into_owned()).await);
    }
}

/// A request's body. What of it was not read when the answer is given is still taken for a moment: a stream that is reset
/// before the peer has read the answer looks to clients like a broken connection, and they try again.
struct Lingering(Option<Incoming>);

impl Body for Lingering {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.0 {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.0.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.0.as_ref().map(Body::size_hint).unwrap_or_default()
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let Some(mut body) = self.0.take().filter(|body| !body.is_end_stream()) else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(tokio::time::timeout(UNREAD_MAX, async move {
            let mut taken_bytes = 0;
            while let Some(Ok(frame)) = body.frame().await {
                taken_bytes += frame.data_ref().map_or(0, Bytes::len);
                if taken_bytes > UNREAD_BYTES_MAX {
                    return;
                }
            }
        }));
    }
}
