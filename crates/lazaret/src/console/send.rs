//! Sending from a browser: choose files, see them arrive. With scripts an upload shows its progress and survives a broken
//! line; without, the form brings the files itself.

use std::sync::Arc;

use axum::extract::multipart::Field;
use axum::extract::{FromRequest, Multipart, Request, State};
use axum::response::{IntoResponse, Redirect, Response};
use lazaret_core::arrival::sends_outward;
use lazaret_core::id::{Id, Transfer};
use lazaret_core::refusal::{PartyCode, Refusal};
use lazaret_core::transfer::Direction;
use lazaret_store::view::LaneView;
use maud::{Markup, html};

use super::page::{Place, Script, name, pill, token};
use super::visit::{Inside, again};
use super::words;
use crate::auth::body::{BODY_MAX, in_time};
use crate::auth::origin;
use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::intake::https::receive_field;
use crate::intake::pace::Pace;

/// Files of one form.
const FILES_MAX: usize = 100;
/// A form's text fields are this long at most.
const TEXT_BYTES_MAX: usize = 256;

/// A way out, or in, that this person may send on.
struct Way {
    lane: String,
    party: String,
    largest: u64,
    isolated: bool,
}

fn ways(inside: &Inside) -> Result<Vec<Way>> {
    let caller = inside.caller();
    inside.gate.read(|view, side| {
        let lanes: Vec<LaneView> = match caller.party() {
            Some(party) => view.lanes_of(party, Direction::In)?,
            None if sends_outward(caller) => view.lanes(Direction::Out)?,
            None => Vec::new(),
        };
        let open = lanes.into_iter().filter(|lane| lane.terms.open).map(|lane| Way {
            lane: lane.terms.name.to_string(),
            party: inside.gate.particulars.party_name(side, lane.party),
            largest: lane.terms.object_bytes_max.min(inside.gate.config.limits.object_bytes_max),
            isolated: inside.gate.is_isolated(lane.party),
        });
        Ok(open.collect())
    })
}

/// `GET /send`
pub async fn page(inside: Inside) -> Response {
    if !inside.writes() {
        return Redirect::to(&again("/send")).into_response();
    }
    let outcome = ways(&inside).map(|ways| {
        let page = inside.page(Place::Send, "Send something").script(Script::Upload);
        page.question("What should cross, and to whom?").answer(&form(&inside, &ways))
    });
    inside.answer(outcome)
}

fn form(inside: &Inside, ways: &[Way]) -> Markup {
    let usable: Vec<&Way> = ways.iter().filter(|way| !way.isolated).collect();
    let largest = usable.iter().map(|way| way.largest).min().unwrap_or(0);
    html! {
        @for way in ways.iter().filter(|way| way.isolated) {
            p { (pill(words::ISOLATED)) " Nothing can be sent to " (name(&way.party)) " at the moment." }
        }
        @if usable.is_empty() {
            div.panel { p { "There is no lane that you could send on." } p.muted { "Lanes belong to an agreement, and sending takes a role: ask an administrator for them." } }
        } @else {
            form action="/send" method="post" enctype="multipart/form-data" data-upload {
                (token(&inside.reader.csrf))
                label.field {
                    span { @if inside.reader.audience.is_insider() { "To whom" } @else { "Lane" } }
                    select name="lane" required {
                        @for way in &usable { option value=(way.lane) { (words::visible(&way.party)) " (" (way.lane) ")" } }
                    }
                }
                div.drop {
                    p { label for="files" { "Drop files here, or choose them" } }
                    p { input #files type="file" name="files" multiple required; }
                    p.muted { "Up to " (words::size(largest)) " each. Everything is checked before anybody receives it." }
                }
                button.main type="submit" { "Send" }
                p.sr role="status" {}
                ul.list data-files {}
            }
        }
    }
}

/// `POST /send`: the form without scripts. Its token comes first, so that nothing is taken from a form that is not ours.
pub async fn post(State(gate): State<Arc<Gate>>, inside: Inside, request: Request) -> Response {
    if !inside.writes() {
        return Redirect::to(&again("/send")).into_response();
    }
    let outcome = receive(&gate, &inside, request).await.map(|arrived| arrived_page(&inside, &arrived));
    inside.answer(outcome)
}

async fn receive(gate: &Arc<Gate>, inside: &Inside, request: Request) -> Result<Vec<Id<Transfer>>> {
    if !origin::is_own_page(request.uri(), request.headers()) {
        return Err(Refusal::NotAllowed.into());
    }
    let mut form = Multipart::from_request(request, gate).await.map_err(broken)?;
    let (mut is_ours, mut lane, mut arrived) = (false, String::new(), Vec::new());
    while let Some(field) = Pace::default().next(form.next_field(), |_| 0).await?.map_err(broken)? {
        match field.name().unwrap_or_default() {
            "csrf" => is_ours = inside.visitor.has_csrf(&in_time(BODY_MAX, text(field)).await??),
            "lane" => lane = in_time(BODY_MAX, text(field)).await??,
            "files" if !is_ours => return Err(Refusal::NotAllowed.into()),
            "files" if field.file_name().is_none_or(str::is_empty) => {}
            "files" if arrived.len() == FILES_MAX => {
                return Err(Error::malformed(PartyCode::TooLarge, "a form takes at most 100 files"));
            }
            "files" => arrived.push(receive_field(gate, &inside.signed(), &lane, field).await?.transfer),
            _ => {}
        }
    }
    if arrived.is_empty() {
        Err(Error::malformed(PartyCode::Unfinished, "the form holds no file"))
    } else {
        Ok(arrived)
    }
}

async fn text(mut field: Field<'_>) -> Result<String> {
    let mut bytes = Vec::new();
    while let Some(piece) = field.chunk().await.map_err(broken)? {
        bytes.extend_from_slice(&piece);
        if bytes.len() > TEXT_BYTES_MAX {
            return Err(Error::malformed(PartyCode::TooLarge, "a field of the form is too long"));
        }
    }
    String::from_utf8(bytes).map_err(broken)
}

fn broken(error: impl std::fmt::Display) -> Error {
    Error::malformed(PartyCode::Unfinished, error.to_string())
}

fn arrived_page(inside: &Inside, arrived: &[Id<Transfer>]) -> Response {
    let body = html! {
        p role="status" { (words::counted(arrived.len(), "file is", "files are")) " here, encrypted and recorded." }
        ul.list {
            @for transfer in arrived {
                @let reference = transfer.reference();
                li { a href={ "/t/" (reference) } { (reference) } " is being checked." }
            }
        }
        p { a.button href="/send" { "Send more" } }
    };
    inside.page(Place::Send, "Received").answer(&body)
}
