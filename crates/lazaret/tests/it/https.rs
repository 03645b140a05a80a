//! The HTTPS door: status codes, idempotency, versions, digests, names, and who may see what.

use lazaret_core::event::Event;
use lazaret_core::transfer::DeliveryFault;

use crate::gate::{TestGate, wait_for};

fn digest_line(bytes: &[u8]) -> String {
    use base64::Engine as _;
    let sum = crate::gate::command("sha256sum").arg("-").stdin(pipe(bytes)).output().unwrap();
    let hex = String::from_utf8(sum.stdout).unwrap();
    let raw: Vec<u8> = (0..32).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect();
    format!("Content-Digest: sha-256=:{}:", base64::engine::general_purpose::STANDARD.encode(raw))
}

/// These bytes as a program's standard input.
pub fn pipe(bytes: &[u8]) -> std::process::Stdio {
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    file.into()
}

fn count(gate: &TestGate) -> usize {
    gate.get("ana", "/api/v1/transfers?party=acme&limit=200")["items"].as_array().unwrap().len()
}

#[test]
fn a_repeat_makes_no_second_transfer_and_other_bytes_make_a_version() {
    let gate = TestGate::start();
    let before = count(&gate);
    let first = gate.put("acme", "acme-in/a.txt", b"one\n");
    let again = gate.put("acme", "acme-in/a.txt", b"one\n");
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(first.json()["id"], again.json()["id"]);
    let other = gate.put("acme", "acme-in/a.txt", b"two\n");
    assert_ne!(first.json()["id"], other.json()["id"]);
    assert_eq!(count(&gate), before + 2);
}

// EVIDENCE-OF: R-108
#[test]
fn an_idempotency_key_with_other_bytes_is_refused() {
    let gate = TestGate::start();
    let put = |name: &str, bytes: &[u8]| {
        let file = gate.file("body", bytes);
        let request = gate.request("acme", "PUT", &format!("/api/v1/in/acme-in/{name}"));
        request.header("Idempotency-Key: order-1").upload(&file).send()
    };
    let (first, same, other) = (put("a.txt", b"one"), put("b.txt", b"one"), put("a.txt", b"two"));
    assert_eq!((first.status, same.status), (201, 201), "{}", same.text());
    assert_eq!(first.json()["id"], same.json()["id"]);
    assert_eq!((other.status, other.json()["code"].as_str()), (409, Some("key-reused")));
}

#[test]
fn the_announced_digest_decides() {
    let gate = TestGate::start();
    let file = gate.file("body", b"content");
    let put = |line: &str| gate.request("acme", "PUT", "/api/v1/in/acme-in/d.txt").header(line).upload(&file).send();
    let wrong = put(&digest_line(b"other content"));
    assert_eq!((wrong.status, wrong.json()["code"].as_str()), (400, Some("digest-mismatch")), "{}", wrong.text());
    let right = put(&digest_line(b"content"));
    assert_eq!(right.status, 201, "{}", right.text());
    let journal = gate.get("acme", "/api/v1/receipts");
    assert!(journal["items"].as_array().unwrap().iter().all(|line| line["state"] != "not-received"), "{journal}");
}

#[test]
fn hostile_names_are_refused_alike() {
    let gate = TestGate::start();
    for name in
        ["../b", "a/../b", "%2e%2e", "%2e%2e/b", "a%00b", "a%5cb", "a%E2%80%AEb", "a.", "a%20", "%01", &"x".repeat(256)]
    {
        let file = gate.file("body", b"x");
        let answer = gate.request("acme", "PUT", &format!("/api/v1/in/acme-in/{name}")).upload(&file).send();
        assert_eq!(
            (answer.status, answer.json()["code"].as_str()),
            (400, Some("bad-name")),
            "{name}: {}",
            answer.text()
        );
    }
    let fine = gate.put("acme", "acme-in/%C3%A4rzte%20brief%201.txt", b"hello");
    assert_eq!(fine.json()["name"], "ärzte brief 1.txt");
}

