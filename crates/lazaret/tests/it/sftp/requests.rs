//! What each request means, one rule a test.

use lazaret_formats::sftp::{Attrs, Extended, Incoming, Init, OpenFlags, Pairs, Request, Times};

use super::raw::*;
use super::{await_state, content};
use crate::gate::{TestGate, wait_for};

const LANE: &str = "/in/acme-in";

#[test]
fn the_greeting_is_version_3_whatever_later_one_is_offered() {
    let gate = TestGate::start();
    let mut raw = Raw::connect_silently(&gate, "acme");
    raw.send(&Incoming::Init(Init { version: 6, extensions: Pairs::default() }));
    let Reply::Version(3, extensions) = raw.receive().1 else { panic!("no version") };
    assert_eq!(
        extensions,
        [
            "posix-rename@openssh.com 1",
            "statvfs@openssh.com 2",
            "fstatvfs@openssh.com 2",
            "fsync@openssh.com 1",
            "limits@openssh.com 1",
            "lsetstat@openssh.com 1"
        ]
    );
    assert_eq!(raw.call(Request::Extended(Extended::Limits)), Reply::Extended(vec![262_144, 261_120, 261_120, 64]));
    // An older version, a second greeting, or a request before the first: the session ends.
    let mut old = Raw::connect_silently(&gate, "acme");
    old.send(&Incoming::Init(Init { version: 2, extensions: Pairs::default() }));
    assert_eq!(old.try_receive(), None);
    let mut eager = Raw::connect_silently(&gate, "acme");
    eager.ask(Request::Stat { path: b"/" });
    assert_eq!(eager.try_receive(), None);
    raw.send(&Incoming::Init(Init { version: 3, extensions: Pairs::default() }));
    assert_eq!(raw.try_receive(), None);
}

// EVIDENCE-OF: R-006
#[test]
fn what_is_closed_under_a_plain_name_is_a_transfer_and_is_listed() {
    let gate = TestGate::start();
    let mut raw = Raw::connect(&gate, "acme");
    let bytes = content(100_000);
    raw.put("/in/acme-in/r1.csv", &bytes);
    gate.assert_arrived("acme", "r1.csv", &bytes, 1);
    assert_eq!(raw.size("/in/acme-in/r1.csv"), Some(100_000));
    let lines = raw.list(LANE);
    assert_eq!(lines.len(), 1);
    assert!(lines[0].1.starts_with("--w-------    1 acme     acme       100000 "), "{}", lines[0].1);
    // Nothing is read back.
    let refused = raw.try_open("/in/acme-in/r1.csv", READ).unwrap_err();
    assert_eq!(refused.0, PERMISSION_DENIED);
    // Nothing at all is a file too.
    raw.put("/in/acme-in/empty", b"");
    gate.assert_arrived("acme", "empty", b"", 1);
}

#[test]
fn the_home_of_a_party_with_one_lane_is_that_lane() {
    let gate = TestGate::start();
    let mut raw = Raw::connect(&gate, "acme");
    raw.put("r1.csv", b"one");
    gate.assert_arrived("acme", "r1.csv", b"one", 1);
    assert_eq!(raw.names("/"), ["in", "out", "receipts", "r1.csv"]);
    assert_eq!(raw.names("/in/acme-in"), ["r1.csv"]);
    // Only folders of the lane: a path that is mistyped is refused.
    assert_eq!(raw.try_open("/reports/a.csv", TRUNCATE).unwrap_err().0, NO_SUCH_FILE);
    assert_eq!(raw.mkdir("/reports").status(), OK);
    raw.put("/reports/a.csv", b"two");
    gate.assert_arrived("acme", "reports/a.csv", b"two", 1);
    assert_eq!(raw.names("/reports"), ["a.csv"]);
    assert_eq!(raw.names("/in/acme-in/reports"), ["a.csv"]);
    // The tree's own names stay its own.
    for taken in ["/in", "/out", "/receipts", "/out/x", "/receipts/x", "/"] {
        assert!(raw.try_open(taken, TRUNCATE).is_err(), "{taken}");
    }
    // The ready file says the longer name of the same place.
    let inbox = gate.ready["parties"][0]["sftp_inbox"].as_str().unwrap().to_owned();
    raw.put(&format!("{inbox}/r2.csv"), b"three");
    assert_eq!(raw.size("/r2.csv"), Some(5));
}

