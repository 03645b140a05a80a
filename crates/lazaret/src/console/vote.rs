//! Voting: the form, the passkey that is shown for exactly this vote, the demo's button in its place, and what becomes of a
//! vote on something that has changed.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use lazaret_core::caller::Caller;
use lazaret_core::digest::Digest;
use lazaret_core::id::{Id, Request, Subject};
use lazaret_core::party::Choice;
use lazaret_core::person;
use lazaret_core::refusal::{PartyCode, Refusal};
use lazaret_core::register::CredentialKind;
use lazaret_core::request::{Act, Group, RequestView, Voter};
use lazaret_core::time::Timestamp;
use maud::{Markup, html};

use super::page::{Page, Place, banner, kept, name, passkey_fields, token};
use super::transfer::{self, Shown};
use super::visit::{Fields, Inside, Posted};
use super::words;
use crate::api::transfers::{REASON_BYTES_MAX, parse_digest};
use crate::auth::passkey::{Bound, Purpose};
use crate::auth::session::demo_doors;
use crate::auth::signin;
use crate::crossing::{self, Words};
use crate::error::{Error, Result};
use crate::gate::Gate;

/// For which group the reader would vote on this transfer now, or why they may not.
///
/// # Errors
/// What core refuses.
pub fn mine(inside: &Inside, shown: &Shown) -> Result<Group, Refusal> {
    let request = shown.request.as_ref().filter(|_| shown.waits()).ok_or(Refusal::WrongState)?;
    may_vote(&inside.gate, inside.caller(), request, inside.at)
}

/// For which group somebody would vote on a request, were they to show their passkey now.
///
/// # Errors
/// What core refuses.
pub fn may_vote(gate: &Gate, caller: &Caller, request: &RequestView, at: Timestamp) -> Result<Group, Refusal> {
    let voter = fresh_voter(gate, caller).ok_or(Refusal::NotInRole)?;
    request.may_vote(&voter, request.binding, at)
}

/// For which group this voter would vote on a request about this subject, or why they may not.
///
/// # Errors
/// What core refuses.
pub fn may_vote_about(
    request: &RequestView,
    subject: Id<Subject>,
    voter: &Voter,
    at: Timestamp,
) -> Result<Group, Refusal> {
    if request.act == Act::GrantRole {
        person::may_vote(subject.cast(), voter.person)?;
    }
    request.may_vote(voter, request.binding, at)
}

/// What somebody would be as a voter, were they to show their passkey now; none for whoever never votes.
pub fn fresh_voter(gate: &Gate, caller: &Caller) -> Option<Voter> {
    let voter = crossing::voter(gate, caller).ok()?;
    Some(Voter { stepup_age_s: 0, ..voter })
}

/// The part of a transfer's page where the reader votes; nothing where they may not.
pub fn section(inside: &Inside, page: &Page, shown: &Shown) -> Option<Markup> {
    let (Ok(group), Some(request)) = (mine(inside, shown), &shown.request) else { return None };
    let content = html! {
        section.panel aria-labelledby="decide" {
            h2 #decide { "Your decision, for " (words::group(group)) }
            (form(inside, request))
        }
    };
    Some(kept(page.nonce(), "vote", &content))
}

/// The form. A passkey signs what is chosen; in the demo a button may stand in for it.
pub fn form(inside: &Inside, request: &RequestView) -> Markup {
    let (yes, hint) = match request.act {
        Act::ReleaseTransfer => ("Release it", "It is released when everyone who is asked has said yes."),
        Act::LiftIsolation => ("Lift the isolation", "Bytes pass again when two people have said yes."),
        Act::ActivatePolicy => ("Put them in force", "They decide when two people have said yes."),
        Act::GrantRole => ("Grant it", "They hold the role when two people have said yes."),
    };
    let has_passkey = has_passkey(inside);
    html! {
        form action="/vote" method="post" data-passkey="/vote/begin" {
            (token(&inside.reader.csrf))
            input type="hidden" name="request" value=(request.request);
            input type="hidden" name="binding" value=(request.binding);
            fieldset {
                legend { "Decision" }
                label { input type="radio" name="vote" value="approve" required; (yes) }
                label { input type="radio" name="vote" value="reject" required; "Deny it" }
                p.hint { (hint) " One no is enough to deny." }
            }
            label.field.wide-field {
                span { "Reason " span.hint { "(kept with the receipt)" } }
                textarea name="reason" maxlength=(REASON_BYTES_MAX / 4) {}
            }
            @if has_passkey { button.main type="submit" { "Sign with passkey" } }
            @if demo_doors(&inside.gate.config) {
                @if has_passkey { " " }
                button.main[!has_passkey] type="submit" data-plain { "Go on without a passkey" }
            }
            (passkey_fields())
        }
    }
}

