//! archive: nested content, opened in memory within limits and never written anywhere. Each member goes through every
//! inspector, as the object does.
//!
//! The structure is read first, and an archive with two readings is bad; its members are looked at all the same, so that
//! people see what was in it.

use std::collections::BTreeMap;

use lazaret_core::inspection::{ContentKind as Kind, Inspector, Verdict, Why};
use lazaret_formats::archive::name::{NameFault, NameSet, hardlink_escapes, name_faults, symlink_escapes};
use lazaret_formats::archive::{Beside, Desync, Failure, MemberKind, zip};

use crate::content::{Content, Part, read_vec};
use crate::inspect::{Inside, Member, Role, Walk, of_fault, rule_of};
use crate::phi;
use crate::protocol::KEY_BYTES_MAX;
use crate::signature::SUFFIX;

use self::source::{Source, list_tar};
use self::unpack::{Held, Method, Unpacked, hold};

mod source;
mod unpack;

/// Bytes of a link's target that are read.
const TARGET_BYTES_MAX: usize = 4096;
/// Unrecognised bytes after the end that are only a note.
const TRAILING_BYTES_MAX: u64 = 1024;
/// Bytes beside the members of all archives of an object that may be no text: what programs note there is shorter.
const OPAQUE_BYTES_MAX: usize = 256;
/// Text beside the members that is read as it is, in bytes: the names of two owners.
const OWNER_BYTES: usize = 24;

/// The archive inspector's answer for one member.
pub(crate) struct Answer {
    pub(crate) kind: Kind,
    pub(crate) verdict: Verdict,
    pub(crate) why: Option<Why>,
}

/// Walks what is inside a member of this kind.
pub(crate) fn look(walk: &mut Walk<'_>, member: &Member, kind: Kind, content: &dyn Content) -> Answer {
    match kind {
        Kind::Zip | Kind::OfficeOpenXml | Kind::OpenDocument => look_at_zip(walk, member, kind, content),
        // A bare class file is no archive.
        Kind::Jar if starts_as_zip(content) => look_at_zip(walk, member, kind, content),
        Kind::Tar => look_at_tar(walk, member, content),
        Kind::Gzip => look_at_stream(walk, member, kind, (content, Method::Gzip)),
        Kind::Bzip2 => look_at_stream(walk, member, kind, (content, Method::Bzip2)),
        Kind::Zstd => look_at_stream(walk, member, kind, (content, Method::Zstd)),
        Kind::SevenZip | Kind::Rar | Kind::Xz | Kind::Ole2 | Kind::Email => {
            unseen(walk, member, kind, Why::FormatUnsupported)
        }
        Kind::Jar
        | Kind::Unknown
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
        | Kind::Pdf
        | Kind::Png
        | Kind::Jpeg
        | Kind::Gif
        | Kind::Dicom
        | Kind::Elf
        | Kind::Pe
        | Kind::MachO
        | Kind::Script
        | Kind::X12
        | Kind::Edifact
        | Kind::Firmware
        | Kind::Signature
        | Kind::Html
        | Kind::Rtf => clean(kind),
    }
}

const fn clean(kind: Kind) -> Answer {
    Answer { kind, verdict: Verdict::Clean, why: None }
}

/// This archive was not opened, or not to its end: nobody saw what else is in it.
fn unseen(walk: &mut Walk<'_>, member: &Member, kind: Kind, why: Why) -> Answer {
    walk.tally.find(member, Inspector::Malware, "malware.unscanned", Verdict::NotInspected, Some(why));
    unread(walk, member, why);
    walk.tally.find(member, Inspector::Archive, rule_of(why), Verdict::NotInspected, Some(why));
    Answer { kind, verdict: Verdict::NotInspected, why: Some(why) }
}

/// Some of the archive's bytes were not read for people. Rules for malware went over it as it lies there.
fn unread(walk: &mut Walk<'_>, member: &Member, why: Why) {
    walk.tally.find(member, Inspector::Phi, "phi.unread", Verdict::NotInspected, Some(why));
    walk.people.unseen();
}

/// The archive has two readings, and we know one of them.
fn desync(walk: &mut Walk<'_>, member: &Member) {
    bad(walk, member, "archive.desync");
    unread(walk, member, Why::Ambiguous);
}