// EVIDENCE-OF: R-418
#[test]
fn a_lane_of_another_party_looks_like_one_that_is_not_there() {
    let gate = TestGate::start();
    let mut raw = Raw::connect(&gate, "acme");
    let foreign = raw.try_open("/in/lab-in/x", TRUNCATE).unwrap_err();
    let unknown = raw.try_open("/in/nowhere/x", TRUNCATE).unwrap_err();
    assert_eq!(foreign, unknown);
    assert_eq!(foreign.0, PERMISSION_DENIED);
    assert_eq!(raw.stat("/in/lab-in"), raw.stat("/in/nowhere"));
    assert_eq!(raw.stat("/out/lab-out"), raw.stat("/out/nowhere"));
    assert_eq!(raw.names("/in"), ["acme-in"]);
    // People of the hospital do not put here, and see the lanes that they receive from.
    let mut person = Raw::connect(&gate, "ben");
    assert_eq!(person.try_open("/in/acme-in/x", TRUNCATE).unwrap_err().0, PERMISSION_DENIED);
    assert_eq!(person.try_open("/x", TRUNCATE).unwrap_err().0, PERMISSION_DENIED);
    assert_eq!(person.names("/out"), ["acme-in"]);
    assert_eq!(gate.transfers("acme").len(), 0);
}

// EVIDENCE-OF: R-022
#[test]
fn overwriting_a_name_is_a_new_version_and_scp_may_overwrite_with_less() {
    let gate = TestGate::start();
    let mut raw = Raw::connect(&gate, "acme");
    raw.put("a.bin", &content(50_000));
    raw.put("a.bin", b"shorter");
    gate.assert_arrived("acme", "a.bin", b"shorter", 2);
    assert_eq!(raw.size("a.bin"), Some(7));
    // As scp does it: no TRUNC, from 0 on, the size at the end.
    let handle = raw.open("a.bin", CREATE);
    assert_eq!(raw.write(&handle, 0, b"less"), OK);
    assert_eq!(raw.set_size(&handle, 4), OK);
    assert_eq!(raw.close(&handle), OK);
    gate.assert_arrived("acme", "a.bin", b"less", 3);
    // Opened and closed without a byte: nothing changed.
    let handle = raw.open("a.bin", CREATE);
    assert_eq!(raw.close(&handle), OK);
    assert_eq!(gate.named("acme", "a.bin").len(), 3);
    // A new name only, as EXCL asks.
    assert_eq!(raw.try_open("a.bin", EXCLUSIVE).unwrap_err().0, FAILURE);
    let handle = raw.open("b.bin", EXCLUSIVE);
    assert_eq!(raw.close(&handle), OK);
    // Without CREAT what is not there is not there.
    assert_eq!(raw.try_open("c.bin", OpenFlags::WRITE).unwrap_err().0, NO_SUCH_FILE);
}

// EVIDENCE-OF: R-108
#[test]
fn the_same_bytes_under_the_same_name_are_one_transfer() {
    let gate = TestGate::start();
    let mut raw = Raw::connect(&gate, "acme");
    for _ in 0..3 {
        raw.put("retry.bin", b"the same");
    }
    gate.assert_arrived("acme", "retry.bin", b"the same", 1);
    // Taken out of sight and sent again: there is one transfer still, and it is seen again.
    assert_eq!(raw.remove("retry.bin").status(), OK);
    assert_eq!(raw.size("retry.bin"), None);
    raw.put("retry.bin", b"the same");
    assert_eq!(raw.size("retry.bin"), Some(8));
    gate.assert_arrived("acme", "retry.bin", b"the same", 1);
}

