//! What a worker says about an object. Codes, counts and names; never content. The names of members are for the
//! protected side tables; the evidence digest leaves them out.

use lazaret_core::digest::Digest;
use lazaret_core::inspection::{
    ContentKind, Inspector, InspectorReport, PhiPresence, SignatureState, Verdict, Why, merge,
};
use minicbor::{Decode, Encode};

/// Findings that one report may hold.
pub const FINDINGS_MAX: usize = 10_000;
/// Bytes that one report may have in its encoding.
pub const REPORT_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of one rule's id.
pub const RULE_BYTES_MAX: usize = 128;

/// What an inspector has to answer for. It says where a report must have its row, and of how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The object and everything inside it, each byte.
    Members,
    /// The object as a whole.
    Object,
    /// Documents of its own, where there are any.
    Documents,
}

/// What this inspector has to answer for.
pub(crate) const fn reach(inspector: Inspector) -> Reach {
    match inspector {
        Inspector::Kind | Inspector::Archive | Inspector::Malware | Inspector::Phi => Reach::Members,
        Inspector::Signature => Reach::Object,
        Inspector::Sbom => Reach::Documents,
    }
}

/// What it means beside the verdict that an inspector found something bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    /// Nothing more: the row says it.
    Row,
    /// [`Report::other_bad`].
    Other,
    /// Not [`Report::integrity_ok`].
    Integrity,
}

/// What *bad* of this inspector means beside.
pub(crate) const fn weight(inspector: Inspector) -> Weight {
    match inspector {
        Inspector::Malware => Weight::Row,
        Inspector::Kind | Inspector::Archive | Inspector::Phi => Weight::Other,
        Inspector::Sbom | Inspector::Signature => Weight::Integrity,
    }
}

/// Everything that inspection found, in a fixed order: the same bytes and rules give the same report.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Report {
    /// What the bytes are.
    #[n(0)]
    pub kind: ContentKind,
    /// The worst verdict over the required inspectors.
    #[n(1)]
    pub verdict: Verdict,
    /// One row an inspector, ordered by inspector. The SBOM inspector has a row only where there is an SBOM.
    #[n(2)]
    pub inspectors: Vec<InspectorReport>,
    /// What was found, in the order of the members; a *clean* finding is a note.
    #[n(3)]
    pub findings: Vec<Finding>,
    /// Who could be identified by it.
    #[n(4)]
    pub phi: PhiSummary,
    /// Whether someone known signed it.
    #[n(5)]
    pub signature: SignatureState,
    /// It is, or holds, something that can be executed.
    #[n(6)]
    pub is_code: bool,
    /// Something bad that is neither malware nor a digest: disguised, polyglot, archive tricks, undeclared patient data,
    /// or a document with macros.
    #[n(7)]
    pub other_bad: bool,
    /// False when a digest or a signature contradicts the object.
    #[n(8)]
    pub integrity_ok: bool,
    /// Digest of the malware rules that looked.
    #[n(9)]
    pub rules: Digest,
}

/// One thing found in one member.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Finding {
    /// Who found it.
    #[n(0)]
    pub inspector: Inspector,
    /// The rule, such as `archive.desync`.
    #[n(1)]
    pub rule: String,
    /// What it means for the verdict; *clean* is a note.
    #[n(2)]
    pub verdict: Verdict,
    /// Why, for *not inspected* and *error*.
    #[n(3)]
    pub why: Option<Why>,
    /// The member's number in the order of the walk; the object itself is 0.
    #[n(4)]
    pub member: u32,
    /// The member's name under each archive's name, the object's first; empty where names would fill the report.
    #[n(5)]
    pub path: Vec<String>,
}

