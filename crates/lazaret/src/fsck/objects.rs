//! Objects: each transfer's key opens its blob, the blob is as long as the manifest says, and both are what was recorded when
//! it arrived.

use std::sync::Arc;
use std::time::Duration;

use lazaret_core::event::{Event, TransferArrived};
use lazaret_core::id::{Id, Transfer};
use lazaret_core::time::{DAY_MS, Timestamp};
use lazaret_core::transfer::Stage;
use lazaret_store::StoreReader;
use lazaret_store::view::{Filter, Page};
use lazaret_vault::Fault;
use lazaret_vault::broker::{Checked, Holder};

use super::{Report, Watch};
use crate::clock::Clock;
use crate::particulars::{MANIFEST_LABEL, Particulars};
use crate::vault::Vault;

/// After each of these a key that seems to lie in the wrong place is looked at again.
const LOOKS: [Duration; 3] = [Duration::from_millis(50), Duration::from_millis(200), Duration::from_millis(500)];
/// Transfers read at a time.
const ROWS: u32 = 500;

pub(super) fn check(store: &StoreReader, vault: Vault, report: &mut Report, watch: Watch<'_>) {
    let vault = Arc::new(vault);
    let particulars = Particulars::new(Arc::clone(&vault));
    let Some(transfers) = transfers(store, report) else { return };
    let total = transfers.len() as u64;
    for (done, transfer) in (0..).zip(transfers) {
        watch("objects", done, total);
        report.counts.objects += 1;
        if let Err(what) = check_one(store, &vault, &particulars, transfer) {
            report.note("objects", format!("{} {what}", transfer.reference()));
        }
    }
    count_orphans(store, &vault, report);
}

fn transfers(store: &StoreReader, report: &mut Report) -> Option<Vec<Id<Transfer>>> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = store.read(|view, _| view.transfers(&Filter::default(), after, ROWS));
        let page = report.take("objects", page)?;
        found.extend(page.iter().map(|row| row.transfer));
        match page.last() {
            Some(last) => after = Some(Page { arrived: last.arrived, transfer: last.transfer }),
            None => return Some(found),
        }
    }
}

/// What is wrong with one transfer's object.
fn check_one(
    store: &StoreReader,
    vault: &Vault,
    particulars: &Particulars,
    transfer: Id<Transfer>,
) -> Result<(), String> {
    let read = store.read(|view, side| Ok((arrival(view, transfer)?, side.manifest(transfer)?)));
    let (arrived, sealed) = read.map_err(|error| format!("cannot be read: {error}"))?;
    let arrived = arrived.ok_or("has no arrival in the ledger")?;
    let sealed = sealed.ok_or("has lost its manifest")?;
    let kept = particulars.open_kept(transfer, &sealed).map_err(|_| "has a manifest that does not open")?;
    let manifest = kept.manifest().map_err(|_| "has a manifest that does not read")?;
    let nonce: [u8; 16] = manifest.nonce.as_slice().try_into().map_err(|_| "has a manifest without its nonce")?;
    let bound = vault.commit(Holder::Transfer(transfer), MANIFEST_LABEL, &nonce, &kept.manifest);
    if bound.map_err(|error| format!("has no key: {error}"))?.commitment != arrived.manifest {
        return Err("has another manifest than was recorded".to_owned());
    }
    let sha256: [u8; 32] = manifest.sha256.as_slice().try_into().map_err(|_| "has a manifest without a digest")?;
    let look = || vault.broker().check(transfer, arrived.object, &sha256).map_err(blob_text);
    let checked = look()?;
    if checked.size_bytes != manifest.size_bytes {
        return Err(format!("has {} bytes and should have {}", checked.size_bytes, manifest.size_bytes));
    }
    if checked.content != arrived.content {
        return Err("has another content than was recorded".to_owned());
    }
    check_quarantine(store, transfer, checked, look)
}

/// What is not released lies under the quarantine key. Asked after the key was looked at: a running gate may have released it
/// in between, and never moves a key before the release is recorded. What it takes back it records first, too: then the key
/// follows in a moment, and is looked at again.
fn check_quarantine(
    store: &StoreReader,
    transfer: Id<Transfer>,
    mut checked: Checked,
    look: impl Fn() -> Result<Checked, String>,
) -> Result<(), String> {
    for wait in LOOKS {
        let now = store.read(|view, _| view.transfer(transfer)).map_err(|error| format!("cannot be read: {error}"))?;
        let released = now.is_some_and(|now| matches!(now.stage, Stage::Released | Stage::Delivered));
        if released || !checked.is_released {
            return Ok(());
        }
        std::thread::sleep(wait);
        checked = look()?;
    }
    if checked.is_released { Err("can be opened for delivery and is not released".to_owned()) } else { Ok(()) }
}

fn arrival(view: &lazaret_store::View<'_>, transfer: Id<Transfer>) -> lazaret_store::Result<Option<TransferArrived>> {
    let entries = view.entries_about(transfer.cast())?;
    Ok(entries.into_iter().find_map(
        |entry| {
            if let Event::TransferArrived(fact) = entry.event { Some(fact) } else { None }
        },
    ))
}

fn blob_text(fault: Fault) -> String {
    if matches!(fault, Fault::Missing) {
        return "has lost its blob".to_owned();
    }
    if matches!(fault, Fault::Corrupt) {
        return "has a blob that does not authenticate".to_owned();
    }
    format!("cannot be opened: {fault}")
}

fn count_orphans(store: &StoreReader, vault: &Vault, report: &mut Report) {
    let before = Timestamp::from_millis(Clock::default().now().as_millis().saturating_sub(DAY_MS));
    let orphans = vault.broker().blobs().orphans(before, &mut |object| {
        let claimed = store.read(|view, side| Ok(view.has_object(object)? || side.has_open_object(object)?));
        // In doubt it is somebody's.
        Ok(claimed.unwrap_or(true))
    });
    if let Some(orphans) = report.take("objects", orphans) {
        report.counts.orphans = orphans.len() as u64;
    }
}
