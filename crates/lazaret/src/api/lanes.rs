//! Letting a party in, over the API: its record, what was checked about it, its lanes, its keys. Agreements are in
//! [`super::parties`].

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use lazaret_core::agreement::{RECIPIENTS_MAX, Wanted};
use lazaret_core::code::Code;
use lazaret_core::credential::TOKEN_DAYS_MAX;
use lazaret_core::inspection::Inspector;
use lazaret_core::party::Turn;
use lazaret_core::refusal::{PartyCode, Refusal};
use lazaret_core::register::{PartyKind, VettingOutcome};
use lazaret_core::transfer::{Direction, TransferKind};
use lazaret_store::view::LaneView;
use lazaret_store::{Side, View};

use super::types::{
    AddedKeyJson, LaneTermsJson, ListJson, NewKeyJson, NewPartyJson, NewTokenJson, OpenLaneJson, PartyJson,
    PartyStateJson, Problem, TokenJson, VettingJson, from_json,
};
use super::{json, parties, show, tokens};
use crate::auth::signed::{Sent, Signed};
use crate::clock::new_id;
use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::lanes;
use crate::people::{self, Named, only_administrators};

/// Records a party. Nothing of it is released before it was vetted and has a contract.
#[utoipa::path(
    post,
    path = "/api/v1/parties",
    tag = "parties",
    request_body = NewPartyJson,
    responses((status = 200, body = PartyJson), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(crate) async fn add_party(State(gate): State<Arc<Gate>>, Sent { signed, body }: Sent) -> Response {
    let outcome = async {
        only_administrators(&signed.caller)?;
        let sent: NewPartyJson = from_json(&body).map_err(bad)?;
        let named = Named::parse(&sent.slug, &sent.name)?;
        let kind = word(&sent.kind, "kind", PartyKind::ALL, PartyKind::word)?;
        let party = lanes::add_party(&gate, &signed.caller, named, kind).await?;
        parties::shown(&gate, party).map(|party| json(&party))
    };
    signed.answer(outcome.await)
}

/// Suspends a party, lets a suspended one go on, or ends the relation: then everything ends by which it and its people come in.
#[utoipa::path(
    put,
    path = "/api/v1/parties/{party}/state",
    tag = "parties",
    params(("party" = String, Path, description = "short name or id")),
    request_body = PartyStateJson,
    responses((status = 200, body = PartyJson), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(crate) async fn turn(
    State(gate): State<Arc<Gate>>,
    Path(name): Path<String>,
    Sent { signed, body }: Sent,
) -> Response {
    let outcome = async {
        only_administrators(&signed.caller)?;
        let sent: PartyStateJson = from_json(&body).map_err(bad)?;
        let turn = match sent.state.as_str() {
            "suspended" => Turn::Suspend,
            "active" => Turn::Resume,
            "ended" => Turn::End,
            other => return Err(bad(format!("state is suspended, active or ended, not {other}"))),
        };
        let party = parties::find(&gate, &name)?;
        lanes::turn(&gate, &signed.caller, party, turn).await?;
        parties::shown(&gate, party).map(|party| json(&party))
    };
    signed.answer(outcome.await)
}

/// Records what was checked about a party, and for how long that counts.
#[utoipa::path(
    post,
    path = "/api/v1/parties/{party}/vettings",
    tag = "parties",
    params(("party" = String, Path, description = "short name or id")),
    request_body = VettingJson,
    responses((status = 200, body = PartyJson), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(crate) async fn vet(
    State(gate): State<Arc<Gate>>,
    Path(name): Path<String>,
    Sent { signed, body }: Sent,
) -> Response {
    let outcome = async {
        only_administrators(&signed.caller)?;
        let sent: VettingJson = from_json(&body).map_err(bad)?;
        let party = parties::find(&gate, &name)?;
        let outcome = word(&sent.outcome, "outcome", VettingOutcome::ALL, VettingOutcome::word)?;
        lanes::vet(&gate, &signed.caller, party, outcome, sent.days).await?;
        parties::shown(&gate, party).map(|party| json(&party))
    };
    signed.answer(outcome.await)
}

/// Adds a key by which a party's programs come in over SFTP.
#[utoipa::path(
    post,
    path = "/api/v1/parties/{party}/keys",
    tag = "parties",
    params(("party" = String, Path, description = "short name or id")),
    request_body = NewKeyJson,
    responses((status = 200, body = AddedKeyJson), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(crate) async fn add_key(
    State(gate): State<Arc<Gate>>,
    Path(name): Path<String>,
    Sent { signed, body }: Sent,
) -> Response {
    let outcome = async {
        only_administrators(&signed.caller)?;
        let sent: NewKeyJson = from_json(&body).map_err(bad)?;
        let party = parties::find(&gate, &name)?;
        let (fingerprint, added) = lanes::add_key(&gate, &signed.caller, party, &sent.line).await?;
        Ok(json(&AddedKeyJson {
            id: added.credential.to_string(),
            fingerprint,
            from: show::time_text(added.valid_from),
        }))
    };
    signed.answer(outcome.await)
}

/// Makes a token by which a party's programs come in over HTTPS. It is told once.
#[utoipa::path(
    post,
    path = "/api/v1/parties/{party}/tokens",
    tag = "parties",
    params(("party" = String, Path, description = "short name or id")),
    request_body = NewTokenJson,
    responses((status = 200, body = TokenJson), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(crate) async fn add_token(
    State(gate): State<Arc<Gate>>,
    Path(name): Path<String>,
    Sent { signed, body }: Sent,
) -> Response {
    let outcome = async {
        only_administrators(&signed.caller)?;
        let sent: NewTokenJson = from_json(&body).map_err(bad)?;
        if !(1..=TOKEN_DAYS_MAX).contains(&sent.days) {
            return Err(bad(format!("days is 1 to {TOKEN_DAYS_MAX}")));
        }
        let party = parties::find(&gate, &name)?;
        let (text, made) = lanes::add_token(&gate, &signed.caller, party, sent.days).await?;
        Ok(json(&TokenJson { token: Some(text), ..tokens::outline(&made) }))
    };
    signed.answer(outcome.await)
}

/// Lists lanes with their terms, for the hospital's people.
#[utoipa::path(
    get,
    path = "/api/v1/lanes",
    tag = "lanes",
    responses((status = 200, body = ListJson<LaneTermsJson>), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(crate) async fn list(State(gate): State<Arc<Gate>>, signed: Signed) -> Response {
    let outcome = (|| {
        if !show::sees_all(&signed.caller) {
            return Err(Refusal::NotAllowed.into());
        }
        let items = gate.read(|view, side| {
            let mut lanes = view.lanes(Direction::In)?;
            lanes.extend(view.lanes(Direction::Out)?);
            lanes.iter().map(|lane| show_lane(view, side, lane)).collect::<lazaret_store::Result<Vec<_>>>()
        })?;
        Ok(json(&ListJson { items, next: None }))
    })();
    signed.answer(outcome)
}

/// Opens a lane under a party's contract, or gives one other terms: what is not said stays, and its direction does.
#[utoipa::path(
    put,
    path = "/api/v1/lanes/{lane}",
    tag = "lanes",
    params(("lane" = String, Path, description = "its name in paths")),
    request_body = OpenLaneJson,
    responses((status = 200, body = LaneTermsJson), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(crate) async fn open(
    State(gate): State<Arc<Gate>>,
    Path(name): Path<String>,
    Sent { signed, body }: Sent,
) -> Response {
    let outcome = async {
        only_administrators(&signed.caller)?;
        let sent: OpenLaneJson = from_json(&body).map_err(bad)?;
        let party = parties::find(&gate, &sent.party)?;
        lanes::open(&gate, &signed.caller, party, wanted(&gate, &name, &sent)?).await?;
        lane(&gate, &name).map(|lane| json(&lane))
    };
    signed.answer(outcome.await)
}

/// Closes a lane: it takes nothing more. What it brought stays where it is.
#[utoipa::path(
    delete,
    path = "/api/v1/lanes/{lane}",
    tag = "lanes",
    params(("lane" = String, Path, description = "its name in paths")),
    responses((status = 200, body = LaneTermsJson), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(crate) async fn close(State(gate): State<Arc<Gate>>, signed: Signed, Path(name): Path<String>) -> Response {
    let outcome = async {
        only_administrators(&signed.caller)?;
        let found = gate.read(|view, _| view.lane_by_name(&name))?.ok_or(Refusal::NotFound)?;
        lanes::close(&gate, &signed.caller, found.terms.lane).await?;
        lane(&gate, &name).map(|lane| json(&lane))
    };
    signed.answer(outcome.await)
}

fn wanted(gate: &Gate, name: &str, sent: &OpenLaneJson) -> Result<Wanted> {
    // A lane is a folder over SFTP and a part of a path over HTTPS: it is named like everything else that is typed there.
    let named = Named::parse(name, name)?;
    let name = Code::new(&named.slug).ok_or_else(|| bad("the lane's name is no name".to_owned()))?;
    let kind = |text: &String| word(text, "kind", TransferKind::ALL, TransferKind::word);
    let inspector = |text: &String| word(text, "inspector", Inspector::ALL, Inspector::word);
    let most = gate.config.limits.object_bytes_max;
    if sent.object_bytes_max.is_some_and(|bytes| bytes == 0 || bytes > most) {
        return Err(bad(format!("object_bytes_max is 1 to {most}, which is this gate's own limit")));
    }
    if sent.recipients.as_ref().is_some_and(|people| people.len() > RECIPIENTS_MAX) {
        return Err(Refusal::WrongRecipients.into());
    }
    let person = |name: &String| people::find(gate, name);
    Ok(Wanted {
        fresh: new_id(),
        name,
        direction: word(&sent.direction, "direction", Direction::ALL, Direction::word)?,
        kinds: each_once(sent.kinds.as_deref(), kind)?,
        inspectors: each_once(sent.inspectors.as_deref(), inspector)?,
        recipients: each_once(sent.recipients.as_deref(), person)?,
        object_bytes_max: sent.object_bytes_max,
        gate_bytes_max: most,
    })
}

/// What the words mean, where there are any: sorted, and each once, for what is sent again and again is no more than what there
/// is.
fn each_once<T: Ord>(words: Option<&[String]>, read: impl Fn(&String) -> Result<T>) -> Result<Option<Vec<T>>> {
    let Some(words) = words else { return Ok(None) };
    let mut named = words.iter().map(read).collect::<Result<Vec<T>>>()?;
    named.sort_unstable();
    named.dedup();
    Ok(Some(named))
}

fn lane(gate: &Gate, name: &str) -> Result<LaneTermsJson> {
    gate.read(|view, side| {
        let found = view.lane_by_name(name)?.ok_or(Refusal::NotFound)?;
        show_lane(view, side, &found)
    })
}

fn show_lane(view: &View<'_>, side: &Side<'_>, lane: &LaneView) -> lazaret_store::Result<LaneTermsJson> {
    let terms = &lane.terms;
    let mut recipients = Vec::with_capacity(terms.recipients.len());
    for person in &terms.recipients {
        recipients.push(side.slug_of(person.cast())?.unwrap_or_else(|| person.to_string()));
    }
    Ok(LaneTermsJson {
        name: terms.name.to_string(),
        party: side.slug_of(lane.party.cast())?.unwrap_or_default(),
        direction: terms.direction.word().to_owned(),
        open: terms.open,
        kinds: terms.kinds.iter().map(|kind| kind.word().to_owned()).collect(),
        inspectors: terms.required_inspectors().iter().map(|inspector| inspector.word().to_owned()).collect(),
        recipients,
        object_bytes_max: terms.object_bytes_max,
        open_transfers: view.open_on_lane(terms.lane)?,
    })
}

/// One of a closed list of words.
fn word<T: Copy>(text: &str, what: &str, all: &[T], word: impl Fn(T) -> &'static str) -> Result<T> {
    let found = all.iter().find(|value| word(**value) == text).copied();
    let known = || all.iter().map(|value| word(*value)).collect::<Vec<_>>().join(", ");
    found.ok_or_else(|| bad(format!("{what} is one of {}, not {text}", known())))
}

fn bad(detail: String) -> Error {
    Error::malformed(PartyCode::BadRequest, detail)
}
