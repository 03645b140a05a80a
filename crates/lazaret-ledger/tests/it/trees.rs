//! Roots and proofs, against the standard's own definitions.

use lazaret_ledger::tree::{
    Hash, LeafHashes, NotProven, RightEdge, Unproven, consistency_proof, empty_root, inclusion_proof, leaf_hash,
    node_hash, root, root_of, verify_consistency, verify_inclusion,
};

use crate::{Levels, Seeded, unhex};

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|number| leaf_hash(&number.to_be_bytes())).collect()
}

fn len(leaves: &[Hash]) -> u64 {
    leaves.len().try_into().unwrap()
}

/// The largest power of two below the number of leaves.
fn split(leaves: &[Hash]) -> usize {
    leaves.len().next_power_of_two() / 2
}

/// MTH of RFC 6962 section 2.1, word for word.
fn defined_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves));
            node_hash(&defined_root(left), &defined_root(right))
        }
    }
}

/// PATH of RFC 6962 section 2.1.1, word for word.
fn defined_path(index: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() == 1 {
        return Vec::new();
    }
    let (left, right) = leaves.split_at(split(leaves));
    let (mut path, beside) = if index < left.len() {
        (defined_path(index, left), right)
    } else {
        (defined_path(index - left.len(), right), left)
    };
    path.push(defined_root(beside));
    path
}

/// SUBPROOF of RFC 6962 section 2.1.2, word for word.
fn defined_subproof(old: usize, leaves: &[Hash], is_known: bool) -> Vec<Hash> {
    if old == leaves.len() {
        return if is_known { Vec::new() } else { vec![defined_root(leaves)] };
    }
    let (left, right) = leaves.split_at(split(leaves));
    let (mut proof, beside) = if old <= left.len() {
        (defined_subproof(old, left, is_known), right)
    } else {
        (defined_subproof(old - left.len(), right, false), left)
    };
    proof.push(defined_root(beside));
    proof
}

#[test]
fn roots_of_the_known_tree_are_met() {
    // The eight leaves and their roots by which logs of RFC 6962 have been compared since its authors' own.
    let inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let leaves: Vec<Hash> = inputs.iter().map(|input| leaf_hash(&unhex(input))).collect();
    for (size, expected) in roots.iter().enumerate() {
        assert_eq!(root(&leaves[..size]).to_vec(), unhex(expected), "{size} leaves");
    }
}

#[test]
fn every_tree_of_at_most_257_leaves_has_the_defined_root_and_can_be_continued() {
    let leaves = leaves(257);
    let mut levels = Levels::new(leaves.clone());
    let mut edge = RightEdge::default();
    for size in 0..=leaves.len() {
        let expected = defined_root(&leaves[..size]);
        assert_eq!((edge.size(), edge.root()), (len(&leaves[..size]), expected), "{size}");
        assert_eq!(root_of(&mut levels, edge.size()), Ok(expected), "{size}");
        assert_eq!(RightEdge::read(&mut levels, edge.size()).as_ref(), Ok(&edge), "{size}");
        assert_eq!(RightEdge::new(edge.size(), edge.subtrees().to_vec()).as_ref(), Some(&edge), "{size}");
        let fits_one_more = RightEdge::new(edge.size() + 1, edge.subtrees().to_vec()).is_some();
        assert_eq!(fits_one_more, size.count_ones() == (size + 1).count_ones(), "{size}");
        if let Some(leaf) = leaves.get(size) {
            edge.append(*leaf);
        }
    }
}

#[test]
fn every_entry_of_every_tree_of_at_most_257_leaves_is_proved_and_nothing_else_is() {
    let leaves = leaves(257);
    let mut levels = Levels::new(leaves.clone());
    for size in 1..=len(&leaves) {
        let root = root_of(&mut levels, size).unwrap();
        for (index, leaf) in (0..size).zip(&leaves) {
            let proof = inclusion_proof(&mut levels, index, size).unwrap();
            assert_eq!(verify_inclusion(leaf, index, size, &root, &proof), Ok(()), "{index} of {size}");
            let refused = |index, size, proof: &[Hash]| {
                assert_eq!(verify_inclusion(leaf, index, size, &root, proof), Err(NotProven), "{index} of {size}");
            };
            refused(index + 1, size, &proof);
            refused(index ^ 1, size, &proof);
            refused(index, index, &proof);
            refused(index, size, &[proof.as_slice(), &[root]].concat());
            if let Some((_, shorter)) = proof.split_last() {
                refused(index, size, shorter);
                refused(index, size, &[shorter, &[*leaf]].concat());
            }
        }
        assert_eq!(inclusion_proof(&mut levels, size, size), Err(Unproven::OutOfRange));
    }
}

