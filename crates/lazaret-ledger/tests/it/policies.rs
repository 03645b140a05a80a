//! Trust files: what tlog-policy allows, and that nothing else is understood by halves.

use lazaret_ledger::checkpoint::{Checkpoint, Signer};
use lazaret_ledger::cosignature::Cosigner;
use lazaret_ledger::key::{BadKey, SignatureType, VerifierKey};
use lazaret_ledger::note::Note;
use lazaret_ledger::trust::{Flaw, LINES_EACH_MAX, NotAPolicy, NotAccepted, POLICY_BYTES_MAX, Trust};

const ORIGIN: &str = "hospital.example/log";

fn signer(number: u8) -> Signer {
    Signer::from_seed(&[number; 32], ORIGIN).unwrap()
}

fn cosigner(number: u8) -> Cosigner {
    Cosigner::from_seed(&[number; 32], &format!("w{number}.example")).unwrap()
}

/// A policy with the words `L1`… and `W1`… replaced by keys.
fn policy(text: &str) -> String {
    let mut text = text.to_owned();
    for number in (1..10).rev() {
        text = text.replace(&format!("L{number}"), &signer(number).verifier_key().to_string());
        text = text.replace(&format!("W{number}"), &cosigner(number).verifier_key().to_string());
    }
    text
}

fn parse(text: &str) -> Result<Trust, NotAPolicy> {
    Trust::parse(policy(text).as_bytes())
}

/// The policy's answer to a checkpoint that these witnesses have cosigned.
fn accept(trust: &Trust, cosigners: &[u8]) -> Result<usize, NotAccepted> {
    let checkpoint = Checkpoint::new(ORIGIN, 7, [9; 32]);
    let lines = cosigners.iter().map(|number| cosigner(*number).cosign(&checkpoint, 1));
    let note = signer(1).sign(&checkpoint).unwrap().with(lines).unwrap();
    trust.accept(&note).map(|accepted| accepted.witnesses.len())
}

#[test]
fn the_example_of_the_standard_counts_as_it_says() {
    let trust = parse(
        "log L1\n\nwitness X1 W1\nwitness X2 W2\nwitness X3 W3\ngroup X-witnesses 2 X1 X2 X3\n\n\
         witness Y1 W4\nwitness Y2 W5\nwitness Y3 W6\ngroup Y-witnesses any Y1 Y2 Y3\n\n\
         group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n",
    )
    .unwrap();
    for chosen in 0..64_u8 {
        let cosigners: Vec<u8> = (1..=6).filter(|number| chosen >> (number - 1) & 1 == 1).collect();
        let enough = (chosen & 0b111).count_ones() >= 2 && chosen & 0b11_1000 != 0;
        let expected = if enough { Ok(cosigners.len()) } else { Err(NotAccepted::Quorum(cosigners.len())) };
        assert_eq!(accept(&trust, &cosigners), expected, "{cosigners:?}");
    }
}

#[test]
fn a_quorum_is_nobody_one_witness_or_a_group() {
    let accepted = |text: &str, cosigners: &[u8]| accept(&parse(text).unwrap(), cosigners).is_ok();
    assert!(accepted("log L1\nquorum none\n", &[]));
    assert!(accepted("quorum none\nlog L1\n", &[]));
    assert!(accepted("log L1\nwitness a W1\nwitness b W2\nquorum a\n", &[1]));
    assert!(!accepted("log L1\nwitness a W1\nwitness b W2\nquorum a\n", &[2]));
    assert!(!accepted("log L1\nwitness a W1\ngroup g any a\nquorum g\n", &[]));
    assert!(accepted("log L1\nwitness a W1\nwitness b W2\ngroup g all a b\nquorum a\n", &[1]));
    // A cosignature of somebody else's witness counts for nothing.
    assert!(!accepted("log L1\nwitness a W1\nquorum a\n", &[2, 3, 4]));
}

