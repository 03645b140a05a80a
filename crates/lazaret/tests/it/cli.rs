//! The program as people and scripts use it: what they type, what they read, how it ends.

use std::path::PathBuf;
use std::process::Output;

use serde_json::Value;

use crate::gate::{TestGate, wait_for};

const FIRMWARE: &[u8] = b"#!/bin/sh\necho pump firmware 4.2.1\n";

/// An admission message with an invented patient.
const ADMISSION: &str = "samples/adt-a01.hl7";

/// What a call printed and how it ended.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    fn text(&self) -> String {
        format!("exit {}\n{}\n{}", self.code, self.out, self.err)
    }
}

fn said(output: &Output) -> Said {
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout.clone()).unwrap(),
        err: String::from_utf8(output.stderr.clone()).unwrap(),
    }
}

fn run(gate: &TestGate, args: &[&str]) -> Said {
    said(&gate.lazaret(args))
}

/// Runs a verb that must end in this way.
fn check(gate: &TestGate, args: &[&str], code: i32) -> Said {
    let said = run(gate, args);
    assert_eq!(said.code, code, "{args:?}: {}", said.text());
    said
}

fn text(path: &std::path::Path) -> &str {
    path.to_str().unwrap()
}

/// Sends a file with `--wait --json`; its line.
fn send(gate: &TestGate, file: &std::path::Path, how: &[&str], code: i32) -> Value {
    let args = [&["send", text(file), "--wait", "--json"], how].concat();
    check(gate, &args, code).json()
}

fn reference(line: &Value) -> String {
    line["reference"].as_str().unwrap().to_owned()
}

fn receipt(gate: &TestGate, line: &Value) -> PathBuf {
    gate.path(line["receipt_file"].as_str().unwrap())
}

fn held_firmware(gate: &TestGate) -> (PathBuf, String) {
    let file = gate.file("pump-fw-4.2.1.sh", FIRMWARE);
    let line = send(gate, &file, &["--as", "acme"], 8);
    (file, reference(&line))
}

fn approve(gate: &TestGate, reference: &str, person: &str, wait: &str, code: i32) -> Said {
    check(gate, &["transfers", "approve", reference, "--as", person, "--reason", "tested", wait], code)
}