#[test]
fn writes_may_run_ahead_within_a_window_and_holes_are_no_file() {
    let gate = TestGate::start();
    let mut raw = Raw::connect(&gate, "acme");
    let bytes = content(600_000);
    let handle = raw.open("parallel.bin", TRUNCATE);
    let mut order: Vec<usize> = (0..bytes.len().div_ceil(16_384)).collect();
    order.chunks_mut(5).for_each(<[usize]>::reverse);
    for piece in order {
        let end = bytes.len().min((piece + 1) * 16_384);
        assert_eq!(raw.write(&handle, piece as u64 * 16_384, &bytes[piece * 16_384..end]), OK);
    }
    assert_eq!(raw.close(&handle), OK);
    gate.assert_arrived("acme", "parallel.bin", &bytes, 1);
    // A hole at the end of it.
    let handle = raw.open("hole.bin", TRUNCATE);
    assert_eq!(raw.write(&handle, 0, b"abc"), OK);
    assert_eq!(raw.write(&handle, 4, b"efg"), OK);
    assert_eq!(raw.close(&handle), FAILURE);
    // Further ahead than the window.
    let handle = raw.open("far.bin", TRUNCATE);
    assert_eq!(raw.write(&handle, 16 << 20, b"x"), FAILURE);
    assert_eq!(raw.close(&handle), FAILURE);
    // What was taken is never written again, and one failure is for good.
    let handle = raw.open("twice.bin", TRUNCATE);
    assert_eq!(raw.write(&handle, 0, b"abc"), OK);
    assert_eq!(raw.write(&handle, 0, b"xyz"), FAILURE);
    assert_eq!(raw.write(&handle, 3, b"def"), FAILURE);
    assert_eq!(raw.close(&handle), FAILURE);
    for name in ["hole.bin", "far.bin", "twice.bin"] {
        assert_eq!(gate.named("acme", name).len(), 0);
        assert_eq!(gate.journal_state("acme", name).as_deref(), Some("not-received"), "{name}");
        assert_eq!(raw.size(name), None);
    }
}

#[test]
fn a_promised_size_binds_and_a_smaller_one_cuts() {
    let gate = TestGate::start();
    let mut raw = Raw::connect(&gate, "acme");
    // As an scp that lies, or was cut short.
    let handle = raw.open("short.bin", TRUNCATE);
    assert_eq!(raw.set_size(&handle, 10), OK);
    assert_eq!(raw.write(&handle, 0, b"abc"), OK);
    assert_eq!(raw.close(&handle), FAILURE);
    assert_eq!(gate.journal_state("acme", "short.bin").as_deref(), Some("not-received"));
    // More than promised is refused at the byte.
    let handle = raw.open("long.bin", TRUNCATE);
    assert_eq!(raw.set_size(&handle, 3), OK);
    assert_eq!(raw.write(&handle, 0, b"abcd"), FAILURE);
    assert_eq!(raw.close(&handle), FAILURE);
    // Smaller than what came: cut there, and on.
    let bytes = content(70_000);
    let handle = raw.open("cut.bin", TRUNCATE);
    for (piece, data) in bytes.chunks(10_000).enumerate() {
        assert_eq!(raw.write(&handle, piece as u64 * 10_000, data), OK);
    }
    assert_eq!(raw.set_size(&handle, 40_001), OK);
    assert_eq!(raw.write(&handle, 40_001, b"end"), OK);
    assert_eq!(raw.set_size(&handle, 40_004), OK);
    assert_eq!(raw.close(&handle), OK);
    gate.assert_arrived("acme", "cut.bin", &[&bytes[..40_001], b"end"].concat(), 1);
    // Nothing, before the first WRITE on something that is there: as TRUNC.
    let handle = raw.open("cut.bin", CREATE);
    assert_eq!(raw.set_size(&handle, 0), OK);
    assert_eq!(raw.close(&handle), OK);
    gate.assert_arrived("acme", "cut.bin", b"", 2);
}

