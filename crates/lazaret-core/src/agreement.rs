//! The pure decisions that let a party in: that it is known, what was checked about it, its contract, and the lanes under
//! that. An administrator records them; each is a fact that the next decision reads.

use crate::caller::Caller;
use crate::code::Code;
use crate::event::{AgreementRecorded, CredentialAdded, EngagementRecorded, Event, PartyRecorded, VettingConcluded};
use crate::id::{Agreement, Credential, Engagement, Id, Lane, Party, Person, Vetting};
use crate::inspection::Inspector;
use crate::refusal::Refusal;
use crate::register::{
    AgreementKind, AgreementTerms, CredentialKind, LaneTerms, PartyKind, PartyState, Role, VettingOutcome,
};
use crate::time::{DAY_MS, Timestamp};
use crate::transfer::{Direction, TransferKind};

/// For how many days a vetting or a contract counts at most.
pub const DAYS_MAX: u32 = 36_500;
/// Lanes of one contract, open and closed: a fact has to fit into an entry.
pub const LANES_MAX: usize = 32;
/// Inspectors whose answer a new lane requires where nothing is said, beside those that always are.
pub const NEW_LANE_INSPECTORS: &[Inspector] = &[Inspector::Phi, Inspector::Signature];
/// People who may collect from one lane, by its terms.
pub const RECIPIENTS_MAX: usize = 64;

/// A contract with its lanes, as the registers have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    /// The agreement.
    pub agreement: Id<Agreement>,
    /// What it is about.
    pub engagement: Id<Engagement>,
    /// When it counts.
    pub terms: AgreementTerms,
    /// Its lanes, open and closed.
    pub lanes: Vec<LaneTerms>,
}

/// A party is known, with what it does here. Nothing of it is released before it was vetted and has a contract.
///
/// # Errors
/// Not an administrator.
pub fn record_party(
    caller: &Caller,
    party: Id<Party>,
    kind: PartyKind,
    engagement: Id<Engagement>,
) -> Result<[Event; 2], Refusal> {
    administrator(caller)?;
    let recorded = PartyRecorded { party, kind, state: PartyState::Vetting };
    Ok([recorded.into(), EngagementRecorded { engagement, party, ends: None }.into()])
}

/// What was checked about a party, and until when it counts.
///
/// # Errors
/// Not an administrator; a party that ended; days beyond the limit.
pub fn conclude_vetting(
    caller: &Caller,
    vetting: Id<Vetting>,
    (party, state): (Id<Party>, PartyState),
    outcome: VettingOutcome,
    days: u32,
    at: Timestamp,
) -> Result<Event, Refusal> {
    administrator(caller)?;
    if state == PartyState::Ended || days == 0 || days > DAYS_MAX {
        return Err(Refusal::WrongState);
    }
    let valid_until = at.plus_millis(u64::from(days) * DAY_MS);
    Ok(VettingConcluded { vetting, party, outcome, valid_until }.into())
}

/// The party's contract: its first, or the same one for longer, with the lanes it has.
///
/// # Errors
/// Not an administrator; days beyond the limit.
pub fn contract(
    caller: &Caller,
    engagement: Id<Engagement>,
    known: Option<&Contract>,
    fresh: Id<Agreement>,
    days: u32,
    at: Timestamp,
) -> Result<Event, Refusal> {
    administrator(caller)?;
    if days == 0 || days > DAYS_MAX {
        return Err(Refusal::WrongState);
    }
    let terms = AgreementTerms { effective: at, expires: Some(at.plus_millis(u64::from(days) * DAY_MS)) };
    let (agreement, lanes) = known.map_or((fresh, Vec::new()), |known| (known.agreement, known.lanes.clone()));
    Ok(AgreementRecorded { agreement, engagement, kind: AgreementKind::Contract, terms, lanes }.into())
}

/// What a party that was being vetted becomes, once it passed and a contract is in force; nothing where nothing changes.
pub fn becomes(
    (party, kind, state): (Id<Party>, PartyKind, PartyState),
    is_vetted: bool,
    has_contract: bool,
) -> Option<Event> {
    let waits = matches!(state, PartyState::Stub | PartyState::Vetting);
    (waits && is_vetted && has_contract).then(|| PartyRecorded { party, kind, state: PartyState::Active }.into())
}

/// What is said of a lane that is to be opened. Of one that there is, what is not said stays as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its id, if it is new.
    pub fresh: Id<Lane>,
    /// Its name.
    pub name: Code,
    /// In or out.
    pub direction: Direction,
    /// What may be sent on it; any kind on a new one.
    pub kinds: Option<Vec<TransferKind>>,
    /// Inspectors whose answer is required, beside those that always are; [`NEW_LANE_INSPECTORS`] on a new one.
    pub inspectors: Option<Vec<Inspector>>,
    /// People who may collect; nobody on a new one.
    pub recipients: Option<Vec<Id<Person>>>,
    /// Largest object in bytes.
    pub object_bytes_max: Option<u64>,
    /// The same for a new one of which it is not said: the gate's own limit.
    pub gate_bytes_max: u64,
}