#[test]
fn a_log_is_trusted_for_its_own_origin_only() {
    let checkpoint = Checkpoint::new(ORIGIN, 7, [9; 32]);
    let note = signer(1).sign(&checkpoint).unwrap();
    let unsigned = Err(NotAccepted::Unsigned(ORIGIN.into()));
    assert_eq!(parse("log L2\nquorum none\n").unwrap().accept(&note).map(drop), unsigned);
    assert!(parse("log L2\nlog L1\nquorum none\n").unwrap().accept(&note).is_ok());
    let elsewhere = Signer::from_seed(&[1; 32], "hospital.example/log/2").unwrap();
    let trust = Trust::of_logs([elsewhere.verifier_key().clone()]).unwrap();
    assert_eq!(trust.accept(&note).map(drop), Err(NotAccepted::UnknownLog(ORIGIN.into())));
    // A witness that cosigns does not make up for the log.
    let alone = Note::new(&checkpoint.text(), vec![cosigner(1).cosign(&checkpoint, 1)]).unwrap();
    let trust = parse("log L1\nwitness a W1\nquorum a\n").unwrap();
    assert_eq!(trust.accept(&alone).map(drop), Err(NotAccepted::Unsigned(ORIGIN.into())));
    let prose = Note::new("not a checkpoint\n", note.signatures().to_vec()).unwrap();
    assert!(matches!(trust.accept(&prose), Err(NotAccepted::Text(_))));
}

#[test]
fn one_forged_line_of_a_trusted_key_refuses_the_checkpoint() {
    let checkpoint = Checkpoint::new(ORIGIN, 7, [9; 32]);
    let other = Checkpoint::new(ORIGIN, 8, [9; 32]);
    let note = signer(1).sign(&checkpoint).unwrap().with([cosigner(1).cosign(&other, 1)]).unwrap();
    let trust = parse("log L1\nwitness a W1\nquorum none\n").unwrap();
    assert_eq!(trust.accept(&note).map(drop), Err(NotAccepted::Forged("w1.example".into())));
    assert!(parse("log L1\nquorum none\n").unwrap().accept(&note).is_ok(), "that witness is unknown here");
}

#[test]
fn spaces_tabs_comments_urls_and_any_letters_are_allowed() {
    let text = "  # über alles\n#log nonsense\n\t \n\tlog\t L1  https://hospital.example/log/ \t\n\
                witness K W1\nwitness \u{212a} W2 no:url\ngroup gr\u{fc}n 2 K \u{212a}\nquorum gr\u{fc}n\n";
    let trust = parse(text).unwrap();
    assert_eq!(trust.logs()[0].url.as_deref(), Some("https://hospital.example/log/"));
    assert_eq!(trust.witnesses()[1].url.as_deref(), Some("no:url"), "a URL is a word that nobody looks at");
    assert_eq!(trust.witnesses()[1].name, "\u{212a}", "names are compared as they are written");
    assert_eq!((accept(&trust, &[1, 2]), accept(&trust, &[1])), (Ok(2), Err(NotAccepted::Quorum(1))));
    assert_eq!(Trust::parse(&trust.to_bytes()), Ok(trust));
}

#[test]
fn a_trust_file_is_text() {
    let bytes = policy("# \u{e9}\nlog L1\nquorum none\n").into_bytes();
    assert!(Trust::parse(&bytes).is_ok());
    // The same letter in Latin-1, in a comment that means nothing.
    let latin: Vec<u8> = bytes.iter().filter(|byte| **byte != 0xc3).copied().collect();
    assert_eq!(Trust::parse(&latin), Err(NotAPolicy { line: 1, flaw: Flaw::NotText }));
    let cut = [bytes.as_slice(), b"# \xc3"].concat();
    assert_eq!(Trust::parse(&cut), Err(NotAPolicy { line: 4, flaw: Flaw::NotText }));
}

#[test]
fn only_none_is_no_name() {
    let trust = parse("log L1\nwitness any W1\nwitness 1 W2\ngroup all all 1 any\nquorum all\n").unwrap();
    assert_eq!((accept(&trust, &[1, 2]), accept(&trust, &[1])), (Ok(2), Err(NotAccepted::Quorum(1))));
    let trust = parse("log L1\nwitness log W1\nquorum log\n").unwrap();
    assert_eq!((accept(&trust, &[1]), accept(&trust, &[])), (Ok(1), Err(NotAccepted::Quorum(0))));
    assert_eq!(parse("witness none W1\nquorum none\n"), Err(NotAPolicy { line: 1, flaw: Flaw::Name }));
}

#[test]
fn a_policy_without_a_log_is_whole_and_believes_nobody() {
    let trust = parse("witness a W1\nquorum a\n").unwrap();
    assert_eq!(accept(&trust, &[1]), Err(NotAccepted::UnknownLog(ORIGIN.into())));
}

