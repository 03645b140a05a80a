//! The SFTP door: our own server of SFTP version 3 over SSH.
//!
//! Reading order: [`transport`] (what SSH offers, sign-in, channels), [`inbox`] and [`outbox`] (how requests come and answers
//! go without one waiting for the other), [`session`] (the executor), [`requests`] (what each request means), [`tree`] (what a
//! path names), [`upload`] and [`download`] (bytes in and out), [`names`], [`folders`], [`exits`], [`receipts`] (the rest of
//! the tree). Nothing here decides who may send: that is [`crate::crossing`].

mod ahead;
mod days;
mod door;
mod download;
mod exits;
mod folders;
mod inbox;
mod line;
mod listing;
mod live;
mod login;
mod names;
mod outbox;
mod pool;
mod receipts;
mod requests;
mod session;
mod sessions;
mod status;
mod strangers;
mod transport;
mod tree;
mod upload;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use russh::server::run_stream;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::Instant;

use crate::auth::seen::Seen;
use crate::auth::sshkey;
use crate::clock;
use crate::gate::Gate;
use door::Door;
use line::{Cut, Line};
pub(crate) use login::is_acceptable;
use strangers::{Network, Offence, Place};
use transport::{Connection, Offers};

/// From accept to sign-in.
const GRACE: Duration = Duration::from_secs(30);
/// After an accept error (no descriptor left) the loop rests this long.
const ACCEPT_REST: Duration = Duration::from_millis(50);
/// Open uploads may end within this time once the gate drains; then they are kept for another day.
const DRAIN_MAX: Duration = Duration::from_secs(20);
/// What is cut then leaves its uploads in order within this time.
const LEAVE_MAX: Duration = Duration::from_secs(8);

/// Serves until `stop` turns true, then lets what runs end.
pub async fn run(
    gate: Arc<Gate>,
    listener: TcpListener,
    seen: Arc<Seen>,
    connections: Arc<Semaphore>,
    mut stop: watch::Receiver<bool>,
) {
    let host_key = match sshkey::host_key(&gate) {
        Ok(host_key) => host_key,
        Err(error) => {
            tracing::error!(%error, "the SFTP door stays closed: its host key does not open");
            return;
        }
    };
    let (door, offers) = (Arc::new(Door::new(gate, seen)), Arc::new(Offers::new(&host_key)));
    let watching = tokio::spawn(sessions::watch(Arc::clone(&door), stop.clone()));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let Ok((stream, peer)) = accepted else {
            tokio::time::sleep(ACCEPT_REST).await;
            continue;
        };
        // Over a cap the connection is closed at once: a waiting peer would cost memory all the same.
        let Ok(permit) = Arc::clone(&connections).try_acquire_owned() else { continue };
        let network = Network::of(peer.ip());
        let chance = u32::from_be_bytes(clock::random());
        let Some(place) = door.strangers.admit(network, Instant::now(), chance) else { continue };
        tokio::spawn(serve(Arc::clone(&door), Arc::clone(&offers), stream, peer, place, permit));
    }
    drop(listener);
    drop(tokio::time::timeout(DRAIN_MAX, sessions::drain(&door)).await);
    sessions::cut_all(&door);
    if tokio::time::timeout(LEAVE_MAX, door.at_rest()).await.is_err() {
        tracing::warn!("some SFTP sessions did not leave their uploads in order");
    }
    watching.abort();
}

/// One connection from its first byte to its last.
async fn serve(
    door: Arc<Door>,
    offers: Arc<Offers>,
    stream: TcpStream,
    peer: SocketAddr,
    place: Place,
    _permit: OwnedSemaphorePermit,
) {
    let (_connection, others) = door.connect();
    // Answers are joined by us; the kernel must not wait for more.
    drop(stream.set_nodelay(true));
    let (network, cut, signed_in) =
        (Network::of(peer.ip()), Arc::new(Cut::default()), Arc::new(AtomicBool::new(false)));
    let connection = Connection::new(Arc::clone(&door), network, place, Arc::clone(&cut), Arc::clone(&signed_in));
    let session = async {
        let line = Line::new(stream, Arc::clone(&cut));
        run_stream(offers.beside(others), line, connection).await?.await
    };
    tokio::pin!(session);
    let outcome = tokio::select! {
        outcome = &mut session => outcome,
        () = tokio::time::sleep(GRACE) => {
            if !signed_in.load(Ordering::Acquire) {
                door.strangers.punish(network, Offence::Dawdled, Instant::now());
                cut.now();
            }
            session.await
        }
    };
    if let Err(russh::Error::Join(_)) = outcome {
        // A bug that a peer found: whoever looks for more has to wait.
        tracing::error!("an SSH session met a bug");
        door.strangers.punish(network, Offence::Crashed, Instant::now());
    }
}
