//! Receipts: whole ones, and every way in which one may not be.

use lazaret_ledger::cbor::NotDeterministic;
use lazaret_ledger::checkpoint::Signer;
use lazaret_ledger::disclosed::Disclosed;
use lazaret_ledger::entry::{Envelope, NotAnEntry, decode, encode};
use lazaret_ledger::note::{NotANote, Note};
use lazaret_ledger::proof::{NotAProof, PROOF_BYTES_MAX, Proof};
use lazaret_ledger::receipt::{NotAReceipt, RECEIPT_BYTES_MAX, Receipt};
use lazaret_ledger::trust::{NotAccepted, Trust, Witnessed};
use lazaret_ledger::verify::{Failure, NotOpened, Verified, verify};

use crate::world::{FILE, ORIGIN, TRANSFER, Value, World, fact, manifest, reason, sha256};
use crate::{Seeded, mutated};

fn trust(world: &World) -> Trust {
    Trust::parse(world.policy().as_bytes()).unwrap()
}

fn judge(world: &World, receipt: &Receipt) -> Result<Verified, Failure> {
    verify(&receipt.to_bytes().unwrap(), &trust(world), Some(sha256(FILE)))
}

/// What becomes of the good receipt once something is done to it.
fn check(change: impl FnOnce(&mut Receipt), expected: &Failure) {
    let world = World::new();
    let mut receipt = world.receipt();
    change(&mut receipt);
    assert_eq!(judge(&world, &receipt).as_ref(), Err(expected));
}

/// What becomes of a receipt of a ledger that a gate would never have written.
fn check_ledger(record: impl FnOnce(&mut World), expected: Result<(), Failure>) {
    let mut world = World::empty(ORIGIN, 1);
    record(&mut world);
    let receipt = world.bare_receipt().to_bytes().unwrap();
    assert_eq!(verify(&receipt, &trust(&world), None).map(drop), expected);
}

// EVIDENCE-OF: R-016
#[test]
fn a_receipt_is_verified_with_a_trust_file_and_nothing_else() {
    let world = World::new();
    let verified = judge(&world, &world.receipt()).unwrap();
    assert_eq!((verified.origin.as_str(), verified.size, verified.index), (ORIGIN, 15, 10));
    assert_eq!(verified.root, world.checkpoint().root);
    assert_eq!((verified.subject, verified.continues), (TRANSFER, None));
    let entries: Vec<(u64, &str, u64)> =
        verified.entries.iter().map(|entry| (entry.index, entry.kind.as_str(), entry.t)).collect();
    assert_eq!(
        entries,
        [
            (3, "transfer_arrived.v1", 1_767_225_601_000),
            (6, "transfer_inspected.v1", 1_767_225_602_000),
            (7, "approved.v1", 1_767_225_603_000),
            (9, "transfer_released.v1", 1_767_225_604_000),
            (10, "transfer_delivered.v1", 1_767_225_605_000),
        ]
    );
    let opened = [("content", sha256(FILE).to_vec()), ("manifest", manifest()), ("reason", reason())];
    assert_eq!(verified.disclosed, opened.map(|(label, value)| Disclosed::parse(label, &value).unwrap()));
    let witnesses: Vec<(&str, &[u64])> =
        verified.witnesses.iter().map(|witness| (witness.name.as_str(), witness.times.as_slice())).collect();
    assert_eq!(witnesses, [("w1", [1_767_225_700].as_slice()), ("w2", &[1_767_225_700])]);
}

#[test]
fn witnesses_are_shown_by_the_trust_files_names_and_order_with_all_their_times() {
    let world = World::new();
    let mut receipt = world.receipt();
    let (checkpoint, [first, second]) = (world.checkpoint(), world.witnesses.each_ref());
    let log = receipt.checkpoint.signatures()[0].clone();
    let lines = [second.cosign(&checkpoint, 30), first.cosign(&checkpoint, 20), second.cosign(&checkpoint, 0), log];
    let again = [second.cosign(&checkpoint, 30), second.cosign(&checkpoint, 7)];
    receipt.checkpoint = Note::new(receipt.checkpoint.text(), [lines.as_slice(), &again].concat()).unwrap();
    let witnesses = judge(&world, &receipt).unwrap().witnesses;
    let witnessed = |name: &str, times: &[u64]| Witnessed { name: name.into(), times: times.to_vec() };
    assert_eq!(witnesses, [witnessed("w1", &[20]), witnessed("w2", &[0, 7, 30])]);
}