impl Wanted {
    /// The terms that follow, for a lane that is known or for a new one.
    pub fn terms(&self, known: Option<&LaneTerms>) -> LaneTerms {
        let Wanted { kinds, inspectors, recipients, object_bytes_max, .. } = self.clone();
        LaneTerms {
            lane: known.map_or(self.fresh, |known| known.lane),
            name: self.name,
            direction: self.direction,
            kinds: kinds.or_else(|| known.map(|known| known.kinds.clone())).unwrap_or_default(),
            inspectors: inspectors
                .or_else(|| known.map(|known| known.inspectors.clone()))
                .unwrap_or_else(|| NEW_LANE_INSPECTORS.to_vec()),
            recipients: recipients.or_else(|| known.map(|known| known.recipients.clone())).unwrap_or_default(),
            object_bytes_max: object_bytes_max
                .or_else(|| known.map(|known| known.object_bytes_max))
                .unwrap_or(self.gate_bytes_max),
            open: true,
        }
    }
}

/// Opens a lane, or gives one of the same contract other terms. Its direction stays: what was sent on it went that way.
///
/// # Errors
/// Not an administrator; no contract in force; a name that another lane has; no recipients inward, or any outward; too much.
pub fn open_lane(
    caller: &Caller,
    contract: Option<&Contract>,
    wanted: &Wanted,
    is_name_taken: bool,
    at: Timestamp,
) -> Result<Event, Refusal> {
    administrator(caller)?;
    let contract = contract.filter(|contract| contract.terms.in_force(at)).ok_or(Refusal::NoContract)?;
    let terms = wanted.terms(contract.lanes.iter().find(|lane| lane.name == wanted.name));
    if (terms.direction == Direction::In) == terms.recipients.is_empty() || terms.recipients.len() > RECIPIENTS_MAX {
        return Err(Refusal::WrongRecipients);
    }
    let mut lanes = contract.lanes.clone();
    let is_full = lanes.len() >= LANES_MAX;
    match lanes.iter_mut().find(|lane| lane.name == terms.name) {
        Some(lane) if lane.direction == terms.direction => *lane = terms,
        Some(_) => return Err(Refusal::NameExists),
        None if is_name_taken => return Err(Refusal::NameExists),
        None if is_full => return Err(Refusal::TooManyLanes),
        None => lanes.push(terms),
    }
    Ok(recorded(contract, lanes))
}

/// A lane takes nothing more; what it brought stays collectable by its recipients.
///
/// # Errors
/// Not an administrator; not one of the contract's; closed.
pub fn close_lane(caller: &Caller, contract: &Contract, lane: Id<Lane>) -> Result<Event, Refusal> {
    administrator(caller)?;
    let mut lanes = contract.lanes.clone();
    let found = lanes.iter_mut().find(|known| known.lane == lane).ok_or(Refusal::NotFound)?;
    if !std::mem::replace(&mut found.open, false) {
        return Err(Refusal::Unchanged);
    }
    Ok(recorded(contract, lanes))
}

/// A key or token by which a party's programs come in.
///
/// # Errors
/// Not an administrator; a party that ended; another kind of credential; a token without an end.
pub fn add_credential(
    caller: &Caller,
    (party, state): (Id<Party>, PartyState),
    kind: CredentialKind,
    credential: Id<Credential>,
    until: Option<Timestamp>,
    at: Timestamp,
) -> Result<Event, Refusal> {
    administrator(caller)?;
    let fits = match kind {
        CredentialKind::SshKey => true,
        CredentialKind::Token => until.is_some(),
        CredentialKind::Passkey | CredentialKind::SigningKey | CredentialKind::Demo => false,
    };
    if !fits || state == PartyState::Ended {
        return Err(Refusal::WrongState);
    }
    // The party's, whatever becomes of the administrator's own.
    let (person, party, valid_from, valid_until) = (None, Some(party), at, until);
    let (asked_by, invited_by) = (None, None);
    Ok(CredentialAdded { credential, kind, person, party, valid_from, valid_until, asked_by, invited_by }.into())
}

fn recorded(contract: &Contract, lanes: Vec<LaneTerms>) -> Event {
    let Contract { agreement, engagement, terms, .. } = *contract;
    AgreementRecorded { agreement, engagement, kind: AgreementKind::Contract, terms, lanes }.into()
}

