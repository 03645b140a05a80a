//! Four eyes, one model for every act: who may vote, what a vote binds, and when enough of them count.

use minicbor::{Decode, Encode};

use crate::digest::Digest;
use crate::id::{Actor, Id, Person, Request};
use crate::inspection::codes;
use crate::refusal::Refusal;
use crate::register::{PersonSide, Role, Standing};
use crate::time::Timestamp;

/// A vote's step-up may be this old at most, in seconds.
pub const STEPUP_AGE_MAX_S: u64 = 300;

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
        3 Stale = "stale",
        4 Lapsed = "lapsed",
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vote {
    /// Who voted.
    pub person: Id<Person>,
    /// For which group.
    pub group: Group,
    /// What they saw.
    pub binding: Digest,
    /// Whether they are current and still hold the group's role.
    pub still_entitled: bool,
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
    /// The votes that count: bound to what is true now, by distinct entitled persons, never by the requester.
    pub fn counted(&self) -> Vec<Vote> {
        let mut counted: Vec<Vote> = Vec::new();
        for vote in &self.votes {
            let fresh = vote.binding == self.binding && vote.still_entitled;
            let distinct = counted.iter().all(|other| other.person != vote.person);
            if fresh && distinct && vote.person.cast::<Actor>() != self.requester {
                counted.push(*vote);
            }
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
        if voter.side != PersonSide::Hospital || voter.standing == Standing::Past {
            return Err(Refusal::NotInRole);
        }
        if binding != self.binding {
            return Err(Refusal::StaleApproval);
        }
        if voter.stepup_age_s > STEPUP_AGE_MAX_S {
            return Err(Refusal::StepUpNeeded);
        }
        let counted = self.counted();
        if counted.iter().any(|vote| vote.person == voter.person) {
            return Err(Refusal::VotedAlready);
        }
        let holds = |group: &&Group| voter.roles.contains(&group.role());
        let missing = |group: &&Group| counted.iter().all(|vote| vote.group != **group);
        self.groups
            .iter()
            .filter(holds)
            .find(missing)
            .or_else(|| self.groups.iter().find(holds))
            .copied()
            .ok_or(Refusal::NotInRole)
    }
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

/// What a vote on a transfer binds: the bytes, what inspectors found, the rules, and what was asked for.
pub fn binding(content: &[u8], evidence: &Digest, policy: &Digest, requirement: &str) -> Digest {
    Digest::of_parts([
        b"lazaret/binding/v1".as_slice(),
        content,
        evidence.as_bytes(),
        policy.as_bytes(),
        requirement.as_bytes(),
    ])
}

/// A vote's place among the others, as messages name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Tally {
    /// Votes that count.
    #[n(0)]
    pub counted: u8,
    /// Votes needed.
    #[n(1)]
    pub required: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEN: Digest = Digest::from_bytes([7; 32]);

    fn person(byte: u8) -> Id<Person> {
        Id::from_bytes([byte; 16])
    }

    fn request(votes: Vec<(u8, Group)>) -> RequestView {
        RequestView {
            request: Id::from_bytes([1; 16]),
            act: Act::ReleaseTransfer,
            state: RequestState::Open,
            requester: person(9).cast(),
            binding: SEEN,
            required: 2,
            groups: vec![Group::Biomed, Group::Security],
            until: Timestamp::from_millis(1_000),
            votes: votes
                .into_iter()
                .map(|(byte, group)| Vote { person: person(byte), group, binding: SEEN, still_entitled: true })
                .collect(),
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
        request.votes[1].still_entitled = false;
        assert!(request.four_eyes().is_none());
    }
}
