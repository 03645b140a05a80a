//! Between SQL values and ours. What we wrote reads back; anything else is corruption and says so.

use lazaret_core::digest::{Commitment, Digest};
use lazaret_core::id::Id;
use lazaret_core::time::Timestamp;
use rusqlite::Row;
use rusqlite::types::Type;

/// A count or time as SQL stores it. Ours stay far below 2^63.
pub(crate) fn from_u64(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A stored count or time. We never store a negative one.
pub(crate) fn to_u64(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

pub(crate) fn millis(at: Timestamp) -> i64 {
    from_u64(at.as_millis())
}

fn wrong(column: usize, what: &'static str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Blob, what.into())
}

pub(crate) fn id_of<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<Id<T>> {
    row.get::<_, [u8; 16]>(column).map(Id::from_bytes)
}

pub(crate) fn id_opt<T>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Id<T>>> {
    Ok(row.get::<_, Option<[u8; 16]>>(column)?.map(Id::from_bytes))
}

pub(crate) fn digest_of(row: &Row<'_>, column: usize) -> rusqlite::Result<Digest> {
    row.get::<_, [u8; 32]>(column).map(Digest::from_bytes)
}

pub(crate) fn commitment_of(row: &Row<'_>, column: usize) -> rusqlite::Result<Commitment> {
    row.get::<_, [u8; 32]>(column).map(Commitment::from_bytes)
}

pub(crate) fn time_of(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    row.get::<_, i64>(column).map(|value| Timestamp::from_millis(to_u64(value)))
}

pub(crate) fn time_opt(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(|value| Timestamp::from_millis(to_u64(value))))
}

pub(crate) fn u64_of(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(to_u64)
}

/// A closed vocabulary's value by its number, which is its place in `ALL`.
pub(crate) fn code_of<T: Copy>(row: &Row<'_>, column: usize, all: &[T]) -> rusqlite::Result<T> {
    let number: i64 = row.get(column)?;
    usize::try_from(number).ok().and_then(|place| all.get(place)).copied().ok_or_else(|| wrong(column, "unknown code"))
}

pub(crate) fn cbor_of<T: for<'b> minicbor::Decode<'b, ()>>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let bytes: Vec<u8> = row.get(column)?;
    minicbor::decode(&bytes).map_err(|_| wrong(column, "not the CBOR that was written"))
}

pub(crate) fn cbor<T: minicbor::Encode<()>>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    let written = minicbor::encode(value, &mut out);
    assert!(written.is_ok(), "writing CBOR into memory cannot fail");
    out
}
