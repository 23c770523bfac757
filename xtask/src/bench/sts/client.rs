//! A connection to an HTTPS endpoint that stays, with one request at a time.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use obolus_tests::https;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::bench::closed_loop::Connection;
use crate::bench::http1::Message;

/// Whom to believe.
#[derive(Clone)]
pub(crate) struct Trust(Arc<ClientConfig>);

impl Trust {
    pub(crate) fn new(authority: &str) -> Result<Self> {
        https::install_crypto();
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.as_bytes())?)?;
        let config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }
}

pub(crate) struct Client {
    stream: StreamOwned<ClientConnection, TcpStream>,
    answer: Message,
}

impl Client {
    pub(crate) fn connect(to: SocketAddr, trust: &Trust) -> Result<Self> {
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let name = ServerName::try_from("localhost")?;
        let tls = ClientConnection::new(Arc::clone(&trust.0), name)?;
        Ok(Self { stream: StreamOwned::new(tls, stream), answer: Message::default() })
    }

    /// Any answer but 200, and one that closes the connection, is an error.
    pub(crate) fn call(&mut self, request: &[u8]) -> Result<&Message> {
        self.stream.write_all(request)?;
        self.stream.flush()?;
        let answered = self.answer.read(&mut self.stream).context("no answer")?;
        ensure!(answered, "the connection was closed instead of an answer");
        ensure!(self.answer.status()? == 200, "expected 200, got\n{}", self.answer.text());
        ensure!(self.answer.header("connection").is_none(), "the connection does not stay");
        Ok(&self.answer)
    }
}

impl Connection for Client {
    fn call(&mut self, request: &[u8]) -> Result<()> {
        Self::call(self, request).map(drop)
    }
}
