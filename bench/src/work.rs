//! The folder in which everything of a run lies: all sides write to the same file system.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::Result;
use crate::plan::Plan;

/// A line of a text, with its end.
const LINE_BYTES: usize = 64;

/// The work folder of one run. It is removed at the end.
pub struct Work {
    dir: tempfile::TempDir,
}

impl Work {
    pub fn make(plan: &Plan) -> Result<Work> {
        fs::create_dir_all(&plan.dir)?;
        let dir = tempfile::Builder::new().prefix("run-").tempdir_in(fs::canonicalize(&plan.dir)?)?;
        // Peers that give up root's rights must be able to reach their folders below.
        fs::set_permissions(dir.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        Ok(Work { dir })
    }

    /// A new, empty folder.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.dir.path().join(name);
        if path.exists() {
            fs::remove_dir_all(&path)?;
        }
        fs::create_dir_all(&path)?;
        Ok(path)
    }

    /// A file of this size that does not compress, made once.
    pub fn file(&self, size_bytes: u64) -> Result<PathBuf> {
        self.made(&format!("{size_bytes}.bin"), size_bytes, |_| ())
    }

    /// The same in letters and lines, which inspectors read to the end: what may be released.
    pub fn text(&self, size_bytes: u64) -> Result<PathBuf> {
        self.made(&format!("{size_bytes}.txt"), size_bytes, |block| {
            block.iter_mut().for_each(|byte| *byte = b'a' + (*byte & 15));
            block.iter_mut().skip(LINE_BYTES - 1).step_by(LINE_BYTES).for_each(|byte| *byte = b'\n');
        })
    }

    fn made(&self, name: &str, size_bytes: u64, shape: impl Fn(&mut [u8])) -> Result<PathBuf> {
        let path = self.dir.path().join(name);
        if !path.exists() {
            let mut out = BufWriter::with_capacity(1 << 20, fs::File::create(&path)?);
            let mut noise = Noise::new(size_bytes);
            let mut left = size_bytes;
            let mut block = vec![0; 64 << 10];
            while left > 0 {
                let length = usize::try_from(left.min(64 << 10))?;
                noise.fill(&mut block);
                shape(&mut block);
                out.write_all(block.get(..length).unwrap_or_default())?;
                left -= length as u64;
            }
            out.into_inner().map_err(|error| error.to_string())?.sync_all()?;
        }
        Ok(path)
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}

/// Bytes that look random: xorshift64* (Vigna 2016). They are only to be incompressible.
pub struct Noise(u64);

impl Noise {
    pub fn new(seed: u64) -> Noise {
        Noise(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            self.0 ^= self.0 >> 12;
            self.0 ^= self.0 << 25;
            self.0 ^= self.0 >> 27;
            let word = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes();
            chunk.iter_mut().zip(word).for_each(|(to, from)| *to = from);
        }
    }
}
