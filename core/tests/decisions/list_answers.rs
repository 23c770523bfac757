//! Answers to list requests that come as one body: what a person may use is there, what they may not is nowhere.
//!
//! Not proved here: that the filter asks, and that it sends what it is told.

use std::cell::Cell;

use obolus_core::Reason;
use obolus_core::mcp::answers::{Answer, Expected, Item, Outcome, ToolHints};
use obolus_core::mcp::{Admitted, List, Message, MirroredHeaders, Verb};
use serde_json::{Value, json};

mod replaced;

pub(crate) const LIMIT: usize = 1 << 20;

/// What the answer to this request has to be.
pub(crate) fn asked(method: &str, id: &str) -> Expected {
    let body =
        format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{"name":"n"}}}}"#);
    expected(&body, MirroredHeaders::default())
}

/// The same, of a client that speaks 2026-07-28.
pub(crate) fn asked_in_2026(method: &str, id: &str) -> Expected {
    let protocol_version = Some("2026-07-28");
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":{id},"method":"{method}","params":{{"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}}}}"#
    );
    let headers = MirroredHeaders { protocol_version, method: Some(method), ..Default::default() };
    expected(&body, headers)
}

fn expected(body: &str, headers: MirroredHeaders<'_>) -> Expected {
    let message = Message::parse(body.as_bytes()).unwrap();
    Expected::of(&Admitted::read(headers, &message).unwrap())
}

/// A session's stream of the server's own messages.
pub(crate) fn asked_for_the_stream() -> Expected {
    let message = Message::without_body(Verb::SessionStream, b"").unwrap();
    let headers = MirroredHeaders::default();
    Expected::of(&Admitted::without_body(Verb::SessionStream, headers, &message).unwrap())
}

/// May this person use it? What begins like this they may not.
pub(crate) fn permits(item: &Item<'_>) -> bool {
    !item.name().starts_with("hidden")
}

fn answer(expected: &Expected, body: &str) -> Answer {
    expected.answer(200, body.as_bytes(), LIMIT, permits)
}

/// Checks that nothing of a body was sent, and why.
fn refused(expected: &Expected, body: &[u8], reason: Reason) {
    let shown = String::from_utf8_lossy(body);
    let answer = expected.answer(200, body, LIMIT, permits);
    assert_eq!(answer.outcome, Outcome::Refused(reason), "{shown}");
    assert_eq!(answer.status, 502, "{shown}");
    assert!(!answer.body.contains("hidden") && !answer.body.contains("open"), "{shown}");
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(body["jsonrpc"], "2.0");
    assert_eq!(body["id"], 1);
    assert_eq!(body["error"]["code"], -32603);
    assert_eq!(body["error"]["data"]["reason"], reason.as_str());
    assert_eq!(body.get("result"), None);
}

#[test]
fn each_list_is_cut_by_what_its_entries_are_used_by() {
    for (method, list, key) in [
        ("tools/list", "tools", "name"),
        ("prompts/list", "prompts", "name"),
        ("resources/list", "resources", "uri"),
        ("resources/templates/list", "resourceTemplates", "uriTemplate"),
    ] {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"result":{{"{list}":[{{"{key}":"open/b"}},{{"{key}":"hidden/x"}},{{"{key}":"open/a"}}]}}}}"#
        );
        let answer = answer(&asked(method, "1"), &body);
        let cut = format!(
            r#"{{"jsonrpc":"2.0","id":1,"result":{{"{list}":[{{"{key}":"open/b"}},{{"{key}":"open/a"}}]}}}}"#
        );
        assert_eq!(answer.body, cut);
        assert_eq!((answer.status, answer.outcome), (200, Outcome::Result { kept: 2, hidden: 1 }));
    }
}

#[test]
fn a_resource_is_not_decided_on_by_what_it_is_labelled() {
    let body = r#"{"jsonrpc":"2.0","id":1,"result":{"resources":[{"name":"hidden","uri":"open:a"},{"name":"open","uri":"hidden:b"}]}}"#;
    let cut =
        r#"{"jsonrpc":"2.0","id":1,"result":{"resources":[{"name":"hidden","uri":"open:a"}]}}"#;
    assert_eq!(answer(&asked("resources/list", "1"), body).body, cut);
}

