//! Making a gate, starting it, ending it: what is there afterwards, and what refuses to start.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::gate::{TestGate, command, wait_for};

fn copy(from: &Path, to: &Path) {
    assert!(command("cp").args(["-a"]).arg(from).arg(to).status().unwrap().success());
}

/// A database with its log.
fn database_files(dir: &Path, name: &str) -> Vec<std::path::PathBuf> {
    let names = ["", "-wal", "-shm"].map(|ending| format!("{name}{ending}"));
    names.into_iter().map(|name| dir.join(name)).filter(|file| file.exists()).collect()
}

/// Starts the program in a directory and waits for it to give up.
fn refuses(dir: &Path, flags: &[&str]) -> (Option<i32>, String) {
    let output = command(env!("CARGO_BIN_EXE_lazaret"))
        .args(["up", "--demo", "--dir"])
        .arg(dir)
        .args(["--https", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--sftp", "127.0.0.1:0"])
        .args(flags)
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

// EVIDENCE-OF: R-020
#[test]
fn an_empty_directory_becomes_a_gate_and_term_ends_it_with_zero() {
    let mut gate = TestGate::start();
    for name in ["root.key", "keyring.db", "lazaret.db", "checkpoints.db", "ca.pem", "trust.txt", "gate.id"] {
        assert!(gate.dir().join(name).exists(), "{name}");
    }
    let mode = std::fs::metadata(gate.dir().join("root.key")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let sent = gate.put("acme", "acme-in/kept.txt", b"kept\n");
    let reference = sent.json()["reference"].as_str().unwrap().to_owned();
    assert_eq!(gate.terminate(), Some(0));
    assert!(!gate.dir().join("ready.json").exists(), "nothing says that it is ready");
    gate.restart();
    assert_eq!(gate.get("acme", &format!("/api/v1/transfers/{reference}"))["name"], "kept.txt");
}

// EVIDENCE-OF: R-117
#[test]
fn a_second_process_on_one_gate_ends_at_once() {
    let gate = TestGate::start();
    let (code, text) = refuses(&gate.dir(), &[]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("another process runs the gate"), "{text}");
    assert_eq!(gate.put("acme", "acme-in/still.txt", b"here\n").status, 201);
}

// EVIDENCE-OF: R-023
#[test]
fn an_unknown_setting_or_a_loose_key_refuses_the_start() {
    let mut gate = TestGate::start();
    gate.terminate();
    let key = gate.dir().join("root.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (code, text) = refuses(&gate.dir(), &[]);
    assert_ne!(code, Some(0));
    assert!(text.contains("chmod 600"), "{text}");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let config = gate.file("odd.toml", b"[intake]\nobject_bytes_maximum = 1\n");
    let (code, text) = refuses(&gate.dir(), &["--config", config.to_str().unwrap()]);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("object_bytes_maximum"), "{text}");
    gate.restart();
}

#[test]
fn a_directory_with_something_else_in_it_is_left_alone() {
    let scratch = tempfile::tempdir().unwrap();
    std::fs::write(scratch.path().join("thesis.txt"), "mine").unwrap();
    let (code, text) = refuses(scratch.path(), &[]);
    assert_eq!(code, Some(2), "{text}");
    assert_eq!(std::fs::read_dir(scratch.path()).unwrap().count(), 1);
}

// EVIDENCE-OF: R-320
#[test]
fn an_old_copy_that_is_put_back_records_and_signs_nothing() {
    let mut gate = TestGate::start();
    gate.put("acme", "acme-in/before.txt", b"before\n");
    gate.terminate();
    let old = gate.path("old");
    std::fs::create_dir(&old).unwrap();
    for file in database_files(&gate.dir(), "lazaret.db") {
        copy(&file, &old);
    }
    gate.restart();
    let sent = gate.put("acme", "acme-in/after.txt", b"after\n");
    let reference = sent.json()["reference"].as_str().unwrap().to_owned();
    wait_for("the signature", || {
        let path = format!("/api/v1/transfers/{reference}/receipt");
        (gate.request("acme", "GET", &path).send().status == 200).then_some(())
    });
    gate.terminate();
    let signed = gate.published_checkpoint();
    gate.harm();
    database_files(&gate.dir(), "lazaret.db").iter().for_each(|file| std::fs::remove_file(file).unwrap());
    for file in database_files(&old, "lazaret.db") {
        copy(&file, &gate.dir());
    }
    gate.restart();
    let refused = gate.put("acme", "acme-in/more.txt", b"more\n");
    assert_eq!(refused.status, 503, "{}", refused.text());
    let stranger = gate.request("", "GET", "/readyz").send();
    assert_eq!((stranger.status, stranger.json()), (503, serde_json::json!({"ready": false})), "no word of why");
    let ready = gate.request("", "GET", &format!("{}/readyz", gate.ready["admin"].as_str().unwrap())).send();
    assert_eq!((ready.status, ready.json()["ready"].as_bool()), (503, Some(false)));
    assert!(ready.text().contains("old backup"), "{}", ready.text());
    assert_eq!(gate.published_checkpoint(), signed, "nothing was signed beside it");
    assert_eq!(gate.request("acme", "GET", "/api/v1/transfers").send().status, 200, "reading goes on");
}

// EVIDENCE-OF: R-204
#[test]
fn metrics_are_on_the_administrative_listener_only() {
    let gate = TestGate::start();
    gate.put("acme", "acme-in/counted.txt", b"1\n");
    assert_eq!(gate.request("", "GET", "/metrics").send().status, 404);
    let admin = gate.ready["admin"].as_str().unwrap();
    let metrics = gate.request("", "GET", &format!("{admin}/metrics")).option(&["--insecure"]).send();
    assert_eq!(metrics.status, 200);
    let text = String::from_utf8(metrics.body).unwrap();
    for name in
        ["lazaret_not_checked ", "lazaret_held_oldest_seconds ", "lazaret_ledger_entries ", "lazaret_disk_free_bytes "]
    {
        assert!(text.contains(name), "{name} in {text}");
    }
    let transfers = gate.request("ana", "GET", &format!("{admin}/api/v1/transfers")).option(&["--insecure"]).send();
    assert_eq!(transfers.status, 404);
}

// EVIDENCE-OF: R-217
#[test]
fn two_gates_share_no_key() {
    let (one, two) = (TestGate::start(), TestGate::start());
    for name in ["root.key", "ca.pem", "gate.id", "trust.txt", "keys/acme", "keys/acme.token"] {
        let read = |gate: &TestGate| std::fs::read(gate.dir().join(name)).unwrap();
        assert_ne!(read(&one), read(&two), "{name}");
    }
    assert_ne!(one.ready["sftp"]["host_key_fingerprint"], two.ready["sftp"]["host_key_fingerprint"]);
    let foreign = two.token("acme");
    let file = one.file("x", b"x");
    let put = one.request("", "PUT", "/api/v1/in/acme-in/x").header(&format!("Authorization: Bearer {foreign}"));
    assert_eq!(put.upload(&file).send().status, 401);
}

// EVIDENCE-OF: R-209
#[test]
fn a_copy_of_store_and_blobs_shows_no_name_no_content_and_no_token() {
    let mut gate = TestGate::start();
    let canary = b"canary-content-4711 of a very particular patient\n".repeat(50);
    gate.put("acme", "acme-in/canary-name-4711.txt", &canary);
    let token = gate.token("acme");
    gate.terminate();
    let copy_to = gate.path("copy");
    std::fs::create_dir(&copy_to).unwrap();
    for name in ["lazaret.db", "keyring.db", "checkpoints.db", "blobs", "log"] {
        copy(&gate.dir().join(name), &copy_to.join(name));
    }
    for needle in ["canary-content-4711", "canary-name-4711", "Ana Ruiz", &token] {
        let found = command("grep").args(["-r", "-a", "-l", "-F", needle]).arg(&copy_to).output().unwrap();
        assert!(found.stdout.is_empty(), "{needle} in {}", String::from_utf8_lossy(&found.stdout));
    }
}

#[test]
fn the_demo_has_a_past_that_replays() {
    let gate = TestGate::start_with("demo.transfers = 36\n", &[]);
    let page = gate.get("ana", "/api/v1/transfers?limit=200");
    let items = page["items"].as_array().unwrap();
    assert_eq!(items.len(), 36);
    for state in ["delivered", "held"] {
        assert!(items.iter().any(|item| item["state"] == state), "{state}");
    }
    let oldest = items.last().unwrap()["received"].as_str().unwrap();
    let newest = items[0]["received"].as_str().unwrap();
    assert!(oldest < newest, "{oldest} {newest}");
}

#[test]
fn a_key_that_a_crash_left_with_the_released_ones_goes_back_at_the_start() {
    let mut gate = TestGate::start();
    let reference = gate.put("acme", "acme-in/recalled.txt", b"recalled\n").json()["reference"].clone();
    let out = format!("/api/v1/out/acme-in/{}", reference.as_str().unwrap());
    wait_for("the key to move", || {
        (gate.request("ben", "GET", &out).header("Range: bytes=0-0").send().status == 206).then_some(())
    });
    gate.terminate();
    let old = gate.path("old");
    std::fs::create_dir(&old).unwrap();
    database_files(&gate.dir(), "keyring.db").iter().for_each(|file| copy(file, &old));
    gate.restart();
    let isolated = gate.lazaret(&["isolate", "acme", "--as", "ana", "--yes"]);
    assert!(isolated.status.success(), "{}", String::from_utf8_lossy(&isolated.stderr));
    assert!(gate.fsck().status.success());
    gate.terminate();
    // As if the gate had died between recording that it was withheld and moving its key.
    database_files(&gate.dir(), "keyring.db").iter().for_each(|file| std::fs::remove_file(file).unwrap());
    database_files(&old, "keyring.db").iter().for_each(|file| copy(file, &gate.dir()));
    assert!(!gate.fsck().status.success(), "the key lies where deliveries take it");
    gate.restart();
    wait_for("the key to go back", || gate.fsck().status.success().then_some(()));
}

// A client that sends slowly is in the middle of its upload when the gate is told to end.
#[test]
fn term_lets_an_upload_end_and_takes_no_new_one() {
    let mut gate = TestGate::start();
    let file = gate.file("slow.txt", &b"twelve infusion sets\n".repeat(30_000));
    std::thread::scope(|scope| {
        let sending = scope.spawn(|| {
            let slow = gate.request("acme", "PUT", "/api/v1/in/acme-in/slow.txt").option(&["--limit-rate", "200k"]);
            slow.upload(&file).send()
        });
        wait_for("the upload to begin", || {
            let dry = gate.request("ana", "POST", "/api/v1/parties/acme/isolation?dry_run=true").send();
            (dry.json()["uploads"] == 1).then_some(())
        });
        let told = command("kill").args(["-TERM", &gate.pid().to_string()]).status().unwrap();
        assert!(told.success());
        wait_for("the door to close", || {
            (gate.request("acme", "GET", "/api/v1/whoami").send().status == 0).then_some(())
        });
        assert!(!sending.is_finished(), "the upload was to take longer");
        let answer = sending.join().unwrap();
        assert_eq!(answer.status, 201, "{}", answer.text());
    });
    assert_eq!(gate.await_end(), Some(0));
    gate.restart();
    let sent = gate.get("ana", "/api/v1/transfers?party=acme");
    assert_eq!(sent["items"].as_array().unwrap().len(), 1);
}

#[test]
fn term_waits_for_no_inspection_and_the_next_start_makes_it() {
    let mut gate = TestGate::start();
    let pid = gate.pid().to_string();
    let workers = wait_for("two workers", || {
        let found = command("pgrep").args(["--parent", &pid]).output().unwrap();
        let found: Vec<String> = String::from_utf8(found.stdout).unwrap().lines().map(str::to_owned).collect();
        (found.len() >= 2).then_some(found)
    });
    assert!(command("kill").arg("-STOP").args(&workers).status().unwrap().success());
    let file = gate.file("note.txt", b"twelve infusion sets\n");
    let sent = gate.request("acme", "PUT", "/api/v1/in/acme-in/note.txt").upload(&file).send();
    let reference = sent.json()["reference"].as_str().unwrap().to_owned();
    // Each conversation with a worker is watched by a thread of this name.
    wait_for("the inspection to begin", || {
        let mut threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        let named =
            |thread: std::io::Result<std::fs::DirEntry>| std::fs::read_to_string(thread.unwrap().path().join("comm"));
        threads.any(|thread| named(thread).is_ok_and(|name| name.trim() == "watch-worker")).then_some(())
    });
    let begun = std::time::Instant::now();
    assert_eq!(gate.terminate(), Some(0));
    assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
    gate.restart();
    wait_for("its inspection", || {
        (gate.get("ana", &format!("/api/v1/transfers/{reference}"))["state"] == "released").then_some(())
    });
}
