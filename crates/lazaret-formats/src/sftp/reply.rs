//! What the server answers (draft section 7), appended to a buffer of the caller's that may hold many answers.

use super::attrs::{Attrs, Pairs};
use super::wire::{begin, end, length_u32, packet, put_string, put_u32, put_u64};
use super::{DATA_BYTES_MAX, EXTENSIONS, NAMES_BYTES_MAX, NAMES_MAX, PACKET_BYTES_MAX, VERSION, kind};

/// Bytes of a DATA packet before the data: length, type, id, length of the data.
pub const DATA_HEAD_BYTES: usize = 13;

/// Status codes of version 3 (draft section 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u32)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// Nothing more to read or to list.
    Eof = 1,
    /// No such name.
    NoSuchFile = 2,
    /// Not allowed.
    PermissionDenied = 3,
    /// Any other failure.
    Failure = 4,
    /// The packet could not be read.
    BadMessage = 5,
    /// Never sent by a server.
    NoConnection = 6,
    /// Never sent by a server.
    ConnectionLost = 7,
    /// Not offered.
    OpUnsupported = 8,
}

impl Status {
    /// The number on the wire.
    pub const fn code(self) -> u32 {
        self as u32
    }
}

/// What `statvfs@openssh.com` answers: the quota, dressed as a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct VfsStat {
    /// Bytes of a block; sizes are counted in it.
    pub block_bytes: u64,
    /// Blocks in all.
    pub blocks: u64,
    /// Blocks left.
    pub blocks_free: u64,
    /// Files in all.
    pub files: u64,
    /// Files left.
    pub files_free: u64,
    /// Whether nothing can be written there.
    pub read_only: bool,
    /// Bytes of a name.
    pub name_bytes_max: u64,
}

/// What `limits@openssh.com` answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VfsLimits {
    /// Bytes of a packet.
    pub packet_bytes: u64,
    /// Bytes of one READ.
    pub read_bytes: u64,
    /// Bytes of one WRITE.
    pub write_bytes: u64,
    /// Handles open at once.
    pub handles: u64,
}

impl VfsLimits {
    /// Our own: what this codec takes, and so many handles.
    pub fn with_handles(handles: u64) -> VfsLimits {
        let wide = |bytes: usize| u64::try_from(bytes).unwrap_or(u64::MAX);
        VfsLimits {
            packet_bytes: wide(PACKET_BYTES_MAX),
            read_bytes: wide(DATA_BYTES_MAX),
            write_bytes: wide(DATA_BYTES_MAX),
            handles,
        }
    }
}

/// The bytes of a DATA packet before its data, for callers that write the data from where it lies.
pub fn data_head(id: u32, data_bytes: usize) -> [u8; DATA_HEAD_BYTES] {
    let length = length_u32(data_bytes);
    let [l0, l1, l2, l3] = length.saturating_add(9).to_be_bytes();
    let [i0, i1, i2, i3] = id.to_be_bytes();
    let [d0, d1, d2, d3] = length.to_be_bytes();
    [l0, l1, l2, l3, kind::DATA, i0, i1, i2, i3, d0, d1, d2, d3]
}

