//! The tus door: resumable uploads over HTTP. lazaret-formats decides what a request asks for and how it is answered; this
//! file does it. An upload's URL is a capability: 256 random bits that open this upload's HEAD, PATCH and DELETE alone.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts as _, Path, Request, State};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use lazaret_core::caller::Caller;
use lazaret_core::digest::Digest;
use lazaret_core::id::{Id, Upload as UploadKind};
use lazaret_core::refusal::{PartyCode, Refusal};
use lazaret_core::request::Means;
use lazaret_core::time::SECOND_MS;
use lazaret_core::transfer::{Channel, Direction, TransferKind};
use lazaret_formats::tus::{
    self, Act, Answer, Append, Arrived, Concat, Create, Declined, Headers, Known, Manifest, PartFault, Target,
    upload_id,
};
use lazaret_store::side::{Upload, UploadState};
use tokio::task;

use super::appending::{append, awaits_its_end, complete};
use super::kept::{Said, drop_kept, said_of};
use super::receiving::Receiving;
use super::writers::Turn;
use crate::auth::caller::from_credential;
use crate::auth::signed::Signed;
use crate::clock;
use crate::crossing::Announcement;
use crate::error::{Error, Fault, Result};
use crate::gate::Gate;

/// Where uploads are made.
const BASE: &str = "/api/v1/uploads";
/// What a client waits before it tries again.
const RETRY_AFTER_S: u32 = 5;

/// The door's routes.
pub fn router() -> Router<Arc<Gate>> {
    Router::new().route(BASE, any(uploads)).route("/api/v1/uploads/{id}", any(upload))
}

/// Why a request was not carried out: by the protocol's rules, or by ours.
pub(super) enum Stopped {
    /// The protocol has an answer for it.
    Declined(Declined),
    /// Anything else.
    Error(Error),
}

impl From<Declined> for Stopped {
    fn from(declined: Declined) -> Stopped {
        Stopped::Declined(declined)
    }
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Stopped {
        Stopped::Error(error)
    }
}

impl From<Refusal> for Stopped {
    fn from(refusal: Refusal) -> Stopped {
        Stopped::Error(refusal.into())
    }
}

impl IntoResponse for Stopped {
    /// Temporary trouble is 503, never a 4xx: a client would start fifty gigabytes over.
    fn into_response(self) -> Response {
        let declined = match self {
            Stopped::Declined(declined) => declined,
            Stopped::Error(Error::Refused(Refusal::Quota)) => Declined::Quota,
            Stopped::Error(Error::Refused(Refusal::TooLarge)) => Declined::TooLarge,
            Stopped::Error(Error::Fault(Fault::Busy | Fault::DiskFull | Fault::Fenced(_))) => {
                Declined::Busy { retry_after_s: RETRY_AFTER_S }
            }
            Stopped::Error(error) => {
                let mut response = error.into_response();
                response.headers_mut().insert("tus-resumable", HeaderValue::from_static(tus::VERSION));
                return response;
            }
        };
        let error = Error::malformed(code_of(&declined), declined.to_string());
        let mut response = error.into_response();
        *response.status_mut() = StatusCode::from_u16(declined.status()).unwrap_or(StatusCode::BAD_REQUEST);
        put_headers(&mut response, declined.headers());
        response
    }
}

fn code_of(declined: &Declined) -> PartyCode {
    match declined.status() {
        403 => PartyCode::WrongState,
        404 | 410 => PartyCode::NotFound,
        409 | 423 => PartyCode::Unfinished,
        413 => PartyCode::TooLarge,
        460 => PartyCode::DigestMismatch,
        503 => PartyCode::GateBusy,
        _ => PartyCode::BadName,
    }
}

fn respond(answer: Answer) -> Response {
    let mut response = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK).into_response();
    put_headers(&mut response, answer.headers);
    response
}

