//! The JSON of the API. Types live here and only here; core's types never serialise.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Error, Result};

mod printed;
mod register;

pub(crate) use printed::{
    CheckedJson, ClassesJson, CoveredJson, FailedCaseJson, FindingJson, FsckJson, InspectJson, InspectorJson,
    LoginJson, PhiJson, PolicyTestJson, ProvedJson, SentJson, ShownJson, VerifiedJson, ViolationJson, WitnessJson,
};

pub(crate) use register::{
    AddedKeyJson, GrantedJson, InvitationJson, LaneTermsJson, NewKeyJson, NewPartyJson, NewPersonJson,
    OpenInvitationJson, OpenLaneJson, PartyStateJson, PersonJson, RoleJson, StandingJson, VettingJson,
};

/// A value with a JSON form.
pub trait Json {
    /// Its JSON text.
    ///
    /// # Errors
    /// A value that JSON cannot express; ours all can.
    fn to_json(&self) -> Result<String>;
}

impl<T: Serialize> Json for T {
    fn to_json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(Error::internal)
    }
}

/// A type that is read from JSON.
pub(crate) trait FromJson: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// As [`from_json`].
    fn from_json(text: &[u8]) -> std::result::Result<Self, String>;
}

impl<T: for<'de> Deserialize<'de>> FromJson for T {
    fn from_json(text: &[u8]) -> std::result::Result<T, String> {
        from_json(text)
    }
}

/// A value read from JSON.
///
/// # Errors
/// The text is not of this shape; the message says where.
pub fn from_json<T: for<'de> Deserialize<'de>>(text: &[u8]) -> std::result::Result<T, String> {
    serde_json::from_slice(text).map_err(|error| error.to_string())
}

/// A problem (RFC 9457), with what helps.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Path of the help page: one string everywhere.
    #[serde(rename = "type")]
    pub kind: String,
    /// The party-level sentence.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// For insiders: fact and remedy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The party-level code.
    pub code: String,
    /// What the reader can do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// The transfer it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// One reason of a decision.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Because {
    /// The rule's id.
    pub rule: String,
    /// Why, in words.
    pub reason: String,
}

/// One thing that somebody can do.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LeverJson {
    /// What.
    pub lever: String,
    /// For an approval, the group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// Who can do it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WhoJson {
    /// What.
    pub lever: String,
    /// For an approval, the group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Names of the hospital's people who can; the party itself where empty.
    pub people: Vec<String>,
}

/// One inspector's answer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct VerdictJson {
    /// Who looked.
    pub inspector: String,
    /// What they say.
    pub verdict: String,
    /// Why it is not a plain answer.
    pub reason: Option<String>,
}

/// One step of a transfer's history.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct HistoryJson {
    /// Position in the ledger.
    pub position: String,
    /// When, RFC 3339 UTC.
    pub at: String,
    /// The fact's kind.
    pub kind: String,
    /// Who acted, by name where it may be shown.
    pub by: String,
}

/// A transfer, as its reader may see it. Operators see rules and verdicts; parties and clinicians see code, sentence
/// and fix.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct TransferJson {
    /// `LZ-…`
    pub reference: String,
    /// `tr_…`
    pub id: String,
    /// The stage, or for a party the word its people see.
    pub state: String,
    /// `in` or `out`
    pub direction: String,
    /// The lane's name.
    pub lane: String,
    /// The party's short name.
    pub party: String,
    /// The path on the lane.
    pub name: String,
    /// Bytes.
    pub bytes: u64,
    /// SHA-256, hex.
    pub sha256: String,
    /// What it was found to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// When it arrived, RFC 3339 UTC.
    pub received: String,
    /// Since when it stands there.
    pub since: String,
    /// Party-level code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Party-level sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What the party can do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// Why, for insiders.
    pub because: Vec<Because>,
    /// The smallest sets of acts that release it.
    pub would_release: Vec<Vec<LeverJson>>,
    /// Who can do them.
    pub who: Vec<WhoJson>,
    /// What a vote binds; send it back with the vote.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binding: Option<String>,
    /// Votes that count and votes needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approvals: Option<TallyJson>,
    /// Every inspector's answer.
    pub verdicts: Vec<VerdictJson>,
    /// Whether it identifies a person: `yes`, `no`, `unknown`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phi: Option<String>,
    /// What happened, in order.
    pub history: Vec<HistoryJson>,
    /// Where the receipt is, once signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
}

/// Votes that count and votes needed.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, ToSchema)]
pub struct TallyJson {
    /// Votes that count.
    pub counted: usize,
    /// Votes needed.
    pub required: u8,
}

/// A page of a list.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ListJson<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Give this as `after` for the next page.
    pub next: Option<String>,
}

/// A vote.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VoteJson {
    /// `approve` or `reject`
    pub vote: String,
    /// The binding that the voter saw.
    pub binding: String,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

