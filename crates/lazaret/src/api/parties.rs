//! Parties, isolation, requests that wait for votes, the rules in force, and who the caller is.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::response::Response;
use lazaret_core::id::{Id, Isolation, Party, Person, Request};
use lazaret_core::party;
use lazaret_core::person;
use lazaret_core::refusal::{PartyCode, Refusal};
use lazaret_core::register::{AgreementKind, Role};
use lazaret_core::request::Act;
use lazaret_core::transfer::Direction;
use lazaret_store::view::LaneView;
use lazaret_store::{Side, View};

use super::transfers::Ballot;
use super::types::{
    AgreementJson, IsolationJson, LaneJson, ListJson, PartyJson, PolicyJson, Problem, RequestJson, RuleJson, TallyJson,
    WhoamiJson, from_json,
};
use super::{json, show};
use crate::auth::signed::{Sent, Signed};
use crate::crossing;
use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::lanes;

/// Parties of one list.
const PARTIES_MAX: u32 = 1_000;
/// Requests of one list.
const REQUESTS_MAX: u32 = 500;

/// Lists parties; a party's own people see themselves.
#[utoipa::path(
    get,
    path = "/api/v1/parties",
    tag = "parties",
    responses((status = 200, body = ListJson<PartyJson>), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub async fn list(State(gate): State<Arc<Gate>>, signed: Signed) -> Response {
    let outcome = gate.read(|view, side| {
        let mut items = Vec::new();
        for party in view.parties(PARTIES_MAX)? {
            if signed.caller.is_hospital_person() || signed.caller.party() == Some(party.party) {
                items.extend(show_party(&gate, view, side, party.party)?);
            }
        }
        Ok(json(&ListJson { items, next: None }))
    });
    signed.answer(outcome)
}

/// One party.
#[utoipa::path(
    get,
    path = "/api/v1/parties/{party}",
    tag = "parties",
    params(("party" = String, Path, description = "short name or id")),
    responses((status = 200, body = PartyJson), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub async fn get(State(gate): State<Arc<Gate>>, signed: Signed, Path(name): Path<String>) -> Response {
    let outcome = find(&gate, &name).and_then(|party| {
        if !signed.caller.is_hospital_person() && signed.caller.party() != Some(party) {
            return Err(Refusal::NotFound.into());
        }
        shown(&gate, party).map(|party| json(&party))
    });
    signed.answer(outcome)
}

/// A party by short name or id.
///
/// # Errors
/// `NotFound`
pub fn find(gate: &Gate, name: &str) -> Result<Id<Party>> {
    let found = gate.read(|view, side| {
        let id = match name.parse::<Id<Party>>() {
            Ok(id) => Some(id),
            Err(_) => side.by_slug(name)?.map(Id::cast),
        };
        id.map_or(Ok(None), |id| view.party(id))
    })?;
    found.map(|party| party.party).ok_or(Error::Refused(Refusal::NotFound))
}

/// A party that is known to be there.
///
/// # Errors
/// `NotFound`
pub(crate) fn shown(gate: &Gate, party: Id<Party>) -> Result<PartyJson> {
    gate.read(|view, side| show_party(gate, view, side, party))?.ok_or(Error::Refused(Refusal::NotFound))
}

fn show_party(
    gate: &Gate,
    view: &View<'_>,
    side: &Side<'_>,
    party: Id<Party>,
) -> lazaret_store::Result<Option<PartyJson>> {
    let Some(known) = view.party(party)? else { return Ok(None) };
    let lane = |lane: LaneView| LaneJson {
        name: lane.terms.name.to_string(),
        direction: lane.terms.direction.word().to_owned(),
    };
    let mut lanes: Vec<LaneJson> = view.lanes_of(party, Direction::In)?.into_iter().map(lane).collect();
    lanes.extend(view.lanes_of(party, Direction::Out)?.into_iter().map(lane));
    Ok(Some(PartyJson {
        id: party.to_string(),
        slug: side.slug_of(party.cast())?.unwrap_or_default(),
        name: gate.particulars.party_name(side, party),
        kind: known.kind.word().to_owned(),
        state: known.state.word().to_owned(),
        isolated: known.isolated,
        lanes,
    }))
}

/// Isolates a party: no byte goes in from it or out to it, from the commit on. One person may: security or an administrator.
/// With `dry_run=true` nothing is done; operators are told what it would stop.
#[utoipa::path(
    post,
    path = "/api/v1/parties/{party}/isolation",
    tag = "parties",
    params(("party" = String, Path, description = "short name or id"), ("dry_run" = Option<bool>, Query, description = "only say what it would stop")),
    responses((status = 200, body = IsolationJson), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub async fn isolate(
    State(gate): State<Arc<Gate>>,
    signed: Signed,
    Path(name): Path<String>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Response {
    let outcome = async {
        // Who may not ask is told so whatever the name, before it is looked for.
        let is_dry = is_dry_run(&pairs)?;
        if !is_dry || !show::sees_all(&signed.caller) {
            party::may_isolate(&signed.caller)?;
        }
        let party = find(&gate, &name)?;
        let before = isolation(&gate, party)?;
        if is_dry {
            return Ok(json(&before));
        }
        crossing::isolate(&gate, &signed.caller, party).await?;
        Ok(json(&IsolationJson { isolated: true, ..before }))
    };
    signed.answer(outcome.await)
}

/// Whether only a plan is asked for. What cannot be understood is refused: an isolation is not undone by one person.
fn is_dry_run(pairs: &[(String, String)]) -> Result<bool> {
    let bad = |what: &str| Error::malformed(PartyCode::BadRequest, format!("{what}: dry_run is true or false, once"));
    match pairs {
        [] => Ok(false),
        [(name, value)] if name == "dry_run" => value.parse().map_err(|_| bad(value)),
        [(name, _), ..] => Err(bad(name)),
    }
}

fn isolation(gate: &Gate, party: Id<Party>) -> Result<IsolationJson> {
    let (_, uploads) = gate.quota.used(party);
    gate.read(|view, side| {
        Ok(IsolationJson {
            party: side.slug_of(party.cast())?.unwrap_or_default(),
            isolated: view.open_isolation(party)?.is_some(),
            open_transfers: view.open_of(Some(party))?.len() as u64,
            released: view.released_of(party)?.len() as u64,
            uploads,
        })
    })
}

/// Asks two others to lift an isolation.
#[utoipa::path(
    post,
    path = "/api/v1/parties/{party}/isolation/lift",
    tag = "parties",
    params(("party" = String, Path, description = "short name or id")),
    responses((status = 200, body = RequestJson), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub async fn ask_to_lift(State(gate): State<Arc<Gate>>, signed: Signed, Path(name): Path<String>) -> Response {
    let outcome = async {
        party::may_ask_to_lift(&signed.caller)?;
        let party = find(&gate, &name)?;
        let request = crossing::ask_to_lift(&gate, &signed.caller, party).await?;
        show_request(&gate, request).map(|request| json(&request))
    };
    signed.answer(outcome.await)
}

/// Records an agreement: the contract, by an administrator, or one that covers patient data, a BAA or DPA, by a privacy
/// officer or an administrator.
#[utoipa::path(
    post,
    path = "/api/v1/parties/{party}/agreements",
    tag = "parties",
    params(("party" = String, Path, description = "short name or id")),
    request_body = AgreementJson,
    responses((status = 200, body = PartyJson), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub async fn agree(State(gate): State<Arc<Gate>>, Path(name): Path<String>, Sent { signed, body }: Sent) -> Response {
    let outcome = async {
        party::may_agree(&signed.caller)?;
        let party = find(&gate, &name)?;
        let bad = |detail: String| Error::malformed(PartyCode::BadRequest, detail);
        let sent: AgreementJson = from_json(&body).map_err(bad)?;
        let kind = AgreementKind::from_word(&sent.kind);
        let kind = kind.ok_or_else(|| bad(format!("kind is contract, baa or dpa, not {}", sent.kind)))?;
        if !(1..=party::AGREEMENT_DAYS_MAX).contains(&sent.days) {
            return Err(bad(format!("days is 1 to {}", party::AGREEMENT_DAYS_MAX)));
        }
        match kind {
            AgreementKind::Contract => lanes::contract(&gate, &signed.caller, party, sent.days).await?,
            AgreementKind::Baa | AgreementKind::Dpa => {
                crossing::agree(&gate, &signed.caller, party, kind, sent.days).await?;
            }
            AgreementKind::Nda | AgreementKind::DataSharing => {
                return Err(bad(format!(
                    "kind is contract, baa or dpa: nothing here hangs on one of kind {}",
                    sent.kind
                )));
            }
        }
        shown(&gate, party).map(|party| json(&party))
    };
    signed.answer(outcome.await)
}

/// Requests that wait for votes, the longest-waiting first.
#[utoipa::path(
    get,
    path = "/api/v1/requests",
    tag = "approvals",
    responses((status = 200, body = ListJson<RequestJson>), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub async fn requests(State(gate): State<Arc<Gate>>, signed: Signed) -> Response {
    let outcome = (|| {
        if !show::sees_all(&signed.caller) {
            return Err(Refusal::NotAllowed.into());
        }
        let at = gate.clock.now();
        let open = gate.read(|view, _| view.open_requests(REQUESTS_MAX, at))?;
        let items: Result<Vec<RequestJson>> = open.iter().map(|open| show_request(&gate, open.request)).collect();
        Ok(json(&ListJson { items: items?, next: None }))
    })();
    signed.answer(outcome)
}

/// A request as its voters see it.
///
/// # Errors
/// There is none; a fault of the store.
pub(crate) fn show_request(gate: &Gate, request: Id<Request>) -> Result<RequestJson> {
    let at = gate.clock.now();
    gate.read(|view, side| {
        let known = view.request(request, at)?.ok_or(Refusal::NotFound)?;
        let subject = view.subject_of_request(request)?.ok_or(Refusal::NotFound)?;
        let party = match known.act {
            Act::LiftIsolation => view.isolated_party(subject.cast::<Isolation>())?,
            Act::ReleaseTransfer => view.transfer(subject.cast())?.map(|transfer| transfer.party),
            Act::ActivatePolicy | Act::GrantRole => None,
        };
        let person: Option<Id<Person>> = (known.act == Act::GrantRole).then(|| subject.cast());
        let role = person.and_then(|person| person::asked_for(person, &known));
        let entered = person.map_or(Ok(None), |person| view.known(person, at))?;
        let mut invited_by = Vec::new();
        for by in entered.iter().flat_map(|known| &known.invited_by) {
            invited_by.push(side.slug_of(by.cast())?.unwrap_or_else(|| by.to_string()));
        }
        let reference =
            (known.act == Act::ReleaseTransfer).then(|| subject.cast::<lazaret_core::id::Transfer>().reference());
        Ok(RequestJson {
            id: request.to_string(),
            act: known.act.word().to_owned(),
            party: party.map_or(Ok(None), |party| side.slug_of(party.cast()))?,
            reference: reference.map(|reference| reference.to_string()),
            person: person.map_or(Ok(None), |person| side.slug_of(person.cast()))?,
            role: role.map(|role| role.word().to_owned()),
            enters_since: entered.and_then(|known| known.enters_since).map(show::time_text),
            invited_by,
            binding: known.binding.to_string(),
            approvals: TallyJson { counted: known.counted().len(), required: known.required },
            groups: known.groups.iter().map(|group| group.word().to_owned()).collect(),
            until: show::time_text(known.until),
        })
    })
}

/// Votes on a request that is about no transfer, such as lifting an isolation. The last vote needed carries it out; who asked
/// takes it back by voting against it.
#[utoipa::path(
    post,
    path = "/api/v1/requests/{request}/approvals",
    tag = "approvals",
    params(("request" = String, Path, description = "the request's id")),
    request_body = super::types::VoteJson,
    responses((status = 200, body = RequestJson), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub async fn vote_on_request(
    State(gate): State<Arc<Gate>>,
    Path(name): Path<String>,
    Sent { signed, body }: Sent,
) -> Response {
    let outcome = async {
        let request: Id<Request> = name.parse().map_err(|_| Error::Refused(Refusal::NotFound))?;
        let Ballot { choice, binding, reason } = Ballot::parse(&body)?;
        let words = crossing::Words { reason, assertion: None };
        crossing::vote_on_request(&gate, &signed.caller, request, binding, words, choice).await?;
        crossing::carry_out_if_granted(&gate, request).await?;
        show_request(&gate, request).map(|request| json(&request))
    };
    signed.answer(outcome.await)
}

/// Who the caller is.
#[utoipa::path(
    get,
    path = "/api/v1/whoami",
    tag = "access",
    responses((status = 200, body = WhoamiJson), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub async fn whoami(State(gate): State<Arc<Gate>>, signed: Signed) -> Response {
    let caller = &signed.caller;
    let roles = Role::ALL.iter().filter(|role| caller.has_role(**role)).map(|role| role.word().to_owned()).collect();
    let outcome = gate.read(|view, side| {
        let name = show::actor_name(&gate, view, side, *caller.actor().as_bytes())?;
        let party = caller.party().map_or(Ok(None), |party| side.slug_of(party.cast()))?;
        let id = match caller.person() {
            Some(person) => person.to_string(),
            None => caller.party().map(|party| party.to_string()).unwrap_or_default(),
        };
        Ok(json(&WhoamiJson { name, id, roles, party }))
    });
    signed.answer(outcome)
}

/// The rules in force.
#[utoipa::path(
    get,
    path = "/api/v1/policy",
    tag = "policy",
    responses((status = 200, body = PolicyJson), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub async fn policy(State(gate): State<Arc<Gate>>, signed: Signed) -> Response {
    let outcome = if show::sees_all(&signed.caller) {
        let bundle = gate.policy();
        let rules = bundle.rules().into_iter().map(|rule| RuleJson {
            id: rule.id.to_string(),
            reason: rule.reason.clone(),
            hold: rule.hold.map(|hold| hold.to_string()),
            text: rule.text.clone(),
        });
        Ok(json(&PolicyJson { digest: format!("sha256:{}", bundle.digest()), rules: rules.collect() }))
    } else {
        Err(Refusal::NotAllowed.into())
    };
    signed.answer(outcome)
}
