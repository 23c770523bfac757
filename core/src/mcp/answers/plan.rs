//! What is done with an answer, as far as its headers tell.

use super::{Answer, Expected};
use crate::Reason;
use crate::mcp::is_utf8_media_type;

/// What is asked of an answer's header section. A header that came twice has two values.
#[derive(Debug, Clone, Copy)]
pub struct AnswerHead<'a> {
    /// `:status`
    pub status: u16,
    /// `Content-Type`
    pub content_type: &'a [&'a str],
    /// `Content-Encoding`
    pub content_encoding: &'a [&'a str],
    /// `Content-Length`, where it is a number.
    pub content_length: Option<usize>,
    /// How many bytes of a body are held at most.
    pub limit: usize,
}

/// What is done with an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnswerPlan {
    /// Neither a list nor a session's stream was asked for: it goes on as it is.
    Untouched,
    /// Nothing goes on, headers included, before the whole body is there: then [`Expected::answer`].
    Whole,
    /// Every piece of the body goes on as an [`AnswerStream`](super::AnswerStream) gives it back.
    Stream,
    /// This is sent instead, at once.
    Instead(Answer),
}

/// Response headers that speak of the body as it came, and go when another takes its place; and the one that speaks of
/// the token as we sent it. Trailers go, too.
pub const STALE_HEADERS: [&str; 9] = [
    "accept-ranges",
    "content-digest",
    "content-length",
    "content-md5",
    "digest",
    "etag",
    "last-modified",
    "repr-digest",
    "www-authenticate",
];

impl AnswerPlan {
    /// Decides by what was asked for; the headers say only whether it can be read.
    #[must_use]
    pub fn of(expected: &Expected, head: AnswerHead<'_>) -> Self {
        // What a server says that has no such stream, or no such session any more, or that fails.
        let is_no_stream = expected.is_session_stream && head.status >= 400;
        if is_no_stream || (expected.list.is_none() && !expected.is_session_stream) {
            return Self::Untouched;
        }
        let instead = |reason| Self::Instead(expected.refuse(head.status, reason));
        if !head.content_encoding.iter().all(|value| is_identity(value)) {
            return instead(Reason::AnswerEncoded);
        }
        match (head.status, head.content_type) {
            (200 | 400.., [one])
                if expected.list.is_some() && is_utf8_media_type(one, "application/json") =>
            {
                match head.content_length {
                    Some(length) if length > head.limit => instead(Reason::AnswerTooLarge),
                    _ => Self::Whole,
                }
            }
            (200, [one]) if is_utf8_media_type(one, "text/event-stream") => Self::Stream,
            _ => instead(Reason::AnswerUnreadable),
        }
    }
}

fn is_identity(encodings: &str) -> bool {
    encodings.split(',').map(str::trim).all(|one| one.eq_ignore_ascii_case("identity"))
}
