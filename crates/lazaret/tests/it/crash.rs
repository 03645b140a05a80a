//! Kill -9 under load: what got a positive answer is there afterwards.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::gate::{TestGate, command, wait_for};

const KILLS: usize = 50;
const SENDERS: usize = 3;

/// What clients were promised.
#[derive(Debug, Default)]
struct Promised {
    /// Reference, name and content of every upload that was answered with 201 or 202.
    uploads: Vec<(String, String, String)>,
    /// Reference and person of every vote that was answered with 200.
    votes: Vec<(String, &'static str)>,
    /// Reference and bytes of every receipt.
    receipts: Vec<(String, Vec<u8>)>,
}

/// How a client reaches the gate of one life.
#[derive(Debug, Clone)]
struct Address {
    https: String,
    ca: String,
    acme: String,
    ben: String,
}

impl Address {
    fn of(gate: &TestGate) -> Address {
        Address {
            https: gate.https().to_owned(),
            ca: gate.ready["ca_file"].as_str().unwrap().to_owned(),
            acme: gate.token("acme"),
            ben: gate.token("ben"),
        }
    }

    /// Status and body; status 0 when the gate is not there.
    fn ask(&self, token: &str, args: &[&str], path: &str) -> (u16, Vec<u8>) {
        let output = command("curl")
            .args(["--silent", "--max-time", "20", "--cacert", &self.ca, "--write-out", "%{stderr}%{http_code}"])
            .args(["--header", &format!("Authorization: Bearer {token}")])
            .args(args)
            .arg(format!("{}{path}", self.https))
            .output()
            .unwrap();
        let status = String::from_utf8_lossy(&output.stderr).trim().parse().unwrap_or(0);
        // A status without a whole body is no answer: curl says so by its exit code.
        if output.status.success() { (status, output.stdout) } else { (0, Vec::new()) }
    }
}

/// Sends, votes and fetches receipts until told to stop.
fn load(address: &Address, sender: usize, round: usize, stop: &AtomicBool, promised: &Mutex<Promised>) {
    for number in 0.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let name = format!("{round}-{sender}-{number}.bin");
        // Every third is a program, which waits for people.
        let magic = if number % 3 == 0 { "\u{7f}ELF\u{2}\u{1}\u{1}\0" } else { "" };
        let content = format!("{magic}content of {name}\n{}", "x".repeat(number * 997 % 40_000));
        let file = std::env::temp_dir().join(format!("lazaret-crash-{}-{name}", std::process::id()));
        std::fs::write(&file, &content).unwrap();
        let wait = if number % 3 == 0 { "Prefer: wait=10" } else { "X-Nothing: 1" };
        let args = ["--header", wait, "--upload-file", file.to_str().unwrap()];
        let (status, body) = address.ask(&address.acme, &args, &format!("/api/v1/in/acme-in/{name}"));
        std::fs::remove_file(&file).unwrap();
        if status != 201 && status != 202 {
            continue;
        }
        let answer: Value = serde_json::from_slice(&body).unwrap();
        let reference = answer["reference"].as_str().unwrap().to_owned();
        promised.lock().unwrap().uploads.push((reference.clone(), name, content));
        if number % 3 == 0 {
            vote(address, &reference, promised);
        }
        let receipt = format!("/api/v1/transfers/{reference}/receipt");
        let answers = (0..10).map(|_| address.ask(&address.acme, &[], &receipt));
        // 202: not signed yet.
        if let Some((200, receipt)) = answers.into_iter().find(|(status, _)| *status != 202) {
            promised.lock().unwrap().receipts.push((reference, receipt));
        }
    }
}

fn vote(address: &Address, reference: &str, promised: &Mutex<Promised>) {
    let (_, shown) = address.ask(&address.ben, &[], &format!("/api/v1/transfers/{reference}"));
    let Ok(shown) = serde_json::from_slice::<Value>(&shown) else { return };
    let Some(binding) = shown["binding"].as_str() else { return };
    let ballot = json!({"vote": "approve", "binding": binding, "reason": "tested"}).to_string();
    let path = format!("/api/v1/transfers/{reference}/approvals");
    let (status, _) = address.ask(&address.ben, &["--data", &ballot], &path);
    if status == 200 {
        promised.lock().unwrap().votes.push((reference.to_owned(), "Ben Kim"));
    }
}

