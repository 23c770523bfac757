//! `Retry-After` (RFC 9110 §10.2.3), in both its forms.

use std::time::SystemTime;

use obolus_core::RetrySeconds;

/// How long to stay away. A date is read by the clock of whoever sent it, if the answer says when it was sent. No time
/// to wait, or none that could be read, is as good as nothing said.
pub(crate) fn retry_after(
    value: &str,
    sent_at: Option<SystemTime>,
    now: SystemTime,
) -> Option<RetrySeconds> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // Nothing but too many digits can be wrong with it.
        let seconds = value.parse().unwrap_or(u64::MAX);
        return (seconds > 0).then(|| RetrySeconds::new(seconds));
    }
    let until = httpdate::parse_http_date(value).ok()?;
    let remaining = until.duration_since(sent_at.unwrap_or(now)).ok()?;
    (!remaining.is_zero()).then(|| RetrySeconds::remaining(remaining))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn both_forms_are_read_and_bounded() {
        let now = httpdate::parse_http_date("Fri, 20 Nov 2026 10:00:00 GMT").unwrap();
        let read = |value| retry_after(value, None, now).map(RetrySeconds::get);
        for (value, expected) in [
            ("1", Some(1)),
            (" 60 ", Some(60)),
            ("3600", Some(3600)),
            ("86400", Some(3600)),
            ("99999999999999999999999999", Some(3600)),
            ("Fri, 20 Nov 2026 10:00:30 GMT", Some(30)),
            ("Friday, 20-Nov-26 10:00:30 GMT", Some(30)),
            ("Sat, 21 Nov 2026 10:00:00 GMT", Some(3600)),
            // Over, or never begun.
            ("0", None),
            ("Fri, 20 Nov 2026 10:00:00 GMT", None),
            ("Fri, 20 Nov 2026 09:00:00 GMT", None),
            // Nothing that anybody means.
            ("", None),
            ("-1", None),
            ("+5", None),
            ("1.5", None),
            ("soon", None),
            ("60, 60", None),
        ] {
            assert_eq!(read(value), expected, "{value:?}");
        }
    }

    #[test]
    fn a_date_counts_from_the_clock_of_who_sent_it() {
        let now = httpdate::parse_http_date("Fri, 20 Nov 2026 10:00:00 GMT").unwrap();
        let theirs = now - Duration::from_secs(300);
        let read = |sent_at| {
            retry_after("Fri, 20 Nov 2026 09:55:20 GMT", sent_at, now).map(RetrySeconds::get)
        };
        assert_eq!(read(Some(theirs)), Some(20));
        assert_eq!(read(None), None);
    }
}
