//! each parser takes any bytes without panic and without allocating what a length merely claims.

use std::fs;

use lazaret_formats::archive::name::{NameSet, name_faults, symlink_escapes};
use lazaret_formats::archive::{Container, gzip_header, tar, zip, zstd};
use lazaret_formats::digest_fields::{Digests, Wanted};
use lazaret_formats::http_fields::{prefer_wait, range};
use lazaret_formats::json::{lines, outline};
use lazaret_formats::minisign::{PublicKey, Signature};
use lazaret_formats::path::{CrossingPath, NameCharset, ServerPath, percent_decode_once};
use lazaret_formats::sbom::{cyclonedx, recognise};
use lazaret_formats::sftp::{Frames, Incoming};
use lazaret_formats::sidecar::Sidecar;
use lazaret_formats::tus::{Headers, Known, Metadata, Request, Target, decide};
use lazaret_formats::{fhir, hl7, identifiers};

/// Shows bytes to every parser and uses what comes out.
fn show(bytes: &[u8]) {
    names(bytes);
    doors(bytes);
    health(bytes);
    archives(bytes);
    let _ = (outline(bytes), lines(bytes).count(), recognise(bytes));
    let _ = cyclonedx::Bom::parse(bytes).map(|bom| bom.gaps());
    let _ = (PublicKey::parse(bytes), Signature::parse(bytes));
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = (identifiers::kinds(text), identifiers::age_over_89(text));
    }
}

fn names(bytes: &[u8]) {
    let _ = CrossingPath::parse_in(bytes, NameCharset::Windows1252);
    let _ = percent_decode_once(bytes).map(|decoded| CrossingPath::parse(&decoded));
    let _ = ServerPath::resolve(&ServerPath::root(), bytes).map(|path| path.components().count());
}

fn doors(bytes: &[u8]) {
    let mut frames = Frames::new();
    frames.push(bytes);
    while let Ok(Some(packet)) = frames.next_frame() {
        let _ = Incoming::decode(packet);
    }
    let _ = Incoming::decode(bytes);
    let _ = (Digests::parse([bytes]), Wanted::parse([bytes]), prefer_wait([bytes]), range(bytes, 1_000));
    let _ = Sidecar::parse(bytes).map(|sidecar| sidecar.digest_of("a"));
    let names =
        ["tus-resumable", "upload-length", "upload-metadata", "upload-concat", "upload-checksum", "upload-offset"];
    if let Ok(headers) = Headers::collect(names.into_iter().zip(bytes.split(|&byte| byte == b'\n'))) {
        let _ = decide(&Request { method: "POST", headers }, Target::Uploads, u64::MAX);
        let _ = decide(&Request { method: "PATCH", headers }, Target::Upload(Known::Missing), u64::MAX);
    }
    let _ = std::str::from_utf8(bytes).map(|text| Metadata::parse(text).map(|metadata| metadata.manifest()));
}

fn health(bytes: &[u8]) {
    if let Ok(file) = hl7::File::parse(bytes) {
        for message in file.messages() {
            let _ = (message.header(), message.notes());
            let _ = message.leaves().map(|leaf| message.decode(&leaf).text().len() + message.span(&leaf).len()).max();
        }
    }
    for document in fhir::documents(bytes).flatten() {
        document.walk(|leaf| assert!(leaf.span().end <= bytes.len()));
    }
}

fn archives(bytes: &[u8]) {
    let _ = (Container::of(bytes), gzip_header(bytes), name_faults(bytes), symlink_escapes(bytes, bytes));
    let mut names = NameSet::new();
    if let Ok(found) = zip::list(bytes) {
        let _ = found.members.iter().filter(|member| names.insert(&member.name)).count();
    }
    let _ = tar::list(bytes).map(|listing| listing.members.len());
    let mut frames = zstd::Frames::new();
    frames.push(bytes);
    assert!(frames.into_beside().text().len() <= bytes.len() + 1);
}

