//! What stands in an answer's place when nothing of it has gone on yet.

use std::borrow::Cow;

use super::Answer;
use crate::reply::{Reply, cors_headers};

impl Answer {
    /// The answer as one of ours: of the server's headers nothing goes on but when to come back.
    ///
    /// `retry_after` is the server's `Retry-After`, `origin` the page's origin, if it is an allowed one: this is sent
    /// without any header being added to it.
    #[must_use]
    pub fn into_reply(self, retry_after: Option<&str>, origin: Option<&str>) -> Reply {
        let retry_after =
            retry_after.filter(|when| is_time(when)).map(|when| ("retry-after", when));
        let headers = [("content-type", "application/json"), ("cache-control", "no-store")]
            .into_iter()
            .chain(retry_after)
            .chain(origin.map(cors_headers).into_iter().flatten())
            .map(|(name, value)| (Cow::Borrowed(name), value.to_owned()))
            .collect();
        Reply { status: self.status, headers, body: self.body }
    }
}

/// Seconds, or a date (RFC 9110 §10.2.3, §5.6.7); a text that is neither could say anything.
fn is_time(text: &str) -> bool {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_date = |text: &str| {
        text.len() == 29
            && text.bytes().zip(b"Aaa, 00 Aaa 0000 00:00:00 GMT").all(|(byte, form)| match form {
                b'A' => byte.is_ascii_uppercase(),
                b'a' => byte.is_ascii_lowercase(),
                b'0' => byte.is_ascii_digit(),
                _ => byte == *form,
            })
    };
    (text.len() <= 10 && is_digits(text)) || is_date(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reason;
    use crate::mcp::answers::Outcome;

    #[test]
    fn only_a_time_is_kept_of_what_a_server_says_about_coming_back() {
        let refused = || Answer {
            status: 503,
            body: "{}".to_owned(),
            outcome: Outcome::Refused(Reason::AnswerUnreadable),
        };
        for (told, kept) in [
            (Some("120"), true),
            (Some("Fri, 31 Dec 1999 23:59:59 GMT"), true),
            (Some("hidden_tool"), false),
            (Some("12345678901"), false),
            (Some("Fri, 31 Dec 1999 23:59:59 CET"), false),
            (Some(""), false),
            (None, false),
        ] {
            let reply = refused().into_reply(told, None);
            let said = reply.headers.iter().find(|(name, _)| *name == "retry-after");
            assert_eq!(said.map(|(_, when)| when.as_str()), told.filter(|_| kept));
            assert_eq!(reply.headers.len(), if kept { 3 } else { 2 });
        }
        let page = refused().into_reply(None, Some("https://app.example.com"));
        let allowed = |(name, value): &(Cow<'_, str>, String)| {
            name == "access-control-allow-origin" && value == "https://app.example.com"
        };
        assert!(page.headers.iter().any(allowed));
    }
}
