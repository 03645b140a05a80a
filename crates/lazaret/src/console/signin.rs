//! Signing in and out, showing a passkey again, one's own account, and the first administrator's page.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use lazaret_core::id::{Id, Person};
use lazaret_core::refusal::{PartyCode, Refusal};
use lazaret_core::register::{CredentialKind, Role};
use lazaret_core::request::Means;
use maud::{Markup, html};

use super::credentials::button;
use super::page::{Page, Place, Script, banner, moment, passkey_fields, token};
use super::visit::{Inside, Open, Posted, Writing, fault, next_of};
use super::{ceremony, query, tokens, vote, words};
use crate::auth::caller::Audience;
use crate::auth::first;
use crate::auth::passkey::Purpose;
use crate::auth::session::{self, demo_doors};
use crate::auth::signin;
use crate::auth::source::Source;
use crate::clock::new_id;
use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::people::{NAME_BYTES_MAX, Named, SLUG_BYTES_MAX};

fn next(raw: Option<&str>) -> String {
    let asked = query(raw);
    next_of(asked.iter().find(|(name, _)| name == "next").map_or("/", |(_, value)| value)).to_owned()
}

/// `GET /sign-in`
pub async fn page(State(gate): State<Arc<Gate>>, RawQuery(raw): RawQuery) -> Response {
    let ended = query(raw.as_deref()).iter().any(|(name, _)| name == "ended");
    sign_in_page(&gate, &next(raw.as_deref()), if ended { "You are signed out." } else { "" })
}

fn sign_in_page(gate: &Gate, next: &str, news: &str) -> Response {
    let page = Page::new(Place::Nowhere, "Sign in").script(Script::Passkey).demo(demo_doors(&gate.config));
    let body = html! {
        @if !news.is_empty() { (banner("hold", &html! { p role="alert" { strong { (news) } } }, None)) }
        @if demo_doors(&gate.config) { (demo_people(gate, next)) }
        section.panel.narrow aria-labelledby="by-passkey" {
            h2 #by-passkey { "With your passkey" }
            form action="/sign-in" method="post" data-passkey="/sign-in/begin" {
                input type="hidden" name="next" value=(next);
                label.field.wide-field {
                    span { "Your short name" }
                    input type="text" name="account" required autocomplete="username webauthn" autocapitalize="none" spellcheck="false" maxlength=(SLUG_BYTES_MAX);
                }
                @if demo_doors(&gate.config) { button type="submit" { "Sign in with passkey" } }
                @else { button.main type="submit" { "Sign in with passkey" } }
                (passkey_fields())
                noscript { p.muted { "A passkey needs scripts in this browser." } }
            }
        }
    };
    page.answer(&body)
}