// EVIDENCE-OF: R-315
#[test]
fn firmware_is_held_approved_by_two_released_fetched_and_proved() {
    let gate = TestGate::start();
    let file = gate.file("pump-fw-4.2.1.sh", FIRMWARE);
    let shown = check(&gate, &["send", text(&file), "--as", "acme", "--wait"], 8);
    for words in
        ["HELD by unsigned-code:", "To release:", "2 approvals (Biomed, Security)", "Who can:", "Ben Kim", "/t/LZ-"]
    {
        assert!(shown.out.contains(words), "{words}: {}", shown.text());
    }
    let reference = shown.out.split_whitespace().next().unwrap().to_owned();
    assert!(gate.path(&format!("{reference}.receipt")).exists());

    let explained = check(&gate, &["transfers", "explain", &reference, "--as", "ana", "--json"], 0).json();
    assert_eq!(explained["because"][0]["rule"], "unsigned-code");
    let supposed = check(&gate, &["transfers", "explain", &reference, "--what-if", "signer=7AC1"], 0);
    assert!(supposed.out.contains("would be RELEASED by permit-agreed"), "{}", supposed.text());
    let supposed = ["transfers", "explain", &reference, "--json=would_be", "--what-if"];
    let would_be = |change: &str| check(&gate, &[&supposed[..], &[change]].concat(), 0).json()["would_be"].clone();
    assert_eq!(
        (would_be("approvals=biomed,security"), would_be("approvals=biomed")),
        ("release".into(), "hold".into())
    );
    check(&gate, &[&supposed[..], &["weather=fine"]].concat(), 1);
    check(&gate, &["transfers", "fetch", &reference, "--as", "ben", "-o", "early"], 1);
    let held = approve(&gate, &reference, "ben", "--wait=1s", 8);
    assert!(
        held.out.contains("HELD") && held.out.contains("1 of 2"),
        "who waits hears that it is not decided: {}",
        held.text()
    );
    approve(&gate, &reference, "ben", "--wait", 1);
    let released = approve(&gate, &reference, "dan", "--wait", 0);
    assert!(released.out.contains("RELEASED"), "{}", released.text());

    check(&gate, &["transfers", "fetch", &reference, "--as", "claire", "-o", "other"], 1);
    assert!(!gate.path("other").exists(), "claire is not whom the lane names");
    let fetched = check(&gate, &["transfers", "fetch", &reference, "-o", "fetched.sh"], 0);
    assert!(fetched.err.contains("as ben"), "nobody was named: {}", fetched.text());
    assert_eq!(std::fs::read(gate.path("fetched.sh")).unwrap(), FIRMWARE);

    check(&gate, &["transfers", "receipt", &reference, "-o", "all.receipt"], 0);
    let proved = check(&gate, &["verify", "all.receipt", "--content", "fetched.sh", "--json"], 0).json();
    assert_eq!((proved["ok"].as_bool(), proved["content_matches"].as_bool()), (Some(true), Some(true)));
    assert_eq!(
        (proved["reference"].as_str(), proved["name"].as_str()),
        (Some(reference.as_str()), Some("pump-fw-4.2.1.sh"))
    );
    let kinds: Vec<&str> =
        proved["entries"].as_array().unwrap().iter().map(|row| row["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds.first(), Some(&"transfer_arrived.v1"));
    assert_eq!(kinds.iter().filter(|kind| **kind == "approved.v1").count(), 2);
    assert_eq!(kinds.last(), Some(&"transfer_delivered.v1"));
}

// EVIDENCE-OF: R-016
#[test]
fn a_receipt_is_verified_without_the_gate_and_a_changed_one_is_not() {
    let mut gate = TestGate::start();
    let file = gate.file("note.txt", b"twelve infusion sets\n");
    let line = send(&gate, &file, &["--as", "acme"], 0);
    let receipt = receipt(&gate, &line);
    gate.kill();
    std::fs::remove_file(gate.dir().join("ready.json")).unwrap();
    let proved = check(&gate, &["verify", text(&receipt), "--content", text(&file)], 0);
    assert!(proved.out.contains("verified") && proved.out.contains("matches"), "{}", proved.text());

    let other = gate.file("other.txt", b"twelve infusion sets!\n");
    let refused = check(&gate, &["verify", text(&receipt), "--content", text(&other), "--json"], 10).json();
    assert_eq!((refused["ok"].as_bool(), refused["content_matches"].as_bool()), (Some(false), Some(false)));
    let bytes = std::fs::read(&receipt).unwrap();
    for at in [30, bytes.len() / 3, bytes.len() / 2, bytes.len() - 10] {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        let changed = gate.file("changed.receipt", &changed);
        check(&gate, &["verify", text(&changed)], 10);
    }
    check(&gate, &["verify", text(&receipt), "--trust", "/nowhere/trust.txt"], 2);
    check(&gate, &["verify", "no.receipt"], 1);
}

#[test]
fn harmful_software_is_denied_and_several_files_end_as_the_worst_of_them() {
    let gate = TestGate::start();
    let (eicar, note) = (gate.dir().join("samples/eicar.txt"), gate.dir().join("samples/note.txt"));
    let fine = check(&gate, &["send", text(&note), "--as", "acme", "--wait"], 0);
    assert!(fine.out.contains("RELEASED"), "{}", fine.text());
    let denied = check(&gate, &["send", text(&note), text(&eicar), "--as", "acme", "--wait", "--json"], 9);
    let lines: Vec<Value> = denied.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let states: Vec<&str> = lines.iter().map(|line| line["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["released", "denied"], "one object a line, in order");
    assert_eq!((lines[0]["file"].as_str(), lines[1]["file"].as_str()), (Some(text(&note)), Some(text(&eicar))));
    assert_eq!(lines[1]["because"][0]["rule"], "no-malware");
    assert_eq!(lines[1]["would_release"], serde_json::json!([]), "nobody can release this");
    let firmware = gate.file("fw.sh", FIRMWARE);
    check(&gate, &["send", text(&firmware), text(&eicar), text(&note), "--as", "acme", "--wait"], 9);
    check(&gate, &["send", text(&firmware), text(&note), "--as", "acme", "--wait"], 8);
    let missing = check(&gate, &["send", "missing.bin", text(&eicar), "--as", "acme", "--wait"], 1);
    assert!(missing.err.contains("missing.bin") && missing.out.contains("eicar.txt"), "{}", missing.text());
    let refused = check(&gate, &["send", text(&note), "--lane", "lab-in", "--as", "acme", "--json"], 1).json();
    assert_eq!(refused["file"], text(&note), "the problem names the file");
}

// EVIDENCE-OF: R-401
#[test]
fn patient_data_goes_out_only_under_an_agreement() {
    let gate = TestGate::start();
    let message = gate.dir().join(ADMISSION);
    let held = send(&gate, &message, &["--as", "tom", "--to", "labco"], 8);
    assert_eq!(held["because"][0]["rule"], "phi-needs-baa");
    let covered = send(&gate, &message, &["--as", "tom", "--to", "imagingco"], 0);
    assert_eq!(covered["state"], "released");

    let agree = ["parties", "agree", "labco", "--kind", "baa", "--days", "365", "--as"];
    check(&gate, &[&agree[..], &["tom"]].concat(), 1);
    check(&gate, &[&agree[..], &["claire"]].concat(), 0);
    wait_for("the ruling on what is true now", || {
        let shown = check(&gate, &["transfers", "get", &reference(&held), "--json"], 0).json();
        (shown["state"] == "released").then_some(())
    });
    check(&gate, &["transfers", "fetch", &reference(&held), "--as", "labco", "-o", "got.hl7"], 0);
    assert_eq!(std::fs::read(gate.path("got.hl7")).unwrap(), std::fs::read(message).unwrap());
}

// EVIDENCE-OF: R-404
#[test]
fn one_person_isolates_a_party_at_once_and_two_others_lift_it() {
    let gate = TestGate::start();
    let note = gate.file("note.txt", b"twelve infusion sets\n");
    held_firmware(&gate);
    check(&gate, &["isolate", "acme", "--as", "ana"], 2);
    let unnamed = check(&gate, &["isolate", "acme", "--yes"], 2);
    assert!(unnamed.err.contains("in whose name"), "{}", unnamed.text());
    let plan = check(&gate, &["isolate", "acme", "--dry-run", "--json"], 0).json();
    assert_eq!((plan["isolated"].as_bool(), plan["open_transfers"].as_u64()), (Some(false), Some(1)));
    check(&gate, &["send", text(&note), "--as", "acme"], 0);
    check(&gate, &["isolate", "acme", "--yes", "--as", "priya"], 1);
    let done = check(&gate, &["isolate", "acme", "--yes", "--as", "ana", "--json"], 0).json();
    assert_eq!(done["isolated"], true);
    check(&gate, &["isolate", "acme", "--yes", "--as", "ana"], 0);
    check(&gate, &["send", text(&note), "--as", "acme"], 1);
    check(&gate, &["send", text(&note), "--as", "medlog"], 0);

    let request = check(&gate, &["parties", "lift", "acme", "--as", "claire", "--json"], 0).json();
    let request = request["id"].as_str().unwrap();
    let vote = |person: &str| run(&gate, &["requests", "approve", request, "--as", person, "--reason", "clean"]).code;
    assert_eq!(vote("claire"), 1, "whoever asks is not one of the two");
    assert_eq!(vote("ana"), 0);
    assert_eq!(vote("ana"), 1, "one person is one pair of eyes");
    check(&gate, &["send", text(&note), "--as", "acme"], 1);
    assert_eq!(vote("dan"), 0);
    check(&gate, &["send", text(&note), "--as", "acme"], 0);
    let open = check(&gate, &["requests", "list", "--json"], 0).json();
    let acts: Vec<&str> = open["items"].as_array().unwrap().iter().map(|row| row["act"].as_str().unwrap()).collect();
    assert_eq!(acts, ["release_transfer"], "the held firmware still waits");
    let waiting = open["items"][0]["id"].as_str().unwrap();
    check(&gate, &["requests", "approve", waiting, "--as", "ben", "--reason", "x"], 2);
}

// EVIDENCE-OF: R-413
#[test]
fn other_rules_are_tested_simulated_and_put_in_force_by_two_people() {
    let mut gate = TestGate::start();
    let note = gate.file("note.txt", b"twelve infusion sets\n");
    send(&gate, &note, &["--as", "acme"], 0);
    check(&gate, &["policy", "test"], 0);
    let baseline = lazaret_core::policy::BASELINE;
    let hollow = baseline.replace("when { resource.malware }", "when { resource.malware && !resource.malware }");
    let hollow = gate.file("hollow.cedar", hollow.as_bytes());
    check(&gate, &["policy", "test", text(&hollow)], 10);
    check(&gate, &["policy", "activate", text(&hollow), "--as", "ana"], 2);
    let ask = gate
        .request("ana", "POST", "/api/v1/policy/activations")
        .option(&["--data-binary", &format!("@{}", text(&hollow))]);
    assert_eq!(ask.send().status, 400, "nor does the gate take it");

    let stricter = format!(
        "{baseline}\n@id(\"no-text\")\n@reason(\"Text is read first.\")\n@fix(\"approval\")\n@control(\"T\")\n\
         @hold(\"approvals:2:security\")\nforbid(principal, action == Action::\"release\", resource)\n\
         when {{ !resource.is_code }} unless {{ context.approvals >= 2 }};\n"
    );
    let stricter = gate.file("stricter.cedar", stricter.as_bytes());
    let simulated = check(&gate, &["policy", "simulate", text(&stricter), "--json"], 0).json();
    assert_eq!(simulated["classes"], serde_json::json!([{"from": "release", "to": "hold", "count": 1}]));
    assert_eq!(simulated["changes"][0]["rules"], serde_json::json!(["no-text"]));
    send(&gate, &note, &["--as", "acme"], 0);

    check(&gate, &["policy", "activate", text(&stricter), "--as", "tom"], 1);
    let request = check(&gate, &["policy", "activate", text(&stricter), "--as", "ana", "--json"], 0).json();
    let request = request["id"].as_str().unwrap();
    let vote =
        |person: &str| run(&gate, &["requests", "approve", request, "--as", person, "--reason", "this week"]).code;
    assert_eq!((vote("ana"), vote("dan")), (1, 0), "whoever asks is not one of the two");
    send(&gate, &note, &["--as", "acme"], 0);
    assert_eq!(vote("claire"), 0);
    let held = send(&gate, &note, &["--as", "acme"], 8);
    assert_eq!(held["because"][0]["rule"], "no-text");
    let before = check(&gate, &["policy", "show", "--json"], 0).json();
    check(&gate, &["fsck"], 0);
    assert_eq!(gate.terminate(), Some(0));
    gate.restart();
    assert_eq!(
        check(&gate, &["policy", "show", "--json"], 0).json()["digest"],
        before["digest"],
        "and after a restart"
    );
}

#[test]
fn who_logged_in_is_known_until_they_log_out() {
    let gate = TestGate::start();
    let state = gate.path("state");
    // Where no demo has left a ready file.
    let elsewhere = gate.path("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let call = |args: &[&str]| {
        let mut client = crate::gate::command(env!("CARGO_BIN_EXE_lazaret"));
        client.args(args).env_remove("LAZARET_GATE").env("XDG_STATE_HOME", &state).current_dir(&elsewhere);
        said(&client.output().unwrap())
    };
    let ready = text(&gate.dir()).to_owned() + "/ready.json";
    assert_eq!(call(&["whoami"]).code, 3, "no gate is known");
    assert_eq!(call(&["login"]).code, 2);
    assert_eq!(call(&["login", "--gate", &ready, "--as", "acme"]).code, 0);
    let me = call(&["whoami", "--json"]).json();
    assert_eq!((me["party"].as_str(), me["roles"][0].as_str()), (Some("acme"), Some("sender")));
    let file = gate.file("note.txt", b"twelve infusion sets\n");
    assert_eq!(call(&["send", text(&file), "--wait"]).code, 0);
    assert_eq!(call(&["logout"]).code, 0);
    assert_eq!(call(&["whoami"]).code, 3);
}

// EVIDENCE-OF: R-419
#[test]
fn a_token_is_told_once_kept_as_a_digest_and_ends_when_it_is_revoked() {
    let gate = TestGate::start();
    let made = check(&gate, &["tokens", "make", "--days", "7", "--as", "acme", "-o", "new.token", "--json"], 0).json();
    assert_eq!(made["token"], Value::Null, "it is in the file");
    let token = std::fs::read_to_string(gate.path("new.token")).unwrap();
    check(&gate, &["tokens", "make", "--as", "acme", "-o", "new.token"], 1);
    let ca = text(&gate.dir()).to_owned() + "/ca.pem";
    let by = ["--server", gate.https(), "--token-file", "new.token", "--ca", &ca];
    let call = |args: &[&str], code| check(&gate, &[args, by.as_slice()].concat(), code);
    assert_eq!(call(&["whoami", "--json"], 0).json()["party"], "acme");
    let grown = call(&["tokens", "make", "--days", "300", "--json"], 0).json();
    assert_eq!(grown["until"], made["until"], "a token does not prolong itself");
    let listed = call(&["tokens", "list", "--json"], 0);
    assert!(!listed.out.contains(token.trim()), "{}", listed.text());

    let id = made["id"].as_str().unwrap();
    check(&gate, &["tokens", "revoke", id, "--as", "medlog"], 1);
    call(&["whoami"], 0);
    check(&gate, &["tokens", "revoke", id, "--as", "acme"], 0);
    call(&["whoami"], 4);
    for file in ["lazaret.db", "lazaret.db-wal", "keyring.db-wal"] {
        let bytes = std::fs::read(gate.dir().join(file)).unwrap();
        let there = bytes.windows(token.trim().len()).any(|window| window == token.trim().as_bytes());
        assert!(!there, "the token itself is in {file}");
    }
    let theirs = grown["id"].as_str().unwrap();
    check(&gate, &["tokens", "revoke", theirs, "--as", "ana"], 0);
    check(&gate, &["fsck"], 0);
}

// EVIDENCE-OF: R-315
#[test]
fn inspect_says_without_a_gate_what_the_station_finds() {
    let gate = TestGate::start();
    let dir = gate.dir();
    let sample = |name: &str| text(&dir.join("samples").join(name)).to_owned();
    let clean = check(&gate, &["inspect", &sample("note.txt"), "--json"], 0).json();
    assert_eq!((clean["schema"].as_str(), clean["verdict"].as_str()), (Some("lazaret.inspect/1"), Some("clean")));
    let message = check(&gate, &["inspect", &sample("adt-a01.hl7"), "--json"], 0).json();
    assert_eq!((message["kind"].as_str(), message["phi"]["present"].as_str()), (Some("hl7v2"), Some("yes")));
    let bad = check(&gate, &["inspect", &sample("note.txt"), &sample("eicar.txt"), "--json"], 9);
    assert_eq!(bad.out.lines().count(), 2, "one object a line");
    let unknown = gate.file("scan.png", b"\x89PNG\r\n\x1a\nno picture at all");
    check(&gate, &["inspect", text(&unknown)], 8);
    check(&gate, &["inspect", "missing.txt"], 1);
    check(&gate, &["inspect"], 2);
}

// EVIDENCE-OF: R-019
#[test]
fn with_its_own_token_alone_a_party_reads_no_rule_engine_or_name() {
    let gate = TestGate::start();
    let file = gate.file("fw.sh", FIRMWARE);
    let token = text(&gate.dir()).to_owned() + "/keys/acme.token";
    let ca = text(&gate.dir()).to_owned() + "/ca.pem";
    let own = ["--server", gate.https(), "--token-file", &token, "--ca", &ca];
    let shown = check(&gate, &[&["send", text(&file), "--wait"], own.as_slice()].concat(), 8);
    let line = check(&gate, &[&["send", text(&file), "--wait", "--json"], own.as_slice()].concat(), 8);
    assert_eq!(line.json()["state"], "held", "the stage that its word stands for");
    assert_eq!(line.json()["because"], serde_json::json!([]));
    for (said, place) in [(&shown.out, "shown"), (&shown.err, "said"), (&line.out, "printed")] {
        for word in ["unsigned-code", "boreal", "yara", "eicar", "Ben Kim", "Ana Ruiz"] {
            assert!(!said.contains(word), "{word} is {place}: {said}");
        }
    }
}

#[test]
fn json_is_what_was_promised() {
    let gate = TestGate::start();
    let (_, reference) = held_firmware(&gate);
    let list = check(&gate, &["transfers", "list", "--json"], 0).json();
    assert_eq!(list["items"][0]["reference"], reference.as_str());
    assert!(list.as_object().unwrap().contains_key("next"));
    let picked = check(&gate, &["transfers", "list", "--json=state,reference"], 0);
    assert!(picked.out.contains(&format!("{{\"state\":\"held\",\"reference\":\"{reference}\"}}")), "{}", picked.text());
    for verb in ["get", "explain"] {
        let one = check(&gate, &["transfers", verb, &reference, "--json"], 0).json();
        for key in ["reference", "id", "state", "because", "would_release", "who", "receipt_file"] {
            assert!(one.as_object().unwrap().contains_key(key), "{verb} lacks {key}");
        }
    }
    let unknown = check(&gate, &["transfers", "list", "--json=colour"], 2).json();
    assert!(unknown["fix"].as_str().unwrap().contains("reference, id, state"), "{unknown}");
    let missing = check(&gate, &["transfers", "get", "LZ-0ZJN-D0VP", "--json"], 1).json();
    assert_eq!((missing["status"].as_u64(), missing["code"].as_str()), (Some(404), Some("not-found")));
}

#[test]
fn each_way_of_failing_has_its_own_end() {
    let mut gate = TestGate::start();
    let file = gate.file("a.txt", b"a\n");
    let (dir, url) = (text(&gate.dir()).to_owned(), gate.https().to_owned());
    let bad = gate.dir().join("keys/bad.token");
    std::fs::copy(gate.dir().join("keys/acme.token"), &bad).unwrap();
    std::fs::write(&bad, "lzt_4fT0zKq8Wm2Xc6VbN1sHd9RyLpJe3GuA2rhMgi\n").unwrap();
    let ca = format!("{dir}/ca.pem");
    let unknown = ["--server", &url, "--token-file", text(&bad), "--ca", &ca];
    check(&gate, &[&["transfers", "list"], unknown.as_slice()].concat(), 4);
    check(&gate, &["send"], 2);
    check(&gate, &["send", text(&file)], 2);
    check(&gate, &["send", text(&file), "--as", "nobody"], 2);
    check(&gate, &["send", text(&file), "--as", "tom"], 2);
    check(&gate, &["no-such-verb"], 2);
    let stranger = TestGate::start();
    let theirs = stranger.dir().join("ca.pem");
    let token = format!("{dir}/keys/acme.token");
    let trusting = ["--server", &url, "--token-file", &token, "--ca", text(&theirs)];
    check(&gate, &[&["transfers", "list"], trusting.as_slice()].concat(), 3);
    gate.kill();
    let gone = check(&gate, &["send", text(&file), "--as", "acme", "--json"], 3).json();
    assert_eq!(gone["code"], "network");
    let said = check(&gate, &["send", text(&file), "--as", "acme"], 3);
    assert!(said.err.contains("Because:") && said.err.contains("Try:"), "{}", said.text());
}

// EVIDENCE-OF: R-108
#[test]
fn the_same_key_makes_one_transfer_and_a_new_key_another() {
    let gate = TestGate::start();
    let file = gate.file("a.txt", b"a\n");
    let send = |key: &[&str]| {
        reference(&check(&gate, &[&["send", text(&file), "--as", "acme", "--json"], key].concat(), 0).json())
    };
    let first = send(&["--key", "order-7"]);
    assert_eq!(send(&["--key", "order-7"]), first);
    assert_ne!(send(&[]), first);
    let other = gate.file("a.txt", b"b\n");
    check(&gate, &["send", text(&other), "--as", "acme", "--key", "order-7"], 1);
}

#[test]
fn a_name_goes_through_as_it_is() {
    let gate = TestGate::start();
    let file = gate.file("Prüf bericht #7 100%.txt", b"fine\n");
    let line = send(&gate, &file, &["--as", "acme"], 0);
    let shown = check(&gate, &["transfers", "get", &reference(&line), "--json"], 0).json();
    assert_eq!(shown["name"], "Prüf bericht #7 100%.txt");
    check(&gate, &["transfers", "fetch", &reference(&line), "--as", "ben", "-o", "got"], 0);
    let named = send(&gate, &file, &["--as", "acme", "--name", "2026/11/b.txt"], 0);
    let shown = check(&gate, &["transfers", "get", &reference(&named), "--json"], 0).json();
    assert_eq!(shown["name"], "2026/11/b.txt");
}

// EVIDENCE-OF: R-102
#[test]
fn what_was_released_a_moment_ago_is_busy_or_there_and_never_a_fault() {
    let gate = TestGate::start();
    let note = gate.file("note.txt", b"twelve infusion sets\n");
    for _ in 0..12 {
        let sent = reference(&check(&gate, &["send", text(&note), "--as", "acme", "--json"], 0).json());
        let path = format!("/api/v1/out/acme-in/{sent}");
        let mut seen = Vec::new();
        wait_for("the object", || {
            seen.push(gate.request("ben", "GET", &path).send().status);
            (seen.last() == Some(&200)).then_some(())
        });
        // Not released, or its key not yet moved: nothing else may be between.
        assert!(seen.iter().all(|status| matches!(status, 200 | 404 | 503)), "{seen:?}");
    }
}

#[test]
fn a_sender_takes_back_what_is_held_and_nobody_elses() {
    let gate = TestGate::start();
    let (_, reference) = held_firmware(&gate);
    check(&gate, &["transfers", "withdraw", &reference, "--as", "medlog"], 1);
    let withdrawn = check(&gate, &["transfers", "withdraw", &reference, "--as", "acme", "--json"], 0).json();
    assert_eq!(withdrawn["state"], "withdrawn");
    check(&gate, &["transfers", "approve", &reference, "--as", "ben", "--reason", "x"], 1);
}

#[test]
fn one_vote_against_denies() {
    let gate = TestGate::start();
    let (_, reference) = held_firmware(&gate);
    let denied = check(&gate, &["transfers", "deny", &reference, "--as", "dan", "--reason", "not ours", "--json"], 0);
    assert_eq!(denied.json()["state"], "denied");
}

#[test]
fn a_gate_that_wants_a_passkey_names_the_page_to_vote_on() {
    let gate = TestGate::start_with("[approvals]\nby_token = false\n", &[]);
    let (_, reference) = held_firmware(&gate);
    let refused = check(&gate, &["transfers", "approve", &reference, "--as", "ben", "--reason", "x"], 4);
    assert!(refused.err.contains(&format!("/t/{reference}")), "{}", refused.text());
    let state = check(&gate, &["transfers", "get", &reference, "--json=approvals"], 0).json();
    assert_eq!(state["approvals"]["counted"], 0);
}

#[test]
fn a_large_file_goes_through_whole_and_a_refusal_is_heard_before_its_end() {
    let gate = TestGate::start();
    let bytes: Vec<u8> = (0..24 << 20).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let file = gate.file("large.bin", &bytes);
    let line = check(&gate, &["send", text(&file), "--as", "acme", "--json"], 0).json();
    let shown = wait_for("the decision", || {
        let shown = check(&gate, &["transfers", "get", &reference(&line), "--json"], 0).json();
        (shown["state"] != "quarantined" && shown["state"] != "inspected").then_some(shown)
    });
    assert_eq!(shown["bytes"].as_u64(), Some(bytes.len() as u64));
    let refused = check(&gate, &["send", text(&file), "--as", "acme", "--lane", "lab-in", "--json"], 1).json();
    assert_eq!(refused["status"], 403, "{refused}");
}

// EVIDENCE-OF: R-103
// EVIDENCE-OF: R-106
// EVIDENCE-OF: R-105
#[test]
fn fsck_finds_nothing_beside_a_busy_gate_nor_after_a_crash() {
    let mut gate = TestGate::start();
    held_firmware(&gate);
    let note = gate.file("note.txt", b"twelve infusion sets\n");
    let busy = std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            (0..12).for_each(|_| drop(check(&gate, &["send", text(&note), "--as", "acme"], 0)));
        });
        let mut looked = Vec::new();
        while !sending.is_finished() {
            looked.push(run(&gate, &["fsck", "--json"]));
        }
        sending.join().unwrap();
        looked
    });
    for said in &busy {
        assert_eq!((said.code, said.json()["ok"].as_bool()), (0, Some(true)), "{}", said.text());
    }
    gate.kill();
    let dir = gate.dir();
    let after = check(&gate, &["fsck", "--dir", text(&dir), "--json"], 0).json();
    assert_eq!(after["violations"], serde_json::json!([]));
    assert_eq!(after["checked"]["objects"], 13, "{after}");
    assert_eq!(after["checked"]["registers"], 22);
    check(&gate, &["fsck", "--dir", "/nowhere"], 2);
}

