//! Receipts of a real gate before two verifiers: ours, and one in Python that was written from the page alone. Whatever is done
//! to a receipt, to what it shows or to whom its reader trusts, both say the same.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Output;

use lazaret_ledger::checkpoint::{Checkpoint, Signer};
use lazaret_ledger::commitment::commit;
use lazaret_ledger::cosignature::Cosigner;
use lazaret_ledger::proof::Proof;
use lazaret_ledger::receipt::{Disclosure, Placed, Receipt};
use lazaret_ledger::tree::{Hash, LeafHashes, inclusion_proof, leaf_hash, root};
use serde_json::Value;

use crate::gate::{TestGate, command, wait_for};

const FIRMWARE: &[u8] = b"#!/bin/sh\necho pump firmware 4.2.1\n";
const NOTE: &[u8] = b"twelve infusion sets\n";

/// Numbers that a seed repeats (SplitMix64).
struct Seeded(u64);

impl Seeded {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(end).unwrap()).unwrap()
    }
}

fn client(gate: &TestGate, args: &[&str], code: i32) -> Value {
    let output = gate.lazaret(args);
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

/// Sends a file and waits for the decision; its reference.
fn send(gate: &TestGate, file: &Path, code: i32) -> String {
    let line = client(gate, &["send", file.to_str().unwrap(), "--as", "acme", "--wait", "--json"], code);
    line["reference"].as_str().unwrap().to_owned()
}

/// The receipt that this account gets of a transfer as it stands.
fn receipt(gate: &TestGate, reference: &str, account: &str) -> Receipt {
    client(gate, &["transfers", "receipt", reference, "--as", account, "-o", "fetched"], 0);
    Receipt::parse(&std::fs::read(gate.path("fetched")).unwrap()).unwrap()
}

/// A genuine receipt of each outcome, for the party and for the hospital, under the outcome's name.
fn genuine(gate: &TestGate) -> Vec<(&'static str, Receipt)> {
    let firmware = |number: u8| gate.file(&format!("fw-{number}.sh"), &[FIRMWARE, &[b'#', b'0' + number]].concat());
    let mut out = Vec::new();
    let mut both = |outcome, reference: &str| {
        out.push((outcome, receipt(gate, reference, "acme")));
        out.push((outcome, receipt(gate, reference, "ana")));
    };
    both("released", &send(gate, &gate.file("note.txt", NOTE), 0));
    both("denied", &send(gate, &gate.dir().join("samples/eicar.txt"), 9));
    both("held", &send(gate, &firmware(1), 8));
    let vote = |verb, reference: &str, person| {
        client(gate, &["transfers", verb, reference, "--as", person, "--reason", "looked \u{202e}at it"], 0);
    };
    let rejected = send(gate, &firmware(2), 8);
    vote("deny", &rejected, "dan");
    both("denied", &rejected);
    let approved = send(gate, &firmware(3), 8);
    vote("approve", &approved, "ben");
    vote("approve", &approved, "dan");
    wait_for("the release", || {
        (gate.get("ana", &format!("/api/v1/transfers/{approved}"))["state"] == "released").then_some(())
    });
    client(gate, &["transfers", "fetch", &approved, "--as", "ben", "-o", "got"], 0);
    both("delivered", &approved);
    let withdrawn = send(gate, &firmware(4), 8);
    client(gate, &["transfers", "withdraw", &withdrawn, "--as", "acme"], 0);
    both("withdrawn", &withdrawn);
    out
}

/// Files to be judged under one trust file, and against one content where there is one.
struct Bench {
    dir: PathBuf,
    names: Vec<String>,
}

impl Bench {
    fn new(gate: &TestGate, name: &str) -> Bench {
        let dir = gate.path(name);
        std::fs::create_dir(&dir).unwrap();
        Bench { dir, names: Vec::new() }
    }

    fn add(&mut self, name: &str, bytes: &[u8]) {
        let name = format!("{}-{name}", self.names.len());
        std::fs::write(self.dir.join(&name), bytes).unwrap();
        self.names.push(name);
    }

    /// Runs ours and the second over all the files.
    fn run(&self, options: &[&str]) -> [Output; 2] {
        let mut ours = command(env!("CARGO_BIN_EXE_lazaret"));
        ours.args(["verify", "--json"]);
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut second = command(root.join("target/test-venv/bin/python"));
        second.arg("-B").arg(root.join("tests/receipt_verifier.py"));
        [ours, second]
            .map(|mut program| program.args(options).args(&self.names).current_dir(&self.dir).output().unwrap())
    }

    /// How both end.
    fn exits(&self, trust: &Path) -> (Option<i32>, Option<i32>) {
        let [ours, second] = self.run(&["--trust", trust.to_str().unwrap()]);
        (ours.status.code(), second.status.code())
    }

    /// Both verdicts on every file: one start of each program. They say the same, or the test fails; what ours says.
    fn judge(&self, trust: &Path, content: Option<&Path>) -> BTreeMap<&str, Value> {
        let mut options = vec!["--trust", trust.to_str().unwrap()];
        options.extend(content.into_iter().flat_map(|content| ["--content", content.to_str().unwrap()]));
        let [ours, second] = self.run(&options).map(|output| {
            let said = String::from_utf8(output.stdout).unwrap();
            let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            assert_eq!(lines.len(), self.names.len(), "{}", String::from_utf8_lossy(&output.stderr));
            lines
        });
        let mut out = BTreeMap::new();
        for ((name, ours), second) in self.names.iter().zip(ours).zip(second) {
            assert_same(&self.dir.join(name), &ours, &second);
            out.insert(name.as_str(), ours);
        }
        out
    }
}

/// What both show of one receipt.
fn assert_same(file: &Path, ours: &Value, second: &Value) {
    let both = || format!("{}:\nours {ours}\nsecond {second}", file.display());
    assert_eq!(ours["ok"], second["ok"], "{}", both());
    if ours["ok"] == false {
        return;
    }
    let keys =
        ["reference", "id", "origin", "index", "size", "name", "bytes", "sha256", "outcome", "reasons", "witnesses"];
    for key in keys {
        assert_eq!(Some(&ours[key]), second.get(key), "{key} of {}", both());
    }
    let list = |said: &Value| said["entries"].as_array().unwrap().clone();
    // Times are text in the one and milliseconds in the other.
    let of_second = list(second).into_iter().map(|entry| {
        let at = jiff::Timestamp::from_millisecond(i64::try_from(entry["t"].as_u64().unwrap()).unwrap_or(i64::MAX));
        let at = at.map(|at| format!("{at:.3}")).unwrap_or_default();
        (entry["index"].clone(), entry["kind"].clone(), Value::from(at))
    });
    let of_ours =
        list(ours).into_iter().map(|entry| (entry["index"].clone(), entry["kind"].clone(), entry["at"].clone()));
    assert!(of_ours.eq(of_second), "the entries of {}", both());
    // The ruling and the inspection that the second tells of are the last ones.
    let text = |kind: &str| {
        let last = list(ours).into_iter().rev().find(|entry| entry["kind"] == kind);
        last.map(|entry| entry["text"].as_str().unwrap().to_owned()).unwrap_or_default()
    };
    if let (Some(rules), Some(policy)) = (second["rules"].as_array(), second["policy"].as_str()) {
        let rules: Vec<&str> = rules.iter().map(|rule| rule.as_str().unwrap()).collect();
        let expected = format!(" by {} (policy {}…)", rules.join(", "), &policy[..12]);
        assert!(text("transfer_ruled.v1").ends_with(&expected), "{expected} in {}", both());
    }
    if let Some(verdict) = second["verdict"].as_str() {
        let expected = format!("inspected, {}: ", verdict.replace('_', " "));
        assert!(text("transfer_inspected.v1").starts_with(&expected), "{expected} in {}", both());
    }
}

/// One bit flipped, a cut, or bytes too many: what a bad line or disk does.
fn damaged(bytes: &[u8], random: &mut Seeded) -> Vec<u8> {
    let mut out = bytes.to_vec();
    match random.below(8) {
        0 => out.truncate(random.below(bytes.len())),
        1 => out.extend_from_slice(&bytes[..random.below(40)]),
        2 => out.insert(0, bytes[random.below(bytes.len())]),
        _ => out[random.below(bytes.len())] ^= 1 << random.below(8),
    }
    out
}

/// A byte of CBOR changed, put in or taken out; often to one that begins another type.
fn bent(bytes: &[u8], random: &mut Seeded) -> Vec<u8> {
    let heads =
        [0x00, 0x01, 0x17, 0x18, 0x20, 0x40, 0x50, 0x58, 0x60, 0x61, 0x80, 0x81, 0xa0, 0xa1, 0xc0, 0xf4, 0xf6, 0xff];
    let mut out = bytes.to_vec();
    let at = random.below(bytes.len());
    match random.below(6) {
        0 if out[at] != heads[at % heads.len()] => out[at] = heads[at % heads.len()],
        1 => out.insert(at, heads[random.below(heads.len())]),
        2 => drop(out.remove(at)),
        3 => out[at] = out[at].wrapping_add(1),
        _ => out[at] ^= 1 << random.below(8),
    }
    out
}

/// A receipt's file, where it can be written at all.
fn add(bench: &mut Bench, name: &str, receipt: &Receipt) {
    if let Ok(bytes) = receipt.to_bytes() {
        bench.add(name, &bytes);
    }
}

/// A receipt with other extra data, which no writer of ours would write.
fn with_extra(receipt: &Receipt, change: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let proof = Proof::parse(&receipt.to_bytes().unwrap()).unwrap();
    let extra = change(&proof.extra);
    Proof { extra, ..proof }.to_bytes()
}

/// What somebody does to a receipt who wants it to say something else: parts left out, doubled, exchanged, or another's.
fn tampered(bench: &mut Bench, one: &Receipt, other: &Receipt) {
    let mut with = |name: &str, change: &dyn Fn(&mut Receipt)| {
        let mut changed = one.clone();
        change(&mut changed);
        add(bench, name, &changed);
    };
    with("other-note", &|receipt| receipt.checkpoint = other.checkpoint.clone());
    with("other-latest", &|receipt| receipt.latest = other.latest.clone());
    with("other-earlier", &|receipt| receipt.earlier = other.earlier.clone());
    with("other-open", &|receipt| receipt.disclosures = other.disclosures.clone());
    with("both-open", &|receipt| receipt.disclosures.extend(other.disclosures.clone()));
    with("twice-open", &|receipt| receipt.disclosures.extend(receipt.disclosures.clone()));
    with("reversed", &|receipt| receipt.disclosures.reverse());
    with("closed", &|receipt| receipt.disclosures.clear());
    with("alone", &|receipt| receipt.earlier.clear());
    with("shorter", &|receipt| receipt.latest = receipt.earlier.pop().unwrap());
    with("backwards", &|receipt| receipt.earlier.reverse());
    with("again", &|receipt| receipt.earlier.push(receipt.latest.clone()));
    with("moved", &|receipt| receipt.latest.index += 1);
    for at in 0..one.earlier.len() {
        with("without", &|receipt| drop(receipt.earlier.remove(at)));
    }
    for at in 0..one.disclosures.len() {
        with("no-open", &|receipt| drop(receipt.disclosures.remove(at)));
        with("nonce", &|receipt| receipt.disclosures[at].nonce[15] ^= 1);
        with("k_c", &|receipt| receipt.disclosures[at].k_c[0] ^= 1);
        with("value", &|receipt| receipt.disclosures[at].value[0] ^= 1);
        for label in ["content", "manifest", "reason", "other"] {
            with(label, &|receipt| receipt.disclosures[at].label = label.into());
        }
    }
}

/// Origins of logs that sign whatever they are given. The epoch of the first is 1 and of the second and third 2; of the others
/// nobody could say it.
const ROGUES: [&str; 6] = [
    "rogue.example/log",
    "rogue.example/log/2",
    "rogue.example/2",
    "rogue.example/1",
    "rogue.example/02",
    "a/99999999999999999999",
];

fn rogue(origin: &str) -> Signer {
    let mut seed = [7; 32];
    seed.iter_mut().zip(origin.bytes()).for_each(|(slot, byte)| *slot = byte);
    Signer::from_seed(&seed, origin).unwrap()
}

/// The receipt with these entries in place of its own, at the same indices of a tree that the rogue log signs.
fn resigned(receipt: &Receipt, entries: &[Vec<u8>], origin: &str) -> Receipt {
    let indices: Vec<u64> = receipt.earlier.iter().chain([&receipt.latest]).map(|placed| placed.index).collect();
    let size = indices.last().unwrap() + 2;
    let mut leaves: Vec<Hash> = (0..size).map(|index| leaf_hash(&index.to_be_bytes())).collect();
    for (index, entry) in indices.iter().zip(entries) {
        leaves[usize::try_from(*index).unwrap()] = leaf_hash(entry);
    }
    let placed = |(index, entry): (&u64, &Vec<u8>)| Placed {
        index: *index,
        entry: entry.clone(),
        proof: inclusion_proof(&mut LeafHashes(&leaves), *index, size).unwrap(),
    };
    let mut all: Vec<Placed> = indices.iter().zip(entries).map(placed).collect();
    let latest = all.pop().unwrap();
    let checkpoint = rogue(origin).sign(&Checkpoint::new(origin, size, root(&leaves))).unwrap();
    Receipt { latest, earlier: all, disclosures: receipt.disclosures.clone(), checkpoint }
}

fn entries(receipt: &Receipt) -> Vec<Vec<u8>> {
    receipt.earlier.iter().chain([&receipt.latest]).map(|placed| placed.entry.clone()).collect()
}

/// Everywhere in the entries these bytes become those, which are as many.
fn replaced(entries: &[Vec<u8>], old: &[u8], new: &[u8]) -> Vec<Vec<u8>> {
    let replace = |entry: &Vec<u8>| {
        let mut out = entry.clone();
        for at in 0..=entry.len() - old.len() {
            if entry[at..].starts_with(old) {
                out[at..at + old.len()].copy_from_slice(new);
            }
        }
        out
    };
    entries.iter().map(replace).collect()
}

/// What a log could sign that is no gate's: entries in odd forms, and commitments to odd values.
fn signed_oddly(bench: &mut Bench, receipt: &Receipt, random: &mut Seeded) {
    let genuine = entries(receipt);
    add(bench, "whole", &resigned(receipt, &genuine, ROGUES[0]));
    for _ in 0..700 {
        let mut odd = genuine.clone();
        let which = random.below(odd.len());
        odd[which] = bent(&odd[which], random);
        add(bench, "entry", &resigned(receipt, &odd, ROGUES[0]));
    }
    let closed = Receipt { disclosures: Vec::new(), ..receipt.clone() };
    // A kind of later days, and one that is none.
    for (old, new) in [("arrived.v1", "arrived.v2"), ("inspected.v1", "inspected.v0"), ("ruled.v1", "ruler.v9")] {
        add(bench, "kind", &resigned(&closed, &replaced(&genuine, old.as_bytes(), new.as_bytes()), ROGUES[0]));
    }
    for origin in ROGUES {
        add(bench, "epoch", &resigned(receipt, &genuine, origin));
        // The story without its beginning, and its last entry alone, before which an earlier epoch may hold others.
        let mut rest = resigned(&closed, &genuine, origin);
        drop(rest.earlier.remove(0));
        add(bench, "rest", &rest);
        rest.earlier.clear();
        add(bench, "last", &rest);
    }
    for at in 0..receipt.disclosures.len() {
        let Disclosure { k_c, value, .. } = &receipt.disclosures[at];
        for _ in 0..300 {
            let odd_value = bent(value, random);
            let odd = replaced(&genuine, &commit(k_c, value), &commit(k_c, &odd_value));
            let mut odd = resigned(receipt, &odd, ROGUES[0]);
            odd.disclosures[at].value = odd_value;
            add(bench, "value", &odd);
        }
    }
}

/// The receipt with cosignatures under it.
fn cosigned(receipt: &Receipt, times: &[(u8, u64)]) -> Receipt {
    let checkpoint = Checkpoint::parse(receipt.checkpoint.text()).unwrap();
    let lines = times.iter().map(|(number, time)| witness(*number).cosign(&checkpoint, *time));
    Receipt { checkpoint: receipt.checkpoint.clone().with(lines).unwrap(), ..receipt.clone() }
}

fn witness(number: u8) -> Cosigner {
    Cosigner::from_seed(&[number; 32], &format!("witness.example/w{number}")).unwrap()
}

fn okay(judged: &BTreeMap<&str, Value>) -> usize {
    judged.values().filter(|said| said["ok"] == true).count()
}

// EVIDENCE-OF: R-016
#[test]
fn a_second_verifier_says_of_every_receipt_what_ours_says() {
    let gate = TestGate::start();
    let receipts = genuine(&gate);
    let trust = gate.dir().join("trust.txt");
    let mut random = Seeded(1016);

    let mut whole = Bench::new(&gate, "whole");
    receipts.iter().for_each(|(outcome, receipt)| whole.add(outcome, &receipt.to_bytes().unwrap()));
    let judged = whole.judge(&trust, None);
    for (name, said) in &judged {
        assert_eq!(
            (&said["ok"], said["outcome"].as_str()),
            (&true.into(), name.split_once('-').map(|(_, outcome)| outcome)),
            "{said}"
        );
        assert!(said["name"].is_string() && said["sha256"].is_string(), "{said}");
    }
    let reasons: usize = judged.values().map(|said| said["reasons"].as_array().unwrap().len()).sum();
    assert_eq!(reasons, 3, "the hospital's receipts show two voters' words and one's, a party's none");
    // The note's two receipts speak of this content, and all the others of another.
    assert_eq!(okay(&whole.judge(&trust, Some(&gate.path("note.txt")))), 2);

    let mut changed = Bench::new(&gate, "changed");
    for (at, (outcome, receipt)) in receipts.iter().enumerate() {
        let bytes = receipt.to_bytes().unwrap();
        (0..700).for_each(|_| changed.add(outcome, &damaged(&bytes, &mut random)));
        (0..700).for_each(|_| changed.add("extra", &with_extra(receipt, |extra| bent(extra, &mut random))));
        tampered(&mut changed, receipt, &receipts[(at + 1) % receipts.len()].1);
        tampered(&mut changed, receipt, &receipts[(at + 2) % receipts.len()].1);
    }
    let changed = changed.judge(&trust, None);
    for (name, said) in changed.iter().filter(|(_, said)| said["ok"] == true) {
        // Something may be left out at the edges. Nothing is said that the genuine ones do not say.
        let mut of_transfer = judged.values().filter(|whole| whole["id"] == said["id"]);
        let within = |whole: &Value, list: &str| {
            let whole = whole[list].as_array().unwrap();
            said[list].as_array().unwrap().iter().all(|item| whole.contains(item))
        };
        let same_or_none = |whole: &Value, key: &str| said[key].is_null() || said[key] == whole[key];
        let says_no_more = of_transfer.any(|whole| {
            ["entries", "reasons"].iter().all(|list| within(whole, list))
                && ["name", "bytes", "sha256"].iter().all(|key| same_or_none(whole, key))
        });
        assert!(says_no_more, "{name}: {said}");
        assert!(!name.ends_with("extra"), "{name} is damaged, and passes");
    }
    assert!(changed.len() > 3_000 && okay(&changed) > 100, "{} {}", changed.len(), okay(&changed));
}

// EVIDENCE-OF: R-016
#[test]
fn a_second_verifier_says_the_same_of_what_no_gate_would_sign() {
    let gate = TestGate::start();
    let keys: Vec<String> = ROGUES.iter().map(|origin| format!("log {}\n", rogue(origin).verifier_key())).collect();
    let trust = gate.file("rogue-trust", (keys.concat() + "quorum none\n").as_bytes());
    let (mut bench, mut random) = (Bench::new(&gate, "rogue"), Seeded(1017));
    let receipts = genuine(&gate);
    receipts.iter().for_each(|(_, receipt)| signed_oddly(&mut bench, receipt, &mut random));
    let judged = bench.judge(&trust, None);
    let passing = |what: &str| judged.iter().filter(|(name, said)| name.ends_with(what) && said["ok"] == true).count();
    assert_eq!((passing("whole"), passing("kind")), (receipts.len(), 2 * receipts.len()), "v0 is no version");
    // In a log of epoch 1 all entries follow. In one of epoch 2 the last stands alone: those of epoch 1 are not in it.
    assert_eq!((passing("epoch"), passing("rest"), passing("last")), (receipts.len(), 0, 2 * receipts.len()));
    assert!(passing("entry") > 100 && passing("value") > 20, "{} {}", passing("entry"), passing("value"));
    let untold = judged.values().filter(|said| said["ok"] == true && said["outcome"].is_null()).count();
    assert!(untold > 50, "{untold} have facts or stories that this release does not know");
}

// EVIDENCE-OF: R-016
#[test]
fn a_second_verifier_trusts_whom_ours_trusts() {
    let gate = TestGate::start();
    let sent = send(&gate, &gate.file("note.txt", NOTE), 0);
    let receipt = receipt(&gate, &sent, "acme");
    let mut bench = Bench::new(&gate, "witnessed");
    bench.add("alone", &receipt.to_bytes().unwrap());
    let mut random = Seeded(1018);
    let many = vec![(2, 9), (1, 5), (2, 0), (9, 9), (2, 9), (2, 7)];
    for times in [vec![(1, 5)], vec![(2, 9), (1, 5)], many, vec![(3, u64::MAX >> 1)]] {
        let receipt = cosigned(&receipt, &times);
        add(&mut bench, "cosigned", &receipt);
        let bytes = receipt.to_bytes().unwrap();
        // The signatures are at the end.
        let end = bytes.len() - bytes.len().min(900);
        for _ in 0..700 {
            bench.add("damaged", &[&bytes[..end], &damaged(&bytes[end..], &mut random)].concat());
        }
    }
    let keys: Vec<String> = (1..=3).map(|number| witness(number).verifier_key().to_string()).collect();
    let [w1, w2, w3] = keys.as_slice() else { panic!("three keys") };
    let own = std::fs::read_to_string(gate.dir().join("trust.txt")).unwrap();
    let log = own.lines().find(|line| line.starts_with("log ")).unwrap();
    let witnesses = format!("witness a {w1}\nwitness b {w2}\nwitness ü {w3} a:url\n");
    let trust = |text: &str| gate.file("trust", text.as_bytes());
    let whole = |policy: &str| {
        let judged = bench.judge(&trust(policy), None);
        judged.iter().filter(|(name, said)| !name.ends_with("damaged") && said["ok"] == true).count()
    };
    for (policy, expected) in [
        ("quorum none\n", 5),
        ("quorum a\n", 3),
        ("group g all a b\nquorum g\n", 2),
        ("group g any a ü\n# comment\n\t quorum \t g \t\n", 4),
        ("group any 1 a b\ngroup all 2 any ü\nquorum all\n", 0),
        ("group g 1 ü\nquorum g\n", 1),
    ] {
        assert_eq!(whole(&format!("{log}\n{witnesses}{policy}")), expected, "{policy}");
    }
    assert_eq!(whole(&format!("{witnesses}quorum a\n")), 0, "no log is believed");
    let other = Signer::from_seed(&[1; 32], log.split([' ', '+']).nth(1).unwrap()).unwrap();
    assert_eq!(whole(&format!("log {}\nquorum none\n", other.verifier_key())), 0, "another key of the same name");

    let bad = [
        "",
        "quorum none",
        "quorum none\r\n",
        "quorum none\n#\u{85}\n",
        "quorum a\nquorum a\n",
        "quorum c\n",
        "group g 3 a b\nquorum g\n",
        "group g 01 a\nquorum g\n",
        "group g all a a\nquorum g\n",
        "group none any a\nquorum a\n",
        "log x+00000000+AQ==\nquorum none\n",
    ];
    for bad in bad {
        assert_eq!(bench.exits(&trust(&format!("{log}\n{witnesses}{bad}"))), (Some(2), Some(2)), "{bad:?}");
    }
    assert_eq!(bench.exits(&gate.file("trust", b"# \xe9\nquorum none\n")), (Some(2), Some(2)));
    assert_eq!(bench.exits(&trust(&own)), (Some(10), Some(1)), "some are damaged");
}
