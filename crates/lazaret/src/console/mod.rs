//! The console: pages for people, made on the server, whole without scripts. Every page asks one question; the decision
//! comes first, the drawing second, the table third.

mod approvals;
mod assets;
mod chart;
mod credentials;
mod enrol;
mod history;
mod overview;
mod page;
mod portal;
mod rules;
mod send;
mod signin;
mod stream;
mod suppliers;
mod tokens;
mod transfer;
mod transfers;
mod visit;
mod vote;
mod words;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

use lazaret_core::refusal::PartyCode;

use self::visit::Inside;
use crate::auth::caller::Audience;
use crate::error::{Error, Result};
use crate::gate::Gate;

/// Every page. What is answered without a sign-in: assets, signing in, the set-up link, invitations, and how far a reference has come.
pub fn router() -> Router<Arc<Gate>> {
    Router::new()
        .route("/", get(overview::page))
        .route("/transfers", get(transfers::page))
        .route("/t/{reference}", get(transfer::page))
        .route("/t/{reference}/inspection", post(transfer::inspect_again))
        .route("/t/{reference}/withdraw", post(transfer::withdraw))
        .route("/approvals", get(approvals::page))
        .route("/vote", post(vote::cast))
        .route("/vote/begin", post(vote::begin))
        .route("/vote/back", post(vote::take_back))
        .route("/suppliers", get(suppliers::list))
        .route("/s/{slug}", get(suppliers::one))
        .route("/s/{slug}/isolate", get(suppliers::plan).post(suppliers::isolate))
        .route("/s/{slug}/lift", post(suppliers::ask_to_lift))
        .route("/send", get(send::page).post(send::post).layer(DefaultBodyLimit::disable()))
        .route("/portal", get(portal::page))
        .route("/status/{reference}", get(portal::status))
        .route("/r/{rule}", get(rules::page))
        .route("/account", get(signin::account))
        .route("/account/passkeys", post(signin::enrol))
        .route("/account/passkeys/begin", post(signin::enrol_begin))
        .route("/sign-in", get(signin::page).post(signin::sign_in))
        .route("/sign-in/begin", post(signin::begin))
        .route("/sign-in/again", get(signin::again_page).post(signin::again))
        .route("/sign-in/again/begin", post(signin::again_begin))
        .route("/sign-out", post(signin::sign_out))
        .route("/account/tokens", post(tokens::make))
        .route("/account/credentials", post(credentials::end))
        .route("/enrol/{person}/{token}", get(enrol::page).post(enrol::enrol))
        .route("/enrol/{person}/{token}/begin", post(enrol::begin))
        .route("/setup/{link}", get(signin::setup_page).post(signin::setup))
        .route("/setup/{link}/begin", post(signin::setup_begin))
        .route("/console/stream", get(stream::events))
        .route("/console/stay", get(signin::stay))
        .merge(assets::router())
}

/// The pairs of a query.
fn query(raw: Option<&str>) -> Vec<(String, String)> {
    url::form_urlencoded::parse(raw.unwrap_or_default().as_bytes()).into_owned().collect()
}

/// What a script needs to make or show a passkey, or why not, as a problem.
fn ceremony(outcome: Result<String>) -> Response {
    match outcome {
        Ok(json) => {
            let fields = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
            (fields, json).into_response()
        }
        Err(error) => error.into_response(),
    }
}

/// The answer to a path that is nothing: for people a page, for programs a problem.
pub async fn nowhere(inside: Result<Inside, Response>, headers: HeaderMap) -> Response {
    let accepted = headers.get(header::ACCEPT).and_then(|kinds| kinds.to_str().ok()).unwrap_or_default();
    if !accepted.contains("text/html") {
        return Error::malformed(PartyCode::NotFound, "no such page or operation").into_response();
    }
    let error = Error::malformed(PartyCode::NotFound, "");
    match inside {
        Ok(inside) => inside.answer(Err(error)),
        Err(_) => visit::fault(page::Page::new(page::Place::Nowhere, ""), &error, Audience::Party),
    }
}
