//! Three revisions of MCP, each with its own methods: what a revision does not have is answered as it wants it, and
//! goes nowhere.

use serde_json::{Value, json};

use crate::golden::Golden;
use crate::story::Story;
use crate::wire::{Framing, Request};

const MODERN: &str = "2026-07-28";
const EVERY: [Option<&str>; 4] = [None, Some("2025-06-18"), Some("2025-11-25"), Some(MODERN)];

/// A message with everything that its revision wants besides.
fn message(story: &Story, revision: Option<&str>, mut message: Value) -> Request {
    message["jsonrpc"] = json!("2.0");
    let mut headers: Vec<_> =
        revision.iter().map(|it| ("mcp-protocol-version", (*it).to_owned())).collect();
    if let (Some(MODERN), Some(method)) = (revision, message["method"].as_str()) {
        headers.push(("mcp-method", method.to_owned()));
        let name = match method {
            "tools/call" => message["params"]["name"].as_str(),
            "tasks/update" => message["params"]["taskId"].as_str(),
            _ => None,
        };
        headers.extend(name.map(|name| ("mcp-name", name.to_owned())));
        message["params"]["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": MODERN});
    }
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
    story.good_call().body(message.to_string()).headers(headers)
}

fn request(method: &str) -> Value {
    let params =
        json!({"name": "pods_list", "uri": "k8s://shop", "taskId": "t", "notifications": {}});
    json!({"id": "revisions", "method": method, "params": params})
}

/// By method, in which revisions a client sends it: with none named, in 2025-06-18, in 2025-11-25, in 2026-07-28.
const REQUESTS: [(&str, [bool; 4]); 14] = [
    ("tools/call", [true, true, true, true]),
    ("tools/list", [true, true, true, true]),
    ("initialize", [true, true, true, false]),
    ("ping", [true, true, true, false]),
    ("logging/setLevel", [true, true, true, false]),
    ("server/discover", [false, false, false, true]),
    ("subscriptions/listen", [false, false, false, true]),
    ("tasks/list", [false, false, true, false]),
    ("tasks/update", [false, false, false, true]),
    // A server's.
    ("roots/list", [false, false, false, false]),
    ("sampling/createMessage", [false, false, false, false]),
    ("notifications/initialized", [false, false, false, false]),
    ("TOOLS/CALL", [false, false, false, false]),
    ("x/y", [false, false, false, false]),
];

const NOTIFICATIONS: [(&str, [bool; 4]); 7] = [
    ("notifications/cancelled", [true, true, true, true]),
    ("notifications/initialized", [true, true, true, false]),
    ("notifications/progress", [true, true, true, false]),
    ("notifications/tasks/status", [false, false, true, false]),
    // A server's.
    ("notifications/message", [false, false, false, false]),
    // Some servers do what they are told, whether or not somebody waits for the answer.
    ("tools/call", [false, false, false, false]),
    ("notifications/x", [false, false, false, false]),
];

#[tokio::test]
async fn what_a_revision_does_not_have_is_not_forwarded_in_it() {
    let mut story = Story::begin().await;
    story.control("warm", Vec::new()).await;
    let mut golden = Golden::new("revisions.txt", &story.bench.gateway);
    for (at, revision) in EVERY.into_iter().enumerate() {
        for (method, known) in REQUESTS {
            let case = format!("{revision:?} {method}");
            let request = message(&story, revision, request(method));
            let (status, reason) = match revision {
                _ if known[at] => {
                    story.lets_through(&case, &request, Framing::Length).await;
                    continue;
                }
                Some(MODERN) => (404, "method_unknown"),
                _ => (200, "method_unknown_legacy"),
            };
            let answer = story.refuses(&case, &request, Framing::Frames, status, reason).await;
            golden.add(reason, &answer);
        }
        for (method, known) in NOTIFICATIONS {
            let case = format!("{revision:?} {method}, a notification");
            let params = json!({"name": "pods_list"});
            let request = message(&story, revision, json!({"method": method, "params": params}));
            if known[at] {
                story.lets_through(&case, &request, Framing::Length).await;
            } else {
                let reason = "notification_unknown";
                let answer = story.refuses(&case, &request, Framing::Length, 400, reason).await;
                golden.add(reason, &answer);
            }
        }
        let case = format!("{revision:?} a response");
        let response = json!({"id": 1, "result": {"action": "accept"}});
        let response = message(&story, revision, response);
        if revision == Some(MODERN) {
            let reason = "not_a_request";
            let answer = story.refuses(&case, &response, Framing::Length, 400, reason).await;
            golden.add(reason, &answer);
        } else {
            story.lets_through(&case, &response, Framing::Length).await;
        }
    }
    golden.check();
    story.ends().await;
}

#[tokio::test]
async fn a_revision_that_nobody_serves_is_refused_with_those_that_are() {
    let mut story = Story::begin().await;
    story.control("warm", Vec::new()).await;
    let mut golden = Golden::new("versions.txt", &story.bench.gateway);
    for version in ["2024-11-05", "2027-01-01", "2026-07-28x", "draft"] {
        golden.redact(version, "VERSION");
        for stated in [false, true] {
            let mut list = request("tools/list");
            if stated {
                let meta = json!({"io.modelcontextprotocol/protocolVersion": version});
                list["params"]["_meta"] = meta;
            }
            let request = message(&story, Some(version), list).header("mcp-method", "tools/list");
            let case = format!("{version}, {stated}");
            let reason = "version_unsupported";
            let answer = story.refuses(&case, &request, Framing::Length, 400, reason).await;
            assert_eq!(answer.json()["error"]["data"]["requested"], version, "{case}");
            golden.add(reason, &answer);
        }
    }
    // A modern request says so in its body, too: a server of both eras could take it for another.
    let silent = message(&story, None, request("tools/list"));
    let silent = silent.header("mcp-protocol-version", MODERN).header("mcp-method", "tools/list");
    let reason = "params_malformed";
    let answer = story.refuses("no _meta", &silent, Framing::Length, 400, reason).await;
    assert_eq!(answer.json()["error"]["code"], -32602);
    let whole = message(&story, Some(MODERN), request("tools/list"));
    story.lets_through("with _meta", &whole, Framing::Length).await;
    golden.check();
    story.ends().await;
}
