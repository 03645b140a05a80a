//! Who comes to a page, and with what right: signed in, with a form of our own, with a factor lately shown. A handler names
//! what it needs as the type of its argument; what is missing is answered before it runs.

use std::sync::Arc;

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use lazaret_core::caller::Caller;
use lazaret_core::refusal::{PartyCode, Refusal};
use lazaret_core::request::Group;
use lazaret_core::time::Timestamp;
use maud::{Markup, html};

use super::page::{Page, Place, Reader};
use super::{approvals, words};
use crate::api::problem::status;
use crate::api::show;
use crate::auth::body::{BODY_MAX, in_time};
use crate::auth::caller::Audience;
use crate::auth::origin;
use crate::auth::session::{self, Visitor, demo_doors};
use crate::auth::signed::Signed;
use crate::error::{Error, Fault, Result};
use crate::gate::Gate;

/// Somebody with a live session.
pub struct Inside {
    /// The gate.
    pub gate: Arc<Gate>,
    /// Session and person.
    pub visitor: Visitor,
    /// What the frame shows of them.
    pub reader: Reader,
    /// When they came.
    pub at: Timestamp,
    /// The path they came to, with its query.
    pub path: String,
    /// Whether an open page asks for its live part only.
    pub is_fragment: bool,
}

impl Inside {
    /// The person.
    pub fn caller(&self) -> &Caller {
        &self.visitor.caller
    }

    /// A page for them.
    pub fn page(&self, place: Place, title: impl Into<String>) -> Page {
        Page::new(place, title).reader(self.reader.clone()).demo(demo_doors(&self.gate.config))
    }

    /// The same person for code that serves the API too.
    pub fn signed(&self) -> Signed {
        Signed { caller: self.visitor.caller.clone() }
    }

    /// The answer, with errors as pages in the words of this reader.
    pub fn answer(&self, outcome: Result<Response>) -> Response {
        outcome.unwrap_or_else(|error| fault(self.page(Place::Nowhere, ""), &error, self.reader.audience))
    }

    /// Whether they may change something now, without showing their passkey again.
    pub fn writes(&self) -> bool {
        self.visitor.writes_until(self.at).is_some()
    }
}

impl FromRequestParts<Arc<Gate>> for Inside {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, gate: &Arc<Gate>) -> Result<Inside, Response> {
        let path = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned();
        let Some(visitor) = session::visitor(gate, &parts.headers) else { return Err(outside(parts, &path)) };
        let is_fragment = parts.headers.contains_key("hx-request");
        let wrong = |error| fault(Page::new(Place::Nowhere, ""), &error, Audience::Party);
        // What a page fetches by itself is no use of the session: it ends though the page stays open.
        if !is_fragment && parts.uri.path() != "/console/stream" {
            session::touch(gate, &visitor.session).await.map_err(wrong)?;
        }
        let reader = reader(gate, &visitor).map_err(wrong)?;
        Ok(Inside { gate: Arc::clone(gate), visitor, reader, at: gate.clock.now(), path, is_fragment })
    }
}

fn reader(gate: &Gate, visitor: &Visitor) -> Result<Reader> {
    // Before anything is read: what is committed while the page is made is news to it.
    let seen = *gate.commits().borrow();
    let (caller, at) = (&visitor.caller, gate.clock.now());
    let approves = Group::ALL.iter().any(|group| caller.has_role(group.role()));
    let waiting = if approves { Some(approvals::waiting_for(gate, caller, at)?) } else { None };
    let name = gate.read(|_, side| Ok(caller.person().map(|person| gate.particulars.person_name(side, person))))?;
    Ok(Reader { name: name.unwrap_or_default(), csrf: visitor.csrf(), waiting, audience: Audience::of(caller), seen })
}

/// Where somebody without a session is led.
fn outside(parts: &Parts, path: &str) -> Response {
    if origin::is_first_click(parts) {
        return first_click(path);
    }
    let reads = matches!(parts.method, Method::GET | Method::HEAD);
    let to = sign_in(if reads { path } else { "/" });
    if parts.headers.contains_key("hx-request") {
        return (StatusCode::UNAUTHORIZED, [("hx-redirect", format!("{to}&ended=1"))]).into_response();
    }
    Redirect::to(&to).into_response()
}

/// The page that signs in, and leads on from there.
pub fn sign_in(next: &str) -> String {
    format!("/sign-in?next={}", encode(next))
}

/// A link from mail or another site carries no `SameSite=Strict` cookie. This page asks for the same path again at once,
/// and that request does.
fn first_click(path: &str) -> Response {
    let path = next_of(path);
    Page::new(Place::Nowhere, "One moment")
        .refresh(path.to_owned())
        .answer(&html! { p { "Opening " a href=(path) { "the page" } " …" } })
}

