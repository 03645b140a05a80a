//! One object's writer behind a bounded queue, so that the network's side never waits for cipher or disk, and no thread is
//! held while nothing arrives.
//!
//! Steps run strictly in order on the runtime's blocking threads: whoever adds a step to an idle queue starts the run, and
//! the run ends soon after the queue is empty. Two cores work on one upload: one takes bytes off the wire, one encrypts,
//! hashes and writes.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use lazaret_vault::broker::Unfinished;
use lazaret_vault::resume::Checkpoint;
use lazaret_vault::{Broker, ObjectWriter, Sealed};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::writers::Turn;
use crate::error::{Error, Fault, Result};

/// Bytes of one object that may wait for its writer.
pub const QUEUE_BYTES_MAX: u32 = 2 << 20;
/// How long a run waits for more before it gives its thread back.
const LINGER: Duration = Duration::from_millis(2);

enum Step {
    Bytes(Bytes, OwnedSemaphorePermit),
    Pour(Arc<Broker>, Unfinished, oneshot::Sender<Result<()>>),
    Checkpoint(oneshot::Sender<Result<Checkpoint>>),
    Finish(oneshot::Sender<Result<Sealed>>),
}

struct State {
    queue: VecDeque<Step>,
    writer: Option<ObjectWriter>,
    /// Held until the last step is done, also when the door has gone: two writers would seal two chunks under one number.
    turn: Option<Turn>,
    running: bool,
    closed: bool,
    failed: Option<Error>,
}

struct Shared {
    state: Mutex<State>,
    more: Condvar,
}

/// The handle of a door: bytes in, answers out. Dropping it lets what is queued be written, and closes the file.
pub struct Writing {
    shared: Arc<Shared>,
    room: Arc<Semaphore>,
}

impl std::fmt::Debug for Writing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Writing")
    }
}

impl Writing {
    /// A queue before this writer; `turn` is the right to write to a kept upload's object.
    pub fn new(writer: ObjectWriter, turn: Option<Turn>) -> Writing {
        let writer = Some(writer);
        let state = State { queue: VecDeque::new(), writer, turn, running: false, closed: false, failed: None };
        Writing {
            shared: Arc::new(Shared { state: Mutex::new(state), more: Condvar::new() }),
            room: Arc::new(Semaphore::new(QUEUE_BYTES_MAX as usize)),
        }
    }

    /// From now on the object is a kept upload's.
    pub fn hold(&self, turn: Turn) {
        self.shared.lock().turn = Some(turn);
    }

    /// Queues bytes; waits while the queue is full.
    ///
    /// # Errors
    /// An earlier write failed: the object is lost.
    pub async fn push(&self, bytes: Bytes) -> Result<()> {
        let wanted = u32::try_from(bytes.len()).unwrap_or(QUEUE_BYTES_MAX).min(QUEUE_BYTES_MAX);
        let permit = Arc::clone(&self.room).acquire_many_owned(wanted).await.map_err(Error::internal)?;
        self.add(Step::Bytes(bytes, permit))
    }

    /// Adds the bytes of an unfinished object, sealed anew.
    ///
    /// # Errors
    /// A write failed, or the other object does not verify.
    pub async fn pour(&self, broker: Arc<Broker>, from: Unfinished) -> Result<()> {
        let (answer, asked) = oneshot::channel();
        self.add(Step::Pour(broker, from, answer))?;
        asked.await.unwrap_or_else(|_| Err(lost()))
    }

    /// Makes durable what was pushed so far, and says how to go on after a crash.
    ///
    /// # Errors
    /// A write failed.
    pub async fn checkpoint(&self) -> Result<Checkpoint> {
        let (answer, asked) = oneshot::channel();
        self.add(Step::Checkpoint(answer))?;
        asked.await.unwrap_or_else(|_| Err(lost()))
    }

    /// Seals the object; the answer comes when it is durable.
    ///
    /// # Errors
    /// A write failed.
    pub async fn finish(&self) -> Result<Sealed> {
        let (answer, asked) = oneshot::channel();
        self.add(Step::Finish(answer))?;
        asked.await.unwrap_or_else(|_| Err(lost()))
    }

    fn add(&self, step: Step) -> Result<()> {
        let mut state = self.shared.lock();
        if let Some(error) = state.failed.take() {
            state.failed = Some(lost());
            return Err(error);
        }
        state.queue.push_back(step);
        if state.running {
            self.shared.more.notify_one();
        } else {
            state.running = true;
            let shared = Arc::clone(&self.shared);
            tokio::task::spawn_blocking(move || shared.run());
        }
        Ok(())
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.closed = true;
        self.shared.more.notify_one();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic in a step took the writer with it; what is left is consistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) {
        let _ends = RunEnds(self);
        while let Some((step, writer)) = self.next_step() {
            if let Some(writer) = self.perform(step, writer) {
                self.lock().writer = Some(writer);
            }
        }
    }

    fn next_step(&self) -> Option<(Step, Option<ObjectWriter>)> {
        let mut state = self.lock();
        if state.queue.is_empty() && !state.closed {
            state = self.more.wait_timeout(state, LINGER).unwrap_or_else(PoisonError::into_inner).0;
        }
        let Some(step) = state.queue.pop_front() else {
            state.running = false;
            return None;
        };
        let writer = state.writer.take();
        Some((step, writer))
    }

    fn perform(&self, step: Step, writer: Option<ObjectWriter>) -> Option<ObjectWriter> {
        match (step, writer) {
            (Step::Bytes(bytes, _room), Some(mut writer)) => match writer.write(&bytes) {
                Ok(()) => Some(writer),
                Err(fault) => {
                    self.lock().failed = Some(fault.into());
                    None
                }
            },
            (Step::Pour(broker, from, answer), Some(mut writer)) => {
                let poured = broker.pour(&from, &mut writer);
                let kept = poured.is_ok().then_some(writer);
                drop(answer.send(poured.map_err(Error::from)));
                kept
            }
            (Step::Checkpoint(answer), Some(mut writer)) => {
                // A door that no longer listens has lost its peer; the checkpoint stands all the same.
                drop(answer.send(writer.checkpoint().map_err(Error::from)));
                Some(writer)
            }
            (Step::Finish(answer), Some(writer)) => {
                drop(answer.send(writer.finish().map_err(Error::from)));
                None
            }
            (Step::Bytes(..), None) => None,
            (Step::Pour(_, _, answer), None) => {
                drop(answer.send(Err(self.reason())));
                None
            }
            (Step::Checkpoint(answer), None) => {
                drop(answer.send(Err(self.reason())));
                None
            }
            (Step::Finish(answer), None) => {
                drop(answer.send(Err(self.reason())));
                None
            }
        }
    }

    fn reason(&self) -> Error {
        self.lock().failed.replace(lost()).unwrap_or_else(lost)
    }
}

/// Ends a run also when a step met a bug: what waits is told, and so is what comes later.
struct RunEnds<'s>(&'s Shared);

impl Drop for RunEnds<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut state = self.0.lock();
            state.running = false;
            state.failed = Some(lost());
            state.queue.clear();
        }
    }
}

fn lost() -> Error {
    Error::Fault(Fault::Internal("an earlier write of this object failed".into()))
}
