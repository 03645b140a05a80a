//! Signed notes and checkpoints: ours, other people's, and damaged ones.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lazaret_ledger::checkpoint::{Checkpoint, NotSigned, Signer, epoch_of_origin, open, origin_of_epoch};
use lazaret_ledger::cosignature::{Cosigner, TIME_MAX};
use lazaret_ledger::entry::decode;
use lazaret_ledger::key::VerifierKey;
use lazaret_ledger::note::{Forged, NOTE_BYTES_MAX, NotANote, Note, SIGNATURES_MAX, Signature};
use lazaret_ledger::tree::{Hash, leaf_hash};

use crate::{Seeded, mutated, unhex};

const ORIGIN: &str = "hospital.example/log";
const CHECKPOINT: &str = "hospital.example/log\n1\n\
    7MRZ4PM54VS/FfStqney3OTDwGgpHsF4QghXg1MpTn8=\n\n\
    — hospital.example/log JPClgy9kh3CrpKYeLJOO/sZNggXUptNCIbT2haDNkWw9SCjuwebRome0W5NqEZKEOCPJ37/4w2CkF00vIb8SHMpFGww=\n";

fn signer() -> Signer {
    Signer::from_seed(&[1; 32], ORIGIN).unwrap()
}

fn cosigner(number: u8) -> Cosigner {
    Cosigner::from_seed(&[number; 32], &format!("witness{number}.example")).unwrap()
}

/// A checkpoint that log and two witnesses have signed, and the three keys.
fn cosigned() -> (Note, [VerifierKey; 3]) {
    let checkpoint = Checkpoint::new(ORIGIN, 7, [9; 32]);
    let witnesses = [cosigner(2), cosigner(3)];
    let lines: Vec<Signature> = witnesses.iter().map(|witness| witness.cosign(&checkpoint, 1_767_225_601)).collect();
    let note = signer().sign(&checkpoint).unwrap().with(lines).unwrap();
    let [first, second] = witnesses.map(|witness| witness.verifier_key().clone());
    (note, [signer().verifier_key().clone(), first, second])
}

fn parse(text: &str) -> Result<Note, NotANote> {
    Note::parse(text.as_bytes())
}

// EVIDENCE-OF: R-015
#[test]
fn the_checkpoint_of_the_test_vectors_is_signed_byte_for_byte() {
    let entry = unhex(concat!(
        "a80001016f65706f63685f6f70656e65642e7631021b0000019b76daa800",
        "035050505050505050505050505050505050045010101010101010101010101010101010",
        "050006f607a40001015010101010101010101010101010101010",
        "02f60300"
    ));
    assert!(decode(&entry).is_ok());
    let root: Hash = leaf_hash(&entry);
    assert_eq!(root.to_vec(), unhex("ecc459e0f339e154bf15f4adaa77b2dce4c3c068291ec1784208578353294e7f"));
    let note = signer().sign(&Checkpoint::new(ORIGIN, 1, root)).unwrap();
    assert_eq!(note.to_string(), CHECKPOINT);
    let key = VerifierKey::parse("hospital.example/log+24f0a583+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c");
    assert_eq!(open(&parse(CHECKPOINT).unwrap(), &key.unwrap()), Ok(Checkpoint::new(ORIGIN, 1, root)));
}

// EVIDENCE-OF: R-015
#[test]
fn a_note_of_another_program_is_verified() {
    // The example in the documentation of golang.org/x/mod/sumdb/note, which the standard was written from.
    let text = "If you think cryptography is the answer to your problem,\n\
                then you don't know what your problem is.\n";
    let neumann =
        "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    let root =
        "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";
    let keys = [
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop",
    ]
    .map(|key| VerifierKey::parse(key).unwrap());
    let note = parse(&format!("{text}\n{neumann}{root}")).unwrap();
    assert_eq!(note.text(), text);
    let signed = note.verify(&keys).unwrap();
    assert_eq!(signed.iter().map(|signed| signed.key.name()).collect::<Vec<_>>(), ["PeterNeumann", "EnochRoot"]);
    let sumdb = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8";
    assert_eq!(VerifierKey::parse(sumdb).unwrap().to_string(), sumdb);
}

// EVIDENCE-OF: R-015
#[test]
fn the_examples_of_the_standards_are_read_and_written_alike() {
    let notes = [
        "Ognuno sta solo sul cuor della terra\ntrafitto da un raggio di sole:\n\ned è subito sera.\n\n\
         — quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=\n",
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\
         — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n\
         — witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==\n",
    ];
    for text in notes {
        let note = parse(text).unwrap();
        assert_eq!(note.to_string(), text);
        assert_eq!(note.verify([]), Ok(Vec::new()), "nobody is trusted");
    }
    assert!(parse(notes[0]).unwrap().text().ends_with("sole:\n\ned è subito sera.\n"));
    let checkpoint = Checkpoint::parse(parse(notes[1]).unwrap().text()).unwrap();
    assert_eq!((checkpoint.origin.as_str(), checkpoint.size), ("example.com/behind-the-sofa", 20_852_163));
}

