//! Answers on their way to the transport: joined by the executor, sent by a task of their own, so that the executor never
//! waits for the peer's window while there is room, and is seen to wait when there is not.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use russh::ChannelId;
use russh::server::Handle;
use tokio::sync::Notify;

/// Bytes of answers that may wait for the peer to read them.
const WAITING_BYTES_MAX: usize = 1 << 20;

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Bytes>,
    bytes: usize,
    /// Nothing more will come: what is there is sent, then the channel ends.
    finished: bool,
    /// The peer is gone.
    closed: bool,
    /// Something was not sent, because it was gone.
    dropped: bool,
}

/// The queue of answers.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    state: Mutex<State>,
    more: Notify,
    room: Notify,
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under the lock can only come from running out of memory.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends this after what was sent before.
    pub(super) fn send(&self, bytes: Bytes) {
        if bytes.is_empty() {
            return;
        }
        let mut state = self.lock();
        if state.closed {
            state.dropped = true;
            return;
        }
        state.bytes += bytes.len();
        state.queue.push_back(bytes);
        drop(state);
        self.more.notify_one();
    }

    /// Whether the executor should wait before it answers more.
    pub(super) fn is_full(&self) -> bool {
        let state = self.lock();
        state.bytes > WAITING_BYTES_MAX && !state.closed
    }

    /// Waits until there is room again, or the peer is gone.
    pub(super) async fn room(&self) {
        while self.is_full() {
            self.room.notified().await;
        }
    }

    /// Whether the peer is gone.
    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Waits until everything was sent on; whether it was, or the peer was gone before.
    pub(super) async fn all_sent(&self) -> bool {
        loop {
            {
                let state = self.lock();
                if state.dropped || state.closed || state.bytes == 0 {
                    return !state.dropped;
                }
            }
            self.room.notified().await;
        }
    }

    /// Nothing more will come.
    pub(super) fn finish(&self) {
        self.lock().finished = true;
        self.more.notify_one();
    }

    async fn next(&self) -> Option<Bytes> {
        loop {
            {
                let mut state = self.lock();
                if let Some(bytes) = state.queue.pop_front() {
                    return Some(bytes);
                }
                if state.finished {
                    return None;
                }
            }
            self.more.notified().await;
        }
    }

    fn sent(&self, bytes: usize) {
        let mut state = self.lock();
        state.bytes = state.bytes.saturating_sub(bytes);
        drop(state);
        self.room.notify_one();
    }

    /// Nobody reads any more; what waits is dropped.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.dropped |= state.bytes > 0;
        state.queue.clear();
        state.bytes = 0;
        drop(state);
        self.room.notify_one();
    }
}

/// Sends what comes until nothing more will, then ends the channel in the way of a program that ended well.
pub(super) async fn drain(outbox: Arc<Outbox>, handle: Handle, channel: ChannelId) {
    while let Some(bytes) = outbox.next().await {
        let count = bytes.len();
        if handle.data(channel, bytes).await.is_err() {
            outbox.close();
            return;
        }
        // Only now: a peer that does not read keeps its answers waiting here, and the executor sees it.
        outbox.sent(count);
    }
    // Where the peer is gone there is nobody to tell.
    let told = handle.exit_status_request(channel, 0).await.is_ok() && handle.eof(channel).await.is_ok();
    if !told || handle.close(channel).await.is_err() {
        tracing::debug!("an SFTP channel ended with its connection");
    }
}