fn bad(walk: &mut Walk<'_>, member: &Member, rule: &'static str) {
    walk.tally.find(member, Inspector::Archive, rule, Verdict::Bad, None);
}

fn starts_as_zip(content: &dyn Content) -> bool {
    read_vec(content, 0, 2).is_ok_and(|bytes| bytes == b"PK")
}

fn look_at_zip(walk: &mut Walk<'_>, member: &Member, kind: Kind, content: &dyn Content) -> Answer {
    let source = Source::new(content);
    let mut archive = match zip::list(&source) {
        Ok(archive) => archive,
        Err(Failure::Malformed(malformed)) => return unseen(walk, member, kind, zip_why(malformed)),
        Err(Failure::Unreadable) => {
            let (verdict, why) = of_fault(source.fault());
            return Answer { verdict, ..unseen(walk, member, kind, why) };
        }
    };
    if !archive.desync.is_empty() || archive.prefix_bytes > 0 {
        desync(walk, member);
    }
    if archive.desync.contains(&Desync::Overlap) {
        // Members that share bytes unpack the same again and again: one reading is enough to hold it.
        return Answer { kind, verdict: Verdict::Bad, why: None };
    }
    trailing(walk, member, archive.suffix_bytes);
    let beside = look_beside(walk, member, &archive.beside);
    if archive.members.len() as u64 > walk.budget.limits().members_max {
        return unseen(walk, member, kind, Why::TooManyMembers);
    }
    // In the order of their bytes, so that a large archive is read forward.
    archive.members.sort_by_key(|entry| entry.header_at);
    let names: Vec<String> = archive.members.iter().map(|entry| text_name(&entry.name)).collect();
    let kind = zip_kind(kind, &names);
    if kind == Kind::Jar {
        walk.tally.is_code = true;
    }
    let sealed = zip_signatures(walk, &archive.members, &names, content);
    let mut met = NameSet::new();
    for (entry, name) in archive.members.iter().zip(names) {
        note_macro(walk, member, kind, &name);
        let inside = Inside { signature: sealed.get(&name).cloned(), name, role: Role::Stored };
        check_name(walk, member, &inside, &entry.name, &mut met);
        if let Some(other) = &entry.other_name {
            phi::look_at_name(&mut walk.people, &text_name(other));
            check_name(walk, member, &inside, other, &mut NameSet::new());
        }
        if let Err(why) = look_at_entry(walk, member, inside, (entry, content)) {
            return unseen(walk, member, kind, why);
        }
    }
    answer(kind, beside)
}

/// Clean, unless something lies beside the members that cannot be told.
fn answer(kind: Kind, beside: Result<(), Why>) -> Answer {
    match beside {
        Ok(()) => clean(kind),
        Err(why) => Answer { kind, verdict: Verdict::NotInspected, why: Some(why) },
    }
}

/// What an archive carries beside its members goes through every inspector as they do. What is no text has no form by
/// which it could be looked into, so there may be little of it.
fn look_beside(walk: &mut Walk<'_>, member: &Member, beside: &Beside) -> Result<(), Why> {
    if beside.text().len() > OWNER_BYTES {
        walk.found_inside(member, "beside the members", beside.text().to_vec());
    } else {
        phi::look_at_lines(&mut walk.people, beside.text());
    }
    phi::look_at_lines(&mut walk.people, beside.opaque());
    walk.opaque_bytes = walk.opaque_bytes.saturating_add(beside.opaque().len());
    let told = !beside.is_cut() && (beside.opaque().is_empty() || walk.opaque_bytes <= OPAQUE_BYTES_MAX);
    if told {
        return Ok(());
    }
    unread(walk, member, Why::Ambiguous);
    walk.tally.find(member, Inspector::Archive, "archive.beside", Verdict::NotInspected, Some(Why::Ambiguous));
    Err(Why::Ambiguous)
}

fn zip_why(malformed: zip::Malformed) -> Why {
    match malformed {
        zip::Malformed::Split => Why::FormatUnsupported,
        zip::Malformed::EncryptedDirectory => Why::Encrypted,
        zip::Malformed::DirectoryTooLong | zip::Malformed::TooManyMembers => Why::TooManyMembers,
        zip::Malformed::NoEnd | zip::Malformed::DirectoryCut | _ => Why::Malformed,
    }
}

