//! What inspectors say, and how their words merge. "Not inspected" is a verdict of its own, never a kind of clean.

use minicbor::{Decode, Encode};

/// What an inspector says about an object, ordered from best to worst: the worst of several holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Verdict {
    /// Looked at all of it and found nothing it looks for.
    #[n(0)]
    Clean,
    /// Could not, or did not, look at all of it.
    #[n(1)]
    NotInspected,
    /// Failed while looking.
    #[n(2)]
    Error,
    /// Found what it looks for.
    #[n(3)]
    Bad,
}

impl Verdict {
    /// The worse of the two: bad > error > not inspected > clean.
    pub fn worst(self, other: Verdict) -> Verdict {
        self.max(other)
    }

    /// The word used by the API, receipts and the console.
    pub const fn word(self) -> &'static str {
        match self {
            Verdict::Clean => "clean",
            Verdict::NotInspected => "not_inspected",
            Verdict::Error => "error",
            Verdict::Bad => "bad",
        }
    }
}

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($index:literal $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, ::minicbor::Encode, ::minicbor::Decode)]
        #[cbor(index_only)]
        pub enum $name {
            $(
                #[doc = concat!("`", $word, "`")]
                #[n($index)]
                $variant,
            )*
        }

        impl $name {
            /// Every value, in the order of their numbers.
            pub const ALL: &[$name] = &[$($name::$variant),*];

            /// The word used by the API, receipts and the console.
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }

            /// The value with this word.
            pub fn from_word(word: &str) -> Option<$name> {
                match word { $($word => Some($name::$variant),)* _ => None }
            }
        }
    };
}
pub(crate) use codes;

codes! {
    /// The inspectors of this release, by what they look for.
    Inspector {
        0 Kind = "kind",
        1 Archive = "archive",
        2 Malware = "malware",
        3 Phi = "phi",
        4 Sbom = "sbom",
        5 Signature = "signature",
    }
}

codes! {
    /// Why an inspector did not see all of it, or failed while looking (closed).
    Why {
        0 TooLarge = "too_large",
        1 TooDeep = "too_deep",
        2 TooManyMembers = "too_many_members",
        3 Ratio = "ratio",
        4 Time = "time",
        5 Memory = "memory",
        6 Encrypted = "encrypted",
        7 FormatUnknown = "format_unknown",
        8 FormatUnsupported = "format_unsupported",
        9 Malformed = "malformed",
        10 Ambiguous = "ambiguous",
        11 Pixels = "pixels",
        12 Charset = "charset",
        13 EngineAbsent = "engine_absent",
        14 EngineLimit = "engine_limit",
        15 RulesNotApplicable = "rules_not_applicable",
        16 WorkerDied = "worker_died",
        17 WorkerOutput = "worker_output",
        18 EngineProtocol = "engine_protocol",
        19 EngineUnreachable = "engine_unreachable",
        20 ObjectUnreadable = "object_unreadable",
    }
}

codes! {
    /// Whether the object identifies a person. *Unknown* counts as yes wherever a policy asks.
    PhiPresence {
        0 No = "no",
        1 Yes = "yes",
        2 Unknown = "unknown",
    }
}

codes! {
    /// What the signature inspector found, as facts and policies see it.
    SignatureState {
        0 Unsigned = "unsigned",
        1 Registered = "registered",
        2 UnknownKey = "unknown_key",
        3 Bad = "bad",
    }
}

codes! {
    /// What the bytes are, decided by content (closed; the names of media types stay at the edge).
    ContentKind {
        0 Unknown = "unknown",
        1 Empty = "empty",
        2 Text = "text",
        3 Csv = "csv",
        4 Json = "json",
        5 Ndjson = "ndjson",
        6 Xml = "xml",
        7 Hl7v2 = "hl7v2",
        8 Fhir = "fhir",
        9 CycloneDx = "cyclonedx",
        10 Zip = "zip",
        11 Gzip = "gzip",
        12 Tar = "tar",
        13 Pdf = "pdf",
        14 Png = "png",
        15 Jpeg = "jpeg",
        16 Gif = "gif",
        17 Dicom = "dicom",
        18 Elf = "elf",
        19 Pe = "pe",
        20 MachO = "macho",
        21 Script = "script",
        22 OfficeOpenXml = "ooxml",
        23 OpenDocument = "odf",
        24 Ole2 = "ole2",
        25 SevenZip = "7z",
        26 Rar = "rar",
        27 Bzip2 = "bzip2",
        28 Xz = "xz",
        29 Zstd = "zstd",
        30 X12 = "x12",
        31 Edifact = "edifact",
        32 Firmware = "firmware",
        33 Signature = "signature",
        34 Html = "html",
        35 Rtf = "rtf",
        36 Email = "eml",
        37 Jar = "jar",
        38 Spdx = "spdx",
    }
}

/// One inspector's answer about one object, as facts keep it: words, counts and codes, never content.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct InspectorReport {
    /// Who looked.
    #[n(0)]
    pub inspector: Inspector,
    /// What they say.
    #[n(1)]
    pub verdict: Verdict,
    /// Why it is not a plain answer; present for not inspected and error.
    #[n(2)]
    pub why: Option<Why>,
    /// Plaintext bytes looked at, members included.
    #[n(3)]
    pub bytes_seen: u64,
    /// Plaintext bytes there were to look at, as far as known.
    #[n(4)]
    pub bytes_total: u64,
    /// Members looked at (the object itself counts as one).
    #[n(5)]
    pub members_seen: u64,
    /// Members there were to look at, as far as known.
    #[n(6)]
    pub members_total: u64,
}

/// The worst verdict over the required inspectors. One that gave no report counts as not inspected: a missing answer
/// cannot be clean.
pub fn merge(required: &[Inspector], reports: &[InspectorReport]) -> Verdict {
    required
        .iter()
        .map(|wanted| {
            reports
                .iter()
                .filter(|report| report.inspector == *wanted)
                .map(|report| report.verdict)
                .max()
                .unwrap_or(Verdict::NotInspected)
        })
        .max()
        .unwrap_or(Verdict::NotInspected)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(inspector: Inspector, verdict: Verdict) -> InspectorReport {
        InspectorReport {
            inspector,
            verdict,
            why: None,
            bytes_seen: 1,
            bytes_total: 1,
            members_seen: 1,
            members_total: 1,
        }
    }

    #[test]
    fn a_required_inspector_without_an_answer_is_not_clean() {
        let reports = [report(Inspector::Kind, Verdict::Clean)];
        assert_eq!(merge(&[Inspector::Kind, Inspector::Malware], &reports), Verdict::NotInspected);
        assert_eq!(merge(&[], &reports), Verdict::NotInspected);
        assert_eq!(merge(&[Inspector::Kind], &reports), Verdict::Clean);
    }

    #[test]
    fn the_worst_verdict_holds() {
        let reports = [report(Inspector::Kind, Verdict::Bad), report(Inspector::Malware, Verdict::Error)];
        assert_eq!(merge(&[Inspector::Kind, Inspector::Malware], &reports), Verdict::Bad);
    }
}
