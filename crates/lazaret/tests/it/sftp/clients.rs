//! Clients as people use them. What counts is what the gate has, whatever the client says.

use std::path::Path;
use std::process::{Command, Output};

use super::raw::{OK, Raw};
use super::{await_state, content, ok, run, said, sha256};
use crate::gate::{TestGate, command};

/// Size of what is put: over the limits of every client's one request, and not a whole number of anything.
const SIZE: usize = 3_000_001;

/// What a client can do in the tests below.
trait Client {
    /// Puts a local file to a path of the tree.
    fn put(&self, gate: &TestGate, local: &Path, remote: &str) -> Output;
    /// Gets a path of the tree into a local file, as this person.
    fn get(&self, gate: &TestGate, name: &str, remote: &str, local: &Path) -> Output;
}

struct Sftp(&'static [&'static str]);

impl Client for Sftp {
    fn put(&self, gate: &TestGate, local: &Path, remote: &str) -> Output {
        gate.sftp_with("acme", self.0, &format!("put {} {remote}\n", local.display()))
    }

    fn get(&self, gate: &TestGate, name: &str, remote: &str, local: &Path) -> Output {
        gate.sftp_with(name, self.0, &format!("get {remote} {}\n", local.display()))
    }
}

struct Scp;

impl Scp {
    fn command(gate: &TestGate, name: &str) -> Command {
        let mut scp = command("scp");
        scp.args(gate.ssh_options(name)).args(["-q", "-P", &gate.sftp_port().to_string()]);
        scp
    }
}

impl Client for Scp {
    fn put(&self, gate: &TestGate, local: &Path, remote: &str) -> Output {
        run(Scp::command(gate, "acme").arg(local).arg(format!("acme@localhost:{remote}")))
    }

    fn get(&self, gate: &TestGate, name: &str, remote: &str, local: &Path) -> Output {
        run(Scp::command(gate, name).arg(format!("{name}@localhost:{remote}")).arg(local))
    }
}

struct Curl;

impl Curl {
    fn command(gate: &TestGate, name: &str) -> Command {
        let key = gate.ssh_key(name);
        let mut curl = command("curl");
        curl.args(["--silent", "--show-error", "--insecure", "--max-time", "300", "--user", &format!("{name}:")]);
        curl.arg("--key").arg(&key).arg("--pubkey").arg(key.with_extension("pub"));
        curl
    }

    fn url(gate: &TestGate, remote: &str) -> String {
        format!("sftp://localhost:{}{remote}", gate.sftp_port())
    }
}

impl Client for Curl {
    fn put(&self, gate: &TestGate, local: &Path, remote: &str) -> Output {
        run(Curl::command(gate, "acme").arg("--upload-file").arg(local).arg(Curl::url(gate, remote)))
    }

    fn get(&self, gate: &TestGate, name: &str, remote: &str, local: &Path) -> Output {
        run(Curl::command(gate, name).arg("--output").arg(local).arg(Curl::url(gate, remote)))
    }
}

