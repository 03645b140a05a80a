//! Objects: what goes in comes out, and nothing else does.

use lazaret_core::decision::Unclaimed;
use lazaret_core::digest::Digest;
use lazaret_vault::broker::Unfinished;
use lazaret_vault::{Broker, Fault, RealDisk, Sealed};

use crate::*;

const CHUNK: usize = 16 * 1024;

fn store(broker: &Broker, of_transfer: u8, of_object: u8, bytes: &[u8], step: usize) -> Sealed {
    let mut writer = broker.new_object(transfer(of_transfer), object(of_object), NO_LIMIT).unwrap().writer;
    for piece in bytes.chunks(step) {
        writer.write(piece).unwrap();
    }
    writer.finish().unwrap()
}

fn read_all(broker: &Broker, of_transfer: u8, of_object: u8) -> Result<Vec<u8>, Fault> {
    let mut stream = broker.open_for_inspection(&inspecting(of_transfer, of_object))?.stream();
    let mut out = Vec::new();
    while let Some(piece) = stream.next()? {
        out.extend_from_slice(piece);
    }
    Ok(out)
}

#[test]
fn objects_of_every_shape_come_back_with_their_hash_and_commitment() {
    let world = World::new();
    let broker = world.create();
    let sizes = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 16 * CHUNK - 1, 16 * CHUNK, 17 * CHUNK + 5, 2_500_000];
    for (number, size) in (1_u8..).zip(sizes) {
        for (offset, step) in [(0, 7 * 1024 + 1), (100, 1 << 20)] {
            let bytes = content(size);
            let sealed = store(&broker, number + offset, number + offset, &bytes, step);
            assert_eq!(sealed.size_bytes, size as u64);
            assert_eq!(sealed.sha256, *Digest::of(&bytes).as_bytes());
            assert!(read_all(&broker, number + offset, number + offset).unwrap() == bytes, "size {size}");
            let reader = broker.open_for_inspection(&inspecting(number + offset, number + offset)).unwrap();
            assert_eq!(reader.size_bytes(), size as u64);
            let streamed = reader.stream().finish().unwrap();
            assert_eq!(streamed.sha256, sealed.sha256);
            assert_eq!(streamed.content.commitment, sealed.content.commitment);
        }
    }
    assert!(broker.counts().agree());
}

#[test]
fn ten_thousand_random_ranges_equal_slices_of_the_content() {
    let world = World::new();
    let broker = world.create();
    let bytes = content(40 * CHUNK + 777);
    store(&broker, 1, 1, &bytes, 100_000);
    let reader = broker.open_for_inspection(&inspecting(1, 1)).unwrap();
    let mut state = 7_u64;
    let mut draw = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).unwrap() % below
    };
    for _ in 0..10_000 {
        let from = draw(bytes.len() + 10);
        let wide = if draw(100) == 0 { 20 * CHUNK } else { 3_000 };
        let mut out = vec![0; draw(wide)];
        let count = reader.read_at(from as u64, &mut out).unwrap();
        let end = bytes.len().min(from + out.len());
        let expected = bytes.get(from..end).unwrap_or(&[]);
        assert!(out[..count] == *expected, "range {from}+{}", out.len());
    }
}

// EVIDENCE-OF: R-017
#[test]
fn every_bit_flip_and_every_truncation_of_a_blob_is_found() {
    let world = World::new();
    let broker = world.create();
    let bytes = content(300);
    store(&broker, 1, 1, &bytes, 300);
    let path = blob_path(&world.blobs(), object(1));
    let blob = std::fs::read(&path).unwrap();
    for bit in 0..blob.len() * 8 {
        let mut changed = blob.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        std::fs::write(&path, &changed).unwrap();
        assert!(matches!(read_all(&broker, 1, 1), Err(Fault::Corrupt)), "bit {bit} passes");
    }
    for length in 0..blob.len() {
        std::fs::write(&path, &blob[..length]).unwrap();
        assert!(matches!(read_all(&broker, 1, 1), Err(Fault::Corrupt)), "length {length} passes");
    }
    for extra in 1..40 {
        std::fs::write(&path, [blob.clone(), vec![0; extra]].concat()).unwrap();
        assert!(matches!(read_all(&broker, 1, 1), Err(Fault::Corrupt)), "{extra} more bytes pass");
    }
    std::fs::write(&path, &blob).unwrap();
    assert_eq!(read_all(&broker, 1, 1).unwrap(), bytes);
}

