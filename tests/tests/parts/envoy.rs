//! Envoy starts, routes and shows what it does, or refuses to start.

use std::time::Duration;

use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::envoy::{Envoy, EnvoyOptions};
use obolus_tests::fixtures::recorder::Recorder;
use obolus_tests::https;
use obolus_tests::ports::Port;
use serde_json::{Value, json};

use super::SOON;

fn envoy_config(port: u16, upstream: u16) -> Value {
    let address = |port| json!({"socket_address": {"address": "127.0.0.1", "port_value": port}});
    let endpoint = json!({"endpoint": {"address": address(upstream)}});
    json!({"static_resources": {
        "listeners": [{"name": "in", "address": address(port), "filter_chains": [{"filters": [{
            "name": "http",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                "stat_prefix": "in",
                "route_config": {"virtual_hosts": [{
                    "name": "all", "domains": ["*"],
                    "routes": [{"match": {"prefix": "/yes"}, "route": {"cluster": "up"}}],
                }]},
                "http_filters": [{"name": "router", "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"}}],
            },
        }]}]}],
        "clusters": [{"name": "up", "type": "STATIC", "load_assignment": {
            "cluster_name": "up", "endpoints": [{"lb_endpoints": [endpoint]}]}}],
    }})
}

#[tokio::test(flavor = "multi_thread")]
async fn envoy_routes_and_is_observable_and_refuses_a_bad_configuration() {
    let upstream = Recorder::start().await.unwrap();
    let port = Port::reserve().unwrap();
    let config = envoy_config(port.number(), upstream.port());
    let envoy = Envoy::start(&config.to_string(), &EnvoyOptions::default()).await.unwrap();

    let client = https::plain_client().unwrap();
    let ask = |path: &'static str| {
        client
            .post(format!("http://127.0.0.1:{port}{path}"))
            .header("x-a", "1")
            .body("hello")
            .send()
    };
    let (yes, no) = tokio::join!(ask("/yes?q"), ask("/no"));
    assert_eq!((yes.unwrap().status().as_u16(), no.unwrap().status().as_u16()), (200, 404));
    let seen = upstream.requests();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].uri.to_string().as_str(), seen[0].text().as_str()), ("/yes?q", "hello"));
    assert_eq!(seen[0].header("x-a"), Some("1"));

    // Workers hand their numbers over to the main thread every now and then.
    eventually("the counters", SOON, || async {
        let found = (
            envoy.counter("http.in.downstream_rq_2xx").await?,
            envoy.counter("http.in.downstream_rq_4xx").await?,
        );
        anyhow::ensure!(found == (1, 1), "they are {found:?}");
        Ok(())
    })
    .await
    .unwrap();
    assert!(envoy.counter("no.such.counter").await.is_err());
    assert!(envoy.config_dump().await.unwrap()["configs"].is_array());
    assert!(envoy.rss().unwrap() > 1 << 20);
    assert!(envoy.cpu_time().unwrap() > Duration::ZERO);

    let mut bad = config;
    bad["static_resources"]["clusters"][0]["no_such_field"] = json!(1);
    let (code, log) =
        Envoy::expect_refusal(&bad.to_string(), &EnvoyOptions::default()).await.unwrap();
    assert!(code != 0 && log.contains("no_such_field"), "{code} {log}");
}
