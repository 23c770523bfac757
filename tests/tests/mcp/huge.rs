//! Answers of the API server that are larger than anybody should get, or hold in memory: they are cut, and say so.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::{Context as _, Result, ensure};
use axum::Json;
use axum::response::{IntoResponse as _, Response};
use obolus_tests::fixtures::kubelet::containers;
use obolus_tests::fixtures::mcp_client::{Answered, McpClient};
use obolus_tests::fixtures::mcp_server::{McpServer, McpServerOptions};
use obolus_tests::fixtures::recorder::{Recorded, Recorder};
use obolus_tests::pki::Authority;
use serde_json::{Value, json};

use crate::world::{Person, SHOP, World};

/// Far less than what is sent, and far more than what is shown.
const MEMORY: u64 = 150 * 1024 * 1024;
/// More text than one answer has.
const TEXT: usize = 300_000;

/// A line of 50 MB between two short ones.
#[tokio::test]
async fn a_line_of_fifty_megabytes_is_cut_and_the_answer_says_so() {
    let world = World::get().await.unwrap();
    let mcp = world.another_server().await.unwrap();
    let pod = world.unique("long");
    let containers = ["web", containers::LONG_LINE, containers::BIG];
    world.cluster.run_at_kubelet(SHOP, &pod, &containers).await.unwrap();
    let alice = world.client_of(&mcp, Person::Alice, "alice-long-line").unwrap();
    let log = async |container: &str, tail: Option<u32>| -> Result<Answered> {
        let mut arguments = json!({"namespace": SHOP, "name": pod, "container": container});
        if let Some(tail) = tail {
            arguments["tail"] = json!(tail);
        }
        alice.call("pods_log", arguments).await
    };

    let control = log("web", None).await.unwrap();
    assert!(!control.is_tool_error() && !control.text().contains("cut"), "{}", control.body);
    let before = mcp.memory().unwrap().0;
    for (container, tail) in [
        (containers::LONG_LINE, None),
        (containers::LONG_LINE, Some(2)),
        (containers::BIG, Some(200_000)),
    ] {
        let answer = log(container, tail).await.unwrap();
        let text = answer.text();
        let end: String =
            text.chars().rev().take(300).collect::<Vec<_>>().into_iter().rev().collect();
        assert!(!answer.is_tool_error(), "{container} {tail:?}: {end}");
        assert!(text.len() < TEXT, "{container} {tail:?}: {} bytes", text.len());
        assert!(text.contains("cut"), "{container} {tail:?} does not say that it is cut: {end}");
    }
    let (_, peak) = mcp.memory().unwrap();
    assert!(peak < before + MEMORY, "{peak} bytes at most, {before} before");
}

/// 100,000 pods, at an API server that pages as it should, and at one that sends them all whatever it is asked.
#[tokio::test]
async fn a_list_of_a_hundred_thousand_is_a_page_or_a_refusal() {
    for pages in [true, false] {
        let city = City::start(pages).await.unwrap();
        let small = city.client.call("pods_list_in_namespace", json!({"namespace": "small"}));
        let small = small.await.unwrap();
        assert!(!small.is_tool_error(), "the control: {}", small.body);
        let (before, _) = city.mcp.memory().unwrap();

        let answer = city.client.call("pods_list", json!({})).await.unwrap();
        let text = answer.text();
        let (start, end) =
            (text.get(..300).unwrap_or(&text), text.lines().last().unwrap_or_default());
        assert!(text.len() < TEXT, "{} bytes: {start}", text.len());
        if pages {
            assert!(!answer.is_tool_error(), "{start}");
            assert!(end.contains("more"), "it does not say that there is more: {end}");
            let content = &answer.body["result"]["structuredContent"];
            let shown = content["items"].as_array().unwrap().len();
            let remaining = content["remaining"].as_u64().unwrap();
            assert_eq!(shown as u64 + remaining, PODS as u64, "{start}");
        } else {
            assert!(
                if answer.is_tool_error() { text.contains("larger") } else { end.contains("more") },
                "neither refused nor cut: {start} … {end}"
            );
        }
        assert_eq!(city.lists(), 2, "one request for each call");
        let (_, peak) = city.mcp.memory().unwrap();
        assert!(peak < before + MEMORY, "{peak} bytes at most, {before} before; pages: {pages}");
    }
}

const PODS: usize = 100_000;

/// A stand-in for an API server with many pods.
struct City {
    mcp: McpServer,
    client: McpClient,
    lists: Arc<AtomicUsize>,
    _api: Recorder,
}

impl City {
    async fn start(pages: bool) -> Result<Self> {
        let authority = Authority::new("city")?;
        let lists = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&lists);
        let api = Recorder::answering_tls(&authority.server()?, move |request| {
            let counted = Arc::clone(&counted);
            async move { answer(&request, pages, &counted) }
        })
        .await?;
        let mcp = McpServer::start(&McpServerOptions {
            server: api.url(),
            ca_pem: authority.pem(),
            ..McpServerOptions::default()
        })
        .await?;
        let client = McpClient::new(&mcp.url(), Some("somebody"))?;
        Ok(Self { mcp, client, lists, _api: api })
    }

    fn lists(&self) -> usize {
        self.lists.load(Ordering::Relaxed)
    }
}

fn answer(request: &Recorded, pages: bool, lists: &AtomicUsize) -> Response {
    match table(request, pages) {
        Ok(Some(table)) => {
            lists.fetch_add(1, Ordering::Relaxed);
            Json(table).into_response()
        }
        Ok(None) => axum::http::StatusCode::NOT_FOUND.into_response(),
        Err(error) => (axum::http::StatusCode::BAD_REQUEST, format!("{error:#}")).into_response(),
    }
}

fn table(request: &Recorded, pages: bool) -> Result<Option<Value>> {
    let total = match request.uri.path() {
        "/api/v1/pods" => PODS,
        "/api/v1/namespaces/small/pods" => 3,
        _ => return Ok(None),
    };
    let accept = request.header("accept").context("no Accept")?;
    ensure!(accept.contains("as=Table"), "{accept}");
    let query = request.uri.query().unwrap_or_default();
    let limit = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "limit");
    let limit = limit.map(|(_, value)| value.parse::<usize>()).transpose()?;
    let count = limit.filter(|_| pages).unwrap_or(total).min(total);
    let rows: Vec<_> = (0..count).map(row).collect();
    let metadata = match total - count {
        0 => json!({"resourceVersion": "1"}),
        left => json!({"resourceVersion": "1", "continue": "next", "remainingItemCount": left}),
    };
    Ok(Some(json!({
        "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
        "columnDefinitions": [
            {"name": "Name", "type": "string", "format": "name", "description": "", "priority": 0},
            {"name": "Ready", "type": "string", "format": "", "description": "", "priority": 0},
        ],
        "rows": rows,
    })))
}

fn row(number: usize) -> Value {
    let name = format!("pod-{number:06}");
    json!({
        "cells": [name, "1/1"],
        "object": {
            "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
            "metadata": {
                "name": name, "namespace": "city", "uid": format!("{number:036}"),
                "creationTimestamp": "2026-11-20T08:00:00Z", "labels": {"app": "city"},
            },
        },
    })
}
