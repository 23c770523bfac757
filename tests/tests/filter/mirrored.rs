//! Headers that mirror the body: compared with it in every revision, believed in none.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::golden::Golden;
use crate::story::Story;
use crate::wire::{Framing, Request};

/// Revisions as a client states them: in the header alone, or, since 2026-07-28, in the body too.
const LEGACY: [Option<&str>; 3] = [None, Some("2025-06-18"), Some("2025-11-25")];
const MODERN: &str = "2026-07-28";

/// The name of the tool that is called.
const NAME: &str = "pods_list";
/// A name that cannot stand in a header as it is.
const FOREIGN: &str = "подс";

fn call(story: &Story, method: &str, name: &str, meta: Option<&str>) -> Request {
    let mut params = json!({"name": name, "uri": name});
    if let Some(revision) = meta {
        params["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": revision});
    }
    let body = json!({"jsonrpc": "2.0", "id": "mirrored", "method": method, "params": params});
    story.good_call().body(body.to_string())
}

fn sentinel(text: &str) -> String {
    format!("=?base64?{}?=", STANDARD.encode(text))
}

/// A request, by the headers that it has besides.
type Headers = Vec<(&'static str, String)>;

fn with(request: &Request, headers: &Headers) -> Request {
    request.clone().headers(headers.iter().map(|(name, value)| (*name, value.as_str())))
}

/// What each revision lets through, and what none does.
fn agreeing(method: &str, name: &str) -> [Headers; 4] {
    let method = || ("mcp-method", method.to_owned());
    let name = || ("mcp-name", name.to_owned());
    [vec![], vec![method()], vec![name()], vec![method(), name()]]
}

fn lying(method: &str, name: &str) -> Vec<Headers> {
    let one = |header, value: &str| vec![(header, value.to_owned())];
    vec![
        one("mcp-method", "tools/list"),
        one("mcp-method", &method.to_uppercase()),
        one("mcp-method", &format!("{method}/")),
        one("mcp-method", ""),
        one("mcp-method", &sentinel(method)),
        one("mcp-name", "harmless"),
        one("mcp-name", &name.to_uppercase()),
        one("mcp-name", &format!("{name}, {name}")),
        one("mcp-name", ""),
        one("mcp-name", &sentinel("harmless")),
        one("mcp-name", &sentinel(name).to_uppercase()),
        one("mcp-name", &sentinel(name).replace("base64", "Base64")),
        one("mcp-name", &sentinel(&sentinel(name))),
        one("mcp-name", &format!("=?base64?{}?=", URL_SAFE_NO_PAD.encode("\u{3ff}\u{3fe}x"))),
        one("mcp-name", "=?base64?%%?="),
        one("mcp-name", "=?base64?/w==?="),
        one("mcp-name", "=?base64??="),
        vec![("mcp-method", "tools/list".to_owned()), ("mcp-name", name.to_owned())],
        vec![("mcp-method", method.to_owned()), ("mcp-name", "harmless".to_owned())],
    ]
}

#[tokio::test]
async fn a_mirrored_header_that_contradicts_the_body_is_refused_in_every_revision() {
    let mut story = Story::begin().await;
    story.control("warm", Vec::new()).await;
    let mut golden = Golden::new("mirrored.txt", &story.bench.gateway);
    let mut refused: Vec<(String, Request)> = Vec::new();
    let mut passed: Vec<(String, Request)> = Vec::new();

    for (method, name) in [
        ("tools/call", NAME.to_owned()),
        ("tools/call", sentinel(FOREIGN)),
        ("prompts/get", NAME.to_owned()),
        ("resources/read", sentinel(NAME)),
    ] {
        let named = if name.contains(NAME) || name == sentinel(NAME) { NAME } else { FOREIGN };
        for revision in LEGACY {
            let version: Headers =
                revision.iter().map(|it| ("mcp-protocol-version", (*it).to_owned())).collect();
            let request = with(&call(&story, method, named, None), &version);
            for headers in agreeing(method, &name) {
                passed.push((format!("{revision:?} {headers:?}"), with(&request, &headers)));
            }
            if method == "tools/call" && name == NAME {
                for headers in lying(method, &name) {
                    refused.push((format!("{revision:?} {headers:?}"), with(&request, &headers)));
                }
            }
        }

        // The newest revision needs them all.
        let version = || ("mcp-protocol-version", MODERN.to_owned());
        let all: Headers =
            vec![version(), ("mcp-method", method.to_owned()), ("mcp-name", name.clone())];
        let request = call(&story, method, named, Some(MODERN));
        passed.push((format!("{MODERN} {all:?}"), with(&request, &all)));
        for missing in 0..all.len() {
            let mut headers = all.clone();
            headers.remove(missing);
            refused.push((format!("{MODERN} only {headers:?}"), with(&request, &headers)));
        }
        let mut other = all.clone();
        for version in ["2025-11-25", "2026-07-29", "", " 2026-07-28x"] {
            other[0].1 = version.to_owned();
            refused.push((format!("{MODERN} {other:?}"), with(&request, &other)));
        }
        // Said in the header alone, it counts as well.
        let silent = call(&story, method, named, None);
        refused.push((format!("{MODERN} in the header alone"), with(&silent, &vec![version()])));
        if method == "tools/call" && name == NAME {
            for lie in lying(method, &name) {
                let mut headers = all.clone();
                headers.retain(|(known, _)| !lie.iter().any(|(name, _)| name == known));
                headers.extend(lie);
                refused.push((format!("{MODERN} {headers:?}"), with(&request, &headers)));
            }
        }
    }

    // What has no name has none to mirror.
    let list = call(&story, "tools/list", NAME, None);
    refused.push(("a list by name".to_owned(), list.clone().header("mcp-name", NAME)));
    passed.push(("a list".to_owned(), list.header("mcp-method", "tools/list")));
    let listed = call(&story, "tools/list", NAME, Some(MODERN));
    let listed = listed.header("mcp-protocol-version", MODERN).header("mcp-method", "tools/list");
    passed.push((format!("{MODERN} a list"), listed));
    let notification = json!({"jsonrpc": "2.0", "method": "notifications/cancelled"}).to_string();
    let notification = story.good_call().body(notification).header("mcp-protocol-version", MODERN);
    passed.push((format!("{MODERN} a notification"), notification.clone()));
    let lie = notification.header("mcp-method", "notifications/other");
    refused.push((format!("{MODERN} a notification by another name"), lie));

    for (case, request) in refused {
        let answer = story.refuses(&case, &request, Framing::Length, 400, "header_mismatch").await;
        assert_eq!(answer.json()["error"]["code"], -32020, "{case}");
        if answer.json()["id"] != Value::Null {
            golden.add("header_mismatch", &answer);
        }
    }
    for (case, request) in passed {
        let (_, arrived) = story.lets_through(&case, &request, Framing::Frames).await;
        // What the revision does not define has been checked, and stays behind.
        let version = arrived.header("mcp-protocol-version");
        for (name, value) in request.headers.iter().filter(|(name, _)| name.starts_with("mcp-")) {
            let goes_on = version == Some(MODERN) || name == "mcp-protocol-version";
            let arrived = arrived.headers.get(name.as_str()).map(|value| value.as_bytes());
            assert_eq!(arrived, goes_on.then_some(&**value), "{case}: {name}");
        }
    }
    golden.check();
    story.ends().await;
}

/// `Mcp-Param-…`, which mirrors an argument by whatever name the tool's schema gives it.
#[tokio::test]
async fn a_header_that_bears_an_arguments_name_says_what_the_argument_says() {
    let mut story = Story::begin().await;
    story.control("warm", Vec::new()).await;
    let arguments = json!({"namespace": "shop", "name": FOREIGN, "tail": 5});
    for revision in [None, Some("2025-06-18"), Some("2025-11-25"), Some(MODERN)] {
        let modern = revision == Some(MODERN);
        let mut params = json!({"name": NAME, "arguments": arguments});
        if modern {
            params["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": MODERN});
        }
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params});
        let version = revision.map(|version| ("mcp-protocol-version", version));
        let mirrored = [("mcp-method", "tools/call"), ("mcp-name", NAME)];
        let call = story.good_call().body(body.to_string());
        let call = call.headers(version).headers(mirrored.into_iter().filter(|_| modern));
        for (header, right, wrong) in [
            ("mcp-param-namespace", "shop".to_owned(), "kube-system".to_owned()),
            ("mcp-param-namespace", sentinel("shop"), sentinel("kube-system")),
            ("Mcp-Param-Namespace", "shop".to_owned(), "shop, kube-system".to_owned()),
            ("mcp-param-name", sentinel(FOREIGN), FOREIGN.to_owned()),
            ("mcp-param-tail", "5".to_owned(), "6".to_owned()),
        ] {
            let case = format!("{revision:?} {header}: {right}");
            let lie = call.clone().header(header, &wrong);
            story.refuses(&case, &lie, Framing::Length, 400, "header_mismatch").await;
            let twice = call.clone().header(header, &right).header(header, &right);
            story.refuses(&case, &twice, Framing::Length, 400, "header_duplicated").await;
            let truth = call.clone().header(header, &right);
            let (_, arrived) = story.lets_through(&case, &truth, Framing::Length).await;
            let expected = modern.then_some(right.as_bytes());
            let name = header.to_ascii_lowercase();
            assert_eq!(arrived.headers.get(&name).map(|it| it.as_bytes()), expected, "{case}");
        }
        // Which argument this one mirrors, if any, only the server knows.
        let other = call.header("mcp-param-tenant", "anything");
        let (_, arrived) = story.lets_through("no argument", &other, Framing::Length).await;
        assert_eq!(arrived.header("mcp-param-tenant"), modern.then_some("anything"));
    }
    story.ends().await;
}

#[tokio::test]
async fn a_header_on_which_a_decision_rests_stands_once() {
    let mut story = Story::begin().await;
    story.control("warm", Vec::new()).await;
    let mut golden = Golden::new("singletons.txt", &story.bench.gateway);
    let call = call(&story, "tools/call", NAME, None);
    for (name, value, other) in [
        ("mcp-method", "tools/call", "tools/list"),
        ("mcp-name", NAME, "harmless"),
        ("mcp-protocol-version", "2025-06-18", MODERN),
        ("mcp-session-id", "one", "two"),
    ] {
        for (first, second) in [(value, value), (value, other), (other, value)] {
            let case = format!("{name}: {first}, {second}");
            let twice = call.clone().header(name, first).header(name, second);
            let reason = "header_duplicated";
            for answer in story.refuses_in_every_framing(&case, &twice, 400, reason).await {
                golden.add(reason, &answer);
            }
        }
        let once = call.clone().header(name, value);
        story.lets_through(&format!("{name}: {value}"), &once, Framing::Length).await;
    }
    golden.check();
    story.ends().await;
}
