//! What all sessions of the SFTP door share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lazaret_formats::path::TemporaryNames;
use tokio::sync::watch;

use super::ahead::Ahead;
use super::live::Live;
use super::pool::Pool;
use super::receipts::Archive;
use super::sessions::Sessions;
use super::strangers::Strangers;
use crate::auth::seen::Seen;
use crate::gate::Gate;

/// The door.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) gate: Arc<Gate>,
    pub(super) strangers: Arc<Strangers>,
    pub(super) sessions: Sessions,
    pub(super) live: Live,
    pub(super) archive: Archive,
    pub(super) pool: Arc<Pool>,
    pub(super) seen: Arc<Seen>,
    /// What may run ahead in all connections.
    pub(super) ahead: Ahead,
    temporary: TemporaryNames,
    /// Connections that are open.
    connections: AtomicUsize,
    /// Executors at work: at the end each leaves its uploads in order.
    working: watch::Sender<usize>,
}

/// One more connection, or executor, while this is held.
pub(super) struct Counted<'a>(&'a Door);

/// One executor at work.
#[derive(Debug)]
pub(super) struct Working(Arc<Door>);

impl Door {
    /// The door of this gate.
    pub(super) fn new(gate: Arc<Gate>, seen: Arc<Seen>) -> Door {
        Door {
            gate,
            strangers: Arc::default(),
            sessions: Sessions::default(),
            live: Live::default(),
            archive: Archive::default(),
            pool: Arc::default(),
            seen,
            ahead: Ahead::default(),
            temporary: TemporaryNames::default(),
            connections: AtomicUsize::new(0),
            working: watch::Sender::new(0),
        }
    }

    /// Whether a path bears a name under which clients upload before they rename.
    pub(super) fn is_temporary(&self, path: &str) -> bool {
        let name = path.rsplit('/').next().unwrap_or(path);
        self.temporary.is_temporary(name)
    }

    /// Counts a connection; how many there were before.
    pub(super) fn connect(&self) -> (Counted<'_>, usize) {
        let before = self.connections.fetch_add(1, Ordering::Relaxed);
        (Counted(self), before)
    }

    /// Counts an executor.
    pub(super) fn work(self: &Arc<Door>) -> Working {
        self.working.send_modify(|count| *count += 1);
        Working(Arc::clone(self))
    }

    /// Returns when no executor works.
    pub(super) async fn at_rest(&self) {
        let mut working = self.working.subscribe();
        drop(working.wait_for(|count| *count == 0).await);
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        self.0.working.send_modify(|count| *count = count.saturating_sub(1));
    }
}
