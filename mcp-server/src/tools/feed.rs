//! Lines on their way to a client that wants to see them as they come.
//!
//! The client's pace is not ours: a stream that waits for a slow reader would hold up the connection to the API server,
//! which is everybody's. So what the client cannot take in time is passed over, and counted; the result has it.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use super::Progress;

/// The shortest time between two notifications.
const PACE: Duration = Duration::from_millis(100);
/// The longest message; one that is full goes at once.
const MAX_MESSAGE_BYTES: usize = 8 * 1024;
/// How long the last message may take to be taken.
const PATIENCE: Duration = Duration::from_secs(1);

struct Message {
    lines: u64,
    text: String,
}

/// A client's feed, or nobody's.
pub(super) struct Feed {
    sender: Option<mpsc::Sender<Message>>,
    sending: JoinSet<()>,
    lines: u64,
    waiting: String,
    sent: Instant,
    passed_over: u64,
}

impl Feed {
    /// Tells the client that something has begun, so that it knows before the first line.
    pub(super) fn start(progress: &Progress, begun: &str) -> Self {
        let mut sending = JoinSet::new();
        let sender = progress.is_wanted().then(|| {
            let (sender, mut messages) = mpsc::channel::<Message>(4);
            let (progress, begun) = (progress.clone(), begun.to_owned());
            sending.spawn(async move {
                progress.report(0.0, None, begun).await;
                let mut last = 0.0;
                while let Some(Message { lines, text }) = messages.recv().await {
                    // Precise up to 2^53 lines.
                    last = f64::max(last + 0.001, lines as f64);
                    progress.report(last, None, text).await;
                }
            });
            sender
        });
        let sent = Instant::now();
        Self { sender, sending, lines: 0, waiting: String::new(), sent, passed_over: 0 }
    }

    /// One more line.
    pub(super) fn line(&mut self, line: &str) {
        self.lines += 1;
        if self.sender.is_none() {
            return;
        }
        if self.waiting.len() + line.len() + 1 > MAX_MESSAGE_BYTES {
            self.flush();
        }
        if self.waiting.len() + line.len() + 1 > MAX_MESSAGE_BYTES {
            self.passed_over += 1;
            return;
        }
        if !self.waiting.is_empty() {
            self.waiting.push('\n');
        }
        self.waiting.push_str(line);
        if self.sent.elapsed() >= PACE {
            self.flush();
        }
    }

    /// Sends what waits, if the client keeps up.
    pub(super) fn flush(&mut self) {
        let Some(sender) = &self.sender else { return };
        if self.waiting.is_empty() {
            return;
        }
        if let Ok(place) = sender.try_reserve() {
            let text = std::mem::take(&mut self.waiting);
            place.send(Message { lines: self.lines, text });
            self.sent = Instant::now();
        }
    }

    /// When what waits should go, if anything waits.
    pub(super) fn due(&self) -> Option<Instant> {
        (!self.waiting.is_empty()).then(|| self.sent + PACE)
    }

    /// Sends the rest, for a while: no notification comes after the result. Tells how many lines were passed over.
    pub(super) async fn finish(mut self) -> u64 {
        if let Some(sender) = self.sender.take()
            && !self.waiting.is_empty()
        {
            let text = std::mem::take(&mut self.waiting);
            let last = Message { lines: self.lines, text };
            drop(timeout(PATIENCE, sender.send(last)).await);
        }
        drop(timeout(PATIENCE, self.sending.join_next()).await);
        self.passed_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_a_listener_nothing_is_kept() {
        let mut feed = Feed::start(&Progress::default(), "begun");
        for _ in 0..1000 {
            feed.line(&"x".repeat(1000));
        }
        assert!(feed.waiting.is_empty() && feed.due().is_none());
        assert_eq!(feed.finish().await, 0);
    }

    #[tokio::test]
    async fn who_does_not_keep_up_is_passed_over_and_holds_up_nobody() {
        let (sender, mut messages) = mpsc::channel(1);
        let mut feed = Feed::start(&Progress::default(), "begun");
        feed.sender = Some(sender);
        for number in 0..100 {
            feed.line(&format!("{number} {}", "x".repeat(4000)));
        }
        let first = messages.recv().await.unwrap();
        assert!(first.text.starts_with("0 x") && first.text.len() <= MAX_MESSAGE_BYTES);
        assert!(feed.passed_over > 90, "{}", feed.passed_over);
        assert!(feed.waiting.len() <= MAX_MESSAGE_BYTES);
        feed.line("and on");
        feed.flush();
        let next = messages.recv().await.unwrap();
        assert!(next.text.ends_with("and on") && next.lines == 101, "{}", next.text);
    }
}
