//! Whoever has not signed in, or wants something else than SFTP.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;
use std::time::{Duration, Instant};

use lazaret_formats::sftp::Request;

use super::raw::*;
use super::{content, said};
use crate::gate::{TestGate, command, wait_for};

fn ssh(gate: &TestGate, name: &str, options: &[&str], last: &[&str]) -> std::process::Output {
    let mut ssh = command("ssh");
    ssh.args(gate.ssh_options(name)).args(["-p", &gate.sftp_port().to_string()]).args(options);
    ssh.arg(format!("{name}@localhost")).args(last).stdin(Stdio::null());
    super::run(&mut ssh)
}

fn connect(gate: &TestGate) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", gate.sftp_port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream
}

/// Whether the server has hung up, seen without waiting.
fn is_closed(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).unwrap();
    let mut byte = [0];
    let ended = match stream.peek(&mut byte) {
        Ok(count) => count == 0,
        Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
    };
    stream.set_nonblocking(false).unwrap();
    ended
}

fn resident_bytes(gate: &TestGate) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", gate.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// The name lists of the server's KEXINIT (RFC 4253 section 7.1), in their order.
fn offers(gate: &TestGate) -> Vec<String> {
    let mut stream = connect(gate);
    stream.write_all(b"SSH-2.0-Test\r\n").unwrap();
    let mut banner = Vec::new();
    while !banner.ends_with(b"\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        banner.extend(byte);
    }
    assert_eq!(banner, b"SSH-2.0-Lazaret\r\n");
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut packet = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut packet).unwrap();
    assert_eq!(packet[1], 20, "KEXINIT");
    let mut rest = &packet[2 + 16..];
    let mut lists = Vec::new();
    for _ in 0..10 {
        let (count, after) = rest.split_first_chunk::<4>().unwrap();
        let (list, after) = after.split_at(u32::from_be_bytes(*count) as usize);
        lists.push(String::from_utf8(list.to_vec()).unwrap());
        rest = after;
    }
    lists
}

// EVIDENCE-OF: R-309
// EVIDENCE-OF: R-410
#[test]
fn the_offer_is_the_written_one_without_chacha20_and_cbc() {
    let gate = TestGate::start();
    let lists = offers(&gate);
    assert_eq!(
        lists[0],
        "mlkem768x25519-sha256,curve25519-sha256,curve25519-sha256@libssh.org,diffie-hellman-group16-sha512,\
         diffie-hellman-group18-sha512,diffie-hellman-group-exchange-sha256,ext-info-s,kex-strict-s-v00@openssh.com"
    );
    assert_eq!(lists[1], "ssh-ed25519");
    let ciphers = "aes256-gcm@openssh.com,aes128-gcm@openssh.com,aes256-ctr,aes192-ctr,aes128-ctr";
    let macs = "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512";
    assert_eq!(&lists[2..6], [ciphers, ciphers, macs, macs]);
    assert_eq!(&lists[6..8], ["none", "none"]);
    // A client that has nothing else gets nowhere.
    for option in [
        "Ciphers=chacha20-poly1305@openssh.com",
        "Ciphers=aes256-cbc",
        "MACs=hmac-sha1",
        "KexAlgorithms=diffie-hellman-group14-sha256",
    ] {
        let option =
            if option.starts_with("MACs") { format!("{option},Ciphers=aes128-ctr") } else { option.to_owned() };
        let options: Vec<&str> = option.split(',').flat_map(|one| ["-o", one]).collect();
        let refused = ssh(&gate, "acme", &options, &["-s", "sftp"]);
        assert_eq!(refused.status.code(), Some(255), "{}", said(&refused));
        assert!(said(&refused).contains("no matching"), "{}", said(&refused));
    }
    // Every offered exchange, cipher and MAC works.
    for (option, names) in [("KexAlgorithms", lists[0].as_str()), ("Ciphers", ciphers), ("MACs", macs)] {
        for name in names
            .split(',')
            .filter(|name| !name.starts_with("mlkem") && !name.contains("-s-v00") && !name.starts_with("ext"))
        {
            let cipher = if option == "MACs" { "aes128-ctr" } else { "aes256-gcm@openssh.com" };
            let chosen = [format!("{option}={name}"), format!("Ciphers={cipher}")];
            let options: Vec<&str> = chosen.iter().flat_map(|one| ["-o", one.as_str()]).collect();
            let output = gate.sftp_with("acme", &options, "ls\n");
            assert!(output.status.success(), "{name}: {}", said(&output));
        }
    }
}

