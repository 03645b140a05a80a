//! The invariants fail when they should: each is given a history with the one thing in it that it is there to find.

use std::path::Path;

use lazaret_core::event::Event;
use lazaret_core::time::Timestamp;
use lazaret_sim::history::run;
use lazaret_sim::invariant::{self, Check, State};
use lazaret_store::{Entry, Store};

/// A history, as it was written, with its store.
fn lived(seed: u64, dir: &Path) -> (Store, Vec<Entry>) {
    run(seed, 300, dir).unwrap_or_else(|failure| panic!("{failure}"));
    let store = Store::open(dir, || ()).unwrap();
    let history = store.read(|view, _| view.entries_from(1, 0, u32::MAX)).unwrap();
    (store, history)
}

/// What a check finds in a history whose entries from `before` on are new.
fn found(store: &Store, check: Check, history: &[Entry], before: usize, at: Timestamp) -> Option<String> {
    store.read(|view, _| check(&State { view: *view, history, before, at })).unwrap()
}

fn place_of(history: &[Entry], is: impl Fn(&Event) -> bool) -> Option<usize> {
    history.iter().position(|entry| is(&entry.event))
}

/// Damages a history after the first entry of a kind, and says whether the check holds before and fails after.
fn finds(check: Check, is: fn(&Event) -> bool, damage: impl Fn(&mut Vec<Entry>, usize)) {
    for seed in 10..40 {
        let dir = tempfile::tempdir().unwrap();
        let (store, history) = lived(seed, dir.path());
        let Some(place) = place_of(&history, is) else { continue };
        let upto = history[..=place].to_vec();
        let at = history[place].at;
        // The registers are those of the history's end: where they do not fit this entry any more, another seed is taken.
        if found(&store, check, &upto, place, at).is_some() {
            continue;
        }
        let mut damaged = upto;
        damage(&mut damaged, place);
        let before = damaged.len() - 1;
        assert!(found(&store, check, &damaged, before, at).is_some(), "seed {seed}: nothing was found");
        return;
    }
    panic!("no seed has the entry that this is about");
}

#[test]
fn a_missing_entry_is_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    let (store, history) = lived(1, dir.path());
    assert_eq!(found(&store, invariant::no_gaps, &history, 0, history[0].at), None);
    let mut shorter = history.clone();
    shorter.remove(40);
    assert!(found(&store, invariant::no_gaps, &shorter, 0, history[0].at).is_some());
}

#[test]
fn an_entry_that_changed_after_it_was_written_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let (store, mut history) = lived(1, dir.path());
    assert_eq!(found(&store, invariant::stored_bytes, &history, 0, history[0].at), None);
    history[70].bytes[5] ^= 1;
    assert!(found(&store, invariant::stored_bytes, &history, 0, history[0].at).is_some());
}

#[test]
fn a_stage_left_out_is_no_legal_order() {
    let inspected = |event: &Event| matches!(event, Event::TransferRuled(_));
    finds_order(inspected, |entries, subject| {
        entries.retain(|entry| entry.subject != subject || !matches!(entry.event, Event::TransferInspected(_)));
    });
}

#[test]
fn what_is_over_stays_over() {
    let delivered = |event: &Event| matches!(event, Event::TransferWithdrawn(_) | Event::TransferExpired(_));
    finds_order(delivered, |entries, subject| {
        let arrived = entries.iter().find(|entry| entry.subject == subject).unwrap().clone();
        entries.push(arrived);
    });
}

/// The legal order of the whole history, against a history with this done to one transfer.
fn finds_order(is: fn(&Event) -> bool, damage: fn(&mut Vec<Entry>, lazaret_core::id::Id<lazaret_core::id::Subject>)) {
    let seed = (0..20).find_map(|seed| {
        let dir = tempfile::tempdir().unwrap();
        let (store, history) = lived(seed, dir.path());
        let subject = history[place_of(&history, is)?].subject;
        assert_eq!(found(&store, invariant::legal_order, &history, 0, history[0].at), None);
        let mut damaged = history.clone();
        damage(&mut damaged, subject);
        assert!(found(&store, invariant::legal_order, &damaged, 0, history[0].at).is_some(), "seed {seed}");
        Some(seed)
    });
    assert!(seed.is_some(), "no seed has the entry that this is about");
}

