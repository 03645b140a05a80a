//! The pure decisions about people: who is known here, what they may do, and the link by which they make a first passkey.
//!
//! An administrator keeps this register and nothing in it makes them an approver: nobody gives a role or a link to
//! themselves, and a role that votes is granted by two others (ADR 0010).

use crate::caller::Caller;
use crate::digest::Digest;
use crate::event::{Event, InvitationEnded, PersonInvited, PersonRecorded, RequestOpened, RoleEnded, RoleGranted};
use crate::id::{Id, Party, Person, Request};
use crate::party::ADMIN_REQUEST_MS_MAX;
use crate::refusal::Refusal;
use crate::register::{PartyState, PersonSide, Role, Standing};
use crate::request::{Act, FourEyes, Group, RequestView};
use crate::time::{DAY_MS, Timestamp};

/// How long an invitation's link works.
pub const INVITATION_MS_MAX: u64 = DAY_MS;
/// A role that votes is founded, by one administrator, until so many people have held it.
pub const FOUNDERS: usize = 2;

/// What is known of a person whom somebody acts on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The person.
    pub person: Id<Person>,
    /// On whose side they stand.
    pub side: PersonSide,
    /// Whether they still work there.
    pub standing: Standing,
    /// The roles they hold now.
    pub roles: Vec<Role>,
    /// Whether anything ever opened the gate in their name.
    pub had_credential: bool,
    /// Whether a passkey signs them in now.
    pub has_passkey: bool,
}

/// What is known of the others, where a role is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct House {
    /// How many of the hospital's people ever held the role: whoever lost it counts, so that ending roles founds nothing anew.
    pub ever_held: usize,
    /// The current members of every approver group.
    pub members: Vec<(Group, Id<Person>)>,
    /// Whether a request about this person waits for votes.
    pub waits: bool,
}

/// A person is known from now on: one of the hospital's, or of a party.
///
/// # Errors
/// Not an administrator; a party that ended.
pub fn record(caller: &Caller, person: Id<Person>, party: Option<(Id<Party>, PartyState)>) -> Result<Event, Refusal> {
    administrator(caller)?;
    if party.is_some_and(|(_, state)| state == PartyState::Ended) {
        return Err(Refusal::WrongState);
    }
    let side = if party.is_some() { PersonSide::Party } else { PersonSide::Hospital };
    let party = party.map(|(party, _)| party);
    Ok(PersonRecorded { person, side, party, standing: Standing::Current }.into())
}

/// Grants a role, or asks two others to: an administrator alone grants what does not vote, and what does while it is
/// founded.
///
/// # Errors
/// Not an administrator; oneself; a role of the other side, or one that they hold; too few others to ask.
pub fn grant(
    caller: &Caller,
    known: &Known,
    role: Role,
    house: &House,
    request: Id<Request>,
    at: Timestamp,
) -> Result<Event, Refusal> {
    administrator(caller)?;
    may_hold(caller, known, role)?;
    let person = known.person;
    if Group::of(role).is_none() || house.ever_held < FOUNDERS {
        return Ok(RoleGranted { person, role, until: None, request: None }.into());
    }
    if house.waits {
        return Err(Refusal::WaitsAlready);
    }
    let asker = caller.person().ok_or(Refusal::NotAllowed)?;
    let groups = askable(&house.members, &[asker, person]).ok_or(Refusal::TooFewOthers)?;
    Ok(RequestOpened {
        request,
        act: Act::GrantRole,
        subject: person.cast(),
        binding: binding(person, role),
        required: 2,
        groups,
        until: at.plus_millis(ADMIN_REQUEST_MS_MAX),
    }
    .into())
}

/// Whether somebody may vote on a role of this person.
///
/// # Errors
/// It is their own.
pub fn may_vote(person: Id<Person>, voter: Id<Person>) -> Result<(), Refusal> {
    if person == voter { Err(Refusal::NotOneself) } else { Ok(()) }
}

/// The role that a request is about: its binding names it.
pub fn asked_for(person: Id<Person>, open: &RequestView) -> Option<Role> {
    let is_meant = |role: &&Role| open.act == Act::GrantRole && binding(person, **role) == open.binding;
    Role::ALL.iter().find(is_meant).copied()
}

