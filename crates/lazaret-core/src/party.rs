//! The pure decisions about parties and their agreements.

use crate::caller::{Caller, Who};
use crate::digest::{Commitment, Digest};
use crate::event::{
    AgreementRecorded, Approved, Event, Isolated, IsolationLifted, PartyRecorded, Rejected, RequestOpened,
};
use crate::id::{Agreement, Engagement, Id, Isolation, Party, Person, Request};
use crate::refusal::Refusal;
use crate::register::{AgreementKind, AgreementTerms, PartyKind, PartyState, Role};
use crate::request::{Act, FourEyes, Group, RequestView, can_be_granted, groups_of};
use crate::time::{DAY_MS, HOUR_MS, Timestamp};

/// How long a request for an administrative act waits.
pub const ADMIN_REQUEST_MS_MAX: u64 = HOUR_MS;
/// How long an agreement lasts at most, in days.
pub const AGREEMENT_DAYS_MAX: u32 = 36_500;

/// Whether one may isolate: security, or an administrator.
///
/// # Errors
/// Another role.
pub fn may_isolate(caller: &Caller) -> Result<(), Refusal> {
    let may = caller.has_role(Role::Security) || caller.has_role(Role::Admin);
    if may { Ok(()) } else { Err(Refusal::NotAllowed) }
}

/// One person may isolate.
///
/// # Errors
/// As [`may_isolate`]; an isolation of the party is open.
pub fn isolate(
    caller: &Caller,
    party: Id<Party>,
    open: Option<Id<Isolation>>,
    isolation: Id<Isolation>,
) -> Result<Event, Refusal> {
    may_isolate(caller)?;
    if open.is_some() {
        return Err(Refusal::Unchanged);
    }
    Ok(Isolated { isolation, party }.into())
}

/// Whether one may ask for an isolation to end. Whoever asks is not one of the two who grant it, so that more roles may ask.
///
/// # Errors
/// Not an approver or administrator.
pub fn may_ask_to_lift(caller: &Caller) -> Result<(), Refusal> {
    let may = Group::ALL.iter().any(|group| caller.has_role(group.role()));
    if may { Ok(()) } else { Err(Refusal::NotAllowed) }
}

/// Asks two others to lift an isolation.
///
/// # Errors
/// As [`may_ask_to_lift`]; without them there are not two of security.
pub fn ask_to_lift(
    caller: &Caller,
    isolation: Id<Isolation>,
    request: Id<Request>,
    members: &[(Group, Id<Person>)],
    at: Timestamp,
) -> Result<Event, Refusal> {
    may_ask_to_lift(caller)?;
    can_be_granted(2, &[Group::Security], caller.actor(), members)?;
    Ok(RequestOpened {
        request,
        act: Act::LiftIsolation,
        subject: isolation.cast(),
        binding: Digest::of_parts([b"lazaret/lift/v1".as_slice(), isolation.as_bytes()]),
        required: 2,
        groups: vec![Group::Security],
        until: at.plus_millis(ADMIN_REQUEST_MS_MAX),
    }
    .into())
}

/// Two people granted it: the isolation ends.
///
/// # Errors
/// Nothing but the proof's own constructor can fail.
pub fn lift(isolation: Id<Isolation>, eyes: &FourEyes) -> Event {
    IsolationLifted { isolation, request: eyes.request() }.into()
}

/// What becomes of a relation that was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Nothing more of it is released, until it goes on.
    Suspend,
    /// What was suspended goes on: as one that is being vetted, which is active where it passed and its contract is in force.
    Resume,
    /// It is over, and nothing of it opens the gate.
    End,
}

/// Suspends a party, lets it go on, or ends it. One administrator may, as one lets a party in.
///
/// # Errors
/// Not an administrator; it is so; one that ended, which stays ended, or one that goes on already.
pub fn turn(
    caller: &Caller,
    (party, kind, state): (Id<Party>, PartyKind, PartyState),
    turn: Turn,
) -> Result<Event, Refusal> {
    if !(caller.is_hospital_person() && caller.has_role(Role::Admin)) {
        return Err(Refusal::NotAllowed);
    }
    let state = match (turn, state) {
        (Turn::End, PartyState::Ended) | (Turn::Suspend, PartyState::Suspended) => return Err(Refusal::Unchanged),
        (Turn::Suspend | Turn::Resume, PartyState::Ended) => return Err(Refusal::WrongState),
        (Turn::Suspend, PartyState::Stub | PartyState::Vetting | PartyState::Active) => PartyState::Suspended,
        (Turn::Resume, PartyState::Suspended) => PartyState::Vetting,
        (Turn::Resume, PartyState::Stub | PartyState::Vetting | PartyState::Active) => return Err(Refusal::Unchanged),
        (Turn::End, PartyState::Stub | PartyState::Vetting | PartyState::Active | PartyState::Suspended) => {
            PartyState::Ended
        }
    };
    Ok(PartyRecorded { party, kind, state }.into())
}

/// Whether one may record agreements: a privacy officer, or an administrator.
///
/// # Errors
/// Another role.
pub fn may_agree(caller: &Caller) -> Result<(), Refusal> {
    let may = caller.has_role(Role::Privacy) || caller.has_role(Role::Admin);
    if may { Ok(()) } else { Err(Refusal::NotAllowed) }
}