/// The eighteen Safe Harbor letters, 45 CFR 164.514(b)(2)(i)(A) to (R).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(index_only)]
pub enum Letter {
    /// Names.
    #[n(0)]
    A,
    /// Geography below state.
    #[n(1)]
    B,
    /// Dates but the year, ages over 89.
    #[n(2)]
    C,
    /// Telephone numbers.
    #[n(3)]
    D,
    /// Fax numbers.
    #[n(4)]
    E,
    /// E-mail addresses.
    #[n(5)]
    F,
    /// Social security numbers.
    #[n(6)]
    G,
    /// Medical record numbers.
    #[n(7)]
    H,
    /// Health plan beneficiary numbers.
    #[n(8)]
    I,
    /// Account numbers.
    #[n(9)]
    J,
    /// Certificate and licence numbers.
    #[n(10)]
    K,
    /// Vehicles.
    #[n(11)]
    L,
    /// Devices.
    #[n(12)]
    M,
    /// URLs.
    #[n(13)]
    N,
    /// IP addresses.
    #[n(14)]
    O,
    /// Biometric identifiers.
    #[n(15)]
    P,
    /// Full-face photographs.
    #[n(16)]
    Q,
    /// Any other unique code.
    #[n(17)]
    R,
}

impl Letter {
    /// All of them, in order.
    pub const ALL: [Letter; 18] = [
        Letter::A,
        Letter::B,
        Letter::C,
        Letter::D,
        Letter::E,
        Letter::F,
        Letter::G,
        Letter::H,
        Letter::I,
        Letter::J,
        Letter::K,
        Letter::L,
        Letter::M,
        Letter::N,
        Letter::O,
        Letter::P,
        Letter::Q,
        Letter::R,
    ];

    /// The letter as text.
    pub const fn word(self) -> &'static str {
        match self {
            Letter::A => "A",
            Letter::B => "B",
            Letter::C => "C",
            Letter::D => "D",
            Letter::E => "E",
            Letter::F => "F",
            Letter::G => "G",
            Letter::H => "H",
            Letter::I => "I",
            Letter::J => "J",
            Letter::K => "K",
            Letter::L => "L",
            Letter::M => "M",
            Letter::N => "N",
            Letter::O => "O",
            Letter::P => "P",
            Letter::Q => "Q",
            Letter::R => "R",
        }
    }
}

/// Counts of what could identify people. No value, no position.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct PhiSummary {
    /// Whether the object identifies a patient or related person.
    #[n(0)]
    pub present: PhiPresence,
    /// How many certain or probable spans of each letter, letters without any left out.
    #[n(1)]
    pub letters: Vec<LetterCount>,
    /// Certain or probable spans that identify directly.
    #[n(2)]
    pub direct: u64,
    /// Certain or probable spans that identify only together with others.
    #[n(3)]
    pub indirect: u64,
    /// Spans of patients.
    #[n(4)]
    pub patient: u64,
    /// Spans of people related to a patient.
    #[n(5)]
    pub related: u64,
    /// Spans of staff.
    #[n(6)]
    pub staff: u64,
    /// Spans of businesses, authors and suppliers.
    #[n(7)]
    pub business: u64,
    /// Spans of people of whom nothing else is known.
    #[n(8)]
    pub unknown: u64,
    /// Patterns without any cue. They are counted and decide nothing.
    #[n(9)]
    pub possible: u64,
}

impl PhiSummary {
    /// Nothing found, in the given sense.
    pub const fn none(present: PhiPresence) -> PhiSummary {
        PhiSummary {
            present,
            letters: Vec::new(),
            direct: 0,
            indirect: 0,
            patient: 0,
            related: 0,
            staff: 0,
            business: 0,
            unknown: 0,
            possible: 0,
        }
    }
}

/// How often one letter was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LetterCount {
    /// The letter.
    #[n(0)]
    pub letter: Letter,
    /// How many spans.
    #[n(1)]
    pub count: u64,
}

impl Report {
    /// The report that stands for a worker that gave none: every required inspector is in error.
    pub fn failed(required: &[Inspector], why: Why, size: u64, rules: Digest) -> Report {
        let mut wanted = required.to_vec();
        wanted.sort_unstable();
        wanted.dedup();
        let row = |inspector: &Inspector| InspectorReport {
            inspector: *inspector,
            verdict: Verdict::Error,
            why: Some(why),
            bytes_seen: 0,
            bytes_total: size,
            members_seen: 0,
            members_total: 1,
        };
        let inspectors: Vec<InspectorReport> = wanted.iter().map(row).collect();
        Report {
            kind: ContentKind::Unknown,
            verdict: merge(required, &inspectors),
            inspectors,
            findings: Vec::new(),
            phi: PhiSummary::none(PhiPresence::Unknown),
            signature: SignatureState::Unsigned,
            is_code: false,
            other_bad: false,
            integrity_ok: true,
            rules,
        }
    }

