use std::time::Duration;

use reqwest::StatusCode;
use serde_json::json;

use super::super::failure::MAX_CHARS;
use super::*;
use Reason::{
    BlockedByPolicy, ClaimsRequired, ConsentRequired, ExchangeDenied, ExchangeMisconfigured,
    IdpUnavailable, InteractionRequired, SubjectTokenRefused,
};

fn answered(status: u16, body: &str) -> Answered {
    Answered {
        status: StatusCode::from_u16(status).unwrap(),
        is_json: true,
        sent_at: None,
        retry_after: None,
        body: body.as_bytes().to_vec(),
    }
}

/// Every row of the catalogue of errors that an On-Behalf-Of request may meet, by its AADSTS number: status, `error`,
/// `suberror`, whether `claims` come along, and what we make of it.
///
/// Rows that cannot be told from others without their number share the others' answer. The token is verified before
/// Entra is asked, so that what Entra finds wrong with its form (50027, 240002 as `invalid_request`) or its kind
/// (7000114) is ours; and a person whom Entra no longer knows, has disabled or not assigned (50034, 50057, 50105) is
/// told from one whose session ended (50132, 50133) by the age of the token.
#[rustfmt::skip]
const CATALOGUE: &[(u32, u16, &str, &str, bool, Reason)] = &[
    (7_000_215, 401, "invalid_client", "", false, ExchangeMisconfigured),
    (7_000_222, 401, "invalid_client", "", false, ExchangeMisconfigured),
    (7_000_218, 401, "invalid_client", "", false, ExchangeMisconfigured),
    (700_025, 401, "invalid_client", "", false, ExchangeMisconfigured),
    (700_027, 401, "invalid_client", "", false, ExchangeMisconfigured),
    (700_024, 401, "invalid_client", "", false, ExchangeMisconfigured),
    (50012, 401, "invalid_client", "", false, ExchangeMisconfigured),
    (700_211, 401, "invalid_client", "", false, ExchangeMisconfigured),
    (700_212, 401, "invalid_client", "", false, ExchangeMisconfigured),
    (700_213, 401, "invalid_client", "", false, ExchangeMisconfigured),
    (7_002_137, 401, "invalid_client", "", false, ExchangeMisconfigured),
    (7_002_138, 401, "invalid_client", "", false, ExchangeMisconfigured),
    (70021, 400, "invalid_request", "", false, ExchangeMisconfigured),
    (5_002_738, 400, "invalid_request", "", false, ExchangeMisconfigured),
    (5_002_730, 400, "invalid_request", "", false, ExchangeMisconfigured),
    (700_016, 400, "unauthorized_client", "", false, ExchangeMisconfigured),
    (7_000_112, 400, "unauthorized_client", "", false, ExchangeMisconfigured),
    (7_000_114, 400, "unauthorized_client", "", false, ExchangeMisconfigured),
    (50013, 400, "invalid_grant", "", false, SubjectTokenRefused),
    (500_131, 400, "invalid_grant", "", false, SubjectTokenRefused),
    (500_133, 400, "invalid_grant", "", false, SubjectTokenRefused),
    (240_002, 400, "invalid_grant", "", false, SubjectTokenRefused),
    (240_002, 400, "invalid_request", "", false, ExchangeMisconfigured),
    (65001, 400, "invalid_grant", "consent_required", false, ConsentRequired),
    (65001, 400, "invalid_grant", "consent_required", true, ConsentRequired),
    (65001, 400, "consent_required", "", false, ConsentRequired),
    (50105, 400, "invalid_grant", "", false, SubjectTokenRefused),
    (50105, 400, "interaction_required", "", false, InteractionRequired),
    (50076, 400, "interaction_required", "", true, ClaimsRequired),
    (50076, 400, "invalid_grant", "basic_action", true, ClaimsRequired),
    (50079, 400, "interaction_required", "", true, ClaimsRequired),
    (50079, 400, "invalid_grant", "basic_action", true, ClaimsRequired),
    (50072, 400, "invalid_grant", "basic_action", false, InteractionRequired),
    (50074, 400, "invalid_grant", "basic_action", true, ClaimsRequired),
    (50158, 400, "invalid_grant", "", true, ClaimsRequired),
    (53003, 400, "invalid_grant", "message_only", false, BlockedByPolicy),
    (53003, 400, "invalid_grant", "message_only", true, ClaimsRequired),
    (53000, 400, "invalid_grant", "additional_action", false, BlockedByPolicy),
    (53001, 400, "invalid_grant", "additional_action", true, ClaimsRequired),
    (53002, 400, "invalid_grant", "message_only", false, BlockedByPolicy),
    (53005, 400, "invalid_grant", "protection_policy_required", false, BlockedByPolicy),
    (0, 400, "invalid_grant", "client_mismatch", false, ExchangeMisconfigured),
    (50173, 400, "invalid_grant", "bad_token", false, SubjectTokenRefused),
    (70043, 400, "invalid_grant", "bad_token", false, SubjectTokenRefused),
    (70043, 400, "invalid_grant", "token_expired", false, SubjectTokenRefused),
    (700_082, 400, "invalid_grant", "bad_token", false, SubjectTokenRefused),
    (50132, 400, "invalid_grant", "", false, SubjectTokenRefused),
    (50133, 400, "invalid_grant", "", false, SubjectTokenRefused),
    (50055, 400, "invalid_grant", "user_password_expired", false, SubjectTokenRefused),
    (50057, 400, "invalid_grant", "", false, SubjectTokenRefused),
    (50034, 400, "invalid_grant", "", false, SubjectTokenRefused),
    (50196, 400, "invalid_grant", "", false, SubjectTokenRefused),
    (9_002_313, 400, "invalid_grant", "", false, SubjectTokenRefused),
    (9_002_313, 400, "invalid_request", "", false, ExchangeMisconfigured),
    (900_144, 400, "invalid_request", "", false, ExchangeMisconfigured),
    (90014, 400, "invalid_request", "", false, ExchangeMisconfigured),
    (90002, 400, "invalid_request", "", false, ExchangeMisconfigured),
    (50027, 400, "invalid_request", "", false, ExchangeMisconfigured),
    (901_002, 400, "invalid_request", "", false, ExchangeMisconfigured),
    (9_010_010, 400, "invalid_target", "", false, ExchangeMisconfigured),
    (9_010_010, 400, "invalid_request", "", false, ExchangeMisconfigured),
    (900_561, 405, "invalid_request", "", false, ExchangeMisconfigured),
    (900_561, 400, "invalid_request", "", false, ExchangeMisconfigured),
    (70011, 400, "invalid_scope", "", false, ExchangeMisconfigured),
    (650_053, 400, "invalid_scope", "", false, ExchangeMisconfigured),
    (500_011, 400, "invalid_resource", "", false, ExchangeMisconfigured),
    (50001, 400, "invalid_resource", "", false, ExchangeMisconfigured),
    (650_057, 400, "invalid_resource", "", false, ExchangeMisconfigured),
    (650_052, 400, "invalid_client", "", false, ExchangeMisconfigured),
    (65002, 400, "invalid_client", "", false, ExchangeMisconfigured),
    (70003, 400, "unsupported_grant_type", "", false, ExchangeMisconfigured),
    (5_000_224, 400, "something new", "", false, ExchangeMisconfigured),
    (90055, 429, "invalid_request", "", false, IdpUnavailable),
    (90055, 429, "invalid_grant", "basic_action", true, IdpUnavailable),
    (90033, 503, "temporarily_unavailable", "", false, IdpUnavailable),
    (50033, 400, "temporarily_unavailable", "", false, IdpUnavailable),
    (90024, 400, "temporarily_unavailable", "", true, IdpUnavailable),
    (90006, 500, "server_error", "", false, IdpUnavailable),
    (65004, 400, "access_denied", "", false, ExchangeDenied),
    (50076, 401, "invalid_grant", "basic_action", true, ExchangeMisconfigured),
    (0, 302, "invalid_grant", "", false, IdpUnavailable),
    (0, 204, "invalid_grant", "", false, IdpUnavailable),
];

