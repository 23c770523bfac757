//! Traces: a call of a tool is a span of the trace that its client or the gateway names, and each request to the API
//! server that it takes is one of that span. Nothing of what was asked, answered or shown as a credential is in them, and no
//! collector can slow a call down.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::mcp_client::{McpClient, Revision, answered};
use obolus_tests::fixtures::mcp_server::{McpServer, McpServerOptions};
use obolus_tests::fixtures::otlp::{Collector, Span};
use obolus_tests::fixtures::recorder::{Recorded, Recorder};
use obolus_tests::https;
use obolus_tests::pki::Authority;
use serde_json::{Value, json};

const SERVICE: &str = "obolus-mcp";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const OTHER_TRACE: &str = "5bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";
const TOKEN: &str = "the-bearer-of-alice";
const NAMESPACE: &str = "namespace-in-question";
const POD: &str = "pod-in-question";
const SOON: Duration = Duration::from_secs(15);
const LOST: &str = "obolus_mcp_spans_total{outcome=\"lost\"}";

/// An API server that has one pod, and what asks it.
struct Story {
    api: Recorder,
    authority: Authority,
}

impl Story {
    async fn start() -> Self {
        let authority = Authority::new("traced").unwrap();
        let leaf = authority.server().unwrap();
        let api = Recorder::answering_tls(&leaf, |request| async move { answer(&request) });
        Self { api: api.await.unwrap(), authority }
    }

    async fn server(&self, telemetry: &str) -> McpServer {
        self.server_with(telemetry, Vec::new()).await
    }

    async fn server_with(&self, telemetry: &str, environment: Vec<(String, String)>) -> McpServer {
        let options = McpServerOptions {
            server: self.api.url(),
            ca_pem: self.authority.pem(),
            more: telemetry.to_owned(),
            environment,
            ..McpServerOptions::default()
        };
        McpServer::start(&options).await.unwrap()
    }

    /// The `traceparent` of each request for the pod since the last time.
    fn parents_told(&self) -> Vec<Option<String>> {
        let asked = self.api.take().into_iter().filter(is_for_the_pod);
        asked.map(|request| request.header("traceparent").map(str::to_owned)).collect()
    }
}

fn is_for_the_pod(request: &Recorded) -> bool {
    request.uri.path().ends_with(&format!("/namespaces/{NAMESPACE}/pods/{POD}"))
}

fn answer(request: &Recorded) -> Response {
    if !is_for_the_pod(request) {
        return StatusCode::NOT_FOUND.into_response();
    }
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": POD, "namespace": NAMESPACE},
        "spec": {"containers": [{"name": "web", "image": "answer-in-question"}]},
    });
    ([(CONTENT_TYPE, "application/json")], pod.to_string()).into_response()
}

fn to(collector: &Collector) -> String {
    format!("[telemetry]\nendpoint = \"{}\"\n", collector.url())
}

fn client(mcp: &McpServer) -> McpClient {
    McpClient::new(&mcp.url(), Some(TOKEN)).unwrap()
}

fn pod() -> Value {
    json!({"name": "pods_get", "arguments": {"namespace": NAMESPACE, "name": POD, "output": "yaml"}})
}

fn parent(trace: &str, flags: &str) -> String {
    format!("00-{trace}-{PARENT}-{flags}")
}

/// One call, with the parents that are named.
async fn get(client: &McpClient, header: Option<&str>, meta: Option<&str>) {
    let mut params = pod();
    if let Some(meta) = meta {
        params["_meta"] = json!({"traceparent": meta});
    }
    let mut request = client.request("tools/call", params);
    if let Some(header) = header {
        request = request.header("traceparent", header);
    }
    let answer = answered(request).await.unwrap();
    assert!(!answer.is_tool_error(), "{}", answer.body);
    assert!(answer.text().contains("answer-in-question"), "{}", answer.body);
}

fn call_and_requests(spans: &[Span]) -> (&Span, Vec<&Span>) {
    let call = spans.iter().find(|span| !span.is_of_a_call()).unwrap();
    (call, spans.iter().filter(|span| span.is_of_a_call()).collect())
}

async fn measured(mcp: &McpServer, series: &str) -> Option<u64> {
    let url = format!("{}/metrics", mcp.operations_url());
    let text = https::plain_client().unwrap().get(url).send().await.unwrap().text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(series))?;
    line.trim().parse().ok()
}

