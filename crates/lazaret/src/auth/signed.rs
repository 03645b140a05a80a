//! The one extractor that turns a request into a caller: a bearer token, or the console's session cookie from the gate's
//! own pages. No default arm: whatever is in doubt is not signed in.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse as _, Response};
use lazaret_core::caller::Caller;
use lazaret_core::refusal::{PartyCode, Refusal};

use super::body::{BODY_MAX, in_time};
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

/// A request with its body, from somebody who may still act now that its last byte is here. The head alone gives no right to
/// what the body asks for: between the two a credential may be revoked, and a session's time to write may end.
#[derive(Debug)]
pub struct Sent {
    /// Who.
    pub signed: Signed,
    /// All of the body.
    pub body: Bytes,
}

impl FromRequest<Arc<Gate>> for Sent {
    type Rejection = Response;

    async fn from_request(request: Request, gate: &Arc<Gate>) -> Result<Sent, Response> {
        Sent::within(BODY_MAX, request, gate).await
    }
}

impl Sent {
    async fn within(limit: Duration, request: Request, gate: &Arc<Gate>) -> Result<Sent, Response> {
        let (mut parts, body) = request.into_parts();
        // Strangers are answered before their bodies are read.
        let _known = Signed::from_request_parts(&mut parts, gate).await.map_err(Error::into_response)?;
        let request = Request::from_parts(parts.clone(), body);
        let body = in_time(limit, Bytes::from_request(request, gate)).await.map_err(Error::into_response)?;
        let body = body.map_err(|rejected| rejected.into_response())?;
        let signed = Signed::from_request_parts(&mut parts, gate).await.map_err(Error::into_response)?;
        Ok(Sent { signed, body })
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

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::StatusCode;
    use futures::{FutureExt as _, StreamExt as _, stream};
    use lazaret_core::credential::{Ending, revoke};
    use tokio::sync::oneshot;

    use super::*;
    use crate::testing::TestGate;

    /// A request of acme's whose last byte comes when `last` says so.
    fn request(gate: &Gate, last: oneshot::Receiver<()>) -> Request {
        let token = std::fs::read_to_string(gate.config.dir.join("keys/acme.token")).unwrap();
        let first = stream::iter([Ok::<_, std::convert::Infallible>(Bytes::from_static(b"{\"days\": 1"))]);
        let rest = last.into_stream().map(|_| Ok(Bytes::from_static(b"}")));
        let request = Request::builder().method("POST").uri("/api/v1/tokens");
        let request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.trim()));
        request.body(Body::from_stream(first.chain(rest))).unwrap()
    }

    #[tokio::test]
    async fn a_body_that_is_held_back_is_given_up() {
        let gate = TestGate::new().await;
        let (_never, last) = oneshot::channel();
        let answer = Sent::within(Duration::from_millis(1), request(&gate, last), &gate).await.unwrap_err();
        assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
    }

    #[tokio::test]
    async fn whoever_is_revoked_while_their_body_comes_does_nothing_with_it() {
        let gate = TestGate::new().await;
        let acme = gate.acme();
        let (last_byte, last) = oneshot::channel();
        last_byte.send(()).unwrap();
        let sent = Sent::from_request(request(&gate, last), &gate).await.unwrap();
        assert_eq!((sent.signed.caller, sent.body.as_ref()), (acme.clone(), b"{\"days\": 1}".as_ref()));
        let (last_byte, last) = oneshot::channel();
        let mut sent = Box::pin(Sent::from_request(request(&gate, last), &gate));
        assert!((&mut sent).now_or_never().is_none(), "its head is good");
        let ending = Ending { credential: acme.credential().unwrap(), owner: acme.actor(), is_revoked: false };
        let (asker, at) = (acme.clone(), gate.clock.now());
        let decide = move |view: &lazaret_store::View<'_>| {
            Ok(revoke(&asker, ending, &view.administrators_without(ending.credential, at)?)?)
        };
        let _recorded = gate.record(&acme, decide).await.unwrap();
        last_byte.send(()).unwrap();
        assert_eq!(sent.await.unwrap_err().status(), StatusCode::UNAUTHORIZED);
    }
}
