//! The receipts directory: what became of a party's own objects, day by day, as files that never lie about their length.
//!
//! `journal.jsonl` of a day only grows: a script polls it with one `reget`. So a line is written down once, a second after
//! its fact and under a signature, and never written otherwise again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use lazaret_core::id::{Actor, Id, Party, Transfer};
use lazaret_core::time::Timestamp;
use lazaret_core::transfer::{Direction, TransferView};

use super::days::Day;
use super::listing::Entry;
use super::session::Acting;
use super::status::{Act, Trouble};
use crate::api::receipts::KEPT_DAYS;
use crate::api::types::{JournalJson, Json as _};
use crate::delivery::told;
use crate::error::{Error, Result};
use crate::follow::receipt;
use crate::gate::Gate;

/// The journal's name.
pub(super) const JOURNAL: &str = "journal.jsonl";
/// A line is written down this long after its fact: what is recorded at about the same time has found its order by then.
const SETTLED_MS: u64 = 1_000;
/// Bytes of journals and receipts kept ready; beyond it the longest unused go and are made again when asked for.
const READY_BYTES_MAX: usize = 32 << 20;
/// Transfers of one day that are listed.
const DAY_TRANSFERS_MAX: u32 = 50_000;

/// Journals and receipts that were made before.
#[derive(Debug, Default)]
pub(super) struct Archive {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    journals: HashMap<(Id<Party>, Day), Kept>,
    receipts: HashMap<(Id<Transfer>, u64), Ready>,
    bytes: usize,
    clock: u64,
}

/// A journal that is kept ready. Each has a lock of its own: nobody waits while another party's is written.
#[derive(Debug)]
struct Kept {
    journal: Arc<Mutex<Journal>>,
    bytes: usize,
    used: u64,
}

#[derive(Debug)]
struct Journal {
    text: Vec<u8>,
    /// Every line before this instant is in it.
    until: Timestamp,
}

#[derive(Debug, Clone)]
struct Ready {
    bytes: Bytes,
    used: u64,
}

/// One of the files about a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Json,
    Text,
    Receipt,
}

impl Kind {
    const ALL: [Kind; 3] = [Kind::Json, Kind::Text, Kind::Receipt];

    const fn suffix(self) -> &'static str {
        match self {
            Kind::Json => ".json",
            Kind::Text => ".txt",
            Kind::Receipt => ".receipt",
        }
    }
}

impl Archive {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under the lock can only come from running out of memory.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The days that are listed: from the first of which anything is kept, until today.
    pub(super) fn days(gate: &Gate, party: Id<Party>) -> Act<Vec<Day>> {
        let today = Day::of(gate.clock.now());
        let first = today.before(KEPT_DAYS - 1);
        let end = Timestamp::from_millis(u64::MAX);
        let oldest = gate.read(|view, _| view.arrived_between(party, first.start(), end, 1))?;
        let mut day = oldest.first().map_or(today, |view| Day::of(view.arrived_at)).max(first);
        let mut days = Vec::new();
        while day <= today {
            days.push(day);
            day = day.next();
        }
        Ok(days)
    }

    /// Whether a day is within what is kept.
    pub(super) fn is_kept(gate: &Gate, day: Day) -> bool {
        let today = Day::of(gate.clock.now());
        day <= today && day >= today.before(KEPT_DAYS - 1)
    }

    /// A day's journal as far as it is settled.
    pub(super) fn journal(&self, gate: &Gate, party: Id<Party>, day: Day) -> Act<Bytes> {
        let settled = Timestamp::from_millis(gate.clock.now().as_millis().saturating_sub(SETTLED_MS));
        let end = day.end().min(settled);
        let shared = self.kept(party, day);
        // One at a time: two that go on at once with the same journal would both add the same lines.
        let mut journal = shared.lock().unwrap_or_else(PoisonError::into_inner);
        if journal.until < end {
            extend(gate, party, &mut journal, end)?;
        }
        let text = Bytes::copy_from_slice(&journal.text);
        drop(journal);
        let mut state = self.lock();
        let before = state.journals.get_mut(&(party, day)).filter(|kept| Arc::ptr_eq(&kept.journal, &shared));
        // What was dropped meanwhile to make room is not counted any more.
        let grown = before.map_or(0, |kept| text.len().saturating_sub(std::mem::replace(&mut kept.bytes, text.len())));
        state.bytes += grown;
        state.make_room();
        Ok(text)
    }

