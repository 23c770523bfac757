//! The list of tools, written once for each configuration.
//!
//! It is the same for everybody who is let in, and far longer than the rest of the answer around it, so its JSON is made
//! with the configuration. rmcp answers each request as ever, with whatever the revision wants, but lists nothing; what is
//! written already is put where nothing stands. The answer is that request's own: nothing of it is kept.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};

/// As rmcp writes an empty list. Inside of a text its quotes would be escaped, so nothing that a caller sends can be
/// taken for it.
const NOTHING: &[u8] = br#""tools":[]"#;
const BEFORE: usize = NOTHING.len() - b"[]".len();

/// Where the handler of a request leaves the list that is to stand in the answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct WrittenList(Arc<OnceLock<Bytes>>);

impl WrittenList {
    /// Leaves a list, a JSON array. The result must have an empty one in its place.
    pub(crate) fn leave(&self, list: Bytes) {
        // There is one handler for each request.
        drop(self.0.set(list));
    }
}

/// Offers a place to the handler, and puts what it left there into the answer. Only for a service that answers with JSON
/// after its handler has ended.
pub(crate) async fn put_written_list(mut request: Request<Body>, next: Next) -> Response {
    let left = WrittenList::default();
    request.extensions_mut().insert(left.clone());
    let response = next.run(request).await;
    match left.0.get() {
        Some(list) => filled(response, list).await,
        None => response,
    }
}

async fn filled(response: Response, list: &Bytes) -> Response {
    let (mut parts, body) = response.into_parts();
    let body = body.collect().await.map(|body| whole(&body.to_bytes(), list.clone()));
    let Ok(Some(body)) = body else {
        tracing::error!("the answer has no place for the list of tools");
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, Body::new(body))
}

/// An answer with a list, made of one with an empty list.
fn whole(answer: &Bytes, list: Bytes) -> Option<Pieces> {
    let at = answer.windows(NOTHING.len()).position(|part| part == NOTHING)?;
    let (before, after) = (answer.slice(..at + BEFORE), answer.slice(at + NOTHING.len()..));
    Some(Pieces([before, list, after].into()))
}

/// A body whose bytes lie in several places, where they stay until they are sent.
#[derive(Debug)]
struct Pieces(VecDeque<Bytes>);

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        let bytes: usize = self.0.iter().map(Bytes::len).sum();
        u64::try_from(bytes).map_or_else(|_| SizeHint::default(), SizeHint::with_exact)
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::{
        JsonRpcMessage, ListToolsResult, RequestId, ServerJsonRpcMessage, ServerResult,
    };
    use serde_json::{Value, json};

    use super::*;

    #[tokio::test]
    async fn a_list_stands_where_there_was_none_whatever_the_request_is_called() {
        for id in ["7", r#""tools":[]"#, r#"\"tools\":[]"#] {
            let result = ServerResult::ListToolsResult(ListToolsResult::default());
            let answer: ServerJsonRpcMessage =
                JsonRpcMessage::response(result, RequestId::String(id.into()));
            let answer = serde_json::to_vec(&answer).unwrap();
            let mut expected: Value = serde_json::from_slice(&answer).unwrap();
            assert_eq!(expected["id"], id);
            expected["result"]["tools"] = json!([{"name": "web"}]);
            let list = Bytes::from_static(br#"[{"name":"web"}]"#);
            let whole = whole(&answer.into(), list).unwrap();
            let length = whole.size_hint().exact().unwrap();
            let whole = whole.collect().await.unwrap().to_bytes();
            assert_eq!(serde_json::from_slice::<Value>(&whole).unwrap(), expected);
            assert_eq!(whole.len() as u64, length);
        }
        assert!(whole(&Bytes::from_static(br#"{"error":{}}"#), Bytes::new()).is_none());
    }
}