/// UTF-8 where it is, else the bytes one by one: a name is shown, never used.
fn text_name(name: &[u8]) -> String {
    std::str::from_utf8(name).map_or_else(|_| name.iter().map(|b| char::from(*b)).collect(), str::to_owned)
}

/// Bytes after the end that belong to nothing.
fn trailing(walk: &mut Walk<'_>, member: &Member, bytes: u64) {
    let (verdict, why) = match bytes {
        0 => return,
        1..=TRAILING_BYTES_MAX => (Verdict::Clean, None),
        _ => (Verdict::NotInspected, Some(Why::Ambiguous)),
    };
    walk.tally.find(member, Inspector::Archive, "archive.trailing", verdict, why);
    if let Some(why) = why {
        unread(walk, member, why);
    }
}

/// A whole directory says better than a first look what an archive is for.
fn zip_kind(kind: Kind, names: &[String]) -> Kind {
    let has = |wanted: &str| names.iter().any(|name| name == wanted);
    let under = |folder: &str| names.iter().any(|name| name.starts_with(folder));
    if has("[Content_Types].xml") && (under("word/") || under("xl/") || under("ppt/")) {
        Kind::OfficeOpenXml
    } else if has("META-INF/MANIFEST.MF") || has("classes.dex") || has("AndroidManifest.xml") {
        Kind::Jar
    } else if has("mimetype") && has("META-INF/manifest.xml") {
        Kind::OpenDocument
    } else if kind == Kind::OpenDocument {
        kind
    } else {
        Kind::Zip
    }
}

/// A document that can run something when opened is worth a person's look, whatever it does.
fn note_macro(walk: &mut Walk<'_>, member: &Member, kind: Kind, name: &str) {
    let document = matches!(kind, Kind::OfficeOpenXml | Kind::OpenDocument);
    let lower = name.to_ascii_lowercase();
    let runs = lower.ends_with("vbaproject.bin") || lower.starts_with("basic/") || lower.starts_with("scripts/");
    if document && runs {
        walk.tally.find(member, Inspector::Kind, "kind.macro", Verdict::Clean, None);
    }
}

/// Names that leave the tree, hide or repeat; names too long to be read.
fn check_name(walk: &mut Walk<'_>, parent: &Member, inside: &Inside, name: &[u8], met: &mut NameSet) {
    let faults = name_faults(name);
    if faults.is_empty() && met.insert(name) {
        return;
    }
    let shown = walk.named(parent, inside);
    if faults.contains(&NameFault::TooLong) {
        let why = Some(Why::TooLarge);
        walk.tally.find(&shown, Inspector::Archive, "archive.name", Verdict::NotInspected, why);
    } else {
        bad(walk, &shown, "archive.name");
    }
}

/// One member of a ZIP. An error is a limit that ends the walk through this archive.
fn look_at_entry(
    walk: &mut Walk<'_>,
    parent: &Member,
    inside: Inside,
    (entry, content): (&zip::Member, &dyn Content),
) -> Result<(), Why> {
    let size = entry.content_bytes;
    match entry.kind {
        MemberKind::Folder if size == 0 && entry.compressed_bytes == 0 => {
            phi::look_at_name(&mut walk.people, &inside.name);
            return Ok(());
        }
        MemberKind::Device => {
            phi::look_at_name(&mut walk.people, &inside.name);
            let shown = walk.member(parent, inside);
            bad(walk, &shown, "archive.device");
            return Ok(());
        }
        MemberKind::File | MemberKind::Folder | MemberKind::Symlink | MemberKind::Hardlink | MemberKind::Special => {}
    }
    if entry.encrypted {
        walk.inside_unseen(parent, inside, size, Why::Encrypted);
        return Ok(());
    }
    let Some(data) = &entry.data else {
        walk.inside_unseen(parent, inside, size, Why::Malformed);
        return Ok(());
    };
    let method = match entry.method {
        0 => Method::Stored,
        8 => Method::Deflate,
        12 => Method::Bzip2,
        93 => Method::Zstd,
        _ => {
            walk.inside_unseen(parent, inside, size, Why::FormatUnsupported);
            return Ok(());
        }
    };
    let packed = Part::new(content, data.start, data.end.saturating_sub(data.start));
    let held = match hold(method, &packed, &walk.budget) {
        Ok(held) => held,
        Err(why) => {
            walk.inside_unseen(parent, inside, size, why);
            return Err(why);
        }
    };
    if !held.damaged && (held.size != size || held.crc != entry.crc32) {
        // The header promises other bytes than there are: readers that believe it stop elsewhere.
        let shown = walk.named(parent, &inside);
        bad(walk, &shown, "archive.desync");
    }
    if held.left_bytes > 0 {
        // What follows the end of a packed member, and is still counted to it, no reader gives back.
        let shown = walk.named(parent, &inside);
        desync(walk, &shown);
    }
    if entry.kind == MemberKind::Symlink {
        // Where links are unknown its target becomes a file's content: so it is looked at as that too.
        let target = held.memory.as_deref().unwrap_or_default();
        let escapes = target.len() > TARGET_BYTES_MAX || symlink_escapes(&entry.name, target);
        note_link(walk, &walk.named(parent, &inside), escapes);
    }
    unpacked(walk, parent, inside, (held, method, &packed));
    Ok(())
}

