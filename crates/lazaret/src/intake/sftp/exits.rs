//! What can be collected: `/out/LANE`, one name for each object.

use std::collections::HashSet;
use std::sync::Arc;

use lazaret_core::caller::Caller;
use lazaret_core::id::{Id, Transfer};
use lazaret_core::time::DAY_MS;
use lazaret_core::transfer::{Stage, TransferView};
use lazaret_store::view::LaneView;

use super::listing::Entry;
use super::status::{Act, Trouble};
use crate::delivery::outgoing;
use crate::error::Error;
use crate::gate::Gate;

/// Objects of one lane that are listed, the newest first.
const LISTED_MAX: u32 = 10_000;
/// What was collected stays listed for so long, unless its recipient removes it.
const COLLECTED_SHOWN_MS: u64 = 7 * DAY_MS;

/// One object that waits for its recipient, or was collected lately.
#[derive(Debug, Clone)]
pub(super) struct Exit {
    pub(super) view: TransferView,
    pub(super) entry: Entry,
}

/// The lanes that a caller collects from, as folders.
pub(super) fn lanes(gate: &Gate, caller: &Caller) -> Act<Vec<Entry>> {
    let now = gate.clock.now();
    let lanes = outgoing::lanes_of(gate, caller)?;
    Ok(lanes.iter().map(|lane| Entry::folder(lane.terms.name.as_str(), now)).collect())
}

/// The lane of this name, if the caller collects from it.
pub(super) fn lane(gate: &Gate, caller: &Caller, name: &str) -> Act<LaneView> {
    Ok(outgoing::lane(gate, caller, name)?)
}

/// What a lane has for this caller. The newest of a name has the name; older ones bear their reference after it.
pub(super) fn list(gate: &Gate, caller: &Caller, lane: &LaneView) -> Act<Vec<Exit>> {
    let now = gate.clock.now();
    Ok(gate.read(|view, side| {
        let (mut exits, mut names) = (Vec::new(), HashSet::new());
        for found in view.collectable(lane.terms.lane, LISTED_MAX)? {
            let old = found.stage == Stage::Delivered && now.millis_since(found.since) > COLLECTED_SHOWN_MS;
            if old || side.is_hidden(caller.actor(), &hidden_key(gate, found.transfer))? {
                continue;
            }
            // Erased meanwhile: there is nothing to call it by but its reference.
            let kept = gate.particulars.kept(side, found.transfer).unwrap_or_default();
            let manifest = kept.manifest().unwrap_or_default();
            let reference = found.transfer.reference().to_string();
            let plain = if kept.path.is_empty() { reference.clone() } else { kept.name().to_owned() };
            let name = if names.insert(plain.clone()) { plain } else { format!("{plain}.{reference}") };
            let at = found.arrived_at;
            let mut entry = Entry::given(name, manifest.size_bytes, at);
            entry.modified_s = kept.mtime_s.unwrap_or(entry.modified_s);
            exits.push(Exit { view: found, entry });
        }
        Ok(exits)
    })?)
}

/// One object by its name, or by its reference. Names are sealed: opening thousands of them takes a while, and not on the
/// threads that serve everybody.
pub(super) async fn find(gate: &Arc<Gate>, caller: &Caller, lane: &str, name: &str) -> Act<Exit> {
    let (gate, caller, lane, name) = (Arc::clone(gate), caller.clone(), lane.to_owned(), name.to_owned());
    tokio::task::spawn_blocking(move || look_up(&gate, &caller, &lane, &name)).await.map_err(Error::internal)?
}

fn look_up(gate: &Gate, caller: &Caller, lane: &str, name: &str) -> Act<Exit> {
    let lane = self::lane(gate, caller, lane)?;
    let called = |exit: &Exit| exit.entry.name == name || exit.view.transfer.reference().to_string() == name;
    list(gate, caller, &lane)?.into_iter().find(called).ok_or_else(Trouble::missing)
}

/// By what an object that its recipient removed is remembered.
pub(super) fn hidden_key(gate: &Gate, transfer: Id<Transfer>) -> [u8; 32] {
    gate.vault.index(&[b"hidden", b"out", transfer.as_bytes()])
}
