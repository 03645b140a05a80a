//! Pick-up over HTTPS by the addressed person or party: list, fetch (whole or a range), acknowledge.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use lazaret_core::id::{Id, Reference, Transfer};
use lazaret_core::refusal::Refusal;
use lazaret_core::transfer::{Channel, Stage, TransferView};
use lazaret_formats::http_fields::{Part, content_range, range};
use lazaret_store::view::LaneView;

use super::collected::Ranges;
use super::outgoing::{self, Outgoing};
use crate::api::types::{ListJson, Problem, TransferJson};
use crate::api::{json, show};
use crate::auth::signed::Signed;
use crate::crossing;
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
    method: Method,
    headers: HeaderMap,
) -> Response {
    let outcome = async {
        let lane = outgoing::lane(&gate, &signed.caller, &lane)?;
        let (view, name) = find(&gate, &lane, &item)?;
        send(&gate, &signed, &view, &name, &Asked { method, headers }).await
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
    let name_key = gate.particulars.name_key(lane.party, lane.terms.name.as_str(), item);
    let found = gate.read(|view, side| {
        let called = match (item.parse::<Reference>(), item.parse::<Id<Transfer>>()) {
            (Ok(reference), _) => view.by_reference(reference)?,
            (_, Ok(id)) => view.transfer(id)?,
            (Err(_), Err(_)) => None,
        };
        let released = |found: &TransferView| {
            found.lane == lane.terms.lane && matches!(found.stage, Stage::Released | Stage::Delivered)
        };
        let found = match called.filter(released) {
            Some(found) => Some(found),
            None => view.collectable_named(lane.terms.lane, &name_key)?,
        };
        let Some(found) = found else { return Ok(None) };
        let kept = gate.particulars.kept(side, found.transfer).unwrap_or_default();
        Ok(Some((found, kept.name().to_owned())))
    })?;
    found.ok_or(Error::Refused(Refusal::NotFound))
}

async fn send(gate: &Arc<Gate>, signed: &Signed, view: &TransferView, name: &str, asked: &Asked) -> Result<Response> {
    let kept = gate.read(|_, side| Ok(gate.particulars.kept(side, view.transfer).ok()))?;
    let manifest = kept.ok_or(Refusal::NotFound)?.manifest()?;
    let sha256: [u8; 32] = manifest.sha256.as_slice().try_into().map_err(Error::internal)?;
    let (etag, size) = (format!("\"{}\"", view.transfer), manifest.size_bytes);
    let part = asked.part(&etag, size);
    let (from, to) = match &part {
        Part::Whole => (0, size),
        Part::Bytes(bytes) => (bytes.start, bytes.end),
        Part::Unsatisfiable => return Ok(unsatisfiable(&part, size)),
    };
    let body = if asked.method == Method::HEAD {
        // No byte leaves, so nothing is recorded; whether one might is asked all the same.
        if gate.is_isolated(view.party) {
            return Err(Refusal::Isolated.into());
        }
        let _may = crossing::may_deliver(gate, &signed.caller, view.transfer, Channel::Https)?;
        Body::empty()
    } else {
        let outgoing = Outgoing::begin(gate, &signed.caller, view, Channel::Https).await?;
        if outgoing.size_bytes() != size {
            return Err(Error::internal("an object of another length than its manifest says"));
        }
        let pieces = Pieces { outgoing: Some(outgoing), from, at: from, taken: from, to };
        Body::from_stream(stream::try_unfold(pieces, Pieces::next))
    };
    let mut response = body.into_response();
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

/// What is asked for of an object.
struct Asked {
    method: Method,
    headers: HeaderMap,
}

impl Asked {
    /// RFC 9110 section 14.2: a range is for GET alone, and only of what is still the same.
    fn part(&self, etag: &str, size: u64) -> Part {
        let unchanged = self.headers.get(header::IF_RANGE).is_none_or(|value| value.as_bytes() == etag.as_bytes());
        let field = self.headers.get(header::RANGE).filter(|_| unchanged && self.method == Method::GET);
        field.map_or(Part::Whole, |value| range(value.as_bytes(), size))
    }
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

/// The bytes of a range, piece by piece. The object counts as delivered once its recipient was given every byte of it, in this
/// request or several, after it was compared with what was inspected; that is recorded before the last piece leaves.
struct Pieces {
    /// None after the last piece.
    outgoing: Option<Outgoing>,
    from: u64,
    /// The next byte to give.
    at: u64,
    /// Everything before it was taken by the connection, which asks for a piece once it is done with the one before.
    taken: u64,
    to: u64,
}

impl Pieces {
    async fn next(mut self) -> Result<Option<(Bytes, Pieces)>, std::io::Error> {
        self.taken = self.at;
        let Some(outgoing) = &mut self.outgoing else { return Ok(None) };
        let left = usize::try_from(self.to.saturating_sub(self.at)).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
        let piece = outgoing.read(self.at, left).await.map_err(std::io::Error::other)?;
        let after = self.at + piece.len() as u64;
        if after < self.to {
            if piece.is_empty() {
                return Err(std::io::Error::other("the object ended early"));
            }
            self.at = after;
            return Ok(Some((piece, self)));
        }
        if let Some(outgoing) = self.outgoing.take() {
            outgoing.close(&self.given(after)).await.map_err(std::io::Error::other)?;
        }
        Ok(Some((piece, self)))
    }

    /// What was given once the bytes before `end` have left.
    fn given(&self, end: u64) -> Ranges {
        let mut given = Ranges::default();
        given.add(self.from, end);
        given
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        let given = self.given(self.taken);
        let Some(outgoing) = self.outgoing.take().filter(|_| self.taken > self.from) else { return };
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        // Other requests may have given the rest: then this one, though it ended early, was the last.
        runtime.spawn(async move {
            if let Err(error) = outgoing.close(&given).await {
                tracing::warn!(%error, "the end of a collection was not recorded");
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use lazaret_store::Tx;

    use super::*;
    use crate::testing::TestGate;

    const BYTES: u64 = 600 * 1024;

    async fn pieces(gate: &TestGate, view: &TransferView, from: u64, to: u64) -> Pieces {
        let begun = Outgoing::begin(gate, &gate.person("priya"), view, Channel::Https).await;
        Pieces { outgoing: Some(begun.unwrap()), from, at: from, taken: from, to }
    }

    async fn take_all(mut pieces: Pieces) -> Result<(), std::io::Error> {
        while let Some((_, rest)) = pieces.next().await? {
            pieces = rest;
        }
        Ok(())
    }

    async fn released(gate: &TestGate) -> TransferView {
        let view = gate.released("a.txt", vec![b'a'; 600 * 1024]).await;
        gate.seal();
        view
    }

    #[tokio::test]
    async fn a_request_that_ends_early_with_what_was_missing_is_the_last_one() {
        let gate = TestGate::new().await;
        let view = released(&gate).await;
        take_all(pieces(&gate, &view, 200 * 1024, BYTES).await).await.unwrap();
        // Of the whole it takes what the other did not give, and hangs up.
        let (_, rest) = pieces(&gate, &view, 0, BYTES).await.next().await.unwrap().unwrap();
        let (_, rest) = rest.next().await.unwrap().unwrap();
        drop(rest);
        gate.delivered(view.transfer).await;
    }

    #[tokio::test]
    async fn a_delivery_that_could_not_be_recorded_is_recorded_with_the_last_range_again() {
        let gate = TestGate::new().await;
        let view = released(&gate).await;
        take_all(pieces(&gate, &view, 0, 1024).await).await.unwrap();
        let (last, again) = (pieces(&gate, &view, 1024, BYTES).await, pieces(&gate, &view, BYTES - 1, BYTES).await);
        let writer = gate.hold_writer();
        let (waits, mut all) = tokio::sync::mpsc::channel::<()>(1);
        let fill = || {
            let waits = waits.clone();
            gate.store.submit(gate.clock.now(), |_: &Tx<'_>| Ok(()), move |_| drop(waits))
        };
        while fill().is_ok() {}
        assert!(take_all(last).await.is_err(), "too much waits");
        drop((writer, waits));
        assert_eq!(all.recv().await, None, "nothing waits any more");
        take_all(again).await.unwrap();
        gate.delivered(view.transfer).await;
    }
}
