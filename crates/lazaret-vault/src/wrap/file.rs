//! Roots from files: a generated key, or a passphrase stretched with Argon2id (RFC 9106). Both files are their owner's alone.

use std::path::{Path, PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use super::{ROOT_ID_BYTES, RootKey};
use crate::disk::{Access, Disk, write_new};
use crate::fault::Fault;
use crate::key::{KEY_BYTES, Key};
use crate::random::{Random, draw};

/// Argon2id's memory in KiB: 64 MiB (RFC 9106 section 4, second recommended option).
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;
const LANES: u32 = 4;
const SALT_BYTES: usize = 16;
/// Bounds on what a parameter file may ask for, so that an edited one neither weakens the root nor stalls the start.
const MEMORY_KIB_MAX: u32 = 4 * 1024 * 1024;
const PASSES_MAX: u32 = 64;
const LANES_MAX: u32 = 64;
const PARAMETER_BYTES_MAX: usize = 256;
const PASSPHRASE_BYTES_MIN: usize = 12;
const PASSPHRASE_BYTES_MAX: usize = 1_024;
/// Permission bits that nobody but the owner may have.
const OTHERS: u32 = 0o077;

/// Reads a secret of at most `bytes_max` bytes from a file that only its owner may use.
///
/// # Errors
/// [`Fault::Missing`]; [`Fault::LooseMode`], whose text has the command to run; [`Fault::BadSecretFile`] if it is longer.
pub fn secret_file(disk: &dyn Disk, path: &Path, bytes_max: usize) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let file = disk.open(path, Access::Read)?;
    let mode = file.mode()?;
    if mode & OTHERS != 0 {
        return Err(Fault::LooseMode { path: path.to_owned(), mode });
    }
    let mut out = Zeroizing::new(vec![0; bytes_max + 1]);
    let count = file.read_at(0, &mut out)?;
    if count > bytes_max {
        return Err(Fault::BadSecretFile { path: path.to_owned(), expected: "a smaller file" });
    }
    out.truncate(count);
    Ok(out)
}

/// A root whose key is in this process: read from a file or derived from a passphrase.
pub struct FileRoot {
    sealing: Key,
    id: [u8; ROOT_ID_BYTES],
}

impl FileRoot {
    /// Makes a key file of 32 random bytes, mode 0600, durably.
    ///
    /// # Errors
    /// [`Fault::Exists`]: a root is never replaced by making one. Else a fault of the disk or the random source.
    pub fn create_key_file(disk: &dyn Disk, random: &dyn Random, path: &Path) -> Result<FileRoot, Fault> {
        let key = Key::generate(random)?;
        write_new(disk, path, key.bytes())?;
        Ok(FileRoot::of(&key))
    }

    /// Opens a key file.
    ///
    /// # Errors
    /// As [`secret_file`]; [`Fault::BadSecretFile`] unless it has exactly 32 bytes.
    pub fn open_key_file(disk: &dyn Disk, path: &Path) -> Result<FileRoot, Fault> {
        let bad = || Fault::BadSecretFile { path: path.to_owned(), expected: "a key file of 32 bytes" };
        let bytes = secret_file(disk, path, KEY_BYTES)?;
        Key::from_slice(&bytes).map(|key| FileRoot::of(&key)).map_err(|_| bad())
    }

    /// Takes a passphrase file into use: draws a salt and writes it with the parameters beside it, as `PATH.argon2id`.
    ///
    /// # Errors
    /// As [`secret_file`]; [`Fault::Exists`] if the parameters are there already; [`Fault::BadSecretFile`] for a
    /// passphrase shorter than 12 bytes.
    pub fn create_passphrase(disk: &dyn Disk, random: &dyn Random, path: &Path) -> Result<FileRoot, Fault> {
        let passphrase = passphrase(disk, path)?;
        let stretch =
            Stretch { memory_kib: MEMORY_KIB, passes: PASSES, lanes: LANES, salt: draw::<SALT_BYTES>(random)? };
        let root = stretch.derive(&passphrase).map(|key| FileRoot::of(&key))?;
        write_new(disk, &parameter_path(path), stretch.to_text().as_bytes())?;
        Ok(root)
    }