// EVIDENCE-OF: R-015
#[test]
fn a_receipt_is_a_log_proof_and_reads_back_as_it_was_written() {
    let receipt = World::new().receipt();
    let bytes = receipt.to_bytes().unwrap();
    assert_eq!(Receipt::parse(&bytes), Ok(receipt.clone()));
    let text = std::str::from_utf8(&bytes).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "c2sp.org/tlog-proof@v1");
    assert!(lines[1].starts_with("extra "));
    assert_eq!(lines[2], "index 10");
    assert_eq!(lines[3..].iter().position(|line| line.is_empty()), Some(receipt.latest.proof.len()));
    assert!(text.ends_with(&format!("\n\n{}", receipt.checkpoint)));
    let proof = Proof::parse(&bytes).unwrap();
    assert_eq!((proof.index, &proof.hashes, &proof.checkpoint), (10, &receipt.latest.proof, &receipt.checkpoint));
    assert_eq!(proof.to_bytes(), bytes);
}

// EVIDENCE-OF: R-016
#[test]
fn every_flipped_bit_of_a_receipt_is_refused() {
    let world = World::new();
    let (receipt, trust) = (world.receipt().to_bytes().unwrap(), trust(&world));
    for bit in 0..receipt.len() * 8 {
        let mut flipped = receipt.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(verify(&flipped, &trust, None).is_err(), "bit {bit}");
    }
}

// EVIDENCE-OF: R-016
#[test]
fn a_flipped_bit_passes_only_in_a_signature_that_nobody_needs() {
    let world = World::new();
    let [log, known] = [world.signer.verifier_key(), world.witnesses[0].verifier_key()];
    let policy = format!("log {log}\nwitness w1 {known}\nquorum none\n");
    let trust = Trust::parse(policy.as_bytes()).unwrap();
    let receipt = world.receipt().to_bytes().unwrap();
    let whole = verify(&receipt, &trust, None).unwrap();
    let witnessed = |name: &str| Witnessed { name: name.into(), times: vec![1_767_225_700] };
    assert_eq!(whole.witnesses, [witnessed("w1")], "the other is a stranger here");
    // Where the second signature line begins, that of the known witness, and the third, the stranger's.
    let lines: Vec<usize> =
        receipt.windows(3).enumerate().filter(|(_, is)| *is == "—".as_bytes()).map(|(at, _)| at).collect();
    let (mut of_known, mut of_stranger) = (0, 0);
    for bit in 0..receipt.len() * 8 {
        let mut flipped = receipt.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let Ok(verified) = verify(&flipped, &trust, None) else { continue };
        assert!(bit / 8 > lines[1], "bit {bit}");
        if bit / 8 < lines[2] {
            // The line names another key now: nobody's, and so nobody's time is shown.
            assert_eq!(verified, Verified { witnesses: Vec::new(), ..whole.clone() }, "bit {bit}");
            of_known += 1;
        } else {
            assert_eq!(verified, whole, "bit {bit}");
            of_stranger += 1;
        }
    }
    assert!(of_known > 50 && of_stranger > of_known, "{of_known} {of_stranger}");
}

// EVIDENCE-OF: R-016
#[test]
fn every_cut_of_a_receipt_and_every_byte_behind_it_is_refused() {
    let world = World::new();
    let (receipt, trust) = (world.receipt().to_bytes().unwrap(), trust(&world));
    for length in 0..receipt.len() {
        assert!(verify(&receipt[..length], &trust, None).is_err(), "cut at {length}");
    }
    for byte in 0..=u8::MAX {
        assert!(verify(&[receipt.as_slice(), &[byte]].concat(), &trust, None).is_err(), "{byte} behind it");
        assert!(verify(&[&[byte], receipt.as_slice()].concat(), &trust, None).is_err(), "{byte} before it");
    }
}

// EVIDENCE-OF: R-016
#[test]
fn ten_thousand_damaged_receipts_are_refused() {
    let world = World::new();
    let (receipt, trust) = (world.receipt().to_bytes().unwrap(), trust(&world));
    let mut random = Seeded(16);
    for turn in 0..10_000 {
        let mutated = mutated(&receipt, &mut random);
        assert!(mutated == receipt || verify(&mutated, &trust, None).is_err(), "turn {turn}");
    }
}

