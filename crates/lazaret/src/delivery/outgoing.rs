//! One object on its way out, behind every door: who may collect it, the attempt recorded first, the bytes compared with what
//! was inspected before the last of them leaves, the end recorded.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use lazaret_core::caller::Caller;
use lazaret_core::id::{Id, Party, Transfer};
use lazaret_core::refusal::Refusal;
use lazaret_core::transfer::{Channel, DeliveryFault, Direction, TransferView};
use lazaret_store::view::LaneView;
use lazaret_vault::HashedReader;

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
pub async fn wait_for_key(gate: &Arc<Gate>, transfer: Id<Transfer>) -> Result<()> {
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

/// One object on its way out. Dropped before [`Outgoing::finish`], the attempt is recorded as aborted.
pub struct Outgoing {
    gate: Arc<Gate>,
    caller: Caller,
    transfer: Id<Transfer>,
    party: Id<Party>,
    attempt: u32,
    reader: Option<HashedReader>,
    ended: bool,
}

impl std::fmt::Debug for Outgoing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outgoing").field("transfer", &self.transfer).finish_non_exhaustive()
    }
}

impl Outgoing {
    /// Records the attempt, then opens the object. Nothing has left yet.
    ///
    /// # Errors
    /// Isolation; not released, or no longer allowed; the key is not moved yet (try again).
    pub async fn begin(gate: &Arc<Gate>, caller: &Caller, view: &TransferView, channel: Channel) -> Result<Outgoing> {
        if gate.is_isolated(view.party) {
            return Err(Refusal::Isolated.into());
        }
        let (cleared, attempt) = crossing::begin_delivery(gate, caller, view.transfer, channel).await?;
        let mut outgoing = Outgoing {
            gate: Arc::clone(gate),
            caller: caller.clone(),
            transfer: view.transfer,
            party: view.party,
            attempt,
            reader: None,
            ended: false,
        };
        // Released a moment ago: the key moves once the release is under a signature. Whoever asks in between does not have to
        // wait for the reconciler, which does the same.
        if !crossing::hand_over(gate, view.transfer).await? {
            return Err(Error::Fault(Fault::Busy));
        }
        outgoing.reader = Some(HashedReader::new(gate.vault.open_for_delivery(cleared).await?));
        Ok(outgoing)
    }

    /// Plaintext bytes.
    pub fn size_bytes(&self) -> u64 {
        self.reader.as_ref().map_or(0, HashedReader::size_bytes)
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
            return Err(Refusal::Isolated.into());
        }
        let Some(mut reader) = self.reader.take() else { return Err(Error::internal("the object is closed")) };
        let reading = tokio::task::spawn_blocking(move || {
            let count = reader.read_at(offset, buffer.as_mut());
            (reader, count.map(|count| (buffer, count)))
        });
        let (reader, read) = reading.await.map_err(Error::internal)?;
        self.reader = Some(reader);
        Ok(read?)
    }

    /// Compares the whole with what was inspected, before its last byte leaves. Reading may go on.
    ///
    /// # Errors
    /// Other bytes than were inspected, or a chunk that does not authenticate.
    pub async fn vouch(&mut self) -> Result<()> {
        let Some(mut reader) = self.reader.take() else { return Err(Error::internal("the object is closed")) };
        let vouching = tokio::task::spawn_blocking(move || {
            let streamed = reader.vouch();
            (reader, streamed)
        });
        let (reader, streamed) = vouching.await.map_err(Error::internal)?;
        self.reader = Some(reader);
        let expected = self.gate.read(|view, _| view.content(self.transfer))?;
        if expected == Some(streamed?.content.commitment) { Ok(()) } else { Err(Refusal::DigestMismatch.into()) }
    }

    /// The recipient has every byte: recorded, if what left is what was inspected.
    ///
    /// # Errors
    /// Other bytes than were inspected: nothing counts as delivered.
    pub async fn finish(mut self) -> Result<()> {
        let Some(reader) = self.reader.take() else { return Err(Error::internal("the object is closed")) };
        let streamed = crate::vault::joined(tokio::task::spawn_blocking(move || reader.finish()).await)?;
        let content = streamed.content.commitment;
        crossing::deliver(&self.gate, &self.caller, self.transfer, content).await?;
        self.ended = true;
        Ok(())
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let (gate, caller) = (Arc::clone(&self.gate), self.caller.clone());
        let (transfer, attempt) = (self.transfer, self.attempt);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let aborted =
                    crossing::abort_delivery(&gate, &caller, transfer, attempt, DeliveryFault::PeerLeft).await;
                if let Err(error) = aborted {
                    tracing::warn!(%error, reference = %transfer.reference(), "an aborted delivery was not recorded");
                }
            });
        }
    }
}
