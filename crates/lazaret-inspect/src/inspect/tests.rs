//! Tests of the engine: what becomes of inspectors that fail, and of jobs that run out of time.

use super::*;
use crate::budget::Limits;
use crate::malware::{Rules, Tee, Unscanned};
use lazaret_core::digest::Digest;
use lazaret_core::inspection::PhiPresence;

/// An engine that breaks in one way.
enum Broken {
    Panics,
    RunsOutOfTime,
}

impl Scanner for Broken {
    fn digest(&self) -> Digest {
        Digest::of(b"broken")
    }

    fn scan_whole(&self, _: &[u8]) -> Result<Vec<String>, Unscanned> {
        match self {
            Broken::Panics => panic!("as it would on a bug"),
            Broken::RunsOutOfTime => Err(Unscanned { found: Vec::new(), cause: Cause::Time }),
        }
    }

    fn scan_blocks(&self, _: &dyn Content, _: u64, _: &mut Tee<'_>) -> Result<Vec<String>, Unscanned> {
        self.scan_whole(b"")
    }
}

fn malware(scanner: &Broken, content: &[u8]) -> (Verdict, Option<Why>, Verdict) {
    let report = inspect(&content, &Job::new("a.txt", content.len() as u64), scanner);
    let row = report.row(Inspector::Malware).unwrap();
    (row.verdict, row.why, report.verdict)
}

#[test]
fn an_inspector_that_dies_or_runs_out_of_time_is_never_clean() {
    let died = (Verdict::Error, Some(Why::WorkerDied), Verdict::Error);
    let late = (Verdict::NotInspected, Some(Why::Time), Verdict::NotInspected);
    assert_eq!(malware(&Broken::Panics, b"text"), died);
    assert_eq!(malware(&Broken::RunsOutOfTime, b"text"), late);
    let large = vec![b'x'; 33 * 1024 * 1024];
    assert_eq!(malware(&Broken::Panics, &large), died);
    assert_eq!(malware(&Broken::RunsOutOfTime, &large), late);
}

#[test]
fn a_job_without_time_is_not_inspected() {
    let content: &[u8] = b"text";
    let limits = Limits { time_ms_max: 0, ..Limits::for_size(4) };
    let report = inspect(&content, &Job { limits, ..Job::new("a.txt", 4) }, &Rules::compile(&[]).unwrap());
    assert_eq!((report.verdict, report.phi.present), (Verdict::NotInspected, PhiPresence::Unknown));
    assert!(
        report
            .inspectors
            .iter()
            .filter(|row| row.inspector != Inspector::Signature)
            .all(|row| row.why == Some(Why::Time))
    );
}

#[test]
fn content_that_cannot_be_read_is_an_error_of_every_inspector() {
    struct Gone;
    impl Content for Gone {
        fn size(&self) -> u64 {
            100
        }
        fn read_at(&self, _: u64, _: &mut [u8]) -> Result<usize, ReadFault> {
            Err(ReadFault::Gone)
        }
    }
    let report = inspect(&Gone, &Job::new("a.txt", 100), &Rules::compile(&[]).unwrap());
    for inspector in [Inspector::Kind, Inspector::Archive, Inspector::Malware, Inspector::Phi] {
        assert_eq!(report.row(inspector).unwrap().verdict, Verdict::Error, "{inspector:?}");
    }
}

#[test]
fn a_report_for_a_worker_that_gave_none_is_an_error_of_all_that_was_asked() {
    let required = [Inspector::Malware, Inspector::Kind, Inspector::Phi];
    let report = Report::failed(&required, Why::WorkerDied, 100, Digest::of(b""));
    assert_eq!(report.verdict, Verdict::Error);
    assert!(report.is_consistent(&required, 100));
    assert_eq!(report.phi.present, PhiPresence::Unknown);
}