#[test]
fn a_release_without_an_inspection_is_found() {
    let released = |event: &Event| matches!(event, Event::TransferReleased(_));
    finds(invariant::evidence_before_release, released, |entries, place| {
        let subject = entries[place].subject;
        entries.retain(|entry| entry.subject != subject || !matches!(entry.event, Event::TransferInspected(_)));
    });
}

#[test]
fn a_release_after_malware_is_found() {
    let released = |event: &Event| matches!(event, Event::TransferReleased(_));
    finds(invariant::evidence_before_release, released, |entries, place| {
        let subject = entries[place].subject;
        for entry in entries.iter_mut().filter(|entry| entry.subject == subject) {
            if let Event::TransferInspected(fact) = &mut entry.event {
                let malware = lazaret_core::inspection::Inspector::Malware;
                let mut rows = fact.verdicts.iter_mut().filter(|row| row.inspector == malware);
                rows.next().unwrap().verdict = lazaret_core::inspection::Verdict::Bad;
            }
        }
    });
}

#[test]
fn a_release_that_lacks_one_of_two_votes_is_found() {
    for seed in 0..60 {
        let dir = tempfile::tempdir().unwrap();
        let (store, history) = lived(seed, dir.path());
        let check = invariant::four_eyes_before_release;
        for (place, entry) in history.iter().enumerate() {
            let votes = |entries: &[Entry]| -> Vec<usize> {
                let about = entries.iter().enumerate().filter(|(_, other)| other.subject == entry.subject);
                about.filter(|(_, other)| matches!(other.event, Event::Approved(_))).map(|(at, _)| at).collect()
            };
            let upto = &history[..=place];
            let voted = votes(upto);
            let released = matches!(entry.event, Event::TransferReleased(_));
            if !released || voted.len() != 2 || found(&store, check, upto, place, entry.at).is_some() {
                continue;
            }
            let mut unseen = upto.to_vec();
            unseen.retain(|other| !matches!(other.event, Event::Approved(_)));
            if found(&store, check, &unseen, unseen.len() - 1, entry.at).is_none() {
                // People voted on what later turned out to need no votes.
                continue;
            }
            for vote in voted {
                let mut damaged = upto.to_vec();
                damaged.remove(vote);
                let before = damaged.len() - 1;
                assert!(found(&store, check, &damaged, before, entry.at).is_some(), "seed {seed}");
            }
            return;
        }
    }
    panic!("no history has a release by exactly two votes");
}

#[test]
fn an_isolation_lifted_without_votes_is_found() {
    let lifted = |event: &Event| matches!(event, Event::IsolationLifted(_));
    finds(invariant::four_eyes_before_lifting, lifted, |entries, place| {
        let subject = entries[place].subject;
        entries.retain(|entry| entry.subject != subject || !matches!(entry.event, Event::Approved(_)));
    });
}

#[test]
fn an_entry_older_than_the_one_before_it_is_found() {
    let any = |event: &Event| matches!(event, Event::TransferRuled(_));
    finds(invariant::times_never_fall, any, |entries, place| {
        entries[place].at = Timestamp::from_millis(entries[place - 1].at.as_millis() - 1);
    });
}

#[test]
fn an_arrival_from_an_isolated_party_is_found() {
    let isolated = |event: &Event| matches!(event, Event::Isolated(_));
    finds(invariant::isolation, isolated, |entries, place| {
        let Event::Isolated(fact) = &entries[place].event else { panic!("an isolation") };
        let party = fact.party;
        let mut arrived = entries
            .iter()
            .find(|entry| matches!(entry.event, Event::TransferArrived(_)))
            .expect("something arrived before")
            .clone();
        if let Event::TransferArrived(fact) = &mut arrived.event {
            fact.party = party;
        }
        entries.push(arrived);
    });
}
