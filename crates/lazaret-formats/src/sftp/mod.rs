//! SFTP version 3, the wire only (draft-ietf-secsh-filexfer-02, OpenSSH's `PROTOCOL` section 3): requests in, replies out.
//!
//! Reading order: [`Frames`] cuts a stream into packets, [`Incoming::decode`] reads one, [`Replies`] writes answers into
//! the caller's buffer. Names and handles are bytes here; what they mean is the server's business.

mod attrs;
mod extended;
mod frame;
mod listing;
mod reply;
mod request;
mod wire;
mod write_head;

use std::fmt;

pub use attrs::{Attrs, Owner, Pairs, Times};
pub use extended::Extended;
pub use frame::{FRAME_HEAD_BYTES, Frames, split_frame};
pub use listing::{Listed, longname};
pub use reply::{DATA_HEAD_BYTES, NameReply, Replies, Status, VfsLimits, VfsStat, data_head};
pub use request::{Incoming, Init, OpenFlags, Request};
pub use write_head::WriteHead;

/// The protocol version that we speak, whatever version from 3 on a client begins with.
pub const VERSION: u32 = 3;
/// Bytes that a packet may have, its four bytes of length not counted. OpenSSH has the same limit.
pub const PACKET_BYTES_MAX: usize = 262_144;
/// Bytes that one READ is answered with, and that one WRITE should carry, at most: what `limits@openssh.com` announces.
pub const DATA_BYTES_MAX: usize = 261_120;
/// Bytes that a handle may have (draft section 6.3).
pub const HANDLE_BYTES_MAX: usize = 256;
/// Names in one reply to READDIR.
pub const NAMES_MAX: usize = 100;
/// Bytes of one reply to READDIR.
pub const NAMES_BYTES_MAX: usize = 65_536;

/// What VERSION announces: each extension with its own version.
pub const EXTENSIONS: [(&str, &str); 6] = [
    ("posix-rename@openssh.com", "1"),
    ("statvfs@openssh.com", "2"),
    ("fstatvfs@openssh.com", "2"),
    ("fsync@openssh.com", "1"),
    ("limits@openssh.com", "1"),
    ("lsetstat@openssh.com", "1"),
];

/// What is wrong with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Malformed {
    /// A length of nothing: a packet has at least its type.
    EmptyPacket,
    /// A length over [`PACKET_BYTES_MAX`]. The stream cannot be read on.
    PacketTooLong {
        /// The length that was announced.
        bytes: u32,
    },
    /// The packet ends inside a field.
    Short {
        /// What was to be read.
        field: &'static str,
    },
    /// A handle of more than [`HANDLE_BYTES_MAX`] bytes.
    HandleTooLong,
    /// An offset and a length whose sum no file can have.
    PastAnyEnd,
    /// A packet that only servers send.
    Reply {
        /// Its type.
        kind: u8,
    },
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Malformed::EmptyPacket => f.write_str("a packet without a type"),
            Malformed::PacketTooLong { bytes } => write!(f, "a packet of {bytes} bytes, at most {PACKET_BYTES_MAX}"),
            Malformed::Short { field } => write!(f, "the packet ends inside its {field}"),
            Malformed::HandleTooLong => write!(f, "a handle of more than {HANDLE_BYTES_MAX} bytes"),
            Malformed::PastAnyEnd => f.write_str("an offset and a length past the end of any file"),
            Malformed::Reply { kind } => write!(f, "packet type {kind}, which only servers send"),
        }
    }
}

impl std::error::Error for Malformed {}

/// A packet that could not be read, with its request id where that much was readable: then the answer is BAD_MESSAGE,
/// else the session ends. Answering an id that was never asked makes OpenSSH's client exit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undecodable {
    /// The request's id.
    pub id: Option<u32>,
    /// What is wrong.
    pub why: Malformed,
}

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.why.fmt(f)
    }
}

impl std::error::Error for Undecodable {}

/// Packet types (draft section 3).
mod kind {
    pub(super) const INIT: u8 = 1;
    pub(super) const VERSION: u8 = 2;
    pub(super) const OPEN: u8 = 3;
    pub(super) const CLOSE: u8 = 4;
    pub(super) const READ: u8 = 5;
    pub(super) const WRITE: u8 = 6;
    pub(super) const LSTAT: u8 = 7;
    pub(super) const FSTAT: u8 = 8;
    pub(super) const SETSTAT: u8 = 9;
    pub(super) const FSETSTAT: u8 = 10;
    pub(super) const OPENDIR: u8 = 11;
    pub(super) const READDIR: u8 = 12;
    pub(super) const REMOVE: u8 = 13;
    pub(super) const MKDIR: u8 = 14;
    pub(super) const RMDIR: u8 = 15;
    pub(super) const REALPATH: u8 = 16;
    pub(super) const STAT: u8 = 17;
    pub(super) const RENAME: u8 = 18;
    pub(super) const READLINK: u8 = 19;
    pub(super) const SYMLINK: u8 = 20;
    pub(super) const STATUS: u8 = 101;
    pub(super) const HANDLE: u8 = 102;
    pub(super) const DATA: u8 = 103;
    pub(super) const NAME: u8 = 104;
    pub(super) const ATTRS: u8 = 105;
    pub(super) const EXTENDED: u8 = 200;
    pub(super) const EXTENDED_REPLY: u8 = 201;
}
