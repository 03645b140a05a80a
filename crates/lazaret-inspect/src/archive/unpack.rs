//! Decompression: once from front to back with every byte counted, and again from any place for what is too large to keep.

use std::io::{BufRead, Read};
use std::sync::{Mutex, PoisonError};

use bzip2::bufread::MultiBzDecoder;
use flate2::Crc;
use flate2::bufread::{DeflateDecoder, GzDecoder};
use lazaret_core::inspection::Why;
use lazaret_formats::archive::Beside;
use lazaret_formats::archive::zstd::Frames;

use crate::budget::Budget;
use crate::content::{CHUNK_BYTES, Content, ReadFault, Reader};
use crate::malware::WHOLE_BYTES_MAX;

/// The dictionary window that a stream may ask for: 64 MiB, as a power of two (RFC 8878 section 3.1.1.1.2).
const WINDOW_LOG_MAX: u32 = 26;

/// How bytes are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    /// Not at all.
    Stored,
    /// RFC 1951.
    Deflate,
    /// RFC 1952, all members of a stream.
    Gzip,
    /// bzip2 streams.
    Bzip2,
    /// RFC 8878.
    Zstd,
}

/// The unpacked bytes of `packed` as a stream.
enum Stream<'a> {
    Stored(Reader<'a>),
    Deflate(Box<DeflateDecoder<Reader<'a>>>),
    Gzip(Box<Members<'a>>),
    Bzip2(Box<MultiBzDecoder<Reader<'a>>>),
    Zstd(Box<zstd::stream::read::Decoder<'static, Watched<'a>>>),
}

impl<'a> Stream<'a> {
    /// # Errors
    /// The decompressor does not start.
    fn open(method: Method, packed: &'a dyn Content) -> std::io::Result<Stream<'a>> {
        let reader = Reader::new(packed);
        Ok(match method {
            Method::Stored => Stream::Stored(reader),
            Method::Deflate => Stream::Deflate(Box::new(DeflateDecoder::new(reader))),
            Method::Gzip => Stream::Gzip(Box::new(Members::new(reader))),
            Method::Bzip2 => Stream::Bzip2(Box::new(MultiBzDecoder::new(reader))),
            Method::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(Watched::new(reader))?;
                decoder.window_log_max(WINDOW_LOG_MAX)?;
                Stream::Zstd(Box::new(decoder))
            }
        })
    }

    /// What the stream carries beside what it unpacks to, and how many bytes of `packed` it left alone. Only DEFLATE says
    /// by itself where it ends: the others go on to the end, or are damaged.
    fn rest(self, packed_bytes: u64) -> (Beside, u64) {
        match self {
            Stream::Stored(_) | Stream::Bzip2(_) => (Beside::default(), 0),
            Stream::Deflate(decoder) => (Beside::default(), packed_bytes.saturating_sub(decoder.total_in())),
            Stream::Gzip(members) => (members.beside, 0),
            Stream::Zstd(decoder) => (decoder.into_inner().frames.into_beside(), 0),
        }
    }
}

impl Read for Stream<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Stream::Stored(reader) => reader.read(buffer),
            Stream::Deflate(decoder) => decoder.read(buffer),
            Stream::Gzip(members) => members.read(buffer),
            Stream::Bzip2(decoder) => decoder.read(buffer),
            Stream::Zstd(decoder) => decoder.read(buffer),
        }
    }
}

/// A gzip stream member by member (RFC 1952 section 2.2), with what their headers say.
struct Members<'a> {
    decoder: Option<GzDecoder<Reader<'a>>>,
    beside: Beside,
}

