//! Every request but READ and WRITE: what it asks, and what answers it (draft section 6; `docs/book/sftp.md` has the table).

use std::sync::Arc;

use lazaret_core::refusal::Refusal;
use lazaret_formats::sftp::{Attrs, Extended, Incoming, OpenFlags, Request, Status, VfsLimits, VfsStat};

use super::download::Download;
use super::inbox::HandleId;
use super::listing::Entry;
use super::names::{self, Target};
use super::receipts::{self, Archive, JOURNAL};
use super::session::{HANDLES_MAX, Open, Session};
use super::status::{Act, Trouble};
use super::tree::{OWN_NAMES, Place, Spot, Tree};
use super::upload::{Existing, Slot, existing};
use super::{exits, folders};
use crate::crossing;

/// The block that `df` counts in.
const BLOCK_BYTES: u64 = 4_096;
/// Longest name of one part, as `df -i` and clients ask for it.
const NAME_BYTES_MAX: u64 = lazaret_formats::path::COMPONENT_BYTES_MAX as u64;

impl Session {
    /// Answers one request.
    pub(super) async fn request(&mut self, packet: &[u8]) {
        // It was read once when it came; it is the same now.
        let Ok(Incoming::Request { id, request }) = Incoming::decode(packet) else { return };
        if self.is_isolated() {
            return self.refuse(id, &Refusal::Isolated.into());
        }
        match request {
            Request::Open { path, flags, attrs: _ } => {
                let opened = self.open_file(path, flags).await;
                self.answer_handle(id, opened);
            }
            Request::Opendir { path } => {
                let opened = self.open_folder(path).await;
                self.answer_handle(id, opened);
            }
            Request::Readdir { handle } => self.read_folder(id, handle),
            Request::Stat { path } | Request::Lstat { path } => {
                let entry = self.stat(path).await;
                self.answer_attrs(id, entry);
            }
            Request::Fstat { handle } => {
                let entry = self.stat_handle(handle);
                self.answer_attrs(id, entry);
            }
            Request::Realpath { path } => match Tree::real(path) {
                Ok(real) => self.replies().realpath(id, real.as_bytes()),
                Err(trouble) => self.refuse(id, &trouble),
            },
            Request::Extended(extended) => self.extended(id, extended).await,
            status @ (Request::Close { .. }
            | Request::Read { .. }
            | Request::Write { .. }
            | Request::Setstat { .. }
            | Request::Fsetstat { .. }
            | Request::Remove { .. }
            | Request::Rename { .. }
            | Request::Mkdir { .. }
            | Request::Rmdir { .. }
            | Request::Readlink { .. }
            | Request::Symlink { .. }
            | Request::Unknown { .. }) => {
                let done = self.act(status).await;
                self.answer(id, &done);
            }
        }
    }

    /// What is answered by a status alone.
    async fn act(&mut self, request: Request<'_>) -> Act {
        let acting = Arc::clone(&self.acting);
        let place = |path| acting.tree.place(&acting.gate, path);
        match request {
            Request::Close { handle } => self.close(handle).await,
            Request::Setstat { path, attrs } => names::set(&acting, &place(path)?, &attrs).await,
            Request::Fsetstat { handle, attrs } => self.set_handle(handle, &attrs).await,
            Request::Remove { path } => names::remove(&acting, &place(path)?).await,
            Request::Rename { from, to } => {
                names::rename(&acting, &place(from)?, &place(to)?, Target::MustBeFree).await
            }
            Request::Mkdir { path, attrs: _ } => names::make_folder(&acting, &place(path)?).await,
            Request::Rmdir { path } => names::remove_folder(&acting, &place(path)?).await,
            Request::Readlink { .. } | Request::Symlink { .. } | Request::Unknown { .. } => Err(unsupported()),
            // Answered elsewhere, each with more than a status.
            Request::Open { .. }
            | Request::Read { .. }
            | Request::Write { .. }
            | Request::Lstat { .. }
            | Request::Fstat { .. }
            | Request::Opendir { .. }
            | Request::Readdir { .. }
            | Request::Realpath { .. }
            | Request::Stat { .. }
            | Request::Extended(_) => Err(unsupported()),
        }
    }

