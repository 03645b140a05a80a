//! The gate's half of the conversation, without IO: it takes the frames that a worker writes and says what to do next.
//!
//! The worker may be in an attacker's hands. A request is two numbers, checked against the object and counted; a report is
//! decoded into a closed schema and checked against what was asked. Anything else ends the worker and is an error.

use lazaret_core::digest::Digest;
use lazaret_core::inspection::{Inspector, Why};

use crate::protocol::frame::{self, NotAMessage};
use crate::protocol::{FROM_WORKER_BYTES_MAX, FromWorker, Job, READ_BYTES_MAX, Ready, ToWorker};
use crate::report::{FINDINGS_MAX, Report};
use crate::sandbox::Refused;

/// How often, on average, each byte of an object may be asked for.
const READS_PER_BYTE: u64 = 32;
/// Bytes that may be asked for beside that, so that small objects can be read in large pieces.
const READ_BYTES_FREE: u64 = 256 * 1024 * 1024;
/// Requests per chunk of the object, and beside that: each costs the gate a turn even if it asks for one byte.
const REQUESTS_PER_CHUNK: u64 = 64;
const REQUESTS_FREE: u64 = 16 * 1024;

/// The length of the worker's message after this header.
///
/// # Errors
/// More than a worker may say; end it.
pub fn message_length(header: [u8; frame::HEADER_BYTES]) -> Result<usize, Broken> {
    frame::length(header, FROM_WORKER_BYTES_MAX).map_err(Broken::from)
}

/// The worker broke the protocol, or is none. End it; the object's verdict is [`Broken::why`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// The bytes are no message.
    Message(NotAMessage),
    /// A message out of turn.
    OutOfTurn,
    /// A request outside the object, for nothing, or for too much.
    Request,
    /// It asked for more in all than the object warrants.
    Spent,
    /// Too many findings, or a report that contradicts itself or what was asked.
    Report,
    /// It says itself that it cannot be a worker.
    Refused(Refused),
}

impl Broken {
    /// The reason that goes into the verdict *error*.
    pub const fn why(self) -> Why {
        match self {
            Broken::Refused(_) => Why::EngineAbsent,
            Broken::Message(_) | Broken::OutOfTurn | Broken::Request | Broken::Spent | Broken::Report => {
                Why::WorkerOutput
            }
        }
    }
}

impl From<NotAMessage> for Broken {
    fn from(error: NotAMessage) -> Broken {
        Broken::Message(error)
    }
}

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Broken::Message(error) => write!(f, "the worker sent {error}"),
            Broken::OutOfTurn => f.write_str("the worker sent a message out of turn"),
            Broken::Request => f.write_str("the worker asked for bytes outside the object"),
            Broken::Spent => f.write_str("the worker asked for more bytes than the object warrants"),
            Broken::Report => f.write_str("the worker's report contradicts itself or the job"),
            Broken::Refused(refused) => refused.fmt(f),
        }
    }
}

impl std::error::Error for Broken {}

/// A worker's first answer.
///
/// # Errors
/// It refused, or said something else than that it is ready.
pub fn ready(body: &[u8]) -> Result<Ready, Broken> {
    match frame::decode(body)? {
        FromWorker::Ready(ready) => Ok(ready),
        FromWorker::Refused(refused) => Err(Broken::Refused(refused)),
        FromWorker::Read { .. } | FromWorker::Report(_) => Err(Broken::OutOfTurn),
    }
}

/// One job's conversation, from the job's frame to the report.
#[derive(Debug)]
pub struct Session {
    size: u64,
    required: Vec<Inspector>,
    rules: Digest,
    bytes_left: u64,
    requests_left: u64,
    done: bool,
}

/// What to do after a worker's message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Read these bytes of the object and write the frame of [`bytes`]; they lie within it.
    Serve {
        /// From where.
        at: u64,
        /// How many.
        length: usize,
    },
    /// That was the answer.
    Done(Box<Report>),
}

impl Session {
    /// Begins a job with a worker that is ready. Write the job's frame ([`job`]) first.
    pub fn new(job: &Job, ready: &Ready) -> Session {
        let chunks = job.size / u64::from(READ_BYTES_MAX);
        Session {
            size: job.size,
            required: job.required.clone(),
            rules: ready.rules,
            bytes_left: READ_BYTES_FREE.saturating_add(job.size.saturating_mul(READS_PER_BYTE)),
            requests_left: REQUESTS_FREE.saturating_add(chunks.saturating_mul(REQUESTS_PER_CHUNK)),
            done: false,
        }
    }

    /// Takes the worker's next message.
    ///
    /// # Errors
    /// The worker must be ended; the verdict is *error* with [`Broken::why`].
    pub fn heard(&mut self, body: &[u8]) -> Result<Step, Broken> {
        if self.done {
            return Err(Broken::OutOfTurn);
        }
        match frame::decode(body)? {
            FromWorker::Read { at, length } => self.serve(at, length),
            FromWorker::Report(report) => self.finish(report),
            FromWorker::Ready(_) | FromWorker::Refused(_) => Err(Broken::OutOfTurn),
        }
    }

