//! The reaper: blobs that nobody names any more. It looks at every blob there is, so it looks seldom, and beside everything else.

use std::sync::Arc;
use std::time::Duration;

use lazaret_core::time::{DAY_MS, Timestamp};
use tokio::sync::watch;

use crate::error::Result;
use crate::gate::Gate;

/// Between two rounds.
const ROUND: Duration = Duration::from_secs(3_600);
/// A blob that no entry and no upload names is removed after this long.
const ORPHAN_MS: u64 = DAY_MS;

/// Works until `stop` turns true.
pub async fn run(gate: Arc<Gate>, mut stop: watch::Receiver<bool>) {
    let mut round = tokio::time::interval(ROUND);
    round.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return,
            _ = round.tick() => {}
        }
        if let Err(error) = reap(&gate).await {
            tracing::error!(%error, "the reaper met a fault; it comes back in an hour");
        }
    }
}

async fn reap(gate: &Arc<Gate>) -> Result<()> {
    let looking = Arc::clone(gate);
    let before = Timestamp::from_millis(gate.clock.now().as_millis().saturating_sub(ORPHAN_MS));
    let orphans = tokio::task::spawn_blocking(move || {
        looking.vault.broker().blobs().orphans(before, &mut |object| {
            let claimed = looking.read(|view, side| Ok(view.has_object(object)? || side.has_open_object(object)?));
            // In doubt a blob stays.
            Ok(claimed.unwrap_or(true))
        })
    });
    for orphan in crate::vault::joined(orphans.await)? {
        crate::intake::kept::discard(gate, orphan.object, None).await?;
    }
    Ok(())
}
