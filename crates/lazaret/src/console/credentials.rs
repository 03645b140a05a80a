//! The end of one's own passkeys and tokens, on the page of one's account: what was lost or is no longer used opens nothing.

use axum::response::{IntoResponse as _, Redirect, Response};
use lazaret_core::id::{Credential, Id};
use maud::{Markup, html};

use super::page::token;
use super::visit::{Inside, Posted, Writing};
use crate::api::credentials;

/// The button that ends one of them. The label names the act, since a page has many of these.
pub fn button(inside: &Inside, credential: Id<Credential>, label: &str) -> Markup {
    html! {
        form action="/account/credentials" method="post" {
            (token(&inside.reader.csrf))
            input type="hidden" name="credential" value=(credential);
            button.danger type="submit" aria-label={ (label) " " (credential) } { (label) }
        }
    }
}

/// `POST /account/credentials`: ends it. Whoever ends the one they signed in by is signed out by that.
pub async fn end(Writing(posted): Writing) -> Response {
    let Posted { inside, form } = posted;
    let person = inside.visitor.session.person;
    let named = form.fields.get("credential");
    let ended = credentials::end(&inside.gate, inside.caller(), named, |found| found.person == Some(person)).await;
    inside.answer(ended.map(|_| Redirect::to("/account").into_response()))
}
