//! Suppliers: whom do we let in, and how do they stand? One supplier, and the plan before its isolation.

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use lazaret_core::digest::Digest;
use lazaret_core::id::{Id, Party, Request, Transfer};
use lazaret_core::refusal::{PartyCode, Refusal};
use lazaret_core::register::Role;
use lazaret_core::request::Group;
use lazaret_core::transfer::Direction;
use lazaret_store::view::{LaneView, PartyView};
use maud::{Markup, html};

use super::page::{Place, banner, name, pill, pill_saying, token};
use super::visit::{Inside, Writing, again, sees_all};
use super::words::{self, counted};
use super::{approvals, transfer};
use crate::api::parties;
use crate::crossing;
use crate::error::{Error, Result};

/// Suppliers of one page.
const ROWS_MAX: u32 = 500;
/// Open transfers that are listed.
const OPEN_MAX: usize = 20;

/// `GET /suppliers`
pub async fn list(inside: Inside) -> Response {
    let outcome = rows(&inside).map(|rows| {
        let page = inside.page(Place::Suppliers, "Suppliers");
        page.question("Whom do we let in, and how do they stand?").answer(&table(&rows))
    });
    inside.answer(outcome)
}

fn rows(inside: &Inside) -> Result<Vec<(PartyView, String, String, usize)>> {
    sees_all(inside)?;
    inside.gate.read(|view, side| {
        let mut rows = Vec::new();
        for party in view.parties(ROWS_MAX)? {
            let slug = side.slug_of(party.party.cast())?.unwrap_or_default();
            let name = inside.gate.particulars.party_name(side, party.party);
            rows.push((party, slug, name, view.open_of(Some(party.party))?.len()));
        }
        rows.sort_by(|a, b| a.2.cmp(&b.2));
        Ok(rows)
    })
}