/// Appends answers to a buffer.
#[derive(Debug)]
pub struct Replies<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Replies<'a> {
    /// Appends to `out`.
    pub fn new(out: &'a mut Vec<u8>) -> Replies<'a> {
        Replies { out }
    }

    /// The greeting: our version and [`EXTENSIONS`].
    pub fn version(&mut self) {
        packet(self.out, kind::VERSION, |out| {
            put_u32(out, VERSION);
            Pairs::put(out, &EXTENSIONS);
        });
    }

    /// STATUS. The message is for people; most clients show only the code's name.
    pub fn status(&mut self, id: u32, status: Status, message: &str) {
        packet(self.out, kind::STATUS, |out| {
            put_u32(out, id);
            put_u32(out, status.code());
            put_string(out, message.as_bytes());
            put_string(out, b"en");
        });
    }

    /// HANDLE, of at most [`super::HANDLE_BYTES_MAX`] bytes.
    pub fn handle(&mut self, id: u32, handle: &[u8]) {
        packet(self.out, kind::HANDLE, |out| {
            put_u32(out, id);
            put_string(out, handle);
        });
    }

    /// DATA, of at most [`DATA_BYTES_MAX`] bytes.
    pub fn data(&mut self, id: u32, data: &[u8]) {
        self.out.extend_from_slice(&data_head(id, data.len()));
        self.out.extend_from_slice(data);
    }

    /// DATA filled where it will lie: `fill` gets at most `bytes_max` bytes to write into and says how many it wrote.
    /// If it wrote none nothing is appended, and the caller answers EOF.
    ///
    /// # Errors
    /// What `fill` says; nothing is appended then.
    pub fn data_with<E>(
        &mut self,
        id: u32,
        bytes_max: usize,
        fill: impl FnOnce(&mut [u8]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        let at = self.out.len();
        let data_at = at + DATA_HEAD_BYTES;
        let room = bytes_max.min(DATA_BYTES_MAX);
        self.out.resize(data_at + room, 0);
        let filled = fill(self.out.get_mut(data_at..).unwrap_or_default());
        let bytes = filled.as_ref().map_or(0, |&bytes| bytes.min(room));
        if bytes == 0 {
            self.out.truncate(at);
            return filled.map(|_| 0);
        }
        self.out.truncate(data_at + bytes);
        if let Some(head) = self.out.get_mut(at..data_at) {
            head.copy_from_slice(&data_head(id, bytes));
        }
        Ok(bytes)
    }

    /// ATTRS.
    pub fn attrs(&mut self, id: u32, attrs: &Attrs<'_>) {
        packet(self.out, kind::ATTRS, |out| {
            put_u32(out, id);
            attrs.write(out);
        });
    }

    /// NAME with one name and nothing about it: the answer to REALPATH (draft section 6.11).
    pub fn realpath(&mut self, id: u32, path: &[u8]) {
        packet(self.out, kind::NAME, |out| {
            put_u32(out, id);
            put_u32(out, 1);
            put_string(out, path);
            put_string(out, path);
            Attrs::default().write(out);
        });
    }

    /// Begins a NAME with the entries of a folder.
    pub fn names(self, id: u32) -> NameReply<'a> {
        let at = begin(self.out, kind::NAME);
        put_u32(self.out, id);
        put_u32(self.out, 0);
        NameReply { out: self.out, at, count: 0 }
    }

    /// EXTENDED_REPLY to statvfs and fstatvfs (OpenSSH `PROTOCOL` section 3.4).
    pub fn statvfs(&mut self, id: u32, vfs: &VfsStat) {
        const READ_ONLY: u64 = 1;
        const NO_SETUID: u64 = 2;
        packet(self.out, kind::EXTENDED_REPLY, |out| {
            put_u32(out, id);
            let flags = NO_SETUID | if vfs.read_only { READ_ONLY } else { 0 };
            let blocks = [vfs.block_bytes, vfs.block_bytes, vfs.blocks, vfs.blocks_free, vfs.blocks_free];
            let files = [vfs.files, vfs.files_free, vfs.files_free, 0, flags, vfs.name_bytes_max];
            blocks.into_iter().chain(files).for_each(|value| put_u64(out, value));
        });
    }

    /// EXTENDED_REPLY to limits (OpenSSH `PROTOCOL` section 3.8).
    pub fn limits(&mut self, id: u32, limits: &VfsLimits) {
        packet(self.out, kind::EXTENDED_REPLY, |out| {
            put_u32(out, id);
            let all = [limits.packet_bytes, limits.read_bytes, limits.write_bytes, limits.handles];
            all.into_iter().for_each(|value| put_u64(out, value));
        });
    }
}

/// A NAME that is being filled. It is whole at any time; without names it must be replaced by EOF, see
/// [`finish`](NameReply::finish).
#[derive(Debug)]
#[must_use = "a NAME without names is no answer"]
pub struct NameReply<'a> {
    out: &'a mut Vec<u8>,
    at: usize,
    count: u32,
}

