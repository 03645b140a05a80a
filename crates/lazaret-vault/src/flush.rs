//! Group durability: many small files become durable with few system calls, and nobody is answered before.
//!
//! One thread takes what waits, at most [`BATCH_MAX`] files, without a timer: while one batch is being made durable the
//! next one gathers. It renames all of them and then makes the batch durable in one of two ways:
//!
//! * many files and little else unsynced: one `syncfs`. Linux writes back every dirty page and the journal of that file
//!   system before it returns, names included (syncfs(2)), and since 5.8 reports any write-back error that happened since
//!   the descriptor was opened; the descriptor is held for the life of the vault, so none is missed.
//! * few files, or a large upload in progress (whose pages `syncfs` would have to wait for): fdatasync of each file from
//!   a few threads, then fsync of each directory.
//!
//! Renaming before the sync is sound because names are random and used once. A name that survives a power cut without
//! its bytes is a blob that no entry names (its caller was never answered): it opens for nobody and the reaper takes it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::disk::{Disk, DiskFile, FileSystem};
use crate::fault::Fault;

/// Files made durable together at most.
pub const BATCH_MAX: usize = 256;
/// Files that may wait; beyond that, callers block.
const QUEUE_MAX: usize = 1_024;
/// From this many files on, one `syncfs` is cheaper than a fsync of each.
const WHOLE_FILE_SYSTEM_MIN: usize = 4;
/// Above this many unsynced bytes of unfinished uploads, `syncfs` would wait for them.
const UNSYNCED_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Threads that sync the files of one batch when each is synced alone.
const THREADS_MAX: usize = 8;

/// One closed file that is to become durable under its final name.
pub(crate) struct Job {
    pub(crate) file: Arc<dyn DiskFile>,
    pub(crate) from: PathBuf,
    pub(crate) to: PathBuf,
    /// Bytes of this file that count as unsynced until it is done.
    pub(crate) unsynced: Unsynced,
}

struct Waiting {
    job: Job,
    answer: SyncSender<Result<(), Fault>>,
}

/// Bytes written and not yet synced, by one file, counted in the vault's sum.
pub(crate) struct Unsynced {
    sum: Arc<AtomicU64>,
    own_bytes: u64,
}

impl Unsynced {
    pub(crate) fn new(sum: Arc<AtomicU64>) -> Unsynced {
        Unsynced { sum, own_bytes: 0 }
    }

    pub(crate) fn add(&mut self, bytes: usize) {
        self.own_bytes += bytes as u64;
        self.sum.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn clear(&mut self) {
        let before = self.sum.fetch_sub(self.own_bytes, Ordering::Relaxed);
        assert!(before >= self.own_bytes, "unsynced bytes are counted once");
        self.own_bytes = 0;
    }
}

impl Drop for Unsynced {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The thread that makes batches durable. It ends when the last handle to it is dropped.
pub(crate) struct Flusher {
    queue: SyncSender<Waiting>,
}

impl Flusher {
    pub(crate) fn start(
        disk: Arc<dyn Disk>,
        file_system: Box<dyn FileSystem>,
        unsynced: Arc<AtomicU64>,
    ) -> Result<Flusher, Fault> {
        let (queue, jobs) = sync_channel(QUEUE_MAX);
        let worker = Worker { disk, file_system, unsynced };
        std::thread::Builder::new()
            .name("vault-flush".into())
            .spawn(move || worker.run(&jobs))
            .map_err(|error| Fault::of_open("start thread", &error))?;
        Ok(Flusher { queue })
    }

    /// Queues a file; the receiver gets one answer once it is durable.
    pub(crate) fn submit(&self, job: Job) -> Receiver<Result<(), Fault>> {
        let (answer, answered) = sync_channel(1);
        // If the thread is gone the answer's sender is dropped here, and the waiter reads that as a fault.
        let _gone = self.queue.send(Waiting { job, answer });
        answered
    }
}

struct Worker {
    disk: Arc<dyn Disk>,
    file_system: Box<dyn FileSystem>,
    unsynced: Arc<AtomicU64>,
}

impl Worker {
    fn run(&self, jobs: &Receiver<Waiting>) {
        while let Ok(first) = jobs.recv() {
            let mut batch = vec![first];
            batch.extend(jobs.try_iter().take(BATCH_MAX - 1));
            self.flush(batch);
        }
    }

    fn flush(&self, batch: Vec<Waiting>) {
        let mut renamed = Vec::with_capacity(batch.len());
        for waiting in batch {
            match self.disk.rename(&waiting.job.from, &waiting.job.to) {
                Ok(()) => renamed.push(waiting),
                // This file's trouble alone; the others of the batch go on.
                Err(fault) => drop(waiting.answer.send(Err(fault))),
            }
        }
        let own: u64 = renamed.iter().map(|waiting| waiting.job.unsynced.own_bytes).sum();
        let elsewhere = self.unsynced.load(Ordering::Relaxed).saturating_sub(own);
        let whole = renamed.len() >= WHOLE_FILE_SYSTEM_MIN && elsewhere <= UNSYNCED_BYTES_MAX;
        let outcome = if whole { self.file_system.sync() } else { self.sync_each(&renamed) };
        for waiting in renamed {
            let answer = outcome.as_ref().copied().map_err(Fault::again);
            // A caller that no longer waits leaves an orphan for the reaper.
            let _gone = waiting.answer.send(answer);
        }
    }

    fn sync_each(&self, batch: &[Waiting]) -> Result<(), Fault> {
        if batch.is_empty() {
            return Ok(());
        }
        let share = batch.len().div_ceil(THREADS_MAX);
        let sync_all = |part: &[Waiting]| part.iter().try_for_each(|waiting| waiting.job.file.sync());
        let (own, others) = batch.split_at(share.min(batch.len()));
        std::thread::scope(|scope| {
            let running: Vec<_> = others.chunks(share).map(|part| scope.spawn(move || sync_all(part))).collect();
            let mut outcome = sync_all(own);
            for thread in running {
                outcome = outcome.and(thread.join().unwrap_or(Err(Fault::Poisoned)));
            }
            outcome
        })?;
        let directories: BTreeSet<&Path> = batch.iter().filter_map(|waiting| waiting.job.to.parent()).collect();
        directories.into_iter().try_for_each(|directory| self.disk.sync_directory(directory))
    }
}
