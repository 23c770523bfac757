//! HTTP/1.1, on a bare connection.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Answer, Framing, Request};

/// Sends a request and reads its final answer.
pub(crate) async fn send(
    address: SocketAddr,
    request: &Request,
    framing: Framing,
) -> Result<Answer> {
    let (reading, mut writing) = TcpStream::connect(address).await?.into_split();
    let bytes = encode(request, framing);
    let write = async {
        // An answer may come before all is sent, and end the connection: the answer counts.
        let _ = writing.write_all(&bytes).await;
        std::future::pending::<()>().await;
    };
    let mut reader = Reader::new(reading);
    tokio::select! {
        answer = reader.answer(&request.method) => answer,
        () = write => bail!("unreachable"),
    }
}

/// The request's head, with the header that says how the body is framed.
pub(crate) fn head(request: &Request, framing: Framing) -> Vec<u8> {
    let mut head = format!(
        "{} {} HTTP/1.1\r\nhost: {}\r\n",
        request.method, request.target, request.authority
    )
    .into_bytes();
    for (name, value) in &request.headers {
        head.extend_from_slice(name.as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value);
        head.extend_from_slice(b"\r\n");
    }
    let framed = match framing {
        Framing::Length if request.body.is_empty() && request.method != "POST" => String::new(),
        Framing::Length => format!("content-length: {}\r\n", request.body.len()),
        _ => "transfer-encoding: chunked\r\n".to_owned(),
    };
    head.extend_from_slice(framed.as_bytes());
    head.extend_from_slice(b"\r\n");
    head
}

fn encode(request: &Request, framing: Framing) -> Vec<u8> {
    let mut bytes = head(request, framing);
    if framing == Framing::Length {
        bytes.extend_from_slice(&request.body);
        return bytes;
    }
    for piece in request.pieces() {
        bytes.extend_from_slice(&chunk(&piece));
    }
    let end = if framing.has_trailers() { LAST_CHUNK_AND_TRAILERS } else { LAST_CHUNK };
    bytes.extend_from_slice(end.as_bytes());
    bytes
}

pub(crate) const LAST_CHUNK: &str = "0\r\n\r\n";
pub(crate) const LAST_CHUNK_AND_TRAILERS: &str =
    "0\r\nx-trailer: came\r\nimpersonate-user: admin\r\n\r\n";

/// One chunk of a chunked body.
pub(crate) fn chunk(piece: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat()
}

/// A connection on which a test writes what it wants, when it wants.
pub(crate) struct Connection {
    writing: tokio::net::tcp::OwnedWriteHalf,
    reader: Reader<tokio::net::tcp::OwnedReadHalf>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let (reading, writing) = stream.into_split();
        Ok(Self { writing, reader: Reader::new(reading) })
    }

    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) -> Result<()> {
        Ok(self.writing.write_all(bytes.as_ref()).await?)
    }

    /// The next final answer. Envoy's limit of time for a request is longer than this one.
    pub(crate) async fn answer(&mut self) -> Result<Answer> {
        tokio::time::timeout(super::PATIENCE, self.reader.answer("POST"))
            .await
            .context("no answer in time")?
    }

    /// The next answer, an interim one too.
    pub(crate) async fn interim(&mut self) -> Result<Answer> {
        tokio::time::timeout(super::PATIENCE, self.reader.any_answer("POST"))
            .await
            .context("no answer in time")?
    }
}

struct Reader<R> {
    reading: R,
    buffer: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    fn new(reading: R) -> Self {
        Self { reading, buffer: Vec::new() }
    }

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
