//! The life of one transfer, end to end: READ after `crossing.rs`.

use lazaret_core::event::Event;
use lazaret_core::inspection::Why;
use serde_json::{Value, json};

use crate::gate::{Answer, TestGate, wait_for};

/// A Linux program's first bytes, enough to be known as one.
fn program(seed: u8) -> Vec<u8> {
    let mut bytes = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0".to_vec();
    bytes.resize(64, 0);
    bytes.extend_from_slice(&[seed; 200]);
    bytes
}

const ADMISSION: &str = "MSH|^~\\&|A|B|C|D|20261101093000||ADT^A01|M1|T|2.5\rPID|1||100200^^^H^MR||Muster^Maxima||19700101|F|||12 Sample Street^^Town\r";

fn vote(gate: &TestGate, person: &str, reference: &str, vote: &str) -> Answer {
    // As somebody sees it to whom everything is shown: who may vote is another question.
    let shown = gate.get("ana", &format!("/api/v1/transfers/{reference}"));
    let binding = shown["binding"].as_str().map_or_else(|| "0".repeat(64), str::to_owned);
    let ballot = json!({"vote": vote, "binding": binding, "reason": "looked at it"});
    let path = format!("/api/v1/transfers/{reference}/approvals");
    gate.request(person, "POST", &path).body(&ballot.to_string()).send()
}

fn state(gate: &TestGate, reference: &str) -> String {
    gate.get("ana", &format!("/api/v1/transfers/{reference}"))["state"].as_str().unwrap().to_owned()
}

fn await_state(gate: &TestGate, reference: &str, wanted: &str) {
    wait_for(wanted, || (state(gate, reference) == wanted).then_some(()));
}

fn reference(answer: &Answer) -> String {
    answer.json()["reference"].as_str().unwrap().to_owned()
}

fn rules(transfer: &Value) -> Vec<&str> {
    transfer["because"].as_array().unwrap().iter().map(|because| because["rule"].as_str().unwrap()).collect()
}

// EVIDENCE-OF: R-107
// EVIDENCE-OF: R-408
#[test]
fn a_clean_file_crosses_is_collected_and_is_what_was_sent() {
    let gate = TestGate::start();
    let sent = gate.put("acme", "acme-in/note.txt", b"twelve infusion sets\n");
    assert_eq!(sent.status, 201, "{}", sent.text());
    assert_eq!(sent.json()["state"], "accepted");
    let reference = reference(&sent);
    let fetched = wait_for("the key to move", || {
        let answer = gate.request("ben", "GET", &format!("/api/v1/out/acme-in/{reference}")).send();
        (answer.status == 200).then_some(answer)
    });
    assert_eq!(fetched.body, b"twelve infusion sets\n");
    assert_eq!(fetched.header("content-disposition"), "attachment; filename*=UTF-8''note.txt");
    await_state(&gate, &reference, "delivered");
}

// EVIDENCE-OF: R-111
#[test]
fn unsigned_software_waits_for_two_people_of_the_right_groups() {
    let gate = TestGate::start();
    let sent = gate.put("acme", "acme-in/pump.bin", &program(1));
    assert_eq!(sent.status, 202, "{}", sent.text());
    let reference = reference(&sent);
    let held = gate.get("ana", &format!("/api/v1/transfers/{reference}"));
    assert_eq!((held["state"].as_str(), rules(&held)), (Some("held"), vec!["unsigned-code"]));
    assert!(!held["who"].as_array().unwrap().is_empty() && !held["would_release"].as_array().unwrap().is_empty());

    assert_eq!(vote(&gate, "okafor", &reference, "approve").status, 403, "a clinician is no approver");
    assert_eq!(vote(&gate, "ben", &reference, "approve").status, 200);
    assert_eq!(vote(&gate, "ben", &reference, "approve").status, 409, "one person votes once");
    assert_eq!(vote(&gate, "mei", &reference, "approve").status, 200, "a second from the same group is welcome");
    assert_eq!(state(&gate, &reference), "held", "security has not voted");
    assert_eq!(vote(&gate, "dan", &reference, "approve").status, 200);
    await_state(&gate, &reference, "released");
}

#[test]
fn one_rejection_denies() {
    let gate = TestGate::start();
    let reference = reference(&gate.put("acme", "acme-in/pump.bin", &program(2)));
    assert_eq!(vote(&gate, "ana", &reference, "reject").status, 200);
    assert_eq!(state(&gate, &reference), "denied");
    assert_eq!(vote(&gate, "ben", &reference, "approve").status, 409);
}

