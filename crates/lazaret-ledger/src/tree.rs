//! The Merkle tree over the entries: roots, proofs that an entry is in a tree, proofs that one tree continues another, and
//! the few hashes that a growing tree needs to remember. RFC 6962 section 2.1 with SHA-256; the verifying algorithms are those
//! of RFC 9162 sections 2.1.3.2 and 2.1.4.2, which decide about the same proofs.
//!
//! Where hashes are kept is not known here: whoever proves brings them as [`Nodes`], in memory or in tiles ([`crate::tile`]).

use sha2::{Digest as _, Sha256};

/// A SHA-256 hash: of a leaf, of a node, of a whole tree.
pub type Hash = [u8; 32];

/// The most hashes that any inclusion or consistency proof has, for any size that a `u64` can say.
pub const PROOF_HASHES_MAX: usize = 65;

/// The hash of a leaf. RFC 6962 section 2.1: 0x00 before a leaf, 0x01 before a node, so that neither passes for the other.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Sha256::new().chain_update([0x00]).chain_update(entry).finalize().into()
}

/// The hash of a node over two others (RFC 6962 section 2.1).
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([0x01]).chain_update(left).chain_update(right).finalize().into()
}

/// The root of the tree without leaves: the hash of nothing (RFC 6962 section 2.1).
#[must_use]
pub fn empty_root() -> Hash {
    Sha256::digest([]).into()
}

/// The root over leaf hashes in order.
#[must_use]
pub fn root(leaves: &[Hash]) -> Hash {
    let mut edge = RightEdge::default();
    leaves.iter().for_each(|leaf| edge.append(*leaf));
    edge.root()
}

/// What is kept of a tree to append to it: the roots of the complete subtrees along its right edge, one for each 1 in the
/// binary form of its size, the largest first. At most 64 hashes, whatever the size.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RightEdge {
    size: u64,
    subtrees: Vec<Hash>,
}

impl RightEdge {
    /// The edge of a tree of `size` leaves, from its hashes, the largest subtree first.
    ///
    /// None when their number is not the number of ones in `size`. The hashes are believed; compare [`RightEdge::root`] with
    /// a signed root.
    #[must_use]
    pub fn new(size: u64, subtrees: Vec<Hash>) -> Option<RightEdge> {
        let ones = usize::try_from(size.count_ones()).ok()?;
        (subtrees.len() == ones).then_some(RightEdge { size, subtrees })
    }

    /// The edge of a tree whose hashes are kept elsewhere.
    ///
    /// # Errors
    /// A hash is not to be had.
    pub fn read<N: Nodes>(nodes: &mut N, size: u64) -> Result<RightEdge, N::Error> {
        let subtrees = subtrees(0, size).map(|(level, index)| nodes.node(level, index));
        Ok(RightEdge { size, subtrees: subtrees.collect::<Result<_, _>>()? })
    }

    /// Leaves in the tree.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The hashes, the largest subtree first.
    #[must_use]
    pub fn subtrees(&self) -> &[Hash] {
        &self.subtrees
    }

    /// Adds a leaf at the right.
    pub fn append(&mut self, leaf: Hash) {
        assert!(self.size < u64::MAX, "a tree has fewer leaves than a number can count");
        let mut hash = leaf;
        // As adding one carries over the trailing ones of a number, the new leaf joins the complete subtrees left of it.
        for _ in 0..self.size.trailing_ones() {
            let left = self.subtrees.pop();
            assert!(left.is_some(), "a subtree stands for each one in the size");
            hash = node_hash(&left.unwrap_or_default(), &hash);
        }
        self.subtrees.push(hash);
        self.size += 1;
    }

    /// The root of the tree as it stands.
    #[must_use]
    pub fn root(&self) -> Hash {
        fold_right(self.subtrees.iter().copied()).unwrap_or_else(empty_root)
    }
}

/// Where the hashes of complete subtrees are kept.
pub trait Nodes {
    /// Why a hash is not to be had.
    type Error;

    /// The hash over the leaves from `index * 2^level` to `(index + 1) * 2^level`, the end excluded. It is asked for only
    /// where all of them are in the tree.
    ///
    /// # Errors
    /// It is not to be had.
    fn node(&mut self, level: u8, index: u64) -> Result<Hash, Self::Error>;
}

