//! The rules over the API: what others would change, and asking for them.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use lazaret_core::refusal::PartyCode;

use super::types::{ChangeClassJson, ChangeJson, Problem, RequestJson, SimulationJson};
use super::{json, parties};
use crate::auth::signed::Sent;
use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::rules;

/// Decides the newest transfers again by another set of rules, on what is true now, and says what would change. Nothing is
/// recorded.
#[utoipa::path(
    post,
    path = "/api/v1/policy/simulation",
    tag = "policy",
    request_body(content = String, content_type = "text/plain", description = "a set of rules, in Cedar"),
    responses((status = 200, body = SimulationJson), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub async fn simulate(State(gate): State<Arc<Gate>>, Sent { signed, body }: Sent) -> Response {
    let outcome = async {
        let (digest, simulation) = rules::simulate(&gate, &signed.caller, text(&body)?).await?;
        Ok(json(&SimulationJson {
            policy: format!("sha256:{}", gate.policy().digest()),
            candidate: format!("sha256:{digest}"),
            looked_at: simulation.looked_at as u64,
            classes: simulation
                .classes
                .iter()
                .map(|((from, to), count)| ChangeClassJson {
                    from: (*from).to_owned(),
                    to: (*to).to_owned(),
                    count: *count,
                })
                .collect(),
            changes: simulation.changes.iter().map(change).collect(),
        }))
    };
    signed.answer(outcome.await)
}

fn change(change: &rules::Change) -> ChangeJson {
    ChangeJson {
        reference: change.transfer.reference().to_string(),
        from: change.from.word().to_owned(),
        to: change.to.word().to_owned(),
        rules: change.rules.clone(),
    }
}

/// Asks two others, one of security and one of privacy, to put a set of rules in force. The hard rules stand in it as in
/// the baseline.
#[utoipa::path(
    post,
    path = "/api/v1/policy/activations",
    tag = "policy",
    request_body(content = String, content_type = "text/plain", description = "a set of rules, in Cedar"),
    responses((status = 200, body = RequestJson), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub async fn activate(State(gate): State<Arc<Gate>>, Sent { signed, body }: Sent) -> Response {
    let outcome = async {
        let request = rules::ask_to_activate(&gate, &signed.caller, text(&body)?).await?;
        parties::show_request(&gate, request).map(|request| json(&request))
    };
    signed.answer(outcome.await)
}

fn text(body: &[u8]) -> Result<String> {
    String::from_utf8(body.to_vec())
        .map_err(|error| Error::malformed(PartyCode::BadRequest, format!("the rules are no text: {error}")))
}
