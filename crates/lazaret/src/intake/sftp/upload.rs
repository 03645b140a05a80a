//! One upload behind a write handle: bytes in order, joined before they go on, and what CLOSE, FSETSTAT, a lost connection
//! and a second writer make of them.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use lazaret_core::id::{Actor, Id, Lane, Party, Transfer};
use lazaret_core::refusal::{PartyCode, Refusal};
use lazaret_core::time::Timestamp;
use lazaret_core::transfer::{Channel, Stage, TransferKind, TransferView};
use lazaret_formats::sftp::{Attrs, Status};
use lazaret_store::side::Upload;

use super::ahead::{Ahead, Room};
use super::session::Acting;
use super::status::{Act, Trouble};
use super::tree::Spot;
use crate::crossing::{self, Announcement};
use crate::error::Error;
use crate::intake::kept::drop_kept;
use crate::intake::receiving::Receiving;
use crate::intake::resting::{Rest, Resting};
use crate::intake::writers::Turn;
use crate::intake::{lost, note_lost};

/// WRITEs may run ahead of the next byte by so much: what 64 requests of the largest size cover.
const WINDOW_BYTES: u64 = 16 << 20;
/// Small pieces are joined to this size before they go on.
const JOINED_BYTES: usize = 256 * 1024;
/// A piece of this size goes on as it is.
const PIECE_BYTES: usize = 16 * 1024;
/// From this size on an upload has a row from which it can be gone on with after the process was killed. Below it the
/// sender loses little, and every file is spared a durable row.
const KEPT_FROM_BYTES: u64 = 4 << 20;
/// A sealed file up to this size can be gone on with: a client that was interrupted closed it too early.
const CONTINUED_BYTES_MAX: u64 = 1 << 30;
/// A sealed file is not looked at before this: its sender may still rename it, or go on.
const REST: Duration = Duration::from_secs(5);

/// One upload.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) party: Id<Party>,
    pub(super) lane: Id<Lane>,
    lane_name: String,
    principal: Id<Actor>,
    append: bool,
    shown: Mutex<Shown>,
    size: AtomicU64,
    open: AtomicBool,
    pen: tokio::sync::Mutex<Pen>,
}

/// What listings show of it.
#[derive(Debug, Clone)]
pub(super) struct Shown {
    pub(super) path: String,
    pub(super) mtime_s: Option<u64>,
    pub(super) mode: Option<u32>,
    pub(super) since: Timestamp,
}

/// Where the bytes go.
#[derive(Debug)]
struct Pen {
    content: Content,
    /// Where the next byte belongs.
    next: u64,
    /// What is added to the client's offsets: more than nothing only where it appends from 0 on.
    shift: u64,
    joined: Vec<u8>,
    ahead: BTreeMap<u64, (Bytes, Room)>,
    ahead_bytes: u64,
    poison: Option<Trouble>,
    declared: Option<u64>,
    /// The sealed version that this one continues and replaces.
    replaces: Option<(Id<Transfer>, Rest)>,
}

#[derive(Debug)]
enum Content {
    /// Opened on something that is there; the first WRITE says what is meant.
    Undecided,
    Open(Box<Receiving>),
    /// Closed, or taken over.
    Gone,
}

/// What is there under a name.
#[derive(Debug)]
pub(super) enum Existing {
    /// Being written at this moment.
    Live(Arc<Slot>),
    /// Unfinished, kept.
    Kept(Box<Upload>),
    /// Received.
    Sealed(Box<TransferView>, u64),
    Nothing,
}

impl Existing {
    /// Ends what is unfinished, where it is this caller's: something else takes its name.
    pub(super) async fn give_up(&self, acting: &Acting) -> Act {
        match self {
            Existing::Kept(upload) if upload.principal == acting.caller.actor() => {
                Ok(drop_kept(&acting.gate, turn_of(acting, upload).await?).await.map(drop)?)
            }
            Existing::Live(_) | Existing::Kept(_) | Existing::Sealed(..) | Existing::Nothing => Ok(()),
        }
    }
}