fn edit(dir: &std::path::Path, sql: &str) {
    let changed = rusqlite::Connection::open(dir.join("lazaret.db")).unwrap().execute(sql, []).unwrap();
    assert!(changed > 0, "{sql}");
}

fn flip(path: &std::path::Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

/// The newest file below a directory.
fn newest(dir: PathBuf) -> PathBuf {
    let mut files = Vec::new();
    let mut left = vec![dir];
    while let Some(dir) = left.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { left.push(path) } else { files.push(path) }
        }
    }
    files.into_iter().max_by_key(|path| (path.metadata().unwrap().modified().unwrap(), path.clone())).unwrap()
}

/// A way to change what lies in a gate's directory.
type Tamper = Box<dyn Fn(&std::path::Path)>;

// EVIDENCE-OF: R-221
// EVIDENCE-OF: R-105
#[test]
fn fsck_finds_what_was_edited_deleted_or_lost() {
    let mut gate = TestGate::start();
    held_firmware(&gate);
    let note = gate.file("note.txt", b"twelve infusion sets\n");
    send(&gate, &note, &["--as", "acme"], 0);
    gate.kill();
    let sql = |text: &'static str| -> Tamper { Box::new(move |dir| edit(dir, text)) };
    let cases: Vec<(&str, Tamper)> = vec![
        ("registers", sql("UPDATE transfer SET stage = 5 WHERE stage = 2")),
        ("registers", sql("UPDATE party SET state = 2 WHERE state = 1")),
        ("registers", sql("UPDATE role_grant SET role = 1 WHERE role = 6")),
        (
            "entries",
            sql(
                "UPDATE entry SET bytes = CAST(substr(bytes, 1, 40) || x'00' || substr(bytes, 42) AS BLOB) WHERE idx = 30",
            ),
        ),
        ("entries", sql("UPDATE entry SET leaf = zeroblob(32) WHERE idx = 31")),
        ("entries", sql("UPDATE entry SET seq = seq + 7 WHERE idx = 32")),
        ("entries", sql("DELETE FROM entry WHERE idx = 33")),
        ("entries", sql("DELETE FROM entry WHERE idx = (SELECT MAX(idx) FROM entry)")),
        ("log", sql("DELETE FROM entry WHERE idx = (SELECT MAX(idx) FROM entry)")),
        ("policy", sql("UPDATE side_policy_text SET text = text || ' '")),
        ("objects", sql("UPDATE side_manifest SET sealed = (SELECT sealed FROM side_manifest ORDER BY rowid LIMIT 1)")),
        ("log", Box::new(|dir| flip(&newest(dir.join("log/tile/0"))))),
        ("log", Box::new(|dir| flip(&newest(dir.join("log/tile/entries"))))),
        ("log", Box::new(|dir| std::fs::remove_dir_all(dir.join("log/tile/entries")).unwrap())),
        ("log", Box::new(|dir| flip(&dir.join("log/checkpoint")))),
        ("log", Box::new(|dir| std::fs::remove_file(dir.join("log/checkpoint")).unwrap())),
        ("objects", Box::new(|dir| flip(&newest(dir.join("blobs/sealed"))))),
        ("objects", Box::new(|dir| std::fs::remove_file(newest(dir.join("blobs/sealed"))).unwrap())),
        ("keyring", Box::new(|dir| flip(&dir.join("root.key")))),
        ("log", Box::new(|dir| std::fs::remove_file(dir.join("checkpoints.db")).unwrap())),
    ];
    for (number, (part, tamper)) in cases.into_iter().enumerate() {
        let copy = gate.path(&format!("copy-{number}"));
        let copied = crate::gate::command("cp").arg("-r").arg(gate.dir()).arg(&copy).status().unwrap();
        assert!(copied.success());
        check(&gate, &["fsck", "--dir", text(&copy)], 0);
        tamper(&copy);
        let found = check(&gate, &["fsck", "--dir", text(&copy), "--json"], 10).json();
        assert_eq!(found["ok"], false);
        let parts: Vec<&str> =
            found["violations"].as_array().unwrap().iter().map(|row| row["part"].as_str().unwrap()).collect();
        assert!(parts.contains(&part), "case {number}: {found}");
    }
}
