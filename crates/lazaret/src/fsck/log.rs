//! The log: the signed root is the root over the entries, and every tile and bundle is the one that follows from them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use lazaret_ledger::note::Note;
use lazaret_ledger::tile::{
    Bundle, Resource, TILE_BYTES, TILE_WIDTH, Tile, TileSource, bundles_between, grow, read_bundle, tiles_between,
    write_bundle,
};
use lazaret_ledger::tree::{Hash, leaf_hash, root};
use lazaret_store::{Latest, View};

use super::{Report, Signed, Watch};

/// Entries read at a time: whole bundles.
const PAGE: u32 = 16 * 256;
/// A bundle of 256 entries of the longest kind.
const FILE_BYTES_MAX: u64 = 256 * (65_535 + 2);
/// The published checkpoint, below the log's directory.
pub(super) const CHECKPOINT: &str = "checkpoint";
/// What is being written bears this behind its name, and so does what a crash left of it.
const UNFINISHED: &str = ".partial";

/// The log's files.
pub(super) struct Files {
    dir: PathBuf,
}

impl Files {
    pub(super) fn new(dir: PathBuf) -> Files {
        Files { dir }
    }

    fn is_there(&self, path: &str) -> bool {
        self.dir.join(path).is_file()
    }

    /// The names of all tiles and bundles, below the log's directory.
    fn list(&self) -> Vec<String> {
        let mut found = Vec::new();
        let mut left = vec![self.dir.join("tile")];
        while let Some(dir) = left.pop() {
            for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
                let path = entry.path();
                let name = path.strip_prefix(&self.dir).map(|path| path.to_string_lossy().into_owned());
                if path.is_dir() {
                    left.push(path);
                } else if let Ok(name) = name
                    && !name.ends_with(UNFINISHED)
                {
                    found.push(name);
                }
            }
        }
        found.sort_unstable();
        found
    }

    /// A file's bytes; none where it is not there, or is longer than any of the log.
    pub(super) fn read(&self, path: &str) -> Option<Vec<u8>> {
        let path = self.dir.join(path);
        let size = std::fs::metadata(&path).ok()?.len();
        if size > FILE_BYTES_MAX { None } else { std::fs::read(path).ok() }
    }
}

impl TileSource for Files {
    fn tile(&self, level: u8, index: u64, width: u16) -> Option<Vec<u8>> {
        self.read(&Tile::new(level, index, width)?.path())
    }
}

/// No tile at all: everything is made from the entries.
struct Nothing;

impl TileSource for Nothing {
    fn tile(&self, _: u8, _: u64, _: u16) -> Option<Vec<u8>> {
        None
    }
}

pub(super) fn check(view: &View<'_>, signed: &Signed, report: &mut Report, watch: Watch<'_>) {
    let Some(Some(head)) = report.take("log", view.head()) else { return };
    watch("log", 0, head.size);
    let Some(leaves) = leaves(view, head.epoch, report) else { return };
    check_published(signed, &leaves, report);
    let Some(latest) = &signed.latest else { return };
    let Some(covered) = usize::try_from(latest.size).ok().and_then(|size| leaves.get(..size)) else {
        let missing = format!(
            "the ledger has {} entries and {} were signed: an old copy, or entries are gone",
            leaves.len(),
            latest.size
        );
        report.note("log", missing);
        return;
    };
    if root(covered) != latest.root {
        report.note("log", format!("the root over the first {} entries is not the one that was signed", latest.size));
    }
    check_note(signed, latest, report);
    check_there(signed, latest.size, report);
    check_files(signed, &leaves, report, watch);
}

/// The leaf hashes, from the bytes themselves.
fn leaves(view: &View<'_>, epoch: u64, report: &mut Report) -> Option<Vec<Hash>> {
    let mut leaves = Vec::new();
    loop {
        let rows = report.take("log", view.leaves(epoch, leaves.len() as u64, PAGE))?;
        if rows.is_empty() {
            return Some(leaves);
        }
        leaves.extend(rows.iter().map(|(bytes, _)| leaf_hash(bytes)));
    }
}

fn check_note(signed: &Signed, latest: &Latest, report: &mut Report) {
    let Some(trust) = &signed.trust else { return };
    let Some(note) = report.take("log", Note::parse(latest.note.as_bytes())) else { return };
    match trust.accept(&note) {
        Ok(accepted) if (accepted.checkpoint.size, accepted.checkpoint.root) == (latest.size, latest.root) => {}
        Ok(_) => report.note("log", "the checkpoint store's note is about another head than its row"),
        Err(error) => report.note("log", format!("the checkpoint store's note is not genuine: {error}")),
    }
}

