//! Why the domain says no, and what each side is told about it.
//!
//! Two message levels: operators see rule, fact and remedy; parties and clinicians see a code, one sentence and a fix. No
//! party-level text names an engine, a signature or a rule.

use std::fmt;

use crate::id::{Id, Transfer};
use crate::inspection::codes;

codes! {
    /// What a party is told (closed). One table serves portal, problem+json, SFTP status text and receipts.
    PartyCode {
        0 Malware = "malware",
        1 Encrypted = "encrypted",
        2 TooLarge = "too-large",
        3 UnknownType = "unknown-type",
        4 TypeMismatch = "type-mismatch",
        5 Truncated = "truncated",
        6 PhiNotAgreed = "phi-not-agreed",
        7 Unsigned = "unsigned",
        8 LaneClosed = "lane-closed",
        9 Quota = "quota",
        10 WaitingForPeople = "waiting-for-people",
        11 GateBusy = "gate-busy",
        12 DigestMismatch = "digest-mismatch",
        13 Unfinished = "unfinished",
        14 NotAllowed = "not-allowed",
        15 BadName = "bad-name",
        16 NameExists = "name-exists",
        17 WrongState = "wrong-state",
        18 StaleApproval = "stale-approval",
        19 KeyReused = "key-reused",
        20 NotFound = "not-found",
        21 DiskFull = "disk-full",
        22 SignIn = "sign-in",
        23 BadRequest = "bad-request",
        24 StepUp = "step-up",
        25 TooSlow = "too-slow",
    }
}

impl PartyCode {
    /// One sentence that says what is so.
    pub const fn sentence(self) -> &'static str {
        match self {
            PartyCode::Malware => "Harmful software was found.",
            PartyCode::Encrypted => "The file is locked with a password and could not be checked.",
            PartyCode::TooLarge => "The file, or what is packed in it, is larger than can be checked here.",
            PartyCode::UnknownType => "This kind of file could not be fully checked.",
            PartyCode::TypeMismatch => "The file is not what its name says it is.",
            PartyCode::Truncated => "The file is damaged or incomplete.",
            PartyCode::PhiNotAgreed => "The file holds patient data, and the agreement does not cover patient data.",
            PartyCode::Unsigned => "The software is not signed with a key that the hospital knows.",
            PartyCode::LaneClosed => "Nothing can be sent or collected here at the moment.",
            PartyCode::Quota => "There is no room left in your share of the gate.",
            PartyCode::WaitingForPeople => "Being reviewed by the hospital's people.",
            PartyCode::GateBusy => "The gate is busy.",
            PartyCode::DigestMismatch => "The bytes received are not the bytes announced.",
            PartyCode::Unfinished => "The upload was not finished.",
            PartyCode::NotAllowed => "This is not allowed with your account.",
            PartyCode::BadName => "The name cannot be used here.",
            PartyCode::NameExists => "Something with this name is already there.",
            PartyCode::WrongState => "This is not possible as things stand.",
            PartyCode::StaleApproval => "What you saw has changed since.",
            PartyCode::KeyReused => "This key was already used for something else.",
            PartyCode::NotFound => "There is nothing here by this name.",
            PartyCode::DiskFull => "The gate has no room to store this now.",
            PartyCode::SignIn => "Sign in first.",
            PartyCode::StepUp => "A passkey must be shown for this.",
            PartyCode::BadRequest => "The request cannot be understood.",
            PartyCode::TooSlow => "The request took too long to come.",
        }
    }

    /// What the reader can do about it; none where nothing helps but waiting.
    pub const fn fix(self) -> Option<&'static str> {
        Some(match self {
            PartyCode::Malware => "Check the computer that made this file; send a clean copy.",
            PartyCode::Encrypted => "Send it without a password.",
            PartyCode::TooLarge => "Send it in smaller parts.",
            PartyCode::UnknownType => "Send it in another format, or ask your contact at the hospital.",
            PartyCode::TypeMismatch => "Give the file its true name and send it again.",
            PartyCode::Truncated | PartyCode::Unfinished => "Send the whole file again.",
            PartyCode::PhiNotAgreed => {
                "Remove the patient data, or ask the hospital's privacy officer for an agreement that covers it."
            }
            PartyCode::Unsigned => "Sign it with your registered key, or wait for the review.",
            PartyCode::LaneClosed => "Ask your contact at the hospital.",
            PartyCode::Quota => "Wait until earlier files are checked, or ask for a larger share.",
            PartyCode::GateBusy => "Try again in a minute.",
            PartyCode::DigestMismatch => "Send the file again.",
            PartyCode::NotAllowed => "Ask your contact at the hospital for access.",
            PartyCode::BadName => "Use letters, digits, dots, hyphens and spaces; no '..', '\\' or control characters.",
            PartyCode::NameExists => "Choose another name.",
            PartyCode::StaleApproval => "Look at it again, then decide.",
            PartyCode::KeyReused => "Use a new Idempotency-Key for other content.",
            PartyCode::DiskFull => "Try again later; the hospital has been told.",
            PartyCode::SignIn => "Give a token, a key or a passkey that the gate knows.",
            PartyCode::StepUp => "Sign in to the console with your passkey, and do it there.",
            PartyCode::TooSlow => "Send it again, all at once.",
            PartyCode::BadRequest => "See the detail, and the API's description under /api/v1/openapi.json.",
            PartyCode::WaitingForPeople | PartyCode::WrongState | PartyCode::NotFound => return None,
        })
    }
}