// EVIDENCE-OF: R-101
// EVIDENCE-OF: R-105
#[test]
fn kill_nine_at_fifty_moments_under_load_loses_nothing_that_was_acknowledged() {
    let mut gate = TestGate::start();
    let promised = Arc::new(Mutex::new(Promised::default()));
    let mut random = 0x9e37_79b9_u32;
    for round in 0..KILLS {
        let stop = Arc::new(AtomicBool::new(false));
        let address = Address::of(&gate);
        let senders: Vec<_> = (0..SENDERS)
            .map(|sender| {
                let (address, stop, promised) = (address.clone(), Arc::clone(&stop), Arc::clone(&promised));
                std::thread::spawn(move || load(&address, sender, round, &stop, &promised))
            })
            .collect();
        // The moment is what is random here: some acknowledgements into the round, and then some milliseconds.
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let before = promised.lock().unwrap().uploads.len();
        let more = 1 + (random >> 16) as usize % 6;
        wait_for("load", || (promised.lock().unwrap().uploads.len() >= before + more).then_some(()));
        std::thread::sleep(Duration::from_millis(u64::from(random >> 24) % 120));
        gate.kill();
        stop.store(true, Ordering::Relaxed);
        for sender in senders {
            sender.join().unwrap();
        }
        gate.restart();
    }
    let promised = std::mem::take(&mut *promised.lock().unwrap());
    let counts = (promised.uploads.len(), promised.votes.len(), promised.receipts.len());
    assert!(counts.0 >= 2 * KILLS && counts.1 > KILLS / 5 && counts.2 > KILLS / 5, "too little load: {counts:?}");
    for (reference, name, content) in &promised.uploads {
        check_upload(&gate, reference, name, content);
    }
    for (reference, person) in &promised.votes {
        let shown = gate.get("ana", &format!("/api/v1/transfers/{reference}"));
        let history = shown["history"].as_array().unwrap();
        let there = history.iter().any(|fact| fact["kind"] == "approved.v1" && fact["by"] == *person);
        assert!(there, "the vote of {person} on {reference} is lost: {shown}");
    }
    check_receipts(&mut gate, &promised.receipts);
}

/// Receipts from before the kills still speak of what is in the log, and all that is left is whole.
fn check_receipts(gate: &mut TestGate, receipts: &[(String, Vec<u8>)]) {
    let trust = gate.ready["trust_file"].as_str().unwrap().to_owned();
    for (reference, receipt) in receipts {
        let file = gate.file("old.receipt", receipt);
        let output = gate.lazaret(&["verify", file.to_str().unwrap(), "--trust", &trust]);
        assert!(output.status.success(), "{reference}: {}", String::from_utf8_lossy(&output.stdout));
    }
    assert_eq!(gate.terminate(), Some(0));
    let found = gate.fsck();
    assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stdout));
}

fn check_upload(gate: &TestGate, reference: &str, name: &str, content: &str) {
    let shown = wait_for("a decision", || {
        let shown = gate.get("ana", &format!("/api/v1/transfers/{reference}"));
        ["released", "held", "not_checked"].contains(&shown["state"].as_str().unwrap()).then_some(shown)
    });
    assert_eq!((shown["name"].as_str(), shown["bytes"].as_u64()), (Some(name), Some(content.len() as u64)));
    if shown["state"] != "released" {
        return;
    }
    let fetched = wait_for("the key to move", || {
        let answer = gate.request("ben", "GET", &format!("/api/v1/out/acme-in/{reference}")).send();
        (answer.status == 200).then_some(answer)
    });
    assert!(fetched.body == content.as_bytes(), "{reference} has other bytes");
}
