//! The worked example of `docs/book/receipt-format.md` is a receipt of this crate, byte for byte.

use lazaret_ledger::checkpoint::{Checkpoint, Signer};
use lazaret_ledger::commitment::commit;
use lazaret_ledger::cosignature::Cosigner;
use lazaret_ledger::disclosed::{Disclosed, OBJECTS, PLACES};
use lazaret_ledger::entry::{Envelope, encode};
use lazaret_ledger::receipt::{Disclosure, Placed, Receipt};
use lazaret_ledger::tree::{LeafHashes, inclusion_proof, leaf_hash, root};
use lazaret_ledger::{Trust, verify};
use minicbor::Encoder;
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

/// The rows of the page's table with this head, cells without their backquotes.
fn table(head: &str) -> Vec<Vec<String>> {
    let found: Vec<&str> = PAGE.split(&format!("\n{head}\n")).skip(1).collect();
    assert_eq!(found.len(), 1, "one table has the head {head}");
    let rows = found[0].lines().skip(1).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().replace('`', "")).collect()).collect()
}

#[test]
fn the_page_lists_the_places_of_commitments_that_are_known() {
    let shown = table("| kind | key in the fact | label |");
    let known = PLACES.iter().map(|(kind, key, label)| vec![(*kind).to_owned(), key.to_string(), (*label).to_owned()]);
    assert_eq!(shown, known.collect::<Vec<_>>());
    assert_eq!(OBJECTS, [("transfer_arrived.v1", 1), ("transfer_released.v1", 1)], "as the page says in words");
}

/// A value as the page describes its type.
fn encode_value(e: &mut Encoder<Vec<u8>>, kind: &str) {
    match kind {
        "text" => e.str("a").unwrap(),
        "unsigned" => e.u64(70_000).unwrap(),
        "byte string of 16 bytes" => e.bytes(&[7; 16]).unwrap(),
        "byte string of 32 bytes" => e.bytes(&[7; 32]).unwrap(),
        "byte string: empty if none, else the bytes of key 2" => e.bytes(&[7; 32]).unwrap(),
        "map: 0: text, 1: byte string" => {
            e.map(2).unwrap().u8(0).unwrap().str("{}").unwrap().u8(1).unwrap().bytes(&[7]).unwrap()
        }
        other => panic!("the test does not know {other:?}"),
    };
}

/// Whether a value of these rows is read under the label.
fn is_read(label: &str, rows: &[&Vec<String>]) -> bool {
    let mut e = Encoder::new(Vec::new());
    e.map(rows.len().try_into().unwrap()).unwrap();
    for row in rows {
        e.u64(row[0].parse().unwrap()).unwrap();
        encode_value(&mut e, &row[2]);
    }
    Disclosed::parse(label, &e.into_writer()).is_ok()
}

#[test]
fn the_page_describes_the_values_that_are_read() {
    let after = |label: &str| PAGE.find(&format!("\n* `{label}`: ")).unwrap();
    // Two tables have one head: the first is that of the manifest.
    let head = "\n| key | what | value |\n";
    let starts: Vec<usize> = PAGE.match_indices(head).map(|(at, _)| at).filter(|at| *at > after("manifest")).collect();
    for (label, start) in [("manifest", starts[0]), ("reason", starts[1])] {
        assert!(after(label) < start);
        let rows = PAGE[start + head.len()..].lines().skip(1).take_while(|line| line.starts_with('|'));
        let rows: Vec<Vec<String>> =
            rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect();
        assert!(is_read(label, &rows.iter().collect::<Vec<_>>()), "{label}");
        for left_out in &rows {
            let rest: Vec<&Vec<String>> = rows.iter().filter(|row| *row != left_out).collect();
            assert_eq!(is_read(label, &rest), left_out[1].contains("missing if"), "{label} without {left_out:?}");
        }
    }
}

// EVIDENCE-OF: R-016
#[test]
fn what_the_page_lets_a_reader_try_comes_out_as_it_says() {
    let (receipt, policy) = (block("c2sp.org/tlog-proof@v1\nextra "), block("log "));
    let accepted = |receipt: &[u8], policy: &str| {
        let verified = verify(receipt, &Trust::parse(policy.as_bytes()).unwrap(), None).ok()?;
        Some((verified.entries.len(), verified.witnesses.len()))
    };
    assert_eq!(accepted(receipt.as_bytes(), &policy), Some((2, 1)));
    for bit in 0..receipt.len() * 8 {
        let mut flipped = receipt.clone().into_bytes();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(accepted(&flipped, &policy), None, "bit {bit}");
    }
    let lines: Vec<&str> = receipt.split_inclusive('\n').collect();
    let [head @ .., log, witness] = lines.as_slice() else { panic!("a receipt ends in two signatures") };
    let (head, stranger) = (head.concat(), "— nobody.example AAAAAAA=\n");
    for signatures in [[*log, witness, stranger], [witness, log, ""], [log, witness, witness], [log, log, witness]] {
        assert_eq!(accepted((head.clone() + &signatures.concat()).as_bytes(), &policy), Some((2, 1)));
    }
    let none = policy.replace("quorum w1", "quorum none");
    let other_id = witness.replace(" 3xwK", " 3xwL");
    for (signatures, expected) in [([*log, ""], Some((2, 0))), ([log, &other_id], Some((2, 0))), ([witness, ""], None)]
    {
        let changed = head.clone() + &signatures.concat();
        assert_eq!((accepted(changed.as_bytes(), &policy), accepted(changed.as_bytes(), &none)), (None, expected));
    }
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