fn administrator(caller: &Caller) -> Result<(), Refusal> {
    let may = caller.is_hospital_person() && caller.has_role(Role::Admin);
    if may { Ok(()) } else { Err(Refusal::NotAllowed) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caller::Who;
    use crate::request::Means;

    const AT: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn caller(role: Role) -> Caller {
        let who = Who::Person { person: Id::from_bytes([1; 16]), party: None, roles: vec![role] };
        Caller::assertion(who, None, Means::Token, 0)
    }

    fn lane(name: &str, direction: Direction) -> LaneTerms {
        LaneTerms {
            lane: Id::from_bytes([name.as_bytes()[0]; 16]),
            name: Code::new(name).expect("a code"),
            direction,
            kinds: Vec::new(),
            inspectors: Vec::new(),
            recipients: if direction == Direction::In { vec![Id::from_bytes([5; 16])] } else { Vec::new() },
            object_bytes_max: 1,
            open: true,
        }
    }

    /// All of these terms, said.
    fn said(terms: LaneTerms) -> Wanted {
        Wanted {
            fresh: terms.lane,
            name: terms.name,
            direction: terms.direction,
            kinds: Some(terms.kinds),
            inspectors: Some(terms.inspectors),
            recipients: Some(terms.recipients),
            object_bytes_max: Some(terms.object_bytes_max),
            gate_bytes_max: 100,
        }
    }

    #[test]
    fn what_is_not_said_of_a_lane_stays_as_it_is() {
        let silent = Wanted {
            kinds: None,
            inspectors: None,
            recipients: None,
            object_bytes_max: None,
            ..said(lane("a-in", Direction::In))
        };
        let known = LaneTerms {
            kinds: vec![TransferKind::Software],
            inspectors: vec![Inspector::Sbom],
            object_bytes_max: 7,
            open: false,
            ..lane("a-in", Direction::In)
        };
        let contract = signed(vec![known.clone()]);
        let open = |wanted: &Wanted| {
            lanes_of(open_lane(&caller(Role::Admin), Some(&contract), wanted, true, AT)).expect("opened again")
        };
        assert_eq!(open(&silent), [LaneTerms { open: true, ..known.clone() }]);
        let other = Wanted { inspectors: Some(Vec::new()), ..silent.clone() };
        assert_eq!(open(&other), [LaneTerms { open: true, inspectors: Vec::new(), ..known }]);
        let new = silent.terms(None);
        assert_eq!((new.kinds, new.inspectors, new.recipients), (Vec::new(), NEW_LANE_INSPECTORS.to_vec(), Vec::new()));
        assert_eq!(new.object_bytes_max, 100, "the gate's own limit");
    }

    fn signed(lanes: Vec<LaneTerms>) -> Contract {
        let terms = AgreementTerms { effective: AT, expires: Some(AT.plus_millis(DAY_MS)) };
        Contract { agreement: Id::from_bytes([2; 16]), engagement: Id::from_bytes([3; 16]), terms, lanes }
    }

    fn lanes_of(event: Result<Event, Refusal>) -> Result<Vec<LaneTerms>, Refusal> {
        match event {
            Ok(Event::AgreementRecorded(fact)) => Ok(fact.lanes),
            Ok(other) => panic!("{other:?}"),
            Err(refusal) => Err(refusal),
        }
    }

    #[test]
    fn a_lane_is_opened_under_a_contract_in_force_by_an_administrator() {
        let open = |role, contract: Option<&Contract>, at| {
            lanes_of(open_lane(&caller(role), contract, &said(lane("a-in", Direction::In)), false, at))
                .map(|lanes| lanes.len())
        };
        let contract = signed(vec![lane("b-in", Direction::In)]);
        assert_eq!(open(Role::Admin, Some(&contract), AT), Ok(2));
        assert_eq!(open(Role::Security, Some(&contract), AT), Err(Refusal::NotAllowed));
        assert_eq!(open(Role::Admin, Some(&contract), AT.plus_millis(DAY_MS)), Err(Refusal::NoContract));
        assert_eq!(open(Role::Admin, None, AT), Err(Refusal::NoContract));
        let full = signed((0..32).map(|at| lane(&format!("{at}-in"), Direction::In)).collect());
        assert_eq!(open(Role::Admin, Some(&full), AT), Err(Refusal::TooManyLanes));
    }

    #[test]
    fn a_lane_keeps_its_id_and_direction_when_its_terms_change() {
        let contract = signed(vec![LaneTerms { open: false, ..lane("a-in", Direction::In) }]);
        let again = LaneTerms { lane: Id::from_bytes([9; 16]), object_bytes_max: 7, ..lane("a-in", Direction::In) };
        let lanes =
            lanes_of(open_lane(&caller(Role::Admin), Some(&contract), &said(again), true, AT)).expect("opened again");
        assert_eq!(lanes, [LaneTerms { object_bytes_max: 7, ..lane("a-in", Direction::In) }]);
        let turned = open_lane(&caller(Role::Admin), Some(&contract), &said(lane("a-in", Direction::Out)), true, AT);
        assert_eq!(turned, Err(Refusal::NameExists));
        let anothers = open_lane(&caller(Role::Admin), Some(&contract), &said(lane("b-in", Direction::In)), true, AT);
        assert_eq!(anothers, Err(Refusal::NameExists));
    }

    #[test]
    fn people_collect_from_inward_lanes_only() {
        let open = |direction, recipients: Vec<_>| {
            let terms = LaneTerms { recipients, ..lane("a", direction) };
            open_lane(&caller(Role::Admin), Some(&signed(Vec::new())), &said(terms), false, AT).map(|_| ())
        };
        let person = Id::from_bytes([5; 16]);
        assert_eq!((open(Direction::In, vec![person]), open(Direction::Out, Vec::new())), (Ok(()), Ok(())));
        assert_eq!(open(Direction::In, Vec::new()), Err(Refusal::WrongRecipients));
        assert_eq!(open(Direction::Out, vec![person]), Err(Refusal::WrongRecipients));
        assert_eq!(open(Direction::In, vec![person; 65]), Err(Refusal::WrongRecipients));
    }

    #[test]
    fn a_lane_closes_once() {
        let contract = signed(vec![lane("a-in", Direction::In), lane("b-in", Direction::In)]);
        let closed = lanes_of(close_lane(&caller(Role::Admin), &contract, Id::from_bytes([b'a'; 16]))).expect("closed");
        assert_eq!(closed.iter().map(|lane| lane.open).collect::<Vec<_>>(), [false, true]);
        let again = signed(closed);
        assert_eq!(close_lane(&caller(Role::Admin), &again, Id::from_bytes([b'a'; 16])), Err(Refusal::Unchanged));
        assert_eq!(close_lane(&caller(Role::Admin), &again, Id::from_bytes([8; 16])), Err(Refusal::NotFound));
        assert_eq!(close_lane(&caller(Role::Biomed), &again, Id::from_bytes([b'b'; 16])), Err(Refusal::NotAllowed));
    }

    #[test]
    fn a_party_is_active_once_it_passed_and_has_a_contract() {
        let check = |state, vetted, agreed, expected| {
            let now = becomes((Id::from_bytes([7; 16]), PartyKind::Agency, state), vetted, agreed);
            assert_eq!(now.is_some(), expected, "{state:?} {vetted} {agreed}");
        };
        check(PartyState::Vetting, true, true, true);
        check(PartyState::Stub, true, true, true);
        check(PartyState::Vetting, false, true, false);
        check(PartyState::Vetting, true, false, false);
        for state in [PartyState::Active, PartyState::Suspended, PartyState::Ended] {
            check(state, true, true, false);
        }
    }

    #[test]
    fn a_contract_is_renewed_with_its_lanes() {
        let known = signed(vec![lane("a-in", Direction::In)]);
        let renew = |known: Option<&Contract>, days| {
            contract(&caller(Role::Admin), Id::from_bytes([3; 16]), known, Id::from_bytes([8; 16]), days, AT)
        };
        let Ok(Event::AgreementRecorded(fact)) = renew(Some(&known), 2) else { panic!("renewed") };
        assert_eq!((fact.agreement, fact.lanes.len()), (known.agreement, 1));
        assert_eq!(fact.terms.expires, Some(AT.plus_millis(2 * DAY_MS)));
        assert!(
            matches!(renew(None, 1), Ok(Event::AgreementRecorded(fact)) if fact.agreement == Id::from_bytes([8; 16]))
        );
        assert_eq!((renew(None, 0), renew(None, DAYS_MAX + 1)), (Err(Refusal::WrongState), Err(Refusal::WrongState)));
    }

    #[test]
    fn a_partys_token_ends_and_no_other_kind_is_given_to_one() {
        let party = (Id::from_bytes([7; 16]), PartyState::Vetting);
        let add = |party, kind, until| {
            add_credential(&caller(Role::Admin), party, kind, Id::from_bytes([9; 16]), until, AT).map(|_| ())
        };
        assert_eq!(add(party, CredentialKind::SshKey, None), Ok(()));
        assert_eq!(add(party, CredentialKind::Token, Some(AT)), Ok(()));
        assert_eq!(add(party, CredentialKind::Token, None), Err(Refusal::WrongState));
        assert_eq!(add(party, CredentialKind::Passkey, None), Err(Refusal::WrongState));
        assert_eq!(add((party.0, PartyState::Ended), CredentialKind::SshKey, None), Err(Refusal::WrongState));
    }
}
