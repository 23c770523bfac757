//! Commands in containers, over a WebSocket to the API server.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::api_server::{Arrived, status};
use crate::support::client::text;
use crate::support::{Answer, ApiServer, HangUp, eventually, scene};

fn message(channel: u8, text: impl AsRef<[u8]>) -> Vec<u8> {
    [&[channel], text.as_ref()].concat()
}

fn exit(code: &str) -> Vec<u8> {
    let status = match code {
        "0" => json!({"metadata": {}, "status": "Success"}),
        code => json!({
            "status": "Failure", "reason": "NonZeroExitCode", "message": "command terminated",
            "details": {"causes": [{"reason": "ExitCode", "message": code}]},
        }),
    };
    message(3, status.to_string())
}

fn pods(request: &Arrived) -> Answer {
    let ran = |messages| Answer::Channels("v5.channel.k8s.io", messages, HangUp::Yes);
    let path = request.path();
    if !path.ends_with("/exec") {
        let containers = json!([{"name": "app"}, {"name": "proxy"}]);
        return Answer::Json(
            200,
            json!({"kind": "Pod", "metadata": {}, "spec": {"containers": containers}}),
        );
    }
    match path.split('/').nth(6).unwrap() {
        "good" => ran(vec![message(1, "hel"), message(1, ""), message(2, "oops\n"), message(1, "lo\n"), exit("0")]),
        "failing" => ran(vec![message(1, "x"), exit("42")]),
        "old" => Answer::Channels("v4.channel.k8s.io", vec![exit("0")], HangUp::Yes),
        "missing" => ran(vec![message(
            3,
            json!({"status": "Failure", "code": 500, "reason": "InternalError", "message": "executable file not found in $PATH"}).to_string(),
        )]),
        "chatty" => ran([vec![message(1, vec![b'x'; 32 * 1024]); 40], vec![exit("0")]].concat()),
        "endless" => Answer::Channels("v5.channel.k8s.io", vec![message(1, "begun\n")], HangUp::No),
        "flood" => Answer::Channels("v5.channel.k8s.io", vec![message(1, vec![b'x'; 32 * 1024]); 520], HangUp::No),
        "lost" => ran(vec![message(1, "begun\n")]),
        "foreign" => Answer::Channels("v1.other", vec![exit("0")], HangUp::Yes),
        "several" => status(400, "a container name must be specified for pod several, choose one of: [app proxy]"),
        _ => status(403, r#"pods "x" is forbidden: User "kc:bob" cannot create resource "pods/exec""#),
    }
}

fn command(pod: &str) -> Value {
    json!({"name": pod, "namespace": "shop", "command": ["printf", "a b&c=d", "é"]})
}

#[tokio::test]
async fn a_command_tells_what_it_writes_and_how_it_ends() {
    let scene = scene("", ApiServer::start(pods).await).await;
    let good = scene.mcp.call("alice", "pods_exec", command("good")).await;
    assert_eq!(
        good["structuredContent"],
        json!({"namespace": "shop", "name": "good", "stdout": "hello\n", "stderr": "oops\n", "exitCode": 0, "truncated": false})
    );
    assert_eq!(text(&good), "hello\n[stderr]\noops\n");
    let arrived = scene.api.arrived().remove(0);
    assert_eq!(
        arrived.target,
        "/api/v1/namespaces/shop/pods/good/exec?command=printf&command=a+b%26c%3Dd&command=%C3%A9&stdin=false&stdout=true&stderr=true&tty=false"
    );
    assert_eq!(arrived.authorization, ["Bearer alice"]);
    assert_eq!(arrived.headers["sec-websocket-protocol"], "v5.channel.k8s.io, v4.channel.k8s.io");

    let failing = scene.mcp.call("alice", "pods_exec", command("failing")).await;
    assert_eq!(failing["structuredContent"]["exitCode"], 42);
    assert_eq!(text(&failing), "x\n[exit code 42]\n");
    let old = scene.mcp.call("alice", "pods_exec", command("old")).await;
    assert_eq!(text(&old), "[exit code 0]\n", "the older protocol is spoken, too");
    eventually("the connections are closed", || scene.api.open_streams() == 0).await;
}

#[tokio::test]
async fn what_does_not_run_is_a_failure_that_says_why() {
    let scene = scene("", ApiServer::start(pods).await).await;
    for (pod, why) in [
        ("missing", "executable file not found"),
        ("forbidden", "you may not create pods/exec \"forbidden\" in namespace \"shop\""),
        ("lost", "the connection ended before the command did"),
        ("foreign", "none of the protocols"),
        (
            "several",
            "container is needed, because pod several in namespace shop has several: app, proxy",
        ),
    ] {
        let text = scene.mcp.failure("alice", "pods_exec", command(pod)).await;
        assert!(text.contains(why), "{pod}: {text}");
    }
    let before = scene.api.arrived().len();
    for wrong in [json!([]), json!([""]), json!("ls"), json!(["a\u{1}", 7]), json!(vec!["x"; 257])]
    {
        let arguments = json!({"name": "good", "command": wrong});
        let text = scene.mcp.failure("alice", "pods_exec", arguments).await;
        assert!(text.starts_with("invalid arguments"), "{wrong}: {text}");
    }
    assert_eq!(scene.api.arrived().len(), before);
}

#[tokio::test]
async fn a_command_is_bounded_in_time_and_output() {
    let scene = scene("", ApiServer::start(pods).await).await;
    let mut endless = command("endless");
    endless["timeout_seconds"] = json!(1);
    let endless = scene.mcp.call("alice", "pods_exec", endless).await;
    assert_eq!(endless["structuredContent"].get("exitCode"), None, "{endless}");
    assert!(text(&endless).starts_with("begun\n[not waited for any longer"), "{endless}");
    let chatty = scene.mcp.call("alice", "pods_exec", command("chatty")).await;
    assert_eq!(chatty["structuredContent"]["exitCode"], 0);
    assert_eq!(chatty["structuredContent"]["stdout"].as_str().unwrap().len(), 96 * 1024);
    assert!(
        text(&chatty).contains(&format!("cut: {} more bytes of stdout", (40 * 32 - 96) * 1024))
    );
    let flood = scene.mcp.call("alice", "pods_exec", command("flood")).await;
    assert!(text(&flood).contains("not read any longer after 16777216 bytes"));
    eventually("the connections are closed", || scene.api.open_streams() == 0).await;
}

#[tokio::test]
async fn a_command_that_is_taken_back_is_let_go_within_a_second() {
    let scene = scene("", ApiServer::start(pods).await).await;
    let mcp = scene.mcp.clone();
    let call =
        tokio::spawn(async move { mcp.call("alice", "pods_exec", command("endless")).await });
    eventually("the command runs", || scene.api.open_streams() == 1).await;
    let started = Instant::now();
    call.abort();
    eventually("its connection is closed", || scene.api.open_streams() == 0).await;
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
}
