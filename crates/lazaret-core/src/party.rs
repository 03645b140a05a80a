//! The pure decisions about parties, people, their credentials and roles.

use crate::caller::{Caller, Who};
use crate::digest::{Commitment, Digest};
use crate::event::{
    AgreementRecorded, Approved, CredentialAdded, CredentialRevoked, Event, Isolated, IsolationLifted, PersonRecorded,
    Rejected, RequestOpened, RoleGranted,
};
use crate::id::{Actor, Agreement, Credential, Engagement, Id, Isolation, Party, Person, Request};
use crate::refusal::Refusal;
use crate::register::{AgreementKind, AgreementTerms, CredentialKind, PersonSide, Role, Standing};
use crate::request::{Act, FourEyes, Group, RequestView};
use crate::time::{DAY_MS, HOUR_MS, Timestamp};

/// How long a request for an administrative act waits.
pub const ADMIN_REQUEST_MS_MAX: u64 = HOUR_MS;

/// One person may isolate: security, or an administrator.
///
/// # Errors
/// Another role, or an isolation of the party is open.
pub fn isolate(
    caller: &Caller,
    party: Id<Party>,
    open: Option<Id<Isolation>>,
    isolation: Id<Isolation>,
) -> Result<Event, Refusal> {
    if !caller.has_role(Role::Security) && !caller.has_role(Role::Admin) {
        return Err(Refusal::NotAllowed);
    }
    if open.is_some() {
        return Err(Refusal::Unchanged);
    }
    Ok(Isolated { isolation, party }.into())
}