/// Numbers from a seed, so that a failure comes again.
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(bound.max(1)).unwrap()).unwrap()
    }

    fn byte(&mut self) -> u8 {
        // Delimiters, ends and digits of some format are met more often than by chance.
        let likely = b"\0\r\n\"\\{}[]|^~&=:;,/.%+-09azPK\xff\xfe\x80\x1c\x0b";
        if self.below(2) == 0 { likely[self.below(likely.len())] } else { u8::try_from(self.below(256)).unwrap() }
    }

    /// A few bytes changed, dropped, doubled or moved.
    pub(crate) fn mutate(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        for _ in 0..=self.below(6) {
            let at = self.below(out.len());
            let length = self.below(40).min(out.len() - at);
            match self.below(5) {
                0 if !out.is_empty() => out[at] = self.byte(),
                1 => out.truncate(at),
                2 => drop(out.drain(at..at + length)),
                3 => {
                    let piece = out[at..at + length].to_vec();
                    let to = self.below(out.len() + 1);
                    out.splice(to..to, piece);
                }
                _ => out.insert(at, self.byte()),
            }
        }
        out
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds: Vec<Vec<u8>> = [
        &b"2026/03/r\xc3\xa9sum\xc3\xa9 %2e%2e.csv"[..],
        b"\0\0\0\x14\x03\0\0\0\x05\0\0\0\x01a\0\0\0\x1a\0\0\0\0",
        b"\0\0\0\x13\x06\0\0\0\x05\0\0\0\x01h\0\0\0\0\0\0\0\x01\0\0\0\x01x",
        b"1.0.0\n10\nfilename cjEuY3N2,lane bGFi\nfinal;/a /b\nsha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0=\n3",
        b"sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:, a=(1 2);x, b=\"c\\\"\"",
        b"\\e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  r1\\n.csv\r\n",
        b"untrusted comment: x\nRWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3\n",
        b"{\"resourceType\":\"Patient\",\"name\":[{\"family\":\"R\\u006fe\"}]}\n{\"resourceType\":\"Basic\"}",
        b"4111 1111 1111 1111",
        b"12 March 1980",
        b"jane@example.com",
        b"2001:db8::1",
        b"+61 2 5550 1234",
    ]
    .iter()
    .map(|seed| seed.to_vec())
    .collect();
    for folder in ["archive", "hl7v2", "fhir", "cyclonedx"] {
        let path = format!("{}/tests/data/{folder}", env!("CARGO_MANIFEST_DIR"));
        let files = fs::read_dir(path).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
        seeds.extend(files);
    }
    seeds
}

// EVIDENCE-OF: R-024
#[test]
fn any_bytes_are_taken_without_panic() {
    let mut draw = Draw(0x1a2b_3c4d_5e6f_7081);
    for seed in seeds() {
        show(&seed);
        let rounds = if seed.len() > 4_000 { 40 } else { 300 };
        for _ in 0..rounds {
            show(&draw.mutate(&seed));
        }
    }
    for length in 0..400 {
        let noise: Vec<u8> = (0..length).map(|_| draw.byte()).collect();
        show(&noise);
    }
}

/// Lengths, counts and offsets that claim gigabytes in a few bytes.
fn claims() -> Vec<Vec<u8>> {
    let mut tar_header = [0_u8; 512];
    tar_header[0] = b'a';
    tar_header[124..136].copy_from_slice(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff");
    tar_header[156] = b'x';
    tar_header[148..156].copy_from_slice(b"        ");
    let sum: u32 = tar_header.iter().map(|&byte| u32::from(byte)).sum();
    tar_header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let end = |members: [u8; 2], directory: [u8; 4], at: [u8; 4]| {
        [b"PK\x05\x06\0\0\0\0".as_slice(), &members, &members, &directory, &at, b"\0\0"].concat()
    };
    vec![
        // SFTP: a frame, a string, and a count of attributes of four billion.
        b"\xff\xff\xff\xff\x03".to_vec(),
        b"\0\x04\0\0\x06\0\0\0\x05\xff\xff\xff\xff".to_vec(),
        b"\x09\0\0\0\x05\0\0\0\x01a\x80\0\0\0\xff\xff\xff\xff".to_vec(),
        tar_header.to_vec(),
        end([0xff, 0xff], [0xff; 4], [0; 4]),
        end([0xff, 0xff], [0, 0, 0, 0], [0; 4]),
        // The ZIP64 form: 2^63 members.
        [
            b"PK\x06\x06\x2c\0\0\0\0\0\0\0-\0-\0\0\0\0\0\0\0\0\0".as_slice(),
            &[0xff; 32],
            b"PK\x06\x07\0\0\0\0\0\0\0\0\0\0\0\0\x01\0\0\0",
            &end([0xff, 0xff], [0xff; 4], [0xff; 4]),
        ]
        .concat(),
        // gzip: an extra field of 64 KiB that is not there.
        b"\x1f\x8b\x08\x04\0\0\0\0\0\x03\xff\xff".to_vec(),
        "[".repeat(100_000).into_bytes(),
        format!("{{\"resourceType\":\"X\",\"a\":{}", "{\"a\":".repeat(100_000)).into_bytes(),
        format!("MSH|^~\\&|{}", "^".repeat(1_000_000)).into_bytes(),
        format!("MSH|^~\\&|{}", "~\\".repeat(500_000)).into_bytes(),
        b"%".repeat(1_000_000),
        b"a,".repeat(500_000),
    ]
}

/// The most memory that this process ever held, in KiB.
fn peak_kib() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse().ok()
}

// EVIDENCE-OF: R-024
#[test]
fn a_claimed_length_allocates_nothing() {
    let before = peak_kib();
    for claim in claims() {
        show(&claim);
    }
    // Where the system does not tell, the claims were at least survived.
    if let (Some(before), Some(after)) = (before, peak_kib()) {
        assert!(after - before < 64 * 1_024, "{before} KiB before, {after} KiB after");
    }
}