async fn are_lost(mcp: &McpServer) -> u64 {
    eventually("a lost span", SOON, || async {
        let lost = measured(mcp, LOST).await;
        lost.filter(|lost| *lost > 0).ok_or_else(|| anyhow::anyhow!("none: {}", mcp.log()))
    })
    .await
    .unwrap()
}

#[tokio::test]
async fn one_trace_goes_from_the_client_through_the_tool_to_the_api_server() {
    let story = Story::start().await;
    for (revision, in_header, in_meta) in [
        (Revision::V2026_07_28, true, false),
        (Revision::V2026_07_28, false, true),
        (Revision::V2025_11_25, true, false),
        (Revision::V2025_11_25, false, true),
    ] {
        let collector = Collector::start().await.unwrap();
        let mcp = story.server(&to(&collector)).await;
        let named = parent(TRACE, "01");
        let client = client(&mcp).speaking(revision);
        let named = Some(named.as_str());
        get(&client, named.filter(|_| in_header), named.filter(|_| in_meta)).await;
        let told = story.parents_told();
        let spans = collector.so_many_of(SERVICE, 1 + told.len()).await.unwrap();
        assert_eq!(spans.len(), 1 + told.len(), "{spans:?}");
        let (call, requests) = call_and_requests(&spans);
        assert!(spans.iter().all(|span| span.member("traceId") == TRACE && !span.is_error()));
        assert_eq!(
            (call.member("name"), call.member("parentSpanId")),
            ("tools/call pods_get", PARENT)
        );
        for (key, value) in [
            ("mcp.method.name", "tools/call"),
            ("gen_ai.tool.name", "pods_get"),
            ("gen_ai.operation.name", "execute_tool"),
            ("obolus.outcome", "ok"),
        ] {
            assert_eq!(call.attribute(key).as_deref(), Some(value));
        }
        for (request, told) in requests.iter().zip(&told) {
            assert_eq!(request.member("parentSpanId"), call.member("spanId"));
            assert_eq!(request.member("name"), "get pods");
            assert_eq!(request.attribute("http.response.status_code").as_deref(), Some("200"));
            let own = format!("00-{TRACE}-{}-01", request.member("spanId"));
            assert_eq!(told.as_deref(), Some(own.as_str()), "what the API server may go on with");
        }
        assert_eq!(told.len(), 1);
        assert!(mcp.log().contains(TRACE), "the line of the call has the trace: {}", mcp.log());
        let told = collector.told();
        for secret in [TOKEN, NAMESPACE, POD, "answer-in-question"] {
            assert!(told.contains("pods_get") && !told.contains(secret), "{secret}: {told}");
        }
    }
}

#[tokio::test]
async fn a_gateways_trace_goes_before_the_clients_which_is_linked() {
    let (story, collector) = (Story::start().await, Collector::start().await.unwrap());
    let mcp = story.server(&to(&collector)).await;
    let (gateways, clients) = (parent(TRACE, "01"), parent(OTHER_TRACE, "01"));
    get(&client(&mcp), Some(&gateways), Some(&clients)).await;
    let spans = collector.so_many_of(SERVICE, 2).await.unwrap();
    let (call, _) = call_and_requests(&spans);
    assert_eq!(call.member("traceId"), TRACE);
    assert_eq!(call.0["links"], json!([{"traceId": OTHER_TRACE, "spanId": PARENT}]));
}

