//! What is given: `/out` and `/receipts`.

use lazaret_formats::sftp::Request;

use super::raw::*;
use super::{await_state, content, ok, said, sha256};
use crate::gate::{TestGate, wait_for};

/// Puts something and waits until it can be collected.
fn released(gate: &TestGate, path: &str, bytes: &[u8]) {
    let mut raw = Raw::connect(gate, "acme");
    raw.put(path, bytes);
    raw.end();
    await_state(gate, "acme", path, "accepted");
}

fn today(gate: &TestGate) -> String {
    gate.transfers("acme")[0]["received"].as_str().unwrap()[..10].to_owned()
}

// EVIDENCE-OF: R-107
// EVIDENCE-OF: R-408
#[test]
fn what_was_released_is_collected_by_its_recipients_and_then_delivered() {
    let gate = TestGate::start();
    let bytes = content(1_500_000);
    released(&gate, "report.pdf.txt", &bytes);
    let mut ben = Raw::connect(&gate, "ben");
    assert_eq!(ben.names("/out"), ["acme-in"]);
    assert_eq!(ben.names("/out/acme-in"), ["report.pdf.txt"]);
    assert_eq!(ben.size("/out/acme-in/report.pdf.txt"), Some(1_500_000));
    let line = ben.list("/out/acme-in")[0].1.clone();
    assert!(line.starts_with("-r--------"), "{line}");
    // Half of it is not delivered.
    let handle = ben.open("/out/acme-in/report.pdf.txt", READ);
    let half = ben.call(Request::Read { handle: &handle, offset: 0, bytes: 200_000 });
    assert_eq!(half, Reply::Data(bytes[..200_000].to_vec()));
    assert_eq!(ben.close(&handle), OK);
    assert_eq!(gate.named("acme", "report.pdf.txt")[0]["state"], "accepted");
    // All of it is, in any order and by two handles.
    let handle = ben.open("/out/acme-in/report.pdf.txt", READ);
    for offset in (2..15_u64).rev().map(|piece| piece * 100_000) {
        let read = ben.call(Request::Read { handle: &handle, offset, bytes: 100_000 });
        let from = usize::try_from(offset).unwrap();
        assert_eq!(read, Reply::Data(bytes[from..from + 100_000].to_vec()), "{offset}");
    }
    assert_eq!(ben.call(Request::Read { handle: &handle, offset: 1_500_000, bytes: 1 }).status(), EOF);
    assert_eq!(ben.close(&handle), OK);
    assert_eq!(gate.named("acme", "report.pdf.txt")[0]["state"], "delivered");
    // Nobody else sees it; nothing is put there.
    let mut claire = Raw::connect(&gate, "claire");
    assert_eq!(claire.names("/out"), Vec::<String>::new());
    assert_eq!(claire.try_open("/out/acme-in/report.pdf.txt", READ).unwrap_err().0, NO_SUCH_FILE);
    assert_eq!(ben.try_open("/out/acme-in/x", TRUNCATE).unwrap_err().0, PERMISSION_DENIED);
    assert_eq!(ben.rename("/out/acme-in/report.pdf.txt", "/out/acme-in/y").status(), PERMISSION_DENIED);
    // Still there for another recipient, until they remove it.
    assert_eq!(ben.remove("/out/acme-in/report.pdf.txt").status(), OK);
    assert_eq!(ben.names("/out/acme-in"), Vec::<String>::new());
    let mut priya = Raw::connect(&gate, "priya");
    assert_eq!(priya.get("/out/acme-in/report.pdf.txt"), bytes);
}

#[test]
fn removing_what_waits_acknowledges_it() {
    let gate = TestGate::start();
    released(&gate, "a.txt", b"a");
    let mut ben = Raw::connect(&gate, "ben");
    assert_eq!(ben.remove("/out/acme-in/a.txt").status(), OK);
    assert_eq!(ben.size("/out/acme-in/a.txt"), None);
    assert_eq!(gate.named("acme", "a.txt")[0]["state"], "delivered");
}

