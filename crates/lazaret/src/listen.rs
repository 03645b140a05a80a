//! The accept loop of the HTTPS doors: caps on connections, a time limit on each phase before a request, TLS, then hyper.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::service::Service;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

/// A TLS handshake takes this long at most.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// A request's head takes this long at most, and so does the wait for it: hyper counts from the connection's beginning or the
/// answer before, and not from the head's first byte. Over HTTP/1 an idle connection is therefore ended after this long.
const HEAD_MAX: Duration = Duration::from_secs(10);
/// Bytes that one HTTP/1 connection buffers; the head alone is held to [`super::api::HEAD_BYTES_MAX`].
const BUFFER_BYTES_MAX: usize = 256 * 1024;
/// Streams on one HTTP/2 connection.
const STREAMS_MAX: u32 = 64;
/// Flow-control window of one HTTP/2 stream, and of one connection.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 2 << 20;
/// After an answer the next request comes within this time over HTTP/2, or the connection is ended. Over HTTP/1 [`HEAD_MAX`]
/// is shorter, and ends it first.
const IDLE_MAX: Duration = Duration::from_secs(120);
/// A silent HTTP/2 peer is asked this often whether it is there.
const KEEP_ALIVE: Duration = Duration::from_secs(60);
/// After an accept error (no descriptor left) the loop rests this long.
const ACCEPT_REST: Duration = Duration::from_millis(50);
/// How much of a body that nobody reads is still taken, and for how long.
const UNREAD_BYTES_MAX: usize = 1 << 20;
const UNREAD_MAX: Duration = Duration::from_secs(5);
/// Running requests may end within this time once the gate drains.
pub const DRAIN_MAX: Duration = Duration::from_secs(30);

/// Of the connections of a door, one network holds a quarter at most: a single peer cannot shut out everybody else.
const NETWORK_SHARE: usize = 4;

/// The network that a peer counts for: /24 of IPv4, /56 of IPv6. One that can take many addresses of it gains nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Network(Ipv6Addr);

impl Network {
    /// Of an address.
    pub(crate) fn of(address: IpAddr) -> Network {
        match address {
            IpAddr::V4(four) => {
                let [a, b, c, _] = four.octets();
                Network(std::net::Ipv4Addr::new(a, b, c, 0).to_ipv6_mapped())
            }
            IpAddr::V6(six) => match six.to_ipv4_mapped() {
                Some(four) => Network::of(IpAddr::V4(four)),
                None => Network(Ipv6Addr::from_bits(six.to_bits() >> 72 << 72)),
            },
        }
    }
}

/// How many may be connected to a door at once, in all and from one network.
#[derive(Debug)]
pub struct Room {
    free: Arc<Semaphore>,
    per_network_max: usize,
    by_network: Mutex<HashMap<Network, usize>>,
}

/// A connection's place; free again when dropped.
#[derive(Debug)]
struct Place {
    room: Arc<Room>,
    network: Network,
    _permit: OwnedSemaphorePermit,
}

impl Room {
    /// Room for so many, a part of it for one network.
    pub fn shared(connections_max: usize) -> Arc<Room> {
        Room::of(connections_max, (connections_max / NETWORK_SHARE).max(1))
    }

    /// Room for so many, wherever they are: for a door that only few can reach.
    pub fn open(connections_max: usize) -> Arc<Room> {
        Room::of(connections_max, connections_max)
    }

    fn of(connections_max: usize, per_network_max: usize) -> Arc<Room> {
        Arc::new(Room {
            free: Arc::new(Semaphore::new(connections_max)),
            per_network_max,
            by_network: Mutex::default(),
        })
    }

    fn admit(self: &Arc<Room>, network: Network) -> Option<Place> {
        let permit = Arc::clone(&self.free).try_acquire_owned().ok()?;
        let mut by_network = self.lock();
        let here = by_network.entry(network).or_default();
        if *here >= self.per_network_max {
            return None;
        }
        *here += 1;
        Some(Place { room: Arc::clone(self), network, _permit: permit })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Network, usize>> {
        // An addition or a removal under the lock.
        self.by_network.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut by_network = self.room.lock();
        let left = by_network.get_mut(&self.network).map_or(0, |count| {
            *count = count.saturating_sub(1);
            *count
        });
        if left == 0 {
            by_network.remove(&self.network);
        }
    }
}

/// One HTTPS door.
pub struct Door {
    /// Where it listens.
    pub listener: TcpListener,
    /// Its certificate.
    pub tls: Arc<ServerConfig>,
    /// What it serves.
    pub router: Router,
    /// Who may be connected at once.
    pub room: Arc<Room>,
}

impl Door {
    /// Serves until `stop` turns true, then lets what runs end.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut connections = JoinSet::new();
        let acceptor = TlsAcceptor::from(self.tls);
        loop {
            let accepted = tokio::select! {
                accepted = self.listener.accept() => accepted,
                Some(_) = connections.join_next() => continue,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            let Ok((stream, peer)) = accepted else {
                tokio::time::sleep(ACCEPT_REST).await;
                continue;
            };
            // Over a cap the connection is closed at once: a waiting peer would cost memory all the same.
            let Some(place) = self.room.admit(Network::of(peer.ip())) else { continue };
            let connection = Connection { stream, peer, place };
            connections.spawn(connection.serve(acceptor.clone(), self.router.clone(), stop.clone()));
        }
        drop(self.listener);
        // What has not ended by then is cut with the set.
        let ended = async { while connections.join_next().await.is_some() {} };
        drop(tokio::time::timeout(DRAIN_MAX, ended).await);
    }
}

struct Connection {
    stream: TcpStream,
    peer: SocketAddr,
    place: Place,
}

impl Connection {
    async fn serve(self, acceptor: TlsAcceptor, router: Router, mut stop: watch::Receiver<bool>) {
        let _place = self.place;
        drop(self.stream.set_nodelay(true));
        let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_MAX, acceptor.accept(self.stream)).await else { return };
        let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        let (peer, load) = (self.peer, watch::Sender::new(Load::default()));
        let requests = load.subscribe();
        let service = router.map_request(move |mut request: hyper::Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            request.map(|body| axum::body::Body::new(Lingering(Some(body))))
        });
        let service = Counted { service: TowerToHyperService::new(service), load };
        let builder = builder(h2);
        let serving = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        tokio::pin!(serving);
        // A broken connection is the peer's affair; what it had begun ended with its body.
        tokio::select! {
            _ = &mut serving => return,
            _ = stop.wait_for(|stop| *stop) => {}
            () = idle(requests.clone(), Patience::of_a_peer()) => {}
        }
        serving.as_mut().graceful_shutdown();
        tokio::select! {
            _ = &mut serving => {}
            () = idle(requests, Patience::of_a_peer()) => {}
        }
    }
}

