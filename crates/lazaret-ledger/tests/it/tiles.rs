//! The tree as files, grown in pieces as a gate grows it.

use std::collections::BTreeMap;

use lazaret_ledger::tile::{
    Bundle, MissingTile, Resource, TILE_BYTES, Tile, TileReader, TileSource, bundles_between, grow, read_bundle,
    right_edge, tiles_between, write_bundle,
};
use lazaret_ledger::tree::{
    Hash, RightEdge, Unproven, consistency_proof, inclusion_proof, leaf_hash, root, root_of, verify_consistency,
    verify_inclusion,
};

use crate::{Levels, Seeded};

/// A directory of tiles.
#[derive(Default)]
struct Files(BTreeMap<String, Vec<u8>>);

impl TileSource for Files {
    fn tile(&self, level: u8, index: u64, width: u16) -> Option<Vec<u8>> {
        self.0.get(&Tile::new(level, index, width)?.path()).cloned()
    }
}

impl Files {
    /// Appends leaves, checking that no file that is there is written again with other bytes.
    fn grow(&mut self, old: u64, leaves: &[Hash]) {
        let new = old + u64::try_from(leaves.len()).unwrap();
        let written = grow(self, old, leaves).unwrap();
        let tiles: Vec<Tile> = written.iter().map(|(tile, _)| *tile).collect();
        assert_eq!(tiles, tiles_between(old, new).collect::<Vec<_>>(), "{old} to {new}");
        for (tile, bytes) in written {
            assert_eq!(bytes.len(), usize::from(tile.width()) * 32);
            assert_eq!(Resource::from_path(&tile.path()), Some(Resource::Tile(tile)));
            let before = self.0.insert(tile.path(), bytes.clone());
            assert!(before.is_none_or(|before| before == bytes), "{} is written once", tile.path());
        }
    }
}

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|number| leaf_hash(&number.to_le_bytes())).collect()
}

/// Tiles of the tree over `leaves`, grown in pieces of random sizes, with a checkpoint at each of `sizes`.
fn grown(leaves: &[Hash], sizes: &[u64], random: &mut Seeded) -> Files {
    let mut files = Files::default();
    let mut size = 0;
    let stops: Vec<usize> = sizes.iter().map(|size| usize::try_from(*size).unwrap()).collect();
    while size < leaves.len() {
        let most = [2, 300, 5_000][random.below(3)];
        let wanted = size + 1 + random.below(most);
        let stop = stops.iter().copied().find(|stop| *stop > size).unwrap_or(leaves.len());
        let end = leaves.len().min(wanted).min(stop);
        files.grow(size.try_into().unwrap(), &leaves[size..end]);
        size = end;
    }
    files
}

#[test]
fn names_are_those_of_the_standard() {
    let tile = |level, index, width| Tile::new(level, index, width).unwrap().path();
    assert_eq!(tile(0, 0, 256), "tile/0/000");
    assert_eq!(tile(0, 1_234_067, 256), "tile/0/x001/x234/067");
    assert_eq!(tile(3, 1_000, 1), "tile/3/x001/000.p/1");
    assert_eq!(tile(0, u64::MAX, 255), "tile/0/x018/x446/x744/x073/x709/x551/615.p/255");
    assert_eq!(Bundle::new(273, 112).unwrap().path(), "tile/entries/273.p/112");
    assert_eq!(Bundle::new(273, 112).unwrap().first_entry(), 69_888);
    assert_eq!((Tile::new(0, 0, 0), Tile::new(0, 0, 257), Tile::new(8, 0, 1)), (None, None, None));
}

