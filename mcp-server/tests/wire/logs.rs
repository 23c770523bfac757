//! Logs as they are asked for and told: whole, in part, of several containers, and while they are written.

use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::api_server::{Arrived, status};
use crate::support::client::text;
use crate::support::{Answer, ApiServer, Era, Mcp, scene};

const UNCLEAR: &str = "a container name must be specified for pod web, choose one of: [app proxy] or one of the init containers: [setup]";

/// Pods of several containers: `web` says nothing of which is meant, `named` does.
fn pods(request: &Arrived) -> Answer {
    let path = request.path();
    let names_container = request.target.contains("container=");
    let of = |name: &str| request.target.contains(&format!("container={name}"));
    if path.ends_with("/log") {
        return match () {
            () if !names_container && !path.contains("/single/") => status(400, UNCLEAR),
            () if of("setup") => {
                status(400, r#"container "setup" in pod "web" is waiting to start"#)
            }
            () if of("debugger") => Answer::Text(200, "no line end".to_owned()),
            () => Answer::Text(200, "one\ntwo error\nthree ERROR\n".to_owned()),
        };
    }
    if request.authorization == ["Bearer logs-only"] {
        let words = r#"pods "web" is forbidden: User "kc:bob" cannot get resource "pods""#;
        return status(403, words);
    }
    let annotations = match path.ends_with("/named") {
        true => json!({"kubectl.kubernetes.io/default-container": "proxy"}),
        false => json!({}),
    };
    Answer::Json(
        200,
        json!({
            "kind": "Pod", "metadata": {"name": "web", "annotations": annotations},
            "spec": {
                "initContainers": [{"name": "setup"}],
                "containers": [{"name": "app"}, {"name": "proxy"}],
                "ephemeralContainers": [{"name": "debugger"}],
            },
        }),
    )
}

#[tokio::test]
async fn the_container_is_the_only_one_or_the_pods_own_choice_or_asked_for_by_name() {
    let scene = scene("", ApiServer::start(pods).await).await;
    let only = scene.mcp.call("alice", "pods_log", json!({"name": "single"})).await;
    assert_eq!(only["structuredContent"]["log"], "one\ntwo error\nthree ERROR\n", "{only}");
    assert_eq!(scene.api.arrived().len(), 1, "one request is enough");

    let named = scene.mcp.call("alice", "pods_log", json!({"name": "named"})).await;
    assert_eq!(named["structuredContent"]["containers"], json!(["proxy"]), "{named}");
    assert!(text(&named).contains("[of container proxy, which the pod names as its default]"));
    assert!(scene.api.arrived().last().unwrap().target.contains("container=proxy"));

    let unclear = scene.mcp.failure("alice", "pods_log", json!({"name": "web"})).await;
    for part in [
        "container is needed",
        "app, proxy",
        "init containers: setup",
        "ephemeral containers: debugger",
        "all_containers",
    ] {
        assert!(unclear.contains(part), "{unclear}");
    }
    // Who may read logs but not pods is told what the API server says.
    let unclear = scene.mcp.failure("logs-only", "pods_log", json!({"name": "web"})).await;
    assert!(unclear.contains("choose one of: [app proxy]"), "{unclear}");
}

#[tokio::test]
async fn all_containers_are_told_line_by_line_and_one_that_has_not_started_is_a_note() {
    let scene = scene("", ApiServer::start(pods).await).await;
    let arguments = json!({"name": "web", "all_containers": true, "grep": "(?i)error|no"});
    let all = scene.mcp.call("alice", "pods_log", arguments).await;
    assert_eq!(
        all["structuredContent"]["log"],
        "[app] two error\n[app] three ERROR\n[proxy] two error\n[proxy] three ERROR\n[debugger] no line end\n",
        "{all}"
    );
    assert_eq!(
        all["structuredContent"]["containers"],
        json!(["setup", "app", "proxy", "debugger"])
    );
    assert!(text(&all).contains("[setup: ") && text(&all).contains("waiting to start"), "{all}");

    let refused =
        scene.mcp.failure("logs-only", "pods_log", json!({"name": "web", "all_containers": true}));
    assert!(refused.await.contains("you may not get pods"));
    let both = json!({"name": "web", "all_containers": true, "container": "app"});
    assert!(scene.mcp.failure("alice", "pods_log", both).await.contains("exclude each other"));
}

#[tokio::test]
async fn a_log_is_searched_and_begins_where_it_should() {
    let scene = scene("", ApiServer::start(pods).await).await;
    let read = |arguments: Value| async {
        let mut arguments = arguments;
        arguments["name"] = json!("single");
        let result = scene.mcp.call("alice", "pods_log", arguments).await;
        assert_eq!(result["isError"], false, "{result}");
        (result, scene.api.arrived().last().unwrap().target.clone())
    };
    let (found, asked) = read(json!({"grep": "error"})).await;
    assert_eq!(found["structuredContent"]["log"], "two error\n");
    assert!(
        asked.contains("tailLines=1000000"),
        "the matching lines are counted, not those that are read: {asked}"
    );
    let (found, _) = read(json!({"grep": "(?i)error", "tail": 1})).await;
    assert_eq!(found["structuredContent"]["log"], "three ERROR\n");
    assert!(text(&found).contains("[1 older lines match, too"), "{found}");
    assert_eq!(found["structuredContent"]["truncated"], false);
    let (none, _) = read(json!({"grep": "panic"})).await;
    assert_eq!(text(&none), "no line matches\n");
    let (_, asked) = read(json!({"since": "1h30m", "timestamps": true})).await;
    assert!(asked.contains("sinceSeconds=5400") && asked.contains("timestamps=true"), "{asked}");
    let (_, asked) = read(json!({"since": "2026-01-31T10:30:00+01:00"})).await;
    assert!(asked.contains("sinceTime=2026-01-31T09%3A30%3A00Z"), "{asked}");

    let before = scene.api.arrived().len();
    for (parameter, wrong) in [
        ("since", json!("yesterday")),
        ("since", json!("5m&follow=true")),
        ("grep", json!("(")),
        ("grep", json!("((a{1000}){1000}){1000}")),
        ("grep", json!("x".repeat(1001))),
        ("tail", json!(-1)),
        ("follow_seconds", json!(5)),
        ("follow_seconds", json!(601)),
        ("container", json!("a,b")),
    ] {
        let mut arguments = json!({"name": "single"});
        arguments[parameter] = wrong.clone();
        let text = scene.mcp.failure("alice", "pods_log", arguments).await;
        assert!(text.starts_with("invalid arguments"), "{parameter} {wrong}: {text}");
    }
    assert_eq!(scene.api.arrived().len(), before, "nothing was asked");
}

#[tokio::test]
async fn a_line_of_50_megabytes_is_cut_and_what_is_behind_it_is_read() {
    let scene = scene("", ApiServer::start(|_| Answer::LongLine(50 << 20)).await).await;
    let log = scene.mcp.call("alice", "pods_log", json!({"name": "web"})).await;
    let content = &log["structuredContent"];
    assert!(content["log"].as_str().unwrap().ends_with("of this line are left out]\nend\n"));
    assert_eq!(content["cut"]["longLineBytes"], (50 << 20) - 16 * 1024);
    assert_eq!(content["truncated"], true);
    assert!(log.to_string().len() < 64 * 1024, "{}", log.to_string().len());
    assert!(text(&log).contains("1 lines are too long"), "{log}");
}

/// A token that ends in so many seconds, and whose signature nobody looks at here.
fn token(seconds: i64) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let claims = json!({"sub": "alice", "exp": i64::try_from(now).unwrap() + seconds});
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    format!("{}.{}.c2ln", encode(r#"{"alg":"RS256"}"#), encode(&claims.to_string()))
}

async fn follow(mcp: &Mcp, token: &str, seconds: u32) -> Value {
    let arguments = json!({"name": "web", "follow": true, "follow_seconds": seconds});
    let started = std::time::Instant::now();
    let result = mcp.call(token, "pods_log", arguments).await;
    assert_eq!(result["isError"], false, "{result}");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    result
}

#[tokio::test]
async fn a_log_is_followed_for_as_long_as_was_said_and_no_longer_than_the_token_lives() {
    let scene = scene("", ApiServer::start(|_| Answer::Endless("one\ntwo\npart")).await).await;
    let followed = follow(&scene.mcp, "opaque", 1).await;
    assert_eq!(followed["structuredContent"]["log"], "one\ntwo\npart\n", "what is there is told");
    assert!(text(&followed).contains("[followed for 1 s; more may come]"), "{followed}");
    assert!(scene.api.arrived()[0].target.contains("follow=true"));

    // Long enough for the one, and too long for the other.
    let followed = follow(&scene.mcp, &token(600), 1).await;
    assert!(text(&followed).contains("[followed for 1 s"), "{followed}");
    let followed = follow(&scene.mcp, &token(1), 600).await;
    assert!(
        text(&followed).contains("[followed until your token ended: sign in again"),
        "{followed}"
    );
    assert_eq!(scene.api.open_streams(), 0, "the streams are closed");
}

#[tokio::test]
async fn a_log_that_ends_ends_the_following_and_silence_is_no_failure() {
    let scene = scene(
        "",
        ApiServer::start(|request| match request.path().contains("/silent/") {
            true => Answer::Hang,
            false => Answer::Text(200, "bye\n".to_owned()),
        })
        .await,
    )
    .await;
    let ended = follow(&scene.mcp, "alice", 600).await;
    assert_eq!(ended["structuredContent"]["log"], "bye\n");
    assert!(text(&ended).contains("[the container has ended, and its log with it]"), "{ended}");

    // A kubelet sends not even the head of its answer before there is a line.
    let silent = json!({"name": "silent", "follow": true, "follow_seconds": 1});
    let silent = scene.mcp.call("alice", "pods_log", silent).await;
    assert_eq!(silent["isError"], false, "{silent}");
    assert_eq!(text(&silent), "the log is empty\n[followed for 1 s; more may come]\n");
}

/// The messages of an answer that is a stream of events.
fn events(body: &str) -> Vec<Value> {
    let data = body.lines().filter_map(|line| line.strip_prefix("data:"));
    data.filter(|data| !data.trim().is_empty())
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

#[tokio::test]
async fn lines_are_told_as_they_come_to_who_asks_for_progress_and_to_nobody_else() {
    let scene = scene("", ApiServer::start(|_| Answer::Endless("one\ntwo\n")).await).await;
    for era in Era::ALL {
        let call = |progress: Option<&str>| {
            let mut params = json!({
                "name": "pods_log", "arguments": {"name": "web", "follow": true, "follow_seconds": 1},
            });
            if let Some(progress) = progress {
                params["_meta"] = json!({"progressToken": progress});
            }
            scene.mcp.rpc(era, "tools/call", params).bearer_auth("alice").send()
        };
        let plain = call(None).await.unwrap();
        assert_eq!(plain.headers()["content-type"], "application/json", "{era:?}");
        let told = call(Some("p1")).await.unwrap();
        assert_eq!(told.headers()["content-type"], "text/event-stream", "{era:?}");
        let told = events(&told.text().await.unwrap());
        let (last, progress) = told.split_last().unwrap();
        assert_eq!(last["result"]["structuredContent"]["log"], "one\ntwo\n", "{era:?}: {last}");
        let mut before = -1.0;
        let mut lines = String::new();
        for notification in progress {
            assert_eq!(notification["method"], "notifications/progress", "{era:?}");
            assert_eq!(notification["params"]["progressToken"], "p1", "{era:?}");
            let now = notification["params"]["progress"].as_f64().unwrap();
            assert!(now > before, "{era:?}: {progress:?}");
            before = now;
            lines += notification["params"]["message"].as_str().unwrap();
            lines += "\n";
        }
        assert!(lines.contains("one\ntwo\n"), "{era:?}: {lines}");
    }
}

#[tokio::test]
async fn who_follows_takes_no_place_from_who_only_asks() {
    let scene = scene(
        "",
        ApiServer::start(|request| match request.path().ends_with("/log") {
            true => Answer::Endless("one\n"),
            false => Answer::Json(201, crate::support::api_server::review("alice")),
        })
        .await,
    )
    .await;
    let mut following = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (mcp, arguments) = (scene.mcp.clone(), json!({"name": "web", "follow": true}));
        following.spawn(async move { mcp.call("alice", "pods_log", arguments).await });
    }
    crate::support::eventually("eight logs are followed", || scene.api.open_streams() == 8).await;
    let one_more = json!({"name": "web", "follow": true});
    let refused = scene.mcp.failure("alice", "pods_log", one_more.clone()).await;
    assert!(refused.contains("too many streams are open"), "{refused}");
    assert_eq!(scene.mcp.call("alice", "whoami", json!({})).await["isError"], false);
    let short = json!({"name": "web", "follow": true, "follow_seconds": 1});
    assert_eq!(scene.mcp.call("bob", "pods_log", short.clone()).await["isError"], false);
    following.shutdown().await;
    crate::support::eventually("the streams are closed", || scene.api.open_streams() == 0).await;
    assert_eq!(scene.mcp.call("alice", "pods_log", short).await["isError"], false);
}