#[tokio::test]
async fn what_ends_badly_is_told_as_that_and_unknown_names_are_not_told() {
    let (story, collector) = (Story::start().await, Collector::start().await.unwrap());
    let mcp = story.server(&to(&collector)).await;
    let client = client(&mcp);
    let gone = json!({"namespace": NAMESPACE, "name": "gone-in-question"});
    assert!(client.call("pods_get", gone).await.unwrap().is_tool_error());
    client.call("tool-in-question", json!({})).await.unwrap();
    client.send("tools/list", json!({})).await.unwrap().result().unwrap();
    // The last of the three; spans come in the order in which they ended.
    let spans = eventually("the traces", SOON, || async {
        let spans = collector.spans_of(SERVICE)?;
        ensure!(spans.iter().any(|span| span.member("name") == "tools/list"), "{spans:?}");
        Ok(spans)
    })
    .await
    .unwrap();
    let of = |name: &str, outcome: &str| {
        spans.iter().find(|span| {
            span.member("name") == name
                && span.attribute("obolus.outcome").as_deref() == Some(outcome)
        })
    };
    assert!(of("tools/call pods_get", "not_found").unwrap().is_error());
    assert!(of("tools/call", "unknown_tool").unwrap().is_error());
    assert!(!of("tools/list", "ok").unwrap().is_error());
    let refused = spans.iter().find(|span| span.is_of_a_call()).unwrap();
    assert_eq!(refused.attribute("error.type").as_deref(), Some("404"));
    assert!(!collector.told().contains("in-question"), "{}", collector.told());
}

#[tokio::test]
async fn nothing_is_told_of_what_is_off_or_not_sampled_and_the_api_server_hears_of_no_trace() {
    let (story, collector) = (Story::start().await, Collector::start().await.unwrap());
    let off = format!("{}enabled = false\n", to(&collector));
    let never = format!("{}traces_sampler = \"always_off\"\n", to(&collector));
    let sampled = parent(OTHER_TRACE, "01");
    for telemetry in ["", off.as_str(), never.as_str()] {
        let mcp = story.server(telemetry).await;
        get(&client(&mcp), Some(&sampled), None).await;
        assert_eq!(story.parents_told(), [None], "{telemetry}");
        assert_eq!(measured(&mcp, LOST).await, None);
        let end = Command::new("kill").args(["-TERM", &mcp.pid().to_string()]).status().unwrap();
        assert!(end.success());
        ended(&mcp).await;
    }
    let on = story.server(&to(&collector)).await;
    get(&client(&on), Some(&parent(OTHER_TRACE, "00")), None).await;
    assert_eq!(story.parents_told(), [None]);
    // After all of these, and to the same collector.
    get(&client(&on), Some(&parent(TRACE, "01")), None).await;
    let spans = collector.so_many_of(SERVICE, 2).await.unwrap();
    assert_eq!(spans.len(), 2, "{spans:?}");
    assert!(spans.iter().all(|span| span.member("traceId") == TRACE), "{spans:?}");
    // `always_on` heeds no parent.
    let always = format!("{}traces_sampler = \"always_on\"\n", to(&collector));
    let always = story.server(&always).await;
    get(&client(&always), Some(&parent(OTHER_TRACE, "00")), None).await;
    let spans = collector.so_many_of(SERVICE, 4).await.unwrap();
    assert!(spans[2..].iter().all(|span| span.member("traceId") == OTHER_TRACE), "{spans:?}");
}