#[test]
fn a_name_reads_back_and_has_no_second_spelling() {
    for path in ["tile/0/000", "tile/7/x001/x234/067.p/255", "tile/entries/000.p/1", "tile/entries/x999/999"] {
        assert_eq!(Resource::from_path(path).unwrap().path(), path);
    }
    for path in [
        "",
        "tile",
        "tile/",
        "tile/0",
        "tile/0/",
        "tile/0/0",
        "tile/0/00",
        "tile/0/0000",
        "tile/00/000",
        "tile/8/000",
        "tile/64/000",
        "tile/-1/000",
        "tile/+1/000",
        "tile/0/x000/000",
        "tile/0/x001",
        "tile/0/001/000",
        "tile/0/x001/x000",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/01",
        "tile/0/000.p/+1",
        "tile/0/000.p/1/",
        "tile/0/000.p/",
        "tile/0/000/",
        "/tile/0/000",
        "tile/0/000.p/1.p/1",
        "tile/0/../000",
        "tile/0/+00",
        "tile/entries/000.p/256",
        "tile/Entries/000",
        "tile/0/x018/x446/x744/x073/x709/x551/616",
        "tile/0/x001/x001/x001/x001/x001/x001/x001/001",
        "checkpoint",
    ] {
        assert_eq!(Resource::from_path(path), None, "{path:?}");
    }
}

#[test]
fn a_tree_of_70_000_has_the_tiles_that_the_standard_counts() {
    let tiles: Vec<Tile> = tiles_between(0, 70_000).collect();
    let full = |level| tiles.iter().filter(|tile| tile.level() == level && tile.is_full()).count();
    let partial: Vec<(u8, u64, u16)> =
        tiles.iter().filter(|tile| !tile.is_full()).map(|tile| (tile.level(), tile.index(), tile.width())).collect();
    assert_eq!([full(0), full(1), full(2)], [273, 1, 0]);
    assert_eq!(partial, [(0, 273, 112), (1, 1, 17), (2, 0, 1)]);
    let of_256: Vec<String> = tiles_between(0, 256).map(|tile| tile.path()).collect();
    assert_eq!(of_256, ["tile/0/000", "tile/1/000.p/1"]);
    let grown: Vec<String> = tiles_between(255, 257).map(|tile| tile.path()).collect();
    assert_eq!(grown, ["tile/0/000", "tile/0/001.p/1", "tile/1/000.p/1"]);
    assert_eq!(tiles_between(70_000, 70_000).count() + tiles_between(5, 4).count(), 0);
    let bundles: Vec<String> = bundles_between(255, 513).map(|bundle| bundle.path()).collect();
    assert_eq!(bundles, ["tile/entries/000", "tile/entries/001", "tile/entries/002.p/1"]);
    assert_eq!(tiles_between(u64::MAX - 1, u64::MAX).count(), 1);
}

#[test]
fn proofs_from_tiles_are_the_proofs_of_the_tree() {
    let mut random = Seeded(70_000);
    let leaves = leaves(70_000);
    let sizes = [1, 2, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 69_999, 70_000];
    let mut files = grown(&leaves, &sizes, &mut random);
    // A partial tile may go once the full one is there; the reader falls back on that.
    let full: Vec<String> = files.0.keys().filter(|path| !path.contains(".p/")).cloned().collect();
    files.0.retain(|path, _| path.split_once(".p/").is_none_or(|(path, _)| !full.iter().any(|full| full == path)));
    let mut levels = Levels::new(leaves.clone());
    for size in sizes {
        let mut reader = TileReader::new(&files, size);
        let root = root_of(&mut levels, size).unwrap();
        assert_eq!(root_of(&mut reader, size), Ok(root), "{size}");
        assert_eq!(right_edge(&files, size).unwrap().root(), root, "{size}");
        let indices = [0, size / 2, size - 1].into_iter().chain((0..40).map(|_| random.next() % size));
        for index in indices.collect::<Vec<_>>() {
            let proof = inclusion_proof(&mut TileReader::new(&files, size), index, size).unwrap();
            assert_eq!(Ok(&proof), inclusion_proof(&mut levels, index, size).as_ref(), "{index} of {size}");
            let leaf = &leaves[usize::try_from(index).unwrap()];
            assert_eq!(verify_inclusion(leaf, index, size, &root, &proof), Ok(()), "{index} of {size}");
        }
        for old in sizes.into_iter().filter(|old| *old <= size) {
            let proof = consistency_proof(&mut TileReader::new(&files, size), old, size).unwrap();
            assert_eq!(Ok(&proof), consistency_proof(&mut levels, old, size).as_ref(), "{old} to {size}");
            let old_root = root_of(&mut levels, old).unwrap();
            assert_eq!(verify_consistency(old, size, &old_root, &root, &proof), Ok(()), "{old} to {size}");
        }
    }
}