impl Slot {
    /// A slot for this place; nothing is open yet.
    pub(super) fn new(acting: &Acting, spot: &Spot, path: &str, append: bool) -> Arc<Slot> {
        let pen = Pen {
            content: Content::Undecided,
            next: 0,
            shift: 0,
            joined: Vec::new(),
            ahead: BTreeMap::new(),
            ahead_bytes: 0,
            poison: None,
            declared: None,
            replaces: None,
        };
        let since = acting.gate.clock.now();
        Arc::new(Slot {
            party: spot.party,
            lane: spot.id,
            lane_name: spot.lane.clone(),
            principal: acting.caller.actor(),
            append,
            shown: Mutex::new(Shown { path: path.to_owned(), mtime_s: None, mode: None, since }),
            size: AtomicU64::new(0),
            open: AtomicBool::new(false),
            pen: tokio::sync::Mutex::new(pen),
        })
    }

    /// Bytes taken so far.
    pub(super) fn size(&self) -> u64 {
        self.size.load(Ordering::Relaxed)
    }

    /// Whether it holds bytes of an upload.
    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    /// What listings show of it.
    pub(super) fn shown(&self) -> Shown {
        self.lock_shown().clone()
    }

    fn lock_shown(&self) -> MutexGuard<'_, Shown> {
        // Plain assignments under the lock.
        self.shown.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What this upload announces.
    pub(super) fn announcement(&self) -> Announcement {
        Announcement {
            lane: self.lane_name.clone(),
            path: self.shown().path,
            channel: Channel::Sftp,
            kind: TransferKind::File,
            key: None,
            only_if_new: false,
        }
    }

    /// The digest by which its name is found.
    pub(super) fn name_key(&self, acting: &Acting) -> [u8; 32] {
        acting.gate.particulars.name_key(self.party, &self.lane_name, &self.lock_shown().path)
    }

    /// The size that is shown before the first WRITE decides.
    pub(super) fn show_size(&self, bytes: u64) {
        self.size.store(bytes, Ordering::Relaxed);
    }

    /// Begins an upload from its first byte, where this was found.
    ///
    /// # Errors
    /// What core refuses; quota; a full disk.
    pub(super) async fn begin(&self, acting: &Acting, found: &Existing) -> Act {
        let mut pen = self.pen.lock().await;
        self.begin_from_scratch(acting, &mut pen, found).await
    }

    async fn begin_from_scratch(&self, acting: &Acting, pen: &mut Pen, found: &Existing) -> Act {
        // A kept upload of this name gives way, but not to one that may not come.
        crossing::may_send(&acting.gate, &acting.caller, &self.announcement())?;
        found.give_up(acting).await?;
        let receiving = Receiving::begin(&acting.gate, &acting.caller, self.announcement(), None).await?;
        self.opened(pen, receiving)
    }

    fn opened(&self, pen: &mut Pen, mut receiving: Receiving) -> Act {
        pen.next = receiving.received_bytes();
        self.size.store(pen.next, Ordering::Relaxed);
        self.open.store(true, Ordering::Relaxed);
        if let Some(bytes) = pen.declared.take()
            && bytes > pen.next
        {
            receiving.declare_length(bytes)?;
        }
        let shown = self.shown();
        receiving.said.mtime_s = shown.mtime_s.or(receiving.said.mtime_s);
        receiving.said.mode = shown.mode.or(receiving.said.mode);
        pen.content = Content::Open(Box::new(receiving));
        Ok(())
    }

    /// Takes bytes. After one failure everything fails until CLOSE, which says so too.
    ///
    /// # Errors
    /// Bytes out of place, what core refuses, quota, the disk.
    pub(super) async fn write(self: &Arc<Slot>, acting: &Acting, offset: u64, data: Bytes) -> Act {
        let mut pen = self.pen.lock().await;
        if let Some(trouble) = &pen.poison {
            return Err(trouble.clone());
        }
        let done = self.take(acting, &mut pen, offset, data).await;
        if let Err(trouble) = &done {
            pen.poison = Some(trouble.clone());
        }
        self.size.store(pen.next, Ordering::Relaxed);
        done
    }

