//! A request as somebody puts it on the wire.

use crate::wire::http2::{Fields, Frame};

/// How the end of a request's body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// HTTP/1.1, by `content-length`.
    Length,
    /// HTTP/1.1, in many small chunks.
    Chunks,
    /// HTTP/2, in many small DATA frames.
    Frames,
}

/// What is sent.
pub(crate) enum Bytes {
    Http1 {
        bytes: Vec<u8>,
        /// Whether nothing can follow on this connection.
        ends: bool,
    },
    Http2(Vec<Frame>),
}

/// What is sent in place of what the parts of a request say.
#[derive(Debug, Clone)]
enum Verbatim {
    Http1(Vec<u8>, bool),
    Http2(Vec<Frame>),
}

#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) authority: String,
    pub(crate) headers: Fields,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Fields,
    pub(crate) framing: Framing,
    verbatim: Option<Verbatim>,
}

impl Attempt {
    /// A POST to the MCP endpoint, without a token.
    pub(crate) fn post(authority: &str, framing: Framing, body: impl Into<Vec<u8>>) -> Self {
        let attempt = Self {
            method: "POST".to_owned(),
            target: "/mcp".to_owned(),
            authority: authority.to_owned(),
            headers: Vec::new(),
            body: body.into(),
            trailers: Vec::new(),
            framing,
            verbatim: None,
        };
        attempt
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
    }

    /// Adds a header.
    pub(crate) fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// Takes a header out.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self
    }

    /// Puts a header in the place of all of its name.
    pub(crate) fn with(self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.without(name).header(name, value)
    }

    pub(crate) fn method(mut self, method: &str) -> Self {
        method.clone_into(&mut self.method);
        self
    }

    pub(crate) fn target(mut self, target: impl Into<String>) -> Self {
        self.target = target.into();
        self
    }

    pub(crate) fn authority(mut self, authority: impl Into<String>) -> Self {
        self.authority = authority.into();
        self
    }

    pub(crate) fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Says something else in one place of the body.
    pub(crate) fn saying(self, instead: &str, said: &str) -> Self {
        let text = String::from_utf8(self.body.clone()).unwrap();
        assert_eq!(text.matches(instead).count(), 1, "{instead} in {text}");
        self.body(text.replacen(instead, said, 1))
    }

    pub(crate) fn trailer(mut self, name: &str, value: &str) -> Self {
        self.trailers.push((name.to_owned(), value.into()));
        self
    }

    /// HTTP/1.1 with these bytes and no others.
    pub(crate) fn verbatim(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.verbatim = Some(Verbatim::Http1(bytes.into(), false));
        self
    }

    /// The same, after which the client says that nothing more comes.
    pub(crate) fn cut_off(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.verbatim = Some(Verbatim::Http1(bytes.into(), true));
        self
    }

    /// HTTP/1.1 with this head, which says how the body is framed, and what follows it.
    pub(crate) fn framed(self, lines: &str, rest: impl AsRef<[u8]>) -> Self {
        let head = [&*self.head(), lines.as_bytes(), b"\r\n", rest.as_ref()].concat();
        self.verbatim(head)
    }

    /// HTTP/2 with these frames and no others.
    pub(crate) fn frames(mut self, frames: Vec<Frame>) -> Self {
        self.verbatim = Some(Verbatim::Http2(frames));
        self
    }

    pub(crate) fn is_verbatim(&self) -> bool {
        self.verbatim.is_some()
    }

    pub(crate) fn is_http2(&self) -> bool {
        match &self.verbatim {
            Some(verbatim) => matches!(verbatim, Verbatim::Http2(_)),
            None => self.framing == Framing::Frames,
        }
    }

    pub(crate) fn bytes(&self) -> Bytes {
        match &self.verbatim {
            Some(Verbatim::Http1(bytes, ends)) => {
                Bytes::Http1 { bytes: bytes.clone(), ends: *ends }
            }
            Some(Verbatim::Http2(frames)) => Bytes::Http2(frames.clone()),
            None if self.is_http2() => Bytes::Http2(self.as_frames()),
            None => Bytes::Http1 { bytes: self.as_http1(), ends: false },
        }
    }

    /// The lines of the head, without any that says how the body is framed, and without its end.
    pub(crate) fn head(&self) -> Vec<u8> {
        let Self { method, target, authority, .. } = self;
        let mut head = format!("{method} {target} HTTP/1.1\r\nhost: {authority}\r\n").into_bytes();
        for (name, value) in &self.headers {
            head.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        head
    }

    fn as_http1(&self) -> Vec<u8> {
        let head = self.head();
        if self.framing == Framing::Length {
            assert!(self.trailers.is_empty(), "nothing comes behind a body of known length");
            let length = format!("content-length: {}\r\n\r\n", self.body.len());
            return [&*head, length.as_bytes(), &self.body].concat();
        }
        [&*head, b"transfer-encoding: chunked\r\n\r\n", &self.chunks()].concat()
    }

    /// The body in chunks, with what comes behind it.
    pub(crate) fn chunks(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for piece in self.pieces() {
            bytes.extend([format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat());
        }
        bytes.extend(b"0\r\n");
        for (name, value) in &self.trailers {
            bytes.extend([name.as_bytes(), b": ", value, b"\r\n"].concat());
        }
        bytes.extend(b"\r\n");
        bytes
    }

    /// What HTTP/2 sends first.
    pub(crate) fn fields(&self) -> Fields {
        let pseudo = [
            (":method", &self.method),
            (":scheme", &"http".to_owned()),
            (":authority", &self.authority),
            (":path", &self.target),
        ];
        let pseudo = pseudo.map(|(name, value)| (name.to_owned(), value.clone().into_bytes()));
        pseudo.into_iter().chain(self.headers.iter().cloned()).collect()
    }

    /// The request in frames: its head, the body, what comes behind it.
    pub(crate) fn as_frames(&self) -> Vec<Frame> {
        let mut frames = vec![Frame::Headers { fields: self.fields(), ends: false }];
        let pieces = self.pieces();
        frames.extend(pieces.map(|piece| Frame::Data { bytes: piece.to_vec(), ends: false }));
        frames.push(match self.trailers.is_empty() {
            true => Frame::Data { bytes: Vec::new(), ends: true },
            false => Frame::Headers { fields: self.trailers.clone(), ends: true },
        });
        frames
    }

    /// The body in pieces, of which there are many.
    fn pieces(&self) -> impl Iterator<Item = &[u8]> {
        self.body.chunks((self.body.len() / 20).max(7))
    }
}
