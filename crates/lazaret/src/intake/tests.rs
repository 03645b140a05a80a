//! What a peer that goes, comes back or comes twice can do to an object: nothing that a recorded transfer would notice.

use std::time::{Duration, Instant};

use axum::body::Body;
use bytes::Bytes;
use lazaret_core::id::{Id, Object, Upload};
use lazaret_core::refusal::Refusal;
use lazaret_core::time::DAY_MS;
use lazaret_core::transfer::{Channel, Stage};
use lazaret_formats::tus::{self, Append, Checksum, Declined};
use lazaret_store::side::UploadState;

use super::appending::{append, complete};
use super::kept::{discard, drop_kept};
use super::receiving::{RESUMABLE_MS, Receiving};
use super::tus::{Stopped, join, make};
use crate::crossing::{self, Announcement};
use crate::error::{Error, Fault};
use crate::testing::{TestGate, announcement};

async fn received(gate: &TestGate, path: &str, channel: Channel, content: &'static [u8]) -> Receiving {
    let mut receiving = gate.begin(announcement(path, channel), None).await.unwrap();
    receiving.push(Bytes::from_static(content)).await.unwrap();
    receiving
}

/// Waits until a closed blob is there: all that is left of the arrival is its commit.
async fn sealed(gate: &TestGate, object: Id<Object>) {
    until("a closed blob", || gate.vault.broker().blobs().is_sealed(object).unwrap()).await;
}