#[test]
fn times_and_mode_are_kept_and_shown_and_everything_else_is_taken_for_done() {
    let gate = TestGate::start();
    let mut raw = Raw::connect(&gate, "acme");
    let shown = |raw: &mut Raw, path: &str| match raw.stat(path) {
        Reply::Attrs { mode, mtime, .. } => (mode, mtime),
        other => panic!("{path}: {other:?}"),
    };
    raw.put("a.txt", b"a");
    assert_eq!(shown(&mut raw, "a.txt").0, 0o100_200);
    assert_eq!(raw.set_times("a.txt", 1_700_000_000).status(), OK);
    let mode = Attrs { permissions: Some(0o100_640), ..Attrs::default() };
    assert_eq!(raw.call(Request::Setstat { path: b"a.txt", attrs: mode }).status(), OK);
    assert_eq!(shown(&mut raw, "a.txt"), (0o100_640, 1_700_000_000));
    assert!(raw.list("/")[3].1.contains(" Nov 14  2023 a.txt"), "{:?}", raw.list("/"));
    // On the handle, before CLOSE; and by lsetstat.
    let handle = raw.open("b.txt", TRUNCATE);
    let times = Attrs { times: Some(Times { accessed_s: 1, modified_s: 1_600_000_000 }), ..Attrs::default() };
    assert_eq!(raw.call(Request::Fsetstat { handle: &handle, attrs: times }).status(), OK);
    assert_eq!(raw.close(&handle), OK);
    assert_eq!(shown(&mut raw, "b.txt").1, 1_600_000_000);
    let attrs = Attrs { times: Some(Times { accessed_s: 1, modified_s: 5 }), ..Attrs::default() };
    assert_eq!(raw.call(Request::Extended(Extended::Lsetstat { path: b"b.txt", attrs })).status(), OK);
    assert_eq!(shown(&mut raw, "b.txt").1, 5);
    // Owners are nobody's business; folders and what is given are what they are.
    let owner = Attrs { owner: Some(lazaret_formats::sftp::Owner { user: 0, group: 0 }), ..Attrs::default() };
    for path in ["a.txt", "/in/acme-in", "/out", "/"] {
        assert_eq!(raw.call(Request::Setstat { path: path.as_bytes(), attrs: owner }).status(), OK, "{path}");
    }
    let size = Attrs { size: Some(0), ..Attrs::default() };
    assert_eq!(raw.call(Request::Setstat { path: b"a.txt", attrs: size }).status(), FAILURE);
    assert_eq!(raw.set_times("nothing", 1).status(), NO_SUCH_FILE);
    gate.assert_arrived("acme", "a.txt", b"a", 1);
}

#[test]
fn a_temporary_name_is_sealed_by_its_rename_only() {
    let gate = TestGate::start();
    let mut raw = Raw::connect(&gate, "acme");
    let bytes = content(300_000);
    let names = [
        ("a.csv.filepart", "a.csv"),
        ("b.csv.part", "b.csv"),
        (".in.c.csv", "c.csv"),
        ("d.csv.1f2e3d4c.partial", "d.csv"),
    ];
    for (temporary, plain) in names {
        raw.put(temporary, &bytes);
        assert_eq!(raw.size(temporary), Some(300_000));
        assert_eq!(gate.named("acme", plain).len() + gate.named("acme", temporary).len(), 0);
        // WinSCP and lftp remove the target first, whether or not it is there.
        assert_eq!(raw.remove(plain).status(), NO_SUCH_FILE);
        assert_eq!(raw.rename(temporary, plain).status(), OK);
        gate.assert_arrived("acme", plain, &bytes, 1);
        assert_eq!((raw.size(temporary), raw.size(plain)), (None, Some(300_000)));
    }
    // The target must be free, or the client says that it may be replaced.
    raw.put("a.csv.part", b"second");
    assert_eq!(raw.rename("a.csv.part", "a.csv").status(), FAILURE);
    assert_eq!(raw.posix_rename("a.csv.part", "a.csv").status(), OK);
    gate.assert_arrived("acme", "a.csv", b"second", 2);
    // From one temporary name to another it stays unfinished.
    raw.put("e.part", b"e");
    assert_eq!(raw.rename("e.part", "e.tmp").status(), OK);
    assert_eq!((raw.size("e.part"), raw.size("e.tmp")), (None, Some(1)));
    assert_eq!(gate.named("acme", "e.tmp").len(), 0);
    assert_eq!(raw.remove("e.tmp").status(), OK);
    assert_eq!(raw.size("e.tmp"), None);
}

