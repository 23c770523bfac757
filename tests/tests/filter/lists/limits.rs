//! How long a list may be, and that a long stream is not held.

use serde_json::{Value, json};

use super::{
    CLIENTS, EVENTS, JSON, Lists, MODERN, Piece, Script, Setting, event, messages, result,
};
use crate::plans::http_connection;
use crate::wire::Framing;

/// A list of so many tools of a kilobyte each, every other one hidden.
fn tools(count: usize) -> String {
    let text = "é".repeat(480);
    let tools: Vec<_> = (0..count)
        .map(|at| {
            let kind = if at % 2 == 0 { "hidden" } else { "open" };
            format!(r#"{{"name":"{kind}_{at}","description":"{text}"}}"#)
        })
        .collect();
    result(&format!(r#"{{"tools":[{}]}}"#, tools.join(",")))
}

fn names(answer: &Value) -> Vec<String> {
    let tools = answer["result"]["tools"].as_array().unwrap();
    tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_list_of_two_megabytes_is_cut() {
    for setting in [Setting::usual(), Setting::frames()] {
        let mut lists = Lists::begin(setting).await;
        let request = lists.request("tools/list", MODERN);
        let body = tools(2200);
        assert!(body.len() > 2_000_000, "{}", body.len());
        let open: Vec<_> = (1..2200).step_by(2).map(|at| format!("open_{at}")).collect();
        for framing in CLIENTS {
            let script = Script::new(JSON, body.clone());
            let answer = lists.cuts("2 MB", &request, framing, script).await.unwrap();
            assert_eq!(answer.status, 200);
            assert_eq!(names(&answer.json()), open);
            let script = Script::new(EVENTS, event(&body)).in_pieces_of(10_000);
            let answer = lists.cuts("2 MB", &request, framing, script).await.unwrap();
            assert_eq!(names(&messages(&answer.text())[0]), open);
        }
        lists.ends().await;
    }
}

#[tokio::test]
async fn what_is_over_the_limit_is_refused_and_what_is_not_is_not() {
    let fits = tools(60);
    let limit = fits.len();
    for setting in [Setting::limit(limit), Setting { http2: true, ..Setting::limit(limit) }] {
        let mut lists = Lists::begin(setting).await;
        let request = lists.request("tools/list", MODERN);
        for framing in CLIENTS {
            for size in [1000, limit * 100] {
                let script = Script::new(JSON, fits.clone()).in_pieces_of(size);
                let answer = lists.cuts("fits", &request, framing, script).await.unwrap();
                assert_eq!(names(&answer.json()).len(), 30);
                for (case, body) in [
                    ("a byte more", format!("{fits} ")),
                    ("much more", tools(1000)),
                    ("more than Envoy holds", tools(4000)),
                ] {
                    let length = body.len().to_string();
                    for announced in [false, true] {
                        let script = Script::new(JSON, body.clone()).in_pieces_of(size);
                        let script = if announced {
                            script.header("content-length", &length)
                        } else {
                            script
                        };
                        let answer = lists.cuts(case, &request, framing, script).await.unwrap();
                        assert_eq!(answer.status, 502, "{case} {size}: {answer:?}");
                        let reason = &answer.json()["error"]["data"]["reason"];
                        assert_eq!(reason, "answer_too_large", "{case}");
                    }
                    let script = Script::new(EVENTS, event(&body)).in_pieces_of(size);
                    let answer = lists.cuts(case, &request, framing, script).await.unwrap();
                    let told = messages(&answer.text());
                    assert_eq!(told[0]["error"]["data"]["reason"], "answer_too_large", "{case}");
                    assert_eq!(told.len(), 1);
                }
            }
        }
        lists.ends().await;
    }
}

/// Where somebody has set it smaller, Envoy's own limit comes first: then Envoy answers, and nothing of the list goes on.
#[tokio::test]
async fn what_envoy_does_not_hold_does_not_go_on_either() {
    for http2 in [false, true] {
        let edit = |bootstrap: &mut Value| {
            let listener = &mut bootstrap["static_resources"]["listeners"][0];
            listener["per_connection_buffer_limit_bytes"] = json!(100_000);
            let frames = &mut http_connection(bootstrap)["http2_protocol_options"];
            frames["initial_stream_window_size"] = json!(100_000);
        };
        let mut lists =
            Lists::begin(Setting { http2, edit: Box::new(edit), ..Setting::usual() }).await;
        let request = lists.request("tools/list", MODERN);
        for framing in CLIENTS {
            for size in [1000, 1 << 30] {
                let script = Script::new(JSON, tools(1000)).in_pieces_of(size);
                let case = format!("{framing:?}, {size}");
                let answer = lists.sends(&request, framing, script).await;
                let answer = answer.unwrap_or_else(|| panic!("{case}"));
                assert!(
                    answer.status >= 500 && !super::is_hidden_in(&answer),
                    "{case}: {answer:?}"
                );
            }
            // What fits is cut, and a stream is not held at all.
            let answer = lists.cuts("fits", &request, framing, Script::new(JSON, tools(60))).await;
            assert_eq!(names(&answer.unwrap().json()).len(), 30);
            let script = Script::new(EVENTS, event(&tools(1000))).in_pieces_of(1000);
            let answer = lists.cuts("a stream", &request, framing, script).await.unwrap();
            assert_eq!(names(&messages(&answer.text())[0]).len(), 500);
        }
        lists.ends().await;
    }
}

#[tokio::test]
async fn a_long_stream_takes_no_more_memory_than_a_short_one() {
    let mut lists = Lists::begin(Setting::usual()).await;
    let request = lists.request("tools/list", MODERN);
    let progress = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}"#;
    let events = event(progress).repeat(1000);
    let long = |megabytes: usize| {
        let mut script = Script::new(EVENTS, "");
        for _ in 0..megabytes * 1_000_000 / events.len() {
            script = script.then(Piece::Data(events.clone().into()));
        }
        script.then(Piece::Data(event(&tools(10)).into()))
    };
    lists.cuts("short", &request, Framing::Length, long(2)).await.unwrap();
    let before = lists.story.bench.gateway.envoy.rss().unwrap();
    let answer = lists.cuts("long", &request, Framing::Length, long(60)).await.unwrap();
    let after = lists.story.bench.gateway.envoy.rss().unwrap();
    let told = answer.text().matches("notifications/progress").count();
    assert!(told > 500_000, "{told}");
    let grown = after.saturating_sub(before);
    assert!(grown < 20_000_000, "{before} bytes, then {after}");
    lists.ends().await;
}
