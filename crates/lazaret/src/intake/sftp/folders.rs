//! What a sender sees on its lane: its folders, what it is sending, and what it sent in the last days, in any stage.

use std::collections::HashMap;

use lazaret_core::time::{DAY_MS, Timestamp};
use lazaret_formats::path::CrossingPath;

use super::listing::Entry;
use super::session::Acting;
use super::status::{Act, Trouble};
use super::tree::{OWN_NAMES, Spot};
use super::upload::{Existing, existing};
use crate::gate::Gate;
use crate::intake::{folders, kept};
use crate::particulars::Kept;

/// What was sent stays listed so long: clients verify and compare by STAT.
const LISTED_MS: u64 = 7 * DAY_MS;
/// Objects of one lane that are listed, the newest first.
const LISTED_MAX: u32 = 10_000;
/// Unfinished uploads that are listed.
const UNFINISHED_MAX: u32 = 1_000;

/// What STAT says of a place on a lane.
///
/// # Errors
/// Nothing is there.
pub(super) async fn stat(acting: &Acting, spot: &Spot) -> Act<Entry> {
    let gate = &acting.gate;
    let Some(path) = &spot.path else { return Ok(Entry::taking_folder(&spot.lane, gate.clock.now())) };
    match existing(acting, spot.name_key(gate), None)? {
        Existing::Live(slot) => {
            let shown = slot.shown();
            Ok(Entry::put(path.name(), slot.size(), shown.since, shown.mtime_s, shown.mode))
        }
        Existing::Kept(upload) => {
            let (_, said) = kept::shown_of(gate, &upload)?;
            Ok(Entry::put(path.name(), upload.received_bytes, gate.clock.now(), said.mtime_s, said.mode))
        }
        Existing::Sealed(view, bytes) => {
            let kept = gate.read(|_, side| Ok(gate.particulars.kept(side, view.transfer).unwrap_or_default()))?;
            Ok(Entry::put(path.name(), bytes, view.arrived_at, kept.mtime_s, kept.mode))
        }
        Existing::Nothing if is_folder(gate, spot)? => Ok(Entry::taking_folder(path.name(), gate.clock.now())),
        Existing::Nothing => Err(Trouble::missing()),
    }
}

/// Whether a place is a folder, or the lane itself.
pub(super) fn is_folder(gate: &Gate, spot: &Spot) -> Act<bool> {
    if spot.path.is_none() {
        return Ok(true);
    }
    let key = spot.name_key(gate);
    Ok(gate.read(|_, side| side.has_folder(spot.party, spot.id, &key))?)
}

/// By way of the home only folders that are there take files: a path that is mistyped is not taken for one of the lane's.
pub(super) fn may_hold(gate: &Gate, spot: &Spot) -> Act<bool> {
    let above = spot.path.as_ref().and_then(CrossingPath::folder);
    let Some(above) = above.filter(|_| spot.by_home) else { return Ok(true) };
    let folder = Spot { path: Some(CrossingPath::parse(above.as_bytes())?), ..spot.clone() };
    is_folder(gate, &folder)
}