#[test]
fn two_objects_of_one_name_are_both_there() {
    let gate = TestGate::start();
    released(&gate, "a.txt", b"older");
    let older = gate.named("acme", "a.txt")[0]["reference"].as_str().unwrap().to_owned();
    released(&gate, "a.txt", b"newer");
    let mut ben = Raw::connect(&gate, "ben");
    let mut names = ben.names("/out/acme-in");
    names.sort();
    assert_eq!(names, ["a.txt".to_owned(), format!("a.txt.{older}")]);
    assert_eq!(ben.get("/out/acme-in/a.txt"), b"newer");
    assert_eq!(ben.get(&format!("/out/acme-in/{older}")), b"older");
}

#[test]
fn outbound_objects_go_to_the_party_of_the_lane() {
    let gate = TestGate::start();
    let file = gate.file("letter.txt", b"to acme");
    let sent =
        gate.request("tom", "PUT", "/api/v1/in/acme-out/letter.txt").header("Prefer: wait=60").upload(&file).send();
    assert_eq!(sent.status, 201, "{}", sent.text());
    let mut acme = Raw::connect(&gate, "acme");
    assert_eq!(acme.names("/out/acme-out"), ["letter.txt"]);
    assert_eq!(acme.get("/out/acme-out/letter.txt"), b"to acme");
    // It is not acme's own: no receipt of it, no line.
    let day = sent.json()["received"].as_str().unwrap()[..10].to_owned();
    wait_for("the journal is settled", || Some(acme.get(&format!("/receipts/{day}/journal.jsonl"))));
    assert_eq!(acme.names(&format!("/receipts/{day}")), ["journal.jsonl"]);
}

#[test]
fn isolation_stops_a_collection_under_way() {
    let gate = TestGate::start();
    released(&gate, "a.bin", &content(3_000_000));
    let mut ben = Raw::connect(&gate, "ben");
    let handle = ben.open("/out/acme-in/a.bin", READ);
    let read = |ben: &mut Raw, offset| ben.call(Request::Read { handle: &handle, offset, bytes: 1_000 });
    assert!(matches!(read(&mut ben, 0), Reply::Data(_)));
    assert_eq!(gate.request("ana", "POST", "/api/v1/parties/acme/isolation").send().status, 200);
    // Ben's session is the hospital's and stays; of acme's object no byte comes any more, read ahead or not.
    assert_eq!(read(&mut ben, 1_000).status(), PERMISSION_DENIED);
    assert_eq!(read(&mut ben, 2_000_000).status(), PERMISSION_DENIED);
    assert!(ben.try_open("/out/acme-in/a.bin", READ).is_err());
}

#[test]
fn a_journal_only_grows_and_tells_every_state() {
    let gate = TestGate::start();
    released(&gate, "a.csv", b"one");
    let day = today(&gate);
    let path = format!("/receipts/{day}/journal.jsonl");
    let mut acme = Raw::connect(&gate, "acme");
    let lines = |bytes: &[u8]| -> Vec<serde_json::Value> {
        bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    };
    let first = wait_for("two lines", || Some(acme.get(&path)).filter(|bytes| lines(bytes).len() >= 2));
    let states: Vec<String> = lines(&first).iter().map(|line| line["state"].as_str().unwrap().to_owned()).collect();
    assert_eq!(states, ["checking", "accepted"]);
    assert_eq!(lines(&first)[0]["sha256"], sha256(b"one"));
    assert_eq!(acme.size(&path), Some(first.len() as u64));
    // A repeat makes no line; an upload that fails and a refusal do.
    acme.put("a.csv", b"one");
    let handle = acme.open("lost.csv", TRUNCATE);
    assert_eq!(acme.write(&handle, 5, b"hole"), OK);
    assert_eq!(acme.close(&handle), FAILURE);
    let eicar = std::fs::read(gate.dir().join("samples/eicar.txt")).unwrap();
    acme.put("bad.txt", &eicar);
    acme.end();
    await_state(&gate, "acme", "bad.txt", "refused");
    let mut acme = Raw::connect(&gate, "acme");
    let second = wait_for("five lines", || Some(acme.get(&path)).filter(|bytes| lines(bytes).len() >= 5));
    assert!(second.starts_with(&first), "what was written down is never written otherwise");
    let told: Vec<_> = lines(&second)[2..].iter().map(|line| (line["name"].clone(), line["state"].clone())).collect();
    assert_eq!(
        told,
        [
            ("lost.csv".into(), "not-received".into()),
            ("bad.txt".into(), "checking".into()),
            ("bad.txt".into(), "refused".into())
        ]
    );
    assert_eq!(lines(&second)[2]["reference"], serde_json::Value::Null);
    assert_eq!(lines(&second)[4]["code"], "malware");
    // OpenSSH polls it with one reget.
    let polled = gate.file("journal", &first);
    ok(&gate.sftp("acme", &format!("reget {path} {}\n", polled.display())));
    assert_eq!(std::fs::read(polled).unwrap(), second);
}

