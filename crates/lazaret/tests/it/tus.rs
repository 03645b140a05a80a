//! The tus door: resumable uploads, with hand-made requests and with a real client.

use crate::gate::{Answer, TestGate, command};

pub fn metadata(name: &str) -> String {
    use base64::Engine as _;
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    format!("Upload-Metadata: filename {},lane {}", encode(name), encode("acme-in"))
}

fn create(gate: &TestGate, name: &str, lines: &[&str]) -> Answer {
    let mut request = gate.request("acme", "POST", "/api/v1/uploads").header("Tus-Resumable: 1.0.0");
    for line in lines {
        request = request.header(line);
    }
    request.header(&metadata(name)).header("Content-Length: 0").send()
}

fn patch(gate: &TestGate, location: &str, offset: u64, bytes: &[u8], more: &[&str]) -> Answer {
    let file = gate.file("chunk", bytes);
    let mut request = gate.request("", "PATCH", location).header("Tus-Resumable: 1.0.0");
    for line in more {
        request = request.header(line);
    }
    request
        .header("Content-Type: application/offset+octet-stream")
        .header(&format!("Upload-Offset: {offset}"))
        .option(&["--data-binary", &format!("@{}", file.display())])
        .send()
}

fn head(gate: &TestGate, location: &str) -> Answer {
    gate.request("", "HEAD", location).header("Tus-Resumable: 1.0.0").option(&["--head"]).send()
}

#[test]
fn an_upload_goes_on_after_the_server_was_killed() {
    let mut gate = TestGate::start();
    let made = create(&gate, "big.bin", &["Upload-Length: 100000"]);
    assert_eq!(made.status, 201, "{}", made.text());
    let content: Vec<u8> = (0..100_000_u32).map(|at| (at % 251) as u8).collect();
    let path = |gate: &TestGate| {
        let location = made.header("location");
        format!("{}{}", gate.https(), &location[location.find("/api").unwrap()..])
    };
    let first = patch(&gate, &path(&gate), 0, &content[..40_000], &[]);
    assert_eq!((first.status, first.header("upload-offset")), (204, "40000"), "{}", first.text());
    gate.kill();
    gate.restart();
    let there = head(&gate, &path(&gate));
    assert_eq!((there.status, there.header("upload-offset")), (200, "40000"), "{}", there.text());
    assert_eq!(patch(&gate, &path(&gate), 0, &content[..10], &[]).status, 409);
    let last = patch(&gate, &path(&gate), 40_000, &content[40_000..], &[]);
    assert_eq!((last.status, last.header("upload-offset")), (204, "100000"), "{}", last.text());
    let transfer = last.header("lazaret-transfer").to_owned();
    assert!(last.header("repr-digest").starts_with("sha-256=:"));
    let shown = gate.get("acme", &format!("/api/v1/transfers/{transfer}"));
    assert_eq!((shown["bytes"].as_u64(), shown["name"].as_str()), (Some(100_000), Some("big.bin")));
    let again = head(&gate, &path(&gate));
    assert_eq!((again.header("upload-offset"), again.header("lazaret-transfer")), ("100000", transfer.as_str()));
    let withdrawn = gate.request("", "DELETE", &path(&gate)).header("Tus-Resumable: 1.0.0").send();
    assert_eq!(withdrawn.status, 403, "what has arrived is withdrawn, not deleted");
}

#[test]
fn a_chunk_whose_checksum_differs_is_dropped() {
    let gate = TestGate::start();
    let made = create(&gate, "sum.txt", &["Upload-Length: 10"]);
    let location = made.header("location").to_owned();
    // SHA-1 of "hello".
    let sum = "Upload-Checksum: sha1 qvTGHdzF6KLavt4PO0gs2a6pQ00=";
    assert_eq!(patch(&gate, &location, 0, b"hellx", &[sum]).status, 460);
    assert_eq!(head(&gate, &location).header("upload-offset"), "0");
    assert_eq!(patch(&gate, &location, 0, b"hello", &[sum]).status, 204);
    assert_eq!(patch(&gate, &location, 5, b"world", &["Upload-Checksum: md5 AAAA"]).status, 400);
    assert_eq!(patch(&gate, &location, 5, b"worlds", &[]).status, 413);
    let last = patch(&gate, &location, 5, b"world", &[]);
    assert_eq!(last.header("upload-offset"), "10", "{}", last.text());
}

