//! What is not derived from the ledger, and nothing else: names and notes (erasable, sealed by the vault before they come
//! here), natural keys, findings, credentials' secrets (as digests), sessions, uploads.

mod access;
mod folder;
mod transfer;
mod upload;

pub use access::{Secret, Session};
pub use folder::Folder;
pub use transfer::{Listed, ManifestRow};
pub use upload::{NewUpload, Upload, UploadState};

use lazaret_core::id::{Id, Subject};

use crate::engine::Db;
use crate::error::Result;

/// Reads and writes of the side tables. Bytes called `sealed` are ciphertext of the vault's.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    db: Db<'a>,
}

impl<'a> Side<'a> {
    pub(crate) fn new(db: Db<'a>) -> Side<'a> {
        Side { db }
    }

    /// Keeps the sealed name and contact of a party, person or lane.
    ///
    /// # Errors
    /// A fault of the store, as for every method here.
    pub fn put_label(&self, subject: Id<Subject>, sealed: &[u8]) -> Result<()> {
        Ok(self.db.change_one(
            "INSERT INTO side_label (subject, sealed) VALUES ($1, $2) ON CONFLICT (subject) DO UPDATE SET sealed = $2",
            &[subject.as_bytes(), &sealed],
        )?)
    }

    /// The sealed label of a subject.
    pub fn label(&self, subject: Id<Subject>) -> Result<Option<Vec<u8>>> {
        Ok(self.db.one("SELECT sealed FROM side_label WHERE subject = $1", &[subject.as_bytes()], |row| row.get(0))?)
    }

    /// Gives a party or person a short name for URLs, SSH users and the CLI.
    pub fn put_slug(&self, slug: &str, subject: Id<Subject>) -> Result<()> {
        Ok(self.db.change_one(
            "INSERT INTO side_slug (slug, subject) VALUES ($1, $2) ON CONFLICT (slug) DO UPDATE SET subject = $2",
            &[&slug, subject.as_bytes()],
        )?)
    }

    /// Whom a short name means.
    pub fn by_slug(&self, slug: &str) -> Result<Option<Id<Subject>>> {
        Ok(self.db.one("SELECT subject FROM side_slug WHERE slug = $1", &[&slug], |row| crate::value::id_of(row, 0))?)
    }

    /// The short name of a subject.
    pub fn slug_of(&self, subject: Id<Subject>) -> Result<Option<String>> {
        Ok(self.db.one("SELECT slug FROM side_slug WHERE subject = $1", &[subject.as_bytes()], |row| row.get(0))?)
    }

    /// Keeps a small named value of the gate itself.
    pub fn put_meta(&self, name: &str, value: &[u8]) -> Result<()> {
        Ok(self.db.change_one(
            "INSERT INTO side_meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2",
            &[&name, &value],
        )?)
    }

    /// A small named value of the gate itself.
    pub fn meta(&self, name: &str) -> Result<Option<Vec<u8>>> {
        Ok(self.db.one("SELECT value FROM side_meta WHERE name = $1", &[&name], |row| row.get(0))?)
    }
}