/// A member that was unpacked once: looked at in memory, or by unpacking it again where it is too large for that.
fn unpacked(
    walk: &mut Walk<'_>,
    parent: &Member,
    inside: Inside,
    (held, method, packed): (Held, Method, &dyn Content),
) {
    let Held { memory, size, damaged, beside, .. } = held;
    if damaged {
        let shown = walk.named(parent, &inside);
        let why = Some(Why::Malformed);
        walk.tally.find(&shown, Inspector::Archive, "archive.damaged", Verdict::NotInspected, why);
        walk.tally.find(&shown, Inspector::Malware, "malware.unscanned", Verdict::NotInspected, why);
        unread(walk, &shown, Why::Malformed);
    }
    walk.deeper(parent, inside, (method, packed, size), memory);
    // Its verdict is in the findings, whether the stream is an archive of its own or a member of one.
    let _ = look_beside(walk, parent, &beside);
}

/// A link in place of a member: it is not followed, and one that leads out of the tree is an attack.
fn note_link(walk: &mut Walk<'_>, shown: &Member, escapes: bool) {
    if escapes {
        bad(walk, shown, "archive.link_escapes");
    } else {
        walk.tally.find(shown, Inspector::Archive, "archive.link", Verdict::Clean, None);
    }
}

/// Detached signatures, by the name of the member that each lies beside.
fn zip_signatures(
    walk: &mut Walk<'_>,
    entries: &[zip::Member],
    names: &[String],
    content: &dyn Content,
) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (entry, name) in entries.iter().zip(names) {
        let Some(covered) = name.strip_suffix(SUFFIX) else { continue };
        let method = if entry.method == 0 { Method::Stored } else { Method::Deflate };
        let Some(data) = entry.data.clone().filter(|_| !entry.encrypted && matches!(entry.method, 0 | 8)) else {
            continue;
        };
        if entry.content_bytes > KEY_BYTES_MAX as u64 {
            continue;
        }
        let packed = Part::new(content, data.start, data.end.saturating_sub(data.start));
        let Ok(held) = hold(method, &packed, &walk.budget) else { return found };
        found.extend(text_of(held.memory).map(|text| (covered.to_owned(), text)));
    }
    found
}

fn text_of(memory: Option<Vec<u8>>) -> Option<String> {
    memory.and_then(|bytes| String::from_utf8(bytes).ok())
}

