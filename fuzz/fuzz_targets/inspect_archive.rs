//! Archives of any bytes: each of the formats' signs before them, and as a member of a sound archive.
#![no_main]

use std::sync::LazyLock;

use lazaret_inspect::inspect::inspect;
use lazaret_inspect::malware::Rules;
use lazaret_inspect::protocol::Job;
use libfuzzer_sys::fuzz_target;

static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::compile(&[]).expect("the built-in rules compile"));
const SIGNS: [&[u8]; 6] =
    [b"PK\x03\x04", b"\x1f\x8b\x08\x00\0\0\0\0\0\x03", b"BZh91AY&SY", b"\x28\xb5\x2f\xfd", b"PK\x05\x06", b""];

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let content = [SIGNS[usize::from(*choice) % SIGNS.len()], rest].concat();
    let mut job = Job::new("a.zip", content.len() as u64);
    job.limits.unpacked_bytes_max = 1 << 22;
    job.limits.members_max = 200;
    let report = inspect(&content.as_slice(), &job, &*RULES);
    assert!(!report.findings.iter().any(|finding| finding.rule == "inspector.died"), "{report:?}");
});
