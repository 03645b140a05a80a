//! The executor of one SFTP session: takes requests in order, answers in order. Nothing here touches the network.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use lazaret_core::caller::Caller;
use lazaret_core::refusal::Refusal;
use lazaret_core::transfer::{Channel, TransferKind};
use lazaret_formats::path::CrossingPath;
use lazaret_formats::sftp::{Replies, Status, data_head};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::ahead::Ahead;
use super::door::Door;
use super::download::Download;
use super::inbox::{HandleId, Inbox, Reads, Work, Writes};
use super::listing::Entry;
use super::outbox::Outbox;
use super::sessions::Seat;
use super::status::{Act, Trouble};
use super::tree::{Spot, Tree};
use super::upload::Slot;
use crate::crossing::Announcement;
use crate::gate::Gate;
use crate::intake::resting::Rest;

/// Handles open at once; `limits@openssh.com` says so.
pub(super) const HANDLES_MAX: usize = 64;
/// Answers are joined up to this size.
const JOINED_BYTES: usize = 64 * 1024;
/// Answers to so much data are sent on, even if more requests wait: the peer's next ones depend on them.
const ANSWERED_BYTES: usize = 512 * 1024;
/// A piece of this size is sent from where it lies.
const PIECE_BYTES: usize = 16 * 1024;
/// A session with an open upload that asks nothing for so long is over, and any session after much longer.
const IDLE_UPLOADING: Duration = Duration::from_secs(15 * 60);
const IDLE: Duration = Duration::from_secs(4 * 60 * 60);
/// The last answers of a session whose peer asks nothing more are on their way after this long, or it does not read them.
const LAST_ANSWERS_MAX: Duration = Duration::from_secs(30);
/// Transfers whose rest a session remembers, to end it when it ends.
const RESTING_MAX: usize = 10_000;

/// Who acts, and on what.
#[derive(Debug)]
pub(super) struct Acting {
    pub(super) door: Arc<Door>,
    pub(super) gate: Arc<Gate>,
    pub(super) caller: Caller,
    pub(super) tree: Tree,
    /// The name that listings show as owner.
    pub(super) user: String,
    /// Uploads that are open in this connection.
    uploads: Arc<AtomicUsize>,
    /// What may run ahead in this connection.
    pub(super) ahead: Ahead,
    resting: Mutex<VecDeque<(AbortHandle, Instant)>>,
}

impl Acting {
    /// For this caller.
    pub(super) fn new(door: &Arc<Door>, caller: Caller, user: String, seat: &Seat) -> Acting {
        Acting {
            door: Arc::clone(door),
            gate: Arc::clone(&door.gate),
            tree: Tree::new(caller.clone()),
            caller,
            user,
            uploads: Arc::clone(&seat.uploads),
            ahead: seat.ahead.clone(),
            resting: Mutex::default(),
        }
    }

    /// What putting something here would announce.
    pub(super) fn announcement(&self, spot: &Spot, path: &CrossingPath) -> Announcement {
        Announcement {
            lane: spot.lane.clone(),
            path: path.as_str().to_owned(),
            channel: Channel::Sftp,
            kind: TransferKind::File,
            key: None,
            only_if_new: false,
        }
    }

    /// Lets a transfer be inspected after its rest, or when this session ends.
    pub(super) fn rest(&self, rest: Rest, time: Duration) {
        let resting = tokio::spawn(async move {
            tokio::time::sleep(time).await;
            drop(rest);
        });
        let now = Instant::now();
        let mut all = self.resting.lock().unwrap_or_else(PoisonError::into_inner);
        while all.front().is_some_and(|(_, until)| *until <= now) || all.len() >= RESTING_MAX {
            all.pop_front();
        }
        all.push_back((resting.abort_handle(), now + time));
    }

    fn end_rests(&self) {
        let resting = std::mem::take(&mut *self.resting.lock().unwrap_or_else(PoisonError::into_inner));
        // What the aborted tasks hold is dropped with them.
        resting.into_iter().for_each(|(resting, _)| resting.abort());
    }
}

/// What a handle is of.
#[derive(Debug)]
pub(super) enum Open {
    Upload(Arc<Slot>),
    Download(Box<Download>),
    /// Made when it was opened: a receipt, a journal.
    Given(Bytes, Entry),
    Folder(VecDeque<Entry>),
}

