//! What the gate and a worker say to each other: length-prefixed CBOR over two pipes.
//!
//! The gate sends [`ToWorker`], the worker [`FromWorker`]. Each message is a frame: 4 bytes of length, big-endian, then
//! the message in CBOR. The gate's half is [`session::Handshake`] and [`session::Session`], which do no IO: the gate
//! pumps frames through them. A message that is not the one canonical encoding of what it says is refused, so an unknown
//! field, a repeated one or a trailing byte is an error and not a surprise.

use lazaret_core::digest::Digest;
use lazaret_core::inspection::Inspector;
use minicbor::{Decode, Encode};

use crate::budget::Limits;
use crate::report::{REPORT_BYTES_MAX, Report};
use crate::sandbox::{Confinement, Refused};

pub mod frame;
pub mod session;

/// Bytes that a worker may ask for at once.
pub const READ_BYTES_MAX: u32 = 256 * 1024;
/// Bytes of one message from the gate.
pub const TO_WORKER_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Bytes of one message from a worker: a report and its envelope.
pub const FROM_WORKER_BYTES_MAX: usize = REPORT_BYTES_MAX + 16;
/// Jobs that one worker may do.
pub const JOBS_MAX: u16 = 256;
/// Keys, signatures and bytes of each that a job may bring.
pub const KEYS_MAX: usize = 64;
/// Bytes of a key line or signature file.
pub const KEY_BYTES_MAX: usize = 16 * 1024;

/// What the gate says.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ToWorker {
    /// Once, before the worker locks itself up. Nothing in it comes from a peer.
    #[n(0)]
    Setup(#[n(0)] Setup),
    /// Look at this object.
    #[n(1)]
    Job(#[n(0)] Job),
    /// The bytes that were asked for, exactly as many.
    #[n(2)]
    Bytes(
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        Vec<u8>,
    ),
    /// The bytes that were asked for cannot be had.
    #[n(3)]
    NoBytes,
}

/// What a worker says.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum FromWorker {
    /// Locked up, rules loaded and tried.
    #[n(0)]
    Ready(#[n(0)] Ready),
    /// This process is no worker; it ends now.
    #[n(1)]
    Refused(#[n(0)] Refused),
    /// These bytes of the object, please.
    #[n(2)]
    Read {
        /// From where.
        #[n(0)]
        at: u64,
        /// How many; within the object, and at most [`READ_BYTES_MAX`].
        #[n(1)]
        length: u32,
    },
    /// The job's answer.
    #[n(3)]
    Report(#[n(0)] Report),
}

/// What a worker needs before it locks itself up.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Setup {
    /// YARA rules beside the built-in ones.
    #[n(0)]
    pub rules: Vec<RuleText>,
    /// How many jobs the worker does before it ends, at most [`JOBS_MAX`].
    #[n(1)]
    pub jobs_max: u16,
}

impl Setup {
    /// Built-in rules, one job.
    pub fn one_job() -> Setup {
        Setup { rules: Vec::new(), jobs_max: 1 }
    }
}

/// A file of YARA rules.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RuleText {
    /// The namespace that its rules stand in.
    #[n(0)]
    pub name: String,
    /// The rules.
    #[n(1)]
    pub text: String,
}

/// How a worker is when it is ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Ready {
    /// Which walls stand.
    #[n(0)]
    pub confinement: Confinement,
    /// Digest of the rules that it loaded, built-in ones included.
    #[n(1)]
    pub rules: Digest,
}

/// One object to look at.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Job {
    /// Plaintext bytes of the object.
    #[n(0)]
    pub size: u64,
    /// What the sender calls it.
    #[n(1)]
    pub name: String,
    /// The media type that the sender declared.
    #[n(2)]
    pub media_type: Option<String>,
    /// The manifest says that it is software or firmware.
    #[n(3)]
    pub declared_software: bool,
    /// Whether the manifest says that it identifies people.
    #[n(4)]
    pub declared_phi: Option<bool>,
    /// The party's registered minisign public keys: the base64 lines, or whole key files.
    #[n(5)]
    pub keys: Vec<String>,
    /// Detached minisign signatures for the whole object.
    #[n(6)]
    pub signatures: Vec<String>,
    /// The lane's required inspectors.
    #[n(7)]
    pub required: Vec<Inspector>,
    /// What it may use.
    #[n(8)]
    pub limits: Limits,
    /// The rules that are to look, if the caller minds: a worker with others answers with an error.
    #[n(9)]
    pub rules: Option<Digest>,
}

impl Job {
    /// A job for an object about which nothing is declared but its name, with the inspectors that every lane requires.
    pub fn new(name: impl Into<String>, size: u64) -> Job {
        Job {
            size,
            name: name.into(),
            media_type: None,
            declared_software: false,
            declared_phi: None,
            keys: Vec::new(),
            signatures: Vec::new(),
            required: vec![Inspector::Kind, Inspector::Archive, Inspector::Malware],
            limits: Limits::for_size(size),
            rules: None,
        }
    }
}