    fn kept(&self, party: Id<Party>, day: Day) -> Arc<Mutex<Journal>> {
        let mut state = self.lock();
        state.clock += 1;
        let used = state.clock;
        let kept = state.journals.entry((party, day)).or_insert_with(|| Kept {
            journal: Arc::new(Mutex::new(Journal { text: Vec::new(), until: day.start() })),
            bytes: 0,
            used,
        });
        kept.used = used;
        Arc::clone(&kept.journal)
    }

    /// What a day's directory lists beside the journal, one transfer at a time.
    pub(super) fn transfers(gate: &Gate, party: Id<Party>, day: Day) -> Act<Vec<TransferView>> {
        let all = gate.read(|view, _| view.arrived_between(party, day.start(), day.end(), DAY_TRANSFERS_MAX))?;
        Ok(all.into_iter().filter(|view| view.direction == Direction::In).collect())
    }

    /// The files about one transfer, with their lengths.
    pub(super) fn entries(&self, gate: &Gate, view: &TransferView) -> Act<Vec<Entry>> {
        let base = base_name(gate, view)?;
        let mut entries = Vec::new();
        for kind in Kind::ALL {
            if let Some((bytes, changed)) = self.file(gate, view, kind)? {
                entries.push(Entry::given(format!("{base}{}", kind.suffix()), bytes.len() as u64, changed));
            }
        }
        Ok(entries)
    }

    /// As [`Archive::open`], for those who must not block.
    pub(super) async fn open_file(acting: &Acting, party: Id<Party>, day: Day, file: &str) -> Act<(Bytes, Timestamp)> {
        let (door, gate, file) = (Arc::clone(&acting.door), Arc::clone(&acting.gate), file.to_owned());
        let opening = tokio::task::spawn_blocking(move || door.archive.open(&gate, party, day, &file));
        opening.await.map_err(Error::internal)?
    }

    /// A file of a day by its name: its content and when it last changed.
    pub(super) fn open(&self, gate: &Gate, party: Id<Party>, day: Day, file: &str) -> Act<(Bytes, Timestamp)> {
        if file == JOURNAL {
            let text = self.journal(gate, party, day)?;
            return Ok((text, day.end().min(gate.clock.now())));
        }
        let kind = Kind::ALL.into_iter().find(|kind| file.ends_with(kind.suffix())).ok_or_else(Trouble::missing)?;
        let base = file.strip_suffix(kind.suffix()).unwrap_or_default();
        // The reference is the last part of the base; the name before it may hold dots of its own.
        let reference = base.rsplit('.').next().unwrap_or_default();
        let found = match reference.parse() {
            Ok(reference) => gate.read(|view, _| view.by_reference(reference))?,
            Err(_) => None,
        };
        let own = |view: &TransferView| {
            view.party == party && view.direction == Direction::In && Day::of(view.arrived_at) == day
        };
        let view = found.filter(own).ok_or_else(Trouble::missing)?;
        if base_name(gate, &view)? != base {
            return Err(Trouble::missing());
        }
        self.file(gate, &view, kind)?.ok_or_else(Trouble::missing)
    }

    fn file(&self, gate: &Gate, view: &TransferView, kind: Kind) -> Result<Option<(Bytes, Timestamp)>> {
        if kind == Kind::Receipt {
            return self.receipt(gate, view);
        }
        let lines = gate.read(|read, side| told::of_transfer(gate, read, side, view.transfer))?;
        let Some((at, line)) = lines.into_iter().next_back() else { return Ok(None) };
        let text = if kind == Kind::Json { line.to_json()? + "\n" } else { plain(&line) };
        Ok(Some((text.into(), at)))
    }

