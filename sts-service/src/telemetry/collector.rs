//! Sends spans to the collector: many at a time, and never so that a request waits for it.

use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use rustls::ClientConfig;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};

use super::{Message, Span, Telemetry, document};
use crate::metrics::Metrics;

/// Spans that wait to be sent; more are lost, and counted.
const WAITING: usize = 4096;
const AT_ONCE: usize = 512;
/// How long one waits for others.
const GATHER: Duration = Duration::from_millis(500);
const TIMEOUT: Duration = Duration::from_secs(3);

/// Where spans are sent to, for as long as [`Collector::run`] runs.
pub(crate) struct Collector {
    http: reqwest::Client,
    url: String,
    spans: mpsc::Receiver<Message>,
    metrics: Metrics,
    is_down: bool,
}

impl Collector {
    pub(crate) fn new(
        url: String,
        tls: ClientConfig,
        metrics: Metrics,
    ) -> Result<(Telemetry, Self), reqwest::Error> {
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .timeout(TIMEOUT)
            .user_agent(concat!("obolus-sts/", env!("CARGO_PKG_VERSION")))
            .build()?;
        let (sender, spans) = mpsc::channel(WAITING);
        let telemetry = Telemetry { spans: Some(sender), metrics: metrics.clone() };
        Ok((telemetry, Self { http, url, spans, metrics, is_down: false }))
    }

    pub(crate) async fn run(mut self) {
        let mut gathered = Vec::new();
        while let Some(first) = self.spans.recv().await {
            let flushed = self.gather(first, &mut gathered).await;
            self.send(&gathered).await;
            gathered.clear();
            if let Some(done) = flushed {
                // An error is that nobody waits any more.
                let _ = done.send(());
            }
        }
    }

    /// What comes within a moment, or until somebody cannot wait.
    async fn gather(
        &mut self,
        first: Message,
        spans: &mut Vec<Span>,
    ) -> Option<oneshot::Sender<()>> {
        let until = Instant::now() + GATHER;
        let mut next = Some(first);
        while let Some(message) = next {
            match message {
                Message::Finished(span) => spans.push(span),
                Message::Flush(done) => return Some(done),
            }
            if spans.len() >= AT_ONCE {
                return None;
            }
            next = timeout_at(until, self.spans.recv()).await.ok().flatten();
        }
        None
    }

    async fn send(&mut self, spans: &[Span]) {
        if spans.is_empty() {
            return;
        }
        let body = document::request(spans).to_string();
        let request = self.http.post(&self.url).header(CONTENT_TYPE, "application/json").body(body);
        let problem = match request.send().await {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("status {}", answer.status().as_u16())),
            Err(error) => Some(error.without_url().to_string()),
        };
        self.metrics.spans(if problem.is_some() { "lost" } else { "sent" }, spans.len());
        let was_down = std::mem::replace(&mut self.is_down, problem.is_some());
        match problem {
            Some(problem) if !was_down => {
                tracing::warn!(problem, "the collector takes no spans: they are lost");
            }
            None if was_down => tracing::info!("the collector takes spans again"),
            _ => {}
        }
    }
}