// EVIDENCE-OF: R-019
#[test]
fn a_receipt_lies_beside_what_it_is_about_and_is_verified_offline() {
    let gate = TestGate::start();
    let eicar = std::fs::read(gate.dir().join("samples/eicar.txt")).unwrap();
    let mut acme = Raw::connect(&gate, "acme");
    acme.put("bad.txt", &eicar);
    acme.end();
    let reference = await_state(&gate, "acme", "bad.txt", "refused")["reference"].as_str().unwrap().to_owned();
    let folder = format!("/receipts/{}", today(&gate));
    let mut acme = Raw::connect(&gate, "acme");
    let base = format!("bad.txt.{reference}");
    wait_for("the receipt is signed", || acme.names(&folder).contains(&format!("{base}.receipt")).then_some(()));
    let text = String::from_utf8(acme.get(&format!("{folder}/{base}.txt"))).unwrap();
    assert_eq!(
        text,
        format!(
            "bad.txt {reference}: refused\nHarmful software was found.\nCheck the computer that made this file; send a clean copy.\n"
        )
    );
    let json: serde_json::Value = serde_json::from_slice(&acme.get(&format!("{folder}/{base}.json"))).unwrap();
    assert_eq!((json["state"].as_str(), json["code"].as_str()), (Some("refused"), Some("malware")));
    // Listed lengths are true, however the log grows meanwhile.
    for (name, _) in acme.list(&folder) {
        let path = format!("{folder}/{name}");
        let size = acme.size(&path).unwrap();
        assert_eq!(acme.get(&path).len() as u64, size, "{name}");
    }
    let receipt = acme.get(&format!("{folder}/{base}.receipt"));
    assert!(receipt.starts_with(b"c2sp.org/tlog-proof@v1"), "{}", String::from_utf8_lossy(&receipt));
    // Another party finds nothing by the same name, and nothing can be put or renamed there.
    let mut medlog = Raw::connect(&gate, "medlog");
    assert_eq!(medlog.stat(&format!("{folder}/{base}.json")).status(), NO_SUCH_FILE);
    assert_eq!(acme.try_open(&format!("{folder}/x"), TRUNCATE).unwrap_err().0, PERMISSION_DENIED);
    // REMOVE hides.
    assert_eq!(acme.remove(&format!("{folder}/{base}.txt")).status(), OK);
    assert_eq!(acme.size(&format!("{folder}/{base}.txt")), None);
    assert!(!acme.names(&folder).contains(&format!("{base}.txt")));
    for nowhere in ["/receipts/2026-02-30", "/receipts/1999-01-01", "/receipts/../receipts/x"] {
        assert_eq!(acme.stat(nowhere).status(), NO_SUCH_FILE, "{nowhere}");
    }
}

#[test]
fn a_client_that_asks_for_everything_before_it_reads_gets_everything() {
    let gate = TestGate::start();
    let bytes = content(24 << 20);
    released(&gate, "big.bin", &bytes);
    let mut ben = Raw::connect(&gate, "ben");
    let handle = ben.open("/out/acme-in/big.bin", READ);
    let asked: Vec<u32> = (0..bytes.len().div_ceil(32_768))
        .map(|piece| ben.ask(Request::Read { handle: &handle, offset: piece as u64 * 32_768, bytes: 32_768 }))
        .collect();
    let mut got = Vec::new();
    for id in asked {
        let (answered, reply) = ben.receive();
        assert_eq!(answered, id);
        let Reply::Data(data) = reply else { panic!("{reply:?}") };
        got.extend(data);
    }
    assert!(got == bytes);
    assert_eq!(ben.close(&handle), OK);
    assert_eq!(gate.named("acme", "big.bin")[0]["state"], "delivered");
    let output = gate.sftp("priya", "get /out/acme-in/big.bin fetched\n");
    ok(&output);
    assert!(std::fs::read(gate.path("fetched")).unwrap() == bytes, "{}", said(&output));
}
