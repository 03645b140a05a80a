//! A disk in memory that forgets what was not synced, stops at any step, and notes whether a byte was ever written twice.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use lazaret_core::time::Timestamp;
use lazaret_vault::disk::{Access, DiskFile, FileSystem, Listed, Space};
use lazaret_vault::{Disk, Fault};

/// Names that lead to a file's number, as they are and as a power cut leaves them.
#[derive(Default)]
struct State {
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    files: Vec<Vec<u8>>,
    durable_files: Vec<Vec<u8>>,
    /// Every write there ever was, by file: a second, different one at a place means a nonce used twice.
    written: BTreeMap<usize, Vec<Option<u8>>>,
    twice: bool,
    boots: u8,
    steps_left: Option<usize>,
}

impl State {
    fn step(&mut self) -> Result<(), Fault> {
        match &mut self.steps_left {
            Some(0) => Err(Fault::Disk { doing: "stopped", kind: ErrorKind::Other, errno: None }),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn find(&self, path: &Path) -> Result<usize, Fault> {
        self.names.get(path).copied().ok_or(Fault::Missing)
    }

    fn sync_file(&mut self, number: usize) {
        self.durable_files[number] = self.files[number].clone();
    }
}

#[derive(Clone, Default)]
pub(crate) struct MemoryDisk(Arc<Mutex<State>>);

impl MemoryDisk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// After this many more steps every call fails, as if the process had been killed.
    pub(crate) fn stop_after(&self, steps: usize) {
        self.state().steps_left = Some(steps);
    }

    /// The process is gone; what it wrote is still in the page cache.
    pub(crate) fn restart(&self) {
        self.state().steps_left = None;
    }

    /// The machine lost power: of each file a part of what was not synced survives, of unsynced names every other one.
    pub(crate) fn power_cut(&self) {
        let mut state = self.state();
        state.steps_left = None;
        state.boots += 1;
        for number in 0..state.files.len() {
            let (now, then) = (state.files[number].len(), state.durable_files[number].len());
            let keep = then + now.saturating_sub(then) / 3;
            let mut left = state.files[number].clone();
            left.truncate(keep);
            state.files[number] = left.clone();
            state.durable_files[number] = left;
        }
        let mut left = state.durable_names.clone();
        let unsynced: Vec<_> = state.names.iter().map(|(path, number)| (path.clone(), *number)).collect();
        for (path, number) in unsynced {
            if number % 2 == 0 {
                left.retain(|_, of| *of != number);
                left.insert(path, number);
            }
        }
        state.names = left.clone();
        state.durable_names = left;
    }

    /// Whether two different bytes were ever written at one place of one file.
    pub(crate) fn wrote_twice(&self) -> bool {
        self.state().twice
    }

    pub(crate) fn names(&self) -> BTreeSet<PathBuf> {
        self.state().names.keys().cloned().collect()
    }
}

struct MemoryFile {
    disk: MemoryDisk,
    number: usize,
}

impl DiskFile for MemoryFile {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), Fault> {
        let mut state = self.disk.state();
        let stopped = state.step();
        // A write that is cut off leaves its first half.
        let bytes = if stopped.is_ok() { bytes } else { &bytes[..bytes.len() / 2] };
        let at = usize::try_from(offset).unwrap();
        let file = &mut state.files[self.number];
        if file.len() < at + bytes.len() {
            file.resize(at + bytes.len(), 0);
        }
        file[at..at + bytes.len()].copy_from_slice(bytes);
        let mut twice = false;
        let written = state.written.entry(self.number).or_default();
        written.resize(written.len().max(at + bytes.len()), None);
        for (slot, byte) in written[at..].iter_mut().zip(bytes) {
            twice |= slot.replace(*byte).is_some_and(|before| before != *byte);
        }
        state.twice |= twice;
        stopped
    }

