//! Spans go to the collector that is configured, and nowhere else, whoever says where.

use std::time::Duration;

use anyhow::ensure;
use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::IntoResponse as _;
use obolus_tests::deadline::eventually;
use obolus_tests::fixtures::recorder::Recorder;
use obolus_tests::pki::Authority;
use obolus_tests::process::Program;

use crate::idp::Running;
use crate::world::{World, configuration, granted};

const LATER: Duration = Duration::from_secs(30);

fn traced(running: &Running, collector: &Recorder) -> String {
    let traces = format!("[traces]\notlp_endpoint = \"{}\"\n", collector.url());
    configuration(&running.idp.issuer(), "") + &traces
}

async fn so_many_come(collector: &Recorder, count: usize) {
    eventually("spans", LATER, || async {
        let requests = collector.requests();
        ensure!(requests.len() >= count && requests.iter().all(|one| one.body.is_some()));
        assert!(requests.iter().all(|one| one.text().contains("resourceSpans")));
        Ok(())
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_collector_that_sends_us_elsewhere_is_not_followed() {
    let elsewhere = Recorder::start().await.unwrap();
    for status in [301, 302, 303, 307, 308] {
        let (status, url) = (StatusCode::from_u16(status).unwrap(), elsewhere.url());
        let collector = Recorder::answering(move |_| {
            let answer = (status, [(LOCATION, url.clone())]).into_response();
            async { answer }
        });
        let collector = collector.await.unwrap();
        let authority = Authority::new("redirected").unwrap();
        let running = Running::start(&authority).await;
        let config = traced(&running, &collector);
        let world = World::start_configured(&authority, running, |_| config).await;
        // They are sent one after the other: with the second, nothing of the first is under way any more.
        for (count, person) in [(1, "alice"), (2, "bob")] {
            assert_eq!(world.exchange_for(person).await, granted());
            so_many_come(&collector, count).await;
        }
        assert_eq!(elsewhere.requests().len(), 0, "{status}");
    }
}

#[tokio::test]
async fn a_proxy_of_the_environment_never_sees_a_span() {
    let authority = Authority::new("proxied").unwrap();
    let running = Running::start(&authority).await;
    let (collector, proxy) = (Recorder::start().await.unwrap(), Recorder::start().await.unwrap());
    let config = traced(&running, &collector);
    let (world, _process) = World::start_program_with(&authority, running, config, |program| {
        let names =
            ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"];
        let proxied = |program: Program, name| program.env(name, proxy.url());
        names.into_iter().fold(program, proxied).env("NO_PROXY", "").env("no_proxy", "")
    })
    .await;
    assert_eq!(world.exchange_for("alice").await, granted());
    so_many_come(&collector, 1).await;
    assert_eq!(proxy.requests().len(), 0);
}
