//! The vault as its callers meet it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod broker;
mod crash;
mod memory_disk;
mod objects;
mod wrap;

use std::path::Path;
use std::sync::Arc;

use lazaret_core::decision::{Cleared, Inspecting, Position};
use lazaret_core::id::{Id, Object, Transfer};
use lazaret_vault::broker::Parts;
use lazaret_vault::random::SystemSource;
use lazaret_vault::rows::{KeyRows, MemoryRows};
use lazaret_vault::wrap::Roots;
use lazaret_vault::wrap::file::FileRoot;
use lazaret_vault::{Broker, Disk, RealDisk};

/// No limit on an object's size that a test would meet.
const NO_LIMIT: u64 = u64::MAX;

/// A root key file and rows that survive a broker, as a process's disk does.
struct World {
    directory: tempfile::TempDir,
    rows: Arc<dyn KeyRows>,
    roots: Roots,
}

impl World {
    fn new() -> World {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root.key");
        let root = FileRoot::create_key_file(&RealDisk, &SystemSource::default(), &path).unwrap();
        World { directory, rows: Arc::new(MemoryRows::default()), roots: Roots::of(Arc::new(root)) }
    }

    fn parts(&self, disk: Arc<dyn Disk>) -> Parts {
        Parts {
            gate: Id::from_bytes([0x10; 16]),
            roots: self.roots.clone(),
            rows: Arc::clone(&self.rows),
            disk,
            random: Arc::new(SystemSource::default()),
        }
    }

    fn blobs(&self) -> std::path::PathBuf {
        self.directory.path().join("vault")
    }

    fn create(&self) -> Broker {
        Broker::create(self.parts(Arc::new(RealDisk)), &self.blobs()).unwrap()
    }
}

fn transfer(byte: u8) -> Id<Transfer> {
    Id::from_bytes([byte; 16])
}

fn object(byte: u8) -> Id<Object> {
    Id::from_bytes([byte; 16])
}

fn inspecting(of_transfer: u8, of_object: u8) -> Inspecting {
    Inspecting::assertion(transfer(of_transfer), object(of_object))
}

fn cleared(of_transfer: u8, of_object: u8) -> Cleared {
    Cleared::assertion(transfer(of_transfer), object(of_object), Position { epoch: 1, index: 1 })
}

/// The file of a closed object.
fn blob_path(root: &Path, object: Id<Object>) -> std::path::PathBuf {
    let name = object.to_string();
    root.join("sealed").join(&name[name.len() - 1..]).join(name)
}

/// Bytes that look like content and differ everywhere.
fn content(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..length)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()[0]
        })
        .collect()
}