async fn until(what: &str, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < Duration::from_secs(60), "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

// EVIDENCE-OF: R-101
#[tokio::test]
async fn a_peer_that_goes_while_the_commit_waits_loses_nothing() {
    let gate = TestGate::new().await;
    let receiving = received(&gate, "a.txt", Channel::Https, b"the last byte is here").await;
    let (transfer, object) = (receiving.transfer(), receiving.object());
    let writer = gate.hold_writer();
    tokio::select! {
        biased;
        _ = receiving.finish() => panic!("nothing can be recorded"),
        () = sealed(&gate, object) => {}
    }
    drop(writer);
    gate.recorded(transfer).await;
    gate.settle().await;
    assert!(gate.is_whole(transfer));
    assert_eq!(gate.violations(), []);
    // Its sender tries again, and is told of the first one: that it is there is true.
    let again = received(&gate, "a.txt", Channel::Https, b"the last byte is here").await;
    let fresh = again.object();
    let (arrived, _) = again.finish().await.unwrap();
    assert_eq!((arrived.transfer, arrived.replayed), (transfer, true));
    until("what came again is kept once", || !gate.vault.broker().blobs().is_sealed(fresh).unwrap()).await;
    assert!(gate.is_whole(transfer));
}

#[tokio::test]
async fn an_object_that_a_transfer_or_an_open_upload_has_is_not_discarded_whoever_asks() {
    let gate = TestGate::new().await;
    let receiving = received(&gate, "a.txt", Channel::Https, b"recorded").await;
    let (transfer, object) = (receiving.transfer(), receiving.object());
    receiving.finish().await.unwrap();
    discard(&gate, object, Some(transfer)).await.unwrap();
    assert!(gate.is_whole(transfer));
    let mut open = received(&gate, "b.txt", Channel::Tus, b"kept").await;
    let id = open.keep(Some([1; 32])).await.unwrap();
    let (object, transfer) = (open.object(), open.transfer());
    drop(open);
    discard(&gate, object, Some(transfer)).await.unwrap();
    let turn = gate.writers.turn(id).await.unwrap();
    let open = Receiving::resume(&gate, &gate.acme(), turn).await.unwrap();
    assert_eq!(open.received_bytes(), 4);
    assert_eq!(gate.violations(), []);
}

#[tokio::test]
async fn what_never_arrived_leaves_no_key_behind() {
    let gate = TestGate::new().await;
    let holder = |transfer| lazaret_vault::broker::Holder::Transfer(transfer);
    let broken = received(&gate, "a.txt", Channel::Https, b"broken off").await;
    let transfer = broken.transfer();
    assert!(gate.vault.broker().subject_key(holder(transfer)).is_ok());
    drop(broken);
    until("the key is gone", || gate.vault.broker().subject_key(holder(transfer)).is_err()).await;
    // The key of what arrived is its receipt's.
    let whole = received(&gate, "b.txt", Channel::Https, b"whole").await;
    let (transfer, object) = (whole.transfer(), whole.object());
    whole.finish().await.unwrap();
    discard(&gate, object, Some(transfer)).await.unwrap();
    assert!(gate.vault.broker().subject_key(holder(transfer)).is_ok());
}

// EVIDENCE-OF: R-101
#[tokio::test]
async fn an_upload_that_arrived_cannot_be_ended_by_whoever_waited_for_its_turn() {
    let gate = TestGate::new().await;
    let mut receiving = received(&gate, "a.txt", Channel::Tus, b"whole").await;
    let id = receiving.keep(Some([1; 32])).await.unwrap();
    let transfer = receiving.transfer();
    assert!(gate.writers.turn_if_free(id).is_none(), "its writer has the turn");
    let ending = tokio::spawn({
        let gate = gate.gate.clone();
        async move {
            let turn = gate.writers.turn(id).await.unwrap();
            drop_kept(&gate, turn).await.unwrap()
        }
    });
    tokio::task::yield_now().await;
    receiving.finish().await.unwrap();
    assert!(!ending.await.unwrap(), "it arrived, and nothing was ended");
    assert!(gate.is_whole(transfer));
    assert_eq!(gate.violations(), []);
}

#[tokio::test]
async fn a_kept_upload_has_one_writer() {
    let gate = TestGate::new().await;
    let mut receiving = received(&gate, "a.bin", Channel::Sftp, b"some").await;
    let id = receiving.keep(None).await.unwrap();
    assert!(gate.writers.turn_if_free(id).is_none());
    drop(receiving);
    let turn = gate.writers.turn(id).await.unwrap();
    let first = Receiving::resume(&gate, &gate.acme(), turn).await.unwrap();
    assert!(gate.writers.turn_if_free(id).is_none());
    drop(first);
    assert!(gate.writers.turn(id).await.is_some());
}

// EVIDENCE-OF: R-307
#[tokio::test]
async fn an_upload_is_kept_for_a_day_from_when_it_was_last_saved_and_while_it_is_written() {
    let gate = TestGate::new().await;
    let began = gate.clock.now();
    let mut receiving = received(&gate, "a.bin", Channel::Tus, b"one").await;
    let id = receiving.keep(Some([1; 32])).await.unwrap();
    let at = |millis| began.plus_millis(millis);
    let expire = async |millis| super::end_expired(&gate, id, at(millis)).await.unwrap();
    let is_open = || gate.read(|_, side| side.upload(id)).unwrap().unwrap().state == UploadState::Open;
    // Longer than a day under way, and nothing was saved meanwhile.
    gate.clock.set(Some(at(DAY_MS + 1)));
    expire(DAY_MS + 1_000).await;
    assert!(is_open());
    receiving.push(Bytes::from_static(b"two")).await.unwrap();
    receiving.save().await.unwrap();
    drop(receiving);
    drop(gate.writers.turn(id).await);
    // The day begins anew with what was saved.
    expire(DAY_MS + 2_000).await;
    expire(2 * DAY_MS).await;
    assert!(is_open());
    expire(DAY_MS + 1 + RESUMABLE_MS).await;
    assert!(!is_open());
    let party = gate.acme().party().unwrap();
    assert_eq!(gate.quota.used(party), (0, 0));
    assert_eq!(gate.read(|_, side| side.not_received(party, began)).unwrap().len(), 1);
}

#[tokio::test]
async fn a_writer_whose_upload_was_ended_hears_so() {
    let gate = TestGate::new().await;
    let mut receiving = received(&gate, "a.bin", Channel::Tus, b"one").await;
    let id = receiving.keep(Some([1; 32])).await.unwrap();
    let transfer = receiving.transfer();
    gate.write(move |tx| tx.side().end_upload(id)).await.unwrap().unwrap();
    assert!(matches!(receiving.save().await, Err(Error::Refused(Refusal::WrongState))));
    assert!(matches!(receiving.finish().await, Err(Error::Refused(Refusal::WrongState))));
    assert!(gate.read(|view, _| view.transfer(transfer)).unwrap().is_none());
}

#[tokio::test]
async fn a_request_that_comes_when_the_one_before_it_has_finished_the_upload_is_told_where_it_stands() {
    let gate = TestGate::new().await;
    let mut receiving = received(&gate, "a.bin", Channel::Tus, b"whole").await;
    receiving.said.credential = gate.acme().credential();
    let id = receiving.keep(Some([1; 32])).await.unwrap();
    receiving.finish().await.unwrap();
    let body = tus::Body { bytes: Some(5), bytes_max: 5, checksum: None };
    let wanted = Append { offset: 0, length: None, body };
    let again = append(&gate, &gate.acme(), id, &[1; 32], wanted, Body::from("whole")).await;
    assert!(matches!(again, Err(Stopped::Declined(Declined::OffsetDiffers { offset: 5 }))));
}

/// A finished part, under this digest of its address.
async fn part(gate: &TestGate, lookup: u8, content: &'static [u8]) -> Id<Upload> {
    let length = Some(content.len() as u64);
    let mut part = gate.begin(announcement("part", Channel::Tus), length).await.unwrap();
    part.said.tus_concat = Some("partial".to_owned());
    part.push(Bytes::from_static(content)).await.unwrap();
    part.keep(Some([lookup; 32])).await.unwrap()
}

// EVIDENCE-OF: R-101
#[tokio::test]
async fn parts_end_with_the_arrival_of_the_whole_and_not_before() {
    let gate = TestGate::new().await;
    let parts = [part(&gate, 1, b"hello ").await, part(&gate, 2, b"world\n").await];
    let state = |part| gate.read(|_, side| side.upload(part)).unwrap().unwrap().state;
    let whole = async || gate.begin(announcement("whole.txt", Channel::Tus), None).await.unwrap();
    // A whole that becomes nothing: its parts are there to try again with.
    let mut other = whole().await;
    other.said.sha256 = vec![0; 32];
    assert!(join(&gate, &gate.acme(), other, &[[1; 32], [2; 32]], [3; 32]).await.is_err());
    assert!(parts.iter().all(|part| state(*part) == UploadState::Open));
    let unknown = gate.read(|_, side| side.upload_by_lookup(&[3; 32])).unwrap().unwrap();
    assert_eq!(unknown.state, UploadState::Ended, "nobody was told its address");
    // Two at once: one is the whole, and the other is none.
    let (first, second) = (whole().await, whole().await);
    let transfers = [first.transfer(), second.transfer()];
    let caller = gate.acme();
    let outcomes = tokio::join!(
        join(&gate, &caller, first, &[[1; 32], [2; 32]], [4; 32]),
        join(&gate, &caller, second, &[[1; 32], [2; 32]], [5; 32]),
    );
    assert_ne!(outcomes.0.is_ok(), outcomes.1.is_ok());
    let arrived = if outcomes.0.is_ok() { transfers[0] } else { transfers[1] };
    gate.settle().await;
    assert!(gate.is_whole(arrived));
    assert_eq!(gate.read(|view, _| view.transfer(arrived)).unwrap().unwrap().stage, Stage::Quarantined);
    assert!(parts.iter().all(|part| state(*part) == UploadState::Ended));
    assert_eq!(gate.quota.used(caller.party().unwrap()), (0, 0));
    assert_eq!(gate.violations(), []);
}

#[tokio::test]
async fn a_creation_that_breaks_off_uses_nobodys_share() {
    let gate = TestGate::new().await;
    let receiving = gate.begin(announcement("a.bin", Channel::Tus), Some(1_000)).await.unwrap();
    let body = tus::Body { bytes: Some(5), bytes_max: 1_000, checksum: Some(Checksum::Sha256([0; 32])) };
    let wanted = Some(Append { offset: 0, length: None, body });
    let made = make(&gate, &gate.acme(), receiving, [1; 32], wanted, Body::from("other")).await;
    assert!(matches!(made, Err(Stopped::Declined(Declined::ChecksumDiffers))));
    assert_eq!(gate.quota.used(gate.acme().party().unwrap()), (0, 0));
    let row = gate.read(|_, side| side.upload_by_lookup(&[1; 32])).unwrap().unwrap();
    assert_eq!(row.state, UploadState::Ended);
}

#[tokio::test]
async fn a_restart_counts_what_is_kept() {
    let gate = TestGate::new().await;
    let mut receiving = gate.begin(announcement("a.bin", Channel::Tus), Some(1_000)).await.unwrap();
    receiving.keep(Some([1; 32])).await.unwrap();
    let party = gate.acme().party().unwrap();
    drop(receiving);
    let gate = gate.restarted().await;
    assert_eq!(gate.quota.used(party), (1_000, 1));
}

#[tokio::test]
async fn bytes_that_are_still_to_come_count_before_another_upload_begins() {
    let huge = u64::MAX / 4;
    let gate = TestGate::with(move |config| {
        (config.limits.party_bytes_max, config.limits.uploads_per_party_max) = (huge, huge);
    });
    let gate = gate.await;
    let probe = gate.begin(announcement("probe", Channel::Https), None).await.unwrap();
    // Each has room by itself, and not all together; others use the disk too while this runs.
    let free = gate.vault.disk_bytes().unwrap().0;
    let length = probe.object_bytes_max().min(free / 3);
    drop(probe);
    let uploads_max = 2 * free / length;
    let mut open = Vec::new();
    let refused = loop {
        match gate.begin(announcement("big.bin", Channel::Https), Some(length)).await {
            Ok(receiving) => open.push(receiving),
            Err(error) => break error,
        }
        assert!(open.len() as u64 <= uploads_max, "more was let in than the disk has bytes for");
    };
    assert!(matches!(refused, Error::Fault(Fault::DiskFull)), "{refused}");
    // A small one has no room either; when the promises are gone there is.
    drop(open);
    assert!(gate.begin(announcement("big.bin", Channel::Https), Some(1)).await.is_ok());
}

// EVIDENCE-OF: R-101
#[tokio::test]
async fn what_is_sent_again_after_it_was_withdrawn_is_a_new_transfer() {
    let gate = TestGate::new().await;
    for key in [None, Some("key-1".to_owned())] {
        let send = async || {
            let announcement = Announcement { key: key.clone(), ..announcement("a.txt", Channel::Https) };
            let mut receiving = gate.begin(announcement, None).await.unwrap();
            receiving.push(Bytes::from_static(b"the same bytes")).await.unwrap();
            receiving.finish().await.unwrap().0
        };
        let first = send().await;
        assert_eq!(send().await.transfer, first.transfer);
        crossing::withdraw(&gate, &gate.acme(), first.transfer).await.unwrap();
        let again = send().await;
        assert!(!again.replayed && again.transfer != first.transfer);
        assert!(gate.is_whole(again.transfer));
        assert_eq!(send().await.transfer, again.transfer, "and that one is repeated");
        crossing::withdraw(&gate, &gate.acme(), again.transfer).await.unwrap();
    }
}

#[tokio::test]
async fn an_empty_upload_at_rest_shuts_nobody_out_and_finds_room_or_none_when_it_goes_on() {
    let gate = TestGate::with(|config| config.limits.party_bytes_max = u64::MAX).await;
    let mut small = gate.begin(announcement("small.bin", Channel::Tus), Some(1)).await.unwrap();
    let small_id = small.keep(Some([1; 32])).await.unwrap();
    drop(small);
    // More than any disk has, declared by another party.
    let (other, huge_id) = (Id::from_bytes([9; 16]), Id::from_bytes([8; 16]));
    let mut huge = gate.quota.reserve(other, Some(u64::MAX / 2)).unwrap();
    gate.quota.keep(huge_id, &mut huge);
    let full = |outcome: Result<Receiving, Error>| matches!(outcome, Err(Error::Fault(Fault::DiskFull)));
    assert!(full(gate.begin(announcement("a.bin", Channel::Https), Some(1)).await), "it is being written");
    let turn = gate.writers.turn(small_id).await.unwrap();
    assert!(full(Receiving::resume(&gate, &gate.acme(), turn).await), "the disk is looked at when one goes on");
    drop(huge);
    assert!(gate.begin(announcement("a.bin", Channel::Https), Some(1)).await.is_ok(), "it rests");
    let turn = gate.writers.turn(small_id).await.unwrap();
    let mut small = Receiving::resume(&gate, &gate.acme(), turn).await.unwrap();
    small.push(Bytes::from_static(b"1")).await.unwrap();
    small.finish().await.unwrap();
}

#[tokio::test]
async fn of_two_that_come_only_if_the_name_is_new_one_is_received() {
    let gate = TestGate::new().await;
    let begin = async |content: &'static [u8]| {
        let announcement = Announcement { only_if_new: true, ..announcement("a.txt", Channel::Https) };
        let mut receiving = gate.begin(announcement, None).await.unwrap();
        receiving.push(Bytes::from_static(content)).await.unwrap();
        receiving
    };
    let (first, second) = (begin(b"one").await, begin(b"two").await);
    assert!(first.finish().await.is_ok());
    assert!(matches!(second.finish().await, Err(Error::Refused(Refusal::NameExists))));
}

