//! One object on its way out behind a read handle: read ahead, compared with what was inspected before its last byte is
//! served, delivered once one principal has read all of it and closed it or hung up.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use lazaret_core::refusal::Refusal;
use lazaret_core::transfer::{Channel, TransferView};
use lazaret_formats::sftp::DATA_BYTES_MAX;
use tokio::task::JoinHandle;

use super::pool::Buffer;
use super::session::Acting;
use super::status::{Act, Trouble};
use crate::delivery::collected::Ranges;
use crate::delivery::outgoing::Outgoing;
use crate::error::{Error, Result};

/// Bytes read from the vault at once. One block is served while the next is read, and four wait to be sent: together they
/// are more than a megabyte ahead of the peer.
const BLOCK_BYTES: usize = 256 * 1024;

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
            let _content = self.outgoing().await?.vouch().await?;
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
    pub(super) async fn close(mut self) -> Act {
        if !self.touched {
            return Ok(());
        }
        self.outgoing().await?;
        if let Source::Ready(outgoing) = std::mem::replace(&mut self.source, Source::Lost) {
            outgoing.close(&self.served).await?;
        }
        Ok(())
    }

    /// The session is over without a CLOSE. Where every answer went out, that is one: clients that are in a hurry hang up with
    /// it still in their pocket. Where some did not, what was served stays known.
    pub(super) async fn leave(self, acting: &Acting, all_sent: bool) {
        if !all_sent {
            acting.gate.collected.keep(acting.caller.actor(), self.view.transfer, &self.served);
        } else if let Err(trouble) = self.close().await {
            tracing::warn!(?trouble, "the end of a collection was not recorded");
        }
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
        Outgoing::begin(&gate, &acting.caller, view, Channel::Sftp).await?.finish().await?;
    }
    let (actor, what, at) = (acting.caller.actor(), super::exits::hidden_key(&gate, view.transfer), gate.clock.now());
    gate.write(move |tx| tx.side().put_hidden(actor, &what, at)).await.map_err(Trouble::from)
}
