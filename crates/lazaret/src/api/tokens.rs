//! Bearer tokens over the API: each caller's own. A token is told once; what is kept opens nothing.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use lazaret_core::caller::{Caller, Who};
use lazaret_core::credential::{self, Shown};
use lazaret_core::refusal::{PartyCode, Refusal};
use lazaret_core::register::CredentialKind;
use lazaret_store::side::Secret;
use lazaret_store::view::CredentialView;

use super::types::{ListJson, NewTokenJson, Problem, TokenJson, from_json};
use super::{credentials, json, show};
use crate::auth::signed::{Sent, Signed};
use crate::auth::token;
use crate::clock::new_id;
use crate::error::{Error, Result};
use crate::gate::Gate;

/// Lists the caller's own tokens that still open something.
#[utoipa::path(
    get,
    path = "/api/v1/tokens",
    tag = "access",
    responses((status = 200, body = ListJson<TokenJson>), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(crate) async fn list(State(gate): State<Arc<Gate>>, signed: Signed) -> Response {
    let at = gate.clock.now();
    let outcome = gate.read(|view, _| {
        let own = match signed.caller.who() {
            Who::Person { person, .. } => view.credentials_of_person(*person, CredentialKind::Token, at)?,
            Who::Party { party } => view.credentials_of(*party, CredentialKind::Token, at)?,
            Who::Gate { .. } => Vec::new(),
        };
        let mut items = Vec::with_capacity(own.len());
        for credential in own {
            items.extend(view.credential(credential)?.map(|found| outline(&found)));
        }
        Ok(json(&ListJson { items, next: None }))
    });
    signed.answer(outcome)
}

/// Makes a token for the caller. It never outlives the credential by which it is asked for, and is revoked with it.
#[utoipa::path(
    post,
    path = "/api/v1/tokens",
    tag = "access",
    request_body = NewTokenJson,
    responses((status = 200, body = TokenJson), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(crate) async fn make(State(gate): State<Arc<Gate>>, Sent { signed, body }: Sent) -> Response {
    let outcome = async {
        let bad = |detail: String| Error::malformed(PartyCode::BadRequest, detail);
        let sent: NewTokenJson = from_json(&body).map_err(bad)?;
        if sent.days == 0 || sent.days > credential::TOKEN_DAYS_MAX {
            return Err(bad(format!("days is 1 to {}", credential::TOKEN_DAYS_MAX)));
        }
        let (text, made) = add(&gate, &signed.caller, sent.days).await?;
        Ok(json(&TokenJson { token: Some(text), ..outline(&made) }))
    };
    signed.answer(outcome.await)
}

/// Makes a token for the caller; its text, told once, and what is kept of it.
///
/// # Errors
/// As core refuses; a fault of the store.
pub(crate) async fn add(gate: &Arc<Gate>, caller: &Caller, days: u32) -> Result<(String, CredentialView)> {
    let text = token::make();
    let lookup = token::lookup(&text).ok_or_else(|| Error::internal("a made token is not well formed"))?.to_vec();
    let (credential, at, caller) = (new_id(), gate.clock.now(), caller.clone());
    gate.write(move |tx| {
        let _recorded = tx.record(&caller, |view| {
            let shown = caller.credential().map_or(Ok(None), |shown| view.credential(shown))?;
            let shown = shown.map(|shown| Shown { credential: shown.credential, until: shown.valid_until });
            Ok(credential::add_token(&caller, credential, days, shown, at)?)
        })?;
        tx.side().put_secret(&Secret { lookup, credential, data: Vec::new() })
    })
    .await?;
    let made = gate.read(|view, _| view.credential(credential))?.ok_or(Refusal::NotFound)?;
    Ok((text, made))
}

/// Ends a token at once, and those that were made by it: one's own, or anybody's for administrators and security.
#[utoipa::path(
    delete,
    path = "/api/v1/tokens/{token}",
    tag = "access",
    params(("token" = String, Path, description = "the token's id")),
    responses((status = 200, body = TokenJson), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(crate) async fn revoke(State(gate): State<Arc<Gate>>, signed: Signed, Path(name): Path<String>) -> Response {
    let of_token = |found: &CredentialView| found.kind == CredentialKind::Token;
    signed.answer(credentials::end(&gate, &signed.caller, &name, of_token).await.map(|found| json(&outline(&found))))
}

/// A token without its text.
pub(crate) fn outline(found: &CredentialView) -> TokenJson {
    TokenJson {
        id: found.credential.to_string(),
        from: show::time_text(found.valid_from),
        until: found.valid_until.map(show::time_text),
        token: None,
    }
}
