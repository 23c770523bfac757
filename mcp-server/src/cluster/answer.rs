//! What the API server said: bounded in size, and a refusal in its own words.

use super::identity::Identity;
use super::operation::Operation;
use super::refusal::{Refusal, Status};
use super::url::ApiServer;
use crate::failure::Failure;
use crate::output::is_unseen;
use axum::body::{Bytes, HttpBody};
use http::response::Parts;
use http::{Response, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};

/// The longest answer that is read. A page of a list is far below it, and so is any object that etcd can hold.
const MAX_ANSWER_BYTES: usize = 16 * 1024 * 1024;
/// The longest message that is repeated.
pub(super) const MAX_MESSAGE_CHARS: usize = 2_000;

/// The body of a success, or the failure that the status stands for.
pub(super) async fn read<B>(
    response: Response<B>,
    operation: &Operation,
    server: &ApiServer,
    identity: &Identity,
) -> Result<(Parts, Bytes), Failure>
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
    // Only who says what they have already is told that it is the same.
    if parts.status.is_success() || parts.status == StatusCode::NOT_MODIFIED {
        Ok((parts, body))
    } else {
        Err(refusal(&parts, &body, operation, server, identity))
    }
}

fn refusal(
    parts: &Parts,
    body: &[u8],
    operation: &Operation,
    server: &ApiServer,
    identity: &Identity,
) -> Failure {
    let status = parts.status;
    let said = serde_json::from_slice::<Status>(body).ok();
    // Only a Status is repeated: any other page was not written for this caller.
    let message = said.as_ref().map_or_else(
        || status.canonical_reason().unwrap_or("no reason given").to_owned(),
        |said| said.message.clone(),
    );
    let message = one_sentence(&identity.scrub(&message));
    let mut refusal =
        Refusal::new(operation, said, &parts.headers, |text| one_sentence(&identity.scrub(text)));
    let is_of_rbac = is_of_rbac(&message);
    // Admission rules are asked about changes alone.
    let is_about_access = is_of_rbac || !operation.changes();
    let message = if operation.is_of_secrets() && operation.sends() && !is_of_rbac {
        refusal = refusal.without_messages();
        without_values(status, &refusal)
    } else {
        message
    };
    let refused = Box::new(refusal);
    let operation = operation.to_string();
    let server = server.to_string();
    if status == StatusCode::UNAUTHORIZED {
        return identity.not_accepted(operation, server);
    }
    if status == StatusCode::FORBIDDEN && identity.may_not_impersonate(&message) {
        return Failure::MayNotImpersonate { operation, server, message };
    }
    if status == StatusCode::FORBIDDEN {
        return Failure::Forbidden { operation, server, message, is_about_access, refused };
    }
    Failure::Rejected { operation, server, status: status.as_u16(), message, refused }
}

/// Whether these are the words of RBAC, and not of an admission rule, which answers 403 as well.
fn is_of_rbac(message: &str) -> bool {
    message.contains("forbidden: User ") && message.contains(" cannot ")
}

/// What may be said of a Secret that was sent: fields and reasons. Decoders and admission rules quote what they were given.
fn without_values(status: StatusCode, refusal: &Refusal) -> String {
    let fields: Vec<&str> = refusal.causes().iter().map(|cause| cause.field.as_str()).collect();
    let reason = status.canonical_reason().unwrap_or("no reason given");
    let conflicts = refusal.is("Conflict") || refusal.is("AlreadyExists");
    let about = if conflicts { "it is there already, or has changed" } else { reason };
    if fields.is_empty() {
        format!("{about} (the API server's words may quote the Secret's values and are left out)")
    } else {
        format!(
            "{about}, in {} (the API server's words may quote the Secret's values and are left out)",
            fields.join(", ")
        )
    }
}

/// Text on one line, and not too long.
fn one_sentence(text: &str) -> String {
    let words = text.split(is_unseen).filter(|part| !part.is_empty());
    words.collect::<Vec<_>>().join(" ").chars().take(MAX_MESSAGE_CHARS).collect()
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
        let identity = Identity::Bearer(UserToken::new("t0ken"));
        read(response, &operation, &server, &identity).await.map(|(_, body)| body)
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
    async fn an_admission_rule_is_told_apart_from_a_permission() {
        let namespace = Namespace::try_from("shop".to_owned()).unwrap();
        let server = ApiServer::new(&Uri::from_static("https://k8s:6443"));
        let identity = Identity::Bearer(UserToken::new("t0ken"));
        let rule = r#"{"message":"pods \"web\" is forbidden: exceeded quota: small"}"#;
        let rbac = r#"{"message":"pods is forbidden: User \"bob\" cannot create resource \"pods\" in API group \"\""}"#;
        for (verb, body, told) in [
            ("create", rule, "refused: an admission rule does not let you create pods"),
            ("create", rbac, "refused: you may not create pods"),
            ("list", r#"{"message":"no"}"#, "refused: you may not list pods"),
        ] {
            let operation = Operation::in_namespace(verb, "pods", Some(&namespace));
            let response =
                Response::builder().status(403).body(Full::new(Bytes::from(body))).unwrap();
            let text =
                read(response, &operation, &server, &identity).await.unwrap_err().to_string();
            assert!(text.starts_with(told), "{text}");
        }
    }

    #[tokio::test]
    async fn what_is_said_of_a_secret_that_was_sent_never_quotes_it() {
        let operation = |verb| Operation::on_cluster(verb, "secrets").of("", "Secret", "secrets");
        let server = ApiServer::new(&Uri::from_static("https://k8s:6443"));
        let identity = Identity::Bearer(UserToken::new("t0ken"));
        for (status, body) in [
            (400, r#"{"message":"illegal base64 in |{\"password\":\"hunter2\"}|"}"#),
            (403, r#"{"message":"admission webhook denied: password hunter2 is weak"}"#),
            (
                422,
                r#"{"message":"hunter2","details":{"causes":[{"field":"data[a]","message":"Invalid value: \"hunter2\""}]}}"#,
            ),
            (500, r#"{"message":"failed calling webhook with hunter2"}"#),
        ] {
            let told = |verb: &'static str| {
                let response = Response::builder().status(status);
                let response = response.body(Full::new(Bytes::from(body))).unwrap();
                let (operation, server, identity) = (operation(verb), &server, &identity);
                async move {
                    format!("{:?}", read(response, &operation, server, identity).await.unwrap_err())
                }
            };
            let sent = told("update").await;
            assert!(!sent.contains("hunter2") && sent.contains("may quote the Secret"), "{sent}");
            assert!(
                told("list").await.contains("hunter2"),
                "what was not sent cannot be quoted: {status}"
            );
        }
    }

    #[tokio::test]
    async fn a_success_is_its_body_and_an_endless_one_is_cut_off() {
        assert_eq!(answer(200, "{}").await.unwrap(), Bytes::from_static(b"{}"));
        let large = "x".repeat(MAX_ANSWER_BYTES + 1);
        assert_eq!(answer(200, &large).await.unwrap_err().label(), "answer_too_large");
    }
}
