//! Codes in words that a nurse understands. Facts store codes, never sentences; what a code means to people stands here.

use jiff::tz::TimeZone;
use lazaret_core::explanation::{Lever, LeverKind};
use lazaret_core::inspection::{ContentKind, Inspector, SignatureState, Why};
use lazaret_core::refusal::Refusal;
use lazaret_core::register::{PartyKind, PartyState, Role};
use lazaret_core::request::{Act, Group};
use lazaret_core::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};
use lazaret_core::transfer::{Channel, Stage};

use super::chart::Tint;

/// A state as its pill shows it: colour, sign, word. Never by colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pill {
    /// The class.
    pub class: &'static str,
    /// The sign.
    pub sign: &'static str,
    /// The word.
    pub word: &'static str,
}

const fn pill(class: &'static str, sign: &'static str, word: &'static str) -> Pill {
    Pill { class, sign, word }
}

/// Where a transfer stands.
pub const fn stage(stage: Stage) -> Pill {
    match stage {
        Stage::Quarantined | Stage::Inspected => pill("work", "◌", "inspecting"),
        Stage::Held => pill("hold", "▲", "held"),
        Stage::NotChecked => pill("hold", "?", "not checked"),
        Stage::Cleared => pill("ok", "✓", "cleared"),
        Stage::Released => pill("ok", "✓", "released"),
        Stage::Delivered => pill("ok", "✓", "delivered"),
        Stage::Denied => pill("bad", "✕", "denied"),
        Stage::Withdrawn => pill("plain", "–", "withdrawn"),
        Stage::Expired => pill("plain", "–", "expired"),
        Stage::Superseded => pill("plain", "–", "replaced"),
    }
}

/// The same for a sender, in the sender's words.
pub const fn sender_stage(stage: Stage) -> Pill {
    match stage {
        Stage::Quarantined | Stage::Inspected | Stage::Cleared => pill("work", "◌", "checking"),
        Stage::Held => pill("hold", "▲", "reviewing"),
        Stage::NotChecked => pill("hold", "?", "not checked"),
        Stage::Released => pill("ok", "✓", "accepted"),
        Stage::Delivered => pill("ok", "✓", "delivered"),
        Stage::Denied => pill("bad", "✕", "refused"),
        Stage::Withdrawn => pill("plain", "–", "withdrawn"),
        Stage::Expired => pill("plain", "–", "expired"),
        Stage::Superseded => pill("plain", "–", "replaced"),
    }
}

/// Clean, without anything to weigh.
pub const CLEAN: Pill = pill("ok", "✓", "clean");
/// Clean, but a rule weighs what was found.
pub const WEIGHED: Pill = pill("hold", "▲", "noted");
/// Found what it looks for.
pub const BAD: Pill = pill("bad", "✕", "bad");
/// Not looked at entirely, or failed while looking. Never clean.
pub const UNCHECKED: Pill = pill("hold", "?", "not checked");

/// How a party stands.
pub const fn party_state(state: PartyState) -> Pill {
    match state {
        PartyState::Stub => pill("plain", "–", "only named"),
        PartyState::Vetting => pill("hold", "▲", "not vetted yet"),
        PartyState::Active => pill("ok", "✓", "active"),
        PartyState::Suspended => pill("hold", "▲", "suspended"),
        PartyState::Ended => pill("plain", "–", "ended"),
    }
}

/// An isolated party.
pub const ISOLATED: Pill = pill("bad", "✕", "isolated");

/// The colour of a stage in a drawing.
pub const fn tint(stage: Stage) -> Tint {
    match stage {
        Stage::Quarantined | Stage::Inspected => Tint::Flow,
        Stage::Held | Stage::NotChecked => Tint::Hold,
        Stage::Cleared | Stage::Released | Stage::Delivered => Tint::Ok,
        Stage::Denied => Tint::Bad,
        Stage::Withdrawn | Stage::Expired | Stage::Superseded => Tint::Plain,
    }
}

/// A door.
pub const fn channel(channel: Channel) -> &'static str {
    match channel {
        Channel::Https => "HTTPS",
        Channel::Tus => "Upload",
        Channel::Sftp => "SFTP",
        Channel::Form => "Web form",
    }
}

