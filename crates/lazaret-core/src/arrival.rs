//! How a transfer begins: who may send on a lane, and what a sealed object becomes.

use crate::caller::{Caller, Who};
use crate::digest::Commitment;
use crate::event::{Event, TransferArrived};
use crate::id::{Id, Object, Party, Transfer};
use crate::refusal::Refusal;
use crate::register::{LaneTerms, Role};
use crate::transfer::{Channel, Direction, TransferKind};

/// What the registers know of the place where a transfer would arrive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Landing {
    /// The lane and its terms.
    pub lane: LaneTerms,
    /// The party on the other side.
    pub party: Id<Party>,
    /// Whether the party is isolated.
    pub isolated: bool,
    /// A transfer that the same natural key already made, with its mark, if the key's window is open.
    pub repeat_of: Option<(Id<Transfer>, Commitment)>,
    /// The version that a new object of this name gets.
    pub next_version: u32,
}

/// What the door knows of the sealed bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// Drawn before the first byte.
    pub transfer: Id<Transfer>,
    /// Drawn before the first byte.
    pub object: Id<Object>,
    /// The door.
    pub channel: Channel,
    /// What the sender says it is.
    pub kind: TransferKind,
    /// The plaintext's SHA-256 under the object's key.
    pub content: Commitment,
    /// The manifest under the transfer's key.
    pub manifest: Commitment,
    /// Plaintext bytes.
    pub size_bytes: u64,
    /// The sender named a key for this very act (`Idempotency-Key`): other bytes under it are refused, not versioned.
    pub key_is_exact: bool,
    /// The plaintext's SHA-256 under the gate's own key: equal marks are equal bytes.
    pub mark: Commitment,
}

/// May this caller send on this lane at all? Asked before the first byte and again in `record`. Whether they belong to it comes
/// first: to an outsider another's lane looks like one that is not there, open or closed, isolated or not.
///
/// # Errors
/// A caller who does not belong to it, or whose roles send nothing outward; isolation, a closed lane, or a kind that the lane does
/// not take.
pub fn may_send(caller: &Caller, landing: &Landing, kind: TransferKind) -> Result<(), Refusal> {
    let belongs = match (landing.lane.direction, caller.who()) {
        (Direction::In, Who::Party { party }) => *party == landing.party,
        (Direction::In, Who::Person { party, .. }) => *party == Some(landing.party),
        (Direction::Out, Who::Person { party: None, .. }) => sends_outward(caller),
        (Direction::Out, _) | (Direction::In, Who::Gate { .. }) => false,
    };
    if !belongs {
        return Err(if caller.is_hospital_person() { Refusal::NotAllowed } else { Refusal::LaneClosed });
    }
    if landing.isolated {
        return Err(Refusal::Isolated);
    }
    if !landing.lane.open {
        return Err(Refusal::LaneClosed);
    }
    let taken = landing.lane.kinds.is_empty() || landing.lane.kinds.contains(&kind);
    if taken { Ok(()) } else { Err(Refusal::KindNotOnLane) }
}

/// Whether one of the hospital's people holds a role that sends outward.
pub fn sends_outward(caller: &Caller) -> bool {
    caller.is_hospital_person() && Role::ALL.iter().any(|role| role.sends_outward() && caller.has_role(*role))
}

/// A sealed object becomes a transfer.
///
/// # Errors
/// What [`may_send`] says; a size that the lane does not take; a repeat of the same key.
pub fn arrive(caller: &Caller, landing: &Landing, arrival: &Arrival) -> Result<Event, Refusal> {
    may_send(caller, landing, arrival.kind)?;
    if arrival.size_bytes > landing.lane.object_bytes_max {
        return Err(Refusal::TooLarge);
    }
    if let Some((first, mark)) = landing.repeat_of {
        if arrival.mark == mark {
            return Err(Refusal::Already(first));
        }
        if arrival.key_is_exact {
            return Err(Refusal::KeyReused);
        }
    }
    Ok(TransferArrived {
        transfer: arrival.transfer,
        object: arrival.object,
        direction: landing.lane.direction,
        lane: landing.lane.lane,
        party: landing.party,
        requester: caller.actor(),
        channel: arrival.channel,
        kind: arrival.kind,
        content: arrival.content,
        manifest: arrival.manifest,
        version: landing.next_version,
        credential: caller.credential(),
    }
    .into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::Means;

    const ID: [u8; 16] = [1; 16];

    fn person(party: Option<u8>, roles: &[Role]) -> Caller {
        let party = party.map(|byte| Id::from_bytes([byte; 16]));
        caller(Who::Person { person: Id::from_bytes([3; 16]), party, roles: roles.to_vec() })
    }

    fn machine(party: u8) -> Caller {
        caller(Who::Party { party: Id::from_bytes([party; 16]) })
    }

    fn caller(who: Who) -> Caller {
        Caller::assertion(who, None, Means::Token, 0)
    }

    fn landing(direction: Direction, open: bool, isolated: bool) -> Landing {
        let lane = LaneTerms {
            lane: Id::from_bytes(ID),
            name: crate::code::Code::new("lane").unwrap(),
            direction,
            kinds: Vec::new(),
            inspectors: Vec::new(),
            recipients: Vec::new(),
            object_bytes_max: 0,
            open,
        };
        Landing { lane, party: Id::from_bytes(ID), isolated, repeat_of: None, next_version: 1 }
    }

    // EVIDENCE-OF: R-418
    #[test]
    fn of_a_lane_that_is_not_theirs_an_outsider_learns_nothing() {
        for (direction, stranger) in [
            (Direction::In, machine(2)),
            (Direction::In, person(Some(2), &[Role::Sender])),
            (Direction::Out, machine(1)),
            (Direction::Out, person(Some(2), &[])),
        ] {
            for (open, isolated) in [(true, false), (true, true), (false, false), (false, true)] {
                let answer = may_send(&stranger, &landing(direction, open, isolated), TransferKind::File);
                assert_eq!(answer, Err(Refusal::LaneClosed), "{direction:?} {open} {isolated}");
            }
        }
        assert_eq!(may_send(&machine(1), &landing(Direction::In, true, false), TransferKind::File), Ok(()));
        assert_eq!(
            may_send(&machine(1), &landing(Direction::In, false, true), TransferKind::File),
            Err(Refusal::Isolated)
        );
        assert_eq!(
            may_send(&person(None, &[]), &landing(Direction::In, true, false), TransferKind::File),
            Err(Refusal::NotAllowed)
        );
    }

    #[test]
    fn who_sends_outward_holds_a_role_for_it() {
        let send =
            |roles: &[Role]| may_send(&person(None, roles), &landing(Direction::Out, true, false), TransferKind::File);
        for role in [Role::Security, Role::Biomed, Role::Privacy, Role::Integration, Role::Receiver, Role::Clinician] {
            assert_eq!(send(&[role]), Ok(()), "{}", role.word());
        }
        assert_eq!(send(&[Role::Auditor, Role::Clinician]), Ok(()));
        for roles in [&[][..], &[Role::Admin], &[Role::Auditor], &[Role::Sender], &[Role::Admin, Role::Auditor]] {
            assert_eq!(send(roles), Err(Refusal::NotAllowed), "{roles:?}");
        }
    }
}
