//! How fast the write path is on this machine: one large object, many small ones, and reading back.
//! `cargo run --release -p lazaret-vault --example throughput [DIRECTORY]`

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use std::error::Error;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lazaret_core::decision::{Inspecting, Unclaimed};
use lazaret_core::id::Id;
use lazaret_vault::broker::Parts;
use lazaret_vault::random::SystemSource;
use lazaret_vault::rows::MemoryRows;
use lazaret_vault::wrap::Roots;
use lazaret_vault::wrap::file::FileRoot;
use lazaret_vault::{Broker, Fault, RealDisk};

const LARGE_BYTES: usize = 1 << 30;
const PIECE_BYTES: usize = 256 * 1024;
const SMALL_BYTES: usize = 2_000;
const SMALL_COUNT: u64 = 20_000;

fn main() -> Result<(), Box<dyn Error>> {
    let chosen = std::env::args_os().nth(1).map(PathBuf::from);
    let directory = match chosen {
        Some(parent) => tempfile::tempdir_in(parent)?,
        None => tempfile::tempdir()?,
    };
    let root = FileRoot::create_key_file(&RealDisk, &SystemSource::default(), &directory.path().join("root.key"))?;
    let parts = Parts {
        gate: Id::from_bytes([1; 16]),
        roots: Roots::of(Arc::new(root)),
        rows: Arc::new(MemoryRows::default()),
        disk: Arc::new(RealDisk),
        random: Arc::new(SystemSource::default()),
    };
    let broker = Broker::create(parts, &directory.path().join("vault"))?;
    for _ in 0..3 {
        large(&broker)?;
    }
    for threads in [1, 4, 16, 64] {
        small(&broker, threads, false)?;
    }
    // An open upload with unsynced pages makes the flusher sync file by file.
    small(&broker, 64, true)
}

static NEXT: AtomicU64 = AtomicU64::new(1);

fn fresh<T>() -> Id<T> {
    Id::from_bytes((u128::from(NEXT.fetch_add(1, Ordering::Relaxed)) << 64).to_be_bytes())
}

fn per_second(amount: f64, took: Duration) -> f64 {
    amount / took.as_secs_f64()
}

fn large(broker: &Broker) -> Result<(), Box<dyn Error>> {
    let piece: Vec<u8> = (0..PIECE_BYTES).map(|index| index.to_le_bytes()[0]).collect();
    let (transfer, object) = (fresh(), fresh());
    let mut writer = broker.new_object(transfer, object, u64::MAX)?.writer;
    let begun = Instant::now();
    for _ in 0..LARGE_BYTES / PIECE_BYTES {
        writer.write(&piece)?;
    }
    let written = begun.elapsed();
    writer.finish()?;
    let durable = begun.elapsed();
    let proof = Inspecting::assertion(transfer, object);
    let begun = Instant::now();
    broker.open_for_inspection(&proof)?.stream().finish()?;
    let read = begun.elapsed();
    let megabytes = f64::from(u32::try_from(LARGE_BYTES / 1_000_000)?);
    println!(
        "1 GiB: encrypt + SHA-256 + write {:.0} MB/s, with fsync {:.0} MB/s; read + verify + SHA-256 {:.0} MB/s",
        per_second(megabytes, written),
        per_second(megabytes, durable),
        per_second(megabytes, read)
    );
    broker.discard(&Unclaimed::assertion(object, None))?;
    Ok(())
}

fn small(broker: &Broker, threads: u64, beside_upload: bool) -> Result<(), Box<dyn Error>> {
    let bytes = vec![7; SMALL_BYTES];
    let beside = if beside_upload {
        let mut writer = broker.new_object(fresh(), fresh(), u64::MAX)?.writer;
        for _ in 0..400 {
            writer.write(&vec![1; PIECE_BYTES])?;
        }
        Some(writer)
    } else {
        None
    };
    let begun = Instant::now();
    let count = if threads == 1 { SMALL_COUNT / 10 } else { SMALL_COUNT };
    std::thread::scope(|scope| {
        let store = || -> Result<(), Fault> {
            for _ in 0..count / threads {
                let mut writer = broker.new_object(fresh(), fresh(), u64::MAX)?.writer;
                writer.write(&bytes)?;
                writer.finish()?;
            }
            Ok(())
        };
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(store)).collect();
        running.into_iter().try_for_each(|thread| thread.join().unwrap_or(Err(Fault::Poisoned)))
    })?;
    println!(
        "{SMALL_BYTES} B objects, {threads} threads{}: {:.0} durable objects/s",
        if beside.is_some() { ", beside a 100 MB upload" } else { "" },
        per_second(f64::from(u32::try_from(count)?), begun.elapsed())
    );
    Ok(())
}
