//! The object behind the pipe: asked for in chunks, one chunk ahead when it is read from front to back.

use std::io::{Read, Write};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::content::{CHUNK_BYTES, Content, ReadFault};
use crate::protocol::{FromWorker, READ_BYTES_MAX, ToWorker, frame};

/// Chunks kept, so that a directory at the end and the members before it do not chase each other.
const KEPT_CHUNKS: usize = 8;

/// The gate is gone or broke the protocol; the worker ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone;

impl From<Gone> for crate::sandbox::Refused {
    fn from(_: Gone) -> crate::sandbox::Refused {
        crate::sandbox::Refused::Setup
    }
}

/// Both pipes, and the part of the object that is here.
pub(crate) struct Pipe<R, W>(Mutex<Wire<R, W>>);

struct Wire<R, W> {
    input: R,
    output: W,
    size: u64,
    /// The chunks that are here, by number, the latest used last.
    kept: Vec<(u64, Vec<u8>)>,
    /// A chunk that was asked for and has not come.
    asked: Option<u64>,
    /// The chunk that was read last, to see whether reading goes from front to back.
    last: Option<u64>,
    broken: bool,
}

impl<R: Read + Send, W: Write + Send> Pipe<R, W> {
    pub(crate) fn new(input: R, output: W) -> Pipe<R, W> {
        Pipe(Mutex::new(Wire { input, output, size: 0, kept: Vec::new(), asked: None, last: None, broken: false }))
    }

    pub(crate) fn say(&self, message: &FromWorker) -> Result<(), Gone> {
        frame::write(&mut self.wire().output, message).map_err(|_| Gone)
    }

    pub(crate) fn hear(&self) -> Result<Option<ToWorker>, Gone> {
        super::hear(&mut self.wire().input)
    }

    /// A new object begins.
    pub(crate) fn open(&self, size: u64) {
        let mut wire = self.wire();
        wire.size = size;
        wire.kept.clear();
        wire.last = None;
    }

    /// Nothing more will be asked for: takes what is still on its way.
    pub(crate) fn close(&self) -> Result<(), Gone> {
        let mut wire = self.wire();
        wire.settle();
        wire.kept.clear();
        wire.size = 0;
        if wire.broken { Err(Gone) } else { Ok(()) }
    }

    /// A panic while the lock was held leaves a wire that may have lost its place: it is broken from then on.
    fn wire(&self) -> MutexGuard<'_, Wire<R, W>> {
        self.0.lock().unwrap_or_else(|poisoned: PoisonError<_>| {
            let mut wire = poisoned.into_inner();
            wire.broken = true;
            wire
        })
    }
}

impl<R: Read + Send, W: Write + Send> Content for Pipe<R, W> {
    fn size(&self) -> u64 {
        self.wire().size
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> Result<usize, ReadFault> {
        let mut wire = self.wire();
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            let place = at.saturating_add(done as u64);
            if place >= wire.size {
                break;
            }
            let chunk = wire.chunk(place / CHUNK_BYTES as u64)?;
            let offset = usize::try_from(place % CHUNK_BYTES as u64).map_err(|_| ReadFault::Gone)?;
            let from = chunk.get(offset..).unwrap_or_default();
            let length = from.len().min(rest.len());
            match (rest.get_mut(..length), from.get(..length)) {
                (Some(to), Some(from)) if length > 0 => to.copy_from_slice(from),
                _ => return Err(ReadFault::Gone),
            }
            done += length;
        }
        Ok(done)
    }
}

impl<R: Read + Send, W: Write + Send> Wire<R, W> {
    fn chunk(&mut self, number: u64) -> Result<&[u8], ReadFault> {
        if !self.kept.iter().any(|(kept, _)| *kept == number) {
            self.fetch(number)?;
        }
        let forward = self.last.is_some_and(|last| last.checked_add(1) == Some(number));
        self.last = Some(number);
        if forward && self.asked.is_none() {
            self.ask_ahead(number.saturating_add(1));
        }
        if let Some(place) = self.kept.iter().position(|(kept, _)| *kept == number) {
            let found = self.kept.remove(place);
            self.kept.push(found);
        }
        self.kept.last().map(|(_, bytes)| bytes.as_slice()).ok_or(ReadFault::Gone)
    }

    fn fetch(&mut self, number: u64) -> Result<(), ReadFault> {
        if self.asked.is_some_and(|asked| asked != number) {
            self.settle();
        }
        if self.asked.is_none() && !self.kept.iter().any(|(kept, _)| *kept == number) {
            self.ask(number);
        }
        self.settle();
        if self.broken { Err(ReadFault::Gone) } else { Ok(()) }
    }

    fn ask_ahead(&mut self, number: u64) {
        if !self.kept.iter().any(|(kept, _)| *kept == number) {
            self.ask(number);
        }
    }

    /// The length of this chunk: whole, or what is left at the end.
    fn length(&self, number: u64) -> u32 {
        let start = number.saturating_mul(CHUNK_BYTES as u64);
        u32::try_from(self.size.saturating_sub(start)).unwrap_or(READ_BYTES_MAX).min(READ_BYTES_MAX)
    }

    fn ask(&mut self, number: u64) {
        let length = self.length(number);
        if self.broken || length == 0 {
            return;
        }
        let request = FromWorker::Read { at: number.saturating_mul(CHUNK_BYTES as u64), length };
        match frame::write(&mut self.output, &request) {
            Ok(()) => self.asked = Some(number),
            Err(_) => self.broken = true,
        }
    }

    /// Takes the chunk that is on its way, if there is one.
    fn settle(&mut self) {
        let Some(number) = self.asked.take() else { return };
        let expected = self.length(number) as usize;
        match super::hear(&mut self.input) {
            Ok(Some(ToWorker::Bytes(bytes))) if bytes.len() == expected => {
                if self.kept.len() >= KEPT_CHUNKS {
                    self.kept.remove(0);
                }
                self.kept.push((number, bytes));
            }
            Ok(_) | Err(Gone) => self.broken = true,
        }
    }
}
