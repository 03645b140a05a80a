//! The ledger as gates, auditors and attackers meet it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod disclosures;
mod entries;
mod format_page;
mod notes;
mod policies;
mod receipts;
mod tiles;
mod trees;
mod world;

use lazaret_ledger::tree::{Hash, Nodes, node_hash};

/// Bytes from hexadecimal digits.
fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "whole bytes");
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Numbers that a seed repeats (SplitMix64).
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }
}

/// Every complete subtree of a tree, computed once: levels of hashes, the leaves first.
struct Levels(Vec<Vec<Hash>>);

impl Levels {
    fn new(leaves: Vec<Hash>) -> Levels {
        let mut levels = vec![leaves];
        while levels.last().unwrap().len() > 1 {
            let (pairs, _) = levels.last().unwrap().as_chunks::<2>();
            levels.push(pairs.iter().map(|[left, right]| node_hash(left, right)).collect());
        }
        Levels(levels)
    }
}

impl Nodes for Levels {
    type Error = std::convert::Infallible;

    fn node(&mut self, level: u8, index: u64) -> Result<Hash, Self::Error> {
        Ok(self.0[usize::from(level)][usize::try_from(index).unwrap()])
    }
}

/// A file with something done to it at random.
fn mutated(bytes: &[u8], random: &mut Seeded) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(out.len().max(1));
        let length = random.below(40).min(out.len() - at);
        match random.below(6) {
            0 => out[at] ^= 1 << random.below(8),
            1 => out[at] = random.byte(),
            2 => drop(out.drain(at..at + length)),
            3 => drop(out.splice(at..at, (0..length).map(|_| random.byte()).collect::<Vec<_>>())),
            4 => {
                let copy = out[at..at + length].to_vec();
                let to = random.below(out.len());
                drop(out.splice(to..to, copy));
            }
            _ => out.truncate(at),
        }
        if out.is_empty() {
            break;
        }
    }
    out
}
