//! What the API server said: bounded in size, and a refusal in its own words.

use axum::body::{Bytes, HttpBody};
use http::{Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde::Deserialize;

use super::identity::Identity;
use super::operation::Operation;
use super::url::ApiServer;
use crate::failure::Failure;

/// The longest answer that is read. A page of a list is far below it, and so is any object that etcd can hold.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// The longest message that is repeated.
const MAX_MESSAGE_CHARS: usize = 2_000;

/// The part of a `Status` (meta/v1) that is for people.
#[derive(Deserialize)]
struct Status {
    message: String,
}

/// The body of a success, or the failure that the status stands for.
pub(super) async fn read<B>(
    response: Response<B>,
    operation: &Operation,
    server: &ApiServer,
    identity: &Identity,
) -> Result<Bytes, Failure>
where
    B: HttpBody<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let (parts, body) = response.into_parts();
    let body = match Limited::new(body, MAX_ANSWER_BYTES).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) if error.is::<LengthLimitError>() => {
            return Err(Failure::AnswerTooLarge {
                operation: operation.to_string(),
                limit_bytes: MAX_ANSWER_BYTES,
            });
        }
        Err(_) => {
            return Err(operation.unreachable(server, "the connection broke during the answer"));
        }
    };
    if parts.status.is_success() {
        Ok(body)
    } else {
        Err(refusal(parts.status, &body, operation, server, identity))
    }
}

fn refusal(
    status: StatusCode,
    body: &[u8],
    operation: &Operation,
    server: &ApiServer,
    identity: &Identity,
) -> Failure {
    let operation = operation.to_string();
    let server = server.to_string();
    if status == StatusCode::UNAUTHORIZED {
        return Failure::TokenNotAccepted { operation, server };
    }
    // Only a Status is repeated: any other page was not written for this caller.
    let message = serde_json::from_slice::<Status>(body).map_or_else(
        |_| status.canonical_reason().unwrap_or("no reason given").to_owned(),
        |status| status.message,
    );
    let message = identity.scrub(&message).chars().take(MAX_MESSAGE_CHARS).collect();
    if status == StatusCode::FORBIDDEN {
        return Failure::Forbidden { operation, server, message };
    }
    Failure::Rejected { operation, server, status: status.as_u16(), message }
}

#[cfg(test)]
mod tests {
    use http::Uri;
    use http_body_util::Full;

    use super::*;
    use crate::names::Namespace;
    use crate::user_token::UserToken;

    async fn answer(status: u16, body: &str) -> Result<Bytes, Failure> {
        let namespace = Namespace::try_from("kube-system".to_owned()).unwrap();
        let operation = Operation::in_namespace("list", "pods", Some(&namespace));
        let server = ApiServer::new(&Uri::from_static("https://k8s:6443"));
        let response = Response::builder()
            .status(status)
            .body(Full::new(Bytes::from(body.to_owned())))
            .unwrap();
        read(response, &operation, &server, &Identity::Bearer(UserToken::new("t0ken"))).await
    }

    #[tokio::test]
    async fn a_refusal_names_verb_resource_namespace_user_and_server() {
        let body = r#"{"kind":"Status","message":"pods is forbidden: User \"kc:bob\" cannot list resource \"pods\""}"#;
        let failure = answer(403, body).await.unwrap_err();
        assert_eq!(failure.label(), "forbidden");
        let text = failure.to_string();
        for part in [
            "list pods in namespace \"kube-system\"",
            "https://k8s:6443",
            "User \"kc:bob\" cannot list",
        ] {
            assert!(text.contains(part), "{text}");
        }
    }

    #[tokio::test]
    async fn a_token_that_is_not_accepted_is_told_apart_from_a_permission() {
        let failure =
            answer(401, r#"{"kind":"Status","message":"Unauthorized"}"#).await.unwrap_err();
        assert_eq!(failure.label(), "token_not_accepted");
        let text = failure.to_string();
        assert!(
            text.contains("exchanged token was not accepted") && text.contains("https://k8s:6443"),
            "{text}"
        );
    }

    #[tokio::test]
    async fn pages_that_quote_the_request_do_not_show_the_token() {
        let html =
            answer(502, "<html>Authorization: Bearer t0ken</html>").await.unwrap_err().to_string();
        assert!(html.contains("502: Bad Gateway") && !html.contains("t0ken"), "{html}");
        let status =
            answer(400, r#"{"message":"bad header: Bearer t0ken"}"#).await.unwrap_err().to_string();
        assert!(status.contains("bad header: Bearer [redacted]"), "{status}");
    }

    #[tokio::test]
    async fn a_success_is_its_body_and_an_endless_one_is_cut_off() {
        assert_eq!(answer(200, "{}").await.unwrap(), Bytes::from_static(b"{}"));
        let large = "x".repeat(MAX_ANSWER_BYTES + 1);
        assert_eq!(answer(200, &large).await.unwrap_err().label(), "answer_too_large");
    }
}
