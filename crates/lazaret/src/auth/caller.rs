//! The one place where a caller is made: after a credential was verified, from what the registers say of it now.

use lazaret_core::caller::{Caller, Who};
use lazaret_core::id::{Credential, Gate as GateKind, Id};
use lazaret_core::register::{PartyState, Standing};
use lazaret_core::request::Means;
use lazaret_core::time::Timestamp;
use lazaret_store::View;

/// Whom a verified credential makes of its bearer now; `None` whenever anything is in doubt.
///
/// `stepup_age_s` is the time since a factor was shown for this very act.
#[must_use]
pub fn from_credential(
    view: &View<'_>,
    credential: Id<Credential>,
    means: Means,
    stepup_age_s: u64,
    at: Timestamp,
) -> Option<Caller> {
    let found = view.credential(credential).ok().flatten()?;
    let live = !found.revoked && found.valid_from <= at && found.valid_until.is_none_or(|end| at < end);
    if !live {
        return None;
    }
    let who = match (found.person, found.party) {
        (Some(person), _) => {
            let known = view.person(person, at).ok().flatten()?;
            if known.standing == Standing::Past {
                return None;
            }
            Who::Person { person, party: known.party, roles: known.roles }
        }
        (None, Some(party)) => {
            let known = view.party(party).ok().flatten()?;
            if known.state == PartyState::Ended {
                return None;
            }
            Who::Party { party }
        }
        (None, None) => return None,
    };
    Some(assertion(who, Some(credential), means, stepup_age_s))
}

/// The gate acting by itself: reconcilers, followers, set-up.
#[must_use]
pub fn gate_itself(gate: Id<GateKind>) -> Caller {
    assertion(Who::Gate { gate }, None, Means::Token, 0)
}

fn assertion(who: Who, credential: Option<Id<Credential>>, means: Means, stepup_age_s: u64) -> Caller {
    Caller::assertion(who, credential, means, stepup_age_s)
}