// EVIDENCE-OF: R-012
#[test]
fn a_vote_for_something_else_than_is_true_now_is_stale() {
    let gate = TestGate::start();
    let reference = reference(&gate.put("acme", "acme-in/pump.bin", &program(3)));
    let ballot = json!({"vote": "approve", "binding": "0".repeat(64), "reason": ""});
    let path = format!("/api/v1/transfers/{reference}/approvals");
    let answer = gate.request("ben", "POST", &path).body(&ballot.to_string()).send();
    assert_eq!((answer.status, answer.json()["code"].as_str()), (409, Some("stale-approval")), "{}", answer.text());
}

// EVIDENCE-OF: R-401
#[test]
fn patient_data_goes_out_only_under_a_baa_and_at_once_when_there_is_one() {
    let gate = TestGate::start();
    let held = gate.put("tom", "lab-out/adt.hl7", ADMISSION.as_bytes());
    assert_eq!(held.status, 202, "{}", held.text());
    let shown = held.json();
    assert_eq!(rules(&shown), ["phi-needs-baa"]);
    assert_eq!(shown["would_release"], json!([[{"lever": "agreement"}]]));
    let held = reference(&held);

    let agreed = json!({"kind": "baa", "days": 365}).to_string();
    let path = "/api/v1/parties/labco/agreements";
    assert_eq!(gate.request("ben", "POST", path).body(&agreed).send().status, 403, "biomed signs no agreements");
    assert_eq!(gate.request("claire", "POST", path).body(&agreed).send().status, 200);
    await_state(&gate, &held, "released");

    let covered = gate.put("tom", "imaging-out/adt.hl7", ADMISSION.as_bytes());
    assert_eq!(covered.status, 201, "{}", covered.text());
}

// EVIDENCE-OF: R-019
// EVIDENCE-OF: R-403
#[test]
fn harmful_software_is_denied_and_the_sender_hears_no_engine() {
    let gate = TestGate::start();
    let sent = gate.request("acme", "PUT", "/api/v1/in/acme-in/eicar.txt").header("Prefer: wait=60");
    let sent = sent.upload(&gate.dir().join("samples/eicar.txt")).send();
    assert_eq!((sent.status, sent.json()["code"].as_str()), (422, Some("malware")), "{}", sent.text());
    let told = String::from_utf8(sent.body.clone()).unwrap().to_lowercase();
    for word in ["eicar.", "yara", "boreal", "no-malware", "rule"] {
        assert!(!told.contains(word) || word == "eicar.", "{word} in {told}");
    }
    let reference = reference(&sent);
    assert_eq!(vote(&gate, "ana", &reference, "approve").status, 409, "nobody can release this");
    let nothing = gate.request("ben", "GET", &format!("/api/v1/out/acme-in/{reference}")).send();
    assert_eq!(nothing.status, 404);
}

// EVIDENCE-OF: R-404
#[test]
fn isolating_a_party_stops_it_and_two_others_let_it_back_in() {
    let gate = TestGate::start();
    let held = reference(&gate.put("acme", "acme-in/pump.bin", &program(4)));
    let path = "/api/v1/parties/acme/isolation";
    assert_eq!(gate.request("priya", "POST", path).send().status, 403);
    assert_eq!(gate.request("ana", "POST", path).send().status, 200);
    let refused = gate.put("acme", "acme-in/note.txt", b"hello\n");
    assert_eq!((refused.status, refused.json()["code"].as_str()), (403, Some("lane-closed")), "{}", refused.text());
    for person in ["ben", "dan"] {
        assert_eq!(vote(&gate, person, &held, "approve").status, 200);
    }
    assert_eq!(vote(&gate, "mei", &held, "approve").status, 409, "nobody is asked any more");
    assert_eq!(state(&gate, &held), "held", "nothing of an isolated party moves");

    let asked = gate.request("claire", "POST", &format!("{path}/lift")).send();
    assert_eq!(asked.status, 200, "{}", asked.text());
    let request = asked.json();
    let ballot = json!({"vote": "approve", "binding": request["binding"], "reason": "cleaned"}).to_string();
    let path = format!("/api/v1/requests/{}/approvals", request["id"].as_str().unwrap());
    assert_eq!(gate.request("ana", "POST", &path).body(&ballot).send().status, 200);
    assert_eq!(gate.request("ana", "POST", &path).body(&ballot).send().status, 409);
    assert_eq!(gate.put("acme", "acme-in/note.txt", b"hello\n").status, 403, "one is not two");
    assert_eq!(gate.request("dan", "POST", &path).body(&ballot).send().status, 200);
    assert_eq!(gate.put("acme", "acme-in/note.txt", b"hello\n").status, 201);
    // The votes were on the firmware, and that is what it was.
    await_state(&gate, &held, "released");
}

