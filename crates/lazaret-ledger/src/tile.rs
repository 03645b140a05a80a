//! The tree as files: hash tiles and entry bundles (C2SP tlog-tiles). Their names, their bytes, which of them a growing tree
//! needs, and proofs out of them.
//!
//! A tile is up to 256 neighbouring hashes of one of every eight levels of the tree. A full one never changes; a partial one
//! is named after its width, so that no file ever changes. Reading and writing files is the caller's: it brings a
//! [`TileSource`].

use std::collections::BTreeMap;

use crate::cbor::length;
use crate::tree::{Hash, Nodes, RightEdge, root};

/// Hashes in a full tile, entries in a full bundle.
pub const TILE_WIDTH: u16 = 256;
/// Bytes of a full tile.
pub const TILE_BYTES: usize = 8_192;
/// Levels of the tree that one tile spans.
const TILE_HEIGHT: u8 = 8;
/// Tile levels that a tree can have whose size is a `u64`; the standard's names go to 63.
const LEVELS: u8 = 8;
/// Digits that a name's index can have: `u64::MAX` in groups of three.
const INDEX_GROUPS_MAX: usize = 7;

/// A hash tile of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tile {
    level: u8,
    index: u64,
    width: u16,
}

/// A bundle of entries: those whose hashes the level 0 tile of the same index and width holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bundle {
    index: u64,
    width: u16,
}

/// What a name below the log's prefix means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// `tile/<L>/<N>[.p/<W>]`.
    Tile(Tile),
    /// `tile/entries/<N>[.p/<W>]`.
    Bundle(Bundle),
}

impl Tile {
    /// The tile at this level and index, with so many hashes: 1 to 256. None where no tree has such a tile.
    #[must_use]
    pub fn new(level: u8, index: u64, width: u16) -> Option<Tile> {
        let known = level < LEVELS && (1..=TILE_WIDTH).contains(&width);
        known.then_some(Tile { level, index, width })
    }

    /// Which hashes: level 0 holds leaf hashes, each higher one the roots of the full tiles below it.
    #[must_use]
    pub fn level(&self) -> u8 {
        self.level
    }

    /// Which tile of its level, from 0.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// How many hashes, 1 to 256.
    #[must_use]
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Whether it holds all the hashes that a tile can.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// Name below the log's prefix (tlog-tiles, "Merkle Tree").
    #[must_use]
    pub fn path(&self) -> String {
        format!("tile/{}/{}", self.level, index_path(self.index, self.width))
    }

    /// The tile that holds the hash at a level and index of tile hashes, in a tree of `size` leaves; none where the tree has
    /// no such hash.
    fn holding(level: u8, hash_index: u64, size: u64) -> Option<Tile> {
        Tile::holding_one_of(size.checked_shr(u32::from(level) * u32::from(TILE_HEIGHT))?, level, hash_index)
    }

    /// As [`Tile::holding`], where the level has so many hashes.
    fn holding_one_of(hashes: u64, level: u8, hash_index: u64) -> Option<Tile> {
        let index = hash_index / u64::from(TILE_WIDTH);
        if hash_index < hashes { Tile::new(level, index, width_of(hashes, index)) } else { None }
    }
}

impl Bundle {
    /// The bundle of this index with so many entries: 1 to 256. None for another width.
    #[must_use]
    pub fn new(index: u64, width: u16) -> Option<Bundle> {
        (1..=TILE_WIDTH).contains(&width).then_some(Bundle { index, width })
    }

    /// Which bundle, from 0.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.index
    }

    /// How many entries, 1 to 256.
    #[must_use]
    pub fn width(&self) -> u16 {
        self.width
    }

    /// Index of its first entry.
    #[must_use]
    pub fn first_entry(&self) -> u64 {
        self.index.saturating_mul(u64::from(TILE_WIDTH))
    }

    /// Name below the log's prefix (tlog-tiles, "Log entries").
    #[must_use]
    pub fn path(&self) -> String {
        format!("tile/entries/{}", index_path(self.index, self.width))
    }
}

impl Resource {
    /// Reads a name below the log's prefix, such as `tile/0/x001/234.p/5`. None for whatever is not the one name of a tile or
    /// bundle: a server looks for nothing else.
    #[must_use]
    pub fn from_path(path: &str) -> Option<Resource> {
        let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let (index, width) = read_index_path(rest)?;
        let resource = match level {
            "entries" => Resource::Bundle(Bundle::new(index, width)?),
            _ => Resource::Tile(Tile::new(level.parse().ok()?, index, width)?),
        };
        // One resource, one name: `tile/00/000` is none.
        (resource.path() == path).then_some(resource)
    }

