//! What the command line prints as JSON, where that is more or less than what the API answers.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Because, LeverJson, TransferJson, WhoJson};

/// One object that was sent: one line of `lazaret send --json`. Its keys are part of the outside contract.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SentJson {
    /// The file that was sent, as it was named.
    pub(crate) file: String,
    /// `LZ-…`
    pub(crate) reference: String,
    /// `tr_…`
    pub(crate) id: String,
    /// The stage.
    pub(crate) state: String,
    /// Why; empty where only the party's own words are known.
    pub(crate) because: Vec<Because>,
    /// The smallest sets of acts that release it.
    pub(crate) would_release: Vec<Vec<LeverJson>>,
    /// Who can do them.
    pub(crate) who: Vec<WhoJson>,
    /// Where the receipt was written.
    pub(crate) receipt_file: Option<String>,
}

/// A transfer as `transfers …` prints it: the API's answer, and the file that was written, under the same key as in
/// [`SentJson`].
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ShownJson {
    /// What the API says.
    #[serde(flatten)]
    pub(crate) transfer: TransferJson,
    /// The file that this act wrote.
    pub(crate) receipt_file: Option<String>,
}

/// What `lazaret login` keeps: a file that only its owner reads. It has no `Debug`, so that no message tells the token.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LoginJson {
    /// `https://HOST:PORT`
    pub(crate) server: String,
    /// Certificates of the authority to trust, in PEM.
    pub(crate) ca_pem: String,
    /// The bearer token.
    pub(crate) token: String,
    /// The name of whoever it speaks for.
    pub(crate) name: String,
}

impl fmt::Debug for LoginJson {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LoginJson").field("server", &self.server).field("name", &self.name).finish_non_exhaustive()
    }
}

/// A receipt that was checked: `lazaret verify --json`.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct VerifiedJson {
    /// The receipt's file.
    pub(crate) receipt: String,
    /// Whether everything that was asked for is proved.
    pub(crate) ok: bool,
    /// Why not.
    pub(crate) failure: Option<String>,
    /// `LZ-…`
    pub(crate) reference: Option<String>,
    /// `tr_…`
    pub(crate) id: Option<String>,
    /// The log.
    pub(crate) origin: Option<String>,
    /// Index of the latest entry.
    pub(crate) index: Option<u64>,
    /// Entries of the log when it was signed.
    pub(crate) size: Option<u64>,
    /// The path that the sender gave it.
    pub(crate) name: Option<String>,
    /// Bytes that arrived.
    pub(crate) bytes: Option<u64>,
    /// SHA-256 of the content, hex.
    pub(crate) sha256: Option<String>,
    /// Whether the file given with `--content` is the one; null where none was given.
    pub(crate) content_matches: Option<bool>,
    /// The stage in which the story leaves the transfer; null where this release cannot tell.
    pub(crate) outcome: Option<String>,
    /// What happened, oldest first.
    pub(crate) entries: Vec<ProvedJson>,
    /// Reasons that voters gave, where the receipt shows them.
    pub(crate) reasons: Vec<String>,
    /// Trusted witnesses that cosigned, in the order of the trust file.
    pub(crate) witnesses: Vec<WitnessJson>,
}

/// A trusted witness that cosigned.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct WitnessJson {
    /// What the trust file calls it.
    pub(crate) name: String,
    /// When, in seconds since 1970, as the witness says: each time once, rising.
    pub(crate) times_s: Vec<u64>,
}

/// One proved entry.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ProvedJson {
    /// Where it stands.
    pub(crate) index: u64,
    /// The fact's kind.
    pub(crate) kind: String,
    /// When, RFC 3339 UTC, as the gate says.
    pub(crate) at: String,
    /// What it says, in words.
    pub(crate) text: String,
}

/// What `lazaret fsck --json` prints.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FsckJson {
    /// Whether everything is as the ledger says.
    pub(crate) ok: bool,
    /// What is not.
    pub(crate) violations: Vec<ViolationJson>,
    /// What was looked at.
    pub(crate) checked: CheckedJson,
}

