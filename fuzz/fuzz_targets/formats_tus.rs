//! tus: any headers for any upload give an act or a status; an act never goes past a length, a metadata never a limit.
#![no_main]

use lazaret_formats::tus::{
    Act, Arrived, Checksum, Concat, Headers, Known, METADATA_BYTES_MAX, Metadata, PARTS_MAX, Request, Target, Upload,
    decide, upload_id,
};
use libfuzzer_sys::fuzz_target;

const MAX: u64 = 1 << 40;

fuzz_target!(|data: &[u8]| {
    let (states, head) = data.split_at(data.len().min(4));
    let state = |place: usize| states.get(place).copied().unwrap_or(0);
    let mut lines = head.split(|&byte| byte == b'\n');
    let method = lines.next().and_then(|line| std::str::from_utf8(line).ok()).unwrap_or("POST");
    let fields = lines.filter_map(|line| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        Some((std::str::from_utf8(&line[..colon]).ok()?, &line[colon + 1..]))
    });
    let Ok(headers) = Headers::collect(fields) else { return };
    let upload = Upload {
        offset: u64::from(state(1)),
        length: (state(2) > 0).then(|| u64::from(state(1)) + u64::from(state(2)) - 1),
        metadata: "",
        concat: (state(3) % 4 == 0).then_some("final;/a"),
        expires_s: 0,
    };
    let known = [Known::Missing, Known::Gone, Known::Open(upload)];
    let arrived = Known::Arrived(upload, Arrived { transfer: "t", sha256: [0; 32] });
    let targets = known.into_iter().chain([arrived]).map(Target::Upload).chain([Target::Uploads]);
    let Some(target) = targets.into_iter().nth(usize::from(state(0)) % 5) else { return };
    match decide(&Request { method, headers }, target, MAX) {
        Ok(Act::Append(append)) => {
            assert_eq!(append.offset, upload.offset);
            let end = append.length.or(upload.length).unwrap_or(MAX);
            assert!(append.offset + append.body.bytes_max <= end && append.body.bytes <= Some(append.body.bytes_max));
        }
        Ok(Act::Create(create)) => {
            assert!(create.length <= Some(MAX) && create.metadata.len() <= METADATA_BYTES_MAX);
            assert_eq!(Metadata::parse(create.metadata).expect("read once").manifest().ok(), create.manifest);
        }
        Ok(Act::Answer(answer)) => assert!((200..300).contains(&answer.status)),
        Ok(Act::End) => {}
        Err(declined) => assert!((400..600).contains(&declined.status()) && !declined.headers().is_empty()),
    }
    if let Ok(Concat::Final(parts)) = Concat::parse(method) {
        assert!((1..=PARTS_MAX).contains(&parts.len()));
    }
    if let Ok(checksum) = Checksum::parse(method) {
        assert_eq!(matches!(checksum, Checksum::Sha1(_)), method.starts_with("sha1 "));
    }
    if let Some(id) = upload_id(method, "/api/v1/uploads/") {
        assert!(!id.is_empty() && !id.contains(['/', '.', '%']));
    }
});