/// What a parties list shows.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PartyJson {
    /// `pa_…`
    pub id: String,
    /// Short name.
    pub slug: String,
    /// Name.
    pub name: String,
    /// Kind.
    pub kind: String,
    /// State.
    pub state: String,
    /// Whether it is isolated.
    pub isolated: bool,
    /// Its lanes, inbound first.
    pub lanes: Vec<LaneJson>,
}

/// A lane.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LaneJson {
    /// Name in paths.
    pub name: String,
    /// `in` or `out`
    pub direction: String,
}

/// What isolating would stop.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct IsolationJson {
    /// The party's short name.
    pub party: String,
    /// Whether it is isolated now.
    pub isolated: bool,
    /// Open transfers that stand still.
    pub open_transfers: u64,
    /// Released, undelivered ones that are taken back.
    pub released: u64,
    /// Uploads that are cut.
    pub uploads: u64,
}

/// Who the caller is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct WhoamiJson {
    /// Name.
    pub name: String,
    /// Id.
    pub id: String,
    /// Roles.
    pub roles: Vec<String>,
    /// Party, if the caller acts for one.
    pub party: Option<String>,
}

/// One line of a sender's journal: what became of one object, at one fact.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct JournalJson {
    /// Version of this form: 1.
    pub v: u32,
    /// Position of the fact in the ledger; none for an upload that became no transfer.
    pub seq: Option<u64>,
    /// `LZ-…`; none for an upload that became no transfer.
    pub reference: Option<String>,
    /// The lane's name.
    pub lane: String,
    /// The path on the lane, as it arrived.
    pub name: String,
    /// 1 for a name not met before on the lane, then counting.
    pub version: u32,
    /// Bytes.
    pub bytes: u64,
    /// SHA-256, hex; empty for an upload that became no transfer.
    pub sha256: String,
    /// When it arrived, or when the upload ended.
    pub received: String,
    /// `checking`, `reviewing`, `not-checked`, `accepted`, `delivered`, `refused`, `withdrawn`, `expired`, `replaced`,
    /// `not-received`
    pub state: String,
    /// Why, as a code.
    pub code: Option<String>,
    /// Why, in a sentence.
    pub text: Option<String>,
    /// What the sender can do.
    pub fix: Option<String>,
    /// How often the same object was sent again and collapsed into this one.
    pub repeats: u32,
    /// Where the receipt is, once signed.
    pub receipt: Option<String>,
}

/// A request that waits for votes, on something that is no transfer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RequestJson {
    /// `rq_…`
    pub id: String,
    /// What is asked for.
    pub act: String,
    /// The party it concerns, by its short name.
    pub party: Option<String>,
    /// The transfer it concerns.
    pub reference: Option<String>,
    /// The person it concerns, by their short name.
    pub person: Option<String>,
    /// The role that the person would hold.
    pub role: Option<String>,
    /// Since when the person can sign in: ask them whether that passkey is theirs.
    pub enters_since: Option<String>,
    /// Who made the links by which the person came in, by short name.
    pub invited_by: Vec<String>,
    /// What a vote binds; send it back with the vote.
    pub binding: String,
    /// Votes that count and votes needed.
    pub approvals: TallyJson,
    /// Groups that must be among the voters.
    pub groups: Vec<String>,
    /// When the request ends.
    pub until: String,
}

/// The rules in force.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PolicyJson {
    /// `sha256:…`
    pub digest: String,
    /// Every rule, by id.
    pub rules: Vec<RuleJson>,
}

/// One rule.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RuleJson {
    /// `@id`
    pub id: String,
    /// `@reason`
    pub reason: String,
    /// What it asks for.
    pub hold: Option<String>,
    /// Its text.
    pub text: String,
}

/// What somebody proves themselves by, with what tells one from another.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CredentialJson {
    /// `cr_…`
    pub id: String,
    /// `token`, `passkey`, `ssh_key`, `signing_key`, or another.
    pub kind: String,
    /// Of an SSH key, its fingerprint as `ssh-keygen -l` shows it.
    pub fingerprint: Option<String>,
    /// When it was made, RFC 3339 UTC.
    pub made: Option<String>,
    /// Who made it, by name; `the gate` for a passkey that was made by a link, and to a party `the hospital` for its people.
    pub made_by: Option<String>,
    /// Of a token, the passkey or token by which it was asked for: it ends with that.
    pub asked_by: Option<String>,
    /// First instant at which it opens anything, RFC 3339 UTC.
    pub from: String,
    /// Exclusive end; null where it has none.
    pub until: Option<String>,
}

/// A token of the caller's own. It has no `Debug`, so that no message tells it.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenJson {
    /// `cr_…`
    pub id: String,
    /// First instant at which it opens anything, RFC 3339 UTC.
    pub from: String,
    /// Exclusive end; null where it has none.
    pub until: Option<String>,
    /// The token itself: told once, when it is made; null ever after.
    pub token: Option<String>,
}