#[test]
fn an_upload_can_be_ended_and_is_gone_then() {
    let gate = TestGate::start();
    let made = create(&gate, "gone.txt", &["Upload-Defer-Length: 1"]);
    let location = made.header("location").to_owned();
    assert_eq!(head(&gate, &location).header("upload-defer-length"), "1");
    let end = |version: &str| gate.request("", "DELETE", &location).header(version).send().status;
    assert_eq!(end("X-Nothing: 1"), 412, "without the version nothing is done");
    assert_eq!(end("Tus-Resumable: 1.0.0"), 204);
    assert_eq!(head(&gate, &location).status, 410);
    let unknown = location.replace(location.rsplit('/').next().unwrap(), "0000");
    assert_eq!(head(&gate, &unknown).status, 404);
}

#[test]
fn who_may_not_send_makes_no_upload_and_options_need_no_sign_in() {
    let gate = TestGate::start();
    let options = gate.request("", "OPTIONS", "/api/v1/uploads").send();
    assert_eq!((options.status, options.header("tus-version")), (204, "1.0.0"));
    let post = |name: &str| {
        let request = gate.request(name, "POST", "/api/v1/uploads").header("Tus-Resumable: 1.0.0");
        request.header("Upload-Length: 5").header(&metadata("x.txt")).header("Content-Length: 0").send().status
    };
    assert_eq!((post(""), post("medlog"), post("acme")), (401, 403, 201));
    let plain = create(&gate, "../x", &["Upload-Length: 5"]);
    assert_eq!(plain.status, 400, "{}", plain.text());
}

// EVIDENCE-OF: R-118
#[test]
fn isolation_stops_an_upload_that_is_under_way() {
    let gate = TestGate::start();
    let made = create(&gate, "under-way.bin", &["Upload-Length: 10"]);
    let location = made.header("location").to_owned();
    assert_eq!(patch(&gate, &location, 0, b"hello", &[]).status, 204);
    assert_eq!(gate.request("ana", "POST", "/api/v1/parties/acme/isolation").send().status, 200);
    assert_eq!(patch(&gate, &location, 5, b"world", &[]).status, 403);
}

#[test]
fn parts_are_joined_in_order() {
    let gate = TestGate::start();
    let part = |bytes: &[u8]| {
        let length = format!("Upload-Length: {}", bytes.len());
        let made = create(&gate, "part", &[&length, "Upload-Concat: partial"]);
        let location = made.header("location").to_owned();
        assert_eq!(patch(&gate, &location, 0, bytes, &[]).status, 204);
        location
    };
    let (one, two) = (part(b"hello "), part(b"world\n"));
    let joined = create(&gate, "joined.txt", &[&format!("Upload-Concat: final;{one} {two}")]);
    assert_eq!(joined.status, 201, "{}", joined.text());
    let there = head(&gate, joined.header("location"));
    assert_eq!((there.header("upload-offset"), there.header("upload-length")), ("12", "12"));
    let shown = gate.get("acme", &format!("/api/v1/transfers/{}", there.header("lazaret-transfer")));
    // SHA-256 of "hello world\n".
    assert_eq!(shown["sha256"], "a948904f2f0f479b8f8197694b30184b0d2ed1c1cd2a1ec0fb85d299a192a447");
    assert_eq!(head(&gate, &one).status, 410, "a joined part is gone");
}

// EVIDENCE-OF: R-307
#[test]
fn a_python_client_resumes_in_a_new_process() {
    let gate = TestGate::start();
    let content: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 253) as u8).collect();
    let file = gate.file("python.bin", &content);
    let script = r"
import sys
from tusclient import client
url, token, ca, path, location = sys.argv[1:6]
me = client.TusClient(url, headers={'Authorization': 'Bearer ' + token})
up = me.uploader(path, chunk_size=1_000_000, metadata={'filename': 'python.bin', 'lane': 'acme-in'},
                 url=location or None, upload_checksum=True, verify_tls_cert=ca)
up.upload(stop_at=1_000_000 if not location else None)
print(up.url, up.offset)
";
    let run = |location: &str| {
        let output = command(python())
            .args(["-c", script, &format!("{}/api/v1/uploads", gate.https()), &gate.token("acme")])
            .args([gate.ready["ca_file"].as_str().unwrap(), file.to_str().unwrap(), location])
            .env("REQUESTS_CA_BUNDLE", gate.ready["ca_file"].as_str().unwrap())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let first = run("");
    let (location, offset) = first.split_once(' ').unwrap();
    assert_eq!(offset, "1000000");
    assert!(run(location).ends_with(" 3000000"));
    let sent = gate.get("acme", "/api/v1/transfers");
    assert_eq!(
        (sent["items"][0]["name"].as_str(), sent["items"][0]["bytes"].as_u64()),
        (Some("python.bin"), Some(3_000_000))
    );
}

/// The interpreter with the clients of `tests/requirements.txt`.
fn python() -> std::path::PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-venv/bin/python")
}
