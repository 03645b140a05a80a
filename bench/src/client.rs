//! An HTTPS client in this process, with connections that stay: many small objects, or one that is made as it is sent.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream;
use http_body_util::{BodyExt as _, Full, StreamBody, combinators::BoxBody};
use hyper::Request;
use hyper::body::Frame;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::gate::{Gate, SENDER};
use crate::work::Noise;
use crate::{Failure, Result};

type Body = BoxBody<Bytes, std::io::Error>;

/// Where and as whom objects are sent.
#[derive(Clone)]
pub struct Target {
    port: u16,
    token: String,
    tls: TlsConnector,
}

impl Target {
    /// The gate's HTTPS door, as the demo's first party.
    pub fn of(gate: &Gate) -> Result<Target> {
        let tls = TlsConnector::from(Arc::new(trusting(Path::new(gate.says("ca_file")?))?));
        Ok(Target { port: gate.port()?, token: gate.token(SENDER)?, tls })
    }

    /// Sends so many objects of so many bytes by so many connections; returns when each has its answer. Names differ from
    /// call to call by `batch`.
    pub fn put_many(&self, files: usize, bytes: usize, connections: usize, batch: &str) -> Result<()> {
        runtime()?.block_on(async {
            let mut all = Vec::new();
            for connection in 0..connections {
                let (target, batch) = (self.clone(), format!("{batch}-{connection}"));
                let share = files / connections + usize::from(connection < files % connections);
                all.push(tokio::spawn(async move { target.put_share(share, bytes, &batch).await }));
            }
            for one in all {
                one.await??;
            }
            Ok(())
        })
    }

    async fn put_share(self, share: usize, bytes: usize, batch: &str) -> Result<()> {
        let mut sender = self.connect().await?;
        let mut noise = Noise::new(batch.bytes().fold(7, |sum: u64, byte| sum.wrapping_mul(31) ^ u64::from(byte)));
        for number in 0..share {
            let mut content = vec![0; bytes];
            noise.fill(&mut content);
            let body = Full::new(Bytes::from(content)).map_err(|never| match never {}).boxed();
            self.put(&mut sender, &format!("{batch}-{number}.bin"), body, bytes as u64).await?;
        }
        Ok(())
    }

    /// Sends one object that exists nowhere but here.
    pub fn put_stream(&self, bytes: u64, name: &str) -> Result<()> {
        const BLOCK: usize = 256 << 10;
        runtime()?.block_on(async {
            let mut sender = self.connect().await?;
            let blocks = stream::unfold((Noise::new(bytes), bytes), |(mut noise, left)| async move {
                let length = usize::try_from(left.min(BLOCK as u64)).ok().filter(|length| *length > 0)?;
                let mut block = vec![0; length];
                noise.fill(&mut block);
                Some((Ok(Frame::data(Bytes::from(block))), (noise, left - length as u64)))
            });
            let body = StreamBody::new(Box::pin(blocks)).boxed();
            self.put(&mut sender, name, body, bytes).await
        })
    }

    async fn connect(&self) -> Result<SendRequest<Body>> {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await?;
        stream.set_nodelay(true)?;
        let stream = self.tls.connect(ServerName::try_from("localhost")?, stream).await?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    async fn put(&self, sender: &mut SendRequest<Body>, name: &str, body: Body, bytes: u64) -> Result<()> {
        let request = Request::put(format!("/api/v1/in/acme-in/{name}"))
            .header("host", "localhost")
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-length", bytes)
            .body(body)?;
        sender.ready().await?;
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let words = answer.into_body().collect().await?.to_bytes();
        if status.is_success() {
            return Ok(());
        }
        Err(Failure::from(format!("{name}: {status}: {}", String::from_utf8_lossy(&words))))
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?)
}

/// A client that trusts this file alone.
fn trusting(ca: &Path) -> Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca)? {
        roots.add(certificate?)?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config =
        rustls::ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13])?;
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
