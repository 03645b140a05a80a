//! The second look: each format's own structure, walked to its logical end. It must agree with the magic number.
//!
//! Archives are the archive inspector's: it walks them in full, so here they are only what their sign says.

use lazaret_core::inspection::ContentKind as Kind;

use super::{Peek, Probe};
use crate::content::{Content, ReadFault, read_vec};

/// Steps that a walk may take before it gives up: no real file of ours has so many chunks.
const STEPS_MAX: u32 = 1_000_000;

/// Walks a member of this kind.
pub(super) fn probe(peek: &Peek<'_>, kind: Kind) -> Result<Probe, ReadFault> {
    match kind {
        Kind::Png => png(peek),
        Kind::Jpeg => jpeg(peek),
        Kind::Gif => gif(peek),
        Kind::Pdf => Ok(pdf(peek)),
        Kind::Elf => Ok(elf(peek)),
        Kind::Pe => Ok(pe(peek)),
        Kind::Dicom => dicom(peek),
        Kind::SevenZip => Ok(seven_zip(peek)),
        Kind::Rtf => Ok(if peek.tail.trim_ascii_end().ends_with(b"}") { Probe::Sound } else { Probe::Fails }),
        Kind::Xz => Ok(if peek.tail.trim_ascii_end_zeros().ends_with(b"YZ") { Probe::Sound } else { Probe::Fails }),
        Kind::Ole2 => Ok(if peek.size >= 1536 { Probe::Sound } else { Probe::Fails }),
        Kind::MachO => Ok(if peek.size >= 28 { Probe::Sound } else { Probe::Fails }),
        Kind::Unknown
        | Kind::Empty
        | Kind::Text
        | Kind::Csv
        | Kind::Json
        | Kind::Ndjson
        | Kind::Xml
        | Kind::Hl7v2
        | Kind::Fhir
        | Kind::CycloneDx
        | Kind::Spdx
        | Kind::Zip
        | Kind::Gzip
        | Kind::Tar
        | Kind::Script
        | Kind::OfficeOpenXml
        | Kind::OpenDocument
        | Kind::Rar
        | Kind::Bzip2
        | Kind::Zstd
        | Kind::X12
        | Kind::Edifact
        | Kind::Firmware
        | Kind::Signature
        | Kind::Html
        | Kind::Email
        | Kind::Jar => Ok(Probe::Sound),
    }
}

trait TrimZeros {
    fn trim_ascii_end_zeros(&self) -> &[u8];
}

impl TrimZeros for Vec<u8> {
    /// Stream padding of xz is zeros in fours (xz file format 2.2).
    fn trim_ascii_end_zeros(&self) -> &[u8] {
        let end = self.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
        self.get(..end).unwrap_or_default()
    }
}

fn bytes<const N: usize>(content: &dyn Content, at: u64) -> Result<Option<[u8; N]>, ReadFault> {
    let mut bytes = [0; N];
    let read = content.read_at(at, &mut bytes)?;
    Ok((read == N).then_some(bytes))
}

/// Chunks up to IEND (PNG, third edition, 5.3).
fn png(peek: &Peek<'_>) -> Result<Probe, ReadFault> {
    let mut at = 8_u64;
    for _ in 0..STEPS_MAX {
        let Some(head) = bytes::<8>(peek.content, at)? else { return Ok(Probe::Fails) };
        let [a, b, c, d, name @ ..] = head;
        let end = at.saturating_add(12).saturating_add(u64::from(u32::from_be_bytes([a, b, c, d])));
        if !name.iter().all(u8::is_ascii_alphabetic) || end > peek.size {
            return Ok(Probe::Fails);
        }
        if name == *b"IEND" {
            return Ok(Probe::End(end));
        }
        at = end;
    }
    Ok(Probe::Fails)
}

