//! What the identity provider answers, as a client is told.

use serde_json::{Map, Value, json};

/// Of a sentence that somebody else wrote, in characters.
const LONGEST_SENTENCE: usize = 300;
/// Of tokens that somebody else made, in bytes.
const LONGEST_TOKEN: usize = 64 * 1024;

/// An answer for the client. It holds tokens: no `Debug`.
pub enum TokenAnswer {
    /// The tokens (RFC 6749 §5.1).
    Issued(Value),
    /// The identity provider refuses.
    Refused(UpstreamRefusal),
    /// That was no answer: try later.
    Unavailable,
}

/// A refusal of the identity provider, in the words of RFC 6749.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamRefusal {
    /// The error (RFC 6749 §5.2, RFC 8707 §2).
    pub error: &'static str,
    /// The first sentence of what it says, with Entra ID's code, and without ids and times of its own.
    pub description: String,
    /// The number behind `AADSTS`.
    pub code: Option<u32>,
}

/// Reads an answer of the token endpoint.
#[must_use]
pub fn token_answer(status: u16, is_json: bool, body: &[u8]) -> TokenAnswer {
    let document =
        is_json.then(|| serde_json::from_slice::<Map<String, Value>>(body).ok()).flatten();
    match (status, document) {
        (200, Some(document)) => {
            issued(&document).map_or(TokenAnswer::Unavailable, TokenAnswer::Issued)
        }
        (400..=428 | 430..=499, Some(document)) => refused(&document),
        _ => TokenAnswer::Unavailable,
    }
}

/// The members that RFC 6749 §5.1 knows and no others. An ID token is left out: its `iss` is the identity provider's, and a
/// client that checked it against the issuer it knows, which is ours, would have to refuse it.
fn issued(document: &Map<String, Value>) -> Option<Value> {
    let text = |name: &str| {
        let text = document.get(name)?.as_str()?;
        let is_plain = text.bytes().all(|byte| matches!(byte, 0x20..=0x7e));
        (!text.is_empty() && text.len() <= LONGEST_TOKEN && is_plain).then_some(text)
    };
    let is_bearer = text("token_type")?.eq_ignore_ascii_case("bearer");
    let mut answer = json!({
        "access_token": text("access_token").filter(|_| is_bearer)?,
        "token_type": "Bearer",
    });
    let seconds = document.get("expires_in").and_then(|value| {
        // Entra ID's older endpoint writes it as a text.
        value.as_u64().or_else(|| value.as_str()?.parse().ok())
    });
    let members = answer.as_object_mut()?;
    if let Some(seconds) = seconds {
        members.insert("expires_in".to_owned(), seconds.into());
    }
    for name in ["refresh_token", "scope"] {
        if let Some(value) = text(name) {
            members.insert(name.to_owned(), value.into());
        }
    }
    Some(answer)
}

fn refused(document: &Map<String, Value>) -> TokenAnswer {
    let text = |name: &str| document.get(name).and_then(Value::as_str);
    let Some(error) = text("error") else { return TokenAnswer::Unavailable };
    let error = match error {
        "invalid_request" => "invalid_request",
        "invalid_client" => "invalid_client",
        "unauthorized_client" => "unauthorized_client",
        "unsupported_grant_type" => "unsupported_grant_type",
        "invalid_scope" => "invalid_scope",
        "invalid_target" | "invalid_resource" => "invalid_target",
        "temporarily_unavailable" | "server_error" => return TokenAnswer::Unavailable,
        // `interaction_required`, `consent_required` and what there may be besides: the person has to come again.
        _ => "invalid_grant",
    };
    let description = text("error_description").unwrap_or_default();
    TokenAnswer::Refused(UpstreamRefusal {
        error,
        description: first_sentence(description),
        code: code(description),
    })
}

/// Up to the first full stop or line, in the characters that RFC 6749 §5.2 has for it.
fn first_sentence(text: &str) -> String {
    let line = text.split(['\r', '\n']).next().unwrap_or_default();
    let line = line.split(" Trace ID:").next().unwrap_or_default();
    let sentence = line.split_once(". ").map_or(line, |(first, _)| first);
    let plain = |character: char| match character {
        '"' => '\'',
        '\\' => '/',
        ' '..='~' => character,
        _ => '?',
    };
    let mut told: String = sentence.chars().take(LONGEST_SENTENCE).map(plain).collect();
    if told.is_empty() {
        told.push_str("The identity provider refuses");
    }
    if !told.ends_with('.') {
        told.push('.');
    }
    told
}

