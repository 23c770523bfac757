//! Answers that cannot be cut: an error stands in their place, and nothing of them goes on.

use bytes::Bytes;

use super::{CLIENTS, EVENTS, JSON, Lists, MODERN, Piece, Script, Setting, is_hidden_in, result};
use crate::bodies::GZIP;
use crate::story::Story;
use crate::wire::{Answer, Framing};

fn is_error(case: &str, answer: &Answer, status: u16, reason: &str) {
    assert_eq!(answer.status, status, "{case}: {answer:?}");
    assert_eq!(answer.header("content-type"), Some(JSON), "{case}");
    let body = answer.json();
    assert_eq!(body["id"], 1, "{case}: {answer:?}");
    assert_eq!(body["error"]["code"], -32603, "{case}: {answer:?}");
    assert_eq!(body["error"]["data"]["reason"], reason, "{case}: {answer:?}");
}

const TOOLS: &str = r#"{"tools":[{"name":"open_a"},{"name":"hidden_b"}]}"#;

/// What is told by the headers alone, with the status and the reason that the client is told.
fn unreadable() -> Vec<(&'static str, Script, u16, &'static str)> {
    let json = || Script::new(JSON, result(TOOLS));
    let of_type = |content_type| Script::new(content_type, result(TOOLS));
    let (encoded, unreadable) = ("answer_encoded", "answer_unreadable");
    let gzip = || Script::new(JSON, Bytes::from_static(GZIP)).header("content-encoding", "gzip");
    vec![
        ("gzip", gzip(), 502, encoded),
        (
            "gzip in a stream",
            gzip().without("content-type").header("content-type", EVENTS),
            502,
            encoded,
        ),
        ("gzip that is none", json().header("content-encoding", "gzip"), 502, encoded),
        ("two encodings", json().header("content-encoding", "identity, br"), 502, encoded),
        (
            "an encoding twice",
            json().header("content-encoding", "identity").header("content-encoding", "br"),
            502,
            encoded,
        ),
        ("no type", json().without("content-type"), 502, unreadable),
        ("two types", json().header("content-type", EVENTS), 502, unreadable),
        ("two types in one", of_type("application/json, text/event-stream"), 502, unreadable),
        ("a page", of_type("text/html"), 502, unreadable),
        ("text", of_type("text/plain; charset=utf-8"), 502, unreadable),
        ("lines", of_type("application/x-ndjson"), 502, unreadable),
        ("another charset", of_type("application/json; charset=utf-16"), 502, unreadable),
        (
            "a stream in another charset",
            of_type("text/event-stream; charset=iso-8859-1"),
            502,
            unreadable,
        ),
        ("parts", of_type("multipart/mixed; boundary=x"), 502, unreadable),
        ("created", json().status(201), 502, unreadable),
        ("accepted", json().status(202), 502, unreadable),
        ("partial", json().status(206).header("content-range", "bytes 0-9/100"), 502, unreadable),
        ("elsewhere", json().status(302).header("location", "/hidden_b"), 502, unreadable),
        (
            "not signed in",
            of_type("text/plain").status(401).header("www-authenticate", "Bearer realm=\"hidden\""),
            502,
            unreadable,
        ),
        ("not found", of_type("text/html").status(404), 404, unreadable),
        ("a stream that is an error", of_type(EVENTS).status(500), 500, unreadable),
    ]
}

