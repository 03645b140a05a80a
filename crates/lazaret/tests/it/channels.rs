//! What holds on every channel alike: one pipeline behind all doors, and nothing on a line that others could read.

use std::process::{Output, Stdio};

use serde_json::Value;

use crate::gate::{TestGate, command, wait_for};
use crate::https::pipe;

/// Sends a file as acme by every way there is for a supplier; the names that it arrives under.
fn by_every_channel(gate: &TestGate, name: &str, bytes: &[u8]) -> Vec<String> {
    let named = |channel: &str| format!("{channel}-{name}");
    let file = |channel: &str| gate.file(&named(channel), bytes);
    let put = gate.request("acme", "PUT", &format!("/api/v1/in/acme-in/{}", named("put"))).upload(&file("put")).send();
    assert_eq!(put.status, 201, "{}", put.text());
    let field = format!("file=@{}", file("form").display());
    let form = gate.request("acme", "POST", "/api/v1/in/acme-in").option(&["--form", &field]).send();
    assert_eq!(form.status, 201, "{}", form.text());
    let (metadata, length) = (crate::tus::metadata(&named("tus")), format!("Upload-Length: {}", bytes.len()));
    let tus = gate.request("acme", "POST", "/api/v1/uploads").header("Tus-Resumable: 1.0.0").header(&length);
    let tus = tus.header(&metadata).header("Content-Type: application/offset+octet-stream");
    let tus = tus.option(&["--data-binary", &format!("@{}", file("tus").display())]).send();
    assert_eq!(tus.status, 201, "{}", tus.text());
    let sftp = gate.sftp("acme", &format!("put {}\n", file("sftp").display()));
    assert!(sftp.status.success(), "{}", String::from_utf8_lossy(&sftp.stderr));
    let mut scp = command("scp");
    scp.args(gate.ssh_options("acme")).args(["-P", &gate.sftp_port().to_string()]).arg(file("scp"));
    let scp = scp.arg(format!("acme@localhost:{}", named("scp"))).output().unwrap();
    assert!(scp.status.success(), "{}", String::from_utf8_lossy(&scp.stderr));
    ["put", "form", "tus", "sftp", "scp"].map(named).to_vec()
}

fn decided(gate: &TestGate, name: &str) -> Value {
    wait_for(name, || {
        let transfer = gate.named("ana", name).into_iter().next()?;
        let waits = ["quarantined", "inspected", "cleared"].contains(&transfer["state"].as_str().unwrap());
        (!waits).then_some(transfer)
    })
}

// EVIDENCE-OF: R-214
// EVIDENCE-OF: R-302
#[test]
fn harmful_software_is_released_by_no_channel_however_it_is_wrapped() {
    let gate = TestGate::start();
    let eicar = std::fs::read(gate.dir().join("samples/eicar.txt")).unwrap();
    std::fs::write(gate.path("inner.txt"), &eicar).unwrap();
    let packed = |program: &str, args: &[&str]| -> Vec<u8> {
        let run = command(program).args(args).current_dir(gate.scratch.path()).output().unwrap();
        assert!(run.status.success(), "{program}: {}", String::from_utf8_lossy(&run.stderr));
        run.stdout
    };
    let wrapped = [
        ("plain.txt", eicar.clone()),
        ("packed.txt.gz", packed("gzip", &["--stdout", "inner.txt"])),
        ("packed.tar", packed("tar", &["--create", "--file=-", "inner.txt"])),
    ];
    for (name, bytes) in wrapped {
        for name in by_every_channel(&gate, name, &bytes) {
            let transfer = decided(&gate, &name);
            assert_eq!(transfer["state"], "denied", "{name}: {transfer}");
            let path = format!("/api/v1/out/acme-in/{}", transfer["reference"].as_str().unwrap());
            let nothing = gate.request("priya", "GET", &path);
            assert_eq!(nothing.send().status, 404, "{name}");
        }
    }
}

// EVIDENCE-OF: R-412
#[test]
fn what_a_lane_is_not_for_is_refused_on_every_channel() {
    let gate = TestGate::start();
    let terms = ["--party", "acme", "--direction", "in", "--recipient", "priya", "--kind", "software", "--as", "ana"];
    let changed = gate.lazaret(&[&["lanes", "open", "acme-in"][..], &terms].concat());
    assert!(changed.status.success(), "{}", String::from_utf8_lossy(&changed.stderr));
    let file = gate.file("note.txt", b"twelve infusion sets\n");
    let put = |lines: &[&str]| {
        let request = gate.request("acme", "PUT", "/api/v1/in/acme-in/note.txt").upload(&file);
        let answer = lines.iter().fold(request, |request, line| request.header(line)).send();
        (answer.status, answer.json()["code"].as_str().map(str::to_owned))
    };
    let refused = (403, Some("not-allowed".to_owned()));
    assert_eq!(put(&[]), refused);
    assert_eq!(put(&["Lazaret-Kind: message"]), refused);
    assert_eq!(put(&["Lazaret-Kind: software"]).0, 201);
    let form =
        gate.request("acme", "POST", "/api/v1/in/acme-in").option(&["--form", &format!("f=@{}", file.display())]);
    assert_eq!(form.send().status, 403);
    let tus = gate.request("acme", "POST", "/api/v1/uploads").header("Tus-Resumable: 1.0.0").header("Upload-Length: 5");
    assert_eq!(tus.header(&crate::tus::metadata("n.txt")).header("Content-Length: 0").send().status, 403);
    assert!(!gate.sftp("acme", &format!("put {}\n", file.display())).status.success());
    assert_eq!(gate.named("acme", "note.txt").len(), 1, "what was declared as software");
}

/// A handshake with these options, and a request if it stands.
fn handshake(address: &str, options: &[&str]) -> Output {
    let mut client = command("openssl");
    client.args(["s_client", "-connect", address, "-ign_eof"]).args(options);
    let request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    client.stdin(pipe(request)).stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap()
}

// EVIDENCE-OF: R-310
// EVIDENCE-OF: R-410
#[test]
fn a_line_is_encrypted_by_what_is_sound_or_not_at_all() {
    let gate = TestGate::start();
    for door in ["https", "admin"] {
        let address = gate.ready[door].as_str().unwrap().strip_prefix("https://").unwrap();
        let stands = |options: &[&str]| {
            let said = String::from_utf8_lossy(&handshake(address, options).stdout).into_owned();
            (said.contains("HTTP/1.1 200"), said)
        };
        for sound in [
            &["-tls1_3"][..],
            &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384"],
            &["-tls1_2", "-cipher", "ECDHE-ECDSA-CHACHA20-POLY1305"],
        ] {
            let (stood, said) = stands(sound);
            assert!(stood, "{door} {sound:?}: {said}");
            assert!(!said.contains("Max Early Data: ") || said.contains("Max Early Data: 0"), "{door}: {said}");
        }
        // What this client could speak with somebody else; the last is a suite without forward secrecy.
        for unsound in [
            &["-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"][..],
            &["-tls1", "-cipher", "DEFAULT@SECLEVEL=0"],
            &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES256-SHA384@SECLEVEL=0"],
            &["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA@SECLEVEL=0"],
            &["-tls1_2", "-cipher", "AES256-GCM-SHA384@SECLEVEL=0"],
        ] {
            let (stood, said) = stands(unsound);
            assert!(!stood && said.contains("CONNECTED"), "{door} {unsound:?}: {said}");
        }
        let plain = gate.request("", "GET", &format!("http://{address}/healthz")).option(&["--proto", "=http"]).send();
        assert_ne!(plain.status, 200, "{door} answers in the clear");
    }
}
