//! One object on its way out behind a read handle: read ahead, compared with what was inspected before its last byte is
//! served, delivered once one principal has read all of it and closed it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use lazaret_core::id::{Actor, Id, Transfer};
use lazaret_core::refusal::Refusal;
use lazaret_core::transfer::{Channel, TransferView};
use lazaret_formats::sftp::DATA_BYTES_MAX;
use tokio::task::JoinHandle;

use super::pool::Buffer;
use super::session::Acting;
use super::status::{Act, Trouble};
use crate::delivery::outgoing::{Outgoing, wait_for_key};
use crate::error::{Error, Result};

/// Bytes read from the vault at once. One block is served while the next is read, and four wait to be sent: together they
/// are more than a megabyte ahead of the peer.
const BLOCK_BYTES: usize = 256 * 1024;
/// Pieces of one object that are remembered; who jumps about more than this acknowledges by REMOVE.
const RANGES_MAX: usize = 1_024;
/// Objects whose collected pieces are remembered beyond their handle.
const REMEMBERED_MAX: usize = 4_096;

/// Which bytes of an object were served: ranges that neither overlap nor touch, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    /// Adds a range.
    fn add(&mut self, from: u64, to: u64) {
        let first = self.0.partition_point(|&(_, end)| end < from);
        let after = self.0.partition_point(|&(start, _)| start <= to);
        let joined = self.0.get(first..after).unwrap_or_default();
        let from = joined.first().map_or(from, |&(start, _)| start.min(from));
        let to = joined.last().map_or(to, |&(_, end)| end.max(to));
        self.0.splice(first..after.max(first), [(from, to)]);
        self.0.truncate(RANGES_MAX);
    }

    fn is_all(&self, bytes: u64) -> bool {
        bytes == 0 || self.0.as_slice() == [(0, bytes)]
    }
}

/// Pieces that were collected by handles that are closed: a client that lost its connection fetches the rest by another.
#[derive(Debug, Default)]
pub(super) struct Collected {
    pieces: Mutex<HashMap<Collecting, Ranges>>,
}

/// Who collects what.
type Collecting = (Id<Actor>, Id<Transfer>);

impl Collected {
    /// Adds what one handle served; whether it is everything now.
    fn add(&self, actor: Id<Actor>, transfer: Id<Transfer>, served: &Ranges, bytes: u64) -> bool {
        // A panic under the lock can only come from running out of memory.
        let mut pieces = self.pieces.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all = pieces.remove(&(actor, transfer)).unwrap_or_default();
        served.0.iter().for_each(|&(from, to)| all.add(from, to));
        let complete = all.is_all(bytes);
        if !complete && pieces.len() < REMEMBERED_MAX {
            pieces.insert((actor, transfer), all);
        }
        complete
    }
}

/// One object being collected.
#[derive(Debug)]
pub(super) struct Download {
    view: TransferView,
    size: u64,
    source: Source,
    block: Bytes,
    block_at: u64,
    vouched: bool,
    served: Ranges,
    touched: bool,
}

/// A block, and what it was read from.
type Read = (Box<Outgoing>, Result<Bytes>);

/// Where the next block comes from.
#[derive(Debug)]
enum Source {
    Ready(Box<Outgoing>),
    /// Being read, from this offset on.
    Ahead(u64, JoinHandle<Read>),
    /// A read was cut short by a bug of ours.
    Lost,
}

impl Download {
    /// Records the attempt and opens the object. No byte has left yet.
    ///
    /// # Errors
    /// Isolation; not released any more; the key is not moved yet.
    pub(super) async fn open(acting: &Acting, view: TransferView) -> Act<Download> {
        wait_for_key(&acting.gate, view.transfer).await?;
        let outgoing = Outgoing::begin(&acting.gate, &acting.caller, &view, Channel::Sftp).await?;
        Ok(Download {
            size: outgoing.size_bytes(),
            view,
            source: Source::Ready(Box::new(outgoing)),
            block: Bytes::new(),
            block_at: 0,
            vouched: false,
            served: Ranges::default(),
            touched: false,
        })
    }