fn look_at_tar(walk: &mut Walk<'_>, member: &Member, content: &dyn Content) -> Answer {
    let kind = Kind::Tar;
    let listing = match list_tar(content, walk.budget.limits().members_max) {
        Ok(listing) => listing,
        Err(fault) => {
            let (verdict, why) = of_fault(fault);
            return Answer { verdict, ..unseen(walk, member, kind, why) };
        }
    };
    if listing.desync {
        desync(walk, member);
    }
    let beside = look_beside(walk, member, &listing.beside);
    let mut sealed = BTreeMap::new();
    for (entry, data) in listing.members.iter().filter(|(entry, _)| entry.kind == MemberKind::File) {
        let name = text_name(&entry.name);
        let Some(covered) = name.strip_suffix(SUFFIX).filter(|_| entry.content_bytes <= KEY_BYTES_MAX as u64) else {
            continue;
        };
        let text = read_vec(content, data.start, usize::try_from(entry.content_bytes).unwrap_or(0)).ok();
        sealed.extend(text_of(text).map(|text| (covered.to_owned(), text)));
    }
    let mut met = NameSet::new();
    for (entry, data) in listing.members {
        let name = text_name(&entry.name);
        let inside = Inside { signature: sealed.get(&name).cloned(), name, role: Role::Stored };
        check_name(walk, member, &inside, &entry.name, &mut met);
        let part = Part::new(content, data.start, data.end.saturating_sub(data.start));
        let target = entry.target.as_deref().unwrap_or_default();
        if !matches!(entry.kind, MemberKind::File | MemberKind::Special) {
            phi::look_at_name(&mut walk.people, &inside.name);
            phi::look_at_name(&mut walk.people, &text_name(target));
        }
        match entry.kind {
            MemberKind::Folder => {}
            MemberKind::Symlink | MemberKind::Hardlink => {
                let hard = entry.kind == MemberKind::Hardlink;
                let escapes = if hard { hardlink_escapes(target) } else { symlink_escapes(&entry.name, target) };
                let shown = walk.member(member, inside);
                note_link(walk, &shown, escapes);
            }
            MemberKind::Device => {
                let shown = walk.member(member, inside);
                bad(walk, &shown, "archive.device");
            }
            MemberKind::Special => walk.inside_unseen(member, inside, part.size(), Why::FormatUnsupported),
            MemberKind::File => {
                if let Err(why) = count_stored(walk, part.size()) {
                    walk.inside_unseen(member, inside, part.size(), why);
                    return unseen(walk, member, kind, why);
                }
                walk.inside(member, inside, &part, None);
            }
        }
    }
    match listing.broken {
        Some(why) => unseen(walk, member, kind, why),
        None => answer(kind, beside),
    }
}

/// Members that lie plainly in their archive count too: their bytes are read as those of any other.
fn count_stored(walk: &Walk<'_>, size: u64) -> Result<(), Why> {
    walk.budget.unpacked(usize::try_from(size).unwrap_or(usize::MAX))
}

/// A stream with one member. What follows it must be another stream or padding.
fn look_at_stream(
    walk: &mut Walk<'_>,
    member: &Member,
    kind: Kind,
    (content, method): (&dyn Content, Method),
) -> Answer {
    let inside = Inside { name: stream_name(&member.name), role: Role::Stored, signature: None };
    if let Err(why) = walk.budget.descend(member.depth.saturating_add(1)) {
        walk.inside_unseen(member, inside, 0, why);
        return unseen(walk, member, kind, why);
    }
    let held = match hold(method, content, &walk.budget) {
        Ok(held) => held,
        Err(why) => {
            walk.inside_unseen(member, inside, 0, why);
            return unseen(walk, member, kind, why);
        }
    };
    let damaged = held.damaged;
    unpacked(walk, member, inside, (held, method, content));
    if damaged { unseen(walk, member, kind, Why::Malformed) } else { clean(kind) }
}

/// The name without the ending that the compression gave it. The name inside a gzip header is not believed.
fn stream_name(name: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or_default();
    let (stem, ending) = last.rsplit_once('.').unwrap_or((last, ""));
    match ending.to_ascii_lowercase().as_str() {
        "tgz" | "tbz" | "tbz2" | "tzst" => format!("{stem}.tar"),
        "gz" | "bz2" | "zst" => stem.to_owned(),
        _ => format!("{last}.content"),
    }
}

impl Walk<'_> {
    /// Looks at a packed member.
    fn deeper(
        &mut self,
        parent: &Member,
        inside: Inside,
        (method, packed, size): (Method, &dyn Content, u64),
        memory: Option<Vec<u8>>,
    ) {
        if method == Method::Stored {
            self.inside(parent, inside, packed, memory);
            return;
        }
        let budget = std::sync::Arc::clone(&self.budget);
        let lazy = Unpacked::new(method, packed, size, &budget);
        self.inside(parent, inside, &lazy, memory);
    }
}

#[cfg(test)]
mod tests;