/// What is told by the body.
fn unfit() -> Vec<(&'static str, String, &'static str)> {
    let with = |members: &str| format!(r#"{{"jsonrpc":"2.0",{members}}}"#);
    let good = result(TOOLS);
    let (mismatch, malformed) = ("answer_mismatch", "answer_malformed");
    vec![
        ("another id", with(&format!(r#""id":2,"result":{TOOLS}"#)), mismatch),
        ("an id of another type", with(&format!(r#""id":"1","result":{TOOLS}"#)), mismatch),
        ("no id", with(&format!(r#""result":{TOOLS}"#)), mismatch),
        (
            "a result and an error",
            with(&format!(r#""id":1,"result":{TOOLS},"error":{{"code":1,"message":"hidden_b"}}"#)),
            mismatch,
        ),
        ("a batch", format!("[{good}]"), mismatch),
        ("a notification", with(&format!(r#""method":"x","params":{TOOLS}"#)), mismatch),
        (
            "two results",
            with(&format!(r#""id":1,"result":{{"tools":[]}},"result":{TOOLS}"#)),
            malformed,
        ),
        (
            "two results, escaped",
            with(&format!(r#""id":1,"result":{{"tools":[]}},"r\u0065sult":{TOOLS}"#)),
            malformed,
        ),
        (
            "a result beside it",
            with(&format!(r#""id":1,"result":{{"tools":[]}},"Result":{TOOLS}"#)),
            malformed,
        ),
        ("two lists", result(r#"{"tools":[],"tools":[{"name":"hidden_b"}]}"#), malformed),
        ("another list", result(r#"{"tools":[],"prompts":[{"name":"hidden_b"}]}"#), malformed),
        ("a name twice", result(r#"{"tools":[{"name":"open_a","name":"hidden_b"}]}"#), malformed),
        ("two answers", format!("{good}{good}"), malformed),
        ("a mark in front", format!("\u{feff}{good}"), malformed),
        ("cut short", good[..good.len() - 1].to_owned(), malformed),
        ("a stream that says it is none", super::event(&good), malformed),
        ("nothing", String::new(), malformed),
        ("no list", result(r#"{"x":["hidden_b"]}"#), "answer_not_a_list"),
        ("a list of texts", result(r#"{"tools":["hidden_b"]}"#), "answer_not_a_list"),
    ]
}

#[tokio::test]
async fn what_cannot_be_read_is_replaced_by_an_error() {
    for setting in [Setting::usual(), Setting::frames()] {
        let mut lists = Lists::begin(setting).await;
        let request = lists.request("tools/list", MODERN);
        for framing in CLIENTS {
            for (case, script, status, reason) in unreadable() {
                let script = script.header("mcp-session-id", "hidden").header("retry-after", "12");
                let answer = lists.cuts(case, &request, framing, script).await.unwrap();
                is_error(case, &answer, status, reason);
                assert_eq!(answer.header("retry-after"), Some("12"), "{case}");
                assert_eq!(answer.header("www-authenticate"), None, "{case}");
            }
            for (case, body, reason) in unfit() {
                for size in [body.len().max(1), 50] {
                    let script = Script::new(JSON, body.clone()).in_pieces_of(size);
                    let answer = lists.cuts(case, &request, framing, script).await.unwrap();
                    is_error(case, &answer, 502, reason);
                }
            }
            let bytes = [&b"{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"tools\":[{\"name\":\"hidden\xff\"}]}}"[..]].concat();
            let answer = lists.cuts("no text", &request, framing, Script::new(JSON, bytes)).await;
            is_error("no text", &answer.unwrap(), 502, "answer_malformed");
            // A result that an error's status takes back.
            let script = Script::new(JSON, result(TOOLS)).status(500);
            let answer = lists.cuts("a failure", &request, framing, script).await.unwrap();
            is_error("a failure", &answer, 500, "answer_mismatch");
            // The twin of them all.
            let script = Script::new(JSON, result(TOOLS));
            let answer = lists.cuts("the twin", &request, framing, script).await.unwrap();
            assert_eq!(answer.json()["result"]["tools"][0]["name"], "open_a");
        }
        let counted = lists.story.bench.gateway.counters().await.unwrap();
        assert!(counted["deny.answer_encoded"] > 0, "{counted:?}");
        lists.ends().await;
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_none() {
    for setting in [Setting::usual(), Setting::frames()] {
        let mut lists = Lists::begin(setting).await;
        let request = lists.request("tools/list", MODERN);
        let whole = result(TOOLS);
        for framing in CLIENTS {
            let announced = (whole.len() + 10).to_string();
            for (case, script) in [
                ("in the middle", Script::new(JSON, whole[..60].to_owned())),
                ("at the end", Script::new(JSON, whole.clone())),
                (
                    "before its length",
                    Script::new(JSON, whole.clone()).header("content-length", &announced),
                ),
            ] {
                let script = script.then(Piece::Break);
                // Either Envoy's own words or nothing.
                let answer = lists.sends(&request, framing, script).await;
                let is_none = |it: &Answer| it.status >= 500 && !is_hidden_in(it);
                assert!(answer.as_ref().is_none_or(is_none), "{case}: {answer:?}");
            }
        }
        lists.ends().await;
    }
}

#[tokio::test]
async fn an_answer_without_a_body_is_an_error_with_or_without_trailers() {
    for setting in [Setting::usual(), Setting::frames()] {
        let mut lists = Lists::begin(setting).await;
        let request = lists.request("tools/list", MODERN);
        for framing in CLIENTS {
            let mut empty = Script::new(JSON, "");
            empty.pieces.clear();
            let trailers = empty.clone().header("trailer", "x-tools").then(Piece::Trailers);
            let none = empty.clone().header("content-length", "0");
            for (case, script) in [("nothing", empty), ("a length", none), ("trailers", trailers)] {
                let answer = lists.cuts(case, &request, framing, script.clone()).await.unwrap();
                is_error(case, &answer, 502, "answer_malformed");
                let script = script.without("content-type").header("content-type", EVENTS);
                let case = format!("{case}, a stream");
                // Behind a stream's headers there is no error but the end.
                if let Some(answer) = lists.cuts(&case, &request, framing, script).await {
                    assert!(answer.text().contains("answer_missing"), "{case}: {answer:?}");
                }
            }
        }
        lists.ends().await;
    }
}

#[tokio::test]
async fn what_envoy_says_when_the_server_is_gone_is_an_error_of_the_list() {
    let mut lists = Lists::begin(Setting::usual()).await;
    let request = lists.request("tools/list", MODERN);
    let Story { bench, .. } = &lists.story;
    bench.upstream.hang_up().await.unwrap();
    for framing in CLIENTS {
        for _ in 0..3 {
            let answer = request.send(&lists.story.bench.gateway, framing).await.unwrap();
            is_error("gone", &answer, 503, "answer_unreadable");
        }
    }
    lists.story.bench.upstream.listen_again().unwrap();
    lists.story.nothing_arrived("back again").await;
    let script = Script::new(JSON, result(TOOLS));
    let answer = lists.cuts("back again", &request, Framing::Length, script).await.unwrap();
    assert_eq!(answer.status, 200);
    lists.ends().await;
}