fn table(rows: &[(PartyView, String, String, usize)]) -> Markup {
    html! {
        @if rows.is_empty() {
            div.panel { p { "No suppliers yet." } p.muted { "An administrator records them: " code { "lazaret parties add" } ". The demo brings six." } }
        } @else {
            div.table.stack {
                table {
                    thead { tr {
                        th scope="col" { "Supplier" } th scope="col" { "Standing" } th scope="col" { "What it is" } th.num scope="col" { "Open transfers" }
                    } }
                    tbody {
                        @for (party, slug, called, open) in rows {
                            tr {
                                td.full { a href={ "/s/" (slug) } data-row { (name(called)) } }
                                td.keep { (standing(party)) }
                                td { (words::party_kind(party.kind)) }
                                td.num { (open) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn standing(party: &PartyView) -> Markup {
    if party.isolated { pill(words::ISOLATED) } else { pill(words::party_state(party.state)) }
}

/// One supplier, gathered.
struct Shown {
    party: PartyView,
    slug: String,
    called: String,
    lanes: Vec<LaneView>,
    open: Vec<(Id<Transfer>, String)>,
    released: Vec<Id<Transfer>>,
    lift: Option<Id<Request>>,
    phi_cover: bool,
    is_current: bool,
}

impl Shown {
    fn gather(inside: &Inside, slug: &str) -> Result<Shown> {
        sees_all(inside)?;
        let party: Id<Party> = parties::find(&inside.gate, slug)?;
        let particulars = &inside.gate.particulars;
        inside.gate.read(|view, side| {
            let known = view.party(party)?.ok_or(Refusal::NotFound)?;
            let mut lanes = view.lanes_of(party, Direction::In)?;
            lanes.extend(view.lanes_of(party, Direction::Out)?);
            let facts = lanes.first().map(|lane| view.party_facts(lane, inside.at)).transpose()?;
            let lift = match view.open_isolation(party)? {
                Some(isolation) if view.awaits_votes(isolation.cast(), inside.at)? => {
                    view.open_request(isolation.cast())?
                }
                Some(_) | None => None,
            };
            let mut open = Vec::new();
            for transfer in view.open_of(Some(party))? {
                open.push((transfer, particulars.kept(side, transfer).unwrap_or_default().name().to_owned()));
            }
            Ok(Shown {
                slug: side.slug_of(party.cast())?.unwrap_or_default(),
                called: particulars.party_name(side, party),
                open,
                released: view.released_of(party)?,
                lift,
                phi_cover: facts.as_ref().is_some_and(|facts| facts.phi_cover),
                is_current: facts.as_ref().is_some_and(|facts| facts.agreement_current && facts.vetting_current),
                party: known,
                lanes,
            })
        })
    }

    /// What an isolation would stop, as a value: when it changes, so does the plan.
    fn plan(&self) -> Digest {
        let mut parts: Vec<&[u8]> = vec![b"lazaret/plan/isolate/v1", self.party.party.as_bytes()];
        parts.extend(self.open.iter().map(|(transfer, _)| transfer.as_bytes().as_slice()));
        parts.push(b"released");
        parts.extend(self.released.iter().map(|transfer| transfer.as_bytes().as_slice()));
        Digest::of_parts(parts)
    }
}

fn may_isolate(inside: &Inside) -> bool {
    inside.caller().has_role(Role::Security) || inside.caller().has_role(Role::Admin)
}

fn may_ask(inside: &Inside) -> bool {
    Group::ALL.iter().any(|group| inside.caller().has_role(group.role()))
}

/// `GET /s/{slug}`
pub async fn one(inside: Inside, Path(slug): Path<String>) -> Response {
    let outcome = Shown::gather(&inside, &slug).map(|shown| {
        let page = inside.page(Place::Suppliers, words::visible(&shown.called));
        let body = html! { (state(&inside, &shown)) (lanes(&shown)) (open(&shown)) };
        page.question("Do we trust them, and what is under way?").answer(&body)
    });
    inside.answer(outcome)
}

fn state(inside: &Inside, shown: &Shown) -> Markup {
    let (class, shown_as) = if shown.party.isolated {
        ("bad", words::ISOLATED)
    } else {
        let state = words::party_state(shown.party.state);
        (state.class, state)
    };
    let says = html! {
        p { (pill_saying(shown_as, &shown_as.word.to_uppercase())) " " strong { (words::party_kind(shown.party.kind)) } }
        @if shown.party.isolated { p { "No byte goes in from them or out to them. Two people from Security can lift that." } }
        @else if shown.is_current { p { "Vetting and agreement are in force." } }
        @else { p { "Vetting or agreement is not in force: nothing of theirs is released." } }
        p.muted { @if shown.phi_cover { "An agreement covers patient data." } @else { "No agreement covers patient data: none may cross." } }
        @if !may_isolate(inside) && !shown.party.isolated { p.muted { "To isolate them, ask Security or an administrator." } }
    };
    banner(class, &says, Some(&acts(inside, shown)))
}

fn acts(inside: &Inside, shown: &Shown) -> Markup {
    html! {
        @if !shown.party.isolated && may_isolate(inside) {
            a.button.danger href={ "/s/" (shown.slug) "/isolate" } { "Isolate supplier…" }
        }
        @if shown.party.isolated {
            @match shown.lift {
                Some(request) => a.button href=(approvals::look(request)) { "See the request to lift it" },
                None if may_ask(inside) => form action={ "/s/" (shown.slug) "/lift" } method="post" {
                    (token(&inside.reader.csrf)) button type="submit" { "Ask to lift the isolation" }
                },
                None => "",
            }
        }
    }
}

fn lanes(shown: &Shown) -> Markup {
    html! {
        section aria-labelledby="lanes" {
            h2 #lanes { "Lanes" }
            @if shown.lanes.is_empty() { p { "They have no way in or out." } }
            @else {
                div.table.stack {
                    table {
                        thead { tr { th scope="col" { "Lane" } th scope="col" { "Direction" } th scope="col" { "Largest" } th scope="col" { "Looked at for" } } }
                        tbody {
                            @for lane in &shown.lanes {
                                tr {
                                    td { (lane.terms.name.as_str()) }
                                    td { (lane.terms.direction.word()) @if !lane.terms.open { ", closed" } }
                                    td.keep { (words::size(lane.terms.object_bytes_max)) }
                                    td.full { (words::listed(lane.terms.required_inspectors().into_iter().map(words::inspector))) }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn open(shown: &Shown) -> Markup {
    html! {
        section aria-labelledby="open" {
            h2 #open { "Open transfers (" (shown.open.len()) ")" }
            @if shown.open.is_empty() { p { "None." } }
            ul.list {
                @for (id, title) in shown.open.iter().take(OPEN_MAX) {
                    li { (transfer::link(&id.reference().to_string(), title)) " " span.muted.mono { (id.reference()) } }
                }
            }
            p { a href={ "/transfers?party=" (shown.slug) } { "Everything of theirs" } }
        }
    }
}

/// `GET /s/{slug}/isolate`: what it would stop, before anything is done.
pub async fn plan(inside: Inside, Path(slug): Path<String>) -> Response {
    if !inside.writes() {
        return Redirect::to(&again(&inside.path)).into_response();
    }
    let outcome = Shown::gather(&inside, &slug).and_then(|shown| plan_page(&inside, &shown, ""));
    inside.answer(outcome)
}

fn plan_page(inside: &Inside, shown: &Shown, wrong: &str) -> Result<Response> {
    if !may_isolate(inside) {
        return Err(Refusal::NotAllowed.into());
    }
    let page = inside.page(Place::Suppliers, format!("Isolate {}", words::visible(&shown.called)));
    let (_, uploads) = inside.gate.quota.used(shown.party.party);
    let body = html! {
        @if !wrong.is_empty() { (banner("bad", &html! { p role="alert" { strong { (wrong) } } }, None)) }
        div.panel.narrow {
            h2 { "What will happen" }
            ul {
                li { "No byte goes in from them or out to them, on any channel, at once." }
                li { (counted(shown.open.len(), "open transfer stands", "open transfers stand")) " still." }
                li { (counted(shown.released.len(), "released transfer that was", "released transfers that were")) " not collected yet will be taken back." }
                li { (counted(usize::try_from(uploads).unwrap_or(usize::MAX), "upload is", "uploads are")) " cut off." }
                li { "Only two people from Security together can lift it again." }
            }
            form action={ "/s/" (shown.slug) "/isolate" } method="post" {
                (token(&inside.reader.csrf))
                input type="hidden" name="plan" value=(shown.plan());
                label.field.wide-field {
                    span { "Type the supplier's name to confirm: " strong { (name(&shown.called)) } }
                    input type="text" name="name" required autocomplete="off" maxlength="200";
                }
                button.danger type="submit" { "Isolate " (words::visible(&shown.called)) }
                " " a.button href={ "/s/" (shown.slug) } { "Do not isolate" }
            }
        }
    };
    Ok(page.question("Is this what you want to happen?").answer(&body))
}

/// `POST /s/{slug}/isolate`: carries out the plan that was seen.
pub async fn isolate(Path(slug): Path<String>, Writing(posted): Writing) -> Response {
    let (inside, fields) = (posted.inside, posted.form.fields);
    let outcome = async {
        let shown = Shown::gather(&inside, &slug)?;
        if fields.get("name").trim() != shown.called {
            return plan_page(&inside, &shown, "That is not the supplier's name. Nothing was done.");
        }
        if fields.get("plan") != shown.plan().to_string() {
            return plan_page(&inside, &shown, "What it would stop has changed since. Look again, then confirm.");
        }
        crossing::isolate(&inside.gate, inside.caller(), shown.party.party).await?;
        Ok(Redirect::to(&format!("/s/{}", shown.slug)).into_response())
    };
    let outcome = outcome.await;
    inside.answer(outcome)
}

/// `POST /s/{slug}/lift`: asks two others to lift it.
pub async fn ask_to_lift(Path(slug): Path<String>, Writing(posted): Writing) -> Response {
    let inside = posted.inside;
    let outcome = async {
        let party = parties::find(&inside.gate, &slug)?;
        match crossing::ask_to_lift(&inside.gate, inside.caller(), party).await {
            Ok(request) => Ok(Redirect::to(&approvals::look(request)).into_response()),
            Err(Error::Refused(Refusal::Unchanged)) => {
                Err(Error::malformed(PartyCode::WrongState, "it is not isolated"))
            }
            Err(Error::Refused(Refusal::WaitsAlready)) => {
                Err(Error::malformed(PartyCode::WrongState, "somebody has asked already: the request waits for votes"))
            }
            Err(error) => Err(error),
        }
    };
    let outcome = outcome.await;
    inside.answer(outcome)
}
