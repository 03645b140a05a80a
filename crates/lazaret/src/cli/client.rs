//! HTTPS to one gate: HTTP/1.1 over TLS that trusts the gate's own authority and nobody else. Requests are small and their
//! answers too, but for the two streams: a file on its way in, an object on its way out.
//!
//! Only what may safely happen twice is tried again: reading, and an upload under its own `Idempotency-Key`.

use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER,
};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use lazaret_ledger::content::ContentHash;
use rustls::pki_types::ServerName;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use zeroize::Zeroizing;

use super::fail::{Failure, Result};
use super::find::Site;
use super::progress::Progress;
use crate::tls;

/// A connection is made within this time, or not at all.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// An answer begins within this time after the request, beside what was asked to be waited for.
const ANSWER_MAX: Duration = Duration::from_secs(120);
/// An answer that is no object, in bytes.
const ANSWER_BYTES_MAX: usize = 32 << 20;
/// A file is read, and sent, in pieces of so many bytes.
const PIECE_BYTES: usize = 256 * 1024;
/// How often what may be tried again is tried in all.
const TRIES: u32 = 4;
/// The longest rest before the next try.
const REST_MAX: Duration = Duration::from_secs(10);

type Body = UnsyncBoxBody<Bytes, std::io::Error>;

/// A gate, seen from outside.
pub(crate) struct Client {
    server: String,
    host: String,
    port: u16,
    name: ServerName<'static>,
    connector: TlsConnector,
    token: Zeroizing<String>,
    /// A connection that an earlier answer left open.
    kept: Option<SendRequest<Body>>,
}

/// What came back, whole.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status, never one of a problem.
    pub(crate) status: StatusCode,
    /// Its fields.
    pub(crate) headers: HeaderMap,
    /// Its body.
    pub(crate) body: Bytes,
}

/// A file on its way in.
pub(crate) struct Upload<'f> {
    /// The path below the server's root.
    pub(crate) path: String,
    /// The file.
    pub(crate) file: &'f std::path::Path,
    /// The key under which a repeat makes no second transfer.
    pub(crate) key: &'f str,
    /// What it is declared to be, if anything.
    pub(crate) kind: Option<&'f str>,
}

impl Client {
    /// A client of this gate. Nothing is connected yet.
    ///
    /// # Errors
    /// An address or authority that does not read.
    pub(crate) fn new(site: &Site) -> Result<Client> {
        let bad = |why: &dyn std::fmt::Display| {
            Failure::usage(format!("{} is no gate's address", site.server)).because(why).hint("https://HOST:PORT")
        };
        let url = url::Url::parse(&site.server).map_err(|error| bad(&error))?;
        if url.scheme() != "https" {
            return Err(bad(&"it must begin with https://"));
        }
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let name = ServerName::try_from(host.clone()).map_err(|error| bad(&error))?;
        let config = tls::client_config(&site.ca_pem)
            .map_err(|error| Failure::usage("the authority to trust does not read").because(error))?;
        Ok(Client {
            server: site.server.clone(),
            port: url.port_or_known_default().unwrap_or(443),
            host,
            name,
            connector: TlsConnector::from(config),
            token: site.token.clone(),
            kept: None,
        })
    }

    /// `https://HOST:PORT`
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// Reads something. Tried again where the gate is busy or the connection broke.
    ///
    /// # Errors
    /// The gate's problem, or none can be reached.
    pub(crate) async fn get(&mut self, path: &str) -> Result<Answer> {
        self.get_waiting(path, None).await
    }

    /// As [`Client::get`]; the gate may take `wait` to answer, until there is a decision (RFC 7240).
    ///
    /// # Errors
    /// As [`Client::get`].
    pub(crate) async fn get_waiting(&mut self, path: &str, wait: Option<Duration>) -> Result<Answer> {
        let mut tries = Tries::default();
        loop {
            let outcome = self.get_once(path, wait).await;
            match outcome {
                Err(failure) => tries.rest(failure).await?,
                done => return done,
            }
        }
    }

