//! Pick-up over HTTPS by the addressed person or party: list, fetch (whole or a range), acknowledge.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::stream;
use lazaret_core::refusal::Refusal;
use lazaret_core::transfer::{Channel, Stage, TransferView};
use lazaret_formats::http_fields::{Part, content_range, range};
use lazaret_store::view::LaneView;

use super::outgoing::{self, Outgoing};
use crate::api::types::{ListJson, Problem, TransferJson};
use crate::api::{json, show};
use crate::auth::signed::Signed;
use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::intake::https::repr_digest;

/// Objects of one list.
const ROWS_MAX: u32 = 200;
/// Bytes read from the vault at once.
const PIECE_BYTES: usize = 256 * 1024;

/// Lists what can be collected from a lane.
#[utoipa::path(
    get,
    path = "/api/v1/out/{lane}",
    tag = "out",
    params(("lane" = String, Path, description = "the lane's name")),
    responses((status = 200, body = ListJson<TransferJson>), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub async fn list(State(gate): State<Arc<Gate>>, signed: Signed, Path(lane): Path<String>) -> Response {
    let outcome = outgoing::lane(&gate, &signed.caller, &lane).and_then(|lane| {
        gate.read(|view, side| {
            let mut items = Vec::new();
            for found in view.collectable(lane.terms.lane, ROWS_MAX)? {
                let outline = show::outline(&gate, view, side, &found)?;
                items.push(TransferJson { state: show::state_for(&signed.caller, found.stage), ..outline });
            }
            Ok(json(&ListJson { items, next: None }))
        })
    });
    signed.answer(outcome)
}

/// Fetches one object by its name, reference or id.
#[utoipa::path(
    get,
    path = "/api/v1/out/{lane}/{*item}",
    tag = "out",
    params(
        ("lane" = String, Path, description = "the lane's name"),
        ("item" = String, Path, description = "name, reference or id"),
        ("Range" = Option<String>, Header, description = "one range of bytes"),
    ),
    responses(
        (status = 200, description = "the object", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, description = "a part of it", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = "default", body = Problem, content_type = "application/problem+json"),
    )
)]
pub async fn fetch(
    State(gate): State<Arc<Gate>>,
    signed: Signed,
    Path((lane, item)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let outcome = async {
        let lane = outgoing::lane(&gate, &signed.caller, &lane)?;
        let (view, name) = find(&gate, &lane, &item)?;
        send(&gate, &signed, &view, &name, &headers).await
    };
    signed.answer(outcome.await)
}

/// `POST …/{item}/acknowledge` says that an object was taken in whole, for clients that fetched it in ranges.
#[utoipa::path(
    post,
    path = "/api/v1/out/{lane}/{*item}",
    tag = "out",
    params(
        ("lane" = String, Path, description = "the lane's name"),
        ("item" = String, Path, description = "name, reference or id, then /acknowledge"),
    ),
    responses((status = 200, body = TransferJson), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub async fn acknowledge(
    State(gate): State<Arc<Gate>>,
    signed: Signed,
    Path((lane, item)): Path<(String, String)>,
) -> Response {
    let outcome = async {
        let item = item.strip_suffix("/acknowledge").ok_or(Refusal::NotFound)?;
        let lane = outgoing::lane(&gate, &signed.caller, &lane)?;
        let (view, _) = find(&gate, &lane, item)?;
        Outgoing::begin(&gate, &signed.caller, &view, Channel::Https).await?.finish().await?;
        Ok(json(&show::transfer(&gate, &signed.caller, &show::view(&gate, view.transfer)?)?))
    };
    signed.answer(outcome.await)
}

/// What a lane has by this reference, id or name; of several with one name the newest.
fn find(gate: &Gate, lane: &LaneView, item: &str) -> Result<(TransferView, String)> {
    let found = gate.read(|view, side| {
        for found in view.collectable(lane.terms.lane, u32::MAX)? {
            let kept = gate.particulars.kept(side, found.transfer).unwrap_or_default();
            let named = found.transfer.reference().to_string() == item || found.transfer.to_string() == item;
            if named || kept.path == item {
                return Ok(Some((found, kept.name().to_owned())));
            }
        }
        Ok(None)
    })?;
    let (view, name) = found.ok_or(Error::Refused(Refusal::NotFound))?;
    debug_assert!(matches!(view.stage, Stage::Released | Stage::Delivered), "only released objects are listed");
    Ok((view, name))
}

async fn send(
    gate: &Arc<Gate>,
    signed: &Signed,
    view: &TransferView,
    name: &str,
    headers: &HeaderMap,
) -> Result<Response> {
    let kept = gate.read(|_, side| Ok(gate.particulars.kept(side, view.transfer).ok()))?;
    let manifest = kept.ok_or(Refusal::NotFound)?.manifest()?;
    let sha256: [u8; 32] = manifest.sha256.as_slice().try_into().map_err(Error::internal)?;
    let etag = format!("\"{}\"", view.transfer);
    let outgoing = Outgoing::begin(gate, &signed.caller, view, Channel::Https).await?;
    let size = outgoing.size_bytes();
    let unchanged = headers.get(header::IF_RANGE).is_none_or(|value| value.as_bytes() == etag.as_bytes());
    let asked = headers.get(header::RANGE).filter(|_| unchanged);
    let part = asked.map_or(Part::Whole, |value| range(value.as_bytes(), size));
    let (from, to) = match &part {
        Part::Whole => (0, size),
        Part::Bytes(bytes) => (bytes.start, bytes.end),
        Part::Unsatisfiable => return Ok(unsatisfiable(&part, size)),
    };
    let mut response = Body::from_stream(pieces(outgoing, from, to)).into_response();
    if part != Part::Whole {
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    let fields = response.headers_mut();
    let mut put = |name, text: String| {
        if let Ok(value) = HeaderValue::from_str(&text) {
            fields.insert(name, value);
        }
    };
    put(header::CONTENT_LENGTH, (to - from).to_string());
    put(header::ETAG, etag);
    put(header::ACCEPT_RANGES, "bytes".to_owned());
    put(header::CONTENT_DISPOSITION, disposition(name));
    put(header::CONTENT_TYPE, "application/octet-stream".to_owned());
    if let Some(text) = content_range(&part, size) {
        put(header::CONTENT_RANGE, text);
    }
    fields.insert("repr-digest", repr_digest(&sha256));
    fields.insert("content-security-policy", HeaderValue::from_static("sandbox; default-src 'none'"));
    Ok(response)
}

fn unsatisfiable(part: &Part, size: u64) -> Response {
    let field = content_range(part, size).unwrap_or_default();
    (StatusCode::RANGE_NOT_SATISFIABLE, [(header::CONTENT_RANGE, field)]).into_response()
}

/// RFC 6266: always an attachment; the name in UTF-8, percent-encoded.
fn disposition(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let encoded: String = name
        .bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    format!("attachment; filename*=UTF-8''{encoded}")
}

/// The bytes of a range. The whole object counts as delivered only after its last piece was compared with what was
/// inspected and recorded, and that happens before that piece leaves.
fn pieces(outgoing: Outgoing, from: u64, to: u64) -> impl futures::Stream<Item = Result<bytes::Bytes, std::io::Error>> {
    let size = outgoing.size_bytes();
    stream::try_unfold(Some((outgoing, from)), move |state| async move {
        let Some((mut outgoing, at)) = state else { return Ok(None) };
        let left = usize::try_from(to.saturating_sub(at)).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        if left == 0 && size > 0 {
            return Ok(None);
        }
        let piece = outgoing.read(at, left).await.map_err(std::io::Error::other)?;
        let after = at + piece.len() as u64;
        if after >= to && from == 0 && to == size {
            outgoing.finish().await.map_err(std::io::Error::other)?;
            return Ok(Some((piece, None)));
        }
        if piece.is_empty() {
            return Err(std::io::Error::other("the object ended early"));
        }
        Ok(Some((piece, Some((outgoing, after)))))
    })
}
