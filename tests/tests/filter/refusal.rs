//! What belongs to every refusal of our filter's, by its reason.

use obolus_core::Reason;
use obolus_tests::fixtures::refusal::members;

use crate::wire::Answer;

/// Besides those of exchanges, what is refused when the request's id is known.
const IS_OF_THE_CALL: [Reason; 5] = [
    Reason::InsufficientScope,
    Reason::PolicyDenied,
    Reason::TargetNotGranted,
    Reason::StsUnavailable,
    Reason::IdpUnavailable,
];

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

    let (body, known) = (answer.json(), Reason::from_label(reason).unwrap());
    let told = members(&body);
    assert_eq!(told["reason"], reason, "{}", what());
    // Once the body has been read, the answer names the request that it is to.
    let is_of_the_call = IS_OF_THE_CALL.contains(&known) || reason.starts_with("exchange");
    if known.json_rpc_code().is_some() || is_of_the_call {
        assert_eq!(body["jsonrpc"], "2.0", "{}", what());
        assert_eq!(body["error"]["code"], known.error_code(), "{}", what());
        assert!(body["error"]["message"].is_string(), "{}", what());
        assert!(body.get("id").is_some_and(|id| !id.is_null() || !is_of_the_call), "{}", what());
    }
    if known.json_rpc_code().is_none() {
        assert!(told["error"].is_string() && told["error_description"].is_string(), "{}", what());
    }

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