#[test]
fn a_sealed_name_moves_for_a_moment_and_then_no_more() {
    let gate = TestGate::start();
    let mut raw = Raw::connect(&gate, "acme");
    raw.put("a.csv", b"a");
    assert_eq!(raw.rename("a.csv", "a.csv.done").status(), OK);
    assert_eq!((raw.size("a.csv"), raw.size("a.csv.done")), (None, Some(1)));
    gate.assert_arrived("acme", "a.csv.done", b"a", 1);
    // What comes under the old name is new, even if it is the same.
    raw.put("a.csv", b"a");
    gate.assert_arrived("acme", "a.csv", b"a", 1);
    raw.end();
    let reference = await_state(&gate, "acme", "a.csv", "accepted")["reference"].as_str().unwrap().to_owned();
    let mut raw = Raw::connect(&gate, "acme");
    let refused = raw.rename("a.csv", "b.csv");
    assert_eq!(refused.status(), PERMISSION_DENIED);
    assert_eq!(refused.text(), format!("Already received as {reference}."));
    assert_eq!(raw.rename("a.csv", "/in/lab-in/a.csv").status(), PERMISSION_DENIED);
    assert_eq!(raw.rename("a.csv", "/out/acme-out/a.csv").status(), PERMISSION_DENIED);
    assert_eq!(raw.rename("nothing", "b.csv").status(), NO_SUCH_FILE);
}

#[test]
fn removing_what_was_received_hides_its_name_and_the_transfer_lives_on() {
    let gate = TestGate::start();
    let mut raw = Raw::connect(&gate, "acme");
    raw.put("a.csv", b"one");
    raw.put("a.csv", b"two");
    assert_eq!(raw.remove("a.csv").status(), OK);
    assert_eq!(raw.size("a.csv"), None);
    assert_eq!(raw.remove("a.csv").status(), NO_SUCH_FILE);
    assert_eq!(raw.names(LANE), Vec::<String>::new());
    assert_eq!(gate.named("acme", "a.csv").len(), 2);
    raw.end();
    await_state(&gate, "acme", "a.csv", "accepted");
    // While it is open: nothing of it stays.
    let mut raw = Raw::connect(&gate, "acme");
    let handle = raw.open("b.csv", TRUNCATE);
    assert_eq!(raw.write(&handle, 0, b"abc"), OK);
    assert_eq!(raw.remove("b.csv").status(), OK);
    assert_eq!(raw.write(&handle, 3, b"def"), FAILURE);
    assert_eq!(raw.close(&handle), FAILURE);
    assert_eq!(gate.named("acme", "b.csv").len(), 0);
}

#[test]
fn folders_are_labels_on_an_inbound_lane() {
    let gate = TestGate::start();
    let mut raw = Raw::connect(&gate, "acme");
    assert_eq!(raw.mkdir("/in/acme-in/2026").status(), OK);
    assert_eq!(raw.mkdir("/in/acme-in/2026").status(), FAILURE);
    assert_eq!(raw.mkdir("/in/acme-in").status(), FAILURE);
    for elsewhere in ["/in/lab-in/x", "/out/x", "/receipts/x", "/out/acme-out/x"] {
        assert_eq!(raw.mkdir(elsewhere).status(), PERMISSION_DENIED, "{elsewhere}");
    }
    raw.put("/in/acme-in/2026/11/a.csv", b"a");
    assert_eq!(raw.names("/in/acme-in/2026"), ["11"]);
    assert_eq!(raw.names("/in/acme-in/2026/11"), ["a.csv"]);
    assert!(matches!(raw.stat("/in/acme-in/2026/11"), Reply::Attrs { mode: 0o040_700, .. }));
    assert_eq!(raw.rmdir("/in/acme-in/2026/11").status(), FAILURE);
    assert_eq!(raw.remove("/in/acme-in/2026/11").status(), FAILURE);
    assert!(raw.try_open("/in/acme-in/2026/11", TRUNCATE).is_err());
    assert_eq!(raw.remove("/in/acme-in/2026/11/a.csv").status(), OK);
    assert_eq!(raw.rmdir("/in/acme-in/2026/11").status(), OK);
    assert_eq!(raw.rmdir("/in/acme-in/2026").status(), OK);
    assert_eq!(raw.rmdir("/in/acme-in/2026").status(), NO_SUCH_FILE);
    // What came by another door in a folder is found in it.
    assert_eq!(gate.put("acme", "acme-in/lab/x.csv", b"x").status, 201);
    assert_eq!(raw.names("/lab"), ["x.csv"]);
}

