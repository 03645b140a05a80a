//! Any bytes as the gate's or the worker's message: no panic, and what is taken is the one encoding of what it says.
#![no_main]

use lazaret_core::digest::Digest;
use lazaret_inspect::protocol::session::{self, Session};
use lazaret_inspect::protocol::{FromWorker, Job, Ready, ToWorker, frame};
use lazaret_inspect::sandbox::Confinement;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(message) = frame::decode::<ToWorker>(bytes) {
        assert_eq!(frame::encode(&message).map(|frame| frame[4..].to_vec()).as_deref(), Ok(bytes));
    }
    if let Ok(message) = frame::decode::<FromWorker>(bytes) {
        assert_eq!(frame::encode(&message).map(|frame| frame[4..].to_vec()).as_deref(), Ok(bytes));
    }
    let _ = session::ready(bytes);
    let ready = Ready { confinement: Confinement::NONE, rules: Digest::of(b"") };
    let _ = Session::new(&Job::new("object", 1 << 20), &ready).heard(bytes);
    // The worker's own loop, on whatever the other side of its pipe may write.
    let _ = lazaret_inspect::worker::run_unconfined(bytes, std::io::sink());
});
