//! Bounds on requests: `max_body_bytes`, or the brought table `[http]`.

use std::time::Duration;

use obolus_core::config::Section;
use obolus_core::config::brought::Notice;

/// For the head of a request, and for a connection that is kept for the next one. A gateway that keeps connections has
/// to let go of them sooner, or it may send a request just when we do.
const HEADER_TIMEOUT: Duration = Duration::from_secs(75);

/// How long a body may be, and how long its head may take.
pub(super) fn bounds(top: &Section<'_>, notices: &mut Vec<Notice>) -> (usize, Duration) {
    let range = 1024..=16 * 1024 * 1024;
    let own = top.integer("max_body_bytes", 1024 * 1024, range.clone());
    let Some(http) = top.optional_section("http") else { return (bytes(own), HEADER_TIMEOUT) };
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
    refuse_rate_limit(&http);
    http.finish();
    (bytes(body), timeout.unwrap_or(HEADER_TIMEOUT))
}

/// What cannot be honoured yet is not passed over: somebody counts on it.
fn refuse_rate_limit(http: &Section<'_>) {
    let rate = http.word("rate_limit_rps", "a number", 0.0_f64);
    let burst = http.integer("rate_limit_burst", 0, 0..=u64::from(u32::MAX));
    for (key, is_set) in [("rate_limit_rps", rate > 0.0), ("rate_limit_burst", burst > 0)] {
        if is_set {
            http.problem(
                key,
                "is not here yet: leave it out, and limit rates at the gateway (envoy.filters.http.local_ratelimit); \
                 how many requests one caller has under way is bounded here anyway",
            );
        }
    }
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
