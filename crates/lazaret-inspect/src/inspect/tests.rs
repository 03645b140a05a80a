//! Tests of the engine: what becomes of inspectors that fail, and of jobs that run out of time.

use super::*;
use crate::budget::Limits;
use crate::malware::{Rules, Tee, Unscanned};
use lazaret_core::digest::Digest;
use lazaret_core::inspection::{PhiPresence, SignatureState};

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

/// A new inspector answers too: the compiler asks for its reach, and this for its row.
#[test]
fn every_inspector_answers_for_every_object() {
    let rules = Rules::compile(&[]).unwrap();
    let content: &[u8] = b"text";
    let job = Job { required: Inspector::ALL.to_vec(), ..Job::new("a.txt", 4) };
    let report = inspect(&content, &job, &rules);
    for inspector in Inspector::ALL {
        assert_eq!(report.row(*inspector).is_some(), reach(*inspector) != Reach::Documents, "{inspector:?}");
    }
    assert!(report.is_consistent(Inspector::ALL, 4));
}

#[test]
fn a_report_whose_attributes_deny_its_rows_is_not_believed() {
    let rules = Rules::compile(&[]).unwrap();
    let required = [Inspector::Kind];
    let program: &[u8] = b"#!/bin/sh\necho\n";
    let disguised = inspect(&program, &Job::new("a.pdf", program.len() as u64), &rules);
    let size = program.len() as u64;
    assert!(disguised.is_consistent(&required, size) && disguised.other_bad);
    assert!(!Report { other_bad: false, ..disguised.clone() }.is_consistent(&required, size));
    assert!(!Report { signature: SignatureState::Bad, ..disguised.clone() }.is_consistent(&required, size));
    let mut denied = disguised.clone();
    denied.inspectors.iter_mut().filter(|row| row.inspector == Inspector::Signature).for_each(|row| {
        row.verdict = Verdict::Bad;
    });
    assert!(!denied.is_consistent(&required, size));
    let picture: &[u8] = b"GIF89a\x01\x00\x01\x00\x00\x00\x00\x3b";
    let size = picture.len() as u64;
    let unread = inspect(&picture, &Job::new("a.gif", size), &rules);
    assert!(unread.is_consistent(&required, size) && unread.phi.present == PhiPresence::Unknown);
    let named = Report { phi: crate::report::PhiSummary::none(PhiPresence::No), ..unread.clone() };
    assert!(!named.is_consistent(&required, size));
    let mut forgotten = unread;
    forgotten.findings.iter_mut().for_each(|finding| finding.verdict = Verdict::Bad);
    assert!(!forgotten.is_consistent(&required, size));
}
