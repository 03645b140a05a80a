//! Four eyes, one model for every act: who may vote, what a vote binds, and when enough of them count.

use crate::caller::Caller;
use crate::digest::Digest;
use crate::id::{Actor, Id, Person, Request};
use crate::inspection::codes;
use crate::refusal::Refusal;
use crate::register::{PersonSide, Role, Standing};
use crate::time::Timestamp;

/// A vote's step-up may be this old at most, in seconds.
pub const STEPUP_AGE_MAX_S: u64 = 300;
/// Of the votes that people cast beside those who invited them, so many are looked at.
const LINKED_VOTES_MAX: usize = 12;

codes! {
    /// What is asked for.
    Act {
        0 ReleaseTransfer = "release_transfer",
        1 LiftIsolation = "lift_isolation",
        2 ActivatePolicy = "activate_policy",
        3 GrantRole = "grant_role",
    }
}

codes! {
    /// A group of approvers; each is also a role.
    Group {
        0 Security = "security",
        1 Biomed = "biomed",
        2 Privacy = "privacy",
        3 Admin = "admin",
    }
}

codes! {
    /// How the voter proved who they are.
    Means {
        0 Passkey = "passkey",
        1 Token = "token",
        2 Demo = "demo",
    }
}

codes! {
    /// Where a request stands.
    RequestState {
        0 Open = "open",
        1 Granted = "granted",
        2 Rejected = "rejected",
        3 Lapsed = "lapsed",
    }
}

impl Group {
    /// The group whose members hold this role; none for a role that never votes.
    pub fn of(role: Role) -> Option<Group> {
        Group::ALL.iter().find(|group| group.role() == role).copied()
    }

    /// The role that a member holds.
    pub const fn role(self) -> Role {
        match self {
            Group::Security => Role::Security,
            Group::Biomed => Role::Biomed,
            Group::Privacy => Role::Privacy,
            Group::Admin => Role::Admin,
        }
    }
}

/// A request with its votes, as the registers have it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestView {
    /// The request.
    pub request: Id<Request>,
    /// What it asks for.
    pub act: Act,
    /// Where it stands.
    pub state: RequestState,
    /// Who asked; never counted.
    pub requester: Id<Actor>,
    /// Whoever let in who sent what is to be released: made the key or token that was shown, or the link by which they came. They
    /// could have sent it themselves; never counted.
    pub let_in_by: Vec<Id<Person>>,
    /// What votes bind now.
    pub binding: Digest,
    /// How many distinct persons are needed.
    pub required: u8,
    /// The groups that must be among them.
    pub groups: Vec<Group>,
    /// Exclusive end of the request.
    pub until: Timestamp,
    /// The votes for it, in the order cast.
    pub votes: Vec<Vote>,
}

/// One approval, with what is true of the voter now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vote {
    /// Who voted.
    pub person: Id<Person>,
    /// For which group. Of a vote that counts, the group that it counts for.
    pub group: Group,
    /// What they saw.
    pub binding: Digest,
    /// The groups that they are in now. None, when they left, are no longer in the group for which they voted, or the credential
    /// by which they voted was revoked: then whoever voted may not have been they.
    pub groups: Vec<Group>,
    /// Whoever made a link by which they came in: they may hold both accounts.
    pub invited_by: Vec<Id<Person>>,
}

impl Vote {
    /// Whether one hand may have cast both: one of the two let the other in by a link.
    fn may_be_of_the_same_hand(&self, other: &Vote) -> bool {
        self.invited_by.contains(&other.person) || other.invited_by.contains(&self.person)
    }
}

/// What is known about someone who wants to vote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voter {
    /// The person.
    pub person: Id<Person>,
    /// Their side; a party's own people never count.
    pub side: PersonSide,
    /// Whether they still work here.
    pub standing: Standing,
    /// The roles they hold now.
    pub roles: Vec<Role>,
    /// Seconds since they showed a factor for this very vote.
    pub stepup_age_s: u64,
}

impl RequestView {
    /// The votes that stand: bound to what is true now, by distinct entitled persons, never by the requester or whoever let them
    /// in.
    pub fn standing(&self) -> Vec<Vote> {
        let mut standing: Vec<Vote> = Vec::new();
        for vote in &self.votes {
            let fresh = vote.binding == self.binding && self.groups.iter().any(|group| vote.groups.contains(group));
            let distinct = standing.iter().all(|other| other.person != vote.person);
            let asked = vote.person.cast::<Actor>() == self.requester || self.let_in_by.contains(&vote.person);
            if fresh && distinct && !asked {
                standing.push(vote.clone());
            }
        }
        standing
    }