/// What an inspector looks at.
pub const fn inspector(inspector: Inspector) -> &'static str {
    match inspector {
        Inspector::Kind => "Kind of file",
        Inspector::Archive => "What is packed in it",
        Inspector::Malware => "Harmful software",
        Inspector::Phi => "Patient data",
        Inspector::Sbom => "List of parts",
        Inspector::Signature => "Signature",
    }
}

/// Why an inspector gave no plain answer.
pub const fn why(why: Why) -> &'static str {
    match why {
        Why::TooLarge => "larger than can be looked at",
        Why::TooDeep => "packed too many times over",
        Why::TooManyMembers => "more files in it than can be looked at",
        Why::Ratio => "unpacks to far more than it is",
        Why::Time => "looking took too long",
        Why::Memory => "looking took too much memory",
        Why::Encrypted => "locked with a password",
        Why::FormatUnknown => "a kind of file that is not known",
        Why::FormatUnsupported => "a kind of file that cannot be looked into",
        Why::Malformed => "damaged or cut short",
        Why::Ambiguous => "can be read in two ways",
        Why::Pixels => "pictures that may show people",
        Why::Charset => "text in a script that cannot be read",
        Why::EngineAbsent => "no inspector could be started",
        Why::EngineLimit => "beyond a limit of the inspector",
        Why::RulesNotApplicable => "no rule fits this kind of file",
        Why::WorkerDied => "the inspector broke down",
        Why::WorkerOutput => "the inspector's answer made no sense",
        Why::EngineProtocol => "the inspector did not keep to its protocol",
        Why::EngineUnreachable => "the inspector did not answer",
        Why::ObjectUnreadable => "the gate cannot read the sealed bytes back from its disk",
    }
}

/// A group of approvers.
pub const fn group(group: Group) -> &'static str {
    match group {
        Group::Security => "Security",
        Group::Biomed => "Biomed",
        Group::Privacy => "Privacy",
        Group::Admin => "Administration",
    }
}

/// Groups as a list in a sentence.
pub fn groups(groups: &[Group]) -> String {
    listed(groups.iter().map(|known| group(*known)))
}

/// A role.
pub const fn role(role: Role) -> &'static str {
    match role {
        Role::Admin => "administrator",
        Role::Security => "security approver",
        Role::Biomed => "biomed approver",
        Role::Privacy => "privacy officer",
        Role::Integration => "integration engineer",
        Role::Receiver => "receiver",
        Role::Clinician => "clinician",
        Role::Auditor => "auditor",
        Role::Sender => "sender",
        Role::Respondent => "respondent",
    }
}

/// Whether somebody known has signed it.
pub const fn signature(state: SignatureState) -> &'static str {
    match state {
        SignatureState::Unsigned => "not signed",
        SignatureState::Registered => "signed by a registered key",
        SignatureState::UnknownKey => "signed by a key that is not registered",
        SignatureState::Bad => "not the signature of this file",
    }
}

/// What the bytes were found to be.
pub const fn content_kind(kind: ContentKind) -> &'static str {
    match kind {
        ContentKind::Unknown => "unknown",
        ContentKind::Empty => "empty",
        ContentKind::Text => "text",
        ContentKind::Csv => "table (CSV)",
        ContentKind::Json | ContentKind::Ndjson => "JSON",
        ContentKind::Xml => "XML",
        ContentKind::Hl7v2 => "HL7 v2",
        ContentKind::Fhir => "FHIR",
        ContentKind::CycloneDx | ContentKind::Spdx => "list of parts",
        ContentKind::Zip | ContentKind::Gzip | ContentKind::Tar => "archive",
        ContentKind::SevenZip | ContentKind::Rar => "archive",
        ContentKind::Bzip2 | ContentKind::Xz | ContentKind::Zstd => "archive",
        ContentKind::Pdf => "PDF",
        ContentKind::Png | ContentKind::Jpeg | ContentKind::Gif => "picture",
        ContentKind::Dicom => "DICOM",
        ContentKind::Elf | ContentKind::Pe | ContentKind::MachO | ContentKind::Jar => "program",
        ContentKind::Script => "script",
        ContentKind::OfficeOpenXml | ContentKind::OpenDocument | ContentKind::Ole2 => "office document",
        ContentKind::X12 => "X12",
        ContentKind::Edifact => "EDIFACT",
        ContentKind::Firmware => "firmware",
        ContentKind::Signature => "signature",
        ContentKind::Html => "HTML",
        ContentKind::Rtf => "rich text",
        ContentKind::Email => "e-mail",
    }
}