/// What lies directly in a folder of a lane, each name once.
///
/// # Errors
/// It is no folder.
pub(super) fn list(acting: &Acting, spot: &Spot) -> Act<Vec<Entry>> {
    let gate = &acting.gate;
    if !is_folder(gate, spot)? {
        return Err(Trouble::missing());
    }
    let mut names =
        Names { folder: spot.path.as_ref().map(|path| format!("{}/", path.nfc())), entries: HashMap::new() };
    let now = gate.clock.now();
    for path in folders::paths(gate, spot.party, spot.id)? {
        names.folder(&path, now);
    }
    for slot in acting.door.live.on_lane(spot.party, spot.id) {
        let shown = slot.shown();
        names.file(&shown.path, now, |name| Entry::put(name, slot.size(), shown.since, shown.mtime_s, shown.mode));
    }
    for upload in gate.read(|_, side| side.open_uploads(spot.party, spot.id, UNFINISHED_MAX))? {
        let Ok((path, said)) = kept::shown_of(gate, &upload) else { continue };
        names.file(&path, now, |name| Entry::put(name, upload.received_bytes, now, said.mtime_s, said.mode));
    }
    let since = Timestamp::from_millis(now.as_millis().saturating_sub(LISTED_MS));
    for row in gate.read(|_, side| side.listed(spot.party, spot.id, since, LISTED_MAX))? {
        // Erased meanwhile: there is no name to show.
        let Ok(kept) = gate.particulars.open_kept(row.transfer, &row.sealed) else { continue };
        names.file(&kept.path, now, |name| received(name, &kept, row.arrived));
    }
    let mut entries: Vec<Entry> = names.entries.into_values().collect();
    if spot.by_home && spot.path.is_none() {
        entries.retain(|entry| !OWN_NAMES.contains(&entry.name.as_str()));
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

fn received(name: &str, kept: &Kept, at: Timestamp) -> Entry {
    let bytes = kept.manifest().map(|manifest| manifest.size_bytes).unwrap_or_default();
    Entry::put(name, bytes, at, kept.mtime_s, kept.mode)
}

/// Names of one folder, the first of each kept: the newest, by the order in which they are told.
struct Names {
    /// The folder's path with a slash at its end; none for the lane.
    folder: Option<String>,
    /// By the name in Unicode's Normal Form C: two spellings are one name.
    entries: HashMap<String, Entry>,
}

/// What a path shows in a folder.
#[derive(Debug, PartialEq, Eq)]
struct Below {
    name: String,
    compared: String,
    is_file: bool,
}

impl Names {
    fn folder(&mut self, path: &str, at: Timestamp) {
        let Some(below) = self.below(path) else { return };
        self.entries.entry(below.compared).or_insert_with(|| Entry::taking_folder(&below.name, at));
    }

    fn file(&mut self, path: &str, now: Timestamp, entry: impl FnOnce(&str) -> Entry) {
        let Some(below) = self.below(path) else { return };
        self.entries
            .entry(below.compared)
            .or_insert_with(|| if below.is_file { entry(&below.name) } else { Entry::taking_folder(&below.name, now) });
    }

    /// The part of a path that this folder shows, if it lies below.
    fn below(&self, path: &str) -> Option<Below> {
        let parsed = (!path.is_ascii()).then(|| CrossingPath::parse(path.as_bytes()).ok()).flatten();
        let compared = parsed.as_ref().map_or(path, CrossingPath::nfc);
        let folder = self.folder.as_deref().unwrap_or_default();
        let rest = compared.strip_prefix(folder)?;
        // Composing changes no slash: the same part has the same number in both spellings.
        let name = path.split('/').nth(folder.matches('/').count())?.to_owned();
        let (compared, is_file) = rest.split_once('/').map_or((rest, true), |(first, _)| (first, false));
        Some(Below { name, compared: compared.to_owned(), is_file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(folder: Option<&str>, path: &str) -> Option<(String, String, bool)> {
        let names = Names { folder: folder.map(str::to_owned), entries: HashMap::new() };
        names.below(path).map(|below| (below.name, below.compared, below.is_file))
    }

    #[test]
    fn a_folder_shows_what_lies_directly_in_it() {
        let plain = |name: &str, is_file| Some((name.to_owned(), name.to_owned(), is_file));
        assert_eq!(shown(None, "a.csv"), plain("a.csv", true));
        assert_eq!(shown(None, "2026/a.csv"), plain("2026", false));
        assert_eq!(shown(Some("2026/11/"), "2026/11/a.csv"), plain("a.csv", true));
        assert_eq!(shown(Some("2026/11/"), "2026/11/x/a.csv"), plain("x", false));
        assert_eq!(shown(Some("2026/11/"), "2026/a.csv"), None);
        assert_eq!(shown(Some("2026/11/"), "2026/111/a.csv"), None);
        assert_eq!(shown(Some("caf\u{e9}/"), "cafe\u{301}/a"), plain("a", true));
        assert_eq!(shown(None, "cafe\u{301}"), Some(("cafe\u{301}".into(), "caf\u{e9}".into(), true)));
    }
}
