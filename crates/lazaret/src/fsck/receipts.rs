//! Receipts of the newest transfers, made from the files as they lie here and checked as a stranger would.

use lazaret_core::id::{Id, Transfer};
use lazaret_ledger::note::Note;
use lazaret_store::view::Filter;
use lazaret_store::{Latest, Side, View};
use lazaret_vault::broker::Holder;

use super::{Report, Signed, Watch};
use crate::error::Result;
use crate::follow::receipt;
use crate::particulars::{Kept, MANIFEST_LABEL, from_cbor};
use crate::vault::Vault;

/// How many are tried.
const SAMPLE: u32 = 24;

pub(super) fn check(
    view: &View<'_>,
    side: &Side<'_>,
    vault: &Vault,
    signed: &Signed,
    report: &mut Report,
    watch: Watch<'_>,
) {
    let (Some(latest), Some(trust)) = (&signed.latest, &signed.trust) else { return };
    let Some(newest) = report.take("receipts", view.transfers(&Filter::default(), None, SAMPLE)) else { return };
    for (done, row) in (0..).zip(newest) {
        watch("receipts", done, u64::from(SAMPLE));
        let made = make(view, side, vault, signed, latest, row.transfer);
        let Some(bytes) = report.take("receipts", made).flatten() else { continue };
        report.counts.receipts += 1;
        if let Err(failure) = lazaret_ledger::verify(&bytes, trust, None) {
            report.note("receipts", format!("the receipt of {} is not verified: {failure}", row.transfer.reference()));
        }
    }
}

/// The receipt that the gate would give; none where the newest entry is not signed yet.
fn make(
    view: &View<'_>,
    side: &Side<'_>,
    vault: &Vault,
    signed: &Signed,
    latest: &Latest,
    transfer: Id<Transfer>,
) -> Result<Option<Vec<u8>>> {
    let entries = view.entries_about(transfer.cast())?;
    if entries.last().is_none_or(|last| last.position.index >= latest.size) {
        return Ok(None);
    }
    let sealed = side.manifest(transfer)?.unwrap_or_default();
    let opened = vault.open_sealed(Holder::Transfer(transfer), MANIFEST_LABEL, &sealed)?;
    let kept: Kept = from_cbor(&opened)?;
    let disclosures = receipt::of_both_sides(vault, transfer, &entries, &kept)?;
    let note = Note::parse(latest.note.as_bytes()).map_err(crate::error::Error::internal)?;
    receipt::assemble(&signed.files, latest.size, note, &entries, disclosures).map(Some)
}
