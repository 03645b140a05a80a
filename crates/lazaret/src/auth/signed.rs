//! The one extractor that turns a request into a caller: a bearer token, or the console's session cookie from the gate's
//! own pages. No default arm: whatever is in doubt is not signed in.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use lazaret_core::caller::Caller;
use lazaret_core::refusal::PartyCode;

use super::{origin, session, token};
use crate::api::problem::{Audience, response};
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
        if self.caller.is_hospital_person() { Audience::Insider } else { Audience::Party }
    }

    /// The answer, with errors in the words of this caller.
    pub fn answer(&self, outcome: Result<Response>) -> Response {
        outcome.unwrap_or_else(|error| response(&error, self.audience(), None))
    }
}

impl FromRequestParts<Arc<Gate>> for Signed {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, gate: &Arc<Gate>) -> Result<Signed> {
        let caller = match bearer(&parts.headers) {
            Some(bearer) => token::caller(gate, bearer),
            None => by_cookie(gate, parts),
        };
        match caller {
            Some(caller) => Ok(Signed { caller }),
            None => Err(not_signed_in()),
        }
    }
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