    /// SHA-256 over the canonical CBOR of everything found but the names of members: names are somebody's data, and a
    /// digest of a short name can be guessed. This is the `evidence` of the fact.
    pub fn evidence(&self) -> Digest {
        let mut bare = self.clone();
        bare.findings.iter_mut().for_each(|finding| finding.path.clear());
        let mut bytes = Vec::new();
        // Writing into memory does not fail; were it to, the digest of what was written would still bind that much.
        let _ = minicbor::encode(&bare, &mut bytes);
        Digest::of_parts([b"lazaret.evidence/1".as_slice(), &bytes])
    }

    /// The row of one inspector.
    pub fn row(&self, inspector: Inspector) -> Option<&InspectorReport> {
        self.inspectors.iter().find(|row| row.inspector == inspector)
    }

    /// Whether the report is one that an honest worker could give for an object of this size and these demands. *Clean*
    /// without having seen every byte is not, and neither is *bad* without the attributes that policies ask for.
    pub(crate) fn is_consistent(&self, required: &[Inspector], size: u64) -> bool {
        let ordered = self.inspectors.is_sorted_by(|a, b| a.inspector < b.inspector);
        let has_row = |wanted: &Inspector| reach(*wanted) == Reach::Documents || self.row(*wanted).is_some();
        ordered
            && required.iter().all(has_row)
            && self.inspectors.iter().all(|row| row_is_consistent(row, size))
            && self.verdict == merge(required, &self.inspectors)
            && self.findings.len() <= FINDINGS_MAX
            && self.findings.iter().all(|finding| finding_is_consistent(finding) && self.bears(finding))
            && self.phi.letters.is_sorted_by(|a, b| a.letter < b.letter)
            && self.attributes_are_consistent()
    }

    /// Whether the inspector's row is at least as bad as what it found.
    fn bears(&self, finding: &Finding) -> bool {
        finding.verdict == Verdict::Clean
            || self.row(finding.inspector).is_some_and(|row| row.verdict >= finding.verdict)
    }

    /// Whether what policies see says what the rows say.
    fn attributes_are_consistent(&self) -> bool {
        let bad = |of: Weight| {
            let mut rows = self.inspectors.iter();
            rows.any(|row| row.verdict == Verdict::Bad && weight(row.inspector) == of)
        };
        let contradicted = bad(Weight::Integrity) || self.signature == SignatureState::Bad;
        let read = self.row(Inspector::Phi).is_none_or(|row| matches!(row.verdict, Verdict::Clean | Verdict::Bad));
        (self.other_bad || !bad(Weight::Other))
            && (!self.integrity_ok || !contradicted)
            && (read || self.phi.present != PhiPresence::No)
    }
}

fn row_is_consistent(row: &InspectorReport, size: u64) -> bool {
    match row.verdict {
        Verdict::Clean => {
            row.why.is_none()
                && row.bytes_seen == row.bytes_total
                && (row.bytes_total >= size || reach(row.inspector) == Reach::Documents)
                && row.members_seen == row.members_total
                && row.members_total >= 1
        }
        Verdict::NotInspected | Verdict::Error => row.why.is_some(),
        Verdict::Bad => true,
    }
}

fn finding_is_consistent(finding: &Finding) -> bool {
    let named = !finding.rule.is_empty() && finding.rule.len() <= RULE_BYTES_MAX;
    let plain = finding.rule.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'));
    let reasoned = match finding.verdict {
        Verdict::NotInspected | Verdict::Error => finding.why.is_some(),
        Verdict::Clean | Verdict::Bad => true,
    };
    named && plain && reasoned
}