/// The executor.
pub(super) struct Session {
    pub(super) acting: Arc<Acting>,
    inbox: Arc<Inbox>,
    outbox: Arc<Outbox>,
    handles: HashMap<HandleId, Open>,
    last_handle: u32,
    /// Answers that are not sent on yet.
    pub(super) answers: Vec<u8>,
    answered_bytes: usize,
    greeted: bool,
}

impl Session {
    /// Between this box of requests and this one of answers.
    pub(super) fn new(acting: Acting, inbox: Arc<Inbox>, outbox: Arc<Outbox>) -> Session {
        Session {
            acting: Arc::new(acting),
            inbox,
            outbox,
            handles: HashMap::new(),
            last_handle: 0,
            answers: Vec::new(),
            answered_bytes: 0,
            greeted: false,
        }
    }

    /// Works until the peer has nothing more to ask, then leaves everything so that it can be gone on with.
    pub(super) async fn run(mut self) {
        while let Some(work) = self.next().await {
            if self.outbox.is_full() {
                self.wait_for_peer().await;
            }
            if !self.perform(work).await {
                break;
            }
            if self.answers.len() >= JOINED_BYTES || self.answered_bytes >= ANSWERED_BYTES {
                self.send();
            }
        }
        self.send();
        self.inbox.close();
        let mut downloads = Vec::new();
        for (_, open) in std::mem::take(&mut self.handles) {
            match open {
                Open::Upload(slot) => {
                    slot.leave(&self.acting).await;
                    self.acting.uploads.fetch_sub(1, Ordering::Relaxed);
                }
                Open::Download(download) => downloads.push(download),
                Open::Given(..) | Open::Folder(_) => {}
            }
        }
        if downloads.is_empty() {
            return;
        }
        let all_sent = tokio::time::timeout(LAST_ANSWERS_MAX, self.outbox.all_sent()).await.unwrap_or(false);
        for download in downloads {
            download.leave(&self.acting, all_sent).await;
        }
    }

    /// The next request. Answers go out before anybody waits.
    async fn next(&mut self) -> Option<Work> {
        if let Some(work) = self.inbox.try_next() {
            return Some(work);
        }
        self.send();
        let uploading = self.handles.values().any(|open| matches!(open, Open::Upload(_)));
        let idle = if uploading { IDLE_UPLOADING } else { IDLE };
        tokio::time::timeout(idle, self.inbox.next()).await.ok().flatten()
    }

    /// Sends on what was answered so far.
    pub(super) fn send(&mut self) {
        self.answered_bytes = 0;
        if !self.answers.is_empty() {
            self.outbox.send(std::mem::take(&mut self.answers).into());
        }
    }

    /// The transport must not wait for us while we wait for the peer to read.
    async fn wait_for_peer(&self) {
        self.inbox.set_stuck(true);
        self.outbox.room().await;
        self.inbox.set_stuck(false);
    }

    /// Does one thing; whether the session goes on.
    async fn perform(&mut self, work: Work) -> bool {
        match work {
            Work::Init { supported } => {
                // A second greeting, or one of a protocol that we do not speak: nothing sensible can follow.
                if self.greeted || !supported {
                    return false;
                }
                self.greeted = true;
                self.replies().version();
            }
            _ if !self.greeted => return false,
            Work::Unreadable(id) => {
                self.refuse(id, &Trouble::plain(Status::BadMessage, "The packet could not be read."))
            }
            Work::Writes(writes) => self.write(writes).await,
            Work::Reads(reads) => self.read(reads).await,
            Work::Packet(packet) => {
                // It may take long: what is answered already does not wait for it.
                self.send();
                self.request(&packet).await;
            }
        }
        true
    }

    async fn write(&mut self, writes: Writes) {
        let Writes { handle, ids, offset, data } = writes;
        let bytes = data.len();
        let done = match self.handles.get(&handle) {
            Some(Open::Upload(slot)) => match self.acting.caller.party() {
                Some(party) if self.acting.gate.is_isolated(party) => Err(Refusal::Isolated.into()),
                _ => slot.write(&self.acting, offset, data.into_bytes()).await,
            },
            Some(Open::Download(_) | Open::Given(..) | Open::Folder(_)) | None => Err(Trouble::bad_handle()),
        };
        self.answered_bytes += bytes;
        for id in ids {
            self.answer(id, &done);
        }
    }