// EVIDENCE-OF: R-418
#[test]
fn who_is_not_signed_in_gets_nothing_and_who_is_gets_their_own() {
    let gate = TestGate::start();
    let file = gate.file("body", b"x");
    let path = "/api/v1/in/acme-in/a.txt";
    let nobody = gate.request("", "PUT", path).upload(&file).send();
    assert_eq!((nobody.status, nobody.header("www-authenticate")), (401, "Bearer realm=\"lazaret\""));
    let forged = gate.request("", "PUT", path).header("Authorization: Bearer lzt_0000").upload(&file).send();
    assert_eq!((forged.status, forged.body), (401, nobody.body), "a wrong token looks like none");
    assert_eq!(gate.request("medlog", "PUT", path).upload(&file).send().status, 403);
    let sent = gate.put("acme", "acme-in/a.txt", b"mine");
    let reference = sent.json()["reference"].as_str().unwrap().to_owned();
    assert_eq!(gate.request("medlog", "GET", &format!("/api/v1/transfers/{reference}")).send().status, 404);
    assert_eq!(gate.request("acme", "GET", &format!("/api/v1/transfers/{reference}")).send().status, 200);
    assert_eq!(gate.request("okafor", "GET", &format!("/api/v1/out/acme-in/{reference}")).send().status, 404);
}

// EVIDENCE-OF: R-308
#[test]
fn a_body_that_breaks_off_becomes_no_transfer_and_the_journal_says_so() {
    let gate = TestGate::start();
    let before = count(&gate);
    let file = gate.file("body", &vec![7; 4 << 20]);
    let broken = gate.request("acme", "PUT", "/api/v1/in/acme-in/big.bin").upload(&file);
    let broken = broken.option(&["--limit-rate", "1M", "--max-time", "1"]).send();
    assert_eq!(broken.curl.1, Some(28), "the client gave up: {}", broken.text());
    let line = wait_for("the journal", || {
        let journal = gate.get("acme", "/api/v1/receipts");
        journal["items"].as_array().unwrap().iter().find(|line| line["state"] == "not-received").cloned()
    });
    assert_eq!((line["name"].as_str(), line["code"].as_str()), (Some("big.bin"), Some("unfinished")));
    assert_eq!(count(&gate), before);
}

#[test]
fn a_part_is_no_object_and_a_name_that_exists_can_be_kept() {
    let gate = TestGate::start();
    let file = gate.file("body", b"part");
    let put = |line: &str| gate.request("acme", "PUT", "/api/v1/in/acme-in/p.txt").header(line).upload(&file).send();
    assert_eq!(put("Content-Range: bytes 0-3/10").status, 400);
    assert_eq!(put("If-None-Match: *").status, 201);
    let exists = put("If-None-Match: *");
    assert_eq!((exists.status, exists.json()["code"].as_str()), (412, Some("name-exists")));
}

#[test]
fn an_operation_that_is_not_offered_is_answered_with_a_problem() {
    let gate = TestGate::start();
    for (method, path, status) in [("DELETE", "/api/v1/transfers", 405), ("GET", "/api/v1/nothing", 404)] {
        let answer = gate.request("ana", method, path).send();
        assert_eq!((answer.status, answer.header("content-type")), (status, "application/problem+json"), "{path}");
    }
}

#[test]
fn a_form_sends_each_of_its_files() {
    let gate = TestGate::start();
    let (one, two) = (gate.file("one.txt", b"1\n"), gate.file("two.txt", b"2\n"));
    let form = |path: &std::path::Path| format!("files=@{}", path.display());
    let answer =
        gate.request("acme", "POST", "/api/v1/in/acme-in").option(&["--form", &form(&one), "--form", &form(&two)]);
    let answer = answer.send();
    assert_eq!(answer.status, 201, "{}", answer.text());
    let names: Vec<String> =
        answer.json()["items"].as_array().unwrap().iter().map(|item| item["name"].to_string()).collect();
    assert_eq!(names, ["\"one.txt\"", "\"two.txt\""]);
}

#[test]
fn a_form_is_as_large_as_what_its_lane_takes() {
    let gate = TestGate::start();
    let content: Vec<u8> = (0..3_000_000_u32).map(|at| b'a' + (at % 23) as u8).collect();
    let large = gate.file("large.txt", &content);
    let form = gate.request("acme", "POST", "/api/v1/in/acme-in");
    let answer = form.option(&["--form", &format!("files=@{}", large.display())]).send();
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.json()["items"][0]["bytes"], 3_000_000);
}