    /// Bytes in all.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// What it is of.
    pub(super) fn view(&self) -> &TransferView {
        &self.view
    }

    /// The bytes at an offset, fewer only at the end; nothing past it.
    ///
    /// # Errors
    /// Isolation meanwhile; a chunk that does not authenticate; other bytes than were inspected.
    pub(super) async fn read(&mut self, acting: &Acting, offset: u64, bytes: u32) -> Act<Option<Bytes>> {
        if acting.gate.is_isolated(self.view.party) {
            return Err(Refusal::Isolated.into());
        }
        self.touched = true;
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = usize::try_from(bytes).unwrap_or(usize::MAX).min(DATA_BYTES_MAX).min(left);
        if wanted == 0 {
            return Ok(None);
        }
        let end = offset + wanted as u64;
        let piece = self.gather(acting, offset, wanted).await?;
        if end == self.size && !self.vouched {
            self.outgoing().await?.vouch().await?;
            self.vouched = true;
        }
        self.served.add(offset, end);
        Ok(Some(piece))
    }

    async fn gather(&mut self, acting: &Acting, offset: u64, wanted: usize) -> Act<Bytes> {
        if let Some(piece) = self.in_block(offset, wanted) {
            return Ok(piece);
        }
        let mut gathered = BytesMut::with_capacity(wanted);
        while gathered.len() < wanted {
            let at = offset + gathered.len() as u64;
            if self.in_block(at, 1).is_none() {
                self.fetch(acting, at, wanted).await?;
            }
            let skip = usize::try_from(at - self.block_at).map_err(Error::internal)?;
            let count = (self.block.len().saturating_sub(skip)).min(wanted - gathered.len());
            if count == 0 {
                return Err(Error::internal("an object shorter than its own length").into());
            }
            if gathered.is_empty() && count == wanted {
                return Ok(self.block.slice(skip..skip + count));
            }
            gathered.extend_from_slice(self.block.get(skip..skip + count).unwrap_or_default());
        }
        Ok(gathered.freeze())
    }

    fn in_block(&self, offset: u64, bytes: usize) -> Option<Bytes> {
        let skip = usize::try_from(offset.checked_sub(self.block_at)?).ok()?;
        let end = skip.checked_add(bytes)?;
        (end <= self.block.len()).then(|| self.block.slice(skip..end))
    }

    /// Reads the block at an offset, and begins to read the one after it.
    async fn fetch(&mut self, acting: &Acting, offset: u64, wanted: usize) -> Act {
        // Blocks of whole requests: a client that reads in order is then never served from two.
        let block_bytes = (BLOCK_BYTES / wanted.max(1)).max(1) * wanted;
        let pool = &acting.door.pool;
        let (outgoing, block) = match std::mem::replace(&mut self.source, Source::Lost) {
            Source::Ahead(at, reading) => {
                let (outgoing, ahead) = reading.await.map_err(Error::internal)?;
                if at == offset {
                    (outgoing, ahead)
                } else {
                    read(outgoing, pool.take(block_bytes), offset, block_bytes).await
                }
            }
            Source::Ready(outgoing) => read(outgoing, pool.take(block_bytes), offset, block_bytes).await,
            Source::Lost => return Err(Error::internal("the object is closed").into()),
        };
        self.source = Source::Ready(outgoing);
        self.block = block?;
        self.block_at = offset;
        let next = offset + self.block.len() as u64;
        if next < self.size
            && let Source::Ready(outgoing) = std::mem::replace(&mut self.source, Source::Lost)
        {
            let reading = tokio::spawn(read(outgoing, pool.take(block_bytes), next, block_bytes));
            self.source = Source::Ahead(next, reading);
        }
        Ok(())
    }

    async fn outgoing(&mut self) -> Act<&mut Outgoing> {
        if let Source::Ahead(_, reading) = &mut self.source {
            let (outgoing, _) = reading.await.map_err(Error::internal)?;
            self.source = Source::Ready(outgoing);
        }
        match &mut self.source {
            Source::Ready(outgoing) => Ok(outgoing),
            Source::Ahead(..) | Source::Lost => Err(Error::internal("the object is closed").into()),
        }
    }

