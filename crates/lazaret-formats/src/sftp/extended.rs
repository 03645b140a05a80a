//! Extended requests (draft section 8) as OpenSSH defines them (`PROTOCOL` section 3).

use super::attrs::Attrs;
use super::wire::{Reader, put_string};
use super::{HANDLE_BYTES_MAX, Malformed};

/// An extended request. Each of the first six is announced in the greeting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "fields are named as in OpenSSH's PROTOCOL, section 3")]
pub enum Extended<'a> {
    PosixRename {
        from: &'a [u8],
        to: &'a [u8],
    },
    StatVfs {
        path: &'a [u8],
    },
    FstatVfs {
        handle: &'a [u8],
    },
    Fsync {
        handle: &'a [u8],
    },
    Limits,
    Lsetstat {
        path: &'a [u8],
        attrs: Attrs<'a>,
    },
    /// One that we do not have, with what follows its name: answered with OP_UNSUPPORTED.
    Unknown {
        name: &'a [u8],
        data: &'a [u8],
    },
}

impl<'a> Extended<'a> {
    pub(super) fn read(r: &mut Reader<'a>) -> Result<Extended<'a>, Malformed> {
        let name = r.string("extension name")?;
        Ok(match name {
            b"posix-rename@openssh.com" => Extended::PosixRename { from: path(r)?, to: path(r)? },
            b"statvfs@openssh.com" => Extended::StatVfs { path: path(r)? },
            b"fstatvfs@openssh.com" => Extended::FstatVfs { handle: handle(r)? },
            b"fsync@openssh.com" => Extended::Fsync { handle: handle(r)? },
            b"limits@openssh.com" => Extended::Limits,
            b"lsetstat@openssh.com" => Extended::Lsetstat { path: path(r)?, attrs: Attrs::read(r)? },
            name => Extended::Unknown { name, data: r.rest() },
        })
    }

    /// The name under which it is asked for.
    pub fn name(&self) -> &'a [u8] {
        match self {
            Extended::PosixRename { .. } => b"posix-rename@openssh.com",
            Extended::StatVfs { .. } => b"statvfs@openssh.com",
            Extended::FstatVfs { .. } => b"fstatvfs@openssh.com",
            Extended::Fsync { .. } => b"fsync@openssh.com",
            Extended::Limits => b"limits@openssh.com",
            Extended::Lsetstat { .. } => b"lsetstat@openssh.com",
            Extended::Unknown { name, .. } => name,
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        put_string(out, self.name());
        match *self {
            Extended::PosixRename { from, to } => {
                put_string(out, from);
                put_string(out, to);
            }
            Extended::StatVfs { path: of } | Extended::FstatVfs { handle: of } | Extended::Fsync { handle: of } => {
                put_string(out, of);
            }
            Extended::Limits => {}
            Extended::Lsetstat { path, attrs } => {
                put_string(out, path);
                attrs.write(out);
            }
            Extended::Unknown { data, .. } => out.extend_from_slice(data),
        }
    }
}

pub(super) fn handle<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
    let handle = reader.string("handle")?;
    if handle.len() > HANDLE_BYTES_MAX { Err(Malformed::HandleTooLong) } else { Ok(handle) }
}

pub(super) fn path<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], Malformed> {
    reader.string("path")
}
