//! The closed list of facts. READ FIRST: everything that ever happens at a gate is one of these, in the past tense.
//!
//! A fact holds random ids, digests, keyed commitments, times and codes; never a name, a file name, a size, free text or a
//! plain content hash (those are particulars, in the store's `side`). Facts are forever: a variant's keys never change
//! meaning, a new need is a new version. The encoding is a CBOR map with integer keys in ascending order (RFC 8949
//! section 4.2.1), and the bytes stored are the bytes verified.

use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

#[cfg(test)]
mod tests;

use crate::code::Code;
use crate::decision::Outcome;
use crate::digest::{Commitment, Digest};
use crate::id::{
    Actor, Agreement, Credential, Delivery, Engagement, Gate, Id, Isolation, Lane, Object, Party, Person, Product,
    Request, Subject, Transfer, Vetting,
};
use crate::inspection::{ContentKind, Inspector, PhiPresence, SignatureState, Verdict, Why};
use crate::register::{
    AgreementKind, AgreementTerms, CredentialKind, LaneTerms, PartyKind, PartyState, PersonSide, Role, Standing,
    VettingOutcome,
};
use crate::request::{Act, Group, Means};
use crate::time::Timestamp;
use crate::transfer::{Channel, DeliveryFault, Direction, ReopenCause, TransferKind, WithholdCause};

macro_rules! facts {
    ($(
        $(#[$doc:meta])*
        $variant:ident = $kind:literal { $( $(#[$fdoc:meta])* $index:literal $field:ident : $ty:ty, )* }
    )*) => {
        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
            #[cbor(map)]
            pub struct $variant {
                $( #[doc = concat!("`", stringify!($field), "`: ")] $(#[$fdoc])* #[n($index)] pub $field: $ty, )*
            }

            impl From<$variant> for Event {
                fn from(fact: $variant) -> Event { Event::$variant(fact) }
            }
        )*

        /// A fact: something that happened.
        #[derive(Debug, Clone, PartialEq, Eq)]
        pub enum Event {
            $( $(#[$doc])* $variant($variant), )*
        }

        impl Event {
            /// Every kind's text, in the order of this file.
            pub const KINDS: &[&str] = &[$($kind),*];

            /// Every kind with the key, the name and the type of each field, as written below.
            #[cfg(test)]
            const FIELDS: &[(&str, &[(u64, &str, &str)])] =
                &[$(($kind, &[$(($index, stringify!($field), stringify!($ty)),)*]),)*];

            /// The kind's text in the ledger: the variant in snake case with its version.
            pub const fn kind(&self) -> &'static str {
                match self { $(Event::$variant(_) => $kind,)* }
            }

            /// The fact's CBOR map.
            pub fn encode(&self) -> Vec<u8> {
                match self { $(Event::$variant(fact) => to_bytes(fact),)* }
            }

            /// Reads a fact of this kind. The bytes must be exactly what [`Event::encode`] would write: one fact, one
            /// encoding.
            ///
            /// # Errors
            /// The kind is not known to this release, or the bytes are not its canonical encoding.
            pub fn decode(kind: &str, bytes: &[u8]) -> Result<Event, NotAFact> {
                let event = match kind {
                    $($kind => Event::$variant(from_bytes(bytes)?),)*
                    _ => return Err(NotAFact::UnknownKind),
                };
                if event.encode() == bytes { Ok(event) } else { Err(NotAFact::NotCanonical) }
            }
        }
    };
}

/// Bytes that are not a fact of the named kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotAFact {
    /// A newer release, or another program, wrote it.
    UnknownKind,
    /// The map has a missing, unknown or mistyped field.
    Malformed,
    /// The same fact has another, canonical encoding.
    NotCanonical,
}

impl std::fmt::Display for NotAFact {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            NotAFact::UnknownKind => "a fact of a kind that this release does not know",
            NotAFact::Malformed => "a fact with a missing, unknown or mistyped field",
            NotAFact::NotCanonical => "a fact that is not in its one canonical encoding",
        })
    }
}

impl std::error::Error for NotAFact {}

fn to_bytes<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    let written = Encoder::new(&mut out).encode(value).map(|_| ());
    assert!(written.is_ok(), "writing CBOR into memory cannot fail");
    out
}

