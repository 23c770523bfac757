//! TLS on both sides: who we are to callers, and whom we believe to be the API server.

use std::path::Path;
use std::sync::Arc;

use rustls::client::WantsClientCert;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, ServerConfig, SupportedProtocolVersion};
use secrecy::zeroize::Zeroizing;

use crate::bounded_file;
use crate::config::{TlsFiles, TlsVersion};

/// The CAs of a whole system are smaller.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Why a certificate, a key or a set of CAs cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file cannot be read, or is not PEM.
    #[error("{place}: {reason}")]
    File {
        /// The file, if there is one of that name: what was pasted instead may be the key itself.
        place: String,
        /// What is the matter with it. Never its contents.
        reason: String,
    },
    /// What came without a file of its own is not PEM, or none of the right kind.
    #[error("{what} {reason}")]
    Pem {
        /// Which part.
        what: &'static str,
        /// What is the matter with it. Never its contents.
        reason: &'static str,
    },
    /// The system has no CAs to trust.
    #[error("the system has no CA certificates: name a file")]
    NoSystemRoots,
    /// rustls refuses the combination.
    #[error(transparent)]
    Rustls(#[from] rustls::Error),
}

/// The listener's side.
///
/// # Errors
/// When a file is missing, unreadable or not what it should be, or the key is not the certificate's.
pub(crate) fn server_config(files: &TlsFiles) -> Result<ServerConfig, TlsError> {
    let chain = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_slice(&read(&files.key)?)
        .map_err(|error| file(&files.key, unusable(&error).to_owned()))?;
    let versions: &[&'static SupportedProtocolVersion] = match files.min_version {
        TlsVersion::V1_2 => &[&TLS13, &TLS12],
        TlsVersion::V1_3 => &[&TLS13],
    };
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// The API server's side: only the CAs of the file, when there is one, and never a client certificate.
///
/// # Errors
/// When the file cannot be used, or the system has no CAs.
pub(crate) fn client_config(
    certificate_authority: Option<&Path>,
) -> Result<ClientConfig, TlsError> {
    let authorities = certificate_authority.map(certificates).transpose()?;
    Ok(believing(authorities)?.with_no_client_auth())
}

/// Nobody is believed: for connections that are not TLS.
///
/// # Errors
/// When rustls refuses it.
pub(crate) fn client_config_of_nobody() -> Result<ClientConfig, TlsError> {
    Ok(believing(Some(Vec::new()))?.with_no_client_auth())
}

/// The same for one person's own connections, from PEM: only these CAs, when there are some, and their certificate and
/// key if they have them.
///
/// # Errors
/// When something is not PEM, the key is not the certificate's, or the system has no CAs.
pub(crate) fn client_config_of_pem(
    certificate_authority: Option<&[u8]>,
    identity: Option<(&[u8], &[u8])>,
) -> Result<ClientConfig, TlsError> {
    let authorities = certificate_authority
        .map(certificates_of_pem)
        .transpose()
        .map_err(|reason| TlsError::Pem { what: "the certificate authority", reason })?;
    let config = believing(authorities)?;
    let Some((chain, key)) = identity else { return Ok(config.with_no_client_auth()) };
    let chain = certificates_of_pem(chain)
        .map_err(|reason| TlsError::Pem { what: "the client certificate", reason })?;
    let key = PrivateKeyDer::from_pem_slice(key)
        .map_err(|error| TlsError::Pem { what: "the client key", reason: unusable(&error) })?;
    Ok(config.with_client_auth_cert(chain, key)?)
}

/// Only these authorities, or the system's.
fn believing(
    authorities: Option<Vec<CertificateDer<'static>>>,
) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, TlsError> {
    let mut roots = RootCertStore::empty();
    match authorities {
        Some(authorities) => {
            for certificate in authorities {
                roots.add(certificate)?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err(TlsError::NoSystemRoots);
            }
        }
    }
    Ok(ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    certificates_of_pem(&read(path)?).map_err(|reason| file(path, reason.to_owned()))
}

fn certificates_of_pem(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, &'static str> {
    let certificates = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unusable(&error))?;
    if certificates.is_empty() { Err("holds no certificate") } else { Ok(certificates) }
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    bounded_file::read(path, MAX_BYTES)
        .map_err(|error| file(path, format!("cannot be read: {error}")))
}

fn unusable(error: &pem::Error) -> &'static str {
    match error {
        pem::Error::NoItemsFound => "holds no PEM item of the expected kind",
        _ => "is not PEM",
    }
}

fn file(path: &Path, reason: String) -> TlsError {
    let exists = |path: &Path| path.symlink_metadata().is_ok();
    TlsError::File { place: obolus_core::config::place(path, exists), reason }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn what_is_no_regular_file_is_refused_at_once_and_a_key_for_a_name_is_not_repeated() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let told = |path: &Path| client_config(Some(path)).unwrap_err().to_string();
        assert!(Command::new("mkfifo").arg(path("pipe")).status().unwrap().success());
        for special in [path("pipe"), "/dev/zero".into()] {
            let told = told(&special);
            assert!(told.contains("not a regular file"), "{told}");
        }
        std::fs::write(path("file"), "x").unwrap();
        assert!(told(&path("file")).contains("file: holds no certificate"));
        let pasted = "-----BEGIN PRIVATE KEY-----\nQx7SECRETVALUE\n-----END PRIVATE KEY-----\n";
        for pasted in [pasted, "Qx7SECRETVALUE"] {
            let told = told(&path(pasted));
            assert!(told.contains("no such file") && !told.contains("SECRETVALUE"), "{told}");
        }
    }
}