// EVIDENCE-OF: R-016
#[test]
fn ten_thousand_receipts_with_changed_extra_data_are_refused() {
    let world = World::new();
    let (proof, trust) = (Proof::parse(&world.receipt().to_bytes().unwrap()).unwrap(), trust(&world));
    let mut random = Seeded(1_000_016);
    for turn in 0..10_000 {
        let extra = mutated(&proof.extra, &mut random);
        let changed = Proof { extra, ..proof.clone() };
        assert!(changed == proof || verify(&changed.to_bytes(), &trust, None).is_err(), "turn {turn}");
    }
}

// EVIDENCE-OF: R-016
#[test]
fn another_file_another_key_and_a_missing_quorum_are_refused() {
    let world = World::new();
    let receipt = world.receipt();
    let bytes = receipt.to_bytes().unwrap();
    let judged = |policy: &str| verify(&bytes, &Trust::parse(policy.as_bytes()).unwrap(), Some(sha256(FILE))).map(drop);
    assert_eq!(judged(&world.policy()), Ok(()));
    let other_file = verify(&bytes, &trust(&world), Some(sha256(b"Lazaret test object")));
    assert_eq!(other_file, Err(Failure::OtherContent));

    let other_key = Signer::from_seed(&[9; 32], ORIGIN).unwrap();
    let policy = format!("log {}\nquorum none\n", other_key.verifier_key());
    assert_eq!(judged(&policy), Err(Failure::NotAccepted(NotAccepted::Unsigned(ORIGIN.into()))));
    let other_name = Signer::from_seed(&[1; 32], "clinic.example/log").unwrap();
    let policy = format!("log {}\nquorum none\n", other_name.verifier_key());
    assert_eq!(judged(&policy), Err(Failure::NotAccepted(NotAccepted::UnknownLog(ORIGIN.into()))));
    assert_eq!(judged("quorum none\n"), Err(Failure::NotAccepted(NotAccepted::UnknownLog(ORIGIN.into()))));

    for left in 0..3 {
        let without = Receipt {
            checkpoint: Note::new(receipt.checkpoint.text(), receipt.checkpoint.signatures()[..=left].to_vec())
                .unwrap(),
            ..receipt.clone()
        };
        let expected = if left == 2 { Ok(()) } else { Err(Failure::NotAccepted(NotAccepted::Quorum(left))) };
        assert_eq!(judge(&world, &without).map(drop), expected);
    }
}

#[test]
fn a_second_log_of_the_same_key_is_refused() {
    // The same secret key under another origin: what a gate that shows two histories would sign.
    let world = World::new();
    let other = World::empty("hospital.example/log/2", 2);
    let mut receipt = world.receipt();
    let checkpoint = lazaret_ledger::checkpoint::Checkpoint::new("hospital.example/log/2", world.size(), [7; 32]);
    receipt.checkpoint = other.signer.sign(&checkpoint).unwrap();
    let unknown = NotAccepted::UnknownLog("hospital.example/log/2".into());
    assert_eq!(judge(&world, &receipt), Err(Failure::NotAccepted(unknown)));
}

#[test]
fn an_entry_that_is_not_in_the_tree_is_refused() {
    check(|receipt| receipt.latest.entry[40] ^= 1, &Failure::NotIncluded(10));
    check(|receipt| receipt.latest.index = 9, &Failure::NotIncluded(9));
    check(|receipt| receipt.latest.index = 15, &Failure::NotIncluded(15));
    check(|receipt| receipt.earlier[1].entry.push(0), &Failure::NotIncluded(6));
    check(|receipt| receipt.earlier[1].proof[0][0] ^= 1, &Failure::NotIncluded(6));
    check(|receipt| receipt.earlier[1].proof.truncate(2), &Failure::NotIncluded(6));
    check(|receipt| receipt.earlier[1].proof.push([0; 32]), &Failure::NotIncluded(6));
    check(|receipt| receipt.latest.proof.reverse(), &Failure::NotIncluded(10));
}

// EVIDENCE-OF: R-016
#[test]
fn an_entry_that_was_left_out_or_moved_is_missed() {
    check(|receipt| drop(receipt.earlier.remove(0)), &Failure::BrokenChain(6));
    check(|receipt| drop(receipt.earlier.remove(1)), &Failure::BrokenChain(7));
    check(|receipt| drop(receipt.earlier.pop()), &Failure::BrokenChain(10));
    check(|receipt| receipt.earlier.clear(), &Failure::BrokenChain(10));
    check(|receipt| receipt.earlier.swap(0, 1), &Failure::BrokenChain(3));
    check(|receipt| receipt.earlier.push(receipt.latest.clone()), &Failure::BrokenChain(10));
    let noise = World::new().placed(4);
    check(|receipt| receipt.earlier.insert(1, noise), &Failure::OtherSubject(4));
}

