//! Crashes at every step: what was acknowledged is there, uploads go on, and no chunk number is sealed twice.

use lazaret_core::decision::Unclaimed;
use lazaret_vault::broker::Resumed;
use lazaret_vault::resume::Checkpoint;
use lazaret_vault::{Broker, Fault, Sealed};

use crate::memory_disk::MemoryDisk;
use crate::*;

const ROOT: &str = "/vault";

/// What the peer was told before the crash.
#[derive(Default)]
struct Told {
    checkpoint: Option<Checkpoint>,
    sealed: Option<Sealed>,
}

/// Receives `bytes` in three pieces with a durable reply after each of the first two.
fn upload(broker: &Broker, bytes: &[u8], told: &mut Told) -> Result<(), Fault> {
    let mut writer = broker.new_object(transfer(1), object(1), NO_LIMIT)?.writer;
    let third = bytes.len() / 3;
    writer.write(&bytes[..third])?;
    told.checkpoint = Some(writer.checkpoint()?);
    writer.write(&bytes[third..2 * third])?;
    told.checkpoint = Some(writer.checkpoint()?);
    writer.write(&bytes[2 * third..])?;
    told.sealed = Some(writer.finish()?);
    Ok(())
}

fn broker(world: &World, disk: &MemoryDisk) -> Broker {
    Broker::create(world.parts(Arc::new(disk.clone())), Path::new(ROOT)).unwrap()
}

fn reads_back(broker: &Broker, of_object: Id<Object>, bytes: &[u8]) {
    let proof = Inspecting::assertion(transfer(1), of_object);
    let reader = broker.open_for_inspection(&proof).unwrap();
    let mut out = vec![0; bytes.len()];
    assert_eq!(reader.read_at(0, &mut out).unwrap(), bytes.len());
    assert!(out == bytes && reader.size_bytes() == bytes.len() as u64);
}

/// One crash after `steps` disk calls, then the upload goes on. Gives whether the upload had ended before the crash.
fn crash_once(steps: usize, size: usize, power: bool) -> bool {
    let world = World::new();
    let disk = MemoryDisk::default();
    let bytes = content(size);
    let mut told = Told::default();
    let first = broker(&world, &disk);
    disk.stop_after(steps);
    let ended = upload(&first, &bytes, &mut told).is_ok();
    drop(first);
    if power {
        disk.power_cut()
    } else {
        disk.restart()
    }
    let again = broker(&world, &disk);
    if told.sealed.is_some() {
        reads_back(&again, object(1), &bytes);
    } else if let Some(checkpoint) = told.checkpoint {
        let Resumed { mut writer, moved } =
            again.resume(transfer(1), object(1), &checkpoint.state, object(2), NO_LIMIT).unwrap();
        let received = writer.received_bytes();
        assert!(received >= checkpoint.received_bytes, "step {steps}: acknowledged bytes are gone");
        assert!(received <= bytes.len() as u64);
        assert_eq!(writer.object(), if moved { object(2) } else { object(1) });
        // The peer goes on with other bytes than before, so that a chunk sealed twice would show as two ciphertexts.
        let expected: Vec<u8> =
            (0..).zip(&bytes).map(|(at, byte)| if at < received { *byte } else { !*byte }).collect();
        writer.write(&expected[usize::try_from(received).unwrap()..]).unwrap();
        let sealed = writer.finish().unwrap();
        assert_eq!(sealed.sha256, *lazaret_core::digest::Digest::of(&expected).as_bytes(), "step {steps}");
        reads_back(&again, sealed.object, &expected);
        if moved {
            again.discard(&Unclaimed::assertion(object(1), None)).unwrap();
        }
        assert!(again.counts().agree());
        assert_eq!(disk.names().len(), 1, "step {steps}: only the finished blob is left");
    }
    assert!(!disk.wrote_twice(), "step {steps}: a chunk was sealed twice under one key");
    ended
}

