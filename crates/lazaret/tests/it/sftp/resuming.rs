//! What an interruption leaves, and who may go on with it.

use lazaret_formats::sftp::Request;

use super::raw::*;
use super::{content, ok, said};
use crate::gate::{TestGate, wait_for};

/// Puts the beginning of a file and loses the connection.
fn interrupted(gate: &TestGate, path: &str, bytes: &[u8]) {
    let mut raw = Raw::connect(gate, "acme");
    let handle = raw.open(path, TRUNCATE);
    for (piece, data) in bytes.chunks(32_768).enumerate() {
        assert_eq!(raw.write(&handle, piece as u64 * 32_768, data), OK);
    }
    raw.hang_up();
}

/// Opens without TRUNC, as every client does that goes on with a file.
fn go_on(gate: &TestGate, path: &str, offset: usize, bytes: &[u8]) -> u32 {
    let mut raw = Raw::connect(gate, "acme");
    let handle = raw.open(path, CREATE);
    let mut status = OK;
    for (piece, data) in bytes[offset..].chunks(32_768).enumerate() {
        status = raw.write(&handle, (offset + piece * 32_768) as u64, data);
    }
    let closed = raw.close(&handle);
    if status == OK { closed } else { status }
}

// EVIDENCE-OF: R-308
#[test]
fn a_dropped_connection_leaves_an_upload_that_its_principal_goes_on_with() {
    let gate = TestGate::start();
    let bytes = content(1_000_000);
    interrupted(&gate, "a.bin", &bytes[..600_000]);
    assert_eq!(gate.named("acme", "a.bin").len(), 0);
    let mut raw = Raw::connect(&gate, "acme");
    assert_eq!(raw.size("a.bin"), Some(600_000));
    assert_eq!(raw.names("/in/acme-in"), ["a.bin"]);
    assert_eq!(go_on(&gate, "a.bin", 600_000, &bytes), OK);
    gate.assert_arrived("acme", "a.bin", &bytes, 1);
    // From somewhere in the middle of what is there: cut there first.
    interrupted(&gate, "b.bin", &bytes[..600_000]);
    let other: Vec<u8> = bytes[..300_001].iter().copied().chain(content(500)).collect();
    assert_eq!(go_on(&gate, "b.bin", 300_001, &other), OK);
    gate.assert_arrived("acme", "b.bin", &other, 1);
    // From 0: from scratch. Beyond what is there: nothing to go on with.
    interrupted(&gate, "c.bin", &bytes[..600_000]);
    assert_eq!(go_on(&gate, "c.bin", 0, &bytes[..10]), OK);
    gate.assert_arrived("acme", "c.bin", &bytes[..10], 1);
    interrupted(&gate, "d.bin", &bytes[..60_000]);
    assert_eq!(go_on(&gate, "d.bin", 70_000, &bytes), FAILURE);
    // A new upload of the name replaces the unfinished one.
    raw.put("d.bin", b"whole");
    gate.assert_arrived("acme", "d.bin", b"whole", 1);
    assert_eq!(raw.size("d.bin"), Some(5));
}

// EVIDENCE-OF: R-308
#[test]
fn nobody_else_goes_on_with_it_and_nothing_of_it_is_a_transfer() {
    let gate = TestGate::start();
    interrupted(&gate, "a.bin", &content(100_000));
    let mut medlog = Raw::connect(&gate, "medlog");
    assert_eq!(medlog.size("a.bin"), None);
    assert_eq!(medlog.stat("/in/acme-in/a.bin").status(), PERMISSION_DENIED);
    assert_eq!(medlog.names("/in/medlog-in"), Vec::<String>::new());
    assert_eq!(gate.transfers("acme").len(), 0);
    assert_eq!(gate.journal_state("acme", "a.bin"), None);
}

#[test]
fn a_client_that_comes_back_takes_over_what_its_lost_connection_still_holds() {
    let gate = TestGate::start();
    let bytes = content(500_000);
    let mut lost = Raw::connect(&gate, "acme");
    let handle = lost.open("a.bin", TRUNCATE);
    for (piece, data) in bytes[..200_000].chunks(20_000).enumerate() {
        assert_eq!(lost.write(&handle, piece as u64 * 20_000, data), OK);
    }
    let mut back = Raw::connect(&gate, "acme");
    assert_eq!(back.size("a.bin"), Some(200_000));
    assert_eq!(go_on(&gate, "a.bin", 200_000, &bytes), OK);
    gate.assert_arrived("acme", "a.bin", &bytes, 1);
    assert_eq!(lost.write(&handle, 200_000, b"late"), FAILURE);
    assert_eq!(lost.close(&handle), FAILURE);
    gate.assert_arrived("acme", "a.bin", &bytes, 1);
}

#[test]
fn what_was_closed_too_early_is_gone_on_with_and_replaced() {
    let gate = TestGate::start();
    let bytes = content(400_000);
    let mut raw = Raw::connect(&gate, "acme");
    raw.put("a.bin", &bytes[..150_000]);
    // As OpenSSH's reput: APPEND is set, offsets are those of the file.
    let handle = raw.open("a.bin", APPEND);
    assert_eq!(raw.write(&handle, 150_000, &bytes[150_000..400_000]), OK);
    assert_eq!(raw.close(&handle), OK);
    gate.assert_arrived("acme", "a.bin", &bytes, 2);
    let states: Vec<_> = gate.named("acme", "a.bin").iter().map(|one| one["state"].clone()).collect();
    assert_eq!(states[1], "replaced");
    // As curl --append: offsets from 0 on, and APPEND says where they belong.
    let handle = raw.open("a.bin", APPEND);
    assert_eq!(raw.write(&handle, 0, b"tail"), OK);
    assert_eq!(raw.write(&handle, 4, b"tail"), OK);
    assert_eq!(raw.close(&handle), OK);
    gate.assert_arrived("acme", "a.bin", &[&bytes[..], b"tailtail"].concat(), 3);
    // Anywhere else in what is sealed: never.
    let handle = raw.open("a.bin", CREATE);
    assert_eq!(raw.write(&handle, 7, b"x"), FAILURE);
    assert_eq!(raw.close(&handle), OK, "nothing was begun, nothing changed");
    gate.assert_arrived("acme", "a.bin", &[&bytes[..], b"tailtail"].concat(), 3);
}

