//! Receipts: what the ledger says about one transfer, with proofs to a signed checkpoint, and what opens the commitments that
//! this side may see. Anyone verifies it offline with lazaret-ledger alone.

use lazaret_core::caller::Caller;
use lazaret_core::event::Event;
use lazaret_core::id::{Id, Transfer};
use lazaret_ledger::note::Note;
use lazaret_ledger::receipt::{Disclosure, Placed, Receipt};
use lazaret_ledger::tile::{TileReader, TileSource};
use lazaret_ledger::tree::inclusion_proof;
use lazaret_store::Entry;
use lazaret_vault::broker::Holder;

use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::particulars::{self, CONTENT_LABEL, Kept, MANIFEST_LABEL, REASON_LABEL, to_cbor};
use crate::vault::Vault;

/// For whom a receipt is made out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The party: manifest and content.
    Party,
    /// The hospital: the reasons of its voters too.
    Hospital,
}

/// The side of a caller.
pub fn side_of(caller: &Caller) -> Side {
    if caller.is_hospital_person() { Side::Hospital } else { Side::Party }
}

/// The receipt of a transfer as far as the log is signed; none while nothing of it, or not the latest, is.
///
/// # Errors
/// A fault of store or disk.
pub fn of(gate: &Gate, transfer: Id<Transfer>, side: Side) -> Result<Option<Vec<u8>>> {
    let Some((latest, note)) = gate.log.note()? else { return Ok(None) };
    let entries = gate.read(|view, _| view.entries_about(transfer.cast()))?;
    if entries.last().is_none_or(|last| last.position.index >= latest.size) {
        return Ok(None);
    }
    let disclosures = disclosures(gate, transfer, &entries, side)?;
    assemble(&gate.log, latest.size, note, &entries, disclosures).map(Some)
}

/// A receipt from its parts: the entries about one transfer, all of them below `size`, and the note over that many.
///
/// # Errors
/// No entry; a tile that is missing.
pub(crate) fn assemble(
    tiles: &impl TileSource,
    size: u64,
    note: Note,
    entries: &[Entry],
    disclosures: Vec<Disclosure>,
) -> Result<Vec<u8>> {
    let mut reader = TileReader::new(tiles, size);
    let mut placed = Vec::with_capacity(entries.len());
    for entry in entries {
        let proof = inclusion_proof(&mut reader, entry.position.index, size).map_err(Error::internal)?;
        placed.push(Placed { index: entry.position.index, entry: entry.bytes.clone(), proof });
    }
    let latest = placed.pop().ok_or_else(|| Error::internal("a receipt of nothing"))?;
    Receipt { latest, earlier: placed, disclosures, checkpoint: note }.to_bytes().map_err(Error::internal)
}

fn disclosures(gate: &Gate, transfer: Id<Transfer>, entries: &[Entry], side: Side) -> Result<Vec<Disclosure>> {
    let kept = gate.read(|_, side| Ok(gate.particulars.kept(side, transfer).ok()))?;
    // Particulars that were erased are disclosed to nobody; the receipt stays valid without them.
    let Some(kept) = kept else { return Ok(Vec::new()) };
    let mut out = of_both_sides(&gate.vault, transfer, entries, &kept)?;
    if side == Side::Hospital {
        out.extend(reasons(gate, transfer)?);
    }
    Ok(out)
}

/// What party and hospital may both see: the content's digest and the manifest.
///
/// # Errors
/// The vault's fault; a transfer that did not arrive.
pub(crate) fn of_both_sides(
    vault: &Vault,
    transfer: Id<Transfer>,
    entries: &[Entry],
    kept: &Kept,
) -> Result<Vec<Disclosure>> {
    Ok(vec![content(entries, kept)?, manifest(vault, transfer, kept)?])
}

fn content(entries: &[Entry], kept: &Kept) -> Result<Disclosure> {
    let object = entries
        .iter()
        .find_map(|entry| if let Event::TransferArrived(fact) = &entry.event { Some(fact.object) } else { None });
    let object = object.ok_or_else(|| Error::internal("a transfer that did not arrive"))?;
    Ok(Disclosure {
        label: CONTENT_LABEL.to_owned(),
        nonce: *object.as_bytes(),
        k_c: key(&kept.content_key)?,
        value: kept.manifest()?.sha256,
    })
}

fn manifest(vault: &Vault, transfer: Id<Transfer>, kept: &Kept) -> Result<Disclosure> {
    let nonce = nonce(&kept.manifest()?.nonce)?;
    let bound = vault.commit(Holder::Transfer(transfer), MANIFEST_LABEL, &nonce, &kept.manifest)?;
    Ok(Disclosure { label: MANIFEST_LABEL.to_owned(), nonce, k_c: *bound.key, value: kept.manifest.clone() })
}

fn reasons(gate: &Gate, transfer: Id<Transfer>) -> Result<Vec<Disclosure>> {
    let holder = Holder::Transfer(transfer);
    let notes = gate.read(|_, side| side.notes(transfer.cast()))?;
    let mut out = Vec::with_capacity(notes.len());
    for (_, sealed) in notes {
        let note: particulars::Note = gate.particulars.open(holder, REASON_LABEL, &sealed)?;
        let (nonce, value) = (nonce(&note.nonce)?, to_cbor(&note));
        let bound = gate.vault.commit(holder, REASON_LABEL, &nonce, &value)?;
        out.push(Disclosure { label: REASON_LABEL.to_owned(), nonce, k_c: *bound.key, value });
    }
    Ok(out)
}

fn nonce(bytes: &[u8]) -> Result<[u8; 16]> {
    bytes.try_into().map_err(|_| Error::internal("a nonce of another length"))
}

fn key(bytes: &[u8]) -> Result<[u8; 32]> {
    bytes.try_into().map_err(|_| Error::internal("a commitment's key of another length"))
}
