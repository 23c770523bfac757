//! Answers of which nothing is sent, and a server's errors, of which the code is.

use obolus_core::Reason;
use obolus_core::mcp::MirroredHeaders;
use obolus_core::mcp::answers::Outcome;
use serde_json::{Value, json};

use super::{LIMIT, answer, asked, expected, permits, refused};

#[test]
fn an_answer_with_the_requests_id_passes_and_any_other_does_not() {
    let body = |id: &str| format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"tools":[]}}}}"#);
    for (asked_with, answered_with) in [
        ("1", "1"),
        ("1", "1.0"),
        ("100", "1e2"),
        ("0", "-0"),
        ("\"a\"", "\"\\u0061\""),
        ("18446744073709551615", "18446744073709551615"),
    ] {
        let answer = answer(&asked("tools/list", asked_with), &body(answered_with));
        let outcome = Outcome::Result { kept: 0, hidden: 0 };
        assert_eq!(answer.outcome, outcome, "{asked_with} {answered_with}");
    }
    for (asked_with, answered_with) in [
        ("1", "2"),
        ("1", "\"1\""),
        ("\"1\"", "1"),
        ("1", "null"),
        ("1", "[1]"),
        ("1", "{}"),
        ("1", "true"),
        ("\"a\"", "\"A\""),
        ("18446744073709551615", "18446744073709551614"),
    ] {
        let answer = answer(&asked("tools/list", asked_with), &body(answered_with));
        let outcome = Outcome::Refused(Reason::AnswerMismatch);
        assert_eq!(answer.outcome, outcome, "{asked_with} {answered_with}");
    }
}

