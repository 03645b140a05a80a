//! People, parties and lanes, as administrators record them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::RequestJson;

/// A person with their roles.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PersonJson {
    /// `pe_…`
    pub id: String,
    /// Short name, for signing in.
    pub slug: String,
    /// Name.
    pub name: String,
    /// Their party's short name; null for the hospital's people.
    pub party: Option<String>,
    /// `current` or `past`
    pub standing: String,
    /// The roles that they hold now.
    pub roles: Vec<String>,
    /// How many passkeys sign them in.
    pub passkeys: u64,
    /// The link by which they can add one now; null where there is none.
    pub invitation: Option<OpenInvitationJson>,
}

/// A link that was made and not yet used. Its text was told once.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct OpenInvitationJson {
    /// Exclusive end, RFC 3339 UTC.
    pub until: String,
    /// The short name of who made it.
    pub by: String,
}

/// A person to be recorded.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPersonJson {
    /// Short name: at most 32 lower-case letters, digits and hyphens.
    pub slug: String,
    /// Name.
    pub name: String,
    /// Their party, by short name or id; null for the hospital's people.
    #[serde(default)]
    pub party: Option<String>,
}

/// A role to be granted.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleJson {
    /// `admin`, `security`, `biomed`, `privacy`, `integration`, `receiver`, `clinician`, `auditor`; of a party's people
    /// `sender`, `respondent`
    pub role: String,
}

/// What came of granting a role.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct GrantedJson {
    /// The person, with the role if they have it now.
    pub person: PersonJson,
    /// The request that waits for two others; null where the role is granted.
    pub request: Option<RequestJson>,
}

/// A link by which a person adds a passkey.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct InvitationJson {
    /// The person's short name.
    pub person: String,
    /// The link: told once, works once.
    pub link: String,
    /// Exclusive end, RFC 3339 UTC.
    pub until: String,
}

/// A party to be recorded.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPartyJson {
    /// Short name: at most 32 lower-case letters, digits and hyphens.
    pub slug: String,
    /// Name.
    pub name: String,
    /// `manufacturer`, `distributor`, `transporter`, `contractor`, `software_developer`, `service_provider`, `agency`
    pub kind: String,
}

/// That a person left.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StandingJson {
    /// `past`
    pub standing: String,
}

/// What becomes of a party.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PartyStateJson {
    /// `suspended`; `active`, for one that was suspended and goes on; `ended`
    pub state: String,
}

/// What was checked about a party.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VettingJson {
    /// `passed` or `adverse`
    pub outcome: String,
    /// For how many days from now it counts.
    pub days: u32,
}

/// A party's key, to be added.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKeyJson {
    /// Its line for `authorized_keys`.
    pub line: String,
}

/// A party's key.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AddedKeyJson {
    /// `cr_…`
    pub id: String,
    /// `SHA256:…`, as `ssh-keygen -l` shows it.
    pub fingerprint: String,
    /// First instant at which it opens anything, RFC 3339 UTC.
    pub from: String,
}

/// A lane to be opened, or other terms for one: what is not said of one that there is stays as it is.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OpenLaneJson {
    /// The party, by short name or id.
    pub party: String,
    /// `in` or `out`
    pub direction: String,
    /// What may be sent on it; empty means any kind, and so it is for a new lane.
    #[serde(default)]
    pub kinds: Option<Vec<String>>,
    /// Inspectors whose answer is required, beside kind, archive and malware, which always are; `phi` and `signature` for a new lane.
    #[serde(default)]
    pub inspectors: Option<Vec<String>>,
    /// Who collects from an inward lane, by short name or id; on an outward lane the party itself does.
    #[serde(default)]
    pub recipients: Option<Vec<String>>,
    /// Largest object in bytes; the gate's own limit for a new lane.
    #[serde(default)]
    pub object_bytes_max: Option<u64>,
}

/// A lane with its terms.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LaneTermsJson {
    /// Name in paths.
    pub name: String,
    /// The party's short name.
    pub party: String,
    /// `in` or `out`
    pub direction: String,
    /// Whether it takes anything.
    pub open: bool,
    /// What may be sent on it; empty means any kind.
    pub kinds: Vec<String>,
    /// Every inspector whose answer is required.
    pub inspectors: Vec<String>,
    /// Who collects from it, by short name.
    pub recipients: Vec<String>,
    /// Largest object in bytes.
    pub object_bytes_max: u64,
    /// Transfers on it that are neither delivered nor over.
    pub open_transfers: u64,
}
