//! A client of HTTP/1.1 that writes what a test says, byte for byte, and reads what comes back: others mend half of it
//! on the way.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// For one request and its answer, on a machine that is busy with something else. Envoy's limit of time for a request
/// is longer.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// All headers, repeated ones too.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The value of a header that came once.
    ///
    /// # Panics
    /// Where it came more than once.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        let only = values.next()?;
        assert!(values.next().is_none(), "{name} came more than once: {self:?}");
        only.to_str().ok()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON, null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// A connection on which a test writes what it wants, when it wants.
#[derive(Debug)]
pub struct Connection {
    writing: OwnedWriteHalf,
    reader: Reader<OwnedReadHalf>,
}

impl Connection {
    /// Connects.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (reading, writing) = stream.into_split();
        Ok(Self { writing, reader: Reader { reading, buffer: Vec::new() } })
    }

    /// Writes.
    pub async fn write(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        Ok(self.writing.write_all(bytes.as_ref()).await?)
    }

    /// Says that nothing more will be written; what comes back can still be read.
    pub async fn end_writing(&mut self) -> Result<()> {
        Ok(self.writing.shutdown().await?)
    }

    /// The next final answer to a request with this method.
    pub async fn answer_to(&mut self, method: &str) -> Result<Answer> {
        timely(self.reader.answer(method)).await
    }

    /// The next final answer.
    pub async fn answer(&mut self) -> Result<Answer> {
        self.answer_to("POST").await
    }

    /// The next answer, an interim one too.
    pub async fn interim(&mut self) -> Result<Answer> {
        timely(self.reader.any_answer("POST")).await
    }

    /// Writes a request with this method, and reads its final answer: it may come before all is sent, and end the
    /// connection.
    pub async fn exchange(&mut self, bytes: &[u8], method: &str) -> Result<Answer> {
        let Self { writing, reader } = self;
        let write = async {
            let _ = writing.write_all(bytes).await;
            std::future::pending::<()>().await;
        };
        tokio::select! {
            answer = timely(reader.answer(method)) => answer,
            () = write => bail!("unreachable"),
        }
    }
}

async fn timely(answer: impl Future<Output = Result<Answer>>) -> Result<Answer> {
    tokio::time::timeout(PATIENCE, answer).await.context("no answer in time")?
}

#[derive(Debug)]
struct Reader<R> {
    reading: R,
    buffer: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    async fn answer(&mut self, method: &str) -> Result<Answer> {
        loop {
            let answer = self.any_answer(method).await?;
            if answer.status >= 200 {
                return Ok(answer);
            }
        }
    }

    async fn any_answer(&mut self, method: &str) -> Result<Answer> {
        let head = self.until(b"\r\n\r\n").await?;
        let head = str::from_utf8(&head)?;
        let mut lines = head.split("\r\n").filter(|line| !line.is_empty());
        let status_line = lines.next().unwrap_or_default();
        let status: u16 = status_line
            .strip_prefix("HTTP/1.1 ")
            .and_then(|rest| rest.split(' ').next())
            .and_then(|status| status.parse().ok())
            .with_context(|| format!("no status line: {status_line}"))?;
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(':').with_context(|| format!("header {line}"))?;
            headers.append(
                HeaderName::from_bytes(name.as_bytes())?,
                HeaderValue::from_str(value.trim())?,
            );
        }
        let chunked = headers.get("transfer-encoding").is_some();
        let length = match headers.get("content-length") {
            Some(length) => Some(length.to_str()?.parse()?),
            None => None,
        };
        let body = match (status, method, chunked, length) {
            (..200 | 204 | 304, ..) | (_, "HEAD", ..) => Bytes::new(),
            (_, _, true, _) => self.chunks().await?,
            (_, _, false, Some(length)) => self.exactly(length).await?.into(),
            (_, _, false, None) => {
                while self.fill().await? {}
                std::mem::take(&mut self.buffer).into()
            }
        };
        Ok(Answer { status, headers, body })
    }

    async fn chunks(&mut self) -> Result<Bytes> {
        let mut body = Vec::new();
        loop {
            let line = self.until(b"\r\n").await?;
            let size = usize::from_str_radix(str::from_utf8(&line)?.trim(), 16)?;
            body.extend(self.exactly(size).await?);
            let end = self.until(b"\r\n").await?;
            ensure!(end == b"\r\n", "a chunk does not end where it says");
            if size == 0 {
                return Ok(body.into());
            }
        }
    }

    async fn until(&mut self, end: &[u8]) -> Result<Vec<u8>> {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|window| window == end) {
                return Ok(self.buffer.drain(..at + end.len()).collect());
            }
            ensure!(
                self.fill().await?,
                "the connection ended after {:?}",
                String::from_utf8_lossy(&self.buffer)
            );
        }
    }

    async fn exactly(&mut self, length: usize) -> Result<Vec<u8>> {
        while self.buffer.len() < length {
            ensure!(self.fill().await?, "the connection ended within a body");
        }
        Ok(self.buffer.drain(..length).collect())
    }

    /// Whether more came. A reset is an end like any other.
    async fn fill(&mut self) -> Result<bool> {
        let mut more = [0; 16 * 1024];
        let count = match self.reading.read(&mut more).await {
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => 0,
            Err(error) => return Err(error.into()),
        };
        self.buffer.extend_from_slice(&more[..count]);
        Ok(count > 0)
    }
}