    /// The votes that count: of those that stand, as many of as many groups as can be, but never somebody's and that of whoever
    /// invited them, since one hand may have cast both. Whoever is in several of the wanted groups counts for the one in which
    /// they are needed.
    pub fn counted(&self) -> Vec<Vote> {
        let mut counted = apart(&self.groups, few_linked(self.standing()));
        let seats = seats_of(&self.groups, &counted);
        for (vote, group) in counted.iter_mut().zip(seats) {
            vote.group = group.unwrap_or(vote.group);
        }
        counted
    }

    /// Two or more pairs of eyes, if enough votes count and each wanted group is among them.
    pub fn four_eyes(&self) -> Option<FourEyes> {
        let counted = self.counted();
        let enough = counted.len() >= usize::from(self.required);
        let groups = self.groups.iter().all(|group| counted.iter().any(|vote| vote.group == *group));
        (enough && groups && self.required >= 2).then(|| FourEyes::assertion(self.request, counted))
    }

    /// The group this voter would vote for: a wanted one not yet voted for, else any wanted one that they are in.
    ///
    /// # Errors
    /// They are not in any wanted group, or one of the rules that no role lifts says no.
    pub fn may_vote(&self, voter: &Voter, binding: Digest, at: Timestamp) -> Result<Group, Refusal> {
        if self.state != RequestState::Open || at >= self.until {
            return Err(Refusal::WrongState);
        }
        if voter.person.cast::<Actor>() == self.requester {
            return Err(Refusal::OwnRequest);
        }
        if self.let_in_by.contains(&voter.person) {
            return Err(Refusal::LetSenderIn);
        }
        if voter.side != PersonSide::Hospital || voter.standing == Standing::Past {
            return Err(Refusal::NotInRole);
        }
        if binding != self.binding {
            return Err(Refusal::StaleApproval);
        }
        if voter.stepup_age_s > STEPUP_AGE_MAX_S {
            return Err(Refusal::StepUpNeeded);
        }
        if self.standing().iter().any(|vote| vote.person == voter.person) {
            return Err(Refusal::VotedAlready);
        }
        let counted = self.counted();
        let own = groups_of(&voter.roles);
        let mut people: Vec<Seat> =
            counted.iter().map(|vote| Seat { groups: &vote.groups, first: Some(vote.group) }).collect();
        people.push(Seat { groups: &own, first: None });
        seats(&self.groups, &people).last().copied().flatten().ok_or(Refusal::NotInRole)
    }

    /// Whether this caller may take the request back: whoever asked for it, while it waits. A transfer is withdrawn instead.
    ///
    /// # Errors
    /// Somebody else; a request that waits no longer, or is about a transfer.
    pub fn may_take_back(&self, caller: &Caller, at: Timestamp) -> Result<(), Refusal> {
        if caller.actor() != self.requester {
            return Err(Refusal::NotAllowed);
        }
        let waits = self.state == RequestState::Open && at < self.until;
        if waits && self.act != Act::ReleaseTransfer { Ok(()) } else { Err(Refusal::WrongState) }
    }
}

/// The approver groups that these roles are.
pub fn groups_of(roles: &[Role]) -> Vec<Group> {
    Group::ALL.iter().copied().filter(|group| roles.contains(&group.role())).collect()
}

/// Whether there are people who could grant this: enough of them, of every wanted group, without the requester. `members` lists
/// the current members of each approver group.
///
/// # Errors
/// [`Refusal::TooFewOthers`]: nobody should wait for what cannot come.
pub fn can_be_granted(
    required: u8,
    wanted: &[Group],
    requester: Id<Actor>,
    members: &[(Group, Id<Person>)],
) -> Result<(), Refusal> {
    let mut people: Vec<(Id<Person>, Vec<Group>)> = Vec::new();
    for (group, person) in members {
        if person.cast::<Actor>() == requester || !wanted.contains(group) {
            continue;
        }
        match people.iter_mut().find(|(known, _)| known == person) {
            Some((_, groups)) => groups.push(*group),
            None => people.push((*person, vec![*group])),
        }
    }
    let able: Vec<Seat> = people.iter().map(|(_, groups)| Seat { groups, first: None }).collect();
    let taken = seats(wanted, &able);
    let all = wanted.iter().all(|group| taken.contains(&Some(*group)));
    if all && people.len() >= usize::from(required) { Ok(()) } else { Err(Refusal::TooFewOthers) }
}

