//! What a client sends: the greeting and the requests of draft sections 4 and 6, and OpenSSH's extensions.
//!
//! Everything is borrowed from the packet: a WRITE's data is a slice of it, copied by nobody here. Bytes after a
//! request's last field are passed over, as OpenSSH's server does, which every client is tested against.

use super::attrs::{Attrs, Pairs};
use super::extended::{Extended, handle, path};
use super::wire::{Reader, packet, put_string, put_u32, put_u64};
use super::{Malformed, Undecodable, VERSION, kind};

/// One packet from a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// The greeting.
    Init(Init<'a>),
    /// A request.
    Request {
        /// Repeated in the answer.
        id: u32,
        /// What is asked.
        request: Request<'a>,
    },
}

/// The greeting of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Init<'a> {
    /// The highest version that it speaks.
    pub version: u32,
    /// Extensions that it announces.
    pub extensions: Pairs<'a>,
}

impl Init<'_> {
    /// Whether it can speak the version that we speak. lftp announces 6 and is content with 3.
    pub fn is_supported(&self) -> bool {
        self.version >= VERSION
    }
}

/// Flags of OPEN (draft section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenFlags(pub u32);

impl OpenFlags {
    /// For reading.
    pub const READ: OpenFlags = OpenFlags(0x01);
    /// For writing.
    pub const WRITE: OpenFlags = OpenFlags(0x02);
    /// Writes go to the end.
    pub const APPEND: OpenFlags = OpenFlags(0x04);
    /// Made if it is not there.
    pub const CREATE: OpenFlags = OpenFlags(0x08);
    /// Emptied first.
    pub const TRUNCATE: OpenFlags = OpenFlags(0x10);
    /// Fails if it is there.
    pub const EXCLUSIVE: OpenFlags = OpenFlags(0x20);

    /// Whether all flags of `other` are set.
    pub fn has(self, other: OpenFlags) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets together.
    pub const fn with(self, other: OpenFlags) -> OpenFlags {
        OpenFlags(self.0 | other.0)
    }
}

/// A request. Paths and handles are the client's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields are named as in the draft's own packet tables")]
pub enum Request<'a> {
    Open {
        path: &'a [u8],
        flags: OpenFlags,
        attrs: Attrs<'a>,
    },
    Close {
        handle: &'a [u8],
    },
    Read {
        handle: &'a [u8],
        offset: u64,
        bytes: u32,
    },
    Write {
        handle: &'a [u8],
        offset: u64,
        data: &'a [u8],
    },
    Lstat {
        path: &'a [u8],
    },
    Fstat {
        handle: &'a [u8],
    },
    Setstat {
        path: &'a [u8],
        attrs: Attrs<'a>,
    },
    Fsetstat {
        handle: &'a [u8],
        attrs: Attrs<'a>,
    },
    Opendir {
        path: &'a [u8],
    },
    Readdir {
        handle: &'a [u8],
    },
    Remove {
        path: &'a [u8],
    },
    Mkdir {
        path: &'a [u8],
        attrs: Attrs<'a>,
    },
    Rmdir {
        path: &'a [u8],
    },
    Realpath {
        path: &'a [u8],
    },
    Stat {
        path: &'a [u8],
    },
    Rename {
        from: &'a [u8],
        to: &'a [u8],
    },
    Readlink {
        path: &'a [u8],
    },
    /// In the order of the wire; OpenSSH and the draft disagree on which of them is the link.
    Symlink {
        first: &'a [u8],
        second: &'a [u8],
    },
    Extended(Extended<'a>),
    /// A type that version 3 does not have: answered with OP_UNSUPPORTED.
    Unknown {
        kind: u8,
    },
}

impl<'a> Incoming<'a> {
    /// Reads one packet, as [`super::split_frame`] cuts it: its type and what follows.
    ///
    /// # Errors
    /// What is wrong, with the request's id if it could be read.
    pub fn decode(packet: &'a [u8]) -> Result<Incoming<'a>, Undecodable> {
        let mut reader = Reader::new(packet);
        let broken = |why| Undecodable { id: None, why };
        let kind = reader.u8("type").map_err(|_| broken(Malformed::EmptyPacket))?;
        if kind == kind::INIT {
            return Init::read(&mut reader).map(Incoming::Init).map_err(broken);
        }
        // A reply's id is the server's own; answering it would only confuse the peer further.
        if kind == kind::VERSION || (kind::STATUS..=kind::ATTRS).contains(&kind) || kind == kind::EXTENDED_REPLY {
            return Err(broken(Malformed::Reply { kind }));
        }
        let id = reader.u32("request id").map_err(broken)?;
        match Request::read(kind, &mut reader) {
            Ok(request) => Ok(Incoming::Request { id, request }),
            Err(why) => Err(Undecodable { id: Some(id), why }),
        }
    }

    /// Appends the packet with its length, as a client would send it.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Incoming::Init(init) => packet(out, kind::INIT, |out| {
                put_u32(out, init.version);
                init.extensions.write(out);
            }),
            Incoming::Request { id, request } => packet(out, request.kind(), |out| {
                put_u32(out, *id);
                request.write(out);
            }),
        }
    }
}

