//! Names that change: RENAME, REMOVE, MKDIR, RMDIR and SETSTAT. What was sealed stays; only its label may move, and only for a
//! moment.

use std::sync::Arc;

use lazaret_core::refusal::{PartyCode, Refusal};
use lazaret_core::time::MINUTE_MS;
use lazaret_core::transfer::{Stage, TransferView};
use lazaret_formats::path::CrossingPath;
use lazaret_formats::sftp::{Attrs, Status};
use lazaret_store::side::Upload;
use lazaret_vault::broker::Holder;

use super::download::acknowledge;
use super::session::Acting;
use super::status::{Act, Trouble};
use super::tree::{Place, Spot};
use super::upload::{Existing, existing, seal, turn_of};
use super::{exits, folders, receipts};
use crate::crossing;
use crate::intake::kept::drop_kept;
use crate::intake::receiving::Receiving;
use crate::particulars::Particulars;

/// A sealed, uninspected object may get another name for so long.
const RELABEL_MS: u64 = MINUTE_MS;

/// What happens to something of the new name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// RENAME: it must not be there.
    MustBeFree,
    /// `posix-rename`: a new version of it.
    MayBeReplaced,
}

/// RENAME.
///
/// # Errors
/// Another lane; the new name is taken; it was received already.
pub(super) async fn rename(acting: &Acting, from: &Place, to: &Place, target: Target) -> Act {
    let (Place::In(from), Place::In(to)) = (from, to) else { return Err(Trouble::denied()) };
    let (Some(old), Some(new)) = (&from.path, &to.path) else { return Err(Trouble::denied()) };
    if from.id != to.id {
        return Err(Trouble::denied());
    }
    if old == new {
        return folders::stat(acting, from).await.map(drop);
    }
    let gate = &acting.gate;
    if folders::is_folder(gate, to)? {
        return Err(Trouble::exists());
    }
    if !folders::may_hold(gate, to)? {
        return Err(Trouble::missing());
    }
    let taken = existing(acting, to.name_key(gate), None)?;
    if target == Target::MustBeFree && !matches!(taken, Existing::Nothing) {
        return Err(Trouble::exists());
    }
    match existing(acting, from.name_key(gate), None)? {
        Existing::Live(slot) => slot.rename(acting, new.as_str()).await?,
        Existing::Kept(upload) => finish_kept(acting, &upload, old, new).await?,
        Existing::Sealed(view, _) => relabel(acting, &view, from, to, new).await?,
        Existing::Nothing if folders::is_folder(gate, from)? => return Err(Trouble::denied()),
        Existing::Nothing => return Err(Trouble::missing()),
    }
    // What is unfinished under the new name gives way only now, when something has moved there.
    taken.give_up(acting).await
}

/// An unfinished upload gets another name. From a temporary one to a plain one this is the word that it is whole.
async fn finish_kept(acting: &Acting, upload: &Upload, old: &CrossingPath, new: &CrossingPath) -> Act {
    let turn = turn_of(acting, upload).await?;
    let mut receiving = Receiving::resume(&acting.gate, &acting.caller, turn).await?;
    receiving.rename(new.as_str().to_owned());
    let done = acting.door.is_temporary(old.as_str()) && !acting.door.is_temporary(new.as_str());
    if done {
        return seal(acting, receiving, None).await;
    }
    receiving.save().await?;
    Ok(())
}

async fn relabel(acting: &Acting, view: &TransferView, from: &Spot, to: &Spot, new: &CrossingPath) -> Act {
    let gate = &acting.gate;
    let fresh = gate.clock.now().millis_since(view.arrived_at) <= RELABEL_MS;
    let received = || Trouble::received(&view.transfer.reference().to_string());
    if view.stage != Stage::Quarantined || !fresh {
        return Err(received());
    }
    let transfer = view.transfer;
    let mut kept = gate.read(|_, side| Ok(gate.particulars.kept(side, transfer)))??;
    new.as_str().clone_into(&mut kept.path);
    let key = gate.vault.subject_key(Holder::Transfer(transfer))?;
    let sealed = Particulars::seal_kept(&key, &kept)?;
    let (name_key, natural) = (to.name_key(gate), crossing::natural_key_of_name(gate, &from.name_key(gate)));
    gate.write(move |tx| {
        let now = tx.view().transfer(transfer)?.ok_or(Refusal::NotFound)?;
        if now.stage != Stage::Quarantined {
            return Err(Refusal::WrongState.into());
        }
        // What comes under the old name next is new, even if its bytes are the same.
        tx.side().forget_natural_key(&natural)?;
        tx.side().relabel(transfer, &name_key, &sealed)
    })
    .await?;
    crate::intake::folders::keep_above(gate, to.party, to.id, &to.lane, new.as_str()).await?;
    Ok(())
}

/// REMOVE.
///
/// # Errors
/// Nothing is there; somebody else is writing it.
pub(super) async fn remove(acting: &Acting, place: &Place) -> Act {
    match place {
        Place::In(spot) => remove_sent(acting, spot).await,
        Place::Out { lane, name: Some(name) } => {
            let exit = exits::find(&acting.gate, &acting.caller, lane, name).await?;
            acknowledge(acting, &exit.view).await
        }
        Place::Receipts { day, file: Some(file) } => {
            let party = acting.caller.party().ok_or_else(Trouble::missing)?;
            receipts::Archive::open_file(acting, party, *day, file).await?;
            let what = receipts::hidden_key(&acting.gate, *day, file);
            let (actor, at) = (acting.caller.actor(), acting.gate.clock.now());
            Ok(acting.gate.write(move |tx| tx.side().put_hidden(actor, &what, at)).await?)
        }
        Place::Nowhere => Err(Trouble::missing()),
        Place::Home
        | Place::Lanes
        | Place::Exits
        | Place::Out { name: None, .. }
        | Place::Days
        | Place::Receipts { file: None, .. } => Err(Trouble::denied()),
    }
}

