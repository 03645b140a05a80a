//! The page of an invitation's link: a person whom an administrator recorded makes a passkey while they have
//! none: their first, or one in place of what was lost and revoked.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use lazaret_core::refusal::Refusal;
use lazaret_core::request::Means;
use maud::html;

use super::ceremony;
use super::page::{Page, Place, Script, banner, name, passkey_fields};
use super::signin::{enter, outside_words};
use super::visit::{Open, fault};
use crate::auth::caller::Audience;
use crate::auth::passkey::Purpose;
use crate::auth::session;
use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::people::{self, Followed};

/// `GET /enrol/{person}/{token}`
pub async fn page(State(gate): State<Arc<Gate>>, Path((person, token)): Path<(String, String)>) -> Response {
    match Followed::parse(&gate, &person, &token).and_then(|followed| form(&gate, &followed, &token, "")) {
        Ok(page) => page,
        Err(error) => over(&error),
    }
}

fn form(gate: &Gate, followed: &Followed, token: &str, wrong: &str) -> Result<Response> {
    let (slug, called) = names(gate, followed)?;
    let path = format!("/enrol/{}/{token}", followed.person);
    let body = html! {
        @if !wrong.is_empty() { (banner("bad", &html! { p role="alert" { strong { (wrong) } } }, None)) }
        section.panel.narrow aria-labelledby="invited" {
            h2 #invited { "Welcome, " (name(&called)) }
            p { "You are to sign in here as " strong { (slug) } ". What you make now is your way in: a passkey, no password. This link works once." }
            p.muted { "If that is not you, close this page and tell whoever gave you the link." }
            form action=(path) method="post" data-passkey={ (path) "/begin" } {
                button.main type="submit" { "Make a passkey and sign in" }
                (passkey_fields())
                noscript { p.muted { "A passkey needs scripts in this browser." } }
            }
        }
    };
    Ok(Page::new(Place::Nowhere, "Your passkey").script(Script::Passkey).answer(&body))
}

fn names(gate: &Gate, followed: &Followed) -> Result<(String, String)> {
    gate.read(|_, side| {
        let slug = side.slug_of(followed.person.cast())?.unwrap_or_default();
        Ok((slug, gate.particulars.person_name(side, followed.person)))
    })
}

/// `POST /enrol/{person}/{token}/begin`
pub async fn begin(
    State(gate): State<Arc<Gate>>,
    Path((person, token)): Path<(String, String)>,
    form: Open,
) -> Response {
    let outcome = Followed::parse(&gate, &person, &token).and_then(|followed| {
        let (slug, called) = names(&gate, &followed)?;
        let purpose = Purpose::Invited(followed.digest());
        gate.signin.passkeys.make(&gate, &form.origin, followed.person, (&slug, &called), purpose)
    });
    ceremony(outcome)
}

/// `POST /enrol/{person}/{token}`: keeps the passkey, and signs them in.
pub async fn enrol(
    State(gate): State<Arc<Gate>>,
    Path((person, token)): Path<(String, String)>,
    sent: Open,
) -> Response {
    let followed = match Followed::parse(&gate, &person, &token) {
        Ok(followed) => followed,
        Err(error) => return over(&error),
    };
    let outcome = async {
        let (handle, answer) = sent.fields.passkey().ok_or(Refusal::NotAllowed)?;
        let purpose = Purpose::Invited(followed.digest());
        let made = gate.signin.passkeys.take_made(&gate, handle, &purpose, answer)?;
        let credential = people::enrol(&gate, followed.clone(), made).await?;
        session::open(&gate, credential, Means::Passkey).await
    };
    match outcome.await {
        Ok(cookie) => enter(cookie, "/"),
        Err(error @ Error::Malformed(_)) => {
            form(&gate, &followed, &token, &outside_words(&error)).unwrap_or_else(|error| over(&error))
        }
        Err(error) => over(&error),
    }
}

fn over(error: &Error) -> Response {
    if !matches!(error, Error::Refused(_)) {
        return fault(Page::new(Place::Nowhere, ""), error, Audience::Party);
    }
    let body = html! {
        p { "This link was used, its day is over, or a newer one was made." }
        p { "Ask an administrator for another one. If you have a passkey, " a href="/sign-in" { "sign in" } "." }
    };
    Page::new(Place::Nowhere, "This link is over").status(StatusCode::GONE).answer(&body)
}