#[test]
fn whatever_is_not_the_one_response_is_replaced() {
    let tools = r#"{"tools":[{"name":"open"},{"name":"hidden"}]}"#;
    let (list, mismatch) = (asked("tools/list", "1"), Reason::AnswerMismatch);
    let (malformed, no_list) = (Reason::AnswerMalformed, Reason::AnswerNotAList);
    for (body, reason) in [
        // Not this request's.
        (format!(r#"{{"jsonrpc":"2.0","id":2,"result":{tools}}}"#), mismatch),
        (format!(r#"{{"jsonrpc":"2.0","result":{tools}}}"#), mismatch),
        (format!(r#"{{"jsonrpc":"2.0","id":null,"result":{tools}}}"#), mismatch),
        // Not one response.
        (
            format!(r#"{{"jsonrpc":"2.0","id":1,"result":{tools},"error":{{"code":1,"message":"m"}}}}"#),
            mismatch,
        ),
        (format!(r#"{{"jsonrpc":"2.0","id":1,"result":{tools},"error":null}}"#), mismatch),
        (format!(r#"{{"jsonrpc":"2.0","id":1,"result":{tools},"method":"m"}}"#), mismatch),
        (format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{tools}}}"#), mismatch),
        (format!(r#"{{"jsonrpc":"2.0","method":"m","params":{tools}}}"#), mismatch),
        (r#"{"jsonrpc":"2.0","id":1}"#.to_owned(), mismatch),
        (format!(r#"[{{"jsonrpc":"2.0","id":1,"result":{tools}}}]"#), mismatch),
        (r#""hidden""#.to_owned(), mismatch),
        (format!(r#"{{"id":1,"result":{tools}}}"#), mismatch),
        (format!(r#"{{"jsonrpc":"1.0","id":1,"result":{tools}}}"#), mismatch),
        (format!(r#"{{"jsonrpc":2.0,"id":1,"result":{tools}}}"#), mismatch),
        // No list.
        (r#"{"jsonrpc":"2.0","id":1,"result":{}}"#.to_owned(), no_list),
        (r#"{"jsonrpc":"2.0","id":1,"result":null}"#.to_owned(), no_list),
        (r#"{"jsonrpc":"2.0","id":1,"result":[{"name":"hidden"}]}"#.to_owned(), no_list),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"prompt":[{"name":"hidden"}]}}"#.to_owned(), no_list),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"tools":{"name":"hidden"}}}"#.to_owned(), no_list),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"tools":null}}"#.to_owned(), no_list),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"tools":["hidden"]}}"#.to_owned(), no_list),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"title":"hidden"}]}}"#.to_owned(), no_list),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":["hidden"]}]}}"#.to_owned(), no_list),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"open"},[]]}}"#.to_owned(), no_list),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"resultType":"input_required","x":["hidden"]}}"#.to_owned(),
            no_list,
        ),
        // Two readings.
        (format!(r#"{{"jsonrpc":"2.0","id":2,"id":1,"result":{tools}}}"#), malformed),
        (format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[]}},"result":{tools}}}"#), malformed),
        (format!(r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[]}},"Result":{tools}}}"#), malformed),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[],"tools":[{"name":"hidden"}]}}"#.to_owned(),
            malformed,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[],"t\u006fols":[{"name":"hidden"}]}}"#.to_owned(),
            malformed,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[],"Tools":[{"name":"hidden"}]}}"#.to_owned(),
            malformed,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[],"toolſ":[{"name":"hidden"}]}}"#.to_owned(),
            malformed,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[],"tools\u0000x":[{"name":"hidden"}]}}"#.to_owned(),
            malformed,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"open","name":"hidden"}]}}"#.to_owned(),
            malformed,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"open","NAME":"hidden"}]}}"#.to_owned(),
            malformed,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"open","x":[{"y":{"a":1,"a":2}}]}]}}"#.to_owned(),
            malformed,
        ),
        // Another list beside the one that was asked for: clients exist that take a result for what it looks like.
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[],"prompts":[{"name":"hidden"}]}}"#
                .to_owned(),
            malformed,
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[],"CacheScope":"public"}}"#.to_owned(),
            malformed,
        ),
        // In a hidden entry as well: where it ends is known only if it is read.
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"hidden","x":{"a":1,"a":2}}]}}"#.to_owned(),
            malformed,
        ),
        // No JSON.
        (String::new(), malformed),
        ("<html>hidden</html>".to_owned(), malformed),
        (format!(r#"{{"jsonrpc":"2.0","id":1,"result":{tools}"#), malformed),
        (format!(r#"{{"jsonrpc":"2.0","id":1,"result":{tools}}}{{}}"#), malformed),
        (format!("\u{feff}{{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{tools}}}"), malformed),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"open"},]}}"#.to_owned(), malformed),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"\ud800"}]}}"#.to_owned(), malformed),
        (r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"open","n":1e999}]}}"#.to_owned(), malformed),
        (
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"result":{{"tools":[{{"name":"open","deep":{}}}]}}}}"#,
                ["[".repeat(200), "]".repeat(200)].concat()
            ),
            malformed,
        ),
        // A data event of a stream is no body.
        (format!("data: {{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{tools}}}\n\n"), malformed),
    ] {
        refused(&list, body.as_bytes(), reason);
    }
    refused(
        &list,
        b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[{\"name\":\"open\xff\"}]}}",
        malformed,
    );
    refused(&list, b"\x1f\x8b\x08\0hidden", malformed);
    // The twin of them all.
    let good = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{tools}}}"#);
    assert_eq!(answer(&list, &good).outcome, Outcome::Result { kept: 1, hidden: 1 });
}

