//! The one place where a caller is made: after a credential was verified, from what the registers say of it now. And how much a
//! caller is told.

use lazaret_core::caller::{Caller, Who};
use lazaret_core::id::{Actor, Credential, Gate as GateKind, Id, Party};
use lazaret_core::refusal::Refusal;
use lazaret_core::register::{PartyState, Role, Standing};
use lazaret_core::request::Means;
use lazaret_core::time::Timestamp;
use lazaret_store::View;

/// Why a credential makes no caller now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shut {
    /// It opens nothing: unknown, revoked, not in its time, of somebody who is past or whose party's relation has ended; or
    /// anything is in doubt.
    Nobody,
    /// It is this one's, whose party is isolated: known, and kept out while that lasts.
    Isolated(Id<Actor>),
}

impl From<Shut> for Refusal {
    fn from(shut: Shut) -> Refusal {
        match shut {
            Shut::Nobody => Refusal::NotAllowed,
            Shut::Isolated(_) => Refusal::Isolated,
        }
    }
}

/// Whom a verified credential makes of its bearer now. Every door asks here, so that what ends somebody's access ends it at all
/// of them.
///
/// `stepup_age_s` is the time since a factor was shown for this very act.
///
/// # Errors
/// Why it makes nobody.
pub fn from_credential(
    view: &View<'_>,
    credential: Id<Credential>,
    means: Means,
    stepup_age_s: u64,
    at: Timestamp,
) -> Result<Caller, Shut> {
    let found = view.credential(credential).ok().flatten().ok_or(Shut::Nobody)?;
    let live = !found.revoked && found.valid_from <= at && found.valid_until.is_none_or(|end| at < end);
    if !live {
        return Err(Shut::Nobody);
    }
    let who = match (found.person, found.party) {
        (Some(person), _) => {
            let known = view.person(person, at).ok().flatten().ok_or(Shut::Nobody)?;
            if known.standing == Standing::Past {
                return Err(Shut::Nobody);
            }
            Who::Person { person, party: known.party, roles: known.roles }
        }
        (None, Some(party)) => Who::Party { party },
        (None, None) => return Err(Shut::Nobody),
    };
    let caller = assertion(who, Some(credential), means, stepup_age_s);
    match caller.party() {
        Some(party) => is_let_in(view, party, caller.actor()).map(|()| caller),
        None => Ok(caller),
    }
}

fn is_let_in(view: &View<'_>, party: Id<Party>, actor: Id<Actor>) -> Result<(), Shut> {
    let known = view.party(party).ok().flatten().ok_or(Shut::Nobody)?;
    if known.state == PartyState::Ended {
        return Err(Shut::Nobody);
    }
    if known.isolated { Err(Shut::Isolated(actor)) } else { Ok(()) }
}

/// The gate acting by itself: reconcilers, followers, set-up.
#[must_use]
pub fn gate_itself(gate: Id<GateKind>) -> Caller {
    assertion(Who::Gate { gate }, None, Means::Token, 0)
}

fn assertion(who: Who, credential: Option<Id<Credential>>, means: Means, stepup_age_s: u64) -> Caller {
    Caller::assertion(who, credential, means, stepup_age_s)
}

/// How much a caller is told, decided here and nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// One of the hospital's people whose work is the gate: every transfer, with rule, fact and remedy.
    Operator,
    /// Another of the hospital's people, such as a clinician or a receiver: what a sender hears of a transfer, in the sender's
    /// words.
    Clinician,
    /// A party and its people, or somebody not signed in.
    Party,
}

impl Audience {
    /// What this caller is.
    pub fn of(caller: &Caller) -> Audience {
        use Role::{Admin, Auditor, Biomed, Integration, Privacy, Security};
        if !caller.is_hospital_person() {
            return Audience::Party;
        }
        let operates =
            [Admin, Security, Biomed, Privacy, Integration, Auditor].iter().any(|role| caller.has_role(*role));
        if operates { Audience::Operator } else { Audience::Clinician }
    }

    /// Whether rule, fact and remedy are for them.
    pub const fn is_operator(self) -> bool {
        matches!(self, Audience::Operator)
    }

    /// Whether they are one of the hospital's own.
    pub const fn is_insider(self) -> bool {
        matches!(self, Audience::Operator | Audience::Clinician)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(party: Option<Id<Party>>, roles: &[Role]) -> Audience {
        let who = Who::Person { person: Id::from_bytes([1; 16]), party, roles: roles.to_vec() };
        Audience::of(&assertion(who, None, Means::Passkey, 0))
    }

    #[test]
    fn only_whose_work_is_the_gate_is_told_rules_and_remedies() {
        for role in Role::ALL {
            let expected = match role {
                Role::Admin | Role::Security | Role::Biomed | Role::Privacy | Role::Integration | Role::Auditor => {
                    Audience::Operator
                }
                Role::Receiver | Role::Clinician | Role::Sender | Role::Respondent => Audience::Clinician,
            };
            assert_eq!(person(None, &[*role]), expected, "{}", role.word());
            assert_eq!(person(Some(Id::from_bytes([2; 16])), &[*role]), Audience::Party, "{}", role.word());
        }
        assert_eq!(person(None, &[]), Audience::Clinician);
        assert_eq!(person(None, &[Role::Clinician, Role::Biomed]), Audience::Operator);
        let machine = assertion(Who::Party { party: Id::from_bytes([2; 16]) }, None, Means::Token, 0);
        assert_eq!(Audience::of(&machine), Audience::Party);
    }
}
