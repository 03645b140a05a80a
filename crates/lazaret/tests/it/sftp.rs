//! The SFTP door: every request by a client of our own that says exactly what it means, real clients as people use them, and
//! strangers that mean harm.

mod clients;
mod collecting;
mod python;
mod raw;
mod requests;
mod resuming;
mod strangers;

use std::process::{Command, Output};

use serde_json::Value;

use crate::gate::{TestGate, command, wait_for};

/// A gate that tells its door's port and keys.
impl TestGate {
    /// The SFTP door's port.
    pub fn sftp_port(&self) -> u16 {
        u16::try_from(self.ready["sftp"]["port"].as_u64().unwrap()).unwrap()
    }

    /// Options that `ssh`, `sftp` and `scp` share.
    pub fn ssh_options(&self, name: &str) -> Vec<String> {
        let known = self.dir().join("known_hosts");
        let mut options = vec!["-i".to_owned(), self.ssh_key(name).display().to_string()];
        for option in [
            format!("UserKnownHostsFile={}", known.display()),
            "StrictHostKeyChecking=yes".to_owned(),
            "IdentitiesOnly=yes".to_owned(),
            "BatchMode=yes".to_owned(),
        ] {
            options.extend(["-F".to_owned(), "none".to_owned(), "-o".to_owned(), option]);
        }
        options
    }

    /// OpenSSH's `sftp` with this batch, one command a line.
    pub fn sftp(&self, name: &str, batch: &str) -> Output {
        self.sftp_with(name, &[], batch)
    }

    /// The same with further options.
    pub fn sftp_with(&self, name: &str, options: &[&str], batch: &str) -> Output {
        let script = self.file(&format!("batch-{:x}", crc(batch)), batch.as_bytes());
        let mut sftp = command("sftp");
        sftp.args(self.ssh_options(name)).args(options).args(["-P", &self.sftp_port().to_string(), "-b"]).arg(script);
        sftp.arg(format!("{name}@localhost")).current_dir(self.scratch.path()).output().unwrap()
    }

    /// What the party's own list of transfers says, newest first.
    pub fn transfers(&self, name: &str) -> Vec<Value> {
        self.get(name, "/api/v1/transfers?limit=200")["items"].as_array().unwrap().clone()
    }

    /// The transfers of this name, newest first.
    pub fn named(&self, name: &str, path: &str) -> Vec<Value> {
        self.transfers(name).into_iter().filter(|transfer| transfer["name"] == path).collect()
    }

    /// What became of an upload, in the words of the last line about this name.
    pub fn journal_state(&self, name: &str, path: &str) -> Option<String> {
        let lines = self.get(name, "/api/v1/receipts")["items"].as_array().unwrap().clone();
        let last = lines.into_iter().rfind(|line| line["name"] == path)?;
        Some(last["state"].as_str().unwrap().to_owned())
    }

    /// Fails unless the newest transfer of this name holds these bytes, and there are so many of the name.
    pub fn assert_arrived(&self, name: &str, path: &str, bytes: &[u8], count: usize) {
        let found = self.named(name, path);
        assert_eq!(found.len(), count, "{path}: {found:#?}");
        assert_eq!(found[0]["sha256"], sha256(bytes), "{path}");
        assert_eq!(found[0]["bytes"], bytes.len(), "{path}");
    }
}

/// Hex, as the API writes it.
pub fn sha256(bytes: &[u8]) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Text that does not repeat early and tells of nobody, so that it is released.
pub fn content(size: usize) -> Vec<u8> {
    const WORDS: &[&str] = &[
        "pump", "valve", "hose", "ampere", "rotor", "flange", "gasket", "volt", "sensor", "spindle", "bracket", "relay",
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ size as u64;
    let mut bytes = Vec::with_capacity(size + 16);
    while bytes.len() < size {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let word = WORDS[usize::try_from(state >> 40).unwrap() % WORDS.len()];
        bytes.extend_from_slice(word.as_bytes());
        bytes.push(if state >> 33 & 7 == 0 { b'\n' } else { b' ' });
    }
    bytes.truncate(size);
    bytes
}

/// The text of a program's end, for messages.
pub fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    format!("{:?}\n{}\n{}", output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// Fails unless the program ended well.
pub fn ok(output: &Output) {
    assert!(output.status.success(), "{}", said(output));
}

fn run(program: &mut Command) -> Output {
    program.output().unwrap_or_else(|error| panic!("{program:?}: {error}; run ./test once, it installs the clients"))
}

fn crc(text: &str) -> u64 {
    text.bytes().fold(7, |hash: u64, byte| hash.wrapping_mul(1_099_511_628_211) ^ u64::from(byte))
}

/// Waits until a name's newest transfer stands in this state.
pub fn await_state(gate: &TestGate, name: &str, path: &str, state: &str) -> Value {
    wait_for(&format!("{path} is {state}"), || {
        gate.named(name, path).into_iter().next().filter(|transfer| transfer["state"] == state)
    })
}
