//! ZIP: whatever the bytes, members lie within the file, and in a good archive they share none of it.
#![no_main]

use lazaret_formats::archive::name::{NameSet, name_faults, symlink_escapes};
use lazaret_formats::archive::{Container, MEMBERS_MAX, gzip_header, zip};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = (Container::of(data), gzip_header(data), name_faults(data), symlink_escapes(data, data));
    let Ok(found) = zip::list(data) else { return };
    assert!(found.members.len() <= MEMBERS_MAX);
    let size = u64::try_from(data.len()).expect("short");
    let mut names = NameSet::new();
    let mut extents = Vec::new();
    for member in &found.members {
        names.insert(&member.name);
        if let Some(range) = member.data.clone() {
            assert!(
                range.start <= range.end && range.end <= size && range.end - range.start == member.compressed_bytes
            );
            extents.push(range);
        }
    }
    if found.desync.is_empty() {
        assert_eq!(extents.len(), found.members.len());
        extents.sort_by_key(|range| (range.start, range.end));
        assert!(extents.windows(2).all(|pair| pair[0].end <= pair[1].start));
    }
});
