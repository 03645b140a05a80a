//! The log over HTTP (C2SP tlog-tiles): checkpoint, tiles, entry bundles, and the trust file.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use lazaret_core::refusal::PartyCode;
use lazaret_core::register::Role;

use crate::auth::signed::Signed;
use crate::error::{Error, Result};
use crate::gate::Gate;

/// A full tile or bundle never changes; the checkpoint does.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// What only an auditor reads lies in nobody's cache, nor in a proxy's that does not ask who reads.
const FOR_ONE: &str = "private, no-store";

/// The routes below `/log/`; none of them needs a sign-in, but entry bundles do where the gate says so.
pub fn router() -> Router<Arc<Gate>> {
    Router::new().route("/log/trust", get(trust)).route("/log/{*path}", get(resource))
}

async fn trust(State(gate): State<Arc<Gate>>) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], crate::serve::trust_text(&gate)).into_response()
}

async fn resource(State(gate): State<Arc<Gate>>, signed: Result<Signed>, Path(path): Path<String>) -> Result<Response> {
    let is_gated = path.starts_with("tile/entries/") && !gate.config.public_entries;
    if is_gated && !signed?.caller.has_role(Role::Auditor) {
        return Err(lazaret_core::refusal::Refusal::NotAllowed.into());
    }
    let reading = Arc::clone(&gate);
    let name = path.clone();
    let read = tokio::task::spawn_blocking(move || reading.log.resource(&name)).await.map_err(Error::internal)?;
    let bytes = read?.ok_or_else(|| Error::malformed(PartyCode::NotFound, "the log has no such file"))?;
    let (kind, keep) = match path.as_str() {
        "checkpoint" => ("text/plain; charset=utf-8", "no-cache"),
        _ if is_gated => ("application/octet-stream", FOR_ONE),
        _ => ("application/octet-stream", FOR_EVER),
    };
    let mut response = ([(header::CONTENT_TYPE, kind)], bytes).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    Ok(response)
}