fn demo_people(gate: &Gate, next: &str) -> Markup {
    let at = gate.clock.now();
    let people = gate.read(|view, side| {
        let mut people = Vec::new();
        for slug in crate::demo::people_names() {
            let Some(subject) = side.by_slug(slug)? else { continue };
            let Some(known) = view.person(subject.cast(), at)? else { continue };
            people.push((slug, gate.particulars.person_name(side, known.person), known.roles));
        }
        Ok(people)
    });
    html! {
        section.panel aria-labelledby="by-demo" {
            h2 #by-demo { "As somebody of the demo" }
            form action="/sign-in" method="post" {
                input type="hidden" name="next" value=(next);
                ul.people {
                    @for (slug, name, roles) in people.unwrap_or_default() {
                        li {
                            button type="submit" name="demo" value=(slug) {
                                (name)
                                span { (words::listed(roles.iter().map(|role| words::role(*role)))) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// `POST /sign-in/begin`: what the account's passkey is to sign.
pub async fn begin(State(gate): State<Arc<Gate>>, source: Source, form: Open) -> Response {
    ceremony(signin::begin(&gate, &form.origin, form.fields.get("account").trim(), source))
}

/// `POST /sign-in`
pub async fn sign_in(State(gate): State<Arc<Gate>>, source: Source, form: Open) -> Response {
    let (account, next) = (form.fields.get("account").trim(), next_of(form.fields.get("next")));
    let cookie = match (form.fields.get("demo"), form.fields.passkey()) {
        ("", Some(shown)) => signin::by_passkey(&gate, account, source, shown).await,
        ("", None) => Err(Error::malformed(PartyCode::SignIn, "a passkey needs scripts in this browser")),
        (person, _) => signin::by_demo(&gate, person).await,
    };
    match cookie {
        Ok(cookie) => enter(cookie, next),
        Err(error) => sign_in_page(&gate, next, &outside_words(&error)),
    }
}

/// An error for somebody who is not signed in: never the operators' words.
pub fn outside_words(error: &Error) -> String {
    match error {
        Error::Malformed(malformed) => malformed.detail.clone(),
        Error::Refused(_) | Error::Fault(_) | Error::Usage(_) => error.code().sentence().to_owned(),
    }
}

/// Leads on with a session's cookie.
pub fn enter(cookie: HeaderValue, next: &str) -> Response {
    let mut response = Redirect::to(next).into_response();
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}

/// `POST /sign-out`
pub async fn sign_out(posted: Posted) -> Response {
    let inside = posted.inside;
    match session::close(&inside.gate, &inside.visitor.session).await {
        Ok(cookie) => {
            let mut response = Redirect::to("/sign-in").into_response();
            response.headers_mut().insert(header::SET_COOKIE, cookie);
            // What the browser keeps of the pages goes with the session.
            response.headers_mut().insert("clear-site-data", HeaderValue::from_static("\"cache\""));
            response
        }
        Err(error) => inside.answer(Err(error)),
    }
}

/// `GET /sign-in/again`: a session may read for hours; what changes something needs a factor shown lately.
pub async fn again_page(inside: Inside, RawQuery(raw): RawQuery) -> Response {
    let next = next(raw.as_deref());
    let has_passkey = vote::has_passkey(&inside);
    let body = html! {
        section.panel.narrow aria-labelledby="again" {
            h2 #again { "Show your passkey once more" }
            p { "You are signed in. To change something, show your passkey again; that lasts ten minutes." }
            form action="/sign-in/again" method="post" data-passkey="/sign-in/again/begin" {
                (token(&inside.reader.csrf))
                input type="hidden" name="next" value=(next);
                @if has_passkey { button.main type="submit" { "Show passkey" } }
                @if demo_doors(&inside.gate.config) { " " button.main[!has_passkey] type="submit" data-plain name="demo" value="confirmed" { "Go on as " (inside.reader.name) } }
                (passkey_fields())
            }
        }
    };
    inside.page(Place::Nowhere, "To go on").script(Script::Passkey).answer(&body)
}

/// `POST /sign-in/again/begin`
pub async fn again_begin(posted: Posted) -> Response {
    let Posted { inside, form } = posted;
    let purpose = Purpose::Renew(inside.visitor.session.lookup);
    ceremony(inside.gate.signin.passkeys.ask(&inside.gate, (&form.origin, None), inside.caller().person(), purpose))
}

/// `POST /sign-in/again`
pub async fn again(posted: Posted) -> Response {
    let Posted { inside, form } = posted;
    let outcome = signin::renew(&inside.gate, &inside.visitor, form.fields.passkey()).await;
    let next = next_of(form.fields.get("next")).to_owned();
    inside.answer(outcome.map(|()| Redirect::to(&next).into_response()))
}

/// `GET /console/stay`: a use of the session, and nothing else.
pub async fn stay(_: Inside) -> &'static str {
    "ok\n"
}

/// `GET /account`
pub async fn account(inside: Inside) -> Response {
    let outcome = account_body(&inside).map(|body| {
        let page = inside.page(Place::Account, inside.reader.name.clone()).script(Script::Passkey);
        page.question("Who am I here, and how do I sign in?").answer(&body)
    });
    inside.answer(outcome)
}

fn account_body(inside: &Inside) -> Result<Markup> {
    let person = inside.visitor.session.person;
    let passkeys = inside.gate.read(|view, _| {
        let mut known = Vec::new();
        for credential in view.credentials_of_person(person, CredentialKind::Passkey, inside.at)? {
            known.extend(view.credential(credential)?);
        }
        Ok(known)
    })?;
    let roles: Vec<&str> =
        Role::ALL.iter().filter(|role| inside.caller().has_role(**role)).map(|role| words::role(*role)).collect();
    let by = match inside.visitor.session.means {
        Means::Passkey => "with a passkey",
        Means::Demo => "by the demo's button",
        Means::Token => "with a token",
    };
    let own_tokens = tokens::section(inside)?;
    Ok(html! {
        dl.facts {
            dt { "Roles" } dd { @if roles.is_empty() { "none" } @else { (words::listed(roles.into_iter())) } }
            dt { "Signed in" } dd { (moment(inside.visitor.session.started)) ", " (by) }
            dt { "Changes" } dd {
                @match inside.visitor.writes_until(inside.at) {
                    Some(until) => { "possible until " (moment(until)) ", then your passkey is asked for again" },
                    None => "your passkey is asked for first",
                }
            }
        }
        section aria-labelledby="passkeys" {
            h2 #passkeys { "Passkeys" }
            @if passkeys.is_empty() { p { "You have none yet." } }
            @else { p.muted { "End one that was lost: its sessions and the tokens that were made in them end with it." } }
            ul.list {
                @for known in &passkeys {
                    li {
                        "Added " (moment(known.valid_from))
                        @if known.credential == inside.visitor.session.credential { ", the one you signed in by" }
                        " " (button(inside, known.credential, "End this passkey"))
                    }
                }
            }
            form action="/account/passkeys" method="post" data-passkey="/account/passkeys/begin" {
                (token(&inside.reader.csrf))
                button.main type="submit" { "Add a passkey" }
                (passkey_fields())
            }
        }
        (own_tokens)
        section aria-labelledby="keyboard" {
            h2 #keyboard { "Keyboard" }
            label { input type="checkbox" data-keys checked; "Shortcuts of single keys; press ? for their list" }
        }
    })
}

/// `POST /account/passkeys/begin`
pub async fn enrol_begin(Writing(posted): Writing) -> Response {
    let Posted { inside, form } = posted;
    let person: Id<Person> = inside.visitor.session.person;
    let outcome = inside.gate.read(|_, side| side.slug_of(person.cast())).and_then(|slug| {
        let account = slug.unwrap_or_else(|| person.to_string());
        let purpose = Purpose::Enrol(inside.visitor.session.lookup);
        let named = (account.as_str(), inside.reader.name.as_str());
        inside.gate.signin.passkeys.make(&inside.gate, &form.origin, person, named, purpose)
    });
    ceremony(outcome)
}

/// `POST /account/passkeys`
pub async fn enrol(Writing(posted): Writing) -> Response {
    let Posted { inside, form } = posted;
    let outcome = match form.fields.passkey() {
        Some((handle, made)) => signin::enrol(&inside.gate, &inside.visitor, handle, made).await,
        None => Err(Error::malformed(PartyCode::SignIn, "a passkey needs scripts in this browser")),
    };
    inside.answer(outcome.map(|()| Redirect::to("/account").into_response()))
}

/// `GET /setup/{token}`
pub async fn setup_page(State(gate): State<Arc<Gate>>, Path(link): Path<String>) -> Response {
    if !gate.signin.first.opens(&link, Instant::now()) {
        return link_is_over();
    }
    setup_form(&link, "")
}

fn setup_form(link: &str, wrong: &str) -> Response {
    let body = html! {
        @if !wrong.is_empty() { (banner("bad", &html! { p role="alert" { strong { (wrong) } } }, None)) }
        section.panel.narrow aria-labelledby="first" {
            h2 #first { "The first administrator" }
            p { "This link works once, and for fifteen minutes after the gate was made. What you make here is the way in: a passkey, no password." }
            form action={ "/setup/" (link) } method="post" data-passkey={ "/setup/" (link) "/begin" } {
                label.field.wide-field { span { "Your name" } input type="text" name="name" required autocomplete="name" maxlength=(NAME_BYTES_MAX); }
                label.field.wide-field {
                    span { "A short name to sign in by " span.hint { "(letters, digits, hyphens)" } }
                    input type="text" name="account" required autocomplete="username" autocapitalize="none" spellcheck="false" pattern="[a-z0-9\\-]+" maxlength=(SLUG_BYTES_MAX);
                }
                button.main type="submit" { "Make a passkey and sign in" }
                (passkey_fields())
                noscript { p.muted { "A passkey needs scripts in this browser." } }
            }
        }
    };
    Page::new(Place::Nowhere, "Set up this gate").script(Script::Passkey).answer(&body)
}

fn link_is_over() -> Response {
    let body = html! {
        p { "This link was used, or its fifteen minutes are over." }
        p { "A gate that holds nothing yet can be made anew: stop it, remove its directory, and start it again. Otherwise " a href="/sign-in" { "sign in" } "." }
    };
    Page::new(Place::Nowhere, "This link is over").status(StatusCode::GONE).answer(&body)
}

/// `POST /setup/{token}/begin`
pub async fn setup_begin(State(gate): State<Arc<Gate>>, Path(link): Path<String>, form: Open) -> Response {
    let outcome = Named::parse(form.fields.get("account"), form.fields.get("name")).and_then(|known| {
        if !gate.signin.first.opens(&link, Instant::now()) {
            return Err(Refusal::NotFound.into());
        }
        let named = (known.slug.as_str(), known.name.as_str());
        gate.signin.passkeys.make(&gate, &form.origin, new_id(), named, Purpose::First)
    });
    ceremony(outcome)
}

/// `POST /setup/{token}`: records the first administrator, and signs them in.
pub async fn setup(State(gate): State<Arc<Gate>>, Path(link): Path<String>, form: Open) -> Response {
    if !gate.signin.first.opens(&link, Instant::now()) {
        return link_is_over();
    }
    let outcome = async {
        let known = Named::parse(form.fields.get("account"), form.fields.get("name"))?;
        let (handle, answer) = form.fields.passkey().ok_or(Refusal::NotAllowed)?;
        let made = gate.signin.passkeys.take_made(&gate, handle, &Purpose::First, answer)?;
        let credential = first::record(&gate, &known, made).await?;
        session::open(&gate, credential, Means::Passkey).await
    };
    match outcome.await {
        Ok(cookie) => enter(cookie, "/"),
        Err(error @ Error::Malformed(_)) => setup_form(&link, &outside_words(&error)),
        Err(error) => fault(Page::new(Place::Nowhere, ""), &error, Audience::Party),
    }
}