/// What a party is.
pub const fn party_kind(kind: PartyKind) -> &'static str {
    match kind {
        PartyKind::Manufacturer => "manufacturer",
        PartyKind::Distributor => "distributor",
        PartyKind::Transporter => "transporter",
        PartyKind::Contractor => "contractor",
        PartyKind::SoftwareDeveloper => "software developer",
        PartyKind::ServiceProvider => "service provider",
        PartyKind::Agency => "agency",
    }
}

/// What a request asks for.
pub const fn act(act: Act) -> &'static str {
    match act {
        Act::ReleaseTransfer => "Release",
        Act::LiftIsolation => "Lift the isolation",
        Act::ActivatePolicy => "Put other rules in force",
        Act::GrantRole => "Grant a role",
    }
}

/// Something that can be done to release a transfer.
pub fn lever(lever: &Lever) -> String {
    let text = match lever.kind {
        LeverKind::Approval => {
            return lever.group.map_or("an approval".to_owned(), |known| format!("an approval by {}", group(known)));
        }
        LeverKind::Signature => "a signature by a registered key of its maker",
        LeverKind::Agreement => {
            "an agreement in force that covers it (for patient data, a business associate agreement, BAA)"
        }
        LeverKind::Vetting => "a vetting of the party that is passed and current",
        LeverKind::Inspection => "another inspection that sees all of it",
        LeverKind::IsolationLift => "an end of the party's isolation",
        LeverKind::NewVersion => "a new, undamaged version",
    };
    text.to_owned()
}

/// One way out: everything in it together.
pub fn way(levers: &[Lever]) -> String {
    let approvals: Vec<Group> =
        levers.iter().filter(|known| known.kind == LeverKind::Approval).filter_map(|known| known.group).collect();
    let mut parts = Vec::new();
    match approvals.as_slice() {
        [] => {}
        [one] => parts.push(format!("one more approval, by {}", group(*one))),
        [one, other] if one == other => parts.push(format!("two approvals by {}", group(*one))),
        several => parts.push(format!("approvals by {}", groups(several))),
    }
    parts.extend(levers.iter().filter(|known| known.kind != LeverKind::Approval).map(lever));
    listed(parts.iter().map(String::as_str))
}

/// Why the reader may not do what the page is about.
pub const fn not_you(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::OwnRequest => "you asked for it yourself, and nobody decides their own request",
        Refusal::LetSenderIn => "you let the sender in, by a key, a token or a link of yours",
        Refusal::NotOneself => "it is your own role, and nobody decides that",
        Refusal::NotInRole => "you are in none of the groups that are asked",
        Refusal::VotedAlready => "you have voted already, and another person is needed",
        Refusal::TooFewOthers => "without you too few people could grant it",
        Refusal::WrongState => "it no longer waits for votes",
        Refusal::StaleApproval => "what you saw has changed since",
        Refusal::StepUpNeeded => "your passkey is asked for first",
        Refusal::LaneClosed
        | Refusal::KindNotOnLane
        | Refusal::Isolated
        | Refusal::TooLarge
        | Refusal::Quota
        | Refusal::NotAllowed
        | Refusal::NotFound
        | Refusal::KeyReused
        | Refusal::Already(_)
        | Refusal::NameExists
        | Refusal::DigestMismatch
        | Refusal::NoLongerCleared
        | Refusal::Unchanged
        | Refusal::OtherSide
        | Refusal::WaitsAlready
        | Refusal::LastAdministrator
        | Refusal::ApproverKnown
        | Refusal::NotEnrolled
        | Refusal::HasPasskey
        | Refusal::NoContract
        | Refusal::WrongRecipients
        | Refusal::TooManyLanes
        | Refusal::EntryTooLong => "your roles do not allow it",
    }
}

/// Words in a row: `a`, `a and b`, `a, b and c`.
pub fn listed<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<&str> = words.collect();
    match words.as_slice() {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// The same with `or`.
pub fn either<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let words: Vec<&str> = words.collect();
    match words.as_slice() {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// A small number as a word.
pub fn few(count: u8) -> String {
    let words = ["no", "one", "two", "three", "four", "five"];
    words.get(usize::from(count)).map_or_else(|| count.to_string(), |word| (*word).to_owned())
}

/// A count with its thousands apart.
pub fn number(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push('\u{a0}');
        }
        out.push(digit);
    }
    out
}

