//! The redirect URI, until a browser has come there.

use anyhow::{Context as _, Result, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;

/// A listener at the redirect URI.
pub(crate) struct Callback {
    /// Scheme, host and port.
    origin: String,
    path: String,
    listener: TcpListener,
}

impl Callback {
    /// Listens where an `http` URL with a port points to.
    pub(crate) async fn listen(url: &str) -> Result<Self> {
        let rest = url.strip_prefix("http://").context("a loopback redirect URI is http")?;
        let (authority, path) = rest.split_once('/').context("a redirect URI has a path")?;
        Ok(Self {
            origin: format!("http://{authority}"),
            path: format!("/{path}"),
            listener: TcpListener::bind(authority).await?,
        })
    }

    /// The URL that the browser came to, with its query.
    pub(crate) async fn url(self) -> Result<String> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            let mut stream = BufReader::new(stream);
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            let Some(target) = line.split(' ').nth(1).map(str::to_owned) else { continue };
            loop {
                line.clear();
                if stream.read_line(&mut line).await? == 0 {
                    bail!("the browser went away");
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let is_it = target.split('?').next() == Some(self.path.as_str());
            let status = if is_it { "200 OK" } else { "404 Not Found" };
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await?;
            stream.shutdown().await?;
            if is_it {
                return Ok(format!("{}{target}", self.origin));
            }
        }
    }
}
