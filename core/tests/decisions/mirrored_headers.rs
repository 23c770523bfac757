//! Headers that mirror the body: they agree with it, in every revision, or the request is refused.

use obolus_core::Reason;
use obolus_core::mcp::{Admitted, Message, MirroredHeaders};

const MODERN: &str = "2026-07-28";

fn message(method: &str, params: &str) -> Message {
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
    Message::parse(body.as_bytes()).unwrap()
}

fn meta(version: &str) -> String {
    format!(r#""_meta":{{"io.modelcontextprotocol/protocolVersion":"{version}"}}"#)
}

fn call(version: Option<&str>) -> Message {
    let meta = version.map_or(String::new(), |version| format!(",{}", meta(version)));
    message("tools/call", &format!(r#"{{"name":"pods_get"{meta}}}"#))
}

fn check(
    message: &Message,
    protocol_version: Option<&str>,
    method: Option<&str>,
    name: Option<&str>,
) -> Result<(), Reason> {
    let headers = MirroredHeaders { protocol_version, method, name, arguments: &[] };
    Admitted::read(headers, message).map(drop).map_err(|denial| denial.reason())
}

const MISMATCH: Result<(), Reason> = Err(Reason::HeaderMismatch);

#[test]
fn an_old_client_needs_none_of_them_and_may_lie_in_none() {
    for version in [None, Some("2025-06-18"), Some("2025-11-25")] {
        let call = call(None);
        assert_eq!(check(&call, version, None, None), Ok(()), "{version:?}");
        assert_eq!(check(&call, version, Some("tools/call"), Some("pods_get")), Ok(()));
        assert_eq!(check(&call, version, Some("tools/call"), None), Ok(()));
        assert_eq!(check(&call, version, Some("tools/list"), None), MISMATCH);
        assert_eq!(check(&call, version, Some("Tools/Call"), None), MISMATCH);
        assert_eq!(check(&call, version, Some(""), None), MISMATCH);
        assert_eq!(check(&call, version, None, Some("harmless")), MISMATCH);
        assert_eq!(check(&call, version, None, Some("Pods_Get")), MISMATCH);
        assert_eq!(check(&call, version, None, Some("")), MISMATCH);
    }
}

#[test]
fn a_modern_request_needs_every_one_of_them() {
    let call = call(Some(MODERN));
    assert_eq!(check(&call, Some(MODERN), Some("tools/call"), Some("pods_get")), Ok(()));
    assert_eq!(check(&call, None, Some("tools/call"), Some("pods_get")), MISMATCH);
    assert_eq!(check(&call, Some(MODERN), None, Some("pods_get")), MISMATCH);
    assert_eq!(check(&call, Some(MODERN), Some("tools/call"), None), MISMATCH);
    assert_eq!(check(&call, Some(MODERN), Some("tools/list"), Some("pods_get")), MISMATCH);
    assert_eq!(check(&call, Some(MODERN), Some("tools/call"), Some("pods_delete")), MISMATCH);
    let list = message("tools/list", &format!("{{{}}}", meta(MODERN)));
    assert_eq!(check(&list, Some(MODERN), Some("tools/list"), None), Ok(()));
    assert_eq!(check(&list, Some(MODERN), None, None), MISMATCH);
    assert_eq!(
        check(&list, Some(MODERN), Some("tools/list"), Some("x")),
        MISMATCH,
        "no name there"
    );
}

#[test]
fn the_version_is_one_and_the_same_in_header_and_body() {
    let parts = (Some("tools/call"), Some("pods_get"));
    for (header, body) in [
        (MODERN, "2025-11-25"),
        ("2025-11-25", MODERN),
        ("2026-07-29", MODERN),
        ("2026-7-28", MODERN),
        ("", MODERN),
        ("2026-07-28x", MODERN),
    ] {
        assert_eq!(
            check(&call(Some(body)), Some(header), parts.0, parts.1),
            MISMATCH,
            "{header} {body}"
        );
    }
    // Whoever claims the new revision in the header alone is held to its rules, too.
    assert_eq!(check(&call(None), Some(MODERN), None, None), MISMATCH);
    let without_meta = check(&call(None), Some(MODERN), parts.0, parts.1);
    assert_eq!(without_meta, Err(Reason::ParamsMalformed));
    // Whoever states one in the body states it in the header.
    assert_eq!(check(&call(Some("2025-06-18")), None, None, None), MISMATCH);
    // An old one stands in no body: a server of both eras would go by that alone.
    assert_eq!(check(&call(Some("2025-06-18")), Some("2025-06-18"), None, None), MISMATCH);
    assert_eq!(check(&call(None), Some("2025-06-18"), None, None), Ok(()));
}

#[test]
fn a_notification_may_leave_them_out_and_may_not_lie_either() {
    let body = format!(
        r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{{}}}}}"#,
        meta(MODERN)
    );
    let notification = Message::parse(body.as_bytes()).unwrap();
    assert_eq!(check(&notification, Some(MODERN), None, None), Ok(()));
    assert_eq!(check(&notification, Some(MODERN), Some("notifications/cancelled"), None), Ok(()));
    assert_eq!(check(&notification, Some(MODERN), Some("tools/list"), None), MISMATCH);
}