#[test]
fn nobody_asks_for_what_cannot_be_granted_and_an_asker_takes_it_back() {
    let gate = TestGate::start();
    let path = "/api/v1/parties/acme/isolation";
    assert_eq!(gate.request("ana", "POST", path).send().status, 200);
    let lift = format!("{path}/lift");
    let refused = gate.request("ana", "POST", &lift).send();
    assert_eq!(refused.status, 409, "without ana there is one of security: {}", refused.text());
    let asked = gate.request("claire", "POST", &lift).send().json();
    assert_eq!(gate.request("mei", "POST", &lift).send().status, 409, "somebody has asked");
    let vote = |person: &str, vote: &str| {
        let ballot = json!({"vote": vote, "binding": asked["binding"], "reason": ""}).to_string();
        let path = format!("/api/v1/requests/{}/approvals", asked["id"].as_str().unwrap());
        gate.request(person, "POST", &path).body(&ballot).send().status
    };
    assert_eq!(vote("mei", "reject"), 403, "biomed has no say in it");
    assert_eq!(vote("claire", "approve"), 403, "nobody decides their own request");
    assert_eq!(vote("claire", "reject"), 200, "but takes it back");
    assert_eq!(gate.get("ana", "/api/v1/requests")["items"], json!([]));
    assert_eq!(vote("dan", "approve"), 409);
    assert_eq!(gate.request("mei", "POST", &lift).send().status, 200);
}

/// One request with this token.
fn by(gate: &TestGate, token: &str, method: &str, path: &str, body: &str) -> Answer {
    gate.request("", method, path).header(&format!("Authorization: Bearer {token}")).body(body).send()
}

