//! Very many pods as a table: through ours, through theirs, and by asking the API server for the same.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::client;
use super::world::{Side, World};

/// Where the pods are.
pub(crate) const NAMESPACE: &str = "crowd";

/// How long each took, by round.
pub(crate) struct Table {
    /// The API server itself, asked for all rows at once.
    pub(crate) direct: Vec<Duration>,
    pub(crate) ours: Vec<Duration>,
    pub(crate) theirs: Vec<Duration>,
    pub(crate) rows: usize,
    /// Calls of the tool until ours has given all rows.
    pub(crate) calls: usize,
}

pub(crate) async fn measure(world: &World, rounds: usize) -> Result<Table> {
    let pods =
        world.cluster.admin_get(&format!("/api/v1/namespaces/{NAMESPACE}/pods?limit=1")).await?;
    let rows = pods["metadata"]["remainingItemCount"].as_u64().unwrap_or_default() as usize + 1;
    let mut table =
        Table { direct: Vec::new(), ours: Vec::new(), theirs: Vec::new(), rows, calls: 0 };
    for _ in 0..rounds {
        table.direct.push(direct(world, rows).await?);
        let (took, calls) = tokio::task::block_in_place(|| ours(world, rows))?;
        table.ours.push(took);
        table.calls = calls;
        table.theirs.push(tokio::task::block_in_place(|| theirs(world, rows))?);
    }
    Ok(table)
}

/// As the same person, the answer read to its end.
async fn direct(world: &World, rows: usize) -> Result<Duration> {
    let path = format!("/api/v1/namespaces/{NAMESPACE}/pods");
    let since = Instant::now();
    let answer = world.cluster.table_as(world.bearer(), &path).await?;
    let took = since.elapsed();
    let there = answer.json()?["rows"].as_array().map_or(0, Vec::len);
    ensure!(there == rows, "the API server's table has {there} rows of {rows}");
    Ok(took)
}

/// Page by page, as a client follows them.
fn ours(world: &World, rows: usize) -> Result<(Duration, usize)> {
    let (mut shown, mut calls, mut took, mut next) = (0, 0, Duration::ZERO, Value::Null);
    loop {
        let mut arguments = json!({"namespace": NAMESPACE});
        if !next.is_null() {
            arguments["continue"] = next.take();
        }
        let (mut client, request) = world.call(Side::Ours, "pods_list_in_namespace", &arguments)?;
        let since = Instant::now();
        let answer = client.ask(&request).with_context(|| world.log_tail(Side::Ours))?;
        took += since.elapsed();
        calls += 1;
        let structured = client::message(answer)?["result"]["structuredContent"].take();
        shown += structured["items"].as_array().map_or(0, Vec::len);
        next = structured["continue"].clone();
        if next.is_null() {
            ensure!(shown == rows, "{shown} rows of {rows} were shown in {calls} calls");
            return Ok((took, calls));
        }
    }
}

/// In one call: it knows no pages.
fn theirs(world: &World, rows: usize) -> Result<Duration> {
    let arguments = json!({"namespace": NAMESPACE});
    let (mut client, request) = world.call(Side::Theirs, "pods_list_in_namespace", &arguments)?;
    let since = Instant::now();
    let answer = client.ask(&request).with_context(|| world.log_tail(Side::Theirs))?;
    let took = since.elapsed();
    let message = client::message(answer)?;
    let text = message["result"]["content"][0]["text"].as_str().context("no text")?;
    let shown = text.lines().filter(|line| line.contains("crowd-")).count();
    ensure!(shown == rows, "{shown} rows of {rows} were shown");
    Ok(took)
}