/// `1 transfer`, `2 transfers`.
pub fn counted(count: usize, one: &str, many: &str) -> String {
    let word = if count == 1 { one } else { many };
    format!("{} {word}", number(count as u64))
}

/// A size in SI units.
pub fn size(bytes: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut unit = 0;
    let (mut whole, mut tenths) = (bytes, 0);
    while whole >= 1_000 && unit + 1 < units.len() {
        tenths = whole % 1_000 / 100;
        whole /= 1_000;
        unit += 1;
    }
    let name = units.get(unit).copied().unwrap_or("TB");
    if unit > 0 && whole < 10 { format!("{whole}.{tenths}\u{a0}{name}") } else { format!("{whole}\u{a0}{name}") }
}

/// How long something took, or has taken.
pub fn duration(millis: u64) -> String {
    let of = |part: u64, name: &str| format!("{part}\u{a0}{name}");
    match millis {
        0..SECOND_MS => of(millis, "ms"),
        SECOND_MS..MINUTE_MS => of(millis / SECOND_MS, "s"),
        MINUTE_MS..HOUR_MS => of(millis / MINUTE_MS, "min"),
        HOUR_MS..DAY_MS => of(millis / HOUR_MS, "h"),
        _ => of(millis / DAY_MS, if millis / DAY_MS == 1 { "day" } else { "days" }),
    }
}

/// How long ago.
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    match now.millis_since(at) {
        0..SECOND_MS => "just now".to_owned(),
        millis => format!("{} ago", duration(millis)),
    }
}

/// A format of jiff's for an instant in UTC.
pub fn instant(at: Timestamp, format: &str) -> String {
    let millis = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    let known = jiff::Timestamp::from_millisecond(millis).map(|at| at.to_zoned_datetime(TimeZone::UTC));
    known.map(|at| at.strftime(format).to_string()).unwrap_or_default()
}

/// Text of unknown origin with what cannot be seen made visible: control characters, and those that turn the direction.
pub fn visible(text: &str) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
    };
    text.chars().map(|c| if hidden(c) { format!("⟨U+{:04X}⟩", u32::from(c)) } else { c.to_string() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_sizes_and_times_read_well() {
        assert_eq!(
            [number(7), number(999), number(1_930), number(1_000_000)],
            ["7", "999", "1\u{a0}930", "1\u{a0}000\u{a0}000"]
        );
        assert_eq!(
            [size(0), size(999), size(1_900), size(48_000_000), size(3_100_000_000), size(u64::MAX)],
            ["0\u{a0}B", "999\u{a0}B", "1.9\u{a0}kB", "48\u{a0}MB", "3.1\u{a0}GB", "18446744\u{a0}TB"]
        );
        assert_eq!(
            [duration(36), duration(38 * MINUTE_MS), duration(DAY_MS), duration(14 * DAY_MS)],
            ["36\u{a0}ms", "38\u{a0}min", "1\u{a0}day", "14\u{a0}days"]
        );
        assert_eq!(listed(["a"].into_iter()), "a");
        assert_eq!(listed(["a", "b", "c"].into_iter()), "a, b and c");
    }

    #[test]
    fn an_instant_is_shown_in_utc() {
        let at = Timestamp::from_millis(1_795_430_400_000);
        assert_eq!(instant(at, "%-d %b %Y %H:%M"), "23 Nov 2026 10:40");
    }

    // EVIDENCE-OF: R-415
    #[test]
    fn what_would_not_be_seen_is_written_out() {
        assert_eq!(visible("invoice\u{202e}fdp.exe"), "invoice⟨U+202E⟩fdp.exe");
        assert_eq!(visible("a\u{0}b\nc"), "a⟨U+0000⟩b⟨U+000A⟩c");
        assert_eq!(visible("Übergröße 測試"), "Übergröße 測試");
    }

    // EVIDENCE-OF: R-007
    #[test]
    fn not_checked_never_looks_clean() {
        let unchecked = [stage(Stage::NotChecked), sender_stage(Stage::NotChecked), UNCHECKED];
        for shown in unchecked {
            assert_eq!((shown.sign, shown.word), ("?", "not checked"));
            assert_ne!(shown.class, "ok");
        }
        for other in Stage::ALL.iter().filter(|other| **other != Stage::NotChecked) {
            assert_ne!(stage(*other).word, "not checked");
            assert_ne!(stage(*other).sign, "?");
        }
    }
}