/// Whoever asked may take it back.
pub fn take_back_form(inside: &Inside, request: &RequestView) -> Markup {
    html! {
        form action="/vote/back" method="post" {
            (token(&inside.reader.csrf))
            input type="hidden" name="request" value=(request.request);
            button.danger type="submit" { "Take it back" }
        }
    }
}

/// `POST /vote/back`: whoever asked takes the request back.
pub async fn take_back(posted: Posted) -> Response {
    let Posted { inside, form } = posted;
    let outcome = async {
        let request: Id<Request> = form.fields.get("request").parse().map_err(|_| Error::Refused(Refusal::NotFound))?;
        let asked = inside.gate.read(|view, _| view.request(request, inside.at))?.ok_or(Refusal::NotFound)?;
        asked.may_take_back(inside.caller(), inside.at)?;
        let (no, words) = (Choice::Reject, Words::default());
        crossing::vote_on_request(&inside.gate, inside.caller(), request, asked.binding, words, no).await?;
        Ok(Redirect::to("/approvals?show=mine").into_response())
    };
    let outcome = outcome.await;
    inside.answer(outcome)
}

/// Whether the reader has a passkey.
pub fn has_passkey(inside: &Inside) -> bool {
    let person = inside.visitor.session.person;
    let known = inside.gate.read(|view, _| view.credentials_of_person(person, CredentialKind::Passkey, inside.at));
    known.is_ok_and(|known| !known.is_empty())
}

/// A vote as it came.
struct Ballot {
    bound: Bound,
    reason: String,
}

impl Ballot {
    fn parse(fields: &Fields) -> Result<Ballot> {
        let bad = |what: &str| Error::malformed(PartyCode::BadName, what.to_owned());
        let choice = match fields.get("vote") {
            "approve" => Choice::Approve,
            "reject" => Choice::Reject,
            _ => return Err(bad("choose what you decide")),
        };
        let request: Id<Request> = fields.get("request").parse().map_err(|_| Error::Refused(Refusal::NotFound))?;
        let binding: Digest = parse_digest(fields.get("binding")).ok_or_else(|| bad("the form is not whole"))?;
        let reason = fields.get("reason").to_owned();
        if reason.len() > REASON_BYTES_MAX {
            return Err(bad("the reason is too long"));
        }
        Ok(Ballot { bound: Bound { request, binding, choice }, reason })
    }

    /// The request, if this reader may vote on it as they saw it.
    fn request(&self, inside: &Inside) -> Result<RequestView> {
        let request = inside.gate.read(|view, _| view.request(self.bound.request, inside.at))?;
        let request = request.ok_or(Refusal::NotFound)?;
        if request.binding != self.bound.binding {
            return Err(Refusal::StaleApproval.into());
        }
        may_vote(&inside.gate, inside.caller(), &request, inside.at)?;
        Ok(request)
    }
}

/// `POST /vote/begin`: what the voter's passkey is to sign.
pub async fn begin(posted: Posted) -> Response {
    let Posted { inside, form } = posted;
    let outcome = Ballot::parse(&form.fields).and_then(|ballot| {
        ballot.request(&inside)?;
        let purpose = Purpose::Vote(inside.visitor.session.lookup, ballot.bound);
        inside.gate.signin.passkeys.ask(&inside.gate, (&form.origin, None), inside.caller().person(), purpose)
    });
    super::ceremony(outcome)
}

