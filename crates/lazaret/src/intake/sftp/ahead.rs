//! Memory for WRITEs that run ahead of the byte that is due: so much for one connection, and so much for all together. Who is
//! over it is told so; clients that pipeline in order never are.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One connection's, however many files it has open: two windows.
const PER_CONNECTION_BYTES: usize = 32 << 20;
/// All connections' together.
const ALL_BYTES: usize = 256 << 20;
/// What a piece costs beside its bytes: a million of single bytes is not a megabyte.
const PIECE_BYTES: usize = 256;

/// What may run ahead in one connection.
#[derive(Debug, Clone)]
pub(super) struct Ahead {
    connection: Arc<Semaphore>,
    all: Arc<Semaphore>,
}

/// What one piece uses, until dropped.
#[derive(Debug)]
pub(super) struct Room {
    _connection: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

impl Default for Ahead {
    /// The whole door's; [`Ahead::of_connection`] has its part of it.
    fn default() -> Ahead {
        Ahead { connection: Arc::new(Semaphore::new(PER_CONNECTION_BYTES)), all: Arc::new(Semaphore::new(ALL_BYTES)) }
    }
}

impl Ahead {
    /// One connection's part.
    pub(super) fn of_connection(&self) -> Ahead {
        Ahead { connection: Arc::new(Semaphore::new(PER_CONNECTION_BYTES)), all: Arc::clone(&self.all) }
    }

    /// Room for a piece of so many bytes, if there is.
    pub(super) fn room(&self, bytes: usize) -> Option<Room> {
        let cost = u32::try_from(bytes.saturating_add(PIECE_BYTES)).ok()?;
        let take = |from: &Arc<Semaphore>| Arc::clone(from).try_acquire_many_owned(cost).ok();
        Some(Room { _connection: take(&self.connection)?, _all: take(&self.all)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_connection_and_all_together_have_an_end_and_what_is_dropped_is_free_again() {
        let piece = (1 << 20) - PIECE_BYTES;
        let door = Ahead::default();
        let fill = |ahead: &Ahead| std::iter::from_fn(|| ahead.room(piece)).collect::<Vec<_>>();
        let mut held: Vec<Vec<Room>> = (0..8).map(|_| fill(&door.of_connection())).collect();
        assert!(held.iter().all(|rooms| rooms.len() == 32));
        let late = door.of_connection();
        assert!(late.room(1).is_none());
        held.pop();
        assert!(late.room(1).is_some());
        // Single bytes are not free.
        assert!(fill_with(&door.of_connection(), 1) <= PER_CONNECTION_BYTES / PIECE_BYTES);
    }

    fn fill_with(ahead: &Ahead, bytes: usize) -> usize {
        std::iter::from_fn(|| ahead.room(bytes)).collect::<Vec<_>>().len()
    }
}