impl<'a> Members<'a> {
    fn new(reader: Reader<'a>) -> Members<'a> {
        let mut members = Members { decoder: None, beside: Beside::default() };
        members.begin(reader);
        members
    }

    fn begin(&mut self, reader: Reader<'a>) {
        let decoder = GzDecoder::new(reader);
        if let Some(header) = decoder.header() {
            self.beside.push(header.filename().unwrap_or_default());
            self.beside.push(header.comment().unwrap_or_default());
            extra(header.extra().unwrap_or_default(), &mut self.beside);
        }
        self.decoder = Some(decoder);
    }
}

/// Fields of a gzip header (RFC 1952 section 2.3.1.1). `BC` is a block's length, of which sequencing data has very many.
fn extra(fields: &[u8], beside: &mut Beside) {
    let mut rest = fields;
    while let Some(([first, second, low, high], after)) = rest.split_first_chunk() {
        let Some((content, next)) = after.split_at_checked(usize::from(u16::from_le_bytes([*low, *high]))) else {
            break;
        };
        if (*first, *second, content.len()) != (b'B', b'C', 2) {
            beside.push(content);
        }
        rest = next;
    }
    beside.push(rest);
}

impl Read for Members<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        while let Some(decoder) = &mut self.decoder {
            let read = decoder.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            let mut reader = match self.decoder.take() {
                Some(decoder) => decoder.into_inner(),
                None => break,
            };
            if !reader.fill_buf()?.is_empty() {
                self.begin(reader);
            }
        }
        Ok(0)
    }
}

/// Bytes on their way into the Zstandard decoder, which passes over some of them in silence.
struct Watched<'a> {
    reader: Reader<'a>,
    frames: Frames,
}

impl<'a> Watched<'a> {
    fn new(reader: Reader<'a>) -> Watched<'a> {
        Watched { reader, frames: Frames::new() }
    }
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.reader.read(buffer)?;
        self.frames.push(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

impl BufRead for Watched<'_> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        self.reader.fill_buf()
    }

    fn consume(&mut self, length: usize) {
        // What is consumed was filled before, so this reads nothing new.
        let taken = self.reader.fill_buf().ok().and_then(|bytes| bytes.get(..length)).unwrap_or_default();
        self.frames.push(taken);
        self.reader.consume(length);
    }
}

/// What unpacking once gave.
pub(super) struct Held {
    /// All bytes, if they are few enough to be looked at whole.
    pub(super) memory: Option<Vec<u8>>,
    /// How many there are.
    pub(super) size: u64,
    /// CRC-32 of them (APPNOTE.TXT 4.4.7).
    pub(super) crc: u32,
    /// The stream ended before it should, or is damaged: the bytes are those before.
    pub(super) damaged: bool,
    /// What the stream carries beside them.
    pub(super) beside: Beside,
    /// How many packed bytes follow the stream's end.
    pub(super) left_bytes: u64,
}

/// Unpacks once, counting what comes and not what a header claims.
///
/// # Errors
/// A limit of the job was passed.
pub(super) fn hold(method: Method, packed: &dyn Content, budget: &Budget) -> Result<Held, Why> {
    let memory = Some(Vec::new());
    let mut held = Held { memory, size: 0, crc: 0, damaged: false, beside: Beside::default(), left_bytes: 0 };
    let Ok(mut stream) = Stream::open(method, packed) else { return Ok(Held { damaged: true, ..held }) };
    let mut crc = Crc::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = match stream.read(&mut buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(_) => {
                held.damaged = true;
                break;
            }
        };
        let bytes = buffer.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            break;
        }
        budget.unpacked(read)?;
        crc.update(bytes);
        held.size = held.size.saturating_add(read as u64);
        if held.size > WHOLE_BYTES_MAX {
            held.memory = None;
        }
        if let Some(memory) = &mut held.memory {
            memory.extend_from_slice(bytes);
        }
    }
    held.crc = crc.sum();
    (held.beside, held.left_bytes) = stream.rest(packed.size());
    Ok(held)
}

/// A packed member that can be read from any place: forward cheaply, backward by starting again. Memory is one chunk and
/// the decompressor's own.
pub(super) struct Unpacked<'a> {
    packed: &'a dyn Content,
    method: Method,
    size: u64,
    budget: &'a Budget,
    place: Mutex<Place<'a>>,
}

struct Place<'a> {
    stream: Option<Stream<'a>>,
    /// The chunk read last and where it begins.
    chunk: Vec<u8>,
    chunk_at: u64,
}