    async fn get_once(&mut self, path: &str, wait: Option<Duration>) -> Result<Answer> {
        let mut request = self.request(Method::GET, path, empty())?;
        if let Some(wait) = wait {
            let prefer = HeaderValue::from_str(&format!("wait={}", wait.as_secs())).map_err(|_| internal())?;
            request.headers_mut().insert(HeaderName::from_static("prefer"), prefer);
        }
        let limit = ANSWER_MAX + wait.unwrap_or_default();
        let response = match self.kept.take() {
            // The gate may have closed it meanwhile: a second one is made then.
            Some(kept) => match self.exchange_on(kept, request, limit).await {
                Ok(response) => response,
                Err(_) => {
                    let again = self.request(Method::GET, path, empty())?;
                    self.exchange(again, limit).await?
                }
            },
            None => self.exchange(request, limit).await?,
        };
        whole(response).await
    }

    /// Does something, once: what a vote or an isolation does is not done twice because an answer was lost.
    ///
    /// # Errors
    /// The gate's problem, or none can be reached.
    pub(crate) async fn post(&mut self, path: &str, kind: &'static str, body: String) -> Result<Answer> {
        let full = Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync();
        let mut request = self.request(Method::POST, path, full)?;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        self.once(request).await
    }

    /// Puts something in place, once.
    ///
    /// # Errors
    /// As [`Client::post`].
    pub(crate) async fn put_json(&mut self, path: &str, body: String) -> Result<Answer> {
        let full = Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync();
        let mut request = self.request(Method::PUT, path, full)?;
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.once(request).await
    }

    /// Ends something, once.
    ///
    /// # Errors
    /// As [`Client::post`].
    pub(crate) async fn delete(&mut self, path: &str) -> Result<Answer> {
        let request = self.request(Method::DELETE, path, empty())?;
        self.once(request).await
    }

    async fn once(&mut self, request: Request<Body>) -> Result<Answer> {
        // On a connection of its own: one that was kept may break in a way that leaves open whether it was heard.
        self.kept = None;
        let response = self.exchange(request, ANSWER_MAX).await?;
        whole(response).await
    }

    /// Sends a file, in constant memory. Tried again under the same key where the gate is busy or the connection broke. What
    /// arrived must be what was read.
    ///
    /// # Errors
    /// A file that does not read; the gate's problem; other bytes arrived.
    pub(crate) async fn put(&mut self, upload: &Upload<'_>, progress: &Progress) -> Result<Answer> {
        let mut tries = Tries::default();
        loop {
            progress.restart();
            match self.put_once(upload, progress).await {
                Err(failure) => tries.rest(failure).await?,
                done => return done,
            }
        }
    }

    async fn put_once(&mut self, upload: &Upload<'_>, progress: &Progress) -> Result<Answer> {
        let unreadable = |error: &std::io::Error| Failure::file("read", upload.file, error);
        let file = tokio::fs::File::open(upload.file).await.map_err(|error| unreadable(&error))?;
        let size = file.metadata().await.map_err(|error| unreadable(&error))?.len();
        let (body, read) = file_body(file, progress.clone());
        let mut request = self.request(Method::PUT, &upload.path, body)?;
        let headers = request.headers_mut();
        headers.insert(CONTENT_LENGTH, HeaderValue::from(size));
        headers.insert(HeaderName::from_static("idempotency-key"), visible(upload.key)?);
        if let Some(kind) = upload.kind {
            headers.insert(HeaderName::from_static("lazaret-kind"), visible(kind)?);
        }
        self.kept = None;
        // The answer begins when the last byte is there; the upload itself has no limit but the gate's own.
        let answer = whole(self.exchange(request, Duration::MAX).await?).await?;
        if repr_sha256(&answer.headers) != Some(read.finish()) {
            return Err(Failure::error("what arrived is not what was read: the file changed while it was sent")
                .hint("send it again"));
        }
        Ok(answer)
    }