/// Leaf hashes in memory, for trees that are small.
#[derive(Debug, Clone, Copy)]
pub struct LeafHashes<'h>(pub &'h [Hash]);

/// A leaf was asked for that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSuchLeaf;

impl std::fmt::Display for NoSuchLeaf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the tree has fewer leaves")
    }
}

impl std::error::Error for NoSuchLeaf {}

impl Nodes for LeafHashes<'_> {
    type Error = NoSuchLeaf;

    fn node(&mut self, level: u8, index: u64) -> Result<Hash, NoSuchLeaf> {
        let bounds = |index: u64| usize::try_from(index.checked_mul(1_u64.checked_shl(level.into())?)?).ok();
        let start = bounds(index).ok_or(NoSuchLeaf)?;
        let end = index.checked_add(1).and_then(bounds).ok_or(NoSuchLeaf)?;
        self.0.get(start..end).map(root).ok_or(NoSuchLeaf)
    }
}

/// Why there is no proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unproven<E> {
    /// The entry is not in a tree of this size, or the older tree is the larger one.
    OutOfRange,
    /// A hash is not to be had.
    Nodes(E),
}

impl<E> From<E> for Unproven<E> {
    fn from(error: E) -> Unproven<E> {
        Unproven::Nodes(error)
    }
}

impl<E: std::fmt::Display> std::fmt::Display for Unproven<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unproven::OutOfRange => f.write_str("a proof was asked for beyond the end of the tree"),
            Unproven::Nodes(error) => write!(f, "a proof cannot be made: {error}"),
        }
    }
}

impl<E: std::error::Error> std::error::Error for Unproven<E> {}

/// The root of a tree of `size` leaves.
///
/// # Errors
/// A hash is not to be had.
pub fn root_of<N: Nodes>(nodes: &mut N, size: u64) -> Result<Hash, N::Error> {
    range_hash(nodes, 0, size)
}

