//! A new user's first hour: the commands that the demo prints, taken from its first screen and run as they stand.

use std::process::{Child, Output, Stdio};

use crate::gate::{TestGate, command, wait_for};

const FIRMWARE: &str = "pump-fw-4.2.1.zip";

/// The first screen, and which of its commands were run.
struct Screen<'g> {
    gate: &'g TestGate,
    commands: Vec<String>,
}

impl Screen<'_> {
    fn of(gate: &TestGate) -> Screen<'_> {
        let screen = gate.first_screen();
        let commands =
            screen.lines().filter_map(|line| line.strip_prefix("    ")).filter(|line| !line.starts_with(' '));
        Screen { gate, commands: commands.map(str::to_owned).collect() }
    }

    /// Takes the next command, which must begin like this.
    fn next(&mut self, begins: &str) -> String {
        assert!(!self.commands.is_empty(), "the screen has no command {begins}");
        let next = self.commands.remove(0);
        assert!(next.starts_with(begins), "{next} is not {begins}");
        next
    }

    /// Runs the next command in a shell; its exit code and all that it printed.
    fn run(&mut self, begins: &str, reference: &str) -> (i32, String) {
        let line = self.next(begins).replace("REFERENCE", reference);
        let output = shell(self.gate, &line).stdin(Stdio::null()).output().unwrap();
        (output.status.code().unwrap_or(-1), both(&output))
    }

    /// As [`Screen::run`], for a command that must end like this and say this.
    fn ends(&mut self, begins: &str, reference: &str, code: i32, says: &[&str]) -> String {
        let (ended, text) = self.run(begins, reference);
        assert_eq!(ended, code, "{begins}: {text}");
        for words in says {
            assert!(text.contains(words), "{begins} does not say {words}: {text}");
        }
        text
    }
}

fn both(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat()
}

/// A shell where a new user is: the program on the path, `lazaret-demo` in the directory, nothing else set.
fn shell(gate: &TestGate, line: &str) -> std::process::Command {
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_lazaret")).parent().unwrap();
    let path = std::env::join_paths(
        [program.to_owned()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let mut shell = command("sh");
    shell.args(["-c", line]).current_dir(gate.scratch.path());
    shell.env_clear().env("PATH", path.unwrap()).env("HOME", gate.scratch.path());
    shell
}

/// Of the newest version of the firmware that people look at, by the sender's journal: its number, and how often it came again.
fn reviewed(gate: &TestGate) -> Option<(u64, u64)> {
    let page = gate.get("acme", "/api/v1/receipts?limit=200");
    let lines = page["items"].as_array().unwrap().iter();
    let reviewed = lines.filter(|line| line["name"] == FIRMWARE && line["state"] == "reviewing");
    reviewed.map(|line| (line["version"].as_u64().unwrap(), line["repeats"].as_u64().unwrap())).max()
}

/// Files in the vault.
fn blobs(gate: &TestGate) -> usize {
    let found = command("find").arg(gate.dir().join("blobs")).args(["-type", "f"]).output().unwrap();
    found.stdout.iter().filter(|byte| **byte == b'\n').count()
}

/// An upload of a supplier that takes ten minutes, unless something stops it.
fn slow_upload(gate: &TestGate) -> Child {
    let file = gate.file("slow.bin", &[7; 6_000_000]);
    let dir = gate.dir();
    let mut curl = command("curl");
    curl.args(["--silent", "--limit-rate", "10K", "--fail", "--cacert"]).arg(dir.join("ca.pem"));
    curl.args(["--header", &format!("Authorization: Bearer {}", gate.token("acme")), "--upload-file"]).arg(file);
    curl.arg(format!("{}/api/v1/in/acme-in/", gate.https())).stdout(Stdio::null()).spawn().unwrap()
}

// EVIDENCE-OF: R-118
#[test]
fn everything_on_the_first_screen_works_as_written() {
    let gate = TestGate::start();
    assert!(!gate.first_screen().contains("Bearer"), "a token in an argument can be read by everyone");
    let mut screen = Screen::of(&gate);
    let held = screen.ends("lazaret send", "", 8, &["HELD by unsigned-code", "To release", "Who can", "Ben Kim"]);
    let reference = held.split_whitespace().find(|word| word.starts_with("LZ-")).unwrap().to_owned();
    screen.ends("lazaret transfers approve", &reference, 0, &["1 of 2 approvals"]);
    screen.ends("lazaret transfers approve", &reference, 0, &["RELEASED"]);
    screen.ends("lazaret transfers fetch", &reference, 0, &[]);
    let sample = std::fs::read(gate.dir().join("samples").join(FIRMWARE)).unwrap();
    assert!(std::fs::read(gate.path(FIRMWARE)).unwrap() == sample, "what was fetched is not what was sent");
    screen.ends("lazaret verify", &reference, 0, &["verified", "unsigned-code", "signed by the key in"]);
    screen.ends("lazaret send", "", 9, &["DENIED"]);
    screen.ends("lazaret send", "", 8, &["HELD", "BAA"]);
    screen.ends("lazaret send", "", 0, &["RELEASED"]);
    screen.ends("echo put", "", 0, &[]);
    wait_for("what sftp put to be held", || (reviewed(&gate) == Some((2, 0))).then_some(()));
    // The same bytes under the same name again, within minutes: the same delivery, and the sender's journal counts it.
    let mut times = 0;
    for client in ["scp", "lftp", "rclone", "curl"] {
        screen.ends(client, "", 0, &[]);
        times = wait_for(client, || {
            let (version, again) = reviewed(&gate)?;
            assert_eq!(version, 2, "{client} made another delivery of the same file");
            // rclone looks first, and sends nothing where size and time are right already.
            (again > times || client == "rclone").then_some(again)
        });
    }
    let before = blobs(&gate);
    let mut running = slow_upload(&gate);
    wait_for("the upload to run", || (blobs(&gate) > before).then_some(()));
    screen.ends("lazaret isolate", "", 0, &[]);
    let ended = wait_for("the upload to be stopped", || running.try_wait().unwrap());
    assert!(!ended.success(), "an isolated party's upload was taken");
    assert!(screen.commands.is_empty(), "{:?} was not tried", screen.commands);
}
