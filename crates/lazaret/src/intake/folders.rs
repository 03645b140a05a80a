//! Folders of a sender's lane. They are labels: nothing lies in them, and their only use is that clients find them again.

use lazaret_core::id::{Id, Lane, Party};
use lazaret_store::side::Folder;
use lazaret_vault::broker::Holder;

use crate::error::Result;
use crate::gate::Gate;

/// Folders of one party on one lane.
pub const FOLDERS_MAX: u64 = 1_000;
/// The label under which a folder's path is sealed.
const FOLDER_LABEL: &str = "folder";

/// Keeps the folders in which an object lies, so that they are found again by their name.
///
/// # Errors
/// A fault of store or vault.
pub async fn keep_above(gate: &Gate, party: Id<Party>, lane: Id<Lane>, lane_name: &str, path: &str) -> Result<()> {
    let Some((folder, _)) = path.rsplit_once('/') else { return Ok(()) };
    let ends = folder.match_indices('/').map(|(at, _)| at).chain([folder.len()]);
    for above in ends.filter_map(|end| folder.get(..end)) {
        let key = gate.particulars.name_key(party, lane_name, above);
        let known = gate.read(|_, side| side.has_folder(party, lane, &key))?;
        if !known {
            keep(gate, party, lane, lane_name, above).await?;
        }
    }
    Ok(())
}

/// Keeps a folder; whether there was room for it.
///
/// # Errors
/// A fault of store or vault.
pub async fn keep(gate: &Gate, party: Id<Party>, lane: Id<Lane>, lane_name: &str, path: &str) -> Result<bool> {
    let name_key = gate.particulars.name_key(party, lane_name, path);
    let sealed = gate.particulars.seal(Holder::Party(party), FOLDER_LABEL, &path.to_owned())?;
    let (folder, at) = (Folder { party, lane, name_key, sealed }, gate.clock.now());
    gate.write(move |tx| {
        let side = tx.side();
        if side.count_folders(party, lane)? >= FOLDERS_MAX {
            return Ok(false);
        }
        side.put_folder(&folder, at)?;
        Ok(true)
    })
    .await
}

/// Paths of a party's folders on a lane. One whose key was erased is left out.
///
/// # Errors
/// A fault of the store.
pub fn paths(gate: &Gate, party: Id<Party>, lane: Id<Lane>) -> Result<Vec<String>> {
    let rows_max = u32::try_from(FOLDERS_MAX).unwrap_or(u32::MAX);
    let folders = gate.read(|_, side| side.folders(party, lane, rows_max))?;
    let open = |folder: &Folder| gate.particulars.open(Holder::Party(party), FOLDER_LABEL, &folder.sealed).ok();
    Ok(folders.iter().filter_map(open).collect())
}