/// Two people granted it: the person holds the role.
///
/// # Errors
/// The request is about no role of theirs; they left, or hold it.
pub fn granted(known: &Known, open: &RequestView, eyes: &FourEyes) -> Result<Event, Refusal> {
    let role = asked_for(known.person, open).ok_or(Refusal::WrongState)?;
    if known.standing == Standing::Past || known.roles.contains(&role) {
        return Err(Refusal::Unchanged);
    }
    Ok(RoleGranted { person: known.person, role, until: None, request: Some(eyes.request()) }.into())
}

/// A role ends at once. One person may: it takes away, and gives nothing. `administrators` are those who can sign in now:
/// whoever holds the role and has no way in keeps no gate.
///
/// # Errors
/// Not an administrator; a role that they do not hold; the last one of an administrator who can sign in.
pub fn end(caller: &Caller, known: &Known, role: Role, administrators: &[Id<Person>]) -> Result<Event, Refusal> {
    administrator(caller)?;
    if !known.roles.contains(&role) {
        return Err(Refusal::Unchanged);
    }
    if role == Role::Admin && administrators.iter().all(|person| *person == known.person) {
        return Err(Refusal::LastAdministrator);
    }
    Ok(RoleEnded { person: known.person, role }.into())
}

/// Somebody leaves: nothing of theirs opens the gate any more, and they neither vote nor collect. One person may: it takes away.
/// They do not come back by this register; whoever returns is recorded anew.
///
/// # Errors
/// Not an administrator; they left before; the last administrator who can sign in.
pub fn leave(
    caller: &Caller,
    known: &Known,
    party: Option<Id<Party>>,
    administrators: &[Id<Person>],
) -> Result<Event, Refusal> {
    administrator(caller)?;
    if known.standing == Standing::Past {
        return Err(Refusal::Unchanged);
    }
    if administrators == [known.person] {
        return Err(Refusal::LastAdministrator);
    }
    Ok(PersonRecorded { person: known.person, side: known.side, party, standing: Standing::Past }.into())
}

/// A link by which this person makes a passkey, once.
///
/// # Errors
/// Not an administrator; oneself; whoever may not enrol so: [`may_enrol`]; longer than a day.
pub fn invite(caller: &Caller, known: &Known, until: Timestamp, at: Timestamp) -> Result<Event, Refusal> {
    administrator(caller)?;
    if caller.person() == Some(known.person) {
        return Err(Refusal::NotOneself);
    }
    may_enrol(known)?;
    if until > at.plus_millis(INVITATION_MS_MAX) {
        return Err(Refusal::WrongState);
    }
    Ok(PersonInvited { person: known.person, until }.into())
}

/// Whoever made a link, when somebody follows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inviter {
    /// The person.
    pub known: Known,
    /// Whether the credential by which they made it was revoked since.
    pub is_revoked: bool,
}

/// Whether a link still speaks for whoever made it: they are an administrator, and nobody has revoked what they made it by.
/// What only ran out spoke for them while it was valid.
///
/// # Errors
/// They left, or are no administrator any more; it was revoked, and might have been in other hands.
pub fn speaks(inviter: &Inviter) -> Result<(), Refusal> {
    let Inviter { known, is_revoked } = inviter;
    let is_administrator = known.side == PersonSide::Hospital && known.roles.contains(&Role::Admin);
    let still = known.standing == Standing::Current && is_administrator && !is_revoked;
    if still { Ok(()) } else { Err(Refusal::NotAllowed) }
}

/// A link opens nothing any more. `until` is its end, if there is one whose day is not over.
///
/// # Errors
/// Not an administrator; no such link.
pub fn uninvite(caller: &Caller, person: Id<Person>, until: Option<Timestamp>) -> Result<Event, Refusal> {
    administrator(caller)?;
    if until.is_none() {
        return Err(Refusal::Unchanged);
    }
    Ok(InvitationEnded { person }.into())
}

/// Whether a passkey may be made for this person by a link. Whoever hands out the link could use it: an account that others
/// made an approver, and that somebody has used, is not taken over so; and nobody gets a second passkey without noticing,
/// by which somebody else would be them once others make them an approver.
///
/// # Errors
/// They left; they may vote and have signed in before; they have a passkey.
pub fn may_enrol(known: &Known) -> Result<(), Refusal> {
    if known.standing == Standing::Past {
        return Err(Refusal::WrongState);
    }
    let votes = known.roles.iter().any(|role| Group::of(*role).is_some());
    if known.had_credential && votes {
        return Err(Refusal::ApproverKnown);
    }
    if known.has_passkey { Err(Refusal::HasPasskey) } else { Ok(()) }
}