struct Lftp(&'static str);

impl Lftp {
    fn run(&self, gate: &TestGate, name: &str, script: &str) -> Output {
        let options = gate.ssh_options(name).join(" ");
        let settings = format!("set sftp:connect-program 'ssh -a -x {options}'; set net:max-retries 1; {}; ", self.0);
        let mut lftp = command("lftp");
        lftp.args(["--norc", "-e", &format!("{settings}{script}; exit")]);
        lftp.arg(format!("sftp://{name}:x@localhost:{}", gate.sftp_port())).env("HOME", gate.scratch.path());
        run(&mut lftp)
    }
}

impl Client for Lftp {
    fn put(&self, gate: &TestGate, local: &Path, remote: &str) -> Output {
        self.run(gate, "acme", &format!("put {} -o {remote}", local.display()))
    }

    fn get(&self, gate: &TestGate, name: &str, remote: &str, local: &Path) -> Output {
        self.run(gate, name, &format!("get {remote} -o {}", local.display()))
    }
}

struct Rclone;

impl Rclone {
    fn run(gate: &TestGate, name: &str, args: &[&str]) -> Output {
        let mut rclone = command("rclone");
        rclone.args(["--config", "/dev/null", "--retries", "1", "--low-level-retries", "1", "-v"]).args(args);
        rclone.env("RCLONE_SFTP_HOST", "localhost").env("RCLONE_SFTP_PORT", gate.sftp_port().to_string());
        rclone.env("RCLONE_SFTP_USER", name).env("RCLONE_SFTP_KEY_FILE", gate.ssh_key(name));
        rclone.env("RCLONE_SFTP_KNOWN_HOSTS_FILE", gate.dir().join("known_hosts"));
        run(&mut rclone)
    }
}

impl Client for Rclone {
    fn put(&self, gate: &TestGate, local: &Path, remote: &str) -> Output {
        Rclone::run(gate, "acme", &["copyto", &local.display().to_string(), &format!(":sftp:{remote}")])
    }

    fn get(&self, gate: &TestGate, name: &str, remote: &str, local: &Path) -> Output {
        Rclone::run(gate, name, &["copyto", &format!(":sftp:{remote}"), &local.display().to_string()])
    }
}

/// Puts, puts again with other bytes, puts two at once, puts where it may not, and gets: what the gate has is what was sent.
fn check(client: &(impl Client + Sync)) {
    let gate = TestGate::start();
    let (first, second) = (content(SIZE), content(SIZE / 2));
    let (one, two) = (gate.file("one.bin", &first), gate.file("two.bin", &second));
    ok(&client.put(&gate, &one, "/in/acme-in/a.bin"));
    gate.assert_arrived("acme", "a.bin", &first, 1);
    ok(&client.put(&gate, &two, "/in/acme-in/a.bin"));
    gate.assert_arrived("acme", "a.bin", &second, 2);
    std::thread::scope(|scope| {
        for (name, local) in [("b.bin", &one), ("c.bin", &two)] {
            let gate = &gate;
            scope.spawn(move || ok(&client.put(gate, local, &format!("/in/acme-in/{name}"))));
        }
    });
    gate.assert_arrived("acme", "b.bin", &first, 1);
    gate.assert_arrived("acme", "c.bin", &second, 1);
    let refused = client.put(&gate, &one, "/in/lab-in/x.bin");
    assert!(!refused.status.success(), "a lane of somebody else: {}", said(&refused));
    assert_eq!(gate.transfers("labco").len(), 0);
    assert_eq!(gate.transfers("acme").len(), 4);
    await_state(&gate, "acme", "b.bin", "accepted");
    let fetched = gate.path("fetched.bin");
    let output = client.get(&gate, "ben", "/out/acme-in/b.bin", &fetched);
    ok(&output);
    assert_eq!(sha256(&std::fs::read(&fetched).unwrap()), sha256(&first), "{}", said(&output));
    await_state(&gate, "acme", "b.bin", "delivered");
}

// EVIDENCE-OF: R-306
#[test]
fn openssh_sftp_puts_and_gets() {
    check(&Sftp(&[]));
}

#[test]
fn openssh_sftp_with_many_large_requests_and_fsync_puts_and_gets() {
    check(&Sftp(&["-R", "256", "-B", "261120", "-f", "-p"]));
}

#[test]
fn openssh_sftp_with_small_requests_and_aes128_ctr_puts_and_gets() {
    check(&Sftp(&["-B", "4096", "-o", "Ciphers=aes128-ctr"]));
}

#[test]
fn openssh_scp_puts_and_gets() {
    check(&Scp);
}

#[test]
fn curl_puts_and_gets() {
    check(&Curl);
}

#[test]
fn lftp_puts_and_gets() {
    check(&Lftp("set xfer:use-temp-file no"));
}

#[test]
fn lftp_with_temporary_names_puts_and_gets() {
    check(&Lftp("set xfer:use-temp-file yes; set xfer:temp-file-name .in.*"));
}

#[test]
fn rclone_puts_and_gets() {
    check(&Rclone);
}

// EVIDENCE-OF: R-306
#[test]
fn sixty_four_mebibytes_and_more_go_both_ways() {
    let gate = TestGate::start();
    let bytes = content((64 << 20) + 12_345);
    let local = gate.file("big.bin", &bytes);
    ok(&Sftp(&[]).put(&gate, &local, "big.bin"));
    gate.assert_arrived("acme", "big.bin", &bytes, 1);
    await_state(&gate, "acme", "big.bin", "accepted");
    let fetched = gate.path("fetched.bin");
    for client in [&Sftp(&[]) as &dyn Client, &Curl, &Lftp(""), &Rclone, &Scp] {
        ok(&client.get(&gate, "ben", "/out/acme-in/big.bin", &fetched));
        assert!(std::fs::read(&fetched).unwrap() == bytes);
        std::fs::remove_file(&fetched).unwrap();
    }
}

#[test]
fn scp_overwrites_a_longer_file_with_a_shorter_one_and_keeps_times() {
    let gate = TestGate::start();
    for (size, count) in [(2_000_000, 1), (1_000, 2)] {
        let bytes = content(size);
        let local = gate.file("a.bin", &bytes);
        let touched = command("touch").args(["-d", "2024-02-03T04:05:06Z"]).arg(&local).status().unwrap();
        assert!(touched.success());
        ok(&run(Scp::command(&gate, "acme").arg("-p").arg(&local).arg("acme@localhost:a.bin")));
        gate.assert_arrived("acme", "a.bin", &bytes, count);
    }
    let mut raw = Raw::connect(&gate, "acme");
    assert!(matches!(raw.stat("a.bin"), super::raw::Reply::Attrs { mtime: 1_706_933_106, .. }));
    let old = run(Scp::command(&gate, "acme").arg("-O").arg(gate.path("a.bin")).arg("acme@localhost:b.bin"));
    assert!(!old.status.success());
    assert!(said(&old).contains("This server speaks SFTP only. Use sftp, or scp without -O."), "{}", said(&old));
}

#[test]
fn openssh_sftp_lists_renames_removes_and_asks_for_room() {
    let gate = TestGate::start();
    gate.file("a.csv", b"a");
    let output = gate.sftp("acme", "put -p a.csv\nrename a.csv b.csv\nls -l\nmkdir f\nput a.csv f/a.csv\nls f\ndf -h\nrm b.csv\nls\nrmdir f\n-chmod 600 f/a.csv\n");
    assert!(!output.status.success(), "a folder with something in it stays");
    let text = said(&output);
    assert!(text.contains("b.csv") && text.contains("f/a.csv") && text.contains("200GB"), "{text}");
    gate.assert_arrived("acme", "b.csv", b"a", gate.named("acme", "b.csv").len());
    gate.assert_arrived("acme", "f/a.csv", b"a", 1);
    assert_eq!(gate.transfers("acme").len(), 2);
}

#[test]
fn curl_goes_on_where_it_stopped_and_the_journal_says_what_curl_does_not() {
    let gate = TestGate::start_with("[intake]\nparty_bytes_max = 67108864\n", &[]);
    let bytes = content(SIZE);
    let mut raw = Raw::connect(&gate, "acme");
    let handle = raw.open("a.bin", super::raw::TRUNCATE);
    assert_eq!(raw.write(&handle, 0, &bytes[..200_000]), OK);
    raw.hang_up();
    let local = gate.file("a.bin", &bytes);
    let mut curl = Curl::command(&gate, "acme");
    curl.args(["--continue-at", "-", "--upload-file"]).arg(&local).arg(Curl::url(&gate, "/in/acme-in/a.bin"));
    let output =
        crate::gate::wait_for("curl goes on", || Some(run(&mut curl)).filter(|output| output.status.success()));
    gate.assert_arrived("acme", "a.bin", &bytes, 1);
    ok(&output);
    // Quote commands: folders, names.
    let quoted = run(Curl::command(&gate, "acme")
        .args(["-Q", "mkdir /in/acme-in/q", "-Q", "-rename /in/acme-in/q/a.part /in/acme-in/q/a", "-T"])
        .arg(&local)
        .arg(Curl::url(&gate, "/in/acme-in/q/a.part")));
    ok(&quoted);
    gate.assert_arrived("acme", "q/a", &bytes, 1);
    // More than the share: whatever curl says, the journal says that it was not received.
    let big = gate.file("big.bin", &content(70 << 20));
    let told = Curl.put(&gate, &big, "/in/acme-in/big.bin");
    assert_eq!(gate.named("acme", "big.bin").len(), 0, "{}", said(&told));
    assert_eq!(gate.journal_state("acme", "big.bin").as_deref(), Some("not-received"), "{}", said(&told));
}

#[test]
fn rclone_copies_once_and_the_second_time_sends_nothing() {
    let gate = TestGate::start();
    gate.file("tree/a.csv", &content(100_000));
    gate.file("tree/2026/b.csv", &content(50_000));
    gate.file("tree/2026/empty.csv", b"");
    let local = gate.path("tree").display().to_string();
    ok(&Rclone::run(&gate, "acme", &["copy", &local, ":sftp:in/acme-in/tree"]));
    assert_eq!(gate.transfers("acme").len(), 3);
    gate.assert_arrived("acme", "tree/2026/b.csv", &content(50_000), 1);
    let again = Rclone::run(&gate, "acme", &["sync", &local, ":sftp:in/acme-in/tree"]);
    ok(&again);
    assert!(said(&again).contains("0 B / 0 B"), "{}", said(&again));
    assert_eq!(gate.transfers("acme").len(), 3);
    ok(&Rclone::run(&gate, "acme", &["about", ":sftp:"]));
    ok(&Rclone::run(&gate, "acme", &["lsl", ":sftp:in/acme-in"]));
}

#[test]
fn lftp_mirrors_a_tree() {
    let gate = TestGate::start();
    gate.file("tree/a.csv", &content(100_000));
    gate.file("tree/sub/b.csv", &content(50_000));
    let lftp = Lftp("");
    let local = gate.path("tree").display().to_string();
    ok(&lftp.run(&gate, "acme", &format!("mirror -R {local} /in/acme-in/tree")));
    gate.assert_arrived("acme", "tree/a.csv", &content(100_000), 1);
    gate.assert_arrived("acme", "tree/sub/b.csv", &content(50_000), 1);
    ok(&lftp.run(&gate, "acme", &format!("mirror -R {local} /in/acme-in/tree")));
    assert_eq!(gate.transfers("acme").len(), 2);
}