/// The votes without those of linked people beyond the limit, in the order cast: what is left out counts for nothing.
fn few_linked(votes: Vec<Vote>) -> Vec<Vote> {
    let mut linked = 0;
    let is_linked = |vote: &Vote| votes.iter().any(|other| vote.may_be_of_the_same_hand(other));
    let kept: Vec<bool> = votes
        .iter()
        .map(|vote| {
            linked += usize::from(is_linked(vote));
            !is_linked(vote) || linked <= LINKED_VOTES_MAX
        })
        .collect();
    votes.into_iter().zip(kept).filter_map(|(vote, kept)| kept.then_some(vote)).collect()
}

/// The best of these votes of which no two may be of one hand: those of the most wanted groups, then the most, then the earliest.
fn apart(wanted: &[Group], votes: Vec<Vote>) -> Vec<Vote> {
    let pair = votes.iter().enumerate().find_map(|(first, one)| {
        let later = votes.iter().enumerate().skip(first + 1);
        later.filter(|(_, other)| one.may_be_of_the_same_hand(other)).map(|(second, _)| (first, second)).next()
    });
    let Some((first, second)) = pair else { return votes };
    let without = |place: usize| {
        let rest = votes.iter().enumerate().filter(|(other, _)| *other != place);
        apart(wanted, rest.map(|(_, vote)| vote.clone()).collect())
    };
    let worth = |votes: &[Vote]| {
        let seats = seats_of(wanted, votes);
        (wanted.iter().filter(|group| seats.contains(&Some(**group))).count(), votes.len())
    };
    let (earlier, later) = (without(second), without(first));
    if worth(&later) > worth(&earlier) { later } else { earlier }
}

fn seats_of(wanted: &[Group], votes: &[Vote]) -> Vec<Option<Group>> {
    let people: Vec<Seat> = votes.iter().map(|vote| Seat { groups: &vote.groups, first: Some(vote.group) }).collect();
    seats(wanted, &people)
}

/// One person at the table.
struct Seat<'a> {
    /// The groups that they may sit for.
    groups: &'a [Group],
    /// The one that they would rather sit for.
    first: Option<Group>,
}