#[test]
fn every_tree_of_at_most_257_leaves_is_proved_to_continue_every_smaller_one() {
    let leaves = leaves(257);
    let mut levels = Levels::new(leaves.clone());
    let roots: Vec<Hash> = (0..=len(&leaves)).map(|size| root_of(&mut levels, size).unwrap()).collect();
    for (new, new_root) in (0..).zip(&roots) {
        for (old, old_root) in (0..=new).zip(&roots) {
            let proof = consistency_proof(&mut levels, old, new).unwrap();
            assert_eq!(verify_consistency(old, new, old_root, new_root, &proof), Ok(()), "{old} to {new}");
            let refused = |old, new, old_root: &Hash, new_root: &Hash, proof: &[Hash]| {
                let verified = verify_consistency(old, new, old_root, new_root, proof);
                assert_eq!(verified, Err(NotProven), "{old} to {new}");
            };
            refused(old, new, &[0; 32], new_root, &proof);
            // Every tree continues the empty one: there the new root is not looked at.
            if old > 0 {
                refused(old, new, old_root, &[0; 32], &proof);
                refused(new + 1, new, old_root, new_root, &proof);
            }
            refused(old, new, old_root, new_root, &[proof.as_slice(), &[*new_root]].concat());
            if let Some((_, shorter)) = proof.split_last() {
                refused(old, new, old_root, new_root, shorter);
            }
        }
        assert_eq!(consistency_proof(&mut levels, new + 1, new), Err(Unproven::OutOfRange));
    }
}

#[test]
fn proofs_are_those_that_the_standard_defines() {
    let leaves = leaves(40);
    for size in 1..=leaves.len() {
        let leaves = &leaves[..size];
        for index in 0..size {
            let proof = inclusion_proof(&mut LeafHashes(leaves), len(&leaves[..index]), len(leaves));
            assert_eq!(proof, Ok(defined_path(index, leaves)), "{index} of {size}");
            let old = index + 1;
            let proof = consistency_proof(&mut LeafHashes(leaves), len(&leaves[..old]), len(leaves));
            assert_eq!(proof, Ok(defined_subproof(old, leaves, true)), "{old} to {size}");
        }
    }
}

#[test]
fn a_proof_with_any_bit_changed_proves_nothing() {
    let leaves = leaves(100);
    let mut levels = Levels::new(leaves.clone());
    let root = root(&leaves);
    let old_root = root_of(&mut levels, 37).unwrap();
    let included = inclusion_proof(&mut levels, 67, 100).unwrap();
    let consistent = consistency_proof(&mut levels, 37, 100).unwrap();
    for bit in 0..256 {
        let flipped = |proof: &[Hash], place: usize| {
            let mut proof = proof.to_vec();
            proof[place][bit / 8] ^= 1 << (bit % 8);
            proof
        };
        for place in 0..included.len() {
            let proof = flipped(&included, place);
            assert_eq!(verify_inclusion(&leaves[67], 67, 100, &root, &proof), Err(NotProven));
        }
        for place in 0..consistent.len() {
            let proof = flipped(&consistent, place);
            assert_eq!(verify_consistency(37, 100, &old_root, &root, &proof), Err(NotProven));
        }
    }
}

#[test]
fn a_root_is_that_of_its_own_size() {
    let [first, second] = [leaf_hash(b"a"), leaf_hash(b"b")];
    let root = node_hash(&first, &second);
    assert_eq!(verify_inclusion(&first, 0, 2, &root, &[second]), Ok(()));
    assert_eq!(verify_inclusion(&first, 0, 3, &root, &[second]), Err(NotProven));
    assert_eq!(verify_consistency(1, 2, &first, &root, &[second]), Ok(()));
    assert_eq!(verify_consistency(1, 3, &first, &root, &[second]), Err(NotProven));
    assert_eq!(verify_consistency(0, 0, &empty_root(), &empty_root(), &[]), Ok(()));
    assert_eq!(verify_consistency(0, 0, &empty_root(), &root, &[]), Err(NotProven));
}

#[test]
fn no_claimed_size_or_proof_makes_a_verifier_panic() {
    let mut random = Seeded(6962);
    let numbers = [0, 1, 2, 3, 1 << 32, (1 << 63) - 1, 1 << 63, u64::MAX - 1, u64::MAX];
    for first in numbers {
        for second in numbers {
            for length in [0, 1, 2, 31, 62, 63, 64, 65, 66, 200] {
                let proof: Vec<Hash> = (0..length).map(|_| [random.byte(); 32]).collect();
                assert_eq!(verify_inclusion(&[1; 32], first, second, &[2; 32], &proof), Err(NotProven));
                let verified = verify_consistency(first, second, &[1; 32], &[2; 32], &proof);
                assert_eq!(verified, Err(NotProven), "{first} {second}");
            }
        }
    }
}

#[test]
fn a_leaf_that_is_not_there_is_not_made_up() {
    let leaves = leaves(5);
    assert!(root_of(&mut LeafHashes(&leaves), 6).is_err());
    assert!(inclusion_proof(&mut LeafHashes(&leaves), 2, 9).is_err());
    assert!(consistency_proof(&mut LeafHashes(&leaves), 3, 1 << 40).is_err());
}
