//! Lists that come as event streams: cut event by event, wherever the pieces end, and never held.

use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Notify;

use super::{CLIENTS, EVENTS, Lists, MODERN, Piece, Script, Setting, event, messages, result};

const PROGRESS: &str = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1,"message":"é😀"}}"#;
const TOOLS: &str = r#"{"tools":[{"name":"hidden_a","d":"é😀"},{"name":"open_b","d":"é😀"},{"name":"hidden_c"},{"name":"open_a"}]}"#;

fn names(message: &Value) -> Vec<&str> {
    let tools = message["result"]["tools"].as_array().unwrap();
    tools.iter().filter_map(|tool| tool["name"].as_str()).collect()
}

fn reasons(text: &str) -> Vec<Value> {
    let told = messages(text).into_iter().map(|message| message["error"]["data"]["reason"].clone());
    told.filter(|reason| !reason.is_null()).collect()
}

#[tokio::test]
async fn events_are_cut_wherever_their_lines_and_the_pieces_end() {
    for setting in [Setting::usual(), Setting::frames()] {
        let mut lists = Lists::begin(setting).await;
        let request = lists.request("tools/list", MODERN);
        for framing in CLIENTS {
            for end in ["\n", "\r\n", "\r"] {
                for size in [1, 2, 13, 4000] {
                    let case = format!("{end:?} {size}");
                    let list =
                        result(TOOLS).replace(",\"result\"", &format!(",{end}data: \"result\""));
                    let stream = format!(
                        ": hidden{end}{end}id: 1{end}retry: 10{end}data:{end}{end}data: {PROGRESS}{end}{end}\
                         event: message{end}id: 2{end}data: {list}{end}{end}data: {PROGRESS}{end}{end}"
                    );
                    let script = Script::new(EVENTS, stream).in_pieces_of(size);
                    let answer = lists.cuts(&case, &request, framing, script).await.unwrap();
                    assert_eq!(answer.status, 200, "{case}");
                    let told = messages(&answer.text());
                    assert_eq!(told.len(), 3, "{case}: {}", answer.text());
                    assert_eq!(names(&told[1]), ["open_b", "open_a"], "{case}");
                    assert_eq!(told[1]["result"]["tools"][0]["d"], "é😀", "{case}");
                    assert_eq!(told[1]["result"]["cacheScope"], "private", "{case}");
                    assert_eq!(told[0].to_string(), told[2].to_string(), "{case}");
                }
            }
        }
        lists.ends().await;
    }
}

#[tokio::test]
async fn behind_what_does_not_fit_nothing_goes_on() {
    let list = event(&result(TOOLS));
    let other = list.replace("\"id\":1", "\"id\":2");
    let hidden = r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"hidden_z"}]}}"#;
    for setting in [Setting::usual(), Setting::frames()] {
        let mut lists = Lists::begin(setting).await;
        let request = lists.request("tools/list", MODERN);
        for framing in CLIENTS {
            for (case, stream, answers, told) in [
                ("another id", format!("{other}{list}"), 0, Some("answer_mismatch")),
                ("no JSON", format!("data: hidden\n\n{list}"), 0, Some("answer_malformed")),
                (
                    "two results",
                    event(&hidden.replace("\"result\"", "\"result\":{\"tools\":[]},\"result\"")),
                    0,
                    Some("answer_malformed"),
                ),
                (
                    "another list",
                    event(&hidden.replace("tools", "prompts")),
                    0,
                    Some("answer_malformed"),
                ),
                ("a batch", event(&format!("[{hidden}]")), 0, Some("answer_mismatch")),
                ("no answer", event(PROGRESS), 0, Some("answer_missing")),
                ("half an answer", list.trim_end().to_owned(), 0, Some("answer_missing")),
                ("nothing", String::new(), 0, Some("answer_missing")),
                ("a second answer", format!("{list}{}{}", event(PROGRESS), event(hidden)), 1, None),
                ("junk behind it", format!("{list}data: hidden\n\n"), 1, None),
                ("half an event behind it", format!("{list}data: hidden"), 1, None),
            ] {
                let script = Script::new(EVENTS, stream).in_pieces_of(40);
                let answer = lists.cuts(case, &request, framing, script).await.unwrap();
                assert_eq!(answer.status, 200, "{case}");
                let text = answer.text();
                assert_eq!(
                    messages(&text).iter().filter(|it| it["result"].is_object()).count(),
                    answers,
                    "{case}: {text}"
                );
                let reasons = reasons(&text);
                assert_eq!(
                    reasons.iter().map(|it| it.as_str().unwrap()).collect::<Vec<_>>(),
                    told.into_iter().collect::<Vec<_>>(),
                    "{case}"
                );
            }
        }
        lists.ends().await;
    }
}

#[tokio::test]
async fn a_stream_that_ends_in_the_middle_tells_nothing_of_what_was_in_it() {
    let list = result(TOOLS);
    for setting in [Setting::usual(), Setting::frames()] {
        let mut lists = Lists::begin(setting).await;
        let request = lists.request("tools/list", MODERN);
        for framing in CLIENTS {
            let half = Script::new(EVENTS, format!("data: {}", &list[..60])).then(Piece::Break);
            lists.cuts("broken off", &request, framing, half).await;
            let whole = Script::new(EVENTS, format!("data: {list}\n")).then(Piece::Break);
            lists.cuts("broken off before its blank line", &request, framing, whole).await;
            // Trailers: nothing could be said behind them.
            let none = Script::new(EVENTS, event(PROGRESS)).header("trailer", "x-tools");
            let answer =
                lists.cuts("no answer", &request, framing, none.then(Piece::Trailers)).await;
            assert!(answer.is_none_or(|it| it.text().contains("answer_missing")));
        }
        lists.ends().await;
    }
}

#[tokio::test]
async fn an_event_goes_on_before_the_next_one_comes() {
    let mut lists = Lists::begin(Setting::usual()).await;
    let (first, second) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let script = Script::new(EVENTS, event(PROGRESS))
        .then(Piece::Wait(Arc::clone(&first)))
        .then(Piece::Data(event(&result(TOOLS)).into()))
        .then(Piece::Wait(Arc::clone(&second)))
        .then(Piece::Data(event(PROGRESS).into()));
    *lists.script.lock().unwrap() = Some(script);
    let bench = &lists.story.bench;
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let sent = bench.post(list).bearer_auth(lists.story.good_token()).send().await;
    let mut answer = sent.unwrap();
    assert_eq!(answer.chunk().await.unwrap().unwrap(), event(PROGRESS));
    first.notify_one();
    let cut = answer.chunk().await.unwrap().unwrap();
    let [cut] = <[Value; 1]>::try_from(messages(str::from_utf8(&cut).unwrap())).unwrap();
    assert_eq!(names(&cut), ["open_b", "open_a"]);
    second.notify_one();
    assert_eq!(answer.chunk().await.unwrap().unwrap(), event(PROGRESS));
    assert_eq!(answer.chunk().await.unwrap(), None);
    lists.story.arrived();
    lists.story.nothing_arrived("a stream").await;
    lists.ends().await;
}