fn crash_everywhere(size: usize, power: bool) {
    let ended = (0..200).find(|&steps| crash_once(steps, size, power));
    assert!(ended.is_some_and(|steps| steps >= 8), "the scenario has at least its creates, writes and syncs");
}

#[test]
fn a_large_upload_survives_a_kill_at_every_step() {
    crash_everywhere(1_700_000, false);
}

#[test]
fn a_large_upload_survives_a_power_cut_at_every_step() {
    crash_everywhere(1_700_000, true);
}

#[test]
fn a_small_upload_survives_a_kill_at_every_step() {
    crash_everywhere(50_000, false);
}

#[test]
fn a_small_upload_survives_a_power_cut_at_every_step() {
    crash_everywhere(50_000, true);
}

/// The state an upload has with a checkpoint and then more bytes written, but no crash in the disk.
fn interrupted(world: &World, disk: &MemoryDisk, before: &[u8], after: &[u8]) -> Checkpoint {
    let broker = broker(world, disk);
    let mut writer = broker.new_object(transfer(1), object(1), NO_LIMIT).unwrap().writer;
    writer.write(before).unwrap();
    let checkpoint = writer.checkpoint().unwrap();
    writer.write(after).unwrap();
    checkpoint
}

#[test]
fn chunks_written_after_the_checkpoint_count_if_they_verify() {
    let (world, disk) = (World::new(), MemoryDisk::default());
    let bytes = content(700_000);
    let checkpoint = interrupted(&world, &disk, &bytes[..100_000], &bytes[100_000..]);
    assert_eq!(checkpoint.received_bytes, 100_000);
    let again = broker(&world, &disk);
    let resumed = again.resume(transfer(1), object(1), &checkpoint.state, object(2), NO_LIMIT).unwrap();
    assert!(!resumed.moved);
    assert!(resumed.writer.received_bytes() > 500_000);
}

#[test]
fn after_a_new_boot_the_prefix_is_sealed_under_a_new_key() {
    let (world, disk) = (World::new(), MemoryDisk::default());
    let bytes = content(100_000);
    let checkpoint = interrupted(&world, &disk, &bytes, &[]);
    disk.power_cut();
    let again = broker(&world, &disk);
    let resumed = again.resume(transfer(1), object(1), &checkpoint.state, object(2), NO_LIMIT).unwrap();
    assert!(resumed.moved);
    assert_eq!(resumed.writer.received_bytes(), 100_000);
}

#[test]
fn a_state_of_another_upload_or_a_changed_one_does_not_resume() {
    let (world, disk) = (World::new(), MemoryDisk::default());
    let checkpoint = interrupted(&world, &disk, &content(40_000), &[]);
    let again = broker(&world, &disk);
    drop(again.new_object(transfer(3), object(3), NO_LIMIT).unwrap());
    let resume = |of_transfer, of_object, state: &[u8]| {
        again.resume(transfer(of_transfer), object(of_object), state, object(9), NO_LIMIT).err()
    };
    assert!(matches!(resume(3, 3, &checkpoint.state), Some(Fault::Corrupt)));
    assert!(matches!(resume(3, 1, &checkpoint.state), Some(Fault::BadWrap)));
    assert!(matches!(resume(1, 4, &checkpoint.state), Some(Fault::NoKey)));
    let mut changed = checkpoint.state.clone();
    changed[30] ^= 1;
    assert!(matches!(resume(1, 1, &changed), Some(Fault::Corrupt)));
    again.discard(&Unclaimed::assertion(object(1), None)).unwrap();
    assert!(matches!(resume(1, 1, &checkpoint.state), Some(Fault::NoKey)));
}

#[test]
fn the_state_of_an_upload_shows_none_of_its_content() {
    let (world, disk) = (World::new(), MemoryDisk::default());
    let checkpoint = interrupted(&world, &disk, &[b'A'; 1_000], &[]);
    assert!(!checkpoint.state.windows(4).any(|window| window == b"AAAA"));
}
