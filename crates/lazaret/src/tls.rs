//! TLS in one place: the local certificate authority, the server's certificate, the one `ServerConfig`, and the one
//! `ClientConfig`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::error::{Error, Result};

/// Where the certificates lie.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The local authority, for clients to trust.
    pub ca_file: PathBuf,
    cert_file: PathBuf,
}

/// Makes the local authority and the server's certificate. The private key is returned for the vault to keep.
///
/// # Errors
/// A file that cannot be written.
pub fn create(dir: &Path, public_name: &str) -> Result<(TlsFiles, String)> {
    let files = files(dir);
    let ca_key = KeyPair::generate().map_err(Error::internal)?;
    let mut ca = CertificateParams::new(Vec::new()).map_err(Error::internal)?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    ca.distinguished_name = named("Lazaret local authority");
    let ca_cert = ca.self_signed(&ca_key).map_err(Error::internal)?;
    let issuer = Issuer::new(ca, ca_key);

    let key = KeyPair::generate().map_err(Error::internal)?;
    let mut names = vec![public_name.to_owned()];
    for local in ["localhost", "127.0.0.1", "::1"] {
        if local != public_name {
            names.push(local.to_owned());
        }
    }
    let mut params = CertificateParams::new(names).map_err(Error::internal)?;
    params.distinguished_name = named(public_name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    let cert = params.signed_by(&key, &issuer).map_err(Error::internal)?;
    std::fs::write(&files.ca_file, ca_cert.pem())?;
    std::fs::write(&files.cert_file, cert.pem())?;
    // The authority's own key is dropped here on purpose: nobody can make another certificate with it.
    Ok((files, key.serialize_pem()))
}

/// The files of an existing gate.
pub fn files(dir: &Path) -> TlsFiles {
    TlsFiles { ca_file: dir.join("ca.pem"), cert_file: dir.join("server.pem") }
}

fn named(name: &str) -> DistinguishedName {
    let mut out = DistinguishedName::new();
    out.push(DnType::CommonName, name);
    out
}

/// The one constructor of a server's TLS: 1.3, and 1.2 with ECDHE and AEAD only (rustls offers nothing else).
///
/// # Errors
/// A certificate or key that does not read or does not fit.
pub fn server_config(files: &TlsFiles, key_pem: &str) -> Result<Arc<ServerConfig>> {
    let chain = CertificateDer::pem_file_iter(&files.cert_file)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(Error::internal)?;
    let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes()).map_err(Error::internal)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::internal)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(Error::internal)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // No 0-RTT: an early request can be replayed.
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}

/// The one constructor of a client's TLS: it trusts this authority and no other, so that nobody whom the machine happens to
/// trust can stand in for the gate.
///
/// # Errors
/// No certificate in the file, or one that is none.
pub(crate) fn client_config(ca_pem: &[u8]) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(ca_pem) {
        roots.add(certificate.map_err(Error::internal)?).map_err(Error::internal)?;
    }
    if roots.is_empty() {
        return Err(Error::internal("it holds no certificate"));
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::internal)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // As on the server's side: no early data.
    config.enable_early_data = false;
    Ok(Arc::new(config))
}