#[test]
fn what_is_kept_is_kept_byte_for_byte_and_so_are_unknown_members_of_the_result() {
    let kept = "{\n \"title\" : \"\\u00e9\\ud83d\\ude00 \\/\", \"name\":\"op\\u0065n\", \"x\":[1.10, 1e2, -0, 123456789012345678901234567890], \"z\":{}, \"a\":null }";
    let body = format!(
        " {{ \"x-before\" : 1.0 ,\"result\":{{\"nextCursor\":\"c\\u0031\",\"tools\" : [ {{\"name\":\"h\\u0069dden\"}} , {kept} ,{{\"name\":\"hidden2\"}} ] , \"_meta\":{{\"k\":1.50}}}}, \"id\":1,\"jsonrpc\":\"2.0\"}}\n"
    );
    let cut = format!(
        "{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{{\"nextCursor\":\"c\\u0031\",\"tools\" : [{kept}] , \"_meta\":{{\"k\":1.50}}}}}}"
    );
    let answer = answer(&asked("tools/list", "1"), &body);
    assert_eq!(answer.body, cut);
    assert_eq!(answer.outcome, Outcome::Result { kept: 1, hidden: 2 });
}

#[test]
fn beside_the_result_a_cut_answer_has_nothing_but_what_a_response_has() {
    let list = r#""result":{"tools":[{"name":"open"}]}"#;
    for (before, behind) in [
        (r#""extra":{"tools":["hidden"]},"#, ""),
        ("", r#","params":{"tools":["hidden"]}"#),
        (r#""_meta":"hidden","#, r#" , "x" : [ "hidden" ] "#),
    ] {
        let body = format!(r#"{{{before}"id":1.0,{list},"jsonrpc":"2.0"{behind}}}"#);
        let answer = answer(&asked("tools/list", "1"), &body);
        assert_eq!(answer.body, format!(r#"{{"jsonrpc":"2.0","id":1,{list}}}"#), "{body}");
        assert_eq!(answer.outcome, Outcome::Result { kept: 1, hidden: 0 });
    }
}

#[test]
fn an_entry_whose_meta_is_too_much_to_be_read_is_no_entry_without_tags() {
    let body = |pad: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{{"name":"open","_meta":{{"tags":["secret"],"pad":[{pad}]}}}}]}}}}"#
        )
    };
    let is_open = |item: &Item<'_>| item.meta().get("tags").is_none();
    let list = asked("tools/list", "1");
    for (pad, reason) in [
        (vec!["0"; 20_001].join(","), Reason::AnswerTooLarge),
        ("1.7976931348623158e308".to_owned(), Reason::AnswerMalformed),
    ] {
        let answer = list.answer(200, body(&pad).as_bytes(), LIMIT, is_open);
        assert_eq!(answer.outcome, Outcome::Refused(reason));
        assert!(!answer.body.contains("open"));
    }
    let twin = list.answer(200, body("1e308,0").as_bytes(), LIMIT, is_open);
    assert_eq!(twin.outcome, Outcome::Result { kept: 0, hidden: 1 });
}

#[test]
fn a_servers_401_is_about_our_token_and_not_told_as_the_clients() {
    let list = asked("tools/list", "1");
    let error = br#"{"jsonrpc":"2.0","id":1,"error":{"code":-32001,"message":"m"}}"#;
    for (status, told) in [(401, 502), (403, 403), (429, 429), (503, 503)] {
        let answer = list.answer(status, error, LIMIT, permits);
        assert_eq!((answer.status, answer.outcome), (told, Outcome::Error(-32001)));
        assert_eq!(list.refuse(status, Reason::AnswerUnreadable).status, told);
    }
}

#[test]
fn a_list_may_be_empty_before_and_behind() {
    for (list, cut) in [("[]", "[]"), ("[ ]", "[]"), (r#"[{"name":"hidden"}]"#, "[]")] {
        let body = |list| format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":{list}}}}}"#);
        assert_eq!(answer(&asked("tools/list", "1"), &body(list)).body, body(cut));
    }
}

#[test]
fn a_cut_list_of_2026_is_private_and_lives_as_long_as_before() {
    let old = asked("tools/list", "1");
    let new = asked_in_2026("tools/list", "1");
    let body = |members: &str| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{{members}"tools":[{{"name":"open"}}]}}}}"#)
    };
    for (members, of_2026, of_2025) in [
        (
            r#""cacheScope":"public","ttlMs":5000,"#,
            r#""cacheScope":"private","ttlMs":5000,"#,
            r#""cacheScope":"private","ttlMs":5000,"#,
        ),
        (r#""cacheScope": null ,"#, r#""cacheScope": "private" ,"#, r#""cacheScope": "private" ,"#),
        (
            r#""resultType":"complete","cacheScope":"private","#,
            r#""resultType":"complete","cacheScope":"private","#,
            r#""resultType":"complete","cacheScope":"private","#,
        ),
    ] {
        assert_eq!(answer(&new, &body(members)).body, body(of_2026));
        assert_eq!(answer(&old, &body(members)).body, body(of_2025));
    }
    // A client of 2026 would take what is absent as it likes; an older one does not know it.
    let absent = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"open"}],"ttlMs":0 }}"#;
    let added = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"open"}],"ttlMs":0 ,"cacheScope":"private"}}"#;
    assert_eq!(answer(&new, absent).body, added);
    assert_eq!(answer(&old, absent).body, absent);
}

