//! What is done with an answer follows from what was asked for; its headers say only whether it can be read.

use obolus_core::Reason;
use obolus_core::mcp::answers::{AnswerHead, AnswerPlan, Outcome, STALE_HEADERS};
use serde_json::Value;

use crate::list_answers::{asked, asked_for_the_stream};

fn plan(method: &str, status: u16, content_type: &[&str], encoding: &[&str]) -> AnswerPlan {
    let head = AnswerHead {
        status,
        content_type,
        content_encoding: encoding,
        content_length: None,
        limit: 1000,
    };
    AnswerPlan::of(&asked(method, "1"), head)
}

#[test]
fn a_body_that_is_announced_as_too_long_is_not_waited_for() {
    let of = |method, content_type, content_length| {
        let head = AnswerHead {
            status: 200,
            content_type: &[content_type],
            content_encoding: &[],
            content_length,
            limit: 1000,
        };
        AnswerPlan::of(&asked(method, "1"), head)
    };
    let (json, stream) = ("application/json", "text/event-stream");
    assert_eq!(of("tools/list", json, Some(1000)), AnswerPlan::Whole);
    assert_eq!(of("tools/list", stream, Some(1001)), AnswerPlan::Stream);
    assert_eq!(of("tools/call", json, Some(1001)), AnswerPlan::Untouched);
    let AnswerPlan::Instead(answer) = of("tools/list", json, Some(1001)) else { panic!() };
    assert_eq!((answer.status, answer.outcome), (502, Outcome::Refused(Reason::AnswerTooLarge)));
}

const LISTS: [&str; 4] =
    ["tools/list", "prompts/list", "resources/list", "resources/templates/list"];

#[test]
fn a_list_is_held_as_json_and_cut_event_by_event_as_a_stream() {
    for method in LISTS {
        for (status, content_type, expected) in [
            (200, "application/json", AnswerPlan::Whole),
            (200, "Application/JSON; charset=\"UTF-8\"", AnswerPlan::Whole),
            (400, "application/json", AnswerPlan::Whole),
            (404, "application/json", AnswerPlan::Whole),
            (503, "application/json", AnswerPlan::Whole),
            (200, "text/event-stream", AnswerPlan::Stream),
            (200, "text/event-stream;charset=utf-8", AnswerPlan::Stream),
        ] {
            assert_eq!(plan(method, status, &[content_type], &[]), expected, "{content_type}");
            let identity =
                plan(method, status, &[content_type], &["Identity", "identity, identity"]);
            assert_eq!(identity, expected);
        }
    }
}

#[test]
fn what_cannot_be_read_is_replaced_before_any_of_it_is_there() {
    let (json, stream) = ("application/json", "text/event-stream");
    let unreadable = Reason::AnswerUnreadable;
    for method in LISTS {
        for (status, types, encodings, told, reason) in [
            (200, &[json][..], &["gzip"][..], 502, Reason::AnswerEncoded),
            (200, &[stream], &["br"], 502, Reason::AnswerEncoded),
            (200, &[json], &["identity, gzip"], 502, Reason::AnswerEncoded),
            (200, &[json], &["identity", "gzip"], 502, Reason::AnswerEncoded),
            (200, &[json], &[""], 502, Reason::AnswerEncoded),
            (500, &[json], &["gzip"], 500, Reason::AnswerEncoded),
            (200, &[], &[], 502, unreadable),
            (200, &[""], &[], 502, unreadable),
            (200, &["text/html"], &[], 502, unreadable),
            (200, &["application/json-seq"], &[], 502, unreadable),
            (200, &["application/x-ndjson"], &[], 502, unreadable),
            (200, &["application/json, text/event-stream"], &[], 502, unreadable),
            (200, &[json, stream], &[], 502, unreadable),
            (200, &[json, json], &[], 502, unreadable),
            (200, &["application/json; charset=utf-16"], &[], 502, unreadable),
            (200, &["text/event-stream; charset=utf-7"], &[], 502, unreadable),
            (201, &[json], &[], 502, unreadable),
            (202, &[], &[], 502, unreadable),
            (204, &[], &[], 502, unreadable),
            (206, &[json], &[], 502, unreadable),
            (302, &[json], &[], 502, unreadable),
            (401, &["text/plain"], &[], 502, unreadable),
            (403, &["text/plain"], &[], 403, unreadable),
            (404, &[stream], &[], 404, unreadable),
            (503, &["text/plain"], &[], 503, unreadable),
        ] {
            let AnswerPlan::Instead(answer) = plan(method, status, types, encodings) else {
                panic!("{method} {status} {types:?} {encodings:?}");
            };
            assert_eq!(answer.status, told, "{status} {types:?}");
            assert_eq!(
                answer.outcome,
                Outcome::Refused(reason),
                "{status} {types:?} {encodings:?}"
            );
            let body: Value = serde_json::from_str(&answer.body).unwrap();
            assert_eq!(body["id"], 1);
            assert_eq!(body["error"]["data"]["reason"], reason.as_str());
        }
    }
}

#[test]
fn what_was_not_asked_for_as_a_list_is_untouched_whatever_it_looks_like() {
    for method in ["tools/call", "prompts/get", "initialize", "ping"] {
        for (status, content_type, encodings) in [
            (200, "application/json", &[][..]),
            (200, "text/event-stream", &[]),
            (200, "text/html", &["gzip"]),
            (503, "text/plain", &[]),
        ] {
            assert_eq!(plan(method, status, &[content_type], encodings), AnswerPlan::Untouched);
        }
    }
}

#[test]
fn headers_that_speak_of_the_old_body_are_named_as_http_2_has_them() {
    assert!(STALE_HEADERS.is_sorted());
    for name in ["content-length", "etag", "www-authenticate"] {
        assert!(STALE_HEADERS.contains(&name), "{name}");
    }
    assert!(STALE_HEADERS.iter().all(|name| *name == name.to_ascii_lowercase()));
}

#[test]
fn a_sessions_stream_is_a_stream_or_a_refusal_of_the_servers() {
    let of = |status, content_type: &[&str], encoding: &[&str]| {
        let head = AnswerHead {
            status,
            content_type,
            content_encoding: encoding,
            content_length: None,
            limit: 1000,
        };
        AnswerPlan::of(&asked_for_the_stream(), head)
    };
    assert_eq!(of(200, &["text/event-stream"], &[]), AnswerPlan::Stream);
    for status in [400, 404, 405, 503] {
        assert_eq!(of(status, &["application/json"], &[]), AnswerPlan::Untouched, "{status}");
        assert_eq!(of(status, &[], &["gzip"]), AnswerPlan::Untouched, "{status}");
    }
    for (status, content_type, encoding) in [
        (200, &["application/json"][..], &[][..]),
        (200, &[], &[]),
        (200, &["text/event-stream", "text/event-stream"], &[]),
        (200, &["text/event-stream"], &["gzip"]),
        (202, &["text/event-stream"], &[]),
        (204, &[], &[]),
        (307, &["text/event-stream"], &[]),
    ] {
        let plan = of(status, content_type, encoding);
        assert!(matches!(plan, AnswerPlan::Instead(_)), "{status} {content_type:?}: {plan:?}");
    }
}
