//! One object on its way out, behind every door: who may collect it, the attempt recorded first, the bytes compared with what
//! was inspected before the last of them leaves, the end recorded.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lazaret_core::caller::Caller;
use lazaret_core::digest::Commitment;
use lazaret_core::id::{Id, Party, Transfer};
use lazaret_core::refusal::Refusal;
use lazaret_core::transfer::{Channel, DeliveryFault, Direction, TransferView};
use lazaret_store::view::LaneView;
use lazaret_vault::HashedReader;

use super::attempts::{Attempts, Share};
use super::collected::Ranges;
use crate::crossing;
use crate::error::{Error, Fault, Result};
use crate::gate::Gate;

/// May this caller collect from this lane? People of the hospital whom an inward lane names; the party of an outward one.
pub fn may_collect(caller: &Caller, lane: &LaneView) -> bool {
    match lane.terms.direction {
        Direction::In => {
            let named = |person| lane.terms.recipients.contains(&person);
            caller.is_hospital_person() && caller.person().is_some_and(named)
        }
        Direction::Out => caller.party() == Some(lane.party),
    }
}

/// Lanes from which this caller may collect.
///
/// # Errors
/// A fault of the store.
pub fn lanes_of(gate: &Gate, caller: &Caller) -> Result<Vec<LaneView>> {
    let lanes = gate.read(|view, _| match caller.party() {
        Some(party) => view.lanes_of(party, Direction::Out),
        None => view.lanes(Direction::In),
    })?;
    Ok(lanes.into_iter().filter(|lane| may_collect(caller, lane)).collect())
}

/// The lane of this name, if the caller may collect from it. To outsiders unknown and forbidden look alike.
///
/// # Errors
/// `NotFound`
pub fn lane(gate: &Gate, caller: &Caller, name: &str) -> Result<LaneView> {
    let lane = gate.read(|view, _| view.lane_by_name(name))?;
    lane.filter(|lane| may_collect(caller, lane)).ok_or(Error::Refused(Refusal::NotFound))
}

/// A release that was recorded a moment ago is signed within this time, unless something is wrong.
const KEY_MOVES_MAX: Duration = Duration::from_secs(3);

/// Waits until what was released can be opened: its key moves once the release is under a signature.
///
/// # Errors
/// It did not in time (try again); a fault of store or vault.
async fn wait_for_key(gate: &Arc<Gate>, transfer: Id<Transfer>) -> Result<()> {
    let mut sizes = gate.log.sizes();
    let deadline = tokio::time::Instant::now() + KEY_MOVES_MAX;
    loop {
        sizes.mark_unchanged();
        if crossing::hand_over(gate, transfer).await? {
            return Ok(());
        }
        if tokio::time::timeout_at(deadline, sizes.changed()).await.is_err() {
            return Err(Error::Fault(Fault::Busy));
        }
    }
}

/// One object on its way out. Dropped before [`Outgoing::finish`], its attempt is recorded as aborted, unless its recipient
/// goes on with it soon.
pub struct Outgoing {
    gate: Arc<Gate>,
    caller: Caller,
    transfer: Id<Transfer>,
    party: Id<Party>,
    size_bytes: u64,
    share: Share,
    reader: Option<HashedReader>,
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing").field("transfer", &self.transfer).finish_non_exhaustive()
    }
}

impl Outgoing {
    /// Waits for the key where the release was a moment ago, records the attempt if none is under way, then opens the object.
    /// Nothing has left yet.
    ///
    /// # Errors
    /// Isolation; not released, or no longer allowed; the key did not move in time (try again): then nothing is recorded.
    pub async fn begin(gate: &Arc<Gate>, caller: &Caller, view: &TransferView, channel: Channel) -> Result<Outgoing> {
        if gate.is_isolated(view.party) {
            return Err(Refusal::Isolated.into());
        }
        // Before the attempt: that the key has not moved is our affair, and nothing that a recipient failed in.
        wait_for_key(gate, view.transfer).await?;
        let (cleared, share) = Attempts::begin(gate, caller, view.transfer, channel).await?;
        let reader =
            gate.vault.open_for_delivery(cleared).await.inspect_err(|_| share.failed(DeliveryFault::ReadFailed))?;
        Ok(Outgoing {
            gate: Arc::clone(gate),
            caller: caller.clone(),
            transfer: view.transfer,
            party: view.party,
            size_bytes: reader.size_bytes(),
            share,
            reader: Some(HashedReader::new(reader)),
        })
    }

    /// Plaintext bytes.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Bytes from an offset on; fewer only at the end.
    ///
    /// # Errors
    /// Isolation meanwhile; a chunk that does not authenticate.
    pub async fn read(&mut self, offset: u64, length: usize) -> Result<Bytes> {
        let (mut buffer, count) = self.read_into(offset, vec![0; length]).await?;
        buffer.truncate(count);
        Ok(Bytes::from(buffer))
    }