// EVIDENCE-OF: R-101
#[test]
fn a_kill_loses_nothing_that_was_acknowledged_and_big_uploads_go_on() {
    let mut gate = TestGate::start();
    let bytes = content(12 << 20);
    let mut raw = Raw::connect(&gate, "acme");
    raw.put("done.bin", &bytes[..100_000]);
    raw.put("kept.bin.part", &bytes[..200_000]);
    let handle = raw.open("big.bin", TRUNCATE);
    for (piece, data) in bytes[..10 << 20].chunks(1 << 17).enumerate() {
        assert_eq!(raw.write(&handle, (piece as u64) << 17, data), OK);
    }
    assert_eq!(raw.call(Request::Stat { path: b"big.bin" }), raw.stat("big.bin"));
    gate.kill();
    drop(raw);
    gate.restart();
    gate.assert_arrived("acme", "done.bin", &bytes[..100_000], 1);
    let mut raw = Raw::connect(&gate, "acme");
    assert_eq!(raw.size("kept.bin.part"), Some(200_000));
    assert_eq!(raw.rename("kept.bin.part", "kept.bin").status(), OK);
    gate.assert_arrived("acme", "kept.bin", &bytes[..200_000], 1);
    let there = usize::try_from(raw.size("big.bin").unwrap()).unwrap();
    assert!((4 << 20..=10 << 20).contains(&there), "{there}");
    assert_eq!(go_on(&gate, "big.bin", there, &bytes), OK);
    gate.assert_arrived("acme", "big.bin", &bytes, 1);
}

#[test]
fn a_name_that_cannot_be_taken_leaves_what_is_unfinished_under_the_other() {
    let gate = TestGate::start();
    let mut raw = Raw::connect(&gate, "acme");
    raw.put("done.bin", &content(1_000));
    gate.assert_arrived("acme", "done.bin", &content(1_000), 1);
    let bytes = content(100_500);
    interrupted(&gate, "open.bin", &bytes[..100_000]);
    // What was received and looked at keeps its name, and so nothing moves.
    wait_for("it was looked at", || (gate.named("acme", "done.bin")[0]["state"] != "checking").then_some(()));
    assert_eq!(raw.posix_rename("done.bin", "open.bin").status(), PERMISSION_DENIED);
    assert_eq!(raw.size("open.bin"), Some(100_000));
    assert_eq!(go_on(&gate, "open.bin", 100_000, &bytes), OK);
    gate.assert_arrived("acme", "open.bin", &bytes, 1);
}

#[test]
fn a_gate_that_is_stopped_keeps_what_is_under_way() {
    let mut gate = TestGate::start();
    let bytes = content(300_000);
    let mut raw = Raw::connect(&gate, "acme");
    let handle = raw.open("a.bin", TRUNCATE);
    assert_eq!(raw.write(&handle, 0, &bytes[..200_000]), OK);
    let mut idle = Raw::connect(&gate, "acme");
    let stopping = std::thread::spawn(move || {
        let code = gate.terminate();
        (gate, code)
    });
    // Who does nothing is sent away at once; an open upload may end.
    assert_eq!(idle.try_receive(), None);
    assert_eq!(raw.write(&handle, 200_000, &bytes[200_000..]), OK);
    assert_eq!(raw.close(&handle), OK);
    let (mut gate, code) = stopping.join().unwrap();
    assert_eq!(code, Some(0));
    gate.restart();
    gate.assert_arrived("acme", "a.bin", &bytes, 1);
}

#[test]
fn openssh_goes_on_with_a_put_that_was_interrupted() {
    let gate = TestGate::start();
    // Not text: it is held, so that its beginning is nobody's before the whole is there.
    let bytes: Vec<u8> = content(24 << 20).into_iter().map(|byte| byte ^ 0xa5).collect();
    gate.file("big.bin", &bytes);
    // -l limits the bandwidth, so that there is time to interrupt it.
    let mut sftp = crate::gate::command("sftp");
    sftp.args(gate.ssh_options("acme")).args(["-P", &gate.sftp_port().to_string(), "-l", "40000", "-b"]);
    sftp.arg(gate.file("slow", b"put big.bin\n")).arg("acme@localhost").current_dir(gate.scratch.path());
    let mut child = sftp.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    let mut raw = Raw::connect(&gate, "acme");
    wait_for("some of it is there", || raw.size("big.bin").filter(|size| *size > 1 << 20));
    let interrupted = crate::gate::command("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    child.wait().unwrap();
    let there = wait_for("the rest of it came", || raw.size("big.bin"));
    assert!(there < 24 << 20, "{there}");
    let again = gate.sftp("acme", "reput big.bin\n");
    ok(&again);
    wait_for("it is whole", || (raw.size("big.bin") == Some(24 << 20)).then_some(()));
    let found = gate.named("acme", "big.bin");
    assert_eq!(found[0]["sha256"], super::sha256(&bytes), "{}", said(&again));
    // Whether INT let the client close its file or not, only one version is whole.
    assert!(found[1..].iter().all(|one| one["state"] == "replaced"), "{found:#?}");
}