#[test]
fn a_ledger_that_skips_or_goes_back_is_not_believed() {
    let fact = fact(&[(0, Value::Number(1))]);
    let envelope =
        |seq, prev, t| Envelope { kind: "transfer_ruled.v1".into(), t, actor: [5; 16], subject: TRANSFER, seq, prev };
    let check_second = |second: Envelope, expected: Result<(), Failure>| {
        check_ledger(
            |world| {
                world.append_as(&envelope(0, None, 10), &fact);
                world.append_as(&second, &fact);
            },
            expected,
        );
    };
    check_second(envelope(1, Some((1, 0)), 10), Ok(()));
    check_second(envelope(2, Some((1, 0)), 10), Err(Failure::BrokenChain(1)));
    check_second(envelope(1, Some((1, 1)), 10), Err(Failure::BrokenChain(1)));
    check_second(envelope(1, Some((2, 0)), 10), Err(Failure::BrokenChain(1)));
    check_second(envelope(0, None, 10), Err(Failure::BrokenChain(1)));
    check_second(envelope(1, Some((1, 0)), 9), Err(Failure::TimeFell(1)));
    check_second(Envelope { subject: [3; 16], ..envelope(1, Some((1, 0)), 10) }, Err(Failure::OtherSubject(0)));
    // The two the wrong way round in the log.
    check_ledger(
        |world| {
            world.append_as(&envelope(1, Some((1, 1)), 10), &fact);
            world.append_as(&envelope(0, None, 10), &fact);
            world.transfer.reverse();
        },
        Err(Failure::BrokenChain(0)),
    );
    // An entry whose envelope does not read is no entry, signed or not.
    let odd = encode(&envelope(1, None, 10), &fact);
    let error = decode(&odd).unwrap_err();
    check_second(envelope(1, None, 10), Err(Failure::NotAnEntry(1, error)));
}

#[test]
fn a_story_that_began_in_an_earlier_epoch_says_so() {
    let origin = "hospital.example/log/3";
    let judged = |seq, prev| {
        let mut world = World::empty(origin, 3);
        world.continue_from(seq, prev);
        world.about_transfer("transfer_released.v1", &[(0, Value::Bytes(&TRANSFER))]);
        world.about_transfer("transfer_delivered.v1", &[(0, Value::Bytes(&TRANSFER))]);
        verify(&world.bare_receipt().to_bytes().unwrap(), &trust(&world), None).map(|verified| verified.continues)
    };
    assert_eq!(judged(4, (2, 77)), Ok(Some((2, 77))));
    assert_eq!(judged(4, (1, 77)), Ok(Some((1, 77))));
    assert_eq!(judged(4, (3, 0)), Err(Failure::BrokenChain(0)), "this epoch's entry was left out");
    assert_eq!(judged(4, (4, 0)), Err(Failure::BrokenChain(0)), "there is no later epoch yet");
    assert_eq!(judged(4, (0, 77)), Err(Failure::NotAnEntry(0, NotAnEntry::Epoch)), "the first epoch is 1");
}

#[test]
fn a_log_whose_epoch_cannot_be_told_is_not_believed() {
    let judged = |origin: &str, epoch| {
        let mut world = World::empty(origin, epoch);
        world.about_transfer("transfer_released.v1", &[(0, Value::Bytes(&TRANSFER))]);
        world.about_transfer("transfer_delivered.v1", &[(0, Value::Bytes(&TRANSFER))]);
        verify(&world.bare_receipt().to_bytes().unwrap(), &trust(&world), None).map(|verified| verified.entries.len())
    };
    for (origin, epoch) in [("a/log", 1), ("a/2", 2), ("a/18446744073709551615", u64::MAX), ("a/v1", 1)] {
        assert_eq!(judged(origin, epoch), Ok(2), "{origin}");
    }
    for origin in ["a/0", "a/1", "a/02", "a/18446744073709551616"] {
        assert_eq!(judged(origin, 1), Err(Failure::NoEpoch(origin.into())));
    }
}