// EVIDENCE-OF: R-111
#[test]
fn a_vote_by_a_credential_that_is_revoked_counts_no_longer() {
    let gate = TestGate::start();
    let reference = reference(&gate.put("acme", "acme-in/pump.bin", &program(5)));
    let made = by(&gate, gate.token("ben").trim(), "POST", "/api/v1/tokens", r#"{"days":1}"#).json();
    let binding = gate.get("ben", &format!("/api/v1/transfers/{reference}"))["binding"].clone();
    let ballot = json!({"vote": "approve", "binding": binding, "reason": "a thief"}).to_string();
    let path = format!("/api/v1/transfers/{reference}/approvals");
    let thief = made["token"].as_str().unwrap();
    assert_eq!(by(&gate, thief, "POST", &path, &ballot).status, 200);
    let stolen = format!("/api/v1/credentials/{}", made["id"].as_str().unwrap());
    assert_eq!(gate.request("ana", "DELETE", &stolen).send().status, 200);
    assert_eq!(vote(&gate, "dan", &reference, "approve").status, 200);
    let shown = gate.get("ana", &format!("/api/v1/transfers/{reference}"));
    assert_eq!((shown["state"].as_str(), &shown["approvals"]["counted"]), (Some("held"), &json!(1)));
    assert_eq!(vote(&gate, "ben", &reference, "approve").status, 200, "it was not ben who voted");
    await_state(&gate, &reference, "released");
}

// EVIDENCE-OF: R-419
#[test]
fn a_credential_of_any_kind_ends_and_takes_the_tokens_with_it_that_it_made() {
    let gate = TestGate::start();
    let listed = |person: &str, whose: &str| gate.request(person, "GET", &format!("/api/v1/credentials{whose}")).send();
    let kinds = |answer: &Answer| -> Vec<String> {
        let items = answer.json()["items"].as_array().unwrap().clone();
        items.iter().map(|item| item["kind"].as_str().unwrap().to_owned()).collect()
    };
    let own = listed("acme", "");
    assert_eq!(kinds(&own), ["token", "ssh_key"]);
    assert_eq!(listed("acme", "?of=medlog").status, 403);
    assert_eq!(listed("acme", "?of=nobody").status, 403, "who else there is is not told");
    assert_eq!(listed("ben", "?of=acme").status, 403);
    assert_eq!(listed("dan", "?of=nobody").status, 404);
    assert_eq!(listed("dan", "?off=acme").status, 400);
    assert_eq!(kinds(&listed("dan", "?of=acme")), kinds(&own));

    let key = own.json()["items"][1]["id"].as_str().unwrap().to_owned();
    let end =
        |person: &str, id: &str| gate.request(person, "DELETE", &format!("/api/v1/credentials/{id}")).send().status;
    assert_eq!((end("medlog", &key), end("ben", &key)), (404, 404));
    assert_eq!(gate.request("dan", "DELETE", &format!("/api/v1/tokens/{key}")).send().status, 404, "it is no token");
    assert_eq!(end("dan", &key), 200);
    assert_eq!(kinds(&listed("acme", "")), ["token"]);

    let make = |token: &str| by(&gate, token, "POST", "/api/v1/tokens", r#"{"days":1}"#).json();
    let works = |made: &Value| by(&gate, made["token"].as_str().unwrap(), "GET", "/api/v1/whoami", "").status;
    let first = make(gate.token("acme").trim());
    let second = make(first["token"].as_str().unwrap());
    let third = make(second["token"].as_str().unwrap());
    assert_eq!((works(&first), works(&second), works(&third)), (200, 200, 200));
    assert_eq!(end("acme", first["id"].as_str().unwrap()), 200);
    assert_eq!((works(&first), works(&second), works(&third)), (401, 401, 401));
    assert_eq!(listed("acme", "").status, 200, "what made the first one goes on");
}

#[test]
fn a_party_that_nobody_vetted_sends_and_nothing_of_it_is_released() {
    let gate = TestGate::start();
    let sent = gate.put("freightco", "freight-in/list.txt", b"one pallet\n");
    assert_eq!((sent.status, sent.json()["state"].as_str()), (202, Some("reviewing")), "{}", sent.text());
    let shown = gate.get("ana", &format!("/api/v1/transfers/{}", reference(&sent)));
    assert_eq!(rules(&shown), ["vetted"]);
}

#[test]
fn what_is_released_and_would_not_be_by_other_rules_is_taken_back_and_ruled_again() {
    let gate = TestGate::start();
    let sent = gate.put("acme", "acme-in/note.txt", b"twelve infusion sets\n");
    assert_eq!(sent.json()["state"], "accepted", "{}", sent.text());
    let sent = reference(&sent);
    let stricter = format!(
        "{}\n@id(\"no-text\")\n@reason(\"Text is read first.\")\n@fix(\"approval\")\n@control(\"T\")\n\
         @hold(\"approvals:2:security\")\nforbid(principal, action == Action::\"release\", resource)\n\
         when {{ !resource.is_code }} unless {{ context.approvals >= 2 }};\n",
        lazaret_core::policy::BASELINE
    );
    let file = gate.file("stricter.cedar", stricter.as_bytes());
    let asked = gate
        .request("ana", "POST", "/api/v1/policy/activations")
        .option(&["--data-binary", &format!("@{}", file.display())])
        .send();
    assert_eq!(asked.status, 200, "{}", asked.text());
    let request = asked.json();
    let ballot = json!({"vote": "approve", "binding": request["binding"], "reason": "this week"}).to_string();
    let path = format!("/api/v1/requests/{}/approvals", request["id"].as_str().unwrap());
    for person in ["dan", "claire"] {
        assert_eq!(gate.request(person, "POST", &path).body(&ballot).send().status, 200);
    }
    await_state(&gate, &sent, "held");
    wait_for("a new ruling", || {
        let shown = gate.get("ana", &format!("/api/v1/transfers/{sent}"));
        (rules(&shown) == ["no-text"]).then_some(())
    });
    for person in ["dan", "ana"] {
        assert_eq!(vote(&gate, person, &sent, "approve").status, 200);
    }
    await_state(&gate, &sent, "released");
}

#[test]
fn an_object_that_cannot_be_read_back_is_not_checked_and_keeps_nothing_else_from_crossing() {
    let mut gate = TestGate::start();
    let harmed = reference(&gate.put("acme", "acme-in/pump.bin", &program(5)));
    await_state(&gate, &harmed, "held");
    gate.harm_blob(100);
    let again = gate.request("ana", "POST", &format!("/api/v1/transfers/{harmed}/inspection")).send();
    assert!(again.status < 300, "{}", again.text());
    await_state(&gate, &harmed, "not_checked");
    let unreadable = gate.facts(&harmed).iter().rev().any(|fact| {
        matches!(fact, Event::TransferInspected(found)
            if found.verdicts.iter().all(|row| row.why == Some(Why::ObjectUnreadable)))
    });
    assert!(unreadable, "the entry says why");
    let whole = gate.put("acme", "acme-in/note.txt", b"hello\n");
    assert_eq!((whole.status, whole.json()["state"].as_str()), (201, Some("accepted")), "{}", whole.text());
}
