//! Lists as servers should send them: every list, in every revision, as JSON and as a stream.

use bytes::Bytes;
use serde_json::Value;

use super::{
    CLIENTS, EVENTS, JSON, LISTS, Lists, MODERN, Piece, REVISIONS, Script, Setting, event,
    messages, result,
};
use crate::bodies::GZIP;
use crate::wire::Framing;

/// The result as the server says it, and as somebody sees it from whom something is hidden.
fn list(member: &str, key: &str, revision: &str) -> [String; 2] {
    let name = |name: &str| name.replacen('_', if key == "name" { "_" } else { ":" }, 1);
    // Written so that a reader who writes it anew would write something else.
    let b = format!(r#"{{ "{key}" : "{}", "title":"\u00e9 é😀", "n":[1.10,-0] }}"#, name("open_b"));
    let a = format!(r#"{{"description":"","{key}":"{}"}}"#, name("open_\\u0061"));
    let x = format!(r#"{{"{key}":"{}","description":"é"}}"#, name("hi\\u0064den_x"));
    let y = format!(r#"{{"{key}":"{}"}}"#, name("hidden_open_y"));
    let whole = format!("[{b}, {x},\n{a} ,{y}]").replace('\n', "");
    let cut = format!("[{b},{a}]");
    let scope = |scope: &str| match revision {
        MODERN => format!(r#","cacheScope":"{scope}","ttlMs":1000"#),
        _ => String::new(),
    };
    [(whole, "public"), (cut, "private")].map(|(list, is)| {
        result(&format!(r#"{{"{member}":{list}{},"nextCursor":"c"}}"#, scope(is)))
    })
}

#[tokio::test]
async fn every_list_shows_what_may_be_used_in_the_order_and_the_words_of_the_server() {
    for setting in [Setting::usual(), Setting::frames()] {
        let mut lists = Lists::begin(setting).await;
        for (method, member, key) in LISTS {
            for revision in REVISIONS {
                let [whole, cut] = list(member, key, revision);
                let request = lists.request(method, revision);
                for framing in CLIENTS {
                    let case = format!("{method}, {revision}");
                    let script = Script::new(JSON, whole.clone())
                        .header("etag", "\"x\"")
                        .header("mcp-session-id", "s")
                        .header("content-length", &whole.len().to_string());
                    let answer = lists.cuts(&case, &request, framing, script).await.unwrap();
                    assert_eq!((answer.status, answer.text()), (200, cut.clone()), "{case}");
                    assert_eq!(answer.header("content-type"), Some(JSON), "{case}");
                    assert_eq!(answer.header("mcp-session-id"), None, "{case}: there is no key");
                    assert_eq!(answer.header("etag"), None, "{case}");
                    let length = cut.len().to_string();
                    assert_eq!(answer.header("content-length"), Some(&*length), "{case}");

                    let script = Script::new(EVENTS, event(&whole)).header("etag", "\"x\"");
                    let answer = lists.cuts(&case, &request, framing, script).await.unwrap();
                    assert_eq!((answer.status, answer.text()), (200, event(&cut)), "{case}");
                    assert_eq!(answer.header("content-type"), Some(EVENTS), "{case}");
                    assert_eq!(answer.header("etag"), None, "{case}");
                }
                // Somebody else sees all of the same list, which is theirs alone all the same.
                let request = lists.ask(method, revision).bearer(&lists.admin);
                let all: Value = serde_json::from_str(&whole).unwrap();
                let script = Script::new(JSON, whole);
                let answer = lists.sends(&request, Framing::Length, script).await.unwrap();
                assert_eq!(answer.json()["result"][member], all["result"][member], "{method}");
                let scope = &answer.json()["result"]["cacheScope"];
                assert_eq!(scope == "private", revision == MODERN, "{method}, {revision}");
            }
        }
        let counted = lists.story.bench.gateway.counters().await.unwrap();
        // Four lists, three revisions: four times with two of each, and once with all four.
        assert_eq!((counted["list_kept"], counted["list_hidden"]), (144, 96));
        lists.ends().await;
    }
}

#[tokio::test]
async fn a_list_may_come_in_any_pieces_and_with_trailers_which_stay_behind() {
    for setting in [Setting::usual(), Setting::frames()] {
        let mut lists = Lists::begin(setting).await;
        let [whole, cut] = list("tools", "name", MODERN);
        let request = lists.request("tools/list", MODERN);
        for framing in CLIENTS {
            for size in [1, 7, 1000] {
                for trailers in [false, true] {
                    let case = format!("{size}, {trailers}");
                    let ended = |script: Script| match trailers {
                        true => script.header("trailer", "x-tools").then(Piece::Trailers),
                        false => script,
                    };
                    let script = ended(Script::new(JSON, whole.clone()).in_pieces_of(size));
                    let answer = lists.cuts(&case, &request, framing, script).await.unwrap();
                    assert_eq!((answer.status, answer.text()), (200, cut.clone()), "{case}");

                    let script = ended(Script::new(EVENTS, event(&whole)).in_pieces_of(size));
                    let answer = lists.cuts(&case, &request, framing, script).await.unwrap();
                    assert_eq!((answer.status, answer.text()), (200, event(&cut)), "{case}");
                }
            }
        }
        lists.ends().await;
    }
}

#[tokio::test]
async fn what_is_no_list_and_what_no_policy_is_for_goes_on_as_it_came() {
    let [whole, _] = list("tools", "name", MODERN);
    let untouched = || {
        let gzip = Script::new(JSON, Bytes::from_static(GZIP)).header("content-encoding", "gzip");
        [
            Script::new(JSON, whole.clone()).header("etag", "\"x\""),
            Script::new(EVENTS, event(&whole)).header("etag", "\"x\""),
            gzip.header("etag", "\"x\""),
            Script::new("text/html", "hidden").status(500).header("etag", "\"x\""),
        ]
    };
    let body = |script: &Script| match &script.pieces[0] {
        Piece::Data(bytes) => bytes.clone(),
        _ => Bytes::new(),
    };
    // A call whose result looks like a list.
    let mut lists = Lists::begin(Setting::usual()).await;
    for script in untouched() {
        *lists.script.lock().unwrap() = Some(script.clone());
        let call = lists.story.good_call();
        let answer = lists.story.send(&call, Framing::Length).await;
        assert_eq!((answer.status, &answer.body), (script.status, &body(&script)));
        assert_eq!(answer.header("etag"), Some("\"x\""));
        lists.story.arrived();
    }
    lists.story.nothing_arrived("a call").await;
    lists.ends().await;
    // A list of a resource that everybody may use, who may use it at all.
    let open = Setting { configure: Box::new(|_| {}), ..Setting::usual() };
    let mut lists = Lists::begin(open).await;
    for script in untouched() {
        *lists.script.lock().unwrap() = Some(script.clone());
        let request = lists.request("tools/list", MODERN);
        let answer = lists.story.send(&request, Framing::Length).await;
        assert_eq!((answer.status, &answer.body), (script.status, &body(&script)));
        assert_eq!(answer.header("etag"), Some("\"x\""));
        assert_eq!(lists.story.arrived()[0].header("accept-encoding"), None);
    }
    lists.story.nothing_arrived("a list").await;
    lists.ends().await;
}

#[tokio::test]
async fn a_servers_error_is_told_by_its_code_and_not_in_its_words() {
    let mut lists = Lists::begin(Setting::usual()).await;
    let request = lists.request("tools/list", MODERN);
    let error = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no hidden_x","data":["hidden_y"]}}"#;
    for framing in CLIENTS {
        for (status, told) in [(200, 200), (400, 400), (401, 502), (429, 429), (503, 503)] {
            let script = Script::new(JSON, error)
                .status(status)
                .header("retry-after", "7")
                .header("www-authenticate", "Bearer error=\"invalid_token\"");
            let case = format!("{status}");
            let answer = lists.cuts(&case, &request, framing, script).await.unwrap();
            assert_eq!(answer.status, told, "{case}");
            assert_eq!(answer.json()["error"]["code"], -32602, "{case}");
            assert_eq!(answer.header("retry-after"), Some("7"), "{case}");
            assert_eq!(answer.header("www-authenticate"), None, "{case}");
        }
        let script = Script::new(EVENTS, event(error));
        let answer = lists.cuts("an event", &request, framing, script).await.unwrap();
        let [told] = <[Value; 1]>::try_from(messages(&answer.text())).unwrap();
        assert_eq!(told["error"]["code"], -32602);
    }
    lists.ends().await;
}