fn administrator(caller: &Caller) -> Result<(), Refusal> {
    let may = caller.is_hospital_person() && caller.has_role(Role::Admin);
    if may { Ok(()) } else { Err(Refusal::NotAllowed) }
}

fn may_hold(caller: &Caller, known: &Known, role: Role) -> Result<(), Refusal> {
    if caller.person() == Some(known.person) {
        return Err(Refusal::NotOneself);
    }
    if known.standing == Standing::Past {
        return Err(Refusal::WrongState);
    }
    let side = if matches!(role, Role::Sender | Role::Respondent) { PersonSide::Party } else { PersonSide::Hospital };
    if known.side != side {
        return Err(Refusal::OtherSide);
    }
    if known.roles.contains(&role) { Err(Refusal::Unchanged) } else { Ok(()) }
}

/// Which groups two others can be found in: one of security and one administrator, else two of security.
fn askable(members: &[(Group, Id<Person>)], without: &[Id<Person>]) -> Option<Vec<Group>> {
    let others = |wanted: Group| {
        let of = move |(group, person): &&(Group, Id<Person>)| *group == wanted && !without.contains(person);
        members.iter().filter(of).map(|(_, person)| *person)
    };
    let both = others(Group::Security).any(|one| others(Group::Admin).any(|other| other != one));
    if both {
        return Some(vec![Group::Security, Group::Admin]);
    }
    (others(Group::Security).count() >= 2).then(|| vec![Group::Security])
}