/// Gives each of these people one of the wanted groups that they are in, so that as many groups as can be have somebody; none to
/// whoever is in no wanted group. A maximum matching: where a group lacks somebody who sits for another, they move if the other
/// can be taken by the next.
fn seats(wanted: &[Group], people: &[Seat<'_>]) -> Vec<Option<Group>> {
    let mut seats: Vec<Option<Group>> = vec![None; people.len()];
    for (place, person) in people.iter().enumerate() {
        let first = person
            .first
            .filter(|first| wanted.contains(first) && person.groups.contains(first) && !seats.contains(&Some(*first)));
        if let (Some(seat), Some(first)) = (seats.get_mut(place), first) {
            *seat = Some(first);
        }
    }
    for group in wanted {
        if !seats.contains(&Some(*group)) {
            take_seat(*group, people, &mut seats, &mut Vec::new());
        }
    }
    for (seat, person) in seats.iter_mut().zip(people) {
        let any = || wanted.iter().copied().find(|group| person.groups.contains(group));
        *seat =
            seat.or(person.first.filter(|first| person.groups.contains(first) && wanted.contains(first))).or_else(any);
    }
    seats
}

fn take_seat(group: Group, people: &[Seat<'_>], seats: &mut [Option<Group>], asked: &mut Vec<usize>) -> bool {
    for (place, person) in people.iter().enumerate() {
        if asked.contains(&place) || !person.groups.contains(&group) {
            continue;
        }
        asked.push(place);
        let sits_for = seats.get(place).copied().flatten();
        if sits_for.is_none_or(|other| take_seat(other, people, seats, asked)) {
            if let Some(seat) = seats.get_mut(place) {
                *seat = Some(group);
            }
            return true;
        }
    }
    false
}

/// Proof that enough distinct people approved what is true now.
#[must_use]
#[derive(Debug)]
pub struct FourEyes {
    request: Id<Request>,
    votes: Vec<Vote>,
}

impl FourEyes {
    fn assertion(request: Id<Request>, votes: Vec<Vote>) -> FourEyes {
        assert!(votes.len() >= 2, "four eyes are two people");
        FourEyes { request, votes }
    }

    /// The request they granted.
    pub fn request(&self) -> Id<Request> {
        self.request
    }

    /// The groups they voted for.
    pub fn groups(&self) -> Vec<Group> {
        self.votes.iter().map(|vote| vote.group).collect()
    }
}

/// What a vote on a transfer binds: the bytes, what inspectors found, the rules, and what people are asked for. What else holds
/// it, and is cured meanwhile, is none of the voters' business.
pub fn binding(content: &[u8], evidence: &Digest, policy: &Digest, requirement: &str) -> Digest {
    Digest::of_parts([
        b"lazaret/binding/v1".as_slice(),
        content,
        evidence.as_bytes(),
        policy.as_bytes(),
        requirement.as_bytes(),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEN: Digest = Digest::from_bytes([7; 32]);

    fn person(byte: u8) -> Id<Person> {
        Id::from_bytes([byte; 16])
    }

    fn vote(byte: u8, group: Group) -> Vote {
        Vote { person: person(byte), group, binding: SEEN, groups: vec![group], invited_by: Vec::new() }
    }

    fn request(votes: Vec<(u8, Group)>) -> RequestView {
        RequestView {
            request: Id::from_bytes([1; 16]),
            act: Act::ReleaseTransfer,
            state: RequestState::Open,
            requester: person(9).cast(),
            let_in_by: Vec::new(),
            binding: SEEN,
            required: 2,
            groups: vec![Group::Biomed, Group::Security],
            until: Timestamp::from_millis(1_000),
            votes: votes.into_iter().map(|(byte, group)| vote(byte, group)).collect(),
        }
    }

    fn voter(byte: u8, roles: &[Role]) -> Voter {
        Voter {
            person: person(byte),
            side: PersonSide::Hospital,
            standing: Standing::Current,
            roles: roles.to_vec(),
            stepup_age_s: 0,
        }
    }

    fn check(request: &RequestView, voter: &Voter, expected: Result<Group, Refusal>) {
        assert_eq!(request.may_vote(voter, SEEN, Timestamp::from_millis(0)), expected);
    }

    // EVIDENCE-OF: R-011
    #[test]
    fn the_requester_is_never_one_of_the_two() {
        check(&request(vec![]), &voter(9, &[Role::Security]), Err(Refusal::OwnRequest));
        assert!(request(vec![(9, Group::Security), (2, Group::Biomed)]).four_eyes().is_none());
    }

    #[test]
    fn one_person_with_two_roles_is_one_pair_of_eyes() {
        let both = voter(2, &[Role::Security, Role::Biomed]);
        check(&request(vec![]), &both, Ok(Group::Biomed));
        check(&request(vec![(2, Group::Biomed)]), &both, Err(Refusal::VotedAlready));
        assert!(request(vec![(2, Group::Biomed), (2, Group::Security)]).four_eyes().is_none());
    }

    #[test]
    fn each_wanted_group_must_be_among_them() {
        assert!(request(vec![(2, Group::Biomed), (3, Group::Biomed)]).four_eyes().is_none());
        assert!(request(vec![(2, Group::Biomed), (3, Group::Security)]).four_eyes().is_some());
        check(&request(vec![(2, Group::Biomed)]), &voter(3, &[Role::Security]), Ok(Group::Security));
        check(&request(vec![]), &voter(3, &[Role::Clinician]), Err(Refusal::NotInRole));
    }

    #[test]
    fn a_vote_for_other_content_is_stale() {
        let mut request = request(vec![(2, Group::Biomed), (3, Group::Security)]);
        request.binding = Digest::from_bytes([8; 32]);
        assert!(request.four_eyes().is_none());
        check(&request, &voter(4, &[Role::Security]), Err(Refusal::StaleApproval));
    }

    #[test]
    fn an_old_step_up_a_partys_person_and_a_past_one_are_refused() {
        let base = voter(2, &[Role::Security]);
        check(&request(vec![]), &Voter { stepup_age_s: 301, ..base.clone() }, Err(Refusal::StepUpNeeded));
        check(&request(vec![]), &Voter { stepup_age_s: 300, ..base.clone() }, Ok(Group::Security));
        check(&request(vec![]), &Voter { side: PersonSide::Party, ..base.clone() }, Err(Refusal::NotInRole));
        check(&request(vec![]), &Voter { standing: Standing::Past, ..base }, Err(Refusal::NotInRole));
    }

    #[test]
    fn a_voter_who_lost_the_role_no_longer_counts() {
        let mut request = request(vec![(2, Group::Biomed), (3, Group::Security)]);
        request.votes[1].groups = Vec::new();
        assert!(request.four_eyes().is_none());
        request.votes[1].groups = vec![Group::Privacy];
        assert!(request.four_eyes().is_none(), "another group is not asked");
    }

    #[test]
    fn whoever_is_in_two_groups_counts_where_they_are_needed() {
        let both = [Role::Security, Role::Biomed];
        // The first one sits for biomed, until one of biomed comes: then security is theirs.
        let mut first = request(vec![(2, Group::Biomed)]);
        first.votes[0].groups = groups_of(&both);
        check(&first, &voter(3, &[Role::Biomed]), Ok(Group::Biomed));
        check(&first, &voter(3, &[Role::Security]), Ok(Group::Security));
        for second in [Group::Biomed, Group::Security] {
            let mut granted = first.clone();
            granted.votes.push(vote(3, second));
            let mut groups = granted.four_eyes().expect("two people, two groups").groups();
            groups.sort_unstable();
            assert_eq!(groups, [Group::Security, Group::Biomed]);
        }
        // A row of three moves on by one each.
        let mut three = request(vec![(2, Group::Biomed), (3, Group::Security), (4, Group::Security)]);
        three.required = 3;
        three.groups.push(Group::Privacy);
        three.votes[0].groups = vec![Group::Biomed, Group::Privacy];
        three.votes[1].groups = vec![Group::Security, Group::Biomed];
        assert!(three.four_eyes().is_some());
        three.votes[0].groups = vec![Group::Biomed];
        assert!(three.four_eyes().is_none(), "nobody is left for privacy");
    }

    // EVIDENCE-OF: R-011
    #[test]
    fn whoever_let_the_sender_in_is_never_one_of_the_two() {
        let voted = request(vec![(2, Group::Biomed), (3, Group::Security)]);
        assert!(voted.four_eyes().is_some());
        let by_three = RequestView { let_in_by: vec![person(3)], ..voted };
        assert_eq!((by_three.four_eyes().is_none(), by_three.counted().len()), (true, 1));
        check(&by_three, &voter(3, &[Role::Security]), Err(Refusal::LetSenderIn));
        check(&by_three, &voter(4, &[Role::Security]), Ok(Group::Security));
    }

    // EVIDENCE-OF: R-011
    #[test]
    fn whoever_invited_a_voter_is_not_the_second_one() {
        let linked = |votes: Vec<(u8, Group)>, links: &[(u8, u8)]| {
            let mut request = request(votes);
            for vote in &mut request.votes {
                let by = links.iter().filter(|(invited, _)| person(*invited) == vote.person);
                vote.invited_by = by.map(|(_, by)| person(*by)).collect();
            }
            request
        };
        let (security, biomed) = (Group::Security, Group::Biomed);
        let alone = linked(vec![(2, biomed), (3, security)], &[(2, 3)]);
        assert_eq!((alone.four_eyes().is_none(), alone.counted().len()), (true, 1));
        check(&alone, &voter(2, &[Role::Biomed]), Err(Refusal::VotedAlready));
        // A further person makes it two, whichever of the pair is needed.
        assert!(linked(vec![(2, biomed), (3, security), (4, security)], &[(2, 3)]).four_eyes().is_some());
        assert!(linked(vec![(2, biomed), (3, security), (4, biomed)], &[(2, 3)]).four_eyes().is_some());
        // Two whom the same administrator invited are two; with that one among the voters, still.
        let both = [(2, 3), (4, 3)];
        assert!(linked(vec![(2, biomed), (4, security)], &both).four_eyes().is_some());
        assert!(linked(vec![(3, security), (2, biomed), (4, security)], &both).four_eyes().is_some());
        assert!(linked(vec![(3, security), (2, biomed), (4, biomed)], &both).four_eyes().is_none());
    }

    /// Every way in which four people vote and invited one another: what counts is never of one hand, is enough exactly where
    /// some of the votes would be enough without the others, and one more vote never takes anything away.
    #[test]
    fn of_linked_votes_the_best_that_can_be_of_different_hands_count() {
        const LINKS: [(u8, u8); 6] = [(1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4)];
        for groups in 0..16_u32 {
            for links in 0..64_u32 {
                let votes: Vec<Vote> = (1..=4_u8)
                    .map(|byte| {
                        let group = if groups & (1 << (byte - 1)) == 0 { Group::Biomed } else { Group::Security };
                        let of = LINKS
                            .iter()
                            .enumerate()
                            .filter(|(place, (one, _))| *one == byte && links & (1 << place) != 0);
                        Vote { invited_by: of.map(|(_, (_, by))| person(*by)).collect(), ..vote(byte, group) }
                    })
                    .collect();
                let is_apart = |votes: &[Vote]| {
                    votes.iter().all(|one| votes.iter().all(|other| !one.may_be_of_the_same_hand(other)))
                };
                let enough = |subset: u32| {
                    let votes = votes.iter().enumerate().filter(|(place, _)| subset & (1 << place) != 0);
                    let votes: Vec<Vote> = votes.map(|(_, vote)| vote.clone()).collect();
                    let has = |group| votes.iter().any(|vote| vote.group == group);
                    is_apart(&votes) && votes.len() >= 2 && has(Group::Biomed) && has(Group::Security)
                };
                for cast in 0..=4_usize {
                    let request = RequestView { votes: votes.iter().take(cast).cloned().collect(), ..request(vec![]) };
                    assert!(is_apart(&request.counted()), "{votes:?}");
                    let possible = (0..1_u32 << cast).any(enough);
                    assert_eq!(request.four_eyes().is_some(), possible, "{cast} of {votes:?}");
                }
            }
        }
    }

    #[test]
    fn of_many_linked_votes_some_are_looked_at_and_one_of_somebody_else_still_counts() {
        let chain = (10..60_u8).map(|byte| Vote { invited_by: vec![person(byte - 1)], ..vote(byte, Group::Biomed) });
        let mut crowd = RequestView { votes: chain.collect(), ..request(vec![]) };
        assert_eq!((crowd.counted().len(), crowd.four_eyes().is_none()), (LINKED_VOTES_MAX / 2, true));
        crowd.votes.push(vote(2, Group::Security));
        assert!(crowd.four_eyes().is_some());
    }

    #[test]
    fn nobody_waits_for_people_who_are_not_there() {
        let asks: Id<Actor> = person(9).cast();
        let check = |required, wanted: &[Group], members: &[(Group, u8)], can: bool| {
            let members: Vec<_> = members.iter().map(|(group, byte)| (*group, person(*byte))).collect();
            assert_eq!(can_be_granted(required, wanted, asks, &members).is_ok(), can, "{members:?}");
        };
        let (security, biomed) = (Group::Security, Group::Biomed);
        check(2, &[security], &[(security, 1), (security, 2)], true);
        check(2, &[security], &[(security, 1), (security, 9)], false);
        check(2, &[security], &[(security, 1), (biomed, 2)], false);
        check(2, &[biomed, security], &[(security, 1), (biomed, 1)], false);
        check(2, &[biomed, security], &[(security, 1), (biomed, 1), (security, 2)], true);
        check(2, &[biomed, security], &[(security, 1), (security, 2)], false);
    }

    #[test]
    fn an_asker_takes_back_what_waits_and_is_no_transfer() {
        let caller = |byte| {
            let who = crate::caller::Who::Person { person: person(byte), party: None, roles: Vec::new() };
            Caller::assertion(who, None, Means::Token, u64::MAX)
        };
        let (now, later) = (Timestamp::from_millis(0), Timestamp::from_millis(1_000));
        let lift = RequestView { act: Act::LiftIsolation, ..request(vec![]) };
        assert_eq!(lift.may_take_back(&caller(9), now), Ok(()));
        assert_eq!(lift.may_take_back(&caller(2), now), Err(Refusal::NotAllowed));
        assert_eq!(lift.may_take_back(&caller(9), later), Err(Refusal::WrongState));
        assert_eq!(request(vec![]).may_take_back(&caller(9), now), Err(Refusal::WrongState));
        let granted = RequestView { state: RequestState::Granted, ..lift };
        assert_eq!(granted.may_take_back(&caller(9), now), Err(Refusal::WrongState));
    }
}
