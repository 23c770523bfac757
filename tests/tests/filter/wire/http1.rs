//! HTTP/1.1, on a bare connection.

use std::net::SocketAddr;

use anyhow::Result;
pub(crate) use obolus_tests::http1::Connection;

use super::{Answer, Framing, Request};

/// Sends a request and reads its final answer.
pub(crate) async fn send(
    address: SocketAddr,
    request: &Request,
    framing: Framing,
) -> Result<Answer> {
    let bytes = encode(request, framing);
    Connection::open(address).await?.exchange(&bytes, &request.method).await
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