#[tokio::test]
async fn what_comes_only_if_its_name_is_new_comes_again_under_its_key() {
    let gate = TestGate::new().await;
    let send = async |key: &str, content: &'static [u8]| {
        let key = Some(key.to_owned());
        let announcement = Announcement { only_if_new: true, key, ..announcement("a.txt", Channel::Https) };
        let mut receiving = gate.begin(announcement, None).await?;
        receiving.push(Bytes::from_static(content)).await?;
        receiving.finish().await.map(|(arrived, _)| arrived)
    };
    let first = send("order-1", b"one").await.unwrap();
    let again = send("order-1", b"one").await.unwrap();
    assert_eq!((again.transfer, again.replayed), (first.transfer, true), "its answer was lost");
    assert!(matches!(send("order-1", b"two").await, Err(Error::Refused(Refusal::KeyReused))));
    assert!(matches!(send("order-2", b"one").await, Err(Error::Refused(Refusal::NameExists))));
}

// EVIDENCE-OF: R-101
#[tokio::test]
async fn an_upload_that_is_all_there_arrives_before_anybody_is_told_so() {
    let gate = TestGate::new().await;
    let mut receiving = gate.begin(announcement("a.bin", Channel::Tus), Some(5)).await.unwrap();
    receiving.push(Bytes::from_static(b"whole")).await.unwrap();
    let (id, transfer) = (receiving.keep(Some([1; 32])).await.unwrap(), receiving.transfer());
    // The process ends between the last save and the arrival.
    drop(receiving);
    let gate = gate.restarted().await;
    complete(&gate, &gate.acme(), id).await.map_err(|_| "refused").unwrap();
    complete(&gate, &gate.acme(), id).await.map_err(|_| "refused").unwrap();
    assert!(gate.is_whole(transfer));
    // A part is nothing by itself, however whole.
    let part = part(&gate, 2, b"part").await;
    complete(&gate, &gate.acme(), part).await.map_err(|_| "refused").unwrap();
    assert_eq!(gate.read(|_, side| side.upload(part)).unwrap().unwrap().state, UploadState::Open);
}
