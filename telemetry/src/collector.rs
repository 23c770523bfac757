//! Sends spans to the collector: many at a time, and never so that a request waits for it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

use super::{Message, Observer, Span, Telemetry, document};
use crate::{Sampler, Source};

/// Spans that wait to be sent; more are lost, and counted.
const WAITING: usize = 4096;
const AT_ONCE: usize = 512;
/// How long one waits for others.
const GATHER: Duration = Duration::from_millis(500);
/// How long the collector may take for what it is sent.
const TIMEOUT: Duration = Duration::from_secs(3);

/// How a collector is reached: a program's own HTTP client.
pub trait Post: Send + Sync + 'static {
    /// Posts a document in JSON. What went wrong is for the log, and has no URL in it.
    fn post(&self, document: String) -> impl Future<Output = Result<(), String>> + Send;
}

/// Where spans are sent to, for as long as [`Collector::run`] runs.
#[derive(Debug)]
pub struct Collector<P> {
    way: P,
    source: Source,
    spans: mpsc::Receiver<Message>,
    observer: Arc<dyn Observer>,
    is_down: bool,
}

impl<P: Post> Collector<P> {
    /// With what the spans come from, and whoever counts them.
    pub fn new(
        way: P,
        source: Source,
        sampler: Sampler,
        observer: Arc<dyn Observer>,
    ) -> (Telemetry, Self) {
        let (sender, spans) = mpsc::channel(WAITING);
        let telemetry = Telemetry::to(sender, sampler, Arc::clone(&observer));
        (telemetry, Self { way, source, spans, observer, is_down: false })
    }

    /// Sends, until nobody is left who could finish a span.
    pub async fn run(mut self) {
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
                Message::Finished(span) => spans.push(*span),
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
        let document = document::request(&self.source, spans).to_string();
        let sent = timeout(TIMEOUT, self.way.post(document)).await;
        let problem = match sent {
            Ok(Ok(())) => None,
            Ok(Err(problem)) => Some(problem),
            Err(_) => Some(format!("no answer within {} s", TIMEOUT.as_secs())),
        };
        self.observer.spans(if problem.is_some() { "lost" } else { "sent" }, spans.len());
        let was_down = std::mem::replace(&mut self.is_down, problem.is_some());
        match problem {
            Some(problem) if !was_down => self.observer.collector_is_down(&problem),
            None if was_down => self.observer.collector_is_back(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Every answer that a collector gives, or none.
    #[derive(Debug, Clone, Default)]
    struct Told(Arc<Mutex<Vec<String>>>);

    impl Told {
        fn say(&self, text: String) {
            self.0.lock().unwrap().push(text);
        }

        fn all(&self) -> Vec<String> {
            self.0.lock().unwrap().clone()
        }
    }

    impl Observer for Told {
        fn spans(&self, outcome: &'static str, number: usize) {
            self.say(format!("{outcome} {number}"));
        }

        fn collector_is_down(&self, problem: &str) {
            self.say(format!("down: {problem}"));
        }

        fn collector_is_back(&self) {
            self.say("back".to_owned());
        }
    }

    /// Answers what is written, one after the other; hangs where nothing is.
    struct Scripted(Mutex<Vec<Option<Result<(), String>>>>);

    impl Post for Scripted {
        async fn post(&self, _: String) -> Result<(), String> {
            let next = self.0.lock().unwrap().remove(0);
            match next {
                Some(answer) => answer,
                None => std::future::pending().await,
            }
        }
    }

    fn collected(answers: Vec<Option<Result<(), String>>>) -> (Telemetry, Told) {
        let told = Told::default();
        let source = Source::new("test", "1");
        let way = Scripted(Mutex::new(answers));
        let observer = Arc::new(told.clone());
        let (telemetry, collector) = Collector::new(way, source, Sampler::default(), observer);
        tokio::spawn(collector.run());
        (telemetry, told)
    }

    #[tokio::test(start_paused = true)]
    async fn a_collector_that_is_down_or_hangs_is_told_of_once_and_holds_nobody_up() {
        let down = || Some(Err("refused".to_owned()));
        let (telemetry, told) = collected(vec![down(), None, Some(Ok(())), Some(Ok(()))]);
        for _ in 0..4 {
            let begun = Instant::now();
            telemetry.begin(None, "request").end(false, Vec::new());
            assert_eq!(Instant::now(), begun, "ending a span waits for nothing");
            telemetry.flush().await;
            assert!(begun.elapsed() <= TIMEOUT, "{:?}", begun.elapsed());
        }
        assert_eq!(told.all(), ["lost 1", "down: refused", "lost 1", "sent 1", "back", "sent 1"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_collector_cannot_take_in_time_is_lost_and_counted() {
        let (telemetry, told) = collected(vec![None]);
        let too_many = WAITING + AT_ONCE + 7;
        for _ in 0..too_many {
            telemetry.begin(None, "request").end(false, Vec::new());
        }
        // Nobody has had a turn to send anything: what waits is bounded.
        assert_eq!(told.all(), vec!["lost 1".to_owned(); too_many - WAITING]);
    }
}