    fn read_at(&self, offset: u64, out: &mut [u8]) -> Result<usize, Fault> {
        let state = self.disk.state();
        let rest = state.files[self.number].get(usize::try_from(offset).unwrap()..).unwrap_or(&[]);
        let count = rest.len().min(out.len());
        out[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn size(&self) -> Result<u64, Fault> {
        Ok(self.disk.state().files[self.number].len() as u64)
    }

    fn mode(&self) -> Result<u32, Fault> {
        Ok(0o600)
    }

    fn sync(&self) -> Result<(), Fault> {
        let mut state = self.disk.state();
        state.step()?;
        state.sync_file(self.number);
        Ok(())
    }
}

impl FileSystem for MemoryDisk {
    fn sync(&self) -> Result<(), Fault> {
        let mut state = self.state();
        state.step()?;
        (0..state.files.len()).for_each(|number| state.sync_file(number));
        state.durable_names = state.names.clone();
        Ok(())
    }
}

impl Disk for MemoryDisk {
    fn create_new(&self, path: &Path) -> Result<Box<dyn DiskFile>, Fault> {
        let mut state = self.state();
        state.step()?;
        if state.names.contains_key(path) {
            return Err(Fault::Exists);
        }
        let number = state.files.len();
        state.files.push(Vec::new());
        state.durable_files.push(Vec::new());
        state.names.insert(path.to_owned(), number);
        Ok(Box::new(MemoryFile { disk: self.clone(), number }))
    }

    fn open(&self, path: &Path, _: Access) -> Result<Box<dyn DiskFile>, Fault> {
        let number = self.state().find(path)?;
        Ok(Box::new(MemoryFile { disk: self.clone(), number }))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<(), Fault> {
        let mut state = self.state();
        state.step()?;
        let number = state.find(from)?;
        if state.names.contains_key(to) {
            return Err(Fault::Exists);
        }
        state.names.remove(from);
        state.names.insert(to.to_owned(), number);
        Ok(())
    }

    fn replace(&self, from: &Path, to: &Path) -> Result<(), Fault> {
        let mut state = self.state();
        state.step()?;
        let number = state.find(from)?;
        state.names.remove(from);
        state.names.insert(to.to_owned(), number);
        Ok(())
    }

    fn sync_directory(&self, path: &Path) -> Result<(), Fault> {
        let mut state = self.state();
        state.step()?;
        let inside: Vec<_> = state.names.iter().map(|(name, number)| (name.clone(), *number)).collect();
        for (name, number) in inside.into_iter().filter(|(name, _)| name.parent() == Some(path)) {
            state.durable_names.retain(|_, of| *of != number);
            state.durable_names.insert(name, number);
        }
        Ok(())
    }

    fn file_system(&self, _: &Path) -> Result<Box<dyn FileSystem>, Fault> {
        Ok(Box::new(self.clone()))
    }

    fn remove(&self, path: &Path) -> Result<(), Fault> {
        let mut state = self.state();
        state.step()?;
        state.names.remove(path);
        state.durable_names.remove(path);
        Ok(())
    }

    fn make_directory(&self, _: &Path) -> Result<(), Fault> {
        self.state().step()
    }

    fn space(&self, _: &Path) -> Result<Space, Fault> {
        Ok(Space { free_bytes: 1 << 30, total_bytes: 1 << 30 })
    }

    fn list(&self, path: &Path) -> Result<Vec<Listed>, Fault> {
        let state = self.state();
        let inside = state.names.iter().filter(|(name, _)| name.parent() == Some(path));
        Ok(inside
            .filter_map(|(name, number)| {
                Some(Listed {
                    name: name.file_name()?.to_str()?.to_owned(),
                    size_bytes: state.files[*number].len() as u64,
                    modified: Timestamp::from_millis(0),
                })
            })
            .collect())
    }

    fn boot_id(&self) -> Result<[u8; 16], Fault> {
        Ok([self.state().boots; 16])
    }
}