#[test]
fn a_body_over_the_limit_is_replaced_and_one_of_just_that_size_is_cut() {
    let body = br#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"hidden"}]}}"#;
    let list = asked("tools/list", "1");
    let fits = list.answer(200, body, body.len(), permits);
    assert_eq!(fits.outcome, Outcome::Result { kept: 0, hidden: 1 });
    let over = list.answer(200, body, body.len() - 1, permits);
    assert_eq!(over.outcome, Outcome::Refused(Reason::AnswerTooLarge));
    assert!(!over.body.contains("hidden"));
}

#[test]
fn entries_are_counted_because_each_is_decided_on() {
    let (list, decided) = (asked("tools/list", "1"), Cell::new(0));
    let outcome = |count: usize| {
        let entries = vec![r#"{"name":"open"}"#; count].join(",");
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{entries}]}}}}"#);
        let count = |_: &Item<'_>| decided.replace(decided.get() + 1) < usize::MAX;
        list.answer(200, body.as_bytes(), LIMIT, count).outcome
    };
    assert_eq!(outcome(10_000), Outcome::Result { kept: 10_000, hidden: 0 });
    assert_eq!(decided.take(), 10_000);
    assert_eq!(outcome(10_001), Outcome::Refused(Reason::AnswerTooLarge));
    assert_eq!(decided.take(), 10_000);
}

#[test]
fn a_thousand_keys_and_two_megabytes_are_no_reason_to_refuse() {
    let schema: Vec<_> = (0..1000).map(|key| format!(r#""p{key}":{{"type":"string"}}"#)).collect();
    let tools: Vec<_> = (0..82)
        .map(|tool| {
            let name = if tool % 2 == 0 { "open" } else { "hidden" };
            format!(r#"{{"name":"{name}_{tool}","inputSchema":{{{}}}}}"#, schema.join(","))
        })
        .collect();
    let body = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{}]}}}}"#, tools.join(","));
    assert!(body.len() > 2_000_000, "{}", body.len());
    let answer = asked("tools/list", "1").answer(200, body.as_bytes(), 4 << 20, permits);
    assert_eq!(answer.outcome, Outcome::Result { kept: 41, hidden: 41 });
    assert!(answer.body.contains("open_78") && !answer.body.contains("hidden"));
}

#[test]
fn a_decision_sees_what_the_server_says_of_an_entry_and_expects_the_worst() {
    let body = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[
        {"name":"a","annotations":{"readOnlyHint":true,"destructiveHint":false,"idempotentHint":true,"openWorldHint":false,"title":"t"},"_meta":{"tags":["read","k8s"]}},
        {"name":"b","annotations":{"readOnlyHint":"true","destructiveHint":0}},
        {"name":"c","annotations":["readOnlyHint"],"_meta":null},
        {"_meta":{},"name":"d"}]}}"#;
    let mut seen = Vec::new();
    let answer = asked("tools/list", "1").answer(200, body.as_bytes(), LIMIT, |item| {
        assert_eq!(item.list(), List::Tools);
        seen.push((item.name().to_owned(), item.hints(), item.meta().get("tags").cloned()));
        item.hints().read_only
    });
    let worst =
        ToolHints { read_only: false, destructive: true, idempotent: false, open_world: true };
    let best =
        ToolHints { read_only: true, destructive: false, idempotent: true, open_world: false };
    let tags = json!(["read", "k8s"]);
    assert_eq!(
        seen,
        [
            ("a".to_owned(), best, Some(tags)),
            ("b".to_owned(), worst, None),
            ("c".to_owned(), worst, None),
            ("d".to_owned(), worst, None),
        ]
    );
    assert_eq!(answer.outcome, Outcome::Result { kept: 1, hidden: 3 });
}

#[test]
fn an_answer_to_anything_else_is_held_against_its_request_and_not_cut() {
    let call = asked("tools/call", "1");
    assert_eq!(call.list(), None);
    for body in [
        r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"hidden"}],"n":1.10} }"#,
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":1,"message":"m","data":{"x":1.10}}}"#,
    ] {
        assert_eq!(answer(&call, body).body, body);
    }
    // Another request's answer must not come this way: the method of this one says nothing about it.
    refused(
        &call,
        br#"{"jsonrpc":"2.0","id":2,"result":{"tools":[{"name":"hidden"}]}}"#,
        Reason::AnswerMismatch,
    );
}