#[test]
fn a_malformed_line_is_refused_and_named() {
    let check = |text: &str, line, flaw| assert_eq!(parse(text), Err(NotAPolicy { line, flaw }), "{text:?}");
    check("", 1, Flaw::NoQuorum);
    check("\n", 1, Flaw::NoQuorum);
    check("log L1\n", 1, Flaw::NoQuorum);
    check("quorum none", 1, Flaw::Unterminated);
    check("log L1\nquorum none\nquorum none\n", 3, Flaw::QuorumTwice);
    check("quorum\n", 1, Flaw::Words);
    check("quorum none none\n", 1, Flaw::Words);
    check("quorum a\nwitness a W1\n", 1, Flaw::UnknownName);
    check("quorum None\n", 1, Flaw::UnknownName);
    check("quorum any\n", 1, Flaw::UnknownName);
    check("Log L1\nquorum none\n", 1, Flaw::Keyword);
    check("logs L1\nquorum none\n", 1, Flaw::Keyword);
    check("quorum none # all is well\n", 1, Flaw::Words);
    check("log\nquorum none\n", 1, Flaw::Words);
    check("log L1 url more\nquorum none\n", 1, Flaw::Words);
    check("log hospital.example/log\nquorum none\n", 1, Flaw::Key(BadKey::Form));
    check("log W1\nquorum none\n", 1, Flaw::KeyType);
    check("witness a L1\nquorum none\n", 1, Flaw::KeyType);
    check("log L1\nlog L1\nquorum none\n", 2, Flaw::KeyTwice);
    check("witness a W1\nwitness b W1\nquorum none\n", 2, Flaw::KeyTwice);
    check("witness a W1\nwitness a W2\nquorum none\n", 2, Flaw::Name);
    check("witness a W1\ngroup a any a\nquorum none\n", 2, Flaw::Name);
    check("witness a W1\ngroup g any a\nwitness g W2\nquorum none\n", 3, Flaw::Name);
    check("witness none W1\nquorum none\n", 1, Flaw::Name);
    check("witness a W1\ngroup none any a\nquorum none\n", 2, Flaw::Name);
    check("witness a\nquorum none\n", 1, Flaw::Words);
    check("witness a W1 url more\nquorum none\n", 1, Flaw::Words);
    check("group g\nquorum none\n", 1, Flaw::Words);
    check("group g any\nquorum none\n", 1, Flaw::Threshold);
    check("group g all\nquorum none\n", 1, Flaw::Threshold);
    check("group g any a\nwitness a W1\nquorum g\n", 1, Flaw::UnknownName);
    check("group g any g\nquorum g\n", 1, Flaw::UnknownName);
    check("group g any none\nquorum g\n", 1, Flaw::UnknownName);
    check("witness a W1\ngroup g all a a\nquorum g\n", 2, Flaw::MemberTwice);
    check("witness a W1\ngroup g all a\ngroup h all a\nquorum g\n", 3, Flaw::MemberTwice);
    for threshold in ["0", "2", "-1", "+1", "01", "1.0", "one", "ALL", "18446744073709551617"] {
        check(&format!("witness a W1\ngroup g {threshold} a\nquorum g\n"), 2, Flaw::Threshold);
    }
    for control in ["\r", "\0", "\u{b}", "\u{1b}", "\u{7f}", "\u{80}", "\u{85}", "\u{9f}"] {
        check(&format!("log L1\n# {control}\nquorum none\n"), 2, Flaw::Control);
    }
    check("log L1\r\nquorum none\r\n", 1, Flaw::Control);
    assert!(parse("log\u{a0}L1\nquorum none\n").is_err(), "only ASCII spaces and tabs divide");
    let changed = policy("log L1\nquorum none\n").replacen("hospital", "hospitel", 1);
    let flaw = Flaw::Key(BadKey::Hash);
    assert_eq!(Trust::parse(changed.as_bytes()), Err(NotAPolicy { line: 1, flaw }));
}

#[test]
fn a_key_under_another_name_is_the_same_key() {
    let again = Cosigner::from_seed(&[1; 32], "another.example").unwrap();
    let text = policy(&format!("witness a W1\nwitness b {}\nquorum none\n", again.verifier_key()));
    assert_eq!(Trust::parse(text.as_bytes()), Err(NotAPolicy { line: 2, flaw: Flaw::KeyTwice }));
}