/// Blocks up to the trailer (GIF89a, sections 17 to 27).
fn gif(peek: &Peek<'_>) -> Result<Probe, ReadFault> {
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3_u64 << ((flags & 7) + 1) };
    let Some([.., flags, _, _]) = bytes::<13>(peek.content, 0)? else { return Ok(Probe::Fails) };
    let mut at = table(flags).saturating_add(13);
    for _ in 0..STEPS_MAX {
        let Some([block]) = bytes::<1>(peek.content, at)? else { return Ok(Probe::Fails) };
        let blocks = match block {
            0x3b => return Ok(Probe::End(at.saturating_add(1))),
            0x21 => at.saturating_add(2),
            0x2c => {
                let Some([.., flags]) = bytes::<10>(peek.content, at)? else { return Ok(Probe::Fails) };
                at.saturating_add(11).saturating_add(table(flags))
            }
            _ => return Ok(Probe::Fails),
        };
        let Some(end) = sub_blocks(peek.content, blocks)? else { return Ok(Probe::Fails) };
        at = end;
    }
    Ok(Probe::Fails)
}

fn sub_blocks(content: &dyn Content, mut at: u64) -> Result<Option<u64>, ReadFault> {
    for _ in 0..STEPS_MAX {
        match bytes::<1>(content, at)? {
            None => return Ok(None),
            Some([0]) => return Ok(Some(at.saturating_add(1))),
            Some([length]) => at = at.saturating_add(1).saturating_add(u64::from(length)),
        }
    }
    Ok(None)
}

/// Segments up to EOI, entropy-coded data skipped to the next marker (ITU-T T.81, annex B).
fn jpeg(peek: &Peek<'_>) -> Result<Probe, ReadFault> {
    let mut at = 2_u64;
    for _ in 0..STEPS_MAX {
        let Some([0xff, marker]) = bytes::<2>(peek.content, at)? else { return Ok(Probe::Fails) };
        at = match marker {
            0xd9 => return Ok(Probe::End(at.saturating_add(2))),
            0xff => at.saturating_add(1),
            0x01 | 0xd0..=0xd8 => at.saturating_add(2),
            _ => {
                let Some(length) = bytes::<2>(peek.content, at.saturating_add(2))? else { return Ok(Probe::Fails) };
                let end = at.saturating_add(2).saturating_add(u64::from(u16::from_be_bytes(length)));
                if marker == 0xda { next_marker(peek.content, end)? } else { end }
            }
        };
        if at >= peek.size {
            return Ok(Probe::Fails);
        }
    }
    Ok(Probe::Fails)
}

/// The next marker that is neither a stuffed byte nor a restart.
fn next_marker(content: &dyn Content, mut at: u64) -> Result<u64, ReadFault> {
    loop {
        let window = read_vec(content, at, 64 * 1024)?;
        let found =
            window.windows(2).position(|pair| matches!(pair, [0xff, m] if !matches!(m, 0 | 0xff | 0xd0..=0xd7)));
        match found {
            Some(place) => return Ok(at.saturating_add(place as u64)),
            None if window.len() < 2 => return Ok(content.size()),
            None => at = at.saturating_add(window.len() as u64 - 1),
        }
    }
}

/// `%%EOF` near the end, and `startxref` naming a place inside the file (ISO 32000-2, 7.5.5).
fn pdf(peek: &Peek<'_>) -> Probe {
    let last = |needle: &[u8]| peek.tail.windows(needle.len()).rposition(|window| window == needle);
    let (Some(end), Some(start)) = (last(b"%%EOF"), last(b"startxref")) else { return Probe::Fails };
    let text = peek.tail.get(start + 9..end).unwrap_or_default();
    let place = std::str::from_utf8(text).ok().and_then(|text| text.trim().parse::<u64>().ok());
    if start > end || place.is_none_or(|place| place >= peek.size) {
        return Probe::Fails;
    }
    Probe::End(peek.size.saturating_sub(peek.tail.len() as u64).saturating_add(end as u64 + 5))
}