/// `POST /vote`: the vote, with what the passkey signed.
pub async fn cast(posted: Posted) -> Response {
    let Posted { inside, form } = posted;
    let outcome = async {
        let ballot = Ballot::parse(&form.fields)?;
        let confirmed = form.fields.get("demo") == "confirmed";
        match form.fields.passkey() {
            None if !confirmed => ask_for_proof(&inside, &ballot),
            proof => count(&inside, ballot, proof).await,
        }
    };
    let outcome = match outcome.await {
        Err(Error::Refused(Refusal::StaleApproval)) => Ok(stale(&inside, &form.fields)),
        outcome => outcome,
    };
    inside.answer(outcome)
}

async fn count(inside: &Inside, ballot: Ballot, proof: Option<(&str, &str)>) -> Result<Response> {
    let gate = &inside.gate;
    let act = ballot.request(inside)?.act;
    let (caller, assertion) = signin::voter(gate, &inside.visitor, ballot.bound, proof).await?;
    let Bound { request, binding, choice } = ballot.bound;
    let words = Words { reason: ballot.reason, assertion };
    let subject = gate.read(|view, _| view.subject_of_request(request))?.ok_or(Refusal::NotFound)?;
    match act {
        Act::ReleaseTransfer => {
            crossing::vote(gate, &caller, subject.cast(), binding, words, choice).await?;
            transfer::done(inside, subject.cast())
        }
        Act::LiftIsolation | Act::ActivatePolicy | Act::GrantRole => {
            crossing::vote_on_request(gate, &caller, request, binding, words, choice).await?;
            crossing::carry_out_if_granted(gate, request).await?;
            Ok(Redirect::to("/approvals?show=mine").into_response())
        }
    }
}

/// Without a passkey's answer: in the demo the second button, elsewhere why nothing happened.
fn ask_for_proof(inside: &Inside, ballot: &Ballot) -> Result<Response> {
    let act = ballot.request(inside)?.act;
    let page = inside.page(Place::Approvals, "Confirm your vote");
    if !demo_doors(&inside.gate.config) {
        let text = html! {
            p { "A vote is signed with your passkey, and that needs scripts in this browser. Nothing was recorded." }
            p { a href="/approvals" { "Back to the approvals" } }
        };
        return Ok(page.answer(&text));
    }
    let (word, value) = match ballot.bound.choice {
        Choice::Approve => (words::act(act), "approve"),
        Choice::Reject => ("Deny it", "reject"),
    };
    let content = html! {
        div.panel.narrow {
            p { "As " strong { (inside.reader.name) } ", your vote is: " strong { (word) } "." }
            @if !ballot.reason.is_empty() { p { "Reason: “" (name(&ballot.reason)) "”" } }
            p.muted { "Outside the demo your passkey signs this very vote. Here a button stands in for it, and the entry says so." }
            form action="/vote" method="post" {
                (token(&inside.reader.csrf))
                input type="hidden" name="request" value=(ballot.bound.request);
                input type="hidden" name="binding" value=(ballot.bound.binding);
                input type="hidden" name="vote" value=(value);
                input type="hidden" name="reason" value=(ballot.reason);
                input type="hidden" name="demo" value="confirmed";
                button.main type="submit" { "Confirm as " (inside.reader.name) }
                " " a.button href="/approvals" { "Do not vote" }
            }
        }
    };
    Ok(page.answer(&content))
}

/// What the voter saw is no longer what is there: nothing was recorded, and here is where to look.
fn stale(inside: &Inside, fields: &Fields) -> Response {
    let request: Option<Id<Request>> = fields.get("request").parse().ok();
    let found = request.and_then(|request| {
        let found = inside.gate.read(|view, _| {
            let known = view.request(request, inside.at)?;
            Ok(known.map(|known| known.act).zip(view.subject_of_request(request)?))
        });
        found.ok().flatten()
    });
    let back = match found {
        Some((Act::ReleaseTransfer, subject)) => {
            format!("/t/{}?seen={}", subject.cast::<lazaret_core::id::Transfer>().reference(), fields.get("binding"))
        }
        _ => "/approvals".to_owned(),
    };
    let says = html! {
        p { strong { "What you saw has changed, so your vote was not recorded." } }
        p { "Content, findings or rules are others now. Look again, then decide." }
    };
    let acts = html! { a.button.main href=(back) { "Look again" } };
    let page = inside.page(Place::Approvals, "Changed since you looked").status(StatusCode::CONFLICT);
    page.answer(&banner("hold", &says, Some(&acts)))
}
