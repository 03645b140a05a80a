//! The whole engine on any bytes: no panic, no inspector that dies, the same report twice, and no clean that was not seen.
#![no_main]

use std::sync::LazyLock;

use lazaret_core::inspection::Verdict;
use lazaret_inspect::inspect::inspect;
use lazaret_inspect::malware::Rules;
use lazaret_inspect::protocol::Job;
use libfuzzer_sys::fuzz_target;

static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::compile(&[]).expect("the built-in rules compile"));

fuzz_target!(|bytes: &[u8]| {
    let job = Job::new("object", bytes.len() as u64);
    let report = inspect(&bytes, &job, &*RULES);
    assert!(!report.findings.iter().any(|finding| finding.rule == "inspector.died"), "{report:?}");
    assert!(report.inspectors.iter().all(|row| row.verdict != Verdict::Clean || row.bytes_seen == row.bytes_total));
    assert_eq!(report.evidence(), inspect(&bytes, &job, &*RULES).evidence());
});