fn from_bytes<'b, T: Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, NotAFact> {
    Decoder::new(bytes).decode().map_err(|_| NotAFact::Malformed)
}

/// The digest of the checkpoint that an epoch follows; null in the first epoch, and written so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PreviousCheckpoint(pub Option<Digest>);

impl<C> Encode<C> for PreviousCheckpoint {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        match &self.0 {
            Some(digest) => e.bytes(digest.as_bytes())?.ok(),
            None => e.null()?.ok(),
        }
    }
}

impl<'b, C> Decode<'b, C> for PreviousCheckpoint {
    fn decode(d: &mut Decoder<'b>, ctx: &mut C) -> Result<Self, decode::Error> {
        if d.datatype()? == minicbor::data::Type::Null {
            d.null()?;
            return Ok(PreviousCheckpoint(None));
        }
        Digest::decode(d, ctx).map(|digest| PreviousCheckpoint(Some(digest)))
    }
}

/// One required inspector's answer, as a fact keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct VerdictRow {
    /// Who looked.
    #[n(0)]
    pub inspector: Inspector,
    /// What they say.
    #[n(1)]
    pub verdict: Verdict,
    /// Why the answer is not plain; present for not inspected and error.
    #[n(2)]
    pub why: Option<Why>,
}

/// A rule that fired, with what it asks for (`@hold`); none for a rule that denies or permits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct FiredRule {
    /// The rule's `@id`.
    #[n(0)]
    pub rule: Code,
    /// The requirement in `@hold`, such as `approvals:2:biomed.security`.
    #[n(1)]
    pub requirement: Option<Code>,
}

