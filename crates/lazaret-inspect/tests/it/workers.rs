//! A real worker over real pipes, as the gate would have one.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use lazaret_core::inspection::{Inspector, Verdict};
use lazaret_inspect::content::Content;
use lazaret_inspect::protocol::session::{self, Broken, Ended, Session, Step};
use lazaret_inspect::protocol::{FromWorker, Job, Ready, RuleText, Setup, frame};
use lazaret_inspect::report::Report;

/// The program of this name from `examples/`, built with the tests; built now if only these tests were asked for.
#[expect(clippy::disallowed_methods, reason = "the test starts what the gate's station would start")]
pub(crate) fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let folder = tests.parent().and_then(|deps| deps.parent()).unwrap();
    let path = folder.join("examples").join(name);
    if !path.exists() {
        let mut build = std::process::Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "lazaret-inspect", "--example", name]);
        if folder.ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().unwrap().success(), "the example {name} does not build");
    }
    path
}

/// Starts a program as the gate starts a worker: two pipes, no environment.
#[expect(clippy::disallowed_methods, reason = "the test starts what the gate's station would start")]
pub(crate) fn start(name: &str, arguments: &[&str]) -> Child {
    let mut command = std::process::Command::new(example(name));
    command.args(arguments).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// A worker that is ready.
pub(crate) struct Worker {
    pub(crate) child: Child,
    pub(crate) to: ChildStdin,
    pub(crate) from: ChildStdout,
    pub(crate) ready: Ready,
}

impl Worker {
    pub(crate) fn start(setup: &Setup) -> Result<Worker, Ended> {
        let mut child = start("worker", &[]);
        let (mut to, mut from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let ready = match session::begin(&mut to, &mut from, setup) {
            Ok(ready) => ready,
            Err(ended) => {
                child.wait().unwrap();
                return Err(ended);
            }
        };
        Ok(Worker { child, to, from, ready })
    }

    pub(crate) fn inspect(&mut self, job: &Job, content: &dyn Content) -> Result<Report, Ended> {
        session::converse(&mut self.to, &mut self.from, (job, &self.ready), content)
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One object by a worker of its own.
pub(crate) fn inspect(name: &str, bytes: &[u8]) -> Report {
    inspect_job(&Job::new(name, bytes.len() as u64), bytes)
}

pub(crate) fn inspect_job(job: &Job, bytes: &[u8]) -> Report {
    let mut worker = Worker::start(&Setup::one_job()).unwrap();
    worker.inspect(job, &bytes).unwrap()
}

fn status(pid: u32, field: &str) -> String {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap_or_default();
    line.split_ascii_whitespace().nth(1).unwrap_or_default().to_owned()
}

#[test]
fn a_worker_answers_and_ends_after_its_last_job() {
    let mut worker = Worker::start(&Setup { rules: Vec::new(), jobs_max: 2 }).unwrap();
    for text in [b"one".as_slice(), b"two, longer"] {
        let report = worker.inspect(&Job::new("note.txt", text.len() as u64), &text).unwrap();
        assert_eq!(report.verdict, Verdict::Clean, "{report:?}");
        assert_eq!(report.row(Inspector::Malware).unwrap().bytes_seen, text.len() as u64);
    }
    assert!(worker.child.wait().unwrap().success());
}

#[test]
fn a_worker_ends_when_its_input_ends() {
    let mut child = start("worker", &[]);
    let (mut to, mut from) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    session::begin(&mut to, &mut from, &Setup::one_job()).unwrap();
    drop(to);
    assert!(child.wait().unwrap().success());
}

// EVIDENCE-OF: R-305
#[test]
fn a_worker_holds_its_two_pipes_and_nothing_else() {
    let worker = Worker::start(&Setup::one_job()).unwrap();
    let pid = worker.child.id();
    assert!(worker.ready.confinement.seccomp);
    assert_eq!(status(pid, "Seccomp:"), "2");
    assert_eq!(status(pid, "NoNewPrivs:"), "1");
    assert_eq!(status(pid, "CapEff:"), "0000000000000000");
    assert_eq!(status(pid, "CapPrm:"), "0000000000000000");
    assert_eq!(status(pid, "Threads:"), "1");
    // A process that cannot be dumped belongs to root in /proc: only root sees its descriptors there.
    if let Ok(listing) = std::fs::read_dir(format!("/proc/{pid}/fd")) {
        let mut open: Vec<String> =
            listing.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        open.sort();
        assert_eq!(open, ["0", "1"]);
    }
    if let Ok(environment) = std::fs::read(format!("/proc/{pid}/environ")) {
        assert!(environment.is_empty());
    }
    if let (true, Ok(own), Ok(its)) = (
        worker.ready.confinement.namespaces,
        std::fs::read_link("/proc/self/ns/net"),
        std::fs::read_link(format!("/proc/{pid}/ns/net")),
    ) {
        assert_ne!(own, its);
    }
}

// EVIDENCE-OF: R-305
#[test]
#[expect(clippy::disallowed_methods, reason = "the test starts what the gate's station would start")]
fn a_worker_with_an_environment_or_without_pipes_refuses() {
    let path = example("worker");
    let run = |command: &mut std::process::Command| -> Vec<u8> {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        if let Some(mut to) = child.stdin.take() {
            let _ = to.write_all(&session::setup(&Setup::one_job()).unwrap());
        }
        let mut said = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut said).unwrap();
        assert!(!child.wait().unwrap().success());
        said
    };
    let mut with_secrets = std::process::Command::new(&path);
    with_secrets.env_clear().env("LAZARET_SECRET", "x").stdin(Stdio::piped());
    let said = run(&mut with_secrets);
    let body = frame::read(&mut said.as_slice(), 4096).unwrap().unwrap();
    let refused = lazaret_inspect::sandbox::Refused::Environment;
    assert_eq!(session::ready(&body), Err(Broken::Refused(refused)));

    let file = std::env::temp_dir().join(format!("lazaret-setup-{}", std::process::id()));
    std::fs::write(&file, session::setup(&Setup::one_job()).unwrap()).unwrap();
    let mut from_file = std::process::Command::new(&path);
    from_file.env_clear().stdin(std::fs::File::open(&file).unwrap());
    let said = run(&mut from_file);
    std::fs::remove_file(&file).unwrap();
    let body = frame::read(&mut said.as_slice(), 4096).unwrap().unwrap();
    assert_eq!(session::ready(&body), Err(Broken::Refused(lazaret_inspect::sandbox::Refused::Descriptors)));

    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    (&ours).write_all(&session::setup(&Setup::one_job()).unwrap()).unwrap();
    let mut from_socket = std::process::Command::new(&path);
    from_socket.env_clear().stdin(std::os::fd::OwnedFd::from(theirs));
    let said = run(&mut from_socket);
    let body = frame::read(&mut said.as_slice(), 4096).unwrap().unwrap();
    assert_eq!(session::ready(&body), Err(Broken::Refused(lazaret_inspect::sandbox::Refused::Descriptors)));
}

#[test]
fn rules_of_the_gate_look_too_and_bad_rules_are_refused() {
    let rule = |text: &str| Setup { rules: vec![RuleText { name: "ours".into(), text: text.into() }], jobs_max: 1 };
    let mut worker = Worker::start(&rule("rule marker { strings: $a = \"pink elephant\" condition: $a }")).unwrap();
    let text: &[u8] = b"there is a pink elephant in the room";
    let report = worker.inspect(&Job::new("a.txt", text.len() as u64), &text).unwrap();
    assert_eq!(report.row(Inspector::Malware).unwrap().verdict, Verdict::Bad);
    assert!(report.findings.iter().any(|finding| finding.rule == "malware.marker"));
    let refused = Worker::start(&rule("rule broken {")).err().unwrap();
    assert!(matches!(refused, Ended::Broken(Broken::Refused(lazaret_inspect::sandbox::Refused::Rules))));
}

#[test]
fn a_worker_with_other_rules_than_asked_for_is_an_error() {
    let mut worker = Worker::start(&Setup::one_job()).unwrap();
    let text: &[u8] = b"text";
    let mut job = Job::new("a.txt", 4);
    job.rules = Some(lazaret_core::digest::Digest::of(b"others"));
    let report = worker.inspect(&job, &text).unwrap();
    assert_eq!(report.verdict, Verdict::Error);
}

#[test]
fn content_that_cannot_be_read_is_an_error_and_never_clean() {
    struct Broken;
    impl Content for Broken {
        fn size(&self) -> u64 {
            1_000_000
        }
        fn read_at(&self, at: u64, buffer: &mut [u8]) -> Result<usize, lazaret_inspect::content::ReadFault> {
            if at > 300_000 {
                return Err(lazaret_inspect::content::ReadFault::Gone);
            }
            buffer.fill(b'x');
            Ok(buffer.len())
        }
    }
    let mut worker = Worker::start(&Setup::one_job()).unwrap();
    match worker.inspect(&Job::new("a.txt", 1_000_000), &Broken) {
        Ok(report) => assert_eq!(report.verdict, Verdict::Error),
        Err(ended) => assert!(matches!(ended, Ended::Died(_))),
    }
}

// EVIDENCE-OF: R-303
#[test]
fn a_worker_that_breaks_the_protocol_is_an_error() {
    let digest = lazaret_core::digest::Digest::of(b"rules");
    let ready = Ready { confinement: lazaret_inspect::sandbox::Confinement::NONE, rules: digest };
    let job = Job::new("a", 100);
    let body = |message: &FromWorker| frame::encode(message).unwrap()[4..].to_vec();
    let check = |message: &[u8], expected: Result<Step, Broken>| {
        assert_eq!(Session::new(&job, &ready).heard(message), expected);
    };
    check(&body(&FromWorker::Read { at: 0, length: 100 }), Ok(Step::Serve { at: 0, length: 100 }));
    for (at, length) in [(0, 101), (100, 1), (0, 0), (u64::MAX, 1), (0, u32::MAX)] {
        check(&body(&FromWorker::Read { at, length }), Err(Broken::Request));
    }
    check(&body(&FromWorker::Ready(ready)), Err(Broken::OutOfTurn));
    check(b"", Err(Broken::Message(frame::NotAMessage::Malformed)));
    let mut more = body(&FromWorker::Read { at: 0, length: 1 });
    more.push(0);
    check(&more, Err(Broken::Message(frame::NotAMessage::NotCanonical)));
    assert!(session::message_length([0xff; 4]).is_err());

    // A report that no honest worker gives: clean without having seen every byte; other rules; an unknown field.
    let text = [b'x'; 100];
    let mut honest = inspect("a", &text);
    honest.rules = digest;
    check(&body(&FromWorker::Report(honest.clone())), Ok(Step::Done(Box::new(honest.clone()))));
    let forged = |change: &dyn Fn(&mut Report)| {
        let mut report = honest.clone();
        change(&mut report);
        body(&FromWorker::Report(report))
    };
    check(&forged(&|report| report.inspectors[0].bytes_seen = 99), Err(Broken::Report));
    check(&forged(&|report| report.inspectors[0].bytes_total = 10), Err(Broken::Report));
    check(&forged(&|report| report.inspectors.retain(|row| row.inspector != Inspector::Archive)), Err(Broken::Report));
    check(&forged(&|report| report.verdict = Verdict::NotInspected), Err(Broken::Report));
    check(&forged(&|report| report.rules = lazaret_core::digest::Digest::of(b"none")), Err(Broken::Report));
    let mut unknown_field = body(&FromWorker::Report(honest.clone()));
    // The report is the last item: a map of ten pairs becomes one of eleven.
    let map = unknown_field.iter().position(|byte| *byte == 0xaa).unwrap();
    unknown_field[map] = 0xab;
    unknown_field.extend([0x18, 0x63, 0x00]);
    check(&unknown_field, Err(Broken::Message(frame::NotAMessage::NotCanonical)));
    let flood = forged(&|report| {
        let finding = lazaret_inspect::report::Finding {
            inspector: Inspector::Kind,
            rule: "kind.x".into(),
            verdict: Verdict::Clean,
            why: None,
            member: 0,
            path: Vec::new(),
        };
        report.findings = vec![finding; lazaret_inspect::report::FINDINGS_MAX + 1];
    });
    check(&flood, Err(Broken::Report));
}

#[test]
fn a_worker_that_asks_without_end_is_stopped() {
    let ready = Ready {
        confinement: lazaret_inspect::sandbox::Confinement::NONE,
        rules: lazaret_core::digest::Digest::of(b""),
    };
    let mut session = Session::new(&Job::new("a", 10), &ready);
    let ask = frame::encode(&FromWorker::Read { at: 0, length: 1 }).unwrap()[4..].to_vec();
    let served = (0..1_000_000).take_while(|_| session.heard(&ask).is_ok()).count();
    assert!(served < 100_000, "{served}");
    assert_eq!(session.heard(&ask), Err(Broken::Spent));
}
