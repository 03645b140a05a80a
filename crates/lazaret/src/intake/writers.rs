//! One writer for each kept upload. A newer one wins: the older keeps its bytes, makes them durable and gives way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use lazaret_core::id::{Id, Upload};
use tokio::sync::{OwnedMutexGuard, watch};

/// How long a newer writer waits for an older one to give way.
const GIVE_WAY_MAX: Duration = Duration::from_secs(3);

/// Who writes to which upload.
#[derive(Debug, Default)]
pub struct Writers {
    slots: Mutex<HashMap<Id<Upload>, Slot>>,
}

#[derive(Debug, Clone)]
struct Slot {
    /// Counts writers that came; the one that holds the turn gives way when it grows.
    asked: Arc<watch::Sender<u64>>,
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// The right to write to an upload, or to end it, until every copy is dropped: its file may be written still when whoever
/// took the bytes has gone.
#[derive(Debug, Clone)]
pub struct Turn {
    upload: Id<Upload>,
    /// How many writers had come when this one did.
    number: u64,
    asked: watch::Receiver<u64>,
    _turn: Arc<OwnedMutexGuard<()>>,
}

impl Writers {
    /// Asks whoever writes to give way, and waits for the turn; none if they do not within three seconds.
    pub async fn turn(&self, upload: Id<Upload>) -> Option<Turn> {
        self.turn_within(upload, GIVE_WAY_MAX).await
    }

    /// The turn, if nobody has it: whoever writes is not asked to give way.
    pub fn turn_if_free(&self, upload: Id<Upload>) -> Option<Turn> {
        let slot = self.slot(upload);
        let number = *slot.asked.borrow();
        let turn = Arc::clone(&slot.turn).try_lock_owned().ok()?;
        Some(slot.turn_of(upload, number, turn))
    }

    async fn turn_within(&self, upload: Id<Upload>, limit: Duration) -> Option<Turn> {
        let slot = self.slot(upload);
        let mut number = 0;
        // Whoever comes while this one waits is newer than this one, though neither has the turn yet.
        slot.asked.send_modify(|count| {
            *count += 1;
            number = *count;
        });
        let turn = tokio::time::timeout(limit, Arc::clone(&slot.turn).lock_owned()).await.ok()?;
        Some(slot.turn_of(upload, number, turn))
    }

    fn slot(&self, upload: Id<Upload>) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        // Slots that nobody waits for or holds are forgotten, so that the map is as small as what is under way.
        slots.retain(|_, slot| Arc::strong_count(&slot.turn) > 1);
        let fresh = || Slot { asked: Arc::new(watch::Sender::new(0)), turn: Arc::default() };
        slots.entry(upload).or_insert_with(fresh).clone()
    }
}

impl Slot {
    fn turn_of(&self, upload: Id<Upload>, number: u64, turn: OwnedMutexGuard<()>) -> Turn {
        Turn { upload, number, asked: self.asked.subscribe(), _turn: Arc::new(turn) }
    }
}

impl Turn {
    /// The upload that it is the turn of.
    pub fn upload(&self) -> Id<Upload> {
        self.upload
    }

    /// Returns when a newer writer wants the turn.
    pub async fn given_up(&mut self) {
        let number = self.number;
        // The sender lives in the slot, which lives as long as this turn.
        drop(self.asked.wait_for(|count| *count > number).await);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn the_newest_writer_wins_once_the_older_gives_way() {
        let writers = Arc::new(Writers::default());
        let upload = Id::from_bytes([1; 16]);
        let mut older = writers.turn(upload).await.unwrap();
        let newer = tokio::spawn({
            let writers = Arc::clone(&writers);
            async move { writers.turn(upload).await.is_some() }
        });
        older.given_up().await;
        drop(older);
        assert!(newer.await.unwrap());
        assert!(writers.turn(Id::from_bytes([2; 16])).await.is_some());
    }

    #[tokio::test]
    async fn a_writer_that_came_while_another_waited_is_given_way_to() {
        let writers = Writers::default();
        let upload = Id::from_bytes([1; 16]);
        let first = writers.turn(upload).await.unwrap();
        let (mut second, mut third) = (Box::pin(writers.turn(upload)), Box::pin(writers.turn(upload)));
        assert!((&mut second).now_or_never().is_none() && (&mut third).now_or_never().is_none());
        drop(first);
        let mut second = second.await.unwrap();
        assert!(second.given_up().now_or_never().is_some(), "the third came before the second had its turn");
        drop(second);
        let mut third = third.await.unwrap();
        assert!(third.given_up().now_or_never().is_none(), "nobody is newer");
    }

    #[tokio::test]
    async fn a_writer_that_does_not_give_way_keeps_the_turn() {
        let writers = Writers::default();
        let upload = Id::from_bytes([1; 16]);
        let _stubborn = writers.turn(upload).await.unwrap();
        assert!(writers.turn_within(upload, Duration::from_millis(1)).await.is_none());
        assert!(writers.turn_if_free(upload).is_none());
    }

    #[tokio::test]
    async fn the_turn_is_free_only_when_its_last_copy_is_gone() {
        let writers = Writers::default();
        let upload = Id::from_bytes([1; 16]);
        let turn = writers.turn_if_free(upload).unwrap();
        let copy = turn.clone();
        drop(turn);
        assert!(writers.turn_if_free(upload).is_none());
        drop(copy);
        assert!(writers.turn_if_free(upload).is_some());
    }
}
