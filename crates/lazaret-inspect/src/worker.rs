//! A worker's life: set up, try the rules, lock up, say so, look at objects, end.
//!
//! `lazaret inspect --worker` is this and nothing else. Whatever goes wrong ends the process; the gate takes a missing
//! answer for an error, never for clean.

use std::io::{Read, Write};
use std::process::ExitCode;

use lazaret_core::inspection::Why;

use crate::inspect::inspect;
use crate::malware::Rules;
use crate::protocol::{FromWorker, JOBS_MAX, Job, Ready, Setup, TO_WORKER_BYTES_MAX, ToWorker, frame};
use crate::report::Report;
use crate::sandbox::{Confinement, Refused, lock_down};

use self::pipe::{Gone, Pipe};

mod pipe;

/// How far a worker stands behind the gate for a processor: about a quarter is left to it while senders are waiting for
/// their acknowledgement, everything else of the time all of it. More, and a large object could run out of its time.
const NICENESS: i32 = 5;

/// Takes jobs from `input` and answers on `output` until the input ends or the set-up's number of jobs is done.
///
/// Start it in a process of one thread with an empty environment, whose standard input and output are pipes and are
/// what is passed here. Every other descriptor is closed.
pub fn run(input: impl Read + Send, output: impl Write + Send) -> ExitCode {
    // A panic's message can hold content, and standard error belongs to someone else.
    std::panic::set_hook(Box::new(|_| {}));
    // Where this is refused the worker is as fast as others, and does the same.
    let _ = rustix::process::nice(NICENESS);
    let pipe = Pipe::new(input, output);
    match begin(&pipe).and_then(|(rules, setup)| Ok((rules, setup, lock_down()?))) {
        Ok((rules, setup, confinement)) => match serve(&pipe, &rules, confinement, setup.jobs_max) {
            Ok(()) => ExitCode::SUCCESS,
            Err(Gone) => ExitCode::FAILURE,
        },
        Err(refused) => {
            let _ = pipe.say(&FromWorker::Refused(refused));
            ExitCode::FAILURE
        }
    }
}

/// The same loop without a cell, in the caller's own process: for tests of the protocol and for fuzzing.
///
/// # Errors
/// The set-up is wrong, or the other side left or broke the protocol.
pub fn run_unconfined(input: impl Read + Send, output: impl Write + Send) -> Result<(), Refused> {
    let pipe = Pipe::new(input, output);
    let (rules, setup) = begin(&pipe)?;
    serve(&pipe, &rules, Confinement::NONE, setup.jobs_max).map_err(|Gone| Refused::Setup)
}

/// Everything that needs rights, or memory that is never given back: the rules are compiled and tried on bytes of ours.
fn begin<R: Read + Send, W: Write + Send>(pipe: &Pipe<R, W>) -> Result<(Rules, Setup), Refused> {
    let Ok(Some(ToWorker::Setup(setup))) = pipe.hear() else { return Err(Refused::Setup) };
    if setup.jobs_max == 0 || setup.jobs_max > JOBS_MAX {
        return Err(Refused::Setup);
    }
    let rules = Rules::compile(&setup.rules).map_err(|_| Refused::Rules)?;
    let warm = Job::new("warm-up", WARM_UP.len() as u64);
    let report = inspect(&WARM_UP, &warm, &rules);
    let looked = report.row(lazaret_core::inspection::Inspector::Malware);
    if looked.is_some_and(|row| row.verdict == lazaret_core::inspection::Verdict::Clean) {
        Ok((rules, setup))
    } else {
        Err(Refused::Rules)
    }
}

const WARM_UP: &[u8] = b"A sentence that nothing is wrong with, read once before the first one that may be.\n";

fn serve<R: Read + Send, W: Write + Send>(
    pipe: &Pipe<R, W>,
    rules: &Rules,
    confinement: Confinement,
    jobs_max: u16,
) -> Result<(), Gone> {
    pipe.say(&FromWorker::Ready(Ready { confinement, rules: rules.digest() }))?;
    for _ in 0..jobs_max {
        let job = match pipe.hear()? {
            None => return Ok(()),
            Some(ToWorker::Job(job)) => job,
            Some(ToWorker::Setup(_) | ToWorker::Bytes(_) | ToWorker::NoBytes) => return Err(Gone),
        };
        let report = answer(pipe, &job, rules)?;
        pipe.say(&FromWorker::Report(report))?;
    }
    Ok(())
}

fn answer<R: Read + Send, W: Write + Send>(pipe: &Pipe<R, W>, job: &Job, rules: &Rules) -> Result<Report, Gone> {
    if job.rules.is_some_and(|wanted| wanted != rules.digest()) {
        return Ok(Report::failed(&job.required, Why::EngineAbsent, job.size, rules.digest()));
    }
    pipe.open(job.size);
    let report = inspect(pipe, job, rules);
    // A chunk that was asked for in advance is still on its way; the report may not overtake it.
    pipe.close()?;
    Ok(report)
}

/// Reads the gate's next message; none at the end of the input.
fn hear(input: &mut impl Read) -> Result<Option<ToWorker>, Gone> {
    match frame::read(input, TO_WORKER_BYTES_MAX) {
        Ok(Some(body)) => frame::decode(&body).map(Some).map_err(|_| Gone),
        Ok(None) => Ok(None),
        Err(_) => Err(Gone),
    }
}