/// What the world can read: signed, and of this ledger. It may be an earlier head than the last one.
fn check_published(signed: &Signed, leaves: &[Hash], report: &mut Report) {
    let Some(bytes) = &signed.published else {
        // A gate that was stopped before it could publish anything has signed the empty head and no other.
        if signed.latest.as_ref().is_some_and(|latest| latest.size > 0) {
            report.note("log", "the published checkpoint is missing");
        }
        return;
    };
    let Some(note) = report.take("log", Note::parse(bytes)) else { return };
    let Some(trust) = &signed.trust else { return };
    let accepted = match trust.accept(&note) {
        Ok(accepted) => accepted.checkpoint,
        Err(error) => return report.note("log", format!("the published checkpoint is not genuine: {error}")),
    };
    let covered = usize::try_from(accepted.size).ok().and_then(|size| leaves.get(..size));
    if covered.is_none_or(|covered| root(covered) != accepted.root) {
        report.note("log", format!("the published checkpoint of {} entries is not of this ledger", accepted.size));
    }
}

/// What the signed head implies is there. A running gate may have replaced a partial file by the full one meanwhile.
fn check_there(signed: &Signed, size: u64, report: &mut Report) {
    let bundles = bundles_between(0, size).map(|bundle| (Resource::Bundle(bundle), full_of(Resource::Bundle(bundle))));
    let tiles = tiles_between(0, size).map(|tile| (Resource::Tile(tile), full_of(Resource::Tile(tile))));
    for (due, full) in bundles.chain(tiles) {
        let there = |resource: Resource| signed.files.is_there(&resource.path());
        if !there(due) && !full.is_some_and(there) {
            report.note("log", format!("{} is missing", due.path()));
        }
    }
}

fn full_of(resource: Resource) -> Option<Resource> {
    match resource {
        Resource::Tile(tile) => Tile::new(tile.level(), tile.index(), TILE_WIDTH).map(Resource::Tile),
        Resource::Bundle(bundle) => Bundle::new(bundle.index(), TILE_WIDTH).map(Resource::Bundle),
    }
}

/// Every file of the log, those of earlier sizes too, is the one that follows from the entries.
fn check_files(signed: &Signed, leaves: &[Hash], report: &mut Report, watch: Watch<'_>) {
    let Some(tiles) = report.take("log", grow(&Nothing, 0, leaves)) else { return };
    let tiles: BTreeMap<(u8, u64), Vec<u8>> =
        tiles.into_iter().map(|(tile, bytes)| ((tile.level(), tile.index()), bytes)).collect();
    let files = signed.files.list();
    let total = files.len() as u64;
    for (done, path) in (0..).zip(files) {
        watch("log", done, total);
        let Some(resource) = Resource::from_path(&path) else {
            report.note("log", format!("{path} is no file of a log"));
            continue;
        };
        // Gone since it was listed: a running gate drops a partial file once the full one is there.
        let Some(bytes) = signed.files.read(&path) else { continue };
        report.counts.tiles += 1;
        let fits = match resource {
            Resource::Tile(tile) => tile_fits(tile, &bytes, &tiles),
            Resource::Bundle(bundle) => bundle_fits(bundle, &bytes, leaves),
        };
        if !fits {
            report.note("log", format!("{path} is not what the entries give"));
        }
    }
}

/// A tile of any width begins as the widest of its place. One that reaches beyond the entries that are looked at is newer.
fn tile_fits(tile: Tile, bytes: &[u8], tiles: &BTreeMap<(u8, u64), Vec<u8>>) -> bool {
    let width = usize::from(tile.width()) * (TILE_BYTES / usize::from(TILE_WIDTH));
    let newest = tiles.get(&(tile.level(), tile.index()));
    let due = newest.map_or(&[][..], |newest| newest.get(..width).unwrap_or(newest));
    bytes.len() == width && bytes.starts_with(due)
}

fn bundle_fits(bundle: Bundle, bytes: &[u8], leaves: &[Hash]) -> bool {
    let Some(entries) = read_bundle(bytes) else { return false };
    let first = usize::try_from(bundle.first_entry()).unwrap_or(usize::MAX);
    let due = leaves.get(first..).unwrap_or_default();
    entries.len() == usize::from(bundle.width())
        && write_bundle(&entries).as_deref() == Some(bytes)
        && entries.iter().zip(due).all(|(entry, leaf)| leaf_hash(entry) == *leaf)
}

#[cfg(test)]
mod tests {
    use lazaret_ledger::tree::empty_root;

    use super::*;

    #[test]
    fn only_before_the_first_entry_was_signed_may_the_published_checkpoint_be_missing() {
        for (size, violations) in [(0, 0), (1, 1)] {
            let latest = Some(Latest { size, root: empty_root(), note: String::new() });
            let files = Files::new(PathBuf::from("/nowhere"));
            let mut report = Report::default();
            check_published(&Signed { files, published: None, latest, trust: None }, &[], &mut report);
            assert_eq!(report.violations.len(), violations, "{size}");
        }
    }
}
