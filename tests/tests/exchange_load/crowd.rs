//! A thousand people's worth of requests with one token.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::gateway::{Gateway, GatewayOptions, Place};
use obolus_tests::fixtures::idp::{Behaviour, Idp};
use obolus_tests::fixtures::load::Answered;
use obolus_tests::fixtures::sts::{Sts, StsIssuer, StsOptions};
use obolus_tests::fixtures::workbench::{issuers, local, mcp_recorder, tool_call};
use obolus_tests::pki::Authority;
use obolus_tests::{https, secret};
use serde_json::json;
use tokio::task::JoinSet;

const REQUESTS: usize = 1000;
/// HTTP/2 connections per gateway, so that all four workers have some.
const CONNECTIONS: usize = 20;
/// For a machine that is slow to let a thousand requests arrive: nobody gives up before all are there.
const PATIENCE_MS: u64 = 30_000;
const SOON: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_requests_of_one_token_through_four_workers_are_one_exchange() -> Result<()> {
    let authority = Authority::new("obolus crowd")?;
    let idp = Idp::start(&authority).await?;
    let upstream = mcp_recorder().await?;
    let places = [Place::reserve()?, Place::reserve()?];
    let resources: Vec<_> = places.iter().map(Place::resource).collect();
    let credential = secret::random()?;
    let sts = StsOptions {
        issuers: vec![StsIssuer::oidc(idp.issuer(), resources.clone())?],
        credential: credential.clone(),
        more: format!("\n[limits]\nidp_timeout_ms = {PATIENCE_MS}\n"),
        ..StsOptions::default()
    };
    let sts = Sts::start(&authority, &sts).await?;
    let mut gateways = Vec::new();
    for place in places {
        let mut options = GatewayOptions::new(issuers(&idp), local(&upstream), &credential);
        options.envoy.concurrency = 2;
        options.configure =
            Box::new(|filter| filter["sts"]["timeoutMs"] = json!(PATIENCE_MS + 5000));
        gateways.push(Gateway::start(place, &sts, options).await?);
    }
    let token = |subject: &str| {
        let mut claims = idp.claims(subject, "");
        claims["aud"] = json!(resources);
        idp.mint(&claims)
    };
    let clients: Vec<_> = gateways
        .iter()
        .flat_map(|gateway| (0..CONNECTIONS).map(|_| gateway.resource()))
        .map(|url| {
            anyhow::Ok((
                https::builder().pool_max_idle_per_host(1).http2_prior_knowledge().build()?,
                url,
            ))
        })
        .collect::<Result<_>>()?;
    let call = |number: usize, token: &str| {
        let (client, url) = &clients[number % clients.len()];
        let request = client.post(url).bearer_auth(token);
        request
            .header("content-type", "application/json")
            .header("accept", "application/json, text/event-stream")
            .body(tool_call("pods_list"))
    };

    // Every connection is there, and every worker that has one has keys and a token of somebody else's.
    let bob = token("bob")?;
    for number in 0..clients.len() {
        let answer = Answered::to(call(number, &bob)).await;
        ensure!(answer.is_good(), "{answer}\n{}", sts.log());
    }
    let before = idp.exchanges();
    ensure!(before == 1, "bob's token took {before} exchanges");
    let calls_before = calls(&gateways).await?;

    idp.behave(Behaviour::Hold);
    let alice = token("alice")?;
    let mut requests = JoinSet::new();
    for number in 0..REQUESTS {
        requests.spawn(Answered::to(call(number, &alice)));
    }
    // INVARIANT: no request is answered before all have come, so not one of them meets a warm cache.
    eventually("a thousand requests under way", SOON, || async {
        let mut active = 0;
        for gateway in &gateways {
            active += gateway.envoy.counter("http.gateway.downstream_rq_active").await?;
        }
        ensure!(active == REQUESTS as u64, "{active}");
        Ok(())
    })
    .await?;
    eventually("one exchange", SOON, || async {
        ensure!(idp.exchanges() == before + 1, "{}", idp.exchanges());
        Ok(())
    })
    .await?;
    idp.let_go(REQUESTS);
    let mut good = 0;
    while let Some(answer) = requests.join_next().await {
        let answer = answer?;
        ensure!(answer.is_good(), "{answer}");
        good += 1;
    }
    let (asked, calls) = (idp.exchanges() - before, calls(&gateways).await? - calls_before);
    let metrics = sts.metrics().await?;
    let joined = metrics
        .lines()
        .find_map(|line| line.strip_prefix(r#"obolus_sts_cache_lookups_total{result="join"} "#))
        .context("nobody joined")?;
    println!(
        "{good} good answers, {calls} calls of the filters, {joined} of them joined, {asked} exchange"
    );
    ensure!((good, asked) == (REQUESTS, 1), "{good} good answers, {asked} exchanges");
    // One call for each worker that had a connection; a worker that asks twice has not joined its own.
    ensure!((2..=4).contains(&calls), "{calls} calls of the filters");
    ensure!(joined.parse::<u64>()? >= calls - 1, "{joined} of {calls} calls joined");
    let arrived = upstream.requests().len();
    ensure!(arrived == REQUESTS + clients.len(), "{arrived} requests arrived");
    Ok(())
}

/// What the filters have asked the STS for, all workers together.
async fn calls(gateways: &[Gateway]) -> Result<u64> {
    let mut calls = 0;
    for gateway in gateways {
        calls += gateway.counted("exchange_call").await?;
    }
    Ok(calls)
}