#[test]
fn what_a_name_mirrors_depends_on_the_method() {
    for (method, params, name) in [
        ("tools/call", r#"{"name":"a","uri":"b","taskId":"c"}"#, "a"),
        ("prompts/get", r#"{"name":"a","uri":"b","taskId":"c"}"#, "a"),
        ("resources/read", r#"{"name":"a","uri":"b","taskId":"c"}"#, "b"),
        ("resources/subscribe", r#"{"name":"a","uri":"b","taskId":"c"}"#, "b"),
        ("tasks/get", r#"{"name":"a","uri":"b","taskId":"c"}"#, "c"),
        ("tasks/cancel", r#"{"name":"a","uri":"b","taskId":"c"}"#, "c"),
    ] {
        let message = message(method, params);
        for header in ["a", "b", "c"] {
            let expected = if header == name { Ok(()) } else { MISMATCH };
            let version = Some("2025-11-25");
            assert_eq!(check(&message, version, None, Some(header)), expected, "{method} {header}");
        }
    }
}

#[test]
fn an_encoded_name_is_decoded_exactly_once_and_compared() {
    let name = |name: &str| {
        message("tools/call", &format!(r#"{{"name":{}}}"#, serde_json::Value::from(name)))
    };
    let check = |message: &Message, header: &str| check(message, None, None, Some(header));
    assert_eq!(check(&name("pods_délete"), "=?base64?cG9kc19kw6lsZXRl?="), Ok(()));
    assert_eq!(check(&name("pods"), "=?base64?cG9kcw==?="), Ok(()), "needless, and right");
    assert_eq!(check(&name(""), "=?base64??="), Ok(()));
    assert_eq!(check(&name(" a "), "=?base64?IGEg?="), Ok(()));
    for header in [
        "=?base64?cG9kcw=?=",
        "=?base64?cG9kcw?=",
        "=?base64?cG9kcx==?=",
        "=?base64?cG9k cw==?=",
        "=?BASE64?cG9kcw==?=",
        "=?Base64?cG9kcw==?=",
        "=?base64?cG9kcw==",
        "=?base64?cG9kcw==?= ",
        "=?base64?/w==?=",
        "=?base64?PT9iYXNlNjQ/Y0c5a2N3PT0/PQ==?=",
        "cG9kcw==",
        "=?utf-8?B?cG9kcw==?=",
    ] {
        assert_eq!(check(&name("pods"), header), MISMATCH, "{header}");
    }
    // As bytes that are no visible ASCII, a name is none, whatever they spell.
    for odd in ["pods_délete", "a\u{fffd}", "a\u{7f}"] {
        assert_eq!(check(&name(odd), odd), MISMATCH, "{odd}");
    }
    // A name that looks encoded travels encoded, and means itself.
    let odd = "=?base64?cG9kcw==?=";
    assert_eq!(check(&name(odd), odd), MISMATCH);
    assert_eq!(check(&name(odd), "=?base64?PT9iYXNlNjQ/Y0c5a2N3PT0/PQ==?="), Ok(()));
}
