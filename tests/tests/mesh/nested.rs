//! A caller who speaks the STS's own TLS within the mesh's, as the gateway does.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use obolus_tests::fixtures::mesh::Certificate;
use obolus_tests::fixtures::sts::AUTHORITY;
use obolus_tests::https;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore, SignatureScheme,
    StreamOwned,
};

/// What the caller shows of the mesh.
pub(crate) enum Outer {
    /// A workload's certificate.
    As(Certificate),
    /// TLS without a certificate.
    Anonymous,
    /// No TLS of the mesh.
    None,
}

/// The status of a GET at the STS behind this sidecar.
pub(crate) async fn status(
    sidecar: SocketAddr,
    outer: Outer,
    sts_ca: String,
    path: String,
) -> Result<u16> {
    https::install_crypto();
    tokio::task::spawn_blocking(move || {
        let socket = TcpStream::connect(sidecar)?;
        socket.set_read_timeout(Some(Duration::from_secs(10)))?;
        let certificate = match outer {
            Outer::None => return get(socket, &sts_ca, &path),
            Outer::Anonymous => None,
            Outer::As(certificate) => Some(certificate),
        };
        let name = ServerName::from(sidecar.ip());
        let connection = ClientConnection::new(Arc::new(of_the_mesh(certificate)?), name)?;
        get(StreamOwned::new(connection, socket), &sts_ca, &path)
    })
    .await?
}

fn get(stream: impl Read + Write, sts_ca: &str, path: &str) -> Result<u16> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(sts_ca.as_bytes())?)?;
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(config), ServerName::try_from(AUTHORITY)?)?;
    let mut stream = StreamOwned::new(connection, stream);
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {AUTHORITY}\r\nconnection: close\r\n\r\n")?;
    let mut line = [0; 12];
    stream.read_exact(&mut line)?;
    let line = std::str::from_utf8(&line)?;
    line.rsplit(' ').next().context("no status")?.parse().context("no status")
}

fn of_the_mesh(certificate: Option<Certificate>) -> Result<ClientConfig> {
    let builder =
        ClientConfig::builder().dangerous().with_custom_certificate_verifier(Arc::new(Anybody));
    let Some(Certificate { chain, key }) = certificate else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = CertificateDer::pem_slice_iter(chain.as_bytes()).collect::<Result<_, _>>()?;
    Ok(builder.with_client_auth_cert(chain, PrivateKeyDer::from_pem_slice(key.as_bytes())?)?)
}

/// Takes any certificate of the sidecar: what is asked is whom the sidecar takes.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}
