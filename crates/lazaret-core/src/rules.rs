//! The pure decisions about rule sets: who may ask for other rules, and when they come into force.

use crate::caller::Caller;
use crate::digest::Digest;
use crate::event::{Event, PolicyActivated, RequestOpened, RuleSet};
use crate::id::{Id, Person, Request, Subject};
use crate::party::ADMIN_REQUEST_MS_MAX;
use crate::refusal::Refusal;
use crate::register::Role;
use crate::request::{Act, FourEyes, Group, can_be_granted};
use crate::time::Timestamp;

/// The subject of every fact about the gate's rules as a whole.
pub const RULES: Id<Subject> = Id::from_bytes(*b"lazaret/rules/v1");

/// Whether one may ask for other rules: security, privacy, or an administrator.
///
/// # Errors
/// Another role.
pub fn may_ask_to_activate(caller: &Caller) -> Result<(), Refusal> {
    let may = [Role::Security, Role::Privacy, Role::Admin].into_iter().any(|role| caller.has_role(role));
    if may { Ok(()) } else { Err(Refusal::NotAllowed) }
}

/// Asks two others, one of security and one of privacy, to put this set in force. A vote binds the set's digest.
///
/// # Errors
/// As [`may_ask_to_activate`]; the set is in force already; without them security or privacy has nobody.
pub fn ask_to_activate(
    caller: &Caller,
    digest: Digest,
    in_force: Option<Digest>,
    request: Id<Request>,
    members: &[(Group, Id<Person>)],
    at: Timestamp,
) -> Result<Event, Refusal> {
    may_ask_to_activate(caller)?;
    if in_force == Some(digest) {
        return Err(Refusal::Unchanged);
    }
    let groups = vec![Group::Security, Group::Privacy];
    can_be_granted(2, &groups, caller.actor(), members)?;
    Ok(RequestOpened {
        request,
        act: Act::ActivatePolicy,
        subject: RULES,
        binding: digest,
        required: 2,
        groups,
        until: at.plus_millis(ADMIN_REQUEST_MS_MAX),
    }
    .into())
}

/// Two people granted it: this set decides from now on.
pub fn activate(digest: Digest, eyes: &FourEyes) -> Event {
    PolicyActivated { set: RuleSet::Policy, digest, request: Some(eyes.request()) }.into()
}