/// A path of ours to go to after signing in; the first page for anything else.
pub fn next_of(text: &str) -> &str {
    let is_ours = text.starts_with('/') && !text.starts_with("//") && !text.contains(['\\', '\r', '\n', '\t']);
    if is_ours { text } else { "/" }
}

/// A value for a query (RFC 3986 section 2.3).
pub fn encode(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// A form's fields.
#[derive(Debug, Default)]
pub struct Fields(Vec<(String, String)>);

impl Fields {
    /// The first value of this name; empty where there is none.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// What a passkey gave, where one was shown.
    pub fn passkey(&self) -> Option<(&str, &str)> {
        let shown = (self.get("handle"), self.get("credential"));
        (!shown.0.is_empty() && !shown.1.is_empty()).then_some(shown)
    }
}

/// A form of one of our own pages; whoever sent it need not be signed in.
pub struct Open {
    /// Its fields.
    pub fields: Fields,
    /// The origin that it came from, which is ours.
    pub origin: String,
    /// Its headers.
    pub headers: HeaderMap,
}

/// A form's body where it brings no files, in bytes.
const FORM_BYTES_MAX: usize = 64 * 1024;

impl FromRequest<Arc<Gate>> for Open {
    type Rejection = Response;

    async fn from_request(request: Request, _: &Arc<Gate>) -> Result<Open, Response> {
        let (parts, body) = request.into_parts();
        if !origin::is_own_page(&parts.uri, &parts.headers) {
            return Err(foreign_form());
        }
        let late = |error: Error| fault(Page::new(Place::Nowhere, ""), &error, Audience::Party);
        let read = in_time(BODY_MAX, axum::body::to_bytes(body, FORM_BYTES_MAX)).await.map_err(late)?;
        let bytes = read.map_err(|_| foreign_form())?;
        let pairs = url::form_urlencoded::parse(&bytes).into_owned().collect();
        let origin = origin::own(&parts.uri, &parts.headers).unwrap_or_default();
        Ok(Open { fields: Fields(pairs), origin, headers: parts.headers })
    }
}

/// A form of somebody who is signed in, with their session's token in it.
pub struct Posted {
    /// Who.
    pub inside: Inside,
    /// The form.
    pub form: Open,
}

impl FromRequest<Arc<Gate>> for Posted {
    type Rejection = Response;

    async fn from_request(request: Request, gate: &Arc<Gate>) -> Result<Posted, Response> {
        let (mut parts, body) = request.into_parts();
        // Strangers are answered before their forms are read.
        let _known = Inside::from_request_parts(&mut parts, gate).await?;
        let form = Open::from_request(Request::from_parts(parts.clone(), body), gate).await?;
        // Asked again now that its last byte is here: meanwhile a session may have ended, or its time to write.
        let inside = Inside::from_request_parts(&mut parts, gate).await?;
        if inside.visitor.has_csrf(form.fields.get("csrf")) { Ok(Posted { inside, form }) } else { Err(foreign_form()) }
    }
}

/// The same, from somebody who showed a factor within the last ten minutes.
pub struct Writing(pub Posted);

impl FromRequest<Arc<Gate>> for Writing {
    type Rejection = Response;

    async fn from_request(request: Request, gate: &Arc<Gate>) -> Result<Writing, Response> {
        let posted = Posted::from_request(request, gate).await?;
        if posted.inside.writes() {
            return Ok(Writing(posted));
        }
        let back = page_before(&posted.form);
        Err(Redirect::to(&again(&back)).into_response())
    }
}

/// The page that asks for a passkey again, and leads back.
pub fn again(next: &str) -> String {
    format!("/sign-in/again?next={}", encode(next))
}

/// The page of ours that a form stood on.
fn page_before(form: &Open) -> String {
    let referer = form.headers.get(header::REFERER).and_then(|referer| referer.to_str().ok()).unwrap_or_default();
    next_of(referer.strip_prefix(form.origin.as_str()).unwrap_or("/")).to_owned()
}

/// The answer to a form that is not ours, or that another session's page sent.
fn foreign_form() -> Response {
    let text = html! {
        p { "This form did not come from a page of yours that is still valid, so nothing was done." }
        p { a href="/" { "Open the console" } " and try again there." }
    };
    Page::new(Place::Nowhere, "Not from here").status(StatusCode::FORBIDDEN).answer(&text)
}

/// An error as a page: what is so, what helps, whom to ask. Faults are logged once and say nothing outside.
pub fn fault(page: Page, error: &Error, audience: Audience) -> Response {
    if let Error::Fault(Fault::Internal(cause)) = error {
        tracing::error!(%cause, "a page failed");
    }
    let code = error.code();
    let detail = match error {
        Error::Refused(refusal) if audience.is_operator() => Some(refusal.operator_text().to_owned()),
        Error::Malformed(malformed) => Some(malformed.detail.clone()),
        Error::Refused(_) | Error::Fault(_) | Error::Usage(_) => None,
    };
    let title = match error {
        Error::Refused(Refusal::NotFound) => "Nothing here",
        Error::Malformed(malformed) if malformed.code == PartyCode::NotFound => "Nothing here",
        Error::Fault(_) | Error::Usage(_) => "That did not work",
        Error::Refused(_) | Error::Malformed(_) => "That is not possible",
    };
    let mut response = page.titled(title).status(status(error)).answer(&told(code.sentence(), code.fix(), detail));
    if matches!(error, Error::Fault(Fault::Busy | Fault::Fenced(_) | Fault::DiskFull)) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

fn told(sentence: &str, fix: Option<&str>, detail: Option<String>) -> Markup {
    html! {
        div.banner.bad {
            div {
                p { strong { (sentence) } }
                @if let Some(fix) = fix { p { (fix) } }
                @if let Some(detail) = detail.filter(|detail| !detail.is_empty()) { p.muted { (words::visible(&detail)) } }
            }
        }
        p { a href="/" { "To the first page" } }
    }
}

/// For pages of operators.
///
/// # Errors
/// `NotAllowed` for everybody else.
pub fn sees_all(inside: &Inside) -> Result<()> {
    if show::sees_all(inside.caller()) { Ok(()) } else { Err(Refusal::NotAllowed.into()) }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, Bytes};
    use futures::{FutureExt as _, StreamExt as _, stream};
    use lazaret_core::request::Means;
    use lazaret_core::time::MINUTE_MS;
    use tokio::sync::oneshot;

    use super::*;
    use crate::testing::TestGate;

    #[tokio::test]
    async fn a_form_whose_last_byte_comes_after_the_time_to_write_changes_nothing() {
        let gate = TestGate::new().await;
        let ana = gate.person("ana").credential().unwrap();
        let cookie = session::open(&gate, ana, Means::Passkey).await.unwrap();
        let (cookie, _) = cookie.to_str().unwrap().split_once(';').unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_str(cookie).unwrap());
        let csrf = session::visitor(&gate, &headers).unwrap().csrf();
        let form = |last: oneshot::Receiver<()>| {
            let first = stream::iter([Ok::<_, std::convert::Infallible>(Bytes::from(format!("csrf={csrf}")))]);
            let rest = last.into_stream().map(|_| Ok(Bytes::from_static(b"&end=1")));
            let request = Request::builder().method(Method::POST).uri("/account/tokens").header(header::HOST, "gate");
            let request = request.header(header::ORIGIN, "https://gate").header(header::COOKIE, cookie);
            request.body(Body::from_stream(first.chain(rest))).unwrap()
        };
        let now = gate.clock.now();
        for (minutes, writes) in [(9, true), (11, false)] {
            gate.clock.set(Some(now));
            let (last_byte, last) = oneshot::channel();
            let mut sent = Box::pin(Writing::from_request(form(last), &gate));
            assert!((&mut sent).now_or_never().is_none(), "its head is good");
            gate.clock.set(Some(now.plus_millis(minutes * MINUTE_MS)));
            last_byte.send(()).unwrap();
            let answer = sent.await.map(drop).map_err(|answer| answer.headers()[header::LOCATION].clone());
            let again = answer.err().map(|to| to.to_str().unwrap().starts_with("/sign-in/again"));
            assert_eq!(again, (!writes).then_some(true), "{minutes} minutes after the factor");
        }
    }

    #[test]
    fn after_signing_in_one_lands_on_our_own_pages_only() {
        for (text, lands) in [
            ("/t/LZ-7K3Q-M2V0", "/t/LZ-7K3Q-M2V0"),
            ("/transfers?state=held&party=acme", "/transfers?state=held&party=acme"),
            ("", "/"),
            ("https://evil.example/", "/"),
            ("//evil.example/", "/"),
            ("/\\evil.example/", "/"),
            ("javascript:alert(1)", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
        ] {
            assert_eq!(next_of(text), lands, "{text}");
        }
    }

    #[test]
    fn what_goes_into_a_query_cannot_end_it() {
        assert_eq!(encode("/t/A?b=c&d=é"), "/t/A%3Fb%3Dc%26d%3D%C3%A9");
    }
}