    async fn take(self: &Arc<Slot>, acting: &Acting, pen: &mut Pen, offset: u64, data: Bytes) -> Act {
        match pen.content {
            Content::Open(_) => {}
            Content::Gone => return Err(gave_way()),
            Content::Undecided => self.decide(acting, pen, offset).await?,
        }
        let at = offset.saturating_add(pen.shift);
        if data.is_empty() {
            return Ok(());
        }
        if at > pen.next {
            return pen.run_ahead(&acting.ahead, at, data);
        }
        if at < pen.next {
            return Err(Trouble::plain(Status::Failure, "These bytes were received already and cannot be changed."));
        }
        pen.accept(data).await?;
        while let Some(entry) = pen.ahead.first_entry()
            && *entry.key() == pen.next
        {
            let (data, _room) = entry.remove();
            pen.ahead_bytes -= data.len() as u64;
            pen.accept(data).await?;
        }
        pen.save_now_and_then().await
    }

    /// The first WRITE on something that is there: from scratch, or from where it stopped.
    async fn decide(self: &Arc<Slot>, acting: &Acting, pen: &mut Pen, offset: u64) -> Act {
        let mut found = existing(acting, self.name_key(acting), Some(self))?;
        if let Existing::Live(slot) = &found {
            // A lost connection may be leaving at this very moment: wait until it has, and look again.
            drop(slot.pen.lock().await);
            found = existing(acting, self.name_key(acting), Some(self))?;
        }
        let size = match &found {
            Existing::Live(slot) => slot.size(),
            Existing::Kept(upload) => upload.received_bytes,
            Existing::Sealed(_, bytes) => *bytes,
            Existing::Nothing => 0,
        };
        let at = if self.append && offset == 0 { size } else { offset };
        pen.shift = at - offset;
        if at == 0 {
            return self.begin_from_scratch(acting, pen, &found).await;
        }
        let receiving = match found {
            Existing::Live(slot) => slot.give_way(self.principal).await?,
            Existing::Kept(upload) => self.resume(acting, &upload).await?,
            Existing::Sealed(view, bytes) if at == bytes && may_continue(&view, bytes) => {
                // Nobody is to receive the beginning while the whole is on its way.
                pen.replaces = Some((view.transfer, Resting::begin(&acting.gate, view.transfer)));
                Receiving::begin_with(&acting.gate, &acting.caller, self.announcement(), &view, bytes).await?
            }
            Existing::Sealed(..) | Existing::Nothing => return Err(nothing_to_go_on_with()),
        };
        self.opened(pen, receiving)?;
        if at > pen.next {
            return Err(nothing_to_go_on_with());
        }
        self.cut_back(pen, at).await
    }

    /// Goes on with a kept upload, or takes it over from a connection that was faster.
    async fn resume(self: &Arc<Slot>, acting: &Acting, upload: &Upload) -> Act<Receiving> {
        match turn_of(acting, upload).await {
            Ok(turn) => Ok(Receiving::resume(&acting.gate, &acting.caller, turn).await?),
            Err(trouble) => match existing(acting, self.name_key(acting), Some(self))? {
                Existing::Live(slot) => slot.give_way(self.principal).await,
                Existing::Kept(_) | Existing::Sealed(..) | Existing::Nothing => Err(trouble),
            },
        }
    }

    /// Hands what it holds to a newer connection of the same principal.
    async fn give_way(&self, to: Id<Actor>) -> Act<Receiving> {
        if to != self.principal {
            return Err(nothing_to_go_on_with());
        }
        let mut pen = self.pen.lock().await;
        if pen.poison.is_some() {
            return Err(nothing_to_go_on_with());
        }
        pen.push_joined().await?;
        self.open.store(false, Ordering::Relaxed);
        match std::mem::replace(&mut pen.content, Content::Gone) {
            Content::Open(receiving) => Ok(*receiving),
            Content::Undecided | Content::Gone => Err(nothing_to_go_on_with()),
        }
    }