facts! {
    // ── transfers ────────────────────────────────────────────────────────────────────────────────────────────────
    /// A resource is in quarantine, sealed; the peer's acknowledgement waits for this.
    TransferArrived = "transfer_arrived.v1" {
        0 transfer: Id<Transfer>,
        1 object: Id<Object>,
        2 direction: Direction,
        3 lane: Id<Lane>,
        /// The party on the other side of the gate.
        4 party: Id<Party>,
        /// Who asks for the crossing: a party's credential, or a person of the hospital.
        5 requester: Id<Actor>,
        6 channel: Channel,
        7 kind: TransferKind,
        /// The plaintext's SHA-256 under the object's key.
        8 content: Commitment,
        /// What the sender says it is, under the transfer's key.
        9 manifest: Commitment,
        /// 1 for a name not met before on this lane, then counting.
        10 version: u32,
        /// What the sender showed: whoever made it, or the link by which they came in, is never one of the approvers.
        11 credential: Option<Id<Credential>>,
    }
    /// The station answered for this object.
    TransferInspected = "transfer_inspected.v1" {
        0 transfer: Id<Transfer>,
        /// What was inspected: equal to the commitment in *arrived* exactly when the bytes were the same.
        1 content: Commitment,
        /// Digest of the ordered findings.
        2 evidence: Digest,
        3 verdicts: Vec<VerdictRow>,
        4 content_kind: ContentKind,
        5 phi: PhiPresence,
        6 is_code: bool,
        7 signature: SignatureState,
        /// Any other bad finding that people may weigh: disguised, polyglot, archive tricks, undeclared patient data.
        8 other_bad: bool,
        /// False when a digest or a signature contradicts the object.
        9 integrity_ok: bool,
        /// Digest of the inspection rules in force.
        10 rules: Digest,
    }
    /// Policy decided.
    TransferRuled = "transfer_ruled.v1" {
        0 transfer: Id<Transfer>,
        1 outcome: Outcome,
        2 rules: Vec<FiredRule>,
        3 policy: Digest,
        /// Digest of everything the policy looked at.
        4 dossier: Digest,
        /// What approvals bind: content, evidence, policy and requirement.
        5 binding: Digest,
        /// The request that people may approve, when approvals can help.
        6 request: Option<Id<Request>>,
        /// A required inspector did not answer: the held state that is never shown as clean.
        7 not_checked: bool,
    }
    /// Committed before the vault may rewrap the key.
    TransferReleased = "transfer_released.v1" {
        0 transfer: Id<Transfer>,
        1 object: Id<Object>,
        2 content: Commitment,
        3 policy: Digest,
        4 dossier: Digest,
        5 delivery: Id<Delivery>,
        /// The approvals that counted, if any were needed.
        6 request: Option<Id<Request>>,
    }
    /// A released, undelivered transfer is taken back.
    TransferWithheld = "transfer_withheld.v1" { 0 transfer: Id<Transfer>, 1 cause: WithholdCause, }
    /// Inspection starts again: new evidence, or an inspector is back.
    TransferReopened = "transfer_reopened.v1" { 0 transfer: Id<Transfer>, 1 cause: ReopenCause, }
    /// The sender takes it back before release.
    TransferWithdrawn = "transfer_withdrawn.v1" { 0 transfer: Id<Transfer>, }
    /// Nobody cured the hold in time.
    TransferExpired = "transfer_expired.v1" { 0 transfer: Id<Transfer>, }
    /// A newer version replaces it.
    TransferSuperseded = "transfer_superseded.v1" { 0 transfer: Id<Transfer>, 1 by: Id<Transfer>, }
    /// The recipient has all of it, and it is what was inspected.
    TransferDelivered = "transfer_delivered.v1" {
        0 transfer: Id<Transfer>,
        1 delivery: Id<Delivery>,
        2 recipient: Id<Actor>,
        3 content: Commitment,
    }
    /// Recorded before the first byte leaves.
    DeliveryBegun = "delivery_begun.v1" {
        0 transfer: Id<Transfer>,
        1 delivery: Id<Delivery>,
        2 recipient: Id<Actor>,
        3 attempt: u32,
        4 channel: Channel,
    }
    /// The attempt ended before the last byte; nothing counts as delivered.
    DeliveryAborted = "delivery_aborted.v1" {
        0 transfer: Id<Transfer>,
        1 delivery: Id<Delivery>,
        2 attempt: u32,
        3 fault: DeliveryFault,
    }

    // ── four eyes, for every act ─────────────────────────────────────────────────────────────────────────────────
    /// An act waits for other people.
    RequestOpened = "request_opened.v1" {
        0 request: Id<Request>,
        1 act: Act,
        /// The id of what the act changes.
        2 subject: Id<Subject>,
        3 binding: Digest,
        4 required: u8,
        5 groups: Vec<Group>,
        6 until: Timestamp,
    }
    /// One pair of eyes, bound to what they saw.
    Approved = "approved.v1" {
        0 request: Id<Request>,
        1 person: Id<Person>,
        2 group: Group,
        3 binding: Digest,
        4 means: Means,
        5 credential: Id<Credential>,
        /// The reason given, under the transfer's or request's key; none was asked where absent.
        6 reason: Option<Commitment>,
    }
    /// One refusal ends the request.
    Rejected = "rejected.v1" {
        0 request: Id<Request>,
        1 person: Id<Person>,
        2 group: Group,
        3 binding: Digest,
        4 means: Means,
        5 credential: Id<Credential>,
        6 reason: Option<Commitment>,
    }

    // ── register ─────────────────────────────────────────────────────────────────────────────────────────────────
    /// A party is known, or its standing changed.
    PartyRecorded = "party_recorded.v1" { 0 party: Id<Party>, 1 kind: PartyKind, 2 state: PartyState, }
    /// What one party does for one site.
    EngagementRecorded = "engagement_recorded.v1" {
        0 engagement: Id<Engagement>,
        1 party: Id<Party>,
        /// Exclusive end; none while it lasts.
        2 ends: Option<Timestamp>,
    }
    /// One engagement stands on another: the fourth-party edge.
    RelianceRecorded = "reliance_recorded.v1" {
        0 from: Id<Engagement>,
        1 to: Id<Engagement>,
        /// Share in thousandths, 1 to 1000.
        2 share_permille: u16,
    }
    /// A product with its maker.
    ProductRecorded = "product_recorded.v1" { 0 product: Id<Product>, 1 party: Id<Party>, }
    /// A person is known, or their standing changed.
    PersonRecorded = "person_recorded.v1" {
        0 person: Id<Person>,
        1 side: PersonSide,
        /// The party whose person this is; none on the hospital's side.
        2 party: Option<Id<Party>>,
        3 standing: Standing,
    }
    /// An agreement with its lanes; a later record of the same id replaces it.
    AgreementRecorded = "agreement_recorded.v1" {
        0 agreement: Id<Agreement>,
        1 engagement: Id<Engagement>,
        2 kind: AgreementKind,
        3 terms: AgreementTerms,
        4 lanes: Vec<LaneTerms>,
    }
    /// What was checked about a party, and until when it counts.
    VettingConcluded = "vetting_concluded.v1" {
        0 vetting: Id<Vetting>,
        1 party: Id<Party>,
        2 outcome: VettingOutcome,
        3 valid_until: Timestamp,
    }

    // ── rules and access ─────────────────────────────────────────────────────────────────────────────────────────
    /// This set of rules decides, or looks, from now on.
    PolicyActivated = "policy_activated.v1" {
        0 set: RuleSet,
        1 digest: Digest,
        /// The approvals behind it; none for the set that a gate or a release of the program begins with.
        2 request: Option<Id<Request>>,
    }
    /// A person holds a role until the end of it.
    RoleGranted = "role_granted.v1" {
        0 person: Id<Person>,
        1 role: Role,
        2 until: Option<Timestamp>,
        /// The approvals behind it; none for a role that does not vote, and while the house is founded.
        3 request: Option<Id<Request>>,
    }
    /// The role ended early.
    RoleEnded = "role_ended.v1" { 0 person: Id<Person>, 1 role: Role, }
    /// A link was made by which a person adds a passkey, once.
    PersonInvited = "person_invited.v1" { 0 person: Id<Person>, 1 until: Timestamp, }
    /// The link that was made for a person opens nothing any more.
    InvitationEnded = "invitation_ended.v1" { 0 person: Id<Person>, }
    /// A key, token or passkey belongs to this person or party.
    CredentialAdded = "credential_added.v1" {
        0 credential: Id<Credential>,
        1 kind: CredentialKind,
        2 person: Option<Id<Person>>,
        3 party: Option<Id<Party>>,
        4 valid_from: Timestamp,
        5 valid_until: Option<Timestamp>,
        /// The passkey or token by which this token was asked for, if it was by one.
        6 asked_by: Option<Id<Credential>>,
        /// Whoever made the link by which this passkey was made, if it was by one.
        7 invited_by: Option<Id<Person>>,
    }
    /// It opens nothing any more, nor does any token that was asked for by it or by one of those.
    CredentialRevoked = "credential_revoked.v1" { 0 credential: Id<Credential>, }

    // ── incidents ────────────────────────────────────────────────────────────────────────────────────────────────
    /// No byte goes in from this party or out to it.
    Isolated = "isolated.v1" { 0 isolation: Id<Isolation>, 1 party: Id<Party>, }
    /// Two people ended an isolation.
    IsolationLifted = "isolation_lifted.v1" { 0 isolation: Id<Isolation>, 1 request: Id<Request>, }

    // ── ledger, keys, operation ──────────────────────────────────────────────────────────────────────────────────
    /// Entry 0 of a tree.
    EpochOpened = "epoch_opened.v1" {
        0 epoch: u64,
        1 gate: Id<Gate>,
        2 previous: PreviousCheckpoint,
        3 reason: EpochReason,
    }
    /// A key-encryption key of the vault came into use.
    KekEpochOpened = "kek_epoch_opened.v1" { 0 purpose: u8, 1 epoch: u64, }
    /// Sign-ins, and the gate's own starts and stops; many to a fact.
    SessionsObserved = "sessions_observed.v1" { 0 seen: Vec<Observed>, }
}

/// Why a tree begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum EpochReason {
    /// The gate was made.
    #[n(0)]
    Created,
}

/// Which rules a set holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum RuleSet {
    /// What decides: Cedar.
    #[n(0)]
    Policy,
    /// What inspectors look for.
    #[n(1)]
    Inspection,
}

/// One thing that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Observed {
    /// What.
    #[n(0)]
    pub what: Observation,
    /// When.
    #[n(1)]
    pub at: Timestamp,
    /// Whose session; none for the gate itself, or for a failure whose account is unknown.
    #[n(2)]
    pub actor: Option<Id<Actor>>,
    /// By which credential, where one was shown.
    #[n(3)]
    pub credential: Option<Id<Credential>>,
}

/// What can be seen of sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Observation {
    /// The gate listens.
    #[n(0)]
    Started,
    /// It drained and stopped.
    #[n(1)]
    Stopped,
    /// Somebody signed in.
    #[n(2)]
    SignedIn,
    /// Somebody failed to.
    #[n(3)]
    SignInFailed,
}