// EVIDENCE-OF: R-017
#[test]
fn a_blob_of_several_chunks_cannot_be_cut_reordered_or_flipped() {
    let world = World::new();
    let broker = world.create();
    let bytes = content(3 * CHUNK + 100);
    store(&broker, 1, 1, &bytes, 9_999);
    let path = blob_path(&world.blobs(), object(1));
    let blob = std::fs::read(&path).unwrap();
    let at = |chunk: usize| 56 + chunk * (CHUNK + 16);
    let mut swapped = blob.clone();
    swapped[at(0)..at(1)].copy_from_slice(&blob[at(1)..at(2)]);
    swapped[at(1)..at(2)].copy_from_slice(&blob[at(0)..at(1)]);
    let mut middle = blob.clone();
    middle[at(1) + 5] ^= 1;
    let damaged: Vec<Vec<u8>> = (0..blob.len())
        .step_by(997)
        .chain([at(1), at(2), at(3), at(3) + 15, at(3) + 16, at(2) + 16])
        .map(|length| blob[..length].to_vec())
        .chain([swapped, middle])
        .collect();
    for (number, changed) in damaged.iter().enumerate() {
        std::fs::write(&path, changed).unwrap();
        assert!(matches!(read_all(&broker, 1, 1), Err(Fault::Corrupt)), "damage {number} passes");
    }
}

#[test]
fn an_object_larger_than_its_limit_is_refused_and_stays_refused() {
    let world = World::new();
    let broker = world.create();
    let mut writer = broker.new_object(transfer(1), object(1), 1_000).unwrap().writer;
    writer.write(&[0; 1_000]).unwrap();
    assert!(matches!(writer.write(&[0]), Err(Fault::TooLarge { object_size_max: 1_000 })));
    assert!(matches!(writer.write(&[]), Err(Fault::Poisoned)));
    assert!(matches!(writer.finish(), Err(Fault::Poisoned)));
}

#[test]
fn many_small_objects_at_once_are_all_durable_and_closed() {
    let world = World::new();
    let broker = world.create();
    std::thread::scope(|scope| {
        for thread in 0..8_u8 {
            let broker = &broker;
            scope.spawn(move || {
                let ids = 1..=30_u8;
                let written: Vec<_> = ids.map(|n| ([thread, n].repeat(8), [thread, n].repeat(50))).collect();
                let mut tickets = Vec::new();
                for (id, bytes) in &written {
                    let id: [u8; 16] = id.as_slice().try_into().unwrap();
                    let intake = broker.new_object(Id::from_bytes(id), Id::from_bytes(id), NO_LIMIT).unwrap();
                    let mut writer = intake.writer;
                    writer.write(bytes).unwrap();
                    tickets.push(writer.finish_later().unwrap());
                }
                for (ticket, (id, bytes)) in tickets.into_iter().zip(&written) {
                    assert_eq!(ticket.wait().unwrap().size_bytes, bytes.len() as u64);
                    let id: [u8; 16] = id.as_slice().try_into().unwrap();
                    let proof = Inspecting::assertion(Id::from_bytes(id), Id::from_bytes(id));
                    let streamed = broker.open_for_inspection(&proof).unwrap().stream().finish().unwrap();
                    assert_eq!(streamed.sha256, *Digest::of(bytes).as_bytes());
                }
            });
        }
    });
    assert_eq!(std::fs::read_dir(world.blobs().join("partial")).unwrap().count(), 0);
    assert!(broker.counts().agree());
}

#[test]
fn what_nobody_claims_is_an_orphan_once_it_is_old() {
    let world = World::new();
    let broker = world.create();
    store(&broker, 1, 1, b"claimed", 7);
    store(&broker, 2, 2, b"not claimed", 7);
    let growing = broker.new_object(transfer(3), object(3), NO_LIMIT).unwrap().writer;
    std::fs::write(world.blobs().join("partial").join("README"), "not ours").unwrap();
    let later = lazaret_core::time::Timestamp::from_millis(u64::MAX);
    let at_start = lazaret_core::time::Timestamp::from_millis(0);
    let mut claimed = |id| Ok(id == object(1));
    let mut found: Vec<_> =
        broker.blobs().orphans(later, &mut claimed).unwrap().into_iter().map(|orphan| orphan.object).collect();
    found.sort();
    assert_eq!(found, [object(2), object(3)]);
    assert!(broker.blobs().orphans(at_start, &mut claimed).unwrap().is_empty());
    drop(growing);
    for id in found {
        broker.discard(&Unclaimed::assertion(id, None)).unwrap();
    }
    assert!(broker.blobs().orphans(later, &mut claimed).unwrap().is_empty());
    assert!(matches!(read_all(&broker, 2, 2), Err(Fault::NoKey)));
    assert_eq!(read_all(&broker, 1, 1).unwrap(), b"claimed");
}