impl NameReply<'_> {
    /// Adds a name with its line as `ls -l` shows it (see [`super::longname`]); `false`, and nothing added, if the
    /// reply is full: [`NAMES_MAX`] names, or [`NAMES_BYTES_MAX`] bytes. The first name always fits.
    pub fn push(&mut self, name: &[u8], longname: &[u8], attrs: &Attrs<'_>) -> bool {
        let before = self.out.len();
        if usize::try_from(self.count).is_ok_and(|count| count >= NAMES_MAX) {
            return false;
        }
        put_string(self.out, name);
        put_string(self.out, longname);
        attrs.write(self.out);
        if self.count > 0 && self.out.len() - self.at > NAMES_BYTES_MAX {
            self.out.truncate(before);
            return false;
        }
        self.count += 1;
        true
    }

    /// Ends the packet and says how many names it has; one without any is taken out again, for the caller to send EOF.
    pub fn finish(self) -> u32 {
        if self.count == 0 {
            self.out.truncate(self.at);
            return 0;
        }
        // Length and type take five bytes, the id four; the count follows.
        if let Some(count) = self.out.get_mut(self.at + 9..self.at + 13) {
            count.copy_from_slice(&self.count.to_be_bytes());
        }
        end(self.out, self.at);
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::super::split_frame;
    use super::*;

    fn written(write: impl FnOnce(&mut Replies<'_>)) -> Vec<u8> {
        let mut out = b"before".to_vec();
        write(&mut Replies::new(&mut out));
        let packet = out.split_off(6);
        assert_eq!(out, b"before");
        assert_eq!(split_frame(&packet).unwrap().unwrap().1, packet.len());
        packet
    }

    #[test]
    fn answers_have_the_layout_of_the_draft() {
        assert_eq!(
            written(|r| r.status(7, Status::PermissionDenied, "no")),
            b"\0\0\0\x15\x65\0\0\0\x07\0\0\0\x03\0\0\0\x02no\0\0\0\x02en"
        );
        assert_eq!(written(|r| r.handle(1, b"ab")), b"\0\0\0\x0b\x66\0\0\0\x01\0\0\0\x02ab");
        assert_eq!(written(|r| r.data(2, b"xyz")), b"\0\0\0\x0c\x67\0\0\0\x02\0\0\0\x03xyz");
        assert_eq!(written(|r| r.attrs(3, &Attrs::default())), b"\0\0\0\x09\x69\0\0\0\x03\0\0\0\0");
        assert_eq!(
            written(|r| r.realpath(4, b"/")),
            b"\0\0\0\x17\x68\0\0\0\x04\0\0\0\x01\0\0\0\x01/\0\0\0\x01/\0\0\0\0"
        );
    }

    #[test]
    fn the_greeting_announces_version_3_and_the_extensions() {
        let packet = written(|r| r.version());
        assert_eq!(packet[4..9], [2, 0, 0, 0, 3]);
        for (name, version) in EXTENSIONS {
            let mut pair = Vec::new();
            Pairs::put(&mut pair, &[(name, version)]);
            assert!(packet.windows(pair.len()).any(|window| window == pair), "{name}");
        }
    }

    #[test]
    fn the_quota_is_dressed_as_a_file_system() {
        let vfs = VfsStat {
            block_bytes: 4_096,
            blocks: 10,
            blocks_free: 4,
            files: 9,
            files_free: 8,
            read_only: true,
            name_bytes_max: 255,
        };
        let packet = written(|r| r.statvfs(1, &vfs));
        let values: Vec<u64> = packet[9..].chunks(8).map(|v| u64::from_be_bytes(v.try_into().unwrap())).collect();
        assert_eq!(values, [4_096, 4_096, 10, 4, 4, 9, 8, 8, 0, 3, 255]);
        let packet = written(|r| r.limits(1, &VfsLimits::with_handles(64)));
        let values: Vec<u64> = packet[9..].chunks(8).map(|v| u64::from_be_bytes(v.try_into().unwrap())).collect();
        assert_eq!(values, [262_144, 261_120, 261_120, 64]);
    }

    #[test]
    fn data_is_filled_in_place() {
        let filled = written(|r| {
            let wrote = r.data_with(2, 1_000, |room| {
                room[..3].copy_from_slice(b"xyz");
                Ok::<_, ()>(3)
            });
            assert_eq!(wrote, Ok(3));
        });
        assert_eq!(filled, written(|r| r.data(2, b"xyz")));
        let mut out = b"before".to_vec();
        assert_eq!(Replies::new(&mut out).data_with(2, 9, |_| Ok::<_, ()>(0)), Ok(0));
        assert_eq!(Replies::new(&mut out).data_with(2, 9, |_| Err("disk")), Err("disk"));
        assert_eq!(out, b"before");
        let asked = Replies::new(&mut out).data_with(2, usize::MAX, |room| Ok::<_, ()>(room.len()));
        assert_eq!(asked, Ok(DATA_BYTES_MAX));
    }

    #[test]
    fn a_listing_ends_at_100_names_or_64_kib() {
        let attrs = Attrs { size: Some(1), ..Attrs::default() };
        let fill = |longname: &[u8]| {
            let mut out = Vec::new();
            let mut names = Replies::new(&mut out).names(1);
            let mut pushed = 0_u32;
            while names.push(b"name", longname, &attrs) {
                pushed += 1;
            }
            assert_eq!(names.finish(), pushed);
            assert_eq!(out[9..13], pushed.to_be_bytes());
            let (packet, bytes) = split_frame(&out).unwrap().unwrap();
            assert_eq!((bytes, packet[0]), (out.len(), kind::NAME));
            (pushed, out.len())
        };
        assert_eq!(fill(b"short").0, 100);
        let (pushed, bytes) = fill(&[b'x'; 4_000]);
        assert!(pushed == 16 && bytes <= NAMES_BYTES_MAX, "{pushed} {bytes}");
        let mut out = Vec::new();
        assert_eq!(Replies::new(&mut out).names(1).finish(), 0);
        assert!(out.is_empty());
    }
}