    /// Opens an object on its way out: its fields, and its bytes as they come.
    ///
    /// # Errors
    /// The gate's problem, or none can be reached.
    pub(crate) async fn open(&mut self, path: &str) -> Result<Response<Incoming>> {
        let mut tries = Tries::default();
        loop {
            self.kept = None;
            let request = self.request(Method::GET, path, empty())?;
            let outcome = match self.exchange(request, ANSWER_MAX).await {
                Ok(response) if response.status().is_success() => Ok(response),
                Ok(response) => whole(response).await.and(Err(internal())),
                Err(failure) => Err(failure),
            };
            match outcome {
                Err(failure) => tries.rest(failure).await?,
                done => return done,
            }
        }
    }

    fn request(&self, method: Method, path: &str, body: Body) -> Result<Request<Body>> {
        let uri: Uri =
            path.parse().map_err(|error| Failure::usage(format!("{path} cannot be asked for")).because(error))?;
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        let mut bearer = visible(&Zeroizing::new(format!("Bearer {}", *self.token)))?;
        bearer.set_sensitive(true);
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        let headers = request.headers_mut();
        headers.insert(HOST, visible(&format!("{host}:{}", self.port))?);
        headers.insert(AUTHORIZATION, bearer);
        Ok(request)
    }

    async fn exchange(&mut self, request: Request<Body>, limit: Duration) -> Result<Response<Incoming>> {
        let connection = self.connect().await?;
        self.exchange_on(connection, request, limit).await
    }

    async fn exchange_on(
        &mut self,
        mut connection: SendRequest<Body>,
        request: Request<Body>,
        limit: Duration,
    ) -> Result<Response<Incoming>> {
        let broke = |error: hyper::Error| {
            let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
            Failure::broken(format!("the connection to {} broke", self.server)).because(cause).hint("try again")
        };
        connection.ready().await.map_err(broke)?;
        let asked = connection.send_request(request);
        let response = tokio::time::timeout(limit, asked)
            .await
            .map_err(|_| Failure::broken(format!("{} did not answer in time", self.server)).hint("try again"))?
            .map_err(broke)?;
        self.kept = Some(connection);
        Ok(response)
    }

    async fn connect(&self) -> Result<SendRequest<Body>> {
        let nobody = |why: &dyn std::fmt::Display| {
            Failure::network(format!("nothing answers at {}", self.server))
                .because(why)
                .hint("see whether the gate runs, or name another with --gate or --server")
        };
        let connecting = async {
            let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(|error| nobody(&error))?;
            drop(stream.set_nodelay(true));
            self.connector.connect(self.name.clone(), stream).await.map_err(|error| {
                Failure::network(format!("{} is not the gate that the authority vouches for", self.server))
                    .because(error)
                    .hint("see that --ca, or the ready file's ca_file, belongs to this gate")
            })
        };
        let stream = tokio::time::timeout(CONNECT_MAX, connecting).await.map_err(|_| nobody(&"it took too long"))??;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.map_err(|error| nobody(&error))?;
        // What goes wrong on it is heard where the answer is waited for.
        tokio::spawn(async move { drop(connection.await) });
        Ok(sender)
    }
}

/// How often something was tried.
#[derive(Debug, Default)]
struct Tries(u32);

impl Tries {
    /// Rests before the next try, or gives the failure back: nothing else would come of it.
    async fn rest(&mut self, failure: Failure) -> Result<()> {
        self.0 += 1;
        let may_pass = failure.retry_s().is_some() || failure.is_broken_connection();
        if self.0 >= TRIES || !may_pass {
            return Err(failure);
        }
        let rest = Duration::from_secs(failure.retry_s().unwrap_or(u64::from(self.0)).max(1)).min(REST_MAX);
        tokio::time::sleep(rest).await;
        Ok(())
    }
}