#[test]
fn a_long_folder_comes_in_pages() {
    let gate = TestGate::start();
    let mut raw = Raw::connect(&gate, "acme");
    for number in 0..230 {
        assert_eq!(raw.mkdir(&format!("/in/acme-in/folder-{number:03}")).status(), OK);
    }
    let names = raw.names(LANE);
    assert_eq!(names.len(), 230);
    assert!(names.is_sorted());
}

// EVIDENCE-OF: R-207
// EVIDENCE-OF: R-417
#[test]
fn hostile_names_are_refused_and_paths_are_text() {
    let gate = TestGate::start();
    let mut raw = Raw::connect(&gate, "acme");
    let real = |raw: &mut Raw, path: &[u8]| match raw.call(Request::Realpath { path }) {
        Reply::Names(names) => names[0].0.clone(),
        other => format!("{}", other.status()),
    };
    assert_eq!(real(&mut raw, b"."), "/");
    assert_eq!(real(&mut raw, b"../../etc/passwd"), "/etc/passwd");
    assert_eq!(real(&mut raw, b"/in/x/../acme-in/./new.csv"), "/in/acme-in/new.csv");
    assert_eq!(real(&mut raw, b"a\0b"), "4");
    let hostile: &[&[u8]] = &[
        b"a\0b",
        b"a\nb",
        b"a\x1b[2Jb",
        b"a\\b",
        b"..\\..\\x",
        b"trailing.",
        b"trailing ",
        "gpj.\u{202e}exe.txt".as_bytes(),
        b"\xff\xfe",
        b"a/b/c/d/e/f/g/h/i",
        &[b'x'; 256],
        &[b'x'; 5_000],
    ];
    for name in hostile {
        let path = [b"/in/acme-in/".as_slice(), name].concat();
        let reply = raw.call(Request::Open { path: &path, flags: TRUNCATE, attrs: Attrs::default() });
        assert_eq!(reply.status(), FAILURE, "{}", String::from_utf8_lossy(name));
        assert_ne!(raw.call(Request::Mkdir { path: &path, attrs: Attrs::default() }).status(), OK);
        let from = raw.call(Request::Rename { from: b"/in/acme-in/x", to: &path });
        assert_ne!(from.status(), OK);
    }
    // Dots are taken out before anybody looks: this is a name on the lane, and it lands nowhere else.
    raw.put("/in/acme-in/../../in/acme-in/./x.csv", b"x");
    gate.assert_arrived("acme", "x.csv", b"x", 1);
    // One name in two spellings of Unicode is one name.
    raw.put("caf\u{e9}.txt", b"one");
    raw.put("cafe\u{301}.txt", b"two");
    assert_eq!(raw.size("caf\u{e9}.txt"), Some(3));
    assert_eq!(raw.names(LANE).len(), 2);
    assert_eq!(gate.transfers("acme").len(), 3);
}