#[test]
fn a_range_is_a_part_of_the_very_same_bytes_and_delivers_nothing_until_acknowledged() {
    let gate = TestGate::start();
    let content: Vec<u8> = (0..100_000_u32).map(|at| b'a' + (at % 23) as u8).collect();
    let sent = gate.put("acme", "acme-in/range.txt", &content);
    let reference = sent.json()["reference"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/out/acme-in/{reference}");
    let part = wait_for("the key to move", || {
        let answer = gate.request("ben", "GET", &path).header("Range: bytes=16000-33000").send();
        (answer.status == 206).then_some(answer)
    });
    assert_eq!(part.body, content[16_000..=33_000]);
    assert_eq!(part.header("content-range"), "bytes 16000-33000/100000");
    assert_eq!(gate.request("ben", "GET", &path).header("Range: bytes=100000-").send().status, 416);
    assert_eq!(gate.get("ana", &format!("/api/v1/transfers/{reference}"))["state"], "released");
    assert_eq!(gate.request("ben", "POST", &format!("{path}/acknowledge")).send().status, 200);
    assert_eq!(gate.get("ana", &format!("/api/v1/transfers/{reference}"))["state"], "delivered");
}

#[test]
fn lists_page_by_key_and_a_made_up_page_is_refused() {
    let gate = TestGate::start();
    for at in 0..5 {
        gate.put("acme", &format!("acme-in/{at}.txt"), format!("{at}").as_bytes());
    }
    let mut seen = Vec::new();
    let mut path = "/api/v1/transfers?party=acme&limit=2".to_owned();
    loop {
        let page = gate.get("ana", &path);
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["id"].to_string()));
        let Some(next) = page["next"].as_str() else { break };
        path = format!("/api/v1/transfers?party=acme&limit=2&after={next}");
    }
    let all = gate.get("ana", "/api/v1/transfers?party=acme&limit=200");
    let all: Vec<String> = all["items"].as_array().unwrap().iter().map(|item| item["id"].to_string()).collect();
    assert_eq!(seen, all);
    assert_eq!(gate.request("ana", "GET", "/api/v1/transfers?after=AAAA").send().status, 400);
    assert_eq!(gate.request("ana", "GET", "/api/v1/transfers?colour=red").send().status, 400);
}

fn attempts(gate: &TestGate, reference: &str) -> (usize, usize, usize) {
    let facts = gate.facts(reference);
    let count = |of: fn(&Event) -> bool| facts.iter().filter(|fact| of(fact)).count();
    let begun = count(|fact| matches!(fact, Event::DeliveryBegun(_)));
    let aborted = count(|fact| matches!(fact, Event::DeliveryAborted(_)));
    (begun, aborted, count(|fact| matches!(fact, Event::TransferDelivered(_))))
}

#[test]
fn an_object_is_delivered_once_its_recipient_was_given_every_byte_in_whatever_pieces() {
    let gate = TestGate::start();
    let content: Vec<u8> = (0..16_000_000_u32).map(|at| b'a' + (at % 23) as u8).collect();
    let reference = gate.put("acme", "acme-in/pieces.txt", &content).json()["reference"].as_str().unwrap().to_owned();
    let path = "/api/v1/out/acme-in/pieces.txt";
    let state = || gate.get("ana", &format!("/api/v1/transfers/{reference}"))["state"].clone();
    let fetch =
        |person: &str, range: &str| gate.request(person, "GET", path).header(&format!("Range: bytes={range}")).send();
    wait_for("the key to move", || (fetch("ben", "15000000-").status == 206).then_some(()));
    assert_eq!(fetch("priya", "0-14999999").status, 206);
    assert_eq!(state(), "released", "two people have one half each");
    // More than fits between a gate and a client that does not read. A connection that breaks off, and a client that goes on where it stood.
    let broken = gate.request("ben", "GET", path).option(&["--limit-rate", "100k", "--max-time", "2"]).send();
    assert_eq!(broken.curl.1, Some(28), "{:?}", broken.curl);
    assert_eq!(state(), "released", "the middle is missing");
    assert_eq!(fetch("ben", "1000-14999999").status, 206);
    assert_eq!(state(), "delivered");
    assert_eq!(attempts(&gate, &reference), (2, 0, 1), "one attempt for each person, however many requests");
}

