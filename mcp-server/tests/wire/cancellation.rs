//! Calls that are taken back: what they have opened at the API server closes within a second.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::{Answer, ApiServer, Era, Scene, eventually, scene};

/// How soon a stream has to close.
const SOON: Duration = Duration::from_secs(1);

fn follow(scene: &Scene, era: Era, progress: bool) -> JoinHandle<reqwest::Result<Value>> {
    let arguments = json!({"name": "web", "follow": true, "follow_seconds": 600});
    let mut params = json!({"name": "pods_log", "arguments": arguments});
    if progress {
        params["_meta"] = json!({"progressToken": "p"});
    }
    let call = scene.mcp.rpc(era, "tools/call", params).bearer_auth("alice");
    tokio::spawn(async move { call.send().await?.json().await })
}

async fn closes(scene: &Scene, left: usize, what: &str) {
    let started = Instant::now();
    eventually(what, || scene.api.open_streams() == left).await;
    assert!(started.elapsed() < SOON, "{what}: {:?}", started.elapsed());
}

#[tokio::test]
async fn a_client_that_closes_its_request_closes_the_log_and_nobody_elses() {
    let scene = scene("", ApiServer::start(|_| Answer::Endless("one\n")).await).await;
    let other = follow(&scene, Era::V2026_07_28, false);
    eventually("the control follows", || scene.api.open_streams() == 1).await;
    for era in Era::ALL {
        for progress in [false, true] {
            let call = follow(&scene, era, progress);
            eventually("the log is followed", || scene.api.open_streams() == 2).await;
            call.abort();
            closes(&scene, 1, &format!("{era:?}, progress {progress}")).await;
        }
    }
    assert!(!other.is_finished(), "the control goes on");
    other.abort();
    closes(&scene, 0, "the control").await;
}

#[tokio::test]
async fn a_client_that_says_so_takes_back_its_call_and_no_other() {
    let scene = scene("", ApiServer::start(|_| Answer::Endless("one\n")).await).await;
    for (era, progress) in [(Era::V2025_06_18, false), (Era::V2025_11_25, true)] {
        let call = follow(&scene, era, progress);
        eventually("the log is followed", || scene.api.open_streams() == 1).await;
        for (token, id) in [("bob", json!(7)), ("alice", json!(8)), ("alice", json!("7"))] {
            assert_eq!(cancel(&scene, era, token, &id).await, 202);
            assert_eq!(scene.api.open_streams(), 1, "{token} {id}");
        }
        assert_eq!(cancel(&scene, era, "alice", &json!(7)).await, 202);
        closes(&scene, 0, &format!("{era:?}")).await;
        // The request that carried the call ends, too.
        drop(call.await.unwrap());
    }
}

async fn cancel(scene: &Scene, era: Era, token: &str, id: &Value) -> u16 {
    let message = json!({
        "jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": id},
    });
    let post = scene.mcp.post(&message).header("mcp-protocol-version", era.version());
    post.bearer_auth(token).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn a_slow_list_is_taken_back_within_a_second() {
    let scene = scene("", ApiServer::start(|_| Answer::Hang).await).await;
    for (taken_back, era) in (1..).zip(Era::ALL) {
        let call = scene.mcp.rpc(era, "tools/call", json!({"name": "pods_list", "arguments": {}}));
        let call = tokio::spawn(call.bearer_auth("alice").send());
        eventually("the list is asked for", || scene.api.arrived().len() == taken_back).await;
        let started = Instant::now();
        call.abort();
        eventually("it is taken back", || scene.api.abandoned() == taken_back).await;
        assert!(started.elapsed() < SOON, "{era:?}: {:?}", started.elapsed());
    }
}