#[test]
fn what_is_not_offered_is_answered_with_the_requests_own_id() {
    let gate = TestGate::start();
    let mut raw = Raw::connect(&gate, "acme");
    let link = |raw: &mut Raw, request| assert_eq!(raw.call(request).status(), OP_UNSUPPORTED);
    link(&mut raw, Request::Readlink { path: b"/x" });
    link(&mut raw, Request::Symlink { first: b"/x", second: b"/y" });
    for name in [b"hardlink@openssh.com".as_slice(), b"copy-data", b"expand-path@openssh.com", b"home-directory"] {
        link(&mut raw, Request::Extended(Extended::Unknown { name, data: b"\0\0\0\x01xyz" }));
    }
    raw.send_bytes(&[0, 0, 0, 5, 42, 0, 0, 0, 7]);
    let (id, reply) = raw.receive();
    assert_eq!((id, reply.status()), (7, OP_UNSUPPORTED));
    // Handles that were never given out.
    for handle in [b"".as_slice(), b"abcd", b"\0\0\0\x09", &[0xff; 256]] {
        assert_eq!(raw.close(handle), FAILURE);
        assert_eq!(raw.write(handle, 0, b"x"), FAILURE);
        assert_eq!(raw.call(Request::Fstat { handle }).status(), FAILURE);
    }
}

// EVIDENCE-OF: R-024
#[test]
fn packets_that_cannot_be_read_are_bad_messages_or_the_end() {
    let gate = TestGate::start();
    let mut raw = Raw::connect(&gate, "acme");
    // An OPEN that ends inside its path, a WRITE with more data than its packet.
    raw.send_bytes(&[0, 0, 0, 9, 3, 0, 0, 0, 5, 0, 0, 0, 9]);
    let (id, reply) = raw.receive();
    assert_eq!((id, reply.status()), (5, BAD_MESSAGE));
    let handle = raw.open("x.bin", TRUNCATE);
    raw.send_bytes(&[0, 0, 0, 26, 6, 0, 0, 0, 9, 0, 0, 0, 4]);
    raw.send_bytes(&handle);
    raw.send_bytes(&[0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1]);
    let (id, reply) = raw.receive();
    assert_eq!((id, reply.status()), (9, BAD_MESSAGE));
    assert_eq!(raw.write(&handle, 0, b"still here"), OK);
    assert_eq!(raw.close(&handle), OK);
    // A packet of nothing, one that is too long, one whose id cannot be read, one that only servers send.
    for bytes in
        [&[0, 0, 0, 0][..], &[0, 4, 0, 1, 3], &[0xff; 8], &[0, 0, 0, 3, 4, 0, 0], &[0, 0, 0, 5, 101, 0, 0, 0, 1]]
    {
        let mut raw = Raw::connect(&gate, "acme");
        raw.send_bytes(bytes);
        assert_eq!(raw.try_receive(), None, "{bytes:?}");
    }
    assert_eq!(gate.transfers("acme").len(), 1);
}

#[test]
fn handles_are_counted_and_df_shows_the_quota() {
    let gate = TestGate::start_with("[intake]\nparty_bytes_max = 1073741824\nuploads_per_party_max = 100\n", &[]);
    let mut raw = Raw::connect(&gate, "acme");
    let handles = (0..64).map(|_| match raw.call(Request::Opendir { path: b"/" }) {
        Reply::Handle(handle) => handle,
        other => panic!("{other:?}"),
    });
    let handles: Vec<Vec<u8>> = handles.collect();
    assert_eq!(raw.call(Request::Opendir { path: b"/" }).status(), FAILURE);
    assert_eq!(raw.try_open("x", TRUNCATE).unwrap_err().0, FAILURE);
    for handle in handles {
        assert_eq!(raw.close(&handle), OK);
    }
    let vfs = |raw: &mut Raw, path: &[u8]| match raw.call(Request::Extended(Extended::StatVfs { path })) {
        Reply::Extended(values) => values,
        other => panic!("{other:?}"),
    };
    let blocks = (1 << 30) / 4_096;
    assert_eq!(vfs(&mut raw, b"/in/acme-in"), [4_096, 4_096, blocks, blocks, blocks, 100, 100, 100, 0, 2, 255]);
    assert_eq!(vfs(&mut raw, b"/out")[9], 3, "what only gives is read-only");
    // An open upload reserves ahead of its writes.
    let handle = raw.open("x.bin", TRUNCATE);
    let open = vfs(&mut raw, b"/in");
    assert_eq!((open[3], open[6]), (blocks - (64 << 20) / 4_096, 99));
    let by_handle = raw.call(Request::Extended(Extended::FstatVfs { handle: &handle }));
    assert_eq!(by_handle, Reply::Extended(open));
    assert_eq!(raw.close(&handle), OK);
    assert_eq!(vfs(&mut raw, b"/in")[6], 100);
}