    async fn read(&mut self, reads: Reads) {
        let mut offset = reads.offset;
        let mut id = reads.id;
        for _ in 0..reads.count {
            if self.outbox.is_closed() {
                return;
            }
            if self.outbox.is_full() {
                self.wait_for_peer().await;
            }
            self.read_one(id, reads.handle, offset, reads.bytes).await;
            id = id.wrapping_add(1);
            offset = offset.saturating_add(reads.bytes.into());
        }
    }

    async fn read_one(&mut self, id: u32, handle: HandleId, offset: u64, bytes: u32) {
        let read = match self.handles.get_mut(&handle) {
            Some(Open::Download(download)) => download.read(&self.acting, offset, bytes).await,
            Some(Open::Given(content, _)) => Ok(slice(content, offset, bytes)),
            Some(Open::Upload(_)) => Err(Trouble::denied()),
            Some(Open::Folder(_)) | None => Err(Trouble::bad_handle()),
        };
        match read {
            Ok(Some(piece)) if piece.len() >= PIECE_BYTES => {
                self.answers.extend_from_slice(&data_head(id, piece.len()));
                self.send();
                self.outbox.send(piece);
            }
            Ok(Some(piece)) => {
                self.replies().data(id, &piece);
                if self.answers.len() >= JOINED_BYTES {
                    self.send();
                }
            }
            Ok(None) => self.refuse(id, &Trouble::plain(Status::Eof, "End of file.")),
            Err(trouble) => self.refuse(id, &trouble),
        }
    }

    pub(super) fn replies(&mut self) -> Replies<'_> {
        Replies::new(&mut self.answers)
    }

    pub(super) fn refuse(&mut self, id: u32, trouble: &Trouble) {
        self.replies().status(id, trouble.status, &trouble.text);
    }

    pub(super) fn answer(&mut self, id: u32, done: &Act) {
        match done {
            Ok(()) => self.replies().status(id, Status::Ok, ""),
            Err(trouble) => self.refuse(id, trouble),
        }
    }

    /// Gives out a handle.
    pub(super) fn open(&mut self, open: Open) -> HandleId {
        // Never the number that stands for what was never given out.
        self.last_handle = self.last_handle.wrapping_add(1) % u32::MAX;
        let handle = HandleId(self.last_handle);
        if matches!(open, Open::Upload(_)) {
            self.acting.uploads.fetch_add(1, Ordering::Relaxed);
        }
        self.handles.insert(handle, open);
        handle
    }

    /// Whether another handle may be given out.
    pub(super) fn has_room(&self) -> Act {
        let full = self.handles.len() >= HANDLES_MAX;
        if full { Err(Trouble::plain(Status::Failure, "Too many files are open; close one first.")) } else { Ok(()) }
    }

    pub(super) fn handle(&mut self, bytes: &[u8]) -> Act<&mut Open> {
        self.handles.get_mut(&HandleId::of(bytes)).ok_or_else(Trouble::bad_handle)
    }

    pub(super) fn take_handle(&mut self, bytes: &[u8]) -> Act<Open> {
        let open = self.handles.remove(&HandleId::of(bytes)).ok_or_else(Trouble::bad_handle)?;
        if matches!(open, Open::Upload(_)) {
            self.acting.uploads.fetch_sub(1, Ordering::Relaxed);
        }
        Ok(open)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Also after a bug: the transport must not wait for an executor that is gone.
        self.inbox.close();
        self.outbox.finish();
        self.acting.end_rests();
    }
}

fn slice(content: &Bytes, offset: u64, bytes: u32) -> Option<Bytes> {
    let from = usize::try_from(offset).ok().filter(|from| *from < content.len())?;
    let wanted = usize::try_from(bytes).unwrap_or(usize::MAX).min(lazaret_formats::sftp::DATA_BYTES_MAX);
    let end = from.saturating_add(wanted).min(content.len());
    (end > from).then(|| content.slice(from..end))
}