    async fn extended(&mut self, id: u32, extended: Extended<'_>) {
        let acting = Arc::clone(&self.acting);
        let place = |path| acting.tree.place(&acting.gate, path);
        let done = match extended {
            Extended::Limits => {
                self.replies().limits(id, &VfsLimits::with_handles(HANDLES_MAX as u64));
                return;
            }
            Extended::StatVfs { path } => match place(path) {
                Ok(place) => return self.replies_vfs(id, takes(&place)),
                Err(trouble) => Err(trouble),
            },
            Extended::FstatVfs { handle } => match self.handle(handle) {
                Ok(open) => {
                    let takes = matches!(open, Open::Upload(_));
                    return self.replies_vfs(id, takes);
                }
                Err(trouble) => Err(trouble),
            },
            Extended::Fsync { handle } => match self.handle(handle) {
                Ok(Open::Upload(slot)) => Arc::clone(slot).sync().await,
                Ok(Open::Download(_) | Open::Given(..) | Open::Folder(_)) => Ok(()),
                Err(trouble) => Err(trouble),
            },
            Extended::PosixRename { from, to } => match (place(from), place(to)) {
                (Ok(from), Ok(to)) => names::rename(&acting, &from, &to, Target::MayBeReplaced).await,
                (Err(trouble), _) | (_, Err(trouble)) => Err(trouble),
            },
            Extended::Lsetstat { path, attrs } => match place(path) {
                Ok(place) => names::set(&acting, &place, &attrs).await,
                Err(trouble) => Err(trouble),
            },
            Extended::Unknown { .. } => Err(unsupported()),
        };
        self.answer(id, &done);
    }

    fn is_isolated(&self) -> bool {
        self.acting.caller.party().is_some_and(|party| self.acting.gate.is_isolated(party))
    }

    fn answer_handle(&mut self, id: u32, opened: Act<HandleId>) {
        match opened {
            Ok(handle) => self.replies().handle(id, &handle.to_bytes()),
            Err(trouble) => self.refuse(id, &trouble),
        }
    }

    fn answer_attrs(&mut self, id: u32, entry: Act<Entry>) {
        match entry {
            Ok(entry) => self.replies().attrs(id, &entry.attrs()),
            Err(trouble) => self.refuse(id, &trouble),
        }
    }

    async fn open_file(&mut self, path: &[u8], flags: OpenFlags) -> Act<HandleId> {
        self.has_room()?;
        let acting = Arc::clone(&self.acting);
        let place = acting.tree.place(&acting.gate, path)?;
        if flags.has(OpenFlags::WRITE) {
            let Place::In(spot) = &place else { return Err(Trouble::denied()) };
            return self.open_to_write(spot, flags).await;
        }
        match place {
            Place::Out { lane, name: Some(name) } => {
                let exit = exits::find(&acting.gate, &acting.caller, &lane, &name).await?;
                let download = Download::open(&acting, exit.view).await?;
                Ok(self.open(Open::Download(Box::new(download))))
            }
            Place::Receipts { day, file: Some(file) } => {
                let party = acting.caller.party().ok_or_else(Trouble::missing)?;
                if !Archive::is_kept(&acting.gate, day)
                    || receipts::is_hidden(&acting.gate, acting.caller.actor(), day, &file)?
                {
                    return Err(Trouble::missing());
                }
                let (content, at) = Archive::open_file(&acting, party, day, &file).await?;
                let entry = Entry::given(file, content.len() as u64, at);
                Ok(self.open(Open::Given(content, entry)))
            }
            Place::Nowhere => Err(Trouble::missing()),
            // What was put is not read back.
            Place::In(_)
            | Place::Home
            | Place::Lanes
            | Place::Exits
            | Place::Out { name: None, .. }
            | Place::Days
            | Place::Receipts { file: None, .. } => Err(Trouble::denied()),
        }
    }

