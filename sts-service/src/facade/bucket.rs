//! How often something may happen: a bucket of tokens, filled steadily.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// See the module. One for all: every request comes from the gateway, and `X-Forwarded-For` is whatever a client says.
pub(crate) struct Bucket {
    per_minute: u32,
    state: Mutex<State>,
}

struct State {
    /// What there is, in parts of a request.
    left: f64,
    at: Instant,
}

impl Bucket {
    /// Full at the start.
    pub(crate) fn new(per_minute: u32, now: Instant) -> Self {
        Self { per_minute, state: Mutex::new(State { left: per_minute.into(), at: now }) }
    }

    /// Takes one, or says after what time there will be one.
    pub(crate) fn take(&self, now: Instant) -> Result<(), Duration> {
        let most = f64::from(self.per_minute);
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = now.saturating_duration_since(state.at).as_secs_f64();
        state.left = (state.left + passed * most / 60.0).min(most);
        state.at = now;
        if state.left < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - state.left) * 60.0 / most));
        }
        state.left -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_there_are_and_then_one_at_a_time() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let bucket = Bucket::new(3, start);
        for _ in 0..3 {
            assert!(bucket.take(start).is_ok());
        }
        let wait = bucket.take(start).unwrap_err();
        assert!((Duration::from_secs(19)..=Duration::from_secs(20)).contains(&wait), "{wait:?}");
        assert!(bucket.take(after(10)).is_err());
        assert!(bucket.take(after(21)).is_ok());
        assert!(bucket.take(after(22)).is_err());
        for _ in 0..3 {
            assert!(bucket.take(after(3600)).is_ok(), "no more than a minute's worth is kept");
        }
        assert!(bucket.take(after(3600)).is_err());
    }
}
