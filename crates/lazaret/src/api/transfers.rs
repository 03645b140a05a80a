//! Transfers over the API: list, look, vote, withdraw, inspect again, receipt.

use std::sync::Arc;

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lazaret_core::caller::Caller;
use lazaret_core::cases::suppose;
use lazaret_core::decision::Fired;
use lazaret_core::digest::Digest;
use lazaret_core::id::Id;
use lazaret_core::party::Choice;
use lazaret_core::refusal::{PartyCode, Refusal};
use lazaret_core::time::Timestamp;
use lazaret_core::transfer::{Direction, ReopenCause, Stage};
use lazaret_store::view::{Filter, Page};

use super::types::{Because, ListJson, Problem, SupposedJson, TransferJson, VoteJson, from_json};
use super::{json, parties, show};
use crate::auth::signed::{Sent, Signed};
use crate::crossing;
use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::intake::https;

/// Rows of a page at most, and by default.
pub const ROWS_MAX: u32 = 200;
const ROWS: u32 = 50;
/// A voter's reason, in bytes.
pub const REASON_BYTES_MAX: usize = 2_000;

/// What a list asks for; unknown names are refused.
#[derive(Debug, Default)]
struct Asked {
    filter: Filter,
    after: Option<Page>,
    rows: u32,
}

impl Asked {
    fn parse(gate: &Gate, caller: &Caller, pairs: &[(String, String)]) -> Result<Asked> {
        let bad = |what: &str| Error::malformed(PartyCode::BadRequest, format!("{what} is no such filter or value"));
        let mut asked = Asked { rows: ROWS, ..Asked::default() };
        let sees_all = show::sees_all(caller);
        if !sees_all {
            // Recipients without a role collect under `out`; here everyone else sees what their own party may know of.
            asked.filter.known_to = Some(caller.party().ok_or(Refusal::NotAllowed)?);
        }
        for (name, value) in pairs {
            match name.as_str() {
                "state" => asked.filter.stage = Some(Stage::from_word(value).ok_or_else(|| bad(value))?),
                "direction" => asked.filter.direction = Some(Direction::from_word(value).ok_or_else(|| bad(value))?),
                // Outsiders have one party, and ask by this for no other's name.
                "party" if sees_all => {
                    asked.filter.party = Some(parties::find(gate, value).map_err(|_| bad(value))?);
                }
                "limit" => {
                    let rows = value.parse().ok().filter(|rows| (1..=ROWS_MAX).contains(rows));
                    asked.rows = rows.ok_or_else(|| bad("limit"))?;
                }
                "after" => asked.after = Some(read_page(gate, value).ok_or_else(|| bad("after"))?),
                other => return Err(bad(other)),
            }
        }
        Ok(asked)
    }
}

/// A page token: the last row's keys under the gate's own keyed digest, so that nobody makes one up.
pub fn write_page(gate: &Gate, page: Page) -> String {
    let mut bytes = page.arrived.as_millis().to_be_bytes().to_vec();
    bytes.extend_from_slice(page.transfer.as_bytes());
    let [a, b, c, d, e, f, g, h, ..] = gate.vault.index(&[b"page", &bytes]);
    bytes.extend_from_slice(&[a, b, c, d, e, f, g, h]);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The row that a token of ours names.
pub fn read_page(gate: &Gate, token: &str) -> Option<Page> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    let (arrived, rest) = bytes.split_first_chunk::<8>()?;
    let (transfer, _) = rest.split_first_chunk::<16>()?;
    let page =
        Page { arrived: Timestamp::from_millis(u64::from_be_bytes(*arrived)), transfer: Id::from_bytes(*transfer) };
    (write_page(gate, page) == token).then_some(page)
}

