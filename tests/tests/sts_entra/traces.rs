//! Traces: an exchange is a span of the trace that the gateway names, the call to Entra is one of that span, and nothing
//! in either is a secret or says who the person is.

use std::time::Duration;

use anyhow::ensure;
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::entra::Style;
use obolus_tests::fixtures::otlp::{Collector, Span};
use serde_json::Value;

use crate::world::{World, granted};

const SOON: Duration = Duration::from_secs(15);
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

async fn traced() -> (World, Collector) {
    let collector = Collector::start().await.unwrap();
    let world = World::start_with(&[], |options| {
        options.more += &format!("\n[traces]\notlp_endpoint = \"{}\"\n", collector.url());
    });
    (world.await.unwrap(), collector)
}

async fn so_many(collector: &Collector, number: usize) -> Vec<Span> {
    collector.so_many_of("obolus-sts", number).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchange_goes_on_with_the_gateways_trace_and_the_call_to_entra_is_its_child() {
    let (world, collector) = traced().await;
    let target = Style::SecretPost.name();
    let alice = world.token("alice").await;
    let ask = async |flags: &str| {
        let header = format!("00-{TRACE}-{PARENT}-{flags}");
        let request = world.request(&alice, target).header("traceparent", header);
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    };
    let exchanged = ask("01").await;
    let seen = so_many(&collector, 2).await;
    assert_eq!(seen.len(), 2, "{seen:?}");
    let of_kind = |call: bool| seen.iter().find(|span| span.is_of_a_call() == call).unwrap();
    let (request, call) = (of_kind(false), of_kind(true));
    for span in [request, call] {
        assert_eq!(span.member("traceId"), TRACE);
        let nanoseconds = |name: &str| span.member(name).parse::<u64>().unwrap();
        assert!(nanoseconds("startTimeUnixNano") <= nanoseconds("endTimeUnixNano"));
        assert_eq!(span.attribute("obolus.provider").as_deref(), Some("entra"));
        assert_eq!(span.attribute("http.response.status_code").as_deref(), Some("200"));
    }
    assert_eq!(request.member("parentSpanId"), PARENT);
    assert_eq!(call.member("parentSpanId"), request.member("spanId"));
    assert_ne!(call.member("spanId"), request.member("spanId"));
    assert_eq!(request.attribute("obolus.target").as_deref(), Some(target));
    assert_eq!(request.attribute("obolus.caller").as_deref(), Some("envoy"));
    assert_eq!(request.attribute("obolus.outcome").as_deref(), Some("exchanged"));
    let line = world.lines().pop().unwrap();
    assert_eq!(line["trace_id"], TRACE);
    assert!(line["token_id"].is_string() && line["exchanged_token_id"].is_string(), "{line}");

    // From memory: Entra is not asked, and there is no call.
    ask("01").await;
    let seen = so_many(&collector, 3).await;
    assert_eq!(seen[2].attribute("obolus.cache").as_deref(), Some("hit"));
    assert_eq!((seen.len(), seen[2].is_of_a_call()), (3, false));

    // Nobody of the trace is told anything that a token could be put together from, or whose it is.
    let told = collector.told();
    let person = world.entra.object_id("alice");
    let parts = [&alice, &exchanged].into_iter().flat_map(|token| token.split('.'));
    for secret in parts.chain(["the-gateways-credential", person.as_str()]) {
        assert!(told.contains("exchanged") && !told.contains(secret), "{secret}");
    }
    // Nor does the trace go on to Entra.
    assert!(!format!("{:?}", world.asked()).contains(TRACE));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trace_that_nobody_records_is_in_the_log_alone_and_strangers_begin_none() {
    let (world, collector) = traced().await;
    let target = Style::SecretPost.name();
    let alice = world.token("alice").await;
    let parent = |flags: &str| format!("00-{TRACE}-{PARENT}-{flags}");
    let unsampled = world.request(&alice, target).header("traceparent", parent("00"));
    assert_eq!(unsampled.send().await.unwrap().status().as_u16(), 200);
    assert_eq!(world.lines().pop().unwrap()["trace_id"], TRACE);
    let stranger = world.request_as("not-the-credential-of-anybody", &alice, target);
    let stranger = stranger.header("traceparent", parent("01"));
    assert_eq!(stranger.send().await.unwrap().status().as_u16(), 401);
    // Without a parent a trace begins here; this one is the only one that arrives.
    assert_eq!(world.exchange(&alice, target).await, granted());
    let seen = so_many(&collector, 1).await;
    assert_eq!(seen.len(), 1, "{seen:?}");
    assert_eq!(seen[0].member("parentSpanId"), "");
    let line = world.lines().pop().unwrap();
    assert_eq!(line["trace_id"], seen[0].member("traceId"));
    assert_ne!(seen[0].member("traceId"), TRACE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_away_costs_its_spans_and_nothing_else() {
    let (world, collector) = traced().await;
    let alice = world.token("alice").await;
    let target = Style::SecretPost.name();
    let lost = "obolus_sts_spans_total{outcome=\"lost\"}";
    assert_eq!(world.exchange(&alice, target).await, granted());
    so_many(&collector, 2).await;
    assert_eq!(world.measured(lost).await, None);
    collector.0.hang_up().await.unwrap();
    assert_eq!(world.exchange(&alice, target).await, granted());
    eventually("a lost span", SOON, || async {
        ensure!(world.measured(lost).await == Some(1), "{}", world.sts.log());
        Ok(())
    })
    .await
    .unwrap();
    let before = collector.spans_of("obolus-sts").unwrap().len();
    collector.0.listen_again().unwrap();
    assert_eq!(world.exchange(&alice, target).await, granted());
    so_many(&collector, before + 1).await;
    eventually("it is said", SOON, || async {
        ensure!(world.sts.log().contains("the collector takes spans again"), "{}", world.sts.log());
        Ok(())
    })
    .await
    .unwrap();
}