/// Why the domain says no. Every refusal has a code for parties and a sentence for operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The lane does not exist for this caller, is closed, or goes the other way.
    LaneClosed,
    /// The lane does not take this kind.
    KindNotOnLane,
    /// The party is isolated: no byte goes in or out.
    Isolated,
    /// Over the lane's or the gate's size limit.
    TooLarge,
    /// The party's reserved bytes or uploads are used up.
    Quota,
    /// The caller may not do this.
    NotAllowed,
    /// There is no such thing, or not for this caller.
    NotFound,
    /// The stage of the transfer, or the state of what else is meant, does not allow the act.
    WrongState,
    /// Approvers never decide their own request.
    OwnRequest,
    /// The voter is in none of the groups asked, is past, or is the party's own.
    NotInRole,
    /// Whoever let the sender in, by a key, a token or a link, never decides on what they send.
    LetSenderIn,
    /// This person has voted on this request.
    VotedAlready,
    /// Nobody could grant it: without whoever asks there are too few in the groups that would be asked.
    TooFewOthers,
    /// Content, findings, policy or requirement changed since the voter looked.
    StaleApproval,
    /// The step-up is older than five minutes.
    StepUpNeeded,
    /// The same key came with other bytes.
    KeyReused,
    /// The same key and bytes: this transfer is the answer.
    Already(Id<Transfer>),
    /// The name exists and the caller asked not to replace it.
    NameExists,
    /// What arrived is not what was announced.
    DigestMismatch,
    /// Released, but the decision no longer holds on what is true now.
    NoLongerCleared,
    /// The value is already so.
    Unchanged,
    /// Nobody gives a role or a link to themselves.
    NotOneself,
    /// The role is for people of the other side.
    OtherSide,
    /// A request about the same waits for votes.
    WaitsAlready,
    /// The gate would be without an administrator who can sign in.
    LastAdministrator,
    /// An account that votes is not opened by a link.
    ApproverKnown,
    /// A role that votes is for whoever can sign in already.
    NotEnrolled,
    /// They have a passkey, and add others themselves.
    HasPasskey,
    /// The party has no contract in force.
    NoContract,
    /// Inward lanes have people who collect, outward lanes have none.
    WrongRecipients,
    /// A contract has no room for another lane.
    TooManyLanes,
    /// What would be recorded is longer than an entry of the ledger.
    EntryTooLong,
}

impl Refusal {
    /// What a party is told.
    pub const fn code(self) -> PartyCode {
        match self {
            Refusal::LaneClosed | Refusal::Isolated | Refusal::NoLongerCleared => PartyCode::LaneClosed,
            Refusal::KindNotOnLane
            | Refusal::NotAllowed
            | Refusal::OwnRequest
            | Refusal::NotInRole
            | Refusal::LetSenderIn
            | Refusal::VotedAlready
            | Refusal::NotOneself
            | Refusal::OtherSide => PartyCode::NotAllowed,
            Refusal::StepUpNeeded => PartyCode::StepUp,
            Refusal::TooLarge => PartyCode::TooLarge,
            Refusal::Quota => PartyCode::Quota,
            Refusal::NotFound => PartyCode::NotFound,
            Refusal::WrongState
            | Refusal::Already(_)
            | Refusal::Unchanged
            | Refusal::WaitsAlready
            | Refusal::TooFewOthers
            | Refusal::LastAdministrator
            | Refusal::ApproverKnown
            | Refusal::NotEnrolled
            | Refusal::HasPasskey
            | Refusal::NoContract
            | Refusal::TooManyLanes
            | Refusal::EntryTooLong => PartyCode::WrongState,
            Refusal::WrongRecipients => PartyCode::BadRequest,
            Refusal::StaleApproval => PartyCode::StaleApproval,
            Refusal::KeyReused => PartyCode::KeyReused,
            Refusal::NameExists => PartyCode::NameExists,
            Refusal::DigestMismatch => PartyCode::DigestMismatch,
        }
    }

