//! Bounds on requests: `max_body_bytes`, or the brought table `[http]`.

use std::time::Duration;

use obolus_core::config::Section;
use obolus_core::config::brought::Notice;

use crate::rate::RateLimit;

/// For the head of a request, and for a connection that is kept for the next one. A gateway that keeps connections has
/// to let go of them sooner, or it may send a request just when we do.
const HEADER_TIMEOUT: Duration = Duration::from_secs(75);

/// How long a body may be, and how long its head may take.
pub(super) fn bounds(
    top: &Section<'_>,
    notices: &mut Vec<Notice>,
) -> (usize, Duration, Option<RateLimit>) {
    let range = 1024..=16 * 1024 * 1024;
    let own = top.integer("max_body_bytes", 1024 * 1024, range.clone());
    let Some(http) = top.optional_section("http") else {
        return (bytes(own), HEADER_TIMEOUT, None);
    };
    let body = http.integer("max_body_bytes", own, range);
    if top.has("max_body_bytes") && http.has("max_body_bytes") {
        let text = "says the same as max_body_bytes, which stands here, too: write one of the two";
        http.problem("max_body_bytes", text);
    }
    let key = "read_header_timeout";
    let timeout = http.optional_string(key).and_then(|text| {
        let read = duration(&text)
            .filter(|time| (Duration::from_secs(1)..=Duration::from_secs(300)).contains(time));
        match read {
            Some(_) => notices.push(Notice::new(
                "http.read_header_timeout",
                "is also how long an idle connection is kept: the gateway has to let go of its connections sooner",
            )),
            None => http.problem(key, "must be a time from \"1s\" to \"5m\", such as \"10s\""),
        }
        read
    });
    let rate_limit = rate_limit(&http);
    http.finish();
    (bytes(body), timeout.unwrap_or(HEADER_TIMEOUT), rate_limit)
}

/// 0 is no limit, there as here.
fn rate_limit(http: &Section<'_>) -> Option<RateLimit> {
    let per_second = http.word("rate_limit_rps", "a number from 0 to 10000", 0.0_f64);
    if !(0.0..=10_000.0).contains(&per_second) {
        http.problem("rate_limit_rps", "must be a number from 0 to 10000");
    }
    let burst = http.integer("rate_limit_burst", 10, 0..=100_000);
    let burst = u32::try_from(burst).unwrap_or(u32::MAX).max(1);
    (per_second > 0.0).then_some(RateLimit { per_second, burst })
}

/// As Go writes durations: `10s`, `1m30s`, `500ms`.
fn duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut sum = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, unit) = rest.split_at_checked(digits)?;
        let number: u32 = number.parse().ok()?;
        let length = unit.find(|c: char| c.is_ascii_digit()).unwrap_or(unit.len());
        let (unit, next) = unit.split_at_checked(length)?;
        let unit = match unit {
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            "h" => Duration::from_secs(3600),
            _ => return None,
        };
        sum = sum.checked_add(unit.checked_mul(number)?)?;
        rest = next;
    }
    (!sum.is_zero()).then_some(sum)
}

fn bytes(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        for (text, milliseconds) in [
            ("10s", Some(10_000)),
            ("1m30s", Some(90_000)),
            ("1500ms", Some(1500)),
            ("1h", Some(3_600_000)),
            ("10", None),
            ("s", None),
            ("", None),
            ("0s", None),
            ("10 s", None),
            ("-1s", None),
            ("4294967296s", None),
        ] {
            assert_eq!(duration(text), milliseconds.map(Duration::from_millis), "{text}");
        }
    }
}
