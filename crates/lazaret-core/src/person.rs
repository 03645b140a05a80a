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
    /// Since when something signs them in to the console; none where nothing does.
    pub enters_since: Option<Timestamp>,
    /// Whether a passkey signs them in now.
    pub has_passkey: bool,
    /// Whoever made the links by which they came in.
    pub invited_by: Vec<Id<Person>>,
    /// Whether a request about a role of theirs waits for votes.
    pub is_asked_about: bool,
}

/// What is known of the others, where a role is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct House {
    /// Whether there were never yet, at one time, the people who could grant a role: [`is_founded`]. It ends for good, so that
    /// ending roles founds nothing anew.
    pub is_being_founded: bool,
    /// The current members of every approver group.
    pub members: Vec<(Group, Id<Person>)>,
    /// Who came in by whose link: whoever was invited, and whoever invited them.
    pub invited: Vec<(Id<Person>, Id<Person>)>,
}

/// Whether these people can make an approver by four eyes: some administrator finds two others to ask. From then on nobody makes
/// one alone; and since those two can grant every role, no role is out of reach.
pub fn is_founded(members: &[(Group, Id<Person>)], invited: &[(Id<Person>, Id<Person>)]) -> bool {
    let mut administrators = members.iter().filter(|(group, _)| *group == Group::Admin);
    administrators.any(|(_, asker)| askable(members, invited, &[*asker]).is_some())
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

/// Grants a role, or asks two others to: an administrator alone grants what does not vote, and what does while the house is
/// founded. A role that votes is for whoever can sign in already: others can ask them whether they did, and no link that is
/// made later opens an account that votes.
///
/// # Errors
/// Not an administrator; oneself; a role of the other side, or one that they hold; a role that votes for somebody who cannot
/// sign in; too few others to ask.
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
    let votes = Group::of(role).is_some();
    if votes && known.enters_since.is_none() {
        return Err(Refusal::NotEnrolled);
    }
    if !votes || house.is_being_founded {
        return Ok(RoleGranted { person, role, until: None, request: None }.into());
    }
    if known.is_asked_about {
        return Err(Refusal::WaitsAlready);
    }
    let asker = caller.person().ok_or(Refusal::NotAllowed)?;
    let groups = askable(&house.members, &house.invited, &[asker, person]).ok_or(Refusal::TooFewOthers)?;
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
/// The request is about no role of theirs; they left, hold it, or can sign in no longer.
pub fn granted(known: &Known, open: &RequestView, eyes: &FourEyes) -> Result<Event, Refusal> {
    let role = asked_for(known.person, open).ok_or(Refusal::WrongState)?;
    if known.standing == Standing::Past || known.roles.contains(&role) {
        return Err(Refusal::Unchanged);
    }
    if known.enters_since.is_none() {
        return Err(Refusal::NotEnrolled);
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

/// Whether a passkey may be made for this person by a link. Whoever hands out the link could use it: an account that votes, or
/// about whose vote others are asked now, is not taken over so; and nobody gets a second passkey without noticing, by which
/// somebody else would be them once others make them an approver.
///
/// # Errors
/// They left; they may vote; a request about a role of theirs waits; they have a passkey.
pub fn may_enrol(known: &Known) -> Result<(), Refusal> {
    if known.standing == Standing::Past {
        return Err(Refusal::WrongState);
    }
    if known.roles.iter().any(|role| Group::of(*role).is_some()) {
        return Err(Refusal::ApproverKnown);
    }
    if known.is_asked_about {
        return Err(Refusal::WaitsAlready);
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

/// Which groups two others can be found in: one of security and one administrator, else two of security. They are two if
/// neither came in by the other's link.
fn askable(
    members: &[(Group, Id<Person>)],
    invited: &[(Id<Person>, Id<Person>)],
    without: &[Id<Person>],
) -> Option<Vec<Group>> {
    let others = |wanted: Group| {
        let of = move |(group, person): &&(Group, Id<Person>)| *group == wanted && !without.contains(person);
        members.iter().filter(of).map(|(_, person)| *person)
    };
    let are_two = |one, other| one != other && !invited.contains(&(one, other)) && !invited.contains(&(other, one));
    let with = |wanted| others(Group::Security).any(|one| others(wanted).any(|other| are_two(one, other)));
    if with(Group::Admin) {
        return Some(vec![Group::Security, Group::Admin]);
    }
    with(Group::Security).then(|| vec![Group::Security])
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
        let (enters_since, invited_by) = (None, Vec::new());
        let (has_passkey, is_asked_about) = (false, false);
        Known {
            person: id(byte),
            side,
            standing,
            roles: roles.to_vec(),
            enters_since,
            has_passkey,
            invited_by,
            is_asked_about,
        }
    }

    /// As [`known`], with a passkey.
    fn enrolled(byte: u8, roles: &[Role]) -> Known {
        Known { enters_since: Some(AT), has_passkey: true, ..known(byte, roles) }
    }

    fn members(members: &[(Group, u8)]) -> Vec<(Group, Id<Person>)> {
        members.iter().map(|(group, byte)| (*group, id(*byte))).collect()
    }

    fn house(is_being_founded: bool, of: &[(Group, u8)]) -> House {
        House { is_being_founded, members: members(of), invited: Vec::new() }
    }

    const FULL: &[(Group, u8)] =
        &[(Group::Admin, 1), (Group::Admin, 2), (Group::Security, 3), (Group::Security, 4), (Group::Biomed, 5)];

    fn check(role: Role, house: &House, expected: Result<&[Group], Refusal>) {
        let outcome = grant(&caller(1, &[Role::Admin]), &enrolled(9, &[]), role, house, REQUEST, AT);
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
    fn a_role_that_votes_takes_two_others_once_the_house_is_founded() {
        for role in [Role::Admin, Role::Security, Role::Biomed, Role::Privacy] {
            check(role, &house(true, &[(Group::Admin, 1)]), Ok(&[]));
            check(role, &house(false, FULL), Ok(&[Group::Security, Group::Admin]));
            check(role, &house(false, &[(Group::Admin, 1)]), Err(Refusal::TooFewOthers));
        }
        for role in [Role::Integration, Role::Receiver, Role::Clinician, Role::Auditor] {
            check(role, &house(false, &[]), Ok(&[]));
        }
    }

    // EVIDENCE-OF: R-011
    #[test]
    fn a_house_is_founded_once_an_administrator_finds_two_others_to_ask() {
        let (admin, security, biomed) = (Group::Admin, Group::Security, Group::Biomed);
        let check = |of: &[(Group, u8)], invited: &[(u8, u8)], expected: bool| {
            let invited: Vec<_> = invited.iter().map(|(one, by)| (id(*one), id(*by))).collect();
            assert_eq!(is_founded(&members(of), &invited), expected, "{of:?} {invited:?}");
        };
        check(&[], &[], false);
        check(&[(admin, 1), (security, 1)], &[], false);
        check(&[(admin, 1), (security, 2)], &[], false);
        check(&[(admin, 1), (security, 2), (biomed, 3), (biomed, 4)], &[], false);
        check(&[(admin, 1), (security, 2), (security, 3)], &[(2, 1), (3, 1)], true);
        check(&[(admin, 1), (security, 2), (admin, 3)], &[(2, 1), (3, 1)], true);
        check(&[(admin, 1), (security, 2), (admin, 2)], &[], false);
        // Without an administrator nobody asks; and one who invited the other is not a second one.
        check(&[(security, 2), (security, 3)], &[], false);
        check(&[(admin, 1), (security, 2), (security, 3)], &[(3, 2)], false);
    }

    #[test]
    fn a_founded_house_reaches_every_role_by_four_eyes() {
        // Every house of three people: each in some of the two groups that grant, each invited by nobody or by another.
        for groups in 0..64_u32 {
            let is_in = |place: u32| groups & (1 << place) != 0;
            let of: Vec<(Group, Id<Person>)> = (0..3_u8)
                .flat_map(|byte| [(Group::Admin, byte), (Group::Security, byte)])
                .zip(0..)
                .filter(|(_, place)| is_in(*place))
                .map(|((group, byte), _)| (group, id(byte)))
                .collect();
            for (first, second, third) in
                (0..4_u8).flat_map(|a| (0..4).flat_map(move |b| (0..4).map(move |c| (a, b, c))))
            {
                let by = [(0, first), (1, second), (2, third)];
                let invited: Vec<_> =
                    by.iter().filter(|(_, by)| *by < 3).map(|(one, by)| (id(*one), id(*by))).collect();
                if !is_founded(&of, &invited) {
                    continue;
                }
                let house = House { is_being_founded: false, members: of.clone(), invited };
                for role in [Role::Admin, Role::Security, Role::Biomed, Role::Privacy] {
                    let asked = (0..3).filter(|byte| of.contains(&(Group::Admin, id(*byte)))).any(|byte| {
                        grant(&caller(byte, &[Role::Admin]), &enrolled(9, &[]), role, &house, REQUEST, AT).is_ok()
                    });
                    assert!(asked, "{of:?} {:?} {role:?}", house.invited);
                }
            }
        }
    }

    // EVIDENCE-OF: R-011
    #[test]
    fn a_role_that_votes_is_for_whoever_can_sign_in_already() {
        for house in [house(true, FULL), house(false, FULL)] {
            let give =
                |known: &Known, role| grant(&caller(1, &[Role::Admin]), known, role, &house, REQUEST, AT).map(|_| ());
            assert_eq!(give(&known(9, &[]), Role::Biomed), Err(Refusal::NotEnrolled));
            assert_eq!(give(&known(9, &[]), Role::Receiver), Ok(()), "it does not vote");
            assert_eq!(give(&enrolled(9, &[]), Role::Biomed), Ok(()));
        }
    }

    #[test]
    fn a_request_is_opened_only_where_two_others_can_grant_it() {
        let wants = |members: &[(Group, u8)], expected| check(Role::Biomed, &house(false, members), expected);
        wants(&[(Group::Admin, 1), (Group::Security, 3), (Group::Security, 4)], Ok(&[Group::Security]));
        // The asker, the person in question, and one person in both groups are not two others.
        wants(&[(Group::Admin, 1), (Group::Security, 1), (Group::Security, 4)], Err(Refusal::TooFewOthers));
        wants(&[(Group::Admin, 9), (Group::Security, 4)], Err(Refusal::TooFewOthers));
        wants(&[(Group::Admin, 4), (Group::Security, 4)], Err(Refusal::TooFewOthers));
        let linked =
            House { invited: vec![(id(4), id(3))], ..house(false, &[(Group::Security, 3), (Group::Security, 4)]) };
        check(Role::Biomed, &linked, Err(Refusal::TooFewOthers));
        let asked = Known { is_asked_about: true, ..enrolled(9, &[]) };
        let again = grant(&caller(1, &[Role::Admin]), &asked, Role::Biomed, &house(false, FULL), REQUEST, AT);
        assert_eq!(again, Err(Refusal::WaitsAlready));
    }

    #[test]
    fn nobody_gives_themselves_anything_and_only_administrators_give() {
        let give = |caller: &Caller, known: &Known, role| grant(caller, known, role, &house(true, FULL), REQUEST, AT);
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
        let bound = binding(id(9), Role::Biomed);
        let vote =
            |byte, group| Vote { person: id(byte), group, binding: bound, groups: vec![group], invited_by: Vec::new() };
        let open = RequestView {
            request: REQUEST,
            act: Act::GrantRole,
            state: RequestState::Open,
            requester: id(1).cast(),
            let_in_by: Vec::new(),
            binding: binding(id(9), Role::Biomed),
            required: 2,
            groups: vec![Group::Security, Group::Admin],
            until: AT,
            votes: vec![vote(3, Group::Security), vote(2, Group::Admin)],
        };
        let eyes = open.four_eyes().expect("two people voted");
        assert_eq!(asked_for(id(9), &open), Some(Role::Biomed));
        let fact = granted(&enrolled(9, &[]), &open, &eyes).expect("it was granted");
        assert_eq!(granted(&known(9, &[]), &open, &eyes), Err(Refusal::NotEnrolled), "their passkey was revoked");
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
        let day = AT.plus_millis(INVITATION_MS_MAX);
        let invite = |caller: &Caller, known: &Known| invite(caller, known, day, AT).map(|_| ());
        assert_eq!(invite(&admin, &known(9, &[Role::Receiver])), Ok(()), "it does not vote");
        assert_eq!(invite(&admin, &known(9, &[Role::Biomed])), Err(Refusal::ApproverKnown));
        let asked = Known { is_asked_about: true, ..known(9, &[]) };
        assert_eq!(invite(&admin, &asked), Err(Refusal::WaitsAlready), "it would vote soon");
        assert_eq!(invite(&admin, &known(1, &[])), Err(Refusal::NotOneself));
        assert_eq!(invite(&caller(3, &[Role::Security]), &known(9, &[])), Err(Refusal::NotAllowed));
        let longer = super::invite(&admin, &known(9, &[]), day.plus_millis(1), AT);
        assert_eq!(longer, Err(Refusal::WrongState));
        assert_eq!(
            invite(&admin, &enrolled(9, &[Role::Receiver])),
            Err(Refusal::HasPasskey),
            "signed in, they add one themselves"
        );
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
