//! The sender's journal over the API: the same lines as in the receipts directory.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use lazaret_core::refusal::{PartyCode, Refusal};
use lazaret_core::time::{DAY_MS, Timestamp};

use super::json;
use super::types::{JournalJson, ListJson, Problem};
use crate::auth::signed::Signed;
use crate::delivery::told;
use crate::error::{Error, Result};
use crate::gate::Gate;

/// How far back lines are told.
pub const KEPT_DAYS: u64 = 90;

/// What became of the caller's own objects, in order: one line a change, oldest first.
#[utoipa::path(
    get,
    path = "/api/v1/receipts",
    tag = "receipts",
    params(("days" = Option<u64>, Query, description = "how many days back, 1 to 90, default 1")),
    responses((status = 200, body = ListJson<JournalJson>), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub async fn journal(
    State(gate): State<Arc<Gate>>,
    signed: Signed,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Response {
    let outcome = lines(&gate, &signed, &pairs).map(|items| json(&ListJson { items, next: None }));
    signed.answer(outcome)
}

fn lines(gate: &Gate, signed: &Signed, pairs: &[(String, String)]) -> Result<Vec<JournalJson>> {
    let party = signed.caller.party().ok_or(Refusal::NotAllowed)?;
    let asked = pairs.iter().find(|(name, _)| name == "days").map_or(Some(1), |(_, days)| days.parse().ok());
    let days = asked.filter(|days| (1..=KEPT_DAYS).contains(days));
    let days = days.ok_or_else(|| Error::malformed(PartyCode::BadRequest, format!("days is 1 to {KEPT_DAYS}")))?;
    let now = gate.clock.now().as_millis();
    let from = Timestamp::from_millis(now.saturating_sub(days * DAY_MS));
    let told = told::lines(gate, party, from, Timestamp::from_millis(u64::MAX))?;
    Ok(told.into_iter().map(|(_, line)| line).collect())
}