// EVIDENCE-OF: R-309
#[test]
fn there_is_no_shell_no_command_and_no_forwarding() {
    let gate = TestGate::start();
    let line = "This server speaks SFTP only. Use sftp, or scp without -O.\n";
    let marker = gate.path("executed");
    for command in ["ls", "scp -t x", "", &format!("touch {}", marker.display())] {
        let words: Vec<&str> = if command.is_empty() { Vec::new() } else { vec![command] };
        let output = ssh(&gate, "acme", &["-T"], &words);
        assert_eq!(output.status.code(), Some(1), "{command}: {}", said(&output));
        assert_eq!(String::from_utf8_lossy(&output.stderr), line, "{command}");
        assert!(output.stdout.is_empty());
    }
    assert!(!marker.exists());
    let other = ssh(&gate, "acme", &[], &["-s", "netconf"]);
    assert!(String::from_utf8_lossy(&other.stderr).contains("subsystem request failed"), "{}", said(&other));
    let through = ssh(&gate, "acme", &["-W", "127.0.0.1:22"], &[]);
    assert!(!through.status.success(), "{}", said(&through));
    let back = ssh(&gate, "acme", &["-N", "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:22"], &[]);
    assert!(!back.status.success(), "{}", said(&back));
    let socket = format!("{}:127.0.0.1:22", gate.path("x.sock").display());
    let socket = ssh(&gate, "acme", &["-N", "-o", "ExitOnForwardFailure=yes", "-R", &socket], &[]);
    assert!(!socket.status.success(), "{}", said(&socket));
    // Asked for beside it, agent and environment do no harm.
    let output = gate.sftp_with("acme", &["-o", "SetEnv=LD_PRELOAD=x", "-o", "ForwardAgent=yes"], "ls\n");
    assert!(output.status.success(), "{}", said(&output));
}

