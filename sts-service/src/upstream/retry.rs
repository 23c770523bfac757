//! When a second attempt is made, and when not: at most one, with time left for it, and never into a storm.

use std::time::Duration;

use super::Sign;

/// Between an attempt that failed and the next.
pub(crate) const PAUSE: Duration = Duration::from_secs(1);
/// An attempt that has no more time than this is not worth the other side's trouble.
const LEAST: Duration = Duration::from_millis(500);

/// Whether to ask once more, [`PAUSE`] after a failure: of these `remain`s of the whole time.
pub(super) fn again(sign: Sign, told_to_wait: bool, closed: bool, remains: Duration) -> bool {
    sign.may_pass() && !told_to_wait && closed && remains >= PAUSE + LEAST
}

/// For how long an attempt alone is waited for. After that there is a second one beside it, on another connection: who
/// hangs may be a connection, and who is slow may still answer the first.
pub(crate) fn patience(budget: Duration) -> Option<Duration> {
    let patience = budget * 5 / 8;
    (patience >= PAUSE && budget - patience >= LEAST).then_some(patience)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3);

    #[test]
    fn what_may_pass_is_tried_once_more_and_nothing_else_is() {
        for (sign, expected) in [
            (Sign::Unreachable, true),
            (Sign::Silent, true),
            (Sign::Busy, true),
            (Sign::Answered, false),
            (Sign::Strange, false),
            (Sign::Unasked, false),
        ] {
            assert_eq!(again(sign, false, true, LONG), expected, "{sign:?}");
            assert!(!again(sign, true, true, LONG), "{sign:?}: told to wait");
            assert!(!again(sign, false, false, LONG), "{sign:?}: given up for now");
        }
    }

    #[test]
    fn there_must_be_time_for_the_pause_and_an_answer() {
        for (millis, expected) in [(0, false), (1000, false), (1499, false), (1500, true)] {
            let remains = Duration::from_millis(millis);
            assert_eq!(again(Sign::Silent, false, true, remains), expected, "{millis}");
        }
        for (budget, expected) in
            [(700, None), (1500, None), (1600, Some(1000)), (4000, Some(2500))]
        {
            let patience = patience(Duration::from_millis(budget));
            assert_eq!(patience, expected.map(Duration::from_millis), "{budget}");
        }
    }
}