/// A privacy officer or an administrator records an agreement that covers patient data, from now on for so many days. It does not
/// count for what they themselves ask to cross, nor people whom they recorded or invited: the dossier looks for one that somebody
/// else recorded.
///
/// # Errors
/// As [`may_agree`]; a kind of agreement that covers none; no day, or more than [`AGREEMENT_DAYS_MAX`].
pub fn agree(
    caller: &Caller,
    engagement: Id<Engagement>,
    agreement: Id<Agreement>,
    kind: AgreementKind,
    days: u32,
    at: Timestamp,
) -> Result<Event, Refusal> {
    may_agree(caller)?;
    let covers = matches!(kind, AgreementKind::Baa | AgreementKind::Dpa);
    if !covers || !(1..=AGREEMENT_DAYS_MAX).contains(&days) {
        return Err(Refusal::WrongState);
    }
    let terms = AgreementTerms { effective: at, expires: Some(at.plus_millis(u64::from(days) * DAY_MS)) };
    Ok(AgreementRecorded { agreement, engagement, kind, terms, lanes: Vec::new() }.into())
}

/// A vote for, or against.
///
/// # Errors
/// The request does not take it from this person now.
pub fn vote(
    view: &RequestView,
    caller: &Caller,
    group: Group,
    binding: Digest,
    reason: Option<Commitment>,
    choice: Choice,
) -> Result<Event, Refusal> {
    let person = caller.person().ok_or(Refusal::NotInRole)?;
    let credential = caller.credential().ok_or(Refusal::NotAllowed)?;
    let (request, means) = (view.request, caller.means());
    Ok(match choice {
        Choice::Approve => Approved { request, person, group, binding, means, credential, reason }.into(),
        Choice::Reject => Rejected { request, person, group, binding, means, credential, reason }.into(),
    })
}

/// Whoever asked takes the request back: their own no ends it, as anybody's would. It takes no factor and no group that was
/// asked, since it can only leave things as they are.
///
/// # Errors
/// As [`RequestView::may_take_back`]; nobody of an approver group.
pub fn take_back(
    view: &RequestView,
    caller: &Caller,
    reason: Option<Commitment>,
    at: Timestamp,
) -> Result<Event, Refusal> {
    view.may_take_back(caller, at)?;
    let Who::Person { roles, .. } = caller.who() else { return Err(Refusal::NotInRole) };
    let group = groups_of(roles).first().copied().ok_or(Refusal::NotInRole)?;
    vote(view, caller, group, view.binding, reason, Choice::Reject)
}

/// What a voter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Yes.
    Approve,
    /// No: one is enough to end the request.
    Reject,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Who;
    use crate::request::Means;

    const AT: Timestamp = Timestamp::from_millis(1_000);

    fn person(role: Role) -> Caller {
        let who = Who::Person { person: Id::from_bytes([1; 16]), party: None, roles: vec![role] };
        Caller::assertion(who, None, Means::Token, 0)
    }

    #[test]
    fn a_relation_is_suspended_goes_on_and_ends_for_good() {
        use PartyState::{Active, Ended, Stub, Suspended, Vetting};
        let check = |way, from, expected: Result<PartyState, Refusal>| {
            let party = Id::from_bytes([2; 16]);
            let kind = PartyKind::Manufacturer;
            let outcome = turn(&person(Role::Admin), (party, kind, from), way);
            assert_eq!(outcome, expected.map(|state| PartyRecorded { party, kind, state }.into()), "{way:?} {from:?}");
            assert_eq!(turn(&person(Role::Security), (party, kind, from), way), Err(Refusal::NotAllowed));
        };
        for from in [Stub, Vetting, Active] {
            check(Turn::Suspend, from, Ok(Suspended));
            check(Turn::Resume, from, Err(Refusal::Unchanged));
            check(Turn::End, from, Ok(Ended));
        }
        check(Turn::Suspend, Suspended, Err(Refusal::Unchanged));
        check(Turn::Resume, Suspended, Ok(Vetting));
        check(Turn::End, Suspended, Ok(Ended));
        check(Turn::Suspend, Ended, Err(Refusal::WrongState));
        check(Turn::Resume, Ended, Err(Refusal::WrongState));
        check(Turn::End, Ended, Err(Refusal::Unchanged));
    }

    #[test]
    fn an_agreement_lasts_a_day_to_a_hundred_years() {
        let agree = |role, kind, days| {
            let fact = agree(&person(role), Id::from_bytes([2; 16]), Id::from_bytes([3; 16]), kind, days, AT)?;
            if let Event::AgreementRecorded(fact) = fact { Ok(fact.terms) } else { panic!("{fact:?}") }
        };
        let ends = |days: u64| Ok(AgreementTerms { effective: AT, expires: Some(AT.plus_millis(days * DAY_MS)) });
        let no = Err(Refusal::WrongState);
        assert_eq!(agree(Role::Privacy, AgreementKind::Baa, 1), ends(1));
        assert_eq!(agree(Role::Admin, AgreementKind::Dpa, 36_500), ends(36_500));
        assert_eq!(agree(Role::Privacy, AgreementKind::Baa, 0), no);
        assert_eq!(agree(Role::Privacy, AgreementKind::Baa, 36_501), no);
        assert_eq!(agree(Role::Privacy, AgreementKind::Nda, 1), no, "it covers no patient data");
        assert_eq!(agree(Role::Security, AgreementKind::Baa, 1), Err(Refusal::NotAllowed));
    }
}