/// Asks two others to lift an isolation. Whoever asks is not one of the two, so that more roles may ask than grant.
///
/// # Errors
/// Not an approver or administrator.
pub fn ask_to_lift(
    caller: &Caller,
    isolation: Id<Isolation>,
    request: Id<Request>,
    at: Timestamp,
) -> Result<Event, Refusal> {
    if !Group::ALL.iter().any(|group| caller.has_role(group.role())) {
        return Err(Refusal::NotAllowed);
    }
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

/// A privacy officer or an administrator records an agreement that covers patient data.
///
/// # Errors
/// Another role, or a kind of agreement that covers none.
pub fn agree(
    caller: &Caller,
    engagement: Id<Engagement>,
    agreement: Id<Agreement>,
    kind: AgreementKind,
    terms: AgreementTerms,
) -> Result<Event, Refusal> {
    if !caller.has_role(Role::Privacy) && !caller.has_role(Role::Admin) {
        return Err(Refusal::NotAllowed);
    }
    if !matches!(kind, AgreementKind::Baa | AgreementKind::Dpa) {
        return Err(Refusal::NotAllowed);
    }
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

/// What a voter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Yes.
    Approve,
    /// No: one is enough to end the request.
    Reject,
}

/// The first administrator of a gate that knows nobody yet, with the passkey by which they sign in. `anyone_known` is what
/// makes this work once: afterwards people are recorded by people.
///
/// # Errors
/// Somebody is known.
pub fn first_administrator(
    anyone_known: bool,
    person: Id<Person>,
    passkey: Id<Credential>,
    at: Timestamp,
) -> Result<[Event; 3], Refusal> {
    if anyone_known {
        return Err(Refusal::NotAllowed);
    }
    let recorded = PersonRecorded { person, side: PersonSide::Hospital, party: None, standing: Standing::Current };
    let granted = RoleGranted { person, role: Role::Admin, until: None };
    Ok([recorded.into(), granted.into(), passkey_of(person, passkey, at).into()])
}

/// A person adds a passkey of their own.
///
/// # Errors
/// Not a person.
pub fn add_passkey(caller: &Caller, passkey: Id<Credential>, at: Timestamp) -> Result<Event, Refusal> {
    let person = caller.person().ok_or(Refusal::NotAllowed)?;
    Ok(passkey_of(person, passkey, at).into())
}

fn passkey_of(person: Id<Person>, credential: Id<Credential>, at: Timestamp) -> CredentialAdded {
    let kind = CredentialKind::Passkey;
    CredentialAdded { credential, kind, person: Some(person), party: None, valid_from: at, valid_until: None }
}

/// How long a token lives at most, in days.
pub const TOKEN_DAYS_MAX: u32 = 365;

/// A token of the caller's own: for whom it was made by, and never living longer than the credential by which it was asked for,
/// so that a stolen one cannot prolong itself.
///
/// # Errors
/// The gate itself asks; more days than there may be.
pub fn add_token(
    caller: &Caller,
    credential: Id<Credential>,
    days: u32,
    asked_by_until: Option<Timestamp>,
    at: Timestamp,
) -> Result<Event, Refusal> {
    let (person, party) = match caller.who() {
        Who::Person { person, .. } => (Some(*person), None),
        Who::Party { party } => (None, Some(*party)),
        Who::Gate { .. } => return Err(Refusal::NotAllowed),
    };
    if days == 0 || days > TOKEN_DAYS_MAX {
        return Err(Refusal::NotAllowed);
    }
    let wanted = at.plus_millis(u64::from(days) * DAY_MS);
    let until = asked_by_until.map_or(wanted, |end| end.min(wanted));
    let kind = CredentialKind::Token;
    Ok(CredentialAdded { credential, kind, person, party, valid_from: at, valid_until: Some(until) }.into())
}

/// A credential opens nothing any more: its owner says so, or an administrator, or security.
///
/// # Errors
/// Somebody else.
pub fn revoke(caller: &Caller, credential: Id<Credential>, owner: Id<Actor>) -> Result<Event, Refusal> {
    if caller.actor() == owner || caller.has_role(Role::Admin) || caller.has_role(Role::Security) {
        Ok(CredentialRevoked { credential }.into())
    } else {
        Err(Refusal::NotAllowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Means;

    fn caller(who: Who) -> Caller {
        Caller::assertion(who, None, Means::Token, 0)
    }

    fn person(byte: u8, roles: &[Role]) -> Caller {
        caller(Who::Person { person: Id::from_bytes([byte; 16]), party: None, roles: roles.to_vec() })
    }

    // EVIDENCE-OF: R-419
    #[test]
    fn a_token_is_dated_and_never_outlives_what_it_was_asked_by() {
        let at = Timestamp::from_millis(1_000);
        let until = |days, asked_by| match add_token(&person(1, &[]), Id::from_bytes([9; 16]), days, asked_by, at) {
            Ok(Event::CredentialAdded(fact)) => Ok(fact.valid_until),
            Ok(other) => panic!("{other:?}"),
            Err(refusal) => Err(refusal),
        };
        assert_eq!(until(1, None), Ok(Some(at.plus_millis(DAY_MS))));
        let soon = at.plus_millis(DAY_MS / 2);
        assert_eq!(until(1, Some(soon)), Ok(Some(soon)));
        assert_eq!(until(365, Some(at.plus_millis(u64::MAX))), Ok(Some(at.plus_millis(365 * DAY_MS))));
        assert_eq!((until(0, None), until(366, None)), (Err(Refusal::NotAllowed), Err(Refusal::NotAllowed)));
        let gate = caller(Who::Gate { gate: Id::from_bytes([1; 16]) });
        assert_eq!(add_token(&gate, Id::from_bytes([9; 16]), 1, None, at), Err(Refusal::NotAllowed));
    }

    #[test]
    fn a_credential_is_revoked_by_its_owner_or_by_those_whose_work_it_is() {
        let owner = Id::<Actor>::from_bytes([1; 16]);
        let may = |caller: &Caller| revoke(caller, Id::from_bytes([9; 16]), owner).is_ok();
        assert!(may(&person(1, &[])) && may(&person(2, &[Role::Admin])) && may(&person(2, &[Role::Security])));
        assert!(!may(&person(2, &[Role::Privacy])));
    }

    const AT: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    #[test]
    fn the_first_administrator_is_made_while_nobody_is_known() {
        let (person, passkey) = (Id::from_bytes([1; 16]), Id::from_bytes([2; 16]));
        let facts = first_administrator(false, person, passkey, AT).expect("nobody is known");
        let kinds: Vec<&str> = facts.iter().map(Event::kind).collect();
        assert_eq!(kinds, ["person_recorded.v1", "role_granted.v1", "credential_added.v1"]);
        assert_eq!(first_administrator(true, person, passkey, AT), Err(Refusal::NotAllowed));
    }

    #[test]
    fn a_passkey_is_added_by_a_person_to_themselves_only() {
        let person = Id::from_bytes([1; 16]);
        let who = Who::Person { person, party: None, roles: Vec::new() };
        let caller = Caller::assertion(who, None, Means::Passkey, u64::MAX);
        let added = add_passkey(&caller, Id::from_bytes([2; 16]), AT);
        assert!(matches!(added, Ok(Event::CredentialAdded(fact)) if fact.person == Some(person)));
        let machine = Caller::assertion(Who::Party { party: Id::from_bytes([3; 16]) }, None, Means::Token, 0);
        assert_eq!(add_passkey(&machine, Id::from_bytes([2; 16]), AT), Err(Refusal::NotAllowed));
    }
}
