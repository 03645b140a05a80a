//! TAR: whatever the bytes, members lie within the file, one after the other.
#![no_main]

use lazaret_formats::archive::tar::list;
use lazaret_formats::archive::{MEMBERS_MAX, NAME_BYTES_MAX};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(listing) = list(data) else { return };
    let mut reached = 0;
    for placed in &listing.members {
        assert!(placed.data.start >= reached + 512 && placed.data.end <= u64::try_from(data.len()).expect("short"));
        assert_eq!(placed.data.end - placed.data.start, placed.member.content_bytes);
        assert!(placed.member.name.len() <= NAME_BYTES_MAX + 1);
        reached = placed.data.end;
    }
    assert!(listing.members.len() <= MEMBERS_MAX && listing.end >= reached);
});
