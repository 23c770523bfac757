//! One line when a step starts, one every ten seconds, one when it ends, on standard error.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const REMINDER: Duration = Duration::from_secs(10);

/// A step that takes long enough for somebody to wonder.
#[derive(Debug)]
pub struct Progress {
    subject: String,
    since: Instant,
    reminder: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Prints "`subject`: `doing`…" and goes on to print the elapsed time until this is dropped.
    pub fn start(subject: &str, doing: &str) -> Self {
        eprintln!("{subject}: {doing}…");
        let since = Instant::now();
        let (stop, stopped) = channel();
        let line = format!("{subject}: still {doing}");
        let thread = std::thread::spawn(move || {
            while stopped.recv_timeout(REMINDER) == Err(RecvTimeoutError::Timeout) {
                eprintln!("{line}, {} s so far", since.elapsed().as_secs());
            }
        });
        Self { subject: subject.to_owned(), since, reminder: Some((stop, thread)) }
    }

    /// Prints "`subject`: done in N s".
    pub fn done(self) {
        eprintln!("{}: done in {} s", self.subject, self.since.elapsed().as_secs_f32().ceil());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.reminder.take() {
            drop(stop);
            // It only prints; if it panicked there is nothing to save.
            let _finished = thread.join();
        }
    }
}
