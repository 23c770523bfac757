//! TLS on both sides: who we are to callers, and whom we believe to be the API server.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, ServerConfig, SupportedProtocolVersion};
use secrecy::zeroize::Zeroizing;

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
    /// The file holds no certificate.
    #[error("{0}: holds no certificate")]
    NoCertificate(String),
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
        .map_err(|error| unusable(&files.key, &error))?;
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
    let mut roots = RootCertStore::empty();
    match certificate_authority {
        Some(path) => {
            for certificate in certificates(path)? {
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
        .with_root_certificates(roots)
        .with_no_client_auth())
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let certificates = CertificateDer::pem_slice_iter(&read(path)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| unusable(path, &error))?;
    if certificates.is_empty() {
        return Err(TlsError::NoCertificate(path.display().to_string()));
    }
    Ok(certificates)
}

/// A pipe is not waited for, and a device without end not read to it.
fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, TlsError> {
    let read = || {
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let mut bytes = Zeroizing::new(Vec::new());
        File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(io::Error::other("it is too large"));
        }
        Ok(bytes)
    };
    read().map_err(|error| file(path, format!("cannot be read: {error}")))
}

fn unusable(path: &Path, error: &pem::Error) -> TlsError {
    let reason = match error {
        pem::Error::NoItemsFound => "holds no PEM item of the expected kind",
        _ => "is not PEM",
    };
    file(path, reason.to_owned())
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
