//! Rebuilds the registers from the entries alone and compares: a register edited by hand shows as a digest that replay does
//! not reproduce.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use lazaret_core::digest::Digest;
use lazaret_ledger::entry::decode;
use lazaret_ledger::tree::leaf_hash;
use rusqlite::types::ValueRef;

use crate::apply::apply;
use crate::engine::{Db, migrate, open_memory};
use crate::error::{Error, Fault, Result};
use crate::store::{SCHEMA, SCHEMA_VERSION};
use crate::value::u64_of;
use crate::view::View;

/// The registers, and what orders their rows. Side tables are not among them.
const REGISTERS: &[(&str, &str)] = &[
    ("party", "id"),
    ("engagement", "id"),
    ("reliance", "from_engagement, to_engagement"),
    ("product", "id"),
    ("person", "id"),
    ("agreement", "id"),
    ("lane", "id"),
    ("vetting", "id"),
    ("role_grant", "person, role"),
    ("founded", "one"),
    ("credential", "id"),
    ("isolation", "id"),
    ("rule_set", "idx"),
    ("transfer", "id"),
    ("inspected", "transfer"),
    ("ruling", "transfer"),
    ("request", "id"),
    ("approval", "request, idx"),
    ("delivery", "id"),
    ("epoch", "epoch"),
    ("kek_epoch", "purpose, epoch"),
    ("observed", "actor, what"),
];

/// The digest of one register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegisterDigest {
    /// The register's name.
    pub register: &'static str,
    /// Rows in it.
    pub rows: u64,
    /// Digest of all rows in order.
    pub digest: Digest,
}

/// Digests of every register as it stands.
///
/// # Errors
/// A fault of the store.
pub fn digests(view: &View<'_>) -> Result<Vec<RegisterDigest>> {
    digests_of(view.db())
}

/// Rebuilds the registers from the stored bytes of every entry in an empty database, and digests them.
///
/// # Errors
/// An entry that is not what its columns say, or does not follow from those before it; a fault of the store.
pub fn rebuild(view: &View<'_>) -> Result<Vec<RegisterDigest>> {
    let connection = open_memory()?;
    migrate(&connection, SCHEMA, SCHEMA_VERSION)?;
    let fresh = Db::new(&connection);
    connection.execute_batch("BEGIN").map_err(Fault::from)?;
    // `apply` asserts that a fact fits the registers: while recording, one that does not is our bug. Here the ledger itself
    // is in question, and what does not fit is the answer.
    view.each_entry(|entry| {
        let applied = catch_unwind(AssertUnwindSafe(|| apply(fresh, &entry)));
        applied.unwrap_or(Err(Fault::Corrupt("an entry that does not follow from those before it").into()))
    })?;
    connection.execute_batch("COMMIT").map_err(Fault::from)?;
    digests_of(fresh)
}

/// Entries whose stored leaf hash is not the hash of their bytes, or whose indices have a gap.
///
/// # Errors
/// A fault of the store.
pub fn broken_leaves(view: &View<'_>) -> Result<Vec<(u64, u64)>> {
    let mut broken = Vec::new();
    let mut expected = (0_u64, 0_u64);
    view.db().each("SELECT epoch, idx, bytes, leaf FROM entry ORDER BY epoch, idx", &[], |row| {
        let position = (u64_of(row, 0)?, u64_of(row, 1)?);
        let bytes: Vec<u8> = row.get(2)?;
        let leaf: [u8; 32] = row.get(3)?;
        let follows = position == (expected.0, expected.1) || (position.1 == 0 && position.0 == expected.0 + 1);
        if leaf_hash(&bytes) != leaf || !follows {
            broken.push(position);
        }
        expected = (position.0, position.1 + 1);
        Ok(())
    })?;
    Ok(broken)
}

/// Entries whose columns are not what their bytes say, or that do not follow the entry about their subject before them: what
/// a receipt is put together by.
///
/// # Errors
/// A fault of the store.
pub fn misplaced_entries(view: &View<'_>) -> Result<Vec<(u64, u64)>> {
    let mut misplaced = Vec::new();
    let mut last: HashMap<[u8; 16], (u64, (u64, u64))> = HashMap::new();
    let mut before = 0;
    view.db().each("SELECT epoch, idx, kind, subject, seq, t, bytes FROM entry ORDER BY epoch, idx", &[], |row| {
        let position = (u64_of(row, 0)?, u64_of(row, 1)?);
        let columns: (String, [u8; 16], u64, u64) = (row.get(2)?, row.get(3)?, u64_of(row, 4)?, u64_of(row, 5)?);
        let bytes: Vec<u8> = row.get(6)?;
        let fits = decode(&bytes).is_ok_and(|(envelope, _)| {
            let previous = last.get(&envelope.subject);
            let seq = previous.map_or(0, |(seq, _)| seq + 1);
            let fits = (envelope.kind, envelope.subject, envelope.seq, envelope.t) == columns
                && envelope.seq == seq
                && envelope.prev == previous.map(|(_, position)| *position)
                && envelope.t >= before;
            last.insert(envelope.subject, (envelope.seq, position));
            before = envelope.t;
            fits
        });
        if !fits {
            misplaced.push(position);
        }
        Ok(())
    })?;
    Ok(misplaced)
}

fn digests_of(db: Db<'_>) -> Result<Vec<RegisterDigest>> {
    REGISTERS.iter().map(|(register, order)| digest_of(db, register, order).map_err(Error::from)).collect()
}

fn digest_of(db: Db<'_>, register: &'static str, order: &str) -> Result<RegisterDigest, Fault> {
    let mut rows = 0;
    let mut digest = Digest::of(register.as_bytes());
    db.each(&format!("SELECT * FROM {register} ORDER BY {order}"), &[], |row| {
        let mut parts: Vec<Vec<u8>> = vec![digest.as_bytes().to_vec()];
        let columns = row.as_ref().column_count();
        for column in 0..columns {
            parts.push(match row.get_ref(column)? {
                ValueRef::Null => b"n".to_vec(),
                ValueRef::Integer(value) => [b"i".as_slice(), &value.to_be_bytes()].concat(),
                ValueRef::Real(value) => [b"r".as_slice(), &value.to_be_bytes()].concat(),
                ValueRef::Text(value) => [b"t".as_slice(), value].concat(),
                ValueRef::Blob(value) => [b"b".as_slice(), value].concat(),
            });
        }
        digest = Digest::of_parts(parts.iter().map(Vec::as_slice));
        rows += 1;
        Ok(())
    })?;
    Ok(RegisterDigest { register, rows, digest })
}