    /// Fact and remedy for the hospital's own people.
    pub const fn operator_text(self) -> &'static str {
        match self {
            Refusal::LaneClosed => {
                "no open lane of this name in this direction: an administrator opens one, lazaret lanes open"
            }
            Refusal::KindNotOnLane => {
                "the lane does not list this kind: an administrator gives it other terms, lazaret lanes open"
            }
            Refusal::Isolated => "the party is isolated: two people can lift the isolation",
            Refusal::TooLarge => "larger than the lane allows: raise the lane's limit or send parts",
            Refusal::Quota => "the party's quota is reserved: wait for decisions or raise the quota",
            Refusal::NotAllowed => "the caller's roles do not allow this: grant the role",
            Refusal::NotFound => "nothing by this name that the caller may see",
            Refusal::WrongState => {
                "what this is about stands where the act is not possible: look at it again, it may have moved on"
            }
            Refusal::OwnRequest => "the requester is never one of the approvers: ask somebody else",
            Refusal::NotInRole => "not in a group that this request asks for: ask one of its members",
            Refusal::LetSenderIn => {
                "whoever let the sender in, by a key, a token or a link, is never one of the approvers: ask somebody else"
            }
            Refusal::VotedAlready => "this person has voted: another person is needed",
            Refusal::TooFewOthers => {
                "without whoever asks, too few people are in the groups that grant this: give more people the role, or let \
                 somebody of another group ask"
            }
            Refusal::StaleApproval => "content, findings or rules changed since: look again, then vote",
            Refusal::StepUpNeeded => {
                "a passkey must be shown for this very act, within five minutes: show it, in the console"
            }
            Refusal::KeyReused => "the idempotency key was used with other bytes: use a new key",
            Refusal::Already(_) => "already received: the first answer stands",
            Refusal::NameExists => "the name exists and the sender asked not to replace it",
            Refusal::DigestMismatch => "the received bytes do not have the announced digest: send again",
            Refusal::NoLongerCleared => "what is true now no longer allows the release: it is ruled again",
            Refusal::Unchanged => "it is already so",
            Refusal::NotOneself => "nobody gives a role or a link to themselves: ask another administrator",
            Refusal::OtherSide => {
                "sender and respondent are roles of a party's people, the others of the hospital's: grant one of theirs"
            }
            Refusal::WaitsAlready => "a request about the same waits for votes: see lazaret requests list",
            Refusal::LastAdministrator => {
                "the gate would be without an administrator who can sign in: let another one in first, or add a passkey of your own"
            }
            Refusal::ApproverKnown => {
                "they may vote, and whoever makes a link could use it: end that role, invite them, and have it granted again"
            }
            Refusal::NotEnrolled => {
                "a role that votes is for whoever can sign in already: invite them first, lazaret people invite, and ask them \
                 whether the passkey that was made then is theirs"
            }
            Refusal::HasPasskey => {
                "they have a passkey: signed in, they add others on their account's page; one that was lost is revoked first: \
                 lazaret credentials list --of NAME, lazaret credentials revoke ID"
            }
            Refusal::NoContract => {
                "the party has no contract in force: lazaret parties agree PARTY --kind contract --days N"
            }
            Refusal::WrongRecipients => {
                "an inward lane has 1 to 64 people who collect, an outward lane none: name them so"
            }
            Refusal::TooManyLanes => "a contract has at most 32 lanes: open a closed one again with other terms",
            Refusal::EntryTooLong => {
                "one entry of the ledger has at most 65535 bytes, and this would be longer: name fewer things at once"
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.operator_text())
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_register_refuses_is_titled_by_what_is_so() {
        let refusals = [
            Refusal::WrongState,
            Refusal::Unchanged,
            Refusal::WaitsAlready,
            Refusal::TooFewOthers,
            Refusal::LastAdministrator,
            Refusal::ApproverKnown,
            Refusal::NotEnrolled,
            Refusal::HasPasskey,
            Refusal::NoContract,
            Refusal::TooManyLanes,
            Refusal::EntryTooLong,
        ];
        for refusal in refusals {
            let title = refusal.code().sentence();
            assert_eq!(title, "This is not possible as things stand.", "{refusal:?}");
            let speaks_of_one_thing = ["transfer", "stage", "person waits"];
            assert!(speaks_of_one_thing.iter().all(|word| !refusal.operator_text().contains(word)), "{refusal:?}");
        }
    }
}
