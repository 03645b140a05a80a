//! The single writer of a database: takes what waits, runs each job in a savepoint, commits once, answers all.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use rusqlite::{Connection, ErrorCode};

use crate::engine::Db;
use crate::error::{Error, Fault, Result};

/// Jobs that may wait for the writer; over it the caller is told to come back.
pub(crate) const QUEUE_JOBS_MAX: usize = 1_024;
/// Jobs in one commit.
pub(crate) const BATCH_JOBS_MAX: usize = 256;

/// Answers a caller once the outcome of the commit is known.
type Answer = Box<dyn FnOnce(Result<(), Fault>) + Send>;
/// Runs inside the transaction; whether to keep its changes, and how to answer.
type Job = Box<dyn FnOnce(Db<'_>) -> (Keep, Answer) + Send>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    Changes,
    Nothing,
    /// Nothing, because the disk is full.
    NothingForFull,
}

impl Keep {
    fn of<T>(done: &Result<T>) -> Keep {
        match done {
            Ok(_) => Keep::Changes,
            Err(Error::Fault(Fault::Full)) => Keep::NothingForFull,
            Err(_) => Keep::Nothing,
        }
    }
}

/// The writer's thread and its bounded queue.
#[derive(Debug)]
pub(crate) struct Writer {
    queue: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Starts the thread on this connection. `committed` is called with it after each commit that changed something, before
    /// anybody is answered.
    pub(crate) fn start(
        name: &str,
        connection: Connection,
        committed: impl Fn(&Connection) + Send + 'static,
    ) -> Result<Writer, Fault> {
        let (queue, jobs) = sync_channel(QUEUE_JOBS_MAX);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || run(&connection, &jobs, &committed))
            .map_err(|error| Fault::Engine(error.to_string()))?;
        Ok(Writer { queue: Some(queue), thread: Some(thread) })
    }

    /// Queues a job; `answer` is called on the writer's thread after the commit, refusals included: one may rest on an
    /// earlier job of the batch.
    ///
    /// # Errors
    /// [`Fault::Busy`] when the queue is full; nothing was done.
    pub(crate) fn submit<T: Send + 'static>(
        &self,
        work: impl FnOnce(Db<'_>) -> Result<T> + Send + 'static,
        answer: impl FnOnce(Result<T>) + Send + 'static,
    ) -> Result<(), Fault> {
        let job = job(work, answer);
        let queue = self.queue.as_ref().ok_or(Fault::Busy)?;
        queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) | TrySendError::Disconnected(_) => Fault::Busy,
        })
    }

    /// Queues a job and waits for its answer. Waits for room in the queue too: for threads that can.
    pub(crate) fn call<T: Send + 'static>(&self, work: impl FnOnce(Db<'_>) -> Result<T> + Send + 'static) -> Result<T> {
        let (sender, receiver) = sync_channel(1);
        // The caller may have gone; the commit stands all the same.
        let job = job(work, move |outcome| drop(sender.send(outcome)));
        let queue = self.queue.as_ref().ok_or(Fault::Busy)?;
        queue.send(job).map_err(|_| Fault::Busy)?;
        receiver.recv().map_err(|_| Error::Fault(Fault::Busy))?
    }
}

/// What the writer's thread does with some work: keeps its changes or nothing, and answers after the commit.
fn job<T: Send + 'static>(
    work: impl FnOnce(Db<'_>) -> Result<T> + Send + 'static,
    answer: impl FnOnce(Result<T>) + Send + 'static,
) -> Job {
    Box::new(move |db| {
        let done = work(db);
        let keep = Keep::of(&done);
        let answer: Answer = Box::new(move |committed| {
            answer(match committed {
                Ok(()) => done,
                Err(fault) => Err(Error::Fault(fault)),
            });
        });
        (keep, answer)
    })
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn run(connection: &Connection, jobs: &Receiver<Job>, committed: &dyn Fn(&Connection)) {
    while let Ok(first) = jobs.recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH_JOBS_MAX {
            match jobs.try_recv() {
                Ok(job) => batch.push(job),
                Err(_) => break,
            }
        }
        let (answers, changed, outcome) = commit_batch(connection, batch);
        if outcome.is_ok() && changed {
            committed(connection);
        }
        for answer in answers {
            answer(outcome_copy(&outcome));
        }
    }
}

fn commit_batch(connection: &Connection, batch: Vec<Job>) -> (Vec<Answer>, bool, Result<(), Fault>) {
    let mut answers = Vec::with_capacity(batch.len());
    let mut changed = false;
    let mut outcome = connection.execute_batch("BEGIN IMMEDIATE").map_err(Fault::from);
    for job in batch {
        if outcome.is_err() {
            // Dropped unrun: its caller hears that nothing was done.
            continue;
        }
        let (keep, answer, step) = in_savepoint(connection, job);
        changed |= keep == Keep::Changes;
        answers.extend(answer);
        outcome = step;
    }
    if outcome.is_ok() {
        outcome = connection.execute_batch("COMMIT").map_err(fatal_unless_full);
    }
    if outcome.is_err() && !connection.is_autocommit() {
        drop(connection.execute_batch("ROLLBACK"));
    }
    (answers, changed, outcome)
}

fn in_savepoint(connection: &Connection, job: Job) -> (Keep, Option<Answer>, Result<(), Fault>) {
    if let Err(error) = connection.execute_batch("SAVEPOINT job") {
        return (Keep::Nothing, None, Err(error.into()));
    }
    let ran = catch_unwind(AssertUnwindSafe(|| job(Db::new(connection))));
    // SQLite may have rolled back the whole transaction on FULL, IOERR, NOMEM or INTERRUPT (C API, "Result Codes"): then
    // the savepoint is gone, and with it everything of the batch.
    if connection.is_autocommit() {
        return match ran {
            Ok((keep @ Keep::NothingForFull, answer)) => (keep, Some(answer), Err(Fault::Full)),
            _ => std::process::abort(),
        };
    }
    let (keep, answer) = match ran {
        Ok((keep, answer)) => (keep, Some(answer)),
        // An assertion failed: a bug. The job's sender is dropped, so its caller hears that it failed; the rest goes on.
        Err(_) => (Keep::Nothing, None),
    };
    let end = match keep {
        Keep::Changes => "RELEASE job",
        Keep::Nothing | Keep::NothingForFull => "ROLLBACK TO job; RELEASE job",
    };
    (keep, answer, connection.execute_batch(end).map_err(Fault::from))
}

/// A failed fsync leaves pages in an unknown state and the next one may lie (PostgreSQL wiki, "Fsync Errors"): only a full
/// disk is answered, everything else ends the process before it can promise anything.
fn fatal_unless_full(error: rusqlite::Error) -> Fault {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Fault::Full,
        _ => std::process::abort(),
    }
}

fn outcome_copy(outcome: &Result<(), Fault>) -> Result<(), Fault> {
    match outcome {
        Ok(()) => Ok(()),
        Err(Fault::Full) => Err(Fault::Full),
        Err(Fault::Busy) => Err(Fault::Busy),
        Err(Fault::Locked) => Err(Fault::Locked),
        Err(Fault::ReadOnly) => Err(Fault::ReadOnly),
        Err(Fault::Absent) => Err(Fault::Absent),
        Err(Fault::Engine(text)) => Err(Fault::Engine(text.clone())),
        Err(Fault::Corrupt(what)) => Err(Fault::Corrupt(what)),
    }
}
