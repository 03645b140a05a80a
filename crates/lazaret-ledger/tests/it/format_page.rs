//! The worked example of `docs/book/receipt-format.md` is a receipt of this crate, byte for byte.

use lazaret_ledger::checkpoint::{Checkpoint, Signer};
use lazaret_ledger::commitment::commit;
use lazaret_ledger::cosignature::Cosigner;
use lazaret_ledger::entry::{Envelope, encode};
use lazaret_ledger::receipt::{Disclosure, Placed, Receipt};
use lazaret_ledger::tree::{LeafHashes, inclusion_proof, leaf_hash, root};
use lazaret_ledger::{Trust, verify};
use sha2::{Digest as _, Sha256};

use crate::world::{Value, fact};

const PAGE: &str = include_str!("../../../../docs/book/receipt-format.md");

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The fenced block of the page whose first line begins so.
fn block(beginning: &str) -> String {
    let fenced = PAGE.split("```text\n").skip(1).filter_map(|part| Some(part.split_once("```\n")?.0));
    let found: Vec<&str> = fenced.filter(|block| block.starts_with(beginning)).collect();
    assert_eq!(found.len(), 1, "one block begins with {beginning:?}");
    found[0].to_owned()
}

/// The entries as the page spells them out, with words behind three spaces.
fn shown_entries() -> [Vec<u8>; 4] {
    let text = format!("\n{}", block("entry 0"));
    let bytes = |text: &str| {
        let lines = text.lines().map(|line| line.trim_start().split("   ").next().unwrap_or_default());
        crate::unhex(&lines.collect::<String>().replace(' ', ""))
    };
    let parts: Vec<&str> = text.split("\nentry ").skip(1).collect();
    std::array::from_fn(|index| bytes(parts[index].strip_prefix(&format!("{index}   ")).unwrap()))
}

fn envelope(kind: &str, t: u64, subject: [u8; 16], seq: u64, prev: Option<(u64, u64)>) -> Envelope {
    Envelope { kind: kind.into(), t, actor: [0x50; 16], subject, seq, prev }
}

/// The four entries: an epoch, a transfer's arrival and release, and something else.
fn entries(commitment: &[u8; 32]) -> [Vec<u8>; 4] {
    use Value::{Bytes, Number};
    let (transfer, object) = ([0x20; 16], [0x30; 16]);
    let arrived = fact(&[
        (0, Bytes(&transfer)),
        (1, Bytes(&object)),
        (2, Number(0)),
        (3, Bytes(&[0x60; 16])),
        (4, Bytes(&[0x70; 16])),
        (5, Bytes(&[0x50; 16])),
        (6, Number(0)),
        (7, Number(0)),
        (8, Bytes(commitment)),
        (9, Bytes(&[0x77; 32])),
        (10, Number(1)),
    ]);
    let released = fact(&[
        (0, Bytes(&transfer)),
        (1, Bytes(&object)),
        (2, Bytes(commitment)),
        (3, Bytes(&[0xaa; 32])),
        (4, Bytes(&[0xbb; 32])),
        (5, Bytes(&[0x80; 16])),
    ]);
    let epoch = crate::unhex("a4000101501010101010101010101010101010101002f60300");
    [
        encode(&envelope("epoch_opened.v1", 1_767_225_600_000, [0x10; 16], 0, None), &epoch),
        encode(&envelope("transfer_arrived.v1", 1_767_225_601_000, transfer, 0, None), &arrived),
        encode(&envelope("transfer_released.v1", 1_767_225_602_500, transfer, 1, Some((1, 1))), &released),
        encode(&envelope("sessions_observed.v1", 1_767_225_603_000, *b"lazaret/serve/v1", 0, None), &[0xa1, 0, 0x80]),
    ]
}

// EVIDENCE-OF: R-016
#[test]
fn the_worked_example_of_the_format_page_is_verified_and_is_what_this_crate_writes() {
    let object_key: [u8; 32] = std::array::from_fn(|place| u8::try_from(place).unwrap());
    let k_c = commit(&object_key, &[b"lazaret/commit/v1\0content\0".as_slice(), &[0x30; 16], &[1]].concat());
    let content: [u8; 32] = Sha256::digest(b"Lazaret test object\n").into();
    let commitment = commit(&k_c, &content);
    let entries = entries(&commitment);
    let leaves = entries.each_ref().map(|entry| leaf_hash(entry));
    let checkpoint = Checkpoint::new("hospital.example/log", 4, root(&leaves));
    let log = Signer::from_seed(&[1; 32], "hospital.example/log").unwrap();
    let witness = Cosigner::from_seed(&[2; 32], "witness.example/w1").unwrap();
    let note = log.sign(&checkpoint).unwrap().with([witness.cosign(&checkpoint, 1_767_225_604)]).unwrap();
    let placed = |index: usize| {
        let position = u64::try_from(index).unwrap();
        let proof = inclusion_proof(&mut LeafHashes(&leaves), position, 4).unwrap();
        Placed { index: position, entry: entries[index].clone(), proof }
    };
    let disclosure = Disclosure { label: "content".into(), nonce: [0x30; 16], k_c, value: content.to_vec() };
    let (latest, earlier, disclosures) = (placed(2), vec![placed(1)], vec![disclosure]);
    let receipt = Receipt { latest, earlier, disclosures, checkpoint: note };

    let written = String::from_utf8(receipt.to_bytes().unwrap()).unwrap();
    assert_eq!(block("c2sp.org/tlog-proof@v1\nextra "), written);
    let policy = format!("log {}\nwitness w1 {}\nquorum w1\n", log.verifier_key(), witness.verifier_key());
    assert_eq!(block("log "), policy);
    assert_eq!(shown_entries(), entries);
    let nodes = [root(&leaves[..2]), root(&leaves[2..]), checkpoint.root];
    for hash in [leaves.as_slice(), &nodes, &[k_c, content, commitment]].concat() {
        assert!(PAGE.contains(&hex(&hash)), "the page shows {}", hex(&hash));
    }
    let trust = Trust::parse(block("log ").as_bytes()).unwrap();
    let verified = verify(written.as_bytes(), &trust, Some(content)).unwrap();
    assert_eq!((verified.index, verified.size, verified.witnesses.len()), (2, 4, 1));
}