    /// Opens a passphrase file with the parameters beside it. A wrong passphrase shows as [`Fault::WrongRoot`] when the
    /// keyring is opened.
    ///
    /// # Errors
    /// As [`secret_file`]; [`Fault::BadSecretFile`] for parameters that are malformed or weaker than ours.
    pub fn open_passphrase(disk: &dyn Disk, path: &Path) -> Result<FileRoot, Fault> {
        let passphrase = passphrase(disk, path)?;
        let beside = parameter_path(path);
        let text = secret_file(disk, &beside, PARAMETER_BYTES_MAX)?;
        let stretch = std::str::from_utf8(&text).ok().and_then(Stretch::parse).ok_or(Fault::BadSecretFile {
            path: beside,
            expected: "Argon2id parameters: $argon2id$v=19$m=65536,t=3,p=4$SALT, not weaker",
        })?;
        stretch.derive(&passphrase).map(|key| FileRoot::of(&key))
    }

    fn of(key: &Key) -> FileRoot {
        let mut id = [0; ROOT_ID_BYTES];
        let public = key.expand(&[b"lazaret/root-id/v1"]);
        for (slot, byte) in id.iter_mut().zip(public.bytes()) {
            *slot = *byte;
        }
        FileRoot { sealing: key.expand(&[b"lazaret/root-seal/v1"]), id }
    }
}

impl RootKey for FileRoot {
    fn id(&self) -> [u8; ROOT_ID_BYTES] {
        self.id
    }

    fn seal(&self, random: &dyn Random, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, Fault> {
        self.sealing.aead().seal(random, aad, plain)
    }

    fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault> {
        self.sealing.aead().open(aad, sealed).map_err(|_| Fault::WrongRoot)
    }
}

fn parameter_path(path: &Path) -> PathBuf {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".argon2id");
    PathBuf::from(beside)
}

/// The passphrase without the line end that editors add.
fn passphrase(disk: &dyn Disk, path: &Path) -> Result<Zeroizing<Vec<u8>>, Fault> {
    let mut bytes = secret_file(disk, path, PASSPHRASE_BYTES_MAX)?;
    while matches!(bytes.last(), Some(b'\n' | b'\r')) {
        bytes.pop();
    }
    if bytes.len() < PASSPHRASE_BYTES_MIN {
        return Err(Fault::BadSecretFile { path: path.to_owned(), expected: "a passphrase of at least 12 bytes" });
    }
    Ok(bytes)
}

#[derive(Debug, PartialEq, Eq)]
struct Stretch {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: [u8; SALT_BYTES],
}

impl Stretch {
    /// The head of a PHC string (the form of RFC 9106's reference implementation), the salt in hexadecimal.
    fn to_text(&self) -> String {
        let salt: String = self.salt.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("$argon2id$v=19$m={},t={},p={}${salt}\n", self.memory_kib, self.passes, self.lanes)
    }

    fn parse(text: &str) -> Option<Stretch> {
        let rest = text.trim_end().strip_prefix("$argon2id$v=19$m=")?;
        let (memory, rest) = rest.split_once(",t=")?;
        let (passes, rest) = rest.split_once(",p=")?;
        let (lanes, salt) = rest.split_once('$')?;
        if salt.len() != 2 * SALT_BYTES || !salt.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let salt = u128::from_str_radix(salt, 16).ok()?.to_be_bytes();
        let stretch = Stretch {
            memory_kib: memory.parse().ok()?,
            passes: passes.parse().ok()?,
            lanes: lanes.parse().ok()?,
            salt,
        };
        let bounded = (MEMORY_KIB..=MEMORY_KIB_MAX).contains(&stretch.memory_kib)
            && (PASSES..=PASSES_MAX).contains(&stretch.passes)
            && (LANES..=LANES_MAX).contains(&stretch.lanes);
        bounded.then_some(stretch)
    }

    #[expect(clippy::expect_used, reason = "the parameters are within Argon2's bounds by construction and by parse")]
    fn derive(&self, passphrase: &[u8]) -> Result<Key, Fault> {
        let params =
            Params::new(self.memory_kib, self.passes, self.lanes, Some(KEY_BYTES)).expect("bounded parameters");
        let mut out = Zeroizing::new([0; KEY_BYTES]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_into(passphrase, &self.salt, out.as_mut_slice())
            .expect("bounded lengths");
        Key::from_slice(out.as_slice())
    }
}
