//! The one extractor that turns a request into a caller: a bearer token, or the console's session cookie from the gate's
//! own pages. No default arm: whatever is in doubt is not signed in.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use lazaret_core::caller::Caller;
use lazaret_core::refusal::{PartyCode, Refusal};

use super::caller::{Audience, Shut};
use super::{origin, session, signin, token};
use crate::api::problem::response;
use crate::error::{Error, Result};
use crate::gate::Gate;

/// A request whose sender proved who they are.
#[derive(Debug, Clone)]
pub struct Signed {
    /// Who.
    pub caller: Caller,
}

impl Signed {
    /// How much they are told when something fails.
    pub fn audience(&self) -> Audience {
        Audience::of(&self.caller)
    }

    /// The answer, with errors in the words of this caller.
    pub fn answer(&self, outcome: Result<Response>) -> Response {
        outcome.unwrap_or_else(|error| response(&error, self.audience(), None))
    }
}

impl FromRequestParts<Arc<Gate>> for Signed {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, gate: &Arc<Gate>) -> Result<Signed> {
        let found = match bearer(&parts.headers) {
            Some(bearer) => by_token(gate, bearer),
            None => by_cookie(gate, parts).ok_or(Shut::Nobody),
        };
        match found {
            Ok(caller) => Ok(Signed { caller }),
            Err(Shut::Isolated(_)) => Err(Refusal::Isolated.into()),
            Err(Shut::Nobody) => Err(not_signed_in()),
        }
    }
}

/// The bearer of a token. One that opens nothing is a sign-in that failed.
fn by_token(gate: &Gate, token: &str) -> Result<Caller, Shut> {
    let found = token::caller(gate, token);
    if found == Err(Shut::Nobody) {
        signin::note_refused(gate, None, token::credential(gate, token));
    }
    found
}

/// The header by which our own scripts show the session's token.
pub const CSRF: &str = "lazaret-csrf";

/// The person behind the console's cookie, for a request of the console's own pages. What changes something also needs the
/// session's token, and a factor shown within the last ten minutes.
fn by_cookie(gate: &Gate, parts: &Parts) -> Option<Caller> {
    if !origin::may_use_cookie(parts) {
        return None;
    }
    let visitor = session::visitor(gate, &parts.headers)?;
    let reads = matches!(parts.method, Method::GET | Method::HEAD);
    let sent = parts.headers.get(CSRF).and_then(|sent| sent.to_str().ok()).unwrap_or_default();
    let writes = visitor.has_csrf(sent) && visitor.writes_until(gate.clock.now()).is_some();
    (reads || writes).then_some(visitor.caller)
}

/// The answer to whoever is not signed in: the same for a wrong token, an old one and none.
pub fn not_signed_in() -> Error {
    Error::malformed(PartyCode::SignIn, "sign in: give a token in `Authorization: Bearer`")
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}