    /// Name below the log's prefix.
    #[must_use]
    pub fn path(&self) -> String {
        match self {
            Resource::Tile(tile) => tile.path(),
            Resource::Bundle(bundle) => bundle.path(),
        }
    }
}

/// The tiles that a tree of `new` leaves has and one of `old` leaves has not, level by level from the leaves. Partial tiles of
/// sizes in between are not among them: no checkpoint is made of those. Nothing where `old` is not below `new`.
pub fn tiles_between(old: u64, new: u64) -> impl Iterator<Item = Tile> {
    (0..LEVELS).flat_map(move |level| {
        let by = u32::from(level) * u32::from(TILE_HEIGHT);
        widths_between(old >> by, new >> by).filter_map(move |(index, width)| Tile::new(level, index, width))
    })
}

/// The bundles that a log of `new` entries has and one of `old` has not, as [`tiles_between`].
pub fn bundles_between(old: u64, new: u64) -> impl Iterator<Item = Bundle> {
    widths_between(old, new).filter_map(|(index, width)| Bundle::new(index, width))
}

/// Where tiles are kept.
pub trait TileSource {
    /// The bytes of the tile at this level and index with this width; none where it is not there.
    ///
    /// What comes back may be anything: it is checked for its length here, and by whoever compares what follows from it with a
    /// signed root.
    fn tile(&self, level: u8, index: u64, width: u16) -> Option<Vec<u8>>;
}

/// A tile that the tree of this size must have is not there, or is not of its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MissingTile(pub Tile);

impl std::fmt::Display for MissingTile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is missing or damaged; rebuild the tiles from the entries", self.0.path())
    }
}

impl std::error::Error for MissingTile {}

/// Reads the hashes of a tree of one size out of tiles, each tile once. Give it to [`crate::tree::inclusion_proof`],
/// [`crate::tree::consistency_proof`] or [`crate::tree::root_of`]. It keeps what it read, so it lives for one proof or a few.
#[derive(Debug)]
pub struct TileReader<'s, S> {
    source: &'s S,
    size: u64,
    read: BTreeMap<(u8, u64), Vec<Hash>>,
}

impl<'s, S: TileSource> TileReader<'s, S> {
    /// A reader of the tree of `size` leaves.
    pub fn new(source: &'s S, size: u64) -> TileReader<'s, S> {
        TileReader { source, size, read: BTreeMap::new() }
    }

    fn hashes(&mut self, tile: Tile) -> Result<&[Hash], MissingTile> {
        let key = (tile.level, tile.index);
        if !self.read.contains_key(&key) {
            self.read.insert(key, fetch(self.source, tile)?);
        }
        self.read.get(&key).map(Vec::as_slice).ok_or(MissingTile(tile))
    }
}

impl<S: TileSource> Nodes for TileReader<'_, S> {
    type Error = MissingTile;

    fn node(&mut self, level: u8, index: u64) -> Result<Hash, MissingTile> {
        let (tile_level, above) = (level / TILE_HEIGHT, level % TILE_HEIGHT);
        // A node between two tile levels is the root over 2^above neighbours of one tile.
        let first = index.saturating_mul(1 << above);
        let found = Tile::holding(tile_level, first, self.size);
        // Only a caller that asks beyond its own tree comes here without a tile.
        let tile = found.unwrap_or(Tile { level: tile_level, index: first / u64::from(TILE_WIDTH), width: TILE_WIDTH });
        let start = usize::try_from(first % u64::from(TILE_WIDTH)).unwrap_or_default();
        let hashes = self.hashes(tile)?;
        hashes.get(start..start + (1 << above)).map(root).ok_or(MissingTile(tile))
    }
}

/// A tile's hashes. tlog-tiles, "Partial Tiles": once the full tile is there the partial one may be gone.
fn fetch<S: TileSource>(source: &S, tile: Tile) -> Result<Vec<Hash>, MissingTile> {
    let exact = source.tile(tile.level, tile.index, tile.width).filter(|bytes| bytes.len() == tile_bytes(tile.width));
    let full = || source.tile(tile.level, tile.index, TILE_WIDTH).filter(|bytes| bytes.len() == TILE_BYTES);
    let bytes = exact.or_else(full).ok_or(MissingTile(tile))?;
    let (hashes, _) = bytes.as_chunks::<32>();
    Ok(hashes.iter().take(tile.width.into()).copied().collect())
}

