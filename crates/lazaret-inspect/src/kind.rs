//! kind: what is it really? Two independent looks, the magic number and the format's own structure, against what the
//! sender declared. A name or a declaration makes a verdict worse or leaves it: what it says to be a program counts as one,
//! and is not inspected for all that, until a registered key vouches for it.

use lazaret_core::inspection::{ContentKind, Verdict, Why};

use crate::content::{Content, ReadFault, read_vec};

pub(crate) mod declared;
mod entropy;
pub(crate) mod json;
mod magic;
mod polyglot;
mod probe;
mod text;

pub(crate) use entropy::Entropy;
pub(crate) use text::{is_utf16, xml_root};

/// How much of the beginning is looked at for magic numbers and second formats.
const HEAD_BYTES: usize = 64 * 1024;
/// Where a ZIP's end record can begin, counted from the end (APPNOTE.TXT 4.3.16: 22 bytes and a comment up to 65,535).
const TAIL_BYTES: usize = 64 * 1024 + 22;
/// Unrecognised bytes after the logical end that are only a note.
const TRAILING_BYTES_MAX: u64 = 1024;

/// What a member is, and what that means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) kind: ContentKind,
    /// What its bytes alone make of it: as what it is read for people. Another kind only where a name or a declaration
    /// says that it is a program.
    pub(crate) reads_as: ContentKind,
    /// The verdict with its reason; the rules below say what led to it.
    pub(crate) verdict: Verdict,
    pub(crate) why: Option<Why>,
    pub(crate) rules: Vec<Rule>,
}

/// One thing that the kind inspector has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) id: &'static str,
    pub(crate) verdict: Verdict,
    pub(crate) why: Option<Why>,
}

impl Rule {
    const fn note(id: &'static str) -> Rule {
        Rule { id, verdict: Verdict::Clean, why: None }
    }

    const fn bad(id: &'static str) -> Rule {
        Rule { id, verdict: Verdict::Bad, why: None }
    }

    const fn unseen(id: &'static str, why: Why) -> Rule {
        Rule { id, verdict: Verdict::NotInspected, why: Some(why) }
    }
}

/// What the sender says of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Declared<'a> {
    pub(crate) name: &'a str,
    pub(crate) media_type: Option<&'a str>,
    pub(crate) software: bool,
    /// A registered key has signed it, so that somebody answers for what is said of it.
    pub(crate) vouched: bool,
}

/// The beginning and the end of a member.
struct Peek<'a> {
    content: &'a dyn Content,
    size: u64,
    head: Vec<u8>,
    tail: Vec<u8>,
}

impl Peek<'_> {
    fn new(content: &dyn Content) -> Result<Peek<'_>, ReadFault> {
        let size = content.size();
        let head = read_vec(content, 0, HEAD_BYTES)?;
        let tail = read_vec(content, size.saturating_sub(TAIL_BYTES as u64), TAIL_BYTES)?;
        Ok(Peek { content, size, head, tail })
    }
}

/// What the structural probe says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Probe {
    /// The format's parser reached its logical end, here.
    End(u64),
    /// The format is what it seems, and its end is for another inspector to find (archives), or it has none.
    Sound,
    /// The bytes are not what the magic number says.
    Fails,
}

/// Looks at a member.
///
/// # Errors
/// Its bytes cannot be read.
pub(crate) fn detect(content: &dyn Content, declared: &Declared<'_>) -> Result<Found, ReadFault> {
    let peek = Peek::new(content)?;
    let seen = magic::kind(&peek.head, &peek.tail, peek.size);
    let (read, probe) = settle(&peek, seen, declared)?;
    let (kind, reads_as, unknown) = called(read, &peek, declared);
    let mut rules: Vec<Rule> = unknown.into_iter().collect();
    match probe {
        Probe::Fails => rules.push(Rule::unseen("kind.malformed", Why::Malformed)),
        Probe::End(end) => rules.extend(trailing(&peek, end)?),
        Probe::Sound => {}
    }
    rules.extend(polyglot::rules(&peek, read)?);
    rules.extend(declared::rules(kind, declared));
    rules.dedup();
    let worst = rules.iter().max_by_key(|rule| rule.verdict).copied();
    let verdict = worst.map_or(Verdict::Clean, |rule| rule.verdict);
    Ok(Found { kind, reads_as, verdict, why: worst.and_then(|rule| rule.why), rules })
}