    /// CLOSE: delivered if this principal has all of it now; an attempt that ended early otherwise.
    ///
    /// # Errors
    /// It could not be recorded.
    pub(super) async fn close(mut self, acting: &Acting) -> Act {
        let actor = acting.caller.actor();
        let complete = self.touched && acting.door.collected.add(actor, self.view.transfer, &self.served, self.size);
        if complete {
            self.outgoing().await?;
            if let Source::Ready(outgoing) = std::mem::replace(&mut self.source, Source::Lost) {
                outgoing.finish().await?;
            }
        }
        Ok(())
    }

    /// The session is over: what was served stays known.
    pub(super) fn leave(self, acting: &Acting) {
        let actor = acting.caller.actor();
        acting.door.collected.add(actor, self.view.transfer, &self.served, self.size);
    }
}

async fn read(mut outgoing: Box<Outgoing>, mut buffer: Buffer, offset: u64, bytes: usize) -> Read {
    buffer.resize(bytes);
    let block = outgoing.read_into(offset, buffer).await.map(|(mut buffer, count)| {
        buffer.truncate(count);
        buffer.into_bytes()
    });
    (outgoing, block)
}

/// REMOVE: the recipient says that it has the object, and wants to see it no more.
pub(super) async fn acknowledge(acting: &Acting, view: &TransferView) -> Act {
    let gate = Arc::clone(&acting.gate);
    if view.stage == lazaret_core::transfer::Stage::Released {
        wait_for_key(&gate, view.transfer).await?;
        Outgoing::begin(&gate, &acting.caller, view, Channel::Sftp).await?.finish().await?;
    }
    let (actor, what, at) = (acting.caller.actor(), super::exits::hidden_key(&gate, view.transfer), gate.clock.now());
    gate.write(move |tx| tx.side().put_hidden(actor, &what, at)).await.map_err(Trouble::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(of: &[(u64, u64)]) -> Ranges {
        let mut ranges = Ranges::default();
        of.iter().for_each(|&(from, to)| ranges.add(from, to));
        ranges
    }

    #[test]
    fn ranges_join_where_they_touch_and_only_there() {
        assert_eq!(ranges(&[(0, 5), (5, 9)]).0, [(0, 9)]);
        assert_eq!(ranges(&[(6, 9), (0, 5)]).0, [(0, 5), (6, 9)]);
        assert_eq!(ranges(&[(6, 9), (0, 5), (5, 6)]).0, [(0, 9)]);
        assert_eq!(ranges(&[(2, 3), (4, 5), (6, 7), (0, 10)]).0, [(0, 10)]);
        assert_eq!(ranges(&[(0, 10), (2, 3)]).0, [(0, 10)]);
        assert_eq!(ranges(&[(10, 20), (0, 1), (15, 30), (1, 2)]).0, [(0, 2), (10, 30)]);
    }

    #[test]
    fn all_means_every_byte_and_one_less_is_not_all() {
        assert!(ranges(&[(0, 10)]).is_all(10));
        assert!(!ranges(&[(0, 9)]).is_all(10) && !ranges(&[(1, 10)]).is_all(10));
        assert!(!ranges(&[(0, 4), (5, 10)]).is_all(10));
        assert!(Ranges::default().is_all(0));
    }

    #[test]
    fn two_handles_of_one_principal_make_a_whole_and_two_principals_do_not() {
        let collected = Collected::default();
        let (one, other, transfer) = (Id::from_bytes([1; 16]), Id::from_bytes([2; 16]), Id::from_bytes([3; 16]));
        assert!(!collected.add(one, transfer, &ranges(&[(0, 5)]), 10));
        assert!(!collected.add(other, transfer, &ranges(&[(5, 10)]), 10));
        assert!(collected.add(one, transfer, &ranges(&[(5, 10)]), 10));
    }
}