    async fn cut_back(&self, pen: &mut Pen, to: u64) -> Act {
        if to == pen.next {
            return Ok(());
        }
        pen.push_joined().await?;
        pen.ahead.clear();
        pen.ahead_bytes = 0;
        let Content::Open(receiving) = &mut pen.content else { return Err(Trouble::bad_handle()) };
        receiving.cut_back(to).await?;
        pen.next = receiving.received_bytes();
        self.size.store(pen.next, Ordering::Relaxed);
        if pen.next == to { Ok(()) } else { Err(nothing_to_go_on_with()) }
    }

    /// FSETSTAT: a size is a promise or a cut; times and mode are kept to be shown.
    ///
    /// # Errors
    /// A size that cannot be.
    pub(super) async fn set(&self, acting: &Acting, attrs: &Attrs<'_>) -> Act {
        let mut pen = self.pen.lock().await;
        if let Some(bytes) = attrs.size {
            let done = self.set_size(acting, &mut pen, bytes).await;
            if let Err(trouble) = done {
                pen.poison.get_or_insert(trouble.clone());
                return Err(trouble);
            }
        }
        let mut shown = self.lock_shown();
        shown.mtime_s = attrs.times.map(|times| times.modified_s.into()).or(shown.mtime_s);
        shown.mode = attrs.permissions.or(shown.mode);
        if let Content::Open(receiving) = &mut pen.content {
            receiving.said.mtime_s = shown.mtime_s;
            receiving.said.mode = shown.mode;
        }
        Ok(())
    }

    async fn set_size(&self, acting: &Acting, pen: &mut Pen, bytes: u64) -> Act {
        if let Some(trouble) = &pen.poison {
            return Err(trouble.clone());
        }
        match &mut pen.content {
            // As TRUNC.
            Content::Undecided if bytes == 0 => {
                let found = existing(acting, self.name_key(acting), None)?;
                self.begin_from_scratch(acting, pen, &found).await
            }
            Content::Undecided => {
                pen.declared = Some(bytes);
                Ok(())
            }
            Content::Open(receiving) if bytes > pen.next => Ok(receiving.declare_length(bytes)?),
            Content::Open(_) => self.cut_back(pen, bytes).await,
            Content::Gone => Err(Trouble::bad_handle()),
        }
    }

    /// Makes what arrived durable.
    ///
    /// # Errors
    /// An earlier failure; the disk.
    pub(super) async fn sync(&self) -> Act {
        let mut pen = self.pen.lock().await;
        if let Some(trouble) = &pen.poison {
            return Err(trouble.clone());
        }
        pen.push_joined().await?;
        match &mut pen.content {
            Content::Open(receiving) if receiving.upload().is_some() => {
                receiving.save().await?;
            }
            Content::Open(receiving) => receiving.sync().await?,
            Content::Undecided | Content::Gone => {}
        }
        Ok(())
    }

    /// Puts it under another name while it is open.
    pub(super) async fn rename(self: &Arc<Slot>, acting: &Acting, path: &str) -> Act {
        if self.principal != acting.caller.actor() {
            return Err(Trouble::denied());
        }
        let mut pen = self.pen.lock().await;
        let Content::Open(receiving) = &mut pen.content else { return Err(Trouble::missing()) };
        let before = self.name_key(acting);
        receiving.rename(path.to_owned());
        path.clone_into(&mut self.lock_shown().path);
        acting.door.live.remove(&before, self);
        acting.door.live.add(self.name_key(acting), self);
        Ok(())
    }

    /// REMOVE while it is open: nothing of it stays.
    pub(super) async fn discard(self: &Arc<Slot>, acting: &Acting) -> Act {
        if self.principal != acting.caller.actor() {
            return Err(Trouble::denied());
        }
        let mut pen = self.pen.lock().await;
        let content = std::mem::replace(&mut pen.content, Content::Gone);
        pen.poison = Some(Trouble::plain(Status::Failure, "The file was removed."));
        self.open.store(false, Ordering::Relaxed);
        acting.door.live.remove(&self.name_key(acting), self);
        if let Content::Open(receiving) = content {
            receiving.abandon().await;
        }
        Ok(())
    }