#[test]
fn log_and_witnesses_sign_one_checkpoint() {
    let (note, keys) = cosigned();
    let signed = note.verify(&keys).unwrap();
    let times: Vec<&[u64]> = signed.iter().map(|signed| signed.times.as_slice()).collect();
    assert_eq!(times, [&[], [1_767_225_601].as_slice(), &[1_767_225_601]]);
    assert_eq!(signed.iter().map(|signed| signed.key).collect::<Vec<_>>(), keys.iter().collect::<Vec<_>>());
    // A witness's key is no log's key, and cannot open a checkpoint in its stead.
    assert_eq!(open(&note, &keys[1]), Err(NotSigned::Origin(ORIGIN.into())));
    assert_eq!(parse(&note.to_string()), Ok(note));
}

#[test]
fn bytes_that_are_no_note_are_refused() {
    let line = "— a AAAAAAA=\n";
    let check = |text: &str, expected| assert_eq!(parse(text), Err(expected), "{text:?}");
    assert!(parse(&format!("text\n\n{line}")).is_ok());
    check("", NotANote::Form);
    check("text\n", NotANote::Form);
    check("text\n\n", NotANote::Unsigned);
    check("\n\n", NotANote::Unsigned);
    check(line, NotANote::Form);
    check(&format!("\n{line}"), NotANote::Form);
    check(&format!("text\n{line}"), NotANote::Form);
    check(&format!("text\n\n{line}\n"), NotANote::Unsigned);
    check(&format!("text\n\n{line}x\n"), NotANote::SignatureLine);
    check(&format!("text\n\n{line}— a AAAAAAA="), NotANote::SignatureLine);
    check(&format!("text\r\n\r\n{line}"), NotANote::Control);
    check(&format!("te\txt\n\n{line}"), NotANote::Control);
    check(&format!("te\0xt\n\n{line}"), NotANote::Control);
    check(&format!("te\u{1b}xt\n\n{line}"), NotANote::Control);
    check(&format!("te\u{7f}xt\n\n{line}"), NotANote::Control);
    check(&format!("te\u{80}xt\n\n{line}"), NotANote::Control);
    check("text\n\n— a\u{9f} AAAAAAA=\n", NotANote::Control);
    assert!(parse("te\u{a0}xt\n\n— a\u{ad} AAAAAAA=\n").is_ok());
    for bad in [
        "- a AAAAAAA=",
        "—a AAAAAAA=",
        "— a  AAAAAAA=",
        "—  AAAAAAA=",
        "— AAAAAAA=",
        "— a AAAAAAA= ",
        " — a AAAAAAA=",
        "— a+b AAAAAAA=",
        "— a\u{a0}b AAAAAAA=",
        "— a\u{2003}b AAAAAAA=",
        "— a\u{3000}b AAAAAAA=",
        "— a AAAA",
        "— a AAAAAA==",
        "— a AAAAAAA",
        "— a AAAAAAB=",
        "— a AAAAAA-_",
        "— a",
        "—",
        "— a b AAAAAAA=",
        "— a AAAAAAA=x",
    ] {
        check(&format!("text\n\n{bad}\n"), NotANote::SignatureLine);
    }
    assert_eq!(Note::parse(b"te\xffxt\n\n"), Err(NotANote::NotText));
}

#[test]
fn the_last_empty_line_divides_text_and_signatures() {
    for text in ["a\n", "a\n\nb\n", "\n", "\n\na\n", "a\n\n", "— a AAAAAAA=\n\n— b AAAAAAA=\n"] {
        let note = parse(&format!("{text}\n— a AAAAAAA=\n")).unwrap();
        assert_eq!(note.text(), text);
        assert_eq!(note.signatures().len(), 1);
    }
    assert_eq!(Note::new("no newline", Vec::new()), Err(NotANote::Form));
    assert_eq!(Note::new("text\n", Vec::new()), Err(NotANote::Unsigned));
}

#[test]
fn a_note_may_be_so_long_and_have_so_many_signatures_and_no_more() {
    let lines = |count: usize| (0..count).map(|number| format!("— w{number} AAAAAAA=\n")).collect::<String>();
    for count in [1, 16, SIGNATURES_MAX] {
        assert_eq!(parse(&format!("text\n\n{}", lines(count))).unwrap().signatures().len(), count);
    }
    assert_eq!(parse(&format!("text\n\n{}", lines(SIGNATURES_MAX + 1))), Err(NotANote::TooManySignatures));
    let long = |length: usize| format!("{}\n\n{}", "x".repeat(length - lines(1).len() - 2), lines(1));
    assert!(parse(&long(NOTE_BYTES_MAX)).is_ok());
    assert_eq!(parse(&long(NOTE_BYTES_MAX + 1)), Err(NotANote::TooLong));
}