/// One thing that is not as the ledger says.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ViolationJson {
    /// Where.
    pub(crate) part: String,
    /// What.
    pub(crate) what: String,
}

/// What was looked at, in numbers.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct CheckedJson {
    /// Entries of the ledger.
    pub(crate) entries: u64,
    /// Registers that were rebuilt and compared.
    pub(crate) registers: u64,
    /// Tiles and bundles of the log.
    pub(crate) tiles: u64,
    /// Objects.
    pub(crate) objects: u64,
    /// Receipts that were made and verified, of the newest transfers.
    pub(crate) receipts: u64,
    /// Blobs that nobody names any more; a running gate removes them.
    pub(crate) orphans: u64,
}

/// What `lazaret inspect --json` prints for one file: `lazaret.inspect/1`.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct InspectJson {
    /// `lazaret.inspect/1`
    pub(crate) schema: String,
    /// The file as it was named.
    pub(crate) file: String,
    /// Bytes.
    pub(crate) size: u64,
    /// What it was found to be.
    pub(crate) kind: String,
    /// The worst answer.
    pub(crate) verdict: String,
    /// Every inspector's answer.
    pub(crate) inspectors: Vec<InspectorJson>,
    /// Who could be identified by it.
    pub(crate) phi: PhiJson,
    /// What was found.
    pub(crate) findings: Vec<FindingJson>,
}

/// One inspector's answer.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct InspectorJson {
    /// Who looked.
    pub(crate) name: String,
    /// `clean`, `not_inspected`, `error`, `bad`
    pub(crate) verdict: String,
    /// Why it is not a plain answer.
    pub(crate) reason: Option<String>,
    /// How much was seen.
    pub(crate) covered: CoveredJson,
    /// The inspector's version.
    pub(crate) version: String,
    /// Digest of the rules that looked, where there are rules.
    pub(crate) rules: Option<String>,
}

/// How much was seen.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct CoveredJson {
    /// Bytes looked at, members included.
    pub(crate) bytes: u64,
    /// Bytes there were.
    pub(crate) of: u64,
    /// Members looked at; the object counts as one.
    pub(crate) members: u64,
    /// Members there were.
    pub(crate) of_members: u64,
}

/// Who could be identified.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PhiJson {
    /// `yes`, `no`, `unknown`
    pub(crate) present: String,
    /// Safe Harbor letters found.
    pub(crate) letters: Vec<String>,
    /// Spans that identify directly.
    pub(crate) direct: u64,
    /// Spans that identify with others.
    pub(crate) indirect: u64,
    /// Spans by whom they are about.
    pub(crate) classes: ClassesJson,
}

/// Spans by whom they are about.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct ClassesJson {
    /// Patients.
    pub(crate) patient: u64,
    /// People related to a patient.
    pub(crate) related: u64,
    /// Staff.
    pub(crate) staff: u64,
    /// Businesses, authors, suppliers.
    pub(crate) business: u64,
    /// Nobody knows.
    pub(crate) unknown: u64,
}

/// One thing found in one member.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FindingJson {
    /// Who found it.
    pub(crate) inspector: String,
    /// The rule.
    pub(crate) rule: String,
    /// The member's name under each archive's name, the file's first.
    pub(crate) path: Vec<String>,
    /// What it means; `clean` is a note.
    pub(crate) verdict: String,
}

/// What `lazaret policy test --json` prints.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct PolicyTestJson {
    /// The set, `sha256:…`
    pub(crate) policy: String,
    /// Cases that came out as they must.
    pub(crate) passed: u64,
    /// Cases that did not.
    pub(crate) failed: Vec<FailedCaseJson>,
}

/// A case that came out otherwise.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FailedCaseJson {
    /// Its line.
    pub(crate) line: u64,
    /// The rule that it is about.
    pub(crate) rule: String,
    /// What must come of it.
    pub(crate) expected: String,
    /// What came.
    pub(crate) got: String,
}