    /// The proof. Made once for each state: made again it would be longer, because the log has grown.
    fn receipt(&self, gate: &Gate, view: &TransferView) -> Result<Option<(Bytes, Timestamp)>> {
        let Some(last) = gate.read(|read, _| read.last_position(view.transfer.cast()))? else { return Ok(None) };
        let key = (view.transfer, last.index);
        {
            let mut state = self.lock();
            state.clock += 1;
            let used = state.clock;
            if let Some(ready) = state.receipts.get_mut(&key) {
                ready.used = used;
                return Ok(Some((ready.bytes.clone(), view.since)));
            }
        }
        let Some(made) = receipt::of(gate, view.transfer, receipt::Side::Party)? else {
            // The latest fact waits for its signature: until then the receipt before it stands.
            let state = self.lock();
            let before = state.receipts.iter().filter(|((transfer, _), _)| *transfer == view.transfer);
            let newest = before.max_by_key(|((_, index), _)| *index);
            return Ok(newest.map(|(_, ready)| (ready.bytes.clone(), view.since)));
        };
        let bytes = Bytes::from(made);
        let mut state = self.lock();
        let used = state.clock;
        // Somebody else may have been faster: the first one stays.
        let ready = state.receipts.entry(key).or_insert(Ready { bytes: bytes.clone(), used }).bytes.clone();
        state.bytes += ready.len();
        state.make_room();
        Ok(Some((ready, view.since)))
    }
}

impl State {
    fn make_room(&mut self) {
        while self.bytes > READY_BYTES_MAX && self.receipts.len() + self.journals.len() > 1 {
            let receipt =
                self.receipts.iter().min_by_key(|(_, ready)| ready.used).map(|(key, ready)| (*key, ready.used));
            let journal = self.journals.iter().min_by_key(|(_, kept)| kept.used).map(|(key, kept)| (*key, kept.used));
            let gone = match (receipt, journal) {
                (Some((key, used)), other) if other.is_none_or(|(_, newer)| used < newer) => {
                    self.receipts.remove(&key).map(|ready| ready.bytes.len())
                }
                (_, Some((key, _))) => self.journals.remove(&key).map(|kept| kept.bytes),
                (_, None) => None,
            };
            self.bytes = self.bytes.saturating_sub(gone.unwrap_or(self.bytes));
        }
    }
}

/// Adds the lines between what the journal holds and `end`, up to the first that is not under a signature yet.
fn extend(gate: &Gate, party: Id<Party>, journal: &mut Journal, end: Timestamp) -> Result<()> {
    let lines = told::lines(gate, party, journal.until, end)?;
    let unsigned = lines.iter().find(|(_, line)| line.seq.is_some() && line.receipt.is_none()).map(|(at, _)| *at);
    let end = unsigned.map_or(end, |at| end.min(at));
    let mut more = Vec::new();
    for (_, line) in lines.into_iter().filter(|(at, _)| *at < end) {
        // How often it was sent again changes; the line does not.
        let line = JournalJson { repeats: 0, ..line };
        more.extend_from_slice(line.to_json()?.as_bytes());
        more.push(b'\n');
    }
    journal.text.append(&mut more);
    journal.until = end;
    Ok(())
}

fn base_name(gate: &Gate, view: &TransferView) -> Result<String> {
    let kept = gate.read(|_, side| Ok(gate.particulars.kept(side, view.transfer).unwrap_or_default()))?;
    Ok(format!("{}.{}", kept.name(), view.transfer.reference()))
}

fn plain(line: &JournalJson) -> String {
    let reference = line.reference.as_deref().unwrap_or_default();
    let mut text = format!("{} {}: {}\n", line.name, reference, line.state);
    for sentence in [&line.text, &line.fix].into_iter().flatten() {
        text.push_str(sentence);
        text.push('\n');
    }
    text
}

/// By what a hidden file of the receipts directory is remembered.
pub(super) fn hidden_key(gate: &Gate, day: Day, file: &str) -> [u8; 32] {
    gate.vault.index(&[b"hidden", b"receipt", day.text().as_bytes(), file.as_bytes()])
}

/// Whether a reader took a file out of its sight.
pub(super) fn is_hidden(gate: &Gate, actor: Id<Actor>, day: Day, file: &str) -> Act<bool> {
    let key = hidden_key(gate, day, file);
    Ok(gate.read(|_, side| side.is_hidden(actor, &key))?)
}