#[test]
fn keys_that_are_not_trusted_are_ignored_even_under_a_trusted_name_or_id() {
    let (note, [log, ..]) = cosigned();
    let impostor = Signer::from_seed(&[7; 32], ORIGIN).unwrap();
    let checkpoint = Checkpoint::parse(note.text()).unwrap();
    let by_impostor = impostor.sign(&checkpoint).unwrap();
    assert_eq!(by_impostor.verify([&log]), Ok(Vec::new()));
    assert_eq!(open(&by_impostor, &log), Err(NotSigned::Signature));
    assert_eq!(open(&note, &log), Ok(checkpoint));
    let both = note.clone().with(by_impostor.signatures().to_vec()).unwrap();
    assert_eq!(both.verify([&log]).unwrap().len(), 1);
    // The trusted id under another name, with a signature that is none.
    let id: String = note.to_string().replace("— hospital", "— hospice");
    assert_eq!(parse(&id).unwrap().verify([&log]), Ok(Vec::new()));
}

#[test]
fn a_forged_line_of_a_trusted_key_refuses_the_note_wherever_it_stands() {
    let (note, [log, witness, _]) = cosigned();
    let other = signer().sign(&Checkpoint::new(ORIGIN, 8, [9; 32])).unwrap();
    let forged = other.signatures()[0].clone();
    let after = note.clone().with([forged.clone()]).unwrap();
    assert_eq!(after.verify([&log]), Err(Forged(ORIGIN.into())));
    let before = Note::new(note.text(), [vec![forged], note.signatures().to_vec()].concat()).unwrap();
    assert_eq!(before.verify([&log]), Err(Forged(ORIGIN.into())));
    // To whoever does not trust that key it is a line like any other.
    assert_eq!(after.verify([&witness]).unwrap().len(), 1);
}

#[test]
fn a_key_that_signs_twice_is_counted_once() {
    let (note, [log, witness, _]) = cosigned();
    let checkpoint = Checkpoint::parse(note.text()).unwrap();
    let other_times = [1_767_225_999, 1_767_225_600].map(|time| cosigner(2).cosign(&checkpoint, time));
    let thrice = note.clone().with(other_times).unwrap();
    assert_eq!(thrice.signatures().len(), 5);
    let signed = thrice.verify([&log, &witness]).unwrap();
    let times: Vec<&[u64]> = signed.iter().map(|signed| signed.times.as_slice()).collect();
    assert_eq!(times, [&[], [1_767_225_600, 1_767_225_601, 1_767_225_999].as_slice()]);
    assert_eq!(note.clone().with(note.signatures().to_vec()).unwrap(), note, "the same line is not added again");
}

#[test]
fn a_cosignature_is_bound_to_its_time() {
    let checkpoint = Checkpoint::new(ORIGIN, 7, [9; 32]);
    let witness = cosigner(2);
    let note = |signature: Signature| Note::new(&checkpoint.text(), vec![signature]).unwrap();
    for time in [0, 1, TIME_MAX] {
        let signed = note(witness.cosign(&checkpoint, time));
        assert_eq!(signed.verify([witness.verifier_key()]).unwrap()[0].times, [time]);
    }
    let line = witness.cosign(&checkpoint, 0).to_string();
    let (name, encoded) = line.trim_end().rsplit_once(' ').unwrap();
    // Key id, time, signature: a second later, and a time of 2^63 seconds.
    for (place, bit) in [(11, 0x01), (4, 0x80)] {
        let mut bytes = STANDARD.decode(encoded).unwrap();
        bytes[place] ^= bit;
        let changed = Signature::parse_lines(&format!("{name} {}\n", STANDARD.encode(bytes))).unwrap().remove(0);
        let forged = Err(Forged("witness2.example".into()));
        assert_eq!(note(changed).verify([witness.verifier_key()]), forged);
    }
}

#[test]
fn a_signature_of_another_length_is_forged() {
    let (note, [log, witness, _]) = cosigned();
    for (key, line) in [(&log, 0), (&witness, 1)] {
        let whole = note.signatures()[line].to_string();
        let (name, encoded) = whole.trim_end().rsplit_once(' ').unwrap();
        for changed in [format!("{name} {}\n", &encoded[..encoded.len() - 4]), format!("{name} {}\n", &encoded[..12])] {
            let signature = Signature::parse_lines(&changed).unwrap();
            let forged = Note::new(note.text(), signature).unwrap().verify([key]);
            assert_eq!(forged, Err(Forged(key.name().into())), "{changed}");
        }
    }
}

