//! What the keyring's store must do. The rows are opaque to it; the SQL lives in another crate.

pub use crate::keyring::Purpose;

/// Any failure of the store.
pub type RowsError = Box<dyn std::error::Error + Send + Sync>;

/// One wrapped key: of an object under `quarantine` or `released`, of a transfer under `receipts`, of a party, person or
/// incident under `fields`.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// The object's or subject's random id.
    pub id: [u8; 16],
    /// Which key-encryption key wraps it; with `id` the row's key.
    pub purpose: Purpose,
    /// The wrapped key with what it is bound to: about 120 bytes.
    pub bytes: Vec<u8>,
}

/// One key-encryption key, sealed by the root.
#[derive(Clone, PartialEq, Eq)]
pub struct KekRow {
    /// What it is for.
    pub purpose: Purpose,
    /// Its epoch, from 1.
    pub epoch: u64,
    /// The sealed key.
    pub bytes: Vec<u8>,
}

/// The keyring's store: separate from the gate's database, erasable, backed up for 14 days only.
///
/// Every method that writes returns once the change is durable (many callers at once: batch them), and is all or nothing.
pub trait KeyRows: Send + Sync {
    /// Puts all rows in one transaction; one that is there already is replaced.
    ///
    /// # Errors
    /// The store failed; nothing was put.
    fn put(&self, rows: Vec<KeyRow>) -> Result<(), RowsError>;

    /// The bytes of a row.
    ///
    /// # Errors
    /// The store failed.
    fn get(&self, id: &[u8; 16], purpose: Purpose) -> Result<Option<Vec<u8>>, RowsError>;

    /// In one idempotent transaction: `row` is there, and the row of the same id under `gone` is not.
    ///
    /// # Errors
    /// The store failed; both rows are as before.
    fn replace(&self, row: KeyRow, gone: Purpose) -> Result<(), RowsError>;

    /// Deletes the rows of an id under every purpose, so that no copy stays in the file or its log. None counts as deleted.
    ///
    /// # Errors
    /// The store failed.
    fn delete(&self, id: &[u8; 16]) -> Result<(), RowsError>;

    /// All key-encryption keys.
    ///
    /// # Errors
    /// The store failed.
    fn keks(&self) -> Result<Vec<KekRow>, RowsError>;

    /// Puts a key-encryption key; one of the same purpose and epoch is replaced (the root was rotated).
    ///
    /// # Errors
    /// The store failed.
    fn put_kek(&self, row: KekRow) -> Result<(), RowsError>;

    /// Puts a sealed secret, replacing one of the same name.
    ///
    /// # Errors
    /// The store failed.
    fn put_secret(&self, name: &str, bytes: Vec<u8>) -> Result<(), RowsError>;

    /// A sealed secret.
    ///
    /// # Errors
    /// The store failed.
    fn secret(&self, name: &str) -> Result<Option<Vec<u8>>, RowsError>;
}

#[cfg(any(test, feature = "test-support"))]
pub use memory::MemoryRows;

/// Rows that live as long as the process, for tests.
#[cfg(any(test, feature = "test-support"))]
mod memory {
    use std::collections::BTreeMap;
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use super::{KekRow, KeyRow, KeyRows, RowsError};
    use crate::keyring::Purpose;

    #[derive(Default)]
    struct Tables {
        keys: BTreeMap<([u8; 16], u8), Vec<u8>>,
        keks: BTreeMap<(u8, u64), KekRow>,
        secrets: BTreeMap<String, Vec<u8>>,
    }

    /// Rows in memory. Never a product's keyring: nothing of it survives.
    #[derive(Default)]
    pub struct MemoryRows(Mutex<Tables>);

    impl MemoryRows {
        fn tables(&self) -> MutexGuard<'_, Tables> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }

        /// How many wrapped keys there are.
        pub fn len(&self) -> usize {
            self.tables().keys.len()
        }

        /// Whether there is no wrapped key.
        pub fn is_empty(&self) -> bool {
            self.len() == 0
        }
    }

    impl KeyRows for MemoryRows {
        fn put(&self, rows: Vec<KeyRow>) -> Result<(), RowsError> {
            let mut tables = self.tables();
            if rows.iter().any(|row| tables.keys.contains_key(&(row.id, row.purpose.code()))) {
                return Err("the row is there already".into());
            }
            tables.keys.extend(rows.into_iter().map(|row| ((row.id, row.purpose.code()), row.bytes)));
            Ok(())
        }

        fn get(&self, id: &[u8; 16], purpose: Purpose) -> Result<Option<Vec<u8>>, RowsError> {
            Ok(self.tables().keys.get(&(*id, purpose.code())).cloned())
        }

        fn replace(&self, row: KeyRow, gone: Purpose) -> Result<(), RowsError> {
            let mut tables = self.tables();
            tables.keys.remove(&(row.id, gone.code()));
            tables.keys.insert((row.id, row.purpose.code()), row.bytes);
            Ok(())
        }

        fn delete(&self, id: &[u8; 16]) -> Result<(), RowsError> {
            self.tables().keys.retain(|(of, _), _| of != id);
            Ok(())
        }

        fn keks(&self) -> Result<Vec<KekRow>, RowsError> {
            Ok(self.tables().keks.values().cloned().collect())
        }

        fn put_kek(&self, row: KekRow) -> Result<(), RowsError> {
            self.tables().keks.insert((row.purpose.code(), row.epoch), row);
            Ok(())
        }

        fn put_secret(&self, name: &str, bytes: Vec<u8>) -> Result<(), RowsError> {
            self.tables().secrets.insert(name.to_owned(), bytes);
            Ok(())
        }

        fn secret(&self, name: &str) -> Result<Option<Vec<u8>>, RowsError> {
            Ok(self.tables().secrets.get(name).cloned())
        }
    }
}