#[test]
fn free_space_is_that_of_the_blobs_file_system() {
    let world = World::new();
    let space = world.create().blobs().space().unwrap();
    assert!(space.free_bytes > 0 && space.free_bytes <= space.total_bytes);
    assert!(matches!(RealDisk.space(Path::new("/no/such/place")), Err(Fault::Missing)));
}

#[test]
fn an_upload_goes_back_to_any_offset_as_another_object() {
    let world = World::new();
    let broker = world.create();
    let bytes = content(5 * CHUNK + 321);
    for (number, back_to) in (1_u8..).zip([0, 1, CHUNK - 1, CHUNK, 3 * CHUNK + 7, bytes.len()]) {
        let (of, old, fresh) = (transfer(number), object(number), object(number + 100));
        let mut writer = broker.new_object(of, old, NO_LIMIT).unwrap().writer;
        writer.write(&bytes).unwrap();
        let checkpoint = writer.checkpoint().unwrap();
        drop(writer);
        let mut again = broker.cut_back(of, old, &checkpoint.state, fresh, back_to as u64, NO_LIMIT).unwrap();
        assert_eq!(again.received_bytes(), back_to as u64);
        again.write(b"other").unwrap();
        let sealed = again.finish().unwrap();
        let expected = [&bytes[..back_to], b"other"].concat();
        assert_eq!(sealed.sha256, *Digest::of(&expected).as_bytes(), "back to {back_to}");
        assert!(read_all(&broker, number, number + 100).unwrap() == expected);
        broker.discard(&Unclaimed::assertion(old, None)).unwrap();
    }
    assert!(broker.counts().agree());
}

#[test]
fn what_is_poured_is_all_of_it_or_nothing_comes_of_it() {
    let world = World::new();
    let broker = world.create();
    let bytes = content(4 * CHUNK + 77);
    let part = |number: u8| {
        let mut writer = broker.new_object(transfer(number), object(number), NO_LIMIT).unwrap().writer;
        writer.write(&bytes).unwrap();
        let state = writer.checkpoint().unwrap().state;
        Unfinished { transfer: transfer(number), object: object(number), state, received_bytes: bytes.len() as u64 }
    };
    let (good, rotten) = (part(1), part(2));
    let path = world.blobs().join("partial").join(object(2).to_string());
    let mut blob = std::fs::read(&path).unwrap();
    blob[2 * CHUNK + 500] ^= 1;
    std::fs::write(&path, blob).unwrap();
    let mut whole = broker.new_object(transfer(3), object(3), NO_LIMIT).unwrap().writer;
    broker.pour(&good, &mut whole).unwrap();
    assert_eq!(whole.received_bytes(), bytes.len() as u64);
    assert!(matches!(broker.pour(&rotten, &mut whole), Err(Fault::Corrupt)));
    let more = Unfinished { received_bytes: good.received_bytes + 1, ..good };
    assert!(matches!(broker.pour(&more, &mut whole), Err(Fault::Corrupt)));
}

#[test]
fn a_closed_object_is_gone_on_with_only_under_quarantine() {
    let world = World::new();
    let broker = world.create();
    let bytes = content(2 * CHUNK + 9);
    store(&broker, 1, 1, &bytes, 1_000);
    let from = (transfer(1), object(1));
    let mut longer = broker.continue_closed(from, transfer(2), object(2), NO_LIMIT).unwrap().writer;
    assert_eq!(longer.received_bytes(), bytes.len() as u64);
    longer.write(b"more").unwrap();
    assert_eq!(longer.finish().unwrap().sha256, *Digest::of(&[&bytes[..], b"more"].concat()).as_bytes());
    assert!(read_all(&broker, 1, 1).unwrap() == bytes, "the old one stays as it is");
    broker.release(&cleared(1, 1)).unwrap();
    let refused = broker.continue_closed(from, transfer(3), object(3), NO_LIMIT).err();
    assert!(matches!(refused, Some(Fault::NoKey)), "released plaintext goes to recipients only");
}

#[test]
fn a_reader_that_has_vouched_for_the_whole_goes_on_reading() {
    let world = World::new();
    let broker = world.create();
    let bytes = content(3 * CHUNK + 5);
    let sealed = store(&broker, 1, 1, &bytes, 5_000);
    let mut reader = lazaret_vault::HashedReader::new(broker.open_for_inspection(&inspecting(1, 1)).unwrap());
    let mut piece = vec![0; 100];
    reader.read_at(CHUNK as u64, &mut piece).unwrap();
    assert_eq!(reader.vouch().unwrap().sha256, sealed.sha256);
    assert_eq!(reader.read_at(10, &mut piece).unwrap(), 100);
    assert!(piece == bytes[10..110]);
    assert_eq!(reader.finish().unwrap().sha256, sealed.sha256);
}