async fn remove_sent(acting: &Acting, spot: &Spot) -> Act {
    let gate = &acting.gate;
    if folders::is_folder(gate, spot)? {
        return Err(Trouble::plain(Status::Failure, "This is a folder."));
    }
    let name_key = spot.name_key(gate);
    let mut gone = false;
    match existing(acting, name_key, None)? {
        Existing::Live(slot) => {
            slot.discard(acting).await?;
            gone = true;
        }
        Existing::Kept(upload) if upload.principal == acting.caller.actor() => {
            gone = drop_kept(gate, turn_of(acting, &upload).await?).await?;
        }
        Existing::Kept(_) => return Err(Trouble::denied()),
        Existing::Sealed(..) | Existing::Nothing => {}
    }
    // The transfer lives on: only its sender's sight of it ends.
    let hidden = gate.write(move |tx| tx.side().hide_named(&name_key)).await?;
    if gone || hidden > 0 { Ok(()) } else { Err(Trouble::missing()) }
}

/// MKDIR: a label on an inbound lane.
///
/// # Errors
/// Elsewhere; something is there by this name; too many.
pub(super) async fn make_folder(acting: &Acting, place: &Place) -> Act {
    let Place::In(spot) = place else { return Err(Trouble::denied()) };
    let gate = &acting.gate;
    let Some(path) = &spot.path else { return Err(Trouble::exists()) };
    let there =
        folders::is_folder(gate, spot)? || !matches!(existing(acting, spot.name_key(gate), None)?, Existing::Nothing);
    if there {
        return Err(Trouble::exists());
    }
    if !folders::may_hold(gate, spot)? {
        return Err(Trouble::missing());
    }
    // Nothing is written for whoever may not send: the same question as for an object.
    crossing::may_send(gate, &acting.caller, &acting.announcement(spot, path))?;
    let kept = crate::intake::folders::keep(gate, spot.party, spot.id, &spot.lane, path.as_str()).await?;
    if kept { Ok(()) } else { Err(Trouble::of(Status::Failure, PartyCode::Quota)) }
}

/// RMDIR.
///
/// # Errors
/// Elsewhere; no such folder; something is in it.
pub(super) async fn remove_folder(acting: &Arc<Acting>, place: &Place) -> Act {
    let Place::In(spot) = place else { return Err(Trouble::denied()) };
    if spot.path.is_none() {
        return Err(Trouble::denied());
    }
    if !folders::list(acting, spot)?.is_empty() {
        return Err(Trouble::plain(Status::Failure, "The folder is not empty."));
    }
    let (party, lane, key) = (spot.party, spot.id, spot.name_key(&acting.gate));
    let removed = acting.gate.write(move |tx| tx.side().remove_folder(party, lane, &key)).await?;
    if removed { Ok(()) } else { Err(Trouble::missing()) }
}

/// SETSTAT: times and mode are kept and shown; everything else is taken for done, because clients take a refusal of it for a
/// failed upload.
///
/// # Errors
/// Nothing is there; a size other than it has.
pub(super) async fn set(acting: &Acting, place: &Place, attrs: &Attrs<'_>) -> Act {
    let Place::In(spot) = place else { return Ok(()) };
    if spot.path.is_none() || folders::is_folder(&acting.gate, spot)? {
        return Ok(());
    }
    if let Some(bytes) = attrs.size
        && folders::stat(acting, spot).await?.size != bytes
    {
        return Err(Trouble::plain(Status::Failure, "The size of what was received does not change."));
    }
    let (mtime_s, mode) = (attrs.times.map(|times| u64::from(times.modified_s)), attrs.permissions);
    if mtime_s.is_none() && mode.is_none() {
        return Ok(());
    }
    let gate = &acting.gate;
    match existing(acting, spot.name_key(gate), None)? {
        Existing::Live(slot) => slot.set(acting, &Attrs { size: None, ..*attrs }).await,
        Existing::Kept(upload) if upload.principal == acting.caller.actor() => {
            let mut receiving = Receiving::resume(gate, &acting.caller, turn_of(acting, &upload).await?).await?;
            receiving.said.mtime_s = mtime_s.or(receiving.said.mtime_s);
            receiving.said.mode = mode.or(receiving.said.mode);
            receiving.save().await?;
            Ok(())
        }
        Existing::Kept(_) => Ok(()),
        Existing::Sealed(view, _) => {
            let transfer = view.transfer;
            let mut kept = gate.read(|_, side| Ok(gate.particulars.kept(side, transfer)))??;
            kept.mtime_s = mtime_s.or(kept.mtime_s);
            kept.mode = mode.or(kept.mode);
            let key = gate.vault.subject_key(Holder::Transfer(transfer))?;
            let sealed = Particulars::seal_kept(&key, &kept)?;
            Ok(gate.write(move |tx| tx.side().put_kept(transfer, &sealed)).await?)
        }
        Existing::Nothing => Err(Trouble::missing()),
    }
}