#[test]
fn a_checkpoint_has_one_spelling() {
    let root = "CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=";
    let check = |text: &str| {
        let read = Checkpoint::parse(text);
        if let Ok(checkpoint) = &read {
            assert_eq!(checkpoint.text(), text);
        }
        read.is_ok()
    };
    assert!(check(&format!("o\n0\n{root}\n")));
    assert!(check(&format!("an origin with spaces\n18446744073709551615\n{root}\nfurther\nlines\n")));
    for text in [
        "".into(),
        "o\n".into(),
        "o\n0\n".into(),
        format!("o\n0\n{root}"),
        format!("\n0\n{root}\n"),
        format!("o\n\n{root}\n"),
        format!("o\n00\n{root}\n"),
        format!("o\n01\n{root}\n"),
        format!("o\n+1\n{root}\n"),
        format!("o\n-1\n{root}\n"),
        format!("o\n1 \n{root}\n"),
        format!("o\n18446744073709551616\n{root}\n"),
        format!("o\n1\n{}\n", root.trim_end_matches('=')),
        format!("o\n1\n{root}=\n"),
        "o\n1\nCQk=\n".into(),
        format!("o\n1\n{root}\n\n"),
        format!("o\n1\n{root}\n\nx\n"),
        format!("o\tp\n1\n{root}\n"),
    ] {
        assert!(!check(&text), "{text:?}");
    }
}

#[test]
fn a_log_signs_its_own_checkpoints_only() {
    let other = Checkpoint::new("hospital.example/log/2", 7, [9; 32]);
    assert_eq!(signer().sign(&other), Err(NotSigned::Origin("hospital.example/log/2".into())));
    let mut smuggled = Checkpoint::new(ORIGIN, 7, [9; 32]);
    smuggled.extension = vec!["a\n\n— b AAAAAAA=".into()];
    assert!(matches!(signer().sign(&smuggled), Err(NotSigned::Text(_))));
    smuggled.extension = vec![String::new()];
    assert!(matches!(signer().sign(&smuggled), Err(NotSigned::Text(_))));
    assert!(Signer::from_seed(&[1; 32], "hospital example").is_err());
    assert!(Cosigner::from_seed(&[1; 32], "").is_err());
}

#[test]
fn an_epoch_has_an_origin_of_its_own() {
    assert_eq!(origin_of_epoch(ORIGIN, 1).as_deref(), Some(ORIGIN));
    assert_eq!(origin_of_epoch(ORIGIN, 2).as_deref(), Some("hospital.example/log/2"));
    for epoch in [1, 2, 3, 10, u64::MAX] {
        assert_eq!(epoch_of_origin(&origin_of_epoch(ORIGIN, epoch).unwrap()), Some(epoch));
    }
    assert_eq!(origin_of_epoch(ORIGIN, 0), None);
    assert_eq!(origin_of_epoch("hospital.example/log/2", 1), None, "not to be told from epoch 2 of another");
    assert_eq!(origin_of_epoch("hospital example", 1), None);
    for origin in ["", "log", "2", "a/x", "a/", "a/2/", "a/+2", "a/2x", "a/2 ", "a/٢"] {
        assert_eq!(epoch_of_origin(origin), Some(1), "{origin:?}");
    }
    for origin in ["a/0", "a/1", "a/02", "a/00", "/1", "a/2/1", "a/18446744073709551616"] {
        assert_eq!((epoch_of_origin(origin), origin_of_epoch(origin, 1)), (None, None), "{origin:?}");
    }
}

// EVIDENCE-OF: R-016
#[test]
fn every_flipped_bit_and_every_cut_of_a_checkpoint_loses_a_signature() {
    let (note, keys) = cosigned();
    let bytes = note.to_string().into_bytes();
    let all_signed = |bytes: &[u8]| {
        let Ok(note) = Note::parse(bytes) else { return false };
        assert_eq!(note.to_string().as_bytes(), bytes, "what is read is written alike");
        note.verify(&keys).is_ok_and(|signed| signed.len() == keys.len())
    };
    assert!(all_signed(&bytes));
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(!all_signed(&flipped), "bit {bit}");
    }
    for length in 0..bytes.len() {
        assert!(!all_signed(&bytes[..length]), "cut at {length}");
    }
    let mut random = Seeded(42);
    for turn in 0..10_000 {
        let mutated = mutated(&bytes, &mut random);
        assert!(mutated == bytes || !all_signed(&mutated), "turn {turn}");
    }
}
