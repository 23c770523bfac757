//! Traces of exchanges, and of the calls to identity providers that they take. Nothing of a trace goes on to those.

use std::sync::Arc;

use obolus_telemetry::{Observer, Post, Sampler, Source};
use reqwest::header::CONTENT_TYPE;
use rustls::ClientConfig;

pub(crate) use obolus_telemetry::{Call, Scope, Telemetry, Trace, Value, parent_of};

use crate::metrics::Metrics;

/// See [`obolus_telemetry::Collector`].
pub(crate) type Collector = obolus_telemetry::Collector<Way>;

/// Where spans go from now on, and who brings them there.
pub(crate) fn collected(
    url: String,
    tls: ClientConfig,
    metrics: Metrics,
) -> Result<(Telemetry, Collector), reqwest::Error> {
    let http = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .user_agent(concat!("obolus-sts/", env!("CARGO_PKG_VERSION")))
        .build()?;
    let source = Source::new(env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
    let way = Way { http, url };
    Ok(Collector::new(way, source, Sampler::default(), Arc::new(metrics)))
}

/// To the collector.
#[derive(Debug)]
pub(crate) struct Way {
    http: reqwest::Client,
    url: String,
}

impl Post for Way {
    async fn post(&self, document: String) -> Result<(), String> {
        let request = self.http.post(&self.url).header(CONTENT_TYPE, "application/json");
        match request.body(document).send().await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(format!("status {}", answer.status().as_u16())),
            Err(error) => Err(error.without_url().to_string()),
        }
    }
}

impl Observer for Metrics {
    fn spans(&self, outcome: &'static str, number: usize) {
        Metrics::spans(self, outcome, number);
    }

    fn collector_is_down(&self, problem: &str) {
        tracing::warn!(problem, "the collector takes no spans: they are lost");
    }

    fn collector_is_back(&self) {
        tracing::info!("the collector takes spans again");
    }
}