    /// CLOSE. A plain name is a transfer from now on, a temporary one is durable.
    ///
    /// # Errors
    /// An earlier failure; fewer bytes than promised; what core refuses. The journal says so too: not every client listens.
    pub(super) async fn close(self: &Arc<Slot>, acting: &Acting) -> Act {
        let done = self.close_pen(acting).await;
        self.open.store(false, Ordering::Relaxed);
        acting.door.live.remove(&self.name_key(acting), self);
        done
    }

    async fn close_pen(&self, acting: &Acting) -> Act {
        let mut pen = self.pen.lock().await;
        if pen.poison.is_none() {
            let pushed = pen.push_joined().await;
            pen.poison = pushed.err();
        }
        if pen.poison.is_none() && !pen.ahead.is_empty() {
            pen.poison = Some(Trouble::of(Status::Failure, PartyCode::Unfinished));
        }
        let mut receiving = match std::mem::replace(&mut pen.content, Content::Gone) {
            Content::Open(receiving) => *receiving,
            Content::Undecided => return Ok(()),
            Content::Gone => return Err(pen.poison.clone().unwrap_or_else(gave_way)),
        };
        if let Some(trouble) = pen.poison.clone() {
            note_lost(&acting.gate, self.party, &lost(&receiving), trouble.code).await;
            receiving.abandon().await;
            return Err(trouble);
        }
        if acting.door.is_temporary(&self.shown().path) {
            receiving.keep(None).await?;
            return Ok(());
        }
        let replaces = pen.replaces.take();
        seal(acting, receiving, replaces).await
    }

    /// The session is over: what arrived can be gone on with for a day.
    pub(super) async fn leave(self: &Arc<Slot>, acting: &Acting) {
        self.leave_pen(acting).await;
        self.open.store(false, Ordering::Relaxed);
        acting.door.live.remove(&self.name_key(acting), self);
    }

    async fn leave_pen(&self, acting: &Acting) {
        let mut pen = self.pen.lock().await;
        let pushed = if pen.poison.is_none() { pen.push_joined().await } else { Ok(()) };
        let isolated = acting.gate.is_isolated(self.party);
        drop(pen.replaces.take());
        let content = std::mem::replace(&mut pen.content, Content::Gone);
        let Content::Open(mut receiving) = content else { return };
        // What isolation stopped is whole as far as it came.
        let broken = pen.poison.take().or(pushed.err()).filter(|_| !isolated);
        if let Some(trouble) = broken {
            note_lost(&acting.gate, self.party, &lost(&receiving), trouble.code).await;
            receiving.abandon().await;
        } else if receiving.received_bytes() == 0 && receiving.upload().is_none() {
            receiving.abandon().await;
        } else if let Err(error) = receiving.keep(None).await {
            tracing::warn!(%error, "an interrupted upload could not be kept");
        }
    }
}

impl Pen {
    fn run_ahead(&mut self, ahead: &Ahead, at: u64, data: Bytes) -> Act {
        let bytes = data.len() as u64;
        let too_far = at.saturating_add(bytes) > self.next.saturating_add(WINDOW_BYTES);
        if too_far || self.ahead_bytes + bytes > WINDOW_BYTES || self.ahead.contains_key(&at) {
            return Err(Trouble::plain(Status::Failure, "These bytes are too far ahead of those before them."));
        }
        let room = ahead.room(data.len()).ok_or_else(|| {
            Trouble::plain(Status::Failure, "Too much is ahead of what is due: send fewer files at once, in order.")
        })?;
        self.ahead_bytes += bytes;
        self.ahead.insert(at, (data, room));
        Ok(())
    }

