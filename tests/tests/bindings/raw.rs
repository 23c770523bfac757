//! Requests that are sent as they are: other clients mend them first.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream as BlockingStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use obolus_tests::fixtures::sts::Sts;
use obolus_tests::https;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(20);

/// All that came back until the other side closed the connection: whatever a request leads to has
/// happened by then. Envoy takes a second for that.
pub(crate) async fn exchange(address: SocketAddr, bytes: &[u8]) -> Result<String> {
    talk(address, bytes, |_| false).await
}

/// The answer to one request: the connection ends when it is complete.
pub(crate) async fn ask(address: SocketAddr, bytes: &[u8]) -> Result<String> {
    talk(address, bytes, is_complete).await
}

async fn talk(address: SocketAddr, bytes: &[u8], enough: fn(&[u8]) -> bool) -> Result<String> {
    let mut connection = TcpStream::connect(address).await?;
    // The other side may have refused and closed before it has read everything.
    let _unread = connection.write_all(bytes).await;
    let mut answer = Vec::new();
    let reading = async {
        // A reset is an end, too.
        while !enough(&answer) && connection.read_buf(&mut answer).await.is_ok_and(|n| n > 0) {}
    };
    let in_time = tokio::time::timeout(PATIENCE, reading).await;
    in_time.with_context(|| format!("neither answered nor closed: {}", shown(bytes)))?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// A head and the body that it announces; Envoy's own answers are not chunked.
fn is_complete(answer: &[u8]) -> bool {
    let answer = String::from_utf8_lossy(answer);
    let Some((head, body)) = answer.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    length.and_then(|length| length.parse().ok()).is_some_and(|length: usize| body.len() >= length)
}

/// As [`exchange`], with the STS and over TLS.
pub(crate) async fn exchange_with_sts(sts: &Sts, bytes: Vec<u8>) -> Result<String> {
    https::install_crypto();
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(sts.ca_file())?)?;
    let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(config), "localhost".try_into()?)?;
    let address = sts.address();
    let talk = move || -> Result<String> {
        let stream = BlockingStream::connect(address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let mut stream = StreamOwned::new(connection, stream);
        stream.write_all(&bytes)?;
        let mut answer = Vec::new();
        // Ends without a closing message of TLS, too.
        let _abrupt = stream.read_to_end(&mut answer);
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    tokio::task::spawn_blocking(talk).await?
}

/// The status of the first answer; 0 when there was none.
pub(crate) fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
}

/// A request for error messages.
pub(crate) fn shown(bytes: &[u8]) -> String {
    format!("{:?}", String::from_utf8_lossy(bytes))
}
