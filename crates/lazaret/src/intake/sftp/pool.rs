//! Buffers that go round: the data of a large WRITE is received into one, written out by another thread, and the buffer comes
//! back; so with what is read for READs. Fresh memory for each would cost more page faults than the encryption costs time.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

/// Bytes of a pooled buffer: the longest WRITE fits.
const BUFFER_BYTES: usize = 256 * 1024;
/// What is smaller than this is not worth a pooled buffer.
const POOLED_FROM_BYTES: usize = 64 * 1024;
/// Buffers kept for the next transfer, in all: 8 MiB.
const KEPT_MAX: usize = 32;

/// The buffers that nobody uses.
#[derive(Debug, Default)]
pub(super) struct Pool {
    free: Mutex<Vec<Vec<u8>>>,
}

/// One that somebody does.
#[derive(Debug)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    pool: Option<Arc<Pool>>,
}

impl Pool {
    /// An empty buffer with room for so many bytes.
    pub(super) fn take(self: &Arc<Pool>, bytes: usize) -> Buffer {
        if !(POOLED_FROM_BYTES..=BUFFER_BYTES).contains(&bytes) {
            return Buffer { bytes: Vec::with_capacity(bytes), pool: None };
        }
        let kept = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let bytes = kept.unwrap_or_else(|| Vec::with_capacity(BUFFER_BYTES));
        Buffer { bytes, pool: Some(Arc::clone(self)) }
    }

    fn give_back(&self, mut bytes: Vec<u8>) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if free.len() < KEPT_MAX {
            bytes.clear();
            free.push(bytes);
        }
    }
}

impl Buffer {
    pub(super) fn extend_from_slice(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Makes it hold so many bytes, to be filled by `AsMut`.
    pub(super) fn resize(&mut self, bytes: usize) {
        self.bytes.resize(bytes, 0);
    }

    /// Keeps the first so many bytes.
    pub(super) fn truncate(&mut self, bytes: usize) {
        self.bytes.truncate(bytes);
    }

    /// Its content. The buffer goes back to the pool when the last piece of it is dropped.
    pub(super) fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AsMut<[u8]> for Buffer {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(pool) = self.pool.take() {
            pool.give_back(std::mem::take(&mut self.bytes));
        }
    }
}
