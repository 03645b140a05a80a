//! A locked process that misbehaves dies of it. Run against the very function that a worker calls.

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use crate::workers::start;

/// Killed by the filter of system calls.
const SIGSYS: i32 = 31;

fn misbehave(task: &str) -> (String, ExitStatus) {
    let mut child = start("misbehave", &[task]);
    let mut said = String::new();
    child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
    (said, child.wait().unwrap())
}

// EVIDENCE-OF: R-303
#[test]
fn a_worker_that_opens_connects_executes_or_maps_executable_memory_dies() {
    let tasks =
        ["open", "create", "list", "connect", "listen", "unix-socket", "execute", "thread", "map-executable", "signal"];
    for task in tasks {
        let (said, status) = misbehave(task);
        assert!(said.starts_with("locked "), "{task}: {said}");
        assert!(!said.contains("alive"), "{task} was survived");
        assert_eq!(status.signal(), Some(SIGSYS), "{task}: {status:?}");
    }
    assert!(!std::path::Path::new("/tmp/lazaret-worker-was-here").exists());
}

// EVIDENCE-OF: R-206
#[test]
fn nothing_is_executed_in_a_locked_process() {
    let (_, status) = misbehave("execute");
    assert_eq!(status.signal(), Some(SIGSYS));
}

#[test]
fn a_locked_process_that_behaves_lives() {
    let (said, status) = misbehave("close-out");
    assert!(said.contains("alive"), "{said}");
    assert!(status.success());
}

#[test]
fn memory_beyond_the_limit_ends_the_process() {
    let (said, status) = misbehave("memory");
    assert!(!said.contains("alive"));
    assert!(!status.success());
}

// EVIDENCE-OF: R-004
#[test]
fn a_locked_process_is_alone_with_its_pipes() {
    let mut child = start("misbehave", &["wait"]);
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    out.read_line(&mut line).unwrap();
    assert!(line.contains("seccomp: true"), "{line}");
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let limit = |name: &str| limits.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    assert!(limit("Max data size").contains("402653184"), "{limits}");
    for none in ["Max file size", "Max core file size", "Max processes"] {
        assert!(limit(none).trim_start_matches(none).trim_start().starts_with("0 "), "{limits}");
    }
    assert!(limit("Max open files").contains(" 2 "), "{limits}");
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
}