#[test]
fn a_tree_grows_from_its_right_edge_as_from_the_beginning() {
    let mut random = Seeded(257);
    let leaves = leaves(1_500);
    for _ in 0..20 {
        let first = 1 + random.below(leaves.len() - 1);
        let mut files = grown(&leaves[..first], &[], &mut random);
        let edge = right_edge(&files, first.try_into().unwrap()).unwrap();
        assert_eq!(edge.root(), root(&leaves[..first]));
        files.grow(edge.size(), &leaves[first..]);
        let mut continued: RightEdge = edge;
        leaves[first..].iter().for_each(|leaf| continued.append(*leaf));
        assert_eq!(right_edge(&files, 1_500), Ok(continued), "{first}");
    }
}

#[test]
fn a_missing_or_damaged_tile_is_named_and_no_proof_is_made() {
    let leaves = leaves(600);
    let mut files = Files::default();
    files.grow(0, &leaves);
    let lost = Tile::new(0, 1, 256).unwrap();
    let kept = files.0.remove(&lost.path()).unwrap();
    let proof = |files: &Files, index| inclusion_proof(&mut TileReader::new(files, 600), index, 600);
    assert_eq!(proof(&files, 300), Err(Unproven::Nodes(MissingTile(lost))));
    // A proof elsewhere needs that tile's root only, which the level above has.
    assert!(proof(&files, 100).is_ok());
    for length in [0, 31, TILE_BYTES - 32, TILE_BYTES - 1] {
        files.0.insert(lost.path(), kept[..length].to_vec());
        assert_eq!(proof(&files, 300), Err(Unproven::Nodes(MissingTile(lost))), "{length}");
    }
    files.0.insert(lost.path(), [kept.as_slice(), &[0]].concat());
    assert_eq!(proof(&files, 300), Err(Unproven::Nodes(MissingTile(lost))));
    files.0.remove("tile/0/002.p/88");
    assert_eq!(grow(&files, 600, &leaves), Err(MissingTile(Tile::new(0, 2, 88).unwrap())));
}

#[test]
fn beyond_the_tree_nothing_is_read() {
    let files = Files::default();
    assert!(root_of(&mut TileReader::new(&files, 10), 1 << 40).is_err());
    assert_eq!(root_of(&mut TileReader::new(&files, 0), 0), Ok(root(&[])));
    assert_eq!(grow(&files, 5, &[]), Ok(Vec::new()));
}

#[test]
fn a_bundle_reads_back_and_a_damaged_one_does_not() {
    let longest = vec![7; 65_535];
    let entries: Vec<&[u8]> = vec![b"", b"a", &longest];
    let bundle = write_bundle(&entries).unwrap();
    assert_eq!(&bundle[..5], [0, 0, 0, 1, b'a']);
    assert_eq!(read_bundle(&bundle), Some(entries));
    assert_eq!(read_bundle(&bundle[..bundle.len() - 1]), None);
    assert_eq!(read_bundle(&[bundle.as_slice(), &[0]].concat()), None);
    assert_eq!(read_bundle(&[]), None);
    let short: &[u8] = b"x";
    assert_eq!(read_bundle(&write_bundle(&[short; 256]).unwrap()).map(|entries| entries.len()), Some(256));
    assert_eq!(write_bundle(&[short; 257]), None);
    assert_eq!(write_bundle(&[]), None);
    assert_eq!(write_bundle(&[&[7; 65_536]]), None);
    assert_eq!(read_bundle(&[0, 1, b'x'].repeat(257)), None);
}
