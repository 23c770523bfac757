//! What belongs to every refusal of our filter's, by its reason.

use crate::wire::Answer;

/// Status, headers, challenge and body fit the reason.
pub(crate) fn check_refusal(
    case: &str,
    answer: &Answer,
    resource: &str,
    status: u16,
    reason: &str,
) {
    let what = || format!("{case}: {answer:?}");
    assert_eq!(answer.status, status, "{}", what());
    assert_eq!(answer.header("content-type"), Some("application/json"), "{}", what());
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{}", what());

    let body = answer.json();
    let (stated, form) = if matches!(status, 200 | 400 | 404 | 413 | 415) {
        (&body["error"]["data"]["reason"], body["jsonrpc"] == "2.0" && body.get("id").is_some())
    } else {
        (&body["reason"], body["error"].is_string() && body["error_description"].is_string())
    };
    assert_eq!(stated, reason, "{}", what());
    assert!(form, "{}", what());

    let challenge = answer.header("www-authenticate");
    if status == 401 || reason == "insufficient_scope" {
        let origin = resource.trim_end_matches("/mcp");
        let metadata = format!("{origin}/.well-known/oauth-protected-resource/mcp");
        let start = format!(r#"Bearer resource_metadata="{metadata}", scope=""#);
        let challenge = challenge.unwrap_or_else(|| panic!("{}", what()));
        assert!(challenge.starts_with(&start), "{}", what());
        let error = match reason {
            "token_missing" => None,
            "insufficient_scope" => Some(r#", error="insufficient_scope""#),
            _ => Some(r#", error="invalid_token""#),
        };
        assert!(error.is_none_or(|error| challenge.contains(error)), "{}", what());
        assert_eq!(challenge.contains("error"), error.is_some(), "{}", what());
    } else {
        assert_eq!(challenge, None, "{}", what());
    }
    assert_eq!(answer.header("retry-after").is_some(), status == 503, "{}", what());
}