fn put_headers(response: &mut Response, headers: Vec<(&'static str, String)>) {
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
}

fn collect<'a>(method: &'a Method, headers: &'a HeaderMap) -> Result<tus::Request<'a>, Declined> {
    let all = headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    Ok(tus::Request { method: method.as_str(), headers: Headers::collect(all)? })
}

async fn uploads(State(gate): State<Arc<Gate>>, request: Request) -> Response {
    create(&gate, request).await.unwrap_or_else(Stopped::into_response)
}

async fn create(gate: &Arc<Gate>, request: Request) -> Result<Response, Stopped> {
    let (mut parts, body) = request.into_parts();
    let headers = parts.headers.clone();
    let method = parts.method.clone();
    let asked = collect(&method, &headers)?;
    let create = match tus::decide(&asked, Target::Uploads, gate.config.limits.object_bytes_max)? {
        Act::Answer(answer) => return Ok(respond(answer)),
        Act::Create(create) => create,
        Act::Append(_) | Act::End => return Err(Declined::NotFound.into()),
    };
    let signed = Signed::from_request_parts(&mut parts, gate).await?;
    let capability = capability();
    let location = format!("{}{BASE}/{capability}", base_url(gate, &parts));
    let mut receiving =
        Receiving::begin(gate, &signed.caller, announce(gate, &signed.caller, &create)?, create.length).await?;
    receiving.said = said(&signed.caller, &create);
    let lookup = *Digest::of(capability.as_bytes()).as_bytes();
    let caller = signed.caller.clone();
    if let Concat::Final(names) = &create.concat {
        let parts = lookups_of(names)?;
        unhurried(gate, |gate| async move { join(&gate, &caller, receiving, &parts, lookup).await }).await?;
    } else {
        let is_empty = create.length == Some(0) && create.concat == Concat::Whole;
        let content = create.body.or_else(|| is_empty.then_some(EMPTY));
        let wanted = content.map(|body| Append { offset: 0, length: None, body });
        unhurried(gate, |gate| async move { make(&gate, &caller, receiving, lookup, wanted, body).await }).await?;
    }
    answer(gate, &lookup, |upload, arrived| tus::created(&location, upload, arrived))
}

/// Keeps a new upload, and takes what came with its creation.
pub(super) async fn make(
    gate: &Arc<Gate>,
    caller: &Caller,
    mut receiving: Receiving,
    lookup: [u8; 32],
    wanted: Option<Append>,
    body: Body,
) -> Result<(), Stopped> {
    let id = receiving.keep(Some(lookup)).await?;
    drop(receiving);
    let Some(wanted) = wanted else { return Ok(()) };
    let done = append(gate, caller, id, &lookup, wanted, body).await;
    if done.is_err() {
        end_untold(gate, id).await;
    }
    done
}

/// Ends an upload whose address its client never learns: nobody could go on with it, and it would use their share for a day.
async fn end_untold(gate: &Gate, id: Id<UploadKind>) {
    let Some(turn) = gate.writers.turn(id).await else { return };
    if let Err(error) = drop_kept(gate, turn).await {
        tracing::warn!(%error, "an upload could not be ended; it expires by itself");
    }
}

const EMPTY: tus::Body = tus::Body { bytes: Some(0), bytes_max: 0, checksum: None };

/// 256 random bits in the alphabet of ids.
fn capability() -> String {
    let (first, second): (Id<UploadKind>, Id<UploadKind>) = (clock::new_id(), clock::new_id());
    first.symbols() + &second.symbols()
}

/// The name by which the client reached us, if it is one of ours; never what a proxy says.
fn base_url(gate: &Gate, parts: &Parts) -> String {
    let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let asked = parts.uri.authority().map(Authority::as_str).or(host).unwrap_or_default();
    let name = asked.rsplit_once(':').map_or(asked, |(name, _)| name);
    let ours = [gate.config.public_name.as_str(), "localhost", "127.0.0.1", "[::1]"];
    if ours.contains(&name) { format!("https://{asked}") } else { gate.public_url() }
}

fn announce(gate: &Gate, caller: &Caller, create: &Create<'_>) -> Result<Announcement, Stopped> {
    let (lane, path) = match &create.manifest {
        Some(Manifest { lane, name, .. }) => (lane.clone(), name.as_str().to_owned()),
        // A part alone becomes nothing: it lies on any lane that its sender has until it is joined.
        None => (first_lane(gate, caller)?, "part".to_owned()),
    };
    Ok(Announcement { lane, path, channel: Channel::Tus, kind: TransferKind::File, key: None, only_if_new: false })
}

fn first_lane(gate: &Gate, caller: &Caller) -> Result<String> {
    let party = caller.party().ok_or(Refusal::NotAllowed)?;
    let lanes = gate.read(|view, _| view.lanes_of(party, Direction::In))?;
    let open = lanes.into_iter().find(|lane| lane.terms.open);
    open.map(|lane| lane.terms.name.to_string()).ok_or(Error::Refused(Refusal::LaneClosed))
}

fn said(caller: &Caller, create: &Create<'_>) -> Said {
    let manifest = create.manifest.as_ref();
    let concat = match &create.concat {
        Concat::Whole => None,
        Concat::Partial => Some("partial".to_owned()),
        Concat::Final(names) => Some(format!("final;{}", names.join(" "))),
    };
    Said {
        media_type: manifest.and_then(|manifest| manifest.media_type.clone()),
        sha256: manifest.and_then(|manifest| manifest.sha256).map(|digest| digest.to_vec()).unwrap_or_default(),
        tus_metadata: Some(create.metadata.to_owned()),
        tus_concat: concat,
        credential: caller.credential(),
        ..Said::default()
    }
}

fn lookups_of(names: &[&str]) -> Result<Vec<[u8; 32]>, Stopped> {
    let lookup = |name: &&str| upload_id(name, "/api/v1/uploads/").map(|id| *Digest::of(id.as_bytes()).as_bytes());
    let found: Option<Vec<_>> = names.iter().map(lookup).collect();
    found.ok_or(Declined::Part(PartFault::Unknown).into())
}

/// Puts finished parts together, in order. They end with the arrival of the whole and not before: until then they are what
/// the client can try again with.
pub(super) async fn join(
    gate: &Arc<Gate>,
    caller: &Caller,
    mut whole: Receiving,
    parts: &[[u8; 32]],
    lookup: [u8; 32],
) -> Result<(), Stopped> {
    for part in parts {
        let (turn, part) = part_of(gate, caller, part).await?;
        whole.append(turn, part).await?;
    }
    let id = whole.keep(Some(lookup)).await?;
    let finished = whole.finish().await;
    if finished.is_err() {
        end_untold(gate, id).await;
    }
    Ok(finished.map(drop)?)
}

/// A finished part of this caller's, and the right to end it.
async fn part_of(gate: &Arc<Gate>, caller: &Caller, lookup: &[u8; 32]) -> Result<(Turn, Upload), Stopped> {
    let find = || gate.read(|_, side| side.upload_by_lookup(lookup))?.ok_or(Declined::Part(PartFault::Unknown).into());
    let found: Result<Upload, Stopped> = find();
    let turn = gate.writers.turn(found?.id).await.ok_or(Declined::Locked)?;
    // The turn may have been waited for: what is known now counts.
    let part = find()?;
    let is_part = said_of(gate, &part)?.tus_concat.as_deref() == Some("partial");
    if !is_part || part.state != UploadState::Open {
        return Err(Declined::Part(PartFault::Unknown).into());
    }
    if part.principal != caller.actor() {
        return Err(Declined::Part(PartFault::OfAnother).into());
    }
    if part.length_bytes != Some(part.received_bytes) {
        return Err(Declined::Part(PartFault::Unfinished).into());
    }
    Ok((turn, part))
}

async fn upload(State(gate): State<Arc<Gate>>, Path(id): Path<String>, request: Request) -> Response {
    go_on(&gate, &id, request).await.unwrap_or_else(Stopped::into_response)
}

async fn go_on(gate: &Arc<Gate>, capability: &str, request: Request) -> Result<Response, Stopped> {
    let (parts, body) = request.into_parts();
    let asked = collect(&parts.method, &parts.headers)?;
    let lookup = *Digest::of(capability.as_bytes()).as_bytes();
    let mut found = Found::load(gate, &lookup)?;
    if let Some(upload) = found.upload.as_ref().filter(|upload| !found.gone && awaits_its_end(upload, &found.said)) {
        let (caller, id) = (caller_of(gate, &found.said)?, upload.id);
        unhurried(gate, |gate| async move { complete(&gate, &caller, id).await }).await?;
        found = Found::load(gate, &lookup)?;
    }
    match tus::decide(&asked, Target::Upload(found.known()), gate.config.limits.object_bytes_max)? {
        Act::Answer(answer) => Ok(respond(answer)),
        Act::Create(_) => Err(Declined::NotFound.into()),
        Act::End => {
            let upload = found.upload.ok_or(Declined::NotFound)?;
            let turn = gate.writers.turn(upload.id).await.ok_or(Declined::Locked)?;
            if drop_kept(gate, turn).await? {
                return Ok(respond(tus::ended()));
            }
            // The turn was waited for: it arrived or ended meanwhile.
            match Found::load(gate, &lookup)?.known() {
                Known::Arrived(..) => Err(Declined::AlreadyArrived.into()),
                Known::Open(_) | Known::Gone | Known::Missing => Err(Declined::Gone.into()),
            }
        }
        Act::Append(wanted) => {
            let id = found.upload.as_ref().ok_or(Declined::NotFound)?.id;
            let caller = caller_of(gate, &found.said)?;
            unhurried(gate, |gate| async move { append(&gate, &caller, id, &lookup, wanted, body).await }).await?;
            answer(gate, &lookup, tus::appended)
        }
    }
}

/// Whoever made the upload, if they may still act: the URL is a right to go on, not a right to be somebody.
fn caller_of(gate: &Gate, said: &Said) -> Result<Caller> {
    let at = gate.clock.now();
    let credential = said.credential.ok_or(Refusal::NotAllowed)?;
    let caller = gate.read(|view, _| Ok(from_credential(view, credential, Means::Token, 0, at)))?;
    Ok(caller.map_err(Refusal::from)?)
}

/// Does it in a task of its own, so that a peer that hangs up does not cut short the saving of what it sent.
async fn unhurried<W>(gate: &Arc<Gate>, work: impl FnOnce(Arc<Gate>) -> W) -> Result<(), Stopped>
where
    W: Future<Output = Result<(), Stopped>> + Send + 'static,
{
    task::spawn(work(Arc::clone(gate))).await.map_err(Error::internal)?
}

fn answer(
    gate: &Gate,
    lookup: &[u8; 32],
    make: impl FnOnce(&tus::Upload<'_>, Option<&Arrived<'_>>) -> Answer,
) -> Result<Response, Stopped> {
    let found = Found::load(gate, lookup)?;
    match found.known() {
        Known::Open(upload) => Ok(respond(make(&upload, None))),
        Known::Arrived(upload, arrived) => Ok(respond(make(&upload, Some(&arrived)))),
        Known::Missing | Known::Gone => Err(Declined::Gone.into()),
    }
}

/// An upload with everything that the protocol asks of it.
struct Found {
    upload: Option<Upload>,
    said: Said,
    gone: bool,
    transfer: String,
    sha256: [u8; 32],
}

impl Found {
    fn load(gate: &Gate, lookup: &[u8; 32]) -> Result<Found> {
        let at = gate.clock.now();
        let upload = gate.read(|_, side| side.upload_by_lookup(lookup))?;
        let mut found = Found { upload, said: Said::default(), gone: false, transfer: String::new(), sha256: [0; 32] };
        let Some(upload) = &found.upload else { return Ok(found) };
        // What is being written has not expired, however long ago it was saved.
        let is_over = upload.expires <= at && gate.writers.turn_if_free(upload.id).is_some();
        found.gone = upload.state == UploadState::Ended || is_over;
        if found.gone {
            return Ok(found);
        }
        if upload.state == UploadState::Arrived {
            let manifest = gate.read(|_, side| Ok(gate.particulars.kept(side, upload.transfer)))??.manifest()?;
            found.transfer = upload.transfer.to_string();
            found.sha256 = manifest.sha256.as_slice().try_into().map_err(Error::internal)?;
        }
        found.said = said_of(gate, upload).unwrap_or_default();
        Ok(found)
    }

    fn known(&self) -> Known<'_> {
        let Some(upload) = &self.upload else { return Known::Missing };
        if self.gone {
            return Known::Gone;
        }
        let shown = tus::Upload {
            offset: upload.received_bytes,
            length: upload.length_bytes,
            metadata: self.said.tus_metadata.as_deref().unwrap_or_default(),
            concat: self.said.tus_concat.as_deref(),
            expires_s: upload.expires.as_millis() / SECOND_MS,
        };
        match upload.state {
            UploadState::Arrived => Known::Arrived(shown, Arrived { transfer: &self.transfer, sha256: self.sha256 }),
            UploadState::Open | UploadState::Ended => Known::Open(shown),
        }
    }
}