    /// Fills a buffer from an offset on; how many bytes it got, fewer only at the end.
    ///
    /// # Errors
    /// As [`Outgoing::read`].
    pub async fn read_into<B: AsMut<[u8]> + Send + 'static>(
        &mut self,
        offset: u64,
        mut buffer: B,
    ) -> Result<(B, usize)> {
        if self.gate.is_isolated(self.party) {
            self.share.failed(DeliveryFault::NoLongerCleared);
            return Err(Refusal::Isolated.into());
        }
        let Some(mut reader) = self.reader.take() else { return Err(Error::internal("the object is closed")) };
        let reading = tokio::task::spawn_blocking(move || {
            let count = reader.read_at(offset, buffer.as_mut());
            (reader, count.map(|count| (buffer, count)))
        });
        let (reader, read) = reading.await.map_err(Error::internal)?;
        self.reader = Some(reader);
        Ok(read.inspect_err(|_| self.share.failed(DeliveryFault::ReadFailed))?)
    }

    /// Compares the whole with what was inspected, before its last byte leaves. Reading may go on.
    ///
    /// # Errors
    /// Other bytes than were inspected, or a chunk that does not authenticate.
    pub async fn vouch(&mut self) -> Result<Commitment> {
        let Some(mut reader) = self.reader.take() else { return Err(Error::internal("the object is closed")) };
        let vouching = tokio::task::spawn_blocking(move || {
            let streamed = reader.vouch();
            (reader, streamed)
        });
        let (reader, streamed) = vouching.await.map_err(Error::internal)?;
        self.reader = Some(reader);
        let streamed = streamed.inspect_err(|_| self.share.failed(DeliveryFault::ReadFailed))?;
        let content = streamed.content.commitment;
        if self.gate.read(|view, _| view.transfer(self.transfer))?.is_some_and(|found| found.content == content) {
            return Ok(content);
        }
        self.share.failed(DeliveryFault::ContentDiffers);
        Err(Refusal::DigestMismatch.into())
    }

    /// One request or handle is over. What it gave is noted; with that the recipient may have every byte, and then the delivery
    /// is recorded. Where that fails, what was given stays known: whoever repeats its last piece has it recorded then.
    ///
    /// # Errors
    /// As [`Outgoing::finish`].
    pub async fn close(self, given: &Ranges) -> Result<()> {
        let (gate, actor, transfer, bytes) =
            (Arc::clone(&self.gate), self.caller.actor(), self.transfer, self.size_bytes);
        if !gate.collected.add(actor, transfer, given, bytes) {
            return Ok(());
        }
        // In a task of its own: a recipient that hangs up now has every byte all the same.
        let finishing = tokio::spawn(async move {
            let finished = self.finish().await;
            // What is refused is so for good: it was taken back, or is not what was inspected.
            if matches!(finished, Err(Error::Fault(_))) {
                gate.collected.keep(actor, transfer, &Ranges::whole(bytes));
            }
            finished
        });
        finishing.await.map_err(Error::internal)?
    }

    /// The recipient has every byte: recorded, if what left is what was inspected.
    ///
    /// # Errors
    /// Other bytes than were inspected: nothing counts as delivered.
    pub async fn finish(mut self) -> Result<()> {
        let content = self.vouch().await?;
        if self.share.is_delivered() {
            return Ok(());
        }
        // In a task of its own: what is recorded as delivered is not recorded as aborted, though the recipient hung up.
        let recording = tokio::spawn(async move {
            crossing::deliver(&self.gate, &self.caller, self.transfer, content).await?;
            self.share.delivered();
            self.gate.collected.forget(self.caller.actor(), self.transfer);
            Ok(())
        });
        recording.await.map_err(Error::internal)?
    }
}

#[cfg(test)]
mod tests {
    use lazaret_core::event::Event;

    use super::*;
    use crate::testing::TestGate;

    #[tokio::test]
    async fn a_key_that_has_not_moved_makes_no_attempt_of_its_recipient() {
        let gate = TestGate::new().await;
        let view = gate.released("a.txt", b"content".to_vec()).await;
        let priya = gate.person("priya");
        let attempts = || {
            let about = gate.read(|view_of, _| view_of.entries_about(view.transfer.cast())).unwrap();
            about.iter().filter(|entry| matches!(entry.event, Event::DeliveryBegun(_))).count()
        };
        let too_early = Outgoing::begin(&gate, &priya, &view, Channel::Https).await;
        assert!(matches!(too_early, Err(Error::Fault(Fault::Busy))));
        assert_eq!(attempts(), 0, "that was our affair");
        gate.seal();
        let _outgoing = Outgoing::begin(&gate, &priya, &view, Channel::Https).await.unwrap();
        assert_eq!(attempts(), 1);
    }
}
