//! The HTTPS door: one object by `PUT`, or files of a form by `POST`. Login, authorisation and quota come before the first
//! byte of the body is asked for.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::multipart::Field;
use axum::extract::{FromRequest, Multipart, Path, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::response::Response;
use bytes::Bytes;
use futures::{Stream, StreamExt as _};
use lazaret_core::id::{Id, Transfer};
use lazaret_core::refusal::{PartyCode, Refusal};
use lazaret_core::transfer::{Channel, Stage, TransferKind};
use lazaret_formats::digest_fields::Digests as Announced;
use lazaret_formats::http_fields::prefer_wait;
use lazaret_formats::path::{CrossingPath, percent_decode_once};
use sha2::{Digest as _, Sha512};

use super::pace::Pace;
use super::receiving::{Digests, Receiving};
use crate::api::types::ListJson;
use crate::api::{json, show};
use crate::auth::signed::Signed;
use crate::crossing::{Announcement, Arrived};
use crate::error::{Error, Result};
use crate::gate::Gate;

/// Longest wait for a decision that a caller may ask for (`Prefer: wait=n`).
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Files of one form.
const FORM_FILES_MAX: usize = 100;
/// Longest idempotency key, in visible ASCII characters.
const KEY_BYTES_MAX: usize = 128;

const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENCY_REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// Sends one object.
#[utoipa::path(
    put,
    path = "/api/v1/in/{lane}/{*name}",
    tag = "in",
    params(
        ("lane" = String, Path, description = "the lane's name"),
        ("name" = String, Path, description = "the object's path on the lane"),
        ("Idempotency-Key" = Option<String>, Header, description = "repeats with the same key and bytes make one transfer"),
        ("Repr-Digest" = Option<String>, Header, description = "RFC 9530; other bytes are refused"),
        ("Prefer" = Option<String>, Header, description = "wait=n: answer after the decision, at most 60 s"),
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 201, description = "received and durable; `Location` names the transfer", body = crate::api::types::TransferJson),
        (status = 202, description = "with Prefer: wait, held or not checked", body = crate::api::types::TransferJson),
        (status = 422, description = "with Prefer: wait, refused", body = crate::api::types::TransferJson),
        (status = "default", description = "a problem", body = crate::api::types::Problem, content_type = "application/problem+json"),
    )
)]
pub async fn put_object(
    State(gate): State<Arc<Gate>>,
    signed: Signed,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let outcome = put(&gate, &signed, uri.path(), &headers, body).await;
    signed.answer(outcome)
}

async fn put(gate: &Arc<Gate>, signed: &Signed, path: &str, headers: &HeaderMap, body: Body) -> Result<Response> {
    if headers.contains_key(header::CONTENT_RANGE) {
        // RFC 9110 section 14.5: a server that does not support partial PUT must refuse it, or it would store a part.
        return Err(Error::malformed(
            PartyCode::Truncated,
            "a part of an object cannot be put; use an upload under /api/v1/uploads",
        ));
    }
    let rest = path.strip_prefix("/api/v1/in/").unwrap_or_default();
    let (lane, name) = rest.split_once('/').unwrap_or_default();
    let announcement = Announcement {
        lane: text_of(&percent_decode_once(lane.as_bytes()).map_err(bad_name)?)?,
        path: parse_path(&percent_decode_once(name.as_bytes()).map_err(bad_name)?)?,
        channel: Channel::Https,
        kind: kind_of(headers),
        key: idempotency_key(headers)?,
        only_if_new: headers.get(header::IF_NONE_MATCH).is_some_and(|value| value == "*"),
    };
    let announced = announced(headers)?;
    let length = length_of(headers)?;
    let mut receiving = Receiving::begin(gate, &signed.caller, announcement, length).await?;
    receiving.said.media_type = media_type(headers);
    receiving.said.sha256 = announced.sha256.map(|digest| digest.to_vec()).unwrap_or_default();
    let (arrived, digests) = receive(gate, receiving, body.into_data_stream(), announced.sha512).await?;
    answer(gate, signed, arrived, digests, wait_of(headers)).await
}

/// Takes a body to its end and makes a transfer of it. One that breaks off is noted for its sender; what is refused when all
/// of it is there is told in the answer.
async fn receive<E: std::fmt::Display>(
    gate: &Gate,
    mut receiving: Receiving,
    body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    sha512: Option<[u8; 64]>,
) -> Result<(Arrived, Digests)> {
    let mut hash = sha512.map(|announced| (announced, Sha512::new()));
    let taken = drain(&mut receiving, body, |bytes| {
        if let Some((_, hash)) = &mut hash {
            hash.update(bytes);
        }
    });
    if let Err(error) = taken.await {
        super::note_lost(gate, receiving.party(), &super::lost(&receiving), error.code()).await;
        return Err(error);
    }
    if hash.is_some_and(|(announced, hash)| hash.finalize().as_slice() != announced) {
        return Err(Refusal::DigestMismatch.into());
    }
    receiving.finish().await
}