/// A seed of its own for each number.
fn seed(number: u32) -> [u8; 32] {
    let mut seed = [0; 32];
    seed[28..].copy_from_slice(&number.to_be_bytes());
    seed
}

#[test]
fn two_keys_of_one_name_and_hash_are_no_policy() {
    let log = |number| Signer::from_seed(&seed(number), ORIGIN).unwrap().verifier_key().clone();
    let witness = |number| Cosigner::from_seed(&seed(number), ORIGIN).unwrap().verifier_key().clone();
    // Found among the first 200,000 seeds.
    let alike = [(log(64_174), log(88_463)), (witness(18_753), witness(174_116)), (log(6_050), witness(42_097))];
    for (first, second) in alike {
        assert_eq!((first.name(), first.id()), (second.name(), second.id()));
        let line = |key: &VerifierKey| match key.kind() {
            SignatureType::Ed25519 => format!("log {key}\n"),
            SignatureType::Cosignature => format!("witness w-{} {key}\n", key.public()[0]),
        };
        let both = format!("{}{}quorum none\n", line(&first), line(&second));
        assert_eq!(Trust::parse(both.as_bytes()), Err(NotAPolicy { line: 2, flaw: Flaw::KeyAlike }));
        assert!(Trust::parse(format!("{}quorum none\n", line(&second)).as_bytes()).is_ok());
    }
    // A name alone may be that of several keys.
    let several = format!("log {}\nlog {}\nwitness w {}\nquorum none\n", log(1), log(2), witness(1));
    assert!(Trust::parse(several.as_bytes()).is_ok());
}

#[test]
fn so_many_lines_are_read_and_no_more() {
    let key =
        |number| Signer::from_seed(&seed(u32::try_from(number).unwrap()), ORIGIN).unwrap().verifier_key().to_string();
    let logs = |count| (0..count).map(|number| format!("log {}\n", key(number))).collect::<String>() + "quorum none\n";
    for count in [0, 32, LINES_EACH_MAX] {
        assert_eq!(Trust::parse(logs(count).as_bytes()).unwrap().logs().len(), count);
    }
    let flaw = NotAPolicy { line: LINES_EACH_MAX + 1, flaw: Flaw::TooMany };
    assert_eq!(Trust::parse(logs(LINES_EACH_MAX + 1).as_bytes()), Err(flaw));
    let witness = |number| {
        let cosigner = Cosigner::from_seed(&seed(u32::try_from(number).unwrap()), "w.example").unwrap();
        format!("witness w{number} {}\ngroup g{number} all w{number}\n", cosigner.verifier_key())
    };
    let both = |count| (0..count).map(witness).collect::<String>() + "quorum none\n";
    assert_eq!(Trust::parse(both(LINES_EACH_MAX).as_bytes()).unwrap().witnesses().len(), LINES_EACH_MAX);
    let flaw = NotAPolicy { line: 2 * LINES_EACH_MAX + 1, flaw: Flaw::TooMany };
    assert_eq!(Trust::parse(both(LINES_EACH_MAX + 1).as_bytes()), Err(flaw));
    let long = |length: usize| format!("quorum none\n{}\n", "#".repeat(length - 13));
    assert!(Trust::parse(long(POLICY_BYTES_MAX).as_bytes()).is_ok());
    assert_eq!(Trust::parse(long(POLICY_BYTES_MAX + 1).as_bytes()), Err(NotAPolicy { line: 1, flaw: Flaw::TooLong }));
}

#[test]
fn a_policy_that_is_written_reads_back_as_itself() {
    let trust = parse(
        "witness b W2 https://b.example/\nlog L2 https://a.example/\nwitness a W1\nlog L1\n\
         group first any a\ngroup both 2 first b\n# note\nquorum both\n",
    )
    .unwrap();
    let written = trust.to_bytes();
    assert_eq!(Trust::parse(&written).as_ref(), Ok(&trust));
    assert_eq!(Trust::parse(&written).unwrap().to_bytes(), written);
    let of_logs = Trust::of_logs([signer(1).verifier_key().clone()]).unwrap();
    assert_eq!(of_logs.to_bytes(), policy("log L1\nquorum none\n").as_bytes());
}