    fn serve(&mut self, at: u64, length: u32) -> Result<Step, Broken> {
        let within = at.checked_add(u64::from(length)).is_some_and(|end| end <= self.size);
        if !within || length == 0 || length > READ_BYTES_MAX {
            return Err(Broken::Request);
        }
        self.bytes_left = self.bytes_left.checked_sub(u64::from(length)).ok_or(Broken::Spent)?;
        self.requests_left = self.requests_left.checked_sub(1).ok_or(Broken::Spent)?;
        Ok(Step::Serve { at, length: usize::try_from(length).map_err(|_| Broken::Request)? })
    }

    fn finish(&mut self, report: Report) -> Result<Step, Broken> {
        let fits = report.findings.len() <= FINDINGS_MAX && report.rules == self.rules;
        if !fits || !report.is_consistent(&self.required, self.size) {
            return Err(Broken::Report);
        }
        self.done = true;
        Ok(Step::Done(Box::new(report)))
    }
}

/// The frame of a job.
///
/// # Errors
/// The job is too large to send.
pub fn job(job: &Job) -> Result<Vec<u8>, NotAMessage> {
    frame::encode(&ToWorker::Job(job.clone()))
}

/// The frame of a set-up.
///
/// # Errors
/// The rules are too large to send.
pub fn setup(setup: &super::Setup) -> Result<Vec<u8>, NotAMessage> {
    let frame = frame::encode(&ToWorker::Setup(setup.clone()))?;
    if frame.len() > super::TO_WORKER_BYTES_MAX { Err(NotAMessage::TooLong) } else { Ok(frame) }
}

/// The frame that answers a request.
///
/// # Errors
/// More bytes than a request may ask for.
pub fn bytes(bytes: Vec<u8>) -> Result<Vec<u8>, NotAMessage> {
    frame::encode(&ToWorker::Bytes(bytes))
}

/// The frame that says that the bytes cannot be had.
///
/// # Errors
/// None in practice.
pub fn no_bytes() -> Result<Vec<u8>, NotAMessage> {
    frame::encode(&ToWorker::NoBytes)
}

/// Why a conversation over blocking pipes ended without a report.
#[derive(Debug)]
pub enum Ended {
    /// The worker broke the protocol.
    Broken(Broken),
    /// The pipe broke: the worker died.
    Died(std::io::Error),
}

impl Ended {
    /// The reason that goes into the verdict *error*.
    pub fn why(&self) -> Why {
        match self {
            Ended::Broken(broken) => broken.why(),
            Ended::Died(_) => Why::WorkerDied,
        }
    }
}

impl From<Broken> for Ended {
    fn from(broken: Broken) -> Ended {
        Ended::Broken(broken)
    }
}

impl From<NotAMessage> for Ended {
    fn from(error: NotAMessage) -> Ended {
        Ended::Broken(error.into())
    }
}

impl From<std::io::Error> for Ended {
    fn from(error: std::io::Error) -> Ended {
        Ended::Died(error)
    }
}

/// Sends the set-up over blocking pipes and waits until the worker is ready.
///
/// # Errors
/// The worker refused, broke the protocol, or died.
pub fn begin(
    to: &mut impl std::io::Write,
    from: &mut impl std::io::Read,
    setup_with: &super::Setup,
) -> Result<Ready, Ended> {
    to.write_all(&setup(setup_with)?)?;
    to.flush()?;
    Ok(ready(&next(from)?)?)
}

/// One job over blocking pipes: writes it, serves what the worker asks for, and gives the report. For the command line and
/// for tests; the gate pumps [`Session`] itself, with its own time limits.
///
/// # Errors
/// The worker broke the protocol or died.
pub fn converse(
    to: &mut impl std::io::Write,
    from: &mut impl std::io::Read,
    (what, ready): (&Job, &Ready),
    content: &dyn crate::content::Content,
) -> Result<Report, Ended> {
    let mut session = Session::new(what, ready);
    to.write_all(&job(what)?)?;
    to.flush()?;
    loop {
        match session.heard(&next(from)?)? {
            Step::Done(report) => return Ok(*report),
            Step::Serve { at, length } => {
                let answer = match crate::content::read_vec(content, at, length) {
                    Ok(read) if read.len() == length => bytes(read)?,
                    Ok(_) | Err(_) => no_bytes()?,
                };
                to.write_all(&answer)?;
                to.flush()?;
            }
        }
    }
}

fn next(from: &mut impl std::io::Read) -> Result<Vec<u8>, Ended> {
    match frame::read(from, FROM_WORKER_BYTES_MAX) {
        Ok(Some(body)) => Ok(body),
        Ok(None) => Err(Ended::Died(std::io::ErrorKind::UnexpectedEof.into())),
        Err(error) if error.get_ref().is_some_and(|inner| inner.is::<NotAMessage>()) => {
            Err(Ended::Broken(Broken::Message(NotAMessage::TooLong)))
        }
        Err(error) => Err(Ended::Died(error)),
    }
}