    /// OPEN to write: everything that can be refused is refused now, while every client listens.
    async fn open_to_write(&mut self, spot: &Spot, flags: OpenFlags) -> Act<HandleId> {
        let acting = Arc::clone(&self.acting);
        let Some(path) = &spot.path else { return Err(folder_here()) };
        if folders::is_folder(&acting.gate, spot)? {
            return Err(folder_here());
        }
        if !folders::may_hold(&acting.gate, spot)? {
            return Err(Trouble::missing());
        }
        let found = existing(&acting, spot.name_key(&acting.gate), None)?;
        let nothing = matches!(found, Existing::Nothing);
        if !nothing && flags.has(OpenFlags::CREATE.with(OpenFlags::EXCLUSIVE)) {
            return Err(Trouble::exists());
        }
        if nothing && !flags.has(OpenFlags::CREATE) && !flags.has(OpenFlags::TRUNCATE) {
            return Err(Trouble::missing());
        }
        let slot = Slot::new(&acting, spot, path.as_str(), flags.has(OpenFlags::APPEND));
        if nothing || flags.has(OpenFlags::TRUNCATE) {
            // Asks whether it may come, and reserves for it.
            slot.begin(&acting, &found).await?;
        } else {
            crossing::may_send(&acting.gate, &acting.caller, &acting.announcement(spot, path))?;
            let (bytes, uploads) = acting.gate.quota.rest(spot.party);
            // What is unfinished has its share already.
            if matches!(found, Existing::Sealed(..)) && (bytes == 0 || uploads == 0) {
                return Err(Refusal::Quota.into());
            }
            slot.show_size(match found {
                Existing::Live(other) => other.size(),
                Existing::Kept(upload) => upload.received_bytes,
                Existing::Sealed(_, bytes) => bytes,
                Existing::Nothing => 0,
            });
        }
        acting.door.live.add(spot.name_key(&acting.gate), &slot);
        Ok(self.open(Open::Upload(slot)))
    }

    async fn close(&mut self, handle: &[u8]) -> Act {
        match self.take_handle(handle)? {
            Open::Upload(slot) => slot.close(&self.acting).await,
            Open::Download(download) => download.close().await,
            Open::Given(..) | Open::Folder(_) => Ok(()),
        }
    }

    async fn set_handle(&mut self, handle: &[u8], attrs: &Attrs<'_>) -> Act {
        let acting = Arc::clone(&self.acting);
        match self.handle(handle)? {
            Open::Upload(slot) => Arc::clone(slot).set(&acting, attrs).await,
            Open::Download(_) | Open::Given(..) | Open::Folder(_) => Ok(()),
        }
    }

    fn stat_handle(&mut self, handle: &[u8]) -> Act<Entry> {
        let now = self.acting.gate.clock.now();
        Ok(match self.handle(handle)? {
            Open::Upload(slot) => {
                let shown = slot.shown();
                Entry::put(&shown.path, slot.size(), shown.since, shown.mtime_s, shown.mode)
            }
            Open::Download(download) => Entry::given(String::new(), download.size(), download.view().arrived_at),
            Open::Given(_, entry) => entry.clone(),
            Open::Folder(_) => Entry::folder("", now),
        })
    }

    async fn stat(&mut self, path: &[u8]) -> Act<Entry> {
        let acting = Arc::clone(&self.acting);
        let (gate, now) = (&acting.gate, acting.gate.clock.now());
        match acting.tree.place(gate, path)? {
            Place::Home => Ok(match acting.tree.inbox(gate)? {
                Some(_) => Entry::taking_folder("/", now),
                None => Entry::folder("/", now),
            }),
            Place::Lanes | Place::Exits | Place::Days => Ok(Entry::folder("", now)),
            Place::In(spot) => folders::stat(&acting, &spot).await,
            Place::Out { lane, name: None } => {
                exits::lane(gate, &acting.caller, &lane)?;
                Ok(Entry::folder(&lane, now))
            }
            Place::Out { lane, name: Some(name) } => Ok(exits::find(gate, &acting.caller, &lane, &name).await?.entry),
            Place::Receipts { day, file } => {
                let party = acting.caller.party().ok_or_else(Trouble::missing)?;
                let Some(file) = file else {
                    let kept = Archive::is_kept(gate, day);
                    return if kept { Ok(Entry::folder("", now)) } else { Err(Trouble::missing()) };
                };
                if receipts::is_hidden(gate, acting.caller.actor(), day, &file)? {
                    return Err(Trouble::missing());
                }
                let (content, at) = Archive::open_file(&acting, party, day, &file).await?;
                Ok(Entry::given(file, content.len() as u64, at))
            }
            Place::Nowhere => Err(Trouble::missing()),
        }
    }

    async fn open_folder(&mut self, path: &[u8]) -> Act<HandleId> {
        self.has_room()?;
        let acting = Arc::clone(&self.acting);
        let place = acting.tree.place(&acting.gate, path)?;
        // Names are sealed: opening thousands of them takes a while, and not on the threads that serve everybody.
        let listing = tokio::task::spawn_blocking(move || list(&acting, &place));
        let entries = listing.await.map_err(crate::error::Error::internal)??;
        Ok(self.open(Open::Folder(entries.into())))
    }