#[test]
fn a_servers_error_is_retold_by_its_code_without_its_words() {
    let list = asked("tools/list", "\"q\"");
    for (error, told) in [
        (
            r#"{"code":-32601,"message":"no hidden_tool","data":{"tools":["hidden_tool"]}}"#,
            json!({"code": -32601, "message": "the server does not have this method"}),
        ),
        (
            r#"{"code":-32602,"message":"hidden","data":{"supported":["2025-11-25"]},"x":"hidden"}"#,
            json!({"code": -32602, "message": "the server does not take these params"}),
        ),
        (
            r#"{"data":"hidden","message":"hidden","code":7}"#,
            json!({"code": 7, "message": "the server answered with an error"}),
        ),
        // By this a client chooses the revision to go on with.
        (
            r#"{"code":-32022,"message":"hidden","data":{"supported":["2025-11-25","hidden","2026-07-28",1],"requested":"2027-01-01","x":"hidden"}}"#,
            json!({
                "code": -32022,
                "message": "the server does not speak this protocol version",
                "data": {"supported": ["2025-11-25", "2026-07-28"], "requested": "2027-01-01"},
            }),
        ),
        (
            r#"{"code":-32022,"message":"m","data":{"supported":["2025-11-25"],"requested":"hidden_one"}}"#,
            json!({
                "code": -32022,
                "message": "the server does not speak this protocol version",
                "data": {"supported": ["2025-11-25"]},
            }),
        ),
        (
            r#"{"code":-32022,"message":"m","data":"hidden"}"#,
            json!({"code": -32022, "message": "the server does not speak this protocol version"}),
        ),
    ] {
        // Whoever cannot read a request may not know its id.
        for id in [r#""id":"q","#, r#""id":null,"#, ""] {
            let body = format!(r#"{{"jsonrpc":"2.0",{id}"error":{error}}}"#);
            for status in [200, 400, 404, 500] {
                let answer = list.answer(status, body.as_bytes(), LIMIT, permits);
                assert_eq!(answer.status, status);
                assert_eq!(answer.outcome, Outcome::Error(told["code"].as_i64().unwrap()));
                let said: Value = serde_json::from_str(&answer.body).unwrap();
                assert_eq!(said, json!({"jsonrpc": "2.0", "id": "q", "error": told}));
            }
        }
    }
}

#[test]
fn an_error_that_is_none_is_replaced() {
    let list = asked("tools/list", "1");
    for (error, reason) in [
        (r#"{"code":"hidden","message":"m"}"#, Reason::AnswerMismatch),
        (r#"{"code":1.5,"message":"m"}"#, Reason::AnswerMismatch),
        (r#"{"code":1}"#, Reason::AnswerMismatch),
        (r#"{"code":1,"message":["hidden"]}"#, Reason::AnswerMismatch),
        (r#""hidden""#, Reason::AnswerMismatch),
        ("null", Reason::AnswerMismatch),
        (r#"{"code":1,"message":"m","Message":"hidden"}"#, Reason::AnswerMalformed),
        (r#"{"code":1,"code":2,"message":"m"}"#, Reason::AnswerMalformed),
    ] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"error":{error}}}"#);
        refused(&list, body.as_bytes(), reason);
    }
    let others = br#"{"jsonrpc":"2.0","id":2,"error":{"code":1,"message":"hidden"}}"#;
    refused(&list, others, Reason::AnswerMismatch);
}

#[test]
fn a_result_under_an_errors_status_is_replaced_and_the_status_stays() {
    let body = br#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"open"}]}}"#;
    for (status, kept) in [(404, 404), (500, 500), (201, 502), (302, 502)] {
        let answer = asked("tools/list", "1").answer(status, body, LIMIT, permits);
        assert_eq!(answer.outcome, Outcome::Refused(Reason::AnswerMismatch));
        assert_eq!(answer.status, kept);
        assert!(!answer.body.contains("open"));
    }
}

#[test]
fn what_has_no_id_has_no_answer() {
    let body = r#"{"jsonrpc":"2.0","method":"notifications/cancelled"}"#;
    let expected = expected(body, MirroredHeaders::default());
    assert_eq!(expected.list(), None);
    for id in [r#""id":1,"#, r#""id":null,"#, ""] {
        let body = format!(r#"{{"jsonrpc":"2.0",{id}"result":{{"tools":[{{"name":"open"}}]}}}}"#);
        let answer = expected.answer(200, body.as_bytes(), LIMIT, permits);
        assert_eq!(answer.outcome, Outcome::Refused(Reason::AnswerMismatch));
        assert!(!answer.body.contains("open"));
    }
}
