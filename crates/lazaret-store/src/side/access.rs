//! Secrets of credentials (only as digests or public keys) and sessions.

use lazaret_core::id::{Credential, Id, Person};
use lazaret_core::request::Means;
use lazaret_core::time::Timestamp;

use super::Side;
use crate::error::Result;
use crate::value::{code_of, id_of, millis, time_of};

/// How a credential is found and checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// SHA-256 of a token, a public key's fingerprint, a passkey's id: what a caller's proof is looked up by.
    pub lookup: Vec<u8>,
    /// The credential.
    pub credential: Id<Credential>,
    /// A public key, or what a passkey check needs; empty for a token.
    pub data: Vec<u8>,
}

/// A console session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// SHA-256 of the cookie.
    pub lookup: [u8; 32],
    /// Whose it is.
    pub person: Id<Person>,
    /// By which credential they signed in.
    pub credential: Id<Credential>,
    /// How.
    pub means: Means,
    /// When.
    pub started: Timestamp,
    /// Last use.
    pub seen: Timestamp,
    /// When a factor was last shown.
    pub stepped_up: Timestamp,
    /// What forms must carry.
    pub csrf: [u8; 16],
}

impl Side<'_> {
    /// Keeps how a credential is found.
    ///
    /// # Errors
    /// A fault of the store, as for every method here.
    pub fn put_secret(&self, secret: &Secret) -> Result<()> {
        Ok(self.db.change_one(
            "INSERT INTO side_secret (lookup, credential, data) VALUES ($1, $2, $3)
             ON CONFLICT (lookup) DO UPDATE SET credential = $2, data = $3",
            &[&secret.lookup, secret.credential.as_bytes(), &secret.data],
        )?)
    }

    /// The credential behind a token's digest, a key's fingerprint or a passkey's id.
    pub fn secret(&self, lookup: &[u8]) -> Result<Option<Secret>> {
        Ok(self.db.one("SELECT lookup, credential, data FROM side_secret WHERE lookup = $1", &[&lookup], |row| {
            Ok(Secret { lookup: row.get(0)?, credential: id_of(row, 1)?, data: row.get(2)? })
        })?)
    }

    /// How a credential is found.
    pub fn secret_of(&self, credential: Id<Credential>) -> Result<Option<Secret>> {
        Ok(self.db.one(
            "SELECT lookup, credential, data FROM side_secret WHERE credential = $1",
            &[credential.as_bytes()],
            |row| Ok(Secret { lookup: row.get(0)?, credential: id_of(row, 1)?, data: row.get(2)? }),
        )?)
    }

    /// Opens a session.
    pub fn put_session(&self, session: &Session) -> Result<()> {
        Ok(self.db.change_one(
            "INSERT INTO side_session (lookup, person, credential, means, started, seen, stepped_up, csrf)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            &[
                &session.lookup,
                session.person.as_bytes(),
                session.credential.as_bytes(),
                &(session.means as i64),
                &millis(session.started),
                &millis(session.seen),
                &millis(session.stepped_up),
                &session.csrf,
            ],
        )?)
    }

    /// Writes down that a session was used, and when its person last showed a factor. One that ended meanwhile stays ended.
    pub fn use_session(&self, lookup: &[u8; 32], seen: Timestamp, stepped_up: Timestamp) -> Result<()> {
        self.db.execute(
            "UPDATE side_session SET seen = max(seen, $2), stepped_up = max(stepped_up, $3) WHERE lookup = $1",
            &[lookup, &millis(seen), &millis(stepped_up)],
        )?;
        Ok(())
    }

    /// The session behind a cookie's digest.
    pub fn session(&self, lookup: &[u8; 32]) -> Result<Option<Session>> {
        Ok(self.db.one(
            "SELECT lookup, person, credential, means, started, seen, stepped_up, csrf FROM side_session WHERE lookup = $1",
            &[lookup],
            |row| {
                Ok(Session {
                    lookup: row.get(0)?,
                    person: id_of(row, 1)?,
                    credential: id_of(row, 2)?,
                    means: code_of(row, 3, Means::ALL)?,
                    started: time_of(row, 4)?,
                    seen: time_of(row, 5)?,
                    stepped_up: time_of(row, 6)?,
                    csrf: row.get(7)?,
                })
            },
        )?)
    }

    /// Ends a session.
    pub fn end_session(&self, lookup: &[u8; 32]) -> Result<()> {
        self.db.execute("DELETE FROM side_session WHERE lookup = $1", &[lookup])?;
        Ok(())
    }

    /// Ends every session that was last used before an instant.
    pub fn end_idle_sessions(&self, seen_before: Timestamp) -> Result<usize> {
        Ok(self.db.execute("DELETE FROM side_session WHERE seen < $1", &[&millis(seen_before)])?)
    }
}