#[test]
fn the_content_is_one_and_the_same_from_arrival_to_delivery() {
    let (one, other) = ([1; 32], [2; 32]);
    let record = |delivered: [u8; 32]| {
        move |world: &mut World| {
            world.about_transfer("transfer_arrived.v1", &[(8, Value::Bytes(&one)), (9, Value::Bytes(&other))]);
            world.about_transfer("transfer_delivered.v1", &[(3, Value::Bytes(&delivered))]);
        }
    };
    check_ledger(record(one), Ok(()));
    check_ledger(record(other), Err(Failure::ContentChanged));
    check(|receipt| drop(receipt.disclosures.remove(0)), &Failure::ContentNotDisclosed);
}

#[test]
fn a_receipt_for_less_is_a_receipt() {
    // The sender sees neither reasons nor, without the file at hand, needs the content.
    let world = World::new();
    let mut receipt = world.receipt();
    receipt.disclosures.truncate(2);
    assert!(judge(&world, &receipt).is_ok());
    let bytes = world.bare_receipt().to_bytes().unwrap();
    assert_eq!(verify(&bytes, &trust(&world), None).unwrap().disclosed, []);
}

#[test]
fn a_receipt_has_one_spelling_and_one_form() {
    let proof = Proof::parse(&World::new().receipt().to_bytes().unwrap()).unwrap();
    let with_extra = |extra: &[u8]| Receipt::parse(&Proof { extra: extra.to_vec(), ..proof.clone() }.to_bytes());
    let hex = |text: &str| with_extra(&crate::unhex(text)).map(drop);
    assert_eq!(with_extra(&[]), Err(NotAReceipt::NoExtra));
    assert_eq!(hex("a40001014002800380"), Ok(()));
    assert_eq!(hex("a40002014002800380"), Err(NotAReceipt::Version(2)));
    let label = |label: &[u8], after: &str| {
        let head = u8::try_from(label.len()).unwrap();
        let head = if head < 24 { vec![0x60 | head] } else { vec![0x78, head] };
        let mut extra = crate::unhex("a4000101400280038184");
        extra.extend_from_slice(&[head, label.to_vec(), crate::unhex(after)].concat());
        with_extra(&extra).map(drop)
    };
    let after = format!("50{}5820{}40", "30".repeat(16), "31".repeat(32));
    assert_eq!(label(b"content", &after), Ok(()));
    assert_eq!(label(&[b'a'; 64], &after), Ok(()));
    for bad in [b"".as_slice(), b"Content", b"con tent", b"con\ntent", b"con\xc3\xa4nt", &[b'a'; 65]] {
        assert_eq!(label(bad, &after), Err(NotAReceipt::Label), "{bad:?}");
    }
    for short in [
        format!("4f{}5820{}40", "30".repeat(15), "31".repeat(32)),
        format!("50{}581f{}40", "30".repeat(16), "31".repeat(31)),
    ] {
        assert!(matches!(label(b"content", &short), Err(NotAReceipt::Extra(_))));
    }
    for extra in [
        "a4000101400280",
        "a3000101400280",
        "a4000101400280038000",
        "a40001014003800280",
        "a40001016002800380",
        "a4000101f602800380",
        "a400010140029fff0380",
        "a4000101400281800380",
        "a40001014002818300400380",
        "a400010140028183004081000380",
        "a40001014002818300408141ff0380",
        "a4000101400298000380",
        "a400010140029bffffffffffffffff0380",
        "a40001014002800380f6",
        "bf0001014002800380ff",
        "a4000118014002800380",
    ] {
        let result = hex(extra);
        assert!(matches!(result, Err(NotAReceipt::Extra(_) | NotAReceipt::Version(_))), "{extra}: {result:?}");
    }
}