/// Lists transfers, newest first.
#[utoipa::path(
    get,
    path = "/api/v1/transfers",
    tag = "transfers",
    params(
        ("state" = Option<String>, Query, description = "a stage, such as held"),
        ("direction" = Option<String>, Query, description = "in or out"),
        ("party" = Option<String>, Query, description = "a party's short name or id; operators only"),
        ("limit" = Option<u32>, Query, description = "1 to 200, default 50"),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses((status = 200, body = ListJson<TransferJson>), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub async fn list(
    State(gate): State<Arc<Gate>>,
    signed: Signed,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Response {
    let outcome = rows(&gate, &signed, &pairs).map(|page| json(&page));
    signed.answer(outcome)
}

fn rows(gate: &Gate, signed: &Signed, pairs: &[(String, String)]) -> Result<ListJson<TransferJson>> {
    let caller = &signed.caller;
    let asked = Asked::parse(gate, caller, pairs)?;
    gate.read(|read, side| {
        let rows = read.transfers(&asked.filter, asked.after, asked.rows)?;
        let next = match rows.last() {
            Some(last) if rows.len() == asked.rows as usize => {
                Some(write_page(gate, Page { arrived: last.arrived, transfer: last.transfer }))
            }
            _ => None,
        };
        let mut items = Vec::with_capacity(rows.len());
        for row in rows {
            let Some(view) = read.transfer(row.transfer)? else { continue };
            let outline = show::outline(gate, read, side, &view)?;
            items.push(TransferJson { state: show::state_for(caller, view.stage), ..outline });
        }
        Ok(ListJson { items, next })
    })
}

/// One transfer: state, reasons, what would release it, who can.
#[utoipa::path(
    get,
    path = "/api/v1/transfers/{transfer}",
    tag = "transfers",
    params(
        ("transfer" = String, Path, description = "id or reference"),
        ("Prefer" = Option<String>, Header, description = "wait=n: answer when it is decided, at most 60 s later"),
    ),
    responses((status = 200, body = TransferJson), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub async fn get(
    State(gate): State<Arc<Gate>>,
    signed: Signed,
    Path(name): Path<String>,
    headers: HeaderMap,
) -> Response {
    let outcome = async {
        let mut view = show::find(&gate, &signed.caller, &name)?;
        if let Some(wait) = https::wait_of(&headers) {
            https::decided(&gate, view.transfer, wait).await?;
            view = show::view(&gate, view.transfer)?;
        }
        Ok(json(&show::transfer(&gate, &signed.caller, &view)?))
    };
    signed.answer(outcome.await)
}

/// What the rules in force would say of a transfer in which something else were so: `?signed=yes`, `?phi_cover=yes`,
/// `?approvals=biomed,security`. Nothing is recorded.
#[utoipa::path(
    get,
    path = "/api/v1/transfers/{transfer}/what-if",
    tag = "transfers",
    params(("transfer" = String, Path, description = "id or reference")),
    responses((status = 200, body = SupposedJson), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(crate) async fn what_if(
    State(gate): State<Arc<Gate>>,
    signed: Signed,
    Path(name): Path<String>,
    Query(changes): Query<Vec<(String, String)>>,
) -> Response {
    let outcome = show::find(&gate, &signed.caller, &name).and_then(|view| {
        if !show::sees_all(&signed.caller) {
            return Err(Refusal::NotAllowed.into());
        }
        let (dossier, decision, _) = crossing::explanation(&gate, view.transfer)?;
        let bad = |why: String| Error::malformed(PartyCode::BadRequest, why);
        let supposed = suppose(&gate.policy(), &dossier, &changes).map_err(bad)?;
        let because = |fired: Fired| Because { rule: fired.rule.to_string(), reason: fired.reason };
        Ok(json(&SupposedJson {
            reference: view.transfer.reference().to_string(),
            now: decision.outcome.word().to_owned(),
            would_be: supposed.outcome.word().to_owned(),
            because: supposed.reasons.into_iter().map(because).collect(),
        }))
    });
    signed.answer(outcome)
}

/// The receipt: one file that anyone verifies offline. 202 until the log is signed that far.
#[utoipa::path(
    get,
    path = "/api/v1/transfers/{transfer}/receipt",
    tag = "transfers",
    params(("transfer" = String, Path, description = "id or reference")),
    responses(
        (status = 200, description = "a c2sp.org/tlog-proof@v1 file", body = String, content_type = "text/plain"),
        (status = 202, description = "not signed yet; try again in a second"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn receipt(State(gate): State<Arc<Gate>>, signed: Signed, Path(name): Path<String>) -> Response {
    let outcome = show::find(&gate, &signed.caller, &name).and_then(|view| {
        let side = crate::follow::receipt::side_of(&signed.caller);
        crate::follow::receipt::of(&gate, view.transfer, side)
    });
    let outcome = outcome.map(|receipt| match receipt {
        Some(text) => {
            let file = format!("attachment; filename=\"{name}.receipt\"");
            let mut response = ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response();
            if let Ok(value) = HeaderValue::from_str(&file) {
                response.headers_mut().insert(header::CONTENT_DISPOSITION, value);
            }
            response
        }
        None => (StatusCode::ACCEPTED, [(header::RETRY_AFTER, "1")]).into_response(),
    });
    signed.answer(outcome)
}

/// Votes on a held transfer, bound to what the voter saw.
#[utoipa::path(
    post,
    path = "/api/v1/transfers/{transfer}/approvals",
    tag = "transfers",
    params(("transfer" = String, Path, description = "id or reference")),
    request_body = VoteJson,
    responses(
        (status = 200, description = "recorded", body = TransferJson),
        (status = 409, description = "stale: what was seen has changed", body = Problem, content_type = "application/problem+json"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn vote(State(gate): State<Arc<Gate>>, Path(name): Path<String>, Sent { signed, body }: Sent) -> Response {
    let outcome = cast(&gate, &signed, &name, &body).await;
    signed.answer(outcome)
}

async fn cast(gate: &Arc<Gate>, signed: &Signed, name: &str, body: &[u8]) -> Result<Response> {
    let view = show::find(gate, &signed.caller, name)?;
    let ballot = Ballot::parse(body)?;
    let words = crossing::Words { reason: ballot.reason, assertion: None };
    crossing::vote(gate, &signed.caller, view.transfer, ballot.binding, words, ballot.choice).await?;
    let now = show::view(gate, view.transfer)?;
    Ok(json(&show::transfer(gate, &signed.caller, &now)?))
}

/// A vote as it was sent.
pub struct Ballot {
    /// Yes or no.
    pub choice: Choice,
    /// What the voter saw.
    pub binding: Digest,
    /// Why.
    pub reason: String,
}

impl Ballot {
    /// Reads a vote.
    ///
    /// # Errors
    /// Not the JSON of a vote; a reason that is too long.
    pub fn parse(body: &[u8]) -> Result<Ballot> {
        let bad = |detail: String| Error::malformed(PartyCode::BadRequest, detail);
        let sent: VoteJson = from_json(body).map_err(bad)?;
        let choice = match sent.vote.as_str() {
            "approve" => Choice::Approve,
            "reject" => Choice::Reject,
            other => return Err(bad(format!("vote is approve or reject, not {other}"))),
        };
        let binding = parse_digest(&sent.binding).ok_or_else(|| bad("binding is 64 hex digits".to_owned()))?;
        if sent.reason.len() > REASON_BYTES_MAX {
            return Err(bad(format!("a reason has at most {REASON_BYTES_MAX} bytes")));
        }
        Ok(Ballot { choice, binding, reason: sent.reason })
    }
}

/// A digest from 64 hex digits.
pub fn parse_digest(text: &str) -> Option<Digest> {
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (slot, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        *slot = std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok())?;
    }
    Some(Digest::from_bytes(bytes))
}

/// Takes a transfer back, before its release.
#[utoipa::path(
    post,
    path = "/api/v1/transfers/{transfer}/withdraw",
    tag = "transfers",
    params(("transfer" = String, Path, description = "id or reference")),
    responses((status = 200, body = TransferJson), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub async fn withdraw(State(gate): State<Arc<Gate>>, signed: Signed, Path(name): Path<String>) -> Response {
    let outcome = async {
        let view = show::find(&gate, &signed.caller, &name)?;
        crossing::withdraw(&gate, &signed.caller, view.transfer).await?;
        Ok(json(&show::transfer(&gate, &signed.caller, &show::view(&gate, view.transfer)?)?))
    };
    signed.answer(outcome.await)
}

/// Has a held transfer inspected again, after an inspector is back or evidence changed. Approvers and administrators may: votes
/// that were cast are discarded by it.
#[utoipa::path(
    post,
    path = "/api/v1/transfers/{transfer}/inspection",
    tag = "transfers",
    params(("transfer" = String, Path, description = "id or reference")),
    responses((status = 200, body = TransferJson), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub async fn inspect_again(State(gate): State<Arc<Gate>>, signed: Signed, Path(name): Path<String>) -> Response {
    let outcome = async {
        let view = show::find(&gate, &signed.caller, &name)?;
        crossing::reopen(&gate, &signed.caller, view.transfer, ReopenCause::Asked).await?;
        Ok(json(&show::transfer(&gate, &signed.caller, &show::view(&gate, view.transfer)?)?))
    };
    signed.answer(outcome.await)
}
