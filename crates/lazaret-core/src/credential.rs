//! The pure decisions about credentials: the first one, one's own, and the end of one.

use crate::caller::{Caller, Who};
use crate::event::{CredentialAdded, CredentialRevoked, Event, PersonRecorded, RoleGranted};
use crate::id::{Actor, Credential, Id, Person};
use crate::person::{Known, may_enrol};
use crate::refusal::Refusal;
use crate::register::{CredentialKind, PersonSide, Role, Standing};
use crate::time::{DAY_MS, Timestamp};

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
    let granted = RoleGranted { person, role: Role::Admin, until: None, request: None };
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

/// A passkey that a person made by the link of an invitation, and whose link it was; the gate records it, since they could not
/// sign in before.
///
/// # Errors
/// They may not, or not any more: [`may_enrol`].
pub fn invited_passkey(
    known: &Known,
    by: Id<Person>,
    passkey: Id<Credential>,
    at: Timestamp,
) -> Result<Event, Refusal> {
    may_enrol(known)?;
    Ok(CredentialAdded { invited_by: Some(by), ..passkey_of(known.person, passkey, at) }.into())
}

fn passkey_of(person: Id<Person>, credential: Id<Credential>, at: Timestamp) -> CredentialAdded {
    let kind = CredentialKind::Passkey;
    let (person, party, valid_from) = (Some(person), None, at);
    let (valid_until, asked_by, invited_by) = (None, None, None);
    CredentialAdded { credential, kind, person, party, valid_from, valid_until, asked_by, invited_by }
}

/// How long a token lives at most, in days.
pub const TOKEN_DAYS_MAX: u32 = 365;

/// The credential that somebody shows while they ask for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// The credential.
    pub credential: Id<Credential>,
    /// Its exclusive end.
    pub until: Option<Timestamp>,
}

/// A token of the caller's own: for whom it was made by. It never lives longer than the credential by which it was asked for, the
/// passkey of a session or another token, and ends with it, so that a stolen one can neither prolong itself nor leave tokens
/// behind. Whoever revokes their lost passkey makes their scripts' tokens anew: which of them the finder made, nobody knows.
///
/// # Errors
/// The gate itself asks; more days than there may be.
pub fn add_token(
    caller: &Caller,
    credential: Id<Credential>,
    days: u32,
    shown: Option<Shown>,
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
    let until = shown.and_then(|shown| shown.until).map_or(wanted, |end| end.min(wanted));
    let asked_by = shown.map(|shown| shown.credential);
    let (kind, valid_from) = (CredentialKind::Token, at);
    let (valid_until, invited_by) = (Some(until), None);
    Ok(CredentialAdded { credential, kind, person, party, valid_from, valid_until, asked_by, invited_by }.into())
}

/// Whether somebody may see and end this owner's credentials, of whatever kind: themselves, an administrator, or security.
///
/// # Errors
/// Somebody else.
pub fn may_end(caller: &Caller, owner: Id<Actor>) -> Result<(), Refusal> {
    if caller.actor() == owner || may_end_others(caller) { Ok(()) } else { Err(Refusal::NotAllowed) }
}

/// Whether somebody may see and end everybody's credentials.
pub fn may_end_others(caller: &Caller) -> bool {
    caller.has_role(Role::Admin) || caller.has_role(Role::Security)
}

/// A credential that is to end, as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    /// The credential.
    pub credential: Id<Credential>,
    /// Whose it is.
    pub owner: Id<Actor>,
    /// Whether it was ended before.
    pub is_revoked: bool,
}

/// Which administrators can sign in, by a passkey or a token: now, and once a credential has ended with the tokens that were
/// asked for by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Administrators {
    /// Now.
    pub now: Vec<Id<Person>>,
    /// Then.
    pub then: Vec<Id<Person>>,
}

/// A credential opens nothing any more, nor do the tokens that were asked for by it.
///
/// # Errors
/// As [`may_end`]; `Unchanged` where it has ended already: that is no second fact; an administrator's, after which no
/// administrator could sign in: there would be nobody who lets one in again.
pub fn revoke(caller: &Caller, ending: Ending, administrators: &Administrators) -> Result<Event, Refusal> {
    may_end(caller, ending.owner)?;
    if ending.is_revoked {
        return Err(Refusal::Unchanged);
    }
    let is_able_now = administrators.now.iter().any(|person| person.cast() == ending.owner);
    if is_able_now && administrators.then.is_empty() {
        return Err(Refusal::LastAdministrator);
    }
    Ok(CredentialRevoked { credential: ending.credential }.into())
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
        let added = |days, shown| match add_token(&person(1, &[]), Id::from_bytes([9; 16]), days, shown, at) {
            Ok(Event::CredentialAdded(fact)) => Ok(fact),
            Ok(other) => panic!("{other:?}"),
            Err(refusal) => Err(refusal),
        };
        let shown = |until| Shown { credential: Id::from_bytes([8; 16]), until };
        let until = |days, end: Option<Timestamp>| {
            let shown = end.map(|end| shown(Some(end)));
            added(days, shown).map(|fact| fact.valid_until)
        };
        let asked_by = added(1, Some(shown(None))).map(|fact| fact.asked_by);
        assert_eq!(asked_by, Ok(Some(Id::from_bytes([8; 16]))), "a passkey has no end, and its tokens end with it too");
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
        let live = Ending { credential: Id::from_bytes([9; 16]), owner: Id::from_bytes([1; 16]), is_revoked: false };
        let others = Administrators { now: vec![Id::from_bytes([2; 16])], then: vec![Id::from_bytes([2; 16])] };
        let may = |caller: &Caller| revoke(caller, live, &others).is_ok();
        assert!(may(&person(1, &[])) && may(&person(2, &[Role::Admin])) && may(&person(2, &[Role::Security])));
        assert!(!may(&person(2, &[Role::Privacy])));
        let ended = Ending { is_revoked: true, ..live };
        assert_eq!(revoke(&person(1, &[]), ended, &others), Err(Refusal::Unchanged));
        assert_eq!(revoke(&person(2, &[]), ended, &others), Err(Refusal::NotAllowed), "to others it is as before");
    }

    #[test]
    fn the_last_way_in_of_an_administrator_stays() {
        let ends = |now: &[u8], then: &[u8]| {
            let people = |bytes: &[u8]| bytes.iter().map(|byte| Id::from_bytes([*byte; 16])).collect();
            let administrators = Administrators { now: people(now), then: people(then) };
            let live =
                Ending { credential: Id::from_bytes([9; 16]), owner: Id::from_bytes([1; 16]), is_revoked: false };
            revoke(&person(3, &[Role::Security]), live, &administrators).map(drop)
        };
        assert_eq!(ends(&[1], &[]), Err(Refusal::LastAdministrator));
        assert_eq!(ends(&[1, 2], &[2]), Ok(()), "another one can sign in");
        assert_eq!(ends(&[1], &[1]), Ok(()), "they have another passkey or token");
        assert_eq!(ends(&[], &[]), Ok(()), "whose it is cannot sign in as an administrator anyway");
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