/// The kind by magic number, narrowed or confirmed by structure.
fn settle(peek: &Peek<'_>, seen: ContentKind, declared: &Declared<'_>) -> Result<(ContentKind, Probe), ReadFault> {
    if peek.size == 0 {
        return Ok((ContentKind::Empty, Probe::Sound));
    }
    if seen != ContentKind::Unknown {
        return Ok((seen, probe::probe(peek, seen)?));
    }
    if let Some(text) = text::kind(peek, declared)? {
        return Ok(text);
    }
    Ok((ContentKind::Unknown, Probe::Sound))
}

/// What a name and a declaration make of what the bytes are: the kind, as what it is read, and what is wrong with that.
///
/// Scripts often have nothing but their name. A blob that is declared as firmware is opaque code; that it is nothing else,
/// only the word of its maker says, and a word that nobody has signed is the sender's.
fn called(read: ContentKind, peek: &Peek<'_>, declared: &Declared<'_>) -> (ContentKind, ContentKind, Option<Rule>) {
    if text::is_plain(read) && declared::is_script_name(declared.name) {
        return (ContentKind::Script, read, None);
    }
    if read != ContentKind::Unknown {
        return (read, read, None);
    }
    if magic::foreign(&peek.head) {
        return (read, read, Some(Rule::unseen("kind.unsupported", Why::FormatUnsupported)));
    }
    let firmware = declared.software || declared::is_firmware_name(declared.name);
    match (firmware, declared.vouched) {
        (true, true) => (ContentKind::Firmware, ContentKind::Firmware, Some(Rule::note("kind.vouched"))),
        (true, false) => (ContentKind::Firmware, read, Some(Rule::unseen("kind.unknown", Why::FormatUnknown))),
        (false, _) => (read, read, Some(Rule::unseen("kind.unknown", Why::FormatUnknown))),
    }
}

/// What lies after the logical end.
fn trailing(peek: &Peek<'_>, end: u64) -> Result<Option<Rule>, ReadFault> {
    let length = peek.size.saturating_sub(end);
    if length == 0 {
        return Ok(None);
    }
    let after = read_vec(peek.content, end, HEAD_BYTES)?;
    let second = magic::kind(&after, &[], length);
    let padding =
        length <= HEAD_BYTES as u64 && after.iter().all(|byte| matches!(byte, 0 | b'\r' | b'\n' | b' ' | 0xff));
    Ok(if second != ContentKind::Unknown && second != ContentKind::Firmware {
        Some(Rule::bad("kind.polyglot"))
    } else if length > TRAILING_BYTES_MAX && !padding {
        Some(Rule::unseen("kind.trailing", Why::Ambiguous))
    } else {
        Some(Rule::note("kind.trailing"))
    })
}

/// Whether these bytes begin with a magic number of ours.
pub(crate) fn has_magic(bytes: &[u8]) -> bool {
    magic::kind(bytes, bytes, bytes.len() as u64) != ContentKind::Unknown
}

/// Whether this kind is something that can be executed, or exists to be.
pub(crate) fn is_code(kind: ContentKind) -> bool {
    matches!(
        kind,
        ContentKind::Elf
            | ContentKind::Pe
            | ContentKind::MachO
            | ContentKind::Script
            | ContentKind::Firmware
            | ContentKind::Jar
    )
}

/// Whether high entropy is this kind's nature, so that it says nothing.
pub(crate) fn is_dense(kind: ContentKind) -> bool {
    matches!(
        kind,
        ContentKind::Zip
            | ContentKind::Gzip
            | ContentKind::SevenZip
            | ContentKind::Rar
            | ContentKind::Bzip2
            | ContentKind::Xz
            | ContentKind::Zstd
            | ContentKind::Png
            | ContentKind::Jpeg
            | ContentKind::Gif
            | ContentKind::Pdf
            | ContentKind::Dicom
            | ContentKind::OfficeOpenXml
            | ContentKind::OpenDocument
            | ContentKind::Jar
            | ContentKind::Tar
    )
}

/// The note about entropy.
pub(crate) const ENTROPY: Rule = Rule::note("kind.entropy");

#[cfg(test)]
mod tests;