impl<'a> Unpacked<'a> {
    /// A member of this unpacked size, as [`hold`] measured it.
    pub(super) fn new(method: Method, packed: &'a dyn Content, size: u64, budget: &'a Budget) -> Unpacked<'a> {
        let place = Mutex::new(Place { stream: None, chunk: Vec::new(), chunk_at: 0 });
        Unpacked { packed, method, size, budget, place }
    }
}

impl Content for Unpacked<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> Result<usize, ReadFault> {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let wanted = at.saturating_add(done as u64);
            if wanted >= self.size {
                break;
            }
            self.seek(&mut place, wanted)?;
            let offset = usize::try_from(wanted.saturating_sub(place.chunk_at)).map_err(|_| ReadFault::Gone)?;
            let from = place.chunk.get(offset..).unwrap_or_default();
            let length = from.len().min(rest.len());
            match (rest.get_mut(..length), from.get(..length)) {
                (Some(to), Some(from)) if length > 0 => to.copy_from_slice(from),
                _ => return Err(ReadFault::Malformed),
            }
            done += length;
        }
        Ok(done)
    }
}

impl<'a> Unpacked<'a> {
    /// Makes `place.chunk` hold the byte at `wanted`.
    fn seek(&self, place: &mut Place<'a>, wanted: u64) -> Result<(), ReadFault> {
        if wanted < place.chunk_at {
            place.stream = None;
            place.chunk.clear();
            place.chunk_at = 0;
        }
        while wanted >= place.chunk_at.saturating_add(place.chunk.len() as u64) {
            self.budget.time().map_err(|_| ReadFault::Spent)?;
            self.next_chunk(place)?;
        }
        Ok(())
    }

    fn next_chunk(&self, place: &mut Place<'a>) -> Result<(), ReadFault> {
        if place.stream.is_none() {
            place.chunk.clear();
            place.chunk_at = 0;
            place.stream = Some(Stream::open(self.method, self.packed).map_err(|_| ReadFault::Malformed)?);
        }
        place.chunk_at = place.chunk_at.saturating_add(place.chunk.len() as u64);
        place.chunk.resize(CHUNK_BYTES, 0);
        let mut filled = 0;
        while let (Some(stream), Some(rest)) = (&mut place.stream, place.chunk.get_mut(filled..)) {
            if rest.is_empty() {
                break;
            }
            match stream.read(rest) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        place.chunk.truncate(filled);
        if filled == 0 { Err(ReadFault::Malformed) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Limits;
    use crate::content::read_vec;
    use std::io::Write as _;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_member_is_read_from_any_place() {
        let bytes: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
        let packed = gzip(&bytes);
        let packed: &dyn Content = &packed.as_slice();
        let budget = Budget::new(Limits::for_size(1), 1);
        let held = hold(Method::Gzip, packed, &budget).unwrap();
        assert_eq!((held.size, held.damaged), (bytes.len() as u64, false));
        let member = Unpacked::new(Method::Gzip, packed, held.size, &budget);
        for at in [0, 3_999_990, 7, 2_000_000, 1_999_999, 3_999_999, 4_000_000] {
            let expected = &bytes[at..(at + 100).min(bytes.len())];
            assert_eq!(read_vec(&member, at as u64, 100).unwrap(), expected, "{at}");
        }
    }

    #[test]
    fn a_damaged_stream_gives_what_came_before() {
        let packed = gzip(&b"a sentence ".repeat(100_000));
        let cut: &[u8] = &packed[..packed.len() / 2];
        let held = hold(Method::Gzip, &cut, &Budget::new(Limits::for_size(1), 1)).unwrap();
        assert!(held.damaged && held.size > 0);
        let garbage: &[u8] = b"not packed at all";
        for method in [Method::Deflate, Method::Gzip, Method::Bzip2, Method::Zstd] {
            assert!(hold(method, &garbage, &Budget::new(Limits::for_size(1), 1)).unwrap().damaged, "{method:?}");
        }
    }

    #[test]
    fn a_bomb_ends_at_the_ratio() {
        let packed = gzip(&vec![0; 80 * 1024 * 1024]);
        let size = packed.len() as u64;
        let held = hold(Method::Gzip, &packed.as_slice(), &Budget::new(Limits::for_size(size), 1000));
        assert_eq!(held.err(), Some(Why::Ratio));
    }
}
