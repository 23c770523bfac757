//! TLS on both sides: who we are and whom we let in, and whom we believe to be an identity provider.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use obolus_core::UnixSeconds;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, RootCertStore,
    ServerConfig, SignatureScheme,
};
use secrecy::zeroize::Zeroizing;

use crate::clock;
use crate::credentials::{end_of, fault_of, instead};
use crate::material::{Content, Held, Material, Watched};
use crate::regular_file;

/// What the service's listener is made of.
#[derive(Debug, Clone)]
pub struct ServerFiles {
    /// The certificate chain, leaf first.
    pub certificate: PathBuf,
    /// The leaf's private key.
    pub private_key: PathBuf,
    /// The CAs of clients; with it, a client without a certificate does not get through the handshake.
    pub client_ca: Option<PathBuf>,
    /// URI and DNS names, one of which a client's certificate must have.
    pub client_sans: Vec<String>,
}

/// Why a file is of no use for TLS. Never what it holds, and its name only if there is such a file.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file cannot be read, or is not PEM.
    #[error("{place}: {problem}")]
    File {
        /// The setting that names it.
        setting: &'static str,
        /// Where it is.
        place: String,
        /// What is the matter with it.
        problem: String,
    },
    /// The system trusts nobody, and no CA was named.
    #[error("the system has no CA certificates: name a ca_file")]
    NoRoots,
    /// rustls refuses the combination.
    #[error("{0}")]
    Rustls(#[from] rustls::Error),
    /// The CAs of clients are of no use.
    #[error("client_ca_file: {0}")]
    Clients(#[from] rustls::server::VerifierBuilderError),
}

impl TlsError {
    /// The setting that is wrong, where one alone is.
    pub(crate) fn setting(&self) -> Option<&'static str> {
        match self {
            Self::File { setting, .. } => Some(setting),
            Self::Clients(_) => Some("client_ca_file"),
            Self::NoRoots | Self::Rustls(_) => None,
        }
    }
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// The service's side of a connection.
pub(crate) struct ServerSide {
    pub(crate) config: Arc<ServerConfig>,
    /// When the certificate ends.
    pub(crate) expires_at: Option<UnixSeconds>,
}

impl ServerFiles {
    /// The service's side, renewed when a file is.
    ///
    /// # Errors
    /// When a file is of no use, or the key is not the certificate's.
    pub(crate) fn open(&self) -> Result<Material<ServerSide, TlsError>, TlsError> {
        let (read, made) = (self.clone(), self.clone());
        let side = Material::open(
            "server_tls",
            self.certificate.clone(),
            move || read.content(),
            move |content| made.side(content),
        )?;
        Ok(side.ending(|side| side.expires_at))
    }

    fn named(&self) -> [NamedFile<'_>; 2] {
        [
            NamedFile { setting: "certificate_file", path: &self.certificate },
            NamedFile { setting: "private_key_file", path: &self.private_key },
        ]
    }

    fn named_client_ca(&self) -> Option<NamedFile<'_>> {
        self.client_ca.as_deref().map(|path| NamedFile { setting: "client_ca_file", path })
    }

    fn content(&self) -> Result<Content, TlsError> {
        let files = self.named().into_iter().chain(self.named_client_ca());
        files.map(|file| file.read()).collect::<Result<_, _>>().map(Content::new)
    }

    fn side(&self, content: &Content) -> Result<ServerSide, TlsError> {
        let [certificate, key] = self.named();
        let chain = certificate.certificates(content.file(0))?;
        // It may be that a client takes it all the same; a renewed one is not to be replaced by one that none takes.
        let at_its_end = "write the renewed one here, and its key";
        if let Some(problem) =
            chain.first().and_then(|leaf| fault_of(leaf, clock::now(), at_its_end))
        {
            return Err(certificate.error(problem));
        }
        let expires_at = chain.first().and_then(end_of);
        let private_key = PrivateKeyDer::from_pem_slice(content.file(1))
            .map_err(|_| key.error(instead(content.file(1), "a private key")))?;
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()?;
        let builder = match self.named_client_ca() {
            None => builder.with_no_client_auth(),
            Some(file) => {
                let mut roots = RootCertStore::empty();
                for certificate in file.certificates(content.file(2))? {
                    roots.add(certificate)?;
                }
                let chain_verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider())
                        .build()?;
                builder.with_client_cert_verifier(Arc::new(NamedClients {
                    chain_verifier,
                    names: self.client_sans.clone(),
                }))
            }
        };
        let mut config =
            builder.with_single_cert(chain, private_key).map_err(|error| {
                match error {
            rustls::Error::InconsistentKeys(_) => key.error(format!(
                "is not the key of the first certificate in {}: write that certificate's own key",
                regular_file::place(certificate.path)
            )),
            error => error.into(),
        }
            })?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        // A resumed session would bring back a client that a reload no longer lets in.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(ServerSide { config: Arc::new(config), expires_at })
    }
}