/// A process that nobody has waited for is a zombie.
async fn ended(mcp: &McpServer) {
    eventually("the server to end", SOON, || async {
        let status = std::fs::read_to_string(format!("/proc/{}/stat", mcp.pid()));
        let runs = status.is_ok_and(|text| !text.contains(") Z "));
        ensure!(!runs, "it runs: {}", mcp.log());
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn the_last_spans_are_sent_before_the_end() {
    let (story, collector) = (Story::start().await, Collector::start().await.unwrap());
    let mcp = story.server(&to(&collector)).await;
    get(&client(&mcp), None, None).await;
    let end = Command::new("kill").args(["-TERM", &mcp.pid().to_string()]).status().unwrap();
    assert!(end.success());
    ended(&mcp).await;
    let spans = collector.spans_of(SERVICE).unwrap();
    assert_eq!(spans.len(), 2, "nobody is left who could send them: {spans:?}");
}

#[tokio::test]
async fn a_collector_that_is_away_costs_its_spans_and_nothing_else() {
    let (story, collector) = (Story::start().await, Collector::start().await.unwrap());
    let mcp = story.server(&to(&collector)).await;
    let alice = client(&mcp);
    get(&alice, None, None).await;
    collector.so_many_of(SERVICE, 2).await.unwrap();
    assert_eq!(measured(&mcp, LOST).await, None);
    collector.0.hang_up().await.unwrap();
    get(&alice, None, None).await;
    are_lost(&mcp).await;
    assert!(mcp.log().contains("the collector takes no spans"), "{}", mcp.log());
    collector.0.listen_again().unwrap();
    get(&alice, Some(&parent(TRACE, "01")), None).await;
    let spans = collector.so_many_of(SERVICE, 4).await.unwrap();
    assert!(spans.iter().any(|span| span.member("traceId") == TRACE), "{spans:?}");
    eventually("it is said", SOON, || async {
        ensure!(mcp.log().contains("the collector takes spans again"), "{}", mcp.log());
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_collector_that_never_answers_holds_no_call_up() {
    let story = Story::start().await;
    let hanging = Recorder::answering(|_| async {
        std::future::pending::<()>().await;
        Response::default()
    });
    let hanging = Collector(hanging.await.unwrap());
    let mcp = story.server(&to(&hanging)).await;
    let alice = client(&mcp);
    get(&alice, None, None).await;
    eventually("the collector to be asked", SOON, || async {
        ensure!(!hanging.0.requests().is_empty(), "not yet");
        Ok(())
    })
    .await
    .unwrap();
    // Fewer than the seconds that it is waited for.
    let begun = Instant::now();
    for _ in 0..20 {
        get(&alice, None, None).await;
    }
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!(are_lost(&mcp).await >= 2);
}

#[tokio::test]
async fn only_the_collector_that_we_trust_gets_spans_and_our_credential() -> Result<()> {
    let story = Story::start().await;
    let authority = Authority::new("collectors")?;
    let collector = Collector::start_tls(&authority.server()?).await?;
    let folder = tempfile::tempdir()?;
    let (ca, headers) = (folder.path().join("ca.pem"), folder.path().join("headers"));
    std::fs::write(&headers, "authorization: Bearer the-collectors-secret\n")?;
    let telemetry =
        format!("{}certificate_authority = {ca:?}\nheaders_file = {headers:?}\n", to(&collector));
    // Somebody else's authority.
    std::fs::write(&ca, story.authority.pem())?;
    let distrusting = story.server(&telemetry).await;
    get(&client(&distrusting), None, None).await;
    are_lost(&distrusting).await;
    assert_eq!(collector.0.requests().len(), 0);
    std::fs::write(&ca, authority.pem())?;
    // And a proxy of the environment, which is not asked.
    let proxy = Recorder::start().await?;
    let names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let environment = names.map(|name| (name.to_owned(), proxy.url())).into();
    let trusting = story.server_with(&telemetry, environment).await;
    get(&client(&trusting), None, None).await;
    collector.so_many_of(SERVICE, 2).await?;
    for request in collector.0.requests() {
        assert_eq!(request.header("authorization"), Some("Bearer the-collectors-secret"));
    }
    assert_eq!(proxy.requests().len(), 0);
    for mcp in [distrusting, trusting] {
        assert!(!mcp.log().contains("the-collectors-secret"), "{}", mcp.log());
    }
    Ok(())
}

#[tokio::test]
async fn a_collector_that_sends_us_elsewhere_is_not_followed() {
    let (story, elsewhere) = (Story::start().await, Collector::start().await.unwrap());
    let url = elsewhere.url();
    let collector = Recorder::answering(move |_| {
        let answer = (StatusCode::TEMPORARY_REDIRECT, [("location", url.clone())]).into_response();
        async { answer }
    });
    let collector = Collector(collector.await.unwrap());
    let mcp = story.server(&to(&collector)).await;
    get(&client(&mcp), None, None).await;
    are_lost(&mcp).await;
    assert_eq!(elsewhere.0.requests().len(), 0);
}

#[tokio::test]
async fn the_environment_of_opentelemetry_is_enough() {
    let (story, collector) = (Story::start().await, Collector::start().await.unwrap());
    let environment = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url()),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=the-collectors-secret".to_owned()),
        ("OTEL_SERVICE_NAME", "shop-tools".to_owned()),
    ];
    let environment = environment.map(|(name, value)| (name.to_owned(), value)).into();
    let mcp = story.server_with("", environment).await;
    get(&client(&mcp), None, None).await;
    collector.so_many_of("shop-tools", 2).await.unwrap();
    assert_eq!(collector.0.requests()[0].header("x-key"), Some("the-collectors-secret"));
    assert!(!mcp.log().contains("the-collectors-secret"), "{}", mcp.log());
}
