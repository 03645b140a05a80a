//! Texts, tables, messages and resources of any bytes: no panic, and no person in what has no letter and no digit.
#![no_main]

use std::sync::LazyLock;

use lazaret_core::inspection::PhiPresence;
use lazaret_inspect::inspect::inspect;
use lazaret_inspect::malware::Rules;
use lazaret_inspect::protocol::Job;
use libfuzzer_sys::fuzz_target;

static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::compile(&[]).expect("the built-in rules compile"));
const BEGINNINGS: [&str; 7] = [
    "",
    "patient name,dob,medicare\n",
    "MSH|^~\\&|A|B|C|D|2026||ORU^R01|1|P|2.5\rPID|1||",
    "MSH|^~\\&|A|B|C|D|2026||ORU^R01|1|P|2.5\rOBX|1|ED|X||^^^Base64^",
    "{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"",
    "{\"note\":\"",
    "<?xml version='1.0'?><a>",
];

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let beginning = BEGINNINGS[usize::from(*choice) % BEGINNINGS.len()];
    let content = [beginning.as_bytes(), rest].concat();
    let report = inspect(&content.as_slice(), &Job::new("object", content.len() as u64), &*RULES);
    assert!(!report.findings.iter().any(|finding| finding.rule == "inspector.died"), "{report:?}");
    if beginning.is_empty() && !rest.iter().any(|byte| byte.is_ascii_alphanumeric() || *byte >= 0x80) {
        assert_ne!(report.phi.present, PhiPresence::Yes);
    }
});
