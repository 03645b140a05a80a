//! The first look: magic numbers. A table; what it does not name is unknown, or text.

use lazaret_core::inspection::ContentKind as Kind;
use lazaret_formats::archive::tar::is_header;

/// A sign: these bytes at this place.
struct Sign(usize, &'static [u8], Kind);

/// Longer signs stand before shorter ones that they contain.
const SIGNS: &[Sign] = &[
    Sign(0, b"\x89PNG\r\n\x1a\n", Kind::Png),
    Sign(0, b"\xff\xd8\xff", Kind::Jpeg),
    Sign(0, b"GIF87a", Kind::Gif),
    Sign(0, b"GIF89a", Kind::Gif),
    Sign(0, b"%PDF-", Kind::Pdf),
    Sign(0, b"\x7fELF", Kind::Elf),
    Sign(0, b"\xfe\xed\xfa\xce", Kind::MachO),
    Sign(0, b"\xfe\xed\xfa\xcf", Kind::MachO),
    Sign(0, b"\xce\xfa\xed\xfe", Kind::MachO),
    Sign(0, b"\xcf\xfa\xed\xfe", Kind::MachO),
    Sign(0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind::Ole2),
    Sign(0, b"7z\xbc\xaf\x27\x1c", Kind::SevenZip),
    Sign(0, b"Rar!\x1a\x07", Kind::Rar),
    Sign(0, b"\xfd7zXZ\x00", Kind::Xz),
    Sign(0, b"\x28\xb5\x2f\xfd", Kind::Zstd),
    Sign(0, b"\x1f\x8b\x08", Kind::Gzip),
    Sign(0, b"{\\rtf", Kind::Rtf),
    Sign(0, b"#!", Kind::Script),
    Sign(0, b"<?php", Kind::Script),
    // Firmware containers: U-Boot image, flattened device tree, SquashFS in both orders, UBI, Android boot, UF2, CRAMFS.
    Sign(0, b"\x27\x05\x19\x56", Kind::Firmware),
    Sign(0, b"\xd0\x0d\xfe\xed", Kind::Firmware),
    Sign(0, b"hsqs", Kind::Firmware),
    Sign(0, b"sqsh", Kind::Firmware),
    Sign(0, b"UBI#", Kind::Firmware),
    Sign(0, b"ANDROID!", Kind::Firmware),
    Sign(0, b"UF2\n\x57\x51\x5d\x9e", Kind::Firmware),
    Sign(0, b"\x45\x3d\xcd\x28", Kind::Firmware),
    Sign(128, b"DICM", Kind::Dicom),
];

/// The kind by magic number. `tail` is only needed for what is told apart by its end.
pub(super) fn kind(head: &[u8], tail: &[u8], size: u64) -> Kind {
    let at = |place: usize, sign: &[u8]| head.get(place..).is_some_and(|rest| rest.starts_with(sign));
    // DICOM first: its preamble of 128 bytes may hold anything, and what it holds is the polyglot's business.
    if at(128, b"DICM") {
        return Kind::Dicom;
    }
    if let Some(Sign(_, _, kind)) = SIGNS.iter().find(|Sign(place, sign, _)| at(*place, sign)) {
        return *kind;
    }
    if at(0, b"PK\x03\x04") || at(0, b"PK\x05\x06") {
        return zip_family(head, tail);
    }
    if is_bzip2(head) {
        return Kind::Bzip2;
    }
    if head.first_chunk().is_some_and(is_header) {
        return Kind::Tar;
    }
    if is_pe(head, size) {
        return Kind::Pe;
    }
    if at(0, b"\xca\xfe\xba\xbe") {
        // Shared by Java classes and universal Mach-O: a class file has its version, at least 45, where the other counts
        // architectures.
        let count = head.get(4..8).and_then(|b| b.try_into().ok()).map_or(0, u32::from_be_bytes);
        return if count < 40 { Kind::MachO } else { Kind::Jar };
    }
    Kind::Unknown
}

/// Which member of the ZIP family it is, by names in the directory at the end or in the first member.
fn zip_family(head: &[u8], tail: &[u8]) -> Kind {
    let name = |bytes: &[u8]| head.get(30..).is_some_and(|rest| rest.starts_with(bytes));
    let listed = |bytes: &[u8]| find(tail, bytes).is_some() || find(head, bytes).is_some();
    if name(b"mimetypeapplication/vnd.oasis.opendocument") {
        return Kind::OpenDocument;
    }
    if listed(b"[Content_Types].xml") && (listed(b"word/") || listed(b"xl/") || listed(b"ppt/")) {
        return Kind::OfficeOpenXml;
    }
    if listed(b"META-INF/MANIFEST.MF") || listed(b"AndroidManifest.xml") || listed(b"classes.dex") {
        return Kind::Jar;
    }
    Kind::Zip
}

/// A bzip2 stream: `BZh`, a level, and the first block's magic or the end's (there is no published standard; the digits of
/// pi and of its square root are the format's own).
fn is_bzip2(head: &[u8]) -> bool {
    let block = head.get(4..10);
    head.starts_with(b"BZh")
        && head.get(3).is_some_and(u8::is_ascii_digit)
        && (block == Some(b"\x31\x41\x59\x26\x53\x59".as_slice())
            || block == Some(b"\x17\x72\x45\x38\x50\x90".as_slice()))
}

/// A Windows program: `MZ`, and a PE header where it says (PE format, "MS-DOS Stub"); a bare DOS program counts too when
/// its header is sane.
fn is_pe(head: &[u8], size: u64) -> bool {
    if !head.starts_with(b"MZ") {
        return false;
    }
    let Some(place) = head.get(60..64).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes) else { return false };
    let at = usize::try_from(place).unwrap_or(usize::MAX);
    let header = head.get(at..).unwrap_or_default();
    header.starts_with(b"PE\0\0") || header.starts_with(b"NE") || header.starts_with(b"LE") || is_dos(head, size)
}

fn is_dos(head: &[u8], size: u64) -> bool {
    let word = |at: usize| head.get(at..at + 2).and_then(|b| b.try_into().ok()).map_or(0, u16::from_le_bytes);
    let (last, pages, paragraphs) = (u64::from(word(2)), u64::from(word(4)), u64::from(word(8)));
    let claimed = pages.saturating_mul(512);
    last < 512 && pages > 0 && paragraphs >= 2 && paragraphs * 16 < claimed && claimed <= size.saturating_add(512)
}

/// Whether this is a format that others know and we have no inspector for: sound, video, fonts, disk images.
pub(super) fn foreign(head: &[u8]) -> bool {
    infer::get(head).is_some() || head.get(32_769..32_774) == Some(b"CD001".as_slice())
}

/// Where the needle first is.
pub(super) fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len().max(1)).position(|window| window == needle)
}
