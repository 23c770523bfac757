//! How often a wish for fresh keys is granted. Anybody can wish: whoever sends a token with an invented key id does.

use std::time::Duration;

use tokio::time::Instant;

/// The least time between the beginnings of two fetches.
pub(super) const SPACING: Duration = Duration::from_secs(1);
/// Wishes in vain that cost nobody anything: people with old tokens have some, too.
const FREE: u32 = 4;
/// The longest that a wish has to wait.
const LONGEST: Duration = Duration::from_secs(60);
/// After so long without a wish, those in vain are forgotten.
const QUIET: Duration = Duration::from_secs(120);

/// Grows while wishes bring nothing new: 1 s, and after some in vain 2, 4, … 60 s, but never beyond the time after
/// which keys are fetched anyway.
#[derive(Debug)]
pub(super) struct Spacing {
    longest: Duration,
    in_vain: u32,
    last_wish: Option<Instant>,
}

impl Spacing {
    /// One that stays as it is: the wishes of one issuer's strangers cost it a request a second.
    pub(super) fn constant() -> Self {
        Self { longest: SPACING, in_vain: 0, last_wish: None }
    }

    /// One that grows: of many tenants' strangers, each could cost a request a second.
    pub(super) fn growing(keys_refresh: Duration) -> Self {
        let longest = LONGEST.min(keys_refresh).max(SPACING);
        Self { longest, in_vain: 0, last_wish: None }
    }

    /// A fetch that somebody wished for began then, and brought news or none.
    pub(super) fn granted(&mut self, begun: Instant, news: bool) {
        let quiet = self.last_wish.is_some_and(|last| begun.duration_since(last) >= QUIET);
        self.last_wish = Some(begun);
        self.in_vain = match (news, quiet) {
            (true, _) => 0,
            (false, true) => 1,
            (false, false) => self.in_vain.saturating_add(1),
        };
    }

    /// Any other fetch has brought news.
    pub(super) fn news(&mut self) {
        self.in_vain = 0;
    }

    /// The least time from the beginning of the last fetch to one that somebody wishes for.
    pub(super) fn now(&self) -> Duration {
        let doublings = self.in_vain.saturating_sub(FREE).min(16);
        (SPACING * (1 << doublings)).min(self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The times of fetches that a flood of wishes in vain brings about.
    fn flood(mut spacing: Spacing, begin: Instant, lasts: u64) -> (Vec<u64>, Spacing) {
        let (mut at, mut times) = (begin, Vec::new());
        while at < begin + Duration::from_secs(lasts) {
            times.push((at - begin).as_secs());
            spacing.granted(at, false);
            at += spacing.now();
        }
        (times, spacing)
    }

    #[test]
    fn a_flood_of_wishes_in_vain_is_granted_ever_more_seldom() {
        let minute = Duration::from_secs(60);
        let (times, _) = flood(Spacing::growing(minute), Instant::now(), 300);
        assert_eq!(times, [0, 1, 2, 3, 4, 6, 10, 18, 34, 66, 126, 186, 246]);
        let (times, _) = flood(Spacing::growing(Duration::from_secs(3600)), Instant::now(), 300);
        assert_eq!(times, [0, 1, 2, 3, 4, 6, 10, 18, 34, 66, 126, 186, 246]);
        // Never longer than until the next routine fetch.
        let (times, _) = flood(Spacing::growing(Duration::from_secs(3)), Instant::now(), 20);
        assert_eq!(times, [0, 1, 2, 3, 4, 6, 9, 12, 15, 18]);
        let (times, _) = flood(Spacing::growing(Duration::from_secs(1)), Instant::now(), 20);
        assert_eq!(times.len(), 20);
    }

    #[test]
    fn another_issuer_than_entra_is_asked_once_a_second_as_long_as_somebody_wishes() {
        let (times, _) = flood(Spacing::constant(), Instant::now(), 300);
        assert_eq!(times.len(), 300);
    }

    #[test]
    fn news_and_quiet_end_the_growth() {
        let (minute, begin) = (Duration::from_secs(60), Instant::now());
        let grown = || flood(Spacing::growing(minute), begin, 60).1;
        assert_eq!(grown().now(), Duration::from_secs(32));
        let mut spacing = grown();
        spacing.granted(begin + minute, true);
        assert_eq!(spacing.now(), SPACING);
        let mut spacing = grown();
        spacing.news();
        assert_eq!(spacing.now(), SPACING);
        let mut spacing = grown();
        spacing.granted(begin + 4 * minute, false);
        assert_eq!(spacing.now(), SPACING);
        let mut spacing = grown();
        spacing.granted(begin + minute, false);
        assert_eq!(spacing.now(), minute);
    }
}
