//! The pure decisions about parties and their agreements.

use crate::caller::Caller;
use crate::digest::{Commitment, Digest};
use crate::event::{AgreementRecorded, Approved, Event, Isolated, IsolationLifted, Rejected, RequestOpened};
use crate::id::{Agreement, Engagement, Id, Isolation, Party, Request};
use crate::refusal::Refusal;
use crate::register::{AgreementKind, AgreementTerms, Role};
use crate::request::{Act, FourEyes, Group, RequestView};
use crate::time::{HOUR_MS, Timestamp};

/// How long a request for an administrative act waits.
pub const ADMIN_REQUEST_MS_MAX: u64 = HOUR_MS;

/// One person may isolate: security, or an administrator.
///
/// # Errors
/// Another role, or an isolation of the party is open.
pub fn isolate(
    caller: &Caller,
    party: Id<Party>,
    open: Option<Id<Isolation>>,
    isolation: Id<Isolation>,
) -> Result<Event, Refusal> {
    if !caller.has_role(Role::Security) && !caller.has_role(Role::Admin) {
        return Err(Refusal::NotAllowed);
    }
    if open.is_some() {
        return Err(Refusal::Unchanged);
    }
    Ok(Isolated { isolation, party }.into())
}

/// Asks two others to lift an isolation. Whoever asks is not one of the two, so that more roles may ask than grant.
///
/// # Errors
/// Not an approver or administrator.
pub fn ask_to_lift(
    caller: &Caller,
    isolation: Id<Isolation>,
    request: Id<Request>,
    at: Timestamp,
) -> Result<Event, Refusal> {
    if !Group::ALL.iter().any(|group| caller.has_role(group.role())) {
        return Err(Refusal::NotAllowed);
    }
    Ok(RequestOpened {
        request,
        act: Act::LiftIsolation,
        subject: isolation.cast(),
        binding: Digest::of_parts([b"lazaret/lift/v1".as_slice(), isolation.as_bytes()]),
        required: 2,
        groups: vec![Group::Security],
        until: at.plus_millis(ADMIN_REQUEST_MS_MAX),
    }
    .into())
}

/// Two people granted it: the isolation ends.
///
/// # Errors
/// Nothing but the proof's own constructor can fail.
pub fn lift(isolation: Id<Isolation>, eyes: &FourEyes) -> Event {
    IsolationLifted { isolation, request: eyes.request() }.into()
}

/// A privacy officer or an administrator records an agreement that covers patient data.
///
/// # Errors
/// Another role, or a kind of agreement that covers none.
pub fn agree(
    caller: &Caller,
    engagement: Id<Engagement>,
    agreement: Id<Agreement>,
    kind: AgreementKind,
    terms: AgreementTerms,
) -> Result<Event, Refusal> {
    if !caller.has_role(Role::Privacy) && !caller.has_role(Role::Admin) {
        return Err(Refusal::NotAllowed);
    }
    if !matches!(kind, AgreementKind::Baa | AgreementKind::Dpa) {
        return Err(Refusal::NotAllowed);
    }
    Ok(AgreementRecorded { agreement, engagement, kind, terms, lanes: Vec::new() }.into())
}

/// A vote for, or against.
///
/// # Errors
/// The request does not take it from this person now.
pub fn vote(
    view: &RequestView,
    caller: &Caller,
    group: Group,
    binding: Digest,
    reason: Option<Commitment>,
    choice: Choice,
) -> Result<Event, Refusal> {
    let person = caller.person().ok_or(Refusal::NotInRole)?;
    let credential = caller.credential().ok_or(Refusal::NotAllowed)?;
    let (request, means) = (view.request, caller.means());
    Ok(match choice {
        Choice::Approve => Approved { request, person, group, binding, means, credential, reason }.into(),
        Choice::Reject => Rejected { request, person, group, binding, means, credential, reason }.into(),
    })
}

/// What a voter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Yes.
    Approve,
    /// No: one is enough to end the request.
    Reject,
}