    fn read_folder(&mut self, id: u32, handle: &[u8]) {
        let (user, now) = (self.acting.user.clone(), self.acting.gate.clock.now());
        let mut entries = match self.handle(handle) {
            Ok(Open::Folder(entries)) => std::mem::take(entries),
            Ok(Open::Upload(_) | Open::Download(_) | Open::Given(..)) => {
                return self.refuse(id, &Trouble::bad_handle());
            }
            Err(trouble) => return self.refuse(id, &trouble),
        };
        let mut names = self.replies().names(id);
        while let Some(entry) = entries.front() {
            if !names.push(entry.name.as_bytes(), &entry.line(&user, now), &entry.attrs()) {
                break;
            }
            entries.pop_front();
        }
        if names.finish() == 0 {
            self.refuse(id, &Trouble::plain(Status::Eof, "End of folder."));
        }
        if let Ok(Open::Folder(rest)) = self.handle(handle) {
            *rest = entries;
        }
    }

    fn replies_vfs(&mut self, id: u32, takes: bool) {
        let quota = &self.acting.gate.quota;
        let (share, uploads) = quota.share();
        let party = self.acting.caller.party();
        let (rest, uploads_rest) = party.map_or((0, 0), |party| quota.rest(party));
        let vfs = VfsStat {
            block_bytes: BLOCK_BYTES,
            blocks: share / BLOCK_BYTES,
            blocks_free: rest / BLOCK_BYTES,
            files: uploads,
            files_free: uploads_rest,
            read_only: !takes,
            name_bytes_max: NAME_BYTES_MAX,
        };
        self.replies().statvfs(id, &vfs);
    }
}

/// Whether something can be put there.
fn takes(place: &Place) -> bool {
    match place {
        Place::Home | Place::Lanes | Place::In(_) => true,
        Place::Exits | Place::Out { .. } | Place::Days | Place::Receipts { .. } | Place::Nowhere => false,
    }
}

/// What a folder of the tree lists.
fn list(acting: &super::session::Acting, place: &Place) -> Act<Vec<Entry>> {
    let (gate, now) = (&acting.gate, acting.gate.clock.now());
    let mut entries = vec![Entry::folder(".", now), Entry::folder("..", now)];
    match place {
        Place::Home => {
            entries.extend(OWN_NAMES.iter().map(|name| Entry::folder(name, now)));
            if let Some(inbox) = acting.tree.inbox(gate)? {
                entries.extend(folders::list(acting, &inbox)?);
            }
        }
        Place::Lanes => {
            entries.extend(acting.tree.lanes(gate)?.iter().map(|spot| Entry::taking_folder(&spot.lane, now)));
        }
        Place::In(spot) => entries.extend(folders::list(acting, spot)?),
        Place::Exits => entries.extend(exits::lanes(gate, &acting.caller)?),
        Place::Out { lane, name: None } => {
            let lane = exits::lane(gate, &acting.caller, lane)?;
            entries.extend(exits::list(gate, &acting.caller, &lane)?.into_iter().map(|exit| exit.entry));
        }
        Place::Days => {
            if let Some(party) = acting.caller.party() {
                entries
                    .extend(Archive::days(gate, party)?.into_iter().map(|day| Entry::folder(&day.text(), day.start())));
            }
        }
        Place::Receipts { day, file: None } => entries.extend(list_day(acting, *day)?),
        Place::Out { name: Some(_), .. } | Place::Receipts { file: Some(_), .. } | Place::Nowhere => {
            return Err(Trouble::missing());
        }
    }
    Ok(entries)
}

fn list_day(acting: &super::session::Acting, day: super::days::Day) -> Act<Vec<Entry>> {
    let gate = &acting.gate;
    let party = acting.caller.party().ok_or_else(Trouble::missing)?;
    if !Archive::is_kept(gate, day) {
        return Err(Trouble::missing());
    }
    let (journal, at) = acting.door.archive.open(gate, party, day, JOURNAL)?;
    let mut entries = vec![Entry::given(JOURNAL.to_owned(), journal.len() as u64, at)];
    for view in Archive::transfers(gate, party, day)? {
        entries.extend(acting.door.archive.entries(gate, &view)?);
    }
    let actor = acting.caller.actor();
    let mut shown = Vec::with_capacity(entries.len());
    for entry in entries {
        if !receipts::is_hidden(gate, actor, day, &entry.name)? {
            shown.push(entry);
        }
    }
    Ok(shown)
}

fn unsupported() -> Trouble {
    Trouble::plain(Status::OpUnsupported, "This is not offered here.")
}

fn folder_here() -> Trouble {
    Trouble::plain(Status::Failure, "This is a folder.")
}
