//! One's own tokens, on the page of one's account: what the command line and programs sign in by. A token is told once.

use axum::response::Response;
use lazaret_core::credential::TOKEN_DAYS_MAX;
use lazaret_core::refusal::PartyCode;
use lazaret_core::register::CredentialKind;
use lazaret_store::view::CredentialView;
use maud::{Markup, html};

use super::credentials::button;
use super::page::{Place, moment, token};
use super::visit::{Inside, Posted, Writing};
use crate::api::tokens;
use crate::error::{Error, Result};

/// For how many days, where nothing else is said.
const DAYS: u32 = 90;

/// The part of the account's page.
///
/// # Errors
/// A fault of the store.
pub fn section(inside: &Inside) -> Result<Markup> {
    let person = inside.visitor.session.person;
    let known: Vec<CredentialView> = inside.gate.read(|view, _| {
        let mut known = Vec::new();
        for credential in view.credentials_of_person(person, CredentialKind::Token, inside.at)? {
            known.extend(view.credential(credential)?);
        }
        Ok(known)
    })?;
    Ok(html! {
        section aria-labelledby="tokens" {
            h2 #tokens { "Tokens" }
            p.muted { "The command line and programs of yours sign in by a token: " code { "lazaret login --server URL --token-file FILE --ca FILE" } ". One ends with the passkey or token by which it was made." }
            @if known.is_empty() { p { "You have none." } }
            ul.list {
                @for one in &known {
                    li { (one.credential) ", made " (moment(one.valid_from)) @if let Some(until) = one.valid_until { ", until " (moment(until)) } " " (button(inside, one.credential, "End this token")) }
                }
            }
            form action="/account/tokens" method="post" {
                (token(&inside.reader.csrf))
                label.field { span { "For how many days" } input type="number" name="days" required min="1" max=(TOKEN_DAYS_MAX) value=(DAYS); }
                button type="submit" { "Make a token" }
            }
        }
    })
}

/// `POST /account/tokens`
pub async fn make(Writing(posted): Writing) -> Response {
    let Posted { inside, form } = posted;
    let outcome = async {
        let days = form.fields.get("days").parse::<u32>().ok().filter(|days| (1..=TOKEN_DAYS_MAX).contains(days));
        let days =
            days.ok_or_else(|| Error::malformed(PartyCode::BadRequest, format!("days is 1 to {TOKEN_DAYS_MAX}")))?;
        let (text, made) = tokens::add(&inside.gate, inside.caller(), days).await?;
        let body = html! {
            div.panel {
                p { "This is told once. Keep it in a file that only you can read:" }
                p.mono { (text) }
                p.muted { "It is " (made.credential) @if let Some(until) = made.valid_until { ", and ends " (moment(until)) } ". " code { "lazaret tokens revoke" } " ends it earlier." }
                p { a href="/account" { "Back to the account" } }
            }
        };
        Ok(inside.page(Place::Account, "A new token").answer(&body))
    };
    let outcome = outcome.await;
    inside.answer(outcome)
}
