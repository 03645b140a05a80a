//! Clients in Python, which do what no command line does: they ask for everything at once, and put pieces in parallel.

use std::path::PathBuf;

use super::{await_state, content, ok, run, said};
use crate::gate::{TestGate, command};

fn client(gate: &TestGate, script: &str, name: &str, args: &[&str]) -> std::process::Output {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut python = command(root.join("target/test-venv/bin/python"));
    python.arg(root.join("crates/lazaret/tests/clients").join(script)).arg(gate.sftp_port().to_string());
    python.arg(name).arg(gate.ssh_key(name)).arg(gate.dir().join("known_hosts")).args(args);
    run(&mut python)
}

fn check(script: &str) {
    let gate = TestGate::start();
    let bytes = content(3_000_001);
    let local = gate.file("a.bin", &bytes);
    let path = local.display().to_string();
    ok(&client(&gate, script, "acme", &["put", &path, "/in/acme-in/a.bin"]));
    gate.assert_arrived("acme", "a.bin", &bytes, 1);
    let other = content(70_000);
    let second = gate.file("b.bin", &other).display().to_string();
    ok(&client(&gate, script, "acme", &["put", &second, "/in/acme-in/a.bin"]));
    gate.assert_arrived("acme", "a.bin", &other, 2);
    let refused = client(&gate, script, "acme", &["put", &path, "/in/lab-in/a.bin"]);
    assert!(!refused.status.success() && said(&refused).contains("ermission"), "{}", said(&refused));
    ok(&client(&gate, script, "acme", &["parallel", &path, "/in/acme-in/many-"]));
    for number in 0..8 {
        gate.assert_arrived("acme", &format!("many-{number}"), &bytes, 1);
    }
    ok(&client(&gate, script, "acme", &["half", &path, "/in/acme-in/c.bin"]));
    assert_eq!(gate.named("acme", "c.bin").len(), 0);
    ok(&client(&gate, script, "acme", &["rest", &path, "/in/acme-in/c.bin"]));
    gate.assert_arrived("acme", "c.bin", &bytes, 1);
}

// EVIDENCE-OF: R-306
#[test]
fn paramiko_puts_appends_and_resumes() {
    check("paramiko_client.py");
}

#[test]
fn asyncssh_puts_appends_and_resumes() {
    check("asyncssh_client.py");
}

// EVIDENCE-OF: R-306
#[test]
fn paramiko_prefetches_sixty_four_mebibytes_without_a_dead_lock() {
    let gate = TestGate::start();
    let bytes = content(64 << 20);
    let local = gate.file("big.bin", &bytes).display().to_string();
    ok(&client(&gate, "paramiko_client.py", "acme", &["put", &local, "/in/acme-in/big.bin"]));
    gate.assert_arrived("acme", "big.bin", &bytes, 1);
    await_state(&gate, "acme", "big.bin", "accepted");
    for script in ["paramiko_client.py", "asyncssh_client.py"] {
        let fetched = gate.path("fetched");
        let target = fetched.display().to_string();
        ok(&client(&gate, script, "ben", &["get", "/out/acme-in/big.bin", &target]));
        assert!(std::fs::read(&fetched).unwrap() == bytes, "{script}");
        std::fs::remove_file(&fetched).unwrap();
    }
    await_state(&gate, "acme", "big.bin", "delivered");
}

#[test]
fn ten_channels_of_a_connection_are_open_and_the_next_is_refused() {
    let gate = TestGate::start();
    let output = client(&gate, "asyncssh_client.py", "acme", &["channels", "", ""]);
    ok(&output);
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "10");
}