async fn drain<E: std::fmt::Display>(
    receiving: &mut Receiving,
    mut body: impl Stream<Item = Result<Bytes, E>> + Unpin,
    mut look: impl FnMut(&Bytes),
) -> Result<()> {
    let mut pace = Pace::default();
    loop {
        let next = tokio::select! {
            next = pace.next(body.next(), piece_bytes) => next?,
            refusal = receiving.isolated() => return Err(refusal.into()),
        };
        match next {
            None => return Ok(()),
            Some(Ok(bytes)) => {
                look(&bytes);
                receiving.push(bytes).await?;
            }
            Some(Err(error)) => return Err(Error::malformed(PartyCode::Unfinished, error.to_string())),
        }
    }
}

/// Bytes of a piece of a body, for its pace.
pub(super) fn piece_bytes<E>(piece: &Option<Result<Bytes, E>>) -> usize {
    piece.as_ref().and_then(|piece| piece.as_ref().ok()).map_or(0, Bytes::len)
}

async fn answer(
    gate: &Arc<Gate>,
    signed: &Signed,
    arrived: Arrived,
    digests: Digests,
    wait: Option<Duration>,
) -> Result<Response> {
    let stage = match wait {
        Some(wait) => Some(decided(gate, arrived.transfer, wait).await?),
        None => None,
    };
    let view = show::view(gate, arrived.transfer)?;
    let mut response = json(&show::transfer(gate, &signed.caller, &view)?);
    *response.status_mut() = match stage {
        None | Some(Stage::Released | Stage::Delivered | Stage::Cleared) => StatusCode::CREATED,
        Some(Stage::Denied | Stage::Withdrawn | Stage::Expired | Stage::Superseded) => StatusCode::UNPROCESSABLE_ENTITY,
        Some(Stage::Held | Stage::NotChecked | Stage::Quarantined | Stage::Inspected) => StatusCode::ACCEPTED,
    };
    let headers = response.headers_mut();
    let location = format!("/api/v1/transfers/{}", arrived.transfer);
    headers.insert(header::LOCATION, HeaderValue::from_str(&location).map_err(Error::internal)?);
    headers.insert(REPR_DIGEST, repr_digest(&digests.sha256));
    if arrived.replayed {
        headers.insert(IDEMPOTENCY_REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// Waits until a transfer is decided, or the time is over; where it stands then.
pub async fn decided(gate: &Arc<Gate>, transfer: Id<Transfer>, wait: Duration) -> Result<Stage> {
    let mut commits = gate.commits();
    let deadline = tokio::time::Instant::now() + wait.min(WAIT_MAX);
    loop {
        commits.mark_unchanged();
        let stage = show::view(gate, transfer)?.stage;
        let settled = !matches!(stage, Stage::Quarantined | Stage::Inspected | Stage::Cleared);
        if settled || tokio::time::timeout_at(deadline, commits.changed()).await.is_err() {
            return Ok(stage);
        }
    }
}

/// Sends the files of a form, one transfer each.
#[utoipa::path(
    post,
    path = "/api/v1/in/{lane}",
    tag = "in",
    params(("lane" = String, Path, description = "the lane's name")),
    request_body(content = Vec<u8>, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "every file received and durable", body = ListJson<crate::api::types::TransferJson>),
        (status = "default", description = "a problem; files before it were received", body = crate::api::types::Problem, content_type = "application/problem+json"),
    )
)]
pub async fn post_form(
    State(gate): State<Arc<Gate>>,
    signed: Signed,
    Path(lane): Path<String>,
    request: Request,
) -> Response {
    let outcome = form(&gate, &signed, lane, request).await;
    signed.answer(outcome)
}