/// What a vote on a role binds: the person and the role.
fn binding(person: Id<Person>, role: Role) -> Digest {
    Digest::of_parts([b"lazaret/role/v1".as_slice(), person.as_bytes(), role.word().as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Who;
    use crate::request::{Means, RequestState, Vote};

    const AT: Timestamp = Timestamp::from_millis(1_800_000_000_000);
    const REQUEST: Id<Request> = Id::from_bytes([200; 16]);

    fn id(byte: u8) -> Id<Person> {
        Id::from_bytes([byte; 16])
    }

    fn caller(byte: u8, roles: &[Role]) -> Caller {
        let who = Who::Person { person: id(byte), party: None, roles: roles.to_vec() };
        Caller::assertion(who, None, Means::Passkey, 0)
    }

    fn known(byte: u8, roles: &[Role]) -> Known {
        let (side, standing) = (PersonSide::Hospital, Standing::Current);
        Known { person: id(byte), side, standing, roles: roles.to_vec(), had_credential: false, has_passkey: false }
    }

    fn house(ever_held: usize, members: &[(Group, u8)]) -> House {
        let members = members.iter().map(|(group, byte)| (*group, id(*byte))).collect();
        House { ever_held, members, waits: false }
    }

    const FULL: &[(Group, u8)] =
        &[(Group::Admin, 1), (Group::Admin, 2), (Group::Security, 3), (Group::Security, 4), (Group::Biomed, 5)];

    fn check(role: Role, house: &House, expected: Result<&[Group], Refusal>) {
        let outcome = grant(&caller(1, &[Role::Admin]), &known(9, &[]), role, house, REQUEST, AT);
        match (outcome, expected) {
            (Ok(Event::RoleGranted(fact)), Ok([])) => assert_eq!((fact.role, fact.request), (role, None)),
            (Ok(Event::RequestOpened(fact)), Ok(groups)) => {
                assert_eq!((fact.groups.as_slice(), fact.required), (groups, 2))
            }
            (Err(refusal), Err(expected)) => assert_eq!(refusal, expected),
            other => panic!("{role:?}: {other:?}"),
        }
    }

    // EVIDENCE-OF: R-011
    #[test]
    fn a_role_that_votes_takes_two_others_once_two_people_have_held_it() {
        for role in [Role::Admin, Role::Security, Role::Biomed, Role::Privacy] {
            check(role, &house(0, FULL), Ok(&[]));
            check(role, &house(1, FULL), Ok(&[]));
            check(role, &house(2, FULL), Ok(&[Group::Security, Group::Admin]));
        }
        for role in [Role::Integration, Role::Receiver, Role::Clinician, Role::Auditor] {
            check(role, &house(2, &[]), Ok(&[]));
        }
    }

    #[test]
    fn a_request_is_opened_only_where_two_others_can_grant_it() {
        let wants = |members: &[(Group, u8)], expected| check(Role::Biomed, &house(2, members), expected);
        wants(&[(Group::Admin, 1), (Group::Security, 3), (Group::Security, 4)], Ok(&[Group::Security]));
        // The asker, the person in question, and one person in both groups are not two others.
        wants(&[(Group::Admin, 1), (Group::Security, 1), (Group::Security, 4)], Err(Refusal::TooFewOthers));
        wants(&[(Group::Admin, 9), (Group::Security, 4)], Err(Refusal::TooFewOthers));
        wants(&[(Group::Admin, 4), (Group::Security, 4)], Err(Refusal::TooFewOthers));
        let waits = House { waits: true, ..house(2, FULL) };
        check(Role::Biomed, &waits, Err(Refusal::WaitsAlready));
    }

    #[test]
    fn nobody_gives_themselves_anything_and_only_administrators_give() {
        let give = |caller: &Caller, known: &Known, role| grant(caller, known, role, &house(0, FULL), REQUEST, AT);
        let admin = caller(1, &[Role::Admin]);
        assert_eq!(give(&admin, &known(1, &[]), Role::Biomed), Err(Refusal::NotOneself));
        assert_eq!(give(&admin, &known(1, &[]), Role::Receiver), Err(Refusal::NotOneself));
        assert_eq!(give(&caller(2, &[Role::Security]), &known(9, &[]), Role::Receiver), Err(Refusal::NotAllowed));
        assert_eq!(give(&admin, &known(9, &[Role::Receiver]), Role::Receiver), Err(Refusal::Unchanged));
        let guest = Known { side: PersonSide::Party, ..known(9, &[]) };
        assert_eq!(give(&admin, &guest, Role::Biomed), Err(Refusal::OtherSide));
        assert!(give(&admin, &guest, Role::Sender).is_ok());
        assert_eq!(give(&admin, &known(9, &[]), Role::Sender), Err(Refusal::OtherSide));
        let past = Known { standing: Standing::Past, ..known(9, &[]) };
        assert_eq!(give(&admin, &past, Role::Receiver), Err(Refusal::WrongState));
    }

    #[test]
    fn two_votes_grant_the_role_that_was_asked_for_and_no_other() {
        let vote =
            |byte, group| Vote { person: id(byte), group, binding: binding(id(9), Role::Biomed), groups: vec![group] };
        let open = RequestView {
            request: REQUEST,
            act: Act::GrantRole,
            state: RequestState::Open,
            requester: id(1).cast(),
            binding: binding(id(9), Role::Biomed),
            required: 2,
            groups: vec![Group::Security, Group::Admin],
            until: AT,
            votes: vec![vote(3, Group::Security), vote(2, Group::Admin)],
        };
        let eyes = open.four_eyes().expect("two people voted");
        assert_eq!(asked_for(id(9), &open), Some(Role::Biomed));
        let fact = granted(&known(9, &[]), &open, &eyes).expect("it was granted");
        assert!(matches!(fact, Event::RoleGranted(fact) if fact.role == Role::Biomed && fact.request == Some(REQUEST)));
        assert_eq!(granted(&known(8, &[]), &open, &eyes), Err(Refusal::WrongState), "it names another person");
        assert_eq!(granted(&known(9, &[Role::Biomed]), &open, &eyes), Err(Refusal::Unchanged));
        assert_eq!((may_vote(id(9), id(9)), may_vote(id(9), id(3))), (Err(Refusal::NotOneself), Ok(())));
    }

    #[test]
    fn the_last_administrator_who_can_sign_in_stays() {
        let admin = caller(1, &[Role::Admin]);
        let ends = |byte: u8, able: &[Id<Person>]| end(&admin, &known(byte, &[Role::Admin]), Role::Admin, able);
        assert!(ends(2, &[id(1), id(2)]).is_ok());
        assert!(ends(2, &[id(1)]).is_ok(), "they have no way in, and keep no gate");
        assert_eq!(ends(1, &[id(1)]), Err(Refusal::LastAdministrator));
        assert_eq!(ends(1, &[]), Err(Refusal::LastAdministrator), "nor does one who holds the role and has no way in");
        assert!(end(&admin, &known(2, &[Role::Biomed]), Role::Biomed, &[id(1)]).is_ok());
        assert_eq!(end(&admin, &known(2, &[]), Role::Biomed, &[id(1)]), Err(Refusal::Unchanged));
        assert_eq!(
            end(&caller(3, &[Role::Security]), &known(2, &[Role::Biomed]), Role::Biomed, &[id(1)]),
            Err(Refusal::NotAllowed)
        );
    }

    #[test]
    fn somebody_leaves_once_and_not_as_the_last_administrator() {
        let admin = caller(1, &[Role::Admin]);
        let left = PersonRecorded { person: id(9), side: PersonSide::Hospital, party: None, standing: Standing::Past };
        assert_eq!(leave(&admin, &known(9, &[Role::Biomed]), None, &[id(1)]), Ok(left.into()));
        let past = Known { standing: Standing::Past, ..known(9, &[]) };
        assert_eq!(leave(&admin, &past, None, &[id(1)]), Err(Refusal::Unchanged));
        let oneself = known(1, &[Role::Admin]);
        assert_eq!(leave(&admin, &oneself, None, &[id(1)]), Err(Refusal::LastAdministrator));
        assert!(leave(&admin, &oneself, None, &[id(1), id(2)]).is_ok());
        assert_eq!(leave(&caller(2, &[Role::Security]), &known(9, &[]), None, &[id(1)]), Err(Refusal::NotAllowed));
    }

    #[test]
    fn no_link_takes_over_an_account_that_votes() {
        let admin = caller(1, &[Role::Admin]);
        let used = |roles: &[Role]| Known { had_credential: true, ..known(9, roles) };
        let day = AT.plus_millis(INVITATION_MS_MAX);
        let invite = |caller: &Caller, known: &Known| invite(caller, known, day, AT).map(|_| ());
        assert_eq!(invite(&admin, &known(9, &[Role::Biomed])), Ok(()), "nobody has used it yet");
        assert_eq!(invite(&admin, &used(&[Role::Receiver])), Ok(()), "it does not vote");
        assert_eq!(invite(&admin, &used(&[Role::Biomed])), Err(Refusal::ApproverKnown));
        assert_eq!(invite(&admin, &known(1, &[])), Err(Refusal::NotOneself));
        assert_eq!(invite(&caller(3, &[Role::Security]), &known(9, &[])), Err(Refusal::NotAllowed));
        let longer = super::invite(&admin, &known(9, &[]), day.plus_millis(1), AT);
        assert_eq!(longer, Err(Refusal::WrongState));
        let able = Known { has_passkey: true, ..used(&[Role::Receiver]) };
        assert_eq!(invite(&admin, &able), Err(Refusal::HasPasskey), "signed in, they add one themselves");
        assert_eq!(may_enrol(&Known { standing: Standing::Past, ..known(9, &[]) }), Err(Refusal::WrongState));
    }

    #[test]
    fn a_link_speaks_for_whoever_made_it_while_they_are_an_administrator() {
        let maker = |known: Known, is_revoked| speaks(&Inviter { known, is_revoked });
        let no = Err(Refusal::NotAllowed);
        assert_eq!(maker(known(1, &[Role::Admin]), false), Ok(()));
        assert_eq!(maker(known(1, &[Role::Admin]), true), no, "what they made it by was revoked");
        assert_eq!(maker(known(1, &[Role::Security]), false), no);
        assert_eq!(maker(Known { standing: Standing::Past, ..known(1, &[Role::Admin]) }, false), no);
        assert_eq!(maker(Known { side: PersonSide::Party, ..known(1, &[Role::Admin]) }, false), no);
    }

    #[test]
    fn one_administrator_takes_a_link_back() {
        let ends = |roles: &[Role], until| uninvite(&caller(2, roles), id(9), until);
        assert_eq!(ends(&[Role::Admin], Some(AT)), Ok(InvitationEnded { person: id(9) }.into()));
        assert_eq!(ends(&[Role::Admin], None), Err(Refusal::Unchanged));
        assert_eq!(ends(&[Role::Security], Some(AT)), Err(Refusal::NotAllowed));
    }

    #[test]
    fn a_partys_people_are_recorded_on_its_side_while_it_lasts() {
        let admin = caller(1, &[Role::Admin]);
        let party = Id::from_bytes([7; 16]);
        let side = |party| match record(&admin, id(9), party) {
            Ok(Event::PersonRecorded(fact)) => Ok((fact.side, fact.party)),
            Ok(other) => panic!("{other:?}"),
            Err(refusal) => Err(refusal),
        };
        assert_eq!(side(None), Ok((PersonSide::Hospital, None)));
        assert_eq!(side(Some((party, PartyState::Active))), Ok((PersonSide::Party, Some(party))));
        assert_eq!(side(Some((party, PartyState::Ended))), Err(Refusal::WrongState));
        assert_eq!(record(&caller(2, &[Role::Security]), id(9), None), Err(Refusal::NotAllowed));
    }
}