/// Whom we believe to be an identity provider: the system's authorities, as they were at the start, and those of a file,
/// as they are. Never shows a client certificate.
#[derive(Debug)]
pub struct Trust {
    authorities: Arc<Material<Authorities, TlsError>>,
    has_file: bool,
}

struct Authorities {
    config: ClientConfig,
    /// When the first of the file's ends.
    expires_at: Option<UnixSeconds>,
}

impl Trust {
    /// With the authorities of this file, too.
    ///
    /// # Errors
    /// When the file is of no use, or nobody would be trusted.
    pub fn open(ca_file: Option<PathBuf>) -> Result<Self, TlsError> {
        let (read, made, has_file) = (ca_file.clone(), ca_file.clone(), ca_file.is_some());
        let authorities = Material::open(
            "issuer_ca",
            ca_file.unwrap_or_default(),
            move || {
                let files = read.as_deref().map(|path| named_authorities(path).read());
                files.into_iter().collect::<Result<_, _>>().map(Content::new)
            },
            move |content| {
                let certificates = made
                    .as_deref()
                    .map(|path| named_authorities(path).certificates(content.file(0)));
                authorities(certificates.transpose()?.unwrap_or_default())
            },
        )?;
        let authorities = Arc::new(authorities.ending(|authorities| authorities.expires_at));
        Ok(Self { authorities, has_file })
    }

    /// Our side of connections from now on.
    #[must_use]
    pub fn current(&self) -> Option<ClientConfig> {
        self.authorities.current().map(|held| held.value.config.clone())
    }

    /// The file, if there is one, and whom to give what comes of its changes.
    pub(crate) fn watched(
        &self,
        issuer: &str,
        changed: impl Fn(ClientConfig) + Send + Sync + 'static,
    ) -> Option<Watched> {
        let tell = move |held: &Held<Authorities>| changed(held.value.config.clone());
        self.has_file.then(|| self.authorities.watched(issuer, tell))
    }
}

fn named_authorities(path: &Path) -> NamedFile<'_> {
    NamedFile { setting: "ca_file", path }
}

fn authorities(certificates: Vec<CertificateDer<'static>>) -> Result<Authorities, TlsError> {
    let mut roots = system_roots().clone();
    let expires_at = certificates.iter().filter_map(end_of).min();
    for certificate in certificates {
        roots.add(certificate)?;
    }
    if roots.is_empty() {
        return Err(TlsError::NoRoots);
    }
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Authorities { config, expires_at })
}

/// Some hundred certificates, the same for every issuer.
fn system_roots() -> &'static RootCertStore {
    static ROOTS: OnceLock<RootCertStore> = OnceLock::new();
    ROOTS.get_or_init(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        roots
    })
}

struct NamedFile<'a> {
    setting: &'static str,
    path: &'a Path,
}

impl NamedFile<'_> {
    fn read(&self) -> Result<Zeroizing<Vec<u8>>, TlsError> {
        regular_file::read(self.path, regular_file::MAX_CERTIFICATES)
            .map_err(|error| self.error(regular_file::unread(&error)))
    }

    fn certificates(&self, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
        match CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>() {
            Ok(certificates) if !certificates.is_empty() => Ok(certificates),
            _ => Err(self.error(instead(pem, "a certificate"))),
        }
    }

    fn error(&self, problem: String) -> TlsError {
        TlsError::File { setting: self.setting, place: regular_file::place(self.path), problem }
    }
}

/// Lets in certificates of the CAs that also have a listed name: a mesh's CA signs for every workload, so a chain
/// alone proves too little.
#[derive(Debug)]
struct NamedClients {
    chain_verifier: Arc<dyn ClientCertVerifier>,
    names: Vec<String>,
}

impl NamedClients {
    fn knows(&self, certificate: &CertificateDer<'_>) -> bool {
        webpki::EndEntityCert::try_from(certificate).is_ok_and(|certificate| {
            certificate.valid_uri_names().any(|uri| self.names.iter().any(|name| name == uri))
                || certificate
                    .valid_dns_names()
                    .any(|dns| self.names.iter().any(|name| name.eq_ignore_ascii_case(dns)))
        })
    }
}

impl ClientCertVerifier for NamedClients {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain_verifier.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        let verified = self.chain_verifier.verify_client_cert(end_entity, intermediates, now)?;
        if !self.knows(end_entity) {
            return Err(CertificateError::ApplicationVerificationFailure.into());
        }
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain_verifier.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chain_verifier.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain_verifier.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests;