async fn form(gate: &Arc<Gate>, signed: &Signed, lane: String, request: Request) -> Result<Response> {
    let mut form = Multipart::from_request(request, gate).await.map_err(bad_form)?;
    let mut items = Vec::new();
    while let Some(field) = Pace::default().next(form.next_field(), |_| 0).await?.map_err(bad_form)? {
        if field.file_name().is_none_or(str::is_empty) {
            continue;
        }
        if items.len() == FORM_FILES_MAX {
            return Err(Error::malformed(PartyCode::TooLarge, "a form takes at most 100 files"));
        }
        let arrived = receive_field(gate, signed, &lane, field).await?;
        items.push(show::transfer(gate, &signed.caller, &show::view(gate, arrived.transfer)?)?);
    }
    if items.is_empty() {
        return Err(Error::malformed(PartyCode::Unfinished, "the form holds no file"));
    }
    let mut response = json(&ListJson { items, next: None });
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

/// One file of a form.
///
/// # Errors
/// A bad name, what core refuses, a form that breaks off.
pub async fn receive_field(gate: &Arc<Gate>, signed: &Signed, lane: &str, field: Field<'_>) -> Result<Arrived> {
    let announcement = Announcement {
        lane: lane.to_owned(),
        path: parse_path(field.file_name().unwrap_or_default().as_bytes())?,
        channel: Channel::Form,
        kind: TransferKind::File,
        key: None,
        only_if_new: false,
    };
    let mut receiving = Receiving::begin(gate, &signed.caller, announcement, None).await?;
    receiving.said.media_type = field.content_type().map(str::to_owned);
    Ok(receive(gate, receiving, field, None).await?.0)
}

fn bad_form(error: impl std::fmt::Display) -> Error {
    Error::malformed(PartyCode::Unfinished, error.to_string())
}

fn bad_name(error: impl std::fmt::Display) -> Error {
    Error::malformed(PartyCode::BadName, error.to_string())
}

/// A name as every door takes it.
///
/// # Errors
/// What [`CrossingPath`] refuses.
pub fn parse_path(bytes: &[u8]) -> Result<String> {
    CrossingPath::parse(bytes).map(|path| path.as_str().to_owned()).map_err(bad_name)
}

fn text_of(bytes: &[u8]) -> Result<String> {
    std::str::from_utf8(bytes).map(str::to_owned).map_err(bad_name)
}

fn length_of(headers: &HeaderMap) -> Result<Option<u64>> {
    let Some(value) = headers.get(header::CONTENT_LENGTH) else { return Ok(None) };
    let length = value.to_str().ok().and_then(|text| text.parse().ok());
    length.map(Some).ok_or_else(|| Error::malformed(PartyCode::Truncated, "Content-Length is no number"))
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    headers.get(header::CONTENT_TYPE)?.to_str().ok().map(str::to_owned)
}

fn kind_of(headers: &HeaderMap) -> TransferKind {
    let named = headers.get("lazaret-kind").and_then(|value| value.to_str().ok());
    named.and_then(TransferKind::from_word).unwrap_or(TransferKind::File)
}

/// What the sender says that the bytes hash to. Content is never encoded here, so that both fields speak of the same bytes.
fn announced(headers: &HeaderMap) -> Result<Announced> {
    let mut found = Announced::default();
    for name in [CONTENT_DIGEST, REPR_DIGEST] {
        let lines = headers.get_all(name).iter().map(HeaderValue::as_bytes);
        let digests =
            Announced::parse(lines).map_err(|error| Error::malformed(PartyCode::DigestMismatch, error.to_string()))?;
        agree(&mut found.sha256, digests.sha256)?;
        agree(&mut found.sha512, digests.sha512)?;
    }
    Ok(found)
}

fn agree<const N: usize>(known: &mut Option<[u8; N]>, also: Option<[u8; N]>) -> Result<()> {
    match (*known, also) {
        (Some(one), Some(other)) if one != other => {
            Err(Error::malformed(PartyCode::DigestMismatch, "Content-Digest and Repr-Digest differ"))
        }
        (None, Some(_)) => {
            *known = also;
            Ok(())
        }
        (Some(_) | None, _) => Ok(()),
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let text = value.to_str().unwrap_or_default();
    let visible = !text.is_empty() && text.len() <= KEY_BYTES_MAX && text.bytes().all(|byte| byte.is_ascii_graphic());
    if visible {
        return Ok(Some(text.to_owned()));
    }
    Err(Error::malformed(PartyCode::KeyReused, "Idempotency-Key: 1 to 128 visible ASCII characters"))
}

/// How long the caller would wait for a decision (RFC 7240).
pub(crate) fn wait_of(headers: &HeaderMap) -> Option<Duration> {
    prefer_wait(headers.get_all(PREFER).iter().map(HeaderValue::as_bytes)).map(|s| Duration::from_secs(s.into()))
}

/// The `Repr-Digest` of an object (RFC 9530).
pub fn repr_digest(sha256: &[u8; 32]) -> HeaderValue {
    let digests = Announced { sha256: Some(*sha256), sha512: None };
    HeaderValue::from_str(&digests.to_string()).unwrap_or(HeaderValue::from_static(""))
}