#[test]
fn fsync_answers_when_the_bytes_are_durable() {
    let gate = TestGate::start();
    let mut raw = Raw::connect(&gate, "acme");
    let handle = raw.open("x.bin", TRUNCATE);
    assert_eq!(raw.write(&handle, 0, &content(20_000)), OK);
    assert_eq!(raw.call(Request::Extended(Extended::Fsync { handle: &handle })).status(), OK);
    assert_eq!(raw.write(&handle, 20_000, b"more"), OK);
    assert_eq!(raw.close(&handle), OK);
    gate.assert_arrived("acme", "x.bin", &[&content(20_000)[..], b"more"].concat(), 1);
}

// EVIDENCE-OF: R-112
#[test]
fn the_end_of_a_quota_is_heard_at_open_or_told_in_the_journal() {
    // Two steps of 64 MiB: the third is one too many.
    let gate = TestGate::start_with("[intake]\nparty_bytes_max = 134217728\nuploads_per_party_max = 2\n", &[]);
    let mut raw = Raw::connect(&gate, "acme");
    let first = raw.open("a.bin", TRUNCATE);
    let second = raw.open("b.bin", TRUNCATE);
    let refused = raw.try_open("c.bin", TRUNCATE).unwrap_err();
    assert_eq!(refused.0, FAILURE);
    assert!(refused.1.starts_with("There is no room left in your share of the gate."), "{}", refused.1);
    let piece = content(261_120);
    let mut status = OK;
    let mut offset = 0;
    while status == OK && offset < 100 << 20 {
        status = raw.write(&first, offset, &piece);
        offset += piece.len() as u64;
    }
    assert_eq!(status, FAILURE, "64 MiB are its own, the next step is not there");
    assert_eq!(raw.close(&first), FAILURE);
    assert_eq!(gate.journal_state("acme", "a.bin").as_deref(), Some("not-received"));
    assert_eq!(raw.write(&second, 0, b"b"), OK);
    assert_eq!(raw.close(&second), OK);
    gate.assert_arrived("acme", "b.bin", b"b", 1);
    raw.put("c.bin", b"c");
}

// EVIDENCE-OF: R-118
// EVIDENCE-OF: R-404
#[test]
fn isolation_ends_the_sessions_of_a_party_within_a_second_and_lets_no_byte_in() {
    let gate = TestGate::start();
    let mut uploading = Raw::connect(&gate, "acme");
    let mut idle = Raw::connect(&gate, "acme");
    let mut other = Raw::connect(&gate, "medlog");
    let handle = uploading.open("big.bin", TRUNCATE);
    assert_eq!(uploading.write(&handle, 0, &content(200_000)), OK);
    assert_eq!(gate.request("ana", "POST", "/api/v1/parties/acme/isolation").send().status, 200);
    let isolated = std::time::Instant::now();
    assert_eq!(idle.try_receive(), None);
    let last = uploading.call_or_end(Request::Write { handle: &handle, offset: 200_000, data: b"more" });
    assert!(last.is_none_or(|reply| reply.status() == PERMISSION_DENIED));
    wait_for("the uploading session ends", || uploading.is_over().then_some(()));
    assert!(isolated.elapsed().as_millis() < 1_500, "{:?}", isolated.elapsed());
    // The key opens, and nothing more does.
    let mut again = Raw::connect_silently(&gate, "acme");
    assert_eq!(again.try_receive(), None);
    other.put("x.txt", b"x");
    let arrived = gate.get("ana", "/api/v1/transfers?party=acme");
    assert_eq!(arrived["items"].as_array().unwrap().len(), 0);
}
