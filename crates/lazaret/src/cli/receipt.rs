//! Receipts and objects as files: waiting until a receipt is signed, and writing under a temporary name until all is there.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::StatusCode;
use lazaret_core::id::Upload;

use super::client::Client;
use super::fail::{Failure, Result};
use crate::clock::new_id;

/// A receipt is signed within this time of its entry, or something is wrong with the gate.
const SIGNED_MAX: Duration = Duration::from_secs(60);
/// Between two questions. The gate seals every 200 ms.
const REST: Duration = Duration::from_millis(200);

/// A transfer's receipt, once its latest entry is under a signed checkpoint.
///
/// # Errors
/// The gate's problem; not signed in a minute.
pub(crate) async fn when_signed(client: &mut Client, reference: &str) -> Result<Vec<u8>> {
    let path = format!("/api/v1/transfers/{reference}/receipt");
    let begun = std::time::Instant::now();
    loop {
        let answer = client.get(&path).await?;
        if answer.status != StatusCode::ACCEPTED {
            return Ok(answer.body.to_vec());
        }
        if begun.elapsed() > SIGNED_MAX {
            return Err(Failure::network("the gate has not signed the receipt within a minute")
                .hint(format!("lazaret transfers receipt {reference}"))
                .about(reference));
        }
        tokio::time::sleep(REST).await;
    }
}

/// Writes a file whole, or not at all.
///
/// # Errors
/// It cannot be written.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut file = Arriving::create(path)?;
    file.write(bytes)?;
    file.finish()
}

/// A file that is being written. It has its name only once it is whole; dropped before, nothing of it stays.
#[derive(Debug)]
pub(crate) struct Arriving {
    file: std::fs::File,
    temporary: PathBuf,
    path: PathBuf,
    done: bool,
}

impl Arriving {
    /// Begins a file beside its place.
    ///
    /// # Errors
    /// It cannot be made.
    pub(crate) fn create(path: &Path) -> Result<Arriving> {
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let temporary = dir.join(format!(".{}.part", new_id::<Upload>().symbols()));
        let file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&temporary)
            .map_err(|error| Failure::file("write", path, &error))?;
        Ok(Arriving { file, temporary, path: path.to_owned(), done: false })
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// They cannot be written.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|error| Failure::file("write", &self.path, &error))
    }

    /// Gives it its name.
    ///
    /// # Errors
    /// It cannot be written or named.
    pub(crate) fn finish(mut self) -> Result<()> {
        let named = self.file.sync_all().and_then(|()| std::fs::rename(&self.temporary, &self.path));
        named.map_err(|error| Failure::file("write", &self.path, &error))?;
        self.done = true;
        Ok(())
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        if !self.done {
            drop(std::fs::remove_file(&self.temporary));
        }
    }
}

/// A name from the other side as a file name here: its last part, without what a shell or a directory listing would hide.
pub(crate) fn safe_name(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = last.chars().map(|c| if c.is_control() || c == '\0' { '_' } else { c }).collect();
    let shown = super::out::shown(&plain).replace('\\', "_");
    match shown.strip_prefix('.') {
        Some(rest) => format!("_{rest}"),
        None if shown.is_empty() => "object".to_owned(),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_name_only_once_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.receipt");
        let mut begun = Arriving::create(&path).unwrap();
        begun.write(b"half").unwrap();
        assert!(!path.exists());
        drop(begun);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "nothing of a broken one stays");
        write_whole(&path, b"whole").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"whole");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_foreign_name_stays_in_the_directory_and_in_sight() {
        for (name, safe) in [
            ("fw/pump.zip", "pump.zip"),
            ("../../etc/passwd", "passwd"),
            ("..", "_."),
            (".bashrc", "_bashrc"),
            ("a\\b", "b"),
            ("", "object"),
            ("x\u{1b}[2J", "x_[2J"),
        ] {
            assert_eq!(safe_name(name), safe, "{name:?}");
        }
    }
}
