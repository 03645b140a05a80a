//! Random histories over the real core and store: they keep every invariant, and what they wrote rebuilds them.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use lazaret_core::event::Event;
use lazaret_sim::history::{Summary, run};
use lazaret_store::{Store, replay};

const HISTORIES: u64 = 200;
const STEPS: u64 = 300;

/// Kinds that no act of the simulator records: they are written when a gate is made, change
/// no register, or nothing decides them yet.
const NOT_DRAWN: [&str; 9] = [
    "engagement_recorded.v1",
    "epoch_opened.v1",
    "kek_epoch_opened.v1",
    "person_invited.v1",
    "invitation_ended.v1",
    "policy_activated.v1",
    "product_recorded.v1",
    "reliance_recorded.v1",
    "sessions_observed.v1",
];

/// Runs a history and then looks at what is committed, as another process would find it.
fn relive(seed: u64, steps: u64, dir: &Path) -> Summary {
    let summary = run(seed, steps, dir).unwrap_or_else(|failure| panic!("{failure}"));
    let store = Store::open(dir, || ()).unwrap();
    let (stands, rebuilt, broken) = store
        .read(|view, _| Ok((replay::digests(view)?, replay::rebuild(view)?, replay::broken_leaves(view)?)))
        .unwrap();
    assert_eq!(stands, rebuilt, "seed {seed}");
    assert_eq!(broken, [], "seed {seed}");
    summary
}

// EVIDENCE-OF: R-103 R-104 R-110 R-111
#[test]
fn two_hundred_random_histories_rebuild_equal_registers_from_their_stored_bytes() {
    let next = AtomicU64::new(0);
    let workers = thread::available_parallelism().map_or(2, usize::from);
    let summaries: Vec<Summary> = thread::scope(|scope| {
        let work = || {
            let mut done = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= HISTORIES {
                    return done;
                }
                done.push(relive(seed, STEPS, tempfile::tempdir().unwrap().path()));
            }
        };
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for summary in &summaries {
        assert_eq!(summary.recorded + summary.refused, STEPS);
        summary.entries.iter().for_each(|(kind, count)| *kinds.entry(kind).or_default() += count);
    }
    // A generator that never gets somewhere proves nothing about what happens there.
    let drawn = Event::KINDS.iter().filter(|kind| !NOT_DRAWN.contains(kind) && **kind != "transfer_superseded.v1");
    let missing: Vec<_> = drawn.filter(|kind| !kinds.contains_key(**kind)).collect();
    assert!(missing.is_empty(), "no history has {missing:?}");
    let (recorded, refused) = summaries.iter().fold((0, 0), |(a, b), one| (a + one.recorded, b + one.refused));
    assert!(recorded > refused / 2 && refused > recorded / 2, "{recorded} recorded, {refused} refused");
}

#[test]
fn a_seed_is_one_history_every_time() {
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let [first, second] = dirs.map(|dir| {
        relive(81_204, 120, dir.path());
        let store = Store::open(dir.path(), || ()).unwrap();
        store.read(|view, _| view.leaves(1, 0, u32::MAX)).unwrap()
    });
    assert_eq!(first, second);
    let other = tempfile::tempdir().unwrap();
    relive(81_205, 120, other.path());
    let store = Store::open(other.path(), || ()).unwrap();
    assert_ne!(first, store.read(|view, _| view.leaves(1, 0, u32::MAX)).unwrap());
}
