//! What somebody with the database in hand does to it is found by the functions that check a history.

use std::path::Path;

use lazaret_sim::history::run;
use lazaret_store::{Store, replay};
use rusqlite::Connection;

/// Registers that a history fills, with a change that a hand could make to one row.
const EDITS: &[(&str, &str)] = &[
    ("party", "UPDATE party SET state = 4 WHERE rowid = 1"),
    ("engagement", "UPDATE engagement SET ends = 1 WHERE rowid = 1"),
    ("reliance", "UPDATE reliance SET share_permille = share_permille + 1 WHERE rowid = 1"),
    ("person", "UPDATE person SET standing = 1 - standing WHERE rowid = 1"),
    ("agreement", "UPDATE agreement SET expires = NULL WHERE rowid = (SELECT max(rowid) FROM agreement)"),
    ("lane", "UPDATE lane SET is_open = 1 - is_open WHERE rowid = 1"),
    ("vetting", "UPDATE vetting SET valid_until = valid_until + 1 WHERE rowid = 1"),
    ("role_grant", "INSERT INTO role_grant SELECT id, 9, NULL FROM person ORDER BY rowid LIMIT 1"),
    ("credential", "DELETE FROM credential WHERE rowid = (SELECT min(rowid) FROM credential)"),
    ("rule_set", "UPDATE rule_set SET digest = zeroblob(32) WHERE rowid = 1"),
    ("transfer", "UPDATE transfer SET stage = 5 WHERE rowid = (SELECT max(rowid) FROM transfer WHERE stage <> 5)"),
    (
        "inspected",
        "UPDATE inspected SET signature = 1 - signature % 2 WHERE rowid = (SELECT min(rowid) FROM inspected)",
    ),
    ("ruling", "UPDATE ruling SET binding = zeroblob(32) WHERE rowid = (SELECT min(rowid) FROM ruling)"),
    ("request", "UPDATE request SET required = 1 WHERE rowid = (SELECT min(rowid) FROM request)"),
    ("approval", "UPDATE approval SET person = zeroblob(16) WHERE rowid = (SELECT min(rowid) FROM approval)"),
    ("delivery", "UPDATE delivery SET attempt = attempt + 1 WHERE rowid = (SELECT min(rowid) FROM delivery)"),
    ("epoch", "UPDATE epoch SET t = t + 1"),
    ("kek_epoch", "DELETE FROM kek_epoch"),
];

/// A seed whose history has rows in every register above.
const SEED: u64 = 7;

fn lived(dir: &Path) {
    run(SEED, 300, dir).unwrap_or_else(|failure| panic!("{failure}"));
}

/// Changes the database as no gate would.
fn by_hand(dir: &Path, sql: &str) {
    let connection = Connection::open(dir.join("lazaret.db")).unwrap();
    connection.pragma_update(None, "foreign_keys", "OFF").unwrap();
    assert_eq!(connection.execute(sql, []).unwrap(), 1, "{sql}");
}

fn copy(from: &Path) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), dir.path().join(entry.file_name())).unwrap();
    }
    dir
}

#[test]
fn a_row_edited_by_hand_shows_as_a_digest_that_replay_does_not_give() {
    let whole = tempfile::tempdir().unwrap();
    lived(whole.path());
    for (register, sql) in EDITS {
        let dir = copy(whole.path());
        by_hand(dir.path(), sql);
        let store = Store::open(dir.path(), || ()).unwrap();
        let (stands, rebuilt) = store.read(|view, _| Ok((replay::digests(view)?, replay::rebuild(view)?))).unwrap();
        let other: Vec<&str> =
            stands.iter().zip(&rebuilt).filter(|(a, b)| a != b).map(|(stands, _)| stands.register).collect();
        assert_eq!(other, [*register], "{sql}");
    }
}

#[test]
fn a_flipped_bit_in_an_entry_is_found_wherever_it_is() {
    let whole = tempfile::tempdir().unwrap();
    lived(whole.path());
    let store = Store::open(whole.path(), || ()).unwrap();
    let leaves = store.read(|view, _| view.leaves(1, 0, u32::MAX)).unwrap();
    drop(store);
    let connection = Connection::open(whole.path().join("lazaret.db")).unwrap();
    for (index, (bytes, _)) in leaves.iter().enumerate() {
        // Another byte and another bit of each entry; all bits of all entries would be the same test for an hour.
        let (place, bit) = (index * 31 % bytes.len(), index % 8);
        let mut flipped = bytes.clone();
        flipped[place] ^= 1 << bit;
        let index = i64::try_from(index).unwrap();
        let put = "UPDATE entry SET bytes = ?2 WHERE idx = ?1";
        assert_eq!(connection.execute(put, (index, &flipped)).unwrap(), 1);
        let store = Store::open(whole.path(), || ()).unwrap();
        let broken = store.read(|view, _| replay::broken_leaves(view)).unwrap();
        assert_eq!(broken, [(1, u64::try_from(index).unwrap())], "byte {place}, bit {bit}");
        assert_eq!(connection.execute(put, (index, bytes)).unwrap(), 1);
    }
}

#[test]
fn an_entry_that_is_gone_leaves_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    lived(dir.path());
    by_hand(dir.path(), "DELETE FROM entry WHERE idx = 50");
    let store = Store::open(dir.path(), || ()).unwrap();
    assert_eq!(store.read(|view, _| replay::broken_leaves(view)).unwrap(), [(1, 51)]);
}

#[test]
fn a_forged_entry_with_its_own_leaf_hash_does_not_rebuild_the_registers() {
    let dir = tempfile::tempdir().unwrap();
    lived(dir.path());
    // The bytes of another entry, with that entry's hash: each row is sound by itself.
    by_hand(
        dir.path(),
        "UPDATE entry SET bytes = (SELECT bytes FROM entry WHERE idx = 73), leaf = (SELECT leaf FROM entry WHERE idx = 73)
         WHERE idx = 74",
    );
    let store = Store::open(dir.path(), || ()).unwrap();
    assert_eq!(store.read(|view, _| replay::broken_leaves(view)).unwrap(), []);
    let misplaced = store.read(|view, _| replay::misplaced_entries(view)).unwrap();
    assert_eq!(misplaced.first(), Some(&(1, 74)));
    let rebuilt = store.read(|view, _| replay::rebuild(view));
    assert!(rebuilt.is_err(), "an entry whose columns are not its bytes");
}