impl<'a> Init<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Init<'a>, Malformed> {
        let version = reader.u32("version")?;
        Ok(Init { version, extensions: Pairs::read_all(reader)? })
    }
}

/// An offset that is followed by `bytes` bytes; the sum fits, so nobody who adds them later overflows.
pub(super) fn offset_before(offset: u64, bytes: usize) -> Result<u64, Malformed> {
    let end = u64::try_from(bytes).ok().and_then(|bytes| offset.checked_add(bytes));
    end.map(|_| offset).ok_or(Malformed::PastAnyEnd)
}

impl<'a> Request<'a> {
    fn read(kind: u8, r: &mut Reader<'a>) -> Result<Request<'a>, Malformed> {
        Ok(match kind {
            kind::OPEN => Request::Open { path: path(r)?, flags: OpenFlags(r.u32("flags")?), attrs: Attrs::read(r)? },
            kind::CLOSE => Request::Close { handle: handle(r)? },
            kind::READ => {
                let (handle, offset, bytes) = (handle(r)?, r.u64("offset")?, r.u32("length")?);
                offset_before(offset, usize::try_from(bytes).unwrap_or(usize::MAX))?;
                Request::Read { handle, offset, bytes }
            }
            kind::WRITE => {
                let (handle, offset, data) = (handle(r)?, r.u64("offset")?, r.string("data")?);
                Request::Write { handle, offset: offset_before(offset, data.len())?, data }
            }
            kind::LSTAT => Request::Lstat { path: path(r)? },
            kind::FSTAT => Request::Fstat { handle: handle(r)? },
            kind::SETSTAT => Request::Setstat { path: path(r)?, attrs: Attrs::read(r)? },
            kind::FSETSTAT => Request::Fsetstat { handle: handle(r)?, attrs: Attrs::read(r)? },
            kind::OPENDIR => Request::Opendir { path: path(r)? },
            kind::READDIR => Request::Readdir { handle: handle(r)? },
            kind::REMOVE => Request::Remove { path: path(r)? },
            kind::MKDIR => Request::Mkdir { path: path(r)?, attrs: Attrs::read(r)? },
            kind::RMDIR => Request::Rmdir { path: path(r)? },
            kind::REALPATH => Request::Realpath { path: path(r)? },
            kind::STAT => Request::Stat { path: path(r)? },
            kind::RENAME => Request::Rename { from: path(r)?, to: path(r)? },
            kind::READLINK => Request::Readlink { path: path(r)? },
            kind::SYMLINK => Request::Symlink { first: path(r)?, second: path(r)? },
            kind::EXTENDED => Request::Extended(Extended::read(r)?),
            kind => Request::Unknown { kind },
        })
    }

    fn kind(&self) -> u8 {
        match self {
            Request::Open { .. } => kind::OPEN,
            Request::Close { .. } => kind::CLOSE,
            Request::Read { .. } => kind::READ,
            Request::Write { .. } => kind::WRITE,
            Request::Lstat { .. } => kind::LSTAT,
            Request::Fstat { .. } => kind::FSTAT,
            Request::Setstat { .. } => kind::SETSTAT,
            Request::Fsetstat { .. } => kind::FSETSTAT,
            Request::Opendir { .. } => kind::OPENDIR,
            Request::Readdir { .. } => kind::READDIR,
            Request::Remove { .. } => kind::REMOVE,
            Request::Mkdir { .. } => kind::MKDIR,
            Request::Rmdir { .. } => kind::RMDIR,
            Request::Realpath { .. } => kind::REALPATH,
            Request::Stat { .. } => kind::STAT,
            Request::Rename { .. } => kind::RENAME,
            Request::Readlink { .. } => kind::READLINK,
            Request::Symlink { .. } => kind::SYMLINK,
            Request::Extended(_) => kind::EXTENDED,
            Request::Unknown { kind } => *kind,
        }
    }

    fn write(&self, out: &mut Vec<u8>) {
        match *self {
            Request::Open { path, flags, attrs } => {
                put_string(out, path);
                put_u32(out, flags.0);
                attrs.write(out);
            }
            Request::Read { handle, offset, bytes } => {
                put_string(out, handle);
                put_u64(out, offset);
                put_u32(out, bytes);
            }
            Request::Write { handle, offset, data } => {
                put_string(out, handle);
                put_u64(out, offset);
                put_string(out, data);
            }
            Request::Setstat { path: of, attrs }
            | Request::Fsetstat { handle: of, attrs }
            | Request::Mkdir { path: of, attrs } => {
                put_string(out, of);
                attrs.write(out);
            }
            Request::Close { handle: of }
            | Request::Fstat { handle: of }
            | Request::Readdir { handle: of }
            | Request::Lstat { path: of }
            | Request::Opendir { path: of }
            | Request::Remove { path: of }
            | Request::Rmdir { path: of }
            | Request::Realpath { path: of }
            | Request::Stat { path: of }
            | Request::Readlink { path: of } => put_string(out, of),
            Request::Rename { from: first, to: second } | Request::Symlink { first, second } => {
                put_string(out, first);
                put_string(out, second);
            }
            Request::Extended(extended) => extended.write(out),
            Request::Unknown { .. } => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Times, split_frame};
    use super::*;

    /// Written and read back, it is the same; cut anywhere after the id, the id is still known.
    fn round(request: Request<'_>) {
        let incoming = Incoming::Request { id: 0x0102_0304, request };
        let mut out = Vec::new();
        incoming.encode(&mut out);
        let (packet, bytes) = split_frame(&out).unwrap().unwrap();
        assert_eq!(bytes, out.len());
        assert_eq!(Incoming::decode(packet), Ok(incoming));
        for end in 0..packet.len() {
            match Incoming::decode(&packet[..end]) {
                Err(Undecodable { id, .. }) => assert_eq!(id.is_some(), end >= 5, "{end}"),
                Ok(_) => assert!(matches!(request, Request::Extended(Extended::Unknown { .. }))),
            }
        }
    }

    #[test]
    fn every_request_comes_back_as_written() {
        let (path, handle) = (b"/in/lab/\xff.csv".as_slice(), b"\0\0\0\x07".as_slice());
        let attrs = Attrs {
            size: Some(3),
            permissions: Some(0o644),
            times: Some(Times { accessed_s: 1, modified_s: 2 }),
            ..Attrs::default()
        };
        let flags = OpenFlags::WRITE.with(OpenFlags::CREATE).with(OpenFlags::TRUNCATE);
        assert!(flags.has(OpenFlags::WRITE) && !flags.has(OpenFlags::READ));
        for request in [
            Request::Open { path, flags, attrs },
            Request::Close { handle },
            Request::Read { handle, offset: 1 << 40, bytes: 32_768 },
            Request::Write { handle, offset: 9, data: b"content" },
            Request::Lstat { path },
            Request::Fstat { handle },
            Request::Setstat { path, attrs },
            Request::Fsetstat { handle, attrs },
            Request::Opendir { path },
            Request::Readdir { handle },
            Request::Remove { path },
            Request::Mkdir { path, attrs: Attrs::default() },
            Request::Rmdir { path },
            Request::Realpath { path: b"." },
            Request::Stat { path },
            Request::Rename { from: path, to: b"b" },
            Request::Readlink { path },
            Request::Symlink { first: path, second: b"b" },
            Request::Extended(Extended::PosixRename { from: path, to: b"b" }),
            Request::Extended(Extended::StatVfs { path }),
            Request::Extended(Extended::FstatVfs { handle }),
            Request::Extended(Extended::Fsync { handle }),
            Request::Extended(Extended::Limits),
            Request::Extended(Extended::Lsetstat { path, attrs }),
            Request::Extended(Extended::Unknown { name: b"copy-data", data: b"\x01\x02" }),
            Request::Unknown { kind: 21 },
        ] {
            round(request);
        }
    }

    #[test]
    fn what_a_client_sent_is_read_as_the_draft_says() {
        // OPEN of "a", WRITE|CREAT|TRUNC, permissions 0644, id 5: written out by hand from draft section 6.3.
        let packet = [
            3, 0, 0, 0, 5, 0, 0, 0, 1, b'a', 0, 0, 0, 0x1a, 0, 0, 0, 4, 0, 0, 0o1, 0o244, // st_mode 0644 = 0x1a4
        ];
        let Ok(Incoming::Request { id: 5, request: Request::Open { path: b"a", flags, attrs } }) =
            Incoming::decode(&packet)
        else {
            panic!("an OPEN");
        };
        assert_eq!((flags.0, attrs.permissions), (0x1a, Some(0o644)));
    }

    #[test]
    fn a_write_borrows_its_data_from_the_packet() {
        let mut out = Vec::new();
        let data = vec![7_u8; 32_768];
        let request = Request::Write { handle: b"h", offset: 0, data: &data };
        Incoming::Request { id: 1, request }.encode(&mut out);
        let (packet, _) = split_frame(&out).unwrap().unwrap();
        let Ok(Incoming::Request { request: Request::Write { data: read, .. }, .. }) = Incoming::decode(packet) else {
            panic!("a WRITE");
        };
        assert!(packet.as_ptr_range().contains(&read.as_ptr()));
    }

    #[test]
    fn the_greeting_may_be_of_any_later_version() {
        let decode = |packet: &'static [u8]| match Incoming::decode(packet) {
            Ok(Incoming::Init(init)) => Ok((init.version, init.is_supported(), init.extensions.iter().count())),
            Ok(Incoming::Request { .. }) => panic!("a greeting"),
            Err(why) => Err(why),
        };
        assert_eq!(decode(&[1, 0, 0, 0, 3]), Ok((3, true, 0)));
        assert_eq!(decode(&[1, 0, 0, 0, 6]), Ok((6, true, 0)));
        assert_eq!(decode(&[1, 0, 0, 0, 2]), Ok((2, false, 0)));
        assert_eq!(decode(&[1, 0, 0, 0, 3, 0, 0, 0, 1, b'x', 0, 0, 0, 0]), Ok((3, true, 1)));
        assert_eq!(decode(&[1, 0, 0, 0, 3, 0, 0, 0, 1]).map_err(|broken| broken.id), Err(None));
    }

    #[test]
    fn what_cannot_be_read_keeps_its_id_if_it_has_one() {
        let check = |packet: &[u8], id: Option<u32>, why: Malformed| {
            assert_eq!(Incoming::decode(packet), Err(Undecodable { id, why }));
        };
        check(&[], None, Malformed::EmptyPacket);
        check(&[kind::STAT, 0, 0], None, Malformed::Short { field: "request id" });
        check(&[kind::STAT, 0, 0, 0, 9, 0, 0, 0, 2, b'a'], Some(9), Malformed::Short { field: "path" });
        check(&[kind::STAT, 0, 0, 0, 9, 0xff, 0xff, 0xff, 0xff], Some(9), Malformed::Short { field: "path" });
        check(&[kind::DATA, 0, 0, 0, 9], None, Malformed::Reply { kind: kind::DATA });
        check(&[kind::VERSION, 0, 0, 0, 3], None, Malformed::Reply { kind: kind::VERSION });
        let mut long = vec![kind::CLOSE, 0, 0, 0, 1, 0, 0, 1, 1];
        long.extend([0; 257]);
        check(&long, Some(1), Malformed::HandleTooLong);
    }

    #[test]
    fn no_offset_and_length_overflow() {
        let at = |offset: u64, bytes: u32| {
            let mut out = Vec::new();
            Incoming::Request { id: 1, request: Request::Read { handle: b"h", offset, bytes } }.encode(&mut out);
            Incoming::decode(&out[4..]).map(|_| ()).map_err(|broken| broken.why)
        };
        assert_eq!(at(u64::MAX - 10, 10), Ok(()));
        assert_eq!(at(u64::MAX - 10, 11), Err(Malformed::PastAnyEnd));
        let mut out = Vec::new();
        let request = Request::Write { handle: b"h", offset: u64::MAX, data: b"x" };
        Incoming::Request { id: 1, request }.encode(&mut out);
        assert_eq!(Incoming::decode(&out[4..]), Err(Undecodable { id: Some(1), why: Malformed::PastAnyEnd }));
    }

    #[test]
    fn bytes_after_the_last_field_are_passed_over() {
        let packet = [kind::STAT, 0, 0, 0, 9, 0, 0, 0, 1, b'a', 0, 0, 0, 1];
        assert_eq!(Incoming::decode(&packet), Ok(Incoming::Request { id: 9, request: Request::Stat { path: b"a" } }));
    }
}