// EVIDENCE-OF: R-409
#[test]
fn an_unknown_user_a_foreign_key_and_a_key_of_another_account_get_the_same_answer() {
    let gate = TestGate::start();
    let key = gate.path("stranger");
    let made = command("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status().unwrap();
    assert!(made.success());
    let attempt = |user: &str, key: &std::path::Path| {
        let mut ssh = command("ssh");
        let known = format!("UserKnownHostsFile={}", gate.dir().join("known_hosts").display());
        ssh.args(["-F", "none", "-o", &known, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"]);
        ssh.args(["-p", &gate.sftp_port().to_string(), "-i"])
            .arg(key)
            .arg(format!("{user}@localhost"))
            .args(["-s", "sftp"]);
        let begun = Instant::now();
        let output = super::run(ssh.stdin(Stdio::null()));
        assert_eq!(output.status.code(), Some(255));
        (String::from_utf8_lossy(&output.stderr).replace(user, "USER"), begun.elapsed())
    };
    // Two at a time: the third failure within fifteen seconds would shut this network out.
    let (known, known_time) = attempt("acme", &key);
    let (unknown, unknown_time) = attempt("nobody", &key);
    assert_eq!(known, unknown);
    assert!(known.contains("Permission denied (publickey)"), "{known}");
    // Each refusal takes as long as the next, give or take what this machine is busy with.
    assert!(known_time.abs_diff(unknown_time) < Duration::from_secs(5), "{known_time:?} {unknown_time:?}");
    let gate = TestGate::start();
    let mut raw = Raw::connect(&gate, "acme");
    raw.put("x.txt", b"x");
    let (other, _) = {
        let mut ssh = command("ssh");
        let known = format!("UserKnownHostsFile={}", gate.dir().join("known_hosts").display());
        ssh.args(["-F", "none", "-o", &known, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-i"]);
        ssh.arg(gate.ssh_key("medlog")).args(["-p", &gate.sftp_port().to_string(), "acme@localhost", "-s", "sftp"]);
        let output = super::run(ssh.stdin(Stdio::null()));
        (String::from_utf8_lossy(&output.stderr).replace("acme", "USER"), output.status)
    };
    assert_eq!(other, known);
}

#[test]
fn a_network_that_keeps_failing_is_shut_out_for_a_while() {
    let gate = TestGate::start();
    let key = gate.path("stranger");
    assert!(command("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status().unwrap().success());
    let denied = wait_for("the network is shut out", || {
        let mut ssh = command("ssh");
        let known = format!("UserKnownHostsFile={}", gate.dir().join("known_hosts").display());
        ssh.args(["-F", "none", "-o", &known, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-i"]).arg(&key);
        ssh.args(["-p", &gate.sftp_port().to_string(), "acme@localhost", "-s", "sftp"]);
        let output = super::run(ssh.stdin(Stdio::null()));
        let text = said(&output);
        (!text.contains("Permission denied")).then_some(text)
    });
    assert!(denied.contains("closed by") || denied.contains("reset by"), "{denied}");
    assert!(is_shut(&gate));
}

fn is_shut(gate: &TestGate) -> bool {
    let mut stream = connect(gate);
    let mut banner = [0; 8];
    stream.read_exact(&mut banner).is_err()
}

#[test]
fn ten_keys_may_be_offered_and_no_more() {
    let gate = TestGate::start();
    let keys: Vec<_> = (0..11).map(|n| gate.path(&format!("key{n}"))).collect();
    for key in &keys {
        assert!(
            command("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(key).status().unwrap().success()
        );
    }
    let attempt = |wrong: usize| {
        let mut ssh = command("sftp");
        let known = format!("UserKnownHostsFile={}", gate.dir().join("known_hosts").display());
        ssh.args(["-F", "none", "-o", &known, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"]);
        for key in &keys[..wrong] {
            ssh.arg("-i").arg(key);
        }
        ssh.arg("-i").arg(gate.ssh_key("acme")).args(["-P", &gate.sftp_port().to_string(), "-b"]);
        ssh.arg(gate.file("ls", b"ls\n")).arg("acme@localhost");
        super::run(&mut ssh)
    };
    let ninth = attempt(9);
    assert!(ninth.status.success(), "{}", said(&ninth));
    let eleventh = attempt(10);
    assert!(!eleventh.status.success(), "{}", said(&eleventh));
}

// EVIDENCE-OF: R-122
// EVIDENCE-OF: R-215
#[test]
fn five_hundred_half_open_connections_and_announced_gigabytes_stay_small() {
    let gate = TestGate::start();
    Raw::connect(&gate, "acme").end();
    let before = resident_bytes(&gate);
    let half_open: Vec<TcpStream> = (0..500).map(|_| connect(&gate)).collect();
    // Ten of one network may wait for their sign-in; the others are closed at once.
    wait_for("all but ten are closed", || {
        let open = half_open.iter().filter(|stream| !is_closed(stream)).count();
        assert!(open <= 500);
        (open <= 10).then_some(())
    });
    let grown = resident_bytes(&gate).saturating_sub(before);
    assert!(grown < 32 << 20, "{grown} bytes for half-open connections");
    drop(half_open);
    // A thousand that announce four gigabytes each, in the clear and before anything else.
    for _ in 0..1_000 {
        let mut stream = connect(&gate);
        // Closed by now, or soon: both are right.
        drop(stream.write_all(b"SSH-2.0-Test\r\n\xff\xff\xff\xff\x14\x14\x14\x14\x14\x14\x14\x14\x14\x14\x14\x14"));
    }
    let grown = resident_bytes(&gate).saturating_sub(before);
    assert!(grown < 64 << 20, "{grown} bytes for announced packets");
    // Whoever has a key gets in again.
    wait_for("the door is open", || {
        let output = gate.sftp("acme", "ls\n");
        output.status.success().then_some(())
    });
}

#[test]
fn a_stranger_that_does_not_sign_in_is_cut_after_thirty_seconds() {
    let gate = TestGate::start();
    let mut silent = connect(&gate);
    let mut greeted = connect(&gate);
    greeted.write_all(b"SSH-2.0-Test\r\n").unwrap();
    let begun = Instant::now();
    // A session that did sign in stays.
    let mut raw = Raw::connect(&gate, "acme");
    let mut everything = Vec::new();
    drop(silent.read_to_end(&mut everything));
    drop(greeted.read_to_end(&mut everything));
    let waited = begun.elapsed();
    assert!((Duration::from_secs(28)..Duration::from_secs(40)).contains(&waited), "{waited:?}");
    raw.put("still.txt", b"here");
}

#[test]
fn twenty_connections_are_a_partys_and_the_next_is_told_so() {
    let gate = TestGate::start();
    let mut open: Vec<Raw> = (0..20).map(|_| Raw::connect(&gate, "acme")).collect();
    let refused = gate.sftp("acme", "ls\n");
    assert!(!refused.status.success());
    assert!(said(&refused).contains("Too many connections of yours are open."), "{}", said(&refused));
    // Others are not concerned, and a place that is free is free.
    Raw::connect(&gate, "medlog").end();
    open.pop().unwrap().end();
    wait_for("there is room again", || gate.sftp("acme", "ls\n").status.success().then_some(()));
}

// EVIDENCE-OF: R-122
#[test]
fn a_peer_that_asks_and_never_reads_is_ended_within_bounds() {
    let gate = TestGate::start();
    let mut raw = Raw::connect(&gate, "acme");
    raw.put("big.bin", &content(4 << 20));
    raw.end();
    super::await_state(&gate, "acme", "big.bin", "accepted");
    let mut ben = Raw::connect(&gate, "ben");
    let handle = ben.open("/out/acme-in/big.bin", READ);
    let before = resident_bytes(&gate);
    // Never two that follow one another, so that they cannot be kept as one.
    let mut sent = 0_u64;
    while sent < 2_000_000 && ben.try_ask(Request::Read { handle: &handle, offset: sent % 7 * 500_000, bytes: 261_120 })
    {
        sent += 1;
    }
    let grown = resident_bytes(&gate).saturating_sub(before);
    assert!(sent < 2_000_000, "the session was not ended");
    assert!(grown < 64 << 20, "{grown} bytes after {sent} requests");
}