#[test]
fn a_proof_has_the_form_of_the_standard() {
    let world = World::new();
    let bare = Proof { extra: Vec::new(), ..Proof::parse(&world.receipt().to_bytes().unwrap()).unwrap() };
    let text = String::from_utf8(bare.to_bytes()).unwrap();
    assert_eq!(Proof::parse(text.as_bytes()), Ok(bare.clone()));
    let check = |text: String, expected| assert_eq!(Proof::parse(text.as_bytes()), Err(expected), "{text:?}");
    check(text.replace("@v1", "@v2"), NotAProof::FirstLine);
    check(text.replace("c2sp.org", " c2sp.org"), NotAProof::FirstLine);
    check(text.replace('\n', "\r\n"), NotAProof::NoCheckpoint);
    check(text.replace("@v1\n", "@v1\r\n"), NotAProof::FirstLine);
    check(text.replace("index 10", "index 010"), NotAProof::Index);
    check(text.replace("index 10", "index -1"), NotAProof::Index);
    check(text.replace("index 10", "index  10"), NotAProof::Index);
    check(text.replace("index 10", "index"), NotAProof::Index);
    check(text.replace("index 10\n", ""), NotAProof::Index);
    check(text.replace("index 10", "extra \nindex 10"), NotAProof::Extra);
    check(text.replace("index 10", "extra AA\nindex 10"), NotAProof::Extra);
    check(text.replace("index 10", "extra AA==\nextra AA==\nindex 10"), NotAProof::Index);
    check(text.replace("index 10", "index 10\nextra AA=="), NotAProof::Hash);
    check(text.replace("index 10", "index 10\nAA=="), NotAProof::Hash);
    check(text.replace("\n\n", "\n"), NotAProof::NoCheckpoint);
    check(text.replace("\n— ", "\n- "), NotAProof::Checkpoint(NotANote::SignatureLine));
    let many = |count| Proof { hashes: vec![[1; 32]; count], ..bare.clone() }.to_bytes();
    assert!(Proof::parse(&many(65)).is_ok());
    assert_eq!(Proof::parse(&many(66)), Err(NotAProof::Hash));
    let none = many(0);
    assert_eq!(Proof::parse(&none).map(|proof| proof.hashes), Ok(Vec::new()));
}

#[test]
fn a_receipt_may_be_so_long_and_not_one_byte_longer() {
    let proof = Proof::parse(&World::new().receipt().to_bytes().unwrap()).unwrap();
    let padded = |length: usize| Proof { extra: vec![0; length], ..proof.clone() }.to_bytes();
    let rest = padded(3).len() - 4;
    let fitting = (PROOF_BYTES_MAX - rest) / 4 * 3;
    assert!(Proof::parse(&padded(fitting)).is_ok());
    assert_eq!(Proof::parse(&padded(fitting + 3)), Err(NotAProof::TooLong));
    let world = World::new();
    let mut receipt = world.receipt();
    receipt.disclosures[1].value = vec![0; RECEIPT_BYTES_MAX];
    assert_eq!(receipt.to_bytes(), Err(NotAReceipt::Proof(NotAProof::TooLong)));
    receipt.disclosures.clear();
    receipt.earlier[0].proof = vec![[0; 32]; 66];
    assert_eq!(receipt.to_bytes(), Err(NotAReceipt::ProofTooLong));
    receipt.latest.entry = vec![0; 65_536];
    assert_eq!(receipt.to_bytes(), Err(NotAReceipt::EntryTooLong));
}

#[test]
fn every_failure_says_what_is_wrong_and_what_to_do() {
    let label = || "content".to_owned();
    let failures = [
        Failure::NotAReceipt(NotAReceipt::NoExtra),
        Failure::NotAccepted(NotAccepted::UnknownLog(ORIGIN.into())),
        Failure::NotAccepted(NotAccepted::Quorum(1)),
        Failure::NotAccepted(NotAccepted::Forged(ORIGIN.into())),
        Failure::NoEpoch("hospital.example/0".into()),
        Failure::NotIncluded(7),
        Failure::OtherSubject(7),
        Failure::BrokenChain(7),
        Failure::TimeFell(7),
        Failure::Misshapen(7),
        Failure::NotOpened(label(), NotOpened::Nothing),
        Failure::NotOpened(label(), NotOpened::WrongLabel),
        Failure::NotOpened(label(), NotOpened::Again),
        Failure::NotOpened(label(), NotOpened::Form(NotDeterministic::Unexpected)),
        Failure::NotOpened(label(), NotOpened::Nonce),
        Failure::ContentChanged,
        Failure::ContentNotDisclosed,
        Failure::OtherContent,
    ];
    let advice = ["fetch", "Fetch", "Ask", "ask", "Tell", "tell", "Check"];
    for failure in failures {
        let text = failure.to_string();
        assert!(advice.iter().any(|verb| text.contains(verb)), "{text}");
        assert!(!text.contains('\n') && !text.ends_with('.') && !text.contains("  "), "{text}");
    }
    // What a stranger wrote is shown escaped.
    let hostile = Failure::NotAccepted(NotAccepted::UnknownLog("\u{1b}[2J\u{202e}gol".into())).to_string();
    assert!(!hostile.chars().any(|shown| shown == '\u{1b}' || shown == '\u{202e}'), "{hostile:?}");
}