/// Which protocol is spoken was agreed in the handshake: to wait for a preface that tells would be to wait without a limit.
fn builder(h2: bool) -> Builder<TokioExecutor> {
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
    if h2 { builder.http2_only() } else { builder.http1_only() }
}

/// Requests of one connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Load {
    /// Under way: from the head until the last byte of the answer.
    open: u64,
    /// Since the connection stands.
    begun: u64,
}

/// How long a connection may ask nothing.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// Before its first request.
    first: Duration,
    /// After an answer.
    next: Duration,
}

impl Patience {
    const fn of_a_peer() -> Patience {
        Patience { first: HEAD_MAX, next: IDLE_MAX }
    }
}

/// Ends when a connection asked nothing for too long. Pings do not count: a peer that only answers them wants nothing.
async fn idle(mut load: watch::Receiver<Load>, patience: Patience) {
    loop {
        let Ok(now) = load.wait_for(|load| load.open == 0).await.map(|load| *load) else { break };
        let limit = if now.begun == 0 { patience.first } else { patience.next };
        let next = load.wait_for(|load| load.begun != now.begun);
        match tokio::time::timeout(limit, next).await {
            Ok(Ok(_)) => {}
            Ok(Err(_)) => break,
            Err(_) => return,
        }
    }
    // The connection is gone, and its own end is what counts.
    std::future::pending().await
}

/// The router, counting what is under way.
struct Counted<S> {
    service: S,
    load: watch::Sender<Load>,
}

impl<S, B> Service<hyper::Request<Incoming>> for Counted<S>
where
    S: Service<hyper::Request<Incoming>, Response = hyper::Response<B>>,
    S::Future: Send + 'static,
    S::Error: 'static,
    B: 'static,
{
    type Response = hyper::Response<Held<B>>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn call(&self, request: hyper::Request<Incoming>) -> Self::Future {
        let under_way = UnderWay::begin(&self.load);
        let answer = self.service.call(request);
        Box::pin(async move { Ok(answer.await?.map(|body| Held { body, _under_way: under_way })) })
    }
}

/// One request, until dropped.
struct UnderWay(watch::Sender<Load>);

impl UnderWay {
    fn begin(load: &watch::Sender<Load>) -> UnderWay {
        load.send_modify(|load| {
            load.open += 1;
            load.begun += 1;
        });
        UnderWay(load.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|load| load.open = load.open.saturating_sub(1));
    }
}

/// An answer's body; its request is under way as long as it lives.
struct Held<B> {
    body: B,
    _under_way: UnderWay,
}

impl<B: Body + Unpin> Body for Held<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn from(address: &str) -> Network {
        Network::of(address.parse().unwrap())
    }

    #[test]
    fn one_network_takes_its_share_of_a_door_and_no_more() {
        let room = Room::shared(8);
        let first = (room.admit(from("2001:db8::1")), room.admit(from("2001:db8::ffff:2")));
        assert!(first.0.is_some() && first.1.is_some());
        assert!(room.admit(from("2001:db8:0:7::3")).is_none(), "a third of the same network");
        let others: Vec<_> = (0..6).filter_map(|n| room.admit(from(&format!("192.0.{n}.1")))).collect();
        assert_eq!(others.len(), 6);
        assert!(room.admit(from("198.51.100.1")).is_none(), "a ninth in all");
        drop(first);
        assert!(room.admit(from("2001:db8::4")).is_some());
    }

    #[test]
    fn a_door_that_few_can_reach_is_not_divided() {
        let room = Room::open(2);
        let places = [room.admit(from("127.0.0.1")), room.admit(from("127.0.0.1"))];
        assert!(places.iter().all(Option::is_some) && room.admit(from("127.0.0.1")).is_none());
    }

    #[tokio::test]
    async fn a_connection_without_a_request_ends_and_one_with_a_long_answer_stays() {
        let (soon, never) = (Duration::from_millis(1), Duration::from_secs(3_600));
        let load = watch::Sender::new(Load::default());
        let ends = |first, next| {
            let ended = idle(load.subscribe(), Patience { first, next });
            async { tokio::time::timeout(Duration::from_millis(100), ended).await.is_ok() }
        };
        assert!(ends(soon, never).await, "it asked nothing");
        assert!(!ends(never, soon).await, "its first request has more time");
        let long = UnderWay::begin(&load);
        assert!(!ends(soon, soon).await, "its answer is under way");
        drop(long);
        assert!(ends(never, soon).await, "it asked nothing more");
        assert!(!ends(soon, never).await, "its next request has more time");
    }
}