/// A file as a body, and the hash of what was read of it.
fn file_body(file: tokio::fs::File, progress: Progress) -> (Body, Read) {
    let read = Read::default();
    let taking = read.clone();
    let pieces = stream::try_unfold((file, progress), move |(mut file, progress)| {
        let taking = taking.clone();
        async move {
            let mut piece = Vec::with_capacity(PIECE_BYTES);
            let count = (&mut file).take(PIECE_BYTES as u64).read_to_end(&mut piece).await?;
            if count == 0 {
                return Ok(None);
            }
            taking.take(&piece);
            progress.advance(count as u64);
            Ok::<_, std::io::Error>(Some((Frame::data(Bytes::from(piece)), (file, progress))))
        }
    });
    (StreamBody::new(pieces).boxed_unsync(), read)
}

/// The hash of what was read, shared with the body that reads.
#[derive(Debug, Clone, Default)]
struct Read(std::sync::Arc<std::sync::Mutex<ContentHash>>);

impl Read {
    fn take(&self, bytes: &[u8]) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take(bytes);
    }

    fn finish(&self) -> [u8; 32] {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone().finish()
    }
}

fn empty() -> Body {
    Full::new(Bytes::new()).map_err(|never| match never {}).boxed_unsync()
}

/// The SHA-256 in `Repr-Digest` (RFC 9530).
pub(crate) fn repr_sha256(headers: &HeaderMap) -> Option<[u8; 32]> {
    let lines = headers.get_all("repr-digest").iter().map(HeaderValue::as_bytes);
    lazaret_formats::digest_fields::Digests::parse(lines).ok()?.sha256
}

/// An answer to its end; a problem is a failure.
async fn whole(response: Response<Incoming>) -> Result<Answer> {
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, ANSWER_BYTES_MAX)
        .collect()
        .await
        .map_err(|error| Failure::broken("the gate's answer broke off").because(error).hint("try again"))?;
    let answer = Answer { status: parts.status, headers: parts.headers, body: body.to_bytes() };
    // 422 is how a decision that denies comes back; it is an answer about a transfer, not a problem.
    if answer.status.is_success() || (answer.status == StatusCode::UNPROCESSABLE_ENTITY && !is_problem(&answer.headers))
    {
        return Ok(answer);
    }
    let retry =
        answer.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    Err(Failure::of_answer(answer.status.as_u16(), &answer.body, retry))
}

fn is_problem(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(b"application/problem+json"))
}

fn visible(text: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(text).map_err(|_| Failure::usage("a key, kind or token holds characters that cannot be sent"))
}

fn internal() -> Failure {
    Failure::error("the request could not be put together")
}

/// A part of a path, percent-encoded (RFC 3986 section 2.1).
pub(crate) fn segment(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_goes_into_a_path_as_one_part() {
        assert_eq!(segment("Prüf bericht/7?#%.pdf"), "Pr%C3%BCf%20bericht%2F7%3F%23%25.pdf");
        assert_eq!(segment("pump-fw_4.2.1~a.zip"), "pump-fw_4.2.1~a.zip");
    }

    #[test]
    fn only_https_to_a_named_authority_is_spoken() {
        let site = |server: &str, ca: &[u8]| Site {
            server: server.to_owned(),
            ca_pem: ca.to_vec(),
            token: Zeroizing::new("t".to_owned()),
            name: String::new(),
            account: None,
            ready: None,
        };
        assert!(Client::new(&site("http://localhost:1", b"")).is_err());
        assert!(Client::new(&site("localhost:1", b"")).is_err());
        assert!(Client::new(&site("https://localhost:1", b"")).is_err(), "without an authority nobody can be trusted");
        let key = rcgen::KeyPair::generate().unwrap();
        let ca = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&key).unwrap().pem();
        assert!(Client::new(&site("https://localhost:1", ca.as_bytes())).is_ok());
    }
}
