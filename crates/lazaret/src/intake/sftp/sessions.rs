//! Everybody who has signed in, so that a session ends as soon as what let it in is no longer so: the party is isolated, the
//! credential revoked or over, the person past.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lazaret_core::caller::Caller;
use lazaret_core::id::{Actor, Id};
use lazaret_core::request::Means;
use russh::Disconnect;
use russh::server::Handle;
use tokio::sync::watch;

use super::ahead::Ahead;
use super::door::Door;
use super::line::Cut;
use crate::auth::caller::from_credential;

/// Connections of one party, or of one person of the hospital.
const PER_PARTY_MAX: usize = 20;
/// After a commit the credentials of all sessions are looked at again, at most this often.
const REST: Duration = Duration::from_millis(400);
/// Credentials end by the clock too.
const SWEEP: Duration = Duration::from_secs(30);
/// A session that is told to end gets so long to hear why, before its line is cut.
const FAREWELL: Duration = Duration::from_millis(200);
/// How often a draining door looks whether a session's uploads are done.
const DRAIN_LOOK: Duration = Duration::from_millis(100);

/// The sessions.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    seats: HashMap<u64, Seated>,
}

#[derive(Debug, Clone)]
struct Seated {
    caller: Caller,
    handle: Handle,
    cut: Arc<Cut>,
    uploads: Arc<AtomicUsize>,
}

/// A session's place. Dropped, it is free.
#[derive(Debug)]
pub(super) struct Seat {
    door: Arc<Door>,
    number: u64,
    /// Uploads that are open in it.
    pub(super) uploads: Arc<AtomicUsize>,
    /// What may run ahead in it.
    pub(super) ahead: Ahead,
}

impl Sessions {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic under the lock can only come from running out of memory.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a caller a place, unless theirs are taken.
    pub(super) fn seat(door: &Arc<Door>, caller: &Caller, handle: Handle, cut: Arc<Cut>) -> Option<Seat> {
        let mut state = door.sessions.lock();
        let whose = whose(caller);
        let taken = state.seats.values().filter(|seated| self::whose(&seated.caller) == whose).count();
        if taken >= PER_PARTY_MAX {
            return None;
        }
        let number = state.next;
        state.next += 1;
        let uploads = Arc::new(AtomicUsize::new(0));
        state.seats.insert(number, Seated { caller: caller.clone(), handle, cut, uploads: Arc::clone(&uploads) });
        Some(Seat { door: Arc::clone(door), number, uploads, ahead: door.ahead.of_connection() })
    }

    fn all(&self) -> Vec<Seated> {
        self.lock().seats.values().cloned().collect()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.door.sessions.lock().seats.remove(&self.number);
    }
}

/// Whose share of connections a session uses.
fn whose(caller: &Caller) -> Id<Actor> {
    caller.party().map_or(caller.actor(), Id::cast)
}

/// Ends sessions as soon as they may no longer be, until `stop` turns true.
pub(super) async fn watch(door: Arc<Door>, mut stop: watch::Receiver<bool>) {
    let (mut isolations, mut commits) = (door.gate.isolations(), door.gate.commits());
    let mut sweep = tokio::time::interval(SWEEP);
    loop {
        commits.mark_unchanged();
        isolations.mark_unchanged();
        for seated in door.sessions.all() {
            if !may_stay(&door, &seated.caller) {
                tokio::spawn(end(seated, "Your access has ended. Ask your contact at the hospital."));
            }
        }
        let rested = tokio::time::sleep(REST);
        tokio::pin!(rested);
        tokio::select! {
            () = &mut rested => {}
            _ = isolations.changed() => continue,
            _ = stop.wait_for(|stop| *stop) => return,
        }
        tokio::select! {
            _ = commits.changed() => {}
            _ = isolations.changed() => {}
            _ = sweep.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

fn may_stay(door: &Door, caller: &Caller) -> bool {
    let gate = &door.gate;
    let Some(credential) = caller.credential() else { return false };
    let at = gate.clock.now();
    let now = gate.read(|view, _| Ok(from_credential(view, credential, Means::Token, 0, at)));
    // In doubt they go, and may sign in again.
    now.is_ok_and(|now| now.is_ok_and(|now| now.actor() == caller.actor()))
}

async fn end(seated: Seated, why: &str) {
    let told = seated.handle.disconnect(Disconnect::ByApplication, why.to_owned(), String::new());
    drop(tokio::time::timeout(FAREWELL, told).await);
    tokio::time::sleep(FAREWELL).await;
    seated.cut.now();
}

/// Sends everybody away: at once who has no upload open, the others when theirs are closed.
pub(super) async fn drain(door: &Arc<Door>) {
    loop {
        let seats = door.sessions.all();
        if seats.is_empty() {
            return;
        }
        for seated in seats {
            if seated.uploads.load(Ordering::Relaxed) == 0 {
                tokio::spawn(end(seated, "The gate is being stopped. Connect again in a minute."));
            }
        }
        tokio::time::sleep(DRAIN_LOOK.max(2 * FAREWELL)).await;
    }
}

/// Cuts what is left.
pub(super) fn cut_all(door: &Door) {
    door.sessions.all().iter().for_each(|seated| seated.cut.now());
}
