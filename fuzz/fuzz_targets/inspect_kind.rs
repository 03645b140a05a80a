//! Names, media types and content that do not fit: the first byte chooses a name, the rest is the content.
#![no_main]

use std::sync::LazyLock;

use lazaret_inspect::inspect::inspect;
use lazaret_inspect::malware::Rules;
use lazaret_inspect::protocol::Job;
use libfuzzer_sys::fuzz_target;

static RULES: LazyLock<Rules> = LazyLock::new(|| Rules::compile(&[]).expect("the built-in rules compile"));
const NAMES: [&str; 12] =
    ["a.pdf", "a.png", "a.jpg", "a.gif", "a.dcm", "a.exe", "a.elf", "a.xml", "a.json", "a.txt", "a.bin", "a.7z"];
const SIGNS: [&[u8]; 12] = [
    b"%PDF-1.7\n",
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0",
    b"GIF89a",
    b"",
    b"MZ",
    b"\x7fELF\x02\x01\x01",
    b"<?xml version='1.0'?>",
    b"{",
    b"",
    b":",
    b"7z\xbc\xaf\x27\x1c",
];

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let choice = usize::from(*choice) % NAMES.len();
    let content = [SIGNS[choice], rest].concat();
    let report = inspect(&content.as_slice(), &Job::new(NAMES[choice], content.len() as u64), &*RULES);
    assert!(!report.findings.iter().any(|finding| finding.rule == "inspector.died"), "{report:?}");
});