#[test]
fn every_row_of_the_catalogue_has_one_meaning_which_its_number_and_text_do_not_change() {
    for (code, status, error, suberror, has_claims, reason) in CATALOGUE {
        for (number, text) in [(*code, "a text"), (65001, "AADSTS65001: consent"), (0, "")] {
            let mut body = json!({
                "error": error, "error_description": format!("AADSTS{number}: {text}"),
                "error_codes": [number], "trace_id": "t", "correlation_id": "c",
            });
            if !suberror.is_empty() {
                body["suberror"] = json!(suberror);
            }
            if *has_claims {
                body["claims"] = json!(r#"{"access_token":{"capolids":{"essential":true}}}"#);
            }
            let failure = read(&answered(*status, &body.to_string()), true);
            // A token that Entra has just issued is not refused because it is old.
            let bare = *error == "invalid_grant" && suberror.is_empty();
            let of_a_new_one = match reason {
                SubjectTokenRefused if bare => ExchangeDenied,
                other => *other,
            };
            assert_eq!(
                failure.denial.reason(),
                of_a_new_one,
                "{code} {error} {suberror}, a new token"
            );
            let failure = read(&answered(*status, &body.to_string()), false);
            assert_eq!(
                failure.denial.reason(),
                *reason,
                "{code} {status} {error} {suberror} {has_claims}"
            );
            assert_eq!(failure.upstream.codes, Some(number.to_string()));
        }
    }
}

#[test]
fn what_is_no_oauth_error_is_nobodys_fault() {
    for body in
        ["", "<html>invalid_grant</html>", "{}", r#"{"error":1}"#, "[]", "Too Many Requests"]
    {
        for status in [400, 401, 403, 404, 429, 500, 503] {
            for is_new in [true, false] {
                let failure = read(&answered(status, body), is_new);
                assert_eq!(failure.denial.reason(), IdpUnavailable, "{status} {body}");
            }
        }
    }
}

#[test]
fn members_of_other_types_do_not_hide_the_error() {
    for (member, value, reason) in [
        ("suberror", json!(5), SubjectTokenRefused),
        ("suberror", json!(["consent_required"]), SubjectTokenRefused),
        ("error_description", json!({"a": 1}), SubjectTokenRefused),
        ("error_codes", json!("65001"), SubjectTokenRefused),
        ("error_codes", json!([-1, 1.5, "x", null]), SubjectTokenRefused),
        ("claims", json!(null), SubjectTokenRefused),
        ("claims", json!(""), SubjectTokenRefused),
        ("claims", json!({"access_token": {}}), ClaimsRequired),
        ("claims", json!("not JSON"), InteractionRequired),
        ("trace_id", json!(true), SubjectTokenRefused),
    ] {
        let mut body = json!({"error": "invalid_grant"});
        body[member] = value.clone();
        let failure = read(&answered(400, &body.to_string()), false);
        assert_eq!(failure.denial.reason(), reason, "{member} {value}");
    }
}

#[test]
fn what_goes_to_the_log_is_bounded_and_cannot_break_it() {
    let long = "x".repeat(5000);
    let hostile = format!("a\r\nb\u{1b}[0m\u{85}{long}");
    let body = json!({
        "error": hostile, "suberror": hostile, "error_description": hostile, "trace_id": hostile,
        "correlation_id": hostile, "error_codes": vec![u64::MAX; 100],
    });
    let upstream = read(&answered(400, &body.to_string()), false).upstream;
    let texts = [
        upstream.error,
        upstream.suberror,
        upstream.description,
        upstream.trace_id,
        upstream.correlation_id,
    ];
    for text in texts.into_iter().map(Option::unwrap) {
        assert!(text.starts_with("a  b [0m "), "{text}");
        assert_eq!(text.chars().count(), MAX_CHARS);
    }
    assert_eq!(upstream.codes.unwrap().split(' ').count(), MAX_CODES);
}

#[test]
fn a_clock_that_is_minutes_off_is_told_and_a_small_difference_is_not() {
    let at = |ahead: i64| {
        let seconds = u64::try_from(i64::try_from(now()).unwrap() + ahead).unwrap();
        let sent_at = Some(UNIX_EPOCH + Duration::from_secs(seconds));
        let answered = Answered { sent_at, ..answered(401, r#"{"error":"invalid_client"}"#) };
        read(&answered, false).upstream.clock_ahead_seconds
    };
    for ahead in [0, 30, -30, 58, -58] {
        assert_eq!(at(ahead), None, "{ahead}");
    }
    for ahead in [120, -120, 86_400] {
        let told = at(ahead).unwrap();
        assert!((told - ahead).abs() <= 2, "{told} {ahead}");
    }
}

#[test]
fn a_token_is_new_for_ten_minutes_and_not_without_saying_when_it_was_issued() {
    assert!(is_new(Some(1000), 1000));
    assert!(is_new(Some(1000), 1600));
    assert!(!is_new(Some(1000), 1601));
    // A clock that is behind the provider's.
    assert!(is_new(Some(1000), 990));
    assert!(!is_new(None, 1000));
}
