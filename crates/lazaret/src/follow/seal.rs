//! The sealer: new entries into tiles, a new checkpoint signed, swapped in and published. Slow sealing never stops intake;
//! a doubt about the log fences it, so that nothing is recorded any more.

use std::sync::Arc;
use std::time::Duration;

use lazaret_ledger::tile::{Resource, TileReader, bundles_between, grow, right_edge, write_bundle};
use lazaret_ledger::tree::{Hash, consistency_proof, empty_root, leaf_hash, verify_consistency};

use super::log::Log;
use crate::error::{Error, Result};
use crate::gate::Gate;

/// Checkpoints come at most this often.
const REST: Duration = Duration::from_millis(200);
/// After a fault that may pass, such as a full disk.
const FAULT_REST: Duration = Duration::from_secs(5);
/// Entries that one checkpoint takes in: bounds memory after a long pause.
const ENTRIES_MAX: u32 = 16_384;

/// Seals until `stop` turns true; what is committed by then is sealed too.
pub async fn run(gate: Arc<Gate>, mut stop: tokio::sync::watch::Receiver<bool>) {
    let mut commits = gate.commits();
    loop {
        commits.mark_unchanged();
        let sealing = Arc::clone(&gate);
        let sealed = tokio::task::spawn_blocking(move || seal(&sealing)).await;
        let (rest, failed) = match sealed {
            Ok(Ok(Progress::More)) => continue,
            Ok(Ok(Progress::Done)) => (REST, false),
            Ok(Err(error)) => {
                tracing::error!(%error, "sealing failed");
                (FAULT_REST, true)
            }
            Err(error) => {
                tracing::error!(%error, "sealing met a bug");
                (FAULT_REST, true)
            }
        };
        if *stop.borrow() {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(rest) => {}
            _ = stop.wait_for(|stop| *stop) => continue,
        }
        if failed {
            // What could not be signed or published is tried again, whether or not something new is recorded.
            continue;
        }
        tokio::select! {
            _ = commits.changed() => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
    }
}

/// Whether everything committed is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Everything is.
    Done,
    /// There is more.
    More,
}

/// Takes in what is committed and not signed, once.
///
/// # Errors
/// An entry whose bytes are not its leaf; a file with other bytes; another signer; a fault of disk or store.
pub fn seal(gate: &Gate) -> Result<Progress> {
    let log = &gate.log;
    if log.fenced().is_some() {
        return Ok(Progress::Done);
    }
    log.publish_again()?;
    if log.latest().is_none() {
        // The empty head goes first, so that from the first entry on a published checkpoint that is missing was taken away.
        log.sign(0, empty_root())?;
    }
    let Some(head) = gate.read(|view, _| view.head())? else { return Ok(Progress::Done) };
    let signed = log.size();
    if head.size <= signed {
        return Ok(Progress::Done);
    }
    // From the last full bundle on: a bundle is written whole.
    let first = signed - signed % 256;
    let rows = gate.read(|view, _| view.leaves(head.epoch, first, ENTRIES_MAX))?;
    let mut leaves: Vec<Hash> = Vec::with_capacity(rows.len());
    for (bytes, leaf) in &rows {
        if leaf_hash(bytes) != *leaf {
            log.fence("an entry's bytes are not its leaf");
            return Err(Error::internal("an entry's bytes are not its leaf: run lazaret fsck"));
        }
        leaves.push(*leaf);
    }
    let size = first + rows.len() as u64;
    write_files(log, signed, first, size, &rows, &leaves)?;
    let root = prove(log, signed, size)?;
    log.sign(size, root)?;
    Ok(if size < head.size { Progress::More } else { Progress::Done })
}

fn write_files(log: &Log, signed: u64, first: u64, size: u64, rows: &[(Vec<u8>, Hash)], leaves: &[Hash]) -> Result<()> {
    let bad = || Error::internal("the entries do not fill their bundles");
    for bundle in bundles_between(signed, size) {
        let from = usize::try_from(bundle.first_entry() - first).map_err(Error::internal)?;
        let part = rows.get(from..from + usize::from(bundle.width())).ok_or_else(bad)?;
        let entries: Vec<&[u8]> = part.iter().map(|(bytes, _)| bytes.as_slice()).collect();
        let resource = Resource::Bundle(bundle);
        log.write(resource, &write_bundle(&entries).ok_or_else(bad)?)?;
        if bundle.width() == lazaret_ledger::tile::TILE_WIDTH {
            log.drop_partials(&resource);
        }
    }
    let skip = usize::try_from(signed - first).map_err(Error::internal)?;
    let fresh = leaves.get(skip..).ok_or_else(bad)?;
    for (tile, bytes) in grow(log, signed, fresh).map_err(Error::internal)? {
        let resource = Resource::Tile(tile);
        log.write(resource, &bytes)?;
        if tile.is_full() {
            log.drop_partials(&resource);
        }
    }
    Ok(())
}

/// The new root out of the files just written, proved by the verifier's own code to contain everything signed before.
fn prove(log: &Log, signed: u64, size: u64) -> Result<Hash> {
    let root = right_edge(log, size).map_err(Error::internal)?.root();
    let latest = log.latest().ok_or_else(|| Error::internal("the empty head is signed before the first entry"))?;
    let mut reader = TileReader::new(log, size);
    let proof = consistency_proof(&mut reader, signed, size).map_err(Error::internal)?;
    if let Err(error) = verify_consistency(signed, size, &latest.root, &root, &proof) {
        log.fence("the entries do not continue what was signed");
        return Err(Error::internal(error));
    }
    Ok(root)
}
