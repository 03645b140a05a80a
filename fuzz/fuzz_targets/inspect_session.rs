//! What a worker in an attacker's hands may say: any frames lead to an answer within the object, to a whole report, or to
//! the end of the worker. The first byte is the object's size, then come frames.
#![no_main]

use lazaret_inspect::protocol::frame::{HEADER_BYTES, encode, length, read};
use lazaret_inspect::protocol::session::{Session, Step, message_length, ready};
use lazaret_inspect::protocol::{FROM_WORKER_BYTES_MAX, FromWorker, Job, READ_BYTES_MAX};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((size, mut input)) = data.split_first() else { return };
    let Ok(Some(first)) = read(&mut input, FROM_WORKER_BYTES_MAX) else { return };
    let Ok(ready) = ready(&first) else { return };
    let job = Job::new("object", u64::from(*size) << 8);
    let mut session = Session::new(&job, &ready);
    while let Some((header, rest)) = input.split_first_chunk::<HEADER_BYTES>() {
        let Ok(bytes) = message_length(*header) else { return };
        assert_eq!(length(*header, FROM_WORKER_BYTES_MAX), Ok(bytes));
        let Some((body, rest)) = rest.split_at_checked(bytes) else { return };
        input = rest;
        match session.heard(body) {
            Ok(Step::Serve { at, length }) => {
                assert!(length > 0 && length <= READ_BYTES_MAX as usize && at + length as u64 <= job.size);
            }
            Ok(Step::Done(report)) => {
                assert!(job.required.iter().all(|required| report.row(*required).is_some()));
                let again = encode(&FromWorker::Report(*report)).expect("short enough");
                assert_eq!(&again[HEADER_BYTES..], body);
                assert!(session.heard(body).is_err(), "one answer a job");
            }
            Err(broken) => drop(broken.to_string()),
        }
    }
});