#[test]
fn asking_about_an_object_is_no_attempt_to_collect_it() {
    let gate = TestGate::start();
    let reference = gate.put("acme", "acme-in/asked.txt", b"twelve infusion sets\n").json()["reference"].clone();
    let reference = reference.as_str().unwrap();
    let path = format!("/api/v1/out/acme-in/{reference}");
    let head = |person: &str| gate.request(person, "HEAD", &path).option(&["--head"]).send();
    let answer = head("ben");
    assert_eq!((answer.status, answer.header("content-length")), (200, "21"), "{}", answer.text());
    assert!(answer.body.is_empty() && !answer.header("repr-digest").is_empty());
    assert_eq!(head("okafor").status, 404, "not addressed");
    let beyond = gate.request("ben", "GET", &path).header("Range: bytes=21-").send();
    assert_eq!((beyond.status, beyond.header("content-range")), (416, "bytes */21"));
    assert_eq!(attempts(&gate, reference), (0, 0, 0));
    assert_eq!(gate.request("ana", "POST", "/api/v1/parties/acme/isolation").send().status, 200);
    assert_eq!(head("ben").status, 404, "taken back");
}

#[test]
fn a_collection_that_our_disk_ends_is_recorded_as_that() {
    let mut gate = TestGate::start();
    let content: Vec<u8> = (0..700_000_u32).map(|at| b'a' + (at % 23) as u8).collect();
    let reference = gate.put("acme", "acme-in/harmed.txt", &content).json()["reference"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/out/acme-in/{reference}");
    wait_for("the key to move", || {
        (gate.request("ben", "GET", &path).header("Range: bytes=0-0").send().status == 206).then_some(())
    });
    gate.harm_blob(300_000);
    assert_ne!(gate.request("ben", "GET", &path).send().curl.1, Some(0), "it breaks off");
    wait_for("the end of the attempt", || {
        let facts = gate.facts(&reference);
        let failed = |fact: &Event| matches!(fact, Event::DeliveryAborted(aborted) if aborted.fault == DeliveryFault::ReadFailed);
        facts.iter().any(failed).then_some(())
    });
    assert_eq!(attempts(&gate, &reference), (1, 1, 0));
}

#[test]
fn a_connection_that_asks_nothing_is_ended_whatever_it_speaks() {
    let gate = TestGate::start();
    let address = gate.https().strip_prefix("https://").unwrap();
    for protocol in ["h2", "http/1.1"] {
        let mut silent = crate::gate::command("openssl")
            .args(["s_client", "-quiet", "-alpn", protocol, "-connect", address])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        wait_for(protocol, || silent.try_wait().unwrap());
    }
}

#[test]
fn every_digest_that_counts_is_checked_and_two_that_differ_are_refused() {
    let gate = TestGate::start();
    let file = gate.file("body", b"hello");
    let put = |lines: &[&str]| {
        let request = gate.request("acme", "PUT", "/api/v1/in/acme-in/digest.txt").upload(&file);
        let answer = lines.iter().fold(request, |request, line| request.header(line)).send();
        (answer.status, answer.json()["code"].as_str().map(str::to_owned))
    };
    // Of "hello", and of nothing.
    let right = "sha-512=:m3HSJL1i83hdltRq0+o9czGb+8KJDKra4t/3JRlnPKcjI8PZm6XBHXx6zG4UuMXaDEZjR1wuXDre9G9zvN7AQw==:";
    let wrong = "sha-512=:z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==:";
    let hello = "sha-256=:LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=:";
    let nothing = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";
    let mismatch = Some("digest-mismatch".to_owned());
    assert_eq!(put(&[&format!("Repr-Digest: {wrong}")]).1, mismatch);
    assert_eq!(put(&[&format!("Content-Digest: {hello}"), &format!("Repr-Digest: {nothing}")]).1, mismatch);
    assert_eq!(put(&[&format!("Content-Digest: {hello}"), &format!("Repr-Digest: {hello}, {right}")]).0, 201);
}

#[test]
fn a_form_that_breaks_off_is_noted_like_any_other_upload() {
    let gate = TestGate::start();
    let big = gate.file("big.bin", &vec![7; 8 << 20]);
    let form = gate.request("acme", "POST", "/api/v1/in/acme-in").option(&["--form", &format!("f=@{}", big.display())]);
    let broken = form.option(&["--limit-rate", "1M", "--max-time", "1"]).send();
    assert_eq!(broken.curl.1, Some(28), "the client gave up: {}", broken.text());
    let line = wait_for("the journal", || {
        let journal = gate.get("acme", "/api/v1/receipts");
        journal["items"].as_array().unwrap().iter().find(|line| line["state"] == "not-received").cloned()
    });
    assert_eq!((line["name"].as_str(), line["code"].as_str()), (Some("big.bin"), Some("unfinished")));
}