/// The tiles that must be written when `leaves` are appended to a tree of `old` leaves, with their bytes: those of
/// [`tiles_between`], in that order. Only the partial tiles of the old right edge are read.
///
/// # Errors
/// One of those is not there.
pub fn grow<S: TileSource>(source: &S, old: u64, leaves: &[Hash]) -> Result<Vec<(Tile, Vec<u8>)>, MissingTile> {
    assert!(old.checked_add(length(leaves)).is_some(), "a tree has fewer leaves than a number can count");
    let mut written = Vec::new();
    let mut before = old;
    let mut added = leaves.to_vec();
    for level in 0..LEVELS {
        if added.is_empty() {
            break;
        }
        let mut hashes = match before.checked_sub(1).and_then(|last| Tile::holding_one_of(before, level, last)) {
            Some(edge) if !edge.is_full() => fetch(source, edge)?,
            _ => Vec::new(),
        };
        hashes.append(&mut added);
        let first_index = before / u64::from(TILE_WIDTH);
        for (offset, chunk) in (0..).zip(hashes.chunks(TILE_WIDTH.into())) {
            let width = u16::try_from(chunk.len()).unwrap_or(TILE_WIDTH);
            written.push((Tile { level, index: first_index + offset, width }, chunk.concat()));
            // tlog-tiles, "Partial Tiles": only a full tile is hashed into the level above.
            if width == TILE_WIDTH {
                added.push(root(chunk));
            }
        }
        before >>= TILE_HEIGHT;
    }
    Ok(written)
}

/// The right edge of a tree of `size` leaves, read from its tiles; see [`RightEdge`].
///
/// # Errors
/// A tile is not there.
pub fn right_edge<S: TileSource>(source: &S, size: u64) -> Result<RightEdge, MissingTile> {
    RightEdge::read(&mut TileReader::new(source, size), size)
}

/// Writes a bundle: each entry behind its length in two bytes, the higher first. None where there are no entries or more than
/// 256, or one is longer than 65,535 bytes.
#[must_use]
pub fn write_bundle(entries: &[&[u8]]) -> Option<Vec<u8>> {
    if entries.is_empty() || entries.len() > usize::from(TILE_WIDTH) {
        return None;
    }
    let mut out = Vec::new();
    for entry in entries {
        out.extend_from_slice(&u16::try_from(entry.len()).ok()?.to_be_bytes());
        out.extend_from_slice(entry);
    }
    Some(out)
}

/// Reads a bundle. None where it ends inside an entry, is empty or holds more than 256.
///
/// The entries are as good as whoever sent them; compare their [`crate::tree::leaf_hash`] with the tile of the same index.
#[must_use]
pub fn read_bundle(bundle: &[u8]) -> Option<Vec<&[u8]>> {
    let mut entries = Vec::new();
    let mut rest = bundle;
    while let Some((length, behind)) = rest.split_first_chunk::<2>() {
        let (entry, behind) = behind.split_at_checked(u16::from_be_bytes(*length).into())?;
        entries.push(entry);
        rest = behind;
        if entries.len() > usize::from(TILE_WIDTH) {
            return None;
        }
    }
    (rest.is_empty() && !entries.is_empty()).then_some(entries)
}

/// Index and width of everything that is new when a level grows from `old` to `new` hashes.
fn widths_between(old: u64, new: u64) -> impl Iterator<Item = (u64, u16)> {
    let width = u64::from(TILE_WIDTH);
    let indices = if old < new { old / width..new.div_ceil(width) } else { 0..0 };
    indices.map(move |index| (index, width_of(new, index)))
}

/// How many of a level's hashes stand in its tile of this index.
fn width_of(hashes: u64, index: u64) -> u16 {
    let left = hashes.saturating_sub(index.saturating_mul(u64::from(TILE_WIDTH)));
    u16::try_from(left).map_or(TILE_WIDTH, |left| left.min(TILE_WIDTH))
}

fn tile_bytes(width: u16) -> usize {
    usize::from(width) * 32
}

/// tlog-tiles, "Merkle Tree": three digits a part, all parts but the last behind an `x`, so that a directory never has a
/// file's name.
fn index_path(index: u64, width: u16) -> String {
    let mut path = format!("{:03}", index % 1_000);
    let mut rest = index / 1_000;
    while rest > 0 {
        path = format!("x{:03}/{path}", rest % 1_000);
        rest /= 1_000;
    }
    if width < TILE_WIDTH {
        path = format!("{path}.p/{width}");
    }
    path
}

/// Reads what [`index_path`] writes, and some other spellings: the caller compares.
fn read_index_path(path: &str) -> Option<(u64, u16)> {
    let (path, width) = match path.split_once(".p/") {
        Some((path, width)) => (path, width.parse().ok().filter(|width| *width < TILE_WIDTH)?),
        None => (path, TILE_WIDTH),
    };
    let mut index = 0_u64;
    for (place, part) in path.split('/').enumerate() {
        if place >= INDEX_GROUPS_MAX {
            return None;
        }
        let digits: u64 = part.strip_prefix('x').unwrap_or(part).parse().ok()?;
        index = index.checked_mul(1_000)?.checked_add(digits)?;
    }
    Some((index, width))
}