    async fn accept(&mut self, data: Bytes) -> Act {
        let after = self.next.saturating_add(data.len() as u64);
        // Known at the byte, also for small pieces that go on later.
        let Content::Open(receiving) = &self.content else { return Err(gave_way()) };
        if receiving.length_bytes().is_some_and(|promised| after > promised) {
            return Err(Refusal::TooLarge.into());
        }
        if self.joined.is_empty() && data.len() >= PIECE_BYTES {
            self.push(data).await?;
        } else {
            self.joined.extend_from_slice(&data);
            if self.joined.len() >= JOINED_BYTES {
                self.push_joined().await?;
            }
        }
        self.next = after;
        Ok(())
    }

    async fn push_joined(&mut self) -> Act {
        if self.joined.is_empty() {
            return Ok(());
        }
        let joined = std::mem::take(&mut self.joined);
        self.push(joined.into()).await
    }

    async fn push(&mut self, data: Bytes) -> Act {
        match &mut self.content {
            Content::Open(receiving) => Ok(receiving.push(data).await?),
            Content::Undecided | Content::Gone => Err(gave_way()),
        }
    }

    /// Big uploads get a row, and save it now and then.
    async fn save_now_and_then(&mut self) -> Act {
        let Content::Open(receiving) = &mut self.content else { return Ok(()) };
        if receiving.upload().is_some() {
            receiving.save_now_and_then().await?;
        } else if self.next >= KEPT_FROM_BYTES {
            receiving.keep(None).await?;
        }
        Ok(())
    }
}

/// Seals an upload: the transfer is recorded when this returns. It rests a moment before anybody looks at it.
pub(super) async fn seal(acting: &Acting, receiving: Receiving, replaces: Option<(Id<Transfer>, Rest)>) -> Act {
    let (transfer, party, lost) = (receiving.transfer(), receiving.party(), lost(&receiving));
    let rest = Resting::begin(&acting.gate, transfer);
    match receiving.finish().await {
        Ok(_) => acting.rest(rest, REST),
        Err(error) => {
            note_lost(&acting.gate, party, &lost, error.code()).await;
            return Err(error.into());
        }
    }
    if let Some((old, _rest)) = replaces {
        match crossing::supersede(&acting.gate, &acting.caller, old, transfer).await {
            // It was released meanwhile: both versions stand.
            Ok(()) | Err(Error::Refused(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// What is there under a name: being written, unfinished, or received, in this order.
pub(super) fn existing(acting: &Acting, name_key: [u8; 32], except: Option<&Arc<Slot>>) -> Act<Existing> {
    if let Some(slot) = acting.door.live.holding(&name_key, except) {
        return Ok(Existing::Live(slot));
    }
    let gate = &acting.gate;
    Ok(gate.read(|view, side| {
        if let Some(upload) = side.open_upload_named(&name_key)? {
            return Ok(Existing::Kept(Box::new(upload)));
        }
        let Some(newest) = side.newest_named(&name_key)? else { return Ok(Existing::Nothing) };
        let Some(found) = view.transfer(newest)? else { return Ok(Existing::Nothing) };
        let manifest = gate.particulars.kept(side, newest).and_then(|kept| kept.manifest()).unwrap_or_default();
        Ok(Existing::Sealed(Box::new(found), manifest.size_bytes))
    })?)
}

/// The turn to write to a kept upload, or to end it.
///
/// # Errors
/// Another connection has it, and does not give way.
pub(super) async fn turn_of(acting: &Acting, upload: &Upload) -> Act<Turn> {
    acting.gate.writers.turn(upload.id).await.ok_or_else(gave_way)
}

/// Whether a sealed version may be gone on with: it was closed too early, and nobody received it.
fn may_continue(view: &TransferView, bytes: u64) -> bool {
    bytes <= CONTINUED_BYTES_MAX && view.stage != Stage::Released && !view.stage.is_final()
}

fn nothing_to_go_on_with() -> Trouble {
    Trouble::plain(Status::Failure, "There is no unfinished file of this name to go on with at this offset.")
}

fn gave_way() -> Trouble {
    Trouble::plain(Status::Failure, "Another connection of yours goes on with this file.")
}