/// The proof that the leaf at `index` is in the tree of `size` leaves: the hashes beside its path, the leaf's own neighbour
/// first (RFC 6962 section 2.1.1).
///
/// # Errors
/// The index is not in the tree, or a hash is not to be had.
pub fn inclusion_proof<N: Nodes>(nodes: &mut N, index: u64, size: u64) -> Result<Vec<Hash>, Unproven<N::Error>> {
    if index >= size {
        return Err(Unproven::OutOfRange);
    }
    let mut proof = Vec::new();
    let (mut start, mut end) = (0, size);
    // From the root down, one half at a time; the standard lists from the leaf up.
    while end - start > 1 {
        let middle = start + left_half(end - start);
        if index < middle {
            proof.push(range_hash(nodes, middle, end)?);
            end = middle;
        } else {
            proof.push(range_hash(nodes, start, middle)?);
            start = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the first `old` leaves of the tree of `new` leaves are the tree of `old` leaves (RFC 6962 section 2.1.2).
/// Empty where `old` is 0 or equal to `new`.
///
/// # Errors
/// `old` is larger than `new`, or a hash is not to be had.
pub fn consistency_proof<N: Nodes>(nodes: &mut N, old: u64, new: u64) -> Result<Vec<Hash>, Unproven<N::Error>> {
    if old > new {
        return Err(Unproven::OutOfRange);
    }
    let mut proof = Vec::new();
    if old == 0 || old == new {
        return Ok(proof);
    }
    let (mut start, mut end) = (0, new);
    // RFC 6962's SUBPROOF, from the root down: `old` lies in the range and its end is sought.
    while old != end {
        let middle = start + left_half(end - start);
        if old <= middle {
            proof.push(range_hash(nodes, middle, end)?);
            end = middle;
        } else {
            proof.push(range_hash(nodes, start, middle)?);
            start = middle;
        }
    }
    // The standard's flag b: while the range still begins at 0 the verifier knows its hash, which is the old root.
    if start > 0 {
        proof.push(range_hash(nodes, start, end)?);
    }
    proof.reverse();
    Ok(proof)
}

/// A proof that does not show what it should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotProven;

impl std::fmt::Display for NotProven {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the hashes do not lead to the root")
    }
}

impl std::error::Error for NotProven {}

/// Verifies that `leaf` stands at `index` in the tree of `size` leaves with this root (RFC 9162 section 2.1.3.2).
///
/// # Errors
/// It is not shown; the proof must have exactly the hashes that it needs.
pub fn verify_inclusion(leaf: &Hash, index: u64, size: u64, root: &Hash, proof: &[Hash]) -> Result<(), NotProven> {
    if index >= size {
        return Err(NotProven);
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return Err(NotProven);
        }
        if is_right(node) || node == last {
            hash = node_hash(sibling, &hash);
            // At the right edge a node may have no sibling on several levels: it moves up without one.
            let up = if is_right(node) { 0 } else { node.trailing_zeros() };
            (node, last) = (shift(node, up), shift(last, up));
        } else {
            hash = node_hash(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if last == 0 && hash == *root { Ok(()) } else { Err(NotProven) }
}

/// Verifies that the tree of `new` leaves with `new_root` begins with the tree of `old` leaves with `old_root`
/// (RFC 9162 section 2.1.4.2). Every tree continues the empty one, with an empty proof.
///
/// # Errors
/// It is not shown; the proof must have exactly the hashes that it needs.
pub fn verify_consistency(
    old: u64,
    new: u64,
    old_root: &Hash,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), NotProven> {
    if old > new {
        return Err(NotProven);
    }
    if old == 0 || old == new {
        let known = if old == 0 { empty_root() } else { *new_root };
        let shown = proof.is_empty() && *old_root == known && (new > 0 || *new_root == known);
        return if shown { Ok(()) } else { Err(NotProven) };
    }
    // A complete old tree is itself the first node, which the verifier knows already.
    let (first, rest) = if old.is_power_of_two() { (old_root, proof) } else { proof.split_first().ok_or(NotProven)? };
    let up = (old - 1).trailing_ones();
    let (mut node, mut last) = (shift(old - 1, up), shift(new - 1, up));
    let (mut old_hash, mut new_hash) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return Err(NotProven);
        }
        if is_right(node) || node == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            let up = if is_right(node) { 0 } else { node.trailing_zeros() };
            (node, last) = (shift(node, up), shift(last, up));
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    let shown = last == 0 && old_hash == *old_root && new_hash == *new_root;
    if shown { Ok(()) } else { Err(NotProven) }
}

fn is_right(node: u64) -> bool {
    node & 1 == 1
}

/// A shift that may move everything out.
fn shift(number: u64, by: u32) -> u64 {
    number.checked_shr(by).unwrap_or(0)
}

/// The largest power of two below `leaves`, which is at least 2: where RFC 6962 section 2.1 splits.
fn left_half(leaves: u64) -> u64 {
    assert!(leaves > 1, "a single leaf has no halves");
    1 << (leaves - 1).ilog2()
}

/// The hash over the leaves from `start` to `end`, where the range is one that the standard's splitting makes: its start is a
/// multiple of every complete subtree in it.
fn range_hash<N: Nodes>(nodes: &mut N, start: u64, end: u64) -> Result<Hash, N::Error> {
    let hashes: Vec<Hash> =
        subtrees(start, end).map(|(level, index)| nodes.node(level, index)).collect::<Result<_, _>>()?;
    Ok(fold_right(hashes.into_iter()).unwrap_or_else(empty_root))
}

/// The complete subtrees of a range as level and index, from the left, the largest first.
fn subtrees(start: u64, end: u64) -> impl Iterator<Item = (u8, u64)> {
    let length = end.saturating_sub(start);
    (0..64_u8).rev().filter(move |level| (length >> level) & 1 == 1).map(move |level| {
        // What the larger subtrees of the range cover lies before this one.
        let before = length & !(u64::MAX >> (63 - level));
        (level, (start + before) >> level)
    })
}

/// Joins subtrees of falling size: the smallest two first.
fn fold_right(hashes: impl DoubleEndedIterator<Item = Hash>) -> Option<Hash> {
    hashes.rev().reduce(|right, left| node_hash(&left, &right))
}