impl fmt::Debug for TokenJson {
    /// Without the token itself.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenJson").field("id", &self.id).field("until", &self.until).finish_non_exhaustive()
    }
}

/// A token to be made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTokenJson {
    /// For how many days, 1 to 365.
    pub days: u32,
}

/// What would be decided if something else were so.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SupposedJson {
    /// `LZ-…`
    pub reference: String,
    /// What the rules say now: `release`, `hold`, `deny`
    pub now: String,
    /// What they would say.
    pub would_be: String,
    /// The rules that would say so.
    pub because: Vec<Because>,
}

/// What another set of rules would decide otherwise, on what is true now.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SimulationJson {
    /// The set in force, `sha256:…`
    pub policy: String,
    /// The other, `sha256:…`
    pub candidate: String,
    /// Transfers that were decided again, the newest.
    pub looked_at: u64,
    /// How many would change, by what they are and what they would be.
    pub classes: Vec<ChangeClassJson>,
    /// Which, at most the newest thousand.
    pub changes: Vec<ChangeJson>,
}

/// How many decisions would change in the same way.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChangeClassJson {
    /// `release`, `hold`, `deny`
    pub from: String,
    /// What it would be.
    pub to: String,
    /// How many.
    pub count: u64,
}

/// One decision that would be another.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChangeJson {
    /// `LZ-…`
    pub reference: String,
    /// `release`, `hold`, `deny`
    pub from: String,
    /// What it would be.
    pub to: String,
    /// The rules that would say so.
    pub rules: Vec<String>,
}

/// Whether the gate can do its work.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReadyzJson {
    /// Whether it takes and releases.
    pub ready: bool,
    /// What is not as it should be, the worst first; told on the `admin` listener only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<Vec<PartJson>>,
}

/// A part of the gate that is not as it should be.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PartJson {
    /// The part.
    pub part: String,
    /// How it is.
    pub state: String,
    /// What to do.
    pub fix: String,
}

/// Where a running gate is found: the ready file.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReadyJson {
    /// The program's version.
    pub version: String,
    /// `https://localhost:PORT`
    pub https: String,
    /// `https://127.0.0.1:PORT`
    pub admin: String,
    /// The certificate authority to trust.
    pub ca_file: String,
    /// What `lazaret verify` trusts.
    pub trust_file: String,
    /// The SFTP door.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sftp: Option<SftpJson>,
    /// A one-time link to enrol the first administrator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub setup_link_file: Option<String>,
    /// The demo's people.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub people: Vec<ReadyPersonJson>,
    /// The demo's parties.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub parties: Vec<ReadyPartyJson>,
}

/// The SFTP door.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct SftpJson {
    /// Host.
    pub host: String,
    /// Port.
    pub port: u16,
    /// `SHA256:…`
    pub host_key_fingerprint: String,
}

/// A person of the demo.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReadyPersonJson {
    /// Short name.
    pub name: String,
    /// `pe_…`
    pub id: String,
    /// Roles.
    pub roles: Vec<String>,
    /// Bearer token.
    pub token_file: String,
    /// SSH user.
    pub sftp_user: String,
    /// SSH private key.
    pub ssh_key_file: String,
}

/// A party of the demo.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ReadyPartyJson {
    /// Short name.
    pub name: String,
    /// `pa_…`
    pub id: String,
    /// Bearer token.
    pub token_file: String,
    /// SSH user.
    pub sftp_user: String,
    /// The directory to put files into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sftp_inbox: Option<String>,
    /// SSH private key.
    pub ssh_key_file: String,
    /// Its lanes.
    pub lanes: Vec<LaneJson>,
}

/// An agreement to be recorded.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgreementJson {
    /// `contract`, `baa` or `dpa`
    pub kind: String,
    /// For how many days from now it is in force.
    pub days: u32,
}

/// What a browser needs to make or show a passkey.
#[derive(Debug, Serialize)]
pub struct CeremonyJson<T> {
    /// Names this attempt; it goes back with the answer.
    pub handle: String,
    /// For `navigator.credentials`, with bytes in base64url.
    pub options: T,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_in_no_debug_text() {
        let text = |token: &str| Some(token.to_owned());
        let made = TokenJson { id: "cr_1".into(), from: String::new(), until: None, token: text("lzt_live") };
        let kept = LoginJson { server: "s".into(), ca_pem: "p".into(), token: "lzt_live".into(), name: "n".into() };
        let page = ListJson { items: vec![made], next: None };
        for printed in [format!("{page:?}"), format!("{kept:?}")] {
            assert!(!printed.contains("lzt_live"), "{printed}");
        }
    }
}
