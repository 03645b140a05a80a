//! SFTP: however the stream is cut the packets are the same, and what is decoded comes back as it was encoded.
#![no_main]

use lazaret_formats::sftp::{Frames, Incoming, split_frame};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (mut frames, mut rest) = (Frames::new(), data);
    for piece in data.chunks(7) {
        frames.push(piece);
        while let Ok(Some(packet)) = frames.next_frame() {
            let (same, bytes) = split_frame(rest).expect("whole").expect("whole");
            assert_eq!(packet, same);
            rest = &rest[bytes..];
            round(packet);
        }
    }
    round(data);
});

fn round(packet: &[u8]) {
    let Ok(incoming) = Incoming::decode(packet) else { return };
    let mut out = Vec::new();
    incoming.encode(&mut out);
    let (again, _) = split_frame(&out).expect("short enough").expect("whole");
    assert_eq!(Incoming::decode(again), Ok(incoming));
}