fn code(description: &str) -> Option<u32> {
    let rest = description.strip_prefix("AADSTS")?;
    rest.split(':').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &Value) -> TokenAnswer {
        token_answer(status, true, body.to_string().as_bytes())
    }

    #[test]
    fn tokens_are_handed_on_without_the_identity_providers_own_matters() {
        let entra = json!({
            "token_type": "bearer", "scope": "api://b/access_as_user", "expires_in": "4271", "ext_expires_in": 4271,
            "access_token": "a.b.c", "refresh_token": "0.r", "id_token": "i.d.t", "client_info": "e30",
            "foci": "1", "refresh_in": 2000,
        });
        let TokenAnswer::Issued(told) = answer(200, &entra) else { panic!("not issued") };
        assert_eq!(
            told,
            json!({
                "access_token": "a.b.c", "token_type": "Bearer", "expires_in": 4271, "refresh_token": "0.r",
                "scope": "api://b/access_as_user",
            })
        );
        let bare = json!({"access_token": "t", "token_type": "Bearer"});
        let TokenAnswer::Issued(told) = answer(200, &bare) else { panic!("not issued") };
        assert_eq!(told, bare);
        for broken in [
            json!({"token_type": "Bearer"}),
            json!({"access_token": "", "token_type": "Bearer"}),
            json!({"access_token": 1, "token_type": "Bearer"}),
            json!({"access_token": "a\nb", "token_type": "Bearer"}),
            json!({"access_token": "t"}),
            json!({"access_token": "t", "token_type": "pop"}),
            json!([]),
        ] {
            assert!(matches!(answer(200, &broken), TokenAnswer::Unavailable), "{broken}");
        }
    }

    #[test]
    fn a_refusal_is_told_in_the_words_of_rfc_6749_with_entras_code_and_first_sentence() {
        let entra = |error: &str, text: &str| json!({"error": error, "error_description": text});
        for (error, told) in [
            ("invalid_grant", "invalid_grant"),
            ("interaction_required", "invalid_grant"),
            ("consent_required", "invalid_grant"),
            ("something_new", "invalid_grant"),
            ("invalid_client", "invalid_client"),
            ("unauthorized_client", "unauthorized_client"),
            ("invalid_scope", "invalid_scope"),
            ("invalid_resource", "invalid_target"),
            ("invalid_request", "invalid_request"),
        ] {
            let text = "AADSTS70008: The provided \"code\" has expired\\gone. Send a new one.\r\nTrace ID: 1\r\nTimestamp: 2";
            let TokenAnswer::Refused(refusal) = answer(400, &entra(error, text)) else {
                panic!("{error}")
            };
            let description = "AADSTS70008: The provided 'code' has expired/gone.".to_owned();
            assert_eq!(refusal, UpstreamRefusal { error: told, description, code: Some(70008) });
        }
        let one_line = "AADSTS50013: Assertion failed Trace ID: 00 Correlation ID: 11";
        let TokenAnswer::Refused(refusal) = answer(400, &entra("invalid_grant", one_line)) else {
            panic!()
        };
        assert_eq!(refusal.description, "AADSTS50013: Assertion failed.");
        let TokenAnswer::Refused(refusal) = answer(401, &json!({"error": "invalid_grant"})) else {
            panic!()
        };
        assert_eq!(
            (refusal.description.as_str(), refusal.code),
            ("The identity provider refuses.", None)
        );
    }

    #[test]
    fn what_is_no_answer_is_told_as_a_failure_that_passes() {
        let entra = json!({"error": "invalid_grant"});
        for status in [201, 302, 307, 429, 500, 502, 503] {
            assert!(matches!(answer(status, &entra), TokenAnswer::Unavailable), "{status}");
        }
        assert!(matches!(
            answer(400, &json!({"error": "temporarily_unavailable"})),
            TokenAnswer::Unavailable
        ));
        assert!(matches!(answer(400, &json!({})), TokenAnswer::Unavailable));
        assert!(matches!(
            token_answer(400, false, b"{\"error\":\"invalid_grant\"}"),
            TokenAnswer::Unavailable
        ));
        assert!(matches!(token_answer(200, true, b"<html>"), TokenAnswer::Unavailable));
    }
}