/// The header's tables lie within the file (System V ABI, "ELF Header"). What follows the last of them is data that the
/// linker put there or someone else did: the section table is last in what linkers write.
fn elf(peek: &Peek<'_>) -> Probe {
    let head = &peek.head;
    let wide = match head.get(4) {
        Some(1) => false,
        Some(2) => true,
        _ => return Probe::Fails,
    };
    let big = match head.get(5) {
        Some(1) => false,
        Some(2) => true,
        _ => return Probe::Fails,
    };
    let number = |at: usize, length: usize| -> u64 {
        let field = head.get(at..at + length).unwrap_or_default();
        let fold = |sum: u64, byte: &u8| (sum << 8) | u64::from(*byte);
        if big { field.iter().fold(0, fold) } else { field.iter().rev().fold(0, fold) }
    };
    let table = |place: u64, each: u64, count: u64| place.saturating_add(each.saturating_mul(count));
    let (programs, sections) = if wide {
        (table(number(32, 8), number(54, 2), number(56, 2)), table(number(40, 8), number(58, 2), number(60, 2)))
    } else {
        (table(number(28, 4), number(42, 2), number(44, 2)), table(number(32, 4), number(46, 2), number(48, 2)))
    };
    let header = if wide { 64 } else { 52 };
    if peek.size < header || programs > peek.size || sections > peek.size {
        return Probe::Fails;
    }
    Probe::Sound
}

/// Sections lie within the file (PE format, "Section Table"); what follows them is an overlay, such as a signature, and
/// belongs to installers too.
fn pe(peek: &Peek<'_>) -> Probe {
    let word = |at: usize| peek.head.get(at..at + 2).and_then(|b| b.try_into().ok()).map(u16::from_le_bytes);
    let long = |at: usize| peek.head.get(at..at + 4).and_then(|b| b.try_into().ok()).map(u32::from_le_bytes);
    let Some(start) = long(60).and_then(|at| usize::try_from(at).ok()) else { return Probe::Fails };
    if !peek.head.get(start..).unwrap_or_default().starts_with(b"PE\0\0") {
        return Probe::Sound;
    }
    let (Some(count), Some(optional)) = (word(start + 6), word(start + 20)) else { return Probe::Fails };
    let table = start + 24 + usize::from(optional);
    for section in 0..usize::from(count) {
        let at = table + section * 40;
        let (Some(length), Some(place)) = (long(at + 16), long(at + 20)) else { return Probe::Fails };
        if u64::from(place).saturating_add(u64::from(length)) > peek.size.saturating_add(512) {
            return Probe::Fails;
        }
    }
    Probe::Sound
}

/// The file meta group: elements of group 2 in explicit VR up to the length that the first one gives (PS3.10 section 7.1).
fn dicom(peek: &Peek<'_>) -> Result<Probe, ReadFault> {
    let Some(first) = bytes::<12>(peek.content, 132)? else { return Ok(Probe::Fails) };
    let [2, 0, 0, 0, b'U', b'L', 4, 0, a, b, c, d] = first else { return Ok(Probe::Fails) };
    let end = 144_u64.saturating_add(u64::from(u32::from_le_bytes([a, b, c, d])));
    let mut at = 144_u64;
    while at < end {
        let Some(element) = bytes::<12>(peek.content, at)? else { return Ok(Probe::Fails) };
        let [2, 0, _, _, v, r, l0, l1, m0, m1, m2, m3] = element else { return Ok(Probe::Fails) };
        let long = matches!(&[v, r], b"OB" | b"OW" | b"UN" | b"SQ" | b"UT" | b"UC" | b"UR" | b"OF" | b"OD" | b"OL");
        let length = if long {
            12 + u64::from(u32::from_le_bytes([m0, m1, m2, m3]))
        } else {
            8 + u64::from(u16::from_le_bytes([l0, l1]))
        };
        at = at.saturating_add(length);
    }
    Ok(if at == end && end <= peek.size { Probe::Sound } else { Probe::Fails })
}

/// The start header names where the end header lies (7zFormat.txt, "SignatureHeader").
fn seven_zip(peek: &Peek<'_>) -> Probe {
    let long = |at: usize| peek.head.get(at..at + 8).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes);
    let (Some(place), Some(length)) = (long(12), long(20)) else { return Probe::Fails };
    match place.checked_add(length).and_then(|end| end.checked_add(32)) {
        Some(end) if end <= peek.size => Probe::End(end),
        _ => Probe::Fails,
    }
}
